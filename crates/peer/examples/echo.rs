//! Echoes what a browser says over its data channels. Descriptions go by standard input and output, each ended by a
//! line with a dot; what happens is told on standard error.
//!
//! ```text
//! echo [--offer] [--address IP] [--dtls 1.2|1.3]
//! ```
//!
//! It answers the offer that it is given, or makes one; `--dtls` leaves one version of DTLS only. On a channel with the label
//! `burst` it sends twelve messages of 1,000 bytes and closes it.
#![allow(clippy::unwrap_used)] // A tool for tests: what goes wrong ends it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, ErrorKind, Read as _, stdin};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant as Clock};

use barertc::{
    Candidate, ChannelId, Config, ConnectionState, Error, Event, Identity, Instant, MessageKind, PeerConnection, Route,
    RustCrypto,
};
use barertc_arena::Heap;
use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
use barertc_dtls::Version;

/// The longest message that is echoed, in bytes.
const LONGEST: usize = 64 << 10;

/// The system's generator.
struct Random(File);

impl TryRng for Random {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.0.read_exact(out).unwrap();
        Ok(())
    }
}

impl TryCryptoRng for Random {}

struct Options {
    offer: bool,
    address: IpAddr,
    versions: (Version, Version),
}

impl Options {
    fn parse() -> Self {
        let mut options =
            Self { offer: false, address: Ipv4Addr::LOCALHOST.into(), versions: (Version::Dtls12, Version::Dtls13) };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--offer" => options.offer = true,
                "--address" => options.address = args.next().unwrap().parse().unwrap(),
                "--dtls" => {
                    let version = match args.next().unwrap().as_str() {
                        "1.2" => Version::Dtls12,
                        "1.3" => Version::Dtls13,
                        other => panic!("no DTLS {other}"),
                    };
                    options.versions = (version, version);
                }
                _ => panic!("unknown option {arg}"),
            }
        }
        options
    }
}

/// What has been read of a channel and waits to be written back.
#[derive(Default)]
struct Echo {
    partial: Vec<u8>,
    whole: VecDeque<(ChannelId, MessageKind, Vec<u8>)>,
}

type Peer<'m, 'r> = PeerConnection<'m, &'m Heap<'r>, RustCrypto>;

fn main() {
    let options = Options::parse();
    let mut rng = Random(File::open("/dev/urandom").unwrap());
    let identity = Identity::generate(&RustCrypto, &mut rng);
    let mut config = Config::default();
    (config.dtls.min_version, config.dtls.max_version) = options.versions;
    // Echoed as it came, so a whole message has to fit.
    config.sctp = barertc_sctp::Config::with_buffers(2 * LONGEST as u32, 2 * LONGEST as u32);
    config.max_message_size = LONGEST as u32;

    let mut region = vec![MaybeUninit::uninit(); Peer::region_bytes(&config)];
    let heap = Heap::new(&mut region).unwrap();
    let mut peer = PeerConnection::new(config, &identity, &heap, &RustCrypto, &mut rng).unwrap();
    let socket = UdpSocket::bind((options.address, 0)).unwrap();
    let local = socket.local_addr().unwrap();

    let start = Clock::now();
    let now = || Instant::from_micros(start.elapsed().as_micros() as u64);
    peer.add_local_candidate(now(), Candidate::host(local)).unwrap();
    peer.add_data(now()).unwrap();
    let mut text = [0; 4_096];
    if options.offer {
        println!("{}.", peer.create_offer(now(), &mut text).unwrap());
        let answer = description();
        peer.set_answer(now(), &answer).unwrap();
    } else {
        let offer = description();
        println!("{}.", peer.create_answer(now(), &offer, &mut text).unwrap());
    }

    let mut echo = Echo::default();
    let mut datagram = [0; 1_500];
    while !matches!(peer.connection_state(), ConnectionState::Closed | ConnectionState::Failed(_)) {
        turn(&mut peer, &socket, now(), &mut datagram);
        while let Some(event) = peer.poll_event() {
            told(&mut peer, now(), event, &mut echo);
        }
        while let Some((id, kind, message)) = echo.whole.front() {
            match peer.write_channel(now(), *id, *kind, message) {
                Err(Error::WouldBlock) => break,
                // A channel that is closed has nobody to hear its echo.
                Ok(()) | Err(_) => drop(echo.whole.pop_front()),
            }
        }
        let wait = peer.timeout().map_or(Duration::from_secs(1), |at| at.saturating_since(now()));
        socket.set_read_timeout(Some(wait.clamp(Duration::from_micros(100), Duration::from_secs(1)))).unwrap();
        match socket.recv_from(&mut datagram) {
            Ok((len, remote)) => drop(peer.handle(now(), Route::udp(local, remote), &mut datagram[..len])),
            // Nothing came in time, or what was sent before didn't arrive.
            Err(e)
                if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused) => {}
            Err(e) => panic!("{e}"),
        }
    }
    eprintln!("{:?}", peer.connection_state());
}

/// The lines up to one with a dot.
fn description() -> String {
    let lines = stdin().lock().lines().map(Result::unwrap);
    lines.take_while(|line| line.trim() != ".").map(|line| line.trim().to_owned() + "\r\n").collect()
}

/// Timers, and everything that is to be sent.
fn turn(peer: &mut Peer<'_, '_>, socket: &UdpSocket, now: Instant, datagram: &mut [u8]) {
    if peer.timeout().is_some_and(|at| at <= now) {
        peer.handle_timeout(now);
    }
    while let Some(sent) = peer.poll_transmit(now, datagram) {
        // What the network doesn't take is lost, as if it had lost it itself.
        let _ = socket.send_to(&datagram[..sent.len], sent.route.remote);
    }
}

fn told(peer: &mut Peer<'_, '_>, now: Instant, event: Event, echo: &mut Echo) {
    match event {
        Event::ConnectionState(ConnectionState::Connected) => {
            let transport = peer.stats().transport;
            eprintln!("connected: {:?} as {:?}", transport.tls_version.unwrap(), transport.dtls_role.unwrap());
        }
        Event::ChannelOpen(id) => {
            eprintln!("open");
            if peer.channel(id).is_some_and(|channel| channel.label == "burst") {
                for n in 0..12 {
                    peer.write_channel(now, id, MessageKind::Binary, &[n; 1_000]).unwrap();
                }
                peer.close_channel(now, id).unwrap();
            }
        }
        Event::ChannelClosed(_) => eprintln!("closed"),
        Event::ChannelReadable(id) => {
            let mut room = [0; 4_096];
            while let Ok(read) = peer.read_channel(now, id, &mut room) {
                echo.partial.extend_from_slice(&room[..read.len]);
                if read.end_of_message {
                    eprintln!("message of {} bytes, the first {:?}", echo.partial.len(), echo.partial.first());
                    echo.whole.push_back((id, read.kind, std::mem::take(&mut echo.partial)));
                }
            }
        }
        _ => {}
    }
}
