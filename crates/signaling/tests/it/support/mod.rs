//! A byte stream in memory, a clock that stands still until it is told, and an application that remembers.
#![allow(dead_code, reason = "every test uses its share")]

mod browser;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use barertc_signaling::*;
use barertc_wire::{Clock, Instant};
use embedded_io_async::{ErrorType, Read, Write};
use futures_lite::future;

pub(crate) use browser::Browser;

#[derive(Default)]
struct Half {
    bytes: VecDeque<u8>,
    closed: bool,
    waker: Option<Waker>,
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// One end of a connection.
pub(crate) struct Stream {
    incoming: Rc<RefCell<Half>>,
    outgoing: Rc<RefCell<Half>>,
    /// How many bytes one read gives at most: streams have no boundaries.
    pub(crate) piece: usize,
    held: Rc<Hold>,
}

/// Whether the other side reads: while it does not, writes hang.
#[derive(Default)]
pub(crate) struct Hold {
    held: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Hold {
    pub(crate) fn set(&self, held: bool) {
        self.held.set(held);
        wake(self.waker.take());
    }
}

pub(crate) fn connection() -> (Stream, Stream) {
    let (a, b) = (Rc::<RefCell<Half>>::default(), Rc::<RefCell<Half>>::default());
    let end = |incoming: &Rc<_>, outgoing: &Rc<_>| Stream {
        incoming: Rc::clone(incoming),
        outgoing: Rc::clone(outgoing),
        piece: usize::MAX,
        held: Rc::default(),
    };
    (end(&a, &b), end(&b, &a))
}

impl Stream {
    /// Lets a test hold up what is written here.
    pub(crate) fn hold(&self) -> Rc<Hold> {
        Rc::clone(&self.held)
    }
}

impl ErrorType for Stream {
    type Error = Infallible;
}

impl Read for Stream {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|cx| {
            let mut half = self.incoming.borrow_mut();
            let n = half.bytes.len().min(buf.len()).min(self.piece);
            if n == 0 && !half.closed {
                half.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            for (to, byte) in buf.iter_mut().zip(half.bytes.drain(..n)) {
                *to = byte;
            }
            Poll::Ready(Ok(n))
        })
        .await
    }
}

impl Write for Stream {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        poll_fn(|cx| {
            if !self.held.held.get() {
                return Poll::Ready(());
            }
            *self.held.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        let mut half = self.outgoing.borrow_mut();
        half.bytes.extend(buf);
        wake(half.waker.take());
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut half = self.outgoing.borrow_mut();
        half.closed = true;
        wake(half.waker.take());
    }
}

/// What an application was told, and what it says.
pub(crate) struct App {
    now: Cell<Instant>,
    sleepers: RefCell<Vec<Waker>>,
    pub(crate) full: Cell<bool>,
    pub(crate) heard: RefCell<Vec<String>>,
    pub(crate) discards: RefCell<Discards>,
    /// (to, candidate) to be sent unasked.
    news: RefCell<VecDeque<(String, &'static str)>>,
    news_waker: RefCell<Option<Waker>>,
    pub(crate) sessions: RefCell<Vec<String>>,
    pub(crate) open: Cell<i32>,
    /// The ICE generation of the session.
    pub(crate) generation: Cell<u32>,
    /// ICE restarts are done.
    pub(crate) restarts: Cell<bool>,
    /// The length of offers, if they are not [`OFFER`].
    pub(crate) offer_len: Cell<usize>,
    control: AccessControl<'static>,
}

impl Default for App {
    fn default() -> Self {
        Self::with_access(None)
    }
}

pub(crate) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=\"offer\"\r\nt=0 0\r\n";

impl App {
    pub(crate) fn with_token(token: &'static str) -> Self {
        Self::with_access(Some(token))
    }

    fn with_access(token: Option<&'static str>) -> Self {
        Self {
            now: Cell::new(Instant::from_millis(1_000)),
            sleepers: RefCell::default(),
            full: Cell::default(),
            heard: RefCell::default(),
            discards: RefCell::default(),
            news: RefCell::default(),
            news_waker: RefCell::default(),
            sessions: RefCell::default(),
            open: Cell::default(),
            generation: Cell::default(),
            restarts: Cell::default(),
            offer_len: Cell::default(),
            control: AccessControl::new(Access::new(token).expect("a token that can be shown")),
        }
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.now.set(self.now.get() + by);
        self.sleepers.take().into_iter().for_each(Waker::wake);
    }

    pub(crate) fn tell(&self, to: &str, candidate: &'static str) {
        self.news.borrow_mut().push_back((to.to_owned(), candidate));
        wake(self.news_waker.take());
    }

    pub(crate) fn discarded_so_often(&self, reason: Discard) -> u32 {
        self.discards.borrow().get(reason)
    }

    fn note(&self, text: String) {
        self.heard.borrow_mut().push(text);
    }
}

impl Clock for App {
    fn now(&self) -> Instant {
        self.now.get()
    }

    async fn sleep_until(&self, until: Instant) {
        poll_fn(|cx| {
            if self.now.get() >= until {
                return Poll::Ready(());
            }
            self.sleepers.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Signals for App {
    async fn message<'r>(&self, from: Peer<'_>, message: Message<'_>, room: &'r mut [u8]) -> Option<Message<'r>> {
        self.note(format!("{}:{} {message:?}", from.socket, from.id));
        if matches!(message, Message::Request) && self.offer_len.get() > 0 {
            let room = &mut room[..self.offer_len.get()];
            room.fill(b'v');
            return Some(Message::Offer { sdp: std::str::from_utf8(room).unwrap() });
        }
        let room = &mut room[..OFFER.len()];
        room.copy_from_slice(OFFER.as_bytes());
        let sdp = std::str::from_utf8(room).unwrap();
        match message {
            Message::Request => Some(Message::Offer { sdp }),
            Message::Offer { .. } => Some(Message::Answer { sdp }),
            _ => None,
        }
    }

    async fn outgoing<'r>(&self, _socket: u32, to: &mut Id, room: &'r mut [u8]) -> Message<'r> {
        let (peer, candidate) = poll_fn(|cx| match self.news.borrow_mut().pop_front() {
            Some(news) => Poll::Ready(news),
            None => {
                *self.news_waker.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        })
        .await;
        *to = Id::try_from(peer.as_str()).unwrap();
        let room = &mut room[..candidate.len()];
        room.copy_from_slice(candidate.as_bytes());
        Message::Candidate { candidate: std::str::from_utf8(room).unwrap(), mid: "0" }
    }

    fn connected(&self, socket: u32) {
        self.note(format!("{socket} connected"));
    }

    fn closed(&self, socket: u32) {
        self.open.set(self.open.get() - 1);
        self.note(format!("{socket} closed"));
    }

    fn discarded(&self, reason: Discard) {
        self.discards.borrow_mut().count(reason);
    }
}

impl Server for App {
    fn authorize(&self, caller: &Caller<'_>) -> Admission {
        self.control.decide(self.now.get(), caller)
    }

    fn opened(&self) -> Option<u32> {
        if self.full.get() {
            return None;
        }
        self.open.set(self.open.get() + 1);
        Some(7)
    }

    fn page(&self, path: &str) -> Option<Page<'_>> {
        (path == "/").then_some(Page { content_type: "text/html", encoding: None, body: b"<!doctype html>" })
    }

    async fn session_offer<'r>(
        &self,
        _: Endpoint,
        offer: &str,
        session: &mut Id,
        room: &'r mut [u8],
    ) -> Result<&'r str, Refusal> {
        if self.full.get() {
            return Err(Refusal::Busy);
        }
        if !offer.starts_with("v=0") {
            return Err(Refusal::Malformed);
        }
        *session = Id::try_from("s3cr3t").unwrap();
        self.sessions.borrow_mut().push("s3cr3t".to_owned());
        let room = &mut room[..OFFER.len()];
        room.copy_from_slice(OFFER.as_bytes());
        Ok(std::str::from_utf8(room).unwrap())
    }

    async fn session_candidate(&self, session: &str, mid: &str, candidate: Option<&str>) -> Result<(), Refusal> {
        if !self.sessions.borrow().iter().any(|s| s == session) {
            return Err(Refusal::Unknown);
        }
        match candidate {
            Some(c) if c.contains(" tcp ") => return Err(Refusal::Unsupported),
            Some(c) if !c.contains(" typ ") => return Err(Refusal::Malformed),
            _ => {}
        }
        self.note(format!("{session}/{mid}: {candidate:?}"));
        Ok(())
    }

    fn session_ice(&self, session: &str) -> Option<IceGeneration> {
        let known = self.sessions.borrow().iter().any(|s| s == session);
        let number = self.generation.get();
        let ufrag = Ufrag::try_from(if number == 0 { "abcd" } else { "efgh" }).unwrap();
        known.then_some(IceGeneration { number, ufrag })
    }

    async fn session_restart<'r>(
        &self,
        session: &str,
        ufrag: &str,
        pwd: &str,
        room: &'r mut [u8],
    ) -> Result<&'r str, Refusal> {
        if !self.restarts.get() {
            return Err(Refusal::Unsupported);
        }
        self.note(format!("{session}: restart to {ufrag} {pwd}"));
        self.generation.set(self.generation.get() + 1);
        let ours = "a=ice-ufrag:ours\r\na=ice-pwd:0123456789012345678901\r\n";
        let room = &mut room[..ours.len()];
        room.copy_from_slice(ours.as_bytes());
        Ok(std::str::from_utf8(room).unwrap())
    }

    fn session_end(&self, session: &str) -> bool {
        let mut sessions = self.sessions.borrow_mut();
        let before = sessions.len();
        sessions.retain(|s| s != session);
        sessions.len() < before
    }
}

pub(crate) const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Serves one connection with buffers of the given size for messages.
pub(crate) async fn serve(app: &App, mut stream: Stream, from: IpAddr, message: usize) -> Result<(), Error> {
    let (mut message, mut sdp, mut out) = (vec![0; message], vec![0; Buffers::SDP], vec![0; Buffers::OUT]);
    let buffers = Buffers { message: &mut message, sdp: &mut sdp, out: &mut out };
    serve_connection(&mut stream, from, buffers, app).await
}

/// Runs many futures beside something else, as an executor does; it never ends itself.
pub(crate) async fn all_of<F: Future>(futures: impl Iterator<Item = F>) {
    let mut all: Vec<_> = futures.map(|future| Some(Box::pin(future))).collect();
    poll_fn(|cx| {
        for slot in &mut all {
            if slot.as_mut().is_some_and(|future| future.as_mut().poll(cx).is_ready()) {
                *slot = None;
            }
        }
        Poll::Pending
    })
    .await
}

/// Runs both ends until both are done.
pub(crate) fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    future::block_on(future::zip(a, b))
}

/// Sends a request from this machine and gives everything that comes back.
pub(crate) fn exchange(app: &App, request: &str) -> String {
    exchange_from(app, LOCAL, request, Buffers::MESSAGE)
}

pub(crate) fn exchange_from(app: &App, from: IpAddr, request: &str, message: usize) -> String {
    let (server, mut client) = connection();
    let (_, text) = both(serve(app, server, from, message), async {
        client.write_all(request.as_bytes()).await.unwrap();
        read_all(&mut client).await
    });
    String::from_utf8(text).unwrap()
}

pub(crate) async fn read_all(stream: &mut Stream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut piece = [0; 512];
    loop {
        match stream.read(&mut piece).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&piece[..n]),
        }
    }
}

/// Numbers that look random.
pub(crate) struct Fixed(pub(crate) u32);

impl rand_core::TryRng for Fixed {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0 = self.0.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        Ok(self.0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from(self.try_next_u32()?))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
        to.fill(self.try_next_u32()? as u8);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Fixed {}
