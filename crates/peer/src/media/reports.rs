//! RTCP that we send: reports, what is missing, and when packets came.

use core::time::Duration;

use barertc_arena::Allocator;
use barertc_rtp::rtcp::{CompoundWriter, NtpTime, ReportBlock};
use barertc_wire::Instant;

use super::Media;
use super::streams::Streams;

/// Blocks that a report can have (RFC 3550 §6.4.1).
const MAX_BLOCKS: usize = 31;

impl<A: Allocator + Clone> Media<A> {
    /// The source that reports and requests come from: one that we send, or a number of its own.
    pub(super) fn reporter(&self) -> u32 {
        let sending = self.streams.iter().find_map(Streams::sending);
        sending.map_or(self.reporter, |stream| stream.config().ssrc)
    }

    /// When a compound is due. Without media to report about there is none.
    pub(super) fn rtcp_timeout(&self) -> Option<Instant> {
        let receivers = || self.streams.iter().filter_map(|s| s.recv.as_ref());
        let feedback = receivers().filter_map(|receiver| receiver.feedback_timeout()).min();
        let arrivals = self.arrivals().and_then(|arrivals| arrivals.timeout());
        let sent = self.streams.iter().filter_map(Streams::sending).any(|stream| stream.stats().packets_sent > 0);
        let heard = receivers().any(|receiver| receiver.stream().stats().packets_received > 0);
        let report = (sent || heard).then_some(self.report_at);
        Instant::earliest(Instant::earliest(report, feedback), arrivals)
    }

    /// Writes a compound: reports and the canonical name when they are due, or an empty report, since each begins with one
    /// (RFC 3550 §6.1), and behind them the feedback that is due (RFC 4585 §3.1). `out` has room for no more than is to be
    /// encrypted.
    pub(crate) fn poll_rtcp(
        &mut self,
        now: Instant,
        round_trip: Option<Duration>,
        cname: &str,
        out: &mut [u8],
    ) -> Option<usize> {
        if self.rtcp_timeout().is_none_or(|at| at > now) {
            return None;
        }
        let mut w = CompoundWriter::new(out);
        if self.report_at <= now {
            self.report_at = now + self.report_interval;
            // That of media, where it is known.
            if let Some(time) = self.extended.round_trip_time().or(round_trip) {
                for receiver in self.streams.iter_mut().filter_map(|s| s.recv.as_mut()) {
                    receiver.set_round_trip_time(now, time);
                }
            }
            self.write_reports(now, cname, &mut w);
        }
        self.write_feedback(now, cname, &mut w);
        let len = w.len();
        (len > 0).then_some(len)
    }

    /// The reports of all streams that we send, the first with what we received.
    fn write_reports(&mut self, now: Instant, cname: &str, w: &mut CompoundWriter<'_>) {
        let mut blocks = heapless::Vec::<ReportBlock, MAX_BLOCKS>::new();
        let receivers = self.streams.iter_mut().filter_map(|s| s.recv.as_mut());
        blocks.extend(receivers.filter_map(|receiver| receiver.report(now)).take(MAX_BLOCKS));
        let ntp = NtpTime::from_instant(now);
        let from = core::mem::take(&mut self.report_from);
        let (before, behind) = (self.streams.iter().enumerate().take(from), self.streams.iter().enumerate().skip(from));
        for (index, streams) in behind.chain(before) {
            let Some(stream) = streams.sending() else { continue };
            let Some(info) = stream.sender_report(now, ntp) else { continue };
            // What does not fit is said next time, which begins there: reports are not promised at every interval.
            let written = w.sender_report(&info, blocks.iter().copied());
            if written.is_err() || w.sdes_cname(info.ssrc, cname.as_bytes()).is_err() {
                self.report_from = index;
                break;
            }
            blocks.clear();
        }
        if w.is_empty() && !blocks.is_empty() {
            self.begin_compound(w, cname, &blocks);
        }
        self.write_extended(now, ntp, cname, w);
    }

    /// Answers the reference times of the peer, and asks with one where nothing is sent: who sends learns the round trip
    /// by its sender reports (RFC 3611 §4.4).
    fn write_extended(&mut self, now: Instant, ntp: NtpTime, cname: &str, w: &mut CompoundWriter<'_>) {
        let sends = self.streams.iter().filter_map(Streams::sending).any(|stream| stream.stats().packets_sent > 0);
        let asks = !sends && self.streams.iter().any(|streams| streams.asks);
        if !asks && !self.extended.has_answer() {
            return;
        }
        if w.is_empty() {
            self.begin_compound(w, cname, &[]);
        }
        // Without room the answer goes with the next report.
        let _ = self.extended.write(now, asks.then_some(ntp), self.reporter(), w);
    }

    fn write_feedback(&mut self, now: Instant, cname: &str, w: &mut CompoundWriter<'_>) {
        let reporter = self.reporter();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let receivers = || self.streams.iter().filter_map(|s| s.recv.as_ref());
        let wanted = receivers().any(|receiver| is_due(receiver.feedback_timeout()));
        if !wanted && !is_due(self.arrivals().and_then(|arrivals| arrivals.timeout())) {
            return;
        }
        if w.is_empty() {
            self.begin_compound(w, cname, &[]);
        }
        for receiver in self.streams.iter_mut().filter_map(|s| s.recv.as_mut()) {
            receiver.write_feedback(now, w);
        }
        if let Some(arrivals) = self.arrivals_mut() {
            // Without room it stays due for the next compound.
            let _ = arrivals.write(now, reporter, w);
        }
    }

    /// A receiver report and the canonical name; both fit into any datagram.
    fn begin_compound(&self, w: &mut CompoundWriter<'_>, cname: &str, blocks: &[ReportBlock]) {
        let reporter = self.reporter();
        let _ = w.receiver_report(reporter, blocks.iter().copied());
        let _ = w.sdes_cname(reporter, cname.as_bytes());
    }
}
