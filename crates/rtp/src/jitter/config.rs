//! How much a jitter buffer holds, and how long.

use core::time::Duration;

use barertc_wire::{ConfigError, ExtensionMap, Rule};

use crate::nal::Framing;
use crate::payload_format::PayloadFormat;

/// The configuration of a [`JitterBuffer`](crate::JitterBuffer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JitterConfig {
    /// The format of the payload.
    pub format: PayloadFormat,
    /// How NAL units are separated in the frames that are read.
    pub framing: Framing,
    /// How many packets are held. It must be at least the number of packets of the largest frame.
    pub packets: usize,
    /// The size of the largest payload in bytes.
    pub payload_bytes: usize,
    /// How long a frame waits for a missing packet. The time counts from the arrival of a later packet. It should be
    /// enough for one or two retransmissions.
    pub wait: Duration,
    /// The negotiated header extensions. A frame has the rotation or the loudness that its packets carry.
    pub extensions: ExtensionMap,
}

impl JitterConfig {
    /// Checks every field: 1 to 16,384 packets, and payloads of at most 65,535 bytes.
    ///
    /// # Errors
    /// [`ConfigError`] names the field, the limit and the value.
    pub const fn check(&self) -> Result<(), ConfigError> {
        match ConfigError::check_range("packets", self.packets as u64, 1, 16_384) {
            Ok(()) => ConfigError::check("payload_bytes", self.payload_bytes as u64, Rule::AtMost(u16::MAX as u64)),
            error => error,
        }
    }
}
