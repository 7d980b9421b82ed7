//! DTLS 1.3 with wolfSSL over loopback sockets, as client and as server: every suite and group, with certificates of both
//! sides. As it is built for this crate it has neither use_srtp nor an exporter; `barertc-interop` tries those with others.

#[path = "../../tests/dtls_support/mod.rs"]
mod dtls_support;

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::{Duration, Instant as Clock};

use barertc_crypto::RustCrypto;
use barertc_dtls::{Config, Event, Group, Identity, Preference, Role, Suite, Version};
use dtls_support::{Ours, Random, Theirs};
use wolfssl::{
    ContextBuilder, CurveGroup, IOCallbackResult, IOCallbacks, Method, Poll, ProtocolVersion, RootCertificate, Secret,
    Session, SessionConfig, SslVerifyMode,
};

const SUITES: [(Suite, &str); 3] = [
    (Suite::Aes128Gcm, "TLS13-AES128-GCM-SHA256"),
    (Suite::Aes256Gcm, "TLS13-AES256-GCM-SHA384"),
    (Suite::ChaCha20Poly1305, "TLS13-CHACHA20-POLY1305-SHA256"),
];

const GROUPS: [(Group, CurveGroup, &str); 2] =
    [(Group::X25519, CurveGroup::EccX25519, "X25519"), (Group::P256, CurveGroup::EccSecp256R1, "SECP256R1")];

/// Its side of the sockets.
struct Datagrams(UdpSocket);

impl IOCallbacks for Datagrams {
    fn recv(&mut self, buf: &mut [u8]) -> IOCallbackResult<usize> {
        match self.0.recv(buf) {
            Ok(len) => IOCallbackResult::Ok(len),
            Err(e) if e.kind() == ErrorKind::WouldBlock => IOCallbackResult::WouldBlock,
            Err(e) => IOCallbackResult::Err(e),
        }
    }

    fn send(&mut self, buf: &[u8]) -> IOCallbackResult<usize> {
        match self.0.send(buf) {
            Ok(len) => IOCallbackResult::Ok(len),
            Err(e) => IOCallbackResult::Err(e),
        }
    }
}

struct Bench {
    ours: Ours,
    theirs: Session<Datagrams>,
}

impl Bench {
    /// `ours` is our role; the suite and the group are all that wolfSSL allows.
    fn new(role: Role, config: Config, suite: &str, group: CurveGroup, certificate: &Theirs) -> Self {
        let identity = Identity::generate(&RustCrypto, &mut Random::new());
        let [a, b] = [0; 2].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
        a.connect(b.local_addr().unwrap()).unwrap();
        b.connect(a.local_addr().unwrap()).unwrap();
        b.set_nonblocking(true).unwrap();
        let method = if role == Role::Client { Method::DtlsServerV1_3 } else { Method::DtlsClientV1_3 };
        let context = ContextBuilder::new(method)
            .unwrap()
            .with_root_certificate(RootCertificate::Asn1Buffer(identity.certificate()))
            .unwrap()
            .with_certificate(Secret::PemFile(certificate.cert.as_ref()))
            .unwrap()
            .with_private_key(Secret::PemFile(certificate.key.as_ref()))
            .unwrap()
            .with_cipher_list(suite)
            .unwrap()
            .with_groups(&[group])
            .unwrap()
            .build();
        let mut session = SessionConfig::new(Datagrams(b))
            .with_dtls_nonblocking(true)
            .with_dtls_mtu(1_200)
            // Ours is self-signed, so it is the root as well: a wrong one ends the handshake. A server asks for it.
            .with_ssl_verify_mode(SslVerifyMode::SslVerifyPeer);
        if role == Role::Server {
            session = session.with_keyshare_group(group);
        }
        let ours = Ours::with(a, role, config, certificate.fingerprint, &identity);
        Self { ours, theirs: context.new_session(session).unwrap() }
    }

    /// Runs both sides until `done`.
    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Ours, &mut Session<Datagrams>) -> bool) {
        let limit = Clock::now() + Duration::from_secs(20);
        while !done(&mut self.ours, &mut self.theirs) {
            self.ours.turn();
            let over = self.ours.failed.is_some() || Clock::now() > limit;
            assert!(!over, "{what}: {:?} {:?}", self.ours.connection, self.ours.failed);
        }
    }

    fn talk(&mut self, suite: Suite) {
        self.until("handshake", |ours, theirs| {
            matches!(theirs.try_negotiate(), Ok(Poll::Ready(()))) && ours.connected.is_some()
        });
        assert_eq!(self.ours.connected, Some(Event::Connected { version: Version::Dtls13, suite, srtp: None }));
        assert_eq!(self.theirs.version(), ProtocolVersion::DtlsV1_3);

        assert!(matches!(self.theirs.try_write_slice(b"from wolfSSL"), Ok(Poll::Ready(12))));
        self.until("data from wolfSSL", |ours, _| ours.data == b"from wolfSSL");
        self.ours.send(b"from barertc");
        let mut got = Vec::new();
        self.until("data to wolfSSL", |_, theirs| {
            let mut room = [0; 64];
            if let Ok(Poll::Ready(len)) = theirs.try_read_slice(&mut room) {
                got.extend_from_slice(&room[..len]);
            }
            got == b"from barertc"
        });
        // New keys of ours: what comes under them is read all the same (RFC 9147, section 8).
        let now = self.ours.now();
        assert!(self.ours.connection.update_keys(now, false).unwrap());
        let mut got = 0;
        for i in 0..10u8 {
            self.ours.turn();
            self.ours.send(&[i; 20]);
            self.until("data under new keys", |_, theirs| {
                let mut room = [0; 64];
                if let Ok(Poll::Ready(len)) = theirs.try_read_slice(&mut room) {
                    got += len;
                }
                got == 20 * (usize::from(i) + 1)
            });
        }
    }
}

fn every_suite_and_group(role: Role) {
    let theirs = Theirs::new(if role == Role::Client { "wolfssl-server" } else { "wolfssl-client" });
    for (suite, suite_name) in SUITES {
        for (group, curve, curve_name) in GROUPS {
            let config = Config { groups: Preference::only(&[group]), ..Config::default() };
            let mut bench = Bench::new(role, config, suite_name, curve, &theirs);
            bench.talk(suite);
            let agreed = bench.theirs.get_current_curve_name().unwrap_or_default();
            assert!(agreed.eq_ignore_ascii_case(curve_name), "{agreed} is not {curve_name}");
        }
    }
}

#[test]
fn as_a_client_of_wolfssl() {
    every_suite_and_group(Role::Client);
}

#[test]
fn as_a_server_of_wolfssl() {
    every_suite_and_group(Role::Server);
}

/// Its only group isn't the one of our key share, so it answers with a HelloRetryRequest for it.
#[test]
fn a_retry_for_another_group() {
    let theirs = Theirs::new("wolfssl-retry");
    let mut bench = Bench::new(Role::Client, Config::default(), SUITES[0].1, CurveGroup::EccSecp256R1, &theirs);
    bench.talk(Suite::Aes128Gcm);
}
