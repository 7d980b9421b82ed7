//! Handshakes with rustls, and what goes over the connection after them.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use barertc_arena::Global;
use barertc_crypto::RustCrypto;
use rustls::{ServerConnection, SupportedCipherSuite};

use super::{
    anchors, connect, data, from_server, provider, read, rng, server_config, shake, to_server, trust, usual_server,
};
use crate::client::{Client, Received};
use crate::config::Config;
use crate::error::{CertificateFault, Error};
use crate::handshake::Trust;
use crate::name::ServerName;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 31 % 251) as u8).collect()
}

fn received(server: &mut ServerConnection) -> Vec<u8> {
    let mut data = vec![];
    let _ = server.reader().read_to_end(&mut data);
    data
}

#[test]
fn data_go_both_ways() {
    let mut server = usual_server();
    let (mut receiver, mut sender) = connect(Config::new(), trust(), &mut server).unwrap();
    let sent = pattern(10_000);
    let mut rest = &sent[..];
    while !rest.is_empty() {
        let len = sender.push(rest).unwrap();
        assert!(len <= Config::new().sent);
        rest = &rest[len..];
        let len = to_server(sender.waiting(), &mut server);
        sender.consume(len);
    }
    assert_eq!(received(&mut server), sent);
    let sent = pattern(40_000);
    server.writer().write_all(&sent).unwrap();
    server.send_close_notify();
    assert_eq!(read(&mut receiver, &from_server(&mut server)), (sent, Ok(Received::Closed)));
    sender.close(None).unwrap();
    to_server(sender.waiting(), &mut server);
    assert_eq!(server.reader().read(&mut [0]).unwrap(), 0, "closed with a goodbye");
    assert_eq!((sender.push(b"more"), sender.close(None)), (Err(Error::Closed), Err(Error::Closed)));
}

#[test]
fn the_end_of_the_stream_is_no_goodbye() {
    let mut server = usual_server();
    let (mut receiver, _sender) = connect(Config::new(), trust(), &mut server).unwrap();
    server.writer().write_all(b"all but the end").unwrap();
    let bytes = from_server(&mut server);
    assert_eq!(read(&mut receiver, &bytes[..bytes.len() - 1]), (vec![], Ok(Received::Nothing)));
    receiver.received(0);
    assert_eq!(receiver.advance(), Err(Error::Cut));
    assert_eq!(receiver.advance(), Err(Error::Cut));
}

#[test]
fn every_suite_and_every_piece_will_do() {
    for (n, suite) in provider().cipher_suites.into_iter().enumerate() {
        if !matches!(suite, SupportedCipherSuite::Tls13(_)) {
            continue;
        }
        let mut only = provider();
        only.cipher_suites = vec![suite];
        let config = server_config(only, &[&rustls::version::TLS13], &[data!("server.der")], data!("server.key"));
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        let mut client = Client::new(Config::new(), trust(), Global, RustCrypto, &mut rng(n as u8)).unwrap();
        shake(&mut client, &mut server, 1 + 16 * n).unwrap();
        let (mut receiver, _) = client.finish().unwrap();
        assert_eq!(server.negotiated_cipher_suite(), Some(suite));
        server.writer().write_all(b"hello").unwrap();
        assert_eq!(read(&mut receiver, &from_server(&mut server)).0, b"hello", "{suite:?}");
    }
}

#[test]
fn another_group_is_agreed_on_by_a_retry() {
    let mut only = provider();
    only.kx_groups.retain(|group| group.name() == rustls::NamedGroup::secp256r1);
    let config = server_config(only, &[&rustls::version::TLS13], &[data!("server.der")], data!("server.key"));
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    let (mut receiver, _) = connect(Config::new(), trust(), &mut server).unwrap();
    assert_eq!(server.handshake_kind(), Some(rustls::HandshakeKind::FullWithHelloRetryRequest));
    server.writer().write_all(b"hello").unwrap();
    assert_eq!(read(&mut receiver, &from_server(&mut server)).0, b"hello");
}

#[test]
fn a_server_of_tls_1_2_is_refused_by_name() {
    let config = server_config(provider(), &[&rustls::version::TLS12], &[data!("server.der")], data!("server.key"));
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    let refused = connect(Config::new(), trust(), &mut server).err();
    assert_eq!(refused, Some(Error::OnlyOldVersions));
    // One that does not look at the extension answers in its version.
    let mut client = Client::new(Config::new(), trust(), Global, RustCrypto, &mut rng(1)).unwrap();
    let mut hello = vec![22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3];
    hello.extend_from_slice(&[7; 32]);
    hello.extend_from_slice(&[0, 0xC0, 0x2B, 0]);
    client.room()[..hello.len()].copy_from_slice(&hello);
    client.received(hello.len());
    assert_eq!(client.advance(&mut rng(1)), Err(Error::OnlyOldVersions));
    assert_eq!(client.advance(&mut rng(1)), Err(Error::OnlyOldVersions), "and it stays so");
    client.consume(client.waiting().len() - 7);
    assert_eq!(client.waiting(), [21, 3, 3, 0, 2, 2, 70], "the server is told");
    // One that does not look at it, and knows none of the cipher suites.
    let mut client = Client::new(Config::new(), trust(), Global, RustCrypto, &mut rng(1)).unwrap();
    let alert = [21, 3, 1, 0, 2, 2, 40];
    client.room()[..alert.len()].copy_from_slice(&alert);
    client.received(alert.len());
    assert_eq!(client.advance(&mut rng(1)), Err(Error::NoCommonParameters));
}

#[test]
fn the_fault_of_a_certificate_is_the_error() {
    let faults = [
        (Trust { now: crate::UnixTime(u64::MAX), ..trust() }, CertificateFault::Expired),
        (Trust { now: crate::UnixTime(0), ..trust() }, CertificateFault::NotYetValid),
        (Trust { name: ServerName::Dns("another.test"), ..trust() }, CertificateFault::WrongName),
        (Trust { anchors: anchors(data!("other.der")), ..trust() }, CertificateFault::Untrusted),
        (Trust { anchors: anchors(data!("twin.der")), ..trust() }, CertificateFault::BadSignature),
    ];
    for (trust, fault) in faults {
        let mut server = usual_server();
        assert_eq!(connect(Config::new(), trust, &mut server).err(), Some(Error::Certificate(fault)));
        let told = server.process_new_packets();
        assert!(matches!(told, Err(rustls::Error::AlertReceived(_))), "{fault:?}: {told:?}");
    }
}

#[test]
fn a_server_must_have_the_key_of_its_certificate() {
    // rustls would notice the wrong key itself, were it told which certificate it has.
    #[derive(Debug)]
    struct Thief(Arc<rustls::sign::CertifiedKey>);
    impl rustls::server::ResolvesServerCert for Thief {
        fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
            Some(self.0.clone())
        }
    }
    let key = rustls::crypto::ring::sign::any_ecdsa_type(&data!("below.key").to_vec().try_into().unwrap()).unwrap();
    let stolen = rustls::sign::CertifiedKey::new(vec![data!("server.der").into()], key);
    let mut config = server_config(provider(), rustls::ALL_VERSIONS, &[data!("server.der")], data!("server.key"));
    config.cert_resolver = Arc::new(Thief(Arc::new(stolen)));
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    let refused = connect(Config::new(), trust(), &mut server).err();
    assert_eq!(refused, Some(Error::Certificate(CertificateFault::BadSignature)));
}

#[test]
fn a_chain_is_put_together_from_many_records() {
    let chain = [data!("below.der"), data!("other.der"), data!("between.der")];
    let mut config = server_config(provider(), rustls::ALL_VERSIONS, &chain, data!("below.key"));
    config.max_fragment_size = Some(64);
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    connect(Config::new(), trust(), &mut server).unwrap();
}

#[test]
fn what_is_longer_than_the_bounds_is_refused_with_them() {
    let mut server = usual_server();
    let short = Config { handshake: 512, ..Config::new() };
    // 452 bytes of the certificate, and 13 around it.
    connect(short, trust(), &mut server).unwrap();
    let chain = [data!("below.der"), data!("between.der")];
    let config = server_config(provider(), rustls::ALL_VERSIONS, &chain, data!("below.key"));
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    let refused = connect(short, trust(), &mut server).err();
    // Five bytes around each, and eight in front of all.
    let value = chain.concat().len() + 18;
    assert_eq!(refused, Some(Error::MessageTooLong { limit: 512, value }));

    let mut server = usual_server();
    let short = Config { record: 4096, ..Config::new() };
    let (mut receiver, _) = connect(short, trust(), &mut server).unwrap();
    // rustls knows neither of the extensions that ask for less.
    server.writer().write_all(&pattern(4_096)).unwrap();
    assert_eq!(read(&mut receiver, &from_server(&mut server)).0.len(), 4_096);
    server.writer().write_all(&pattern(4_097)).unwrap();
    let (_, end) = read(&mut receiver, &from_server(&mut server));
    assert_eq!(end, Err(Error::RecordTooLong { limit: 4096, value: 4_097 }));
}

#[test]
fn keys_change_as_either_side_wants() {
    let mut server = usual_server();
    let (mut receiver, mut sender) = connect(Config::new(), trust(), &mut server).unwrap();
    for round in 0..3u8 {
        server.refresh_traffic_keys().unwrap();
        server.writer().write_all(&[round; 9]).unwrap();
        assert_eq!(read(&mut receiver, &from_server(&mut server)), (vec![round; 9], Ok(Received::Nothing)));
        assert!(receiver.take_wants_update(), "rustls asks for our next key, too");
        sender.update().unwrap();
        sender.push(&[round; 5]).unwrap();
        let len = to_server(sender.waiting(), &mut server);
        sender.consume(len);
        assert_eq!(received(&mut server), [round; 5]);
    }
    assert!(!receiver.take_wants_update());
}

#[test]
fn a_certificate_of_ours_is_not_to_be_had() {
    let roots = Arc::new({
        let mut roots = rustls::RootCertStore::empty();
        roots.add(data!("root.der").into()).unwrap();
        roots
    });
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots, Arc::new(provider()));
    let verifier = verifier.allow_unauthenticated().build().unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![data!("server.der").into()], data!("server.key").to_vec().try_into().unwrap())
        .unwrap();
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    let (mut receiver, _) = connect(Config::new(), trust(), &mut server).unwrap();
    server.writer().write_all(b"hello").unwrap();
    assert_eq!(read(&mut receiver, &from_server(&mut server)).0, b"hello");
}

#[test]
fn bounds_that_cannot_be_are_named() {
    let refused = |config| Client::new(config, trust(), Global, RustCrypto, &mut rng(1)).err();
    for (config, said) in [
        (Config { record: 511, ..Config::new() }, "record must be at least 512, but is 511"),
        (Config { record: 16_385, ..Config::new() }, "record must be at most 16384, but is 16385"),
        (Config { sent: 1_023, ..Config::new() }, "sent must be at least 1024, but is 1023"),
        (Config { handshake: 1, ..Config::new() }, "handshake must be at least 512, but is 1"),
    ] {
        assert_eq!(std::format!("{}", refused(config).unwrap()), said);
    }
}

#[cfg(feature = "rsa")]
#[test]
fn a_server_signs_with_rsa() {
    let config = server_config(provider(), rustls::ALL_VERSIONS, &[data!("rsa.der")], data!("rsa.key"));
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    connect(Config::new(), Trust { anchors: anchors(data!("rsa-root.der")), ..trust() }, &mut server).unwrap();
}

#[test]
fn a_server_with_another_kind_of_key_alone_is_refused() {
    let config = server_config(provider(), rustls::ALL_VERSIONS, &[data!("p384.der")], data!("p384.key"));
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    let refused = connect(Config::new(), trust(), &mut server).err();
    assert_eq!(refused, Some(Error::Alert(40)));
}
