//! A frame is cut into the fewest packets that the format allows, none is too large, and all come together again.

use barertc_arena::{Global, Shared};
use barertc_rtp::{Assembly, Cursor, Frame, FrameInfo, Framing, PayloadFormat};
use barertc_wire::Writer;
use proptest::prelude::*;

fn frame(format: PayloadFormat, framing: Framing, nals: &[Vec<u8>]) -> Frame<Global> {
    let mut bytes = Vec::new();
    for nal in nals {
        match framing {
            Framing::AnnexB => bytes.extend([0, 0, 0, 1]),
            Framing::Length4 => bytes.extend((nal.len() as u32).to_be_bytes()),
            Framing::Length2 => bytes.extend((nal.len() as u16).to_be_bytes()),
            Framing::Whole => {}
        }
        bytes.extend(nal);
    }
    let bytes = Shared::<[u8], _>::try_from_slice(&bytes, Global).unwrap();
    Frame::new(bytes, format, framing, FrameInfo::default(), Global).unwrap()
}

/// The optimum, found without cleverness: the best way to send units `i..` is the best over all ways to begin. `header`
/// is the size of a NAL unit's header, `fragment` and `aggregate` what those packets have in front.
fn optimum(sizes: &[usize], budget: usize, header: usize, fragment: usize, aggregate: usize) -> usize {
    let mut best = vec![usize::MAX; sizes.len() + 1];
    best[sizes.len()] = 0;
    for i in (0..sizes.len()).rev() {
        if sizes[i] <= budget {
            best[i] = best[i + 1] + 1;
        } else {
            best[i] = best[i + 1] + (sizes[i] - header).div_ceil(budget - fragment);
        }
        let mut total = aggregate;
        for j in i..sizes.len() {
            total += 2 + sizes[j];
            if total <= budget && j > i {
                best[i] = best[i].min(best[j + 1] + 1);
            }
        }
    }
    best[0]
}

fn payloads(frame: &Frame<Global>, budget: usize) -> Vec<Vec<u8>> {
    let (mut cursor, mut all) = (Cursor::default(), Vec::new());
    while let Some(piece) = frame.next_piece(budget, &mut cursor) {
        let mut room = vec![0; piece.size()];
        let mut w = Writer::new(&mut room);
        frame.write_piece(&piece, &mut w).unwrap();
        assert_eq!(w.len(), piece.size());
        assert_eq!(frame.piece(budget, all.len()), Some(piece));
        all.push(room);
    }
    all
}

fn assembled(format: PayloadFormat, framing: Framing, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0; 200_000];
    let mut assembly = Assembly::new(format, framing, &mut out).unwrap();
    for p in payloads {
        assembly.push(p).unwrap();
    }
    let done = assembly.finish();
    assert!(done.intact);
    out.truncate(done.len);
    out
}

/// NAL units of realistic types, small and large ones in any order, none ending in a zero byte.
fn nals(first: impl Strategy<Value = Vec<u8>> + Clone) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let size = prop_oneof![4 => 1usize..60, 3 => 60usize..1_400, 1 => 1_400usize..9_000];
    prop::collection::vec(
        (first, size, 2u8..=255).prop_map(|(mut nal, size, fill)| {
            nal.resize(nal.len() + size, fill);
            nal
        }),
        1..40,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn h264(
        nals in nals((1u8..=12, 0u8..4).prop_map(|(kind, nri)| vec![(nri << 5) | kind])),
        budget in 64usize..1_400,
        framing in prop::sample::select(vec![Framing::AnnexB, Framing::Length2, Framing::Length4]),
    ) {
        let frame = frame(PayloadFormat::H264, framing, &nals);
        let payloads = payloads(&frame, budget);
        let sizes: Vec<_> = nals.iter().map(Vec::len).collect();
        prop_assert_eq!(payloads.len(), optimum(&sizes, budget, 1, 2, 1));
        prop_assert!(payloads.iter().all(|p| p.len() <= budget));
        prop_assert_eq!(assembled(PayloadFormat::H264, framing, &payloads), frame.bytes());
    }

    #[test]
    fn h265(
        nals in nals((0u8..41, 1u8..8).prop_map(|(kind, tid)| vec![kind << 1, tid])),
        budget in 64usize..1_400,
    ) {
        let frame = frame(PayloadFormat::H265, Framing::Length4, &nals);
        let payloads = payloads(&frame, budget);
        let sizes: Vec<_> = nals.iter().map(Vec::len).collect();
        prop_assert_eq!(payloads.len(), optimum(&sizes, budget, 2, 3, 2));
        prop_assert!(payloads.iter().all(|p| p.len() <= budget));
        prop_assert_eq!(assembled(PayloadFormat::H265, Framing::Length4, &payloads), frame.bytes());
    }

    #[test]
    fn vp8(data in prop::collection::vec(any::<u8>(), 1..9_000), budget in 64usize..1_400) {
        let frame = frame(PayloadFormat::Vp8, Framing::Whole, std::slice::from_ref(&data));
        prop_assert_eq!(frame.is_key(), data[0] & 1 == 0);
        let payloads = payloads(&frame, budget);
        prop_assert_eq!(payloads.len(), data.len().div_ceil(budget - 1));
        prop_assert!(payloads.iter().all(|p| p.len() <= budget));
        prop_assert_eq!(assembled(PayloadFormat::Vp8, Framing::Whole, &payloads), data);
    }

    #[test]
    fn audio_is_never_cut(data in prop::collection::vec(any::<u8>(), 1..2_000), budget in 64usize..1_400) {
        for format in [PayloadFormat::Opus, PayloadFormat::G711] {
            let frame = frame(format, Framing::Whole, std::slice::from_ref(&data));
            let expected = if data.len() <= budget { vec![data.clone()] } else { vec![] };
            prop_assert_eq!(payloads(&frame, budget), expected);
        }
    }
}

#[test]
fn fragments_are_of_about_the_same_size() {
    let frame = frame(PayloadFormat::H264, Framing::AnnexB, &[vec![0x65; 1_301]]);
    let sizes: Vec<_> = payloads(&frame, 1_200).iter().map(Vec::len).collect();
    assert_eq!(sizes, [652, 652]);
}

#[test]
fn a_budget_below_the_least_gives_nothing() {
    let frame = frame(PayloadFormat::H264, Framing::AnnexB, &[vec![0x65; 100]]);
    assert_eq!(frame.next_piece(63, &mut Cursor::default()), None);
    assert_eq!(frame.piece_count(64), 2);
}
