//! The bit rate of an encoder, from the estimates of its viewers.

use core::time::Duration;

use barertc_wire::{ConfigError, Instant, Rule};

use crate::live::encoder::EncoderRate;

/// Decides what one encoder makes for several viewers.
pub trait ShareRule {
    /// Bits a second that the encoder is to make, from what the path of each viewer carries; `None` changes nothing.
    /// [`RateControl`] keeps the answer within its bounds.
    fn share(&mut self, now: Instant, paths: &mut dyn Iterator<Item = u64>) -> Option<u64>;
}

/// The lowest of the good paths. One that carries less than `least` is not good: it does not pull the others down, and its
/// viewer misses pictures.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LowestGood {
    /// Bits a second that a good path carries at least.
    pub least: u64,
}

impl ShareRule for LowestGood {
    fn share(&mut self, _: Instant, paths: &mut dyn Iterator<Item = u64>) -> Option<u64> {
        let (mut good, mut any) = (None, false);
        for path in paths {
            any = true;
            if path >= self.least {
                good = Some(good.map_or(path, |lowest: u64| lowest.min(path)));
            }
        }
        // Where no path is good, all get what the least of the good would have.
        good.or(any.then_some(self.least))
    }
}

/// The bounds of a [`RateControl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RateConfig {
    /// Bits a second that the encoder makes at least, whatever the paths carry.
    pub min: u64,
    /// Bits a second that it makes at most, and what it begins with.
    pub max: u64,
    /// Bits a second of each path that are for sound.
    pub sound: u64,
    /// Pictures a second.
    pub frames_per_second: u32,
    /// Below so many bits a second, the encoder makes half of the pictures.
    pub half_below: u64,
    /// Between two changes upwards.
    pub interval: Duration,
}

impl RateConfig {
    /// 30 pictures a second of 150 kbit/s to `max`.
    #[must_use]
    pub const fn new(max: u64) -> Self {
        Self {
            min: 150_000,
            max,
            sound: 64_000,
            frames_per_second: 30,
            half_below: 200_000,
            interval: Duration::from_millis(250),
        }
    }

    /// # Errors
    /// Which field cannot be used.
    pub const fn check(&self) -> Result<(), ConfigError> {
        match ConfigError::check_range("min", self.min, 1, self.max) {
            Ok(()) => ConfigError::check("frames_per_second", self.frames_per_second as u64, Rule::AtLeast(1)),
            error => error,
        }
    }
}

/// Turns what the viewers' paths carry into what an encoder is told.
///
/// Down at once, up in steps that are worth it. A tenth of what a path carries is left free, for key frames and for what
/// is sent again.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RateControl<R> {
    config: RateConfig,
    rule: R,
    current: u64,
    changed: Option<Instant>,
}

impl RateControl<LowestGood> {
    /// The usual rule: [`LowestGood`].
    ///
    /// # Errors
    /// Which field of `config` cannot be used.
    pub const fn new(config: RateConfig) -> Result<Self, ConfigError> {
        Self::with_rule(config, LowestGood { least: config.min })
    }
}

impl<R> RateControl<R> {
    /// A rule of the application's own.
    ///
    /// # Errors
    /// Which field of `config` cannot be used.
    pub const fn with_rule(config: RateConfig, rule: R) -> Result<Self, ConfigError>
    where
        R: Copy,
    {
        match config.check() {
            Ok(()) => Ok(Self { config, rule, current: config.max, changed: None }),
            Err(error) => Err(error),
        }
    }

    /// The present rate of the encoder.
    #[must_use]
    pub const fn rate(&self) -> EncoderRate {
        let half = self.current < self.config.half_below && self.config.frames_per_second > 1;
        let frames_per_second = if half { self.config.frames_per_second / 2 } else { self.config.frames_per_second };
        EncoderRate { bits_per_second: self.current, frames_per_second }
    }

    /// The bit rate of a path that carries the encoder at its highest rate, in bits a second.
    #[must_use]
    pub const fn enough(&self) -> u64 {
        // The tenth that is left free, and a little for the estimate's own swings.
        let most = self.config.max.saturating_add(self.config.sound);
        most.saturating_add(most / 4)
    }
}

impl<R: ShareRule> RateControl<R> {
    /// Takes what the path of each viewer carries, in bits a second. The new rate, where the encoder has to be told one.
    pub fn update(&mut self, now: Instant, paths: &mut dyn Iterator<Item = u64>) -> Option<EncoderRate> {
        let (sound, before) = (self.config.sound, self.rate());
        let mut left = paths.map(|path| path.saturating_sub(path / 10).saturating_sub(sound));
        let target = self.rule.share(now, &mut left)?.clamp(self.config.min, self.config.max);
        let early = self.changed.is_some_and(|changed| now < changed + self.config.interval);
        let down = target < self.current.saturating_sub(self.current / 20)
            || (target == self.config.min && target < self.current);
        let up = target > self.current.saturating_add(self.current / 10)
            || (target == self.config.max && target > self.current);
        if !down && (!up || early) {
            return None;
        }
        (self.current, self.changed) = (target, Some(now));
        let rate = self.rate();
        (rate != before).then_some(rate)
    }
}
