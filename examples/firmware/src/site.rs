//! The page, and offers from it.

use core::cell::RefCell;
use core::fmt::Write as _;
use core::net::SocketAddr;
use core::pin::pin;
use core::time::Duration;

use barertc::arena::Heap;
use barertc::rand_core::Rng;
use barertc::{Candidate, Error, Identity, Instant, RustCrypto};
use barertc_runner::{Clock, Wake};
use barertc_signaling::{AccessControl, Admission, Buffers, Caller, Endpoint, Id, Page, Refusal, Server, Signals};
use edge_nal::{Close, Readable, TcpAccept, TcpShutdown};
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embedded_io_async::{Read, Write};

use crate::board::{Board, Settings, Time};
use crate::bounds::CONFIG;
use crate::guests::{Guests, Peer as Connection};
use crate::rooms::{ANSWER, OFFER};

/// How long a connection may be open before it asks for something. Browsers open some ahead of need.
const ASKING: Duration = Duration::from_secs(1);
/// How long a request and its answer may take: others wait for the buffers.
const REQUEST: Duration = Duration::from_secs(5);
/// How long a connection may take to end.
const LINGER: Duration = Duration::from_secs(1);

const PAGE: &str = include_str!("../../channels/pages/echo.html");
const SCRIPT: &str = include_str!("../../channels/pages/connect.js");

/// What is at the address.
pub(crate) struct Site<'a, 'p, B> {
    pub(crate) board: &'p B,
    pub(crate) settings: &'p Settings<'p>,
    pub(crate) control: AccessControl<'p>,
    pub(crate) guests: &'a RefCell<Guests<'p, B>>,
    pub(crate) wake: &'a Wake,
    pub(crate) heap: &'p Heap<'p>,
    pub(crate) identity: &'p Identity,
    pub(crate) local: SocketAddr,
    /// Room for one request: several connections take turns.
    pub(crate) http: &'a Mutex<NoopRawMutex, &'p mut [u8]>,
}

impl<B: Board> Site<'_, '_, B> {
    /// Serves one connection after the other.
    pub(crate) async fn accept<T: TcpAccept>(&self, acceptor: &T) {
        loop {
            let Ok((remote, mut socket)) = acceptor.accept().await else {
                Time.sleep_until(Time.now() + ASKING).await;
                continue;
            };
            if within(ASKING, socket.readable()).await.is_none() {
                continue;
            }
            self.serve(remote, &mut socket).await;
            // A socket that is let go with something unread is reset, and a reset may take back what was said last.
            let _ = within(LINGER, async {
                let mut unwanted = [0; 64];
                let _ = socket.close(Close::Write).await;
                while matches!(socket.read(&mut unwanted).await, Ok(1..)) {}
            })
            .await;
        }
    }

    /// Serves one request.
    async fn serve<S: Read + Write>(&self, remote: SocketAddr, socket: &mut S) {
        let mut room = self.http.lock().await;
        let (message, rest) = room.split_at_mut(OFFER);
        let (sdp, out) = rest.split_at_mut(ANSWER);
        let buffers = Buffers { message, sdp, out };
        match within(REQUEST, barertc_signaling::serve_connection(socket, remote.ip(), buffers, self)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => self.board.log(format_args!("{remote}: {error}")),
            None => self.board.log(format_args!("{remote}: the request takes too long")),
        }
    }
}

impl<'p, B: Board> Site<'_, 'p, B> {
    /// A connection for an offer, and the answer to it. Out of line, so that what it needs of the stack is given back.
    #[inline(never)]
    fn answer<'r>(&self, now: Instant, offer: &str, room: &'r mut [u8]) -> Result<(Connection<'p>, &'r str), Error> {
        let made = |rng: &mut B::Rng| Connection::new(CONFIG, self.identity, self.heap, &RustCrypto, rng);
        let mut connection = self.board.random(made)?;
        match self.settings.advertise {
            Some(public) => connection.add_mapped_candidate(now, self.local, public)?,
            None => connection.add_local_candidate(now, Candidate::host(self.local))?,
        }
        connection.add_data(now)?;
        let answer = connection.create_answer(now, offer, room)?;
        Ok((connection, answer))
    }
}

/// What `future` gives; `None` when it takes longer than `limit`.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(Time.sleep_until(Time.now() + limit))).await {
        Either::First(result) => Some(result),
        Either::Second(()) => None,
    }
}

impl<B: Board> Server for Site<'_, '_, B> {
    fn authorize(&self, caller: &Caller<'_>) -> Admission {
        self.control.decide(Time.now(), caller)
    }

    fn opened(&self) -> Option<u32> {
        None
    }

    fn page(&self, path: &str) -> Option<Page<'_>> {
        let (content_type, body) = match path {
            "/" => ("text/html; charset=utf-8", PAGE),
            "/connect.js" => ("text/javascript", SCRIPT),
            _ => return None,
        };
        Some(Page { content_type, encoding: None, body: body.as_bytes() })
    }

    async fn session_offer<'r>(
        &self,
        _: Endpoint,
        offer: &str,
        session: &mut Id,
        room: &'r mut [u8],
    ) -> Result<&'r str, Refusal> {
        if self.guests.borrow().is_full() {
            return Err(Refusal::Busy);
        }
        let now = Time.now();
        let (connection, answer) = self.answer(now, offer, room).map_err(|error| {
            self.board.log(format_args!("an offer cannot be answered: {error}"));
            if matches!(error, Error::NoMemory) { Refusal::Busy } else { Refusal::Unacceptable }
        })?;
        session.clear();
        let secret = self.board.random(|rng| [rng.next_u64(), rng.next_u64()]);
        if write!(session, "{:016x}{:016x}", secret[0], secret[1]).is_err()
            || !self.guests.borrow_mut().add(now, connection)
        {
            return Err(Refusal::Busy);
        }
        self.wake.signal(());
        Ok(answer)
    }

    // The page waits until its offer has all candidates, and ends its connection by closing it.
    fn session_end(&self, _: &str) -> bool {
        false
    }
}

// There are no signaling sockets: `opened` gives them no number.
impl<B: Board> Signals for Site<'_, '_, B> {}

impl<B> Clock for Site<'_, '_, B> {
    fn now(&self) -> Instant {
        Time.now()
    }

    async fn sleep_until(&self, at: Instant) {
        Time.sleep_until(at).await;
    }
}
