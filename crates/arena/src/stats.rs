//! What an allocator has handed out.

/// The counters of an allocator. Bytes are those that were asked for, without the overhead of a heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stats {
    /// The bytes that are allocated.
    pub live: usize,
    /// The largest value of `live` so far.
    pub peak: usize,
    /// How many allocations have succeeded. Allocations of zero bytes are not counted.
    pub allocations: usize,
    /// How many blocks were released.
    pub frees: usize,
    /// How many allocations have failed.
    pub failures: usize,
    /// The size of the region in bytes. 0 when the allocator does not know it.
    pub capacity: usize,
}

impl Stats {
    /// Nothing yet.
    pub const ZERO: Self = Self { live: 0, peak: 0, allocations: 0, frees: 0, failures: 0, capacity: 0 };

    /// Records an allocation of `bytes`.
    pub(crate) fn allocated(&mut self, bytes: usize) {
        self.live = self.live.saturating_add(bytes);
        self.peak = self.peak.max(self.live);
        self.allocations = self.allocations.wrapping_add(1);
    }

    /// Records a release of `bytes`.
    pub(crate) fn freed(&mut self, bytes: usize) {
        self.live = self.live.saturating_sub(bytes);
        self.frees = self.frees.wrapping_add(1);
    }

    /// Records a failed allocation.
    pub(crate) fn failed(&mut self) {
        self.failures = self.failures.wrapping_add(1);
    }
}
