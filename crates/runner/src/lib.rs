//! The loop that drives connections over sockets and a clock: the only place of barertc that waits.
//!
//! [`run`] is one task for any number of sockets and connections, the same on every board: it takes what a socket
//! received to its connection, sends what connections have to send, and calls them when their time has come. Sockets
//! are those of [`edge_nal`] (std and embassy-net have them); the clock is a [`Clock`].
//!
//! ```
//! use barertc::{Route, Transmit};
//! use barertc_runner::{Buffers, Clock, Connections, Port, Wake, run};
//! use barertc_wire::Instant;
//! use core::cell::RefCell;
//! use edge_nal::{UdpReceive, UdpSend};
//!
//! async fn serve<S, C, K>(socket: S, local: core::net::SocketAddr, clock: &C, connections: &RefCell<K>, wake: &Wake)
//! where
//!     S: UdpReceive + UdpSend,
//!     C: Clock,
//!     K: Connections,
//! {
//!     let mut ports = [Port { local, socket }];
//!     let mut buffers = Buffers::new();
//!     run(&mut ports, &mut buffers, clock, connections, wake).await;
//! }
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::disallowed_methods
    )
)]
#![allow(async_fn_in_trait)] // One executor, one thread: nobody needs these futures to be `Send`.

use core::cell::RefCell;
use core::convert::Infallible;
use core::future::pending;
use core::net::SocketAddr;

use barertc::{Allocator, PeerConnection, Provider, Route, Transmit};
pub use barertc_wire::Clock;
use barertc_wire::Instant;
use edge_nal::{UdpReceive, UdpSend};
use embassy_futures::select::{Either3, select_array, select3};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;

/// Bytes of a datagram that is taken whole: the MTU of Ethernet, less nothing, so that no peer's packet is cut.
pub const DATAGRAM: usize = 1500;

/// Tells the loop that a connection has something to send: to be signalled whenever the application gave it something.
pub type Wake = Signal<NoopRawMutex, ()>;

/// One connection or many: what the loop drives.
pub trait Connections {
    /// A datagram has come; see [`PeerConnection::handle`]. Who it is for, and whether it is for anybody, is found out
    /// here.
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]);

    /// At most one datagram to send; see [`PeerConnection::poll_transmit`].
    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit>;

    /// When to be called again.
    fn timeout(&self) -> Option<Instant>;

    /// Called at [`timeout`](Self::timeout) or later.
    fn handle_timeout(&mut self, now: Instant);
}

impl<A: Allocator + Clone, P: Provider> Connections for PeerConnection<'_, A, P> {
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        // What is wrong with a datagram has been counted.
        let _ = Self::handle(self, now, route, datagram);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        Self::poll_transmit(self, now, out)
    }

    fn timeout(&self) -> Option<Instant> {
        Self::timeout(self)
    }

    fn handle_timeout(&mut self, now: Instant) {
        Self::handle_timeout(self, now);
    }
}

/// A bound socket and the address that its datagrams leave from.
#[derive(Debug)]
pub struct Port<S> {
    /// A real address, not the unspecified one: ICE tells paths apart by it.
    pub local: SocketAddr,
    /// The socket.
    pub socket: S,
}

/// The room for what is received and sent; where it lives is the board's decision.
#[derive(Debug)]
pub struct Buffers<const N: usize> {
    received: [[u8; DATAGRAM]; N],
    out: [u8; DATAGRAM],
}

impl<const N: usize> Buffers<N> {
    /// For `N` sockets.
    #[must_use]
    pub const fn new() -> Self {
        Self { received: [[0; DATAGRAM]; N], out: [0; DATAGRAM] }
    }
}

impl<const N: usize> Default for Buffers<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// What happens next: a datagram, or nothing but that it is time to look again.
enum Next {
    Datagram { port: usize, len: usize, remote: SocketAddr },
    Look,
}

/// Drives `connections` for ever. A socket's errors end nothing: a send that fails is a lost packet, and who cares about
/// lost packets is in the connections.
pub async fn run<S, C, K, const N: usize>(
    ports: &mut [Port<S>; N],
    buffers: &mut Buffers<N>,
    clock: &C,
    connections: &RefCell<K>,
    wake: &Wake,
) -> Infallible
where
    S: UdpReceive + UdpSend,
    C: Clock,
    K: Connections,
{
    loop {
        let now = clock.now();
        let due = connections.borrow().timeout().is_some_and(|at| at <= now);
        if due {
            connections.borrow_mut().handle_timeout(now);
        }
        flush(ports, &mut buffers.out, clock, connections).await;
        // However much there is to do here, others have to do, too.
        yield_now().await;
        let timeout = connections.borrow().timeout();
        if let Next::Datagram { port, len, remote } = next(ports, &mut buffers.received, clock, timeout, wake).await
            && let (Some(port), Some(buffer)) = (ports.get(port), buffers.received.get_mut(port))
            && let Some(datagram) = buffer.get_mut(..len)
        {
            let route = Route::udp(port.local, remote);
            connections.borrow_mut().handle(clock.now(), route, datagram);
        }
    }
}

async fn flush<S, C, K, const N: usize>(ports: &mut [Port<S>; N], out: &mut [u8], clock: &C, connections: &RefCell<K>)
where
    S: UdpSend,
    C: Clock,
    K: Connections,
{
    loop {
        let transmit = connections.borrow_mut().poll_transmit(clock.now(), out);
        let Some(Transmit { route, len, .. }) = transmit else { return };
        let port = ports.iter_mut().find(|port| port.local == route.local);
        if let (Some(port), Some(datagram)) = (port, out.get(..len)) {
            let _ = port.socket.send(route.remote, datagram).await;
        }
    }
}

async fn next<S, C, const N: usize>(
    ports: &mut [Port<S>; N],
    received: &mut [[u8; DATAGRAM]; N],
    clock: &C,
    timeout: Option<Instant>,
    wake: &Wake,
) -> Next
where
    S: UdpReceive,
    C: Clock,
{
    let mut rooms = received.iter_mut();
    let receives = ports.each_mut().map(|port| {
        let room = rooms.next();
        async move {
            match room {
                Some(room) => port.socket.receive(room).await,
                None => pending().await,
            }
        }
    });
    let sleep = async {
        match timeout {
            Some(at) => clock.sleep_until(at).await,
            None => pending().await,
        }
    };
    match select3(select_array(receives), sleep, wake.wait()).await {
        // Longer than the buffer: cut, so of no use.
        Either3::First((Ok((len, remote)), port)) if len <= DATAGRAM => Next::Datagram { port, len, remote },
        _ => Next::Look,
    }
}
