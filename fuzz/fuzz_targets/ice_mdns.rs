//! Any datagram from the multicast group: no panic in resolver or responder.
#![no_main]

use barertc_arena::Global;
use barertc_ice::mdns::{Resolver, Responder};
use barertc_wire::Instant;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut resolver = Resolver::new(1, Global).unwrap();
    resolver.resolve(Instant::ZERO, "candidate:1 1 udp 1 a.local 9 typ host".parse().unwrap()).unwrap();
    resolver.handle(Instant::ZERO, data);
    let _ = resolver.poll_event();
    let responder = Responder::new("a", "192.0.2.1".parse().unwrap()).unwrap();
    let mut out = [0; 256];
    if let Some(len) = responder.answer(data, &mut out) {
        resolver.handle(Instant::ZERO, &out[..len]);
    }
});
