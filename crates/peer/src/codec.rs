//! The one place where what descriptions name meets what is sent and received: adding a codec or a header extension is
//! a line here.

use barertc_sdp::{Codec, Extension, ExtensionMap};

/// The packet format of a codec; `None` for those that can be negotiated only.
pub(crate) const fn frame_codec(codec: &Codec) -> Option<barertc_rtp::PayloadFormat> {
    match codec {
        Codec::H264(_) => Some(barertc_rtp::PayloadFormat::H264),
        Codec::H265 { .. } => Some(barertc_rtp::PayloadFormat::H265),
        Codec::Vp8 => Some(barertc_rtp::PayloadFormat::Vp8),
        Codec::Opus { .. } => Some(barertc_rtp::PayloadFormat::Opus),
        Codec::Pcmu | Codec::Pcma => Some(barertc_rtp::PayloadFormat::G711),
        _ => None,
    }
}

/// The header extensions that we offer and accept, with their numbers in our offers.
pub(crate) fn offered_extensions() -> ExtensionMap {
    ExtensionMap::new()
        .with(Extension::Mid, 1)
        .with(Extension::TransportSequence, 2)
        .with(Extension::AbsSendTime, 3)
        .with(Extension::AudioLevel, 4)
        .with(Extension::VideoOrientation, 5)
        .with(Extension::PlayoutDelay, 6)
}
