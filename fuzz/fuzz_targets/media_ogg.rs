//! Any bytes as an Ogg file, with true checksums put into what looks like a page: no panic, no endless loop, and every
//! error lies inside the file.
#![no_main]

use barertc_arena::Global;
use barertc_media::pack::block_on;
use barertc_media::{Embedded, Ogg, OggConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    play(data);
    let mut signed = data.to_vec();
    let mut at = 0;
    while let Some(len) = page_len(&signed[at..]) {
        signed[at + 22..at + 26].fill(0);
        let crc = checksum(&signed[at..at + len]);
        signed[at + 22..at + 26].copy_from_slice(&crc.to_le_bytes());
        at += len;
    }
    play(&signed);
});

fn play(data: &[u8]) {
    let files = [("f", data)];
    let mut storage = Embedded(&files);
    let check = |error: barertc_media::Error<_>| assert!(error.offset <= data.len() as u64, "{error}");
    match block_on(Ogg::open(&mut storage, "f", OggConfig { max_packet_bytes: 600 }, Global)) {
        Err(error) => check(error),
        Ok(mut ogg) => {
            for _ in 0..40 {
                match block_on(ogg.next(&mut storage)) {
                    Ok(frame) => assert!(!frame.data.is_empty() && frame.duration > 0),
                    Err(error) => check(error),
                }
            }
        }
    }
}

fn page_len(data: &[u8]) -> Option<usize> {
    let table = data.get(27..27 + usize::from(*data.get(26)?))?;
    let len = 27 + table.len() + table.iter().map(|l| usize::from(*l)).sum::<usize>();
    (len <= data.len()).then_some(len)
}

fn checksum(data: &[u8]) -> u32 {
    data.iter().fold(0u32, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |c, _| (c << 1) ^ (0x04c1_1db7 & (c >> 31).wrapping_neg()))
    })
}
