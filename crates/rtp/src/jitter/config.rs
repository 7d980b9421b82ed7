//! How much a jitter buffer holds, and how long.

use core::time::Duration;

use barertc_wire::{ConfigError, ExtensionMap, Rule};

use crate::nal::Framing;
use crate::payload_format::PayloadFormat;

/// How much a [`JitterBuffer`](crate::JitterBuffer) holds and how long it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JitterConfig {
    /// What arrives.
    pub format: PayloadFormat,
    /// How NAL units are set apart in the frames that come out.
    pub framing: Framing,
    /// Packets that are held: at least as many as the largest frame has.
    pub packets: usize,
    /// Largest payload that is taken.
    pub payload_bytes: usize,
    /// How long a missing packet is waited for, from when a later one arrived: time for a retransmission or two.
    pub wait: Duration,
    /// Negotiated header extensions: a frame comes with the rotation and the loudness that its packets carry.
    pub extensions: ExtensionMap,
}

impl JitterConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// Names the field, the limit and the value: 1 to 16,384 packets, payloads of at most 65,535 bytes.
    pub const fn check(&self) -> Result<(), ConfigError> {
        match ConfigError::check_range("packets", self.packets as u64, 1, 16_384) {
            Ok(()) => ConfigError::check("payload_bytes", self.payload_bytes as u64, Rule::AtMost(u16::MAX as u64)),
            error => error,
        }
    }
}
