//! Traces for the features `log` and `defmt`. Without them a trace is nothing.

/// Traces a format string with its arguments, which must have `Debug` and, with `defmt`, `defmt::Format`.
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
