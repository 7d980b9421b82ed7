//! Errors, the alerts that they cause, and the reasons for dropped records.

use core::fmt;

use barertc_wire::ConfigError;

/// The reason why a call was refused or why a connection failed.
///
/// When the peer causes an error, the call that noticed it returns the error, and
/// [`Event::Failed`](crate::Event::Failed) carries it too. Damaged and foreign packets cause no error: they are dropped
/// and counted in [`Discards`](crate::Discards).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The allocator has not enough memory.
    NoMemory,
    /// The caller's buffer is too short for the record or the exported identity.
    BufferTooShort {
        /// The length that the buffer must have, in bytes.
        needed: usize,
    },
    /// This side's handshake messages do not fit into the buffer for outgoing flights.
    FlightTooLong {
        /// The size of the buffer for outgoing flights, in bytes.
        limit: usize,
    },
    /// A handshake message of the peer is longer than [`Config::reassembly`](crate::Config::reassembly).
    MessageTooLong {
        /// The value of [`Config::reassembly`](crate::Config::reassembly), in bytes.
        limit: usize,
        /// The length of the peer's message, in bytes.
        len: usize,
    },
    /// A field of the configuration breaks its rule.
    Config(ConfigError),
    /// The crypto provider refused a key of the right length, for example because all slots of its hardware are in use.
    KeyRefused,
    /// The call needs an established connection.
    NotConnected,
    /// The connection is closed or has failed.
    Closed,
    /// The peer did not answer a flight, nor any of its repetitions.
    TimedOut,
    /// The peer's certificate has none of the fingerprints in its session description (RFC 8122 §6.2).
    FingerprintMismatch,
    /// The peer's signature over the key exchange or the transcript is not valid.
    BadSignature,
    /// The peer's Finished message does not match the transcript of the handshake.
    BadFinished,
    /// The peer's certificate cannot be parsed, or this crate does not support the type of its key.
    BadCertificate,
    /// The peer sent no certificate. WebRTC requires one from both sides (RFC 8827 §6.5).
    NoCertificate,
    /// A handshake message cannot be parsed: its lengths contradict each other.
    Malformed,
    /// A field of a handshake message has a value that the protocol forbids.
    IllegalParameter,
    /// A handshake message arrived that the protocol does not allow at this point of the handshake.
    UnexpectedMessage,
    /// A required extension is missing, such as extended_master_secret (RFC 7627).
    MissingExtension,
    /// The two sides have no DTLS version in common.
    NoCommonVersion,
    /// The two sides have no cipher suite, group or signature scheme in common.
    NoCommonParameters,
    /// The server negotiated DTLS 1.2 although both sides support DTLS 1.3: somebody changed the ClientHello (RFC 8446
    /// §4.1.3).
    Downgraded,
    /// The peer's key share is not a point of the group, or a point of small order.
    BadKeyShare,
    /// The peer sent a fatal alert with this description (RFC 8446 §6).
    PeerAlert(u8),
    /// The bytes are not an exported [`Identity`](crate::Identity).
    BadIdentity,
    /// A key has reached its limit of sequence numbers, or of records that failed authentication (RFC 9147 §4.5.3).
    KeysExhausted,
    /// The server answered with an extension that this client did not send (RFC 8446 §4.2).
    UnsolicitedExtension,
    /// The state of the connection does not allow the call; the documentation of the call says when it is allowed.
    Misuse,
}

impl Error {
    /// The alert that tells the peer why, when it should be told (RFC 8446 §6.2).
    pub(crate) const fn alert(self) -> Option<u8> {
        Some(match self {
            Self::FingerprintMismatch | Self::BadCertificate => alert::BAD_CERTIFICATE,
            Self::BadSignature | Self::BadFinished => alert::DECRYPT_ERROR,
            Self::NoCertificate => alert::CERTIFICATE_REQUIRED,
            Self::Malformed => alert::DECODE_ERROR,
            Self::IllegalParameter | Self::Downgraded | Self::BadKeyShare => alert::ILLEGAL_PARAMETER,
            Self::UnexpectedMessage => alert::UNEXPECTED_MESSAGE,
            Self::MissingExtension => alert::MISSING_EXTENSION,
            Self::NoCommonVersion => alert::PROTOCOL_VERSION,
            Self::NoCommonParameters => alert::HANDSHAKE_FAILURE,
            Self::UnsolicitedExtension => alert::UNSUPPORTED_EXTENSION,
            Self::NoMemory
            | Self::BufferTooShort { .. }
            | Self::FlightTooLong { .. }
            | Self::MessageTooLong { .. }
            | Self::Config(_)
            | Self::KeyRefused
            | Self::BadIdentity
            | Self::Misuse => alert::INTERNAL_ERROR,
            Self::NotConnected | Self::Closed | Self::TimedOut | Self::PeerAlert(_) | Self::KeysExhausted => {
                return None;
            }
        })
    }
}

/// Alert descriptions (RFC 8446 §6; RFC 5246 §7.2).
pub(crate) mod alert {
    pub(crate) const CLOSE_NOTIFY: u8 = 0;
    pub(crate) const UNEXPECTED_MESSAGE: u8 = 10;
    pub(crate) const HANDSHAKE_FAILURE: u8 = 40;
    pub(crate) const BAD_CERTIFICATE: u8 = 42;
    pub(crate) const ILLEGAL_PARAMETER: u8 = 47;
    pub(crate) const DECODE_ERROR: u8 = 50;
    pub(crate) const DECRYPT_ERROR: u8 = 51;
    pub(crate) const PROTOCOL_VERSION: u8 = 70;
    pub(crate) const INTERNAL_ERROR: u8 = 80;
    pub(crate) const USER_CANCELED: u8 = 90;
    pub(crate) const NO_RENEGOTIATION: u8 = 100;
    pub(crate) const MISSING_EXTENSION: u8 = 109;
    pub(crate) const UNSUPPORTED_EXTENSION: u8 = 110;
    pub(crate) const CERTIFICATE_REQUIRED: u8 = 116;

    /// AlertLevel (RFC 5246 §7.2).
    pub(crate) const WARNING: u8 = 1;
    pub(crate) const FATAL: u8 = 2;
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMemory => "out of memory",
            Self::BufferTooShort { needed } => return write!(f, "buffer must have {needed} bytes"),
            Self::FlightTooLong { limit } => return write!(f, "own handshake messages need more than {limit} bytes"),
            Self::MessageTooLong { limit, len } => {
                return write!(f, "peer's handshake message has {len} bytes, `reassembly` allows {limit}");
            }
            Self::Config(error) => return error.fmt(f),
            Self::KeyRefused => "crypto provider refused a key",
            Self::UnsolicitedExtension => "peer sent an extension that was not offered",
            Self::NotConnected => "connection is not established",
            Self::Closed => "connection is closed",
            Self::TimedOut => "peer did not answer",
            Self::FingerprintMismatch => "fingerprint of the peer's certificate is not in its session description",
            Self::BadSignature => "peer's signature is not valid",
            Self::BadFinished => "peer's Finished message does not match the handshake",
            Self::BadCertificate => "peer's certificate cannot be parsed, or its key type is not supported",
            Self::NoCertificate => "peer sent no certificate",
            Self::Malformed => "handshake message cannot be parsed",
            Self::IllegalParameter => "handshake message has a forbidden value",
            Self::UnexpectedMessage => "handshake message is not allowed at this point",
            Self::MissingExtension => "required extension is missing",
            Self::NoCommonVersion => "no common DTLS version",
            Self::NoCommonParameters => "no common cipher suite, group or signature scheme",
            Self::Downgraded => "somebody on the path downgraded the version",
            Self::BadKeyShare => "peer's key share is not a usable point",
            Self::PeerAlert(d) => return write!(f, "peer sent fatal alert {d}"),
            Self::BadIdentity => "bytes are not an exported identity",
            Self::KeysExhausted => "a key has reached its limit of records",
            Self::Misuse => "call is not allowed in this state",
        })
    }
}

impl core::error::Error for Error {}

/// A key could not be derived.
#[cfg(feature = "dtls13")]
impl From<barertc_crypto::Error> for Error {
    fn from(_: barertc_crypto::Error) -> Self {
        Self::KeyRefused
    }
}

impl From<barertc_wire::Truncated> for Error {
    fn from(_: barertc_wire::Truncated) -> Self {
        Self::Malformed
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<barertc_arena::AllocError> for Error {
    fn from(_: barertc_arena::AllocError) -> Self {
        Self::NoMemory
    }
}

barertc_wire::reasons! {
    /// The reason why a record, or a part of a record, was dropped.
    pub enum Discard: Discards {
        /// The bytes are not a DTLS record, or fewer than the record's header says.
        NotARecord,
        /// The connection has no keys for the epoch of the record.
        WrongEpoch,
        /// The record was received before, or is older than the anti-replay window (RFC 9147 §4.5.1).
        Replayed,
        /// The record's authentication tag is wrong (RFC 9147 §4.5.2).
        BadTag,
        /// The offset and length of a handshake fragment exceed the length of its message.
        BadFragment,
        /// A handshake message is longer than [`Config::reassembly`](crate::Config::reassembly).
        OversizedMessage,
        /// A handshake fragment contradicts a fragment of the same message that was received before (RFC 9147 §5.5).
        ConflictingFragment,
        /// The reassembly buffer has no room for the fragment now; the peer repeats the fragment.
        NoRoom,
        /// The handshake message was handled before.
        OldMessage,
        /// The record is plaintext although the peer has keys, so anybody can have written it (RFC 9147 §4.5.2).
        Unprotected,
        /// The record arrived before its keys, and [`Config::early`](crate::Config::early) has no room for it.
        TooEarly,
        /// The datagram arrived after the connection had ended.
        AfterClose,
        /// The connection does not expect the content type or the message, such as a renegotiation.
        Unexpected,
    }
}
