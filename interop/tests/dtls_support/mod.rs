//! Our side on a loopback socket, and a program on the other.
#![allow(dead_code)] // Each test is a program of its own and uses a part of this.

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant as Clock};

use barertc_arena::Global;
use barertc_crypto::RustCrypto;
use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
use barertc_dtls::{Config, Connection, Event, Fingerprint, HashAlgorithm, Identity, Role};
use barertc_wire::Instant;

/// The label of keys for SRTP (RFC 5764, section 4.2).
pub const LABEL: &str = "EXTRACTOR-dtls_srtp";

pub struct Random(std::fs::File);

impl Random {
    pub fn new() -> Self {
        Self(std::fs::File::open("/dev/urandom").unwrap())
    }
}

impl TryRng for Random {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut b = [0; 4];
        self.try_fill_bytes(&mut b)?;
        Ok(u32::from_le_bytes(b))
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut b = [0; 8];
        self.try_fill_bytes(&mut b)?;
        Ok(u64::from_le_bytes(b))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        std::io::Read::read_exact(&mut self.0, out).unwrap();
        Ok(())
    }
}

impl TryCryptoRng for Random {}

pub fn openssl(args: &[&str]) -> Command {
    let mut c = Command::new("openssl");
    c.args(args);
    c
}

pub fn run(args: &[&str]) -> Vec<u8> {
    let out = openssl(args).output().expect("this test needs the `openssl` command (Debian package openssl)");
    assert!(out.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// A certificate of OpenSSL's own making, and its fingerprint.
pub struct Theirs {
    pub dir: PathBuf,
    pub cert: String,
    pub key: String,
    pub fingerprint: Fingerprint,
}

impl Theirs {
    pub fn new(name: &str) -> Self {
        Self::with_key(name, &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
    }

    pub fn with_key(name: &str, key_args: &[&str]) -> Self {
        let dir = std::env::temp_dir().join(format!("barertc-dtls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let cert = dir.join("cert.pem").to_str().unwrap().to_owned();
        let key = dir.join("key.pem").to_str().unwrap().to_owned();
        let mut args =
            vec!["req", "-x509", "-nodes", "-subj", "/CN=openssl", "-days", "2", "-keyout", &key, "-out", &cert];
        args.extend(key_args);
        run(&args);
        let der = run(&["x509", "-in", &cert, "-outform", "DER"]);
        let fingerprint = barertc_dtls::fingerprint(&RustCrypto, HashAlgorithm::Sha512, &der);
        Self { dir, cert, key, fingerprint }
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A running s_client or s_server, with its output line by line.
pub struct Peer {
    pub child: Child,
    pub lines: Receiver<String>,
    pub seen: Vec<String>,
}

impl Peer {
    /// Starts the program that `command` says.
    pub fn spawn(mut command: Command) -> Self {
        let name = command.get_program().to_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("this test needs the program {name:?}: {e}"));
        let (tx, lines) = channel();
        let out: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in out {
            let tx = tx.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = tx.send(line);
                }
            });
        }
        Self { child, lines, seen: Vec::new() }
    }

    pub fn say(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        self.child.stdin.as_mut().unwrap().flush().unwrap();
    }

    pub fn line_with(&mut self, what: &str) -> Option<String> {
        self.seen.extend(self.lines.try_iter());
        self.seen.iter().find(|l| l.contains(what)).cloned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Our side, on a socket.
pub struct Ours {
    pub connection: Connection<Global, RustCrypto>,
    pub socket: UdpSocket,
    pub start: Clock,
    pub data: Vec<u8>,
    pub connected: Option<Event>,
    pub failed: Option<Event>,
}

impl Ours {
    pub fn new(socket: UdpSocket, role: Role, config: Config, theirs: Fingerprint) -> Self {
        Self::with(socket, role, config, theirs, &Identity::generate(&RustCrypto, &mut Random::new()))
    }

    /// The same with an identity that the other side knows.
    pub fn with(socket: UdpSocket, role: Role, config: Config, theirs: Fingerprint, identity: &Identity) -> Self {
        let mut connection = Connection::new(config, role, identity, Global, RustCrypto, &mut Random::new()).unwrap();
        connection.set_peer_fingerprint(Instant::ZERO, theirs).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        Self { connection, socket, start: Clock::now(), data: Vec::new(), connected: None, failed: None }
    }

    pub fn now(&self) -> Instant {
        Instant::from_micros(self.start.elapsed().as_micros() as u64)
    }

    pub fn turn(&mut self) {
        let now = self.now();
        let mut buf = [0; 2_048];
        if self.connection.timeout().is_some_and(|t| t <= now) {
            self.connection.handle_timeout(now);
        }
        while let Some(len) = self.connection.poll_transmit(now, &mut buf) {
            // Nobody may listen yet, or any more.
            let _ = self.socket.send(&buf[..len]);
        }
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Connected { .. } => self.connected = Some(event),
                _ => self.failed = Some(event),
            }
        }
        if let Ok((len, from)) = self.socket.recv_from(&mut buf) {
            let _ = self.socket.connect(from);
            let _ = self.connection.handle(now, &mut buf[..len], |d| self.data.extend_from_slice(d));
        }
    }

    pub fn until(&mut self, peer: &mut Peer, what: &str, mut done: impl FnMut(&mut Self, &mut Peer) -> bool) {
        // A machine with much else to do is slow, and not broken.
        let limit = Clock::now() + Duration::from_secs(60);
        while !done(self, peer) {
            self.turn();
            peer.line_with("");
            let over = self.failed.is_some() || Clock::now() > limit;
            assert!(!over, "{what}: {:?} {:?}\n{}", self.connection, self.failed, peer.seen.join("\n"));
        }
    }

    pub fn send(&mut self, data: &[u8]) {
        let now = self.now();
        let (front, back) = self.connection.room();
        let mut out = vec![0; front + data.len() + back];
        out[front..front + data.len()].copy_from_slice(data);
        let len = self.connection.seal(now, &mut out, data.len()).unwrap();
        self.socket.send(&out[..len]).unwrap();
    }
}
