//! The configuration of a session.

use core::ops::Range;

use barertc_wire::{ConfigError, Rule};

use crate::keys::Stream;

/// The configuration of a [`Session`](crate::Session): numbers of streams and sizes of replay windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// The number of SSRCs that this side sends with in the life of the connection, those of RTCP included. Each takes 24
    /// bytes. The session keeps each one, because its packet indices must not begin again under the same key.
    pub local_streams: usize,
    /// The number of SSRCs that the peer may send with at a time. Each takes 48 bytes and its replay windows.
    pub remote_streams: usize,
    /// The size of the replay window for RTP, in packets: a power of two from 64 to 32,768 (RFC 3711 §3.3.2). A packet that
    /// is older than the window is dropped. The window takes one bit a packet for each remote stream.
    pub window: u32,
    /// The size of the replay window for RTCP, in packets: a power of two from 64 to 32,768.
    pub rtcp_window: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// The default configuration, for constants and statics.
    #[must_use]
    pub const fn new() -> Self {
        Self { local_streams: 8, remote_streams: 8, window: 1024, rtcp_window: 128 }
    }

    /// Checks every field against its limits.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that breaks its rule, with the field's name, its value and the limit.
    pub const fn check(&self) -> Result<(), ConfigError> {
        let rules = [
            ConfigError::check("local_streams", self.local_streams as u64, Rule::AtLeast(1)),
            ConfigError::check("remote_streams", self.remote_streams as u64, Rule::AtLeast(1)),
            ConfigError::check_range("window", self.window as u64, 64, 0x8000),
            ConfigError::check("window", self.window as u64, Rule::PowerOfTwo),
            ConfigError::check_range("rtcp_window", self.rtcp_window as u64, 64, 0x8000),
            ConfigError::check("rtcp_window", self.rtcp_window as u64, Rule::PowerOfTwo),
        ];
        let mut rest = rules.as_slice();
        while let Some((first, others)) = rest.split_first() {
            if let Err(error) = first {
                return Err(*error);
            }
            rest = others;
        }
        Ok(())
    }

    pub(crate) const fn words_per_stream(&self) -> usize {
        ((self.window >> 5) as usize).saturating_add((self.rtcp_window >> 5) as usize)
    }

    pub(crate) const fn words(&self) -> usize {
        self.words_per_stream().saturating_mul(self.remote_streams)
    }

    /// The position of the bitmap of the remote stream `at`.
    pub(crate) fn bitmap(&self, at: usize, stream: Stream) -> Range<usize> {
        let start = at.saturating_mul(self.words_per_stream());
        let middle = start.saturating_add((self.window >> 5) as usize);
        match stream {
            Stream::Rtp => start..middle,
            Stream::Rtcp => middle..start.saturating_add(self.words_per_stream()),
        }
    }
}
