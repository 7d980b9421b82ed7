//! Errors of signaling.

use core::fmt;

use embedded_io_async::ErrorKind;

/// The reason why signaling ended, or why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The stream failed with this error.
    Io(ErrorKind),
    /// The stream ended in the middle of a head, a body or a frame.
    Truncated,
    /// The other side closed the connection in an orderly way.
    Closed,
    /// The other side sent nothing within the time limit, or did not read.
    TimedOut,
    /// A message, a head or a value is longer than the buffer for it.
    TooLong {
        /// The length of the buffer in bytes.
        limit: usize,
    },
    /// The other side broke a rule of HTTP, WebSocket or WHIP.
    Protocol(Violation),
    /// The text is not the JSON of a signaling message.
    Json,
    /// The server refused the request with this HTTP status.
    Status(u16),
    /// The server is busy (status 503). The value is its `Retry-After` in seconds, when there is one.
    Busy(Option<u32>),
    /// The URL cannot be parsed, or has an unknown scheme.
    Url,
    /// The server redirects from `https` to `http`. The client does not follow.
    Downgrade,
    /// The output buffer is too short for the message.
    NoRoom,
}

/// The rule of HTTP, WebSocket or WHIP that the other side broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Violation {
    /// The first line of a head is not a request line or status line (RFC 9112 §3, §4).
    StartLine,
    /// The version of HTTP is not 1.0 or 1.1 (RFC 9112 §2.3).
    Version,
    /// A line of a head is not a header field (RFC 9112 §5).
    HeaderField,
    /// The header field with this name may occur once only, and occurs twice (RFC 9110 §5.3).
    Doubled(&'static str),
    /// The value of the header field with this name is not ASCII (RFC 9110 §5.5).
    NotAscii(&'static str),
    /// `Host` is missing or malformed (RFC 9112 §3.2).
    Host,
    /// `Content-Length` is not a number, or `Transfer-Encoding` is present too (RFC 9112 §6.3).
    ContentLength,
    /// The transfer coding is not `chunked` (RFC 9112 §6.1).
    TransferCoding,
    /// The chunks of a body are malformed (RFC 9112 §7.1).
    Chunk,
    /// The body has another media type than the requested one, or its text is not UTF-8.
    MediaType,
    /// `Location` is missing (RFC 9725 §4.2).
    Location,
    /// The server sent more than 16 interim responses (RFC 9110 §15.2).
    Interim,
    /// The opening handshake of WebSocket is malformed (RFC 6455 §4.1, §4.2.1).
    Handshake,
    /// A WebSocket frame has a reserved bit set or an unknown opcode (RFC 6455 §5.2).
    Opcode,
    /// The length of a WebSocket frame is not in its shortest form, or has its highest bit set (RFC 6455 §5.2).
    FrameLength,
    /// A client sent an unmasked frame, or a server a masked one (RFC 6455 §5.1).
    Mask,
    /// A control frame is fragmented, or longer than 125 bytes (RFC 6455 §5.5).
    Control,
    /// A continuation frame has no message before it, or a new message begins before the last one ended (RFC 6455 §5.4).
    Fragment,
    /// A close frame has a code that may not be sent, or text that is not UTF-8 (RFC 6455 §5.5.1, §7.4).
    CloseFrame,
    /// A text message is not UTF-8 (RFC 6455 §8.1).
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
    /// Converts the error of a stream.
    pub(crate) fn io(error: impl embedded_io_async::Error) -> Self {
        Self::Io(error.kind())
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
    /// The reason why a request, a message or a candidate was refused.
    pub enum Discard: Discards {
        /// The head of a request is not HTTP, is too long, or arrived too slowly.
        Head,
        /// The caller has no token or a wrong one, or is a page of another origin.
        Unauthorized,
        /// The address has sent too many wrong tokens. The server did not compare this one.
        TooManyAttempts,
        /// A message or a body is longer than its buffer.
        TooLong,
        /// The text is not JSON, or the JSON is not a signaling message.
        Json,
        /// A WebSocket frame breaks a rule.
        Frame,
        /// The server does not support the path, the method or the media type.
        Unsupported,
        /// A candidate cannot be used, or belongs to another ICE generation.
        Candidate,
        /// `If-Match` is missing, or names another ICE generation than the current one.
        Precondition,
        /// There is no room for another session.
        Full,
        /// There is no client with the name that the message is for.
        Unknown,
        /// Another connection has the name that the client asks for.
        NameTaken,
        /// The client that the message is for reads too slowly.
        Slow,
    }
}
