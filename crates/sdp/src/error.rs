use core::fmt;

/// Why a session description cannot be read, agreed on or written.
///
/// What this crate does not know (an attribute, codec, media kind or transport) is not an error. It is ignored, or its
/// m-line is answered with port 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// A line is not `<letter>=<value>`, or has a control character in it (RFC 8866 §5 and §9).
    Line {
        /// Which line, counted from 1.
        number: u32,
    },
    /// The first line is not `v=0` (RFC 8866 §5.1).
    Version,
    /// `o=`, `s=` or `t=` is missing, repeated or out of order (RFC 8866 §5).
    Structure,
    /// An m-line that cannot be read (RFC 8866 §5.14).
    Media {
        /// Which line, counted from 1.
        number: u32,
    },
    /// The transport of the accepted m-lines cannot be used.
    Transport(TransportError),
    /// The answer has another number of m-lines than the offer (RFC 3264 §6).
    AnswerLength {
        /// M-lines of the offer.
        offered: usize,
        /// M-lines of the answer.
        answered: usize,
    },
    /// An m-line of the answer has another kind or mid than that of the offer (RFC 3264 §6, RFC 8829 §5.10).
    AnswerLine {
        /// Which m-line, counted from 0.
        index: usize,
    },
    /// The offer to answer is not the one that was negotiated.
    OtherOffer,
    /// An offer of nothing: there is no section.
    EmptyOffer,
    /// A table of this crate is full.
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there can be.
        limit: usize,
    },
    /// A name of ours is too long.
    NameTooLong {
        /// The most bytes.
        limit: usize,
        /// Its bytes.
        value: usize,
    },
    /// A section of ours cannot be written.
    Section {
        /// Which section, counted from 0.
        index: usize,
        /// The rule it breaks.
        rule: SectionError,
    },
    /// Two streams of ours have the same SSRC.
    RepeatedSsrc {
        /// The SSRC.
        ssrc: u32,
    },
    /// A string of ours has a control character in it, such as a line end.
    ControlCharacter,
    /// A candidate of ours does not begin with `candidate:`.
    Candidate,
    /// The output buffer is too short.
    BufferTooShort {
        /// Bytes of the description.
        needed: usize,
    },
}

/// What is wrong with the transport of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TransportError {
    /// There is no `ice-ufrag`.
    NoUfrag,
    /// `ice-ufrag` is not 4 to 256 ICE characters (RFC 8839 §5.4).
    Ufrag,
    /// There is no `ice-pwd`.
    NoPwd,
    /// `ice-pwd` is not 22 to 256 ICE characters (RFC 8839 §5.4).
    Pwd,
    /// There is no `fingerprint` by SHA-256, SHA-384 or SHA-512 (RFC 8122 §5).
    Fingerprint,
    /// `setup` contradicts the rules of offer and answer (RFC 8842 §5).
    Setup,
}

/// What is wrong with a section of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SectionError {
    /// It has no mid, and an offer needs one.
    NoMid,
    /// Its mid is not a token (RFC 8866 §9).
    Mid,
    /// Another section has the same mid.
    RepeatedMid,
    /// A track without a codec.
    NoCodec,
    /// A track that is neither audio nor video.
    Kind,
    /// A payload type above 127.
    PayloadType {
        /// The payload type.
        value: u8,
    },
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUfrag => "no ice-ufrag",
            Self::Ufrag => "ice-ufrag is not 4 to 256 ICE characters",
            Self::NoPwd => "no ice-pwd",
            Self::Pwd => "ice-pwd is not 22 to 256 ICE characters",
            Self::Fingerprint => "no fingerprint by SHA-256, SHA-384 or SHA-512",
            Self::Setup => "the setup roles do not fit together",
        })
    }
}

impl fmt::Display for SectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMid => "has no mid",
            Self::Mid => "has a mid that is not a token",
            Self::RepeatedMid => "has the mid of another section",
            Self::NoCodec => "has no codec",
            Self::Kind => "is a track that is neither audio nor video",
            Self::PayloadType { value } => return write!(f, "has payload type {value}, above 127"),
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { number } => write!(f, "line {number} is malformed"),
            Self::Version => f.write_str("not SDP version 0"),
            Self::Structure => f.write_str("o=, s= or t= is missing, repeated or out of order"),
            Self::Media { number } => write!(f, "the m-line in line {number} is malformed"),
            Self::Transport(error) => fmt::Display::fmt(error, f),
            Self::AnswerLength { offered, answered } => {
                write!(f, "the offer has {offered} m-lines, the answer {answered}")
            }
            Self::AnswerLine { index } => write!(f, "m-line {index} of the answer is not that of the offer"),
            Self::OtherOffer => f.write_str("the offer is not the one that was negotiated"),
            Self::EmptyOffer => f.write_str("there is nothing to offer"),
            Self::TooMany { what, limit } => write!(f, "more than {limit} {what}"),
            Self::NameTooLong { limit, value } => write!(f, "a name has {value} bytes, the most is {limit}"),
            Self::Section { index, rule } => write!(f, "section {index} {rule}"),
            Self::RepeatedSsrc { ssrc } => write!(f, "two streams have SSRC {ssrc}"),
            Self::ControlCharacter => f.write_str("a control character in a string to write"),
            Self::Candidate => f.write_str("a candidate that does not begin with candidate:"),
            Self::BufferTooShort { needed } => write!(f, "the description has {needed} bytes, the buffer fewer"),
        }
    }
}

impl core::error::Error for Error {}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}
