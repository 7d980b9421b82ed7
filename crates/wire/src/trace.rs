//! Traces for the features `log` and `defmt` of the crate that traces.

/// Traces a format string with its arguments, which must have `Debug` and, with `defmt`, `defmt::Format`. The features `log`
/// and `defmt` are those of the crate that calls it. Without them a trace is nothing.
#[doc(hidden)]
#[macro_export]
macro_rules! trace {
    ($text:literal $(, $arg:expr)* $(,)?) => {{
        #[cfg(feature = "log")]
        log::trace!($text $(, $arg)*);
        #[cfg(feature = "defmt")]
        defmt::trace!($text $(, $arg)*);
        #[cfg(not(any(feature = "log", feature = "defmt")))]
        { $(let _ = &$arg;)* }
    }};
}
