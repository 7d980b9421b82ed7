//! Cuts a byte stream of H.264 into access units.

use barertc_arena::{AllocError, Allocator, Vec};
use barertc_wire::{ConfigError, Instant, Rule};

use crate::access_unit::{self, Unfit};
use crate::frame::{FrameKind, SourceFrame};
use crate::h264;
use crate::live::clock::CaptureClock;
use crate::live::error::{StartError, StreamError};
use crate::parameter_sets::{ParameterSets, SETS_TOO_LARGE};

/// Behind an access unit the start of the next one is seen: a start code, and two bytes of its NAL unit.
const SEEN_BEHIND: usize = 5;
/// Bytes that are taken in at once, at most: what lies behind a frame is moved to the front.
const PIECE: usize = 2048;

/// The bounds of [`AccessUnits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AccessUnitsConfig {
    /// Bytes of the largest access unit with its start codes; as much memory is held for it.
    pub max_frame_bytes: usize,
    /// How long a picture is shown, in ticks of 1/90000 s: 3000 for 30 a second. 0 for a source without a steady rate.
    pub frame_duration: u32,
}

impl AccessUnitsConfig {
    /// 30 pictures a second of up to 256 KB.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_frame_bytes: 256 * 1024, frame_duration: 3000 }
    }

    /// # Errors
    /// Which field cannot be used.
    pub const fn check(&self) -> Result<(), ConfigError> {
        ConfigError::check("max_frame_bytes", self.max_frame_bytes as u64, Rule::AtLeast(64))
    }
}

impl Default for AccessUnitsConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// Cuts H.264 between start codes (Annex B), in chunks of any size, into access units.
///
/// The size of the chunks makes no difference to the frames. A key frame has the latest parameter sets of the stream,
/// whether the encoder repeats them or not. A unit that is too large or broken is left out, and the stream continues with the
/// next one. Until the next key frame, pictures may refer to the one that was left out.
///
/// An access unit ends where the next one begins, so the frames are one picture late. A caller that knows the end of a unit
/// calls [`end_of_unit`](Self::end_of_unit). Then the frame is there at once.
///
/// ```
/// use barertc_arena::Heap;
/// use barertc_media::{AccessUnits, AccessUnitsConfig, CaptureClock, FrameKind};
/// use barertc_wire::Instant;
///
/// let mut memory = [core::mem::MaybeUninit::uninit(); 8192];
/// let heap: Heap = Heap::new(&mut memory).expect("a region of this size");
/// let config = AccessUnitsConfig { max_frame_bytes: 1024, ..AccessUnitsConfig::new() };
/// let clock = CaptureClock::new(FrameKind::H264, Instant::ZERO);
/// let mut units = AccessUnits::new(config, clock, &heap)?;
///
/// let now = Instant::from_millis(100);
/// let mut frames = 0;
/// for mut chunk in [&[0, 0, 0, 1, 0x65, 0x88][..], &[4, 0, 0, 1, 0x41, 0x9a], &[5]] {
///     while let Some(frame) = units.next(now, &mut chunk)? {
///         assert_eq!((&frame.data[..], frame.keyframe, frame.timestamp), (&[0, 0, 0, 3, 0x65, 0x88, 4][..], true, 9000));
///         frames += 1;
///     }
/// }
/// assert_eq!(frames, 1);
/// assert_eq!(&units.end_of_unit()?.expect("the second").data[..], [0, 0, 0, 3, 0x41, 0x9a, 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AccessUnits<A: Allocator> {
    config: AccessUnitsConfig,
    clock: CaptureClock,
    alloc: A,
    /// What came of the unit at hand, from its start code on, and what lies behind it.
    buf: Vec<u8, A>,
    /// Where in `buf` the search for the next start code goes on.
    from: usize,
    /// The start code of the unit at hand was seen, and a slice of it.
    begun: bool,
    picture: bool,
    /// The unit at hand was too large: the next one is looked for.
    skipping: bool,
    /// When the first byte of the unit at hand came.
    captured: Instant,
    /// When what was taken in last came.
    taken: Instant,
    number: u32,
    left_out: u64,
    sets: ParameterSets,
}

impl<A: Allocator + Clone> AccessUnits<A> {
    /// Bytes that it takes at most while the frames that it gave are not kept.
    #[must_use]
    pub const fn worst_case_bytes(config: &AccessUnitsConfig) -> usize {
        Vec::<u8, A>::bytes(config.max_frame_bytes.saturating_add(SEEN_BEHIND))
    }

    /// Frames have timestamps of `clock`, which is one for [`FrameKind::H264`].
    ///
    /// # Errors
    /// When the configuration cannot be used, or there is no memory for it.
    pub fn new(config: AccessUnitsConfig, clock: CaptureClock, alloc: A) -> Result<Self, StartError> {
        config.check().map_err(StartError::Config)?;
        let capacity = config.max_frame_bytes.saturating_add(SEEN_BEHIND);
        let buf = Vec::with_capacity(capacity, alloc.clone()).map_err(|AllocError| StartError::OutOfMemory)?;
        Ok(Self {
            config,
            clock,
            alloc,
            buf,
            from: 0,
            begun: false,
            picture: false,
            skipping: false,
            captured: Instant::ZERO,
            taken: Instant::ZERO,
            number: 0,
            left_out: 0,
            sets: ParameterSets::default(),
        })
    }

    /// Takes bytes off the front of `chunk`, which came at `now`, until a frame is whole. `None` when all are taken; no
    /// bytes are lost by an error.
    ///
    /// # Errors
    /// What was left out, and why. The next call goes on behind it.
    pub fn next(&mut self, now: Instant, chunk: &mut &[u8]) -> Result<Option<SourceFrame<A>>, StreamError> {
        loop {
            if let Some(end) = self.find_end() {
                return self.take(end).map(Some);
            }
            if self.buf.is_full() {
                self.give_up()?;
            }
            if chunk.is_empty() {
                return Ok(None);
            }
            if self.buf.is_empty() {
                self.captured = now;
            }
            let (piece, rest) = chunk.split_at(chunk.len().min(self.buf.room()).min(PIECE));
            // There is room for it.
            let _ = self.buf.try_extend_from_slice(piece);
            self.taken = now;
            *chunk = rest;
        }
    }

    /// Nothing more comes of the unit at hand: the frame of it, if it has a picture.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn end_of_unit(&mut self) -> Result<Option<SourceFrame<A>>, StreamError> {
        let whole = self.picture && !self.skipping;
        if whole { self.take(self.buf.len()).map(Some) } else { Ok(None) }
    }

    /// Forgets what came and was not given out: another stream begins. Timestamps run on.
    pub fn restart(&mut self) {
        self.buf.clear();
        self.begin_unit();
        (self.begun, self.skipping, self.sets) = (false, false, ParameterSets::default());
    }

    /// Bytes so far that are in no frame: before the first start code, and of units that were left out.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Where in `buf` the unit at hand ends.
    fn find_end(&mut self) -> Option<usize> {
        loop {
            let Some(at) = h264::start_code(&self.buf, self.from) else {
                // But for half a start code at its end.
                self.from = self.buf.len().saturating_sub(2).max(self.from);
                return None;
            };
            self.from = at;
            if at.saturating_add(SEEN_BEHIND) > self.buf.len() {
                return None;
            }
            let nal = self.buf.get(at.saturating_add(3)..).unwrap_or_default();
            let (kind, begins) = (h264::nal_type(nal), h264::begins_picture(nal));
            if !self.begun || (self.skipping && begins) {
                // What lies before is not of a unit: rubbish before the first one, or the rest of one that was given up.
                let unit = self.buf.get(..at).map_or(0, |before| h264::trim_zeros(before).len());
                self.left_out = self.left_out.saturating_add(unit as u64);
                self.buf.remove_front(at);
                self.begin_unit();
                (self.begun, self.skipping) = (true, false);
            } else if self.picture && begins {
                return Some(at);
            }
            if !self.skipping {
                self.picture |= h264::is_slice(kind);
            }
            self.from = self.from.saturating_add(3);
        }
    }

    /// The buffer is full without the end of a unit.
    fn give_up(&mut self) -> Result<(), StreamError> {
        let (len, limit) = (self.buf.len(), self.config.max_frame_bytes);
        // What was searched is not needed any more, but for parameter sets, which later key frames need.
        let bytes = if self.begun && !self.skipping { self.learn_sets() } else { self.from };
        self.left_out = self.left_out.saturating_add(bytes as u64);
        self.buf.remove_front(bytes);
        self.from = 0;
        if !self.begun {
            return Err(StreamError::NotFound { what: "start code of H.264", bytes });
        }
        let known = core::mem::replace(&mut self.skipping, true);
        if known { Ok(()) } else { Err(StreamError::TooLarge { field: "max_frame_bytes", limit, len }) }
    }

    /// Learns the parameter sets of a unit that fills the buffer. Bytes of it that are not needed any more: all but a set
    /// at its end that is not whole, which then begins the next unit.
    fn learn_sets(&mut self) -> usize {
        let last = self.buf.windows(3).rposition(|w| matches!(w, [0, 0, 1])).unwrap_or(0);
        let (before, cut) = self.buf.split_at_checked(last).unwrap_or((&self.buf, &[]));
        self.sets.learn(h264::nals(before).filter(|nal| h264::is_sound(nal)));
        let is_set = cut.get(3..).is_some_and(ParameterSets::is_set);
        if is_set && last == 0 {
            self.sets.miss();
        }
        if is_set && last > 0 { last } else { self.from }
    }

    /// The frame of the first `end` bytes.
    fn take(&mut self, end: usize) -> Result<SourceFrame<A>, StreamError> {
        let frame = self.frame(end);
        if frame.is_err() {
            self.left_out = self.left_out.saturating_add(end as u64);
        }
        self.buf.remove_front(end);
        self.begin_unit();
        frame
    }

    fn frame(&mut self, end: usize) -> Result<SourceFrame<A>, StreamError> {
        let (unit, limit) = (self.buf.get(..end).unwrap_or_default(), self.config.max_frame_bytes);
        if !h264::nals(unit).all(h264::is_sound) {
            self.sets.learn(h264::nals(unit).filter(|nal| h264::is_sound(nal)));
            return Err(StreamError::Malformed("NAL unit with forbidden_zero_bit"));
        }
        let data = access_unit::gather(unit, &mut self.sets, limit, self.alloc.clone());
        let data = data.map_err(|unfit| match unfit {
            Unfit::TooLarge(len) => StreamError::TooLarge { field: "max_frame_bytes", limit, len },
            Unfit::Sets => StreamError::Malformed(SETS_TOO_LARGE),
            Unfit::OutOfMemory(len) => StreamError::OutOfMemory { len },
        })?;
        let keyframe = h264::nals(unit).any(|nal| h264::nal_type(nal) == h264::IDR);
        let (number, duration) = (self.number, self.config.frame_duration);
        self.number = number.wrapping_add(1);
        let timestamp = self.clock.stamp(self.captured, duration);
        Ok(SourceFrame { data, kind: FrameKind::H264, keyframe, number, timestamp, duration })
    }

    /// The unit at hand begins at the front of `buf`. Its start came with what was taken in last.
    const fn begin_unit(&mut self) {
        (self.from, self.picture, self.captured) = (0, false, self.taken);
    }
}
