//! Frames that wait too long, and the key frames that are needed after they were dropped.

use core::time::Duration;

use barertc_arena::Allocator;
use barertc_rtp::Frame;
use barertc_wire::Instant;

use super::{SendEvent, SendStream};
use crate::stats::SendDiscard;

/// A stream that dropped frames asks its source for a key frame at most this often: a key frame is larger than what was
/// too late, and would be later still. A receiver that asks is always heard.
const OWN_KEY_FRAMES: Duration = Duration::from_secs(5);

impl<A: Allocator + Clone> SendStream<A> {
    /// Drops everything that waits; video goes on at the next key frame.
    pub fn clear_queue(&mut self, now: Instant) {
        while let Some(queued) = self.queue.pop_front() {
            self.dropped(&queued.frame);
        }
        if let Some(repair) = &mut self.repair {
            repair.abandon();
        }
        self.ask_for_key_frame(now);
    }

    /// Asks for the key frame that is needed since frames were dropped, unless one was asked for just now.
    pub(super) fn ask_for_key_frame(&mut self, now: Instant) {
        if self.wants_key && self.own_request.is_none_or(|at| at + OWN_KEY_FRAMES <= now) {
            (self.wants_key, self.own_request) = (false, Some(now));
            self.event = Some(SendEvent::KeyFrameNeeded);
        }
    }

    /// Drops whole frames that have waited too long, and after them what can't be decoded without them. A frame of
    /// which packets have gone out is finished.
    pub(super) fn drop_late(&mut self, now: Instant) {
        while let Some(front) = self.queue.front() {
            if front.index > 0 {
                return;
            }
            let late = now.saturating_since(front.since) > self.config.max_age;
            let undecodable = self.skipping && !front.frame.is_key();
            if !late && !undecodable {
                self.skipping = false;
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
        if frame.format().is_video() && !self.skipping {
            (self.skipping, self.wants_key) = (true, true);
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
