//! Streams: TCP connections to TURN servers, and of ICE itself (RFC 6544). Each is a future beside the loop over sockets.

use core::cell::RefCell;
use core::fmt;
use core::future::pending;
use core::time::Duration;

use barertc::arena::{AllocError, Allocator, Box};
use barertc::ice::stream::{Framing, Incoming, Outgoing, StreamEnd, StreamFull};
use barertc::wire::Clock;
use barertc::{Instant, Protocol, Route, TcpType};
use edge_nal::{Close, TcpShutdown, TcpSplit};
use embassy_futures::join::join_array;
use embassy_futures::select::{Either, Either3, Either4, select, select3, select4};
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
/// How long a stream that was accepted may take to show an authentic check.
const TRIAL_TIME: Duration = Duration::from_secs(5);
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
    /// The size in bytes of the queue before the stream. Its last [`STUN_ROOM`](barertc::ice::stream::STUN_ROOM) bytes are
    /// kept for STUN. A message without room is lost, and counted.
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

/// Places for `M` streams that this side makes, and `N` that it accepts. The memory of a stream is taken when it is first
/// used, and given back when it ends.
pub struct Streams<A: Allocator + Clone, const M: usize, const N: usize = 0> {
    slots: [Slot<A>; M],
    pub(crate) accepted: [Slot<A>; N],
    bounds: StreamBounds,
    alloc: A,
}

pub(crate) struct Slot<A: Allocator> {
    pub(crate) taken: RefCell<Option<Taken<A>>>,
    /// There is a stream to be made, or one was accepted.
    pub(crate) wanted: Signal<NoopRawMutex, ()>,
    /// There is something to send.
    news: Signal<NoopRawMutex, ()>,
    /// The stream is not in use any more.
    pub(crate) unwanted: Signal<NoopRawMutex, ()>,
}

pub(crate) struct Taken<A: Allocator> {
    pub(crate) route: Route,
    /// What waits to be sent; none before there is something.
    out: Option<Outgoing<A>>,
    /// It has been in use.
    was_used: bool,
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
    /// Places whose streams take their memory from `alloc`; none is accepted.
    pub fn new(bounds: StreamBounds, alloc: A) -> Self {
        Self::accepting(bounds, alloc)
    }
}

impl<A: Allocator + Clone, const M: usize, const N: usize> Streams<A, M, N> {
    /// The most that the streams ever take from their allocator, in bytes.
    #[must_use]
    pub const fn worst_case_bytes(bounds: &StreamBounds) -> usize {
        let each = Outgoing::<A>::bytes(bounds.queue)
            .saturating_add(Incoming::<A>::bytes(bounds.message))
            .saturating_add(Box::<[u8], A>::bytes(PIECE));
        each.saturating_mul(M.saturating_add(N))
    }

    /// Places whose streams take their memory from `alloc`, with those for streams that are accepted. One that has not
    /// shown an authentic check takes a message's room alone.
    pub fn accepting(bounds: StreamBounds, alloc: A) -> Self {
        Self { slots: [(); M].map(|()| Slot::new()), accepted: [(); N].map(|()| Slot::new()), bounds, alloc }
    }

    /// Gives every place back. What a loop that was dropped has left is no stream any more: the connections that use it are
    /// told.
    pub(crate) fn clear<K: Connections>(&self, now: Instant, connections: &RefCell<K>) {
        for slot in self.slots.iter().chain(&self.accepted) {
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
        let Ok(incoming) = self.incoming(route) else { return Some(StreamEnd::NoMemory) };
        let until = clock.now() + CONNECT_TIME;
        let mut stream = match select3(dialer.dial(route), clock.sleep_until(until), slot.unwanted.wait()).await {
            Either3::First(Ok(stream)) => stream,
            Either3::First(Err(end)) => return Some(end),
            Either3::Second(()) => return Some(StreamEnd::ConnectTimeout),
            Either3::Third(()) => return None,
        };
        self.pass(slot, &mut stream, route, incoming, false, clock, connections, wake).await
    }

    /// Passes messages both ways until the stream ends, and closes it; `None` when it was given up here.
    ///
    /// A stream that is on `trial` ends when its first message is none of STUN, and is given up when no authentic check
    /// has come by it in time.
    #[allow(clippy::too_many_arguments)] // one stream, and what it works on
    pub(crate) async fn pass<S, C, K, R>(
        &self,
        slot: &Slot<A>,
        stream: &mut S,
        route: Route,
        mut incoming: Incoming<A>,
        trial: bool,
        clock: &C,
        connections: &RefCell<K>,
        wake: &Wake<R>,
    ) -> Option<StreamEnd>
    where
        S: TcpSplit + TcpShutdown,
        C: Clock,
        K: Connections,
        R: RawMutex,
    {
        let end = {
            let (read, write) = stream.split();
            let receiving = receive(read, route, &mut incoming, trial, clock, connections, wake);
            let sending = slot.send(write, route, self.alloc.clone(), clock);
            let over = async {
                if trial {
                    clock.sleep_until(clock.now() + TRIAL_TIME).await;
                }
                if !trial || connections.borrow().uses_stream(route) {
                    pending::<()>().await;
                }
            };
            match select4(receiving, sending, slot.unwanted.wait(), over).await {
                Either4::First(end) | Either4::Second(end) => Some(end),
                Either4::Third(()) => None,
                Either4::Fourth(()) => {
                    connections.borrow_mut().lost(Lost::NotAuthentic { route });
                    None
                }
            }
        };
        match end {
            // Who has shown nothing keeps its place no longer.
            _ if trial && !slot.was_used() => goodbye(clock, stream.abort()).await,
            None | Some(StreamEnd::Closed) => goodbye(clock, stream.close(Close::Both)).await,
            Some(_) => goodbye(clock, stream.abort()).await,
        }
        end
    }

    /// What a stream is read to.
    pub(crate) fn incoming(&self, route: Route) -> Result<Incoming<A>, AllocError> {
        Incoming::new(framing(route), self.bounds.message, self.alloc.clone())
    }

    /// Where what is to be sent waits.
    fn outgoing(&self, route: Route) -> Result<Outgoing<A>, Refusal> {
        let out = Outgoing::new(framing(route), self.bounds.queue, self.alloc.clone());
        out.map_err(|_| Refusal::End(StreamEnd::NoMemory))
    }
}

impl<A: Allocator + Clone, const M: usize, const N: usize> Outlet for Streams<A, M, N> {
    fn send(&self, route: Route, message: &[u8]) -> Result<(), Refusal> {
        let of_peer = is_of_peer(route);
        let mut known = if of_peer { &self.accepted[..] } else { &self.slots[..] }.iter();
        let slot = match known.find(|slot| slot.route() == Some(route)) {
            Some(slot) => slot,
            // The peer has closed it, and makes another one if it wants to.
            None if of_peer => return Err(Refusal::End(StreamEnd::NotConnected)),
            None => {
                let free = self.slots.iter().find(|slot| slot.taken.borrow().is_none());
                let slot = free.ok_or(Refusal::End(StreamEnd::TooMany { limit: M }))?;
                slot.take(route, Some(self.outgoing(route)?));
                slot
            }
        };
        if let Some(taken) = slot.taken.borrow_mut().as_mut() {
            let out = match taken.out.take() {
                Some(out) => out,
                None => self.outgoing(route)?,
            };
            taken.out.insert(out).push(message).map_err(Refusal::Full)?;
        }
        slot.news.signal(());
        Ok(())
    }

    fn sweep(&self, is_used: impl Fn(Route) -> bool) {
        let accepted = self.accepted.iter().map(|slot| (slot, true));
        for (slot, on_trial) in self.slots.iter().map(|slot| (slot, false)).chain(accepted) {
            let mut taken = slot.taken.borrow_mut();
            let Some(taken) = taken.as_mut() else { continue };
            let used = is_used(taken.route);
            if !used && (!on_trial || taken.was_used) {
                taken.is_closing = true;
                slot.unwanted.signal(());
            }
            taken.was_used |= used;
        }
    }
}

/// Whether it is the peer that makes the stream.
fn is_of_peer(route: Route) -> bool {
    route.protocol == Protocol::IceTcp && route.local.port() != TcpType::ACTIVE_PORT
}

/// How messages are told from each other in the stream.
const fn framing(route: Route) -> Framing {
    if matches!(route.protocol, Protocol::IceTcp) { Framing::Rfc4571 } else { Framing::Turn }
}

impl<A: Allocator> Slot<A> {
    const fn new() -> Self {
        Self { taken: RefCell::new(None), wanted: Signal::new(), news: Signal::new(), unwanted: Signal::new() }
    }

    /// Takes the place for a stream.
    pub(crate) fn take(&self, route: Route, out: Option<Outgoing<A>>) {
        self.taken.replace(Some(Taken { route, out, was_used: false, is_closing: false }));
        self.unwanted.reset();
        self.wanted.signal(());
    }

    pub(crate) fn was_used(&self) -> bool {
        self.taken.borrow().as_ref().is_some_and(|taken| taken.was_used)
    }

    /// The route of the stream, unless that is being closed.
    pub(crate) fn route(&self) -> Option<Route> {
        self.taken.borrow().as_ref().filter(|taken| !taken.is_closing).map(|taken| taken.route)
    }

    /// Ends the stream of this place. What still waits for it is lost.
    pub(crate) fn give_back<K: Connections>(&self, now: Instant, end: Option<StreamEnd>, connections: &RefCell<K>) {
        let Some(Taken { route, out, .. }) = self.taken.replace(None) else { return };
        if out.is_some_and(|out| out.waiting() > 0) {
            connections.borrow_mut().lost(Lost::NotSent { route });
        }
        if let Some(end) = end {
            connections.borrow_mut().stream_ended(now, route, end);
        }
    }

    /// Gives what waits to the stream.
    async fn send<W: Write, C: Clock>(&self, mut write: W, route: Route, alloc: A, clock: &C) -> StreamEnd {
        let waiting = |piece: &mut [u8]| {
            let taken = self.taken.borrow();
            taken.as_ref().and_then(|taken| taken.out.as_ref()).map_or(0, |out| out.copy_to(piece))
        };
        while waiting(&mut [0]) == 0 {
            self.news.wait().await;
        }
        let Ok(mut piece) = Box::<[u8], A>::try_zeroed(PIECE, alloc) else { return StreamEnd::NoMemory };
        loop {
            let len = waiting(&mut piece);
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
            if let Some(out) = self.taken.borrow_mut().as_mut().and_then(|slot| slot.out.as_mut()) {
                out.consume(taken);
            }
        }
    }
}

impl<A: Allocator + Clone, const M: usize, const N: usize> fmt::Debug for Streams<A, M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.slots.iter().chain(&self.accepted).filter_map(Slot::route);
        f.debug_set().entries(routes).finish()
    }
}

barertc::wire::opaque_format! { [A: Allocator + Clone, const M: usize, const N: usize] Streams<A, M, N> }

/// Ends a stream, in [`CLOSE_TIME`] at most. There is nobody left who could be told that this fails.
pub(crate) async fn goodbye<C: Clock, E>(clock: &C, ending: impl Future<Output = Result<(), E>>) {
    let _ = select(ending, clock.sleep_until(clock.now() + CLOSE_TIME)).await;
}

/// Gives what arrives to the connections.
async fn receive<I, A, C, K, R>(
    mut read: I,
    route: Route,
    incoming: &mut Incoming<A>,
    mut trial: bool,
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
                Ok(Some(message)) => {
                    // RFC 7983 §7: STUN begins with 0 to 3.
                    if trial && message.first().is_none_or(|first| *first > 3) {
                        return StreamEnd::Malformed;
                    }
                    connections.borrow_mut().handle(clock.now(), route, message);
                    trial = trial && !connections.borrow().uses_stream(route);
                }
                Ok(None) => break,
                Err(end) => return end,
            }
        }
        wake.signal(());
        // However much comes, others have to be looked at, too.
        yield_now().await;
    }
}
