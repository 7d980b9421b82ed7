//! Errors of descriptions.

use core::fmt;

/// The reason why a session description cannot be read, negotiated or written.
///
/// An unknown attribute or codec is ignored, and an m-line of an unknown kind or transport is answered with port 0. None
/// of them is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// A line is not `<letter>=<value>`, or has a control character in it (RFC 8866 §5 and §9).
    Line {
        /// The number of the line, counted from 1.
        number: u32,
    },
    /// The first line is not `v=0` (RFC 8866 §5.1).
    Version,
    /// `o=`, `s=` or `t=` is missing, repeated or out of order (RFC 8866 §5).
    Structure,
    /// An m-line cannot be read (RFC 8866 §5.14).
    Media {
        /// The number of the line in the description, counted from 1.
        number: u32,
    },
    /// The transport attributes of the accepted m-lines are missing or malformed.
    Transport(TransportError),
    /// The answer has another number of m-lines than the offer (RFC 3264 §6).
    AnswerLength {
        /// The number of m-lines in the offer.
        offered: usize,
        /// The number of m-lines in the answer.
        answered: usize,
    },
    /// An m-line of the answer has another kind or mid than the m-line of the offer (RFC 3264 §6, RFC 8829 §5.10).
    AnswerLine {
        /// The index of the m-line, counted from 0.
        index: usize,
    },
    /// The [`Negotiated`](crate::Negotiated) value belongs to another offer, or its m-line does not exist.
    OtherOffer,
    /// The offer has no section, so it would offer nothing.
    EmptyOffer,
    /// A fixed limit of this crate is exceeded.
    TooMany {
        /// The kind of the values that exceed the limit.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A [`Name`](crate::Name) is too long.
    NameTooLong {
        /// The limit in bytes.
        limit: usize,
        /// The length of the name in bytes.
        value: usize,
    },
    /// A section of the local description breaks a rule.
    Section {
        /// The index of the section, counted from 0.
        index: usize,
        /// The rule that it breaks.
        rule: SectionError,
    },
    /// A [`Rid`](crate::Rid) is empty, or has characters that are neither letters nor digits (RFC 8852 §3.3).
    Rid,
    /// Two streams of the local description have the same SSRC.
    RepeatedSsrc {
        /// The SSRC.
        ssrc: u32,
    },
    /// A string of the local description contains a control character, such as a line end.
    ControlCharacter,
    /// A candidate of the local description does not begin with `candidate:`.
    Candidate,
    /// The output buffer is too short.
    BufferTooShort {
        /// The length of the description in bytes.
        needed: usize,
    },
}

/// The rule that the transport attributes of a description break.
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
    /// There is no `fingerprint` with SHA-256, SHA-384 or SHA-512 (RFC 8122 §5).
    Fingerprint,
    /// The `setup` attributes of offer and answer do not give one DTLS client and one DTLS server (RFC 8842 §5).
    Setup,
}

/// The rule that a section of the local description breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SectionError {
    /// The section has no mid. Each section of an offer needs one.
    NoMid,
    /// The mid is not a token (RFC 8866 §9).
    Mid,
    /// Another section has the same mid.
    RepeatedMid,
    /// The track has no codec.
    NoCodec,
    /// The track is neither audio nor video.
    Kind,
    /// A payload type is above 127.
    PayloadType {
        /// The payload type.
        value: u8,
    },
    /// Two encodings of the track have the same rid.
    RepeatedRid,
    /// The track has encodings, and the feature `simulcast` is off.
    NoSimulcast,
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
            Self::RepeatedRid => "has two encodings with the same rid",
            Self::NoSimulcast => "has encodings, and the feature `simulcast` is off",
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
            Self::Rid => f.write_str("a rid is not one or more letters and digits"),
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
