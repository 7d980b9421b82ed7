//! Bounds how often an encoder is asked for a key frame.

use core::time::Duration;

use barertc_wire::Instant;

/// Decides when an encoder is asked for a key frame: the first request at once, those within `interval` after it together
/// when it has passed. Five viewers who come within a second cost two key frames. Key frames that the encoder makes by
/// itself count for nothing here, but answer those who wait.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KeyFrames {
    interval: Duration,
    wanted: bool,
    /// The encoder was asked last.
    last: Option<Instant>,
    /// The encoder was asked at this time and has not answered yet.
    asked: Option<Instant>,
}

impl KeyFrames {
    /// Time between key frames that are asked for.
    pub const INTERVAL: Duration = Duration::from_secs(1);
    /// An encoder that has not answered by then is asked again.
    pub const PATIENCE: Duration = Duration::from_secs(3);

    /// No two requests closer together than `interval`.
    #[must_use]
    pub const fn new(interval: Duration) -> Self {
        Self { interval, wanted: false, last: None, asked: None }
    }

    /// Somebody needs a key frame.
    pub const fn want(&mut self) {
        self.wanted = true;
    }

    /// Whether the encoder is to be asked now.
    pub fn poll(&mut self, now: Instant) -> bool {
        if self.asked.is_some_and(|asked| now >= asked + Self::PATIENCE) {
            (self.asked, self.wanted) = (None, true);
        }
        let early = self.last.is_some_and(|last| now < last + self.interval);
        if !self.wanted || early || self.asked.is_some() {
            return false;
        }
        (self.wanted, self.last, self.asked) = (false, Some(now), Some(now));
        true
    }

    /// When [`poll`](Self::poll) may say yes next, if nobody else asks.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        let again = self.asked.map(|asked| asked + Self::PATIENCE);
        if self.wanted && self.asked.is_none() {
            Some(self.last.map_or(Instant::ZERO, |last| last + self.interval))
        } else {
            again
        }
    }

    /// A key frame came, asked for or not: everybody who needed one has it.
    pub const fn came(&mut self) {
        (self.wanted, self.asked) = (false, None);
    }
}

impl Default for KeyFrames {
    fn default() -> Self {
        Self::new(Self::INTERVAL)
    }
}
