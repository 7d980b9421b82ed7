//! Cuts a byte stream of IVF into frames.

use barertc_arena::{AllocError, Allocator, Shared, Vec};
use barertc_wire::{ConfigError, Instant, Rule};

use crate::frame::{FrameKind, SourceFrame};
use crate::ivf::{FRAME_HEAD_LEN, HEAD_LEN, Head, frame_len};
use crate::live::clock::CaptureClock;
use crate::live::error::{StartError, StreamError};

/// The bounds of [`IvfFrames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct IvfFramesConfig {
    /// Bytes of the largest frame; as much memory is held for it.
    pub max_frame_bytes: usize,
    /// How long a picture is shown, in ticks of 1/90000 s: 3000 for 30 a second. 0 for a source without a steady rate.
    pub frame_duration: u32,
}

impl IvfFramesConfig {
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

impl Default for IvfFramesConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// Where in the stream the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the head of the stream.
    Head,
    /// In what a head has behind the fields that are known: so many bytes are to come.
    Behind(usize),
    /// In the head of a frame.
    FrameHead,
    /// In a frame, of which so many bytes are to come.
    Frame(usize),
    /// The same, and it is left out.
    Skipped(usize),
    /// Behind a head that is none: frames cannot be found.
    Lost,
}

/// Cuts VP8, VP9 or AV1 in IVF, in chunks of any size, into frames.
///
/// Where the chunks end makes no difference to the frames. A frame is given out with its last byte. Behind one that is too
/// large the stream goes on with the next; pictures may refer to the one that was left out until the next key frame. The
/// times in the stream are not used. A stream has no mark that could be looked for behind a broken head: nothing is given
/// out until [`restart`](Self::restart).
///
/// ```
/// use barertc_arena::Heap;
/// use barertc_media::{CaptureClock, FrameKind, IvfFrames, IvfFramesConfig};
/// use barertc_wire::Instant;
///
/// let mut memory = [core::mem::MaybeUninit::uninit(); 8192];
/// let heap: Heap = Heap::new(&mut memory).expect("a region of this size");
/// let config = IvfFramesConfig { max_frame_bytes: 1024, ..IvfFramesConfig::new() };
/// let mut frames = IvfFrames::new(config, CaptureClock::new(FrameKind::Vp9, Instant::ZERO), &heap)?;
///
/// let mut stream = *b"DKIF\0\0\x20\0VP90\x40\x01\xf0\0\x1e\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\x82\x49";
/// let (mut first, mut second) = stream.split_at(40);
/// let now = Instant::from_millis(100);
/// assert!(frames.next(now, &mut first)?.is_none());
/// let frame = frames.next(now, &mut second)?.expect("a frame");
/// assert_eq!((frame.kind, frame.keyframe, &frame.data[..]), (FrameKind::Vp9, true, &[0x82, 0x49][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct IvfFrames<A: Allocator> {
    config: IvfFramesConfig,
    clock: CaptureClock,
    alloc: A,
    state: State,
    kind: Option<FrameKind>,
    /// What came of a head.
    head: [u8; HEAD_LEN],
    head_len: usize,
    /// What came of the frame at hand.
    frame: Vec<u8, A>,
    /// When the first byte of the frame's head came.
    captured: Instant,
    number: u32,
    left_out: u64,
}

impl<A: Allocator + Clone> IvfFrames<A> {
    /// Bytes that it takes at most while the frames that it gave are not kept.
    #[must_use]
    pub const fn worst_case_bytes(config: &IvfFramesConfig) -> usize {
        Vec::<u8, A>::bytes(config.max_frame_bytes)
    }

    /// Frames have timestamps of `clock`, which is one of any kind of pictures: all have one rate.
    ///
    /// # Errors
    /// When the configuration cannot be used, or there is no memory for it.
    pub fn new(config: IvfFramesConfig, clock: CaptureClock, alloc: A) -> Result<Self, StartError> {
        config.check().map_err(StartError::Config)?;
        let frame = Vec::with_capacity(config.max_frame_bytes, alloc.clone());
        let frame = frame.map_err(|AllocError| StartError::OutOfMemory)?;
        Ok(Self {
            config,
            clock,
            alloc,
            state: State::Head,
            kind: None,
            head: [0; HEAD_LEN],
            head_len: 0,
            frame,
            captured: Instant::ZERO,
            number: 0,
            left_out: 0,
        })
    }

    /// Takes bytes off the front of `chunk`, which came at `now`, until a frame is whole. `None` when all are taken.
    ///
    /// # Errors
    /// What was left out, and why. The next call goes on behind it.
    pub fn next(&mut self, now: Instant, chunk: &mut &[u8]) -> Result<Option<SourceFrame<A>>, StreamError> {
        while !chunk.is_empty() {
            match self.state {
                State::Head => {
                    if self.take_head(chunk, HEAD_LEN) {
                        self.begin_stream()?;
                    }
                }
                State::Behind(rest) => {
                    let rest = rest.saturating_sub(take(chunk, rest).len());
                    self.state = if rest == 0 { State::FrameHead } else { State::Behind(rest) };
                }
                State::FrameHead => {
                    if self.head_len == 0 {
                        self.captured = now;
                    }
                    if self.take_head(chunk, FRAME_HEAD_LEN) {
                        self.begin_frame()?;
                    }
                }
                State::Frame(rest) => {
                    let piece = take(chunk, rest);
                    // Its length was compared with the room.
                    let _ = self.frame.try_extend_from_slice(piece);
                    let rest = rest.saturating_sub(piece.len());
                    self.state = if rest == 0 { State::FrameHead } else { State::Frame(rest) };
                    if rest == 0 {
                        return self.whole().map(Some);
                    }
                }
                State::Skipped(rest) => {
                    let skipped = take(chunk, rest).len();
                    self.leave_out(skipped);
                    let rest = rest.saturating_sub(skipped);
                    self.state = if rest == 0 { State::FrameHead } else { State::Skipped(rest) };
                }
                State::Lost => {
                    let bytes = take(chunk, usize::MAX).len();
                    self.leave_out(bytes);
                    return Err(StreamError::NotFound { what: "head of IVF", bytes });
                }
            }
        }
        Ok(None)
    }

    /// Forgets what came and was not given out: another stream begins. Timestamps run on.
    pub fn restart(&mut self) {
        (self.state, self.kind, self.head_len) = (State::Head, None, 0);
        self.frame.clear();
    }

    /// The kind of the frames. `None` before the head of the stream has come.
    #[must_use]
    pub const fn kind(&self) -> Option<FrameKind> {
        self.kind
    }

    /// Bytes so far that are in no frame: of frames that were left out, and behind a head that is none.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Takes what is missing of a head of `len` bytes; whether it is whole.
    fn take_head(&mut self, chunk: &mut &[u8], len: usize) -> bool {
        let room = self.head.get_mut(self.head_len..len).unwrap_or_default();
        let piece = take(chunk, room.len());
        for (to, from) in room.iter_mut().zip(piece) {
            *to = *from;
        }
        self.head_len = self.head_len.saturating_add(piece.len());
        let whole = self.head_len >= len;
        if whole {
            self.head_len = 0;
        }
        whole
    }

    fn begin_stream(&mut self) -> Result<(), StreamError> {
        self.state = State::Lost;
        let head = Head::parse(&self.head).map_err(|rule| {
            self.leave_out(HEAD_LEN);
            StreamError::Malformed(rule)
        })?;
        let Some(kind) = head.kind() else {
            self.leave_out(HEAD_LEN);
            return Err(StreamError::Codec { fourcc: head.fourcc });
        };
        self.kind = Some(kind);
        let behind = usize::from(head.len).saturating_sub(HEAD_LEN);
        self.state = if behind == 0 { State::FrameHead } else { State::Behind(behind) };
        Ok(())
    }

    fn begin_frame(&mut self) -> Result<(), StreamError> {
        let len = frame_len(self.head.first_chunk().copied().unwrap_or_default()) as usize;
        let limit = self.config.max_frame_bytes;
        self.frame.clear();
        if len == 0 {
            // A picture that the encoder has left out; its time passes.
            let _ = self.clock.stamp(self.captured, self.config.frame_duration);
            return Ok(());
        }
        if len > limit {
            self.state = State::Skipped(len);
            return Err(StreamError::TooLarge { field: "max_frame_bytes", limit, len });
        }
        self.state = State::Frame(len);
        Ok(())
    }

    /// The frame at hand.
    fn whole(&mut self) -> Result<SourceFrame<A>, StreamError> {
        let len = self.frame.len();
        let Ok(data) = Shared::<[u8], A>::try_from_slice(&self.frame, self.alloc.clone()) else {
            self.leave_out(len);
            return Err(StreamError::OutOfMemory { len });
        };
        // No frame comes before the head.
        let kind = self.kind.unwrap_or(self.clock.kind());
        let (number, duration) = (self.number, self.config.frame_duration);
        self.number = number.wrapping_add(1);
        let timestamp = self.clock.stamp(self.captured, duration);
        let keyframe = kind.payload_format().is_key_frame(&data);
        Ok(SourceFrame { data, kind, keyframe, number, timestamp, duration })
    }

    const fn leave_out(&mut self, bytes: usize) {
        self.left_out = self.left_out.saturating_add(bytes as u64);
    }
}

/// Takes up to `len` bytes off the front.
fn take<'c>(chunk: &mut &'c [u8], len: usize) -> &'c [u8] {
    let (piece, rest) = chunk.split_at(chunk.len().min(len));
    *chunk = rest;
    piece
}
