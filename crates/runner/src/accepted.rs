//! Streams that the peer makes: who is let in, and who has to go again.

use core::cell::RefCell;
use core::future::pending;
use core::net::SocketAddr;
use core::time::Duration;

use barertc::arena::Allocator;
use barertc::wire::Clock;
use barertc::{Protocol, Route};
use edge_nal::{TcpAccept, TcpShutdown};
use embassy_futures::join::{join, join_array};
use embassy_futures::select::select_array;
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::RawMutex;

use crate::connections::{Connections, Lost};
use crate::streams::{Slot, Streams};
use crate::wake::Wake;

/// How long a listener is left alone that has failed.
const PAUSE: Duration = Duration::from_millis(100);

/// A TCP socket that listens, and the address that others connect to.
#[derive(Debug)]
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
    /// A stream has its place on trial until an authentic check has come by it. Where all places are taken, one on trial
    /// makes room for the next: of the address that has most of them, the one that has been there for the longest.
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
        let accepting = async {
            // The places that were taken, in the order in which they were.
            let mut order = [0_u32; N];
            let mut count = 0_u32;
            loop {
                let (route, mut stream) = match accept(listeners).await {
                    Ok(accepted) => accepted,
                    Err(local) => {
                        connections.borrow_mut().lost(Lost::NotAccepted { local });
                        clock.sleep_until(clock.now() + PAUSE).await;
                        continue;
                    }
                };
                let Some(place) = self.place(&hands, &order, connections) else {
                    connections.borrow_mut().lost(Lost::NoPlace { route, limit: N });
                    // Nobody is left who could be told that this fails.
                    let _ = stream.abort().await;
                    continue;
                };
                let (Some(slot), Some(hand)) = (self.accepted.get(place), hands.get(place)) else { continue };
                if let Some(order) = order.get_mut(place) {
                    *order = count;
                    count = count.wrapping_add(1);
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
        };
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
                        let _ = stream.abort().await;
                        None
                    }
                };
                slot.give_back(clock.now(), end, connections);
                wake.signal(());
            }
        });
        join(accepting, join_array::<_, N>(carrying)).await;
    }

    /// A place for another stream: a free one, or one whose stream is to go.
    fn place<S, K: Connections>(&self, hands: &[Hand<S>], order: &[u32], connections: &RefCell<K>) -> Option<usize> {
        let places = || {
            self.accepted.iter().zip(hands).zip(order).enumerate().filter(|(_, ((_, hand), _))| hand.borrow().is_none())
        };
        let is_free = |slot: &Slot<A>| slot.taken.borrow().is_none();
        if let Some((place, _)) = places().find(|(_, ((slot, _), _))| is_free(slot)) {
            return Some(place);
        }
        let trial = |slot: &Slot<A>| slot.route().filter(|route| !connections.borrow().uses_stream(*route));
        let on_trial = || places().filter_map(|(place, ((slot, _), order))| Some((place, trial(slot)?, *order)));
        let of = |route: Route| on_trial().filter(|(_, other, _)| other.remote.ip() == route.remote.ip()).count();
        on_trial().max_by_key(|(_, route, order)| (of(*route), core::cmp::Reverse(*order))).map(|(place, _, _)| place)
    }
}

/// The next stream of any listener; the address of one that has failed.
async fn accept<T: TcpAccept, const L: usize>(
    listeners: &[Listener<T>; L],
) -> Result<(Route, T::Socket<'_>), SocketAddr> {
    let accepts = listeners.each_ref().map(|listener| listener.acceptor.accept());
    let (accepted, which) = select_array(accepts).await;
    let local = listeners.get(which).map_or(SocketAddr::from(([0; 4], 0)), |listener| listener.local);
    let (remote, stream) = accepted.map_err(|_| local)?;
    Ok((Route { protocol: Protocol::IceTcp, local, remote }, stream))
}
