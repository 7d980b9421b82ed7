//! Tracks as the application describes them.

use core::fmt::Write as _;

use barertc_sdp::{Codec, Direction, LocalCodec, MAX_CODECS, MediaKind};

use crate::error::Error;
use crate::terms::ENCODINGS;

pub use barertc_sdp::{MAX_ENCODINGS, MAX_NAME, Name, Rid};

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
    encodings: Encodings,
}

/// One of the encodings of a track that sends several (the W3C's `RTCRtpEncodingParameters`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Encoding {
    /// Its name in descriptions and packets.
    pub rid: Rid,
    /// The most bits a second that the application sends of it, 1 or more. The path is shared out by this figure.
    pub max_bitrate: u32,
}

impl Encoding {
    /// An encoding with this name and bit rate.
    ///
    /// # Errors
    /// [`Error::Sdp`] for a name that is not 1 to 16 letters and digits.
    pub fn new(rid: &str, max_bitrate: u32) -> Result<Self, Error> {
        Ok(Self { rid: Rid::try_from(rid)?, max_bitrate })
    }
}

/// Encodings of which there can be several; else there is room for none.
const NAMED: usize = if ENCODINGS > 1 { ENCODINGS } else { 0 };

#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Encodings {
    rids: heapless::Vec<Rid, NAMED>,
    bitrates: [u32; NAMED],
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
        Ok(Self {
            kind,
            direction,
            mid: Name::try_from(mid)?,
            stream: Name::try_from(stream)?,
            codecs: Codecs(list),
            encodings: Encodings::default(),
        })
    }

    /// The same track with two or three encodings of its pictures: simulcast (RFC 8853), for a server (SFU) that forwards one of
    /// them to each viewer. Their order is that of the description. Servers differ in what they take it for: Janus wants the
    /// largest first, mediasoup the smallest.
    ///
    /// Frames go by [`send_encoding`](crate::PeerConnection::send_encoding). Each encoding has SSRCs of its own, which the
    /// connection chooses. A receiver that takes no simulcast gets the first encoding alone. There are no repair packets
    /// (FlexFEC). The encodings after the first need room in
    /// [`Config::further_encodings`](crate::Config::further_encodings).
    ///
    /// # Errors
    /// [`Error::Encodings`] for less than two, for two with the same name, for a bit rate of 0, for audio, and for a track that
    /// does not send; [`Error::TooMany`] for more than [`MAX_ENCODINGS`], and without the feature `simulcast`.
    pub fn with_encodings(mut self, encodings: impl IntoIterator<Item = Encoding>) -> Result<Self, Error> {
        let mut all = Encodings::default();
        for Encoding { rid, max_bitrate } in encodings {
            if all.rids.contains(&rid) || max_bitrate == 0 {
                return Err(Error::Encodings);
            }
            let full = Error::TooMany { what: "encodings of a track", limit: NAMED };
            *all.bitrates.get_mut(all.rids.len()).ok_or(full)? = max_bitrate;
            all.rids.push(rid).map_err(|_| full)?;
        }
        if all.rids.len() < 2 || self.kind != MediaKind::Video || !self.direction.sends() {
            return Err(Error::Encodings);
        }
        self.encodings = all;
        Ok(self)
    }

    /// The names of the encodings; empty for a track with one.
    #[must_use]
    pub fn rids(&self) -> &[Rid] {
        &self.encodings.rids
    }

    /// How many encodings there are.
    pub(crate) fn encodings(&self) -> usize {
        self.encodings.rids.len().max(1)
    }

    pub(crate) fn rid(&self, encoding: usize) -> Option<&Rid> {
        self.encodings.rids.get(encoding)
    }

    /// The bit rate of an encoding; 0 where there is one alone.
    pub(crate) fn max_bitrate(&self, encoding: usize) -> u32 {
        self.rid(encoding).and(self.encodings.bitrates.get(encoding)).copied().unwrap_or(0)
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
    /// The codec of that payload type, and of the frames that are read next. The peer may change to another agreed codec at
    /// any time (RFC 3264 §6.1). Frames of the former codec that were not read are then dropped.
    pub received_codec: Option<Codec>,
    /// The SSRC of the stream that this side sends.
    pub ssrc: u32,
    /// The SSRC of its retransmissions (RFC 4588).
    pub rtx_ssrc: u32,
}
