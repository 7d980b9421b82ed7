//! What a description means for the streams of a track: the words in which `agreement` tells it and `media` hears it.

use barertc_rtcp_nack::Mid;
use barertc_rtp::PayloadFormat;
use barertc_wire::ExtensionMap;

/// Payload types that a track may have, its retransmissions not counted.
pub(crate) const MAX_PAYLOADS: usize = barertc_sdp::MAX_CODECS;

/// The streams of a track.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) sends: bool,
    pub(crate) receives: bool,
    /// The payload types that may come; the first is the one to send with.
    pub(crate) payloads: heapless::Vec<PayloadTerms, MAX_PAYLOADS>,
    pub(crate) extensions: ExtensionMap,
    pub(crate) mid: Mid,
    /// What the peer has announced: its source, and that of retransmissions.
    pub(crate) remote: Option<(u32, Option<u32>)>,
    pub(crate) source: Source,
}

/// A payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PayloadTerms {
    pub(crate) payload_type: u8,
    /// That of its retransmissions (RFC 4588).
    pub(crate) rtx: Option<u8>,
    pub(crate) format: PayloadFormat,
    /// Missing packets may be asked for.
    pub(crate) nack: bool,
    /// The peer wants to know when packets came.
    pub(crate) transport_cc: bool,
}

/// The sources of what a track sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) ssrc: u32,
    pub(crate) rtx: u32,
}
