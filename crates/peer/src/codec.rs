//! The one place where what descriptions name meets what is sent and received: adding a codec or a header extension is
//! a line here.

use barertc_rtp::ExtensionKind;
use barertc_sdp::{Codec, Extension, ExtensionMap};

/// The packet format of a codec; `None` for those that can be negotiated only.
pub(crate) const fn frame_codec(codec: &Codec) -> Option<barertc_rtp::Codec> {
    match codec {
        Codec::H264(_) => Some(barertc_rtp::Codec::H264),
        Codec::H265 { .. } => Some(barertc_rtp::Codec::H265),
        Codec::Vp8 => Some(barertc_rtp::Codec::Vp8),
        Codec::Opus { .. } => Some(barertc_rtp::Codec::Opus),
        Codec::Pcmu | Codec::Pcma => Some(barertc_rtp::Codec::G711),
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

const fn kind(extension: Extension) -> Option<ExtensionKind> {
    match extension {
        Extension::Mid => Some(ExtensionKind::Mid),
        Extension::Rid => Some(ExtensionKind::Rid),
        Extension::RepairedRid => Some(ExtensionKind::RepairedRid),
        Extension::TransportSequence => Some(ExtensionKind::TransportSequence),
        Extension::AbsSendTime => Some(ExtensionKind::AbsSendTime),
        Extension::AudioLevel => Some(ExtensionKind::AudioLevel),
        Extension::VideoOrientation => Some(ExtensionKind::VideoOrientation),
        Extension::PlayoutDelay => Some(ExtensionKind::PlayoutDelay),
        _ => None,
    }
}

/// Negotiated extensions as packets use them.
pub(crate) fn extension_map(extensions: &ExtensionMap) -> barertc_rtp::ExtensionMap {
    let mut map = barertc_rtp::ExtensionMap::new();
    for (extension, id) in extensions.iter() {
        if let Some(kind) = kind(extension) {
            // Numbers that RFC 8285 reserves do not come out of the negotiation.
            let _ = map.set(kind, id);
        }
    }
    map
}
