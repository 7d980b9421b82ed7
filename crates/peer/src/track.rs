//! Tracks as the application describes them.

use core::fmt::Write as _;

use barertc_sdp::{Codec, Direction, LocalCodec, MAX_CODECS, MediaKind};

use crate::error::Error;

pub use barertc_sdp::{MAX_NAME, Name};

/// A number as a name, to the base of 10 or 16.
pub(crate) fn number(value: u64, hexadecimal: bool) -> Name {
    let mut text = heapless::String::<20>::new();
    // Twenty digits fit.
    let _ = match hexadecimal {
        true => write!(text, "{value:016x}"),
        false => write!(text, "{value}"),
    };
    Name::try_from(text.as_str()).unwrap_or_default()
}

/// The id of a track of a [`PeerConnection`](crate::PeerConnection). It is valid as long as the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrackId(pub(crate) u8);

impl TrackId {
    /// The position among the tracks, in the order in which they were added.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The configuration of a track: the W3C's transceiver.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrackConfig {
    /// [`MediaKind::Audio`] or [`MediaKind::Video`].
    pub kind: MediaKind,
    /// The direction that this side asks for.
    pub direction: Direction,
    /// The mid of its m-line in offers of this side. Where it is empty, the mid is a number. An answer takes the mid of
    /// the offer.
    pub mid: Name,
    /// The id of the media stream that the track belongs to (RFC 8830). A receiver synchronises tracks with the same
    /// id.
    pub stream: Name,
    codecs: Codecs,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Codecs(pub(crate) heapless::Vec<LocalCodec, MAX_CODECS>);

#[cfg(feature = "defmt")]
impl defmt::Format for Codecs {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=[?]}", self.0.as_slice());
    }
}

impl TrackConfig {
    /// A track that only sends. `codecs` are in order of preference.
    ///
    /// # Errors
    /// [`Error::Sdp`] for a name that is too long; [`Error::TooMany`] above [`MAX_CODECS`] codecs; [`Error::NoCodec`].
    pub fn sendonly(
        kind: MediaKind,
        mid: &str,
        stream: &str,
        codecs: impl IntoIterator<Item = LocalCodec>,
    ) -> Result<Self, Error> {
        Self::new(kind, Direction::SendOnly, mid, stream, codecs)
    }

    /// A track that sends and receives. `codecs` are in order of preference.
    ///
    /// # Errors
    /// As [`sendonly`](Self::sendonly).
    pub fn sendrecv(
        kind: MediaKind,
        mid: &str,
        stream: &str,
        codecs: impl IntoIterator<Item = LocalCodec>,
    ) -> Result<Self, Error> {
        Self::new(kind, Direction::SendRecv, mid, stream, codecs)
    }

    /// A track that only receives. `codecs` are in order of preference.
    ///
    /// # Errors
    /// As [`sendonly`](Self::sendonly).
    pub fn recvonly(kind: MediaKind, mid: &str, codecs: impl IntoIterator<Item = LocalCodec>) -> Result<Self, Error> {
        Self::new(kind, Direction::RecvOnly, mid, "", codecs)
    }

    fn new(
        kind: MediaKind,
        direction: Direction,
        mid: &str,
        stream: &str,
        codecs: impl IntoIterator<Item = LocalCodec>,
    ) -> Result<Self, Error> {
        let mut list = heapless::Vec::new();
        for codec in codecs {
            list.push(codec).map_err(|_| Error::TooMany { what: "codecs of a track", limit: MAX_CODECS })?;
        }
        if list.is_empty() {
            return Err(Error::NoCodec);
        }
        Ok(Self { kind, direction, mid: Name::try_from(mid)?, stream: Name::try_from(stream)?, codecs: Codecs(list) })
    }

    /// The codecs, in order of preference.
    #[must_use]
    pub fn codecs(&self) -> &[LocalCodec] {
        &self.codecs.0
    }

    pub(crate) fn codecs_mut(&mut self) -> &mut [LocalCodec] {
        &mut self.codecs.0
    }
}

/// A track as the last descriptions have agreed on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TrackInfo<'c> {
    /// Audio or video.
    pub kind: MediaKind,
    /// The mid of its m-line. It is empty before a description has named it.
    pub mid: &'c str,
    /// The direction that this side asks for.
    pub direction: Direction,
    /// The direction that was agreed on: the W3C's `currentDirection`.
    pub current_direction: Direction,
    /// The codec that this side sends. `None` before one was agreed on.
    pub codec: Option<Codec>,
    /// The payload type that this side sends.
    pub payload_type: Option<u8>,
    /// The payload type that the peer sends, while the track receives. It is one of those agreed on.
    pub received_payload_type: Option<u8>,
    /// The codec of that payload type. The frames that are read next have it. The peer may change to another agreed codec at
    /// any time (RFC 3264 §6.1). Frames that were not read before are dropped then.
    pub received_codec: Option<Codec>,
    /// The SSRC of the stream that this side sends.
    pub ssrc: u32,
    /// The SSRC of its retransmissions (RFC 4588).
    pub rtx_ssrc: u32,
}
