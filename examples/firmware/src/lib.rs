//! The smallest firmware with a page and a data channel: it takes offers of pages by HTTP, and says back what they say.
//!
//! What depends on the chip is in [`Board`] and in the network stack. So this compiles for any chip that Rust's `core` and
//! `embassy-net` know. [`run`] is the application, [`Rooms`] is all the memory that it takes, as a `static`. The board's program
//! starts the executor, the clock of `embassy-time` and the network: `examples/cortex-m` is such a program.
#![no_std]
#![forbid(unsafe_code)]

mod guests;
mod rooms;
mod site;

use core::cell::RefCell;
use core::fmt;
use core::net::SocketAddr;
use core::pin::pin;

use barertc::arena::{Heap, Stats};
use barertc::rand_core::CryptoRng;
use barertc::{Config, Identity, Instant, PeerConnection, RustCrypto, config::SctpConfig};
use barertc_runner::{Clock, Port, Wake};
use barertc_signaling::{Access, AccessControl};
use edge_nal::{TcpBind, UdpBind};
use edge_nal_embassy::{Tcp, Udp};
use embassy_futures::join::join3;
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_sync::mutex::Mutex;

pub use rooms::Rooms;

use guests::Guests;
use site::Site;

/// Where the page is, and where datagrams come.
pub const HTTP_PORT: u16 = 80;
pub const UDP_PORT: u16 = 9000;
/// Sockets of `embassy-net`: those of this application, and one for DHCP.
pub const SOCKETS: usize = rooms::TCP_SOCKETS + 2;

/// Pages that are connected at the same time.
pub const PLACES: usize = 2;
/// The longest message that is said back, in bytes.
pub const MESSAGE: usize = 1024;
/// Channels that a page may have at the same time.
pub const CHANNELS: usize = CONFIG.sctp.max_channels as usize;

/// The bounds of a connection, and the memory that follows from them at compile time.
pub const CONFIG: Config = config();
pub const REGION: usize = PLACES * PeerConnection::<&Heap, RustCrypto>::region_bytes(&CONFIG);

const fn config() -> Config {
    let mut config = Config::new();
    config.max_tracks = 0;
    // The peer has a handful of addresses, and no server is asked.
    (config.ice.max_local, config.ice.max_remote, config.ice.max_pairs) = (2, 8, 12);
    (config.ice.max_questions, config.ice.max_relays) = (0, 0);
    // The longest first flight of a browser has 1,470 bytes.
    (config.dtls.reassembly, config.dtls.early) = (2_560, 1_280);
    config.sctp = SctpConfig::small();
    config.max_message_size = MESSAGE as u32;
    config
}

/// What the chip brings.
pub trait Board {
    /// The chip's true random generator, or one that was seeded from a true one.
    type Rng: CryptoRng;

    /// Calls `f` with the generator.
    fn random<T>(&self, f: impl FnOnce(&mut Self::Rng) -> T) -> T;

    /// Writes a line to wherever somebody reads it.
    fn log(&self, line: fmt::Arguments<'_>);

    /// How deep the stack has been. All zero where nobody looks.
    fn stack(&self) -> Stats;
}

/// What is different from device to device.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// What pages must show: `?token=…` in their address.
    pub token: &'a str,
    /// The address by which others reach this device's UDP port, where that is not its own: behind a port forwarding.
    pub advertise: Option<SocketAddr>,
}

/// Why the firmware ends.
#[derive(Debug)]
pub enum Failed {
    /// The token is empty or too long.
    Token(barertc_signaling::TokenError),
    /// The network has no address, or a port is taken.
    Network,
    /// The region is too small for a heap.
    Memory,
    /// Datagrams of connections are longer than the buffers.
    Datagrams(barertc_runner::Error),
}

/// Serves the page and connections to it, for ever.
///
/// # Errors
/// [`Failed`], before anything is served.
pub async fn run<B: Board>(
    board: &B,
    stack: Stack<'static>,
    settings: &Settings<'_>,
    rooms: &'static mut Rooms,
) -> Result<(), Failed> {
    let control = AccessControl::new(Access::new(Some(settings.token)).map_err(Failed::Token)?);
    stack.wait_config_up().await;
    let address = stack.config_v4().ok_or(Failed::Network)?.address.address();
    let Rooms { region, tcp, udp, datagrams, http } = rooms;
    let heap = Heap::new(region).map_err(|_| Failed::Memory)?;
    let identity = identity(board);
    let (tcp, udp) = (Tcp::new(stack, tcp), Udp::new(stack, udp));
    let acceptor = TcpBind::bind(&tcp, (address, HTTP_PORT).into()).await.map_err(|_| Failed::Network)?;
    let local = SocketAddr::from((address, UDP_PORT));
    let socket = UdpBind::bind(&udp, local).await.map_err(|_| Failed::Network)?;

    let (guests, wake) = (RefCell::new(Guests::new(board, &heap)), Wake::new());
    let http = Mutex::new(&mut http[..]);
    let site = Site {
        board,
        settings,
        control,
        guests: &guests,
        wake: &wake,
        heap: &heap,
        identity: &identity,
        local,
        http: &http,
    };
    board.log(format_args!("ready at http://{address}/"));
    let mut ports = [Port { local, socket }];
    let network = pin!(barertc_runner::run(&mut ports, datagrams, &Time, &guests, &wake));
    // A browser opens connections that it may never use: one must not wait for another.
    let (one, two, three) = (pin!(site.accept(&acceptor)), pin!(site.accept(&acceptor)), pin!(site.accept(&acceptor)));
    match select(network, join3(one, two, three)).await {
        Either::First(ended) => ended.map_err(Failed::Datagrams),
        Either::Second(_) => Ok(()),
    }
}

/// A certificate; out of line, so that what it needs of the stack is given back before anything else begins.
#[inline(never)]
fn identity<B: Board>(board: &B) -> Identity {
    board.random(|rng| Identity::generate(&RustCrypto, rng))
}

/// The clock of `embassy-time`.
struct Time;

impl Clock for Time {
    fn now(&self) -> Instant {
        Instant::from_micros(embassy_time::Instant::now().as_micros())
    }

    async fn sleep_until(&self, at: Instant) {
        embassy_time::Timer::at(embassy_time::Instant::from_micros(at.as_micros())).await;
    }
}
