//! What a payload tells of its frame, without putting the frame together.

use super::{av1, h264, h265, vp8, vp9};
use crate::payload_format::PayloadFormat;

/// A set of facts about the NAL units in one or more payloads of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts(u16);

impl Parts {
    /// A video parameter set (H.265).
    pub(crate) const VPS: Self = Self(1);
    /// A sequence parameter set.
    pub(crate) const SPS: Self = Self(2);
    /// A picture parameter set.
    pub(crate) const PPS: Self = Self(4);
    /// The slice that starts at the first macroblock or coding tree unit of the picture.
    pub(crate) const FIRST_SLICE: Self = Self(8);
    /// Any slice.
    pub(crate) const SLICE: Self = Self(16);
    /// A unit ends with this payload.
    pub(crate) const UNIT_END: Self = Self(32);
    /// The frame certainly begins here: the start bit of VP8 and VP9, N of AV1, any packet of audio.
    pub(crate) const START: Self = Self(64);
    /// The packet carries the extension for rotation or loudness.
    pub(crate) const CARRIES: Self = Self(128);

    /// A part of a picture that a decoder can start with.
    pub(crate) const KEY: Self = Self(256);

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn with_carried(self, carries: bool) -> Self {
        if carries { self.with(Self::CARRIES) } else { self }
    }

    pub(crate) const fn contains(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }

    /// What `payload` has.
    pub(crate) fn of(format: PayloadFormat, payload: &[u8]) -> Self {
        match format {
            PayloadFormat::H264 => h264::parts(payload),
            PayloadFormat::H265 => h265::parts(payload),
            PayloadFormat::Vp8 => vp8::parts(payload),
            PayloadFormat::Vp9 => vp9::parts(payload),
            PayloadFormat::Av1 => av1::parts(payload),
            PayloadFormat::Opus | PayloadFormat::G711 => Self::START,
        }
    }

    /// What proves the beginning of a frame before which no packet is known: its parameter sets and its first slice.
    pub(crate) const fn beginning(format: PayloadFormat) -> Self {
        let h264 = Self::SPS.with(Self::PPS).with(Self::FIRST_SLICE);
        match format {
            PayloadFormat::H264 => h264,
            PayloadFormat::H265 => h264.with(Self::VPS),
            _ => Self::START,
        }
    }
}
