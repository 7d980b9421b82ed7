//! Both versions and roles against `dimpl`, in-process.

use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use barertc_arena::Global;
use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
use barertc_crypto::{Provider, RustCrypto};
use barertc_dtls::{Config, Connection, Event, Group, HashAlgorithm, Identity, Preference, Role};
use barertc_dtls::{Suite, Version};
use barertc_wire::Instant;
use dimpl::crypto::{Dtls12CipherSuite, Dtls13CipherSuite, NamedGroup};
use dimpl::{Dtls, DtlsCertificate, Output};

struct Rng(u64);

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

/// One of our identities in the form that dimpl takes: the key as an ECPrivateKey (RFC 5915).
fn certificate(identity: &Identity) -> DtlsCertificate {
    let mut exported = [0; Identity::EXPORT_MAX];
    identity.export(&mut exported).unwrap();
    let secret: [u8; 32] = exported[4..36].try_into().unwrap();
    let public = RustCrypto.p256_public(&barertc_crypto::P256Secret::from_bytes(&secret).unwrap());
    let mut key = vec![0x30, 0x77, 2, 1, 1, 4, 32];
    key.extend(secret);
    key.extend([0xA0, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7, 0xA1, 0x44, 3, 0x42, 0]);
    key.extend(public);
    DtlsCertificate { certificate: identity.certificate().to_vec(), private_key: key }
}

#[derive(Default)]
struct Seen {
    connected: bool,
    keys: Option<Vec<u8>>,
    data: Vec<Vec<u8>>,
    closed: bool,
    certificate: Option<Vec<u8>>,
}

struct Bench {
    ours: Connection<Global, RustCrypto>,
    theirs: Dtls,
    seen: Seen,
    events: Vec<Event>,
    data: Vec<Vec<u8>>,
    now: Instant,
    start: Clock,
}

impl Bench {
    fn new(role: Role, ours: Config, make: impl FnOnce(DtlsCertificate, Clock) -> Dtls) -> Self {
        let mut rng = Rng(5);
        let (a, b) = (Identity::generate(&RustCrypto, &mut rng), Identity::generate(&RustCrypto, &mut rng));
        let start = Clock::now();
        let mut theirs = make(certificate(&b), start);
        theirs.set_active(role == Role::Server);
        let mut ours = Connection::new(ours, role, &a, Global, RustCrypto, &mut rng).unwrap();
        let fingerprint = barertc_dtls::fingerprint(&RustCrypto, HashAlgorithm::Sha384, b.certificate());
        ours.set_peer_fingerprint(Instant::ZERO, fingerprint).unwrap();
        let mut bench =
            Self { ours, theirs, seen: Seen::default(), events: vec![], data: vec![], now: Instant::ZERO, start };
        bench.connect();
        assert_eq!(bench.seen.certificate.as_deref(), Some(a.certificate()));
        bench
    }

    /// Ten milliseconds, in which everything sent arrives.
    fn turn(&mut self) {
        self.now += Duration::from_millis(10);
        let clock = self.start + Duration::from_micros(self.now.as_micros());
        self.theirs.handle_timeout(clock).unwrap();
        if self.ours.timeout().is_some_and(|t| t <= self.now) {
            self.ours.handle_timeout(self.now);
        }
        let mut out = vec![0; 2_048];
        while let Some(len) = self.ours.poll_transmit(self.now, &mut out) {
            self.theirs.handle_packet(&out[..len]).unwrap();
        }
        let mut packets = vec![];
        loop {
            match self.theirs.poll_output(&mut out) {
                Output::Packet(p) => packets.push(p.to_vec()),
                Output::Connected => self.seen.connected = true,
                Output::PeerCert(der) => self.seen.certificate = Some(der.to_vec()),
                Output::KeyingMaterial(keys, _) => self.seen.keys = Some(keys.to_vec()),
                Output::ApplicationData(data) => self.seen.data.push(data.to_vec()),
                Output::CloseNotify => self.seen.closed = true,
                Output::Timeout(_) => break,
                _ => {}
            }
        }
        for mut packet in packets {
            let handled = self.ours.handle(self.now, &mut packet, |d| self.data.push(d.to_vec()));
            assert!(handled.is_ok() || handled == Err(barertc_dtls::Error::Closed), "{handled:?}");
        }
        self.events.extend(std::iter::from_fn(|| self.ours.poll_event()));
    }

    fn connect(&mut self) {
        for _ in 0..200 {
            self.turn();
            if self.ours.is_connected() && self.seen.connected {
                return;
            }
        }
        panic!("no handshake: {:?} {:?}", self.ours, self.events);
    }

    fn send(&mut self, data: &[u8]) {
        let (front, back) = self.ours.room();
        let mut out = vec![0; front + data.len() + back];
        out[front..front + data.len()].copy_from_slice(data);
        let len = self.ours.seal(self.now, &mut out, data.len()).unwrap();
        self.theirs.handle_packet(&out[..len]).unwrap();
    }

    fn talk(&mut self, version: Version, suite: Suite) {
        self.turn();
        let [Event::Connected { version: v, suite: s, srtp: Some(_), .. }] = self.events[..] else {
            panic!("{:?}", self.events)
        };
        assert_eq!((v, s), (version, suite));
        let theirs = self.seen.keys.take().expect("keying material");
        let mut ours = vec![0; theirs.len()];
        self.ours.export("EXTRACTOR-dtls_srtp", None, &mut ours).unwrap();
        assert_eq!(ours, theirs);
        for i in 0..50u8 {
            self.send(&[i; 200]);
            self.theirs.send_application_data(&[i; 100]).unwrap();
            self.turn();
        }
        self.turn();
        assert_eq!(self.seen.data.len(), 50);
        assert_eq!(self.data.len(), 50);
        assert!(self.seen.data.iter().zip(0u8..).all(|(d, i)| *d == [i; 200]));
        assert!(self.data.iter().zip(0u8..).all(|(d, i)| *d == [i; 100]));
        assert_eq!(self.ours.discards().total(), 0, "{:?}", self.ours.discards());
        self.ours.close(self.now);
        self.turn();
        self.turn();
        assert!(self.seen.closed);
    }
}

const SUITES: [(Suite, Dtls12CipherSuite, Dtls13CipherSuite); 3] = [
    (Suite::Aes128Gcm, Dtls12CipherSuite::ECDHE_ECDSA_AES128_GCM_SHA256, Dtls13CipherSuite::AES_128_GCM_SHA256),
    (Suite::Aes256Gcm, Dtls12CipherSuite::ECDHE_ECDSA_AES256_GCM_SHA384, Dtls13CipherSuite::AES_256_GCM_SHA384),
    (
        Suite::ChaCha20Poly1305,
        Dtls12CipherSuite::ECDHE_ECDSA_CHACHA20_POLY1305_SHA256,
        Dtls13CipherSuite::CHACHA20_POLY1305_SHA256,
    ),
];

const GROUPS: [(Group, NamedGroup); 2] = [(Group::X25519, NamedGroup::X25519), (Group::P256, NamedGroup::Secp256r1)];

fn every_suite_and_group(version: Version, role: Role) {
    for (suite, suite_12, suite_13) in SUITES {
        for (group, named) in GROUPS {
            let builder = dimpl::Config::builder().dtls12_cipher_suites(&[suite_12]).dtls13_cipher_suites(&[suite_13]);
            let theirs = Arc::new(builder.kx_groups(&[named]).build().unwrap());
            let ours = Config { groups: Preference::only(&[group, Group::P256]), ..Config::default() };
            let mut bench = Bench::new(role, ours, |certificate, now| match version {
                Version::Dtls12 => Dtls::new_12(theirs, certificate, now),
                Version::Dtls13 => Dtls::new_13(theirs, certificate, now),
            });
            bench.talk(version, suite);
        }
    }
}

#[test]
fn client_of_dtls_12() {
    every_suite_and_group(Version::Dtls12, Role::Client);
}

#[test]
fn server_of_dtls_12() {
    every_suite_and_group(Version::Dtls12, Role::Server);
}

#[test]
fn client_of_dtls_13() {
    every_suite_and_group(Version::Dtls13, Role::Client);
}

#[test]
fn server_of_dtls_13() {
    every_suite_and_group(Version::Dtls13, Role::Server);
}

#[test]
fn each_side_retries_for_the_group_of_the_other() {
    // Our share is of X25519, their only group P-256: they send a HelloRetryRequest, and with the roles turned so do we.
    for role in [Role::Client, Role::Server] {
        let groups: &[NamedGroup] = match role {
            Role::Client => &[NamedGroup::Secp256r1],
            Role::Server => &[NamedGroup::X25519, NamedGroup::Secp256r1],
        };
        let ours = match role {
            Role::Client => Config::default(),
            Role::Server => Config { groups: Preference::only(&[Group::P256]), ..Config::default() },
        };
        let theirs = Arc::new(dimpl::Config::builder().kx_groups(groups).build().unwrap());
        let mut bench = Bench::new(role, ours, |certificate, now| Dtls::new_13(theirs, certificate, now));
        let Some(Event::Connected { suite, .. }) = bench.events.first().copied().or_else(|| bench.ours.poll_event())
        else {
            panic!()
        };
        bench.talk(Version::Dtls13, suite);
    }
}

#[test]
fn small_datagrams() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for role in [Role::Client, Role::Server] {
            let theirs = Arc::new(dimpl::Config::builder().mtu(300).build().unwrap());
            let ours = Config { mtu: 256, ..Config::default() };
            let mut bench = Bench::new(role, ours, |certificate, now| match version {
                Version::Dtls12 => Dtls::new_12(theirs, certificate, now),
                Version::Dtls13 => Dtls::new_13(theirs, certificate, now),
            });
            let Some(Event::Connected { suite, .. }) = bench.events.first().copied() else { panic!() };
            bench.talk(version, suite);
        }
    }
}

#[test]
fn a_peer_that_senses_the_version_gets_the_better_one() {
    let theirs = Arc::new(dimpl::Config::builder().build().unwrap());
    for role in [Role::Client, Role::Server] {
        let theirs = theirs.clone();
        let mut bench =
            Bench::new(role, Config::default(), |certificate, now| Dtls::new_auto(theirs, certificate, now));
        let Some(Event::Connected { suite, .. }) = bench.events.first().copied() else { panic!() };
        bench.talk(Version::Dtls13, suite);
    }
}

#[test]
fn key_updates_of_either_side() {
    for role in [Role::Client, Role::Server] {
        // They change their keys after so few records that it happens several times.
        let theirs = Arc::new(dimpl::Config::builder().aead_encryption_limit(40).build().unwrap());
        let mut bench = Bench::new(role, Config::default(), |certificate, now| Dtls::new_13(theirs, certificate, now));
        for i in 0..200u8 {
            if i % 20 == 10 {
                bench.ours.update_keys(bench.now, i % 40 == 10).unwrap();
            }
            bench.send(&[i; 20]);
            bench.theirs.send_application_data(&[i; 30]).unwrap();
            bench.turn();
        }
        for _ in 0..100 {
            bench.turn();
        }
        assert_eq!(bench.data.len(), 200, "{role:?} {:?}", bench.ours.discards());
        assert_eq!(bench.seen.data.len(), 200, "{role:?}");
    }
}
