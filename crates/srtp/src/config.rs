use core::ops::Range;

use barertc_wire::{ConfigError, Rule};

use crate::keys::Stream;

/// How much a [`Session`](crate::Session) remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// Streams that we send over the life of the connection, RTCP senders among them; each takes 24 bytes. None is ever
    /// forgotten: its numbers must not begin again under the same key.
    pub local_streams: usize,
    /// Streams that the peer may send; each takes 48 bytes and its windows.
    pub remote_streams: usize,
    /// How many sequence numbers back a packet may come and still be told from a replay: a power of two, at least 64
    /// (RFC 3711 §3.3.2). Takes an eighth of it in bytes a remote stream.
    pub window: u32,
    /// The same for RTCP, whose packets come seldom.
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

    /// Checks that a session can be made with these values.
    ///
    /// # Errors
    /// The first field that breaks its rule.
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

    /// Where the bitmap of the remote stream `at` lies.
    pub(crate) fn bitmap(&self, at: usize, stream: Stream) -> Range<usize> {
        let start = at.saturating_mul(self.words_per_stream());
        let middle = start.saturating_add((self.window >> 5) as usize);
        match stream {
            Stream::Rtp => start..middle,
            Stream::Rtcp => middle..start.saturating_add(self.words_per_stream()),
        }
    }
}
