//! The board: two heaps that count, one socket, and servers that say what a test wrote.

use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use core::fmt;
use core::future::{pending, poll_fn};
use core::net::{IpAddr, SocketAddr};
use core::task::Poll;
use std::collections::VecDeque;
use std::format;
use std::string::String;
use std::vec::Vec;

use barertc::RustCrypto;
use barertc::ice::stream::StreamEnd;
use barertc_arena::{Counting, Global, Stats};
use barertc_crypto::selftest::Predictable;
use barertc_wire::Instant;
use edge_nal::{Close, Readable, TcpAccept, TcpConnect, TcpShutdown, TcpSplit, UdpReceive, UdpSend};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use super::SimClock;
use crate::board::{Board, Memory};

/// Where the device is.
pub(crate) const DEVICE: SocketAddr =
    SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1)), 9_000);

/// The machine. Frames have a heap of their own, for they come and go.
pub(crate) struct SimBoard<'w> {
    pub(crate) clock: &'w SimClock,
    pub(crate) heap: &'w Counting<Global>,
    pub(crate) frames: &'w Counting<Global>,
    rng: RefCell<Predictable>,
    /// Datagrams on their way in and out, the latter with the time they left.
    pub(crate) arrived: RefCell<VecDeque<(SocketAddr, Vec<u8>)>>,
    pub(crate) left: RefCell<VecDeque<(Instant, SocketAddr, Vec<u8>)>>,
    pub(crate) log: RefCell<Vec<String>>,
    pub(crate) sleeps: Cell<u64>,
    pub(crate) servers: Servers,
    /// How many questions for the address of a name are not answered.
    pub(crate) unresolved: Cell<u32>,
}

impl<'w> SimBoard<'w> {
    pub(crate) fn new(clock: &'w SimClock, heap: &'w Counting<Global>, frames: &'w Counting<Global>) -> Self {
        Self {
            clock,
            heap,
            frames,
            rng: RefCell::new(Predictable::new(7)),
            arrived: RefCell::default(),
            left: RefCell::default(),
            log: RefCell::default(),
            sleeps: Cell::new(0),
            servers: Servers::default(),
            unresolved: Cell::new(0),
        }
    }
}

impl barertc_runner::Clock for SimBoard<'_> {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    async fn sleep_until(&self, at: Instant) {
        self.sleeps.set(self.sleeps.get() + 1);
        self.clock.sleep_until(at).await;
    }
}

impl<'w> Board for SimBoard<'w> {
    type Psram = &'w Counting<Global>;
    type Acceptor<'a>
        = NoTcp
    where
        Self: 'a;
    type Udp<'a>
        = SimSocket<'a>
    where
        Self: 'a;
    type Connect<'a>
        = &'a Servers
    where
        Self: 'a;
    type ConnectError = Fault;
    type Error = Infallible;
    type Crypto = RustCrypto;
    type Rng = Predictable;

    fn psram(&self, owner: &'static str) -> Self::Psram {
        if owner == "frames" { self.frames } else { self.heap }
    }

    async fn listen(&self, local: SocketAddr) -> Result<(NoTcp, SocketAddr), Infallible> {
        Ok((NoTcp, local))
    }

    async fn bind(&self, _: SocketAddr) -> Result<(SimSocket<'_>, SocketAddr), Infallible> {
        Ok((SimSocket { arrived: &self.arrived, left: &self.left, clock: self.clock }, DEVICE))
    }

    fn tcp(&self) -> &Servers {
        &self.servers
    }

    fn crypto(&self) -> &RustCrypto {
        &RustCrypto
    }

    fn random<T>(&self, f: impl FnOnce(&mut Predictable) -> T) -> T {
        f(&mut self.rng.borrow_mut())
    }

    fn memory(&self) -> Memory {
        Memory { internal: Stats::ZERO, psram: self.heap.stats(), ..Memory::default() }
    }

    async fn resolve(&self, _: &str) -> Option<IpAddr> {
        let left = self.unresolved.get().checked_sub(1);
        self.unresolved.set(left.unwrap_or_default());
        if left.is_some() { None } else { Some(DEVICE.ip()) }
    }

    fn connect_failed(error: &Fault) -> StreamEnd {
        error.0
    }

    fn log(&self, line: fmt::Arguments<'_>) {
        self.log.borrow_mut().push(format!("{line}"));
    }
}

/// The device's UDP socket.
pub(crate) struct SimSocket<'a> {
    arrived: &'a RefCell<VecDeque<(SocketAddr, Vec<u8>)>>,
    left: &'a RefCell<VecDeque<(Instant, SocketAddr, Vec<u8>)>>,
    clock: &'a SimClock,
}

impl ErrorType for SimSocket<'_> {
    type Error = Infallible;
}

impl UdpReceive for SimSocket<'_> {
    async fn receive(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Infallible> {
        poll_fn(|_| match self.arrived.borrow_mut().pop_front() {
            Some((from, datagram)) => {
                buffer[..datagram.len()].copy_from_slice(&datagram);
                Poll::Ready(Ok((datagram.len(), from)))
            }
            None => Poll::Pending,
        })
        .await
    }
}

impl UdpSend for SimSocket<'_> {
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), Infallible> {
        self.left.borrow_mut().push_back((self.clock.now(), remote, data.into()));
        Ok(())
    }
}

/// A listener to which nobody comes.
pub(crate) struct NoTcp;

/// A connection that there never is.
pub(crate) enum Never {}

impl TcpAccept for NoTcp {
    type Error = Fault;
    type Socket<'a> = Never;

    async fn accept(&self) -> Result<(SocketAddr, Never), Fault> {
        pending().await
    }
}

/// Why a server is not reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault(pub(crate) StreamEnd, pub(crate) ErrorKind, pub(crate) &'static str);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.2)
    }
}

impl core::error::Error for Fault {}

impl embedded_io_async::Error for Fault {
    fn kind(&self) -> ErrorKind {
        self.1
    }
}

/// Servers that are reached by TCP: one for each reply that a test wrote. Without a reply nobody is reached.
#[derive(Default)]
pub(crate) struct Servers {
    pub(crate) replies: RefCell<VecDeque<&'static str>>,
    /// Those that are not reached, before all others.
    pub(crate) faults: RefCell<VecDeque<Fault>>,
    /// What each of them was told.
    pub(crate) told: RefCell<Vec<String>>,
}

impl TcpConnect for Servers {
    type Error = Fault;
    type Socket<'a> = Reached<'a>;

    async fn connect(&self, _: SocketAddr) -> Result<Reached<'_>, Fault> {
        if let Some(fault) = self.faults.borrow_mut().pop_front() {
            return Err(fault);
        }
        let Some(reply) = self.replies.borrow_mut().pop_front() else { return pending().await };
        self.told.borrow_mut().push(String::new());
        Ok(Reached { reply: reply.as_bytes(), told: &self.told })
    }
}

/// A connection to a server, which says its reply and then nothing more.
pub(crate) struct Reached<'a> {
    reply: &'static [u8],
    told: &'a RefCell<Vec<String>>,
}

impl ErrorType for Reached<'_> {
    type Error = Fault;
}

impl Read for Reached<'_> {
    async fn read(&mut self, room: &mut [u8]) -> Result<usize, Fault> {
        if self.reply.is_empty() {
            return pending().await;
        }
        self.reply.read(room).await.map_err(|never| match never {})
    }
}

impl Write for Reached<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut told = self.told.borrow_mut();
        told.last_mut().expect("it was reached").push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

impl Readable for Reached<'_> {
    async fn readable(&mut self) -> Result<(), Fault> {
        if self.reply.is_empty() { pending().await } else { Ok(()) }
    }
}

impl TcpShutdown for Reached<'_> {
    async fn close(&mut self, _: Close) -> Result<(), Fault> {
        Ok(())
    }

    async fn abort(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

impl<'b> TcpSplit for Reached<'b> {
    type Read<'a>
        = Reached<'b>
    where
        Self: 'a;
    type Write<'a>
        = Reached<'b>
    where
        Self: 'a;

    /// What is still to be read goes with the first half.
    fn split(&mut self) -> (Reached<'b>, Reached<'b>) {
        (Reached { reply: core::mem::take(&mut self.reply), told: self.told }, Reached { reply: &[], told: self.told })
    }
}

impl ErrorType for Never {
    type Error = Fault;
}

impl Read for Never {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, Fault> {
        match *self {}
    }
}

impl Write for Never {
    async fn write(&mut self, _: &[u8]) -> Result<usize, Fault> {
        match *self {}
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        match *self {}
    }
}

impl Readable for Never {
    async fn readable(&mut self) -> Result<(), Fault> {
        match *self {}
    }
}

impl TcpShutdown for Never {
    async fn close(&mut self, _: Close) -> Result<(), Fault> {
        match *self {}
    }

    async fn abort(&mut self) -> Result<(), Fault> {
        match *self {}
    }
}

impl TcpSplit for Never {
    type Read<'a> = Never;
    type Write<'a> = Never;

    fn split(&mut self) -> (Never, Never) {
        match *self {}
    }
}
