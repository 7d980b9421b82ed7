//! Why there is no connection, or none any more.

use core::fmt;

use barertc_arena::AllocError;
use barertc_wire::{ConfigError, NoRoom, Truncated};
use embedded_io_async::ErrorKind;

use crate::alert;

/// Why a connection is not made, or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The certificate of the server is refused.
    Certificate(CertificateFault),
    /// The server speaks TLS 1.2 or older alone. This client speaks TLS 1.3.
    OnlyOldVersions,
    /// The server and this client have no cipher suite, group or signature scheme in common.
    NoCommonParameters,
    /// The server ended the connection with this alert (RFC 8446 §6).
    Alert(u8),
    /// What the server sent is no TLS, or breaks a rule of it.
    Malformed,
    /// A message of the handshake is not allowed at this point (RFC 8446 §4).
    UnexpectedMessage,
    /// A value of the server's contradicts what was offered.
    IllegalParameter,
    /// A record is not authentic.
    BadRecord,
    /// The server's Finished does not fit the handshake (RFC 8446 §4.4.4).
    BadFinished,
    /// A record is longer than the buffer.
    RecordTooLong {
        /// [`Config::record`](crate::Config::record).
        limit: usize,
        /// Its bytes.
        value: usize,
    },
    /// A message of the handshake is longer than the buffer: most often the server's certificates.
    MessageTooLong {
        /// [`Config::handshake`](crate::Config::handshake).
        limit: usize,
        /// Its bytes.
        value: usize,
    },
    /// The name of the server is neither a DNS name nor an IP address.
    Name,
    /// The time is not known, without which no certificate can be judged.
    NoTime,
    /// The configuration breaks a rule.
    Config(ConfigError),
    /// There is no memory for the buffers.
    NoMemory,
    /// The crypto provider refused a key.
    KeyRefused,
    /// The connection was closed without a goodbye (RFC 8446 §6.1): what came before may not be all.
    Cut,
    /// So many records were sent with one key that no more are allowed, and the server did not let it be changed.
    Exhausted,
    /// The connection has failed before, or was closed by this side.
    Closed,
    /// The byte stream below failed.
    Io(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] ErrorKind),
}

/// Why the certificate of a server is refused (RFC 5280 §6, RFC 9525).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CertificateFault {
    /// It has expired, or one between it and the authority has.
    Expired,
    /// It, or one between it and the authority, is not valid yet: this machine's clock may be wrong.
    NotYetValid,
    /// It is for another name.
    WrongName,
    /// No authority that is trusted vouches for it.
    Untrusted,
    /// A signature is wrong: that of the authority it names, or that of the server over the handshake.
    BadSignature,
    /// It has a key, or a signature, of a kind that is not verified here.
    Unsupported,
    /// It is not for servers, or for no signatures (RFC 5280 §4.2.1.3, §4.2.1.12).
    WrongPurpose,
    /// It has a critical extension that is not known here (RFC 5280 §4.2).
    CriticalExtension,
    /// It is no certificate.
    Malformed,
    /// The server sent more certificates than are looked at.
    TooMany {
        /// So many are.
        limit: usize,
    },
}

impl Error {
    /// The alert that tells the server (RFC 8446 §6.2); `None` where there is nothing to tell, or nobody.
    pub(crate) const fn alert(self) -> Option<u8> {
        Some(match self {
            Self::Certificate(fault) => match fault {
                CertificateFault::Expired | CertificateFault::NotYetValid => alert::CERTIFICATE_EXPIRED,
                CertificateFault::Untrusted => alert::UNKNOWN_CA,
                CertificateFault::BadSignature => alert::DECRYPT_ERROR,
                CertificateFault::Unsupported => alert::UNSUPPORTED_CERTIFICATE,
                _ => alert::BAD_CERTIFICATE,
            },
            Self::OnlyOldVersions => alert::PROTOCOL_VERSION,
            Self::NoCommonParameters => alert::HANDSHAKE_FAILURE,
            Self::Malformed => alert::DECODE_ERROR,
            Self::UnexpectedMessage => alert::UNEXPECTED_MESSAGE,
            Self::IllegalParameter => alert::ILLEGAL_PARAMETER,
            Self::BadRecord => alert::BAD_RECORD_MAC,
            Self::BadFinished => alert::DECRYPT_ERROR,
            Self::RecordTooLong { .. } => alert::RECORD_OVERFLOW,
            Self::MessageTooLong { .. } | Self::NoMemory | Self::KeyRefused | Self::Exhausted => alert::INTERNAL_ERROR,
            _ => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(fault) => fault.fmt(f),
            Self::OnlyOldVersions => f.write_str("the server speaks TLS 1.2 or older alone, and TLS 1.3 is needed"),
            Self::NoCommonParameters => f.write_str(
                "the server finds no cipher suite, group or signature scheme in common: it may be older than TLS 1.3",
            ),
            Self::Alert(code) => write!(f, "the server ended TLS with alert {code} ({})", alert::name(*code)),
            Self::Malformed => f.write_str("what the server sent is malformed"),
            Self::UnexpectedMessage => f.write_str("a message of the handshake came out of turn"),
            Self::IllegalParameter => f.write_str("the server chose what was not offered"),
            Self::BadRecord => f.write_str("a record is not authentic"),
            Self::BadFinished => f.write_str("the handshake was tampered with"),
            Self::RecordTooLong { limit, value } => write!(f, "a record of {value} bytes: the limit is {limit}"),
            Self::MessageTooLong { limit, value } => {
                write!(f, "a message of the handshake of {value} bytes: the limit is {limit}")
            }
            Self::Name => f.write_str("the server's name is neither a DNS name nor an IP address"),
            Self::NoTime => f.write_str("the time is not known, so no certificate can be judged"),
            Self::Config(error) => error.fmt(f),
            Self::NoMemory => f.write_str("no memory for the buffers of TLS"),
            Self::KeyRefused => f.write_str("the crypto provider refused a key"),
            Self::Cut => f.write_str("the connection was closed without a goodbye"),
            Self::Exhausted => f.write_str("too many records with one key"),
            Self::Closed => f.write_str("the connection is closed"),
            Self::Io(kind) => write!(f, "the connection failed ({kind:?})"),
        }
    }
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "its certificate has expired",
            Self::NotYetValid => "its certificate is not valid yet: is this machine's clock right?",
            Self::WrongName => "its certificate is for another name",
            Self::Untrusted => "nobody that is trusted vouches for its certificate",
            Self::BadSignature => "a signature of its certificate, or by it, is wrong",
            Self::Unsupported => "its certificate has a kind of key or signature that is not verified here",
            Self::WrongPurpose => "its certificate is not for servers",
            Self::CriticalExtension => "its certificate has a critical extension that is not known here",
            Self::Malformed => "its certificate is malformed",
            Self::TooMany { limit } => return write!(f, "it sends more than {limit} certificates"),
        })
    }
}

impl core::error::Error for Error {}
impl core::error::Error for CertificateFault {}

impl embedded_io_async::Error for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(kind) => *kind,
            Self::NoMemory => ErrorKind::OutOfMemory,
            Self::Closed => ErrorKind::NotConnected,
            Self::Cut => ErrorKind::ConnectionAborted,
            Self::Certificate(_) => ErrorKind::PermissionDenied,
            Self::OnlyOldVersions | Self::NoCommonParameters => ErrorKind::Unsupported,
            _ => ErrorKind::InvalidData,
        }
    }
}

impl From<CertificateFault> for Error {
    fn from(fault: CertificateFault) -> Self {
        Self::Certificate(fault)
    }
}

/// A key could not be derived.
impl From<barertc_crypto::Error> for Error {
    fn from(_: barertc_crypto::Error) -> Self {
        Self::KeyRefused
    }
}

impl From<Truncated> for Error {
    fn from(_: Truncated) -> Self {
        Self::Malformed
    }
}

impl From<Truncated> for CertificateFault {
    fn from(_: Truncated) -> Self {
        Self::Malformed
    }
}

impl From<NoRoom> for Error {
    fn from(_: NoRoom) -> Self {
        Self::NoMemory
    }
}

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
