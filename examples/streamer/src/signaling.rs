//! What the application answers to those who want to view, or to send, whichever way they come.

use core::fmt::{self, Write as _};
use core::net::{IpAddr, Ipv4Addr};
use core::pin::pin;
use core::time::Duration;

use barertc::Error;
use barertc_runner::Clock;
use barertc_signaling::{
    Admission, Caller, ConnectionPlace, Discard, Endpoint, IceGeneration, Id, Message, Page, Peer, Printable, Refusal,
    Server, Signals, Standing, Ufrag,
};
use barertc_wire::Instant;
use rand_core::Rng;

use crate::app::App;
use crate::board::Board;
use crate::config::HTTP_CONNECTIONS;
use crate::negotiation::is_of_no_use;
use crate::status::Outward;
use crate::viewer::{Origin, Role};
use crate::words::Refused;

/// The socket number of those who come by WHEP or WHIP.
const SESSION: u32 = 0;
/// How often it is looked whether somebody has to be told something.
const LOOK: Duration = Duration::from_millis(250);

/// Where messages come from.
pub(crate) enum Source<'s> {
    /// A connection to us, from this address.
    Page(IpAddr, Option<&'s ConnectionPlace<'s, HTTP_CONNECTIONS>>),
    /// A forwarding server at this address, who does not ask for our token: messages have to show it.
    Forwarder(IpAddr),
}

/// Answers what comes from one source.
pub(crate) struct Handler<'a, 'b, B: Board> {
    pub(crate) app: &'a App<'b, B>,
    pub(crate) source: Source<'a>,
}

impl<B: Board> Handler<'_, '_, B> {
    const fn address(&self) -> IpAddr {
        match self.source {
            Source::Page(address, _) | Source::Forwarder(address) => address,
        }
    }

    fn set_standing(&self, standing: Standing) {
        if let Source::Page(_, Some(place)) = self.source {
            place.set_standing(standing);
        }
    }

    fn origin(&self, peer: Peer<'_>) -> Origin {
        // What is too long for a name of ours was refused before.
        Origin { socket: peer.socket, id: Id::try_from(peer.id).unwrap_or_default(), address: self.address() }
    }

    /// Whether a message may begin something. Who connects to us has shown the token before; through a forwarding server
    /// each message that asks for a place shows it. Without a token only this machine gets in, by that way too.
    fn admits(&self, token: Option<&str>) -> Admission {
        match self.source {
            Source::Page(..) => Admission::Granted,
            Source::Forwarder(address) => match self.app.settings.token {
                Some(_) => self.app.access.compare(self.app.board.now(), address, token),
                None => address.to_canonical().is_loopback().into(),
            },
        }
    }

    fn refuse(&self, what: &str, why: &dyn fmt::Display) {
        self.app.status.count_refused();
        self.app.board.log(format_args!("{}: {why}", Printable(what)));
    }
}

/// What is told to somebody who is refused.
fn reason<'r>(error: &Error, room: &'r mut [u8]) -> &'r str {
    match error {
        Error::WouldBlock => "All places are taken. Try again later.",
        Error::NoMemory => "The streamer has no memory left for another viewer. Try again later.",
        error => {
            let mut w = barertc_wire::Writer::new(room);
            // What does not fit is cut.
            let _ = write!(Text(&mut w), "The streamer cannot use this description: {error}");
            core::str::from_utf8(w.into_written()).unwrap_or("The streamer cannot use this description.")
        }
    }
}

struct Text<'w, 'r>(&'w mut barertc_wire::Writer<'r>);

impl fmt::Write for Text<'_, '_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0.put(s.as_bytes()).map_err(|_| fmt::Error)
    }
}

impl<B: Board> Clock for Handler<'_, '_, B> {
    fn now(&self) -> Instant {
        self.app.board.now()
    }

    async fn sleep_until(&self, at: Instant) {
        self.app.board.sleep_until(at).await;
    }
}

impl<B: Board> Signals for Handler<'_, '_, B> {
    async fn message<'r>(&self, from: Peer<'_>, message: Message<'_>, room: &'r mut [u8]) -> Option<Message<'r>> {
        let app = self.app;
        let origin = self.origin(from);
        if matches!(message, Message::Request | Message::Offer { .. }) {
            // A viewer who offers again has shown it before.
            let known = matches!(message, Message::Offer { .. }) && app.viewers.borrow_mut().is_known(&origin);
            let admission = if known { Admission::Granted } else { self.admits(from.token) };
            if admission != Admission::Granted {
                self.discarded(Discard::Unauthorized);
                self.refuse(from.id, &"refused, for its message shows no token, or a wrong one");
                let reason = match admission {
                    Admission::TooManyAttempts { .. } => "Too many wrong tokens. Try again in some seconds.",
                    _ if app.settings.token.is_none() => {
                        "Without a token only viewers on the same machine may connect."
                    }
                    _ => "The streamer wants a token.",
                };
                return Some(Message::Refused { reason });
            }
            self.set_standing(Standing::Working);
        }
        let mut written = Ok(0);
        let kind = match message {
            Message::Request => {
                written = pin!(app.offer(&origin, room)).await.map(str::len);
                0
            }
            Message::Offer { sdp } => {
                written = pin!(app.answer(Role::Watches, &origin, sdp, room)).await.map(str::len);
                1
            }
            Message::Answer { sdp } => {
                written = app.answered(from, sdp).map(|()| 0);
                2
            }
            Message::Candidate { candidate: "", .. } => 2,
            Message::Candidate { candidate, .. } => {
                // One that is of no use, or comes before its description, does no harm.
                if let Err(error) = app.candidate(from, candidate)
                    && !is_of_no_use(&error)
                {
                    self.refuse(from.id, &error);
                }
                2
            }
            Message::Refused { reason } => {
                app.board.log(format_args!("{}: refuses us: {}", Printable(from.id), Printable(reason)));
                2
            }
            _ => 2,
        };
        app.wake.signal(());
        let len = match written {
            Ok(len) => len,
            Err(error) => {
                self.refuse(from.id, &error);
                return Some(Message::Refused { reason: reason(&error, room) });
            }
        };
        let sdp = || core::str::from_utf8(room.get(..len)?).ok();
        match kind {
            0 => Some(Message::Offer { sdp: sdp()? }),
            1 => Some(Message::Answer { sdp: sdp()? }),
            _ => None,
        }
    }

    async fn outgoing<'r>(&self, socket: u32, to: &mut Id, _: &'r mut [u8]) -> Message<'r> {
        // Offers have all candidates in them: what there is to say is bad news.
        loop {
            let (lost, connecting) = {
                let mut viewers = self.app.viewers.borrow_mut();
                (viewers.take_notice(socket), viewers.is_connecting(socket))
            };
            if let Some(id) = lost {
                *to = id;
                return Message::Refused { reason: "The connection took too long, and others wait for the place." };
            }
            if !connecting {
                self.set_standing(Standing::Authenticated);
            }
            self.app.board.sleep_until(self.app.board.now() + LOOK).await;
        }
    }

    fn connected(&self, _: u32) {
        self.app.status.clear_outward(Outward::Forwarder);
    }

    fn closed(&self, socket: u32) {
        // The connections it made live on; what is not connected by now will not be.
        self.app.viewers.borrow_mut().socket_closed(self.app.board.now(), socket);
        self.app.wake.signal(());
    }

    fn discarded(&self, reason: Discard) {
        self.app.status.count_refused();
        self.app.board.log(format_args!("signaling: refused: {}", Refused(reason)));
    }
}

impl<B: Board> Server for Handler<'_, '_, B> {
    fn authorize(&self, caller: &Caller<'_>) -> Admission {
        let admission = self.app.access.decide(self.app.board.now(), caller);
        if admission == Admission::Granted {
            self.set_standing(Standing::Authenticated);
        }
        admission
    }

    fn opened(&self) -> Option<u32> {
        Some(self.app.next_socket())
    }

    fn page(&self, path: &str) -> Option<Page<'_>> {
        let body = self.app.settings.page;
        matches!(path, "/" | "/index.html").then_some(Page {
            content_type: "text/html; charset=utf-8",
            // Boards that are short of flash have it packed (RFC 1952 §2.3.1).
            encoding: body.starts_with(&[0x1f, 0x8b]).then_some("gzip"),
            body,
        })
    }

    async fn session_offer<'r>(
        &self,
        endpoint: Endpoint,
        offer: &str,
        session: &mut Id,
        room: &'r mut [u8],
    ) -> Result<&'r str, Refusal> {
        let role = match endpoint {
            Endpoint::Whep => Role::Watches,
            Endpoint::Whip if self.app.settings.record || self.app.settings.listen => Role::Sends(0),
            Endpoint::Whip => return Err(Refusal::Unknown),
        };
        self.set_standing(Standing::Working);
        let secret: [u64; 2] = self.app.board.random(|rng| [rng.next_u64(), rng.next_u64()]);
        session.clear();
        for half in secret {
            // 32 of 64 characters.
            let _ = write!(session, "{half:016x}");
        }
        let origin = Origin { socket: SESSION, id: session.clone(), address: self.address() };
        let answer = pin!(self.app.answer(role, &origin, offer, room)).await;
        self.app.wake.signal(());
        let answer = answer.map_err(|error| {
            self.refuse(endpoint.name(), &error);
            match error {
                Error::WouldBlock | Error::NoMemory => Refusal::Busy,
                Error::Sdp(_) => Refusal::Malformed,
                _ => Refusal::Unacceptable,
            }
        })?;
        if self.app.viewers.borrow_mut().is_unused(&origin) {
            // RFC 9725 §4.2: a whole offer is refused rather than each of its m-lines.
            self.app.viewers.borrow_mut().remove(SESSION, &origin.id);
            self.refuse(endpoint.name(), &"nothing in the offer can be used");
            return Err(Refusal::Unacceptable);
        }
        Ok(answer)
    }

    fn session_ice(&self, session: &str) -> Option<IceGeneration> {
        let mut viewers = self.app.viewers.borrow_mut();
        let ufrag = viewers.find(SESSION, session)?.connection.remote_ufrag().unwrap_or_default();
        // Restarts are refused, so there is one generation.
        Some(IceGeneration { number: 0, ufrag: Ufrag::try_from(ufrag).unwrap_or_default() })
    }

    async fn session_candidate(&self, session: &str, _: &str, candidate: Option<&str>) -> Result<(), Refusal> {
        let Some(candidate) = candidate else { return Ok(()) };
        let result = self.app.candidate(Peer { socket: SESSION, id: session, token: None }, candidate);
        self.app.wake.signal(());
        result.map_err(|error| match error {
            Error::NoSuchTrack => Refusal::Unknown,
            error if is_of_no_use(&error) => Refusal::Unsupported,
            _ => Refusal::Malformed,
        })
    }

    fn session_end(&self, session: &str) -> bool {
        let known = self.app.viewers.borrow_mut().end(self.app.board.now(), SESSION, session);
        self.app.wake.signal(());
        known
    }
}

/// Where what this machine asks for itself comes from.
pub(crate) const OURSELVES: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
