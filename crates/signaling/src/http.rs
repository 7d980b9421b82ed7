//! HTTP/1.1 heads and bodies (RFC 9112), as far as signaling needs them.
//!
//! Parsed by `httparse` rather than by `edge-http`, whose connection type wants `Connection: Upgrade` alone (Firefox says
//! `keep-alive, Upgrade`) and keeps a table of 64 headers in every future.

use core::fmt::{self, Write as _};

use barertc_wire::Writer;
use embedded_io_async::{Read, Write};

use crate::error::Error;

/// The most header fields of a head; browsers send about 15.
const MAX_HEADERS: usize = 32;

/// The most bytes of a head that is written here.
pub(crate) const HEAD_ROOM: usize = 512;

/// What matters of a request's head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Request<'h> {
    pub(crate) method: &'h str,
    pub(crate) path: &'h str,
    pub(crate) query: &'h str,
    pub(crate) fields: Fields<'h>,
}

/// What matters of a response's head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Response<'h> {
    pub(crate) status: u16,
    pub(crate) fields: Fields<'h>,
}

/// The header fields that are looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields<'h> {
    pub(crate) host: Option<&'h str>,
    pub(crate) origin: Option<&'h str>,
    pub(crate) authorization: Option<&'h str>,
    pub(crate) content_type: Option<&'h str>,
    pub(crate) content_length: Option<usize>,
    pub(crate) location: Option<&'h str>,
    pub(crate) if_match: Option<&'h str>,
    pub(crate) etag: Option<&'h str>,
    pub(crate) ws_key: Option<&'h str>,
    pub(crate) ws_accept: Option<&'h str>,
    pub(crate) ws_version: Option<&'h str>,
    pub(crate) chunked: bool,
    upgrade_websocket: bool,
    connection_upgrade: bool,
}

impl<'h> Fields<'h> {
    fn read(headers: &[httparse::Header<'h>]) -> Result<Self, Error> {
        let mut fields = Self::default();
        for header in headers {
            // Bytes beyond ASCII are nobody's business here.
            let Ok(value) = core::str::from_utf8(header.value) else { continue };
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            let slot = if is("host") {
                &mut fields.host
            } else if is("origin") {
                &mut fields.origin
            } else if is("authorization") {
                &mut fields.authorization
            } else if is("content-type") {
                &mut fields.content_type
            } else if is("location") {
                &mut fields.location
            } else if is("if-match") {
                &mut fields.if_match
            } else if is("etag") {
                &mut fields.etag
            } else if is("sec-websocket-key") {
                &mut fields.ws_key
            } else if is("sec-websocket-accept") {
                &mut fields.ws_accept
            } else if is("sec-websocket-version") {
                &mut fields.ws_version
            } else {
                fields.read_framing(header.name, value)?;
                continue;
            };
            *slot = Some(value);
        }
        Ok(fields)
    }

    fn read_framing(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let listed = |token: &str| value.split(',').any(|v| v.trim().eq_ignore_ascii_case(token));
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.trim().parse().map_err(|_| Error::Protocol)?;
            // Two lengths that differ are an attack on whoever stands in front of us (RFC 9112 §6.3).
            if self.content_length.is_some_and(|l| l != length) {
                return Err(Error::Protocol);
            }
            self.content_length = Some(length);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.chunked = true;
        } else if name.eq_ignore_ascii_case("upgrade") {
            self.upgrade_websocket |= listed("websocket");
        } else if name.eq_ignore_ascii_case("connection") {
            self.connection_upgrade |= listed("upgrade");
        }
        Ok(())
    }

    /// Both sides of the upgrade are asked for (RFC 6455 §4.2.1).
    pub(crate) const fn is_websocket(&self) -> bool {
        self.upgrade_websocket && self.connection_upgrade
    }

    /// Whether the media type is `wanted`, parameters aside.
    pub(crate) fn is_type(&self, wanted: &str) -> bool {
        self.content_type.is_some_and(|t| t.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
    }

    /// The token of `Authorization: Bearer` (RFC 6750 §2.1).
    pub(crate) fn bearer(&self) -> Option<&'h str> {
        let (scheme, token) = self.authorization?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }
}

/// Reads until a head is complete: its length, and how much came in all. What comes behind it belongs to the body.
pub(crate) async fn read_head<S: Read>(socket: &mut S, buf: &mut [u8]) -> Result<(usize, usize), Error> {
    let mut filled = 0_usize;
    loop {
        let room = buf.get_mut(filled..).filter(|r| !r.is_empty()).ok_or(Error::TooLong)?;
        let n = socket.read(room).await.map_err(|_| Error::Io)?;
        if n == 0 {
            return Err(if filled == 0 { Error::Closed } else { Error::Io });
        }
        // The end may straddle two reads.
        let from = filled.saturating_sub(3);
        filled = filled.saturating_add(n).min(buf.len());
        let new = buf.get(from..filled).unwrap_or_default();
        if let Some(at) = new.windows(4).position(|w| w == b"\r\n\r\n") {
            return Ok((from.saturating_add(at).saturating_add(4), filled));
        }
    }
}

/// Reads a request's head.
pub(crate) fn parse_request(head: &[u8]) -> Result<Request<'_>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Error::TooLong),
        _ => return Err(Error::Protocol),
    }
    let target = request.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(Request { method: request.method.unwrap_or_default(), path, query, fields: Fields::read(request.headers)? })
}

/// Reads a response's head.
pub(crate) fn parse_response(head: &[u8]) -> Result<Response<'_>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Error::TooLong),
        _ => return Err(Error::Protocol),
    }
    Ok(Response { status: response.code.unwrap_or_default(), fields: Fields::read(response.headers)? })
}

/// Reads a body of `length` bytes, of which `first` came with the head.
pub(crate) async fn read_body<'b, S: Read>(
    socket: &mut S,
    first: &[u8],
    length: usize,
    buf: &'b mut [u8],
) -> Result<&'b mut [u8], Error> {
    let body = buf.get_mut(..length).ok_or(Error::TooLong)?;
    // What comes behind the body would be another request, which is not read here.
    let first = first.get(..length).unwrap_or(first);
    let (head, rest) = body.split_at_mut_checked(first.len()).ok_or(Error::TooLong)?;
    head.copy_from_slice(first);
    socket.read_exact(rest).await.map_err(|_| Error::Io)?;
    Ok(body)
}

/// A head being written.
pub(crate) struct HeadWriter<'w>(Writer<'w>);

impl<'w> HeadWriter<'w> {
    pub(crate) const fn new(room: &'w mut [u8]) -> Self {
        Self(Writer::new(room))
    }

    /// Any line; a value with a control character in it is refused.
    pub(crate) fn line(&mut self, args: fmt::Arguments<'_>) -> Result<(), Error> {
        self.write_fmt(args).map_err(|_| Error::NoRoom)?;
        Ok(self.0.put(b"\r\n")?)
    }

    /// The empty line, and the length of it all.
    pub(crate) fn finish(mut self) -> Result<usize, Error> {
        self.0.put(b"\r\n")?;
        Ok(self.0.len())
    }
}

impl fmt::Write for HeadWriter<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        if s.bytes().any(|b| b.is_ascii_control()) {
            return Err(fmt::Error);
        }
        self.0.put(s.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// Sends what `write` writes as the head, and the body that lies behind the first [`HEAD_ROOM`] bytes of `room`, in one
/// piece: two small segments would wait for each other's acknowledgement.
pub(crate) async fn send<S: Write>(
    socket: &mut S,
    room: &mut [u8],
    body: usize,
    write: impl FnOnce(&mut HeadWriter<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut head = [0; HEAD_ROOM];
    let mut w = HeadWriter::new(&mut head);
    write(&mut w)?;
    let len = w.finish()?;
    let start = HEAD_ROOM.saturating_sub(len);
    let end = HEAD_ROOM.saturating_add(body);
    let place = room.get_mut(start..HEAD_ROOM).ok_or(Error::NoRoom)?;
    place.copy_from_slice(head.get(..len).unwrap_or_default());
    socket.write_all(room.get(start..end).ok_or(Error::NoRoom)?).await.map_err(|_| Error::Io)?;
    socket.flush().await.map_err(|_| Error::Io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firefox_and_chromium_upgrades_are_seen() {
        for connection in ["Upgrade", "keep-alive, Upgrade"] {
            let head = std::format!(
                "GET /ws?token=a HTTP/1.1\r\nHost: x:1\r\nConnection: {connection}\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n"
            );
            let r = parse_request(head.as_bytes()).unwrap();
            assert_eq!((r.method, r.path, r.query, r.fields.host), ("GET", "/ws", "token=a", Some("x:1")));
            assert!(r.fields.is_websocket());
        }
    }

    #[test]
    fn contradicting_lengths_are_refused() {
        let head = b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n";
        assert_eq!(parse_request(head).map(drop), Err(Error::Protocol));
    }

    #[test]
    fn header_injection_is_refused() {
        let mut room = [0; 64];
        let mut w = HeadWriter::new(&mut room);
        assert_eq!(w.line(format_args!("Location: {}", "x\r\nSet-Cookie: y")), Err(Error::NoRoom));
    }
}
