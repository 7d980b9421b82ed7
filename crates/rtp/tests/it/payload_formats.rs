//! The payload structures as their RFCs draw them, byte for byte.

use barertc_arena::{Global, Shared};
use barertc_rtp::{Assembled, Assembly, Cursor, Error, Frame, FrameInfo, Framing, PayloadFormat};
use barertc_wire::Writer;

fn payloads(format: PayloadFormat, framing: Framing, bytes: &[u8], budget: usize) -> Vec<Vec<u8>> {
    let bytes = Shared::<[u8], _>::try_from_slice(bytes, Global).unwrap();
    let frame = Frame::new(bytes, format, framing, FrameInfo::default(), Global).unwrap();
    let (mut cursor, mut all) = (Cursor::default(), Vec::new());
    while let Some(piece) = frame.next_piece(budget, &mut cursor) {
        let mut room = vec![0; budget];
        let mut w = Writer::new(&mut room);
        frame.write_piece(&piece, &mut w).unwrap();
        all.push(w.written().to_vec());
    }
    all
}

/// RFC 6184 §5.6, figure 2: the unit itself, its header being the payload header.
#[test]
fn h264_single_nal_unit() {
    assert_eq!(payloads(PayloadFormat::H264, Framing::AnnexB, &[0, 0, 1, 0x41, 9, 8, 7], 100), [[0x41, 9, 8, 7]]);
}

/// RFC 6184 §5.7.1, figure 7: STAP-A header, then size and unit twice. F is the OR, NRI the maximum.
#[test]
fn h264_stap_a() {
    let annex_b = [0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0, 0, 0, 1, 0x28, 0xce];
    let expected = [0x78, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x28, 0xce];
    assert_eq!(payloads(PayloadFormat::H264, Framing::AnnexB, &annex_b, 100), [expected]);
}

/// RFC 6184 §5.8, figures 14 to 16: indicator with type 28, header with S, E and the type; the unit's own
/// header is not repeated.
#[test]
fn h264_fu_a() {
    let mut unit = vec![0x65];
    unit.extend(1..=150);
    let all = payloads(PayloadFormat::H264, Framing::Length2, &[&[0, 151], &unit[..]].concat(), 64);
    assert_eq!(all.iter().map(|p| [p[0], p[1]]).collect::<Vec<_>>(), [[0x7c, 0x85], [0x7c, 0x05], [0x7c, 0x45]]);
    let body: Vec<_> = all.iter().flat_map(|p| p[2..].to_vec()).collect();
    assert_eq!(body, unit[1..]);
}

/// Parameter sets and the picture that follows: together when they fit, else the sets share a packet.
#[test]
fn h264_parameter_sets_share_a_packet() {
    let mut frame = vec![0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65];
    frame.extend([0x88; 200]);
    let all = payloads(PayloadFormat::H264, Framing::AnnexB, &frame, 150);
    assert_eq!(all[0], [0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 3]);
    assert_eq!(all.len(), 3);
}

/// RFC 7798 §4.4.2 (figure 6) and 4.4.3 (figures 9, 10).
#[test]
fn h265_aggregation_and_fragments() {
    // VPS of layer 0 and temporal layer 2, SPS of temporal layer 1: the packet takes the lowest.
    let two = [0, 3, 0x40, 0x02, 7, 0, 3, 0x42, 0x01, 8];
    assert_eq!(
        payloads(PayloadFormat::H265, Framing::Length2, &two, 100),
        [[0x60, 0x01, 0, 3, 0x40, 0x02, 7, 0, 3, 0x42, 0x01, 8]]
    );
    let mut idr = vec![0, 152, 0x26, 0x01];
    idr.extend(1..=150);
    let all = payloads(PayloadFormat::H265, Framing::Length2, &idr, 64);
    assert_eq!(
        all.iter().map(|p| [p[0], p[1], p[2]]).collect::<Vec<_>>(),
        [[0x62, 0x01, 0x93], [0x62, 0x01, 0x13], [0x62, 0x01, 0x53]]
    );
}

/// RFC 7741 §4.2: S in the first packet only.
#[test]
fn vp8_descriptor() {
    let all = payloads(PayloadFormat::Vp8, Framing::Whole, &[0x50; 100], 64);
    assert_eq!(all.iter().map(|p| p[0]).collect::<Vec<_>>(), [0x10, 0x00]);
}

/// RFC 7741 §4.2 with every optional field, as other senders write them.
#[test]
fn vp8_descriptors_of_others() {
    for (descriptor, rest) in [
        (&[0x90, 0x80, 0x05][..], true),               // X, I: 7-bit picture identifier
        (&[0x90, 0x80, 0x85, 0x01], true),             // 15 bits
        (&[0x90, 0xe0, 0x85, 0x01, 0x07, 0x20], true), // with TL0PICIDX and TID
        (&[0x90, 0x10, 0x20], true),                   // K alone
        (&[0x10], true),
        (&[0x90, 0x80], false), // ends within the descriptor
        (&[0x10, 0x00, 0x00], true),
    ] {
        let mut payload = descriptor.to_vec();
        if rest {
            payload.extend([0x50, 1, 2]);
        }
        let mut out = [0; 16];
        let mut a = Assembly::new(PayloadFormat::Vp8, Framing::Whole, &mut out).unwrap();
        assert_eq!(a.push(&payload).is_ok(), rest, "{descriptor:x?}");
        assert_eq!(a.finish().intact, rest);
    }
}

#[test]
fn h264_payloads_that_make_no_sense() {
    let push = |payload: &[u8]| {
        let mut out = [0; 64];
        let mut a = Assembly::new(PayloadFormat::H264, Framing::AnnexB, &mut out).unwrap();
        (a.push(payload), a.finish())
    };
    assert_eq!(push(&[0x00]).0, Err(Error::Malformed)); // type 0 is undefined
    assert_eq!(push(&[0x1a, 1, 2]).0, Err(Error::Malformed)); // MTAP16: interleaved mode only
    assert_eq!(push(&[0x7c, 0x05, 1]).0, Err(Error::Malformed)); // a fragment without its start
    assert_eq!(push(&[0x78, 0, 9, 0x67]).0, Err(Error::Truncated)); // size past the end
    assert_eq!(push(&[0x78, 0, 0]).0, Err(Error::Malformed)); // an empty unit
    assert_eq!(push(&[0x65; 100]).0, Err(Error::NoRoom));
    // A start without its end leaves nothing.
    assert_eq!(push(&[0x7c, 0x85, 1]), (Ok(()), Assembled { len: 0, key: false, intact: false }));
}

#[test]
fn a_gap_costs_the_unit_it_cuts_through_and_no_other() {
    let mut out = [0; 64];
    let mut a = Assembly::new(PayloadFormat::H264, Framing::Length2, &mut out).unwrap();
    a.push(&[0x41, 1]).unwrap();
    a.push(&[0x5c, 0x81, 2]).unwrap();
    a.gap();
    assert!(a.push(&[0x5c, 0x41, 3]).is_err());
    a.push(&[0x41, 4]).unwrap();
    let done = a.finish();
    assert!(!done.intact);
    assert_eq!(out[..done.len], [0, 2, 0x41, 1, 0, 2, 0x41, 4]);
}

#[test]
fn a_unit_too_long_for_its_prefix_is_refused() {
    let mut out = vec![0; 200_000];
    let mut a = Assembly::new(PayloadFormat::H264, Framing::Length2, &mut out).unwrap();
    a.push(&[0x7c, 0x85]).unwrap();
    for _ in 0..70 {
        a.push(&[&[0x7c, 0x05][..], &[7; 1_000]].concat()).unwrap();
    }
    assert_eq!(a.push(&[0x7c, 0x45, 1]), Err(Error::NoRoom));
    assert!(!a.finish().intact);
}

#[test]
fn frames_that_cannot_be() {
    let new = |format, framing, bytes: &[u8]| {
        let bytes = Shared::<[u8], _>::try_from_slice(bytes, Global).unwrap();
        Frame::new(bytes, format, framing, FrameInfo::default(), Global).map(drop)
    };
    assert_eq!(new(PayloadFormat::Opus, Framing::Whole, &[]), Err(Error::EmptyFrame));
    assert_eq!(new(PayloadFormat::H264, Framing::AnnexB, &[1, 2, 3]), Err(Error::EmptyFrame));
    assert_eq!(new(PayloadFormat::H264, Framing::Length4, &[0, 0, 0, 9, 1]), Err(Error::BadLength(0)));
    assert_eq!(new(PayloadFormat::H265, Framing::Length2, &[0, 1, 0x40]), Err(Error::Malformed));
    assert_eq!(
        new(PayloadFormat::H264, Framing::AnnexB, &[0, 0, 1, 5].repeat(4_097)),
        Err(Error::TooManyNals { limit: 4_096 })
    );
    assert_eq!(new(PayloadFormat::H264, Framing::AnnexB, &[0, 0, 1, 5].repeat(4_096)), Ok(()));
}
