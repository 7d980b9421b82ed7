//! How one stream is received.

use core::time::Duration;

use barertc_rtp::{ExtensionMap, Framing, JitterConfig, PayloadFormat};
use barertc_wire::{ConfigError, Rule};

use crate::error::Error;

/// How one stream is received.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecvConfig {
    /// Its source.
    pub ssrc: u32,
    /// Its payload type.
    pub payload_type: u8,
    /// What it carries.
    pub format: PayloadFormat,
    /// How NAL units are set apart in the frames that come out.
    pub framing: Framing,
    /// Source and payload type of its retransmissions (RFC 4588).
    pub rtx: Option<(u32, u8)>,
    /// Payload type of redundant audio (RFC 2198) of the same source.
    pub red: Option<u8>,
    /// Source and payload type of its repair packets (FlexFEC).
    pub repair: Option<(u32, u8)>,
    /// Packets that are kept to restore others with repair packets, where these were negotiated; 0 for none.
    pub repair_window: usize,
    /// The source that reports and requests come from.
    pub local_ssrc: u32,
    /// Negotiated header extensions.
    pub extensions: ExtensionMap,
    /// Packets held until their frame is complete.
    pub packets: usize,
    /// Largest payload.
    pub payload_bytes: usize,
    /// How long a missing packet is waited for.
    pub wait: Duration,
    /// Missing packets that are asked for at the same time, where [`nack`](Self::nack) lets them be asked for at all.
    pub missing: usize,
    /// NACK was negotiated: missing packets may be asked for.
    pub nack: bool,
}

impl RecvConfig {
    /// Video of ordinary size: frames of up to 255 packets, 300 ms for what is missing.
    #[must_use]
    pub const fn video(ssrc: u32, payload_type: u8, format: PayloadFormat) -> Self {
        Self {
            ssrc,
            payload_type,
            format,
            framing: if format.has_nals() { Framing::AnnexB } else { Framing::Whole },
            rtx: None,
            red: None,
            repair: None,
            repair_window: 48,
            local_ssrc: 1,
            extensions: ExtensionMap::new(),
            packets: 256,
            payload_bytes: 1_200,
            wait: Duration::from_millis(300),
            missing: 256,
            nack: true,
        }
    }

    /// Audio: a short wait and no NACK.
    #[must_use]
    pub const fn audio(ssrc: u32, payload_type: u8, format: PayloadFormat) -> Self {
        Self {
            packets: 32,
            repair_window: 0,
            wait: Duration::from_millis(60),
            missing: 0,
            ..Self::video(ssrc, payload_type, format)
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the field, the limit and the value; [`Error::Unframed`].
    pub fn check(&self) -> Result<(), Error> {
        ConfigError::check("payload_type", self.payload_type.into(), Rule::AtMost(127))?;
        if self.format.has_nals() && self.framing == Framing::Whole {
            return Err(Error::Unframed);
        }
        Ok(self.jitter().check()?)
    }

    pub(super) const fn jitter(&self) -> JitterConfig {
        JitterConfig {
            format: self.format,
            framing: self.framing,
            packets: self.packets,
            payload_bytes: self.payload_bytes,
            wait: self.wait,
            extensions: self.extensions,
        }
    }
}
