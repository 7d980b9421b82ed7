//! Lines and attributes: where text becomes fields.

use barertc_wire::text::{split_once, trim_end, trim_start};

/// The `<letter>=<value>` lines of a checked section of text.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'a> {
    rest: &'a str,
}

impl<'a> Lines<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// The next line without its end, and what follows it. Lines end with CRLF; a bare LF is accepted (RFC 8866 §5).
    pub(crate) fn split(text: &'a str) -> (&'a str, &'a str) {
        let (line, rest) = split_once(text, b'\n').unwrap_or((text, ""));
        (line.strip_suffix('\r').unwrap_or(line), rest)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        while !self.rest.is_empty() {
            let (line, rest) = Self::split(self.rest);
            self.rest = rest;
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    }
}

/// The `a=` lines of a section as (name, value); a property attribute has an empty value. Spaces around a value, which no
/// attribute here needs and some peers write, are left out.
pub(crate) fn attributes(text: &str) -> impl Iterator<Item = (&str, &str)> + Clone {
    Lines::new(text).filter_map(|line| {
        let attribute = line.strip_prefix("a=")?;
        let (name, value) = split_once(attribute, b':').unwrap_or((attribute, ""));
        Some((trim_end(name, b' '), trim_end(trim_start(value, b' '), b' ')))
    })
}

/// The value of the first attribute called `name`.
pub(crate) fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    attributes(text).find(|(n, _)| *n == name).map(|(_, value)| value)
}

/// The first word, and what follows the space behind it.
pub(crate) fn word(text: &str) -> (&str, &str) {
    split_once(text, b' ').map_or((text, ""), |(word, rest)| (word, trim_start(rest, b' ')))
}

/// A `token` of RFC 8866 §9: visible ASCII without separators.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(
            |b| matches!(b, 0x21 | 0x23..=0x27 | 0x2a..=0x2b | 0x2d..=0x2e | 0x30..=0x39 | 0x41..=0x5a | 0x5e..=0x7e),
        )
}
