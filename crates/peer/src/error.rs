//! Errors of calls, reasons why a connection failed, and reasons why a datagram was dropped.

use core::fmt;

use barertc_arena::AllocError;
use barertc_wire::ConfigError;

barertc_wire::reasons! {
    /// Why the connection dropped a datagram, or a part of one. Each protocol counts what it drops itself.
    pub enum Discard: Discards {
        /// Its first byte belongs to no protocol of WebRTC (RFC 7983 §7).
        UnknownProtocol,
        /// It arrived before there were keys to decrypt it.
        TooEarly,
        /// RTP of a stream that was not negotiated, or RTCP with a request about a stream that this side does not send.
        UnknownStream,
        /// Malformed RTCP.
        Rtcp,
        /// Malformed RTP.
        Rtp,
        /// A malformed SCTP packet, or one that came without data channels.
        Sctp,
        /// A packet of media or RTCP that could not be encrypted, and was not sent.
        NotProtected,
        /// A candidate of the peer that is not used. It is a name, is of another transport or component, is malformed, or has
        /// no room. The rest of its description is still used.
        Candidate,
    }
}

/// Why a call to a [`PeerConnection`](crate::PeerConnection) was refused. A refused call has changed nothing. The exceptions
/// stand in the documentation of the connection, under "What holds always".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The allocator has no memory left.
    NoMemory,
    /// A queue is full. Try again when an event says that there is room.
    WouldBlock,
    /// A table is full. Its size is fixed.
    TooMany {
        /// What the table holds.
        what: &'static str,
        /// The size of the table.
        limit: usize,
    },
    /// The configuration breaks a rule.
    Config(ConfigError),
    /// The connection is closed.
    Closed,
    /// The connection has failed, for this reason. It can only be closed.
    Failed(Failure),
    /// Media cannot flow yet: the connection is not up, or the track is not agreed on or is paused.
    NotReady,
    /// There is no unanswered offer of this side.
    NoOffer,
    /// An offer of this side is unanswered. [`rollback`](crate::PeerConnection::rollback) takes it back.
    OfferPending,
    /// There is nothing to offer: neither a track nor a data channel.
    NothingToOffer,
    /// No track has this id.
    NoSuchTrack,
    /// The track does not send, or does not receive, what the call is about.
    WrongDirection,
    /// The track has no codec.
    NoCodec,
    /// The encodings break a rule. Only a video track that sends can have them. There are at least two, each with a name of
    /// its own and a bit rate above 0.
    Encodings,
    /// The track has no encoding of this number. A frame of a track with encodings goes by
    /// [`send_encoding`](crate::PeerConnection::send_encoding).
    NoSuchEncoding,
    /// The codec can be negotiated, but this crate can neither send nor receive it.
    CodecNotSupported,
    /// Another track has this mid.
    MidInUse,
    /// There are no data channels. [`add_data`](crate::PeerConnection::add_data) makes them part of the next
    /// description.
    NoData,
    /// No data channel has this id: the channel was closed, or its SCTP association has ended.
    NoSuchChannel,
    /// The description lacks the fingerprint of the certificate that the peer has used.
    CertificateChanged,
    /// The `a=sctp-init` of an answer is not an SCTP INIT chunk. Data channels would never open.
    SctpInit,
    /// The session description breaks a rule, or does not fit into the buffer.
    Sdp(barertc_sdp::Error),
    /// The ICE agent refused the call.
    Ice(barertc_ice::Error),
    /// The DTLS connection refused the call, or failed.
    Dtls(barertc_dtls::Error),
    /// SRTP refused a packet or its configuration.
    Srtp(barertc_srtp::Error),
    /// The SCTP association refused the call, or failed.
    Sctp(barertc_sctp::Error),
    /// The media stream refused the call.
    Media(barertc_rtcp_nack::Error),
}

/// Why a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Failure {
    /// ICE has no path, for this reason. A check of the peer, a new candidate, or
    /// [`restart_ice`](crate::PeerConnection::restart_ice) may still give one.
    Ice(barertc_ice::FailureReason),
    /// The DTLS handshake or the DTLS connection failed. This is final.
    Dtls(barertc_dtls::Error),
    /// The SRTP session could not be made with the keys. This is final.
    Srtp(barertc_srtp::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ice(reason) => write!(f, "no path to the peer: {reason}"),
            Self::Dtls(e) => write!(f, "DTLS: {e}"),
            Self::Srtp(e) => write!(f, "SRTP: {e}"),
        }
    }
}

/// Why a track that receives is refused where nothing can.
pub(crate) const RECEIVED: &str = "tracks that receive: the feature `receive` is off";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMemory => "out of memory",
            Self::WouldBlock => "a queue is full",
            Self::TooMany { what, limit } => return write!(f, "too many {what}: {limit} is the limit"),
            Self::Config(e) => return write!(f, "configuration: {e}"),
            Self::Closed => "the connection is closed",
            Self::Failed(reason) => return write!(f, "the connection has failed: {reason}"),
            Self::NotReady => "media cannot flow yet",
            Self::NoOffer => "there is no offer to be answered",
            Self::OfferPending => "an offer of ours is not answered yet",
            Self::NothingToOffer => "there is nothing to offer",
            Self::NoSuchTrack => "no such track",
            Self::WrongDirection => "the track does not go that way",
            Self::NoCodec => "the track has no codec",
            Self::Encodings => {
                "encodings are two or more of a track that sends video, each with another name and a bit rate"
            }
            Self::NoSuchEncoding => "the track has no encoding of this number, or has several",
            Self::CodecNotSupported => "the codec can only be negotiated",
            Self::MidInUse => "another track has this mid",
            Self::NoData => "there are no data channels",
            Self::NoSuchChannel => "no such data channel",
            Self::CertificateChanged => "the description names another certificate",
            Self::SctpInit => "the answer's a=sctp-init is no INIT chunk of SCTP",
            Self::Sdp(e) => return write!(f, "session description: {e}"),
            Self::Ice(e) => return write!(f, "ICE: {e}"),
            Self::Dtls(e) => return write!(f, "DTLS: {e}"),
            Self::Srtp(e) => return write!(f, "SRTP: {e}"),
            Self::Sctp(e) => return write!(f, "SCTP: {e}"),
            Self::Media(e) => return write!(f, "media: {e}"),
        })
    }
}

impl core::error::Error for Error {}

impl core::error::Error for Failure {}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        Self::NoMemory
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<barertc_sdp::Error> for Error {
    fn from(error: barertc_sdp::Error) -> Self {
        Self::Sdp(error)
    }
}

macro_rules! from_layers {
    ($($variant:ident: $error:ty),+ $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                match error {
                    // A caller does the same about it, whichever layer had no memory.
                    <$error>::NoMemory => Self::NoMemory,
                    error => Self::$variant(error),
                }
            }
        })+
    };
}

from_layers! {
    Ice: barertc_ice::Error,
    Dtls: barertc_dtls::Error,
    Srtp: barertc_srtp::Error,
    Sctp: barertc_sctp::Error,
    Media: barertc_rtcp_nack::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_a_layer_does_not_get_is_told_as_such() {
        let told: [Error; 5] = [
            barertc_ice::Error::NoMemory.into(),
            barertc_dtls::Error::NoMemory.into(),
            barertc_srtp::Error::NoMemory.into(),
            barertc_sctp::Error::NoMemory.into(),
            barertc_rtcp_nack::Error::NoMemory.into(),
        ];
        assert!(told.iter().all(|error| matches!(error, Error::NoMemory)), "{told:?}");
        assert!(matches!(barertc_ice::Error::CandidateProtocol.into(), Error::Ice(_)));
    }
}
