//! Any bytes as a payload of redundant audio (RFC 2198): no panic, and what was read is written and read back.
#![no_main]

use barertc_rtp::{RedBlock, read_red, write_red};
use barertc_wire::Writer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(blocks) = read_red(data) else { return };
    let blocks: Vec<RedBlock<'_>> = blocks.collect();
    let Some((own, redundant)) = blocks.split_last() else { panic!("a payload without its own frame") };
    assert_eq!(own.offset, 0);
    let bytes: usize = blocks.iter().map(|b| b.data.len()).sum();
    assert_eq!(bytes + redundant.len() * 4 + 1, data.len(), "each byte belongs to one block");
    let mut room = vec![0; data.len() + 16];
    let mut w = Writer::new(&mut room);
    write_red(redundant, own, &mut w).expect("it was one");
    assert_eq!(w.written(), data);
});
