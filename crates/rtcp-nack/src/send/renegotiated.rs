//! What a later description changes of a stream that is being sent.

use barertc_arena::Allocator;
use barertc_rtp::Cursor;
use barertc_wire::Instant;

use super::{Known, SendStream};
use crate::clock::MediaClock;
use crate::config::RepairConfig;
use crate::error::Error;
use crate::redundancy::Redundancy;
use crate::repair::Repair;
use crate::terms::SendTerms;

impl<A: Allocator + Clone> SendStream<A> {
    /// Checks other terms and allocates the memory that they need. The stream goes on with its present terms until
    /// [`renegotiate`](Self::renegotiate).
    ///
    /// # Errors
    /// As [`SendConfig::check`](crate::SendConfig::check); [`Error::NoMemory`].
    pub fn reserve(&mut self, terms: &SendTerms, alloc: A) -> Result<(), Error> {
        let config = terms.apply(self.config.clone());
        config.check()?;
        self.again.reserve(config.copies(), alloc.clone())?;
        if let (None, Some(repair), true) = (&self.repair, config.repair, config.repairs()) {
            let first_sequence = self.next_repair.unwrap_or(repair.first_sequence);
            let repair = RepairConfig { first_sequence, ..repair };
            self.repair = Some(Repair::new(repair, config.repair_packets, config.mtu, alloc)?);
        }
        Ok(())
    }

    /// Changes the terms of the stream. Call [`reserve`](Self::reserve) with the same terms before, which checks them.
    ///
    /// Terms that change nothing have no effect. Otherwise the history is cleared, because its packets could not be
    /// made again byte for byte. A frame that was sent in part is dropped. With another format all waiting frames are
    /// dropped, and a video stream asks for a key frame. Sequence numbers, timestamps and statistics go on.
    pub fn renegotiate(&mut self, now: Instant, terms: &SendTerms) {
        if terms.hold_for(&self.config) {
            return;
        }
        let other_format = terms.format != self.config.format;
        if let Some(rtx) = terms.rtx {
            self.next_rtx.get_or_insert(rtx.first_sequence);
        }
        match (&mut self.repair, terms.repair) {
            (Some(before), Some(repair)) => before.rename(repair),
            _ => {
                if let Some(before) = self.repair.take() {
                    self.next_repair = Some(before.next_sequence());
                }
            }
        }
        self.again.clear();
        self.history.clear(self.next_sequence);
        if other_format {
            self.clear_queue(now);
            if terms.format.is_video() {
                self.key_frames.dropped();
            }
            self.redundancy = Redundancy::new();
        } else {
            self.drop_started();
        }
        if terms.format.clock_rate() != self.config.format.clock_rate() {
            self.clock = MediaClock::new(terms.format.clock_rate());
        }
        // What was said by a name or a number from before may not be known by the new one.
        self.known = Known::default();
        self.config = terms.apply(self.config.clone());
        self.key_frames.ask(now);
        self.cut_anew();
    }

    /// Says how long a datagram the path carries: packets of the frames that follow have at most so many bytes, the protection
    /// included, and never more than [`SendConfig::mtu`](crate::SendConfig::mtu). A frame of which a packet has left keeps the
    /// size of its packets, and so do its retransmissions. An audio frame that waits and does not fit any more is sent as it
    /// is.
    pub fn set_path_mtu(&mut self, _now: Instant, bytes: usize) {
        let mtu = bytes.min(self.config.mtu);
        if mtu != self.mtu {
            self.mtu = mtu;
            self.cut_anew();
        }
    }

    /// The frames that wait are cut to the present budget.
    fn cut_anew(&mut self) {
        let repairs = self.repair.is_some();
        for index in 0..self.queue.len() {
            let Some(frame) = self.queue.get(index).map(|queued| queued.frame.clone()) else { break };
            if self.queue.get(index).is_some_and(|queued| queued.index > 0) {
                continue;
            }
            let repaired = repairs && self.queue.get(index).is_some_and(|queued| queued.repaired);
            let budget = self.budget(&frame, repaired);
            if frame.next_piece(usize::from(budget), &mut Cursor::default()).is_none() {
                continue;
            }
            if let Some(queued) = self.queue.get_mut(index) {
                (queued.budget, queued.repaired) = (budget, repaired);
            }
        }
    }
}
