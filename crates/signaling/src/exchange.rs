//! Answers one request of a connection.

use core::net::IpAddr;
use core::pin::pin;

use embedded_io_async::{Read, Write};

use crate::access::{Admission, Caller, MAX_TOKEN};
use crate::error::{Discard, Error};
use crate::http::{self, Coding, Fields, HEAD_ROOM, HeadWriter, Request};
use crate::link::{Names, WRITE_TIMEOUT, within};
use crate::message::Id;
use crate::reply::{self, Answer, status_line, switch, whole_seconds};
use crate::server::{Endpoint, READ_TIMEOUT, Refusal, Server};
use crate::url::{percent_decode, query_parameter};
use crate::whep::{self, Fragment, Match, if_match};
use crate::ws::is_key;

pub(crate) struct Exchange<'x, S, H> {
    pub(crate) socket: &'x mut S,
    pub(crate) address: IpAddr,
    pub(crate) handler: &'x H,
    /// The request is HEAD, whose answer has no body (RFC 9110 §9.3.2).
    pub(crate) head_only: bool,
}

impl<S: Read + Write, H: Server> Exchange<'_, S, H> {
    /// Whether the caller is admitted. If not, the caller has got the refusal.
    async fn authorized(&mut self, request: &Request<'_>) -> Result<bool, Error> {
        let token = shown_token(request);
        let Fields { host, origin, .. } = request.fields;
        let caller = Caller { address: self.address, token: token.as_deref(), host, origin };
        match self.handler.authorize(&caller) {
            Admission::Granted => return Ok(true),
            Admission::Refused => self.refuse(401, Some(Discard::Unauthorized)).await?,
            Admission::TooManyAttempts { retry_after } => {
                self.handler.discarded(Discard::TooManyAttempts);
                let seconds = whole_seconds(retry_after);
                self.refuse_with(429, |w| w.line(format_args!("Retry-After: {seconds}"))).await?;
            }
        }
        Ok(false)
    }

    pub(crate) async fn refuse(&mut self, status: u16, why: Option<Discard>) -> Result<(), Error> {
        if let Some(why) = why {
            self.handler.discarded(why);
        }
        self.refuse_with(status, |_| Ok(())).await
    }

    /// Refuses a request whose body has more bytes than there is room for.
    pub(crate) async fn refuse_too_long(&mut self, limit: usize) -> Result<(), Error> {
        self.handler.discarded(Discard::TooLong);
        let answer = Answer { status: 413, head_only: self.head_only, limit: Some(limit) };
        reply::refuse_with(self.socket, self.handler, answer, |_| Ok(())).await
    }

    async fn refuse_with(
        &mut self,
        status: u16,
        fields: impl FnOnce(&mut HeadWriter<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let answer = Answer { status, head_only: self.head_only, limit: None };
        reply::refuse_with(self.socket, self.handler, answer, fields).await
    }

    /// Answers the opening handshake (RFC 6455 §4.2).
    pub(crate) async fn upgrade(&mut self, request: &Request<'_>) -> Result<Option<(u32, Names)>, Error> {
        if request.fields.ws_version != Some("13") {
            self.refuse(426, Some(Discard::Unsupported)).await?;
            return Ok(None);
        }
        let Some(key) = request.fields.ws_key.filter(|key| is_key(key)) else {
            self.refuse(400, Some(Discard::Head)).await?;
            return Ok(None);
        };
        if !self.authorized(request).await? {
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

    pub(crate) async fn page(&mut self, request: &Request<'_>) -> Result<(), Error> {
        if !matches!(request.method, "GET" | "HEAD") {
            return self.not_allowed("GET, HEAD").await;
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
            // No other page may embed this one in a frame (clickjacking).
            w.line(format_args!("Content-Security-Policy: frame-ancestors 'none'"))?;
            w.line(format_args!("X-Frame-Options: DENY"))?;
            // The URL of the page may contain a token, so no `Referer` may carry it.
            w.line(format_args!("Referrer-Policy: no-referrer"))
        };
        within(self.handler, WRITE_TIMEOUT, pin!(http::send(self.socket, &mut room, 0, head))).await?;
        if self.head_only {
            return Ok(());
        }
        // The page is sent in pieces. Each has its own time limit, so that a slow link can take longer in all.
        for piece in page.body.chunks(4096) {
            let write = pin!(async { self.socket.write_all(piece).await.map_err(Error::io) });
            within(self.handler, WRITE_TIMEOUT, write).await?;
        }
        self.socket.flush().await.map_err(Error::io)
    }

    async fn not_allowed(&mut self, allowed: &str) -> Result<(), Error> {
        self.handler.discarded(Discard::Unsupported);
        self.refuse_with(405, |w| w.line(format_args!("Allow: {allowed}"))).await
    }

    /// Answers the offer of `POST /whep` or `POST /whip` with 201 and the URL of the session.
    pub(crate) async fn create_session(
        &mut self,
        endpoint: Endpoint,
        request: &Request<'_>,
        behind: &[u8],
        body: &mut [u8],
        room: &mut [u8],
    ) -> Result<(), Error> {
        match request.method {
            "OPTIONS" => return self.session_options().await,
            "POST" => {}
            _ => return self.not_allowed("POST, OPTIONS").await,
        }
        if !self.authorized(request).await? {
            return Ok(());
        }
        let Some(offer) = self.body(request, whep::SDP, behind, body).await? else { return Ok(()) };
        let mut session = Id::new();
        let answer_room = room.get_mut(HEAD_ROOM..).ok_or(Error::NoRoom)?;
        let len = match self.handler.session_offer(endpoint, offer, &mut session, answer_room).await {
            Ok(answer) => answer.len(),
            Err(refusal) => return self.refuse_session(refusal).await,
        };
        let tag = self.handler.session_ice(&session).map(|ice| ice.tag());
        let sent = pin!(http::send(self.socket, room, len, |w| {
            status_line(w, 201)?;
            w.line(format_args!("Content-Type: {}", whep::SDP))?;
            w.line(format_args!("Content-Length: {len}"))?;
            w.line(format_args!("Location: {}/{session}", endpoint.path()))?;
            if let Some(tag) = tag {
                w.line(format_args!("ETag: {tag}"))?;
            }
            w.line(format_args!("Accept-Patch: {}", whep::FRAGMENT))?;
            w.line(format_args!("Access-Control-Allow-Origin: *"))?;
            w.line(format_args!("Access-Control-Expose-Headers: Location, ETag"))
        }));
        let sent = within(self.handler, WRITE_TIMEOUT, sent).await;
        if sent.is_err() {
            // The caller did not get the session's name, so nobody could end the session.
            self.handler.session_end(&session);
        }
        sent
    }

    async fn refuse_session(&mut self, refusal: Refusal) -> Result<(), Error> {
        let why = match refusal {
            Refusal::Busy => Discard::Full,
            Refusal::Unknown => Discard::Unknown,
            _ => Discard::Unsupported,
        };
        self.refuse(refusal.status(), Some(why)).await
    }

    /// Answers `PATCH` (trickle ICE, ICE restart) and `DELETE` on a session.
    pub(crate) async fn session(
        &mut self,
        request: &Request<'_>,
        session: &str,
        behind: &[u8],
        body: &mut [u8],
        room: &mut [u8],
    ) -> Result<(), Error> {
        match request.method {
            "OPTIONS" => return self.session_options().await,
            "DELETE" | "PATCH" => {}
            _ => return self.not_allowed("PATCH, DELETE, OPTIONS").await,
        }
        if !self.authorized(request).await? {
            return Ok(());
        }
        if request.method == "PATCH" {
            return pin!(self.patch(request, session, behind, body, room)).await;
        }
        if self.handler.session_end(session) {
            self.empty(200).await
        } else {
            self.refuse(404, Some(Discard::Unknown)).await
        }
    }

    /// RFC 9725 §4.3.
    async fn patch(
        &mut self,
        request: &Request<'_>,
        session: &str,
        behind: &[u8],
        body: &mut [u8],
        room: &mut [u8],
    ) -> Result<(), Error> {
        let Some(text) = self.body(request, whep::FRAGMENT, behind, body).await? else { return Ok(()) };
        let Some(ice) = self.handler.session_ice(session) else {
            return self.refuse(404, Some(Discard::Unknown)).await;
        };
        let Some(condition) = request.fields.if_match else {
            return self.refuse(428, Some(Discard::Precondition)).await;
        };
        let condition = if_match(condition, ice.tag());
        if condition == Match::Other {
            return self.refuse(412, Some(Discard::Precondition)).await;
        }
        let Some(fragment) = Fragment::parse(text) else { return self.refuse(400, Some(Discard::Unsupported)).await };
        let current = Some(ice.ufrag.as_str()).filter(|ufrag| !ufrag.is_empty());
        let of_another = current.is_some_and(|current| fragment.ufrag.is_some_and(|ufrag| ufrag != current));
        if condition == Match::Any && (of_another || current.is_none()) {
            match fragment.credentials() {
                Some(credentials) => return self.restart(session, &fragment, credentials, room).await,
                None if of_another => return self.refuse(400, Some(Discard::Unsupported)).await,
                None => {}
            }
        } else if of_another {
            // Candidates of a generation that is over, or not yet here.
            return self.refuse(422, Some(Discard::Candidate)).await;
        }
        if condition == Match::Any && fragment.candidates().next().is_none() {
            // A restart to the credentials that are in use, which RFC 8445 §9 does not know.
            return self.refuse(422, Some(Discard::Unsupported)).await;
        }
        match self.candidates(session, &fragment, current).await {
            Ok(()) => self.empty(204).await,
            Err(refusal) => self.refuse_session(refusal).await,
        }
    }

    /// Gives the application the candidates of a generation. One that cannot be used is left out and counted (RFC 9725
    /// §4.3.1). It is an error when none was taken because all are malformed or of another generation.
    async fn candidates(&self, session: &str, fragment: &Fragment<'_>, current: Option<&str>) -> Result<(), Refusal> {
        let (mut taken, mut unused, mut malformed, mut of_another) = (false, false, false, false);
        for trickled in fragment.candidates() {
            let other = current.is_some_and(|current| trickled.ufrag.is_some_and(|ufrag| ufrag != current));
            // The end of candidates that belong to another generation is not the end of those of this one.
            if other || (trickled.candidate.is_none() && of_another && !taken) {
                of_another = true;
                self.handler.discarded(Discard::Candidate);
                continue;
            }
            match self.handler.session_candidate(session, trickled.mid, trickled.candidate).await {
                Ok(()) => taken = true,
                Err(Refusal::Unknown) => return Err(Refusal::Unknown),
                Err(refusal) => {
                    malformed |= refusal == Refusal::Malformed;
                    unused |= refusal != Refusal::Malformed;
                    self.handler.discarded(Discard::Candidate);
                }
            }
        }
        match (taken || unused, of_another, malformed) {
            (true, ..) | (false, false, false) => Ok(()),
            (false, true, _) => Err(Refusal::Unsupported),
            (false, false, true) => Err(Refusal::Malformed),
        }
    }

    /// Answers an ICE restart (RFC 9725 §4.3.3).
    async fn restart(
        &mut self,
        session: &str,
        fragment: &Fragment<'_>,
        (ufrag, pwd): (&str, &str),
        room: &mut [u8],
    ) -> Result<(), Error> {
        let answer_room = room.get_mut(HEAD_ROOM..).ok_or(Error::NoRoom)?;
        let len = match self.handler.session_restart(session, ufrag, pwd, answer_room).await {
            Ok(answer) => answer.len(),
            Err(refusal) => return self.refuse_session(refusal).await,
        };
        // ICE has restarted already. A candidate that cannot be used does not change that.
        let _ = self.candidates(session, fragment, Some(ufrag)).await;
        let tag = self.handler.session_ice(session).map(|ice| ice.tag());
        let sent = pin!(http::send(self.socket, room, len, |w| {
            status_line(w, 200)?;
            w.line(format_args!("Content-Type: {}", whep::FRAGMENT))?;
            w.line(format_args!("Content-Length: {len}"))?;
            if let Some(tag) = tag {
                w.line(format_args!("ETag: {tag}"))?;
            }
            w.line(format_args!("Access-Control-Allow-Origin: *"))?;
            w.line(format_args!("Access-Control-Expose-Headers: ETag"))
        }));
        within(self.handler, WRITE_TIMEOUT, sent).await
    }

    /// Reads the body of a request. `None` when the request was refused.
    async fn body<'b>(
        &mut self,
        request: &Request<'_>,
        wanted: &str,
        behind: &[u8],
        buf: &'b mut [u8],
    ) -> Result<Option<&'b str>, Error> {
        let chunked = request.fields.coding == Coding::Chunked;
        let limit = buf.len();
        let refused = match request.fields.content_length {
            _ if !request.fields.is_type(wanted) => Some(415),
            None if !chunked => Some(411),
            Some(length) if length > limit => Some(413),
            _ => None,
        };
        match refused {
            Some(413) => self.refuse_too_long(limit).await?,
            Some(status) => self.refuse(status, Some(Discard::Unsupported)).await?,
            None => {}
        }
        if refused.is_some() {
            return Ok(None);
        }
        // Who asks first whether to send the body at all would wait for an answer (RFC 9110 §10.1.1).
        if behind.is_empty() && request.fields.expect.is_some_and(|e| e.eq_ignore_ascii_case("100-continue")) {
            within(self.handler, WRITE_TIMEOUT, pin!(reply::go_on(self.socket))).await?;
        }
        let read = {
            let read = pin!(http::read_body(self.socket, &request.fields, behind, buf));
            within(self.handler, READ_TIMEOUT, read).await
        };
        let body = match read {
            // Only chunks say so late that they are too long, or that they are none.
            Err(Error::TooLong { .. }) => {
                self.refuse_too_long(limit).await?;
                return Ok(None);
            }
            Err(Error::Protocol(_)) => None,
            other => core::str::from_utf8(other?).ok(),
        };
        if body.is_none() {
            self.refuse(400, Some(Discard::Unsupported)).await?;
        }
        Ok(body)
    }

    async fn session_options(&mut self) -> Result<(), Error> {
        let mut room = [0; HEAD_ROOM];
        let sent = pin!(http::send(self.socket, &mut room, 0, |w| {
            status_line(w, 204)?;
            w.line(format_args!("Accept-Post: {}", whep::SDP))?;
            w.line(format_args!("Accept-Patch: {}", whep::FRAGMENT))?;
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

/// The token of a request, from its `Authorization` field or its query.
pub(crate) fn shown_token(request: &Request<'_>) -> Option<heapless::String<MAX_TOKEN>> {
    match request.fields.bearer() {
        Some(token) => heapless::String::try_from(token).ok(),
        None => query_parameter(request.query, "token").and_then(percent_decode),
    }
}
