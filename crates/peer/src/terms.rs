//! What a description means for the streams of a track: the words in which `agreement` tells it and `media` hears it.

#![cfg_attr(not(feature = "receive"), allow(dead_code))] // Nobody hears it.

use barertc_rtcp_nack::{Mid, Rid};
use barertc_rtp::PayloadFormat;
use barertc_wire::ExtensionMap;

/// Payload types that a track may have, its retransmissions not counted.
pub(crate) const MAX_PAYLOADS: usize = barertc_sdp::MAX_CODECS;

/// Encodings that a track may have.
pub(crate) const ENCODINGS: usize = if cfg!(feature = "simulcast") { barertc_sdp::MAX_ENCODINGS } else { 1 };

/// What the streams are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) track: u8,
    /// The number of the encoding.
    pub(crate) encoding: u8,
    /// How many encodings of the track are smaller.
    pub(crate) rank: u8,
    /// Bits a second of the encoding; 0 where it is the only one.
    pub(crate) max_bitrate: u32,
}

/// The streams of a track, or of one of its encodings.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) sends: bool,
    pub(crate) receives: bool,
    /// The payload types that may come; the first is the one to send with.
    pub(crate) payloads: heapless::Vec<PayloadTerms, MAX_PAYLOADS>,
    pub(crate) extensions: ExtensionMap,
    pub(crate) mid: Mid,
    /// The name of the encoding, where packets tell it.
    pub(crate) rid: Rid,
    /// What the peer has announced.
    pub(crate) remote: Option<Remote>,
    /// The payload type of repair packets (FlexFEC).
    pub(crate) flexfec: Option<u8>,
    /// The peer answers reference times (RFC 3611 §4.4).
    pub(crate) rcvr_rtt: bool,
    pub(crate) source: Source,
}

/// A payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PayloadTerms {
    pub(crate) payload_type: u8,
    /// That of its retransmissions (RFC 4588).
    pub(crate) rtx: Option<u8>,
    /// That of packets that carry earlier frames again (RFC 2198).
    pub(crate) red: Option<u8>,
    pub(crate) format: PayloadFormat,
    /// Which of the track's codecs it is.
    pub(crate) codec: u8,
    /// Missing packets may be asked for.
    pub(crate) nack: bool,
    /// The peer wants to know when packets came.
    pub(crate) transport_cc: bool,
}

impl PayloadTerms {
    /// Whether media come with this payload type, by itself or with earlier frames.
    pub(crate) fn carries(&self, payload_type: u8) -> bool {
        self.payload_type == payload_type || self.red == Some(payload_type)
    }
}

/// The sources of what a track sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) ssrc: u32,
    pub(crate) rtx: u32,
    pub(crate) fec: u32,
}

impl Source {
    /// Whether one of them is `ssrc`.
    pub(crate) const fn has(&self, ssrc: u32) -> bool {
        self.ssrc == ssrc || self.rtx == ssrc || self.fec == ssrc
    }
}

/// The sources of what a peer sends, as it has announced them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) ssrc: u32,
    pub(crate) rtx: Option<u32>,
    pub(crate) fec: Option<u32>,
}
