//! Chunks: what a packet is made of (RFC 9260 §3.2), one file a family.

mod control;
mod data;
mod forward;
mod init;
mod reconfig;
mod sack;
mod tlv;

use barertc_wire::{NoRoom, Reader, Truncated, Writer};

pub use control::{Abort, ErrorCause};
pub use data::{DATA_HEADER, Data, I_DATA_HEADER};
pub use forward::{ForwardTsn, Skipped};
pub use init::{Capabilities, Init};
pub use reconfig::{Request, ResetOutcome, ResetRequest};
pub use sack::Sack;
pub use tlv::Params;

pub(crate) use control::cause;
pub(crate) use reconfig::{ReconfigParam, Response};
pub(crate) use tlv::{end, kind, padding};

use tlv::{TLV, begin};

/// One chunk, parsed; lists inside stay views of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunk<'a> {
    /// DATA or I-DATA: a fragment of a message.
    Data(Data<'a>),
    /// INIT.
    Init(Init<'a>),
    /// INIT ACK.
    InitAck(Init<'a>),
    /// SACK.
    Sack(Sack<'a>),
    /// HEARTBEAT with its whole value, to be sent back as it is.
    Heartbeat(&'a [u8]),
    /// HEARTBEAT ACK with the value that was sent.
    HeartbeatAck(&'a [u8]),
    /// ABORT.
    Abort(Abort<'a>),
    /// SHUTDOWN with its cumulative TSN.
    Shutdown(u32),
    /// SHUTDOWN ACK.
    ShutdownAck,
    /// ERROR with its causes.
    Error(&'a [u8]),
    /// COOKIE ECHO with the cookie.
    CookieEcho(&'a [u8]),
    /// COOKIE ACK.
    CookieAck,
    /// SHUTDOWN COMPLETE; `reflected` is its T bit.
    ShutdownComplete {
        /// The tag in the packet is the receiver's of the other direction.
        reflected: bool,
    },
    /// FORWARD-TSN or I-FORWARD-TSN.
    ForwardTsn(ForwardTsn<'a>),
    /// RE-CONFIG with its parameters.
    Reconfig(&'a [u8]),
    /// A type not known here, with the whole chunk.
    Unknown(Unknown<'a>),
}

/// A chunk of a type that is not known here. The two highest bits of the type say what is to be done (RFC 9260 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown<'a> {
    /// The type.
    pub kind: u8,
    /// The chunk from its type on, without padding.
    pub bytes: &'a [u8],
}

impl Unknown<'_> {
    /// Whether the chunks behind it are not to be looked at.
    #[must_use]
    pub const fn ends_packet(&self) -> bool {
        self.kind & 0x80 == 0
    }

    /// Whether the sender is to be told.
    #[must_use]
    pub const fn is_reported(&self) -> bool {
        self.kind & 0x40 != 0
    }
}

/// The chunks of a packet, in order.
#[derive(Clone, Debug)]
pub struct Chunks<'a>(Reader<'a>);

impl<'a> Chunks<'a> {
    /// Over everything behind the common header.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    fn chunk(&mut self) -> Result<Chunk<'a>, Truncated> {
        let whole = self.0.rest();
        let (kind, flags) = (self.0.u8()?, self.0.u8()?);
        let len = usize::from(self.0.u16()?).checked_sub(TLV).ok_or(Truncated)?;
        let value = self.0.take(len)?;
        // The padding of the last chunk may be cut off.
        self.0.skip(padding(len).min(self.0.remaining()))?;
        Chunk::parse(kind, flags, value, whole)
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, Truncated>;

    /// After an error nothing follows: where the next chunk starts is not known.
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let chunk = self.chunk();
        if chunk.is_err() {
            self.0 = Reader::new(&[]);
        }
        Some(chunk)
    }
}

impl<'a> Chunk<'a> {
    /// `whole` is everything from the chunk's type on, to the end of the packet.
    fn parse(kind: u8, flags: u8, value: &'a [u8], whole: &'a [u8]) -> Result<Self, Truncated> {
        Ok(match kind {
            kind::DATA => Self::Data(Data::parse(flags, value, false)?),
            kind::I_DATA => Self::Data(Data::parse(flags, value, true)?),
            kind::INIT => Self::Init(Init::parse(value)?),
            kind::INIT_ACK => Self::InitAck(Init::parse(value)?),
            kind::SACK => Self::Sack(Sack::parse(value)?),
            kind::HEARTBEAT => Self::Heartbeat(value),
            kind::HEARTBEAT_ACK => Self::HeartbeatAck(value),
            kind::ABORT => Self::Abort(Abort { reflected: flags & 1 != 0, causes: value }),
            kind::SHUTDOWN => Self::Shutdown(Reader::new(value).u32()?),
            kind::SHUTDOWN_ACK => Self::ShutdownAck,
            kind::ERROR => Self::Error(value),
            kind::COOKIE_ECHO => Self::CookieEcho(value),
            kind::COOKIE_ACK => Self::CookieAck,
            kind::SHUTDOWN_COMPLETE => Self::ShutdownComplete { reflected: flags & 1 != 0 },
            kind::FORWARD_TSN => Self::ForwardTsn(ForwardTsn::parse(value, false)?),
            kind::I_FORWARD_TSN => Self::ForwardTsn(ForwardTsn::parse(value, true)?),
            kind::RE_CONFIG => Self::Reconfig(value),
            kind => {
                let bytes = whole.get(..value.len().saturating_add(TLV)).unwrap_or_default();
                Self::Unknown(Unknown { kind, bytes })
            }
        })
    }
}

/// Writes a chunk that is only its type: COOKIE ACK, SHUTDOWN ACK, SHUTDOWN COMPLETE.
pub(crate) fn write_empty(w: &mut Writer<'_>, kind: u8, flags: u8) -> Result<(), NoRoom> {
    let at = begin(w, kind, flags)?;
    end(w, at)
}

/// Writes HEARTBEAT, HEARTBEAT ACK, COOKIE ECHO or SHUTDOWN: a type and bytes.
pub(crate) fn write_bytes(w: &mut Writer<'_>, kind: u8, value: &[u8]) -> Result<(), NoRoom> {
    let at = begin(w, kind, 0)?;
    w.put(value)?;
    end(w, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_below_the_header_and_past_the_end_are_truncated() {
        for bytes in [&[0u8, 0, 0, 3][..], &[11, 0, 0], &[4, 0, 0, 8, 1, 2, 3]] {
            let all: std::vec::Vec<_> = Chunks::new(bytes).collect();
            assert_eq!(all, [Err(Truncated)]);
        }
    }

    #[test]
    fn missing_padding_at_the_end_is_forgiven() {
        let bytes = [4, 0, 0, 5, 9, 0, 0, 0, 11, 0, 0, 4, 4, 0, 0, 5, 7];
        let all: Result<std::vec::Vec<_>, _> = Chunks::new(&bytes).collect();
        assert_eq!(all.unwrap(), [Chunk::Heartbeat(&[9]), Chunk::CookieAck, Chunk::Heartbeat(&[7])]);
    }
}
