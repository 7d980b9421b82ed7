//! Tests against rustls as a server, with certificates that OpenSSL has made (`tests/data/make.sh`).

mod chain;
mod handshake;
mod hostile;
mod memory;

use std::sync::Arc;
use std::vec::Vec;

use barertc_arena::Global;
use barertc_crypto::{Generator, RustCrypto};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

use crate::chain::TrustAnchors;
use crate::client::{Client, Received, Receiver, Sender};
use crate::config::Config;
use crate::error::Error;
use crate::handshake::Trust;
use crate::name::ServerName;
use crate::time::UnixTime;

/// What stands in the folder with the data.
macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/data/", $name)).as_slice()
    };
}
pub(crate) use data;

/// Some days after the certificates were made.
pub(crate) const NOW: UnixTime = UnixTime(1_796_256_000);
const DAY: u64 = 86_400;

pub(crate) type TestClient<'t> = Client<'t, Global, RustCrypto>;
pub(crate) type Halves = (Receiver<Global, RustCrypto>, Sender<Global, RustCrypto>);

pub(crate) fn anchors(der: &[u8]) -> TrustAnchors<'_> {
    TrustAnchors::new(der).expect("the anchors are certificates").0
}

/// Of a client that asks for the server of the tests.
pub(crate) fn trust() -> Trust<'static> {
    Trust { name: ServerName::Dns("server.test"), anchors: anchors(data!("root.der")), now: NOW }
}

pub(crate) fn rng(seed: u8) -> Generator {
    struct Fixed(u8);
    impl rand_core::TryRng for Fixed {
        type Error = core::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(u32::from(self.0))
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(u64::from(self.0))
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(self.0);
            Ok(())
        }
    }
    impl rand_core::TryCryptoRng for Fixed {}
    Generator::new(&mut Fixed(seed))
}

pub(crate) fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// A server of rustls with these certificates, its own first.
pub(crate) fn server_config(
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
    certificates: &[&'static [u8]],
    key: &'static [u8],
) -> ServerConfig {
    let certificates = certificates.iter().map(|der| CertificateDer::from(*der)).collect();
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key)))
        .unwrap()
}

pub(crate) fn usual_server() -> ServerConnection {
    let config = server_config(provider(), rustls::ALL_VERSIONS, &[data!("server.der")], data!("server.key"));
    ServerConnection::new(Arc::new(config)).unwrap()
}

/// Gives what the client has to send to the server. Whether the server takes it is the server's business.
fn to_server(waiting: &[u8], server: &mut ServerConnection) -> usize {
    let mut rest = waiting;
    while !rest.is_empty() {
        server.read_tls(&mut rest).unwrap();
        let _ = server.process_new_packets();
    }
    waiting.len()
}

fn from_server(server: &mut ServerConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// Runs a handshake, in pieces of so many bytes.
pub(crate) fn shake(client: &mut TestClient<'_>, server: &mut ServerConnection, piece: usize) -> Result<(), Error> {
    let mut rng = rng(9);
    for _ in 0..8 {
        let sent = to_server(client.waiting(), server);
        client.consume(sent);
        for bytes in from_server(server).chunks(piece) {
            let mut bytes = bytes;
            while !bytes.is_empty() {
                let room = client.room();
                let len = room.len().min(bytes.len());
                room[..len].copy_from_slice(&bytes[..len]);
                client.received(len);
                bytes = &bytes[len..];
                let advanced = client.advance(&mut rng);
                let sent = to_server(client.waiting(), server);
                client.consume(sent);
                if advanced? && bytes.is_empty() {
                    return Ok(());
                }
            }
        }
    }
    panic!("the handshake does not end");
}

pub(crate) fn connect(config: Config, trust: Trust<'_>, server: &mut ServerConnection) -> Result<Halves, Error> {
    let mut client = Client::new(config, trust, Global, RustCrypto, &mut rng(1))?;
    shake(&mut client, server, usize::MAX)?;
    client.finish()
}

/// What the client reads of these bytes.
pub(crate) fn read(
    receiver: &mut Receiver<Global, RustCrypto>,
    mut bytes: &[u8],
) -> (Vec<u8>, Result<Received, Error>) {
    let mut data = Vec::new();
    loop {
        match receiver.advance() {
            Ok(Received::Data) => {
                data.extend_from_slice(receiver.data());
                let len = receiver.data().len();
                receiver.consume(len);
            }
            Ok(Received::Nothing) if !bytes.is_empty() => {
                let room = receiver.room();
                assert!(!room.is_empty(), "who wants more has room for it");
                let len = room.len().min(bytes.len());
                room[..len].copy_from_slice(&bytes[..len]);
                receiver.received(len);
                bytes = &bytes[len..];
            }
            end => return (data, end),
        }
    }
}
