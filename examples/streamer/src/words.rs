//! Figures and names in the words of those who read them.

use core::fmt;

use barertc_dtls::Version;
use barertc_srtp::Profile;

/// What protects a connection.
pub(crate) struct Protection(pub(crate) Option<Version>, pub(crate) Option<Profile>);

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(Version::Dtls12) => "DTLS 1.2",
            Some(Version::Dtls13) => "DTLS 1.3",
            _ => "not encrypted yet",
        })?;
        f.write_str(match self.1 {
            Some(Profile::AesCm128HmacSha1_80) => ", media with AES-128 and HMAC-SHA1",
            Some(Profile::AesCm128HmacSha1_32) => ", media with AES-128 and short HMAC-SHA1",
            Some(Profile::AeadAes128Gcm) => ", media with AES-128-GCM",
            Some(Profile::AeadAes256Gcm) => ", media with AES-256-GCM",
            _ => "",
        })
    }
}
