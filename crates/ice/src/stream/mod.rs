//! Messages on streams: STUN and ChannelData to a TURN server (RFC 8656 §3.1, §12.5), and the frames of ICE over TCP
//! (RFC 4571 §2). [`Incoming`] cuts what arrives into messages, [`Outgoing`] holds what waits to be sent.
//!
//! ```
//! use barertc_arena::Global;
//! use barertc_ice::stream::{Framing, Incoming, Outgoing};
//!
//! let mut out = Outgoing::new(Framing::Rfc4571, 4096, Global).expect("memory");
//! out.push(b"one")?;
//! out.push(b"two")?;
//!
//! // The stream gives the bytes in whatever pieces it likes.
//! let mut incoming = Incoming::new(Framing::Rfc4571, 2048, Global).expect("memory");
//! let (bytes, mut messages) = (out.copy_to(&mut incoming.room()[..7]), vec![]);
//! out.consume(bytes);
//! incoming.received(bytes);
//! while let Some(message) = incoming.next_message()? {
//!     messages.push(message.to_vec());
//! }
//! assert_eq!(messages, [b"one"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
use core::fmt;
use core::ops::Range;

use barertc_arena::{AllocError, Allocator, Box, ByteRing};
use barertc_wire::Reader;

use crate::stun::{HEADER_LEN, MAGIC_COOKIE, Message, attr};

mod end;
#[cfg(test)]
mod tests;

pub use end::{CertificateFault, StreamEnd};

/// Room that STUN has to itself in an [`Outgoing`]: checks and requests do not wait behind media.
pub const STUN_ROOM: usize = 1024;
/// Bytes of the length before a message (RFC 4571 §2), and of ChannelData's header (RFC 8656 §12.4).
const LENGTH: usize = 2;
const CHANNEL_HEADER: usize = 4;
/// Most bytes that a framing adds to a message: a length, or padding.
const OVERHEAD: usize = 3;

/// How a stream is cut into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Framing {
    /// STUN messages and ChannelData one behind another, each a multiple of four bytes long (RFC 8656 §12.5): the stream
    /// of a TURN server.
    Turn,
    /// A length of two bytes before each message (RFC 4571 §2): a TCP connection of ICE itself (RFC 6544 §3).
    Rfc4571,
}

/// A message has no room in an [`Outgoing`]; it was dropped and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StreamFull {
    /// Bytes that were free for it.
    pub room: usize,
    /// Bytes that it needs.
    pub needed: usize,
}

impl fmt::Display for StreamFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { room, needed } = self;
        write!(f, "the stream takes too little: {needed} bytes are needed, {room} are free")
    }
}

impl core::error::Error for StreamFull {}

/// The receiving half of a stream: bytes in, messages out. A fault is final: the stream cannot be cut into messages any
/// more.
pub struct Incoming<A: Allocator> {
    framing: Framing,
    buffer: Box<[u8], A>,
    /// Where the first byte lies that was not handed out.
    start: usize,
    /// Where the bytes end that have arrived.
    end: usize,
    fault: Option<StreamEnd>,
}

impl<A: Allocator> Incoming<A> {
    /// Bytes that one with a buffer of `len` takes from its allocator.
    #[must_use]
    pub const fn bytes(len: usize) -> usize {
        Box::<[u8], A>::bytes(len)
    }

    /// One that takes messages of up to `len` bytes, with what the framing adds to them.
    ///
    /// # Errors
    /// When the allocator has no memory.
    pub fn new(framing: Framing, len: usize, alloc: A) -> Result<Self, AllocError> {
        Ok(Self { framing, buffer: Box::try_zeroed(len, alloc)?, start: 0, end: 0, fault: None })
    }

    /// The room for the next bytes of the stream. It is empty only if the stream has a fault, or if
    /// [`next_message`](Self::next_message) was not called until it returned none.
    pub fn room(&mut self) -> &mut [u8] {
        // What waits is less than a message, unless the caller left some.
        self.buffer.copy_within(self.start.min(self.end)..self.end, 0);
        self.end = self.end.saturating_sub(self.start);
        self.start = 0;
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// Says that `len` bytes were read to [`room`](Self::room).
    pub fn received(&mut self, len: usize) {
        self.end = self.end.saturating_add(len).min(self.buffer.len());
    }

    /// The next whole message; `None` until more bytes have come. ChannelData has its header, and its padding may follow.
    ///
    /// # Errors
    /// [`StreamEnd::Malformed`] and [`StreamEnd::TooLong`], from then on every time.
    pub fn next_message(&mut self) -> Result<Option<&mut [u8]>, StreamEnd> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let waiting = self.buffer.get(self.start..self.end).unwrap_or_default();
        let frame = frame(self.framing, waiting, self.buffer.len());
        let frame = frame.map(|frame| frame.filter(|frame| frame.len <= waiting.len()));
        let Some(Frame { message, len }) = frame.inspect_err(|fault| self.fault = Some(*fault))? else {
            return Ok(None);
        };
        let message = message.start.saturating_add(self.start)..message.end.saturating_add(self.start);
        self.start = self.start.saturating_add(len);
        Ok(self.buffer.get_mut(message))
    }

    /// Why a stream has ended that gives no more bytes.
    #[must_use]
    pub fn end(&self) -> StreamEnd {
        if let Some(fault) = self.fault {
            return fault;
        }
        match self.buffer.get(self.start..self.end) {
            None | Some([]) => StreamEnd::Closed,
            Some(waiting) => {
                let frame = frame(self.framing, waiting, self.buffer.len()).ok().flatten();
                let whole = frame.map_or(waiting.len(), |frame| frame.len);
                StreamEnd::Cut { missing: whole.saturating_sub(waiting.len()) }
            }
        }
    }
}

impl<A: Allocator> fmt::Debug for Incoming<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Incoming");
        f.field("framing", &self.framing).field("waiting", &self.end.saturating_sub(self.start));
        f.field("fault", &self.fault).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<A: Allocator> defmt::Format for Incoming<A> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Incoming {} {}", self.framing, self.fault);
    }
}

/// A message at the start of what arrived.
struct Frame {
    /// Where the message lies.
    message: Range<usize>,
    /// Bytes up to the next one.
    len: usize,
}

/// The message that `bytes` begin with, which may not be there whole; `None` until its length is known. What is wrong with it
/// is the same wherever the stream was cut: each rule is looked at as soon as its bytes are there.
fn frame(framing: Framing, bytes: &[u8], limit: usize) -> Result<Option<Frame>, StreamEnd> {
    let fits = |len: usize| if len > limit { Err(StreamEnd::TooLong { limit, value: len }) } else { Ok(()) };
    let mut r = Reader::new(bytes);
    if framing == Framing::Rfc4571 {
        let Ok(len) = r.u16() else { return Ok(None) };
        let len = usize::from(len).saturating_add(LENGTH);
        fits(len)?;
        return Ok(Some(Frame { message: LENGTH..len, len }));
    }
    // RFC 8656 §12: 00 begins STUN, 01 ChannelData. Nothing else is on this stream.
    if bytes.first().is_some_and(|first| first >> 6 > 1) {
        return Err(StreamEnd::Malformed);
    }
    let (Ok(first), Ok(len)) = (r.u16(), r.u16()) else { return Ok(None) };
    let len = usize::from(len);
    if first >> 14 == 1 {
        let end = len.saturating_add(CHANNEL_HEADER);
        let len = end.next_multiple_of(4);
        fits(len)?;
        return Ok(Some(Frame { message: 0..end, len }));
    }
    // RFC 8489 §5: the last two bits of the length are zero, and the cookie tells that this is the start of a message.
    if !len.is_multiple_of(4) {
        return Err(StreamEnd::Malformed);
    }
    let len = len.saturating_add(HEADER_LEN);
    fits(len)?;
    if r.u32().is_ok_and(|cookie| cookie != MAGIC_COOKIE) {
        return Err(StreamEnd::Malformed);
    }
    Ok(Some(Frame { message: 0..len, len }))
}

/// The sending half of a stream. Whole messages wait in a bounded queue. A message that does not fit is dropped and counted,
/// as in a router, and congestion control sees the loss.
pub struct Outgoing<A: Allocator> {
    framing: Framing,
    queue: ByteRing<A>,
    dropped: u32,
}

impl<A: Allocator> Outgoing<A> {
    /// Bytes that one with a queue of `len` takes from its allocator.
    #[must_use]
    pub const fn bytes(len: usize) -> usize {
        ByteRing::<A>::bytes(len)
    }

    /// One with a queue of `len` bytes, of which the last [`STUN_ROOM`] are for STUN.
    ///
    /// # Errors
    /// When the allocator has no memory.
    pub fn new(framing: Framing, len: usize, alloc: A) -> Result<Self, AllocError> {
        Ok(Self { framing, queue: ByteRing::with_capacity(len, alloc)?, dropped: 0 })
    }

    /// Puts a message behind those that wait.
    ///
    /// # Errors
    /// [`StreamFull`]: the message was dropped.
    pub fn push(&mut self, message: &[u8]) -> Result<(), StreamFull> {
        let (before, behind): (&[u8], usize) = match (self.framing, u16::try_from(message.len())) {
            (Framing::Rfc4571, Ok(len)) => (&len.to_be_bytes(), 0),
            (Framing::Rfc4571, Err(_)) => return Err(self.drop_message(usize::from(u16::MAX), message.len())),
            // RFC 8656 §12.5. What the client wraps is padded already.
            (Framing::Turn, _) => (&[], message.len().wrapping_neg() & 3),
        };
        let needed = message.len().saturating_add(before.len()).saturating_add(behind);
        let reserved = if is_stun(self.framing, message) { 0 } else { STUN_ROOM };
        let room = self.queue.room().saturating_sub(reserved);
        if needed > room {
            return Err(self.drop_message(room, needed));
        }
        for part in [before, message, [0; OVERHEAD].get(..behind).unwrap_or_default()] {
            self.queue.write(part);
        }
        Ok(())
    }

    fn drop_message(&mut self, room: usize, needed: usize) -> StreamFull {
        self.dropped = self.dropped.saturating_add(1);
        StreamFull { room, needed }
    }

    /// Copies what is to be sent next to `out`, and says how much that is; the bytes wait until they are
    /// [consumed](Self::consume).
    pub fn copy_to(&self, out: &mut [u8]) -> usize {
        self.queue.copy_at(0, out)
    }

    /// Says that the stream has taken `len` bytes.
    pub fn consume(&mut self, len: usize) {
        self.queue.consume(len);
    }

    /// Bytes that wait.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Messages that had no room.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }
}

impl<A: Allocator> fmt::Debug for Outgoing<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Outgoing");
        f.field("framing", &self.framing).field("waiting", &self.waiting()).field("dropped", &self.dropped);
        f.finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<A: Allocator> defmt::Format for Outgoing<A> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Outgoing {} waiting {} dropped {}", self.framing, self.waiting(), self.dropped);
    }
}

/// Whether a message is STUN, to the server or through it to the peer (RFC 7983 §7: STUN begins with 0 to 3).
fn is_stun(framing: Framing, message: &[u8]) -> bool {
    let begins = |bytes: &[u8]| bytes.first().is_some_and(|first| *first <= 3);
    match (framing, message) {
        (Framing::Turn, [0x40..=0x7F, _, _, _, inner @ ..]) => begins(inner),
        (Framing::Turn, _) => match Message::parse(message).ok().and_then(|m| m.get(attr::DATA)) {
            Some(inner) => begins(inner),
            None => begins(message),
        },
        (Framing::Rfc4571, _) => begins(message),
    }
}
