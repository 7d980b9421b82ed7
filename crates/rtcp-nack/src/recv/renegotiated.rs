//! What is learned of a stream that is being received, and what a later description changes.

use barertc_arena::Allocator;
use barertc_rtp::{ExtensionMap, Framing, PayloadFormat};
use barertc_wire::Instant;

use super::{MAX_AHEAD, RecvStream};
use crate::error::Error;
use crate::reception::Reception;
use crate::restore::Restorer;
use crate::stats::RecvDiscard;

impl<A: Allocator + Clone> RecvStream<A> {
    /// Whether a packet with this number may have been overtaken by those that have come: with another payload type than the
    /// stream's it is one from before a change, and none that [`set_format`](Self::set_format) is called for.
    #[must_use]
    pub const fn is_overtaken(&self, sequence: u16) -> bool {
        let behind = self.reception.behind(sequence);
        0 < behind && behind <= MAX_AHEAD
    }

    /// Changes to another of the negotiated payload types (RFC 3264 §6.1). `rtx` is the payload type of its
    /// retransmissions. When the format is another one, packets that are held are dropped as [`RecvDiscard::Superseded`]. So
    /// are those of sound with another payload type: both laws of G.711 are one format, and no packet tells which it is.
    pub fn set_format(&mut self, _now: Instant, payload_type: u8, format: PayloadFormat, rtx: Option<u8>) {
        if format != self.config.format {
            self.config.format = format;
            self.config.framing = if format.has_nals() { Framing::AnnexB } else { Framing::Whole };
            self.count_held();
            self.jitter.set_format(format, self.config.framing);
            self.reception.set_clock_rate(format.clock_rate());
            self.key_frames.join(format.is_video());
        } else if payload_type != self.config.payload_type && !format.is_video() {
            self.count_held();
            self.jitter.reset();
        }
        self.config.payload_type = payload_type;
        self.config.rtx = self.config.rtx.zip(rtx).map(|((ssrc, _), rtx)| (ssrc, rtx));
    }

    /// Changes the SSRC, for example when the peer has not announced one and the first packet tells it. Packets that
    /// are held are dropped as [`RecvDiscard::Superseded`]. Statistics go on.
    pub fn set_source(&mut self, _now: Instant, ssrc: u32) {
        self.config.ssrc = ssrc;
        self.reception = Reception::new(self.config.format.clock_rate());
        self.missing.forget();
        if let Some(restorer) = &mut self.restorer {
            restorer.reset();
        }
        self.count_held();
        self.jitter.reset();
        self.key_frames.forget(self.config.format.is_video());
    }

    /// Packets that are held are about to be dropped.
    pub(super) fn count_held(&mut self) {
        (0..self.jitter.held()).for_each(|_| self.discards.count(RecvDiscard::Superseded));
    }

    /// Sets the SSRC and the payload type of retransmissions.
    pub const fn set_rtx(&mut self, _now: Instant, rtx: Option<(u32, u8)>) {
        self.config.rtx = rtx;
    }

    /// Sets the SSRC and the payload type of repair packets. A stream that was made without repair packets needs
    /// [`reserve_repair`](Self::reserve_repair) before. Otherwise it only counts them.
    pub const fn set_repair(&mut self, _now: Instant, repair: Option<(u32, u8)>) {
        self.config.repair = repair;
    }

    /// Allocates the memory for repair packets, when the stream was made without. [`set_repair`](Self::set_repair) then
    /// makes the stream use it.
    ///
    /// # Errors
    /// [`Error::NoMemory`].
    pub fn reserve_repair(&mut self, alloc: A) -> Result<(), Error> {
        if self.restorer.is_none() && self.config.repair_window > 0 {
            self.restorer = Some(Restorer::new(self.config.repair_window, self.config.payload_bytes, alloc)?);
        }
        Ok(())
    }

    /// Changes the header extensions. Repair packets for earlier packets are dropped then.
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

    /// Sets the payload type of redundant audio (RFC 2198).
    pub const fn set_red(&mut self, _now: Instant, red: Option<u8>) {
        self.config.red = red;
    }

    /// Sets whether missing packets may be asked for. Without NACK, the list of missing packets is emptied.
    pub fn set_nack(&mut self, _now: Instant, nack: bool) {
        self.config.nack = nack;
        if !nack {
            self.missing.forget();
        }
    }
}
