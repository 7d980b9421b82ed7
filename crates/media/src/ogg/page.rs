use barertc_arena::{AllocError, Allocator, Vec};
use barertc_wire::Reader;

use crate::crc::Crc;
use crate::error::{Error, ErrorKind};
use crate::file::File;
use crate::storage::Storage;

const HEAD: usize = 27;
/// A head, 255 lacing values, and 255 segments of 255 bytes (RFC 3533 §6).
pub(super) const MAX_PAGE: usize = HEAD + 255 + 255 * 255;

/// One page of an Ogg file at a time, and how far its packets have been taken.
pub(super) struct Page<A: Allocator> {
    bytes: Vec<u8, A>,
    /// Where this page begins in the file.
    offset: u64,
    flags: u8,
    serial: u32,
    /// The next lacing value, and the next byte of the body, in `bytes`.
    lacing: usize,
    cursor: usize,
}

impl<A: Allocator> Page<A> {
    pub(super) fn new(alloc: A) -> Result<Self, AllocError> {
        Ok(Self { bytes: Vec::with_capacity(MAX_PAGE, alloc)?, offset: 0, flags: 0, serial: 0, lacing: 0, cursor: 0 })
    }

    /// Lets the page at `offset` be the next one read.
    pub(super) fn go_to(&mut self, offset: u64) {
        self.bytes.clear();
        self.offset = offset;
        (self.lacing, self.cursor) = (0, 0);
    }

    /// Reads the page behind this one; `false` at the end of the file.
    pub(super) async fn read<S: Storage>(
        &mut self,
        storage: &mut S,
        file: &mut File<S>,
    ) -> Result<bool, Error<S::Error>> {
        self.go_to(self.end());
        let rest = file.size().saturating_sub(self.offset);
        if rest == 0 {
            return Ok(false);
        }
        let read = self.load(storage, file).await;
        if read.is_err() {
            self.bytes.clear();
        }
        read.map(|()| true)
    }

    async fn load<S: Storage>(&mut self, storage: &mut S, file: &mut File<S>) -> Result<(), Error<S::Error>> {
        let offset = self.offset;
        let malformed = |file: &File<S>, rule| Err(file.error(offset, ErrorKind::Malformed(rule)));
        self.grow(storage, file, HEAD).await?;
        let mut r = Reader::new(&self.bytes);
        if r.array() != Ok(*b"OggS") {
            return malformed(file, "no Ogg page");
        }
        if r.u8() != Ok(0) {
            return malformed(file, "version of Ogg not known");
        }
        // Little-endian all over: granule position, serial number, sequence number, checksum.
        self.flags = r.u8().unwrap_or(0);
        let _ = r.skip(8);
        self.serial = r.array().map(u32::from_le_bytes).unwrap_or(0);
        let _ = r.skip(4);
        let checksum = r.array().map(u32::from_le_bytes).unwrap_or(0);
        let segments = usize::from(r.u8().unwrap_or(0));

        let body = HEAD.saturating_add(segments);
        self.grow(storage, file, body).await?;
        let len = self.bytes.iter().skip(HEAD).fold(body, |sum, lacing| sum.saturating_add(usize::from(*lacing)));
        self.grow(storage, file, len).await?;
        (self.lacing, self.cursor) = (HEAD, body);

        let mut crc = Crc::default();
        crc.update(self.bytes.get(..22).unwrap_or_default());
        crc.update(&[0; 4]);
        crc.update(self.bytes.get(26..).unwrap_or_default());
        if crc.value() != checksum {
            return malformed(file, "checksum of the page is wrong");
        }
        Ok(())
    }

    /// Reads on until the page has `len` bytes.
    async fn grow<S: Storage>(
        &mut self,
        storage: &mut S,
        file: &mut File<S>,
        len: usize,
    ) -> Result<(), Error<S::Error>> {
        let begin = self.bytes.len();
        self.bytes.try_resize(len, 0).map_err(|_| file.error(self.offset, ErrorKind::OutOfMemory))?;
        let room = self.bytes.get_mut(begin..).unwrap_or_default();
        file.read_exact(storage, self.offset.saturating_add(begin as u64), room).await
    }

    /// The next piece of a packet on this page, and whether the packet ends with it.
    pub(super) fn next_piece(&mut self) -> Option<(&[u8], bool)> {
        let table = self.bytes.get(self.lacing..self.body_at())?;
        if table.is_empty() {
            return None;
        }
        // A packet is segments of 255 bytes and one shorter (RFC 3533 §5).
        let full = table.iter().take_while(|l| **l == 255).count();
        let complete = full < table.len();
        let segments = full.saturating_add(usize::from(complete));
        let last = if complete { table.get(full).copied().unwrap_or(0) } else { 0 };
        let len = full.saturating_mul(255).saturating_add(last.into());
        let begin = self.cursor;
        self.lacing = self.lacing.saturating_add(segments);
        self.cursor = begin.saturating_add(len);
        Some((self.bytes.get(begin..self.cursor)?, complete))
    }

    /// Where the page begins in the file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Where the page ends in the file.
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes.len() as u64)
    }

    pub(super) fn serial(&self) -> u32 {
        self.serial
    }

    /// Whether the page's first piece belongs to a packet begun before.
    pub(super) fn continues_packet(&self) -> bool {
        self.flags & 1 != 0
    }

    pub(super) fn begins_stream(&self) -> bool {
        self.flags & 2 != 0
    }

    /// Whether a packet ends on this page.
    pub(super) fn completes_packet(&self) -> bool {
        self.bytes.get(HEAD..self.body_at()).is_some_and(|table| table.iter().any(|l| *l < 255))
    }

    pub(super) fn body(&self) -> &[u8] {
        self.bytes.get(self.body_at()..).unwrap_or_default()
    }

    fn body_at(&self) -> usize {
        HEAD.saturating_add(self.bytes.get(26).copied().unwrap_or(0).into()).min(self.bytes.len())
    }
}
