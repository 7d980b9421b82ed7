//! Streams whose other end is a script: what it reads and writes, and what it does not.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::vec;
use std::vec::Vec;

use core::net::SocketAddr;
use core::time::Duration;

use barertc::ice::stream::{STUN_ROOM, StreamEnd};
use barertc::{Instant, Protocol, Route, Transmit};
use barertc_arena::{Allocator, Global, Heap};
use edge_nal::{Close, Readable, TcpShutdown, TcpSplit};
use embassy_futures::block_on;
use embassy_futures::select::select;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embedded_io_async::{ErrorType, Read, Write};

use super::{Broken, Ticks, address, sockets};
use crate::{Buffers, Clock as _, Connections, Dial, Lost, StreamBounds, Streams, Wake, run_with_streams};

/// What the other end does.
#[derive(Clone, Default)]
pub(super) struct Script {
    /// What it sends, piece by piece; an empty piece closes the stream.
    pub(super) says: Rc<RefCell<VecDeque<Vec<u8>>>>,
    /// What it has got.
    pub(super) heard: Rc<RefCell<Vec<u8>>>,
    /// Bytes that it still takes.
    pub(super) takes: Rc<Cell<usize>>,
    /// Whether the connection is never made, or is refused.
    pub(super) silent: bool,
    pub(super) refuses: Option<StreamEnd>,
    /// It does not even take the end.
    pub(super) stuck: bool,
    pub(super) dials: Rc<Cell<usize>>,
    pub(super) open: Rc<Cell<usize>>,
}

pub(super) struct Stream(pub(super) Script);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
    }
}

impl Dial for Script {
    type Stream<'a> = Stream;

    async fn dial(&self, route: Route) -> Result<Stream, StreamEnd> {
        assert!(matches!(route.protocol, Protocol::Tcp | Protocol::IceTcp));
        self.dials.set(self.dials.get() + 1);
        if self.silent {
            pending::<()>().await;
        }
        if let Some(end) = self.refuses {
            return Err(end);
        }
        self.open.set(self.open.get() + 1);
        Ok(Stream(self.clone()))
    }
}

impl ErrorType for Stream {
    type Error = Broken;
}

impl ErrorType for &Stream {
    type Error = Broken;
}

impl Read for &Stream {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Broken> {
        assert!(!buf.is_empty(), "there is always room for more");
        poll_fn(|context| {
            context.waker().wake_by_ref();
            let Some(mut piece) = self.0.says.borrow_mut().pop_front() else { return Poll::Pending };
            let len = piece.len().min(buf.len());
            buf[..len].copy_from_slice(&piece[..len]);
            if piece.split_off(len).is_empty() {
                return Poll::Ready(Ok(len));
            }
            unreachable!("pieces fit the buffer")
        })
        .await
    }
}

impl Write for &Stream {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Broken> {
        poll_fn(|context| {
            context.waker().wake_by_ref();
            let len = buf.len().min(self.0.takes.get());
            if len == 0 {
                return Poll::Pending;
            }
            self.0.takes.set(self.0.takes.get() - len);
            self.0.heard.borrow_mut().extend_from_slice(&buf[..len]);
            Poll::Ready(Ok(len))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        panic!("TCP needs no push")
    }
}

impl Readable for &Stream {
    async fn readable(&mut self) -> Result<(), Broken> {
        pending().await
    }
}

// A whole socket reads and writes as its halves do.
impl Read for Stream {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Broken> {
        (&*self).read(buf).await
    }
}

impl Write for Stream {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Broken> {
        (&*self).write(buf).await
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        (&*self).flush().await
    }
}

impl Readable for Stream {
    async fn readable(&mut self) -> Result<(), Broken> {
        (&*self).readable().await
    }
}

impl TcpSplit for Stream {
    type Read<'a> = &'a Self;
    type Write<'a> = &'a Self;

    fn split(&mut self) -> (&Self, &Self) {
        (self, self)
    }
}

impl TcpShutdown for Stream {
    async fn close(&mut self, _: Close) -> Result<(), Broken> {
        pending().await
    }

    async fn abort(&mut self) -> Result<(), Broken> {
        if self.0.stuck {
            pending::<()>().await;
        }
        Err(Broken)
    }
}

/// Connections that send what a test gives them, by streams.
#[derive(Default)]
struct Sender {
    out: VecDeque<(Route, Vec<u8>)>,
    got: Vec<Vec<u8>>,
    ended: Vec<(Route, StreamEnd)>,
    lost: Vec<Lost>,
    unused: bool,
    done: bool,
}

impl Connections for Sender {
    fn handle(&mut self, _: Instant, _: Route, datagram: &mut [u8]) {
        self.got.push(datagram.to_vec());
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
        self.ended.push((route, end));
    }

    fn uses_stream(&self, _: Route) -> bool {
        !self.unused
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn lost(&mut self, lost: Lost) {
        self.lost.push(lost);
    }
}

fn route(port: u16) -> Route {
    Route { protocol: Protocol::Tcp, local: address(0), remote: SocketAddr::from(([192, 0, 2, 1], port)) }
}

fn data(byte: u8, len: u8) -> Vec<u8> {
    [&[0x40, 0, 0, len][..], &vec![byte; len.into()]].concat()
}

/// Runs the loop for this long; `acts` may do something meanwhile.
fn run_for<A: Allocator + Clone, const M: usize>(
    time: Duration,
    streams: &Streams<A, M>,
    script: &Script,
    sender: &RefCell<Sender>,
    acts: impl AsyncFnOnce(&Ticks, &Wake<NoopRawMutex>),
) {
    let [port, _] = sockets();
    let (mut ports, mut buffers, clock, wake) = ([port], Buffers::new(), Ticks::default(), Wake::<NoopRawMutex>::new());
    let meanwhile = async {
        acts(&clock, &wake).await;
        clock.sleep_until(Instant::ZERO + time).await;
    };
    let running = run_with_streams(&mut ports, streams, script, &mut buffers, &clock, sender, &wake);
    block_on(select(running, meanwhile));
}

fn sends(messages: &[(u16, Vec<u8>)]) -> RefCell<Sender> {
    let out = messages.iter().map(|(port, message)| (route(*port), message.clone())).collect();
    RefCell::new(Sender { out, ..Sender::default() })
}

const BOUNDS: StreamBounds = StreamBounds { message: 256, queue: STUN_ROOM + 400 };

#[test]
fn a_stream_is_made_for_the_first_message_and_carries_all_of_both_sides() {
    let script = Script { takes: Rc::new(Cell::new(usize::MAX)), ..Script::default() };
    let (one, two) = (data(1, 8), data(2, 5));
    // The server's messages come in the pieces that the network makes of them.
    script.says.borrow_mut().extend([
        one[..3].to_vec(),
        [&one[3..], &two[..], &[0; 3][..], &one[..6]].concat(),
        one[6..].to_vec(),
    ]);
    let sender = sends(&[(1, one.clone()), (1, two.clone()), (1, one.clone())]);
    let streams = Streams::<_, 2>::new(BOUNDS, Global);
    run_for(Duration::from_millis(100), &streams, &script, &sender, async |_, _| {});
    let sender = sender.into_inner();
    assert_eq!(*script.heard.borrow(), [&one[..], &two, &[0; 3], &one].concat());
    assert_eq!(sender.got, [one.clone(), two, one]);
    assert_eq!((script.dials.get(), sender.ended, sender.lost), (1, vec![], vec![]));
}

#[test]
fn whatever_ends_a_stream_is_told_with_its_reason_and_its_memory_comes_back() {
    let too_long = StreamEnd::TooLong { limit: 256, value: 65_540 };
    let cases: &[(&[&[u8]], StreamEnd)] = &[
        (&[&[]], StreamEnd::Closed),
        (&[&data(1, 8)[..5], &[]], StreamEnd::Cut { missing: 7 }),
        (&[b"HTTP", b"/1.1"], StreamEnd::TooLong { limit: 256, value: 0x5450 + 4 }),
        (&[&[0x80]], StreamEnd::Malformed),
        (&[&[0x40, 0, 0xFF, 0xFF]], too_long),
    ];
    let mut region = vec![core::mem::MaybeUninit::uninit(); 16 * 1024];
    let heap: Heap = Heap::new(&mut region).unwrap();
    for (says, end) in cases {
        let script = Script { takes: Rc::new(Cell::new(usize::MAX)), ..Script::default() };
        script.says.borrow_mut().extend(says.iter().map(|piece| piece.to_vec()));
        let sender = sends(&[(1, data(1, 8))]);
        let streams = Streams::<_, 1>::new(BOUNDS, &heap);
        run_for(Duration::from_secs(3), &streams, &script, &sender, async |_, _| {});
        assert_eq!(sender.borrow().ended, [(route(1), *end)]);
        assert_eq!((script.open.get(), heap.stats().live), (0, 0));
    }
    assert!(heap.stats().peak <= Streams::<&Heap, 1, 0>::worst_case_bytes(&BOUNDS) && heap.stats().peak > 0);
}

#[test]
fn a_connection_that_is_refused_or_never_made_is_told_and_may_be_wanted_again() {
    let refused = Script { refuses: Some(StreamEnd::NotConnected), ..Script::default() };
    let silent = Script { silent: true, ..Script::default() };
    for (script, end) in [(refused, StreamEnd::NotConnected), (silent, StreamEnd::ConnectTimeout)] {
        let sender = sends(&[(1, data(1, 8))]);
        let streams = Streams::<_, 1>::new(BOUNDS, Global);
        run_for(Duration::from_secs(25), &streams, &script, &sender, async |clock, wake| {
            clock.sleep_until(Instant::from_millis(9_900)).await;
            assert_eq!(sender.borrow().ended.len(), usize::from(end == StreamEnd::NotConnected));
            clock.sleep_until(Instant::from_millis(10_100)).await;
            assert_eq!(sender.borrow().ended, [(route(1), end)]);
            sender.borrow_mut().out.push_back((route(1), data(1, 8)));
            wake.signal(());
        });
        assert_eq!((sender.borrow().ended.len(), script.dials.get()), (2, 2));
    }
}

#[test]
fn a_stream_that_takes_nothing_loses_messages_by_number_and_then_ends() {
    let script = Script { takes: Rc::new(Cell::new(100)), ..Script::default() };
    let all: Vec<_> = (0..20).map(|n| (1, data(0x80 + n, 96))).collect();
    let sender = sends(&all);
    let streams = Streams::<_, 1>::new(BOUNDS, Global);
    run_for(Duration::from_secs(15), &streams, &script, &sender, async |clock, _| {
        clock.sleep_until(Instant::from_millis(9_000)).await;
        // Four have room; the other end has taken one of them, or not yet when the rest came.
        let lost = sender.borrow().lost.clone();
        assert!((15..=16).contains(&lost.len()), "{}", lost.len());
        assert!(lost.iter().all(|l| matches!(l, Lost::StreamFull { route: r, value: 100, .. } if *r == route(1))));
        assert!(sender.borrow().ended.is_empty());
    });
    assert_eq!(sender.borrow().ended, [(route(1), StreamEnd::Stalled)]);
    assert_eq!(script.heard.borrow().len(), 100);
}

#[test]
fn one_stream_more_than_there_are_places_is_told() {
    let script = Script { takes: Rc::new(Cell::new(usize::MAX)), ..Script::default() };
    let sender = sends(&[(1, data(1, 8)), (2, data(2, 8)), (3, data(3, 8))]);
    let streams = Streams::<_, 2>::new(BOUNDS, Global);
    run_for(Duration::from_millis(100), &streams, &script, &sender, async |_, _| {});
    let sender = sender.into_inner();
    assert_eq!(sender.ended, [(route(3), StreamEnd::TooMany { limit: 2 })]);
    assert_eq!(sender.lost, [Lost::NotSent { route: route(3) }]);
    // Without memory it is the same.
    let sender = sends(&[(1, data(1, 8))]);
    let mut region = vec![core::mem::MaybeUninit::uninit(); 1024];
    let heap: Heap = Heap::new(&mut region).unwrap();
    let streams = Streams::<_, 2>::new(BOUNDS, &heap);
    run_for(Duration::from_millis(100), &streams, &script, &sender, async |_, _| {});
    assert_eq!(sender.borrow().ended, [(route(1), StreamEnd::NoMemory)]);
}

#[test]
fn a_stream_that_is_not_used_any_more_is_closed_and_its_place_is_free() {
    let script = Script { takes: Rc::new(Cell::new(usize::MAX)), ..Script::default() };
    let sender = sends(&[(1, data(1, 8))]);
    let streams = Streams::<_, 1>::new(BOUNDS, Global);
    run_for(Duration::from_secs(5), &streams, &script, &sender, async |clock, wake| {
        clock.sleep_until(Instant::from_millis(50)).await;
        assert_eq!(script.open.get(), 1);
        sender.borrow_mut().unused = true;
        wake.signal(());
        // The other end does not answer the goodbye.
        clock.sleep_until(Instant::from_millis(1_200)).await;
        assert_eq!((script.open.get(), sender.borrow().ended.len()), (0, 0));
        *sender.borrow_mut() = Sender { out: [(route(2), data(1, 8))].into(), ..Sender::default() };
        wake.signal(());
        clock.sleep_until(Instant::from_millis(1_300)).await;
        assert_eq!((script.open.get(), script.dials.get()), (1, 2));
    });
}

#[test]
fn streams_serve_one_run_after_the_other() {
    let script = Script { takes: Rc::new(Cell::new(usize::MAX)), ..Script::default() };
    let mut region = vec![core::mem::MaybeUninit::uninit(); 16 * 1024];
    let heap: Heap = Heap::new(&mut region).unwrap();
    let streams = Streams::<_, 1>::new(BOUNDS, &heap);
    for run in 1..=3 {
        let sender = sends(&[(run, data(1, 8))]);
        run_for(Duration::from_millis(100), &streams, &script, &sender, async |clock, wake| {
            clock.sleep_until(Instant::from_millis(50)).await;
            assert_eq!(script.open.get(), 1);
            sender.borrow_mut().done = true;
            wake.signal(());
        });
        // It has ended with the loop, and nobody is left who would have to know.
        assert_eq!((script.open.get(), script.dials.get(), heap.stats().live), (0, run.into(), 0));
        assert_eq!(sender.borrow().lost, []);
    }
}

#[test]
fn a_run_that_was_dropped_leaves_no_stream_to_the_next() {
    let script = Script { takes: Rc::new(Cell::new(usize::MAX)), ..Script::default() };
    let streams = Streams::<_, 1>::new(BOUNDS, Global);
    let sender = sends(&[(1, data(1, 8))]);
    run_for(Duration::from_millis(100), &streams, &script, &sender, async |_, _| {});
    assert_eq!((script.dials.get(), script.heard.borrow().len()), (1, 12));
    // The same connections, once more: they hear that their stream is gone, and another one is made.
    sender.borrow_mut().out.push_back((route(1), data(2, 8)));
    run_for(Duration::from_millis(100), &streams, &script, &sender, async |_, _| {});
    assert_eq!((script.dials.get(), script.heard.borrow().len()), (2, 24));
    assert_eq!(sender.borrow().ended, [(route(1), StreamEnd::Failed)]);
    // Other connections hear of nothing that was never theirs.
    let other = sends(&[]);
    other.borrow_mut().unused = true;
    run_for(Duration::from_millis(100), &streams, &script, &other, async |_, _| {});
    assert_eq!((&*other.borrow().ended, &*other.borrow().lost), (&[][..], &[][..]));
}

#[test]
fn a_stream_that_is_swept_before_it_began_gives_its_place_back() {
    let script = Script { takes: Rc::new(Cell::new(usize::MAX)), ..Script::default() };
    let streams = Streams::<_, 1>::new(BOUNDS, Global);
    let sender = sends(&[(1, data(1, 8))]);
    sender.borrow_mut().unused = true;
    run_for(Duration::from_millis(100), &streams, &script, &sender, async |clock, wake| {
        clock.sleep_until(Instant::from_millis(10)).await;
        // Nobody dialled, and what waited is told to be lost.
        assert_eq!((script.dials.get(), &*sender.borrow().lost), (0, &[Lost::NotSent { route: route(1) }][..]));
        *sender.borrow_mut() = Sender { out: [(route(2), data(1, 8))].into(), ..Sender::default() };
        wake.signal(());
    });
    assert_eq!((script.dials.get(), &*sender.borrow().ended), (1, &[][..]));
}

#[test]
fn what_waits_in_a_stream_that_ends_is_told_to_be_lost() {
    // The other end takes nothing.
    let script = Script::default();
    let sender = sends(&[(1, data(1, 8)), (1, data(2, 8))]);
    let streams = Streams::<_, 1>::new(BOUNDS, Global);
    run_for(Duration::from_secs(5), &streams, &script, &sender, async |clock, wake| {
        clock.sleep_until(Instant::from_millis(50)).await;
        script.says.borrow_mut().push_back(Vec::new());
        // It does not answer the goodbye either. What is sent meanwhile is lost with the rest.
        clock.sleep_until(Instant::from_millis(500)).await;
        assert_eq!((sender.borrow().ended.len(), sender.borrow().lost.len()), (0, 0));
        sender.borrow_mut().out.push_back((route(1), data(3, 8)));
        wake.signal(());
    });
    assert_eq!(sender.borrow().ended, [(route(1), StreamEnd::Closed)]);
    assert_eq!(sender.borrow().lost, [Lost::NotSent { route: route(1) }]);
}
