//! The fields against each other, the tables, and every backend against published vectors and another library.

mod fields;
mod multiples;
mod vectors;

use std::vec::Vec;

/// Calls a generic function for every pair of fields that a machine may use.
macro_rules! for_every_backend {
    ($function:ident($($arg:expr),*)) => {{
        $function::<crate::p256::verified::P64, crate::p256::verified::N64>($($arg),*);
        $function::<crate::p256::verified::P32, crate::p256::verified::N32>($($arg),*);
        $function::<crate::p256::columns::P256, crate::p256::columns::N256>($($arg),*);
    }};
}
pub(crate) use for_every_backend;

/// Four words of each of these patterns, in every order: sums that carry through, products that fill a column.
pub(crate) fn extremes() -> Vec<[u8; 32]> {
    const HALVES: [[u8; 8]; 7] = [
        [0; 8],
        [0xff; 8],
        [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 1],
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe],
        [0x80, 0, 0, 0, 0x80, 0, 0, 0],
    ];
    let mut all = Vec::new();
    for number in 0..7_usize.pow(4) {
        let mut bytes = [0; 32];
        for (i, chunk) in bytes.chunks_exact_mut(8).enumerate() {
            chunk.copy_from_slice(&HALVES[number / 7_usize.pow(i as u32) % 7]);
        }
        all.push(bytes);
    }
    all
}
