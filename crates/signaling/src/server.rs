use core::net::IpAddr;
use core::pin::pin;
use core::time::Duration;

use embedded_io_async::{Read, Write};

use crate::access::{Caller, MAX_TOKEN};
use crate::error::{Discard, Error};
use crate::http::{self, Fields, HEAD_ROOM, HeadWriter, Request};
use crate::link::{Buffers, Clock, Link, Names, Signals, WRITE_TIMEOUT, within};
use crate::message::Id;
use crate::url::{percent_decode, query_parameter};
use crate::whep;
use crate::ws::{WebSocket, accept_key};

/// How long a request may take to come in.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What is served beside signaling.
#[derive(Clone, Copy, Debug)]
pub struct Page<'p> {
    /// Media type.
    pub content_type: &'p str,
    /// `gzip` and the like, when it is stored so.
    pub encoding: Option<&'p str>,
    /// The bytes.
    pub body: &'p [u8],
}

/// Why a session could not be had; each has its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// 400: the description is none.
    Malformed,
    /// 404: there is no such session.
    Unknown,
    /// 406: nothing in common.
    Unacceptable,
    /// 503: no room for another.
    Busy,
    /// 422: understood, and not done here (such as an ICE restart).
    Unsupported,
}

impl Refusal {
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unknown => 404,
            Self::Unacceptable => 406,
            Self::Busy => 503,
            Self::Unsupported => 422,
        }
    }
}

/// Which way the media of an HTTP session go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Endpoint {
    /// `/whep`: from us.
    Whep,
    /// `/whip`: to us (RFC 9725).
    Whip,
}

impl Endpoint {
    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whep => "WHEP",
            Self::Whip => "WHIP",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Whep => "/whep",
            Self::Whip => "/whip",
        }
    }
}

/// What the application decides for [`serve_connection`].
#[allow(async_fn_in_trait, reason = "single-threaded executors, as everything in this workspace")]
pub trait Server: Signals {
    /// Whether this caller may have signaling; pages are for everybody. [`Access`](crate::Access) is the usual answer.
    fn authorize(&self, caller: &Caller<'_>) -> bool;

    /// A number for a new signaling socket; `None` when there is no room. Paired with [`Signals::closed`].
    fn opened(&self) -> Option<u32>;

    /// What lies at `path`, such as `/`.
    fn page(&self, path: &str) -> Option<Page<'_>>;

    /// WHEP or WHIP: an offer of somebody who wants to view, or to send. Answers into `room`, and leaves the session's name
    /// in `session`: letters and digits that nobody can guess (128 random bits), for who knows it may end the session.
    /// [`Refusal::Unknown`] where there is no such endpoint.
    ///
    /// # Errors
    /// [`Refusal`]
    async fn session_offer<'r>(
        &self,
        endpoint: Endpoint,
        offer: &str,
        session: &mut Id,
        room: &'r mut [u8],
    ) -> Result<&'r str, Refusal>;

    /// One more candidate for `session`; `None` means there will be no more.
    ///
    /// # Errors
    /// [`Refusal`]
    async fn session_candidate(&self, session: &str, mid: &str, candidate: Option<&str>) -> Result<(), Refusal>;

    /// Ends `session`; false when there is none of that name.
    fn session_end(&self, session: &str) -> bool;
}

/// Serves one accepted connection: one page, one request of WHEP or WHIP, or a signaling socket for as long as it lasts.
///
/// `GET /…` serves [`Server::page`], any WebSocket upgrade becomes a signaling socket that speaks the dialect of
/// [`Envelope`](crate::Envelope) directly (we are the `server` of it), `POST`, `PATCH` and `DELETE` on `/whep` are WHEP, and on
/// `/whip` WHIP.
/// The caller closes the stream afterwards (with `Close::Write` first where the stack aborts on drop).
///
/// # Errors
/// When the connection broke, timed out or broke the rules. A refused request is not an error; it was counted.
pub async fn serve_connection<S: Read + Write, H: Server>(
    socket: &mut S,
    address: IpAddr,
    buffers: Buffers<'_>,
    handler: &H,
) -> Result<(), Error> {
    let Buffers { message, sdp, out } = buffers;
    let head = within(handler, READ_TIMEOUT, pin!(http::read_head(socket, out))).await;
    let (len, filled) = match head {
        Ok(found) => found,
        Err(Error::Closed) => return Ok(()),
        Err(e) => {
            handler.discarded(Discard::Head);
            if e == Error::TooLong {
                refuse(socket, handler, 431).await?;
            }
            return Err(e);
        }
    };
    let (head, first) = out.get(..filled).and_then(|o| o.split_at_checked(len)).ok_or(Error::Protocol)?;
    let Ok(request) = http::parse_request(head) else {
        handler.discarded(Discard::Head);
        return refuse(socket, handler, 400).await;
    };
    let mut exchange = Exchange { socket, address, handler };
    if request.fields.is_websocket() && request.method == "GET" {
        let Some((number, names)) = pin!(exchange.upgrade(&request)).await? else { return Ok(()) };
        let ws = WebSocket::server(exchange.socket, message);
        let mut link = Link { ws, number, names, sdp, out, handler, mask: &mut || 0 };
        return pin!(link.run()).await;
    }
    match endpoint(request.path) {
        Some((endpoint, "")) => pin!(exchange.create_session(endpoint, &request, first, message, sdp)).await,
        Some((_, session)) => pin!(exchange.session(&request, session, first, message)).await,
        None => pin!(exchange.page(&request)).await,
    }
}

/// The endpoint of a path, and what session of it.
fn endpoint(path: &str) -> Option<(Endpoint, &str)> {
    [Endpoint::Whep, Endpoint::Whip].into_iter().find_map(|endpoint| {
        let rest = path.strip_prefix(endpoint.path())?;
        (rest.is_empty() || rest.starts_with('/')).then_some((endpoint, rest.trim_start_matches('/')))
    })
}

struct Exchange<'x, S, H> {
    socket: &'x mut S,
    address: IpAddr,
    handler: &'x H,
}

impl<S: Read + Write, H: Server> Exchange<'_, S, H> {
    fn authorized(&self, request: &Request<'_>) -> bool {
        let token = shown_token(request);
        let Fields { host, origin, .. } = request.fields;
        let caller = Caller { address: self.address, token: token.as_deref(), host, origin };
        let yes = self.handler.authorize(&caller);
        if !yes {
            self.handler.discarded(Discard::Unauthorized);
        }
        yes
    }

    async fn refuse(&mut self, status: u16, why: Option<Discard>) -> Result<(), Error> {
        if let Some(why) = why {
            self.handler.discarded(why);
        }
        refuse(self.socket, self.handler, status).await
    }

    /// Answers the opening handshake (RFC 6455 §4.2.2).
    async fn upgrade(&mut self, request: &Request<'_>) -> Result<Option<(u32, Names)>, Error> {
        let Some(key) = request.fields.ws_key.filter(|_| request.fields.ws_version == Some("13")) else {
            self.refuse(426, Some(Discard::Unsupported)).await?;
            return Ok(None);
        };
        if !self.authorized(request) {
            self.refuse(401, None).await?;
            return Ok(None);
        }
        let Some(number) = self.handler.opened() else {
            self.refuse(503, Some(Discard::Full)).await?;
            return Ok(None);
        };
        let peer = request.path.rsplit('/').next().and_then(|id| Id::try_from(id).ok()).unwrap_or_default();
        if let Err(e) = within(self.handler, WRITE_TIMEOUT, pin!(switch(self.socket, key))).await {
            self.handler.closed(number);
            return Err(e);
        }
        let ours = Id::try_from("server").unwrap_or_default();
        Ok(Some((number, Names::Direct { peer, ours })))
    }

    async fn page(&mut self, request: &Request<'_>) -> Result<(), Error> {
        if !matches!(request.method, "GET" | "HEAD") {
            return self.refuse(405, Some(Discard::Unsupported)).await;
        }
        let Some(page) = self.handler.page(request.path) else {
            return self.refuse(404, Some(Discard::Unsupported)).await;
        };
        let mut room = [0; HEAD_ROOM];
        let head = |w: &mut HeadWriter<'_>| {
            status_line(w, 200)?;
            w.line(format_args!("Content-Type: {}", page.content_type))?;
            w.line(format_args!("Content-Length: {}", page.body.len()))?;
            if let Some(encoding) = page.encoding {
                w.line(format_args!("Content-Encoding: {encoding}"))?;
            }
            w.line(format_args!("Cache-Control: no-cache"))?;
            w.line(format_args!("X-Content-Type-Options: nosniff"))?;
            // A token may stand in the page's address.
            w.line(format_args!("Referrer-Policy: no-referrer"))
        };
        within(self.handler, WRITE_TIMEOUT, pin!(http::send(self.socket, &mut room, 0, head))).await?;
        if request.method == "HEAD" {
            return Ok(());
        }
        // In pieces, each with its own time limit: a phone on a bad link may take its time.
        for piece in page.body.chunks(4096) {
            let write = pin!(async { self.socket.write_all(piece).await.map_err(|_| Error::Io) });
            within(self.handler, WRITE_TIMEOUT, write).await?;
        }
        self.socket.flush().await.map_err(|_| Error::Io)
    }

    /// `POST /whep`, `POST /whip`: an offer, answered with 201 and where the session is.
    async fn create_session(
        &mut self,
        endpoint: Endpoint,
        request: &Request<'_>,
        first: &[u8],
        body: &mut [u8],
        room: &mut [u8],
    ) -> Result<(), Error> {
        match request.method {
            "OPTIONS" => return self.session_options().await,
            "POST" => {}
            _ => return self.refuse(405, Some(Discard::Unsupported)).await,
        }
        let Some(offer) = self.authorized_body(request, whep::SDP, first, body).await? else { return Ok(()) };
        let mut session = Id::new();
        let answer_room = room.get_mut(HEAD_ROOM..).ok_or(Error::NoRoom)?;
        let len = match self.handler.session_offer(endpoint, offer, &mut session, answer_room).await {
            Ok(answer) => answer.len(),
            Err(refusal) => {
                let why = if refusal == Refusal::Busy { Discard::Full } else { Discard::Unsupported };
                return self.refuse(refusal.status(), Some(why)).await;
            }
        };
        let sent = pin!(http::send(self.socket, room, len, |w| {
            status_line(w, 201)?;
            w.line(format_args!("Content-Type: {}", whep::SDP))?;
            w.line(format_args!("Content-Length: {len}"))?;
            w.line(format_args!("Location: {}/{session}", endpoint.path()))?;
            w.line(format_args!("Accept-Patch: {}", whep::FRAGMENT))?;
            w.line(format_args!("Access-Control-Allow-Origin: *"))?;
            w.line(format_args!("Access-Control-Expose-Headers: Location"))
        }));
        let sent = within(self.handler, WRITE_TIMEOUT, sent).await;
        if sent.is_err() {
            // Nobody will ever know its name.
            self.handler.session_end(&session);
        }
        sent
    }

    /// `PATCH` (trickle) and `DELETE` on a session.
    async fn session(
        &mut self,
        request: &Request<'_>,
        session: &str,
        first: &[u8],
        body: &mut [u8],
    ) -> Result<(), Error> {
        match request.method {
            "OPTIONS" => self.session_options().await,
            "DELETE" => {
                if !self.authorized(request) {
                    self.refuse(401, None).await
                } else if self.handler.session_end(session) {
                    self.empty(200).await
                } else {
                    self.refuse(404, Some(Discard::Unknown)).await
                }
            }
            "PATCH" => {
                let Some(text) = self.authorized_body(request, whep::FRAGMENT, first, body).await? else {
                    return Ok(());
                };
                for (mid, candidate) in whep::candidates(text) {
                    if let Err(refusal) = self.handler.session_candidate(session, mid, candidate).await {
                        return self.refuse(refusal.status(), Some(Discard::Unknown)).await;
                    }
                }
                self.empty(204).await
            }
            _ => self.refuse(405, Some(Discard::Unsupported)).await,
        }
    }

    /// The body of a request that may have one; otherwise it was refused.
    async fn authorized_body<'b>(
        &mut self,
        request: &Request<'_>,
        wanted: &str,
        first: &[u8],
        buf: &'b mut [u8],
    ) -> Result<Option<&'b str>, Error> {
        let refused = if !self.authorized(request) {
            Some((401, None))
        } else if !request.fields.is_type(wanted) {
            Some((415, Some(Discard::Unsupported)))
        } else if request.fields.chunked {
            // Descriptions are short: who sends one knows its length.
            Some((411, Some(Discard::Unsupported)))
        } else {
            match request.fields.content_length {
                None => Some((411, Some(Discard::Unsupported))),
                Some(length) if length > buf.len() => Some((413, Some(Discard::TooLong))),
                Some(_) => None,
            }
        };
        if let Some((status, why)) = refused {
            self.refuse(status, why).await?;
            return Ok(None);
        }
        let length = request.fields.content_length.unwrap_or_default();
        let body = within(self.handler, READ_TIMEOUT, pin!(http::read_body(self.socket, first, length, buf))).await?;
        match core::str::from_utf8(body) {
            Ok(text) => Ok(Some(text)),
            Err(_) => {
                self.refuse(400, Some(Discard::Unsupported)).await?;
                Ok(None)
            }
        }
    }

    async fn session_options(&mut self) -> Result<(), Error> {
        let mut room = [0; HEAD_ROOM];
        let sent = pin!(http::send(self.socket, &mut room, 0, |w| {
            status_line(w, 204)?;
            w.line(format_args!("Accept-Post: {}", whep::SDP))?;
            w.line(format_args!("Access-Control-Allow-Origin: *"))?;
            w.line(format_args!("Access-Control-Allow-Methods: POST, PATCH, DELETE, OPTIONS"))?;
            w.line(format_args!("Access-Control-Allow-Headers: Authorization, Content-Type, If-Match"))
        }));
        within(self.handler, WRITE_TIMEOUT, sent).await
    }

    async fn empty(&mut self, status: u16) -> Result<(), Error> {
        let mut room = [0; HEAD_ROOM];
        let sent = pin!(http::send(self.socket, &mut room, 0, |w| {
            status_line(w, status)?;
            if status != 204 {
                w.line(format_args!("Content-Length: 0"))?;
            }
            w.line(format_args!("Access-Control-Allow-Origin: *"))
        }));
        within(self.handler, WRITE_TIMEOUT, sent).await
    }
}

/// Turns the connection into a WebSocket (RFC 6455 §4.2.2).
pub(crate) async fn switch<S: Write>(socket: &mut S, key: &str) -> Result<(), Error> {
    let accept = accept_key(key);
    let mut room = [0; HEAD_ROOM];
    http::send(socket, &mut room, 0, |w| {
        w.line(format_args!("HTTP/1.1 101 Switching Protocols"))?;
        w.line(format_args!("Upgrade: websocket"))?;
        w.line(format_args!("Connection: Upgrade"))?;
        w.line(format_args!("Sec-WebSocket-Accept: {accept}"))
    })
    .await
}

/// The token that a request shows, wherever it does.
pub(crate) fn shown_token(request: &Request<'_>) -> Option<heapless::String<MAX_TOKEN>> {
    match request.fields.bearer() {
        Some(token) => heapless::String::try_from(token).ok(),
        None => query_parameter(request.query, "token").and_then(percent_decode),
    }
}

/// Answers with a status and its name as text.
pub(crate) async fn refuse<S: Write, C: Clock>(socket: &mut S, clock: &C, status: u16) -> Result<(), Error> {
    let text = reason(status);
    let mut room = [0; HEAD_ROOM.saturating_add(64)];
    let place = room.get_mut(HEAD_ROOM..).and_then(|r| r.get_mut(..text.len())).ok_or(Error::NoRoom)?;
    place.copy_from_slice(text.as_bytes());
    let sent = pin!(http::send(socket, &mut room, text.len(), |w| {
        status_line(w, status)?;
        w.line(format_args!("Content-Type: text/plain"))?;
        w.line(format_args!("Content-Length: {}", text.len()))?;
        match status {
            401 => w.line(format_args!("WWW-Authenticate: Bearer"))?,
            426 => w.line(format_args!("Sec-WebSocket-Version: 13"))?,
            503 => w.line(format_args!("Retry-After: 5"))?,
            _ => {}
        }
        w.line(format_args!("Access-Control-Allow-Origin: *"))
    }));
    within(clock, WRITE_TIMEOUT, sent).await
}

/// One request a connection: a device has few sockets, and a viewer needs two.
fn status_line(w: &mut HeadWriter<'_>, status: u16) -> Result<(), Error> {
    w.line(format_args!("HTTP/1.1 {status} {}", reason(status)))?;
    w.line(format_args!("Connection: close"))
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Error",
    }
}
