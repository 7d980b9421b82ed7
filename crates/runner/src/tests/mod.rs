//! The loop over sockets that are queues and a clock that moves by itself.

mod accepted;
mod streams;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::format;
use std::future::{poll_fn, ready};
use std::rc::Rc;
use std::string::String;
use std::task::Poll;
use std::vec;
use std::vec::Vec;

use core::net::SocketAddr;
use core::time::Duration;

use barertc::{
    Candidate, ChannelConfig, Config, ConnectionState, Event, Identity, Instant, MessageKind, PeerConnection, Route,
    RustCrypto, Transmit,
};
use barertc_arena::Global;
use barertc_crypto::selftest::Predictable;
use edge_nal::{UdpReceive, UdpSend};
use embassy_futures::block_on;
use embassy_futures::join::{join, join4};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;

use crate::{Buffers, Clock, Connections, DATAGRAM, Driven, Error, Lost, Port, Wake, run};

type Connection = PeerConnection<'static, Global, RustCrypto>;
type Queue = Rc<RefCell<VecDeque<(SocketAddr, Vec<u8>)>>>;

/// A clock that goes on by a tenth of a millisecond whenever somebody waits.
#[derive(Default)]
struct Ticks(Cell<u64>);

impl Clock for Ticks {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.get())
    }

    async fn sleep_until(&self, at: Instant) {
        poll_fn(|context| {
            self.0.set(self.0.get() + 100);
            context.waker().wake_by_ref();
            if self.now() >= at { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[derive(Debug)]
struct Broken;

impl core::fmt::Display for Broken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("broken")
    }
}

impl core::error::Error for Broken {}

impl embedded_io_async::Error for Broken {
    fn kind(&self) -> embedded_io_async::ErrorKind {
        embedded_io_async::ErrorKind::Other
    }
}

/// A socket between two queues.
struct Socket {
    local: SocketAddr,
    incoming: Queue,
    outgoing: Queue,
    broken: bool,
}

impl embedded_io_async::ErrorType for Socket {
    type Error = Broken;
}

impl UdpReceive for Socket {
    async fn receive(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Broken> {
        poll_fn(|context| {
            context.waker().wake_by_ref();
            let Some((from, datagram)) = self.incoming.borrow_mut().pop_front() else { return Poll::Pending };
            let len = datagram.len().min(buffer.len());
            buffer[..len].copy_from_slice(&datagram[..len]);
            Poll::Ready(Ok((datagram.len(), from)))
        })
        .await
    }
}

impl UdpSend for Socket {
    async fn send(&mut self, _: SocketAddr, data: &[u8]) -> Result<(), Broken> {
        if self.broken {
            return Err(Broken);
        }
        self.outgoing.borrow_mut().push_back((self.local, data.to_vec()));
        Ok(())
    }
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 4_000))
}

fn sockets() -> [Port<Socket>; 2] {
    let queues = [Queue::default(), Queue::default()];
    [0, 1].map(|n| {
        let local = address(n as u8);
        let (incoming, outgoing) = (queues[n].clone(), queues[1 - n].clone());
        Port { local, socket: Socket { local, incoming, outgoing, broken: false } }
    })
}

/// Two connections that have agreed on data channels.
fn agreed() -> [Connection; 2] {
    let now = Instant::ZERO;
    let mut rng = Predictable::new(1);
    let identity = std::boxed::Box::leak(std::boxed::Box::new(Identity::generate(&RustCrypto, &mut rng)));
    let mut pair = [0, 1].map(|number| {
        let mut connection =
            Connection::new(Config::default(), identity, Global, &RustCrypto, &mut rng).expect("memory");
        connection.add_local_candidate(now, Candidate::host(address(number))).expect("room");
        connection
    });
    pair[0].open_channel(now, &ChannelConfig { label: "chat", ..ChannelConfig::default() }).expect("room");
    pair[1].add_data(now).expect("memory");
    let (mut offer, mut answer) = ([0; 4_096], [0; 4_096]);
    let offer = pair[0].create_offer(now, &mut offer).expect("an offer");
    let answer = pair[1].create_answer(now, offer, &mut answer).expect("an answer");
    pair[0].set_answer(now, answer).expect("they agree");
    pair
}

/// Takes events until `done`.
async fn until(side: &Driven<'static, Global, RustCrypto>, mut done: impl FnMut(&Event) -> bool) {
    while let Some(event) = side.next_event().await {
        if done(&event) {
            return;
        }
    }
    panic!("the loop has ended");
}

#[test]
fn events_reach_the_application_and_the_loop_ends_after_the_goodbye() {
    let clock = Ticks::default();
    let [one, two] = agreed().map(Driven::<_, _>::new);
    let [port_one, port_two] = sockets();
    let mut ports = ([port_one], [port_two]);
    let mut buffers = (Buffers::new(), Buffers::new());
    let mut heard = String::new();
    let talk = async {
        let mut channel = None;
        until(&one, |event| {
            channel = if let Event::ChannelOpen(id) = event { Some(*id) } else { None };
            channel.is_some()
        })
        .await;
        let id = channel.expect("a channel");
        one.with(|connection| connection.write_channel(clock.now(), id, MessageKind::Text, b"hello")).expect("room");
        until(&one, |event| matches!(event, Event::ConnectionState(ConnectionState::Closed))).await;
    };
    let listen = async {
        let mut channel = None;
        until(&two, |event| {
            channel = if let Event::ChannelReadable(id) = event { Some(*id) } else { None };
            channel.is_some()
        })
        .await;
        let (id, mut room) = (channel.expect("a channel"), [0; 16]);
        let read = two.with(|connection| connection.read_channel(clock.now(), id, &mut room)).expect("a message");
        heard = String::from_utf8_lossy(&room[..read.len]).into_owned();
        two.with(|connection| connection.close(clock.now()));
    };
    let loops = join4(
        one.run(&mut ports.0, &mut buffers.0, &clock),
        two.run(&mut ports.1, &mut buffers.1, &clock),
        talk,
        listen,
    );
    let (ended_one, ended_two, (), ()) = block_on(loops);
    assert_eq!((ended_one, ended_two), (Ok(()), Ok(())));
    assert_eq!(heard, "hello");
    assert_eq!(one.lost(), (0, None));
    // Whoever asks afterwards hears the rest, and then the end.
    while block_on(two.next_event()).is_some() {}
}

/// Connections that send once, by a route of their own.
struct Stub {
    send: Option<(Route, usize)>,
    mtu: usize,
    lost: Vec<Lost>,
    handled: usize,
    turns: usize,
}

impl Stub {
    fn new(send: Option<(Route, usize)>) -> RefCell<Self> {
        RefCell::new(Self { send, mtu: 1_200, lost: vec![], handled: 0, turns: 0 })
    }
}

impl Connections for Stub {
    fn handle(&mut self, _: Instant, _: Route, datagram: &mut [u8]) {
        self.handled += datagram.len();
    }

    fn poll_transmit(&mut self, _: Instant, _: &mut [u8]) -> Option<Transmit> {
        let (route, len) = self.send.take()?;
        Some(Transmit { route, len })
    }

    fn timeout(&self) -> Option<Instant> {
        Some(Instant::from_millis(1) + Duration::from_millis(self.turns as u64))
    }

    fn handle_timeout(&mut self, _: Instant) {
        self.turns += 1;
    }

    fn uses_stream(&self, _: Route) -> bool {
        false
    }

    fn lost(&mut self, lost: Lost) {
        self.lost.push(lost);
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn is_done(&self) -> bool {
        self.turns > 3
    }
}

fn drive(stub: &RefCell<Stub>, ports: &mut [Port<Socket>; 1]) -> Result<(), Error> {
    let (mut buffers, clock, wake) = (Buffers::new(), Ticks::default(), Wake::<NoopRawMutex>::new());
    block_on(run(ports, &mut buffers, &clock, stub, &wake))
}

#[test]
fn a_route_that_no_port_has_is_told() {
    let route = Route::udp(address(9), address(1));
    let stub = Stub::new(Some((route, 10)));
    let [port, _] = sockets();
    assert_eq!(drive(&stub, &mut [port]), Ok(()));
    assert_eq!(stub.borrow().lost, [Lost::NoPort { route }]);
}

#[test]
fn a_datagram_that_the_socket_refuses_is_told() {
    let route = Route::udp(address(0), address(1));
    let stub = Stub::new(Some((route, 10)));
    let [mut port, _] = sockets();
    port.socket.broken = true;
    assert_eq!(drive(&stub, &mut [port]), Ok(()));
    assert_eq!(stub.borrow().lost, [Lost::NotSent { route }]);
}

#[test]
fn a_datagram_longer_than_the_buffer_is_told_and_not_handled() {
    let stub = Stub::new(None);
    let [port, _] = sockets();
    for len in [DATAGRAM + 1, DATAGRAM] {
        port.socket.incoming.borrow_mut().push_back((address(1), vec![0; len]));
    }
    assert_eq!(drive(&stub, &mut [port]), Ok(()));
    let route = Route::udp(address(0), address(1));
    assert_eq!(stub.borrow().lost, [Lost::TooLong { route, limit: DATAGRAM, value: DATAGRAM + 1 }]);
    assert_eq!(stub.borrow().handled, DATAGRAM);
}

#[test]
fn an_mtu_above_the_buffers_ends_the_loop_at_once() {
    let stub = Stub::new(None);
    stub.borrow_mut().mtu = 1_501;
    let [port, _] = sockets();
    let error = Error::DatagramTooLong { limit: DATAGRAM, value: 1_501 };
    assert_eq!(drive(&stub, &mut [port]), Err(error));
    assert_eq!(format!("{error}"), "an mtu of 1501 bytes is above the 1500 bytes of the buffers");
}

#[test]
fn whoever_wakes_the_loop_is_looked_at() {
    /// It has something to send once it was woken, and no timeout.
    struct Asleep(Cell<bool>);
    impl Connections for Asleep {
        fn handle(&mut self, _: Instant, _: Route, _: &mut [u8]) {}
        fn poll_transmit(&mut self, _: Instant, _: &mut [u8]) -> Option<Transmit> {
            None
        }
        fn timeout(&self) -> Option<Instant> {
            None
        }
        fn handle_timeout(&mut self, _: Instant) {}
        fn uses_stream(&self, _: Route) -> bool {
            false
        }
        fn is_done(&self) -> bool {
            self.0.get()
        }
    }
    let (asleep, wake) = (RefCell::new(Asleep(Cell::new(false))), Wake::<NoopRawMutex>::new());
    let [port, _] = sockets();
    let (mut ports, mut buffers, clock) = ([port], Buffers::new(), Ticks::default());
    let waker = async {
        clock.sleep_until(Instant::from_millis(5)).await;
        asleep.borrow().0.set(true);
        wake.signal(());
        ready(()).await;
    };
    let (ended, ()) = block_on(join(run(&mut ports, &mut buffers, &clock, &asleep, &wake), waker));
    assert_eq!(ended, Ok(()));
}
