//! Any datagram to a connection in any stage, of either version: no panic, and nothing comes out that a key didn't open.
#![no_main]

mod dtls_support;

use barertc_wire::Instant;
use dtls_support::{connect, drain, peers};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((options, datagram)) = data.split_first() else { return };
    let (mut client, mut server) = peers(*options);
    if options & 2 != 0 {
        connect(&mut client, &mut server, Instant::ZERO);
    } else if options & 4 != 0 {
        for mut d in drain(&mut client, Instant::ZERO) {
            server.handle(Instant::ZERO, &mut d, |_| ()).unwrap();
        }
    }
    for peer in [&mut client, &mut server] {
        let _ = peer.handle(Instant::ZERO, &mut datagram.to_vec(), |_| panic!("data out of nowhere"));
        drain(peer, Instant::ZERO);
        while peer.poll_event().is_some() {}
    }
});
