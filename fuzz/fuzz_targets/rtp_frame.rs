//! Any bytes as a frame: every packet fits, and what comes together again is the same NAL units.
#![no_main]

use barertc_arena::{Global, Shared};
use barertc_rtp::{Assembly, Cursor, Frame, FrameInfo, Framing, PayloadFormat};
use barertc_wire::Writer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(([choice, budget], bytes)) = data.split_first_chunk() else { return };
    let codec = [PayloadFormat::H264, PayloadFormat::H265, PayloadFormat::Vp8, PayloadFormat::Vp9, PayloadFormat::Av1]
        [usize::from(choice % 5)];
    let framing = [Framing::AnnexB, Framing::Length2, Framing::Length4][usize::from(choice / 5 % 3)];
    let framing = if codec.has_nals() { framing } else { Framing::Whole };
    let shared = Shared::<[u8], _>::try_from_slice(bytes, Global).unwrap();
    let Ok(frame) = Frame::new(shared, codec, framing, FrameInfo::default(), Global) else { return };
    let budget = 64 + usize::from(*budget);
    let mut out = vec![0; bytes.len() * 2 + 64];
    let mut assembly = Assembly::new(codec, framing, &mut out).unwrap();
    let (mut cursor, mut known) = (Cursor::default(), true);
    while let Some(piece) = frame.next_piece(budget, &mut cursor) {
        let mut room = vec![0; budget];
        let mut w = Writer::new(&mut room);
        frame.write_piece(&piece, &mut w).unwrap();
        assert_eq!(w.len(), piece.size());
        // NAL units of types that the payload format has taken for itself can't be carried.
        known &= assembly.push(w.written()).is_ok();
    }
    let done = assembly.finish();
    let reserved = |n: &barertc_rtp::Nal| match codec {
        PayloadFormat::H264 => !(1..=23).contains(&(n.of(bytes)[0] & 0x1f)),
        _ => (n.of(bytes)[0] >> 1) & 0x3f >= 48,
    };
    if codec.has_nals() && frame.nals().iter().any(reserved) {
        return;
    }
    assert!(known && done.intact);
    if codec == PayloadFormat::Av1 {
        // What is not sent is gone, and sizes are as short as can be: the same goes out again.
        let again = Frame::from_slice(&out[..done.len], codec, framing, FrameInfo::default(), Global).unwrap();
        assert_eq!(done.key, again.is_key());
        assert_eq!(sent(&frame, budget), sent(&again, budget));
    } else if codec.has_nals() {
        let mut units = frame.nals().iter().map(|n| n.of(bytes));
        barertc_rtp::for_each_nal(&out[..done.len], framing, |n| {
            assert_eq!(Some(n.of(&out[..done.len])), units.next());
            Ok(())
        })
        .unwrap();
        assert_eq!(units.next(), None);
    } else {
        assert_eq!(&out[..done.len], bytes);
    }
});

fn sent(frame: &Frame<Global>, budget: usize) -> Vec<Vec<u8>> {
    let mut cursor = Cursor::default();
    let pieces = std::iter::from_fn(|| frame.next_piece(budget, &mut cursor));
    let write = |piece: barertc_rtp::Piece| {
        let mut room = vec![0; piece.size()];
        frame.write_piece(&piece, &mut Writer::new(&mut room)).unwrap();
        room
    };
    pieces.map(write).collect()
}
