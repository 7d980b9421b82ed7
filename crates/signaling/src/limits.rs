use core::cell::RefCell;
use core::future::poll_fn;
use core::net::IpAddr;
use core::task::Poll;
use core::time::Duration;

use barertc_wire::Instant;
use embassy_sync::waitqueue::WakerRegistration;

use crate::access::network_of;

/// How long a connection may do what it came for before it can be made to end.
const GRACE: Duration = Duration::from_secs(1);

/// Connections that are served at the same time, `N` at most, so that none of them keeps others out: whenever all places are
/// taken, one is made to end.
///
/// Which one it is follows from three things: the address that has most, if those are more than a quarter of all places,
/// gives one of its own; then what has shown the least right to be here goes first ([`Standing`]); then what has been there
/// the longest. A connection younger than a second goes only when no older one can. Addresses of IPv6 that share their
/// first 64 bits count as one.
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

/// What a connection has shown so far. The first of these go first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Standing {
    /// It was accepted.
    #[default]
    Accepted,
    /// It is allowed to be here, and is doing nothing.
    Authenticated,
    /// It is allowed to be here, and something that it asked for is under way.
    Working,
}

/// A connection's place in a [`ConnectionTable`]. The place is free again when this is dropped.
#[derive(Debug)]
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
    /// With all places free.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: RefCell::new([const { None }; N]) }
    }

    /// A place for a connection from `address`. When it is the last one, another connection is told to end, so that the next
    /// one finds a place too. `None` when there is none, because those that were told have not ended yet.
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

    /// Connections that have a place.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.borrow().iter().flatten().count()
    }

    /// Whether nobody has a place.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Which connection has to go. The one that came last, which is `newest`, is not asked to go for itself.
fn victim<const N: usize>(entries: &[Option<Entry>; N], now: Instant, newest: usize) -> Option<usize> {
    let all = || entries.iter().enumerate().filter_map(|(n, entry)| Some((n, entry.as_ref()?)));
    let of = |address: IpAddr| all().filter(|(_, entry)| entry.address == address).count();
    let share = N.checked_div(4).unwrap_or(0);
    all()
        .filter(|(n, _)| *n != newest)
        .map(|(n, entry)| {
            let young = now < entry.since + GRACE;
            // What an address has beyond its share counts against each of its connections.
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

    /// What the connection has shown by now.
    pub fn set_standing(&self, standing: Standing) {
        self.with(|entry| entry.standing = standing);
    }

    /// Whether the connection has been told to end.
    #[must_use]
    pub fn is_evicted(&self) -> bool {
        self.with(|entry| entry.evicted).unwrap_or(true)
    }

    /// Waits until the connection has to end. One task may wait.
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
