//! Any bytes as a packet: every chunk and every list in it can be walked, and ends.
#![no_main]

use barertc_sctp::chunk::{Chunk, Chunks, ErrorCause, Params};
use barertc_sctp::packet::Packet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Packet::checksum(data, data.len() % 2 == 0);
    let Some(packet) = Packet::parse(data) else { return };
    let mut steps = 0usize;
    for chunk in Chunks::new(packet.chunks).flatten() {
        steps += 1;
        steps += match chunk {
            Chunk::Data(d) => usize::from(d.payload.len() > packet.chunks.len()) * usize::MAX / 2,
            Chunk::Init(i) | Chunk::InitAck(i) => Params::new(i.params).count(),
            Chunk::Sack(s) => s.gaps().count() + s.duplicates().count(),
            Chunk::ForwardTsn(f) => f.skipped().count(),
            Chunk::Abort(a) => usize::from(ErrorCause::first(a.causes).is_some()),
            Chunk::Error(causes) | Chunk::Reconfig(causes) => Params::new(causes).count(),
            _ => 0,
        };
    }
    assert!(steps <= data.len(), "more pieces than bytes");
});
