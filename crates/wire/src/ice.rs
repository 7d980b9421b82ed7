//! The characters of ICE strings (RFC 8839 §5.4).

/// The most characters of an ICE username fragment or password (RFC 8839 §5.4).
pub const MAX_ICE_STRING: usize = 256;

/// Whether `text` is a valid ICE string to send: `shortest` to 256 characters of `ice-char` (RFC 8839 §5.4).
///
/// `shortest` is 4 for a username fragment and 22 for a password.
#[must_use]
pub fn is_ice_string(text: &str, shortest: usize) -> bool {
    has_length(text, shortest) && text.bytes().all(is_ice_char)
}

/// Whether `text` is accepted as a received ICE string: `shortest` to 256 characters of [`is_received_ice_char`].
#[must_use]
pub fn is_received_ice_string(text: &str, shortest: usize) -> bool {
    has_length(text, shortest) && text.bytes().all(is_received_ice_char)
}

/// Whether the character is accepted in a received ICE string: an `ice-char`, or one of `-`, `_`, `=` and `#`.
///
/// Some peers make their strings with URL-safe or padded base64, which has these four characters. libwebrtc accepts them
/// too.
#[must_use]
pub fn is_received_ice_char(b: u8) -> bool {
    is_ice_char(b) || matches!(b, b'-' | b'_' | b'=' | b'#')
}

fn has_length(text: &str, shortest: usize) -> bool {
    (shortest..=MAX_ICE_STRING).contains(&text.len())
}

fn is_ice_char(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_read_than_written() {
        for (text, written, read) in [
            ("abc", false, false),
            ("aB1+", true, true),
            ("a/b+", true, true),
            ("a-b_", false, true),
            ("ab==", false, true),
            ("ab#1", false, true),
            ("ab:1", false, false),
            ("ab 1", false, false),
            ("abcé", false, false),
        ] {
            assert_eq!((is_ice_string(text, 4), is_received_ice_string(text, 4)), (written, read), "{text}");
        }
        for (len, good) in [(255, true), (256, true), (257, false)] {
            assert_eq!(is_received_ice_string(&"x".repeat(len), 22), good, "{len}");
        }
    }
}
