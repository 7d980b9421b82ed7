use core::fmt::{self, Write as _};

/// Characters of a text from outside that are shown.
const SHOWN: usize = 64;

/// A text from outside, made harmless for a log or a terminal: at most 64 characters, and whatever is not printable ASCII as
/// an escape. Nothing in it can move a cursor, change colours, end a line or turn the direction of writing.
///
/// ```
/// use barertc_signaling::Printable;
///
/// assert_eq!(Printable("page\x1b[2J\n\u{202e}x").to_string(), r"page\u{1b}[2J\u{a}\u{202e}x");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.chars();
        for c in rest.by_ref().take(SHOWN) {
            match c {
                '\\' => f.write_str("\\\\")?,
                ' '..='~' => f.write_char(c)?,
                c => write!(f, "{}", c.escape_unicode())?,
            }
        }
        if rest.next().is_some() { f.write_str("...") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn nothing_but_printable_ascii_is_left() {
        let every: std::string::String = (0..0x2_0000).filter_map(char::from_u32).collect();
        for part in every.chars().collect::<std::vec::Vec<_>>().chunks(SHOWN) {
            let shown = Printable(&part.iter().collect::<std::string::String>()).to_string();
            assert!(shown.bytes().all(|b| (b' '..=b'~').contains(&b)), "{shown}");
        }
        assert_eq!(Printable(&"x".repeat(65)).to_string(), std::format!("{}...", "x".repeat(64)));
    }
}
