//! Records that came too early.

use barertc_arena::{AllocError, Allocator, Box};
use barertc_wire::{move_down, put_at};

/// Records that came before their keys, and data that came before the end of the handshake. Reordering causes both.
/// To drop them would cost a retransmission timeout (RFC 9147 §4.2.1).
pub(crate) struct Early<A: Allocator> {
    store: Box<[u8], A>,
    used: usize,
}

impl<A: Allocator> Early<A> {
    pub(crate) fn new(capacity: usize, alloc: A) -> Result<Self, AllocError> {
        Ok(Self { store: Box::<[u8], A>::try_zeroed(capacity, alloc)?, used: 0 })
    }

    /// Keeps a record; false when there is no room.
    pub(crate) fn keep(&mut self, record: &[u8]) -> bool {
        let Ok(len) = u16::try_from(record.len()) else { return false };
        let start = self.used.saturating_add(2);
        let end = start.saturating_add(record.len());
        let kept = end <= self.store.len()
            && put_at(&mut self.store, self.used, &len.to_be_bytes()).is_ok()
            && put_at(&mut self.store, start, record).is_ok();
        if kept {
            self.used = end;
        }
        kept
    }

    /// Hands out every record once; those for which `f` says false stay.
    pub(crate) fn retain_unread(&mut self, mut f: impl FnMut(&mut [u8]) -> bool) {
        let (mut from, mut to) = (0usize, 0usize);
        while let Some((start, end)) = self.record_at(from) {
            let read = self.store.get_mut(start..end).is_none_or(&mut f);
            if !read {
                move_down(&mut self.store, from..end, to);
                to = to.saturating_add(end.saturating_sub(from));
            }
            from = end;
        }
        self.used = to;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }

    fn record_at(&self, at: usize) -> Option<(usize, usize)> {
        let start = at.checked_add(2)?;
        let len = u16::from_be_bytes(self.store.get(..self.used)?.get(at..start)?.try_into().ok()?);
        let end = start.checked_add(usize::from(len))?;
        (end <= self.used).then_some((start, end))
    }
}
