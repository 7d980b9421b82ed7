//! The largest datagram that the path in use carries: Datagram Packetization Layer Path MTU Discovery (RFC 8899).
//!
//! The states are those of RFC 8899 §5.2, figure 5. A probe is a connectivity check with padding: every ICE agent answers
//! it, and a response is short, so that it tells of this direction alone. All protocols of the path share the result.
//!
//! Two things differ from the figure. A size that is not answered is a bound, and the search goes on below it. And before
//! BASE_PLPMTU is confirmed, MIN_PLPMTU is used, so that nothing is sent that might not arrive.
use core::net::SocketAddr;
use core::time::Duration;

use barertc_wire::Instant;

use super::path::Path;
use crate::config::PathMtuBounds;
use crate::stun::TransactionId;

/// A size expected to work for most paths (BASE_PLPMTU, RFC 8899 §5.1.2).
const BASE: u16 = 1_200;

/// How often a size is tried (MAX_PROBES, RFC 8899 §5.1.2).
const MAX_PROBES: u8 = 3;

/// How long a probe is waited for (PROBE_TIMER, RFC 8899 §5.1.1). The RFC recommends 15 s and more, for protocols that may
/// delay an answer. A check is answered at once.
const PROBE_TIMER: Duration = Duration::from_secs(1);

/// How long the size that was found is kept before a larger one is tried (PMTU_RAISE_TIMER, RFC 8899 §5.1.1).
const RAISE_TIMER: Duration = Duration::from_secs(600);

/// The same below [`BASE`], which is rarely the truth for long.
const RAISE_SMALL: Duration = Duration::from_secs(60);

/// How long after a confirmation the size is asked for again, when large datagrams were sent (CONFIRMATION_TIMER, RFC 8899
/// §5.1.1).
const CONFIRMATION_TIMER: Duration = Duration::from_secs(2);

/// A smaller gain than this is not searched for (RFC 8899 §5.3.2).
const LEAST_GAIN: u16 = 32;

/// The states of RFC 8899 §5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum State {
    /// There is no path, or nothing to search on it.
    Disabled,
    /// Whether the path carries [`BASE`].
    Base,
    /// What it carries beyond the size that is confirmed.
    Searching,
    /// The size is known. It is confirmed while large datagrams flow.
    SearchComplete,
    /// It does not carry [`BASE`]: what it carries above MIN_PLPMTU.
    Error,
}

/// A check with padding. While its size is tried again, it is sent again as it is, and an answer to any of them counts: a
/// round trip may be longer than [`PROBE_TIMER`].
#[derive(Clone, Copy, Debug)]
struct Probe {
    id: TransactionId,
    size: u16,
    /// When it was sent. `None` after it was sent again, because nobody can tell what is answered then.
    sent: Option<Instant>,
    /// It waits for its response.
    waits: bool,
}

/// The search on the path in use.
#[derive(Debug)]
pub(super) struct PathMtu {
    bounds: Option<PathMtuBounds>,
    /// The path that is searched.
    path: Option<(Path, SocketAddr)>,
    state: State,
    /// The largest size that is known to pass (PLPMTU).
    plpmtu: u16,
    /// No size from here on is tried.
    ceiling: u16,
    probe: Option<Probe>,
    /// Probes in a row that were not answered (PROBE_COUNT).
    count: u8,
    /// When the next probe is due, or the present one is lost.
    due: Instant,
    /// When a larger size is tried again.
    raise: Instant,
    /// A datagram above MIN_PLPMTU has left since the last confirmation.
    large: bool,
}

impl PathMtu {
    pub(super) const fn new(bounds: Option<PathMtuBounds>) -> Self {
        let bounds = match bounds {
            Some(PathMtuBounds { min, max }) => Some(PathMtuBounds { min: min & !3, max: max & !3 }),
            None => None,
        };
        Self {
            bounds,
            path: None,
            state: State::Disabled,
            plpmtu: 0,
            ceiling: 0,
            probe: None,
            count: 0,
            due: Instant::ZERO,
            raise: Instant::FAR_FUTURE,
            large: false,
        }
    }

    /// The search follows the path in use: on another one it begins anew.
    pub(super) fn follow(&mut self, now: Instant, path: Option<(Path, SocketAddr)>) {
        // A stream is cut into segments by TCP.
        let path = path.filter(|(path, _)| !path.is_tcp());
        let Some(bounds) = self.bounds.filter(|b| b.min < b.max) else { return };
        if path == self.path {
            return;
        }
        *self = Self { path, ..Self::new(self.bounds) };
        if path.is_some() {
            self.plpmtu = bounds.min;
            self.ceiling = bounds.max.saturating_add(1);
            self.enter(now, State::Base);
        }
    }

    /// The largest datagram that is known to pass; `None` where nothing is searched.
    pub(super) fn size(&self) -> Option<u16> {
        (self.state != State::Disabled).then_some(self.plpmtu)
    }

    /// Whether it is known by now if the path carries [`BASE`].
    pub(super) const fn is_settled(&self) -> bool {
        !matches!(self.state, State::Base)
    }

    /// A datagram of data left.
    pub(super) fn on_data(&mut self, now: Instant, len: usize) {
        if self.large || self.bounds.is_none_or(|b| len <= usize::from(b.min)) {
            return;
        }
        self.large = true;
        if self.state == State::SearchComplete && !self.waits() {
            self.due = self.due.max(now);
        }
    }

    /// The size of the probe that is to be sent now.
    pub(super) fn next_probe(&mut self, now: Instant) -> Option<u16> {
        if self.timeout()? > now {
            return None;
        }
        if self.waits() {
            self.on_lost(now);
        } else if self.state == State::SearchComplete && self.raise <= now {
            self.ceiling = self.bounds?.max.saturating_add(1);
            self.enter(now, if self.plpmtu < self.base() { State::Base } else { State::Searching });
        }
        (self.timeout()? <= now).then(|| self.probed_size()).flatten()
    }

    /// A probe of `size` bytes leaves; its id, which is `new` where it was not sent before.
    pub(super) fn on_sent(&mut self, now: Instant, new: TransactionId, size: u16) -> TransactionId {
        let before = self.probe.filter(|p| p.size == size).map(|p| p.id);
        let (id, sent) = before.map_or((new, Some(now)), |id| (id, None));
        self.probe = Some(Probe { id, size, sent, waits: true });
        self.due = now + PROBE_TIMER;
        id
    }

    /// When the probe with this id was sent, if its response counts; `None` inside where that cannot be told.
    pub(super) fn sent_at(&self, id: TransactionId) -> Option<Option<Instant>> {
        self.probe.filter(|p| p.id == id).map(|p| p.sent)
    }

    fn waits(&self) -> bool {
        self.probe.is_some_and(|p| p.waits)
    }

    /// The probe was answered by the peer.
    pub(super) fn on_acked(&mut self, now: Instant, id: TransactionId) {
        let Some(probe) = self.probe.take_if(|p| p.id == id) else { return };
        self.plpmtu = self.plpmtu.max(probe.size);
        match self.state {
            State::Disabled => {}
            State::SearchComplete => {
                (self.count, self.large) = (0, false);
                self.due = now + CONFIRMATION_TIMER;
            }
            State::Base | State::Searching | State::Error => self.enter(now, State::Searching),
        }
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        match self.state {
            State::Disabled => None,
            State::SearchComplete if !self.waits() => {
                Some(if self.large { self.due.min(self.raise) } else { self.raise })
            }
            State::SearchComplete | State::Base | State::Searching | State::Error => Some(self.due),
        }
    }

    fn on_lost(&mut self, now: Instant) {
        self.count = self.count.saturating_add(1);
        self.due = now;
        if self.count < MAX_PROBES {
            if let Some(probe) = &mut self.probe {
                probe.waits = false;
            }
            return;
        }
        self.probe = None;
        match self.state {
            State::Base => {
                self.ceiling = self.base();
                self.enter(now, State::Error);
            }
            State::Searching | State::Error => {
                self.ceiling = self.probed_size().unwrap_or(self.ceiling);
                self.enter(now, self.state);
            }
            // A black hole (RFC 8899 §4.3): the path has changed.
            State::SearchComplete => {
                if let Some(bounds) = self.bounds {
                    (self.plpmtu, self.ceiling) = (bounds.min, bounds.max.saturating_add(1));
                }
                self.enter(now, State::Base);
            }
            State::Disabled => {}
        }
    }

    fn enter(&mut self, now: Instant, state: State) {
        (self.state, self.count, self.due) = (state, 0, now);
        let searching = matches!(state, State::Searching | State::Error);
        if searching && self.larger_size().is_none() {
            self.state = State::SearchComplete;
            self.due = now + CONFIRMATION_TIMER;
            self.raise = match self.bounds {
                Some(bounds) if self.plpmtu == bounds.max => Instant::FAR_FUTURE,
                _ => now + if self.plpmtu < self.base() { RAISE_SMALL } else { RAISE_TIMER },
            };
        }
        barertc_wire::trace!("path MTU: {:?}, {} bytes", self.state, self.plpmtu);
    }

    fn base(&self) -> u16 {
        self.bounds.map_or(BASE, |b| BASE.max(b.min).min(b.max))
    }

    fn probed_size(&self) -> Option<u16> {
        match self.state {
            State::Disabled => None,
            State::Base => Some(self.base()),
            State::Searching | State::Error => self.larger_size(),
            State::SearchComplete => Some(self.plpmtu),
        }
    }

    /// The next size of the search: all that is allowed, and then the middle of what is left (RFC 8899 §5.3.2).
    fn larger_size(&self) -> Option<u16> {
        let max = self.bounds?.max;
        if self.ceiling > max {
            return (self.plpmtu < max).then_some(max);
        }
        let gap = self.ceiling.saturating_sub(self.plpmtu);
        (gap > LEAST_GAIN).then(|| self.plpmtu.saturating_add(gap / 2) & !3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: Path = Path::Socket(SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::LOCALHOST), 1));

    /// A search on a path of `path` bytes.
    struct Run {
        search: PathMtu,
        now: Instant,
        path: u16,
        round_trip: Duration,
        probes: std::vec::Vec<u16>,
        answers: std::collections::VecDeque<(Instant, TransactionId)>,
    }

    impl Run {
        fn new(min: u16, max: u16, path: u16) -> Self {
            let mut search = PathMtu::new(Some(PathMtuBounds { min, max }));
            let now = Instant::from_millis(1_000);
            search.follow(now, Some((SOCKET, SocketAddr::from(([1, 1, 1, 1], 1)))));
            let (probes, answers) = Default::default();
            Self { search, now, path, round_trip: Duration::from_millis(20), probes, answers }
        }

        fn drive(&mut self, time: Duration, data: bool) -> u16 {
            let end = self.now + time;
            while self.now < end {
                if data {
                    self.search.on_data(self.now, 1_200);
                }
                if let Some((_, id)) = self.answers.pop_front_if(|(at, _)| *at <= self.now) {
                    self.search.on_acked(self.now, id);
                }
                if let Some(size) = self.search.next_probe(self.now) {
                    self.probes.push(size);
                    let id = TransactionId([self.probes.len() as u8; 12]);
                    let id = self.search.on_sent(self.now, id, size);
                    if size <= self.path {
                        self.answers.push_back((self.now + self.round_trip, id));
                    }
                }
                assert!(self.search.timeout().is_none_or(|at| at > self.now), "it would spin");
                self.now += Duration::from_millis(5);
            }
            self.search.plpmtu
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_usual_path_costs_one_probe() {
        let mut run = Run::new(548, 1_200, 1_472);
        assert_eq!(run.search.size(), Some(548), "nothing larger before it is known to pass");
        assert_eq!(run.drive(SECOND / 10, true), 1_200);
        assert_eq!((run.search.state, run.probes.len()), (State::SearchComplete, 1));
        // Without large datagrams, nothing is confirmed.
        run.search.on_acked(run.now, TransactionId([9; 12]));
        run.drive(2 * SECOND, false);
        run.probes.clear();
        run.drive(3_600 * SECOND, false);
        assert_eq!(run.probes, []);
    }

    #[test]
    fn every_size_is_found_within_the_least_gain() {
        for path in (548..1_472).step_by(7) {
            let mut run = Run::new(548, 1_472, path);
            let found = run.drive(40 * SECOND, false);
            assert!(found <= path && path - found <= LEAST_GAIN + 3, "{path}: {found} by {:?}", run.probes);
            assert_eq!(run.search.state, State::SearchComplete);
            assert!(run.probes.iter().all(|size| size % 4 == 0));
        }
    }

    #[test]
    fn a_path_that_shrinks_is_seen_within_six_seconds_and_one_that_grows_in_a_minute() {
        let mut run = Run::new(548, 1_200, 1_472);
        run.drive(10 * SECOND, true);
        run.path = 700;
        assert_eq!(run.drive(6 * SECOND, true), 548);
        let found = run.drive(20 * SECOND, true);
        assert!((668..=700).contains(&found), "{found}");
        run.path = 1_472;
        assert_eq!(run.drive(61 * SECOND, true), 1_200);
    }

    #[test]
    fn two_lost_probes_change_nothing() {
        let mut run = Run::new(548, 1_200, 1_472);
        run.drive(10 * SECOND, true);
        run.path = 700;
        run.drive(4 * SECOND, true);
        run.path = 1_472;
        assert_eq!(run.drive(SECOND, true), 1_200);
        assert_eq!((run.search.state, run.search.count), (State::SearchComplete, 0));
    }

    /// An answer that comes after the same size was tried again counts. The round trip is not taken from it.
    #[test]
    fn a_round_trip_may_be_longer_than_the_timer() {
        let mut run = Run::new(548, 1_200, 1_472);
        run.round_trip = Duration::from_millis(2_500);
        assert_eq!(run.drive(3 * SECOND, true), 1_200);
        assert_eq!(run.probes, [1_200, 1_200, 1_200]);
        for _ in 0..60 {
            assert_eq!(run.drive(SECOND, true), 1_200, "it is kept");
        }
        let mut search = PathMtu::new(Some(PathMtuBounds { min: 548, max: 1_200 }));
        search.follow(Instant::ZERO, Some((SOCKET, SocketAddr::from(([1, 1, 1, 1], 1)))));
        let id = search.on_sent(Instant::ZERO, TransactionId([1; 12]), 1_200);
        assert_eq!(search.sent_at(id), Some(Some(Instant::ZERO)));
        assert_eq!(search.on_sent(Instant::ZERO + SECOND, TransactionId([2; 12]), 1_200), id);
        assert_eq!(search.sent_at(id), Some(None));
    }

    #[test]
    fn streams_and_fixed_sizes_are_not_searched() {
        let mut search = PathMtu::new(Some(PathMtuBounds { min: 548, max: 1_200 }));
        let (local, remote) = (SocketAddr::from(([1, 1, 1, 1], 1)), SocketAddr::from(([1, 1, 1, 2], 1)));
        search.follow(Instant::ZERO, Some((Path::Tcp(local), remote)));
        assert_eq!((search.size(), search.timeout()), (None, None));
        for bounds in [None, Some(PathMtuBounds { min: 1_200, max: 1_200 })] {
            let mut search = PathMtu::new(bounds);
            search.follow(Instant::ZERO, Some((Path::Socket(local), remote)));
            assert_eq!((search.size(), search.timeout(), search.next_probe(Instant::ZERO)), (None, None, None));
        }
    }
}
