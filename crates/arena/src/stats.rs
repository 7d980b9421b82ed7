//! What an allocator has handed out.

/// Figures of an allocator. Bytes are those that were asked for; what a heap adds to them is its own affair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stats {
    /// Bytes handed out and not given back.
    pub live: usize,
    /// The largest value that `live` ever had.
    pub peak: usize,
    /// Successful allocations so far (zero-sized ones take no memory and are not counted).
    pub allocations: usize,
    /// Releases so far.
    pub frees: usize,
    /// Allocations that failed.
    pub failures: usize,
    /// Size of the region, in bytes; 0 where the allocator doesn't know it.
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
