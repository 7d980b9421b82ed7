use std::time::Duration;

/// What a path does to packets. The default does nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Which packets disappear.
    pub loss: Loss,
    /// Time on the way, one direction.
    pub delay: Duration,
    /// Further time on the way, uniform between zero and this; packets keep their order.
    pub jitter: Duration,
    /// Share of packets (0 to 1) that don't wait for `delay` and so overtake others.
    pub reorder: f64,
    /// Share of packets (0 to 1) that arrive twice.
    pub duplicate: f64,
    /// Share of packets (0 to 1) of which one bit is flipped.
    pub corrupt: f64,
    /// Bits a second that pass; `None` for no limit.
    pub rate: Option<u64>,
    /// Time that a packet may wait for its turn at `rate` before the queue counts as full and drops it.
    pub queue: Duration,
    /// A time in which nothing passes.
    pub outage: Option<Outage>,
}

/// Which packets disappear.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each with this probability (0 to 1).
    Independent(f64),
    /// Gilbert's model: a good state without loss and a bad one in which everything is lost.
    Bursts {
        /// Probability for each packet of going from good to bad.
        start: f64,
        /// Probability for each packet of going from bad to good: mean burst length is its inverse.
        end: f64,
    },
}

/// A time in which nothing passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outage {
    /// When it begins.
    pub start: Duration,
    /// How long it lasts.
    pub length: Duration,
}

impl Outage {
    /// Whether `now` lies in it.
    #[must_use]
    pub fn contains(&self, now: Duration) -> bool {
        now >= self.start && now < self.start + self.length
    }
}
