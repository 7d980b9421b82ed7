//! A connection that a loop drives and an application uses.

use core::cell::{Cell, RefCell};
use core::future::pending;

use barertc::arena::Allocator;
use barertc::ice::stream::StreamEnd;
use barertc::wire::Clock;
use barertc::{Event, Instant, PeerConnection, Provider, Route, Transmit};
use edge_nal::{UdpReceive, UdpSend};
use embassy_sync::blocking_mutex::raw::{NoopRawMutex, RawMutex};
use embassy_sync::signal::Signal;

use crate::connections::{Connections, Lost};
use crate::network::{Buffers, Error, Port, drive, drive_with_streams};
use crate::streams::{Dial, Nowhere, Streams};
use crate::wake::Wake;

/// A connection that the loop and the application use in turn, on one executor.
///
/// `M` says from where [`wake`](Self::wake) may be called: see [`Wake`].
pub struct Driven<'p, A: Allocator + Clone, P: Provider, M: RawMutex = NoopRawMutex> {
    connection: RefCell<Told<'p, A, P>>,
    wake: Wake<M>,
    /// There may be an event.
    news: Signal<NoopRawMutex, ()>,
    ended: Cell<bool>,
}

barertc::wire::opaque! { [A: Allocator + Clone, P: Provider, M: RawMutex] Driven<'_, A, P, M>; }

/// The connection, and what the loop has lost of it.
struct Told<'p, A: Allocator + Clone, P: Provider> {
    connection: PeerConnection<'p, A, P>,
    lost: u32,
    last_lost: Option<Lost>,
}

impl<A: Allocator + Clone, P: Provider> Connections for Told<'_, A, P> {
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        Connections::handle(&mut self.connection, now, route, datagram);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        self.connection.poll_transmit(now, out)
    }

    fn timeout(&self) -> Option<Instant> {
        self.connection.timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
    }

    fn lost(&mut self, lost: Lost) {
        self.lost = self.lost.saturating_add(1);
        self.last_lost = Some(lost);
    }

    fn stream_ended(&mut self, now: Instant, route: Route, end: StreamEnd) {
        self.connection.stream_ended(now, route, end);
    }

    fn uses_stream(&self, route: Route) -> bool {
        self.connection.uses_stream(route)
    }

    fn mtu(&self) -> usize {
        self.connection.mtu()
    }

    fn is_done(&self) -> bool {
        self.connection.is_done()
    }
}

impl<'p, A: Allocator + Clone, P: Provider, M: RawMutex> Driven<'p, A, P, M> {
    /// Wraps a connection.
    #[must_use]
    pub const fn new(connection: PeerConnection<'p, A, P>) -> Self {
        Self {
            connection: RefCell::new(Told { connection, lost: 0, last_lost: None }),
            wake: Wake::new(),
            news: Signal::new(),
            ended: Cell::new(false),
        }
    }

    /// Drives the connection until it has ended: this side has closed it and the peer has been told, or the peer has
    /// closed it.
    ///
    /// # Errors
    /// [`Error::DatagramTooLong`], before the loop begins.
    pub async fn run<S, C, const N: usize>(
        &self,
        ports: &mut [Port<S>; N],
        buffers: &mut Buffers<N>,
        clock: &C,
    ) -> Result<(), Error>
    where
        S: UdpReceive + UdpSend,
        C: Clock,
    {
        let ended = drive(ports, &Nowhere, buffers, clock, &self.connection, &self.wake, || self.news.signal(())).await;
        self.ended.set(true);
        self.news.signal(());
        ended
    }

    /// As [`run`](Self::run), where the connection reaches TURN servers over TCP or TLS: `dialer` makes the `streams` that
    /// it needs.
    ///
    /// # Errors
    /// [`Error::DatagramTooLong`], at once.
    pub async fn run_with_streams<S, D, C, B, const N: usize, const T: usize, const L: usize>(
        &self,
        ports: &mut [Port<S>; N],
        streams: &Streams<B, T, L>,
        dialer: &D,
        buffers: &mut Buffers<N>,
        clock: &C,
    ) -> Result<(), Error>
    where
        S: UdpReceive + UdpSend,
        D: Dial,
        C: Clock,
        B: Allocator + Clone,
    {
        let happened = || self.news.signal(());
        let (connection, wake) = (&self.connection, &self.wake);
        let ended =
            drive_with_streams(ports, streams, dialer, pending(), buffers, clock, connection, wake, happened).await;
        self.ended.set(true);
        self.news.signal(());
        ended
    }

    /// Calls `f` with the connection, and then wakes the loop.
    ///
    /// `f` must not call `with` again.
    pub fn with<R>(&self, f: impl FnOnce(&mut PeerConnection<'p, A, P>) -> R) -> R {
        let result = f(&mut self.connection.borrow_mut().connection);
        self.wake.signal(());
        result
    }

    /// Makes the loop look for datagrams and timeouts of the connection again.
    pub fn wake(&self) {
        self.wake.signal(());
    }

    /// Waits for the next event. `None` when the loop has ended and every event was returned. Only one task may wait at
    /// a time.
    pub async fn next_event(&self) -> Option<Event> {
        loop {
            if let Some(event) = self.connection.borrow_mut().connection.poll_event() {
                return Some(event);
            }
            if self.ended.get() {
                return None;
            }
            self.news.wait().await;
        }
    }

    /// How many datagrams the loop has lost, and the last one of them.
    #[must_use]
    pub fn lost(&self) -> (u32, Option<Lost>) {
        let told = self.connection.borrow();
        (told.lost, told.last_lost)
    }
}
