//! The payload formats.

use crate::nal::Nal;
use crate::obu;

/// The format of a payload: the codec and the way in which frames are cut into packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PayloadFormat {
    /// H.264, packetization-mode 1 (RFC 6184).
    H264,
    /// H.265 (RFC 7798).
    H265,
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9 (RFC 9628). A frame is what the encoder gives out for a picture: a frame or a superframe.
    Vp9,
    /// AV1 (RTP payload format of the Alliance for Open Media). A frame is a temporal unit, whose units have sizes.
    Av1,
    /// Opus (RFC 7587).
    Opus,
    /// G.711 µ-law or A-law (RFC 3551 §4.5.14).
    G711,
}

impl PayloadFormat {
    /// The ticks per second of the RTP timestamp.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::H264 | Self::H265 | Self::Vp8 | Self::Vp9 | Self::Av1 => 90_000,
            Self::Opus => 48_000,
            Self::G711 => 8_000,
        }
    }

    /// Whether the format is of video.
    #[must_use]
    pub const fn is_video(self) -> bool {
        matches!(self, Self::H264 | Self::H265 | Self::Vp8 | Self::Vp9 | Self::Av1)
    }

    /// Whether frames consist of NAL units.
    #[must_use]
    pub const fn has_nals(self) -> bool {
        matches!(self, Self::H264 | Self::H265)
    }

    /// Whether a decoder can start at a whole frame of VP8, VP9 or AV1. The NAL units of H.264 and H.265 have to be found
    /// before: [`Frame::is_key`](crate::Frame::is_key) tells for them.
    #[must_use]
    pub fn is_key_frame(self, frame: &[u8]) -> bool {
        self.is_key(frame, &[])
    }

    /// Bytes of a NAL unit's header.
    #[must_use]
    pub(crate) const fn nal_header_len(self) -> usize {
        match self {
            Self::H264 => 1,
            Self::H265 => 2,
            _ => 0,
        }
    }

    /// Whether a decoder can start at this frame.
    #[must_use]
    pub(crate) fn is_key(self, bytes: &[u8], nals: &[Nal]) -> bool {
        let mut headers = nals.iter().filter_map(|n| bytes.get(n.offset as usize).copied());
        match self {
            // A coded slice of an IDR picture (ITU-T H.264 table 7-1).
            Self::H264 => headers.any(|h| h & 0x1f == 5),
            // BLA, IDR and CRA pictures (ITU-T H.265 table 7-1).
            Self::H265 => headers.any(|h| matches!((h >> 1) & 0x3f, 16..=21)),
            // The inverse key frame flag of the frame tag (RFC 6386 §9.1).
            Self::Vp8 => bytes.first().is_some_and(|b| b & 1 == 0),
            Self::Vp9 => is_vp9_key(bytes),
            Self::Av1 => obu::is_key(bytes),
            Self::Opus | Self::G711 => true,
        }
    }
}

/// Whether a frame of VP9 is a key frame, by its uncompressed header: frame_marker (2 bits, which are 2), profile_low_bit,
/// profile_high_bit, a reserved bit in profile 3 only, show_existing_frame, frame_type (VP9 bitstream specification §6.2).
pub(crate) fn is_vp9_key(frame: &[u8]) -> bool {
    let Some(first) = frame.first() else { return false };
    let behind = if first & 0x30 == 0x30 { first << 5 } else { first << 4 };
    first & 0xc0 == 0x80 && behind & 0xc0 == 0
}
