//! RTCP that we send: reports, what is missing, and when packets came.

use core::fmt::Write;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_rtp::rtcp::{CompoundWriter, NtpTime, ReportBlock};
use barertc_wire::Instant;

use super::PeerConnection;
use crate::Name;

/// Blocks that a report can have (RFC 3550 §6.4.1).
const MAX_BLOCKS: usize = 31;

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// The source that reports and requests come from: one that we send, or a number of its own.
    pub(super) fn reporter(&self) -> u32 {
        let sending = self.tracks.iter().find_map(|t| t.config.sending.as_ref());
        sending.map_or((self.session_id as u32) | 1, |s| s.ssrc)
    }

    /// When a compound is due.
    pub(super) fn rtcp_timeout(&self) -> Option<Instant> {
        self.srtp.as_ref()?;
        let receivers = self.tracks.iter().filter_map(|t| t.recv.as_ref());
        let feedback = receivers.filter_map(|r| r.stream.feedback_timeout()).min();
        let arrivals = self.arrivals.as_ref().and_then(|a| a.timeout());
        Instant::earliest(Instant::earliest(self.report_at, feedback), arrivals)
    }

    /// A compound: reports and canonical names when they are due, or an empty report, since each begins with one
    /// (RFC 3550 §6.1), and behind them the feedback that is due (RFC 4585 §3.1).
    pub(super) fn poll_rtcp(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        if self.rtcp_timeout().is_none_or(|at| at > now) {
            return None;
        }
        let room = out.len().saturating_sub(self.srtp.as_ref()?.profile().rtcp_overhead());
        let mut w = CompoundWriter::new(out.get_mut(..room)?);
        if self.report_at.is_some_and(|at| at <= now) {
            self.report_at = Some(now + self.config.report_interval);
            self.tell_rtt();
            self.write_reports(now, &mut w);
        }
        self.write_feedback(now, &mut w);
        let len = w.len();
        if len == 0 {
            return None;
        }
        self.srtp.as_mut()?.protect_rtcp(out, len).ok()
    }

    /// The reports of all streams that we send, the first with what we received.
    fn write_reports(&mut self, now: Instant, w: &mut CompoundWriter<'_>) {
        let mut blocks = heapless::Vec::<ReportBlock, MAX_BLOCKS>::new();
        for receiver in self.tracks.iter_mut().filter_map(|t| t.recv.as_mut()) {
            if let Some(block) = receiver.stream.report_block(now) {
                let _ = blocks.push(block);
            }
        }
        let ntp = NtpTime::from_instant(now);
        for track in &self.tracks {
            let info = track.sending().and_then(|s| s.sender_report(now, ntp));
            let (Some(info), Some(sending)) = (info, &track.config.sending) else { continue };
            // What does not fit is said next time: reports are not promised at every interval.
            let written = w.sender_report(&info, blocks.iter().copied());
            if written.is_err() || w.sdes_cname(info.ssrc, sending.cname.as_bytes()).is_err() {
                break;
            }
            blocks.clear();
        }
        if w.is_empty() && self.tracks.iter().any(|t| t.recv.is_some()) {
            self.begin_compound(w, &blocks);
        }
    }

    fn write_feedback(&mut self, now: Instant, w: &mut CompoundWriter<'_>) {
        let reporter = self.reporter();
        let wanted = self.tracks.iter().any(|t| t.recv.as_ref().is_some_and(|r| r.stream.wants_feedback(now)));
        let arrived = self.arrivals.as_ref().and_then(|a| a.timeout()).is_some_and(|at| at <= now);
        if !wanted && !arrived {
            return;
        }
        if w.is_empty() {
            self.begin_compound(w, &[]);
        }
        for receiver in self.tracks.iter_mut().filter_map(|t| t.recv.as_mut()) {
            receiver.stream.write_feedback(now, w);
        }
        if let Some(arrivals) = &mut self.arrivals {
            // Without room it stays due for the next compound.
            let _ = arrivals.write(now, reporter, w);
        }
    }

    /// A receiver report and a canonical name; both fit into any datagram.
    fn begin_compound(&self, w: &mut CompoundWriter<'_>, blocks: &[ReportBlock]) {
        let reporter = self.reporter();
        let mut own = Name::new();
        let sending = self.tracks.iter().find_map(|t| t.config.sending.as_ref());
        let cname = sending.map(|s| &s.cname).unwrap_or_else(|| {
            // RFC 7022 §4.2: random, and the same for the whole session.
            let _ = write!(own, "{:x}", self.session_id);
            &own
        });
        let _ = w.receiver_report(reporter, blocks.iter().copied());
        let _ = w.sdes_cname(reporter, cname.as_bytes());
    }

    /// Requests are spaced by the path's round trip.
    fn tell_rtt(&mut self) {
        let pair = self.ice.pair_stats().find(|p| p.selected);
        let Some(rtt) = pair.and_then(|p| p.current_round_trip_time) else { return };
        for receiver in self.tracks.iter_mut().filter_map(|t| t.recv.as_mut()) {
            receiver.stream.set_round_trip_time(self.now, rtt);
        }
    }
}
