//! DTLS beside `dimpl`, both on RustCrypto and the latter on aws-lc too, in one run: what a full handshake costs both peers together, and what a record
//! costs on its way in and out.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench dtls [-- FILTER [ROUNDS]]`. Rounds of the candidates take turns,
//! so a machine that is busy or changes its clock rate does the same to all; the best and the middle round are shown.

use std::hint::black_box;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant as Clock};

use barertc_arena::Global;
use barertc_crypto::{P256Secret, Provider, RustCrypto, selftest::Predictable};
use barertc_dtls::{Config, Connection, Group, Identity, Preference, Role, Suite, Version};
use barertc_wire::Instant;
use dimpl::crypto::{CryptoProvider, Dtls12CipherSuite, Dtls13CipherSuite, NamedGroup};
use dimpl::{Dtls, DtlsCertificate, Output};

/// Handshakes in a round.
const HANDSHAKES: u32 = 10;
/// Records in a round.
const RECORDS: u32 = 20_000;
/// Bytes of data in a record: a packet of SCTP.
const DATA: usize = 1_150;
const ROUNDS: usize = 15;

/// A connected pair, or one that connects.
trait Pair {
    fn connect(&mut self);
    /// One record from the client to the server.
    fn record(&mut self, data: &[u8]);
}

struct Ours {
    client: Connection<Global, RustCrypto>,
    server: Connection<Global, RustCrypto>,
    out: Vec<u8>,
}

impl Ours {
    fn new(version: Version, [a, b]: &[Identity; 2]) -> Self {
        let config = Config {
            min_version: version,
            max_version: version,
            suites: Preference::only(&[Suite::Aes128Gcm]),
            groups: Preference::only(&[Group::X25519, Group::P256]),
            ..Config::default()
        };
        let mut rng = Predictable::new(7);
        let mut client = Connection::new(config.clone(), Role::Client, a, Global, RustCrypto, &mut rng).unwrap();
        let mut server = Connection::new(config, Role::Server, b, Global, RustCrypto, &mut rng).unwrap();
        client.set_peer_fingerprint(Instant::ZERO, b.fingerprint(&RustCrypto)).unwrap();
        server.set_peer_fingerprint(Instant::ZERO, a.fingerprint(&RustCrypto)).unwrap();
        Self { client, server, out: vec![0; 1_500] }
    }
}

impl Pair for Ours {
    fn connect(&mut self) {
        let now = Instant::ZERO;
        while !(self.client.is_connected() && self.server.is_connected()) {
            while let Some(len) = self.client.poll_transmit(now, &mut self.out) {
                self.server.handle(now, &mut self.out[..len], |_| ()).unwrap();
            }
            while let Some(len) = self.server.poll_transmit(now, &mut self.out) {
                self.client.handle(now, &mut self.out[..len], |_| ()).unwrap();
            }
        }
    }

    fn record(&mut self, data: &[u8]) {
        let (front, _) = self.client.room();
        // The inner layer would write here by itself; for fairness the copy counts.
        self.out[front..front + data.len()].copy_from_slice(data);
        let len = self.client.seal(Instant::ZERO, &mut self.out, data.len()).unwrap();
        let mut got = 0;
        self.server.handle(Instant::ZERO, &mut self.out[..len], |d| got += black_box(d).len()).unwrap();
        assert_eq!(got, data.len());
    }
}

/// What the connections of dimpl share, as an application's do: building it is no part of a handshake.
fn shared(provider: CryptoProvider) -> Arc<dimpl::Config> {
    let builder = dimpl::Config::builder()
        .with_crypto_provider(provider)
        .dtls12_cipher_suites(&[Dtls12CipherSuite::ECDHE_ECDSA_AES128_GCM_SHA256])
        .dtls13_cipher_suites(&[Dtls13CipherSuite::AES_128_GCM_SHA256])
        // Ours asks for none: ICE has shown the address to be real.
        .use_server_cookie(false)
        .kx_groups(&[NamedGroup::X25519, NamedGroup::Secp256r1]);
    Arc::new(builder.build().unwrap())
}

static ON_RUSTCRYPTO: LazyLock<Arc<dimpl::Config>> =
    LazyLock::new(|| shared(dimpl::crypto::rust_crypto::default_provider()));
static ON_AWS_LC: LazyLock<Arc<dimpl::Config>> = LazyLock::new(|| shared(dimpl::crypto::aws_lc_rs::default_provider()));

struct Theirs {
    client: Dtls,
    server: Dtls,
    now: Clock,
    out: Vec<u8>,
    connected: [bool; 2],
    packets: Vec<Vec<u8>>,
}

impl Theirs {
    fn new(config: &Arc<dimpl::Config>, version: Version, [a, b]: &[Identity; 2]) -> Self {
        let now = Clock::now();
        let make = |identity| match version {
            Version::Dtls12 => Dtls::new_12(config.clone(), certificate(identity), now),
            Version::Dtls13 => Dtls::new_13(config.clone(), certificate(identity), now),
        };
        let (mut client, mut server) = (make(a), make(b));
        client.set_active(true);
        server.set_active(false);
        for side in [&mut client, &mut server] {
            side.handle_timeout(now).unwrap();
        }
        Self { client, server, now, out: vec![0; 2_048], connected: [false; 2], packets: Vec::new() }
    }

    /// Carries what one side has to say to the other.
    fn carry(&mut self, from_client: bool) {
        let (from, to) = match from_client {
            true => (&mut self.client, &mut self.server),
            false => (&mut self.server, &mut self.client),
        };
        loop {
            match from.poll_output(&mut self.out) {
                Output::Packet(p) => self.packets.push(p.to_vec()),
                Output::Connected => self.connected[usize::from(from_client)] = true,
                Output::Timeout(_) => break,
                _ => {}
            }
        }
        for packet in self.packets.drain(..) {
            to.handle_packet(&packet).unwrap();
        }
    }
}

impl Pair for Theirs {
    fn connect(&mut self) {
        while self.connected != [true; 2] {
            self.carry(true);
            self.carry(false);
            // It sends nothing without being told the time.
            self.now += Duration::from_millis(1);
            self.client.handle_timeout(self.now).unwrap();
            self.server.handle_timeout(self.now).unwrap();
        }
        // Whatever is left of the last flight and its acknowledgement.
        for _ in 0..4 {
            self.carry(true);
            self.carry(false);
        }
    }

    fn record(&mut self, data: &[u8]) {
        self.client.send_application_data(data).unwrap();
        while let Output::Packet(packet) = self.client.poll_output(&mut self.out) {
            self.server.handle_packet(packet).unwrap();
        }
        let mut got = 0;
        loop {
            match self.server.poll_output(&mut self.out) {
                Output::ApplicationData(d) => got += black_box(d).len(),
                Output::Timeout(_) => break,
                _ => {}
            }
        }
        assert_eq!(got, data.len());
    }
}

/// An identity of ours as dimpl takes it: the key as an ECPrivateKey (RFC 5915).
fn certificate(identity: &Identity) -> DtlsCertificate {
    let mut exported = [0; Identity::EXPORT_MAX];
    identity.export(&mut exported).unwrap();
    let secret: [u8; 32] = exported[4..36].try_into().unwrap();
    let public = RustCrypto.p256_public(&P256Secret::from_bytes(&secret).unwrap());
    let mut key = vec![0x30, 0x77, 2, 1, 1, 4, 32];
    key.extend(secret);
    key.extend([0xA0, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7, 0xA1, 0x44, 3, 0x42, 0]);
    key.extend(public);
    DtlsCertificate { certificate: identity.certificate().to_vec(), private_key: key }
}

/// A candidate: its name, one round of it, and what a round took.
struct Candidate<'a> {
    name: String,
    per_round: u32,
    round: Box<dyn FnMut() + 'a>,
    took: Vec<Duration>,
}

fn candidates(identities: &[Identity; 2]) -> Vec<Candidate<'_>> {
    type Make = fn(Version, &[Identity; 2]) -> Box<dyn Pair>;
    let makers: [(&str, Make); 3] = [
        ("barertc", |v, i| Box::new(Ours::new(v, i))),
        ("dimpl", |v, i| Box::new(Theirs::new(&ON_RUSTCRYPTO, v, i))),
        ("dimpl on aws-lc", |v, i| Box::new(Theirs::new(&ON_AWS_LC, v, i))),
    ];
    let mut list = Vec::new();
    for (version, number) in [(Version::Dtls12, "1.2"), (Version::Dtls13, "1.3")] {
        for (who, make) in makers {
            list.push(Candidate {
                name: format!("handshake of DTLS {number}, both peers: {who}"),
                per_round: HANDSHAKES,
                round: Box::new(move || (0..HANDSHAKES).for_each(|_| make(version, identities).connect())),
                took: Vec::new(),
            });
        }
    }
    for (version, number) in [(Version::Dtls12, "1.2"), (Version::Dtls13, "1.3")] {
        for (who, make) in makers {
            let mut pair = make(version, identities);
            pair.connect();
            let data = vec![0x5A; DATA];
            list.push(Candidate {
                name: format!("{DATA} bytes as a record of DTLS {number}, sealed and opened: {who}"),
                per_round: RECORDS,
                round: Box::new(move || (0..RECORDS).for_each(|_| pair.record(&data))),
                took: Vec::new(),
            });
        }
    }
    list
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let filter = args.next().unwrap_or_default();
    let rounds = args.next().map_or(ROUNDS, |n| n.parse().expect("a number of rounds"));
    let identities = [1, 2].map(|seed| Identity::generate(&RustCrypto, &mut Predictable::new(seed)));
    let mut list = candidates(&identities);
    list.retain(|c| c.name.contains(&filter));
    // One more, to warm up.
    for round in 0..=rounds {
        for c in &mut list {
            let start = Clock::now();
            (c.round)();
            if round > 0 {
                c.took.push(start.elapsed());
            }
        }
    }
    for c in &mut list {
        c.took.sort_unstable();
        let each = |d: Duration| d.as_secs_f64() * 1e6 / f64::from(c.per_round);
        let (best, middle) = (each(c.took[0]), each(c.took[c.took.len() / 2]));
        println!("{:<80} best {best:>9.2} µs, middle {middle:>9.2} µs", c.name);
    }
}
