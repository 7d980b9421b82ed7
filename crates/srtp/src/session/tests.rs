//! Tests of the packet index.

use super::*;

fn by_appendix_a(highest: u64, seq: u16) -> Option<u64> {
    // The nearest index with these 16 low bits, which is what the branches amount to.
    let near = (highest & !0xffff) | u64::from(seq);
    [near.checked_sub(0x1_0000), Some(near), near.checked_add(0x1_0000)]
        .into_iter()
        .flatten()
        .min_by_key(|i| i.abs_diff(highest))
}

#[test]
fn the_guess_is_the_nearest_index() {
    for roc in [1u64, 2, 77] {
        for last in [0u16, 1, 0x7fff, 0x8000, 0x8001, 0xffff] {
            for seq in [0u16, 1, 2, 0x7ffe, 0x7fff, 0x8000, 0x8002, 0xfffe, 0xffff] {
                let highest = (roc << 16) | u64::from(last);
                let guessed = guess(Some(highest), seq).unwrap();
                if guessed.abs_diff(highest) == 0x8000 {
                    continue; // both neighbours are as near
                }
                assert_eq!(Some(guessed), by_appendix_a(highest, seq), "{roc} {last} {seq}");
            }
        }
    }
}

#[test]
fn nothing_lies_before_the_first_roll_over() {
    assert_eq!(guess(None, 0xffff), Some(0xffff));
    assert_eq!(guess(Some(3), 0xffff), None);
    assert_eq!(guess(Some(0xffff), 2), Some(0x1_0002));
}
