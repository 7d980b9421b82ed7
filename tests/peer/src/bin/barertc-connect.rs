//! How soon a connection stands: `barertc-connect offer|answer ADDRESS [--snap] [--sped] [--in-band]`.
//!
//! Descriptions go over standard output and input, each with an empty line behind it. It prints `at MILLISECONDS WHAT` of
//! the system's clock, when WHAT has happened: `begun` (the offer has come, or has been made), `up` (DTLS stands), `open`
//! (the channel does, and a message is written), `heard` (the other side's message). The channel is agreed on beforehand
//! as number 4, or opened by us with `--in-band`. It ends with its standard input.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use barertc::{
    Candidate, ChannelConfig, Config, ConnectionState, Event, Identity, MessageKind, PeerConnection, Route, RustCrypto,
    Transmit,
};
use barertc_arena::Global;
use barertc_runner::{Buffers, Clock as _, Connections, Port, Wake};
use barertc_test_peer::{HostClock, hear, say};
use barertc_wire::Instant;
use edge_nal::UdpBind;
use getrandom::SysRng;
use rand_core::UnwrapErr;

const USAGE: &str = "barertc-connect offer|answer ADDRESS [--snap] [--sped] [--in-band]";

/// The channel that both sides agreed on.
const AGREED: u16 = 4;

struct End {
    connection: PeerConnection<'static, Global, RustCrypto>,
    room: [u8; 256],
}

fn main() -> Result<()> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let mut has = |name| args.iter().position(|arg| arg == name).map(|n| args.remove(n)).is_some();
    let (snap, sped, in_band) = (has("--snap"), has("--sped"), has("--in-band"));
    let [side, address] = &args[..] else { bail!(USAGE) };
    let config = Config { snap, sped, ..Config::default() };
    let identity = Box::leak(Box::new(Identity::generate(&RustCrypto, &mut UnwrapErr(SysRng))));
    async_io::block_on(run(side == "offer", address.parse().context(USAGE)?, in_band, config, identity))
}

async fn run(offers: bool, at: SocketAddr, in_band: bool, config: Config, identity: &'static Identity) -> Result<()> {
    let (clock, wake): (_, Wake) = (HostClock::start(), Wake::new());
    let socket = UdpBind::bind(&edge_nal_std::Stack::new(), at).await?;
    let mut rng = UnwrapErr(SysRng);
    let mut connection = PeerConnection::new(config, identity, Global, &RustCrypto, &mut rng)?;
    connection.add_local_candidate(clock.now(), Candidate::host(at))?;
    if in_band {
        connection.open_channel(clock.now(), &ChannelConfig { label: "in-band", ..ChannelConfig::default() })?;
    } else {
        let agreed = ChannelConfig { label: "agreed", negotiated: Some(AGREED), ..ChannelConfig::default() };
        connection.open_channel(clock.now(), &agreed)?;
    }
    let mut room = [0; 8_192];
    if offers {
        say(connection.create_offer(clock.now(), &mut room)?)?;
        let answer = hear()?;
        connection.set_answer(clock.now(), &answer)?;
    } else {
        let offer = hear()?;
        tell("begun");
        say(connection.create_answer(clock.now(), &offer, &mut room)?)?;
    }
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(0);
    });
    let end = RefCell::new(End { connection, room: [0; 256] });
    let mut ports = [Port { local: at, socket }];
    let mut buffers = Buffers::new();
    Ok(barertc_runner::run(&mut ports, &mut buffers, &clock, &end, &wake).await?)
}

/// Says that something has happened now.
fn tell(what: &str) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64() * 1_000.0);
    println!("at {now:.3} {what}");
}

impl End {
    fn events(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::ConnectionState(ConnectionState::Connected) => tell("up"),
                Event::ChannelOpen(id) => {
                    tell("open");
                    let _ = self.connection.write_channel(now, id, MessageKind::Text, b"hello from barertc");
                }
                Event::ChannelReadable(id) => {
                    while self.connection.read_channel(now, id, &mut self.room).is_ok_and(|read| !read.end_of_message) {
                    }
                    tell("heard");
                }
                _ => {}
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
