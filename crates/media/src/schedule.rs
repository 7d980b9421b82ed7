//! When the frames of a file are due.

use core::time::Duration;

use barertc_wire::Instant;

/// A stall up to this is made up for: a receiver's buffer bridges it, while sound that is left out would be heard.
const PATIENCE: Duration = Duration::from_millis(200);

/// Says when the next frame of each of `N` tracks is due, and with which timestamp it leaves.
///
/// All tracks share one clock, so sound and picture stay together. Frames leave at their own pace, without drift: the
/// n-th is due exactly n durations after the first. After a short stall, the frames that are late are sent at once, so
/// that no sound is missing. After a stall of more than 200 ms nothing is sent in a burst. The whole schedule then moves
/// by the delay, for all tracks alike. The timestamps move with it, and still tell the time at which a frame left.
///
/// ```
/// use barertc_media::Schedule;
/// use barertc_wire::Instant;
///
/// let mut schedule = Schedule::new([90_000, 48_000]);
/// let now = Instant::from_millis(5);
/// while let Some(track) = schedule.poll(now) {
///     let duration = [3000, 960][track]; // of the frame that is sent now
///     let timestamp = schedule.advance(track, duration);
///     assert_eq!(timestamp, 0);
/// }
/// assert_eq!(schedule.due(), Some(Instant::from_millis(25))); // the next sound, before the next picture
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Schedule<const N: usize> {
    tracks: [Track; N],
    /// When media time zero is, as moved by every stall.
    origin: Option<Instant>,
    /// How much the origin was moved in all.
    shifted: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Track {
    rate: u32,
    /// Media time of the next frame, in ticks since the start, stalls left out.
    ticks: u64,
    /// The timestamp must not go back by rounding.
    floor: u64,
}

impl<const N: usize> Schedule<N> {
    /// A schedule for tracks with these clock rates in ticks per second. Time begins with the first
    /// [`poll`](Self::poll).
    #[must_use]
    pub fn new(rates: [u32; N]) -> Self {
        let tracks = rates.map(|rate| Track { rate: rate.max(1), ticks: 0, floor: 0 });
        Self { tracks, origin: None, shifted: Duration::ZERO }
    }

    /// The track whose frame is due. `None` before [`due`](Self::due).
    ///
    /// The caller then calls [`advance`](Self::advance) for this track. Otherwise the next call returns the same track.
    pub fn poll(&mut self, now: Instant) -> Option<usize> {
        let origin = *self.origin.get_or_insert(now);
        let (track, media) = self.first()?;
        let due = origin + media;
        if due > now {
            return None;
        }
        let late = now - due;
        if late >= PATIENCE {
            self.origin = Some(origin + late);
            self.shifted = self.shifted.saturating_add(late);
        }
        Some(track)
    }

    /// Says that a frame of `track` with `duration` ticks leaves now, or is left out. Returns its timestamp in ticks
    /// since the start. It is never before the timestamp of the previous frame.
    pub fn advance(&mut self, track: usize, duration: u32) -> u64 {
        let shifted = self.shifted;
        let Some(track) = self.tracks.get_mut(track) else { return 0 };
        let timestamp = track.ticks.saturating_add(ticks(shifted, track.rate)).max(track.floor);
        track.ticks = track.ticks.saturating_add(duration.into());
        track.floor = timestamp;
        timestamp
    }

    /// When the next frame of any track is due; `None` before the first [`poll`](Self::poll), or without tracks.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let (_, media) = self.first()?;
        self.origin.map(|origin| origin + media)
    }

    /// The sum of the delays by stalls.
    #[must_use]
    pub fn lost(&self) -> Duration {
        self.shifted
    }

    /// The track whose next frame is the earliest, and its media time.
    fn first(&self) -> Option<(usize, Duration)> {
        self.tracks.iter().map(|t| time(t.ticks, t.rate)).enumerate().min_by_key(|(_, time)| *time)
    }
}

/// Rounded down to the microsecond.
pub(crate) fn time(ticks: u64, rate: u32) -> Duration {
    let rate = u64::from(rate);
    let (Some(seconds), Some(rest)) = (ticks.checked_div(rate), ticks.checked_rem(rate)) else { return Duration::ZERO };
    let micros = rest.saturating_mul(1_000_000).checked_div(rate).unwrap_or(0);
    Duration::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
}

/// Rounded to the nearest tick.
pub(crate) fn ticks(time: Duration, rate: u32) -> u64 {
    let part = u64::from(time.subsec_micros()).saturating_mul(rate.into()).saturating_add(500_000) / 1_000_000;
    time.as_secs().saturating_mul(rate.into()).saturating_add(part)
}

#[cfg(test)]
mod tests;
