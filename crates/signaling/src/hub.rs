use core::cell::RefCell;
use core::net::IpAddr;
use core::pin::pin;

use barertc_wire::Writer;
use embassy_futures::select::{Either3, select3};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embedded_io_async::{Read, Write};

use crate::access::Caller;
use crate::error::{Discard, Discards, Error};
use crate::http::{self, Fields};
use crate::json;
use crate::link::{Clock, MAX_UNANSWERED, PING_AFTER, WRITE_TIMEOUT, within};
use crate::message::{Id, MAX_ID};
use crate::server::{READ_TIMEOUT, refuse, shown_token, switch};
use crate::ws::{CLOSE_NORMAL, CLOSE_PROTOCOL, CLOSE_TOO_BIG, HEADROOM, Incoming, WebSocket};

/// Messages that wait for a client that is slow to read.
const WAITING: usize = 2;

/// A framed message: [`HEADROOM`] bytes and the JSON.
type Text<const MESSAGE: usize> = heapless::Vec<u8, MESSAGE>;

/// A forwarding server with the protocol of the libdatachannel examples: a client's name is the first segment of the path
/// it connects to; a message goes to the client that its `id` names, with `id` replaced by the sender's name, whatever
/// else it says. A new client of a name that is taken replaces the old one.
///
/// It holds `CLIENTS` clients and up to two messages of `MESSAGE` bytes for each, all in its own size. One task a
/// connection, all on one executor, share it by reference.
pub struct Hub<const CLIENTS: usize, const MESSAGE: usize> {
    state: RefCell<State<CLIENTS>>,
    boxes: [Channel<NoopRawMutex, Text<MESSAGE>, WAITING>; CLIENTS],
}

struct State<const CLIENTS: usize> {
    /// Who has each place.
    clients: [Option<Client>; CLIENTS],
    arrivals: u32,
    discards: Discards,
}

struct Client {
    name: Id,
    /// Which of all who ever came; a place may have a new owner before the old one knows.
    arrival: u32,
}

impl<const CLIENTS: usize, const MESSAGE: usize> Default for Hub<CLIENTS, MESSAGE> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const CLIENTS: usize, const MESSAGE: usize> Hub<CLIENTS, MESSAGE> {
    /// With nobody in it.
    #[must_use]
    pub fn new() -> Self {
        let state = State { clients: [const { None }; CLIENTS], arrivals: 0, discards: Discards::default() };
        Self { state: RefCell::new(state), boxes: [const { Channel::new() }; CLIENTS] }
    }

    /// What was refused.
    #[must_use]
    pub fn discards(&self) -> Discards {
        self.state.borrow().discards.clone()
    }

    /// Serves one accepted connection until it ends, if `allow` lets it in. `buf` bounds what it may send.
    ///
    /// # Errors
    /// When the connection broke, timed out or broke the rules.
    pub async fn serve<S: Read + Write, C: Clock>(
        &self,
        socket: &mut S,
        address: IpAddr,
        allow: impl Fn(&Caller<'_>) -> bool,
        buf: &mut [u8],
        clock: &C,
    ) -> Result<(), Error> {
        let (len, _) = match within(clock, READ_TIMEOUT, pin!(http::read_head(socket, buf))).await {
            Err(Error::Closed) => return Ok(()),
            other => other.inspect_err(|_| self.discard(Discard::Head))?,
        };
        let Ok(request) = http::parse_request(buf.get(..len).unwrap_or_default()) else {
            self.discard(Discard::Head);
            return refuse(socket, clock, 400).await;
        };
        let Fields { host, origin, ws_key, ws_version, .. } = request.fields;
        let Some(key) = ws_key.filter(|_| request.fields.is_websocket() && ws_version == Some("13")) else {
            self.discard(Discard::Unsupported);
            return refuse(socket, clock, 426).await;
        };
        let token = shown_token(&request);
        if !allow(&Caller { address, token: token.as_deref(), host, origin }) {
            self.discard(Discard::Unauthorized);
            return refuse(socket, clock, 401).await;
        }
        let name = request.path.split('/').nth(1).and_then(|n| Id::try_from(n).ok()).filter(|n| !n.is_empty());
        let Some(name) = name else {
            self.discard(Discard::Unsupported);
            return refuse(socket, clock, 404).await;
        };
        let Some((place, arrival)) = self.enter(&name) else {
            self.discard(Discard::Full);
            return refuse(socket, clock, 503).await;
        };
        let member = Member { hub: self, place, arrival, name };
        within(clock, WRITE_TIMEOUT, pin!(switch(socket, key))).await?;
        member.serve(WebSocket::server(socket, buf), clock).await
    }

    fn discard(&self, reason: Discard) {
        self.state.borrow_mut().discards.count(reason);
    }

    fn enter(&self, name: &Id) -> Option<(usize, u32)> {
        let mut state = self.state.borrow_mut();
        if let Some((place, client)) = state.place_of(name) {
            // The old one finds out by waking up to an empty message, or at its next message if its box is full.
            *client = None;
            if let Some(letters) = self.boxes.get(place) {
                let _ = letters.try_send(Text::new());
            }
        }
        // A place whose last owner is only just finding out has letters of his in it, and isn't free yet.
        let place = (0..CLIENTS).find(|p| self.is_free(&state, *p))?;
        state.arrivals = state.arrivals.wrapping_add(1);
        let arrival = state.arrivals;
        *state.clients.get_mut(place)? = Some(Client { name: name.clone(), arrival });
        Some((place, arrival))
    }

    fn is_free(&self, state: &State<CLIENTS>, place: usize) -> bool {
        state.clients.get(place).is_some_and(Option::is_none) && self.boxes.get(place).is_some_and(Channel::is_empty)
    }

    fn post(&self, from: &Id, text: &[u8]) -> Result<(), Discard> {
        let mut letter = Text::<MESSAGE>::new();
        letter.resize_default(MESSAGE).map_err(|_| Discard::TooLong)?;
        let mut w = Writer::new(letter.get_mut(HEADROOM..).unwrap_or_default());
        let to = json::replace::<MAX_ID>(text, "id", from, &mut w).map_err(|e| match e {
            Error::NoRoom => Discard::TooLong,
            _ => Discard::Json,
        })?;
        let len = w.len().saturating_add(HEADROOM);
        letter.truncate(len);
        let place = self.state.borrow_mut().place_of(&to).map(|(place, _)| place).ok_or(Discard::Unknown)?;
        let letters = self.boxes.get(place).ok_or(Discard::Unknown)?;
        letters.try_send(letter).map_err(|_| Discard::Full)
    }
}

impl<const CLIENTS: usize> State<CLIENTS> {
    fn place_of(&mut self, name: &Id) -> Option<(usize, &mut Option<Client>)> {
        self.clients.iter_mut().enumerate().find(|(_, c)| c.as_ref().is_some_and(|c| c.name == *name))
    }
}

/// A client in its place, which it leaves when dropped.
struct Member<'h, const CLIENTS: usize, const MESSAGE: usize> {
    hub: &'h Hub<CLIENTS, MESSAGE>,
    place: usize,
    arrival: u32,
    name: Id,
}

impl<const CLIENTS: usize, const MESSAGE: usize> Member<'_, CLIENTS, MESSAGE> {
    fn is_current(&self) -> bool {
        let state = self.hub.state.borrow();
        state.clients.get(self.place).and_then(Option::as_ref).is_some_and(|c| c.arrival == self.arrival)
    }

    async fn serve<S: Read + Write, C: Clock>(&self, mut ws: WebSocket<'_, S>, clock: &C) -> Result<(), Error> {
        let ended = self.forward(&mut ws, clock).await;
        let code = match ended {
            Err(Error::TooLong) => {
                self.hub.discard(Discard::TooLong);
                CLOSE_TOO_BIG
            }
            Err(Error::Protocol) => {
                self.hub.discard(Discard::Frame);
                CLOSE_PROTOCOL
            }
            _ => CLOSE_NORMAL,
        };
        if !matches!(ended, Err(Error::Io | Error::TimedOut)) {
            let _ = within(clock, WRITE_TIMEOUT, pin!(ws.close(code, 0))).await;
        }
        match ended {
            Err(Error::Closed) => Ok(()),
            other => other,
        }
    }

    async fn forward<S: Read + Write, C: Clock>(&self, ws: &mut WebSocket<'_, S>, clock: &C) -> Result<(), Error> {
        let letters = self.hub.boxes.get(self.place).ok_or(Error::Closed)?;
        let mut unanswered = 0;
        loop {
            match select3(ws.recv(), letters.receive(), clock.sleep(PING_AFTER)).await {
                Either3::First(incoming) => {
                    unanswered = 0;
                    match incoming? {
                        Incoming::Text(text) if self.is_current() => {
                            if let Err(reason) = self.hub.post(&self.name, text) {
                                self.hub.discard(reason);
                            }
                        }
                        Incoming::Ping(data) => within(clock, WRITE_TIMEOUT, pin!(ws.pong(&data, 0))).await?,
                        Incoming::Binary => self.hub.discard(Discard::Json),
                        Incoming::Pong => {}
                        Incoming::Text(_) | Incoming::Close => return Err(Error::Closed),
                    }
                }
                Either3::Second(mut letter) => {
                    if !self.is_current() {
                        return Err(Error::Closed);
                    }
                    let len = letter.len().saturating_sub(HEADROOM);
                    if len > 0 {
                        within(clock, WRITE_TIMEOUT, pin!(ws.send_text(&mut letter, len, 0))).await?;
                    }
                }
                Either3::Third(()) if unanswered >= MAX_UNANSWERED => return Err(Error::TimedOut),
                Either3::Third(()) => {
                    unanswered = unanswered.saturating_add(1);
                    within(clock, WRITE_TIMEOUT, pin!(ws.ping(0))).await?;
                }
            }
        }
    }
}

impl<const CLIENTS: usize, const MESSAGE: usize> Drop for Member<'_, CLIENTS, MESSAGE> {
    fn drop(&mut self) {
        let mut state = self.hub.state.borrow_mut();
        let owner = state.clients.get_mut(self.place).filter(|c| c.as_ref().is_none_or(|c| c.arrival == self.arrival));
        // Somebody else's letters are left alone.
        if let (Some(owner), Some(letters)) = (owner, self.hub.boxes.get(self.place)) {
            *owner = None;
            letters.clear();
        }
    }
}
