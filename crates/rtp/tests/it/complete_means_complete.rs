//! A frame that comes out complete is, byte for byte, one that was sent: random streams, random loss, random order.

use barertc_arena::Global;
use barertc_rtp::{ExtensionMap, Framing, JitterBuffer, JitterConfig, Packet, PayloadFormat};
use barertc_wire::Instant;
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;

/// One frame: its NAL units, each with the sizes of the packets that it is cut into.
#[derive(Clone, Debug)]
struct Sent {
    units: Vec<(Vec<u8>, usize)>,
}

fn frames(format: PayloadFormat) -> impl Strategy<Value = Vec<Sent>> {
    let slice = (1usize..60, 8usize..40);
    let frame = (prop::bool::weighted(0.2), prop::collection::vec(slice, 1..4));
    prop::collection::vec(frame, 1..40).prop_map(move |frames| {
        frames.into_iter().map(|(key, slices)| Sent { units: units(format, key, &slices) }).collect()
    })
}

fn units(format: PayloadFormat, key: bool, slices: &[(usize, usize)]) -> Vec<(Vec<u8>, usize)> {
    let h265 = format == PayloadFormat::H265;
    let header = |h264: u8, kind: u8| if h265 { vec![kind << 1, 1] } else { vec![h264] };
    let mut all = Vec::new();
    if key {
        if h265 {
            all.push(([header(0, 32), vec![1, 2]].concat(), 100));
        }
        all.push(([header(0x67, 33), vec![1, 2]].concat(), 100));
        all.push(([header(0x68, 34), vec![1, 2]].concat(), 100));
    }
    for (i, (bytes, cut)) in slices.iter().enumerate() {
        let first = if i == 0 { 0x80 } else { 0x10 };
        let mut unit = header(if key { 0x65 } else { 0x41 }, if key { 19 } else { 1 });
        unit.push(first);
        unit.extend((0..*bytes).map(|b| b as u8));
        all.push((unit, *cut));
    }
    all
}

/// The payloads of a unit.
fn payloads(format: PayloadFormat, unit: &[u8], cut: usize) -> Vec<Vec<u8>> {
    if unit.len() <= cut {
        return vec![unit.to_vec()];
    }
    let (head, body) = if format == PayloadFormat::H265 { unit.split_at(2) } else { unit.split_at(1) };
    let parts: Vec<&[u8]> = body.chunks(cut).collect();
    let last = parts.len() - 1;
    let fu = |i: usize| (u8::from(i == 0) << 7) | (u8::from(i == last) << 6);
    parts
        .iter()
        .enumerate()
        .map(|(i, part)| match head {
            [one] => [&[(one & 0xe0) | 28, fu(i) | (one & 0x1f)], *part].concat(),
            [one, two] => [&[(one & 0x81) | (49 << 1), *two, fu(i) | ((one >> 1) & 0x3f)], *part].concat(),
            _ => unreachable!(),
        })
        .collect()
}

/// Packets in order, and what each frame should be.
fn packets(format: PayloadFormat, frames: &[Sent], marker_on_each: bool) -> (Vec<Vec<u8>>, HashMap<u32, Vec<u8>>) {
    let (mut all, mut expected) = (Vec::new(), HashMap::new());
    for (n, frame) in frames.iter().enumerate() {
        let timestamp = n as u32 * 3_000;
        let mut whole = Vec::new();
        for (u, (unit, cut)) in frame.units.iter().enumerate() {
            whole.extend([0, 0, 0, 1]);
            whole.extend(unit);
            let cut = payloads(format, unit, *cut);
            for (p, payload) in cut.iter().enumerate() {
                let ends = p + 1 == cut.len() && (marker_on_each || u + 1 == frame.units.len());
                let mut d = vec![0x80, (u8::from(ends) << 7) | 96];
                d.extend((60_000u16.wrapping_add(all.len() as u16)).to_be_bytes());
                d.extend(timestamp.to_be_bytes());
                d.extend([0, 0, 0, 1]);
                d.extend(payload);
                all.push(d);
            }
        }
        expected.insert(timestamp, whole);
    }
    (all, expected)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_is_complete_was_sent(
        (format, sent) in prop::sample::select(vec![PayloadFormat::H264, PayloadFormat::H265])
            .prop_flat_map(|format| (Just(format), frames(format))),
        marker_on_each in any::<bool>(),
        skipped in 0usize..20,
        loss in 0u32..16,
        swaps in 0u32..20,
        seed in any::<u64>(),
    ) {
        // What markers mean is learned from a key frame, which is not lost here where they mean little.
        let mut sent = sent;
        sent.insert(0, Sent { units: units(format, true, &[(20, 100), (20, 100)]) });
        let (packets, expected) = packets(format, &sent, marker_on_each);
        let whole = if marker_on_each { sent[0].units.len() } else { 0 };
        let skipped = if marker_on_each { 0 } else { skipped };
        let config = JitterConfig {
            format,
            framing: Framing::AnnexB,
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
        let mut order: Vec<usize> = (skipped.min(packets.len())..packets.len()).filter(|i| *i < whole || random() % 100 >= loss).collect();
        for i in 1..order.len() {
            if random() % 100 < swaps {
                order.swap(i - 1, i);
            }
        }
        let (mut now, mut out) = (0, vec![0; 4_000]);
        let mut poll = |buffer: &mut JitterBuffer<Global>, now: u64| -> Result<usize, TestCaseError> {
            let mut complete = 0;
            while let Some(frame) = buffer.poll_frame(Instant::from_millis(now), &mut out) {
                if frame.complete {
                    prop_assert_eq!(&out[..frame.len], &expected[&frame.timestamp][..], "at {}", frame.timestamp);
                    complete += 1;
                }
            }
            Ok(complete)
        };
        let mut complete = 0;
        for at in &order {
            now += 1;
            buffer.insert(Instant::from_millis(now), &Packet::parse(&packets[*at]).unwrap());
            complete += poll(&mut buffer, now)?;
        }
        complete += poll(&mut buffer, now + 100)?;
        // Nothing lost, from the beginning and in order: all frames, but for the last where markers mean little.
        if loss == 0 && swaps == 0 && skipped == 0 {
            prop_assert!(complete + usize::from(marker_on_each) >= sent.len(), "{} of {}", complete, sent.len());
        }
    }
}
