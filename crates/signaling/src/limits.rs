//! Limits of connections and of requests for each address.

use core::cell::RefCell;
use core::future::poll_fn;
use core::net::IpAddr;
use core::task::Poll;
use core::time::Duration;

use barertc_wire::Instant;
use embassy_sync::waitqueue::WakerRegistration;

use crate::access::network_of;

/// A connection younger than this is evicted only when no older one can be.
const GRACE: Duration = Duration::from_secs(1);

/// A table of at most `N` connections that are served at the same time.
///
/// Connections cannot block others: whenever the last place is taken, the table evicts a connection. It selects the
/// connection by these rules, in this order:
///
/// 1. An address with more than a quarter of all places loses one of its connections. Among several, the address with the
///    most connections does.
/// 2. A connection that is at least one second old goes before a younger one.
/// 3. A connection with a lower [`Standing`] goes before one with a higher standing.
/// 4. The oldest connection goes first.
///
/// IPv6 addresses with the same first 64 bits count as one address.
///
/// ```
/// use barertc_signaling::{ConnectionTable, Standing};
/// use barertc_wire::Instant;
///
/// let table = ConnectionTable::<2>::new();
/// let address = [192, 0, 2, 1].into();
/// let silent = table.enter(Instant::from_millis(0), address).expect("a place");
/// let viewer = table.enter(Instant::from_millis(5_000), address).expect("a place");
/// viewer.set_standing(Standing::Authenticated);
/// assert!(silent.is_evicted() && !viewer.is_evicted());
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConnectionTable<const N: usize> {
    entries: RefCell<[Option<Entry>; N]>,
}

#[derive(Debug)]
struct Entry {
    address: IpAddr,
    since: Instant,
    standing: Standing,
    evicted: bool,
    waker: WakerRegistration,
}

/// The standing of a connection in a [`ConnectionTable`]. Connections with a lower standing are evicted first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Standing {
    /// The connection was accepted and is not authenticated.
    #[default]
    Accepted,
    /// The connection is authenticated and idle.
    Authenticated,
    /// The connection is authenticated, and a request of it is in progress.
    Working,
}

/// The place of a connection in a [`ConnectionTable`]. Dropping the value frees the place.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConnectionPlace<'t, const N: usize> {
    table: &'t ConnectionTable<N>,
    index: usize,
}

impl<const N: usize> Default for ConnectionTable<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> ConnectionTable<N> {
    /// Makes a table without connections.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: RefCell::new([const { None }; N]) }
    }

    /// Takes a place for a new connection from `address`.
    ///
    /// When the call takes the last place, it evicts another connection, so that the next connection finds a place. `None`
    /// when all places are taken, because evicted connections have not ended yet.
    pub fn enter(&self, now: Instant, address: IpAddr) -> Option<ConnectionPlace<'_, N>> {
        let address = network_of(address);
        let mut entries = self.entries.borrow_mut();
        let index = entries.iter().position(Option::is_none)?;
        let waker = WakerRegistration::new();
        let standing = Standing::Accepted;
        *entries.get_mut(index)? = Some(Entry { address, since: now, standing, evicted: false, waker });
        let ending = entries.iter().flatten().any(|entry| entry.evicted);
        if entries.iter().all(Option::is_some)
            && !ending
            && let Some(victim) = victim(&entries, now, index)
            && let Some(Some(entry)) = entries.get_mut(victim)
        {
            entry.evicted = true;
            entry.waker.wake();
        }
        Some(ConnectionPlace { table: self, index })
    }

    /// The number of connections in the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.borrow().iter().flatten().count()
    }

    /// Whether the table has no connection.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Selects the connection to evict. It is never the connection `newest`, for which the place is needed.
fn victim<const N: usize>(entries: &[Option<Entry>; N], now: Instant, newest: usize) -> Option<usize> {
    let all = || entries.iter().enumerate().filter_map(|(n, entry)| Some((n, entry.as_ref()?)));
    let of = |address: IpAddr| all().filter(|(_, entry)| entry.address == address).count();
    let share = N.checked_div(4).unwrap_or(0);
    all()
        .filter(|(n, _)| *n != newest)
        .map(|(n, entry)| {
            let young = now < entry.since + GRACE;
            // The connections of an address beyond its share count against each of its connections.
            let excess = of(entry.address).saturating_sub(share);
            (core::cmp::Reverse(excess), young, entry.standing, entry.since, n)
        })
        .min()
        .map(|(.., n)| n)
}

impl<const N: usize> ConnectionPlace<'_, N> {
    fn with<T>(&self, f: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.table.entries.borrow_mut().get_mut(self.index).and_then(Option::as_mut).map(f)
    }

    /// Sets the standing of the connection.
    pub fn set_standing(&self, standing: Standing) {
        self.with(|entry| entry.standing = standing);
    }

    /// Whether the table has evicted the connection. The caller then ends it.
    #[must_use]
    pub fn is_evicted(&self) -> bool {
        self.with(|entry| entry.evicted).unwrap_or(true)
    }

    /// Waits until the table evicts the connection. One task at a time may wait.
    pub async fn evicted(&self) {
        poll_fn(|context| {
            if self.is_evicted() {
                return Poll::Ready(());
            }
            self.with(|entry| entry.waker.register(context.waker()));
            Poll::Pending
        })
        .await;
    }
}

impl<const N: usize> Drop for ConnectionPlace<'_, N> {
    fn drop(&mut self) {
        if let Some(place) = self.table.entries.borrow_mut().get_mut(self.index) {
            *place = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    #[test]
    fn the_one_that_has_shown_nothing_for_the_longest_goes_first() {
        let table = ConnectionTable::<4>::new();
        let a = table.enter(at(0), address(1)).unwrap();
        let b = table.enter(at(1), address(1)).unwrap();
        let c = table.enter(at(2), address(1)).unwrap();
        a.set_standing(Standing::Working);
        c.set_standing(Standing::Authenticated);
        let d = table.enter(at(10), address(1)).unwrap();
        assert_eq!([&a, &b, &c, &d].map(ConnectionPlace::is_evicted), [false, true, false, false]);
        assert!(table.enter(at(11), address(1)).is_none(), "until it has gone");
        drop(b);
        let _e = table.enter(at(12), address(1)).unwrap();
        assert_eq!([&a, &c, &d].map(ConnectionPlace::is_evicted), [false, false, true], "d has shown nothing since");
    }

    #[test]
    fn who_has_most_places_gives_one_whatever_it_has_shown() {
        let table = ConnectionTable::<8>::new();
        let _quiet = table.enter(at(0), address(9)).unwrap();
        let many: Vec<_> = (1..7).map(|n| table.enter(at(n), address(1)).unwrap()).collect();
        many.iter().for_each(|place| place.set_standing(Standing::Working));
        let _last = table.enter(at(20), address(2)).unwrap();
        let evicted: Vec<_> = many.iter().map(ConnectionPlace::is_evicted).collect();
        assert_eq!(evicted, [true, false, false, false, false, false]);
        assert!(!_quiet.is_evicted() && !_last.is_evicted());
    }

    #[test]
    fn a_flood_from_one_address_does_not_reach_who_came_from_another() {
        let table = ConnectionTable::<8>::new();
        let quiet = table.enter(at(0), address(9)).unwrap();
        let mut flood: Vec<ConnectionPlace<'_, 8>> = Vec::new();
        for n in 0..1_000 {
            flood.retain(|place| !place.is_evicted());
            flood.push(table.enter(at(1) + Duration::from_millis(n * 10), address(1)).expect("a place"));
        }
        assert!(!quiet.is_evicted());
    }

    #[test]
    fn whoever_is_told_to_go_wakes_up() {
        let table = ConnectionTable::<1>::new();
        let only = table.enter(at(0), address(1)).unwrap();
        assert!(!only.is_evicted(), "nobody is told to go for its own sake");
        let table = ConnectionTable::<2>::new();
        let first = table.enter(at(0), address(1)).unwrap();
        futures_lite::future::block_on(futures_lite::future::zip(first.evicted(), async {
            let second = table.enter(at(9), address(1)).unwrap();
            assert!(!second.is_evicted());
        }));
    }
}
