//! Packed files: many tracks with an index in one file.

mod format;

use barertc_arena::{Allocator, Shared, Vec};

use crate::crc::Crc;
use crate::error::{Error, ErrorKind};
use crate::file::File;
use crate::frame::{FrameKind, SourceFrame};
use crate::h264;
use crate::parameter_sets::{ParameterSets, SETS_TOO_LARGE};
use crate::storage::Storage;
pub(crate) use format::{CHECKSUM_AT, Entry, HEAD_LEN, Head, TRACK_LEN, entry_at};

/// The bounds of a [`Packed`] track.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PackedConfig {
    /// How many frames the track may have. Each takes 4 bytes of memory, and each key frame 4 more.
    pub max_frames: u32,
    /// The size of the largest frame in bytes.
    pub max_frame_bytes: usize,
}

impl Default for PackedConfig {
    fn default() -> Self {
        Self { max_frames: 16_384, max_frame_bytes: 256 * 1024 }
    }
}

/// One track of a packed file. The index is in memory, so that each frame is one read, and any frame can be next.
///
/// After the last frame the source begins again with the first. Timestamps go on.
pub struct Packed<S: Storage, A: Allocator> {
    file: File<S>,
    alloc: A,
    config: PackedConfig,
    entry: Entry,
    /// Where every frame begins, and where the last one ends.
    starts: Vec<u32, A>,
    /// The numbers of the key frames; empty where every frame is one.
    keys: Vec<u32, A>,
    number: u32,
    timestamp: u64,
    sets: ParameterSets,
    /// The sets that the track begins with have been looked for.
    begun: bool,
}

impl<S: Storage, A: Allocator + Clone> Packed<S, A> {
    /// The bytes that a source with these bounds takes from its allocator: the index. Frames that it has given out are
    /// not counted.
    #[must_use]
    pub const fn worst_case_bytes(config: &PackedConfig) -> usize {
        let frames = config.max_frames as usize;
        Vec::<u32, A>::bytes(frames.saturating_add(1)).saturating_add(Vec::<u32, A>::bytes(frames))
    }

    /// Opens the first track of `kind` in the packed file at `path`, and reads its index.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchTrack`], [`ErrorKind::Empty`], [`ErrorKind::Malformed`] or [`ErrorKind::Truncated`] for a
    /// broken file; a checksum covers the whole head. [`ErrorKind::TooLarge`] for a file beyond `config`. Errors of the
    /// storage.
    pub async fn open(
        storage: &mut S,
        path: &str,
        kind: FrameKind,
        config: PackedConfig,
        alloc: A,
    ) -> Result<Self, Error<S::Error>> {
        let mut file = File::open(storage, format_args!("{path}")).await?;
        if file.size() == 0 {
            return Err(file.error(0, ErrorKind::Empty));
        }
        let mut bytes = [0; HEAD_LEN];
        file.read_exact(storage, 0, &mut bytes).await?;
        let head = Head::parse(&bytes).map_err(|(at, rule)| file.error(at, ErrorKind::Malformed(rule)))?;
        if u64::from(head.size) > file.size() {
            return Err(file.error(file.size(), ErrorKind::Truncated));
        }
        verify(storage, &mut file, bytes, head).await?;
        let (at, entry) = find(storage, &mut file, head, kind).await?;
        check(&file, head, at, &entry, &config)?;

        let mut starts = memory(&file, (entry.frames as usize).saturating_add(1), alloc.clone())?;
        read_numbers(storage, &mut file, entry.index_at, &mut starts).await?;
        let mut keys = memory(&file, entry.key_frames as usize, alloc.clone())?;
        let (keys_at, _) = entry.keys().unwrap_or_default();
        read_numbers(storage, &mut file, keys_at, &mut keys).await?;
        let packed = Self {
            file,
            alloc,
            config,
            entry,
            starts,
            keys,
            number: 0,
            timestamp: 0,
            sets: ParameterSets::default(),
            begun: false,
        };
        packed.check_index()?;
        Ok(packed)
    }

    /// Reads the next frame with one read of the storage. On an error the source stays where it is, and
    /// [`seek`](Self::seek) goes past the frame.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`ErrorKind::OutOfMemory`].
    pub async fn next(&mut self, storage: &mut S) -> Result<SourceFrame<A>, Error<S::Error>> {
        let number = self.number;
        let (data, keyframe) = self.read(storage, number).await?;
        let (data, keyframe) = match self.entry.kind {
            FrameKind::Opus | FrameKind::Vp8 | FrameKind::Vp9 | FrameKind::Av1 => (data, keyframe),
            FrameKind::H264 => {
                let first = self.key_frame_from(0);
                if number <= first {
                    (self.sets, self.begun) = (ParameterSets::default(), true);
                } else if keyframe && !self.begun && !ParameterSets::are_in(&data) {
                    // Whoever begins here has not seen the sets that the track begins with.
                    self.begun = true;
                    let (earlier, _) = self.read(storage, first).await?;
                    self.complete(earlier, first)?;
                }
                (self.complete(data, number)?, keyframe)
            }
        };
        let timestamp = self.timestamp;
        let duration = self.entry.duration;
        self.timestamp = timestamp.saturating_add(duration.into());
        self.number = self.after(number);
        Ok(SourceFrame { data, kind: self.entry.kind, keyframe, number, timestamp, duration })
    }

    /// The frame with the parameter sets that it lacks.
    fn complete(&mut self, data: Shared<[u8], A>, number: u32) -> Result<Shared<[u8], A>, Error<S::Error>> {
        let offset = self.entry.data_at.saturating_add(self.span(number).0.into());
        let data = self.sets.complete(data, self.alloc.clone());
        let data = data.map_err(|_| self.file.error(offset, ErrorKind::OutOfMemory))?;
        let data = data.map_err(|_| self.file.error(offset, ErrorKind::Malformed(SETS_TOO_LARGE)))?;
        let (len, max) = (data.len(), self.config.max_frame_bytes);
        if len > max {
            return Err(self.file.error(offset, ErrorKind::TooLarge { len: len as u64, max }));
        }
        Ok(data)
    }

    /// Reads a frame; whether it is a key frame.
    async fn read(&mut self, storage: &mut S, number: u32) -> Result<(Shared<[u8], A>, bool), Error<S::Error>> {
        let (begin, end) = self.span(number);
        let offset = self.entry.data_at.saturating_add(begin.into());
        let len = u64::from(end.saturating_sub(begin));
        let max = self.config.max_frame_bytes;
        let data = self.file.read_shared(storage, offset, len, max, self.alloc.clone()).await?;
        let keyframe = match self.entry.kind {
            FrameKind::Opus => true,
            kind @ (FrameKind::Vp8 | FrameKind::Vp9 | FrameKind::Av1) => kind.payload_format().is_key_frame(&data),
            FrameKind::H264 => h264::check_access_unit(&data).map_err(|bad| {
                let at = offset.saturating_add(bad.offset as u64);
                self.file.error(at, ErrorKind::Malformed(bad.rule.unwrap_or("NAL unit reaches past its frame")))
            })?,
        };
        Ok((data, keyframe))
    }

    /// Makes frame `number` the next one. The timestamp goes on as without the jump.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchFrame`].
    pub fn seek(&mut self, number: u32) -> Result<(), Error<S::Error>> {
        if number >= self.entry.frames {
            return Err(self
                .file
                .error(self.entry.index_at.into(), ErrorKind::NoSuchFrame { number, limit: self.entry.frames }));
        }
        self.number = number;
        Ok(())
    }

    /// The number of the next frame.
    #[must_use]
    pub fn position(&self) -> u32 {
        self.number
    }

    /// The first key frame at or after `number`. Without one, it is the first key frame of the track.
    #[must_use]
    pub fn key_frame_from(&self, number: u32) -> u32 {
        if self.keys.is_empty() {
            return if number < self.entry.frames { number } else { 0 };
        }
        let at = self.keys.partition_point(|k| *k < number);
        self.keys.get(at).or(self.keys.first()).copied().unwrap_or(0)
    }

    /// The last key frame at or before `number`. Without one, it is the first key frame of the track.
    #[must_use]
    pub fn key_frame_before(&self, number: u32) -> u32 {
        if self.keys.is_empty() {
            return number.min(self.entry.frames.saturating_sub(1));
        }
        let after = self.keys.partition_point(|k| *k <= number);
        self.keys.get(after.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// The key frame nearest to `number`, or the earlier one of two.
    #[must_use]
    pub fn nearest_key_frame(&self, number: u32) -> u32 {
        let (before, after) = (self.key_frame_before(number), self.key_frame_from(number));
        if after >= number && after.abs_diff(number) < before.abs_diff(number) { after } else { before }
    }

    /// The size in bytes of frame `number` in the file. It is 0 when there is no such frame. [`next`](Self::next) adds
    /// the parameter sets that a key frame lacks.
    #[must_use]
    pub fn frame_len(&self, number: u32) -> usize {
        let (begin, end) = self.span(number);
        end.saturating_sub(begin) as usize
    }

    /// The codec of the track.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        self.entry.kind
    }

    /// How many frames there are before the track begins again.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.entry.frames
    }

    /// How long each frame is shown, in ticks of the codec's clock.
    #[must_use]
    pub fn duration(&self) -> u32 {
        self.entry.duration
    }

    /// Closes the file.
    pub async fn close(self, storage: &mut S) {
        self.file.close(storage).await;
    }

    fn after(&self, number: u32) -> u32 {
        let next = number.saturating_add(1);
        if next < self.entry.frames { next } else { 0 }
    }

    fn span(&self, number: u32) -> (u32, u32) {
        let at = |n: usize| self.starts.get(n).copied().unwrap_or(0);
        (at(number as usize), at((number as usize).saturating_add(1)))
    }

    /// Frames lie one after the other, none empty, all inside the file; key frames ascend.
    fn check_index(&self) -> Result<(), Error<S::Error>> {
        let index_at = u64::from(self.entry.index_at);
        let ascends = |numbers: &[u32]| numbers.windows(2).all(|w| matches!(w, [a, b] if a < b));
        if !ascends(&self.starts) {
            return Err(self.file.error(index_at, ErrorKind::Malformed("index is not in order")));
        }
        if !ascends(&self.keys) || self.keys.last().is_some_and(|k| *k >= self.entry.frames) {
            return Err(self.file.error(index_at, ErrorKind::Malformed("list of key frames is not in order")));
        }
        let end = self.entry.data_at.saturating_add(self.starts.last().copied().unwrap_or(0).into());
        if end > self.file.size() {
            return Err(self.file.error(self.file.size(), ErrorKind::Truncated));
        }
        Ok(())
    }
}

/// Checks the checksum of head, entries and indices.
async fn verify<S: Storage>(
    storage: &mut S,
    file: &mut File<S>,
    mut head: [u8; HEAD_LEN],
    parsed: Head,
) -> Result<(), Error<S::Error>> {
    if let Some(checksum) = head.get_mut(CHECKSUM_AT..) {
        checksum.fill(0);
    }
    let mut crc = Crc::default();
    crc.update(&head);
    let mut at = HEAD_LEN as u64;
    let mut piece = [0; 256];
    while at < u64::from(parsed.size) {
        let len = u64::from(parsed.size).saturating_sub(at).min(piece.len() as u64) as usize;
        let piece = piece.get_mut(..len).unwrap_or_default();
        file.read_exact(storage, at, piece).await?;
        crc.update(piece);
        at = at.saturating_add(len as u64);
    }
    if crc.value() == parsed.checksum {
        Ok(())
    } else {
        Err(file.error(CHECKSUM_AT as u64, ErrorKind::Malformed("checksum of the head is wrong")))
    }
}

/// The first entry of `kind`, and where it stands.
async fn find<S: Storage>(
    storage: &mut S,
    file: &mut File<S>,
    head: Head,
    kind: FrameKind,
) -> Result<(u64, Entry), Error<S::Error>> {
    for n in 0..head.tracks {
        let mut bytes = [0; TRACK_LEN];
        file.read_exact(storage, entry_at(n), &mut bytes).await?;
        if let Some(entry) = Entry::parse(&bytes).filter(|e| e.kind == kind) {
            return Ok((entry_at(n), entry));
        }
    }
    Err(file.error(HEAD_LEN as u64, ErrorKind::NoSuchTrack))
}

/// What an entry must keep to, before anything is allocated for it.
fn check<S: Storage>(
    file: &File<S>,
    head: Head,
    at: u64,
    entry: &Entry,
    config: &PackedConfig,
) -> Result<(), Error<S::Error>> {
    if entry.frames == 0 {
        return Err(file.error(at, ErrorKind::Empty));
    }
    if entry.frames > config.max_frames {
        let len = u64::from(entry.frames).saturating_mul(4);
        return Err(file.error(at, ErrorKind::TooLarge { len, max: (config.max_frames as usize).saturating_mul(4) }));
    }
    let index_fits = entry.keys().is_some_and(|(_, end)| end <= head.size);
    if entry.duration == 0 || entry.key_frames > entry.frames || !index_fits || entry.data_at < head.size.into() {
        return Err(file.error(at, ErrorKind::Malformed("track entry contradicts itself")));
    }
    Ok(())
}

/// Room for `n` numbers, all zero.
fn memory<S: Storage, A: Allocator>(file: &File<S>, n: usize, alloc: A) -> Result<Vec<u32, A>, Error<S::Error>> {
    let mut numbers = Vec::with_capacity(n, alloc).map_err(|_| file.error(0, ErrorKind::OutOfMemory))?;
    numbers.try_resize(n, 0).map_err(|_| file.error(0, ErrorKind::OutOfMemory))?;
    Ok(numbers)
}

/// Fills `numbers` from the file.
async fn read_numbers<S: Storage>(
    storage: &mut S,
    file: &mut File<S>,
    at: u32,
    numbers: &mut [u32],
) -> Result<(), Error<S::Error>> {
    let mut at = u64::from(at);
    let mut bytes = [0; 256];
    for group in numbers.chunks_mut(64) {
        let piece = bytes.get_mut(..group.len().saturating_mul(4)).unwrap_or_default();
        file.read_exact(storage, at, piece).await?;
        at = at.saturating_add(piece.len() as u64);
        for (number, bytes) in group.iter_mut().zip(piece.as_chunks::<4>().0) {
            *number = u32::from_be_bytes(*bytes);
        }
    }
    Ok(())
}
