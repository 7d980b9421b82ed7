//! Frames that wait too long.

use core::time::Duration;

use barertc_arena::Allocator;
use barertc_rtp::Frame;
use barertc_wire::Instant;

use super::SendStream;
use crate::stats::SendDiscard;

/// A key frame replaces what came before it if the path became narrow this long ago at most.
const SUPERSEDING: Duration = Duration::from_secs(1);

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

    /// Begins anew after a pause: nothing is sent before the next key frame, which is asked for.
    pub fn resume(&mut self, now: Instant) {
        self.clear_queue(now);
        if self.config.format.is_video() {
            self.key_frames.begin();
        }
    }

    /// Says that the path carries much less than it did. What is on its way does not fit, and most of it is lost. A key frame
    /// that comes within a second then replaces what is older: it is not sent, and not sent again. Without one, nothing
    /// changes.
    pub fn path_narrowed(&mut self, now: Instant) {
        self.superseding = self.config.format.is_video().then_some(now + SUPERSEDING);
    }

    /// A key frame comes.
    pub(super) fn supersede(&mut self, now: Instant) {
        if self.superseding.take().is_none_or(|until| now >= until) {
            return;
        }
        while self.queue.pop_front().is_some() {
            self.stats.frames_dropped += 1;
            self.discards.count(SendDiscard::FrameSuperseded);
        }
        if let Some(repair) = &mut self.repair {
            repair.abandon();
        }
        self.again.clear();
        self.history.clear(self.next_sequence);
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
