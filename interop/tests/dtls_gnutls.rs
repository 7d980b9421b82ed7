//! DTLS 1.2 with GnuTLS's programs over loopback sockets, as client and as server: every suite and group, client
//! certificates, use_srtp, and the exporter where the program tells it (`gnutls-cli` does).

mod dtls_support;

use std::net::UdpSocket;
use std::process::Command;

use barertc_dtls::{Config, Event, Group, Preference, Role, SrtpProfiles, Suite, Version};
use barertc_interop::free_port;
use dtls_support::{LABEL, Ours, Peer, Theirs};

/// The strongest profile that GnuTLS has: it knows none with GCM.
const PROFILE: &str = "SRTP_AES128_CM_HMAC_SHA1_80";

const CASES: [(Suite, &str, Group, &str); 6] = [
    (Suite::Aes128Gcm, "AES-128-GCM", Group::X25519, "GROUP-X25519"),
    (Suite::Aes256Gcm, "AES-256-GCM", Group::X25519, "GROUP-X25519"),
    (Suite::ChaCha20Poly1305, "CHACHA20-POLY1305", Group::X25519, "GROUP-X25519"),
    (Suite::Aes128Gcm, "AES-128-GCM", Group::P256, "GROUP-SECP256R1"),
    (Suite::Aes256Gcm, "AES-256-GCM", Group::P256, "GROUP-SECP256R1"),
    (Suite::ChaCha20Poly1305, "CHACHA20-POLY1305", Group::P256, "GROUP-SECP256R1"),
];

/// One of GnuTLS's programs (Debian package gnutls-bin) that allows one cipher and prefers one group.
fn gnutls(program: &str, theirs: &Theirs, port: u16, cipher: &str, group: &str) -> Command {
    let priority = format!(
        "NONE:+VERS-DTLS1.2:+ECDHE-ECDSA:+{cipher}:+AEAD:+COMP-NULL:+SIGN-ECDSA-SHA256:+{group}:+GROUP-SECP256R1:+CTYPE-X509"
    );
    let mut c = Command::new(program);
    c.args(["--udp", "--port", &port.to_string(), "--priority", &priority, "--srtp-profiles", PROFILE]);
    c.args(["--x509certfile", &theirs.cert, "--x509keyfile", &theirs.key, "--mtu", "1200"]);
    c.args(["--keymatexport", LABEL, "--keymatexportsize", "60"]);
    c
}

/// P-256 is always among a client's groups, since certificates are of it (RFC 8422, section 5.1.1).
fn config(group: Group) -> Config {
    let srtp = SrtpProfiles::Only(Preference::only(&[1]));
    Config { groups: Preference::only(&[group, Group::P256]), srtp, ..Config::default() }
}

fn connected(ours: &Ours, suite: Suite) {
    let expected = Event::Connected { version: Version::Dtls12, suite, srtp: Some(1) };
    assert_eq!(ours.connected, Some(expected));
}

#[test]
fn as_a_server_of_gnutls_cli() {
    let theirs = Theirs::new("gnutls-client");
    for (suite, cipher, group, group_name) in CASES {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let mut ours = Ours::new(socket, Role::Server, config(group), theirs.fingerprint);
        let mut command = gnutls("gnutls-cli", &theirs, port, cipher, group_name);
        command.args(["--insecure", "127.0.0.1"]);
        let mut peer = Peer::spawn(command);
        ours.until(&mut peer, "handshake", |o, p| o.connected.is_some() && p.line_with("Key material:").is_some());
        connected(&ours, suite);

        let mut exported = [0; 60];
        ours.connection.export(LABEL, None, &mut exported).unwrap();
        let hex: String = exported.iter().map(|b| format!("{b:02x}")).collect();
        let line = peer.line_with("Key material:").unwrap();
        assert!(line.ends_with(&hex), "{line} is not {hex}");
        assert!(peer.line_with(PROFILE).is_some() && peer.line_with("extended master secret").is_some());
        let agreed = if group == Group::X25519 { "(ECDHE-X25519)" } else { "(ECDHE-SECP256R1)" };
        assert!(peer.line_with(agreed).is_some(), "{}", peer.seen.join("\n"));

        ours.until(&mut peer, "end of the handshake there", |_, p| p.line_with("Simple Client Mode").is_some());
        peer.say("from gnutls\n");
        ours.until(&mut peer, "data from gnutls", |o, _| o.data.ends_with(b"from gnutls\n"));
        ours.send(b"from barertc\n");
        ours.until(&mut peer, "data to gnutls", |_, p| p.line_with("from barertc").is_some());
    }
}

#[test]
fn as_a_client_of_gnutls_serv() {
    let theirs = Theirs::new("gnutls-server");
    for (suite, cipher, group, group_name) in CASES {
        let port = free_port();
        let mut command = gnutls("gnutls-serv", &theirs, port, cipher, group_name);
        // It asks for a cookie, as servers of DTLS 1.2 do that nothing else protects (RFC 6347, section 4.2.1).
        command.args(["--require-client-cert", "--echo"]);
        let mut peer = Peer::spawn(command);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        let mut ours = Ours::new(socket, Role::Client, config(group), theirs.fingerprint);
        ours.until(&mut peer, "handshake", |o, _| o.connected.is_some());
        connected(&ours, suite);
        ours.send(b"from barertc\n");
        ours.until(&mut peer, "an echo", |o, _| o.data.ends_with(b"from barertc\n"));
        assert!(peer.line_with(&format!("DTLS profile set to {PROFILE}")).is_some(), "{}", peer.seen.join("\n"));
    }
}
