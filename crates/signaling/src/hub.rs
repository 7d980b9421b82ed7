//! Passes messages between the sockets of viewers and the device.

use core::cell::RefCell;
use core::net::IpAddr;
use core::pin::pin;
use core::time::Duration;

use barertc_wire::{Clock, Writer};
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embedded_io_async::{Read, Write};

use crate::access::{Admission, Caller, network_of};
use crate::error::{Discard, Discards, Error, Violation};
use crate::exchange::shown_token;
use crate::http::{self, Fields};
use crate::json;
use crate::limits::{ConnectionPlace, ConnectionTable, Standing};
use crate::link::{MAX_UNANSWERED, PING_AFTER, WRITE_TIMEOUT, within};
use crate::message::{Id, MAX_ID};
use crate::reply::{Answer, refuse, refuse_with, status_of, switch, whole_seconds};
use crate::server::READ_TIMEOUT;
use crate::ws::{CLOSE_NORMAL, CLOSE_POLICY, HEADROOM, Incoming, WebSocket, close_code, is_key};

/// The most messages that wait for a client.
const WAITING: usize = 4;
/// The time in which a client must answer a ping after another connection has asked for its name.
const PROOF: Duration = Duration::from_secs(5);

/// A message with room for its frame header: [`HEADROOM`] bytes, then the JSON.
type Text<const MESSAGE: usize> = heapless::Vec<u8, MESSAGE>;

/// A forwarding server with the signaling protocol of the libdatachannel examples.
///
/// The name of a client is the first segment of the path that it connects to. The hub forwards a message to the client that
/// its `id` names, and replaces `id` with the sender's name. It does not read the rest of the message.
///
/// A name belongs to its connection until the connection ends. Another connection that asks for the name is refused with
/// status 409. The hub then pings the owner of the name, which must answer within five seconds.
///
/// The hub has `CLIENTS` places, also for connections that have not sent a request yet. [`ConnectionTable`] selects the
/// connection that is evicted when all places are taken. Up to four messages of `MESSAGE` bytes wait for each client. When
/// four wait, a new message replaces one of the sender that has most messages there. So a sender that floods a slow client
/// loses messages, and other senders do not.
///
/// All memory is inside the hub. Each connection has its own task, and all tasks share the hub by reference on one executor.
pub struct Hub<const CLIENTS: usize, const MESSAGE: usize> {
    connections: ConnectionTable<CLIENTS>,
    clients: RefCell<[Option<Client<MESSAGE>>; CLIENTS]>,
    discards: RefCell<Discards>,
    /// A message waits for the client, or the hub has to ping it.
    woken: [Signal<NoopRawMutex, ()>; CLIENTS],
}

barertc_wire::opaque! { [const CLIENTS: usize, const MESSAGE: usize] Hub<CLIENTS, MESSAGE>; }

struct Client<const MESSAGE: usize> {
    name: Id,
    letters: heapless::Vec<Letter<MESSAGE>, WAITING>,
    /// Whether another connection has asked for the client's name.
    doubted: bool,
}

struct Letter<const MESSAGE: usize> {
    /// The index and the address of the sender.
    from: (usize, IpAddr),
    text: Text<MESSAGE>,
}

impl<const CLIENTS: usize, const MESSAGE: usize> Default for Hub<CLIENTS, MESSAGE> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const CLIENTS: usize, const MESSAGE: usize> Hub<CLIENTS, MESSAGE> {
    /// Makes a hub without clients.
    #[must_use]
    pub fn new() -> Self {
        Self {
            connections: ConnectionTable::new(),
            clients: RefCell::new([const { None }; CLIENTS]),
            discards: RefCell::new(Discards::default()),
            woken: [const { Signal::new() }; CLIENTS],
        }
    }

    /// The number of refused requests and messages, by reason.
    #[must_use]
    pub fn discards(&self) -> Discards {
        self.discards.borrow().clone()
    }

    /// Serves one accepted connection until it ends, if `allow` admits it.
    ///
    /// The length of `buf` limits the head of the request and the messages of the client.
    ///
    /// # Errors
    /// An [`Error`] when the stream failed, a time limit passed, or the client broke a rule.
    pub async fn serve<S: Read + Write, C: Clock>(
        &self,
        socket: &mut S,
        address: IpAddr,
        allow: impl Fn(&Caller<'_>) -> Admission,
        buf: &mut [u8],
        clock: &C,
    ) -> Result<(), Error> {
        let Some(place) = self.connections.enter(clock.now(), address) else {
            self.discard(Discard::Full);
            return refuse(socket, clock, 503).await;
        };
        let admitted = {
            let admitting = pin!(self.admit(socket, address, allow, buf, clock, &place));
            match select(admitting, pin!(place.evicted())).await {
                Either::First(result) => result?,
                Either::Second(()) => {
                    self.discard(Discard::Full);
                    return Err(Error::TimedOut);
                }
            }
        };
        let Some((member, came)) = admitted else { return Ok(()) };
        member.serve(WebSocket::server(socket, buf).with_received(came), clock).await
    }

    /// Admits a client, or refuses it with `None`. The number is the length of the client's first bytes at the front of
    /// `buf`.
    async fn admit<'h, S: Read + Write, C: Clock>(
        &'h self,
        socket: &mut S,
        address: IpAddr,
        allow: impl Fn(&Caller<'_>) -> Admission,
        buf: &mut [u8],
        clock: &C,
        place: &'h ConnectionPlace<'h, CLIENTS>,
    ) -> Result<Option<(Member<'h, CLIENTS, MESSAGE>, usize)>, Error> {
        let head = {
            let reading = pin!(http::read_head(socket, buf, 0));
            within(clock, READ_TIMEOUT, reading).await
        };
        let head = match head {
            Err(Error::Closed) => return Ok(None),
            Err(error) => {
                self.discard(Discard::Head);
                if matches!(error, Error::TooLong { .. }) {
                    refuse(socket, clock, 431).await?;
                }
                return Err(error);
            }
            Ok(head) => head,
        };
        let request = match http::parse_request(buf.get(..head.len).unwrap_or_default()) {
            Ok(request) => request,
            Err(violation) => {
                self.discard(Discard::Head);
                return refuse(socket, clock, status_of(violation)).await.map(|()| None);
            }
        };
        let Fields { host, origin, ws_key, ws_version, .. } = request.fields;
        let upgrade = request.method == "GET" && request.fields.is_websocket() && ws_version == Some("13");
        let Some(key) = ws_key.filter(|key| upgrade && is_key(key)) else {
            self.discard(Discard::Unsupported);
            return refuse(socket, clock, if upgrade { 400 } else { 426 }).await.map(|()| None);
        };
        let token = shown_token(&request);
        match allow(&Caller { address, token: token.as_deref(), host, origin }) {
            Admission::Granted => {}
            Admission::Refused => {
                self.discard(Discard::Unauthorized);
                return refuse(socket, clock, 401).await.map(|()| None);
            }
            Admission::TooManyAttempts { retry_after } => {
                self.discard(Discard::TooManyAttempts);
                let (seconds, answer) =
                    (whole_seconds(retry_after), Answer { status: 429, head_only: false, limit: None });
                let refused = refuse_with(socket, clock, answer, |w| w.line(format_args!("Retry-After: {seconds}")));
                return refused.await.map(|()| None);
            }
        }
        let name = request.path.split('/').nth(1).and_then(|n| Id::try_from(n).ok()).filter(|n| !n.is_empty());
        let Some(name) = name else {
            self.discard(Discard::Unsupported);
            return refuse(socket, clock, 404).await.map(|()| None);
        };
        let member = match self.enter(&name, address, place) {
            Ok(member) => member,
            Err(why) => {
                self.discard(why);
                return refuse(socket, clock, if why == Discard::NameTaken { 409 } else { 503 }).await.map(|()| None);
            }
        };
        within(clock, WRITE_TIMEOUT, pin!(switch(socket, key))).await?;
        // The bytes behind the head belong to the client's first message.
        buf.copy_within(head.len..head.filled, 0);
        let came = head.filled.saturating_sub(head.len);
        Ok(Some((member, came)))
    }

    fn discard(&self, reason: Discard) {
        self.discards.borrow_mut().count(reason);
    }

    fn enter<'h>(
        &'h self,
        name: &Id,
        address: IpAddr,
        place: &'h ConnectionPlace<'h, CLIENTS>,
    ) -> Result<Member<'h, CLIENTS, MESSAGE>, Discard> {
        let mut clients = self.clients.borrow_mut();
        let mut taken =
            clients.iter_mut().zip(&self.woken).filter_map(|(client, woken)| Some((client.as_mut()?, woken)));
        if let Some((client, woken)) = taken.find(|(client, _)| client.name == *name) {
            client.doubted = true;
            woken.signal(());
            return Err(Discard::NameTaken);
        }
        let index = clients.iter().position(Option::is_none).ok_or(Discard::Full)?;
        let slot = clients.get_mut(index).ok_or(Discard::Full)?;
        *slot = Some(Client { name: name.clone(), letters: heapless::Vec::new(), doubted: false });
        place.set_standing(Standing::Authenticated);
        Ok(Member { hub: self, index, address: network_of(address), name: name.clone(), place })
    }

    fn post(&self, member: &Member<'_, CLIENTS, MESSAGE>, text: &[u8]) -> Result<(), Discard> {
        let mut letter = Text::<MESSAGE>::new();
        letter.resize_default(MESSAGE).map_err(|_| Discard::TooLong)?;
        let mut w = Writer::new(letter.get_mut(HEADROOM..).unwrap_or_default());
        let to = json::replace::<MAX_ID>(text, "id", &member.name, &mut w).map_err(|e| match e {
            Error::NoRoom | Error::TooLong { .. } => Discard::TooLong,
            _ => Discard::Json,
        })?;
        let len = w.len().saturating_add(HEADROOM);
        letter.truncate(len);
        let mut clients = self.clients.borrow_mut();
        let named = |client: &Option<Client<MESSAGE>>| client.as_ref().is_some_and(|client| client.name == to);
        let to = clients.iter().position(named).ok_or(Discard::Unknown)?;
        let (Some(Some(client)), Some(woken)) = (clients.get_mut(to), self.woken.get(to)) else {
            return Err(Discard::Unknown);
        };
        let letter = Letter { from: (member.index, member.address), text: letter };
        if client.letters.is_full() {
            let crowded = crowded(&client.letters, letter.from).ok_or(Discard::Slow)?;
            client.letters.remove(crowded);
            self.discard(Discard::Slow);
        }
        client.letters.push(letter).map_err(|_| Discard::Slow)?;
        woken.signal(());
        Ok(())
    }
}

/// Selects the message that a new message from `from` replaces.
///
/// It is the last message of the address or the client that has most messages here. `None` when the sender of the new
/// message would have as many.
fn crowded<const MESSAGE: usize>(letters: &[Letter<MESSAGE>], from: (usize, IpAddr)) -> Option<usize> {
    let of_client = |who: (usize, IpAddr)| letters.iter().filter(|letter| letter.from.0 == who.0).count();
    let of_address = |who: (usize, IpAddr)| letters.iter().filter(|letter| letter.from.1 == who.1).count();
    let weight = |who| (of_address(who), of_client(who));
    let (most, last) = letters.iter().enumerate().map(|(n, letter)| (weight(letter.from), n)).max()?;
    let (address, client) = weight(from);
    let (address, client) = (address.saturating_add(1), client.saturating_add(1));
    // Clients with the same address are compared with each other.
    (most.0 > address || (most.0 >= address.saturating_sub(1) && most.1 > client)).then_some(last)
}

/// A client's place in the hub. Dropping the value frees the place.
struct Member<'h, const CLIENTS: usize, const MESSAGE: usize> {
    hub: &'h Hub<CLIENTS, MESSAGE>,
    index: usize,
    address: IpAddr,
    name: Id,
    place: &'h ConnectionPlace<'h, CLIENTS>,
}

impl<const CLIENTS: usize, const MESSAGE: usize> Member<'_, CLIENTS, MESSAGE> {
    async fn serve<S: Read + Write, C: Clock>(&self, mut ws: WebSocket<'_, S>, clock: &C) -> Result<(), Error> {
        let ended = {
            let forwarding = pin!(self.forward(&mut ws, clock));
            match select(forwarding, pin!(self.place.evicted())).await {
                Either::First(ended) => Some(ended),
                Either::Second(()) => None,
            }
        };
        let Some(ended) = ended else {
            self.hub.discard(Discard::Full);
            return within(clock, PROOF, pin!(ws.close(CLOSE_POLICY, 0))).await;
        };
        match ended {
            Err(Error::TooLong { .. }) => self.hub.discard(Discard::TooLong),
            Err(Error::Protocol(Violation::Utf8)) => self.hub.discard(Discard::Json),
            Err(Error::Protocol(_)) => self.hub.discard(Discard::Frame),
            _ => {}
        }
        if let Some(code) = ended.err().map_or(Some(CLOSE_NORMAL), close_code) {
            let _ = within(clock, WRITE_TIMEOUT, pin!(ws.close(code, 0))).await;
        }
        match ended {
            Err(Error::Closed) => Ok(()),
            other => other,
        }
    }

    /// Takes the next message for the client. The flag is true when the hub has to ping the client.
    fn next(&self) -> (Option<Text<MESSAGE>>, bool) {
        let mut clients = self.hub.clients.borrow_mut();
        let Some(Some(client)) = clients.get_mut(self.index) else { return (None, false) };
        let letter = (!client.letters.is_empty()).then(|| client.letters.remove(0).text);
        (letter, core::mem::take(&mut client.doubted))
    }

    fn has_letters(&self) -> bool {
        let clients = self.hub.clients.borrow();
        clients.get(self.index).and_then(Option::as_ref).is_some_and(|client| !client.letters.is_empty())
    }

    async fn forward<S: Read + Write, C: Clock>(&self, ws: &mut WebSocket<'_, S>, clock: &C) -> Result<(), Error> {
        let woken = self.hub.woken.get(self.index).ok_or(Error::Closed)?;
        let (mut unanswered, mut heard) = (0, clock.now());
        let mut prove_until = None;
        loop {
            let (letter, doubted) = self.next();
            if let Some(mut letter) = letter {
                let len = letter.len().saturating_sub(HEADROOM);
                within(clock, WRITE_TIMEOUT, pin!(ws.send_text(&mut letter, len, 0))).await?;
                self.place.set_standing(Standing::Working);
            }
            if doubted && prove_until.is_none() {
                within(clock, PROOF, pin!(ws.ping(0))).await?;
                prove_until = Some(clock.now() + PROOF);
            }
            if self.has_letters() {
                continue;
            }
            let until = prove_until.unwrap_or(heard + PING_AFTER);
            match select3(ws.recv(), woken.wait(), clock.sleep_until(until)).await {
                Either3::First(incoming) => {
                    (unanswered, heard, prove_until) = (0, clock.now(), None);
                    match incoming? {
                        Incoming::Text(text) => match self.hub.post(self, text) {
                            Ok(()) => self.place.set_standing(Standing::Working),
                            Err(reason) => self.hub.discard(reason),
                        },
                        Incoming::Ping(data) => within(clock, WRITE_TIMEOUT, pin!(ws.pong(&data, 0))).await?,
                        Incoming::Binary => self.hub.discard(Discard::Json),
                        Incoming::Pong => {}
                        Incoming::Close => return Err(Error::Closed),
                    }
                }
                Either3::Second(()) => {}
                Either3::Third(()) if prove_until.is_some() || unanswered >= MAX_UNANSWERED => {
                    return Err(Error::TimedOut);
                }
                Either3::Third(()) => {
                    unanswered = unanswered.saturating_add(1);
                    heard = clock.now();
                    within(clock, WRITE_TIMEOUT, pin!(ws.ping(0))).await?;
                }
            }
        }
    }
}

impl<const CLIENTS: usize, const MESSAGE: usize> Drop for Member<'_, CLIENTS, MESSAGE> {
    fn drop(&mut self) {
        if let Some(client) = self.hub.clients.borrow_mut().get_mut(self.index) {
            *client = None;
        }
        if let Some(woken) = self.hub.woken.get(self.index) {
            woken.reset();
        }
    }
}
