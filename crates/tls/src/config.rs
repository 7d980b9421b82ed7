//! Bounds of a connection.

use barertc_wire::{ConfigError, Rule};

/// The longest plaintext of a record (RFC 8446 §5.1).
pub const LONGEST: usize = 1 << 14;
/// The shortest that a server can be asked for (RFC 6066 §4).
const SHORTEST: usize = 512;
/// What the longest ClientHello fits.
const SHORTEST_SENT: usize = 1024;

/// Bounds of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// The longest record that is received, in bytes of its contents: 512 to 16,384. Where it is less than 16,384 bytes, the
    /// client asks the server for shorter records (RFC 8449, RFC 6066 §4). If the server does not support that, its first
    /// longer record ends the connection with [`Error::RecordTooLong`](crate::Error::RecordTooLong).
    pub record: usize,
    /// The longest message of the handshake that is received: the server's certificates come in one. At least 512 B.
    pub handshake: usize,
    /// The longest record that is sent, in bytes of its contents: 1,024 to 16,384.
    pub sent: usize,
}

impl Config {
    /// Records of 16,384 B are received, and such of 2,048 B are sent. 8,192 B are for the certificates of the server.
    #[must_use]
    pub const fn new() -> Self {
        Self { record: LONGEST, handshake: 8 << 10, sent: 2 << 10 }
    }

    /// Checks the bounds.
    ///
    /// # Errors
    /// The field, its limit and its value.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (field, value, least) in [("record", self.record, SHORTEST), ("sent", self.sent, SHORTEST_SENT)] {
            ConfigError::check(field, value as u64, Rule::AtLeast(least as u64))?;
            ConfigError::check(field, value as u64, Rule::AtMost(LONGEST as u64))?;
        }
        ConfigError::check("handshake", self.handshake as u64, Rule::AtLeast(SHORTEST as u64))?;
        // A message has a length of 24 bits (RFC 8446 §4).
        ConfigError::check("handshake", self.handshake as u64, Rule::AtMost((1 << 24) - 1))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
