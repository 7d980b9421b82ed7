use core::fmt;

/// Why signaling stopped or a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The stream failed or ended in the middle of something.
    Io,
    /// The other side closed, in an orderly way.
    Closed,
    /// Nothing came for too long, or the other side does not read.
    TimedOut,
    /// A message or a head longer than the buffer lent for it.
    TooLong,
    /// Not HTTP, not WebSocket, or against their rules.
    Protocol,
    /// Not the JSON of a signaling message.
    Json,
    /// The HTTP status says no.
    Status(u16),
    /// A URL that cannot be read, or of another scheme.
    Url,
    /// The output buffer is too small.
    NoRoom,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io => "the connection failed",
            Self::Closed => "closed by the other side",
            Self::TimedOut => "timed out",
            Self::TooLong => "message too long",
            Self::Protocol => "protocol violated",
            Self::Json => "not a signaling message",
            Self::Status(status) => return write!(f, "refused with HTTP status {status}"),
            Self::Url => "URL not understood",
            Self::NoRoom => "output buffer too small",
        })
    }
}

impl core::error::Error for Error {}

impl From<barertc_wire::NoRoom> for Error {
    fn from(_: barertc_wire::NoRoom) -> Self {
        Self::NoRoom
    }
}

barertc_wire::reasons! {
    /// What was refused.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum Discard: Discards {
        /// A request head that is not HTTP, too long, or too slow.
        Head,
        /// No token, a wrong one, or a page of somebody else's.
        Unauthorized,
        /// A message or body longer than the buffer.
        TooLong,
        /// JSON that is none, or not a message.
        Json,
        /// A WebSocket frame against the rules.
        Frame,
        /// A path, method or media type that nothing here answers.
        Unsupported,
        /// No room for another session.
        Full,
        /// A message for somebody who is not there.
        Unknown,
    }
}
