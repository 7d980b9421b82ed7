//! A whole handshake, and data after it, over a network that does what the input says: deliver, drop, repeat, hold back,
//! change a byte, cut, or let time pass. Whatever arrives is what was sent, once.
#![no_main]

mod dtls_support;

use barertc_dtls::Role;
use barertc_wire::{Instant, Reader};
use core::time::Duration;
use dtls_support::{drain, peers};
use libfuzzer_sys::fuzz_target;
use std::collections::VecDeque;

fuzz_target!(|data: &[u8]| {
    let mut r = Reader::new(data);
    let Ok(options) = r.u8() else { return };
    let (mut client, mut server) = peers(options);
    let mut now = Instant::ZERO;
    let mut wire: VecDeque<(Role, Vec<u8>)> = VecDeque::new();
    let (mut sent, mut seen) = (0u8, [[false; 256]; 2]);
    while let Ok(op) = r.u8() {
        wire.extend(drain(&mut client, now).into_iter().map(|d| (Role::Client, d)));
        wire.extend(drain(&mut server, now).into_iter().map(|d| (Role::Server, d)));
        for peer in [&mut client, &mut server] {
            while peer.poll_event().is_some() {}
        }
        match op % 10 {
            0 => {
                wire.pop_front();
            }
            1 => wire.rotate_left(1.min(wire.len())),
            2 => {
                if let Some(front) = wire.front().cloned() {
                    wire.push_back(front);
                }
            }
            3 => {
                if let (Some((_, d)), Ok(at), Ok(with)) = (wire.front_mut(), r.u16(), r.u8()) {
                    let at = usize::from(at) % d.len();
                    d[at] ^= with;
                }
            }
            4 => {
                if let (Some((_, d)), Ok(n)) = (wire.front_mut(), r.u8()) {
                    d.truncate(1 + usize::from(n));
                }
            }
            5 => {
                now += Duration::from_millis(150);
                for peer in [&mut client, &mut server] {
                    if peer.timeout().is_some_and(|t| t <= now) {
                        peer.handle_timeout(now);
                    }
                }
            }
            6 => {
                for (peer, role) in [(&mut client, Role::Client), (&mut server, Role::Server)] {
                    let (front, back) = peer.room();
                    let mut record = vec![sent; front + 9 + back];
                    if let Ok(len) = peer.seal(now, &mut record, 9) {
                        record.truncate(len);
                        wire.push_back((role, record));
                    }
                }
                sent = sent.wrapping_add(1);
            }
            7 if op & 0x10 != 0 => {
                let _ = client.update_keys(now, op & 0x20 != 0);
                let _ = server.update_keys(now, op & 0x40 != 0);
            }
            _ => {
                if let Some((from, mut datagram)) = wire.pop_front() {
                    let (to, seen) = match from {
                        Role::Client => (&mut server, &mut seen[0]),
                        Role::Server => (&mut client, &mut seen[1]),
                    };
                    let _ = to.handle(now, &mut datagram, |d| {
                        assert!(d.len() == 9 && d.iter().all(|b| *b == d[0]), "not what was sent");
                        let i = usize::from(d[0]);
                        assert!(!seen[i] || sent < d[0] || sent > 200, "delivered twice");
                        seen[i] = true;
                    });
                }
            }
        }
    }
});
