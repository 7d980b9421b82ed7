use core::fmt;

use embedded_io_async::ErrorKind;

/// Why signaling stopped, or why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The stream failed. Carries what the stream said.
    Io(ErrorKind),
    /// The stream ended in the middle of a head, a body or a frame.
    Truncated,
    /// The other side closed, in an orderly way.
    Closed,
    /// Nothing came for too long, or the other side does not read.
    TimedOut,
    /// A message, a head or a value is longer than the bytes lent for it.
    TooLong {
        /// What fits, in bytes.
        limit: usize,
    },
    /// The other side broke a rule of HTTP, WebSocket or WHIP.
    Protocol(Violation),
    /// The text is not the JSON of a signaling message.
    Json,
    /// The HTTP status says no.
    Status(u16),
    /// The server is busy (503). Carries its `Retry-After`, in seconds.
    Busy(Option<u32>),
    /// A URL that cannot be read, or one of another scheme.
    Url,
    /// A redirection from `https` to `http`. It is not followed.
    Downgrade,
    /// The output buffer is too small for what is to be written.
    NoRoom,
}

/// The rule that the other side broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Violation {
    /// The first line of a head is no request line or status line (RFC 9112 §3, §4).
    StartLine,
    /// The version of HTTP is not 1.0 or 1.1 (RFC 9112 §2.3).
    Version,
    /// A line of a head is no header field (RFC 9112 §5).
    HeaderField,
    /// A header field that may stand once stands twice (RFC 9110 §5.3). Carries its name.
    Doubled(&'static str),
    /// The value of a header field is not ASCII (RFC 9110 §5.5). Carries the field's name.
    NotAscii(&'static str),
    /// `Host` is missing or no host (RFC 9112 §3.2).
    Host,
    /// `Content-Length` is no number, or stands beside `Transfer-Encoding` (RFC 9112 §6.3).
    ContentLength,
    /// A transfer coding other than `chunked` (RFC 9112 §6.1).
    TransferCoding,
    /// The chunks of a body are malformed (RFC 9112 §7.1).
    Chunk,
    /// The media type of a body is another than the one asked for, or its text is not UTF-8.
    MediaType,
    /// `Location` is missing (RFC 9725 §4.2).
    Location,
    /// More interim answers than anybody sends (RFC 9110 §15.2).
    Interim,
    /// The opening handshake of WebSocket (RFC 6455 §4.1, §4.2.1).
    Handshake,
    /// A reserved bit or an opcode of WebSocket that was not agreed on (RFC 6455 §5.2).
    Opcode,
    /// A length that is not in its shortest form, or has its highest bit set (RFC 6455 §5.2).
    FrameLength,
    /// A client that does not mask, or a server that does (RFC 6455 §5.1).
    Mask,
    /// A control frame that is a fragment, or longer than 125 bytes (RFC 6455 §5.5).
    Control,
    /// A fragment of nothing, or a new message inside of one (RFC 6455 §5.4).
    Fragment,
    /// A close frame with a code that may not be sent, or with text that is not UTF-8 (RFC 6455 §5.5.1, §7.4).
    CloseFrame,
    /// A text message that is not UTF-8 (RFC 6455 §8.1).
    Utf8,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io(kind) => return write!(f, "the connection failed ({kind:?})"),
            Self::Truncated => "the connection ended in the middle of a message",
            Self::Closed => "closed by the other side",
            Self::TimedOut => "timed out",
            Self::TooLong { limit } => return write!(f, "longer than the {limit} bytes that fit"),
            Self::Protocol(violation) => return write!(f, "protocol violated: {violation}"),
            Self::Json => "not a signaling message",
            Self::Status(status) => return write!(f, "refused with HTTP status {status}"),
            Self::Busy(None) => "the server is busy",
            Self::Busy(Some(seconds)) => return write!(f, "the server is busy: try again in {seconds} s"),
            Self::Url => "URL not understood",
            Self::Downgrade => "redirected from https to http, which is not followed",
            Self::NoRoom => "output buffer too small",
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartLine => "the first line is not HTTP",
            Self::Version => "another version of HTTP",
            Self::HeaderField => "a malformed header field",
            Self::Doubled(name) => return write!(f, "{name} stands twice"),
            Self::NotAscii(name) => return write!(f, "{name} is not ASCII"),
            Self::Host => "no Host, or a malformed one",
            Self::ContentLength => "a malformed Content-Length",
            Self::TransferCoding => "an unknown transfer coding",
            Self::Chunk => "malformed chunks",
            Self::MediaType => "another media type than the one asked for",
            Self::Location => "no Location",
            Self::Interim => "too many interim answers",
            Self::Handshake => "the opening handshake of WebSocket failed",
            Self::Opcode => "a reserved bit or opcode of WebSocket",
            Self::FrameLength => "a malformed length of a WebSocket frame",
            Self::Mask => "a WebSocket frame is masked the wrong way",
            Self::Control => "a malformed control frame",
            Self::Fragment => "fragments out of order",
            Self::CloseFrame => "a malformed close frame",
            Self::Utf8 => "text that is not UTF-8",
        })
    }
}

impl core::error::Error for Error {}

impl Error {
    /// What a stream's own error becomes.
    pub(crate) fn io(error: impl embedded_io_async::Error) -> Self {
        Self::Io(error.kind())
    }

    /// What ends a `read_exact` becomes.
    pub(crate) fn exact<E: embedded_io_async::Error>(error: embedded_io_async::ReadExactError<E>) -> Self {
        match error {
            embedded_io_async::ReadExactError::UnexpectedEof => Self::Truncated,
            embedded_io_async::ReadExactError::Other(error) => Self::io(error),
        }
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Protocol(violation)
    }
}

impl From<barertc_wire::NoRoom> for Error {
    fn from(_: barertc_wire::NoRoom) -> Self {
        Self::NoRoom
    }
}

barertc_wire::reasons! {
    /// What was refused.
    pub enum Discard: Discards {
        /// A request head that is not HTTP, is too long, or came too slowly.
        Head,
        /// No token, a wrong one, or a page of somebody else's.
        Unauthorized,
        /// A token after too many wrong ones from the same address. It was not looked at.
        TooManyAttempts,
        /// A message or body longer than the buffer.
        TooLong,
        /// A text that is no JSON, or JSON that is no message.
        Json,
        /// A WebSocket frame against the rules.
        Frame,
        /// A path, method or media type that nothing here answers.
        Unsupported,
        /// A candidate that cannot be used, or one of another ICE generation.
        Candidate,
        /// `If-Match` names another ICE generation than the one in use, or is missing.
        Precondition,
        /// No room for another session.
        Full,
        /// A message for somebody who is not there.
        Unknown,
        /// A name that another connection has.
        NameTaken,
        /// A message for a client that reads too slowly.
        Slow,
    }
}
