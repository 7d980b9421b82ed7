//! Messages that come in fragments.

use barertc_arena::{AllocError, Allocator, Vec};

use crate::stats::Discard;

/// Puts fragments together. They come in order; firmware numbers them one by one (and not by message), so the number
/// says nothing, and the flag is all there is.
pub(super) struct Reassembly<A: Allocator> {
    /// Missing only while the message is being handled.
    message: Option<Vec<u8, A>>,
    capacity: usize,
    /// What comes up to the last fragment belongs to a message that had no room.
    overflowed: bool,
}

impl<A: Allocator> Reassembly<A> {
    pub(super) fn bytes(capacity: usize) -> usize {
        Vec::<u8, A>::bytes(capacity)
    }

    pub(super) fn new(capacity: usize, alloc: A) -> Result<Self, AllocError> {
        Ok(Self { message: Some(Vec::with_capacity(capacity, alloc)?), capacity, overflowed: false })
    }

    pub(super) fn clear(&mut self) {
        if let Some(message) = &mut self.message {
            message.clear();
        }
        self.overflowed = false;
    }

    /// Takes a fragment; tells whether the message is whole.
    pub(super) fn push(&mut self, fragment: &[u8], more: bool) -> Result<bool, Discard> {
        let fits = match &mut self.message {
            Some(message) if !self.overflowed => message.try_extend_from_slice(fragment).is_ok(),
            _ => false,
        };
        self.overflowed = !fits;
        match (more, fits) {
            (true, _) => Ok(false),
            (false, true) => Ok(true),
            (false, false) => {
                self.clear();
                Err(Discard::MessageTooLong)
            }
        }
    }

    /// The whole message; [`put_back`](Self::put_back) makes room for the next.
    pub(super) fn take(&mut self) -> Taken<A> {
        Taken(self.message.take())
    }

    pub(super) fn put_back(&mut self, taken: Taken<A>) {
        self.message = taken.0;
        debug_assert!(self.message.as_ref().is_none_or(|message| message.len() <= self.capacity));
        self.clear();
    }
}

/// A message that was taken out.
pub(super) struct Taken<A: Allocator>(Option<Vec<u8, A>>);

impl<A: Allocator> core::ops::Deref for Taken<A> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barertc_arena::Global;

    #[test]
    fn fragments_become_a_message_and_one_too_long_does_not_spoil_the_next() {
        let mut reassembly = Reassembly::new(8, Global).expect("memory");
        assert_eq!(reassembly.push(b"one", true), Ok(false));
        assert_eq!(reassembly.push(b"two", false), Ok(true));
        let message = reassembly.take();
        assert_eq!(&*message, b"onetwo");
        reassembly.put_back(message);
        assert_eq!(reassembly.push(b"too long", true), Ok(false));
        assert_eq!(reassembly.push(b"by one", true), Ok(false));
        assert_eq!(reassembly.push(b"", false), Err(Discard::MessageTooLong));
        assert_eq!(reassembly.push(b"next", false), Ok(true));
        assert_eq!(&*reassembly.take(), b"next");
    }
}
