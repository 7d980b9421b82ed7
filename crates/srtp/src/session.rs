//! A session: both directions of RTP and RTCP.

use core::fmt;

use barertc_arena::{Allocator, Box, Vec};
use barertc_crypto::{Provider, wipe_stack};

use crate::config::Config;
use crate::crypt::{Bad, E_BIT};
use crate::error::{Discard, Discards, Error};
use crate::header::{self, Rtp};
use crate::keys::{Keys, Stream};
use crate::profile::Profile;
use crate::window::{Seen, Window};

/// The last packet indices of one key: an SRTP index has 48 bits, an SRTCP index 31 (RFC 3711 §9.2).
const LAST_RTP_INDEX: u64 = (1 << 48) - 1;
const LAST_RTCP_INDEX: u32 = !E_BIT;

/// SRTP and SRTCP for all streams of one connection, in both directions.
///
/// The calls change packets in place and may come in any order. There is nothing to poll.
///
/// The session learns a stream from its first packet, up to the numbers of [`Config`]. A stream begins with a roll-over
/// counter of zero. So the first sequence number of a sender should be below 2¹⁵ (RFC 3711 §3.3.1).
pub struct Session<A: Allocator, P: Provider> {
    provider: P,
    profile: Profile,
    config: Config,
    local: Direction<A, P>,
    remote: Direction<A, P>,
    outbound: Vec<Outbound, A>,
    inbound: Vec<Inbound, A>,
    /// The replay bitmaps of the streams in `inbound`, one after the other. Each stream has one for RTP and one for RTCP.
    bits: Vec<u32, A>,
    discards: Discards,
}

/// Expanded keys are large. Each has a block of its own, so that only one at a time is on the stack when a session is made.
struct Direction<A: Allocator, P: Provider> {
    rtp: Box<Keys<P>, A>,
    rtcp: Box<Keys<P>, A>,
}

struct Outbound {
    ssrc: u32,
    highest: Option<u64>,
    next_rtcp: u32,
}

struct Inbound {
    ssrc: u32,
    rtp: Window,
    rtcp: Window,
}

impl<A: Allocator + Clone, P: Provider> Session<A, P> {
    /// Makes a session for `profile` and allocates all its memory.
    ///
    /// `local` and `remote` are a master key followed by its salt, of [`Profile::master_len`] bytes.
    /// [`Masters::split`](crate::Masters::split) gives them. `provider` may be a reference.
    ///
    /// # Errors
    /// [`Error::Config`] when [`Config::check`] finds a field that breaks its rule. [`Error::KeyLength`] when a master has
    /// another length. [`Error::KeyRefused`] when the provider refuses a key. [`Error::NoMemory`] when `alloc` has fewer than
    /// [`worst_case_bytes`](Self::worst_case_bytes).
    pub fn new(
        config: Config,
        profile: Profile,
        local_master: &[u8],
        remote_master: &[u8],
        alloc: A,
        provider: P,
    ) -> Result<Self, Error> {
        config.check()?;
        let words = config.words();
        let mut bits = Vec::with_capacity(words, alloc.clone())?;
        while bits.len() < words {
            bits.try_push(0).map_err(|_| Error::NoMemory)?;
        }
        let local = Direction::derive(&provider, profile, local_master, &alloc)?;
        let remote = Direction::derive(&provider, profile, remote_master, &alloc)?;
        wipe_stack();
        Ok(Self {
            provider,
            profile,
            local,
            remote,
            outbound: Vec::with_capacity(config.local_streams, alloc.clone())?,
            inbound: Vec::with_capacity(config.remote_streams, alloc)?,
            bits,
            config,
            discards: Discards::default(),
        })
    }
}

impl<A: Allocator, P: Provider> Session<A, P> {
    /// The number of bytes that a session with this configuration allocates. [`new`](Self::new) allocates all of them.
    #[must_use]
    pub const fn worst_case_bytes(config: &Config) -> usize {
        Vec::<Outbound, A>::bytes(config.local_streams)
            .saturating_add(Vec::<Inbound, A>::bytes(config.remote_streams))
            .saturating_add(Vec::<u32, A>::bytes(config.words()))
            .saturating_add(size_of::<Keys<P>>().saturating_mul(4))
    }

    /// Protects the RTP packet `buf[..len]` in place and returns its new length, which is [`Profile::tag_len`] bytes more.
    ///
    /// The packets of a stream must come in the order of their sequence numbers, and each number only once. Two packets with
    /// one number would be encrypted with the same key stream (RFC 3711 §9.1). With GCM they would also reveal the
    /// authentication key (RFC 7714 §8.4). To send a packet again, call [`protect_rtp_again`](Self::protect_rtp_again).
    ///
    /// # Errors
    /// [`Error::Malformed`] when the packet is not RTP. [`Error::BufferTooShort`] when `buf` has no room for the tag.
    /// [`Error::TooMany`] when there are too many local streams. [`Error::SequenceUsed`] when the number is not above all
    /// earlier numbers of the stream. [`Error::KeyExhausted`] when the packet index has reached its end. After an error the
    /// packet is unchanged.
    pub fn protect_rtp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, Error> {
        let rtp = self.outgoing(buf, len)?;
        let place = self.outbound.iter().position(|s| s.ssrc == rtp.ssrc);
        let highest = place.and_then(|at| self.outbound.get(at)).and_then(|s| s.highest);
        let index = guess(highest, rtp.seq).filter(|index| highest.is_none_or(|h| *index > h));
        let index = index.ok_or(Error::SequenceUsed)?;
        if index > LAST_RTP_INDEX {
            return Err(Error::KeyExhausted);
        }
        let at = self.outbound_place(place, rtp.ssrc)?;
        let total = self.local.rtp.seal_rtp(&self.provider, buf, (rtp.len, len), rtp.ssrc, index)?;
        if let Some(stream) = self.outbound.get_mut(at) {
            stream.highest = Some(index);
        }
        Ok(total)
    }

    /// Protects a packet again that [`protect_rtp`](Self::protect_rtp) has protected before, for a retransmission under its
    /// own SSRC. The same packet gives the same bytes.
    ///
    /// The packet must be among the last 2¹⁵ sequence numbers of its stream. Its header, its extensions and its payload must
    /// be those of the first time. The session keeps no packets, so it cannot check that.
    ///
    /// # Errors
    /// [`Error::SequenceUnused`] when the number is above all numbers that were protected. The session cannot tell a lower
    /// number that was left out. [`Error::Malformed`] and [`Error::BufferTooShort`] as for `protect_rtp`.
    pub fn protect_rtp_again(&mut self, buf: &mut [u8], len: usize) -> Result<usize, Error> {
        let rtp = self.outgoing(buf, len)?;
        let stream = self.outbound.iter().find(|s| s.ssrc == rtp.ssrc);
        let highest = stream.and_then(|s| s.highest).ok_or(Error::SequenceUnused)?;
        let index = guess(Some(highest), rtp.seq).filter(|index| *index <= highest).ok_or(Error::SequenceUnused)?;
        self.local.rtp.seal_rtp(&self.provider, buf, (rtp.len, len), rtp.ssrc, index)
    }

    /// Protects the compound RTCP packet `buf[..len]` in place and returns its new length, which is
    /// [`Profile::rtcp_overhead`] bytes more.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::BufferTooShort`], [`Error::TooMany`] and [`Error::KeyExhausted`], as for
    /// [`protect_rtp`](Self::protect_rtp).
    pub fn protect_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, Error> {
        let needed = len.saturating_add(self.profile.rtcp_overhead());
        let packet = buf.get(..needed).and_then(|b| b.get(..len)).ok_or(Error::BufferTooShort { needed })?;
        let ssrc = header::rtcp_ssrc(packet).map_err(|_| Error::Malformed)?;
        let place = self.outbound.iter().position(|s| s.ssrc == ssrc);
        let index = place.and_then(|at| self.outbound.get(at)).map_or(0, |s| s.next_rtcp);
        if index > LAST_RTCP_INDEX {
            return Err(Error::KeyExhausted);
        }
        let at = self.outbound_place(place, ssrc)?;
        let total = self.local.rtcp.seal_rtcp(&self.provider, buf, len, ssrc, index)?;
        if let Some(stream) = self.outbound.get_mut(at) {
            stream.next_rtcp = index.saturating_add(1);
        }
        Ok(total)
    }

    /// Authenticates and decrypts an SRTP packet in place. Returns the length of the RTP packet, which is at the front of
    /// `datagram`.
    ///
    /// # Errors
    /// [`Error::Discarded`] with the reason, which the session has counted. The session is otherwise unchanged. The bytes of
    /// `datagram` may have changed.
    pub fn unprotect_rtp(&mut self, datagram: &mut [u8]) -> Result<usize, Error> {
        self.open_rtp(datagram).map_err(|reason| self.discard(reason))
    }

    /// Authenticates and decrypts an SRTCP packet in place. Returns the length of the RTCP packet, which is at the front of
    /// `datagram`.
    ///
    /// A packet may be authenticated without being encrypted: its sender decides (RFC 3711 §3.4).
    ///
    /// # Errors
    /// [`Error::Discarded`], as for [`unprotect_rtp`](Self::unprotect_rtp).
    pub fn unprotect_rtcp(&mut self, datagram: &mut [u8]) -> Result<usize, Error> {
        self.open_rtcp(datagram).map_err(|reason| self.discard(reason))
    }

    /// Forgets the remote stream `ssrc`, to make room for another one. Returns whether the session knew the stream.
    ///
    /// Afterwards the session would accept old packets of the stream again. So the caller must ignore the stream from then
    /// on.
    pub fn forget_remote(&mut self, ssrc: u32) -> bool {
        let Some(at) = self.inbound.iter().position(|s| s.ssrc == ssrc) else { return false };
        let last = self.inbound.len().saturating_sub(1);
        self.inbound.swap_remove(at);
        // The last stream takes the free place, and its bitmaps move with it.
        let words = self.config.words_per_stream();
        let from = last.saturating_mul(words);
        self.bits.copy_within(from..from.saturating_add(words), at.saturating_mul(words));
        true
    }

    /// The number of dropped packets, by reason.
    #[must_use]
    pub fn discards(&self) -> &Discards {
        &self.discards
    }

    /// The profile in use.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    fn discard(&mut self, reason: Discard) -> Error {
        self.discards.count(reason);
        Error::Discarded(reason)
    }

    /// Reads the header of a packet to protect, and checks that the buffer has room for the tag.
    fn outgoing(&self, buf: &[u8], len: usize) -> Result<Rtp, Error> {
        let needed = len.saturating_add(self.profile.tag_len());
        let packet = buf.get(..needed).and_then(|b| b.get(..len)).ok_or(Error::BufferTooShort { needed })?;
        Rtp::parse(packet).map_err(|_| Error::Malformed)
    }

    /// The place of a local stream. A new stream gets a new place.
    fn outbound_place(&mut self, place: Option<usize>, ssrc: u32) -> Result<usize, Error> {
        if let Some(at) = place {
            return Ok(at);
        }
        let at = self.outbound.len();
        let stream = Outbound { ssrc, highest: None, next_rtcp: 0 };
        let limit = self.config.local_streams;
        self.outbound.try_push(stream).map_err(|_| Error::TooMany { what: "local_streams", limit })?;
        Ok(at)
    }

    fn open_rtp(&mut self, datagram: &mut [u8]) -> Result<usize, Discard> {
        let rtp = Rtp::parse(datagram).map_err(|_| Discard::Malformed)?;
        let place = self.known(rtp.ssrc)?;
        let window = place.and_then(|at| self.inbound.get(at)).map_or(Window::default(), |s| s.rtp);
        let index = guess(window.highest(), rtp.seq).filter(|i| *i <= LAST_RTP_INDEX).ok_or(Discard::TooOld)?;
        fresh(window.look(self.bitmap(place, Stream::Rtp), index))?;
        let len = self.remote.rtp.open_rtp(&self.provider, datagram, rtp.len, rtp.ssrc, index)?;
        self.enter(place, rtp.ssrc, Stream::Rtp, index)?;
        Ok(len)
    }

    fn open_rtcp(&mut self, datagram: &mut [u8]) -> Result<usize, Discard> {
        let ssrc = header::rtcp_ssrc(datagram).map_err(|_| Discard::Malformed)?;
        let word = self.remote.rtcp.rtcp_word(datagram).ok_or(Discard::Malformed)?;
        let index = u64::from(word & !E_BIT);
        let place = self.known(ssrc)?;
        let window = place.and_then(|at| self.inbound.get(at)).map_or(Window::default(), |s| s.rtcp);
        fresh(window.look(self.bitmap(place, Stream::Rtcp), index))?;
        let len = self.remote.rtcp.open_rtcp(&self.provider, datagram, ssrc, word)?;
        self.enter(place, ssrc, Stream::Rtcp, index)?;
        Ok(len)
    }

    /// The place of a remote stream. `None` for a new stream for which there is room.
    fn known(&self, ssrc: u32) -> Result<Option<usize>, Discard> {
        match self.inbound.iter().position(|s| s.ssrc == ssrc) {
            None if self.inbound.len() >= self.config.remote_streams => Err(Discard::TooManyStreams),
            place => Ok(place),
        }
    }

    /// Records an authenticated packet index, and adds its stream when that is new.
    fn enter(&mut self, place: Option<usize>, ssrc: u32, stream: Stream, index: u64) -> Result<(), Discard> {
        let at = place.unwrap_or(self.inbound.len());
        if place.is_none() {
            let new = Inbound { ssrc, rtp: Window::default(), rtcp: Window::default() };
            self.inbound.try_push(new).map_err(|_| Discard::TooManyStreams)?;
        }
        let range = self.config.bitmap(at, stream);
        let bits = self.bits.get_mut(range).unwrap_or_default();
        if let Some(inbound) = self.inbound.get_mut(at) {
            match stream {
                Stream::Rtp => inbound.rtp.enter(bits, index),
                Stream::Rtcp => inbound.rtcp.enter(bits, index),
            }
        }
        Ok(())
    }

    fn bitmap(&self, place: Option<usize>, stream: Stream) -> &[u32] {
        place.and_then(|at| self.bits.get(self.config.bitmap(at, stream))).unwrap_or_default()
    }
}

impl<A: Allocator, P: Provider> fmt::Debug for Session<A, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("profile", &self.profile).field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<A: Allocator, P: Provider> defmt::Format for Session<A, P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Session {{ profile: {}, .. }}", self.profile);
    }
}

impl<A: Allocator + Clone, P: Provider> Direction<A, P> {
    fn derive(provider: &P, profile: Profile, master: &[u8], alloc: &A) -> Result<Self, Error> {
        let keys = |stream| in_place(provider, profile, master, stream, alloc.clone());
        Ok(Self { rtp: keys(Stream::Rtp)?, rtcp: keys(Stream::Rtcp)? })
    }
}

// Out of line: what it takes of the stack is given back before the next keys are made.
#[inline(never)]
fn in_place<A: Allocator, P: Provider>(
    provider: &P,
    profile: Profile,
    master: &[u8],
    stream: Stream,
    alloc: A,
) -> Result<Box<Keys<P>, A>, Error> {
    Box::try_init(alloc, || Keys::derive(provider, profile, master, stream))
}

impl From<Bad> for Discard {
    fn from(bad: Bad) -> Self {
        match bad {
            Bad::Short => Self::Malformed,
            Bad::Tag => Self::Unauthenticated,
        }
    }
}

fn fresh(seen: Seen) -> Result<(), Discard> {
    match seen {
        Seen::Fresh => Ok(()),
        Seen::Before => Err(Discard::Replayed),
        Seen::Unknown => Err(Discard::TooOld),
    }
}

/// The most likely packet index of the sequence number `seq` (RFC 3711 §3.3.1, appendix A). `None` when the roll-over
/// counter would be below zero.
fn guess(highest: Option<u64>, seq: u16) -> Option<u64> {
    let Some(highest) = highest else { return Some(seq.into()) };
    let (roc, last) = (highest >> 16, highest as u16);
    let roc = if last < 0x8000 {
        if seq.saturating_sub(last) > 0x8000 { roc.checked_sub(1)? } else { roc }
    } else if last.saturating_sub(0x8000) > seq {
        roc.checked_add(1)?
    } else {
        roc
    };
    Some((roc << 16) | u64::from(seq))
}

#[cfg(test)]
mod tests;
