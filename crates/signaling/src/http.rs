//! HTTP/1.1 heads and bodies (RFC 9112), as far as signaling needs them.
//!
//! The HTTP libraries for `no_std` keep all header fields in a table. A WHIP server that lists its TURN servers sends dozens
//! of `Link` fields, and a table for them would need too much stack. So this module reads only the fields that it uses.

use core::fmt::{self, Write as _};

use barertc_wire::{Writer, move_down, text};
use embedded_io_async::{Read, Write};

use crate::error::{Error, Violation};
use crate::url::{Url, split_authority};

/// The longest head that this crate writes, in bytes.
pub(crate) const HEAD_ROOM: usize = 640;

/// The most interim responses that are skipped before a final response.
const MAX_INTERIM: usize = 16;

/// The parts of a request's head that signaling uses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Request<'h> {
    pub(crate) method: &'h str,
    pub(crate) path: &'h str,
    pub(crate) query: &'h str,
    pub(crate) fields: Fields<'h>,
}

/// The parts of a response's head that signaling uses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Response<'h> {
    pub(crate) status: u16,
    pub(crate) fields: Fields<'h>,
}

/// The transfer coding of a body (RFC 9112 §6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Coding {
    #[default]
    Identity,
    Chunked,
}

/// The header fields that are looked at. More than fifteen fields: one for each.
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
    pub(crate) expect: Option<&'h str>,
    pub(crate) retry_after: Option<&'h str>,
    pub(crate) ws_key: Option<&'h str>,
    pub(crate) ws_accept: Option<&'h str>,
    pub(crate) ws_version: Option<&'h str>,
    /// Whether the head names an extension or a subprotocol of WebSocket.
    pub(crate) ws_extras: bool,
    pub(crate) coding: Coding,
    upgrade_websocket: bool,
    connection_upgrade: bool,
}

impl<'h> Fields<'h> {
    /// Reads header fields (RFC 9112 §5).
    ///
    /// A field that occurs twice although it may occur once, or that is not ASCII, is an error. A proxy in front may have
    /// used the other value.
    fn read(bytes: &'h [u8]) -> Result<Self, Violation> {
        let mut fields = Self::default();
        for line in lines(bytes) {
            let colon = line.iter().position(|b| *b == b':').ok_or(Violation::HeaderField)?;
            let (name, value) = line.split_at_checked(colon).ok_or(Violation::HeaderField)?;
            // A line that begins with a space continues the line before. Such lines are forbidden (RFC 9112 §5.2).
            let name = core::str::from_utf8(name).ok().filter(|n| is_token(n)).ok_or(Violation::HeaderField)?;
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            if value.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
                return Err(Violation::HeaderField);
            }
            fields.set(name, value)?;
        }
        Ok(fields)
    }

    fn set(&mut self, name: &str, value: &'h [u8]) -> Result<(), Violation> {
        let ascii = |known: &'static str| {
            let value = core::str::from_utf8(value).ok().filter(|v| v.is_ascii());
            value.ok_or(Violation::NotAscii(known))
        };
        let singles: [(&'static str, &mut Option<&'h str>); 12] = [
            ("Host", &mut self.host),
            ("Origin", &mut self.origin),
            ("Authorization", &mut self.authorization),
            ("Content-Type", &mut self.content_type),
            ("Location", &mut self.location),
            ("If-Match", &mut self.if_match),
            ("ETag", &mut self.etag),
            ("Expect", &mut self.expect),
            ("Retry-After", &mut self.retry_after),
            ("Sec-WebSocket-Key", &mut self.ws_key),
            ("Sec-WebSocket-Accept", &mut self.ws_accept),
            ("Sec-WebSocket-Version", &mut self.ws_version),
        ];
        for (known, slot) in singles {
            if name.eq_ignore_ascii_case(known) {
                let value = ascii(known)?;
                return if slot.replace(value).is_none() { Ok(()) } else { Err(Violation::Doubled(known)) };
            }
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let listed =
            |list: &str, token: &str| text::split(list, b',').any(|v| v.trim_ascii().eq_ignore_ascii_case(token));
        if is("Content-Length") {
            let length = text::number(ascii("Content-Length")?).ok_or(Violation::ContentLength)?;
            // Two lengths can smuggle a request past a proxy, even if they are equal (RFC 9112 §6.3).
            if self.content_length.replace(length).is_some() {
                return Err(Violation::Doubled("Content-Length"));
            }
        } else if is("Transfer-Encoding") {
            if !ascii("Transfer-Encoding")?.eq_ignore_ascii_case("chunked") {
                return Err(Violation::TransferCoding);
            }
            if core::mem::replace(&mut self.coding, Coding::Chunked) == Coding::Chunked {
                return Err(Violation::Doubled("Transfer-Encoding"));
            }
        } else if is("Upgrade") {
            self.upgrade_websocket |= listed(ascii("Upgrade")?, "websocket");
        } else if is("Connection") {
            self.connection_upgrade |= listed(ascii("Connection")?, "upgrade");
        } else if is("Sec-WebSocket-Extensions") || is("Sec-WebSocket-Protocol") {
            self.ws_extras = true;
        }
        Ok(())
    }

    /// Whether the head has both `Upgrade: websocket` and `Connection: Upgrade` (RFC 6455 §4.2.1).
    pub(crate) const fn is_websocket(&self) -> bool {
        self.upgrade_websocket && self.connection_upgrade
    }

    /// Whether the media type is `wanted`, without its parameters.
    pub(crate) fn is_type(&self, wanted: &str) -> bool {
        self.content_type.is_some_and(|t| head_of(t, b';').trim_ascii().eq_ignore_ascii_case(wanted))
    }

    /// The token of `Authorization: Bearer` (RFC 6750 §2.1).
    pub(crate) fn bearer(&self) -> Option<&'h str> {
        let (scheme, token) = text::split_once(self.authorization?, b' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_ascii())
    }
}

/// The lines of `bytes`, each without its line end.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let (line, after) = rest.split_at_checked(end)?;
        rest = after.get(2..).unwrap_or_default();
        (!line.is_empty()).then_some(line)
    })
}

/// The text in front of the first `separator`, or all of it.
fn head_of(whole: &str, separator: u8) -> &str {
    text::split_once(whole, separator).map_or(whole, |(head, _)| head)
}

/// RFC 9110 §5.6.2.
fn is_token(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// A head in the buffer, and the bytes that arrived behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// The length of the head in bytes.
    pub(crate) len: usize,
    /// The number of bytes in the buffer.
    pub(crate) filled: usize,
}

/// Reads until a head is complete. The first `filled` bytes of the buffer have arrived before.
pub(crate) async fn read_head<S: Read>(socket: &mut S, buf: &mut [u8], mut filled: usize) -> Result<Head, Error> {
    let mut seen = 0_usize;
    loop {
        let new = buf.get(seen..filled).unwrap_or_default();
        if let Some(at) = new.windows(4).position(|w| w == b"\r\n\r\n") {
            return Ok(Head { len: seen.saturating_add(at).saturating_add(4), filled });
        }
        // The end of the head may be split over two reads.
        seen = filled.saturating_sub(3);
        let limit = buf.len();
        let room = buf.get_mut(filled..).filter(|r| !r.is_empty()).ok_or(Error::TooLong { limit })?;
        let n = socket.read(room).await.map_err(Error::io)?;
        if n == 0 {
            return Err(if filled == 0 { Error::Closed } else { Error::Truncated });
        }
        filled = filled.saturating_add(n).min(limit);
    }
}

/// Reads the head of a final response. Interim responses before it are skipped (RFC 9110 §15.2). Status 101 counts as
/// final, because another protocol follows it.
pub(crate) async fn read_answer<S: Read>(socket: &mut S, buf: &mut [u8]) -> Result<Head, Error> {
    let mut filled = 0;
    for _ in 0..=MAX_INTERIM {
        let head = read_head(socket, buf, filled).await?;
        let status = parse_response(buf.get(..head.len).unwrap_or_default())?.status;
        if !(100..200).contains(&status) || status == 101 {
            return Ok(head);
        }
        buf.copy_within(head.len..head.filled, 0);
        filled = head.filled.saturating_sub(head.len);
    }
    Err(Violation::Interim.into())
}

/// Reads a request's head.
pub(crate) fn parse_request(head: &[u8]) -> Result<Request<'_>, Violation> {
    // Some clients send an empty line after the body of the request before (RFC 9112 §2.2).
    let head = head.strip_prefix(b"\r\n").unwrap_or(head);
    let (line, rest) = start_line(head)?;
    let mut words = text::split(line, b' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Violation::StartLine);
    };
    if !is_token(method) || target.is_empty() || !target.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Violation::StartLine);
    }
    let is_1_1 = version_of(version)?;
    let mut fields = Fields::read(rest)?;
    if fields.coding == Coding::Chunked && fields.content_length.is_some() {
        return Err(Violation::ContentLength);
    }
    // There must be one `Host`, and it must be valid (RFC 9112 §3.2).
    match fields.host {
        Some(host) => drop(split_authority(host).map_err(|_| Violation::Host)?),
        None if is_1_1 => return Err(Violation::Host),
        None => {}
    }
    let target = if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
        target
    } else {
        // The target is in absolute form. Its host replaces `Host` (RFC 9112 §3.2.2).
        let url = Url::parse(target).map_err(|_| Violation::StartLine)?;
        fields.host = Some(url.authority);
        url.path_and_query
    };
    let (path, query) = text::split_once(target, b'?').unwrap_or((target, ""));
    Ok(Request { method, path: if path.is_empty() { "/" } else { path }, query, fields })
}

/// Reads a response's head.
pub(crate) fn parse_response(head: &[u8]) -> Result<Response<'_>, Violation> {
    let (line, rest) = start_line(head)?;
    let (version, status) = text::split_once(line, b' ').ok_or(Violation::StartLine)?;
    version_of(version)?;
    let (status, reason) = status.split_at_checked(3).ok_or(Violation::StartLine)?;
    let valid = reason.is_empty() || reason.starts_with(' ');
    let status = text::number(status).filter(|s| valid && (100..600).contains(s)).ok_or(Violation::StartLine)?;
    Ok(Response { status, fields: Fields::read(rest)? })
}

/// Splits a head into its first line and the lines after it.
fn start_line(head: &[u8]) -> Result<(&str, &[u8]), Violation> {
    let end = head.windows(2).position(|two| two == b"\r\n").ok_or(Violation::StartLine)?;
    let (line, rest) = head.split_at_checked(end).ok_or(Violation::StartLine)?;
    // A reason phrase may have any encoding. It is cut off before its first byte that is not ASCII.
    let ascii = line.iter().position(|b| !b.is_ascii()).map_or(line, |at| line.get(..at).unwrap_or_default());
    if ascii.len() < line.len() && !line.starts_with(b"HTTP/") {
        return Err(Violation::StartLine);
    }
    let line = core::str::from_utf8(ascii).map_err(|_| Violation::StartLine)?;
    if line.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
        return Err(Violation::StartLine);
    }
    Ok((line, rest.get(2..).unwrap_or_default()))
}

/// True for HTTP/1.1 and false for HTTP/1.0. Other versions are not supported (RFC 9112 §2.3).
fn version_of(version: &str) -> Result<bool, Violation> {
    match version.strip_prefix("HTTP/").ok_or(Violation::StartLine)? {
        "1.1" => Ok(true),
        "1.0" => Ok(false),
        _ => Err(Violation::Version),
    }
}

/// The body of a request, of which `first` came with the head. A request without a length and without chunks has none
/// (RFC 9112 §6.3).
pub(crate) async fn read_body<'b, S: Read>(
    socket: &mut S,
    fields: &Fields<'_>,
    first: &[u8],
    buf: &'b mut [u8],
) -> Result<&'b [u8], Error> {
    let limit = buf.len();
    let chunked = fields.coding == Coding::Chunked;
    // What comes behind the body would be another request, which is not read here.
    let length = if chunked { first.len() } else { fields.content_length.unwrap_or_default() };
    let first = first.get(..length).unwrap_or(first);
    buf.get_mut(..first.len()).ok_or(Error::TooLong { limit })?.copy_from_slice(first);
    let fields = Fields { content_length: Some(length).filter(|_| !chunked), ..*fields };
    read_answer_body(socket, &fields, buf, first.len()).await
}

/// Reads the body of a response, of which `came` bytes are in `buf` already.
///
/// The body is in chunks, or has the length of `Content-Length`, or ends with the stream (RFC 9112 §6.3).
pub(crate) async fn read_answer_body<'b, S: Read>(
    socket: &mut S,
    fields: &Fields<'_>,
    buf: &'b mut [u8],
    came: usize,
) -> Result<&'b [u8], Error> {
    let mut filled = came;
    let chunked = fields.coding == Coding::Chunked;
    let wanted = if chunked { None } else { fields.content_length };
    let limit = buf.len();
    loop {
        if wanted.is_some_and(|w| filled >= w) || (chunked && dechunk(buf, filled, false)?.is_some()) {
            break;
        }
        let room = buf.get_mut(filled..).filter(|r| !r.is_empty()).ok_or(Error::TooLong { limit })?;
        match socket.read(room).await.map_err(Error::io)? {
            0 if chunked || wanted.is_some() => return Err(Error::Truncated),
            0 => break,
            n => filled = filled.saturating_add(n).min(limit),
        }
    }
    let len = if chunked { dechunk(buf, filled, true)?.unwrap_or_default() } else { wanted.unwrap_or(filled) };
    buf.get(..len).ok_or(Error::TooLong { limit })
}

/// The length of a body in chunks (RFC 9112 §7.1). `None` when the first `filled` bytes of `body` do not contain all of it.
/// With `join`, the data of the chunks are moved together.
pub(crate) fn dechunk(body: &mut [u8], filled: usize, join: bool) -> Result<Option<usize>, Violation> {
    let (mut from, mut to) = (0_usize, 0_usize);
    let line = |body: &[u8], from: usize| {
        let rest = body.get(from..filled).unwrap_or_default();
        rest.windows(2).position(|two| two == b"\r\n").map(|len| from.saturating_add(len))
    };
    loop {
        let Some(end) = line(body, from) else { return Ok(None) };
        let head = body.get(from..end).and_then(|head| core::str::from_utf8(head).ok()).ok_or(Violation::Chunk)?;
        let digits = head_of(head, b';').trim_ascii_end();
        let hex = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let size = usize::from_str_radix(digits, 16).ok().filter(|_| hex).ok_or(Violation::Chunk)?;
        from = end.saturating_add(2);
        if size == 0 {
            // Trailer fields end with an empty line. They are ignored.
            loop {
                let Some(end) = line(body, from) else { return Ok(None) };
                if end == from {
                    return Ok(Some(to));
                }
                from = end.saturating_add(2);
            }
        }
        let end = from.checked_add(size).ok_or(Violation::Chunk)?;
        let next = end.checked_add(2).ok_or(Violation::Chunk)?;
        if next > filled {
            return Ok(None);
        }
        if body.get(end..next) != Some(b"\r\n") {
            return Err(Violation::Chunk);
        }
        if join {
            move_down(body, from..end, to);
        }
        to = to.saturating_add(size);
        from = next;
    }
}

/// Writes a head line by line.
pub(crate) struct HeadWriter<'w>(Writer<'w>);

impl<'w> HeadWriter<'w> {
    pub(crate) const fn new(room: &'w mut [u8]) -> Self {
        Self(Writer::new(room))
    }

    /// Writes a line. A control character in it is an error.
    pub(crate) fn line(&mut self, args: fmt::Arguments<'_>) -> Result<(), Error> {
        self.write_fmt(args).map_err(|_| Error::NoRoom)?;
        Ok(self.0.put(b"\r\n")?)
    }

    /// Writes the empty line and returns the length of the head in bytes.
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

/// Sends the head that `write` writes, and the body behind the first [`HEAD_ROOM`] bytes of `room`.
///
/// Both are sent in one call. With two calls, the second segment could wait for the acknowledgement of the first one.
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
    socket.write_all(room.get(start..end).ok_or(Error::NoRoom)?).await.map_err(Error::io)?;
    socket.flush().await.map_err(Error::io)
}

#[cfg(test)]
mod tests;
