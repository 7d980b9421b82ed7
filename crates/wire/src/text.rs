//! Splitting text at ASCII characters, and reading numbers and digits.
//!
//! `str` has the same functions. But its searches contain bounds checks that the compiler does not remove. Code that uses
//! them does not link without a panic handler (`cargo xtask no-panic`).

use core::str::FromStr;

/// Splits the text at the first `separator` into the parts before and after it.
///
/// `None` when the text has no separator, or when the separator is not ASCII.
#[must_use]
pub fn split_once(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == separator)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

/// The six bits of a character of base64 (RFC 4648 §4). `None` for any other character, padding included.
#[must_use]
pub const fn base64_digit(character: u8) -> Option<u8> {
    Some(match character {
        b'A'..=b'Z' => character.wrapping_sub(b'A'),
        b'a'..=b'z' => character.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => character.wrapping_sub(b'0').wrapping_add(52),
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
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

/// A decimal number as protocols write it: digits and nothing else (`1*DIGIT`, RFC 5234 §B.1).
///
/// `None` for anything else, and for a number that the type cannot hold. [`str::parse`] would also take a `+`.
#[must_use]
pub fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The iterator of [`split`].
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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

    #[test]
    fn digits_of_base64() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for character in 0..=255 {
            let place = alphabet.iter().position(|c| *c == character).map(|n| n as u8);
            assert_eq!(base64_digit(character), place, "{character}");
        }
    }

    #[test]
    fn numbers_have_digits_only() {
        assert_eq!((number("0"), number("0255"), number("65535")), (Some(0_u8), Some(255_u8), Some(65_535_u16)));
        for bad in ["", "+1", "-1", "256", " 1", "1 ", "1.0", "0x1", "\u{0661}"] {
            assert_eq!(number::<u8>(bad), None, "{bad}");
        }
        assert_eq!(number::<i8>("-1"), None);
    }

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
