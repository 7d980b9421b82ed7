//! One end of a data channel, to be measured: `barertc-data offer|answer ADDRESS WHAT [--rfc9260]`.
//!
//! Descriptions go over standard output and input, each with an empty line behind it. WHAT is `send` (all that fits),
//! `receive` (prints `bytes N` four times a second), `ping N` (that many messages of 64 bytes, each after the answer to
//! the one before: prints `ping MICROSECONDS`) or `echo`. It ends with its standard input.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_io::Timer;
use barertc::{
    Candidate, ChannelConfig, ChannelId, Config, Congestion, Event, Identity, MessageKind, PeerConnection, Route,
    RustCrypto, Transmit, config::SctpConfig,
};
use barertc_arena::Global;
use barertc_runner::{Buffers, Clock as _, Connections, Port, Wake};
use barertc_test_peer::{HostClock, hear, say};
use barertc_wire::Instant;
use edge_nal::UdpBind;
use futures_lite::future;
use getrandom::SysRng;
use rand_core::UnwrapErr;

const USAGE: &str = "barertc-data offer|answer ADDRESS send|receive|ping N|echo [--rfc9260]";

/// Bytes of a message of `send`.
const MESSAGE: usize = 16 << 10;
const PING: [u8; 64] = [0x5A; 64];
/// Room for messages, each way: more than a round trip's data.
const BUFFER: u32 = 4 << 20;
const REPORTS: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, PartialEq)]
enum What {
    Send,
    Receive,
    Ping(u32),
    Echo,
}

struct End {
    connection: PeerConnection<'static, Global, RustCrypto>,
    what: What,
    channel: Option<ChannelId>,
    room: Vec<u8>,
    bytes: u64,
    pinged: Option<Instant>,
    writable: bool,
}

fn main() -> Result<()> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let standard = args.iter().position(|arg| arg == "--rfc9260").map(|n| args.remove(n)).is_some();
    let [side, address, what, rest @ ..] = &args[..] else { bail!(USAGE) };
    let what = match (what.as_str(), rest) {
        ("send", []) => What::Send,
        ("receive", []) => What::Receive,
        ("ping", [n]) => What::Ping(n.parse().context(USAGE)?),
        ("echo", []) => What::Echo,
        _ => bail!(USAGE),
    };
    let mut sctp = SctpConfig::with_buffers(BUFFER, BUFFER);
    sctp.congestion = if standard { Congestion::Rfc9260 } else { Congestion::Paced };
    let config = Config { sctp, ..Config::default() };
    let identity = Box::leak(Box::new(Identity::generate(&RustCrypto, &mut UnwrapErr(SysRng))));
    async_io::block_on(run(side == "offer", address.parse().context(USAGE)?, what, config, identity))
}

async fn run(offers: bool, at: SocketAddr, what: What, config: Config, identity: &'static Identity) -> Result<()> {
    let (clock, wake): (_, Wake) = (HostClock::start(), Wake::new());
    // The port may be the system's choice.
    let probe = std::net::UdpSocket::bind(at)?;
    let local = probe.local_addr()?;
    drop(probe);
    let socket = UdpBind::bind(&edge_nal_std::Stack::new(), local).await?;
    let mut rng = UnwrapErr(SysRng);
    let mut connection = PeerConnection::new(config, identity, Global, &RustCrypto, &mut rng)?;
    connection.add_local_candidate(clock.now(), Candidate::host(local))?;
    let mut room = [0; 8_192];
    if offers {
        connection.open_channel(clock.now(), &ChannelConfig { label: "data", ..ChannelConfig::default() })?;
        say(connection.create_offer(clock.now(), &mut room)?)?;
        connection.set_answer(clock.now(), &hear()?)?;
    } else {
        connection.add_data(clock.now())?;
        say(connection.create_answer(clock.now(), &hear()?, &mut room)?)?;
    }
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(0);
    });
    let end = RefCell::new(End {
        connection,
        what,
        channel: None,
        room: vec![0; 64 << 10],
        bytes: 0,
        pinged: None,
        writable: false,
    });
    let mut ports = [Port { local, socket }];
    let mut buffers = Buffers::new();
    let network = async { Ok(barertc_runner::run(&mut ports, &mut buffers, &clock, &end, &wake).await?) };
    let reports = async {
        loop {
            Timer::after(REPORTS).await;
            if what == What::Receive {
                println!("bytes {}", end.borrow().bytes);
            }
        }
    };
    future::or(network, reports).await
}

impl End {
    fn events(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::ChannelOpen(id) => {
                    self.channel = Some(id);
                    self.writable = true;
                    if let What::Ping(_) = self.what {
                        self.ping(now);
                    }
                }
                Event::ChannelWritable(_) => self.writable = true,
                Event::ChannelReadable(id) => self.read(now, id),
                _ => {}
            }
        }
    }

    fn read(&mut self, now: Instant, id: ChannelId) {
        while let Ok(read) = self.connection.read_channel(now, id, &mut self.room) {
            self.bytes += read.len as u64;
            match self.what {
                What::Echo => {
                    let _ = self.connection.write_channel(now, id, MessageKind::Binary, &self.room[..read.len]);
                }
                What::Ping(left) if read.end_of_message => {
                    if let Some(at) = self.pinged.take() {
                        println!("ping {}", (now - at).as_micros());
                    }
                    self.what = What::Ping(left.saturating_sub(1));
                    if left > 1 {
                        self.ping(now);
                    } else {
                        println!("done");
                    }
                }
                _ => {}
            }
        }
    }

    fn ping(&mut self, now: Instant) {
        if let Some(id) = self.channel
            && self.connection.write_channel(now, id, MessageKind::Binary, &PING).is_ok()
        {
            self.pinged = Some(now);
        }
    }

    fn fill(&mut self, now: Instant) {
        if let (What::Send, Some(id)) = (self.what, self.channel) {
            while self.writable {
                self.writable =
                    self.connection.write_channel(now, id, MessageKind::Binary, &self.room[..MESSAGE]).is_ok();
            }
        }
    }
}

impl Connections for End {
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        // What is wrong with it has been counted.
        let _ = self.connection.handle(now, route, datagram);
        self.events(now);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        self.fill(now);
        self.connection.poll_transmit(now, out)
    }

    fn timeout(&self) -> Option<Instant> {
        self.connection.timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
        self.events(now);
    }

    fn uses_stream(&self, _: Route) -> bool {
        false
    }
}
