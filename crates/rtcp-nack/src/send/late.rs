//! Frames that wait too long.

use barertc_arena::Allocator;
use barertc_rtp::Frame;
use barertc_wire::Instant;

use super::SendStream;
use crate::stats::SendDiscard;

impl<A: Allocator + Clone> SendStream<A> {
    /// Drops all frames that wait. Video continues with the next key frame.
    pub fn clear_queue(&mut self, now: Instant) {
        while let Some(queued) = self.queue.pop_front() {
            self.dropped(&queued.frame);
        }
        if let Some(repair) = &mut self.repair {
            repair.abandon();
        }
        self.key_frames.ask(now);
    }

    /// Drops whole frames that have waited too long, and after them what can't be decoded without them. A frame of
    /// which packets have gone out is finished.
    pub(super) fn drop_late(&mut self, now: Instant) {
        while let Some(front) = self.queue.front() {
            if front.index > 0 {
                return;
            }
            let late = now.saturating_since(front.since) > self.config.max_age;
            let undecodable = self.key_frames.is_skipping() && !front.frame.is_key();
            if !late && !undecodable {
                self.key_frames.resume();
                return;
            }
            if let Some(queued) = self.queue.pop_front() {
                self.discards.count(if late { SendDiscard::FrameLate } else { SendDiscard::FrameUndecodable });
                self.dropped(&queued.frame);
            }
        }
    }

    fn dropped(&mut self, frame: &Frame<A>) {
        self.stats.frames_dropped += 1;
        if frame.format().is_video() {
            self.key_frames.dropped();
        }
    }

    /// Gives up a frame that was started with another budget.
    pub(super) fn drop_started(&mut self) {
        if let Some(repair) = &mut self.repair {
            repair.abandon();
        }
        if self.queue.front().is_some_and(|f| f.index > 0)
            && let Some(queued) = self.queue.pop_front()
        {
            self.dropped(&queued.frame);
        }
    }
}
