//! What stands before the payload of a packet.

use barertc_arena::Allocator;
use barertc_rtp::{Extensions, Frame, Header, MIN_BUDGET, Piece, PlayoutDelay};

use super::SendStream;

impl<A: Allocator + Clone> SendStream<A> {
    pub(super) fn header(&self, frame: &Frame<A>, piece: &Piece, sequence: u16) -> Header {
        Header {
            marker: if self.config.format.is_video() { piece.is_last() } else { frame.info().talkspurt },
            payload_type: self.config.payload_type,
            sequence,
            timestamp: frame.timestamp().wrapping_add(self.config.timestamp_offset),
            ssrc: self.config.ssrc,
        }
    }

    pub(super) fn extensions<'a>(&'a self, frame: &Frame<A>, time: u32, transport_sequence: u16) -> Extensions<'a> {
        if self.config.extensions.is_empty() {
            return Extensions::default();
        }
        let info = frame.info();
        Extensions {
            abs_send_time: Some(time),
            transport_sequence: Some(transport_sequence),
            audio_level: info.audio_level,
            video_orientation: info.video_orientation,
            playout_delay: info.playout_delay.or(self.playout_delay()),
            ..self.config.stamped()
        }
    }

    /// The extensions of a packet that is sent for the first time.
    pub(super) fn first_extensions<'a>(&'a self, frame: &Frame<A>, time: u32, sequence: u16) -> Extensions<'a> {
        let all = self.extensions(frame, time, sequence);
        let told = self.known.media && self.config.rtx.is_some();
        Extensions { rid: all.rid.filter(|_| !told), ..all }
    }

    /// The extensions of a packet that goes again. A retransmission stream repairs an encoding, and has no identifier of its own
    /// (RFC 8852 §3.2). Without one, a packet has those that it had.
    pub(super) fn again_extensions<'a>(&'a self, frame: &Frame<A>, time: u32, sequence: u16) -> Extensions<'a> {
        let all = self.extensions(frame, time, sequence);
        match self.config.rtx {
            Some(_) => Extensions { rid: None, repaired_rid: all.rid.filter(|_| !self.known.rtx), ..all },
            None => all,
        }
    }

    /// What the receiver is told about holding pictures back, where that can change between a packet and its
    /// retransmission: a plain one has to be the same bytes. Once told it has to be told always, since budgets count it.
    pub(super) fn playout_delay(&self) -> Option<PlayoutDelay> {
        let may = self.config.rtx.is_some() && self.config.format.is_video() && !self.config.latency.is_zero();
        may.then(|| self.playout.playout_delay())
    }

    pub(super) fn budget(&self, frame: &Frame<A>, repaired: bool) -> u16 {
        let overhead = self.config.overhead(&self.extensions(frame, 0, 0), repaired);
        u16::try_from(self.mtu.saturating_sub(overhead).max(MIN_BUDGET)).unwrap_or(u16::MAX)
    }
}
