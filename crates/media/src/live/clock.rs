//! Timestamps from the time of capture.

use core::time::Duration;

use barertc_wire::Instant;

use crate::frame::FrameKind;
use crate::schedule;

/// A frame that is off its place by more than this is where it is: frames were left out, or the source paused.
const JUMP: Duration = Duration::from_millis(200);
/// Of what a picture is off its place, one part in so many is made up for at once, so that its jitter is not shown.
const SMOOTH: u64 = 16;

/// Timestamps from the moments at which frames were captured.
///
/// Frames of a source that has a steady rate lie at even distances: what a pipe or a scheduler adds is not passed on to
/// the viewer. The clock follows the source where it drifts, and where it pauses. Two clocks of the same `origin` tell the
/// same time, so that sound and picture stay together. Timestamps never go back.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CaptureClock {
    kind: FrameKind,
    origin: Instant,
    /// The timestamp at which the next frame is expected, once there was one.
    expected: Option<u64>,
}

impl CaptureClock {
    /// A clock for frames of `kind`, whose timestamp zero is at `origin`.
    #[must_use]
    pub const fn new(kind: FrameKind, origin: Instant) -> Self {
        Self { kind, origin, expected: None }
    }

    /// The kind of the frames.
    #[must_use]
    pub const fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The timestamp of a frame captured `at`, in ticks of [`FrameKind::clock_rate`]. The next one is expected `duration`
    /// ticks later; a source without a steady rate says 0, and has each of its frames where it was captured.
    pub fn stamp(&mut self, at: Instant, duration: u32) -> u64 {
        let rate = self.kind.clock_rate();
        let actual = schedule::ticks(at.saturating_since(self.origin), rate);
        let jump = schedule::ticks(JUMP, rate);
        let timestamp = match self.expected {
            None => actual,
            Some(expected) if duration == 0 => actual.max(expected),
            Some(expected) if actual.abs_diff(expected) > jump => actual.max(expected),
            // Sound is a row of samples: a tick more or less would be heard.
            Some(expected) if self.kind == FrameKind::Opus => expected,
            Some(expected) => {
                let off = actual.abs_diff(expected) / SMOOTH;
                // Never back to the frame before: half of a duration at most.
                let off = off.min(u64::from(duration / 2));
                if actual > expected { expected.saturating_add(off) } else { expected.saturating_sub(off) }
            }
        };
        self.expected = Some(timestamp.saturating_add(duration.into()));
        timestamp
    }
}
