use crate::nal::Nal;

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
            Self::H264 | Self::H265 | Self::Vp8 => 90_000,
            Self::Opus => 48_000,
            Self::G711 => 8_000,
        }
    }

    /// Whether the format is of video.
    #[must_use]
    pub const fn is_video(self) -> bool {
        matches!(self, Self::H264 | Self::H265 | Self::Vp8)
    }

    /// Whether frames consist of NAL units.
    #[must_use]
    pub const fn has_nals(self) -> bool {
        matches!(self, Self::H264 | Self::H265)
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
            Self::Opus | Self::G711 => true,
        }
    }
}
