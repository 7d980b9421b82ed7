//! Streams, such as TCP connections to TURN servers: each is a future beside the loop over sockets.

use core::cell::RefCell;
use core::fmt;
use core::future::pending;
use core::time::Duration;

use barertc::arena::{AllocError, Allocator, Box};
use barertc::ice::stream::{Framing, Incoming, Outgoing, StreamEnd, StreamFull};
use barertc::wire::Clock;
use barertc::{Instant, Protocol, Route};
use edge_nal::{Close, TcpShutdown, TcpSplit};
use embassy_futures::join::join_array;
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::{NoopRawMutex, RawMutex};
use embassy_sync::signal::Signal;
use embedded_io_async::{Read, Write};

use crate::connections::{Connections, Lost};
use crate::wake::Wake;

/// How long a connection may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long the other end may take nothing while something waits for it.
const STALL_TIME: Duration = Duration::from_secs(10);
/// How long the goodbye of a stream may take.
const CLOSE_TIME: Duration = Duration::from_secs(1);
/// Bytes that are given to a stream at a time: one TLS record.
const PIECE: usize = 2048;

/// Makes streams: TCP connections, and TLS in them where the board can.
pub trait Dial {
    /// A stream.
    type Stream<'a>: TcpSplit + TcpShutdown
    where
        Self: 'a;

    /// Connects to `route.remote` by the protocol of `route`, whose local address only names the stream.
    ///
    /// Small messages leave at once: the stream is to be without Nagle's algorithm (RFC 896) where that can be chosen.
    ///
    /// # Errors
    /// Why there is no stream.
    async fn dial(&self, route: Route) -> Result<Self::Stream<'_>, StreamEnd>;
}

/// Bounds of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StreamBounds {
    /// The longest message that is received, in bytes. A longer one ends the stream.
    pub message: usize,
    /// Bytes that wait for the stream to take them, of which the last [`STUN_ROOM`](barertc::ice::stream::STUN_ROOM) are
    /// for STUN. What has no room is lost, and counted.
    pub queue: usize,
}

impl StreamBounds {
    /// 2,048 B for a message and 16 KB for the queue: a tenth of a second at 1.3 Mbit/s.
    #[must_use]
    pub const fn new() -> Self {
        Self { message: 2048, queue: 16 * 1024 }
    }
}

impl Default for StreamBounds {
    fn default() -> Self {
        Self::new()
    }
}

/// Places for `M` streams. The memory of a stream is taken when it is first used, and given back when it ends.
pub struct Streams<A: Allocator + Clone, const M: usize> {
    slots: [Slot<A>; M],
    bounds: StreamBounds,
    alloc: A,
}

/// What a stream is read to, and what is written from it at a time.
type Rooms<A> = (Incoming<A>, Box<[u8], A>);

struct Slot<A: Allocator> {
    taken: RefCell<Option<Taken<A>>>,
    /// There is a stream to be made.
    wanted: Signal<NoopRawMutex, ()>,
    /// There is something to send.
    news: Signal<NoopRawMutex, ()>,
    /// The stream is not in use any more.
    unwanted: Signal<NoopRawMutex, ()>,
}

struct Taken<A: Allocator> {
    route: Route,
    out: Outgoing<A>,
    is_closing: bool,
}

/// Why a stream has not taken a message.
pub(crate) enum Refusal {
    /// It is full.
    Full(StreamFull),
    /// There is none.
    End(StreamEnd),
}

/// Where messages go whose route is a stream.
pub(crate) trait Outlet {
    fn send(&self, route: Route, message: &[u8]) -> Result<(), Refusal>;
    /// Closes the streams that are not in use.
    fn sweep(&self, is_used: impl Fn(Route) -> bool);
}

/// No streams.
pub(crate) struct Nowhere;

impl Outlet for Nowhere {
    fn send(&self, _: Route, _: &[u8]) -> Result<(), Refusal> {
        Err(Refusal::End(StreamEnd::TooMany { limit: 0 }))
    }

    fn sweep(&self, _: impl Fn(Route) -> bool) {}
}

impl<A: Allocator + Clone, const M: usize> Streams<A, M> {
    /// The most that the streams ever take from their allocator, in bytes.
    #[must_use]
    pub const fn worst_case_bytes(bounds: &StreamBounds) -> usize {
        let each = Outgoing::<A>::bytes(bounds.queue)
            .saturating_add(Incoming::<A>::bytes(bounds.message))
            .saturating_add(Box::<[u8], A>::bytes(PIECE));
        each.saturating_mul(M)
    }

    /// Places whose streams take their memory from `alloc`.
    pub fn new(bounds: StreamBounds, alloc: A) -> Self {
        let slot = |()| Slot {
            taken: RefCell::new(None),
            wanted: Signal::new(),
            news: Signal::new(),
            unwanted: Signal::new(),
        };
        Self { slots: [(); M].map(slot), bounds, alloc }
    }

    /// Gives every place back. What a loop that was dropped has left is no stream any more: the connections that use it are
    /// told.
    pub(crate) fn clear<K: Connections>(&self, now: Instant, connections: &RefCell<K>) {
        for slot in &self.slots {
            let route = slot.taken.borrow().as_ref().map(|taken| taken.route);
            let is_used = route.is_some_and(|route| connections.borrow().uses_stream(route));
            slot.give_back(now, is_used.then_some(StreamEnd::Failed), connections);
            slot.wanted.reset();
            slot.news.reset();
            slot.unwanted.reset();
        }
    }

    /// Makes the streams that are wanted, and carries messages over them, for ever.
    pub(crate) async fn serve<D, C, K, R>(&self, dialer: &D, clock: &C, connections: &RefCell<K>, wake: &Wake<R>)
    where
        D: Dial,
        C: Clock,
        K: Connections,
        R: RawMutex,
    {
        let streams = self.slots.each_ref().map(|slot| async move {
            loop {
                slot.wanted.wait().await;
                // One that is swept before it was begun is given up at once.
                let end = match slot.route() {
                    Some(route) => self.carry(slot, route, dialer, clock, connections, wake).await,
                    None => None,
                };
                slot.give_back(clock.now(), end, connections);
                wake.signal(());
            }
        });
        join_array::<_, M>(streams).await;
        // Without a place, nothing ever happens.
        pending().await
    }

    /// One stream from its beginning to its end; `None` when it was given up here.
    async fn carry<D, C, K, R>(
        &self,
        slot: &Slot<A>,
        route: Route,
        dialer: &D,
        clock: &C,
        connections: &RefCell<K>,
        wake: &Wake<R>,
    ) -> Option<StreamEnd>
    where
        D: Dial,
        C: Clock,
        K: Connections,
        R: RawMutex,
    {
        let Ok((mut incoming, mut piece)) = self.rooms() else { return Some(StreamEnd::NoMemory) };
        let until = clock.now() + CONNECT_TIME;
        let mut stream = match select3(dialer.dial(route), clock.sleep_until(until), slot.unwanted.wait()).await {
            Either3::First(Ok(stream)) => stream,
            Either3::First(Err(end)) => return Some(end),
            Either3::Second(()) => return Some(StreamEnd::ConnectTimeout),
            Either3::Third(()) => return None,
        };
        let end = {
            let (read, write) = stream.split();
            let receiving = receive(read, route, &mut incoming, clock, connections, wake);
            let sending = slot.send(write, route, &mut piece, clock);
            match select3(receiving, sending, slot.unwanted.wait()).await {
                Either3::First(end) | Either3::Second(end) => Some(end),
                Either3::Third(()) => None,
            }
        };
        let goodbye = async {
            // There is nobody left who could be told that this fails.
            let _ = match end {
                None | Some(StreamEnd::Closed) => stream.close(Close::Both).await,
                Some(_) => stream.abort().await,
            };
        };
        select(goodbye, clock.sleep_until(clock.now() + CLOSE_TIME)).await;
        end
    }

    fn rooms(&self) -> Result<Rooms<A>, AllocError> {
        let incoming = Incoming::new(Framing::Turn, self.bounds.message, self.alloc.clone())?;
        Ok((incoming, Box::try_zeroed(PIECE, self.alloc.clone())?))
    }
}

impl<A: Allocator + Clone, const M: usize> Outlet for Streams<A, M> {
    fn send(&self, route: Route, message: &[u8]) -> Result<(), Refusal> {
        let slot = match self.slots.iter().find(|slot| slot.route() == Some(route)) {
            Some(slot) => slot,
            None => {
                let free = self.slots.iter().find(|slot| slot.taken.borrow().is_none());
                let slot = free.ok_or(Refusal::End(StreamEnd::TooMany { limit: M }))?;
                let out = Outgoing::new(Framing::Turn, self.bounds.queue, self.alloc.clone());
                let out = out.map_err(|_| Refusal::End(StreamEnd::NoMemory))?;
                slot.taken.replace(Some(Taken { route, out, is_closing: false }));
                slot.unwanted.reset();
                slot.wanted.signal(());
                slot
            }
        };
        if let Some(taken) = slot.taken.borrow_mut().as_mut() {
            taken.out.push(message).map_err(Refusal::Full)?;
        }
        slot.news.signal(());
        Ok(())
    }

    fn sweep(&self, is_used: impl Fn(Route) -> bool) {
        for slot in &self.slots {
            if let Some(taken) = slot.taken.borrow_mut().as_mut().filter(|taken| !is_used(taken.route)) {
                taken.is_closing = true;
                slot.unwanted.signal(());
            }
        }
    }
}

impl<A: Allocator> Slot<A> {
    /// The route of the stream, unless that is being closed.
    fn route(&self) -> Option<Route> {
        self.taken.borrow().as_ref().filter(|taken| !taken.is_closing).map(|taken| taken.route)
    }

    /// Ends the stream of this place. What still waits for it is lost.
    fn give_back<K: Connections>(&self, now: Instant, end: Option<StreamEnd>, connections: &RefCell<K>) {
        let Some(Taken { route, out, .. }) = self.taken.replace(None) else { return };
        if out.waiting() > 0 {
            connections.borrow_mut().lost(Lost::NotSent { route });
        }
        if let Some(end) = end {
            connections.borrow_mut().stream_ended(now, route, end);
        }
    }

    /// Gives what waits to the stream.
    async fn send<W: Write, C: Clock>(&self, mut write: W, route: Route, piece: &mut [u8], clock: &C) -> StreamEnd {
        loop {
            let len = self.taken.borrow().as_ref().map_or(0, |taken| taken.out.copy_to(piece));
            if len == 0 {
                self.news.wait().await;
                continue;
            }
            let writing = async {
                let written = write.write(piece.get(..len).unwrap_or_default()).await?;
                // TLS may hold records back. TCP needs no push, and on some machines it would wait for the receipt.
                if route.protocol == Protocol::Tls {
                    write.flush().await?;
                }
                Ok::<usize, W::Error>(written)
            };
            let taken = match select(writing, clock.sleep_until(clock.now() + STALL_TIME)).await {
                Either::First(Ok(written)) if written > 0 => written,
                Either::First(_) => return StreamEnd::Failed,
                Either::Second(()) => return StreamEnd::Stalled,
            };
            if let Some(slot) = self.taken.borrow_mut().as_mut() {
                slot.out.consume(taken);
            }
        }
    }
}

impl<A: Allocator + Clone, const M: usize> fmt::Debug for Streams<A, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.slots.iter().filter_map(Slot::route);
        f.debug_set().entries(routes).finish()
    }
}

/// Gives what arrives to the connections.
async fn receive<I, A, C, K, R>(
    mut read: I,
    route: Route,
    incoming: &mut Incoming<A>,
    clock: &C,
    connections: &RefCell<K>,
    wake: &Wake<R>,
) -> StreamEnd
where
    I: Read,
    A: Allocator,
    C: Clock,
    K: Connections,
    R: RawMutex,
{
    loop {
        match read.read(incoming.room()).await {
            Ok(0) => return incoming.end(),
            Ok(len) => incoming.received(len),
            Err(_) => return StreamEnd::Failed,
        }
        loop {
            match incoming.next_message() {
                Ok(Some(message)) => connections.borrow_mut().handle(clock.now(), route, message),
                Ok(None) => break,
                Err(end) => return end,
            }
        }
        wake.signal(());
        // However much comes, others have to be looked at, too.
        yield_now().await;
    }
}
