//! Two honest peers, and somebody between them who knows the protocol: records and handshake messages of any type, place and
//! length are injected in the clear, and those of the peers are lost, doubled and turned round, but not changed.
//!
//! Nobody fails for what has no keys behind it: once both sides have keys, the handshake completes as soon as the network
//! lets it, and both sides export the same.
#![no_main]

mod dtls_support;

use barertc_dtls::{Event, Role, Version};
use barertc_wire::{Instant, Reader, Truncated};
use core::time::Duration;
use dtls_support::{Peer, drain, peers};
use libfuzzer_sys::fuzz_target;
use std::collections::VecDeque;

type Wire = VecDeque<(Role, Vec<u8>)>;

/// A plaintext record that the input describes.
fn forged(r: &mut Reader<'_>) -> Result<Vec<u8>, Truncated> {
    let kind = [20, 21, 22, 22, 22, 22, 23, 26][usize::from(r.u8()? & 7)];
    let mut body = Vec::new();
    if kind == 22 {
        for _ in 0..=r.u8()? & 3 {
            let (kind, seq, len, offset) = (r.u8()? % 26, r.u8()? % 12, r.u16()?, r.u16()?);
            let n = usize::from(r.u8()?);
            let bytes = r.take(n.min(r.remaining()))?;
            body.extend([kind, 0, len.to_be_bytes()[0], len.to_be_bytes()[1], 0, seq]);
            body.extend([0, offset.to_be_bytes()[0], offset.to_be_bytes()[1]]);
            body.extend(&(bytes.len() as u32).to_be_bytes()[1..]);
            body.extend(bytes);
        }
    } else {
        let n = usize::from(r.u8()? & 31);
        body.extend(r.take(n.min(r.remaining()))?);
    }
    let mut record = vec![kind, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 1, r.u8()?];
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    Ok(record)
}

fn pass_time(peers: &mut [Peer; 2], now: Instant) {
    for peer in peers {
        if peer.timeout().is_some_and(|t| t <= now) {
            peer.handle_timeout(now);
        }
    }
}

fn collect(peers: &mut [Peer; 2], wire: &mut Wire, now: Instant) {
    for (peer, role) in peers.iter_mut().zip([Role::Client, Role::Server]) {
        wire.extend(drain(peer, now).into_iter().map(|d| (role, d)));
    }
}

fn deliver(peers: &mut [Peer; 2], from: Role, datagram: &mut [u8], now: Instant) {
    let to = usize::from(from == Role::Client);
    let _ = peers[to].handle(now, datagram, |_| panic!("no data was sent"));
}

fuzz_target!(|data: &[u8]| {
    let mut r = Reader::new(data);
    let Ok(options) = r.u8() else { return };
    let (client, server) = peers(options);
    let version = if options & 1 == 0 { Version::Dtls12 } else { Version::Dtls13 };
    let mut peers = [client, server];
    let (mut now, mut wire) = (Instant::ZERO, Wire::new());
    // In DTLS 1.3 the hellos are all that has no keys behind it: they pass before anybody is there to forge.
    collect(&mut peers, &mut wire, now);
    while let Some((from, mut d)) = wire.pop_front() {
        deliver(&mut peers, from, &mut d, now);
    }
    collect(&mut peers, &mut wire, now);
    if let Some((from, mut d)) = wire.pop_front() {
        deliver(&mut peers, from, &mut d, now);
    }
    let mut lost = 0;
    while let Ok(op) = r.u8() {
        collect(&mut peers, &mut wire, now);
        match op & 7 {
            0 if lost < 4 => {
                lost += usize::from(wire.pop_front().is_some());
            }
            1 => wire.rotate_left(1.min(wire.len())),
            2 if wire.len() < 40 => {
                let front = wire.front().cloned();
                wire.extend(front);
            }
            3 => {
                now += Duration::from_millis(u64::from(op));
                pass_time(&mut peers, now);
            }
            4..=6 => {
                let Ok(mut record) = forged(&mut r) else { break };
                let from = if op & 8 == 0 { Role::Client } else { Role::Server };
                deliver(&mut peers, from, &mut record, now);
            }
            _ => {
                if let Some((from, mut d)) = wire.pop_front() {
                    deliver(&mut peers, from, &mut d, now);
                }
            }
        }
    }
    // DTLS 1.2 has no keys until its last two messages, so what was forged before may have ended it.
    if version == Version::Dtls12 {
        return;
    }
    for _ in 0..60 {
        collect(&mut peers, &mut wire, now);
        while let Some((from, mut d)) = wire.pop_front() {
            deliver(&mut peers, from, &mut d, now);
        }
        if let Some(next) = Instant::earliest(peers[0].timeout(), peers[1].timeout()) {
            now = now.max(next);
            pass_time(&mut peers, now);
        }
    }
    let mut keys = [[0; 60]; 2];
    for (peer, keys) in peers.iter_mut().zip(&mut keys) {
        while let Some(event) = peer.poll_event() {
            assert!(matches!(event, Event::Connected { .. }), "{event:?} {:?}", peer.discards());
        }
        assert!(peer.is_connected(), "{peer:?} {:?}", peer.discards());
        peer.export("EXTRACTOR-dtls_srtp", None, keys).expect("connected");
    }
    assert_eq!(keys[0], keys[1]);
});
