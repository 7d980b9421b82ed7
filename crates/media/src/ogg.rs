//! Opus in Ogg files (RFC 3533, RFC 7845).

pub(crate) mod head;
pub(crate) mod layout;
mod page;

use barertc_arena::{Allocator, Shared, Vec};

use crate::error::{Error, ErrorKind};
use crate::file::File;
use crate::frame::{FrameKind, SourceFrame};
use crate::opus;
use crate::storage::Storage;
use head::BadHead;
use layout::MAX_PAGE;
use page::Page;

/// The configuration of an [`Ogg`] source.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OggConfig {
    /// The size in bytes of the largest Opus packet. One frame has at most 1,275, and RFC 6716 allows 48 frames in a
    /// packet.
    pub max_packet_bytes: usize,
}

impl Default for OggConfig {
    fn default() -> Self {
        Self { max_packet_bytes: 4096 }
    }
}

/// The first Opus stream of an Ogg file (RFC 3533, RFC 7845).
///
/// The source skips pages of other streams and verifies checksums. A broken page is an error. After the last packet the
/// source begins again with the first. Timestamps go on. The few samples that a player drops at the start (`pre-skip`)
/// and at the end are sent.
pub struct Ogg<S: Storage, A: Allocator> {
    file: File<S>,
    alloc: A,
    page: Page<A>,
    packet: Vec<u8, A>,
    max_packet: usize,
    serial: u32,
    /// Where the page with the first packet of sound begins.
    first: u64,
    number: u32,
    timestamp: u64,
    unplayed: Unplayed,
    /// The file has been read to its end, so all streams are counted.
    counted: bool,
}

/// The streams of an Ogg file that are not played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Unplayed {
    /// How many streams are multiplexed with the one that is played (RFC 3533 §4).
    pub beside: u32,
    /// How many streams are chained behind it (RFC 3533 §4). They are counted while the file is read. The number is
    /// final when the first frame comes again.
    pub behind: u32,
}

impl<S: Storage, A: Allocator + Clone> Ogg<S, A> {
    /// The bytes that a source with this configuration takes from its allocator: a page and a packet. Frames that it
    /// has given out are not counted.
    #[must_use]
    pub const fn worst_case_bytes(config: &OggConfig) -> usize {
        Vec::<u8, A>::bytes(MAX_PAGE).saturating_add(Vec::<u8, A>::bytes(config.max_packet_bytes))
    }

    /// Opens the file at `path` and reads its two header packets.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Empty`], [`ErrorKind::Malformed`], [`ErrorKind::Truncated`],
    /// [`ErrorKind::NoSuchTrack`] for an Ogg file without Opus, [`ErrorKind::OutOfMemory`], or what the storage says.
    pub async fn open(storage: &mut S, path: &str, config: OggConfig, alloc: A) -> Result<Self, Error<S::Error>> {
        let file = File::open(storage, format_args!("{path}")).await?;
        if file.size() == 0 {
            return Err(file.error(0, ErrorKind::Empty));
        }
        let no_memory = |_| file.error(0, ErrorKind::OutOfMemory);
        let page = Page::new(alloc.clone()).map_err(no_memory)?;
        let packet = Vec::with_capacity(config.max_packet_bytes, alloc.clone()).map_err(no_memory)?;
        let max_packet = config.max_packet_bytes;
        let mut ogg = Self {
            file,
            alloc,
            page,
            packet,
            max_packet,
            serial: 0,
            first: 0,
            number: 0,
            timestamp: 0,
            unplayed: Unplayed::default(),
            counted: false,
        };
        ogg.read_headers(storage).await?;
        Ok(ogg)
    }

    /// Reads the next packet. After [`ErrorKind::OutOfMemory`] the same packet comes next.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn next(&mut self, storage: &mut S) -> Result<SourceFrame<A>, Error<S::Error>> {
        if self.packet.is_empty() && !self.read_packet(storage).await? {
            if self.number == 0 {
                return Err(self.file.error(self.first, ErrorKind::Empty));
            }
            self.rewind();
            if !self.read_packet(storage).await? {
                return Err(self.file.error(self.first, ErrorKind::Empty));
            }
        }
        let Some(duration) = opus::duration(&self.packet) else {
            self.packet.clear();
            return Err(self.file.error(self.page.offset(), ErrorKind::Malformed("not an Opus packet")));
        };
        let data = Shared::<[u8], A>::try_from_slice(&self.packet, self.alloc.clone())
            .map_err(|_| self.file.error(self.page.offset(), ErrorKind::OutOfMemory))?;
        self.packet.clear();
        let (number, timestamp) = (self.number, self.timestamp);
        self.number = number.saturating_add(1);
        self.timestamp = timestamp.saturating_add(duration.into());
        Ok(SourceFrame { data, kind: FrameKind::Opus, keyframe: true, number, timestamp, duration })
    }

    /// Goes back to the first packet. Timestamps go on.
    pub fn rewind(&mut self) {
        self.packet.clear();
        self.page.go_to(self.first);
        self.number = 0;
    }

    /// Closes the file.
    pub async fn close(self, storage: &mut S) {
        self.file.close(storage).await;
    }

    /// Finds the Opus stream by its identification header, and passes over its comment header (RFC 7845 §3).
    async fn read_headers(&mut self, storage: &mut S) -> Result<(), Error<S::Error>> {
        loop {
            if !self.page.read(storage, &mut self.file).await? {
                return Err(self.file.error(0, ErrorKind::NoSuchTrack));
            }
            if !self.page.begins_stream() {
                // All streams begin before any goes on (RFC 3533 §4).
                return Err(self.file.error(self.page.offset(), ErrorKind::NoSuchTrack));
            }
            if self.page.body().starts_with(b"OpusHead") {
                break;
            }
            self.unplayed.beside = self.unplayed.beside.saturating_add(1);
        }
        self.check_head()?;
        self.serial = self.page.serial();
        // The comment header may span pages; sound begins on a fresh one.
        let mut begun = false;
        loop {
            if !self.read_page(storage).await? {
                return Err(self.file.error(self.file.size(), ErrorKind::Truncated));
            }
            if !begun && !self.page.body().starts_with(b"OpusTags") {
                return Err(self.file.error(self.page.offset(), ErrorKind::Malformed("no Opus comment header")));
            }
            begun = true;
            if self.page.completes_packet() {
                break;
            }
        }
        self.first = self.page.end();
        self.page.go_to(self.first);
        Ok(())
    }

    fn check_head(&self) -> Result<(), Error<S::Error>> {
        head::check(self.page.body()).map_err(|bad| {
            let kind = match bad {
                BadHead::Malformed(rule) => ErrorKind::Malformed(rule),
                BadHead::Channels(channels) => ErrorKind::Channels { channels, limit: 2 },
                BadHead::MappingFamily(family) => ErrorKind::MappingFamily(family),
            };
            self.file.error(self.page.offset(), kind)
        })
    }

    /// The streams of the file that are not played.
    #[must_use]
    pub fn unplayed(&self) -> Unplayed {
        self.unplayed
    }

    /// Reads the next page of our stream; `false` at the end of the file.
    async fn read_page(&mut self, storage: &mut S) -> Result<bool, Error<S::Error>> {
        while self.page.read(storage, &mut self.file).await? {
            if self.page.serial() == self.serial {
                return Ok(true);
            }
            if self.page.begins_stream() && !self.counted {
                // Before the comment header, streams that are beside ours may still begin.
                let count = if self.first == 0 { &mut self.unplayed.beside } else { &mut self.unplayed.behind };
                *count = count.saturating_add(1);
            }
        }
        self.counted = true;
        Ok(false)
    }

    /// Puts the next packet's bytes into `packet`; `false` at the end of the file.
    async fn read_packet(&mut self, storage: &mut S) -> Result<bool, Error<S::Error>> {
        self.packet.clear();
        loop {
            while let Some((piece, complete)) = self.page.next_piece() {
                if self.packet.try_extend_from_slice(piece).is_err() {
                    let len = self.packet.len().saturating_add(piece.len()) as u64;
                    self.packet.clear();
                    return Err(self.file.error(self.page.offset(), ErrorKind::TooLarge { len, max: self.max_packet }));
                }
                if complete && !self.packet.is_empty() {
                    return Ok(true);
                }
            }
            let before = self.page.sequence();
            let more = self.read_page(storage).await;
            if more.is_err() {
                self.packet.clear();
            }
            if !more? {
                let cut = !self.packet.is_empty();
                self.packet.clear();
                return if cut { Err(self.file.error(self.file.size(), ErrorKind::Truncated)) } else { Ok(false) };
            }
            let continues = self.page.continues_packet();
            if continues == self.packet.is_empty() || (continues && !self.page.follows(before)) {
                self.packet.clear();
                return Err(self.file.error(self.page.offset(), ErrorKind::Malformed("packet is torn between pages")));
            }
        }
    }
}
