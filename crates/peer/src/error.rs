use core::fmt;

use barertc_arena::AllocError;

barertc_wire::reasons! {
    /// Why a datagram, or a part of one, was dropped here. What the protocols drop, they count themselves.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum Discard: Discards {
        /// Its first byte belongs to no protocol of WebRTC (RFC 7983 §7).
        UnknownProtocol,
        /// From an address that no connectivity check has vouched for.
        UnknownSource,
        /// Came before the keys that would open it.
        TooEarly,
        /// RTP of a stream that was not negotiated.
        UnknownStream,
        /// RTP of a track for which [`Config::recv_video`](crate::Config::recv_video) or
        /// [`Config::recv_audio`](crate::Config::recv_audio) leave no room.
        NotReceived,
        /// RTCP that is not understood, or is about no stream of ours.
        Rtcp,
        /// RTP that is not understood.
        Rtp,
        /// An SCTP packet that is not understood, or without data channels.
        Sctp,
        /// Events that nobody fetched.
        EventsFull,
    }
}

/// What can go wrong in a [`PeerConnection`](crate::PeerConnection).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The allocator gave no memory.
    OutOfMemory,
    /// A queue or a table is at its configured bound; try again when something has left it.
    WouldBlock,
    /// The call does not fit the state: an answer without an offer, a frame before the connection.
    InvalidState,
    /// No track or channel of that number.
    NotFound,
    /// The configuration contradicts itself.
    Config,
    /// The description names the peer's certificate by no hash that is known here.
    UnknownFingerprint,
    /// A name is longer than [`MAX_NAME`](crate::MAX_NAME).
    NameTooLong,
    /// Of the description.
    Sdp(barertc_sdp::Error),
    /// Of the ICE agent.
    Ice(barertc_ice::Error),
    /// Of the DTLS connection.
    Dtls(barertc_dtls::Error),
    /// Of SRTP.
    Srtp(barertc_srtp::Error),
    /// Of the SCTP association.
    Sctp(barertc_sctp::Error),
    /// Of a media stream.
    Media(barertc_rtcp_nack::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::WouldBlock => f.write_str("a queue is full"),
            Self::InvalidState => f.write_str("the call does not fit the state of the connection"),
            Self::NotFound => f.write_str("no such track or channel"),
            Self::Config => f.write_str("the configuration contradicts itself"),
            Self::UnknownFingerprint => f.write_str("no fingerprint by a known hash in the description"),
            Self::NameTooLong => f.write_str("a name is too long"),
            Self::Sdp(e) => write!(f, "session description: {e}"),
            Self::Ice(e) => write!(f, "ICE: {e}"),
            Self::Dtls(e) => write!(f, "DTLS: {e}"),
            Self::Srtp(e) => write!(f, "SRTP: {e}"),
            Self::Sctp(e) => write!(f, "SCTP: {e}"),
            Self::Media(e) => write!(f, "media: {e}"),
        }
    }
}

impl core::error::Error for Error {}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        Self::OutOfMemory
    }
}

macro_rules! from {
    ($($variant:ident: $error:ty),+ $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })+
    };
}

from! {
    Sdp: barertc_sdp::Error,
    Ice: barertc_ice::Error,
    Dtls: barertc_dtls::Error,
    Srtp: barertc_srtp::Error,
    Sctp: barertc_sctp::Error,
    Media: barertc_rtcp_nack::Error,
}
