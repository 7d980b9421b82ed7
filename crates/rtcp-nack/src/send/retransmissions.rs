//! Which packets go again, and which are on their way.

use core::time::Duration;

use barertc_arena::{AllocError, Allocator, Ring};
use barertc_wire::Instant;

/// The second copy of a retransmission follows the first after this time, so that one burst of loss does not take both.
const COPY_SPACING: Duration = Duration::from_millis(12);

/// A second copy that is to be sent.
#[derive(Clone, Copy, Debug)]
struct Copy {
    sequence: u16,
    at: Instant,
}

/// A retransmission that is on its way.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    sequence: u16,
    /// Transport-wide number.
    transport: u16,
}

/// The retransmissions of a stream, by the sequence numbers of what they repeat.
#[derive(Debug)]
pub(super) struct Retransmissions<A: Allocator + Clone> {
    requested: Ring<u16, A>,
    /// In order of time.
    copies: Ring<Copy, A>,
    /// The newest retransmissions: feedback tells which of them came.
    in_flight: Ring<InFlight, A>,
}

impl<A: Allocator + Clone> Retransmissions<A> {
    pub(super) const fn worst_case_bytes(queue: usize, copies: usize) -> usize {
        Ring::<u16, A>::bytes(queue)
            .saturating_add(Ring::<Copy, A>::bytes(copies))
            .saturating_add(Ring::<InFlight, A>::bytes(copies))
    }

    /// So many can wait, and so many copies be remembered.
    pub(super) fn new(queue: usize, copies: usize, alloc: A) -> Result<Self, AllocError> {
        Ok(Self {
            requested: Ring::with_capacity(queue, alloc.clone())?,
            copies: Ring::with_capacity(copies, alloc.clone())?,
            in_flight: Ring::with_capacity(copies, alloc)?,
        })
    }

    /// Room for so many copies, where there is less.
    pub(super) fn reserve(&mut self, copies: usize, alloc: A) -> Result<(), AllocError> {
        if self.copies.capacity() < copies {
            let wider = Ring::with_capacity(copies, alloc.clone())?;
            self.in_flight = Ring::with_capacity(copies, alloc)?;
            self.copies = wider;
        }
        Ok(())
    }

    /// This packet goes again; an error when too many wait.
    pub(super) fn request(&mut self, sequence: u16) -> Result<(), u16> {
        self.requested.push_back(sequence)
    }

    /// The next one, and whether it is a second copy.
    pub(super) fn next(&mut self, now: Instant) -> Option<(u16, bool)> {
        let due = self.copies.front().is_some_and(|copy| copy.at <= now);
        match if due { self.copies.pop_front() } else { None } {
            Some(copy) => Some((copy.sequence, true)),
            None => Some((self.requested.pop_front()?, false)),
        }
    }

    /// One was sent. The `first` one of a packet has a second copy.
    pub(super) fn sent(&mut self, now: Instant, sequence: u16, transport: u16, first: bool) {
        if self.in_flight.is_full() {
            self.in_flight.pop_front();
        }
        let _ = self.in_flight.push_back(InFlight { sequence, transport });
        if first {
            // Without room there is more to be sent again than twice makes sense for.
            let _ = self.copies.push_back(Copy { sequence, at: now + COPY_SPACING });
        }
    }

    /// The one with this transport-wide number came; what it repeats, which does not go again.
    pub(super) fn arrived(&mut self, transport: u16) -> Option<u16> {
        let index = self.in_flight.iter().position(|again| again.transport == transport)?;
        let InFlight { sequence, .. } = self.in_flight.remove(index)?;
        self.copies.retain_mut(|copy| copy.sequence != sequence);
        self.requested.retain_mut(|requested| *requested != sequence);
        Some(sequence)
    }

    pub(super) fn clear(&mut self) {
        self.requested.clear();
        self.copies.clear();
        self.in_flight.clear();
    }

    /// Those that wait; copies that are not due yet are not counted.
    pub(super) const fn len(&self) -> usize {
        self.requested.len()
    }

    /// When the next may go, if not before `budget`.
    pub(super) fn timeout(&self, budget: Instant) -> Option<Instant> {
        let copy = self.copies.front().map(|copy| copy.at.max(budget));
        if self.requested.is_empty() { copy } else { Some(budget) }
    }
}
