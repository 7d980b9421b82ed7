//! Connections to the server of OpenSSL over TCP.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use barertc_arena::Global;
use barertc_crypto::{Generator, RustCrypto};
use barertc_tls::{CertificateFault, Config, Connector, Error, ServerName, TrustAnchors, UnixTime, WallClock};
use edge_nal::{Close, TcpConnect, TcpShutdown, TcpSplit};
use embedded_io_async::{Read, Write};
use futures_lite::future::block_on;

/// Some days after the certificates were made (`tests/data/make.sh`).
const NOW: UnixTime = UnixTime(1_796_256_000);

/// `openssl s_server`, which says every line backwards.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(certificate: &str, arguments: &[&str]) -> Self {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let mut process = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-rev"])
            .arg("-cert")
            .arg(data.join(format!("{certificate}.der")))
            .arg("-key")
            .arg(data.join(format!("{certificate}.key")))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ACCEPT ")?.parse().ok());
        Self { process, address: address.expect("OpenSSL says where it listens") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Now(Option<UnixTime>);

impl WallClock for Now {
    fn unix_time(&self) -> Option<UnixTime> {
        self.0
    }
}

/// Says `lines` to the server, and returns what it answers.
fn say(
    server: &Server,
    config: Config,
    name: &str,
    authority: &str,
    now: Option<UnixTime>,
    lines: &str,
) -> Result<String, Error> {
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{authority}.der"));
    let authority = std::fs::read(authority).unwrap();
    // Each test process draws the same: what is tested does not hang on luck.
    let rng = RefCell::new(Generator::new(&mut Fixed));
    let connector = Connector::Tls {
        tcp: edge_nal_std::Stack::new(),
        config,
        name: ServerName::parse(name).unwrap(),
        anchors: TrustAnchors::new(&authority).unwrap().0,
        clock: &Now(now),
        alloc: Global,
        provider: RustCrypto,
        rng: &rng,
    };
    block_on(async {
        let mut stream = connector.connect(server.address).await?;
        let mut answer = vec![0; lines.len()];
        {
            let (mut read, mut write) = stream.split();
            let saying = async {
                write.write_all(lines.as_bytes()).await?;
                write.flush().await
            };
            let (said, heard) = futures_lite::future::zip(saying, read.read_exact(&mut answer)).await;
            said?;
            heard.map_err(|error| match error {
                embedded_io_async::ReadExactError::UnexpectedEof => Error::Cut,
                embedded_io_async::ReadExactError::Other(error) => error,
            })?;
        }
        stream.close(Close::Write).await?;
        assert_eq!(stream.read(&mut [0]).await?, 0, "OpenSSL says goodbye, too");
        Ok(String::from_utf8(answer).unwrap())
    })
}

struct Fixed;

impl rand_core::TryRng for Fixed {
    type Error = std::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(7)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(7)
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(7);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Fixed {}

#[test]
fn lines_go_there_and_back_with_every_suite_and_group() {
    for arguments in [
        &["-tls1_3"][..],
        &["-ciphersuites", "TLS_AES_128_GCM_SHA256"],
        &["-ciphersuites", "TLS_AES_256_GCM_SHA384"],
        &["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", "-groups", "P-256"],
        &["-verify", "1"],
        &["-stateless"],
        &["-max_send_frag", "512"],
    ] {
        let server = Server::start("server", arguments);
        for name in ["server.test", "127.0.0.1"] {
            let answer = say(&server, Config::new(), name, "root", Some(NOW), "hello\n");
            assert_eq!(answer.as_deref(), Ok("olleh\n"), "{arguments:?}, {name}");
        }
    }
}

#[test]
fn short_records_are_asked_for() {
    let server = Server::start("server", &[]);
    let short = Config { record: 512, handshake: 1024, sent: 1024 };
    let line = format!("{}\n", "x".repeat(3_000));
    assert_eq!(say(&server, short, "server.test", "root", Some(NOW), &line), Ok(line));
}

#[test]
fn each_refusal_of_a_certificate_has_its_error() {
    let server = Server::start("server", &[]);
    let refused = |name, authority, now| say(&server, Config::new(), name, authority, now, "").err();
    let certificate = |fault| Some(Error::Certificate(fault));
    assert_eq!(refused("server.test", "root", Some(UnixTime(1 << 40))), certificate(CertificateFault::Expired));
    assert_eq!(refused("server.test", "root", Some(UnixTime(1))), certificate(CertificateFault::NotYetValid));
    assert_eq!(refused("other.test", "root", Some(NOW)), certificate(CertificateFault::WrongName));
    assert_eq!(refused("server.test", "other", Some(NOW)), certificate(CertificateFault::Untrusted));
    assert_eq!(refused("server.test", "twin", Some(NOW)), certificate(CertificateFault::BadSignature));
    assert_eq!(refused("server.test", "root", None), Some(Error::NoTime));
    assert_eq!(refused("server.test", "root", Some(NOW)), None, "and it is accepted where all is right");
}

#[test]
fn a_server_of_tls_1_2_is_refused_by_name() {
    let server = Server::start("server", &["-tls1_2"]);
    let refused = say(&server, Config::new(), "server.test", "root", Some(NOW), "hello\n");
    assert_eq!(refused, Err(Error::OnlyOldVersions));
}

#[cfg(feature = "rsa")]
#[test]
fn a_server_with_a_key_of_rsa_is_accepted() {
    let server = Server::start("rsa", &[]);
    assert_eq!(say(&server, Config::new(), "server.test", "rsa-root", Some(NOW), "hello\n").as_deref(), Ok("olleh\n"));
}
