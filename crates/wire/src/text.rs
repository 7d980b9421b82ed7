//! Splitting text at ASCII characters.
//!
//! `str` has the same functions. But its searches contain bounds checks that the compiler does not remove. Code that uses
//! them does not link without a panic handler (`cargo xtask no-panic`).

/// Splits the text at the first `separator` into the parts before and after it.
///
/// `None` when the text has no separator, or when the separator is not ASCII.
#[must_use]
pub fn split_once(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == separator)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

/// Splits the text at every `separator`. There is one part more than separators, and parts may be empty.
#[must_use]
pub const fn split(text: &str, separator: u8) -> Split<'_> {
    Split { rest: Some(text), separator }
}

/// The text without all leading `byte`s.
#[must_use]
pub fn trim_start(mut text: &str, byte: u8) -> &str {
    while let [first, ..] = text.as_bytes()
        && *first == byte
        && let Some(rest) = text.get(1..)
    {
        text = rest;
    }
    text
}

/// The text without all trailing `byte`s.
#[must_use]
pub fn trim_end(mut text: &str, byte: u8) -> &str {
    while let [.., last] = text.as_bytes()
        && *last == byte
        && let Some(rest) = text.get(..text.len().saturating_sub(1))
    {
        text = rest;
    }
    text
}

/// The iterator of [`split`].
#[derive(Clone, Debug)]
pub struct Split<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.take()?;
        let Some((part, rest)) = split_once(text, self.separator) else { return Some(text) };
        self.rest = Some(rest);
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_str_does(text in "[ab:é ]{0,12}", separator in prop::sample::select(std::vec![b':', b' ', b'a'])) {
            let c = char::from(separator);
            prop_assert_eq!(split_once(&text, separator), text.split_once(c));
            prop_assert!(split(&text, separator).eq(text.split(c)));
            prop_assert_eq!(trim_start(&text, separator), text.trim_start_matches(c));
            prop_assert_eq!(trim_end(&text, separator), text.trim_end_matches(c));
        }

        #[test]
        fn a_separator_that_is_not_ascii_separates_nothing(text in ".{0,12}", separator in 128_u8..) {
            prop_assert_eq!(split_once(&text, separator), None);
        }
    }
}
