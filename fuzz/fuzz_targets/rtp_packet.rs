//! Any bytes as an RTP packet: no panic, and `rtp-rs` agrees whether they are one and what is in it. Extensions that
//! were read are written and read back.
#![no_main]

use barertc_rtp::{Extension, ExtensionMap, Header, Packet};
use barertc_wire::Writer;
use libfuzzer_sys::fuzz_target;
use rtp_rs::RtpReader;

fuzz_target!(|data: &[u8]| {
    let (ours, theirs) = match (Packet::parse(data), RtpReader::new(data)) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(_), Err(_)) => return,
        (ours, theirs) => panic!("{ours:?} but {:?}", theirs.map(drop)),
    };
    assert_eq!(ours.header.marker, theirs.mark());
    assert_eq!(ours.header.payload_type, theirs.payload_type());
    assert_eq!(ours.header.sequence, u16::from(theirs.sequence_number()));
    assert_eq!((ours.header.timestamp, ours.header.ssrc), (theirs.timestamp(), theirs.ssrc()));
    assert!(ours.csrcs().eq(theirs.csrc()));
    assert_eq!(ours.raw_extension(), theirs.extension());
    assert_eq!(ours.payload, theirs.payload());

    let mut map = ExtensionMap::new();
    for (kind, id) in Extension::ALL.into_iter().zip(1..) {
        map = map.with(kind, id);
    }
    let values = ours.extensions(&map);
    let mut room = [0; 2_048];
    let mut w = Writer::new(&mut room);
    Header { ..ours.header }.write(&map, &values, &mut w).unwrap();
    let again = Packet::parse(w.written()).unwrap();
    assert_eq!((again.header, again.extensions(&map)), (ours.header, values));
});
