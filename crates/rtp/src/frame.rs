//! One encoded frame, kept once in the arena however many viewers it is sent to.

use barertc_arena::{Allocator, Shared, Vec};
use barertc_wire::Writer;

use crate::error::Error;
use crate::extension::{AudioLevel, PlayoutDelay};
use crate::nal::Framing;
use crate::nal::{Nal, for_each_nal};
use crate::obu::for_each_obu;
use crate::packetize::{self, Cursor, Piece, View};
use crate::payload_format::PayloadFormat;

/// How many NAL units, or units of AV1, a frame may have.
pub const MAX_NALS: usize = 4096;

const TOO_MANY: Error = Error::TooManyNals { limit: MAX_NALS };

/// What is known about a frame beside its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FrameInfo {
    /// The media time in ticks of the format's clock. Its origin is free: each sender adds a random offset.
    pub timestamp: u32,
    /// The loudness of an audio frame. It is sent when its extension was negotiated.
    pub audio_level: Option<AudioLevel>,
    /// The rotation of a video frame. It is sent when its extension was negotiated.
    pub video_orientation: Option<u8>,
    /// The playout delay. It is sent when its extension was negotiated.
    pub playout_delay: Option<PlayoutDelay>,
    /// An audio frame comes behind silence that was not sent: its packet has the marker bit (RFC 3551 §4.1, RFC 7587 §4.1).
    pub talkspurt: bool,
}

/// An encoded frame: its bytes, where its NAL units lie (looked up once), its timestamp and whether it is a key frame.
///
/// Cloning copies a reference; the bytes are freed when the last clone (in a queue, in a retransmission history) goes.
///
/// ```
/// use barertc_arena::Global;
/// use barertc_rtp::{PayloadFormat, Frame, FrameInfo, Framing};
///
/// let bytes = [0, 0, 0, 1, 0x65, 1, 2, 3];
/// let frame = Frame::from_slice(&bytes, PayloadFormat::H264, Framing::AnnexB, FrameInfo::default(), Global)?;
/// assert!(frame.is_key());
/// assert_eq!(frame.piece_count(1200), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Frame<A: Allocator + Clone> {
    inner: Shared<Inner<A>, A>,
}

struct Inner<A: Allocator + Clone> {
    bytes: Shared<[u8], A>,
    nals: Vec<Nal, A>,
    info: FrameInfo,
    format: PayloadFormat,
    key: bool,
}

/// NAL units found in the first pass over a frame; a frame with more is walked a second time.
const FIRST_PASS: usize = 32;

impl<A: Allocator + Clone> Frame<A> {
    /// The bytes that a frame with at most `nals` NAL units takes from its allocator beside its own bytes. Audio,
    /// VP8 and VP9 have no NAL units. The overhead of the heap is not counted.
    #[must_use]
    pub const fn overhead_bytes(nals: usize) -> usize {
        Shared::<Inner<A>, A>::BYTES.saturating_add(Vec::<Nal, A>::bytes(nals))
    }

    /// Makes a frame from the bytes of one access unit (video) or one packet (audio), and finds its NAL units.
    ///
    /// # Errors
    /// [`Error::EmptyFrame`], [`Error::BadLength`], [`Error::TooManyNals`], [`Error::NoMemory`]; [`Error::Malformed`]
    /// when a NAL unit is shorter than its header, or a unit of AV1 is none.
    pub fn new(
        bytes: Shared<[u8], A>,
        format: PayloadFormat,
        framing: Framing,
        info: FrameInfo,
        alloc: A,
    ) -> Result<Self, Error> {
        if bytes.is_empty() {
            return Err(Error::EmptyFrame);
        }
        let framing = if format.has_nals() { framing } else { Framing::Whole };
        let nals = if format.has_nals() || format == PayloadFormat::Av1 {
            find_nals(&bytes, framing, format, &alloc)?
        } else {
            Vec::with_capacity(0, alloc.clone())?
        };
        let key = format.is_key(&bytes, &nals);
        let inner = Shared::try_new(Inner { bytes, nals, info, format, key }, alloc)?;
        Ok(Self { inner })
    }

    /// Makes a frame from a copy of the bytes. It is for sources that reuse their buffer.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_slice(
        bytes: &[u8],
        format: PayloadFormat,
        framing: Framing,
        info: FrameInfo,
        alloc: A,
    ) -> Result<Self, Error> {
        Self::new(Shared::try_from_slice(bytes, alloc.clone())?, format, framing, info, alloc)
    }

    /// The bytes of the frame.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.inner.bytes
    }

    /// The NAL units, or the units of AV1 that are sent, with header and size. Other formats have none.
    #[must_use]
    pub fn nals(&self) -> &[Nal] {
        &self.inner.nals
    }

    /// What was given with the frame.
    #[must_use]
    pub fn info(&self) -> &FrameInfo {
        &self.inner.info
    }

    /// Media time in ticks of the format's clock.
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        self.inner.info.timestamp
    }

    /// The payload format.
    #[must_use]
    pub fn format(&self) -> PayloadFormat {
        self.inner.format
    }

    /// Whether a decoder can start with this frame. Every audio frame is one.
    #[must_use]
    pub fn is_key(&self) -> bool {
        self.inner.key
    }

    /// The piece at `cursor` for packets with `budget` bytes of payload. Moves the cursor after it. `None` at the end
    /// of the frame, and when `budget` is below [`MIN_BUDGET`](crate::MIN_BUDGET).
    #[must_use]
    pub fn next_piece(&self, budget: usize, cursor: &mut Cursor) -> Option<Piece> {
        packetize::next(self.view(), budget, cursor)
    }

    /// The piece with this number. It is found by cutting the frame from its start.
    #[must_use]
    pub fn piece(&self, budget: usize, index: usize) -> Option<Piece> {
        let mut cursor = Cursor::default();
        for _ in 0..index {
            self.next_piece(budget, &mut cursor)?;
        }
        self.next_piece(budget, &mut cursor)
    }

    /// How many packets with `budget` bytes of payload the frame takes.
    #[must_use]
    pub fn piece_count(&self, budget: usize) -> usize {
        let mut cursor = Cursor::default();
        core::iter::from_fn(|| self.next_piece(budget, &mut cursor)).count()
    }

    /// Writes the payload of `piece`. It is the only copy of a payload byte.
    ///
    /// # Errors
    /// [`Error::NoRoom`]; [`Error::Malformed`] for a piece of another frame.
    pub fn write_piece(&self, piece: &Piece, w: &mut Writer<'_>) -> Result<(), Error> {
        packetize::write(self.view(), piece, w)
    }

    fn view(&self) -> View<'_> {
        View { format: self.inner.format, bytes: &self.inner.bytes, nals: &self.inner.nals, key: self.inner.key }
    }
}

fn find_nals<A: Allocator + Clone>(
    bytes: &[u8],
    framing: Framing,
    format: PayloadFormat,
    alloc: &A,
) -> Result<Vec<Nal, A>, Error> {
    let mut first = [Nal::default(); FIRST_PASS];
    let mut count = 0usize;
    for_each_unit(bytes, framing, format, |nal| {
        if (nal.len as usize) < format.nal_header_len() {
            return Err(Error::Malformed);
        }
        if let Some(slot) = first.get_mut(count) {
            *slot = nal;
        }
        count = count.saturating_add(1);
        if count > MAX_NALS { Err(TOO_MANY) } else { Ok(()) }
    })?;
    if count == 0 {
        return Err(Error::EmptyFrame);
    }
    let mut nals = Vec::with_capacity(count, alloc.clone())?;
    if let Some(found) = first.get(..count) {
        nals.try_extend_from_slice(found).map_err(|_| TOO_MANY)?;
    } else {
        for_each_unit(bytes, framing, format, |nal| nals.try_push(nal).map_err(|_| TOO_MANY))?;
    }
    Ok(nals)
}

fn for_each_unit(
    bytes: &[u8],
    framing: Framing,
    format: PayloadFormat,
    found: impl FnMut(Nal) -> Result<(), Error>,
) -> Result<(), Error> {
    match format {
        PayloadFormat::Av1 => for_each_obu(bytes, found),
        _ => for_each_nal(bytes, framing, found),
    }
}

impl<A: Allocator + Clone> Clone for Frame<A> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<A: Allocator + Clone> core::fmt::Debug for Frame<A> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Frame")
            .field("format", &self.format())
            .field("bytes", &self.bytes().len())
            .field("nals", &self.nals().len())
            .field("timestamp", &self.timestamp())
            .field("key", &self.is_key())
            .finish()
    }
}

barertc_wire::opaque_format! { [A: Allocator + Clone] Frame<A> }
