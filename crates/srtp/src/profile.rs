use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::Error;

/// The longest master key and salt together: AEAD_AES_256_GCM's 32 + 12 bytes.
const MAX_MASTER_LEN: usize = 44;

/// An SRTP protection profile as DTLS negotiates it (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Profile {
    /// AES-128 in counter mode with an 80-bit HMAC-SHA1 tag.
    AesCm128HmacSha1_80,
    /// AES-128 in counter mode with a 32-bit HMAC-SHA1 tag on RTP; RTCP keeps the 80-bit one.
    AesCm128HmacSha1_32,
    /// AES-128 in Galois/counter mode, 128-bit tag.
    AeadAes128Gcm,
    /// AES-256 in Galois/counter mode, 128-bit tag.
    AeadAes256Gcm,
}

impl Profile {
    /// Every profile, strongest tag first.
    pub const ALL: [Self; 4] =
        [Self::AeadAes256Gcm, Self::AeadAes128Gcm, Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32];

    /// The profile that the `use_srtp` extension means by `id`; `None` for one that is not spoken here.
    #[must_use]
    pub const fn from_dtls(id: u16) -> Option<Self> {
        match id {
            0x0001 => Some(Self::AesCm128HmacSha1_80),
            0x0002 => Some(Self::AesCm128HmacSha1_32),
            0x0007 => Some(Self::AeadAes128Gcm),
            0x0008 => Some(Self::AeadAes256Gcm),
            _ => None,
        }
    }

    /// The number that the `use_srtp` extension has for this profile.
    #[must_use]
    pub const fn dtls_id(self) -> u16 {
        match self {
            Self::AesCm128HmacSha1_80 => 0x0001,
            Self::AesCm128HmacSha1_32 => 0x0002,
            Self::AeadAes128Gcm => 0x0007,
            Self::AeadAes256Gcm => 0x0008,
        }
    }

    /// Bytes of the master key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            _ => 16,
        }
    }

    /// Bytes of the master salt.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// Bytes of a master key with its salt behind it, as [`Session::new`](crate::Session::new) takes them.
    #[must_use]
    pub const fn master_len(self) -> usize {
        self.key_len().saturating_add(self.salt_len())
    }

    /// Bytes to ask the DTLS exporter for (label `EXTRACTOR-dtls_srtp`, no context): two keys and two salts.
    #[must_use]
    pub const fn exporter_len(self) -> usize {
        self.master_len().saturating_mul(2)
    }

    /// Bytes that protection adds to an RTP packet: the tag.
    #[must_use]
    pub const fn tag_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// Bytes of the tag of an RTCP packet: never shortened to 4 (RFC 5764 §4.1.2).
    #[must_use]
    pub const fn rtcp_tag_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 10,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// Bytes that protection adds to an RTCP packet: the tag, the E bit and the index.
    #[must_use]
    pub const fn rtcp_overhead(self) -> usize {
        self.rtcp_tag_len().saturating_add(4)
    }
}

impl From<barertc_crypto::SrtpSuite> for Profile {
    fn from(suite: barertc_crypto::SrtpSuite) -> Self {
        use barertc_crypto::SrtpSuite;
        match suite {
            SrtpSuite::AesCm128HmacSha1_80 => Self::AesCm128HmacSha1_80,
            SrtpSuite::AesCm128HmacSha1_32 => Self::AesCm128HmacSha1_32,
            SrtpSuite::AeadAes128Gcm => Self::AeadAes128Gcm,
            SrtpSuite::AeadAes256Gcm => Self::AeadAes256Gcm,
        }
    }
}

/// Which end of the DTLS connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Side {
    /// We sent the ClientHello.
    Client,
    /// We answered it.
    Server,
}

/// The master keys of both directions, cut out of what the DTLS exporter gave; wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Masters {
    local: [u8; MAX_MASTER_LEN],
    remote: [u8; MAX_MASTER_LEN],
    len: usize,
}

impl Masters {
    /// Cuts `exported` (exactly [`Profile::exporter_len`] bytes) up as RFC 5764 §4.2 lays it out: client key, server
    /// key, client salt, server salt.
    ///
    /// # Errors
    /// [`Error::KeyLength`] for another number of bytes.
    pub fn split(profile: Profile, exported: &[u8], we_are: Side) -> Result<Self, Error> {
        if exported.len() != profile.exporter_len() {
            return Err(Error::KeyLength);
        }
        let (key_len, salt_len) = (profile.key_len(), profile.salt_len());
        let mut parts = barertc_wire::Reader::new(exported);
        let mut next = |n| parts.take(n).map_err(|_| Error::KeyLength);
        let (client_key, server_key) = (next(key_len)?, next(key_len)?);
        let (client_salt, server_salt) = (next(salt_len)?, next(salt_len)?);

        let mut masters = Self { local: [0; MAX_MASTER_LEN], remote: [0; MAX_MASTER_LEN], len: profile.master_len() };
        let (client, server) = match we_are {
            Side::Client => (&mut masters.local, &mut masters.remote),
            Side::Server => (&mut masters.remote, &mut masters.local),
        };
        join(client, client_key, client_salt)?;
        join(server, server_key, server_salt)?;
        Ok(masters)
    }

    /// Key and salt of what we send.
    #[must_use]
    pub fn local(&self) -> &[u8] {
        self.local.get(..self.len).unwrap_or_default()
    }

    /// Key and salt of what the peer sends.
    #[must_use]
    pub fn remote(&self) -> &[u8] {
        self.remote.get(..self.len).unwrap_or_default()
    }
}

impl core::fmt::Debug for Masters {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Masters(secret)")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Masters {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Masters(secret)");
    }
}

fn join(out: &mut [u8], key: &[u8], salt: &[u8]) -> Result<(), Error> {
    let mut writer = barertc_wire::Writer::new(out);
    writer.put(key).and_then(|()| writer.put(salt)).map_err(|_| Error::KeyLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_cut_the_exported_bytes_into_each_others_keys() {
        for profile in Profile::ALL {
            let exported: std::vec::Vec<u8> = (0..profile.exporter_len() as u8).collect();
            let client = Masters::split(profile, &exported, Side::Client).unwrap();
            let server = Masters::split(profile, &exported, Side::Server).unwrap();
            assert_eq!(client.local(), server.remote());
            assert_eq!(client.remote(), server.local());

            let (key, salt) = (profile.key_len(), profile.salt_len());
            assert_eq!(client.local()[..key], exported[..key]);
            assert_eq!(client.local()[key..], exported[2 * key..2 * key + salt]);
            assert_eq!(server.local()[key..], exported[2 * key + salt..]);
            assert_eq!(Masters::split(profile, &exported[1..], Side::Client).unwrap_err(), Error::KeyLength);
        }
    }

    #[test]
    fn dtls_numbers_are_those_of_the_registry() {
        for profile in Profile::ALL {
            assert_eq!(Profile::from_dtls(profile.dtls_id()), Some(profile));
        }
        // NULL ciphers are registered, and never to be spoken.
        assert_eq!(Profile::from_dtls(0x0005), None);
        assert_eq!(Profile::from_dtls(0x0006), None);
    }
}
