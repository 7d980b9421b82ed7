//! The smallest firmware with a page and a data channel: it takes offers of pages by HTTP, and says back what they say.
//!
//! What depends on the chip is in [`Board`] and in the network stack. So this compiles for any chip that Rust's `core` and
//! `embassy-net` know. [`run`] is the application, [`Rooms`] is all the memory that it takes, as a `static`. The board's program
//! starts the executor, the clock of `embassy-time` and the network: `examples/cortex-m` is such a program.
#![no_std]
#![forbid(unsafe_code)]

mod board;
mod bounds;
mod guests;
mod rooms;
mod site;

use core::cell::RefCell;
use core::net::SocketAddr;
use core::pin::pin;

use barertc::arena::Heap;
use barertc::{Identity, RustCrypto};
use barertc_runner::{Port, Wake};
use barertc_signaling::{Access, AccessControl};
use edge_nal::{TcpBind, UdpBind};
use edge_nal_embassy::{Tcp, Udp};
use embassy_futures::join::join3;
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_sync::mutex::Mutex;

pub use board::{Board, Settings};
pub use bounds::{CHANNELS, CONFIG, MESSAGE, PLACES, REGION};
pub use rooms::Rooms;

use board::Time;
use guests::Guests;
use site::Site;

/// Where the page is, and where datagrams come.
pub const HTTP_PORT: u16 = 80;
pub const UDP_PORT: u16 = 9000;
/// Sockets of `embassy-net`: those of this application, and one for DHCP.
pub const SOCKETS: usize = rooms::TCP_SOCKETS + 2;

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
