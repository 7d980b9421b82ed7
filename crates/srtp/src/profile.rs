//! The protection profiles (RFC 5764, RFC 7714).

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
    /// AES-128 in counter mode with a 32-bit HMAC-SHA1 tag for RTP and an 80-bit tag for RTCP.
    AesCm128HmacSha1_32,
    /// AES-128 in Galois/Counter Mode with a 128-bit tag.
    AeadAes128Gcm,
    /// AES-256 in Galois/Counter Mode with a 128-bit tag.
    AeadAes256Gcm,
}

impl Profile {
    /// All profiles, the strongest first.
    pub const ALL: [Self; 4] =
        [Self::AeadAes256Gcm, Self::AeadAes128Gcm, Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32];

    /// The profile with the number `id` in the `use_srtp` extension. `None` for a profile that is not supported.
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

    /// The number of this profile in the `use_srtp` extension.
    #[must_use]
    pub const fn dtls_id(self) -> u16 {
        match self {
            Self::AesCm128HmacSha1_80 => 0x0001,
            Self::AesCm128HmacSha1_32 => 0x0002,
            Self::AeadAes128Gcm => 0x0007,
            Self::AeadAes256Gcm => 0x0008,
        }
    }

    /// The length of the master key in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            _ => 16,
        }
    }

    /// The length of the master salt in bytes.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// The length of a master key followed by its salt, in bytes. [`Session::new`](crate::Session::new) takes them in this
    /// form.
    #[must_use]
    pub const fn master_len(self) -> usize {
        self.key_len().saturating_add(self.salt_len())
    }

    /// The length of the keying material to export from DTLS, in bytes: two keys and two salts (RFC 5764 §4.2). The label is
    /// `EXTRACTOR-dtls_srtp`, without a context.
    #[must_use]
    pub const fn exporter_len(self) -> usize {
        self.master_len().saturating_mul(2)
    }

    /// The number of bytes that protection adds to an RTP packet: the length of the tag.
    #[must_use]
    pub const fn tag_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// The length of the tag of an RTCP packet in bytes: at least 10, also with a 32-bit tag for RTP (RFC 5764 §4.1.2).
    #[must_use]
    pub const fn rtcp_tag_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 10,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// The number of bytes that protection adds to an RTCP packet: the tag, and 4 bytes for the E bit and the index.
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

/// The DTLS role of this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Side {
    /// The DTLS client, which sent the ClientHello.
    Client,
    /// The DTLS server.
    Server,
}

/// The master keys and salts of both directions, from the keying material that DTLS exported. They are wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Masters {
    local: [u8; MAX_MASTER_LEN],
    remote: [u8; MAX_MASTER_LEN],
    len: usize,
}

impl Masters {
    /// Splits the exported keying material into client key, server key, client salt and server salt (RFC 5764 §4.2).
    ///
    /// `we_are` is the DTLS role of this side.
    ///
    /// # Errors
    /// [`Error::KeyLength`] when `exported` has not [`Profile::exporter_len`] bytes.
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

    /// The master key and salt for packets that this side sends.
    #[must_use]
    pub fn local(&self) -> &[u8] {
        self.local.get(..self.len).unwrap_or_default()
    }

    /// The master key and salt for packets that the peer sends.
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
