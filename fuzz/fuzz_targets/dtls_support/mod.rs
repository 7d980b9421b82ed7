//! Two peers and a generator that always says the same.
#![allow(dead_code)]

use barertc_arena::Global;
use barertc_crypto::RustCrypto;
use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
use barertc_dtls::{Config, Connection, Identity, Role, Version};
use barertc_wire::Instant;

pub struct Rng(pub u64);

impl TryRng for Rng {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Ok(self.0 ^ (self.0 >> 29))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for b in out {
            *b = self.try_next_u32()? as u8;
        }
        Ok(())
    }
}

impl TryCryptoRng for Rng {}

pub type Peer = Connection<Global, RustCrypto>;

/// A client and a server that know each other's fingerprints; bit 0 of `options` is the version.
pub fn peers(options: u8) -> (Peer, Peer) {
    let mut rng = Rng(1);
    let (a, b) = (Identity::generate(&RustCrypto, &mut rng), Identity::generate(&RustCrypto, &mut rng));
    let max_version = if options & 1 == 0 { Version::Dtls12 } else { Version::Dtls13 };
    let config = Config { max_version, ..Config::default() };
    let mut client = Connection::new(config.clone(), Role::Client, &a, Global, RustCrypto, &mut rng).unwrap();
    let mut server = Connection::new(config, Role::Server, &b, Global, RustCrypto, &mut rng).unwrap();
    client.set_peer_fingerprint(Instant::ZERO, b.fingerprint(&RustCrypto)).unwrap();
    server.set_peer_fingerprint(Instant::ZERO, a.fingerprint(&RustCrypto)).unwrap();
    (client, server)
}

/// Everything that `from` wants to send.
pub fn drain(from: &mut Peer, now: Instant) -> Vec<Vec<u8>> {
    let mut out = [0; 2_000];
    let mut all = Vec::new();
    while let Some(len) = from.poll_transmit(now, &mut out) {
        assert!(len <= 1_200);
        all.push(out[..len].to_vec());
    }
    all
}

/// A whole handshake.
pub fn connect(client: &mut Peer, server: &mut Peer, now: Instant) {
    for _ in 0..6 {
        for mut datagram in drain(client, now) {
            server.handle(now, &mut datagram, |_| ()).unwrap();
        }
        for mut datagram in drain(server, now) {
            client.handle(now, &mut datagram, |_| ()).unwrap();
        }
    }
    assert!(client.is_connected() && server.is_connected());
}
