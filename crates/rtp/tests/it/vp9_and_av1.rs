//! VP9 (RFC 9628) and AV1 (RTP payload format of the Alliance for Open Media): payloads byte for byte, and streams with loss.

use std::time::Duration;

use barertc_arena::Global;
use barertc_rtp::{
    Assembled, Assembly, Cursor, Error, ExtensionMap, Extensions, Frame, FrameInfo, Framing, Header, JitterBuffer,
    JitterConfig, Packet, PayloadFormat,
};
use barertc_wire::{Instant, Writer};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn frame(format: PayloadFormat, bytes: &[u8]) -> Frame<Global> {
    Frame::from_slice(bytes, format, Framing::Whole, FrameInfo::default(), Global).unwrap()
}

fn payloads(frame: &Frame<Global>, budget: usize) -> Vec<(Vec<u8>, bool)> {
    let (mut cursor, mut all) = (Cursor::default(), Vec::new());
    while let Some(piece) = frame.next_piece(budget, &mut cursor) {
        let mut room = vec![0; piece.size()];
        let mut w = Writer::new(&mut room);
        frame.write_piece(&piece, &mut w).unwrap();
        assert_eq!(w.len(), piece.size());
        assert_eq!(frame.piece(budget, all.len()), Some(piece));
        all.push((room, piece.is_last()));
    }
    all
}

fn push(format: PayloadFormat, payloads: &[&[u8]]) -> (Vec<Result<(), Error>>, Assembled, Vec<u8>) {
    let mut out = vec![0; 64];
    let mut a = Assembly::new(format, Framing::AnnexB, &mut out).unwrap();
    let results = payloads.iter().map(|payload| a.push(payload)).collect();
    let done = a.finish();
    out.truncate(done.len);
    (results, done, out)
}

/// VP9 bitstream specification §6.2: frame_marker, profile 0, no show_existing_frame, frame_type.
const VP9_KEY: u8 = 0x82;
const VP9_INTER: u8 = 0x86;

/// RFC 9628 §4.2: B in the first packet, E in the last, P where the picture refers to others.
#[test]
fn vp9_descriptor() {
    let heads =
        |bytes: &[u8]| payloads(&frame(PayloadFormat::Vp9, bytes), 64).iter().map(|(p, _)| p[0]).collect::<Vec<_>>();
    assert_eq!(heads(&[VP9_KEY; 150]), [0x08, 0x00, 0x04]);
    assert_eq!(heads(&[VP9_INTER; 100]), [0x48, 0x44]);
    assert_eq!(heads(&[VP9_INTER; 10]), [0x4c]);
}

#[test]
fn vp9_key_frames() {
    let is_key = |byte| frame(PayloadFormat::Vp9, &[byte, 0]).is_key();
    assert!(is_key(VP9_KEY) && !is_key(VP9_INTER));
    assert!(!is_key(0x8a)); // show_existing_frame
    assert!(is_key(0xa2)); // profile 1
    assert!(is_key(0xb1) && !is_key(0xb2) && !is_key(0xb4)); // profile 3 has a reserved bit
    assert!(!is_key(0x42)); // no frame_marker
}

/// RFC 9628 §4.2 with every optional field, as other senders write them, in both modes.
#[test]
fn vp9_descriptors_of_others() {
    for (descriptor, rest) in [
        (&[0x0c][..], true),
        (&[0x8c, 0x05], true),                                // I: 7-bit picture identifier
        (&[0x8c, 0x85, 0x01], true),                          // 15 bits
        (&[0xac, 0x85, 0x01, 0x00, 0x07], true),              // L in non-flexible mode, with TL0PICIDX
        (&[0xfc, 0x85, 0x01, 0x00, 0x02], true),              // flexible, one reference
        (&[0xfc, 0x85, 0x01, 0x00, 0x03, 0x05, 0x06], true),  // three
        (&[0xfc, 0x85, 0x01, 0x00, 0x03, 0x05, 0x07], false), // a fourth
        (&[0x0e, 0x00], true),                                // V: a scalability structure that says nothing
        // Two layers with their sizes, and a group of two pictures of which the second has a reference.
        (&[0x0e, 0x38, 1, 64, 0, 240, 2, 128, 1, 224, 2, 0x10, 0x24, 0x01], true),
        (&[0x0e, 0x38, 1, 64, 0, 240, 2, 128], false), // ends within the sizes
        (&[0x0e, 0x08, 200, 0x0c], false),             // and within the references
        (&[0xac, 0x85, 0x01, 0x00], false),
        (&[0x0c], false),
    ] {
        let payload = if rest { [descriptor, &[VP9_KEY, 1, 2]].concat() } else { descriptor.to_vec() };
        let (results, done, out) = push(PayloadFormat::Vp9, &[&payload]);
        assert_eq!(results[0].is_ok(), rest, "{descriptor:x?}");
        assert_eq!((done.intact, done.key), (rest, rest));
        assert_eq!(out, if rest { &[VP9_KEY, 1, 2][..] } else { &[] });
    }
}

#[test]
fn vp9_frames_of_layers_stand_behind_one_another() {
    // The lower layer in two packets, and the upper one, which refers to it (D).
    let lower = [&[0x28, 0x00, 0x00, VP9_KEY, 1][..], &[0x24, 0x00, 0x00, 2]];
    let upper = &[0x2c, 0x03, 0x00, VP9_INTER, 3][..];
    let (results, done, out) = push(PayloadFormat::Vp9, &[lower[0], lower[1], upper]);
    assert!(results.iter().all(Result::is_ok) && done.intact && done.key);
    assert_eq!(out, [VP9_KEY, 1, 2, VP9_INTER, 3]);
    // Without its end, the lower one is left out.
    let (_, done, out) = push(PayloadFormat::Vp9, &[lower[0], upper]);
    assert!(!done.intact && !done.key);
    assert_eq!(out, [VP9_INTER, 3]);
    // Without its beginning as well.
    let (results, done, _) = push(PayloadFormat::Vp9, &[lower[1], upper]);
    assert_eq!((results[0], done.intact), (Err(Error::Malformed), false));
    // A second picture under the same timestamp.
    let (results, done, _) = push(PayloadFormat::Vp9, &[lower[0], lower[1], lower[0]]);
    assert_eq!((results[2], done.intact), (Err(Error::Malformed), false));
    // One that does not end.
    let (_, done, out) = push(PayloadFormat::Vp9, &[lower[0]]);
    assert!(!done.intact && out.is_empty());
}

/// A unit with its size: kind, and payload. The layer is temporal layer 0 of that spatial layer.
fn obu(kind: u8, layer: Option<u8>, payload: &[u8]) -> Vec<u8> {
    let extension = if layer.is_some() { 4 } else { 0 };
    let mut all = vec![(kind << 3) | extension | 2];
    all.extend(layer.map(|layer| layer << 3));
    let mut size = payload.len();
    while size >= 0x80 {
        all.push(size as u8 | 0x80);
        size >>= 7;
    }
    all.push(size as u8);
    all.extend(payload);
    all
}

const SEQUENCE: u8 = 1;
const DELIMITER: u8 = 2;
const FRAME: u8 = 6;
const PADDING: u8 = 15;

/// Two units in one packet: W is 2, the first has a size, none has the one in its header, the delimiter is gone; N says
/// that a sequence begins.
#[test]
fn av1_aggregation() {
    let unit = [obu(DELIMITER, None, &[]), obu(SEQUENCE, None, &[0, 1]), obu(FRAME, None, &[0x10, 7, 8])].concat();
    let all = payloads(&frame(PayloadFormat::Av1, &unit), 100);
    assert_eq!(all, [(vec![0x28, 3, 0x08, 0, 1, 0x30, 0x10, 7, 8], true)]);
    assert!(frame(PayloadFormat::Av1, &unit).is_key());
    // Another frame is no new sequence.
    let all = payloads(&frame(PayloadFormat::Av1, &obu(FRAME, None, &[0x30, 7])), 100);
    assert_eq!(all, [(vec![0x10, 0x30, 0x30, 7], true)]);
}

/// What does not fit goes on in the next packet: Y, and Z there. The rest is spread evenly.
#[test]
fn av1_fragments() {
    let body: Vec<u8> = (0x10..=150).collect();
    let unit = [obu(SEQUENCE, None, &[0, 1]), obu(FRAME, Some(0), &body)].concat();
    // Units of a layer and units of none may share a packet only where all with a layer have the same: here they do not.
    let all = payloads(&frame(PayloadFormat::Av1, &unit), 64);
    assert_eq!(all[0].0, [0x18, 0x08, 0, 1]);
    let unit = [obu(SEQUENCE, None, &[0, 1]), obu(FRAME, None, &body)].concat();
    let all = payloads(&frame(PayloadFormat::Av1, &unit), 64);
    assert_eq!(all.iter().map(|(p, _)| p[0]).collect::<Vec<_>>(), [0x68, 0xd0, 0x90]);
    assert_eq!(all.iter().map(|(p, _)| p.len()).collect::<Vec<_>>(), [64, 40, 39]);
    assert_eq!(all[0].0[..6], [0x68, 3, 0x08, 0, 1, 0x30]);
    let rest: Vec<u8> = all.iter().flat_map(|(p, _)| p[1..].to_vec()).skip(5).collect();
    assert_eq!(rest, body);
    assert_eq!(all.iter().map(|(_, last)| *last).collect::<Vec<_>>(), [false, false, true]);
}

/// Packets of others: W of 0, sizes in headers, a unit over three packets, units that receivers ignore.
#[test]
fn av1_packets_of_others() {
    let expected = [obu(SEQUENCE, None, &[0, 1]), obu(FRAME, None, &[0x10, 7, 8, 9])].concat();
    for packets in [
        &[&[0x08, 3, 0x08, 0, 1, 5, 0x30, 0x10, 7, 8, 9][..]][..],
        &[&[0x28, 4, 0x0a, 2, 0, 1, 0x30, 0x10, 7, 8, 9]],
        &[&[0x18, 0x08, 0, 1], &[0x50, 0x30, 0x10], &[0xd0, 7, 8], &[0x90, 9]],
        &[&[0x68, 3, 0x08, 0, 1, 0x32, 4], &[0x90, 0x10, 7, 8, 9]],
        &[&[0x38, 1, 0x10, 3, 0x08, 0, 1, 0x40], &[0x10, 0x30, 0x10, 7, 8, 9]],
        &[&[0x18, 0x08, 0, 1], &[0x50, 0x30, 0x10], &[0x80, 3, 7, 8, 9]],
        // Sizes in more bytes than they need.
        &[&[0x18, 0x0a, 0x82, 0x80, 0, 0, 1], &[0x10, 0x32, 0x84, 0x80, 0x80, 0, 0x10, 7, 8, 9]],
    ] {
        let (results, done, out) = push(PayloadFormat::Av1, packets);
        assert!(results.iter().all(Result::is_ok), "{packets:x?} {results:?}");
        assert!(done.intact && done.key, "{packets:x?}");
        assert_eq!(out, expected, "{packets:x?}");
    }
}

#[test]
fn av1_packets_that_make_no_sense() {
    let error = |payload: &[u8]| push(PayloadFormat::Av1, &[payload]).0[0];
    assert_eq!(error(&[0x10]), Err(Error::Truncated)); // no element
    assert_eq!(error(&[0x20, 2, 0x30, 1]), Err(Error::Truncated)); // one of two
    assert_eq!(error(&[0x00, 9, 0x30, 1]), Err(Error::Truncated)); // a size past the end
    assert_eq!(error(&[0x00, 0x80]), Err(Error::Truncated));
    assert_eq!(error(&[0x00, 0]), Err(Error::Truncated)); // an empty unit
    assert_eq!(error(&[0x98, 0x30, 1]), Err(Error::Malformed)); // N and Z
    assert_eq!(error(&[0x90, 1, 2]), Err(Error::Malformed)); // a fragment without its start
    assert_eq!(error(&[0x10, 0xb0, 1]), Err(Error::Malformed)); // the forbidden bit
    assert_eq!(error(&[0x10, 0x32, 1, 7, 8]), Err(Error::Malformed)); // more than its size
    assert_eq!(error(&[0x10, 0x32, 3, 7, 8]), Err(Error::Truncated)); // less
    assert_eq!(error(&[&[0x10, 0x30][..], &[7; 63]].concat()), Err(Error::NoRoom)); // without the size it would fit
    assert_eq!(error(&[&[0x10, 0x30][..], &[7; 62]].concat()), Ok(()));
    // A unit that should go on and does not is cut off; what is whole stays.
    let (results, done, out) = push(PayloadFormat::Av1, &[&[0x60, 3, 0x78, 0, 1, 0x30, 7], &[0x10, 0x30, 9]]);
    assert!(results.iter().all(Result::is_ok) && !done.intact);
    assert_eq!(out, [obu(PADDING, None, &[0, 1]), obu(FRAME, None, &[9])].concat());
    // And one at the end of the frame.
    assert!(!push(PayloadFormat::Av1, &[&[0x50, 0x30, 7]]).1.intact);
}

#[test]
fn av1_frames_that_cannot_be() {
    let new = |bytes: &[u8]| {
        Frame::from_slice(bytes, PayloadFormat::Av1, Framing::Whole, FrameInfo::default(), Global).map(drop)
    };
    assert_eq!(new(&[0x12, 0]), Err(Error::EmptyFrame)); // a delimiter alone
    assert_eq!(new(&[0x12, 0, 0x32, 9, 1]), Err(Error::BadLength(2)));
    assert_eq!(new(&[0xb2, 1, 1]), Err(Error::Malformed));
    assert_eq!(new(&[0x7a, 0].repeat(4_097)), Err(Error::TooManyNals { limit: 4_096 }));
    assert_eq!(new(&[0x12, 0, 0x30, 9, 1]), Ok(())); // the last unit needs no size
}

/// Bytes of a unit, what they are, and its spatial layer if it belongs to one.
type Unit = (usize, u8, u8, bool);

/// Frames of a stream, the first of which is a key frame.
fn stream(format: PayloadFormat) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let size = prop_oneof![4 => 1usize..60, 3 => 60usize..400, 1 => 400usize..2_000];
    let unit = (size, any::<u8>(), 0u8..3, any::<bool>());
    prop::collection::vec((prop::bool::weighted(0.2), prop::collection::vec(unit, 1..6)), 1..30).prop_map(
        move |frames| {
            let one = |(n, (key, units)): (usize, (bool, Vec<Unit>))| {
                let key = key || n == 0;
                if format == PayloadFormat::Vp9 {
                    let mut all = vec![if key { VP9_KEY } else { VP9_INTER }];
                    all.extend(units.iter().flat_map(|(size, fill, ..)| vec![*fill; *size]));
                    return all;
                }
                let mut all = if key { obu(SEQUENCE, None, &[0, 1, 2]) } else { Vec::new() };
                for (i, (size, fill, layer, has_layer)) in units.into_iter().enumerate() {
                    let mut payload = vec![fill; size];
                    payload[0] = if key { 0x10 } else { 0x30 };
                    let kind = if i == 0 { FRAME } else { PADDING };
                    all.extend(obu(kind, has_layer.then_some(layer), &payload));
                }
                all
            };
            frames.into_iter().enumerate().map(one).collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(9_628), ..ProptestConfig::with_cases(300) })]

    #[test]
    fn every_frame_comes_together_again_in_few_packets(
        (format, frames) in prop::sample::select(vec![PayloadFormat::Vp9, PayloadFormat::Av1])
            .prop_flat_map(|format| (Just(format), stream(format))),
        budget in 64usize..1_400,
    ) {
        for bytes in &frames {
            let payloads = payloads(&frame(format, bytes), budget);
            prop_assert!(payloads.iter().all(|(p, _)| p.len() <= budget));
            prop_assert!(payloads.iter().rev().skip(1).all(|(_, last)| !last));
            if format == PayloadFormat::Vp9 {
                prop_assert_eq!(payloads.len(), bytes.len().div_ceil(budget - 1));
            }
            let mut out = vec![0; 16_000];
            let mut assembly = Assembly::new(format, Framing::Whole, &mut out).unwrap();
            for (payload, _) in &payloads {
                assembly.push(payload).unwrap();
            }
            let done = assembly.finish();
            prop_assert!(done.intact);
            prop_assert_eq!(done.key, frame(format, bytes).is_key());
            prop_assert_eq!(&out[..done.len], &bytes[..]);
        }
    }

    #[test]
    fn what_is_complete_was_sent(
        (format, frames) in prop::sample::select(vec![PayloadFormat::Vp9, PayloadFormat::Av1])
            .prop_flat_map(|format| (Just(format), stream(format))),
        loss in 0u32..16,
        swaps in 0u32..20,
        seed in any::<u64>(),
    ) {
        let mut packets = Vec::new();
        for (n, bytes) in frames.iter().enumerate() {
            for (payload, marker) in payloads(&frame(format, bytes), 150) {
                let mut room = vec![0; 200];
                let mut w = Writer::new(&mut room);
                let sequence = 60_000u16.wrapping_add(packets.len() as u16);
                let header = Header { marker, payload_type: 96, sequence, timestamp: n as u32, ssrc: 1 };
                header.write(&ExtensionMap::new(), &Extensions::default(), &mut w).unwrap();
                w.put(&payload).unwrap();
                packets.push(w.written().to_vec());
            }
        }
        let config = JitterConfig {
            format,
            framing: Framing::Whole,
            packets: 64,
            payload_bytes: 200,
            wait: Duration::from_millis(30),
            extensions: ExtensionMap::new(),
        };
        let mut buffer = JitterBuffer::new(config, Global).unwrap();
        let mut state = seed;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32
        };
        let mut order: Vec<usize> = (0..packets.len()).filter(|_| random() % 100 >= loss).collect();
        for i in 1..order.len() {
            if random() % 100 < swaps {
                order.swap(i - 1, i);
            }
        }
        let (mut complete, mut out) = (0, vec![0; 16_000]);
        for step in 0..order.len() + 100 {
            let now = Instant::from_millis(step as u64);
            if let Some(at) = order.get(step) {
                buffer.insert(now, &Packet::parse(&packets[*at]).unwrap());
            }
            while let Some(frame) = buffer.poll_frame(now, &mut out) {
                if frame.complete {
                    prop_assert_eq!(&out[..frame.len], &frames[frame.timestamp as usize][..]);
                    complete += 1;
                }
            }
        }
        if loss == 0 && swaps == 0 {
            prop_assert_eq!(complete, frames.len());
        }
    }
}
