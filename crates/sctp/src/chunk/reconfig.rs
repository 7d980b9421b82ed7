//! RE-CONFIG.

use barertc_wire::{NoRoom, Reader, Truncated, Writer};

use crate::chunk::tlv::{Params, begin, begin_param, end_both, kind};
use crate::serial::Tsn;

mod param {
    pub(super) const OUTGOING_RESET: u16 = 13;
    pub(super) const INCOMING_RESET: u16 = 14;
    pub(super) const RESPONSE: u16 = 16;
}

/// Outgoing SSN Reset Request (RFC 6525 §4.1): the sender starts some of its streams anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetRequest<'a> {
    /// The request's own number.
    pub number: u32,
    /// The number of the peer's request that this answers, or that of its last one.
    pub response: u32,
    /// The last TSN before the reset.
    pub last: Tsn,
    streams: &'a [u8],
}

impl<'a> ResetRequest<'a> {
    /// The streams, none of which means all.
    pub fn streams(&self) -> impl Iterator<Item = u16> + use<'a> {
        let (pairs, _) = self.streams.as_chunks::<2>();
        pairs.iter().map(|p| u16::from_be_bytes(*p))
    }

    /// Writes a RE-CONFIG chunk with one Outgoing SSN Reset Request.
    pub(crate) fn write(
        w: &mut Writer<'_>,
        number: u32,
        response: u32,
        last: Tsn,
        streams: impl Iterator<Item = u16>,
    ) -> Result<(), NoRoom> {
        let at = begin(w, kind::RE_CONFIG, 0)?;
        let p = begin_param(w, param::OUTGOING_RESET)?;
        w.u32(number)?;
        w.u32(response)?;
        w.u32(last.0)?;
        for s in streams {
            w.u16(s)?;
        }
        end_both(w, at, p)
    }
}

/// Incoming SSN Reset Request (RFC 6525 §4.2): the sender asks the peer to start streams anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The request's own number.
    pub number: u32,
    streams: &'a [u8],
}

impl<'a> Request<'a> {
    /// The streams, none of which means all.
    pub fn streams(&self) -> impl Iterator<Item = u16> + use<'a> {
        let (pairs, _) = self.streams.as_chunks::<2>();
        pairs.iter().map(|p| u16::from_be_bytes(*p))
    }
}

/// Result of a re-configuration (RFC 6525 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetOutcome {
    /// There was nothing to do.
    Nothing,
    /// Done.
    Performed,
    /// The peer will not.
    Denied,
    /// Sequence number out of step.
    BadNumber,
    /// Not yet: ask again.
    InProgress,
    /// Any other refusal.
    Other(u32),
}

impl ResetOutcome {
    const fn from_wire(v: u32) -> Self {
        match v {
            0 => Self::Nothing,
            1 => Self::Performed,
            2 => Self::Denied,
            5 => Self::BadNumber,
            6 => Self::InProgress,
            other => Self::Other(other),
        }
    }

    const fn to_wire(self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::Performed => 1,
            Self::Denied => 2,
            Self::BadNumber => 5,
            Self::InProgress => 6,
            Self::Other(v) => v,
        }
    }
}

/// A parameter of RE-CONFIG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReconfigParam<'a> {
    Outgoing(ResetRequest<'a>),
    Incoming(Request<'a>),
    Response(Response),
    /// Resets of TSNs and added streams, which WebRTC does not use: the request's number, to deny it.
    Unsupported(u32),
}

impl<'a> ReconfigParam<'a> {
    /// The parameters of a RE-CONFIG chunk.
    pub(crate) fn all(value: &'a [u8]) -> impl Iterator<Item = Result<Self, Truncated>> {
        Params::new(value).map(|p| {
            let (kind, value) = p?;
            let mut r = Reader::new(value);
            let number = r.u32()?;
            Ok(match kind {
                param::OUTGOING_RESET => {
                    let (response, last) = (r.u32()?, Tsn(r.u32()?));
                    Self::Outgoing(ResetRequest { number, response, last, streams: r.rest() })
                }
                param::INCOMING_RESET => Self::Incoming(Request { number, streams: r.rest() }),
                param::RESPONSE => Self::Response(Response { number, outcome: ResetOutcome::from_wire(r.u32()?) }),
                _ => Self::Unsupported(number),
            })
        })
    }
}

/// Re-configuration Response (RFC 6525 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// The number of the request that it answers.
    pub(crate) number: u32,
    pub(crate) outcome: ResetOutcome,
}

impl Response {
    /// Writes a RE-CONFIG chunk with one Re-configuration Response.
    pub(crate) fn write(self, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        let at = begin(w, kind::RE_CONFIG, 0)?;
        let p = begin_param(w, param::RESPONSE)?;
        w.u32(self.number)?;
        w.u32(self.outcome.to_wire())?;
        end_both(w, at, p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_responses_come_back_as_written() {
        let mut room = [0u8; 64];
        let mut w = Writer::new(&mut room);
        ResetRequest::write(&mut w, 7, 8, Tsn(9), [1u16, 2, 3].into_iter()).unwrap();
        // The last parameter's padding is outside the chunk's length.
        assert_eq!(w.written().get(..4), Some(&[130, 0, 0, 26][..]));
        let Some(Ok(ReconfigParam::Outgoing(r))) = ReconfigParam::all(w.written().get(4..26).unwrap()).next() else {
            panic!()
        };
        assert_eq!((r.number, r.response, r.last), (7, 8, Tsn(9)));
        assert!(r.streams().eq([1, 2, 3]));
        let mut w = Writer::new(&mut room);
        let response = Response { number: 10, outcome: ResetOutcome::InProgress };
        response.write(&mut w).unwrap();
        let got = ReconfigParam::all(w.written().get(4..).unwrap()).next();
        assert_eq!(got, Some(Ok(ReconfigParam::Response(response))));
    }
}
