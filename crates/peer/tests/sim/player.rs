//! Shows pictures as a browser does: in order, each after the delay that the sender asks for, and counts those that stay
//! too long.

use std::collections::VecDeque;
use std::time::Duration;

use barertc::{Instant, ReceivedFrame};

/// Pictures that the usual time between two is taken from, and what a freeze is longer by (webrtc-stats, `freezeCount`).
const USUAL: usize = 30;
const FREEZE: Duration = Duration::from_millis(150);
/// A browser waits for itself, too: for a part of how late pictures come, which fades.
const JITTER: f64 = 0.6;
const FADE: f64 = 0.997;
const GAP: Duration = Duration::from_millis(70);
/// Sound that is later than this beyond the fastest, and beyond what pictures wait, is concealed.
const SOUND: Duration = Duration::from_millis(60);

/// What was seen and heard.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    pub pictures: u32,
    pub wide: u32,
    pub freezes: u32,
    pub longest: Duration,
    pub frozen: Duration,
    pub gaps: u32,
    /// Sum of the delays that waiting adds.
    delay: Duration,
    pub sounds: u32,
    pub in_time: u32,
    /// The most that sound was later than the fastest.
    pub latest_sound: Duration,
}

impl Shown {
    pub fn added_delay(&self) -> Duration {
        self.delay.checked_div(self.pictures).unwrap_or_default()
    }
}

/// A decoder and a screen.
pub struct Player {
    from: Instant,
    pub shown: Shown,
    broken: bool,
    /// The shortest way from the camera to here.
    base: Option<Duration>,
    sound_base: Option<Duration>,
    last: Option<Instant>,
    jitter: Duration,
    intervals: VecDeque<Duration>,
}

impl Player {
    /// Counts from `from` on.
    pub fn new(from: Instant) -> Self {
        let (shown, intervals) = (Shown::default(), VecDeque::new());
        Self { from, shown, broken: true, base: None, sound_base: None, last: None, jitter: Duration::ZERO, intervals }
    }

    /// A frame came out of the receiver; whether it can be shown.
    pub fn take(&mut self, frame: &ReceivedFrame) -> bool {
        if frame.key && frame.complete {
            self.broken = false;
        } else if !frame.complete || frame.lost > 0 {
            self.broken = true;
        }
        !self.broken
    }

    /// Shows what was captured then, between the bounds of `target` after the shortest way.
    pub fn show(&mut self, now: Instant, captured: Instant, target: (Duration, Duration), wide: bool) {
        let way = now.saturating_since(captured);
        let base = self.base.map_or(way, |base| base.min(way));
        self.base = Some(base);
        self.jitter = self.jitter.mul_f64(FADE).max(way.saturating_sub(base).mul_f64(JITTER));
        let due = captured + base + self.jitter.clamp(target.0, target.1.max(target.0));
        let at = now.max(due).max(self.last.unwrap_or(now));
        if let Some(last) = self.last.replace(at) {
            self.interval(at, at.saturating_since(last));
        }
        if at >= self.from {
            self.shown.pictures += 1;
            self.shown.wide += u32::from(wide);
            self.shown.delay += at.saturating_since(captured + base);
        }
    }

    fn interval(&mut self, at: Instant, interval: Duration) {
        let usual = self.intervals.iter().sum::<Duration>() / self.intervals.len().max(1) as u32;
        let full = self.intervals.len() == USUAL;
        if full {
            self.intervals.pop_front();
        }
        self.intervals.push_back(interval);
        if at < self.from {
            return;
        }
        self.shown.gaps += u32::from(interval > GAP);
        if full && interval > (3 * usual).max(usual + FREEZE) {
            self.shown.freezes += 1;
            self.shown.frozen += interval;
            self.shown.longest = self.shown.longest.max(interval);
        }
    }

    /// Nothing is shown any more: the last picture stays to the end.
    pub fn end(&mut self, now: Instant) {
        if let Some(last) = self.last.filter(|last| now > *last) {
            self.interval(now, now.saturating_since(last));
        }
    }

    /// Sound that was captured then.
    pub fn hear(&mut self, now: Instant, captured: Instant, target: Duration) {
        let way = now.saturating_since(captured);
        let base = self.sound_base.map_or(way, |base| base.min(way));
        self.sound_base = Some(base);
        if captured >= self.from {
            let late = way.saturating_sub(base);
            self.shown.in_time += u32::from(late <= SOUND + target);
            self.shown.latest_sound = self.shown.latest_sound.max(late);
        }
    }
}
