//! Cuts a byte stream of Ogg into packets (RFC 3533).

use barertc_arena::{AllocError, Allocator, Shared, Vec};
use barertc_wire::{ConfigError, Instant, Rule};

use crate::frame::{FrameKind, SourceFrame};
use crate::live::clock::CaptureClock;
use crate::live::error::{StartError, StreamError};
use crate::ogg::head::{self, BadHead};
use crate::ogg::layout::{CAPTURE, Layout, MAX_PAGE, Measured, measure};
use crate::opus;

/// The bounds of [`OggPackets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OggPacketsConfig {
    /// Bytes of the largest page. 65,307 is the format's own limit; an encoder that makes a page of each packet needs less.
    pub max_page_bytes: usize,
    /// Bytes of the largest Opus packet.
    pub max_packet_bytes: usize,
}

impl OggPacketsConfig {
    /// Pages of any size, with packets of up to 4096 bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_page_bytes: MAX_PAGE, max_packet_bytes: 4096 }
    }

    /// # Errors
    /// Which field cannot be used.
    pub const fn check(&self) -> Result<(), ConfigError> {
        // A head and a segment.
        match ConfigError::check_range("max_page_bytes", self.max_page_bytes as u64, 283, MAX_PAGE as u64) {
            Ok(()) => ConfigError::check("max_packet_bytes", self.max_packet_bytes as u64, Rule::AtLeast(1)),
            error => error,
        }
    }
}

impl Default for OggPacketsConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// What comes next of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The identification header (RFC 7845 §5.1).
    Head,
    /// The comment header of this stream (§5.2), which may span pages.
    Tags {
        serial: u32,
        begun: bool,
    },
    Sound {
        serial: u32,
    },
}

/// Cuts Opus in Ogg (RFC 7845), in chunks of any size, into packets.
///
/// Where the chunks end makes no difference to the frames. Behind a page that is broken or too large, the stream goes on
/// with the next one. A new stream may follow the one before (chaining); pages of streams beside it are passed over.
pub struct OggPackets<A: Allocator> {
    config: OggPacketsConfig,
    clock: CaptureClock,
    alloc: A,
    /// What came of the page at hand, and what lies behind it.
    buf: Vec<u8, A>,
    /// The page at the front of `buf`, while its packets are given out.
    page: Option<Layout>,
    stage: Stage,
    packet: Vec<u8, A>,
    /// The number of the last page of sound.
    sequence: u32,
    /// The packet at hand is too large or its beginning is missing: its end is looked for.
    skipping: bool,
    number: u32,
    passed_over: u64,
    left_out: u64,
    /// What was left out when it was told last, in a stretch without a page that can be read.
    lost: Option<u64>,
}

impl<A: Allocator + Clone> OggPackets<A> {
    /// Bytes that it takes at most while the frames that it gave are not kept.
    #[must_use]
    pub const fn worst_case_bytes(config: &OggPacketsConfig) -> usize {
        Vec::<u8, A>::bytes(config.max_page_bytes).saturating_add(Vec::<u8, A>::bytes(config.max_packet_bytes))
    }

    /// Frames have timestamps of `clock`, which is one for [`FrameKind::Opus`].
    ///
    /// # Errors
    /// When the configuration cannot be used, or there is no memory for it.
    pub fn new(config: OggPacketsConfig, clock: CaptureClock, alloc: A) -> Result<Self, StartError> {
        config.check().map_err(StartError::Config)?;
        let room = |bytes| Vec::with_capacity(bytes, alloc.clone()).map_err(|AllocError| StartError::OutOfMemory);
        let (buf, packet) = (room(config.max_page_bytes)?, room(config.max_packet_bytes)?);
        let (stage, skipping) = (Stage::Head, false);
        Ok(Self {
            config,
            clock,
            alloc,
            buf,
            page: None,
            stage,
            packet,
            sequence: 0,
            skipping,
            number: 0,
            passed_over: 0,
            left_out: 0,
            lost: None,
        })
    }

    /// Takes bytes off the front of `chunk`, which came at `now`, until a packet is whole. `None` when all are taken; no
    /// bytes are lost by an error.
    ///
    /// # Errors
    /// What was left out, and why: once for a stretch without a page that can be read, and again after each
    /// [`max_page_bytes`](OggPacketsConfig::max_page_bytes) of it. The next call goes on behind it.
    pub fn next(&mut self, now: Instant, chunk: &mut &[u8]) -> Result<Option<SourceFrame<A>>, StreamError> {
        loop {
            if self.page.is_some() {
                if self.next_packet()? {
                    return self.frame(now).map(Some);
                }
                self.end_page();
            }
            match measure(&self.buf) {
                Ok(Measured::Whole(layout)) => {
                    self.lost = None;
                    self.begin_page(layout)?;
                }
                Ok(Measured::Needs(len)) if len > self.config.max_page_bytes => {
                    let limit = self.config.max_page_bytes;
                    if self.resynchronise() {
                        return Err(StreamError::TooLarge { field: "max_page_bytes", limit, len });
                    }
                }
                Ok(Measured::Needs(len)) => {
                    if chunk.is_empty() {
                        return Ok(None);
                    }
                    let (piece, rest) = chunk.split_at(chunk.len().min(len.saturating_sub(self.buf.len())));
                    // The page fits.
                    let _ = self.buf.try_extend_from_slice(piece);
                    *chunk = rest;
                }
                Err(rule) => {
                    if self.resynchronise() {
                        return Err(StreamError::Malformed(rule));
                    }
                }
            }
        }
    }

    /// Forgets what came and was not given out: another stream begins. Timestamps run on.
    pub fn restart(&mut self) {
        self.buf.clear();
        self.packet.clear();
        (self.page, self.stage, self.skipping, self.lost) = (None, Stage::Head, false, None);
    }

    /// Pages of other streams, which were passed over.
    #[must_use]
    pub const fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// Bytes so far that are of no page that can be read.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The page at the front is whole: what it is.
    fn begin_page(&mut self, layout: Layout) -> Result<(), StreamError> {
        self.page = Some(layout);
        let body = layout.body(&self.buf);
        if layout.begins_stream() && body.starts_with(b"OpusHead") {
            self.packet.clear();
            self.skipping = false;
            let checked = head::check(body);
            self.stage = Stage::Head;
            self.end_page();
            checked.map_err(|bad| {
                StreamError::Malformed(match bad {
                    BadHead::Malformed(rule) => rule,
                    BadHead::Channels(_) => "sound of more than two channels cannot be sent in RTP",
                    BadHead::MappingFamily(_) => "this channel mapping family cannot be sent in RTP",
                })
            })?;
            self.stage = Stage::Tags { serial: layout.serial, begun: false };
            return Ok(());
        }
        match self.stage {
            Stage::Tags { serial, begun } if serial == layout.serial => {
                self.sequence = layout.sequence;
                let is_tags = begun || body.starts_with(b"OpusTags");
                let ends = layout.completes_packet(&self.buf);
                self.stage =
                    if ends || !is_tags { Stage::Sound { serial } } else { Stage::Tags { serial, begun: true } };
                if is_tags {
                    self.end_page();
                }
            }
            Stage::Sound { serial } if serial == layout.serial => {
                let follows = layout.follows(self.sequence);
                self.sequence = layout.sequence;
                let torn = if layout.continues_packet() {
                    // Its beginning is missing, or what lies between.
                    let missing = (self.packet.is_empty() || !follows) && !self.skipping;
                    if missing {
                        self.packet.clear();
                    }
                    self.skipping |= missing;
                    missing
                } else {
                    self.skipping = false;
                    let endless = !self.packet.is_empty();
                    self.packet.clear();
                    endless
                };
                if torn {
                    return Err(StreamError::Malformed("packet is torn between pages"));
                }
            }
            _ => {
                self.passed_over = self.passed_over.saturating_add(1);
                self.end_page();
            }
        }
        Ok(())
    }

    /// Puts the next packet of the page into `packet`; `false` when there is none.
    fn next_packet(&mut self) -> Result<bool, StreamError> {
        let Some(layout) = &mut self.page else { return Ok(false) };
        while let Some((piece, complete)) = layout.next_piece(&self.buf) {
            if self.skipping {
                self.skipping = !complete;
                continue;
            }
            if self.packet.try_extend_from_slice(piece).is_err() {
                let (limit, len) = (self.config.max_packet_bytes, self.packet.len().saturating_add(piece.len()));
                self.packet.clear();
                self.skipping = !complete;
                return Err(StreamError::TooLarge { field: "max_packet_bytes", limit, len });
            }
            if complete && !self.packet.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn frame(&mut self, now: Instant) -> Result<SourceFrame<A>, StreamError> {
        let frame = sound(&self.packet, now, &mut self.clock, &mut self.number, self.alloc.clone());
        self.packet.clear();
        frame
    }

    /// What lies behind the page moves to the front.
    fn end_page(&mut self) {
        let len = self.page.take().map_or(0, |page| page.len);
        self.buf.remove_front(len);
    }

    /// The next page may begin anywhere behind the first byte. Whether that is to be told.
    fn resynchronise(&mut self) -> bool {
        // What was begun ended in what is left out.
        self.packet.clear();
        let rest = self.buf.get(1..).unwrap_or_default();
        let next = (0..rest.len()).find(|at| {
            let rest = rest.get(*at..).unwrap_or_default();
            rest.iter().zip(CAPTURE).all(|(byte, mark)| *byte == mark)
        });
        let front = next.map_or(self.buf.len(), |at| at.saturating_add(1));
        self.buf.remove_front(front);
        let limit = self.config.max_page_bytes as u64;
        let tell = self.lost.is_none_or(|told| self.left_out.saturating_sub(told) >= limit);
        if tell {
            self.lost = Some(self.left_out);
        }
        self.left_out = self.left_out.saturating_add(front as u64);
        tell
    }
}

/// The frame of one Opus packet.
pub(super) fn sound<A: Allocator>(
    packet: &[u8],
    now: Instant,
    clock: &mut CaptureClock,
    number: &mut u32,
    alloc: A,
) -> Result<SourceFrame<A>, StreamError> {
    let Some(duration) = opus::duration(packet) else { return Err(StreamError::Malformed("not an Opus packet")) };
    let data = Shared::<[u8], A>::try_from_slice(packet, alloc)
        .map_err(|AllocError| StreamError::OutOfMemory { len: packet.len() })?;
    let (this, timestamp) = (*number, clock.stamp(now, duration));
    *number = this.wrapping_add(1);
    Ok(SourceFrame { data, kind: FrameKind::Opus, keyframe: true, number: this, timestamp, duration })
}
