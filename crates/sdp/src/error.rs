use core::fmt;

/// Why a session description was refused, or could not be written.
///
/// What is merely not understood (an unknown attribute, codec, media kind or transport) is never an error: it is
/// ignored or answered with a rejected m-line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// Longer than [`MAX_LEN`](crate::MAX_LEN) or more lines than [`MAX_LINES`](crate::MAX_LINES).
    TooLong,
    /// More than [`MAX_MEDIA`](crate::MAX_MEDIA) m-lines.
    TooManyMedia,
    /// A line is not `<letter>=<value>`, or a control character is in it (RFC 8866 §5 and §9).
    Line {
        /// Which line, counted from 1.
        number: u16,
    },
    /// The first line is not `v=0` (RFC 8866 §5.1).
    Version,
    /// `o=`, `s=` or `t=` is missing, repeated or out of order (RFC 8866 §5).
    Structure,
    /// An m-line that cannot be read (RFC 8866 §5.14).
    Media,
    /// An attribute that everything depends on (ICE credentials, fingerprint, setup) is malformed or missing.
    Transport(TransportError),
    /// An answer that does not fit the offer it answers (RFC 3264 §6).
    Mismatch,
    /// What the caller wants written cannot be: an empty or malformed mid, a line break in a name, no codec.
    Local,
    /// The output buffer is too small.
    NoRoom,
}

/// Which part of the transport description is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TransportError {
    /// No `ice-ufrag`, or not 4 to 256 ice-chars (RFC 8839 §5.4).
    Ufrag,
    /// No `ice-pwd`, or not 22 to 256 ice-chars (RFC 8839 §5.4).
    Pwd,
    /// No readable `fingerprint` (RFC 8122 §5).
    Fingerprint,
    /// `setup` contradicts the offer/answer rules (RFC 8842 §5).
    Setup,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "session description too long",
            Self::TooManyMedia => "too many m-lines",
            Self::Line { number } => return write!(f, "line {number} is malformed"),
            Self::Version => "not SDP version 0",
            Self::Structure => "a required session line is missing or misplaced",
            Self::Media => "malformed m-line",
            Self::Transport(TransportError::Ufrag) => "missing or malformed ice-ufrag",
            Self::Transport(TransportError::Pwd) => "missing or malformed ice-pwd",
            Self::Transport(TransportError::Fingerprint) => "missing or malformed fingerprint",
            Self::Transport(TransportError::Setup) => "setup role not possible",
            Self::Mismatch => "the answer does not fit the offer",
            Self::Local => "the local description cannot be expressed",
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
