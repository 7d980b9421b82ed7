//! Repair packets (FlexFEC draft-03). Any bytes as one: no panic, and no packet is rebuilt that is longer than its room. Of
//! packets with any contents, the one that is lost comes back as it was.
#![no_main]

use barertc_rtp::{ExtensionMap, MAX_REPAIR_SPAN, Packet, Recovery, RepairHeader};
use barertc_wire::Writer;
use libfuzzer_sys::fuzz_target;

const SSRC: u32 = 0x1234_5678;

fn packet(sequence: u16, first: u8, second: u8, body: &[u8]) -> Vec<u8> {
    // Neither CSRCs nor an extension nor padding, whose lengths would have to fit.
    let mut bytes = vec![0x80 | (first & 0x00), second];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(u32::from(sequence).wrapping_mul(3_000).to_be_bytes());
    bytes.extend(SSRC.to_be_bytes());
    bytes.extend(body);
    bytes
}

fuzz_target!(|input: (&[u8], u16, u8, Vec<(u8, u8, &[u8])>)| {
    let (bytes, base, lost, packets) = input;
    let mut out = [0; 1_500];
    if let Ok((header, recovery, body)) = Recovery::read(bytes) {
        assert!(header.mask >> MAX_REPAIR_SPAN == 0, "{header:?}");
        let mut body = body.to_vec();
        let _ = recovery.rebuild(header.ssrc, header.base, &body, &mut out).map(|len| assert!(len <= out.len()));
        let mut other = recovery;
        body.resize(1_400, 0);
        let _ = other.add(&packet(header.base, 0, 96, &bytes[..bytes.len().min(900)]), &ExtensionMap::new(), &mut body);
    }
    let packets: Vec<Vec<u8>> = packets
        .into_iter()
        .take(MAX_REPAIR_SPAN)
        .enumerate()
        .map(|(n, (a, b, body))| packet(base.wrapping_add(n as u16), a, b, &body[..body.len().min(1_000)]))
        .collect();
    if packets.is_empty() || packets.iter().any(|p| Packet::parse(p).is_err()) {
        return;
    }
    let (map, mut body) = (ExtensionMap::new(), [0; 1_400]);
    let mut recovery = Recovery::new();
    for packet in &packets {
        recovery.add(packet, &map, &mut body).expect("room");
    }
    let mask = u128::MAX >> (128 - packets.len());
    let header = RepairHeader { ssrc: SSRC, base, mask };
    let mut room = [0; 2_000];
    let mut w = Writer::new(&mut room);
    recovery.write(&header, &body[..recovery.len()], &mut w).expect("room");
    let (read, mut recovery, came) = Recovery::read(w.written()).expect("ours");
    assert_eq!(read, header);
    let mut body = [0; 1_400];
    body[..came.len()].copy_from_slice(came);
    let lost = usize::from(lost) % packets.len();
    for (n, packet) in packets.iter().enumerate() {
        if n != lost {
            recovery.add(packet, &map, &mut body).expect("room");
        }
    }
    let sequence = base.wrapping_add(lost as u16);
    let len = recovery.rebuild(SSRC, sequence, &body, &mut out).expect("one was lost");
    assert_eq!(&out[..len], &packets[lost][..]);
});
