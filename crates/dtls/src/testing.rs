//! What unit tests share.

use std::vec::Vec;

/// Bytes in hex, with spaces and line breaks wherever they help.
pub(crate) fn hex<const N: usize>(text: &str) -> [u8; N] {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect::<Vec<_>>().try_into().unwrap()
}
