//! The loop over sockets and a clock.

use core::cell::RefCell;
use core::fmt;
use core::future::{Future, pending};
use core::net::SocketAddr;

use barertc::arena::Allocator;
use barertc::ice::stream::StreamFull;
use barertc::wire::Clock;
use barertc::{Instant, Route, Transmit};
use edge_nal::{TcpAccept, UdpReceive, UdpSend};
use embassy_futures::join::join;
use embassy_futures::select::{Either, Either3, select, select_array, select3};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::RawMutex;

use crate::accepted::Listener;
use crate::connections::{Connections, Lost};
use crate::streams::{Dial, Nowhere, Outlet, Refusal, Streams};
use crate::wake::Wake;

/// The size in bytes of the buffers for datagrams: the MTU of Ethernet. No larger datagram is sent, and a larger one
/// arrives cut off.
pub const DATAGRAM: usize = 1500;

/// Why the loop ended before the connections did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The connections send larger datagrams than the buffers hold. Lower their `mtu`.
    DatagramTooLong {
        /// [`DATAGRAM`].
        limit: usize,
        /// The largest datagram of the connections, in bytes.
        value: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::DatagramTooLong { limit, value } = self;
        write!(f, "an mtu of {value} bytes is above the {limit} bytes of the buffers")
    }
}

impl core::error::Error for Error {}

/// A bound socket and the address that its datagrams leave from.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Port<S> {
    /// The address of the socket. It must not be the unspecified address, because ICE distinguishes paths by it.
    pub local: SocketAddr,
    /// The socket.
    pub socket: S,
}

/// The buffers of the loop. The application chooses the memory that they lie in.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Buffers<const N: usize> {
    received: [[u8; DATAGRAM]; N],
    out: [u8; DATAGRAM],
}

impl<const N: usize> Buffers<N> {
    /// Buffers for `N` sockets.
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
    Failed { port: usize },
    Look,
}

/// Drives `connections` until they are [done](Connections::is_done).
///
/// The loop goes on when a socket fails: a datagram that cannot be sent counts as lost. [`Connections::lost`] is told
/// of each.
///
/// # Errors
/// [`Error::DatagramTooLong`], before the loop begins.
pub async fn run<S, C, K, M, const N: usize>(
    ports: &mut [Port<S>; N],
    buffers: &mut Buffers<N>,
    clock: &C,
    connections: &RefCell<K>,
    wake: &Wake<M>,
) -> Result<(), Error>
where
    S: UdpReceive + UdpSend,
    C: Clock,
    K: Connections,
    M: RawMutex,
{
    drive(ports, &Nowhere, buffers, clock, connections, wake, || {}).await
}

/// As [`run`], for connections that reach TURN servers over TCP or TLS, or peers over TCP. `dialer` makes the `streams`
/// that they need. [`Connections::uses_stream`] says which are kept.
///
/// Another run may use the same `streams` later, one run at a time. If a run is dropped before its end, the next one tells
/// the connections that their streams have failed.
///
/// The run goes on when a stream ends or cannot be made, and calls [`Connections::stream_ended`]. A stream that takes too
/// little loses messages. The run calls [`Connections::lost`] for each.
///
/// # Errors
/// [`Error::DatagramTooLong`], at once.
#[allow(clippy::too_many_arguments)] // `run`, the streams and who makes them
pub async fn run_with_streams<S, D, C, K, M, A, const N: usize, const T: usize, const P: usize>(
    ports: &mut [Port<S>; N],
    streams: &Streams<A, T, P>,
    dialer: &D,
    buffers: &mut Buffers<N>,
    clock: &C,
    connections: &RefCell<K>,
    wake: &Wake<M>,
) -> Result<(), Error>
where
    S: UdpReceive + UdpSend,
    D: Dial,
    C: Clock,
    K: Connections,
    M: RawMutex,
    A: Allocator + Clone,
{
    drive_with_streams(ports, streams, dialer, pending(), buffers, clock, connections, wake, || {}).await
}

/// The loop, with streams beside it: those that this side makes, and those that it is `accepting`. It begins and ends with free places.
#[allow(clippy::too_many_arguments)] // as `run_with_streams`
pub(crate) async fn drive_with_streams<S, D, C, K, M, A, const N: usize, const T: usize, const P: usize>(
    ports: &mut [Port<S>; N],
    streams: &Streams<A, T, P>,
    dialer: &D,
    accepting: impl Future<Output = ()>,
    buffers: &mut Buffers<N>,
    clock: &C,
    connections: &RefCell<K>,
    wake: &Wake<M>,
    happened: impl Fn(),
) -> Result<(), Error>
where
    S: UdpReceive + UdpSend,
    D: Dial,
    C: Clock,
    K: Connections,
    M: RawMutex,
    A: Allocator + Clone,
{
    streams.clear(clock.now(), connections);
    let serving = join(streams.serve(dialer, clock, connections, wake), accepting);
    let ended = match select(drive(ports, streams, buffers, clock, connections, wake, happened), serving).await {
        Either::First(ended) => ended,
        // It never ends.
        Either::Second(_) => Ok(()),
    };
    streams.clear(clock.now(), connections);
    ended
}

/// As [`run_with_streams`], where peers connect to this side, too (RFC 6544): each of the `listeners` is a [local
/// candidate](barertc::Candidate::tcp_passive).
///
/// A stream that was accepted is closed when no authentic check comes by it within five seconds, or when its place is
/// needed before one has. [`Connections::lost`] hears of each, of those that end by themselves before that, and of those
/// that find no place. A listener that fails is left alone for 100 ms; the others go on.
///
/// # Errors
/// [`Error::DatagramTooLong`], at once.
#[allow(clippy::too_many_arguments)] // `run_with_streams` and the listeners
pub async fn run_with_listeners<S, D, T, C, K, M, A, const N: usize, const O: usize, const P: usize, const L: usize>(
    ports: &mut [Port<S>; N],
    streams: &Streams<A, O, P>,
    dialer: &D,
    listeners: &[Listener<T>; L],
    buffers: &mut Buffers<N>,
    clock: &C,
    connections: &RefCell<K>,
    wake: &Wake<M>,
) -> Result<(), Error>
where
    S: UdpReceive + UdpSend,
    D: Dial,
    T: TcpAccept,
    C: Clock,
    K: Connections,
    M: RawMutex,
    A: Allocator + Clone,
{
    let accepting = streams.serve_accepted(listeners, clock, connections, wake);
    drive_with_streams(ports, streams, dialer, accepting, buffers, clock, connections, wake, || {}).await
}

/// The loop. `happened` is called once a turn, behind everything that may have caused an event.
pub(crate) async fn drive<S, O, C, K, M, const N: usize>(
    ports: &mut [Port<S>; N],
    streams: &O,
    buffers: &mut Buffers<N>,
    clock: &C,
    connections: &RefCell<K>,
    wake: &Wake<M>,
    happened: impl Fn(),
) -> Result<(), Error>
where
    S: UdpReceive + UdpSend,
    O: Outlet,
    C: Clock,
    K: Connections,
    M: RawMutex,
{
    loop {
        let now = clock.now();
        let value = connections.borrow().mtu();
        if value > DATAGRAM {
            return Err(Error::DatagramTooLong { limit: DATAGRAM, value });
        }
        let due = connections.borrow().timeout().is_some_and(|at| at <= now);
        if due {
            connections.borrow_mut().handle_timeout(now);
        }
        flush(ports, streams, &mut buffers.out, clock, connections).await;
        connections.borrow_mut().happened(clock.now());
        streams.sweep(|route| connections.borrow().uses_stream(route));
        happened();
        if connections.borrow().is_done() {
            return Ok(());
        }
        // However much there is to do here, others have to do, too.
        yield_now().await;
        let timeout = connections.borrow().timeout();
        match next(ports, &mut buffers.received, clock, timeout, wake).await {
            Next::Datagram { port, len, remote } => {
                let (Some(port), Some(buffer)) = (ports.get(port), buffers.received.get_mut(port)) else { continue };
                let route = Route::udp(port.local, remote);
                match buffer.get_mut(..len) {
                    Some(datagram) => connections.borrow_mut().handle(clock.now(), route, datagram),
                    // Cut, so of no use.
                    None => connections.borrow_mut().lost(Lost::TooLong { route, limit: DATAGRAM, value: len }),
                }
            }
            Next::Failed { port } => {
                if let Some(port) = ports.get(port) {
                    connections.borrow_mut().lost(Lost::NotReceived { local: port.local });
                }
            }
            Next::Look => {}
        }
    }
}

async fn flush<S, O, C, K, const N: usize>(
    ports: &mut [Port<S>; N],
    streams: &O,
    out: &mut [u8],
    clock: &C,
    connections: &RefCell<K>,
) where
    S: UdpSend,
    O: Outlet,
    C: Clock,
    K: Connections,
{
    loop {
        let transmit = connections.borrow_mut().poll_transmit(clock.now(), out);
        let Some(Transmit { route, len, .. }) = transmit else { return };
        let datagram = out.get(..len).unwrap_or_default();
        if route.protocol.is_stream() {
            match streams.send(route, datagram) {
                Ok(()) => {}
                Err(Refusal::Full(StreamFull { room, needed })) => {
                    connections.borrow_mut().lost(Lost::StreamFull { route, limit: room, value: needed });
                }
                Err(Refusal::End(end)) => {
                    connections.borrow_mut().lost(Lost::NotSent { route });
                    connections.borrow_mut().stream_ended(clock.now(), route, end);
                }
            }
            continue;
        }
        let Some(port) = ports.iter_mut().find(|port| port.local == route.local) else {
            connections.borrow_mut().lost(Lost::NoPort { route });
            continue;
        };
        if port.socket.send(route.remote, datagram).await.is_err() {
            connections.borrow_mut().lost(Lost::NotSent { route });
        }
    }
}

async fn next<S, C, M, const N: usize>(
    ports: &mut [Port<S>; N],
    received: &mut [[u8; DATAGRAM]; N],
    clock: &C,
    timeout: Option<Instant>,
    wake: &Wake<M>,
) -> Next
where
    S: UdpReceive,
    C: Clock,
    M: RawMutex,
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
        Either3::First((Ok((len, remote)), port)) => Next::Datagram { port, len, remote },
        Either3::First((Err(_), port)) => Next::Failed { port },
        _ => Next::Look,
    }
}
