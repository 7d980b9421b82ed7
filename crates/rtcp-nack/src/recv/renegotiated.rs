//! What is learned of a stream that is being received, and what a later description changes.

use barertc_arena::Allocator;
use barertc_rtp::{ExtensionMap, Framing, PayloadFormat};
use barertc_wire::Instant;

use super::RecvStream;
use crate::error::Error;
use crate::reception::Reception;
use crate::restore::Restorer;

impl<A: Allocator + Clone> RecvStream<A> {
    /// The source sends another of the agreed payload types from now on (RFC 3264 §6.1). What is held of the former one is
    /// forgotten. `rtx` is the payload type of retransmissions of the new one.
    pub fn set_format(&mut self, _now: Instant, payload_type: u8, format: PayloadFormat, rtx: Option<u8>) {
        if format != self.config.format {
            self.config.format = format;
            self.config.framing = if format.has_nals() { Framing::AnnexB } else { Framing::Whole };
            self.jitter.set_format(format, self.config.framing);
            self.key_frames.join(format.is_video());
        }
        self.config.payload_type = payload_type;
        self.config.rtx = self.config.rtx.zip(rtx).map(|((ssrc, _), rtx)| (ssrc, rtx));
    }

    /// The stream has another source from now on, as when the peer did not announce it: what is held is gone. Counters
    /// go on.
    pub fn set_source(&mut self, _now: Instant, ssrc: u32) {
        self.config.ssrc = ssrc;
        self.reception = Reception::new(self.config.format.clock_rate());
        self.missing.forget();
        if let Some(restorer) = &mut self.restorer {
            restorer.reset();
        }
        self.jitter.reset();
        self.key_frames.forget(self.config.format.is_video());
    }

    /// Source and payload type of retransmissions, once they are known.
    pub const fn set_rtx(&mut self, _now: Instant, rtx: Option<(u32, u8)>) {
        self.config.rtx = rtx;
    }

    /// Source and payload type of repair packets, once they are known. A stream that was made without any needs
    /// [`reserve_repair`](Self::reserve_repair) before: else repair packets are only counted.
    pub const fn set_repair(&mut self, _now: Instant, repair: Option<(u32, u8)>) {
        self.config.repair = repair;
    }

    /// Takes the memory that repair packets need, where the stream was made without any. The stream uses it once
    /// [`set_repair`](Self::set_repair) names their source.
    ///
    /// # Errors
    /// [`Error::NoMemory`].
    pub fn reserve_repair(&mut self, alloc: A) -> Result<(), Error> {
        if self.restorer.is_none() && self.config.repair_window > 0 {
            self.restorer = Some(Restorer::new(self.config.repair_window, self.config.payload_bytes, alloc)?);
        }
        Ok(())
    }

    /// Other header extensions from now on. Repair packets for what came before are of no use then.
    pub fn set_extensions(&mut self, _now: Instant, extensions: ExtensionMap) {
        if extensions == self.config.extensions {
            return;
        }
        self.config.extensions = extensions;
        self.jitter.set_extensions(extensions);
        if let Some(restorer) = &mut self.restorer {
            restorer.reset();
        }
    }

    /// Payload type of redundant audio (RFC 2198) from now on.
    pub const fn set_red(&mut self, _now: Instant, red: Option<u8>) {
        self.config.red = red;
    }

    /// Whether missing packets may be asked for from now on. What was asked for is forgotten where they may not.
    pub fn set_nack(&mut self, _now: Instant, nack: bool) {
        self.config.nack = nack;
        if !nack {
            self.missing.forget();
        }
    }
}
