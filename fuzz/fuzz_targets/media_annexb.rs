//! Any bytes as an elementary stream: no panic; what comes out are the NAL units that went in, in order, each in one
//! access unit, and before key frames repeated parameter sets; every error lies inside the file.
#![no_main]

use barertc_arena::Global;
use barertc_media::pack::block_on;
use barertc_media::{AnnexB, AnnexBConfig, Embedded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let files = [("f", data)];
    let mut storage = Embedded(&files);
    let config = AnnexBConfig { max_frame_bytes: 2000, ..AnnexBConfig::default() };
    let Ok(mut source) = block_on(AnnexB::open(&mut storage, "f", config, Global)) else { return };
    let mut nals: Vec<Vec<u8>> = vec![];
    for n in 0..200 {
        match block_on(source.next(&mut storage)) {
            Ok(frame) if frame.number == 0 && n > 0 => break,
            Ok(frame) => {
                let mut rest = &frame.data[..];
                while let Some((len, tail)) = rest.split_first_chunk::<4>() {
                    let (nal, tail) = tail.split_at(u32::from_be_bytes(*len) as usize);
                    nals.push(nal.to_vec());
                    rest = tail;
                }
                assert!(rest.is_empty());
            }
            Err(error) => {
                assert!(error.offset <= data.len() as u64, "{error}");
                break;
            }
        }
    }
    let all = reference(data);
    let mut expected = all.iter().peekable();
    for nal in &nals {
        let repeated = matches!(nal[0] & 0x1f, 7 | 8) && all.contains(nal);
        assert!(expected.next_if_eq(&nal).is_some() || repeated, "NAL units were lost, made up or reordered");
    }
});

/// The NAL units of a stream, found the plain way: between start codes, without trailing zeros, none empty.
fn reference(data: &[u8]) -> Vec<Vec<u8>> {
    let starts: Vec<usize> = (0..data.len()).filter(|i| data[*i..].starts_with(&[0, 0, 1])).collect();
    let mut nals = vec![];
    for (n, start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(data.len()).max(start + 3);
        let mut nal = data[start + 3..end].to_vec();
        while nal.last() == Some(&0) {
            nal.pop();
        }
        if !nal.is_empty() {
            nals.push(nal);
        }
    }
    nals
}
