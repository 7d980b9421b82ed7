//! What feedback about the path changes: the estimate, the pace, what is sent again, and which encodings are sent.

use core::time::Duration;

use barertc_arena::{Allocator, Vec};
use barertc_congestion::{Gcc, PacketObserver, PacketResult};
use barertc_rtp::rtcp::Rtcp;
use barertc_wire::Instant;

use super::Media;
use super::streams::Streams;

/// The pace on a path that carries much more than is sent, as a multiple of the estimate; otherwise it is two
/// and a half times the estimate. A key frame is much larger than the pictures around it. If it leaves slowly,
/// viewers see a pause.
const WIDE_PACE: u64 = 5;

/// The time after a path has become narrow in which packets leave no faster than the estimate. The path's queue is full
/// then, and has no room for a burst.
const NARROW: Duration = Duration::from_secs(1);

/// Those who want to know what became of packets: the estimator, and the streams whose packets were lost.
struct Feedback<'c, A: Allocator + Clone> {
    estimator: &'c mut Gcc,
    streams: &'c mut Vec<Streams<A>, A>,
}

impl<A: Allocator + Clone> PacketObserver for Feedback<'_, A> {
    fn packet(&mut self, now: Instant, result: &PacketResult) {
        self.estimator.packet(now, result);
        for stream in self.streams.iter_mut().filter_map(|s| s.send.as_mut()) {
            match result.arrived {
                Some(_) => stream.handle_transport_arrival(now, result.sequence),
                None => stream.handle_transport_loss(now, result.sequence),
            }
        }
    }

    fn feedback_done(&mut self, now: Instant) {
        self.estimator.feedback_done(now);
    }
}

impl<A: Allocator + Clone> Media<A> {
    /// What a packet tells of the path; the pacer follows.
    pub(super) fn handle_feedback(&mut self, now: Instant, packet: &Rtcp<'_>) {
        match packet {
            Rtcp::Transport(feedback) => {
                let mut both = Feedback { estimator: &mut self.estimator, streams: &mut self.streams };
                self.sent.feedback(now, feedback, &mut both);
                self.share.follow(now, &self.estimator, &mut self.streams);
                if self.estimator.take_narrowed() {
                    (self.narrow, self.probing) = (Some(now + NARROW), None);
                    self.pace(now);
                    self.pacer.take_breath(now);
                    self.streams.iter_mut().filter_map(|s| s.send.as_mut()).for_each(|s| s.path_narrowed(now));
                }
            }
            Rtcp::Remb(remb) => self.estimator.remb(now, remb.bitrate),
            _ => return,
        }
        self.estimate.measured = true;
        self.pace(now);
        self.choose_encodings(now, matches!(packet, Rtcp::Transport(_)));
    }

    /// Lets the pacer follow the estimate, unless more is sent on purpose.
    pub(super) fn pace(&mut self, now: Instant) {
        if self.probing.is_none_or(|until| now >= until) {
            self.probing = None;
            let bitrate = self.estimator.bitrate();
            self.narrow = self.narrow.filter(|until| now < *until);
            if self.narrow.is_some() {
                self.pacer.set_rate(now, bitrate);
            } else if self.share.is_wide(now) {
                self.pacer.set_rate(now, bitrate.saturating_mul(WIDE_PACE));
            } else {
                self.pacer.set_bitrate(now, bitrate);
            }
        }
    }
}
