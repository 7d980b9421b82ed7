//! Sound that goes again with later packets (RFC 2198), where the path loses some.

use barertc_arena::Allocator;
use barertc_rtp::{Frame, MAX_RED_BYTES, MAX_RED_OFFSET, RED_HEADER_LEN, RedBlock, write_red};
use barertc_wire::{Instant, Writer};

use crate::loss::Hysteresis;

/// Frames that go again at the most.
const MAX_BACK: usize = 2;
/// From this share of loss on a packet carries the frame before it, and from this on the two before it. Either ends at half
/// the share.
const ONE_BACK: f32 = 0.01;
const TWO_BACK: f32 = 0.08;

/// The frames that go again.
#[derive(Debug)]
pub(crate) struct Redundancy<A: Allocator + Clone> {
    /// The last frames that were sent, the newest first.
    sent: [Option<Frame<A>>; MAX_BACK],
    one: Hysteresis,
    two: Hysteresis,
}

impl<A: Allocator + Clone> Redundancy<A> {
    pub(crate) const fn new() -> Self {
        Self { sent: [None, None], one: Hysteresis::new(), two: Hysteresis::new() }
    }

    /// The share of packets that are lost.
    pub(crate) fn follow(&mut self, now: Instant, loss: f32) {
        self.one.follow(now, loss, ONE_BACK, ONE_BACK / 2.0);
        self.two.follow(now, loss, TWO_BACK, TWO_BACK / 2.0);
    }

    /// Frames that go again with each packet.
    pub(crate) const fn level(&self) -> usize {
        if self.two.is_on() {
            2
        } else if self.one.is_on() {
            1
        } else {
            0
        }
    }

    /// How many of the earlier frames go with `frame` into a payload of `room` bytes. 0 is for a packet without any.
    pub(crate) fn fitting(&self, frame: &Frame<A>, room: usize) -> usize {
        let mut len = frame.bytes().len().saturating_add(1);
        let fits = |earlier: &&Frame<A>| {
            let bytes = earlier.bytes().len();
            len = len.saturating_add(RED_HEADER_LEN).saturating_add(bytes);
            bytes <= MAX_RED_BYTES && offset(frame, earlier) <= MAX_RED_OFFSET && len <= room
        };
        self.sent.iter().flatten().take(self.level()).take_while(fits).count()
    }

    /// Writes the payload with `back` earlier frames, as [`fitting`](Self::fitting) has told, and `frame` itself.
    pub(crate) fn write(
        &self,
        frame: &Frame<A>,
        back: usize,
        payload_type: u8,
        w: &mut Writer<'_>,
    ) -> Result<(), barertc_rtp::Error> {
        let mut blocks = heapless::Vec::<RedBlock<'_>, MAX_BACK>::new();
        for earlier in self.sent.get(..back).unwrap_or_default().iter().rev().flatten() {
            let _ = blocks.push(RedBlock { payload_type, offset: offset(frame, earlier), data: earlier.bytes() });
        }
        write_red(&blocks, &RedBlock { payload_type, offset: 0, data: frame.bytes() }, w)
    }

    /// A frame was sent.
    pub(crate) fn sent(&mut self, frame: &Frame<A>) {
        self.sent.rotate_right(1);
        if let Some(first) = self.sent.first_mut() {
            *first = Some(frame.clone());
        }
    }
}

/// How much older `earlier` is, in ticks.
fn offset<A: Allocator + Clone>(frame: &Frame<A>, earlier: &Frame<A>) -> u32 {
    frame.timestamp().wrapping_sub(earlier.timestamp())
}
