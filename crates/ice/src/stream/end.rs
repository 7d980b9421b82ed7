//! Why streams end.
use core::fmt;

/// Why a stream has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StreamEnd {
    /// No connection could be made: it was refused, or there is no way to the other end.
    NotConnected,
    /// The connection was not made in time.
    ConnectTimeout,
    /// The certificate of the other end is not trusted.
    Certificate(CertificateFault),
    /// The other end speaks TLS 1.2 or older alone, and this side does not.
    OldTls,
    /// This side does not know the time, without which it can judge no certificate.
    NoTime,
    /// TLS failed for another reason than the certificate.
    Tls,
    /// There is no place for another stream.
    TooMany {
        /// How many there can be.
        limit: usize,
    },
    /// There was no memory for the stream's buffers.
    NoMemory,
    /// The other end has closed the stream between two messages.
    Closed,
    /// The other end has closed the stream inside of a message.
    Cut {
        /// How many bytes were missing; 0 where not even the length had come.
        missing: usize,
    },
    /// The stream failed, such as by a reset.
    Failed,
    /// The other end took nothing for too long.
    Stalled,
    /// What arrived begins no message.
    Malformed,
    /// A message is longer than the buffer.
    TooLong {
        /// Bytes of the buffer.
        limit: usize,
        /// Bytes of the message, with what the framing adds to it.
        value: usize,
    },
}

/// Why a certificate is not trusted (RFC 5280 §6, RFC 9525).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CertificateFault {
    /// It has expired.
    Expired,
    /// It is not valid yet: this machine's clock may be wrong.
    NotYetValid,
    /// It is for another name.
    WrongName,
    /// Nobody that is trusted vouches for it.
    Untrusted,
    /// A signature is wrong: that of whom it names, or that of the other end over the handshake.
    BadSignature,
    /// Another fault.
    Other,
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "its certificate has expired",
            Self::NotYetValid => "its certificate is not valid yet: is this machine's clock right?",
            Self::WrongName => "its certificate is for another name",
            Self::Untrusted => "nobody that is trusted vouches for its certificate",
            Self::BadSignature => "a signature of its certificate, or by it, is wrong",
            Self::Other => "its certificate is not accepted",
        })
    }
}

impl fmt::Display for StreamEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => f.write_str("no connection could be made"),
            Self::ConnectTimeout => f.write_str("no connection was made in time"),
            Self::Certificate(fault) => fault.fmt(f),
            Self::OldTls => f.write_str("it speaks TLS 1.2 or older alone, and TLS 1.3 is needed"),
            Self::NoTime => f.write_str("the time is not known, so no certificate can be judged"),
            Self::Tls => f.write_str("TLS failed"),
            Self::TooMany { limit } => write!(f, "too many streams: the limit is {limit}"),
            Self::NoMemory => f.write_str("out of memory for a stream"),
            Self::Closed => f.write_str("the other end has closed the stream"),
            Self::Cut { missing } => {
                write!(f, "the stream was closed inside of a message: {missing} bytes are missing")
            }
            Self::Failed => f.write_str("the stream failed"),
            Self::Stalled => f.write_str("the other end took nothing for too long"),
            Self::Malformed => f.write_str("what arrived begins no message"),
            Self::TooLong { limit, value } => write!(f, "a message of {value} bytes: the limit is {limit}"),
        }
    }
}

impl core::error::Error for StreamEnd {}
