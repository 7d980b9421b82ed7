//! Chunks: what a packet is made of (RFC 9260 section 3.2), one file a family.

mod control;
mod data;
mod forward;
mod init;
mod reconfig;
mod sack;

use barertc_wire::{NoRoom, Reader, Truncated, Writer};

pub use control::{Abort, ErrorCause};
pub use data::{DATA_HEADER, Data, I_DATA_HEADER};
pub use forward::{ForwardTsn, Skipped};
pub use init::{Capabilities, Init};
pub use reconfig::{Request, ResetOutcome, ResetRequest};
pub use sack::Sack;

pub(crate) use control::{cause, write_abort, write_empty, write_error, write_heartbeat, write_shutdown};
pub(crate) use data::write_data_header;
pub(crate) use forward::write_forward;
pub(crate) use init::write_init;
pub(crate) use reconfig::{ReconfigParam, params as reconfig_params, write_outcome, write_request};
pub(crate) use sack::write_sack;

/// Chunk type numbers (RFC 9260 section 3.2, RFC 3758, RFC 6525, RFC 8260).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const INIT: u8 = 1;
    pub(crate) const INIT_ACK: u8 = 2;
    pub(crate) const SACK: u8 = 3;
    pub(crate) const HEARTBEAT: u8 = 4;
    pub(crate) const HEARTBEAT_ACK: u8 = 5;
    pub(crate) const ABORT: u8 = 6;
    pub(crate) const SHUTDOWN: u8 = 7;
    pub(crate) const SHUTDOWN_ACK: u8 = 8;
    pub(crate) const ERROR: u8 = 9;
    pub(crate) const COOKIE_ECHO: u8 = 10;
    pub(crate) const COOKIE_ACK: u8 = 11;
    pub(crate) const SHUTDOWN_COMPLETE: u8 = 14;
    pub(crate) const I_DATA: u8 = 64;
    pub(crate) const RE_CONFIG: u8 = 130;
    pub(crate) const FORWARD_TSN: u8 = 192;
    pub(crate) const I_FORWARD_TSN: u8 = 194;
}

/// Length of a chunk's or parameter's type-length header.
pub(crate) const TLV: usize = 4;

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
    /// A type not known here.
    Unknown(u8),
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
        let (kind, flags) = (self.0.u8()?, self.0.u8()?);
        let len = usize::from(self.0.u16()?).checked_sub(TLV).ok_or(Truncated)?;
        let value = self.0.take(len)?;
        // The padding of the last chunk may be cut off.
        self.0.skip(padding(len).min(self.0.remaining()))?;
        Chunk::parse(kind, flags, value)
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
    fn parse(kind: u8, flags: u8, value: &'a [u8]) -> Result<Self, Truncated> {
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
            other => Self::Unknown(other),
        })
    }
}

/// Type-length-value parameters and error causes (RFC 9260 section 3.2.1): `(type, value)`.
#[derive(Clone, Debug)]
pub struct Params<'a>(Reader<'a>);

impl<'a> Params<'a> {
    /// Over a run of parameters.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    fn param(&mut self) -> Result<(u16, &'a [u8]), Truncated> {
        let kind = self.0.u16()?;
        let len = usize::from(self.0.u16()?).checked_sub(TLV).ok_or(Truncated)?;
        let value = self.0.take(len)?;
        self.0.skip(padding(len).min(self.0.remaining()))?;
        Ok((kind, value))
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Result<(u16, &'a [u8]), Truncated>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let param = self.param();
        if param.is_err() {
            self.0 = Reader::new(&[]);
        }
        Some(param)
    }
}

/// Bytes that bring `len` to a multiple of four.
pub(crate) const fn padding(len: usize) -> usize {
    len.wrapping_neg() & 3
}

/// Starts a chunk whose length is filled in by [`end`]; returns where it starts.
pub(crate) fn begin(w: &mut Writer<'_>, kind: u8, flags: u8) -> Result<usize, NoRoom> {
    let at = w.len();
    w.put(&[kind, flags, 0, 0])?;
    Ok(at)
}

/// Starts a parameter or error cause, as [`begin`] does a chunk.
pub(crate) fn begin_param(w: &mut Writer<'_>, kind: u16) -> Result<usize, NoRoom> {
    let [a, b] = kind.to_be_bytes();
    begin(w, a, b)
}

/// Fills in the length of the chunk or parameter that starts at `at`, and pads.
pub(crate) fn end(w: &mut Writer<'_>, at: usize) -> Result<(), NoRoom> {
    let len = w.len().saturating_sub(at);
    let field = u16::try_from(len).map_err(|_| NoRoom)?;
    w.patch(at.saturating_add(2), &field.to_be_bytes())?;
    w.zeros(padding(len))
}

/// Ends a chunk together with its last parameter: the chunk's length leaves that parameter's padding out (RFC 9260
/// section 3.2).
pub(crate) fn end_both(w: &mut Writer<'_>, chunk: usize, param: usize) -> Result<(), NoRoom> {
    let len = |from: usize| u16::try_from(w.len().saturating_sub(from)).map_err(|_| NoRoom);
    let (outer, inner) = (len(chunk)?, len(param)?);
    w.patch(chunk.saturating_add(2), &outer.to_be_bytes())?;
    w.patch(param.saturating_add(2), &inner.to_be_bytes())?;
    w.zeros(padding(usize::from(inner)))
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
