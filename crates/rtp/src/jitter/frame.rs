//! What a jitter buffer gives.

use barertc_wire::Instant;

use crate::extension::AudioLevel;
use crate::rtcp::NtpTime;

/// A frame that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReceivedFrame {
    /// The bytes that were written to the caller's buffer.
    pub len: usize,
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// Whether a decoder can start with this frame.
    pub key: bool,
    /// Whether the frame is proven to be whole. A frame that is not has only its whole NAL units.
    ///
    /// H.264 and H.265 do not mark the beginning of a frame, and AV1 only that of a sequence. It is proven when the packet before was received and has
    /// another timestamp. The first frame of a stream proves it by its parameter sets and by a slice that starts at the
    /// first macroblock; so does a key frame for which what lay before it was given up.
    pub complete: bool,
    /// How many packets were given up between the previous frame and the end of this one. When there are some, this
    /// frame may depend on a frame that is missing.
    pub lost: u32,
    /// When its first packet arrived.
    pub arrived: Instant,
    /// When the frame was captured, on the clock of the sender. `None` before a sender report has told how that clock
    /// relates to timestamps (RFC 3550 §6.4.1). Audio and video frames with the same time belong together.
    pub captured: Option<NtpTime>,
    /// The bits for camera, flip and rotation (3GPP TS 26.114 §7.4.5), as the stream has told them last.
    pub video_orientation: Option<u8>,
    /// Loudness of an audio frame (RFC 6464).
    pub audio_level: Option<AudioLevel>,
}
