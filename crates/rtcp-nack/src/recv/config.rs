//! How one stream is received.

use core::time::Duration;

use barertc_rtp::{ExtensionMap, Framing, JitterConfig, PayloadFormat};
use barertc_wire::{ConfigError, Rule};

use crate::error::Error;

/// The configuration of a stream that is received.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecvConfig {
    /// The SSRC of the stream.
    pub ssrc: u32,
    /// The payload type of the stream.
    pub payload_type: u8,
    /// The format of the payload.
    pub format: PayloadFormat,
    /// How NAL units are separated in the frames that are read.
    pub framing: Framing,
    /// The SSRC and the payload type of retransmissions (RFC 4588).
    pub rtx: Option<(u32, u8)>,
    /// The payload type of redundant audio (RFC 2198) with the same SSRC.
    pub red: Option<u8>,
    /// The SSRC and the payload type of repair packets (FlexFEC).
    pub repair: Option<(u32, u8)>,
    /// How many packets are kept, so that repair packets can restore others. They are kept where repair packets were
    /// negotiated; 0 keeps none.
    pub repair_window: usize,
    /// The SSRC that reports and requests are sent from.
    pub local_ssrc: u32,
    /// The negotiated header extensions.
    pub extensions: ExtensionMap,
    /// How many packets are held until their frame is complete.
    pub packets: usize,
    /// The size of the largest payload in bytes.
    pub payload_bytes: usize,
    /// How long a frame waits for a missing packet.
    pub wait: Duration,
    /// How many missing packets can be asked for at the same time.
    pub missing: usize,
    /// Whether NACK was negotiated. Without it, no missing packet is asked for.
    pub nack: bool,
}

impl RecvConfig {
    /// A configuration for video of ordinary size. A frame has up to 255 packets and waits 300 ms for a missing one.
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

    /// A configuration for audio. A frame waits 60 ms for a missing packet, and no packet is asked for.
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
