//! A WHIP client (RFC 9725): it publishes media to a server with one HTTP request.
//!
//! The caller opens a new connection for each call, through TLS when [`Url::secure`](crate::Url::secure) is true.

use embedded_io_async::{Read, Write};

use crate::client::refusal;
use crate::error::{Error, Violation};
use crate::http::{self, HeadWriter};
use crate::url::Url;
use crate::whep;

pub use crate::url::MAX_URL;

/// The longest entity tag that is kept, in bytes.
pub const MAX_ETAG: usize = 128;

/// A bearer token for one server.
///
/// A request carries the token only when its URL has the same origin (scheme, host and port) as the server's URL. So a
/// redirection or a session's URL cannot send the token to another server, nor from `https` to `http`.
#[derive(Clone, Copy)]
pub struct Token<'t> {
    text: &'t str,
    origin: Url<'t>,
}

/// A session at a WHIP server.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Session {
    url: heapless::String<MAX_URL>,
    etag: Option<heapless::String<MAX_ETAG>>,
}

/// The server's response to an offer.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::large_enum_variant, reason = "there is no heap, and a URL must outlive the buffer")]
pub enum Published<'a> {
    /// The server has accepted the offer. This is its answer, a session description.
    Answer(&'a str),
    /// The server redirects to this URL (status 307 or 308, RFC 9725 §4.5). The caller publishes there, and limits the
    /// number of redirections.
    Redirect(heapless::String<MAX_URL>),
}

impl<'t> Token<'t> {
    /// Makes a token for the server at `url`.
    #[must_use]
    pub const fn new(text: &'t str, url: Url<'t>) -> Self {
        Self { text, origin: url }
    }

    fn for_url(&self, url: &Url<'_>) -> Option<&'t str> {
        url.has_origin_of(&self.origin).then_some(self.text)
    }
}

impl core::fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Token").field("origin", &self.origin).finish_non_exhaustive()
    }
}

barertc_wire::opaque_format! { [] Token<'_> }

impl Session {
    /// The URL of the session.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The entity tag of the session's ICE generation, as the server wrote it. `None` when the server sent none.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }
}

/// Sends an offer to the WHIP endpoint at `url` and reads the answer. `buf` holds the head of the request, and then the
/// response.
///
/// `session` is for [`trickle`] and [`end`]. It is set as soon as the server says that it has made a session, before the
/// rest of the response is looked at. A session that is set exists after an error too, and when the future is dropped:
/// the caller ends it then.
///
/// # Errors
/// [`Error::Status`] or [`Error::Busy`] when the server refuses. [`Error::Downgrade`] when it redirects from `https` to
/// `http`. Any other [`Error`] when the exchange fails.
pub async fn publish<'b, S: Read + Write>(
    stream: &mut S,
    url: &Url<'_>,
    token: Option<&Token<'_>>,
    offer: &str,
    session: &mut Option<Session>,
    buf: &'b mut [u8],
) -> Result<Published<'b>, Error> {
    request(stream, "POST", url, token, None, Some((whep::SDP, offer)), buf).await?;
    let came = http::read_answer(stream, buf).await?;
    let (head, rest) = buf.split_at_mut_checked(came.len).ok_or(Error::Truncated)?;
    let response = http::parse_response(head)?;
    let location = response.fields.location.map(|location| url.resolve(location)).transpose();
    match response.status {
        201 => {}
        307 | 308 => {
            let location = location?.ok_or(Violation::Location)?;
            if url.secure && !Url::parse(&location)?.secure {
                return Err(Error::Downgrade);
            }
            return Ok(Published::Redirect(location));
        }
        _ => return Err(refusal(&response)),
    }
    let session = session.insert(Session { url: location?.ok_or(Violation::Location)?, etag: None });
    let etag = response.fields.etag.map(heapless::String::try_from).transpose();
    session.etag = etag.map_err(|_| Error::TooLong { limit: MAX_ETAG })?;
    if !response.fields.is_type(whep::SDP) {
        return Err(Violation::MediaType.into());
    }
    let answer = http::read_answer_body(stream, &response.fields, rest, came.filled.saturating_sub(came.len)).await?;
    Ok(Published::Answer(core::str::from_utf8(answer).map_err(|_| Violation::MediaType)?))
}

/// Sends candidates to a session (RFC 9725 §4.3.1).
///
/// The fragment has lines `a=candidate:…` after a line `a=mid:…` (RFC 8840 §9). `buf` holds the heads of request and
/// response.
///
/// # Errors
/// [`Error::Status`] when the server refuses; 405 and 501 mean that it does not support trickle ICE. Any other [`Error`]
/// when the exchange fails.
pub async fn trickle<S: Read + Write>(
    stream: &mut S,
    session: &Session,
    token: Option<&Token<'_>>,
    fragment: &str,
    buf: &mut [u8],
) -> Result<(), Error> {
    let url = Url::parse(&session.url)?;
    request(stream, "PATCH", &url, token, session.etag(), Some((whep::FRAGMENT, fragment)), buf).await?;
    accepted(stream, buf).await
}

/// Ends a session (RFC 9725 §4.2). `buf` holds the heads of request and response.
///
/// # Errors
/// [`Error::Status`] when the server refuses. Any other [`Error`] when the exchange fails.
pub async fn end<S: Read + Write>(
    stream: &mut S,
    session: &Session,
    token: Option<&Token<'_>>,
    buf: &mut [u8],
) -> Result<(), Error> {
    request(stream, "DELETE", &Url::parse(&session.url)?, token, None, None, buf).await?;
    accepted(stream, buf).await
}

async fn request<S: Write>(
    stream: &mut S,
    method: &str,
    url: &Url<'_>,
    token: Option<&Token<'_>>,
    etag: Option<&str>,
    body: Option<(&str, &str)>,
    room: &mut [u8],
) -> Result<(), Error> {
    let mut w = HeadWriter::new(room);
    w.line(format_args!("{method} {} HTTP/1.1", url.target()))?;
    w.line(format_args!("Host: {}", url.authority))?;
    w.line(format_args!("Connection: close"))?;
    if let Some(token) = token.and_then(|token| token.for_url(url)) {
        w.line(format_args!("Authorization: Bearer {token}"))?;
    }
    if let Some(etag) = etag {
        w.line(format_args!("If-Match: {etag}"))?;
    }
    if let Some((content_type, text)) = body {
        w.line(format_args!("Content-Type: {content_type}"))?;
        w.line(format_args!("Content-Length: {}", text.len()))?;
    }
    let len = w.finish()?;
    stream.write_all(room.get(..len).unwrap_or_default()).await.map_err(Error::io)?;
    if let Some((_, text)) = body {
        stream.write_all(text.as_bytes()).await.map_err(Error::io)?;
    }
    stream.flush().await.map_err(Error::io)
}

async fn accepted<S: Read>(stream: &mut S, buf: &mut [u8]) -> Result<(), Error> {
    let head = http::read_answer(stream, buf).await?;
    let response = http::parse_response(buf.get(..head.len).unwrap_or_default())?;
    match response.status {
        200..=299 => Ok(()),
        _ => Err(refusal(&response)),
    }
}
