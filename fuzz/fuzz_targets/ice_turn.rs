//! An agent with a STUN and a TURN server and a peer, all of which say what the input wants, authentic or not: no panic,
//! bounded memory, no endless sending, and data only from who may send them.
#![no_main]

use std::time::Duration;

use barertc_arena::Heap;
use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
use barertc_crypto::{HmacSha1Key, Provider, RustCrypto};
use barertc_ice::stun::{Builder, Class, Message, Method, TransactionId, attr};
use barertc_ice::{Agent, Candidate, Config, Handled, Route, TurnServer};
use barertc_wire::Instant;
use libfuzzer_sys::fuzz_target;

struct Counting(u64);

impl TryRng for Counting {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0 += 1;
        Ok(self.0 as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 += 1;
        Ok(self.0)
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.0 += 1;
        out.fill(self.0 as u8);
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

const PWD: &str = "passwordpasswordpassword";

fuzz_target!(|data: &[u8]| {
    let mut region = vec![core::mem::MaybeUninit::uninit(); 128 * 1024];
    let heap: Heap = Heap::new(&mut region).unwrap();
    let mut rng = Counting(0);
    let controlling = data.first().is_some_and(|b| b & 1 == 1);
    let mut agent = Agent::new(Config::default(), controlling, &heap, RustCrypto, &mut rng).unwrap();
    let (local, server, peer) = ("192.0.2.1:1000", "198.51.100.1:3478", "203.0.113.1:2000");
    let [local, server, peer] = [local, server, peer].map(|a| a.parse().unwrap());
    agent.add_local(Instant::ZERO, Candidate::host(local)).unwrap();
    agent.add_stun_server(Instant::ZERO, server).unwrap();
    let account =
        TurnServer { addr: server, protocol: Default::default(), username: "user", password: "secret", ipv6: false };
    agent.add_turn_server(Instant::ZERO, &account).unwrap();
    agent.set_remote_credentials(Instant::ZERO, "peer", PWD).unwrap();
    agent.add_remote(Instant::ZERO, Candidate::host(peer)).unwrap();
    agent.gather(Instant::ZERO).unwrap();
    let long_term = HmacSha1Key::new(&RustCrypto.md5(&[b"user:realm:secret"]));

    let mut now = Instant::ZERO;
    let mut asked: Vec<(TransactionId, Method, bool)> = vec![];
    let mut rest = data.get(1..).unwrap_or_default();
    let mut buf = [0; 1500];
    while let Some((op, tail)) = rest.split_first() {
        let (chunk, tail) = tail.split_at(usize::from(op >> 3).min(tail.len()));
        rest = tail;
        match op & 7 {
            0 | 1 => {
                let remote = if op & 1 == 0 { server } else { peer };
                buf[..chunk.len()].copy_from_slice(chunk);
                if let Handled::Data { range, .. } =
                    agent.handle(now, Route::udp(local, remote), &mut buf[..chunk.len()])
                {
                    assert!(range.end <= chunk.len());
                }
            }
            2 => {
                now += Duration::from_millis(
                    chunk.iter().fold(0u64, |ms, b| (ms << 4).saturating_add((*b).into())).min(1 << 20),
                );
                agent.handle_timeout(now);
            }
            3 => {
                let (ufrag, pwd) = agent.local_credentials();
                let mut b = Builder::new(&mut buf, Class::Request, Method::BINDING, TransactionId([9; 12])).unwrap();
                b.parts(attr::USERNAME, &[ufrag.as_bytes(), b":peer"]).unwrap();
                for piece in chunk.chunks(5) {
                    b.bytes(0x0024 + u16::from(piece[0] & 1), &piece[1..]).unwrap();
                }
                b.integrity(&RustCrypto, &HmacSha1Key::new(pwd.as_bytes())).unwrap();
                let len = b.fingerprint().unwrap();
                let remote = if chunk.len() > 3 { peer } else { server };
                agent.handle(now, Route::udp(local, remote), &mut buf[..len]);
            }
            4 => drop(agent.add_remote_line(now, core::str::from_utf8(chunk).unwrap_or_default())),
            _ => {
                let Some((id, method, to_server)) = asked.pop() else { continue };
                let class = if op & 7 == 5 { Class::Error } else { Class::Success };
                let mut b = Builder::new(&mut buf, class, method, id).unwrap();
                if class == Class::Error {
                    b.error([300, 401, 437, 438, 487][usize::from(chunk.first().copied().unwrap_or(0)) % 5], "")
                        .unwrap();
                    b.bytes(attr::REALM, b"realm").unwrap();
                    b.bytes(attr::NONCE, chunk).unwrap();
                }
                b.xor_address(attr::XOR_MAPPED_ADDRESS, local).unwrap();
                b.xor_address(attr::XOR_RELAYED_ADDRESS, "198.51.100.1:50000".parse().unwrap()).unwrap();
                for piece in chunk.chunks(8).filter(|_| class == Class::Success) {
                    b.bytes(u16::from(piece[0]), &piece[1..]).unwrap();
                }
                let key = if to_server { &long_term } else { &HmacSha1Key::new(PWD.as_bytes()) };
                b.integrity(&RustCrypto, key).unwrap();
                let len = b.fingerprint().unwrap();
                let remote = if to_server { server } else { peer };
                agent.handle(now, Route::udp(local, remote), &mut buf[..len]);
            }
        }
        let mut sent = 0;
        while let Some(t) = agent.poll_transmit(now, &mut buf) {
            sent += 1;
            assert!(sent < 200, "sends without end");
            if let Ok(m) = Message::parse(&buf[..t.len]) {
                asked.push((m.id(), m.method(), t.route.remote == server));
            }
        }
        while agent.poll_event().is_some() {}
        assert!(heap.stats().peak <= Agent::<&Heap, RustCrypto>::worst_case_bytes(agent.config()));
    }
    drop(agent);
    assert_eq!(heap.stats().live, 0);
});
