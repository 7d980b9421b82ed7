//! Streams that a peer makes, and those that others make who are none.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::vec;
use std::vec::Vec;

use core::net::SocketAddr;
use core::time::Duration;

use barertc::ice::stream::{STUN_ROOM, StreamEnd};
use barertc::{Instant, Protocol, Route, TcpType, Transmit};
use barertc_arena::{Allocator, Global, Heap};
use edge_nal::TcpAccept;
use embassy_futures::block_on;
use embassy_futures::select::select;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;

use super::streams::{Script, Stream};
use super::{Broken, Ticks, address, sockets};
use crate::{Buffers, Clock as _, Connections, Listener, Lost, StreamBounds, Streams, Wake, run_with_listeners};

/// Who connects, and when.
#[derive(Default)]
struct Gate {
    coming: RefCell<VecDeque<(SocketAddr, Script)>>,
    fails: Cell<bool>,
    /// Its interface is gone.
    is_broken: bool,
    /// How often nobody waited any more for who was about to come.
    given_up: Cell<usize>,
}

struct Waiting<'g>(&'g Gate);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.given_up.set(self.0.given_up.get() + 1);
    }
}

impl TcpAccept for &Gate {
    type Error = Broken;
    type Socket<'a>
        = Stream
    where
        Self: 'a;

    async fn accept(&self) -> Result<(SocketAddr, Stream), Broken> {
        let waiting = Waiting(self);
        let accepted = poll_fn(|context| {
            context.waker().wake_by_ref();
            if self.fails.take() || self.is_broken {
                return Poll::Ready(Err(Broken));
            }
            let Some((from, script)) = self.coming.borrow_mut().pop_front() else { return Poll::Pending };
            script.open.set(script.open.get() + 1);
            Poll::Ready(Ok((from, Stream(script))))
        })
        .await;
        core::mem::forget(waiting);
        accepted
    }
}

/// Connections that take `\0ours` for an authentic check, and answer each message.
#[derive(Default)]
struct Peers {
    used: Vec<Route>,
    got: Vec<(Route, Vec<u8>)>,
    out: VecDeque<(Route, Vec<u8>)>,
    ended: Vec<(Route, StreamEnd)>,
    lost: Vec<Lost>,
}

const CHECK: &[u8] = b"\0ours";
const ANSWER: &[u8] = b"\x01yours";

impl Connections for Peers {
    fn handle(&mut self, _: Instant, route: Route, message: &mut [u8]) {
        self.got.push((route, message.to_vec()));
        if message == CHECK {
            self.used.push(route);
        }
        if self.used.contains(&route) {
            self.out.push_back((route, ANSWER.to_vec()));
        }
    }

    fn poll_transmit(&mut self, _: Instant, out: &mut [u8]) -> Option<Transmit> {
        let (route, message) = self.out.pop_front()?;
        out[..message.len()].copy_from_slice(&message);
        Some(Transmit { route, len: message.len() })
    }

    fn timeout(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn stream_ended(&mut self, _: Instant, route: Route, end: StreamEnd) {
        self.used.retain(|used| *used != route);
        self.ended.push((route, end));
    }

    fn uses_stream(&self, route: Route) -> bool {
        self.used.contains(&route)
    }

    fn lost(&mut self, lost: Lost) {
        self.lost.push(lost);
    }
}

fn listens() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 4_443))
}

fn route(from: SocketAddr) -> Route {
    Route { protocol: Protocol::IceTcp, local: listens(), remote: from }
}

fn from(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

/// One that says these messages.
fn who(says: &[&[u8]]) -> Script {
    let script = Script { takes: Rc::new(Cell::new(usize::MAX)), ..Script::default() };
    script.says.borrow_mut().extend(says.iter().map(|message| framed(message)));
    script
}

const BOUNDS: StreamBounds = StreamBounds { message: 256, queue: STUN_ROOM + 400 };

/// Runs the loop for this long; `acts` may do something meanwhile.
fn run_for<A: Allocator + Clone, const N: usize>(
    time: Duration,
    streams: &Streams<A, 1, N>,
    gate: &Gate,
    peers: &RefCell<Peers>,
    acts: impl AsyncFnOnce(&Ticks, &Wake<NoopRawMutex>),
) {
    let [port, _] = sockets();
    let (mut ports, mut buffers, clock, wake) = ([port], Buffers::new(), Ticks::default(), Wake::<NoopRawMutex>::new());
    let listeners = [Listener { local: listens(), acceptor: gate }];
    let dialer = who(&[]);
    let meanwhile = async {
        acts(&clock, &wake).await;
        clock.sleep_until(Instant::ZERO + time).await;
    };
    let running = run_with_listeners(&mut ports, streams, &dialer, &listeners, &mut buffers, &clock, peers, &wake);
    block_on(select(running, meanwhile));
}

#[test]
fn a_stream_that_a_peer_makes_carries_messages_both_ways_until_it_ends() {
    let mut region = vec![core::mem::MaybeUninit::uninit(); 16 * 1024];
    let heap: Heap = Heap::new(&mut region).unwrap();
    let (gate, peers) = (Gate::default(), RefCell::new(Peers::default()));
    let streams = Streams::<_, 1, 2>::accepting(BOUNDS, &heap);
    let script = who(&[CHECK, b"\x80media"]);
    gate.coming.borrow_mut().push_back((from(1, 5_000), script.clone()));
    run_for(Duration::from_secs(8), &streams, &gate, &peers, async |clock, _| {
        clock.sleep_until(Instant::from_millis(6_000)).await;
        let peer = route(from(1, 5_000));
        assert_eq!(peers.borrow().got, [(peer, CHECK.to_vec()), (peer, b"\x80media".to_vec())]);
        assert_eq!(*script.heard.borrow(), [framed(ANSWER), framed(ANSWER)].concat());
        assert_eq!((script.open.get(), &peers.borrow().lost[..]), (1, &[][..]), "it has shown who it is");
        script.says.borrow_mut().push_back(vec![]);
    });
    assert_eq!(peers.borrow().ended, [(route(from(1, 5_000)), StreamEnd::Closed)]);
    assert_eq!((script.open.get(), heap.stats().live), (0, 0));
    assert!(heap.stats().peak <= Streams::<&Heap, 1, 2>::worst_case_bytes(&BOUNDS));
    // What is for it still is told, and makes no stream.
    peers.borrow_mut().out.push_back((route(from(1, 5_000)), ANSWER.to_vec()));
    run_for(Duration::from_millis(50), &streams, &gate, &peers, async |_, _| {});
    assert_eq!(peers.borrow().ended[1..], [(route(from(1, 5_000)), StreamEnd::NotConnected)]);
    assert_eq!(peers.borrow().lost, [Lost::NotSent { route: route(from(1, 5_000)) }]);
}

#[test]
fn who_shows_nothing_authentic_goes_and_has_cost_a_messages_room() {
    let mut region = vec![core::mem::MaybeUninit::uninit(); 16 * 1024];
    let heap: Heap = Heap::new(&mut region).unwrap();
    for (says, time) in [(&[][..], 5_000), (&[&b"\0forged"[..], b"\0again"][..], 5_000)] {
        let (gate, peers) = (Gate::default(), RefCell::new(Peers::default()));
        let streams = Streams::<_, 1, 2>::accepting(BOUNDS, &heap);
        let script = who(says);
        gate.coming.borrow_mut().push_back((from(1, 5_000), script.clone()));
        run_for(Duration::from_millis(time + 50), &streams, &gate, &peers, async |clock, _| {
            clock.sleep_until(Instant::from_millis(time - 50)).await;
            assert_eq!(script.open.get(), 1);
            assert!((1..BOUNDS.message + 64).contains(&heap.stats().live), "{}", heap.stats().live);
        });
        assert_eq!((script.open.get(), heap.stats().live), (0, 0));
        assert_eq!(peers.borrow().lost, [Lost::NotAuthentic { route: route(from(1, 5_000)) }]);
        assert_eq!((peers.borrow().got.len(), peers.borrow().ended.len()), (says.len(), 0));
        assert!(script.heard.borrow().is_empty());
    }
}

#[test]
fn what_is_no_stun_or_too_long_ends_a_stream_at_once() {
    let too_long = StreamEnd::TooLong { limit: 256, value: 0x4745 + 2 };
    for (says, end) in [
        (framed(b"\x80media"), StreamEnd::Malformed),
        (b"GET /".to_vec(), too_long),
        (framed(b""), StreamEnd::Malformed),
    ] {
        let (gate, peers) = (Gate::default(), RefCell::new(Peers::default()));
        let streams = Streams::<_, 1, 2>::accepting(BOUNDS, Global);
        let script = who(&[]);
        script.says.borrow_mut().push_back(says);
        gate.coming.borrow_mut().push_back((from(1, 5_000), script.clone()));
        run_for(Duration::from_millis(100), &streams, &gate, &peers, async |_, _| {});
        assert_eq!(peers.borrow().ended, [(route(from(1, 5_000)), end)]);
        assert_eq!((script.open.get(), peers.borrow().got.len()), (0, 0));
        assert_eq!(peers.borrow().lost, [Lost::NotAuthentic { route: route(from(1, 5_000)) }]);
    }
    // So does one that only connects, and one that closes behind what is no check.
    for says in [vec![vec![]], vec![framed(b"\0forged"), vec![]]] {
        let (gate, peers) = (Gate::default(), RefCell::new(Peers::default()));
        let streams = Streams::<_, 1, 2>::accepting(BOUNDS, Global);
        let script = who(&[]);
        script.says.borrow_mut().extend(says);
        gate.coming.borrow_mut().push_back((from(1, 5_000), script.clone()));
        run_for(Duration::from_millis(100), &streams, &gate, &peers, async |_, _| {});
        assert_eq!(peers.borrow().ended, [(route(from(1, 5_000)), StreamEnd::Closed)]);
        assert_eq!(peers.borrow().lost, [Lost::NotAuthentic { route: route(from(1, 5_000)) }]);
    }
}

/// Runs the loop with two listeners until `acts` is over.
fn run_both<const N: usize>(
    streams: &Streams<Global, 1, N>,
    gates: [&Gate; 2],
    peers: &RefCell<Peers>,
    acts: impl AsyncFnOnce(&Ticks),
) {
    let [port, _] = sockets();
    let (mut ports, mut buffers, clock, wake) = ([port], Buffers::new(), Ticks::default(), Wake::<NoopRawMutex>::new());
    let listeners =
        [Listener { local: address(9), acceptor: gates[0] }, Listener { local: listens(), acceptor: gates[1] }];
    let dialer = who(&[]);
    let running = run_with_listeners(&mut ports, streams, &dialer, &listeners, &mut buffers, &clock, peers, &wake);
    block_on(select(running, acts(&clock)));
}

#[test]
fn a_listener_that_fails_keeps_nobody_from_another_one() {
    let (broken, good) = (Gate { is_broken: true, ..Gate::default() }, Gate::default());
    let peers = RefCell::new(Peers::default());
    let streams = Streams::<_, 1, 2>::accepting(BOUNDS, Global);
    let script = who(&[CHECK]);
    good.coming.borrow_mut().push_back((from(1, 5_000), script.clone()));
    run_both(&streams, [&broken, &good], &peers, async |clock| {
        clock.sleep_until(Instant::from_millis(50)).await;
        assert_eq!(peers.borrow().got, [(route(from(1, 5_000)), CHECK.to_vec())], "at once");
        clock.sleep_until(Instant::from_millis(1_000)).await;
    });
    assert_eq!(*script.heard.borrow(), framed(ANSWER));
    let failed = Lost::NotAccepted { local: address(9) };
    assert!(peers.borrow().lost.iter().all(|lost| *lost == failed));
    assert!(
        (2..=10).contains(&peers.borrow().lost.len()),
        "it is left alone in between: {}",
        peers.borrow().lost.len()
    );
}

#[test]
fn who_is_about_to_be_accepted_is_not_given_up_for_another() {
    let (gates, peers) = ([Gate::default(), Gate::default()], RefCell::new(Peers::default()));
    let streams = Streams::<_, 1, 10>::accepting(BOUNDS, Global);
    for port in 0..4 {
        gates[0].coming.borrow_mut().push_back((from(1, port), who(&[CHECK])));
        gates[1].coming.borrow_mut().push_back((from(2, port), who(&[CHECK])));
    }
    run_both(&streams, gates.each_ref(), &peers, async |clock| {
        clock.sleep_until(Instant::from_millis(50)).await;
        gates[1].coming.borrow_mut().push_back((from(3, 1), who(&[])));
        clock.sleep_until(Instant::from_millis(100)).await;
        assert_eq!(gates.each_ref().map(|gate| gate.given_up.get()), [0, 0]);
        gates[0].coming.borrow_mut().push_back((from(4, 1), who(&[])));
        clock.sleep_until(Instant::from_millis(150)).await;
        assert_eq!(gates.each_ref().map(|gate| gate.given_up.get()), [0, 0]);
    });
    assert_eq!((peers.borrow().used.len(), peers.borrow().got.len()), (8, 8));
    assert_eq!(peers.borrow().lost, []);
}

#[test]
fn a_goodbye_that_cannot_be_said_holds_up_nobody() {
    let (gate, peers) = (Gate::default(), RefCell::new(Peers::default()));
    let streams = Streams::<_, 1, 1>::accepting(BOUNDS, Global);
    let first = who(&[CHECK]);
    let second = Script { stuck: true, ..who(&[]) };
    let third = who(&[CHECK]);
    let comes = |port, script: &Script| gate.coming.borrow_mut().push_back((from(1, port), script.clone()));
    comes(1, &first);
    run_for(Duration::from_secs(3), &streams, &gate, &peers, async |clock, _| {
        clock.sleep_until(Instant::from_millis(100)).await;
        comes(2, &second);
        clock.sleep_until(Instant::from_millis(200)).await;
        assert_eq!(peers.borrow().lost, [Lost::NoPlace { route: route(from(1, 2)), limit: 1 }]);
        first.says.borrow_mut().push_back(vec![]);
        clock.sleep_until(Instant::from_millis(1_500)).await;
        comes(3, &third);
        clock.sleep_until(Instant::from_millis(2_200)).await;
        assert_eq!(*third.heard.borrow(), framed(ANSWER));
        assert_eq!((second.open.get(), peers.borrow().ended.len()), (0, 1));
    });
}

#[test]
fn strangers_make_room_and_peers_do_not() {
    let (gate, peers) = (Gate::default(), RefCell::new(Peers::default()));
    let streams = Streams::<_, 1, 3>::accepting(BOUNDS, Global);
    let comes = |from: SocketAddr, script: &Script| gate.coming.borrow_mut().push_back((from, script.clone()));
    let all: Vec<Script> = (0..9).map(|n| if n < 4 { who(&[]) } else { who(&[CHECK]) }).collect();
    run_for(Duration::from_secs(4), &streams, &gate, &peers, async |clock, _| {
        let open = || all.iter().map(|script| script.open.get()).collect::<Vec<_>>();
        // One of an address, and two of another: of those goes the first.
        comes(from(1, 1), &all[0]);
        comes(from(2, 1), &all[1]);
        comes(from(2, 2), &all[2]);
        comes(from(3, 1), &all[3]);
        clock.sleep_until(Instant::from_millis(100)).await;
        assert_eq!(open(), [1, 0, 1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(peers.borrow().lost, [Lost::NotAuthentic { route: route(from(2, 1)) }]);
        for (n, script) in all.iter().enumerate().skip(4).take(3) {
            comes(from(4, n as u16), script);
            clock.sleep_until(Instant::from_millis(100 * n as u64)).await;
        }
        assert_eq!(open(), [0, 0, 0, 0, 1, 1, 1, 0, 0], "the oldest first");
        comes(from(5, 1), &all[7]);
        clock.sleep_until(Instant::from_millis(800)).await;
        assert_eq!(open(), [0, 0, 0, 0, 1, 1, 1, 0, 0], "all places are in use");
        assert_eq!(peers.borrow().lost.last(), Some(&Lost::NoPlace { route: route(from(5, 1)), limit: 3 }));
        // A place comes back, also behind a listener that fails.
        gate.fails.set(true);
        peers.borrow_mut().used.remove(0);
        all[5].says.borrow_mut().push_back(framed(CHECK));
        clock.sleep_until(Instant::from_millis(2_900)).await;
        assert_eq!(peers.borrow().lost.last(), Some(&Lost::NotAccepted { local: listens() }));
        comes(from(6, 1), &all[8]);
        clock.sleep_until(Instant::from_millis(3_500)).await;
        assert_eq!(open(), [0, 0, 0, 0, 0, 1, 1, 0, 1], "one that is not used any more is closed");
    });
}

#[test]
fn this_side_connects_by_the_other_framing_and_the_same_places() {
    let (gate, peers) = (Gate::default(), RefCell::new(Peers::default()));
    let active = Route {
        protocol: Protocol::IceTcp,
        local: SocketAddr::from(([10, 0, 0, 1], TcpType::ACTIVE_PORT)),
        remote: from(1, 5_000),
    };
    peers.borrow_mut().used.push(active);
    peers.borrow_mut().out.push_back((active, ANSWER.to_vec()));
    let streams = Streams::<_, 1, 1>::accepting(BOUNDS, Global);
    let [port, _] = sockets();
    let (mut ports, mut buffers, clock, wake) = ([port], Buffers::new(), Ticks::default(), Wake::<NoopRawMutex>::new());
    let (listeners, dialer) = ([Listener { local: address(9), acceptor: &gate }], who(&[CHECK]));
    let running = run_with_listeners(&mut ports, &streams, &dialer, &listeners, &mut buffers, &clock, &peers, &wake);
    block_on(select(running, clock.sleep_until(Instant::from_millis(100))));
    assert_eq!(dialer.heard.borrow()[..2 + ANSWER.len()], framed(ANSWER));
    assert_eq!(peers.borrow().got, [(active, CHECK.to_vec())]);
}
