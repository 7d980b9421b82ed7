//! Text that is cut where it does not fit.

use core::fmt::{self, Write};
use core::ops::Deref;

/// Text of up to `N` bytes. What does not fit is cut, between two characters; what is written behind that is left out.
/// `heapless::String` takes a piece whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut<const N: usize>(heapless::String<N>);

impl<const N: usize> Cut<N> {
    /// The beginning of `text`.
    pub(crate) fn of(text: fmt::Arguments<'_>) -> Self {
        let mut cut = Self::default();
        // What does not fit is cut.
        let _ = cut.write_fmt(text);
        cut
    }
}

impl<const N: usize> Deref for Cut<N> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> Write for Cut<N> {
    /// An error where something was cut: what comes behind it has no place either.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = N.saturating_sub(self.0.len());
        let fits = text.get(..text.floor_char_boundary(room)).unwrap_or_default();
        self.0.push_str(fits).map_err(|_| fmt::Error)?;
        if fits.len() < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_between_characters() {
        assert_eq!(&*Cut::<8>::of(format_args!("{}", "as long")), "as long");
        assert_eq!(&*Cut::<8>::of(format_args!("{}: {}", "video", "no camera")), "video: n");
        assert_eq!(&*Cut::<8>::of(format_args!("{}", "aüüüü")), "aüüü");
        assert_eq!(&*Cut::<8>::of(format_args!("{}{}", "aaaaaaaü", "b")), "aaaaaaa", "nothing behind a cut");
        let long = "x".repeat(600);
        assert_eq!(Cut::<512>::of(format_args!("video: {long}")).len(), 512);
        assert_eq!(&*Cut::<0>::of(format_args!("a{long}")), "");
    }
}
