use core::ops::Range;

use barertc_arena::{Allocator, Vec};

use crate::Error;
use crate::keys::Stream;
use crate::session::{Inbound, Outbound};

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
        Self { local_streams: 8, remote_streams: 8, window: 1024, rtcp_window: 128 }
    }
}

impl Config {
    /// Bytes that a session with this configuration takes from its allocator, all of them when it is made.
    #[must_use]
    pub fn worst_case_bytes<A: Allocator>(&self) -> usize {
        Vec::<Outbound, A>::bytes(self.local_streams)
            .saturating_add(Vec::<Inbound, A>::bytes(self.remote_streams))
            .saturating_add(Vec::<u32, A>::bytes(self.words()))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let good = |window: u32| window.is_power_of_two() && (64..=0x8000).contains(&window);
        let streams = self.local_streams > 0 && self.remote_streams > 0;
        if good(self.window) && good(self.rtcp_window) && streams { Ok(()) } else { Err(Error::Config) }
    }

    pub(crate) fn words_per_stream(&self) -> usize {
        ((self.window >> 5) as usize).saturating_add((self.rtcp_window >> 5) as usize)
    }

    pub(crate) fn words(&self) -> usize {
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
