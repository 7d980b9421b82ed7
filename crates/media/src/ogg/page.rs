//! The pages of an Ogg stream (RFC 3533 §6).

use barertc_arena::{AllocError, Allocator, Vec};

use crate::error::{Error, ErrorKind};
use crate::file::File;
use crate::ogg::layout::{Layout, MAX_PAGE, Measured, measure};
use crate::storage::Storage;

/// One page of an Ogg file at a time, and how far its packets have been taken.
pub(super) struct Page<A: Allocator> {
    bytes: Vec<u8, A>,
    /// Where this page begins in the file.
    offset: u64,
    layout: Layout,
}

impl<A: Allocator> Page<A> {
    pub(super) fn new(alloc: A) -> Result<Self, AllocError> {
        Ok(Self { bytes: Vec::with_capacity(MAX_PAGE, alloc)?, offset: 0, layout: Layout::default() })
    }

    /// Lets the page at `offset` be the next one read.
    pub(super) fn go_to(&mut self, offset: u64) {
        self.bytes.clear();
        self.offset = offset;
        self.layout = Layout::default();
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
        loop {
            match measure(&self.bytes) {
                Ok(Measured::Needs(len)) => self.grow(storage, file, len).await?,
                Ok(Measured::Whole(layout)) => {
                    self.layout = layout;
                    return Ok(());
                }
                Err(rule) => return Err(file.error(self.offset, ErrorKind::Malformed(rule))),
            }
        }
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
        self.layout.next_piece(&self.bytes)
    }

    /// Where the page begins in the file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Where the page ends in the file.
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes.len() as u64)
    }

    pub(super) fn sequence(&self) -> u32 {
        self.layout.sequence
    }

    pub(super) fn follows(&self, before: u32) -> bool {
        self.layout.follows(before)
    }

    pub(super) fn serial(&self) -> u32 {
        self.layout.serial
    }

    pub(super) fn continues_packet(&self) -> bool {
        self.layout.continues_packet()
    }

    pub(super) fn begins_stream(&self) -> bool {
        self.layout.begins_stream()
    }

    pub(super) fn completes_packet(&self) -> bool {
        self.layout.completes_packet(&self.bytes)
    }

    pub(super) fn body(&self) -> &[u8] {
        self.layout.body(&self.bytes)
    }
}
