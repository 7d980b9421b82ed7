//! The client's side of WHIP (RFC 9725): publish to a server by one HTTP request.
//!
//! Each call uses a fresh connection, made by the caller (through TLS when [`Url::secure`](crate::Url::secure)).

use embedded_io_async::{Read, Write};

use crate::client::refusal;
use crate::error::{Error, Violation};
use crate::http::{self, HeadWriter};
use crate::url::Url;
use crate::whep;

pub use crate::url::MAX_URL;

/// The longest entity tag that is kept, in bytes.
pub const MAX_ETAG: usize = 128;

/// A token for a server, which is shown to the origin that it was given for and to no other: neither a redirection nor a
/// session's URL carries it elsewhere, nor from `https` to `http`.
#[derive(Clone, Copy)]
pub struct Token<'t> {
    text: &'t str,
    origin: Url<'t>,
}

/// A session at a WHIP server.
#[derive(Clone, Debug)]
pub struct Session {
    url: heapless::String<MAX_URL>,
    etag: Option<heapless::String<MAX_ETAG>>,
}

/// What became of an offer.
#[derive(Debug)]
pub enum Published<'a> {
    /// Accepted.
    Session {
        /// To trickle and to end it.
        session: Session,
        /// The server's answer.
        answer: &'a str,
    },
    /// To be repeated there (307 and 308, RFC 9725 §4.5). A caller follows a few at most.
    Redirect(heapless::String<MAX_URL>),
}

impl<'t> Token<'t> {
    /// A token for the server at `url`.
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

impl Session {
    /// Where the session lives.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The entity tag of its ICE generation, as the server wrote it.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }
}

/// Offers to publish at `url`. The request's head is made in `buf`, and the answer comes into it.
///
/// # Errors
/// [`Error::Status`] or [`Error::Busy`] when the server refuses, [`Error::Downgrade`] when it sends us from `https` to
/// `http`; otherwise why the exchange failed.
pub async fn publish<'b, S: Read + Write>(
    stream: &mut S,
    url: &Url<'_>,
    token: Option<&Token<'_>>,
    offer: &str,
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
    let etag = response.fields.etag.map(heapless::String::try_from).transpose();
    let session = Session {
        url: location?.ok_or(Violation::Location)?,
        etag: etag.map_err(|_| Error::TooLong { limit: MAX_ETAG })?,
    };
    if !response.fields.is_type(whep::SDP) {
        return Err(Violation::MediaType.into());
    }
    let answer = http::read_answer_body(stream, &response.fields, rest, came.filled.saturating_sub(came.len)).await?;
    Ok(Published::Session { session, answer: core::str::from_utf8(answer).map_err(|_| Violation::MediaType)? })
}

/// Adds candidates to a session (RFC 9725 §4.3.1): lines `a=candidate:…` under `a=mid:…`, as RFC 8840 §9 has them. `buf` is
/// for the heads of request and answer.
///
/// # Errors
/// [`Error::Status`] when the server refuses; 405 and 501 mean it doesn't trickle. Otherwise why the exchange failed.
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

/// Ends a session (RFC 9725 §4.2). `buf` is for the heads of request and answer.
///
/// # Errors
/// [`Error::Status`] when the server refuses; otherwise why the exchange failed.
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
