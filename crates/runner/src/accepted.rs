//! Streams that the peer makes: who is let in, and who has to go again.

use core::cell::{Cell, RefCell};
use core::future::pending;
use core::net::SocketAddr;
use core::time::Duration;

use barertc::arena::Allocator;
use barertc::wire::Clock;
use barertc::{Protocol, Route};
use edge_nal::{TcpAccept, TcpShutdown};
use embassy_futures::join::{join, join_array};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::RawMutex;

use crate::connections::{Connections, Lost};
use crate::streams::{Slot, Streams, goodbye};
use crate::wake::Wake;

/// How long a listener is left alone that has failed.
const PAUSE: Duration = Duration::from_millis(100);

/// A TCP socket that listens, and the address that others connect to.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Listener<T> {
    /// The address of the socket. It must not be the unspecified address, because ICE distinguishes paths by it.
    pub local: SocketAddr,
    /// The socket.
    pub acceptor: T,
}

/// A stream that was accepted, until it is in its place.
type Hand<S> = RefCell<Option<(Route, S)>>;

impl<A: Allocator + Clone, const M: usize, const N: usize> Streams<A, M, N> {
    /// Accepts streams, and carries messages over them, for ever.
    ///
    /// A stream has its place on trial until an authentic check has come by it. When all places are taken, a connection
    /// on trial makes room for the next one. It is the oldest connection on trial of the address that has most of them.
    pub(crate) async fn serve_accepted<T, C, K, R, const L: usize>(
        &self,
        listeners: &[Listener<T>; L],
        clock: &C,
        connections: &RefCell<K>,
        wake: &Wake<R>,
    ) where
        T: TcpAccept,
        C: Clock,
        K: Connections,
        R: RawMutex,
    {
        if N == 0 || L == 0 {
            return pending().await;
        }
        let hands: [Hand<T::Socket<'_>>; N] = [(); N].map(|()| RefCell::new(None));
        // The places that were taken, in the order in which they were.
        let order = [(); N].map(|()| Cell::new(0_u32));
        let count = Cell::new(0_u32);
        let (hands, order, count) = (&hands, &order, &count);
        // Each listener has its own loop: none waits for another, and what one is about to accept is never given up.
        let accepting = listeners.each_ref().map(|Listener { local, acceptor }| async move {
            loop {
                let Ok((remote, mut stream)) = acceptor.accept().await else {
                    connections.borrow_mut().lost(Lost::NotAccepted { local: *local });
                    clock.sleep_until(clock.now() + PAUSE).await;
                    continue;
                };
                let route = Route { protocol: Protocol::IceTcp, local: *local, remote };
                let Some(place) = self.place(hands, order, connections) else {
                    connections.borrow_mut().lost(Lost::NoPlace { route, limit: N });
                    goodbye(clock, stream.abort()).await;
                    continue;
                };
                let (Some(slot), Some(hand)) = (self.accepted.get(place), hands.get(place)) else { continue };
                if let Some(order) = order.get(place) {
                    order.set(count.replace(count.get().wrapping_add(1)));
                }
                hand.replace(Some((route, stream)));
                match slot.route() {
                    None => slot.wanted.signal(()),
                    Some(route) => {
                        connections.borrow_mut().lost(Lost::NotAuthentic { route });
                        slot.unwanted.signal(());
                    }
                }
                // It takes its place before the next one is let in.
                yield_now().await;
            }
        });
        let mut hand = hands.iter();
        let carrying = self.accepted.each_ref().map(|slot| (slot, hand.next())).map(|(slot, hand)| async move {
            let Some(hand) = hand else { return };
            loop {
                let Some((route, mut stream)) = hand.take() else {
                    slot.wanted.wait().await;
                    continue;
                };
                slot.take(route, None);
                let end = match self.incoming(route) {
                    Ok(incoming) => self.pass(slot, &mut stream, route, incoming, true, clock, connections, wake).await,
                    Err(_) => {
                        connections.borrow_mut().lost(Lost::NoPlace { route, limit: N });
                        goodbye(clock, stream.abort()).await;
                        None
                    }
                };
                // Of one that had to make room, it was told before.
                let is_strange = !slot.was_used() && !connections.borrow().uses_stream(route);
                if end.is_some() && is_strange && hand.borrow().is_none() {
                    connections.borrow_mut().lost(Lost::NotAuthentic { route });
                }
                slot.give_back(clock.now(), end, connections);
                wake.signal(());
            }
        });
        join(join_array::<_, L>(accepting), join_array::<_, N>(carrying)).await;
    }

    /// A place for another stream: a free one, or one whose stream is to go.
    fn place<S, K: Connections>(
        &self,
        hands: &[Hand<S>],
        order: &[Cell<u32>],
        connections: &RefCell<K>,
    ) -> Option<usize> {
        let places = || {
            self.accepted.iter().zip(hands).zip(order).enumerate().filter(|(_, ((_, hand), _))| hand.borrow().is_none())
        };
        let is_free = |slot: &Slot<A>| slot.taken.borrow().is_none();
        if let Some((place, _)) = places().find(|(_, ((slot, _), _))| is_free(slot)) {
            return Some(place);
        }
        let trial = |slot: &Slot<A>| slot.route().filter(|route| !connections.borrow().uses_stream(*route));
        let on_trial = || places().filter_map(|(place, ((slot, _), order))| Some((place, trial(slot)?, order.get())));
        let of = |route: Route| on_trial().filter(|(_, other, _)| other.remote.ip() == route.remote.ip()).count();
        on_trial().max_by_key(|(_, route, order)| (of(*route), core::cmp::Reverse(*order))).map(|(place, _, _)| place)
    }
}
