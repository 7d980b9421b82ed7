//! A STUN and TURN server, as strict as RFC 8656 about credentials, permissions and lifetimes.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use barertc_crypto::{HmacSha1Key, Provider, RustCrypto};
use barertc_ice::stun::{Builder, Class, Message, Method, attr};
use barertc_wire::Instant;

type Datagram = (SocketAddr, SocketAddr, Vec<u8>);

struct Allocation {
    user: &'static str,
    relayed: SocketAddr,
    expires: Instant,
    permissions: HashMap<IpAddr, Instant>,
    channels: HashMap<u16, (SocketAddr, Instant)>,
}

pub struct Server {
    pub addr: SocketAddr,
    pub nonce: &'static str,
    /// Name and password of the account that is good now.
    pub account: (&'static str, &'static str),
    allocations: HashMap<SocketAddr, Allocation>,
    next_port: u16,
    /// Allocations that their client has given back.
    pub released: usize,
    pub relayed_packets: usize,
    pub channel_packets: usize,
}

const REALM: &str = "example.org";

impl Server {
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            nonce: "first",
            account: ("user", "secret"),
            allocations: HashMap::new(),
            next_port: 50_000,
            released: 0,
            relayed_packets: 0,
            channel_packets: 0,
        }
    }

    /// Allocations that have not been given back, nor seen to expire.
    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    pub fn owns(&self, addr: SocketAddr) -> bool {
        addr.ip() == self.addr.ip()
    }

    pub fn handle(&mut self, now: Instant, src: SocketAddr, dst: SocketAddr, bytes: &[u8]) -> Vec<Datagram> {
        self.allocations.retain(|_, a| a.expires > now);
        if dst != self.addr {
            return self.relay_in(now, src, dst, bytes).into_iter().collect();
        }
        if bytes[0] >= 0x40 {
            return self.channel_data(now, src, bytes).into_iter().collect();
        }
        let m = Message::parse(bytes).expect("clients send what is well formed");
        let reply = match (m.method(), m.class()) {
            (Method::BINDING, Class::Request) => {
                Some(reply(&m, Class::Success, None, |b| b.xor_address(attr::XOR_MAPPED_ADDRESS, src).unwrap()))
            }
            (Method::SEND, _) => {
                let peer = m.xor_address(attr::XOR_PEER_ADDRESS).unwrap();
                return self.relay_out(now, src, peer, m.get(attr::DATA).unwrap()).into_iter().collect();
            }
            (_, Class::Request) => Some(self.request(now, src, &m)),
            _ => None,
        };
        reply.map(|r| (self.addr, src, r)).into_iter().collect()
    }

    fn request(&mut self, now: Instant, src: SocketAddr, m: &Message<'_>) -> Vec<u8> {
        let (user, password) = self.account;
        let key = HmacSha1Key::new(&RustCrypto.md5(&[format!("{user}:{REALM}:{password}").as_bytes()]));
        let nonce = self.nonce;
        let challenge = |code| {
            reply(m, Class::Error, None, |b| {
                b.error(code, "").unwrap();
                b.bytes(attr::REALM, REALM.as_bytes()).unwrap();
                b.bytes(attr::NONCE, nonce.as_bytes()).unwrap();
            })
        };
        if !m.has_integrity() {
            return challenge(401);
        }
        if m.get(attr::NONCE) != Some(self.nonce.as_bytes()) {
            return challenge(438);
        }
        assert_eq!(m.text(attr::REALM), Some(REALM));
        if m.username() != Some(user) || !m.verify(&RustCrypto, &key) {
            return challenge(401);
        }
        let error = |code| reply(m, Class::Error, Some(&key), |b| b.error(code, "").unwrap());
        let lifetime = Duration::from_secs(u64::from(m.u32(attr::LIFETIME).unwrap_or(600)).min(600));
        if m.method() == Method::ALLOCATE {
            assert_eq!(m.u32(attr::REQUESTED_TRANSPORT), Some(17 << 24));
            if self.allocations.contains_key(&src) {
                return error(437);
            }
            self.next_port += 1;
            let relayed = SocketAddr::new(self.addr.ip(), self.next_port);
            let (permissions, channels) = (HashMap::new(), HashMap::new());
            let a = Allocation { user, relayed, expires: now + lifetime, permissions, channels };
            self.allocations.insert(src, a);
            return reply(m, Class::Success, Some(&key), |b| {
                b.xor_address(attr::XOR_RELAYED_ADDRESS, relayed).unwrap();
                b.xor_address(attr::XOR_MAPPED_ADDRESS, src).unwrap();
                b.u32(attr::LIFETIME, lifetime.as_secs() as u32).unwrap();
            });
        }
        let Some(a) = self.allocations.get_mut(&src) else { return error(437) };
        if a.user != user {
            return error(441);
        }
        let peer = m.xor_address(attr::XOR_PEER_ADDRESS);
        match m.method() {
            // RFC 8656 §7.3: at once.
            Method::REFRESH if lifetime.is_zero() => {
                self.allocations.remove(&src);
                self.released += 1;
            }
            Method::REFRESH => a.expires = now + lifetime,
            Method::CREATE_PERMISSION => {
                a.permissions.insert(peer.unwrap().ip(), now + Duration::from_secs(300));
            }
            Method::CHANNEL_BIND => {
                let number = (m.u32(attr::CHANNEL_NUMBER).unwrap() >> 16) as u16;
                assert!((0x4000..=0x4FFF).contains(&number));
                a.permissions.insert(peer.unwrap().ip(), now + Duration::from_secs(300));
                a.channels.insert(number, (peer.unwrap(), now + Duration::from_secs(600)));
            }
            other => panic!("{other:?}"),
        }
        reply(m, Class::Success, Some(&key), |_| {})
    }

    fn channel_data(&mut self, now: Instant, src: SocketAddr, bytes: &[u8]) -> Option<Datagram> {
        let number = u16::from_be_bytes([bytes[0], bytes[1]]);
        let len = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        let (peer, until) = *self.allocations.get(&src)?.channels.get(&number)?;
        self.channel_packets += 1;
        if until <= now {
            return None;
        }
        self.relay_out(now, src, peer, &bytes[4..4 + len])
    }

    fn relay_out(&mut self, now: Instant, src: SocketAddr, peer: SocketAddr, data: &[u8]) -> Option<Datagram> {
        let a = self.allocations.get(&src)?;
        a.permissions.get(&peer.ip()).filter(|until| **until > now)?;
        self.relayed_packets += 1;
        let relayed = a.relayed;
        if self.owns(peer) {
            // Relay to relay.
            return self.relay_in(now, relayed, peer, data);
        }
        Some((relayed, peer, data.to_vec()))
    }

    fn relay_in(&mut self, now: Instant, peer: SocketAddr, relayed: SocketAddr, data: &[u8]) -> Option<Datagram> {
        let (client, a) = self.allocations.iter().find(|(_, a)| a.relayed == relayed)?;
        a.permissions.get(&peer.ip()).filter(|until| **until > now)?;
        if let Some((number, _)) = a.channels.iter().find(|(_, (p, until))| *p == peer && *until > now) {
            let mut bytes = number.to_be_bytes().to_vec();
            bytes.extend((data.len() as u16).to_be_bytes());
            bytes.extend(data);
            return Some((self.addr, *client, bytes));
        }
        let mut out = vec![0; 1500];
        let mut b = Builder::new(&mut out, Class::Indication, Method::DATA, Default::default()).unwrap();
        b.xor_address(attr::XOR_PEER_ADDRESS, peer).unwrap();
        b.bytes(attr::DATA, data).unwrap();
        let len = b.finish();
        out.truncate(len);
        Some((self.addr, *client, out))
    }
}

fn reply(m: &Message<'_>, class: Class, key: Option<&HmacSha1Key>, fill: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    let mut out = vec![0; 600];
    let mut b = Builder::new(&mut out, class, m.method(), m.id()).unwrap();
    fill(&mut b);
    if let Some(key) = key {
        b.integrity(&RustCrypto, key).unwrap();
    }
    let len = b.fingerprint().unwrap();
    out.truncate(len);
    out
}
