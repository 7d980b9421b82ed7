//! The buffer in front of a loudspeaker.

use barertc_arena::{AllocError, Allocator, Ring};
use barertc_wire::{ConfigError, Count, Rule};

use crate::live::StartError;

/// How a [`Playout`] waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PlayoutConfig {
    /// Samples a second.
    pub sample_rate: u32,
    /// Samples that are kept waiting, so that what comes late is still in time: 40 ms are usual.
    pub target: usize,
    /// Samples that there is room for: more than `target`. When more wait than this, the oldest are left out until `target`
    /// are left.
    pub capacity: usize,
}

impl PlayoutConfig {
    /// Seconds in which sound has to wait for longer than is needed before some of it is left out: a loss makes what follows
    /// late, and the next loss comes soon where there was one.
    pub const WINDOW: u32 = 3;

    /// One channel: 40 ms wait, 200 ms at most.
    #[must_use]
    pub const fn new(sample_rate: u32) -> Self {
        let (target, capacity) = (sample_rate as usize / 25, sample_rate as usize / 5);
        Self { sample_rate, target, capacity }
    }

    /// # Errors
    /// Which field cannot be used.
    pub const fn check(&self) -> Result<(), ConfigError> {
        match ConfigError::check("sample_rate", self.sample_rate as u64, Rule::AtLeast(1)) {
            Ok(()) => {
                let most = self.capacity.saturating_sub(1);
                ConfigError::check_range("target", self.target as u64, 1, most as u64)
            }
            error => error,
        }
    }
}

/// What happened to sound on its way to a loudspeaker, in samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PlayoutStats {
    /// Silence that stands for sound that did not come, or not in time.
    pub missing: Count,
    /// Silence of pauses, in which the sender sends nothing: nothing is missing.
    pub silence: Count,
    /// Sound that was left out because too much was waiting, or more than was needed for [`PlayoutConfig::WINDOW`] seconds.
    pub left_out: Count,
    /// Sound that came after its time.
    pub late: Count,
}

/// Decoded sound between the network, which brings it in bursts, and a loudspeaker, which takes it evenly.
///
/// Missing sound is replaced by silence. The clocks of the loudspeaker and of the sender always differ. If the loudspeaker
/// is slower, some sound is left out. If it is faster, some silence is put in. Sound that has become late is in time again
/// after [`PlayoutConfig::WINDOW`] seconds.
pub struct Playout<A: Allocator> {
    config: PlayoutConfig,
    samples: Ring<i16, A>,
    /// The timestamp behind the last sample that is waiting, once there was one.
    end: Option<u32>,
    /// Enough wait, or have been waiting, since the last time that there was nothing.
    playing: bool,
    /// The sender has said that silence begins, and nothing has come since.
    paused: bool,
    /// The fewest samples that were left waiting, and how many were played meanwhile.
    least: usize,
    played: usize,
    muted: bool,
    stats: PlayoutStats,
}

impl<A: Allocator> Playout<A> {
    /// Bytes that it takes.
    #[must_use]
    pub const fn worst_case_bytes(config: &PlayoutConfig) -> usize {
        Ring::<i16, A>::bytes(config.capacity)
    }

    /// # Errors
    /// When the configuration cannot be used, or there is no memory for it.
    pub fn new(config: PlayoutConfig, alloc: A) -> Result<Self, StartError> {
        config.check().map_err(StartError::Config)?;
        let samples = Ring::with_capacity(config.capacity, alloc).map_err(|AllocError| StartError::OutOfMemory)?;
        let stats = PlayoutStats::default();
        Ok(Self {
            config,
            samples,
            end: None,
            playing: false,
            paused: false,
            least: usize::MAX,
            played: 0,
            muted: false,
            stats,
        })
    }

    /// Takes decoded sound, whose first sample has `timestamp` in ticks of the sample rate. Between it and what came before,
    /// silence stands for what is missing. Returns false for sound that came too late: it is left out, and says nothing about
    /// what comes next.
    pub fn push(&mut self, timestamp: u32, pcm: &[i16]) -> bool {
        let gap = self.end.map_or(0, |end| timestamp.wrapping_sub(end).cast_signed());
        let len = u32::try_from(pcm.len()).unwrap_or(u32::MAX);
        if gap < 0 && gap.unsigned_abs() < self.config.sample_rate {
            // Its time has been filled with silence.
            self.stats.late += pcm.len() as u64;
            return false;
        }
        // A gap that is longer than what can wait is a new beginning.
        let gap = usize::try_from(gap).unwrap_or(0);
        if gap <= self.config.capacity {
            self.count_gap(gap as u64);
            (0..gap).for_each(|_| self.put(0));
        }
        pcm.iter().for_each(|sample| self.put(*sample));
        self.paused = false;
        self.end = Some(timestamp.wrapping_add(len));
        self.playing |= self.samples.len() >= self.config.target;
        true
    }

    /// Fills a block for the loudspeaker, with silence where there is nothing.
    pub fn pull(&mut self, out: &mut [i16]) {
        let mut missing = 0_u64;
        for place in out.iter_mut() {
            let sample = if self.playing { self.samples.pop_front() } else { None };
            missing = missing.saturating_add(u64::from(sample.is_none()));
            *place = sample.filter(|_| !self.muted).unwrap_or(0);
        }
        if missing > 0 && self.end.is_some() {
            self.count_gap(missing);
            // Until there is something to wait for again.
            self.playing = false;
        }
        self.shorten(out.len());
    }

    /// The packet that was pushed last begins a pause, in which nothing is sent (RFC 7587 §3.1.3). Until sound comes again,
    /// the pause counts as [`silence`](PlayoutStats::silence) and not as [`missing`](PlayoutStats::missing).
    pub const fn pause(&mut self) {
        self.paused = true;
    }

    /// Forgets what waits: what comes next is of another stream.
    pub fn restart(&mut self) {
        self.paused = false;
        self.samples.clear();
        (self.end, self.playing) = (None, false);
        (self.least, self.played) = (usize::MAX, 0);
    }

    /// Plays silence instead, or not any more. Sound goes by meanwhile.
    pub const fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Samples that wait.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.samples.len()
    }

    /// What happened so far.
    #[must_use]
    pub const fn stats(&self) -> PlayoutStats {
        self.stats
    }

    /// Silence was put where no sound has come.
    fn count_gap(&mut self, samples: u64) {
        let count = if self.paused { &mut self.stats.silence } else { &mut self.stats.missing };
        *count += samples;
    }

    /// So many samples were played: leaves out what has been waiting all the time.
    fn shorten(&mut self, played: usize) {
        self.least = self.least.min(self.samples.len());
        self.played = self.played.saturating_add(played);
        let window = (self.config.sample_rate as usize).saturating_mul(PlayoutConfig::WINDOW as usize);
        if self.played < window {
            return;
        }
        // Half of what is to wait is left when a packet is due. A quarter more is not worth a gap.
        let surplus = self.least.saturating_sub(self.config.target / 2);
        if surplus >= (self.config.target / 4).max(1) {
            for _ in 0..surplus {
                self.samples.pop_front();
            }
            self.stats.left_out += surplus as u64;
        }
        (self.least, self.played) = (usize::MAX, 0);
    }

    fn put(&mut self, sample: i16) {
        if self.samples.is_full() {
            while self.samples.len() > self.config.target {
                self.samples.pop_front();
                self.stats.left_out += 1;
            }
        }
        // There is room now: `target` is less than the capacity.
        let _ = self.samples.push_back(sample);
    }
}
