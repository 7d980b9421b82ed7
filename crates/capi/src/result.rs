//! What a function returns, and the cause behind it.

use core::ffi::{CStr, c_char};
use core::fmt;

use barertc::Error;
use barertc::wire::{ConfigError, Rule};

/// What a function returns. Errors are negative; `brtc_error_text` tells the cause in words, with field, limit and value.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brtc_result {
    /// The call had its effect.
    BRTC_OK = 0,
    /// There is nothing now: no datagram, no event, no deadline, no message, no frame. This is no error.
    BRTC_NOTHING = 1,
    /// A queue is full. For data channels an event tells when there is room. For frames none does: leave the frame out.
    BRTC_WOULD_BLOCK = -1,
    /// An argument is null, out of its range, or no valid text.
    BRTC_INVALID_ARGUMENT = -2,
    /// The handle is none, or was destroyed.
    BRTC_INVALID_HANDLE = -3,
    /// Another call on this connection is under way, in another thread or below a callback. This finds mistakes; it is no
    /// lock.
    BRTC_BUSY = -4,
    /// The configuration breaks a rule. `brtc_config_check` names the field, the limit and the value.
    BRTC_INVALID_CONFIG = -5,
    /// The region has no memory left.
    BRTC_NO_MEMORY = -6,
    /// The region is smaller than `brtc_region_bytes` or `brtc_identity_bytes` says.
    BRTC_REGION_TOO_SMALL = -7,
    /// The application's function for randomness has failed, or has written nothing.
    BRTC_NO_RANDOMNESS = -8,
    /// The caller's buffer is too short. Where the call tells a length, it is the one that the buffer must have, with the
    /// zero byte behind a text.
    BRTC_BUFFER_TOO_SHORT = -9,
    /// A table is at its bound, which does not change.
    BRTC_TOO_MANY = -10,
    /// The frame or the message is larger than it can be.
    BRTC_TOO_LARGE = -11,
    /// The connection is closed.
    BRTC_CLOSED = -12,
    /// The connection has failed. `brtc_error_text` has the reason. It can only be closed, and destroyed.
    BRTC_FAILED = -13,
    /// Media cannot flow yet: there is no connection, or the track is not agreed on or paused.
    BRTC_NOT_READY = -14,
    /// The call does not fit what was agreed on so far: no offer waits, or one does, or there is nothing to offer.
    BRTC_WRONG_STATE = -15,
    /// No track has this number.
    BRTC_NO_SUCH_TRACK = -16,
    /// No data channel has this number: it was closed, or its association is over.
    BRTC_NO_SUCH_CHANNEL = -17,
    /// The track does not send, or does not receive, as the call asks.
    BRTC_WRONG_DIRECTION = -18,
    /// There is no way to send or receive this codec.
    BRTC_NOT_SUPPORTED = -19,
    /// The session description breaks a rule.
    BRTC_DESCRIPTION = -20,
    /// ICE refused the call.
    BRTC_ICE = -21,
    /// DTLS refused the call or the datagram.
    BRTC_DTLS = -22,
    /// SRTP refused the call or the datagram.
    BRTC_SRTP = -23,
    /// SCTP refused the call or the datagram.
    BRTC_SCTP = -24,
    /// The media stream refused the call.
    BRTC_MEDIA = -25,
    /// Connections still use the identity.
    BRTC_IN_USE = -26,
    /// The bytes are no exported identity.
    BRTC_BAD_IDENTITY = -27,
}

use brtc_result::*;

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No call was refused.
    None,
    /// There is nothing to give.
    Nothing,
    /// The connection refused it.
    Peer(Error),
    /// An argument breaks a rule.
    Argument(ConfigError),
    /// An argument is none of the values of its list.
    NoValue { field: &'static str, value: u64 },
    /// An argument is null.
    Null(&'static str),
    /// An argument is no UTF-8 text, or has no end.
    Text(&'static str),
    /// Two buffers of a call overlap.
    Overlap,
    /// The handle is none.
    Handle,
    /// Another call is under way.
    Busy,
    /// A region or a memory is too small.
    Region { needed: usize, given: usize },
    /// The application's randomness failed.
    Random,
    /// A buffer is too short.
    Short { needed: usize },
    /// A frame does not fit the memory for frames now.
    FrameMemory { needed: usize, free: usize },
    /// A frame never fits the memory for frames.
    FrameTooLarge { needed: usize, limit: usize },
    /// The bytes are no frame of their codec.
    Frame(barertc::rtp::Error),
    /// The codecs of a track are of video and of audio.
    MixedCodecs,
    /// The identity is in use.
    InUse,
    /// Not an identity.
    BadIdentity,
}

impl Cause {
    /// An argument that is above its limit.
    pub(crate) fn at_most(field: &'static str, value: u64, limit: u64) -> Result<(), Self> {
        ConfigError::check(field, value, Rule::AtMost(limit)).map_err(Self::Argument)
    }

    pub(crate) fn result(&self) -> brtc_result {
        match self {
            Self::None => BRTC_OK,
            Self::Nothing => BRTC_NOTHING,
            Self::Peer(error) => of_error(error),
            Self::Argument(_)
            | Self::NoValue { .. }
            | Self::Null(_)
            | Self::Text(_)
            | Self::Overlap
            | Self::Frame(_)
            | Self::MixedCodecs => BRTC_INVALID_ARGUMENT,
            Self::Handle => BRTC_INVALID_HANDLE,
            Self::Busy => BRTC_BUSY,
            Self::Region { .. } => BRTC_REGION_TOO_SMALL,
            Self::Random => BRTC_NO_RANDOMNESS,
            Self::Short { .. } => BRTC_BUFFER_TOO_SHORT,
            Self::FrameMemory { .. } => BRTC_WOULD_BLOCK,
            Self::FrameTooLarge { .. } => BRTC_TOO_LARGE,
            Self::InUse => BRTC_IN_USE,
            Self::BadIdentity => BRTC_BAD_IDENTITY,
        }
    }
}

/// Everything that a function returns, of what it came to.
pub(crate) fn of(outcome: Result<(), Cause>) -> brtc_result {
    outcome.map_or_else(|cause| cause.result(), |()| BRTC_OK)
}

fn of_error(error: &Error) -> brtc_result {
    use barertc::{dtls, ice, rtcp_nack, sctp, sdp, srtp};
    match error {
        Error::NoMemory
        | Error::Ice(ice::Error::NoMemory)
        | Error::Sctp(sctp::Error::NoMemory)
        | Error::Media(rtcp_nack::Error::NoMemory) => BRTC_NO_MEMORY,
        Error::WouldBlock | Error::Sctp(sctp::Error::WouldBlock) | Error::Media(rtcp_nack::Error::WouldBlock) => {
            BRTC_WOULD_BLOCK
        }
        Error::TooMany { .. }
        | Error::Ice(ice::Error::TooMany { .. })
        | Error::Sctp(sctp::Error::TooMany { .. })
        | Error::Sdp(sdp::Error::TooMany { .. }) => BRTC_TOO_MANY,
        Error::Config(_) => BRTC_INVALID_CONFIG,
        Error::Closed | Error::Sctp(sctp::Error::Closed) => BRTC_CLOSED,
        Error::Failed(_) => BRTC_FAILED,
        Error::NotReady => BRTC_NOT_READY,
        Error::NoOffer | Error::OfferPending | Error::NothingToOffer | Error::MidInUse | Error::NoData => {
            BRTC_WRONG_STATE
        }
        Error::NoSuchTrack => BRTC_NO_SUCH_TRACK,
        Error::WrongDirection => BRTC_WRONG_DIRECTION,
        Error::NoCodec => BRTC_INVALID_ARGUMENT,
        Error::CodecNotSupported => BRTC_NOT_SUPPORTED,
        Error::NoSuchChannel | Error::Sctp(sctp::Error::NoSuchChannel) => BRTC_NO_SUCH_CHANNEL,
        Error::Sdp(sdp::Error::BufferTooShort { .. })
        | Error::Ice(ice::Error::BufferTooShort { .. })
        | Error::Dtls(dtls::Error::BufferTooShort { .. })
        | Error::Srtp(srtp::Error::BufferTooShort { .. })
        | Error::Sctp(sctp::Error::BufferTooShort { .. }) => BRTC_BUFFER_TOO_SHORT,
        Error::Sctp(sctp::Error::MessageTooLarge { .. }) | Error::Media(rtcp_nack::Error::FrameTooLarge { .. }) => {
            BRTC_TOO_LARGE
        }
        Error::CertificateChanged | Error::SctpInit | Error::Sdp(_) => BRTC_DESCRIPTION,
        Error::Ice(_) => BRTC_ICE,
        Error::Dtls(_) => BRTC_DTLS,
        Error::Srtp(_) => BRTC_SRTP,
        Error::Sctp(_) => BRTC_SCTP,
        // What is added to the facade later is of the media or has a line here.
        _ => BRTC_MEDIA,
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no call was refused"),
            Self::Nothing => f.write_str("there is nothing now"),
            Self::Peer(error) => error.fmt(f),
            Self::Argument(error) => error.fmt(f),
            Self::NoValue { field, value } => write!(f, "{field} is {value}, which stands for nothing"),
            Self::Null(what) => write!(f, "{what} is null"),
            Self::Text(what) => write!(f, "{what} is no text in UTF-8"),
            Self::Overlap => f.write_str("two buffers overlap"),
            Self::Handle => f.write_str("the handle is none, or was destroyed"),
            Self::Busy => f.write_str("another call on this connection is under way"),
            Self::Region { needed, given } => write!(f, "the region must be at least {needed}, but is {given}"),
            Self::Random => f.write_str("the application's function for randomness has failed"),
            Self::Short { needed } => write!(f, "the buffer is too short: {needed} bytes are needed"),
            Self::FrameMemory { needed, free } => {
                write!(f, "the frame needs {needed} bytes of frame_memory, of which {free} are free now")
            }
            Self::FrameTooLarge { needed, limit } => {
                write!(f, "the frame needs {needed} bytes, and frame_memory has {limit}")
            }
            Self::Frame(error) => write!(f, "frame: {error}"),
            Self::MixedCodecs => f.write_str("codecs of video and of audio in one track"),
            Self::InUse => f.write_str("connections still use the identity"),
            Self::BadIdentity => f.write_str("the bytes are no exported identity"),
        }
    }
}

impl<E: Into<Error>> From<E> for Cause {
    fn from(error: E) -> Self {
        Self::Peer(error.into())
    }
}

/// The name of a result, such as `BRTC_NO_MEMORY`; of a number that is none, `BRTC_?`. The text lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn brtc_result_name(result: i32) -> *const c_char {
    names(result).as_ptr()
}

macro_rules! names {
    ($($name:ident)+) => {
        fn names(result: i32) -> &'static CStr {
            $(if result == brtc_result::$name as i32 {
                const NAME: &str = concat!(stringify!($name), "\0");
                return CStr::from_bytes_with_nul(NAME.as_bytes()).unwrap_or_default();
            })+
            c"BRTC_?"
        }
    };
}

names! {
    BRTC_OK BRTC_NOTHING BRTC_WOULD_BLOCK BRTC_INVALID_ARGUMENT BRTC_INVALID_HANDLE BRTC_BUSY BRTC_INVALID_CONFIG
    BRTC_NO_MEMORY BRTC_REGION_TOO_SMALL BRTC_NO_RANDOMNESS BRTC_BUFFER_TOO_SHORT BRTC_TOO_MANY BRTC_TOO_LARGE BRTC_CLOSED
    BRTC_FAILED BRTC_NOT_READY BRTC_WRONG_STATE BRTC_NO_SUCH_TRACK BRTC_NO_SUCH_CHANNEL BRTC_WRONG_DIRECTION
    BRTC_NOT_SUPPORTED BRTC_DESCRIPTION BRTC_ICE BRTC_DTLS BRTC_SRTP BRTC_SCTP BRTC_MEDIA BRTC_IN_USE BRTC_BAD_IDENTITY
}
