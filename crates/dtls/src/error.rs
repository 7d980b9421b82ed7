use core::fmt;

use barertc_wire::ConfigError;

/// What can go wrong with a connection or an identity.
///
/// Everything a peer can cause arrives as `Event::Failed` (and as the result of the call that noticed it); damaged or
/// foreign packets are not errors, they are dropped and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The allocator gave no memory.
    NoMemory,
    /// The buffer has no room for the record or the export.
    BufferTooShort {
        /// Bytes that it must have.
        needed: usize,
    },
    /// A message of ours does not fit into the room that flights have.
    FlightTooLong {
        /// Bytes of that room.
        limit: usize,
    },
    /// A handshake message of the peer is longer than [`Config::reassembly`](crate::Config::reassembly) allows.
    MessageTooLong {
        /// [`Config::reassembly`](crate::Config::reassembly).
        limit: usize,
        /// Bytes of the message.
        len: usize,
    },
    /// The configuration cannot be used.
    Config(ConfigError),
    /// The crypto provider did not take a key of the right length, for example because all its slots are in use.
    KeyRefused,
    /// The call needs a connection that is established.
    NotConnected,
    /// The connection is closed or has failed.
    Closed,
    /// The peer didn't answer until the last retransmission ran out.
    TimedOut,
    /// The certificate that the peer proved to own isn't the one its description announced (RFC 8122 §6.2).
    FingerprintMismatch,
    /// A signature over the key exchange or the transcript doesn't verify.
    BadSignature,
    /// A Finished message doesn't match the handshake as we saw it.
    BadFinished,
    /// The certificate can't be parsed, or its key is of a kind we don't verify.
    BadCertificate,
    /// The peer has no certificate; both sides must (RFC 8827 §6.5).
    NoCertificate,
    /// A message's fields don't add up.
    Malformed,
    /// A field has a value that the protocol forbids.
    IllegalParameter,
    /// A message came where the handshake has no place for it.
    UnexpectedMessage,
    /// An extension that we require is missing, such as extended_master_secret (RFC 7627).
    MissingExtension,
    /// The peer speaks no version that we do.
    NoCommonVersion,
    /// No cipher suite, group or signature scheme is shared.
    NoCommonParameters,
    /// Someone between us and the peer removed the better version (RFC 8446 §4.1.3).
    Downgraded,
    /// The peer's key share is not a point of the group, or one of small order.
    BadKeyShare,
    /// The peer sent a fatal alert; this is its description (RFC 8446 §6).
    PeerAlert(u8),
    /// Exported bytes aren't an identity.
    BadIdentity,
    /// The sequence numbers, or the number of forgeries a key may see, are used up.
    KeysExhausted,
    /// An extension that we did not ask for (RFC 8446 §4.2).
    UnsolicitedExtension,
    /// A call in an order that the documentation excludes.
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
            Self::FlightTooLong { limit } => return write!(f, "our messages need more than {limit} bytes"),
            Self::MessageTooLong { limit, len } => {
                return write!(f, "peer's handshake message has {len} bytes, `reassembly` allows {limit}");
            }
            Self::Config(error) => return error.fmt(f),
            Self::KeyRefused => "crypto provider did not take a key",
            Self::UnsolicitedExtension => "peer sent an extension that was not asked for",
            Self::NotConnected => "not connected yet",
            Self::Closed => "connection is closed",
            Self::TimedOut => "peer stopped answering",
            Self::FingerprintMismatch => "peer's certificate is not the announced one",
            Self::BadSignature => "peer's signature is wrong",
            Self::BadFinished => "Finished does not match the handshake",
            Self::BadCertificate => "peer's certificate can't be used",
            Self::NoCertificate => "peer has no certificate",
            Self::Malformed => "malformed handshake message",
            Self::IllegalParameter => "forbidden value in a handshake message",
            Self::UnexpectedMessage => "handshake message out of place",
            Self::MissingExtension => "required extension is missing",
            Self::NoCommonVersion => "no common DTLS version",
            Self::NoCommonParameters => "no common cipher suite, group or signature scheme",
            Self::Downgraded => "version was downgraded on the way",
            Self::BadKeyShare => "key share is not a usable point",
            Self::PeerAlert(d) => return write!(f, "peer sent alert {d}"),
            Self::BadIdentity => "not an exported identity",
            Self::KeysExhausted => "keys are used up",
            Self::Misuse => "call not allowed in this state",
        })
    }
}

impl core::error::Error for Error {}

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
    /// Why a record, or a part of one, was dropped.
    pub enum Discard: Discards {
        /// Shorter than its header says, or not a DTLS record.
        NotARecord,
        /// Of a version, type or epoch for which there are no keys (yet, or any more).
        WrongEpoch,
        /// Seen before, or older than the anti-replay window (RFC 9147 §4.5.1).
        Replayed,
        /// Its authentication tag is wrong (RFC 9147 §4.5.2).
        BadTag,
        /// A handshake fragment whose offset and length don't fit its message.
        BadFragment,
        /// A handshake message longer than this side keeps.
        OversizedMessage,
        /// A fragment that says something else than one received before (RFC 9147 §5.5).
        ConflictingFragment,
        /// A fragment for which there is no room now; its sender repeats it.
        NoRoom,
        /// A message that was handled before.
        OldMessage,
        /// Plaintext of a peer that has keys: anybody can write it (RFC 9147 §4.5.2).
        Unprotected,
        /// Arrived before it could be read, and the room for such records was used up.
        TooEarly,
        /// Arrived after the connection had ended.
        AfterClose,
        /// A content type without meaning here, such as renegotiation or heartbeat.
        Unexpected,
    }
}
