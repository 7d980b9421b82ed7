//! DTLS 1.2 with the `openssl` command line over loopback sockets, as client and as server: every suite and group, client
//! certificates, use_srtp and the exporter.

mod dtls_support;

use std::net::UdpSocket;
use std::time::{Duration, Instant as Clock};

use barertc_crypto::RustCrypto;
use barertc_dtls::{Config, Event, Group, Identity, Preference, Role, SrtpProfiles, Suite};
use barertc_interop::free_port;
use dtls_support::{LABEL, Ours, Peer, Random, Theirs, openssl, run};

fn group_name(group: Group) -> &'static str {
    match group {
        // P-256 has to be there for the certificates.
        Group::X25519 => "X25519:P-256",
        Group::P256 => "P-256",
    }
}

fn cipher_name(suite: Suite) -> &'static str {
    match suite {
        Suite::Aes128Gcm => "ECDHE-ECDSA-AES128-GCM-SHA256",
        Suite::Aes256Gcm => "ECDHE-ECDSA-AES256-GCM-SHA384",
        Suite::ChaCha20Poly1305 => "ECDHE-ECDSA-CHACHA20-POLY1305",
    }
}

fn profile_name(profile: u16) -> &'static str {
    match profile {
        7 => "SRTP_AEAD_AES_128_GCM",
        8 => "SRTP_AEAD_AES_256_GCM",
        _ => "SRTP_AES128_CM_SHA1_80",
    }
}

/// Handshake, exporter, and data both ways.
fn talk(ours: &mut Ours, peer: &mut Peer, suite: Suite, profile: u16) {
    ours.until(peer, "handshake", |o, p| o.connected.is_some() && p.line_with("Keying material:").is_some());
    let Some(Event::Connected { version, suite: chosen, srtp, .. }) = ours.connected else { panic!() };
    assert_eq!((version, chosen, srtp), (barertc_dtls::Version::Dtls12, suite, Some(profile)));

    let mut exported = [0; 60];
    ours.connection.export(LABEL, None, &mut exported).unwrap();
    let hex: String = exported.iter().map(|b| format!("{b:02X}")).collect();
    let line = peer.line_with("Keying material:").unwrap();
    assert!(line.contains(&hex), "{line} is not {hex}");
    assert!(peer.line_with(profile_name(profile)).is_some(), "{}", peer.seen.join("\n"));

    peer.say("from openssl\n");
    ours.until(peer, "data from openssl", |o, _| o.data.ends_with(b"from openssl\n"));
    ours.send(b"from barertc\n");
    ours.until(peer, "data to openssl", |_, p| p.line_with("from barertc").is_some());
}

fn with_server(theirs: &Theirs, extra: &[&str], config: Config) -> (Ours, Peer) {
    let port = free_port().to_string();
    let accept = format!("127.0.0.1:{port}");
    let mut args = vec![
        "s_server",
        "-dtls1_2",
        "-accept",
        &accept,
        "-cert",
        &theirs.cert,
        "-key",
        &theirs.key,
        "-Verify",
        "1",
        "-verify_quiet",
        "-keymatexport",
        LABEL,
        "-keymatexportlen",
        "60",
        "-mtu",
        "1200",
    ];
    args.extend(extra);
    let peer = Peer::spawn(openssl(&args));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(&accept).unwrap();
    (Ours::new(socket, Role::Client, config, theirs.fingerprint), peer)
}

fn with_client(theirs: &Theirs, extra: &[&str], config: Config) -> (Ours, Peer) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let ours = Ours::new(socket, Role::Server, config, theirs.fingerprint);
    let mut args = vec![
        "s_client",
        "-dtls1_2",
        "-connect",
        &address,
        "-cert",
        &theirs.cert,
        "-key",
        &theirs.key,
        "-keymatexport",
        LABEL,
        "-keymatexportlen",
        "60",
        "-mtu",
        "1200",
    ];
    args.extend(extra);
    let peer = Peer::spawn(openssl(&args));
    (ours, peer)
}

const SUITES: [Suite; 3] = [Suite::Aes128Gcm, Suite::Aes256Gcm, Suite::ChaCha20Poly1305];
const GROUPS: [Group; 2] = [Group::X25519, Group::P256];

/// P-256 is always among a client's groups, since certificates are of it (RFC 8422, section 5.1.1); the first is taken.
fn config(group: Group) -> Config {
    Config { groups: Preference::only(&[group, Group::P256]), ..Config::default() }
}

fn srtp(profile: u16) -> SrtpProfiles {
    SrtpProfiles::Only(Preference::only(&[profile]))
}

#[test]
fn as_a_client_of_s_server() {
    let theirs = Theirs::new("server");
    for suite in SUITES {
        for (group, profile) in GROUPS.into_iter().zip([7, 1]) {
            let extra =
                ["-cipher", cipher_name(suite), "-groups", group_name(group), "-use_srtp", profile_name(profile)];
            let (mut ours, mut peer) = with_server(&theirs, &extra, config(group));
            talk(&mut ours, &mut peer, suite, profile);
        }
    }
}

#[test]
fn as_a_server_of_s_client() {
    let theirs = Theirs::new("client");
    for suite in SUITES {
        for (group, profile) in GROUPS.into_iter().zip([8, 1]) {
            let extra =
                ["-cipher", cipher_name(suite), "-groups", group_name(group), "-use_srtp", profile_name(profile)];
            let (mut ours, mut peer) = with_client(&theirs, &extra, config(group));
            talk(&mut ours, &mut peer, suite, profile);
        }
    }
}

#[test]
fn our_order_decides_as_a_server() {
    let theirs = Theirs::new("order");
    let profiles = "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM";
    let config = Config {
        suites: Preference::only(&[Suite::ChaCha20Poly1305, Suite::Aes128Gcm]),
        srtp: SrtpProfiles::Only(Preference::only(&[7, 1])),
        ..Config::default()
    };
    let (mut ours, mut peer) = with_client(&theirs, &["-use_srtp", profiles], config);
    talk(&mut ours, &mut peer, Suite::ChaCha20Poly1305, 7);
}

#[test]
fn a_cookie_is_repeated() {
    let theirs = Theirs::new("cookie");
    let (mut ours, mut peer) = with_server(
        &theirs,
        &["-listen", "-use_srtp", "SRTP_AEAD_AES_128_GCM"],
        Config { srtp: srtp(7), ..Config::default() },
    );
    talk(&mut ours, &mut peer, Suite::Aes128Gcm, 7);
}

#[test]
fn small_datagrams_are_put_together() {
    let theirs = Theirs::new("mtu");
    // Both sides have to cut their Certificate into several fragments.
    let config = Config { mtu: 256, srtp: srtp(7), ..Config::default() };
    let extra = ["-use_srtp", "SRTP_AEAD_AES_128_GCM", "-mtu", "256"];
    let (mut ours, mut peer) = with_client(&theirs, &extra, config.clone());
    talk(&mut ours, &mut peer, Suite::Aes128Gcm, 7);
    let (mut ours, mut peer) = with_server(&theirs, &extra, config);
    talk(&mut ours, &mut peer, Suite::Aes128Gcm, 7);
}

#[test]
fn rsa_certificates_are_verified() {
    let theirs = Theirs::with_key("rsa", &["-newkey", "rsa:2048"]);
    // By either padding (RFC 8446, section 4.2.3, lets DTLS 1.2 have both).
    for schemes in ["RSA-PSS+SHA256:ECDSA+SHA256", "RSA+SHA256:ECDSA+SHA256"] {
        let extra = ["-use_srtp", "SRTP_AEAD_AES_128_GCM", "-sigalgs", schemes];
        let config = Config { srtp: srtp(7), ..Config::default() };
        let (mut ours, mut peer) = with_client(&theirs, &extra, config.clone());
        talk(&mut ours, &mut peer, Suite::Aes128Gcm, 7);
        let (mut ours, mut peer) = with_server(&theirs, &extra, config);
        talk(&mut ours, &mut peer, Suite::Aes128Gcm, 7);
    }
}

#[test]
fn a_wrong_fingerprint_fails_with_its_own_error() {
    let (theirs, other) = (Theirs::new("right"), Theirs::new("wrong"));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let mut ours = Ours::new(socket, Role::Server, Config::default(), other.fingerprint);
    let args = ["s_client", "-dtls1_2", "-connect", &address, "-cert", &theirs.cert, "-key", &theirs.key];
    let _peer = Peer::spawn(openssl(&args));
    let limit = Clock::now() + Duration::from_secs(60);
    while ours.failed.is_none() && Clock::now() < limit {
        ours.turn();
    }
    assert_eq!(ours.failed, Some(Event::Failed(barertc_dtls::Error::FingerprintMismatch)));
    assert_eq!(ours.connected, None);
}

#[test]
fn our_certificate_is_one_that_openssl_verifies() {
    let identity = Identity::generate(&RustCrypto, &mut Random::new());
    let dir = std::env::temp_dir().join(format!("barertc-dtls-{}-own", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (der, pem) = (dir.join("own.der"), dir.join("own.pem"));
    std::fs::write(&der, identity.certificate()).unwrap();
    let (der, pem) = (der.to_str().unwrap(), pem.to_str().unwrap());
    let text =
        String::from_utf8(run(&["x509", "-inform", "DER", "-in", der, "-text", "-fingerprint", "-sha256"])).unwrap();
    run(&["x509", "-inform", "DER", "-in", der, "-out", pem]);
    let verified = run(&["verify", "-check_ss_sig", "-CAfile", pem, pem]);
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(text.contains("Version: 3") && text.contains("ecdsa-with-SHA256") && text.contains("9999"), "{text}");
    let fingerprint = identity.fingerprint(&RustCrypto).to_string();
    // The name of the hash stands before the digits.
    let digits = fingerprint.strip_prefix("sha-256 ").unwrap();
    assert!(text.contains(digits), "{fingerprint}\n{text}");
    assert!(verified.ends_with(b"OK\n"));
}
