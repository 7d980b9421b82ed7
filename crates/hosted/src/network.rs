//! Which network to join, and what is known of one.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The weakest protection that a network may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Security {
    /// None at all.
    Open,
    /// WEP, which protects nothing.
    Wep,
    /// The first WPA.
    Wpa,
    /// WPA2 with a passphrase.
    Wpa2,
    /// WPA3 with a passphrase.
    Wpa3,
    /// What needs more than a passphrase, or is not known here.
    Other,
}

impl Security {
    /// By the number of the firmware.
    pub(crate) fn from_number(number: i32) -> Self {
        match number {
            0 => Self::Open,
            1 => Self::Wep,
            2 => Self::Wpa,
            // 4: WPA and WPA2.
            3 | 4 => Self::Wpa2,
            // 7: WPA2 and WPA3.
            6 | 7 => Self::Wpa3,
            _ => Self::Other,
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Wep => 1,
            Self::Wpa => 2,
            Self::Wpa2 => 3,
            Self::Wpa3 | Self::Other => 6,
        }
    }
}

/// Why a network cannot be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum InvalidNetwork {
    /// A name has 1 to 32 bytes.
    Ssid,
    /// A passphrase has 8 to 63 bytes, or is 64 hexadecimal digits.
    Passphrase,
}

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ssid => "a network's name has 1 to 32 bytes",
            Self::Passphrase => "a passphrase has 8 to 63 bytes, or is 64 hexadecimal digits",
        })
    }
}

impl core::error::Error for InvalidNetwork {}

/// A network to join. The passphrase is wiped when this is dropped, and not printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Network {
    ssid: [u8; 32],
    ssid_len: u8,
    passphrase: [u8; 64],
    passphrase_len: u8,
    bssid: Option<[u8; 6]>,
    channel: u8,
    weakest: u8,
}

impl Network {
    /// A network with a passphrase, protected by WPA2 or WPA3.
    ///
    /// # Errors
    /// When name or passphrase cannot be.
    pub fn new(ssid: &str, passphrase: &str) -> Result<Self, InvalidNetwork> {
        let is_key = passphrase.len() == 64 && passphrase.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !(8..=63).contains(&passphrase.len()) && !is_key {
            return Err(InvalidNetwork::Passphrase);
        }
        let mut network = Self::open(ssid)?;
        copy(&mut network.passphrase, passphrase.as_bytes());
        network.passphrase_len = passphrase.len() as u8;
        network.weakest = Security::Wpa2.number();
        Ok(network)
    }

    /// A network without protection.
    ///
    /// # Errors
    /// When the name cannot be.
    pub fn open(ssid: &str) -> Result<Self, InvalidNetwork> {
        if !(1..=32).contains(&ssid.len()) {
            return Err(InvalidNetwork::Ssid);
        }
        let mut name = [0; 32];
        copy(&mut name, ssid.as_bytes());
        let ssid_len = ssid.len() as u8;
        Ok(Self { ssid: name, ssid_len, passphrase: [0; 64], passphrase_len: 0, bssid: None, channel: 0, weakest: 0 })
    }

    /// Joins it only when it is protected as well as this.
    #[must_use]
    pub fn at_least(mut self, security: Security) -> Self {
        self.weakest = security.number();
        self
    }

    /// Joins it only through this access point.
    #[must_use]
    pub fn through(mut self, bssid: [u8; 6]) -> Self {
        self.bssid = Some(bssid);
        self
    }

    /// Looks for it on this channel first.
    #[must_use]
    pub fn on_channel(mut self, channel: u8) -> Self {
        self.channel = channel;
        self
    }

    pub(crate) fn ssid(&self) -> &[u8] {
        self.ssid.get(..self.ssid_len.into()).unwrap_or_default()
    }

    pub(crate) fn passphrase(&self) -> &[u8] {
        self.passphrase.get(..self.passphrase_len.into()).unwrap_or_default()
    }

    pub(crate) fn bssid(&self) -> Option<[u8; 6]> {
        self.bssid
    }

    pub(crate) fn channel(&self) -> u8 {
        self.channel
    }

    pub(crate) fn weakest(&self) -> u8 {
        self.weakest
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("ssid", &core::str::from_utf8(self.ssid())).finish_non_exhaustive()
    }
}

barertc_wire::opaque_format! { [] Network }

/// Copies as much as there is and as fits.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// An access point, as a scan saw it or as we are connected to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct AccessPoint {
    ssid: [u8; 32],
    ssid_len: u8,
    /// Its hardware address.
    pub bssid: [u8; 6],
    /// Its channel.
    pub channel: u8,
    /// How strong it is here, in dBm.
    pub rssi: i8,
    /// How it is protected.
    pub security: Security,
}

impl AccessPoint {
    pub(crate) fn new(ssid: &[u8], bssid: &[u8], channel: i32, rssi: i32, security: i32) -> Self {
        // A name may come with zeros behind it.
        let end = ssid.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1)).min(32);
        let mut point = Self {
            ssid: [0; 32],
            ssid_len: end as u8,
            bssid: [0; 6],
            channel: channel.clamp(0, 255) as u8,
            rssi: rssi.clamp(-128, 127) as i8,
            security: Security::from_number(security),
        };
        copy(&mut point.ssid, ssid.get(..end).unwrap_or_default());
        copy(&mut point.bssid, bssid);
        point
    }

    /// The network's name, which need not be UTF-8.
    #[must_use]
    pub fn ssid(&self) -> &[u8] {
        self.ssid.get(..self.ssid_len.into()).unwrap_or_default()
    }
}
