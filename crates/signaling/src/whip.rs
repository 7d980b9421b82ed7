//! The client's side of WHIP (RFC 9725): publish to a server by one HTTP request.
//!
//! Each call uses a fresh connection, made by the caller (through TLS when [`Url::secure`](crate::Url::secure)).

use core::fmt::{self, Write as _};

use embedded_io_async::{Read, Write};

use crate::error::Error;
use crate::http::{self, HEAD_ROOM, HeadWriter};
use crate::url::Url;
use crate::whep;

/// The longest URL of a session or of a redirect.
pub const MAX_URL: usize = 512;

/// A session at a WHIP server.
#[derive(Clone, Debug)]
pub struct Session {
    url: heapless::String<MAX_URL>,
    etag: Option<heapless::String<64>>,
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
    /// To be repeated there (307 and 308, RFC 9725 §4.5); a caller follows a few at most, and never from `https` to `http`.
    Redirect(heapless::String<MAX_URL>),
}

impl Session {
    /// Where the session lives.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Offers to publish at `url`. The answer comes into `buf`.
///
/// # Errors
/// [`Error::Status`] when the server refuses; otherwise why the exchange failed.
pub async fn publish<'b, S: Read + Write>(
    stream: &mut S,
    url: &Url<'_>,
    token: Option<&str>,
    offer: &str,
    buf: &'b mut [u8],
) -> Result<Published<'b>, Error> {
    request(stream, "POST", url, token, None, Some((whep::SDP, offer))).await?;
    let (len, filled) = http::read_head(stream, buf).await?;
    let (head, rest) = buf.split_at_mut_checked(len).ok_or(Error::Protocol)?;
    let response = http::parse_response(head)?;
    let location = response.fields.location.map(|l| resolve(url, l)).transpose();
    match response.status {
        201 => {}
        307 | 308 => return location?.map(Published::Redirect).ok_or(Error::Protocol),
        status => return Err(Error::Status(status)),
    }
    let session = Session {
        url: location?.ok_or(Error::Protocol)?,
        etag: response.fields.etag.and_then(|e| heapless::String::try_from(e).ok()),
    };
    if !response.fields.is_type(whep::SDP) {
        return Err(Error::Protocol);
    }
    let came = filled.saturating_sub(len);
    let answer = receive(stream, &response, rest, came).await?;
    Ok(Published::Session { session, answer: core::str::from_utf8(answer).map_err(|_| Error::Protocol)? })
}

/// Adds candidates to a session (RFC 9725 §4.3.1): lines `a=candidate:…` under `a=mid:…`, as RFC 8840 §9 has them.
///
/// # Errors
/// [`Error::Status`] when the server refuses; 405 and 501 mean it doesn't trickle. Otherwise why the exchange failed.
pub async fn trickle<S: Read + Write>(
    stream: &mut S,
    session: &Session,
    token: Option<&str>,
    fragment: &str,
    buf: &mut [u8],
) -> Result<(), Error> {
    let url = Url::parse(&session.url)?;
    request(stream, "PATCH", &url, token, session.etag.as_deref(), Some((whep::FRAGMENT, fragment))).await?;
    accepted(stream, buf).await
}

/// Ends a session (RFC 9725 §4.2).
///
/// # Errors
/// [`Error::Status`] when the server refuses; otherwise why the exchange failed.
pub async fn end<S: Read + Write>(
    stream: &mut S,
    session: &Session,
    token: Option<&str>,
    buf: &mut [u8],
) -> Result<(), Error> {
    request(stream, "DELETE", &Url::parse(&session.url)?, token, None, None).await?;
    accepted(stream, buf).await
}

async fn request<S: Write>(
    stream: &mut S,
    method: &str,
    url: &Url<'_>,
    token: Option<&str>,
    etag: Option<&str>,
    body: Option<(&str, &str)>,
) -> Result<(), Error> {
    // A session's URL and a token both fit.
    let mut head = [0; HEAD_ROOM.saturating_add(MAX_URL)];
    let mut w = HeadWriter::new(&mut head);
    w.line(format_args!("{method} {} HTTP/1.1", url.target))?;
    w.line(format_args!("Host: {}", url.authority))?;
    w.line(format_args!("Connection: close"))?;
    if let Some(token) = token {
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
    stream.write_all(head.get(..len).unwrap_or_default()).await.map_err(|_| Error::Io)?;
    if let Some((_, text)) = body {
        stream.write_all(text.as_bytes()).await.map_err(|_| Error::Io)?;
    }
    stream.flush().await.map_err(|_| Error::Io)
}

async fn accepted<S: Read>(stream: &mut S, buf: &mut [u8]) -> Result<(), Error> {
    let (len, _) = http::read_head(stream, buf).await?;
    match http::parse_response(buf.get(..len).unwrap_or_default())?.status {
        200..=299 => Ok(()),
        status => Err(Error::Status(status)),
    }
}

/// The body of a response, of which `came` bytes are in `buf` already: as long as it says, else chunked, else to the end.
async fn receive<'b, S: Read>(
    stream: &mut S,
    response: &http::Response<'_>,
    buf: &'b mut [u8],
    came: usize,
) -> Result<&'b [u8], Error> {
    let mut filled = came;
    let wanted = if response.fields.chunked { None } else { response.fields.content_length };
    loop {
        if wanted.is_some_and(|w| filled >= w) {
            break;
        }
        let room = buf.get_mut(filled..).filter(|r| !r.is_empty()).ok_or(Error::TooLong)?;
        match stream.read(room).await.map_err(|_| Error::Io)? {
            0 if wanted.is_some() => return Err(Error::Io),
            0 => break,
            n => filled = filled.saturating_add(n).min(buf.len()),
        }
    }
    let body = buf.get_mut(..wanted.unwrap_or(filled)).ok_or(Error::TooLong)?;
    if response.fields.chunked { dechunk(body) } else { Ok(body) }
}

/// Takes the chunk headers out of a body that is all there (RFC 9112 §7.1).
fn dechunk(body: &mut [u8]) -> Result<&[u8], Error> {
    let (mut from, mut to) = (0_usize, 0_usize);
    loop {
        let rest = body.get(from..).ok_or(Error::Protocol)?;
        let Ok(httparse::Status::Complete((head, size))) = httparse::parse_chunk_size(rest) else {
            return Err(Error::Protocol);
        };
        let size = usize::try_from(size).map_err(|_| Error::TooLong)?;
        let start = from.checked_add(head).ok_or(Error::TooLong)?;
        let end = start.checked_add(size).filter(|e| *e <= body.len()).ok_or(Error::Protocol)?;
        if size == 0 {
            return Ok(body.get(..to).unwrap_or_default());
        }
        body.copy_within(start..end, to);
        to = to.saturating_add(size);
        from = end.saturating_add(2);
    }
}

/// A `Location` against the URL it came from: absolute, or a path on the same server, or relative to the path.
fn resolve(base: &Url<'_>, location: &str) -> Result<heapless::String<MAX_URL>, Error> {
    let mut url = heapless::String::new();
    let scheme = if base.secure { "https" } else { "http" };
    let path = base.target.split('?').next().unwrap_or_default();
    let folder = path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or("/");
    let written: fmt::Result = if location.contains("://") {
        url.write_str(location)
    } else if let Some(authority) = location.strip_prefix("//") {
        write!(url, "{scheme}://{authority}")
    } else if location.starts_with('/') {
        write!(url, "{scheme}://{}{location}", base.authority)
    } else {
        write!(url, "{scheme}://{}{folder}{location}", base.authority)
    };
    written.map_err(|_| Error::TooLong)?;
    Url::parse(&url)?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_resolved() {
        let base = Url::parse("https://example.org:8443/whip/live?x=/y").unwrap();
        for (location, url) in [
            ("/r/1", "https://example.org:8443/r/1"),
            ("1", "https://example.org:8443/whip/1"),
            ("//other/1", "https://other/1"),
            ("http://other/1", "http://other/1"),
        ] {
            assert_eq!(resolve(&base, location).as_deref(), Ok(url));
        }
        assert!(resolve(&base, "ftp://x/").is_err());
    }

    #[test]
    fn chunks_are_joined() {
        let mut body = *b"3\r\nv=0\r\n2;x=y\r\n\r\n\r\n0\r\n\r\n";
        assert_eq!(dechunk(&mut body), Ok(&b"v=0\r\n"[..]));
        for bad in [&b"5\r\nv=0"[..], b"", b"zz\r\n", b"ffffffffffffffff\r\n"] {
            assert!(dechunk(&mut std::vec::Vec::from(bad)).is_err());
        }
    }
}
