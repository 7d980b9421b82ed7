//! The page, and offers from it.

use std::cell::RefCell;
use std::net::TcpListener;

use anyhow::{Result, anyhow};
use async_io::Async;
use barertc::config::SctpConfig;
use barertc::{Candidate, Config, Identity, Instant, RustCrypto};
use barertc_arena::Global;
use barertc_runner::{Clock, Wake};
use barertc_signaling::{Access, AccessControl, Admission, Caller, Endpoint, Id, Page, Refusal, Server, Signals};
use edge_nal::{Close, TcpShutdown};
use edge_nal_std::TcpSocket;
use getrandom::SysRng;
use rand_core::{Rng, UnwrapErr};

use crate::app::{App, Peer as Connection};
use crate::guests::{Guests, MESSAGE};
use crate::host::HostClock;

/// How many connections there may be.
const GUESTS: usize = 8;
/// Room for messages, each way.
const BUFFER: u32 = 256 << 10;

/// What is at the address.
pub(crate) struct Site<'a, T, F> {
    pub(crate) clock: HostClock,
    pub(crate) guests: &'a RefCell<Guests<T>>,
    pub(crate) wake: &'a Wake,
    pub(crate) identity: &'static Identity,
    pub(crate) page: &'static str,
    pub(crate) app: F,
    pub(crate) control: AccessControl<'static>,
}

/// Lets in pages of ours that are opened on this machine.
pub(crate) fn here() -> Result<AccessControl<'static>> {
    Ok(AccessControl::new(Access::new(None).map_err(|error| anyhow!("{error}"))?))
}

impl<T: App, F: Fn() -> T> Site<'_, T, F> {
    /// Serves one request after the other.
    pub(crate) async fn listen(&self, listener: &Async<TcpListener>) -> Result<()> {
        use barertc_signaling::Buffers;
        let (mut message, mut sdp) = (vec![0; Buffers::MESSAGE], vec![0; Buffers::SDP]);
        let mut out = vec![0; Buffers::OUT];
        loop {
            let (stream, remote) = listener.accept().await?;
            let mut socket = TcpSocket::new(stream);
            let buffers = Buffers { message: &mut message, sdp: &mut sdp, out: &mut out };
            // A request that breaks off is of no interest.
            let _ = barertc_signaling::serve_connection(&mut socket, remote.ip(), buffers, self).await;
            let _ = socket.close(Close::Write).await;
        }
    }

    /// A connection for an offer, and the answer to it.
    fn answer<'r>(&self, offer: &str, room: &'r mut [u8]) -> Result<(Connection, T, &'r str), barertc::Error> {
        let mut app = (self.app)();
        let mut config = Config { sctp: SctpConfig::with_buffers(BUFFER, BUFFER), ..T::config() };
        config.max_message_size = MESSAGE as u32;
        let (now, mut rng) = (self.clock.now(), UnwrapErr(SysRng));
        let mut connection = Connection::new(config, self.identity, Global, &RustCrypto, &mut rng)?;
        connection.add_local_candidate(now, Candidate::host(self.guests.borrow().local))?;
        app.begin(&mut connection, now)?;
        connection.add_data(now)?;
        let answer = connection.create_answer(now, offer, room)?;
        Ok((connection, app, answer))
    }
}

impl<T: App, F: Fn() -> T> Server for Site<'_, T, F> {
    fn authorize(&self, caller: &Caller<'_>) -> Admission {
        self.control.decide(self.clock.now(), caller)
    }

    fn opened(&self) -> Option<u32> {
        None
    }

    fn page(&self, path: &str) -> Option<Page<'_>> {
        let (content_type, body) = match path {
            "/" => ("text/html; charset=utf-8", self.page),
            "/connect.js" => ("text/javascript", include_str!("../pages/connect.js")),
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
        if self.guests.borrow().len() >= GUESTS {
            return Err(Refusal::Busy);
        }
        let (connection, app, answer) = self.answer(offer, room).map_err(|error| {
            eprintln!("the offer is of no use: {error}");
            Refusal::Unacceptable
        })?;
        let secret = [(); 2].map(|()| UnwrapErr(SysRng).next_u64());
        *session = Id::try_from(&*format!("{:016x}{:016x}", secret[0], secret[1])).unwrap_or_default();
        self.guests.borrow_mut().add(self.clock.now(), session.clone(), connection, app);
        self.wake.signal(());
        Ok(answer)
    }

    fn session_end(&self, session: &str) -> bool {
        let ended = self.guests.borrow_mut().end(self.clock.now(), session);
        self.wake.signal(());
        ended
    }
}

impl<T: App, F: Fn() -> T> Signals for Site<'_, T, F> {}

impl<T: App, F: Fn() -> T> Clock for Site<'_, T, F> {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    async fn sleep_until(&self, at: Instant) {
        self.clock.sleep_until(at).await;
    }
}
