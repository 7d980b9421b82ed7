//! A whole handshake, and data after it, over a network that does what the input says: deliver, drop, repeat, hold back,
//! change a byte, cut, or let time pass. Whatever arrives is what was sent, once.
#![no_main]

mod dtls_support;

use barertc_dtls::Role;
use barertc_wire::{Instant, Reader};
use core::time::Duration;
use dtls_support::{drain, peers};
use libfuzzer_sys::fuzz_target;
use std::collections::{HashSet, VecDeque};

/// A message of nine bytes: its number, and a byte that follows from it.
fn message(n: u64) -> [u8; 9] {
    let mut out = [n as u8 ^ 0xA5; 9];
    out[..8].copy_from_slice(&n.to_be_bytes());
    out
}

fuzz_target!(|data: &[u8]| {
    let mut r = Reader::new(data);
    let Ok(options) = r.u8() else { return };
    let (mut client, mut server) = peers(options);
    let mut now = Instant::ZERO;
    let mut wire: VecDeque<(Role, Vec<u8>)> = VecDeque::new();
    // Each message has a number of its own, however many there are.
    let (mut sent, mut seen) = (0u64, [HashSet::new(), HashSet::new()]);
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
                    let mut record = vec![0; front + 9 + back];
                    record[front..front + 9].copy_from_slice(&message(sent));
                    if let Ok(len) = peer.seal(now, &mut record, 9) {
                        record.truncate(len);
                        wire.push_back((role, record));
                    }
                }
                sent += 1;
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
                        let n = d.first_chunk().map(|n| u64::from_be_bytes(*n)).expect("not what was sent");
                        assert!(n < sent && *d == message(n), "not what was sent");
                        assert!(seen.insert(n), "delivered twice");
                    });
                }
            }
        }
    }
});
