//! A handshake between the two providers, and SRTP with the keys it gave.

use barertc_arena::Global;
use barertc_crypto::rand_core::UnwrapErr;
use barertc_crypto::{Provider, RustCrypto};
use barertc_crypto_host::{AwsLc, SystemRandom};
use barertc_dtls::{Config, Connection, Group, Identity, Preference, Role, Suite, Version};
use barertc_srtp::{Masters, Profile, Session, Side};
use barertc_wire::Instant;

const NOW: Instant = Instant::ZERO;

fn carry<A: Provider, B: Provider>(
    from: &mut Connection<Global, A>,
    to: &mut Connection<Global, B>,
    into: &mut Vec<u8>,
) {
    let mut out = [0; 1_500];
    while let Some(len) = from.poll_transmit(NOW, &mut out) {
        to.handle(NOW, &mut out[..len], |data| into.extend_from_slice(data)).unwrap();
    }
}

/// The client has one provider and the server the other.
fn connect<C: Provider + Copy, S: Provider + Copy>(client: C, server: S, version: Version, suite: Suite, group: Group) {
    let config = Config {
        min_version: version,
        max_version: version,
        suites: Preference::only(&[suite]),
        groups: Preference::only(&[group]),
        ..Config::default()
    };
    let mut rng = UnwrapErr(SystemRandom);
    let (of_client, of_server) = (Identity::generate(&client, &mut rng), Identity::generate(&server, &mut rng));
    let mut a = Connection::new(config.clone(), Role::Client, &of_client, Global, client, &mut rng).unwrap();
    let mut b = Connection::new(config, Role::Server, &of_server, Global, server, &mut rng).unwrap();
    a.set_peer_fingerprint(NOW, of_server.fingerprint(&client)).unwrap();
    b.set_peer_fingerprint(NOW, of_client.fingerprint(&server)).unwrap();
    let mut nothing = Vec::new();
    for _ in 0..6 {
        carry(&mut a, &mut b, &mut nothing);
        carry(&mut b, &mut a, &mut nothing);
    }
    assert!(a.is_connected() && b.is_connected(), "{version:?} {suite:?} {group:?}");

    // Records both ways.
    let message = b"a message";
    let mut out = [0; 1_500];
    let mut there = Vec::new();
    let (front, _) = a.room();
    out[front..front + message.len()].copy_from_slice(message);
    let len = a.seal(NOW, &mut out, message.len()).unwrap();
    b.handle(NOW, &mut out[..len], |data| there.extend_from_slice(data)).unwrap();
    assert_eq!(there, message);
    let mut back = Vec::new();
    let (front, _) = b.room();
    out[front..front + message.len()].copy_from_slice(message);
    let len = b.seal(NOW, &mut out, message.len()).unwrap();
    a.handle(NOW, &mut out[..len], |data| back.extend_from_slice(data)).unwrap();
    assert_eq!(back, message);

    for profile in [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::AesCm128HmacSha1_80] {
        let mut keys = [vec![0; profile.exporter_len()], vec![0; profile.exporter_len()]];
        a.export("EXTRACTOR-dtls_srtp", None, &mut keys[0]).unwrap();
        b.export("EXTRACTOR-dtls_srtp", None, &mut keys[1]).unwrap();
        assert_eq!(keys[0], keys[1]);
        let of = |keys: &[u8], side| Masters::split(profile, keys, side).unwrap();
        let (mine, theirs) = (of(&keys[0], Side::Client), of(&keys[1], Side::Server));
        let config = barertc_srtp::Config::default();
        let mut sender = Session::new(config, profile, mine.local(), mine.remote(), Global, client).unwrap();
        let mut receiver = Session::new(config, profile, theirs.local(), theirs.remote(), Global, server).unwrap();
        for seq in 0..3u8 {
            let mut packet = vec![0x80, 96, 0, seq, 0, 0, 0, 0, 0, 0, 0, 7];
            packet.extend([seq; 1_100]);
            let clear = packet.clone();
            packet.resize(1_300, 0);
            let len = sender.protect_rtp(&mut packet, clear.len()).unwrap();
            let len = receiver.unprotect_rtp(&mut packet[..len]).unwrap();
            assert_eq!(packet[..len], clear[..]);
        }
    }
}

#[test]
fn in_every_version_suite_and_group() {
    let host = AwsLc::new();
    for version in [Version::Dtls12, Version::Dtls13] {
        for suite in [Suite::Aes128Gcm, Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
            for group in [Group::X25519, Group::P256] {
                connect(&host, RustCrypto, version, suite, group);
                connect(RustCrypto, &host, version, suite, group);
            }
        }
        connect(&host, &host, version, Suite::Aes128Gcm, Group::X25519);
    }
}
