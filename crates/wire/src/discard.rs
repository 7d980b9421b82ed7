//! Counters of dropped data, by reason.

use core::marker::PhantomData;

/// An enum of the reasons for which packets are dropped. Each reason has a counter in a [`Counters`].
///
/// The macro [`reasons!`](crate::reasons) declares such an enum.
pub trait Reason: Copy + 'static {
    /// Every reason, in the order of [`index`](Self::index).
    const ALL: &'static [Self];

    /// The index of this reason in [`ALL`](Self::ALL).
    fn index(self) -> usize;

    /// The name of the variant, for statistics.
    fn name(self) -> &'static str;
}

/// A counter for each reason. A counter stops at `u32::MAX`.
///
/// `N` is the number of reasons. The macro [`reasons!`](crate::reasons) declares an alias that fills it in.
#[derive(Clone, Debug)]
pub struct Counters<R, const N: usize> {
    counts: [u32; N],
    reason: PhantomData<R>,
}

impl<R: Reason, const N: usize> Default for Counters<R, N> {
    fn default() -> Self {
        Self { counts: [0; N], reason: PhantomData }
    }
}

impl<R: Reason, const N: usize> Counters<R, N> {
    /// Counts one packet that was dropped for `reason`.
    pub fn count(&mut self, reason: R) {
        if let Some(c) = self.counts.get_mut(reason.index()) {
            *c = c.saturating_add(1);
        }
    }

    /// The number of packets that were dropped for `reason`.
    #[must_use]
    pub fn get(&self, reason: R) -> u32 {
        self.counts.get(reason.index()).copied().unwrap_or(0)
    }

    /// The number of packets that were dropped for any reason.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.counts.iter().fold(0, |sum, c| sum.saturating_add(*c))
    }

    /// Each reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (R, u32)> + '_ {
        R::ALL.iter().map(|r| (*r, self.get(*r)))
    }
}

#[cfg(feature = "defmt")]
impl<R: Reason, const N: usize> defmt::Format for Counters<R, N> {
    fn format(&self, f: defmt::Formatter<'_>) {
        for (reason, count) in self.iter().filter(|(_, count)| *count != 0) {
            defmt::write!(f, "{=str}: {=u32} ", reason.name(), count);
        }
    }
}

/// `defmt::Format` for an enum of reasons, where this crate has the feature.
#[cfg(feature = "defmt")]
#[doc(hidden)]
#[macro_export]
macro_rules! format_reason {
    ($name:ident) => {
        impl $crate::defmt::Format for $name {
            fn format(&self, f: $crate::defmt::Formatter<'_>) {
                $crate::defmt::Format::format($crate::Reason::name(*self), f);
            }
        }
    };
}

#[cfg(not(feature = "defmt"))]
#[doc(hidden)]
#[macro_export]
macro_rules! format_reason {
    ($name:ident) => {};
}

/// Declares an enum of discard reasons and the type that counts them.
///
/// ```
/// barertc_wire::reasons! {
///     /// Why a datagram was dropped.
///     pub enum Discard: Discards {
///         /// Shorter than its header says.
///         Truncated,
///         /// Seen before.
///         Replayed,
///     }
/// }
/// use barertc_wire::Reason;
///
/// let mut discards = Discards::default();
/// discards.count(Discard::Replayed);
/// assert_eq!(discards.get(Discard::Replayed), 1);
/// assert_eq!(discards.total(), 1);
/// assert_eq!(Discard::Truncated.name(), "Truncated");
/// ```
#[macro_export]
macro_rules! reasons {
    ($(#[$meta:meta])* $vis:vis enum $name:ident : $counters:ident { $($(#[$vmeta:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        $vis enum $name { $($(#[$vmeta])* $variant),+ }

        impl $crate::Reason for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn index(self) -> usize { self as usize }
            fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }
        }

        $crate::format_reason!($name);

        #[doc = concat!("How often each [`", stringify!($name), "`] occurred.")]
        $vis type $counters = $crate::Counters<$name, { <$name as $crate::Reason>::ALL.len() }>;
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    reasons! {
        /// Test reasons.
        enum Why: Whys { /// A.
            A, /// B.
            B }
    }

    #[test]
    fn counters_saturate_and_list_every_reason() {
        let mut whys = Whys::default();
        whys.counts[0] = u32::MAX;
        whys.count(Why::A);
        whys.count(Why::B);
        assert_eq!(whys.get(Why::A), u32::MAX);
        assert_eq!(whys.total(), u32::MAX);
        assert_eq!(whys.iter().map(|(r, n)| (r.name(), n)).last(), Some(("B", 1)));
    }
}
