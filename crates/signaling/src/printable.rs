//! Text from the network in a log.

use core::fmt::{self, Write as _};

/// The most characters of a text that are written.
const SHOWN: usize = 64;

/// Writes a text of the network safely to a log or a terminal.
///
/// `Display` writes at most 64 characters. A character that is not printable ASCII is written as an escape. The text
/// cannot move the cursor, change colours, end a line or reverse the direction of writing.
///
/// ```
/// use barertc_signaling::Printable;
///
/// assert_eq!(Printable("page\x1b[2J\n\u{202e}x").to_string(), r"page\u{1b}[2J\u{a}\u{202e}x");
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
