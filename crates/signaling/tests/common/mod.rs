//! A byte stream in memory, a clock that stands still until it is told, and an application that remembers.
#![allow(dead_code, reason = "every test uses its share")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use barertc_signaling::*;
use embedded_io_async::{ErrorType, Read, Write};
use futures_lite::future;

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
    /// The other side never reads: writes hang.
    pub(crate) stuck: bool,
}

pub(crate) fn connection() -> (Stream, Stream) {
    let (a, b) = (Rc::<RefCell<Half>>::default(), Rc::<RefCell<Half>>::default());
    let end = |incoming: &Rc<_>, outgoing: &Rc<_>| Stream {
        incoming: Rc::clone(incoming),
        outgoing: Rc::clone(outgoing),
        piece: usize::MAX,
        stuck: false,
    };
    (end(&a, &b), end(&b, &a))
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
        if self.stuck {
            std::future::pending::<()>().await;
        }
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
#[derive(Default)]
pub(crate) struct App {
    now: Cell<Duration>,
    sleepers: RefCell<Vec<Waker>>,
    pub(crate) token: Option<&'static str>,
    pub(crate) full: Cell<bool>,
    pub(crate) heard: RefCell<Vec<String>>,
    pub(crate) discards: RefCell<Discards>,
    /// (to, candidate) to be sent unasked.
    news: RefCell<VecDeque<(String, &'static str)>>,
    news_waker: RefCell<Option<Waker>>,
    pub(crate) sessions: RefCell<Vec<String>>,
    pub(crate) open: Cell<i32>,
    pub(crate) answer_len: Cell<usize>,
}

pub(crate) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=\"offer\"\r\nt=0 0\r\n";

impl App {
    pub(crate) fn with_token(token: &'static str) -> Self {
        Self { token: Some(token), ..Self::default() }
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
    async fn sleep(&self, duration: Duration) {
        let until = self.now.get() + duration;
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

    fn closed(&self, socket: u32) {
        self.open.set(self.open.get() - 1);
        self.note(format!("{socket} closed"));
    }

    fn discarded(&self, reason: Discard) {
        self.discards.borrow_mut().count(reason);
    }
}

impl Server for App {
    fn authorize(&self, caller: &Caller<'_>) -> bool {
        Access::new(self.token).allows(caller)
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
        self.note(format!("{session}/{mid}: {candidate:?}"));
        Ok(())
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

/// A browser's WebSocket, written independently of the library's.
pub(crate) struct Browser {
    pub(crate) stream: Stream,
}

impl Browser {
    pub(crate) async fn open(mut stream: Stream, path: &str) -> (Self, String) {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost:80\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
             Origin: http://localhost:80\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await.unwrap() == 0 {
                break;
            }
            head.push(byte[0]);
        }
        (Self { stream }, String::from_utf8(head).unwrap())
    }

    pub(crate) async fn frame(&mut self, first: u8, payload: &[u8]) {
        let mask = [0x12, 0x34, 0x56, 0x78];
        let mut bytes = vec![first];
        match payload.len() {
            n @ 0..126 => bytes.push(0x80 | n as u8),
            n @ 126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                bytes.push(0x80 | 127);
                bytes.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        self.stream.write_all(&bytes).await.unwrap();
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes()).await;
    }

    /// The next frame's first byte and payload; `None` at the end.
    pub(crate) async fn hear(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).await.ok()?;
        let len = match head[1] {
            126 => {
                let mut len = [0; 2];
                self.stream.read_exact(&mut len).await.ok()?;
                usize::from(u16::from_be_bytes(len))
            }
            n => usize::from(n),
        };
        let mut payload = vec![0; len];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((head[0], payload))
    }

    pub(crate) async fn hear_json(&mut self) -> serde_json::Value {
        let (first, payload) = self.hear().await.expect("a message");
        assert_eq!(first, 0x81);
        serde_json::from_slice(&payload).expect("JSON")
    }
}
