//! Responses that have a status and no content of the application.

use core::fmt::Write as _;
use core::pin::pin;
use core::time::Duration;

use barertc_wire::Clock;
use embedded_io_async::Write;

use crate::error::{Error, Violation};
use crate::http::{self, HEAD_ROOM, HeadWriter};
use crate::link::{WRITE_TIMEOUT, within};
use crate::ws::accept_key;

/// Accepts the opening handshake of a WebSocket with status 101 (RFC 6455 §4.2.2).
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

/// Tells a client with status 100 to send its body (RFC 9110 §15.2.1).
pub(crate) async fn go_on<S: Write>(socket: &mut S) -> Result<(), Error> {
    socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.map_err(Error::io)?;
    socket.flush().await.map_err(Error::io)
}

/// Refuses a request with a status. The body is the name of the status.
pub(crate) async fn refuse<S: Write, C: Clock>(socket: &mut S, clock: &C, status: u16) -> Result<(), Error> {
    refuse_with(socket, clock, Answer { status, head_only: false, limit: None }, |_| Ok(())).await
}

/// An answer without a description.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The request was HEAD: the head says what there would be, and nothing follows it (RFC 9110 §9.3.2).
    pub(crate) head_only: bool,
    /// The most bytes that the request might have had. The body of the answer tells it.
    pub(crate) limit: Option<usize>,
}

/// The status for a head that breaks a rule.
pub(crate) const fn status_of(violation: Violation) -> u16 {
    match violation {
        Violation::Version => 505,
        Violation::TransferCoding => 501,
        _ => 400,
    }
}

/// Seconds for `Retry-After`: what is left of one counts as a whole one.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

/// Refuses a request with a status and further header fields.
pub(crate) async fn refuse_with<S: Write, C: Clock>(
    socket: &mut S,
    clock: &C,
    Answer { status, head_only, limit }: Answer,
    fields: impl FnOnce(&mut HeadWriter<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut text = heapless::String::<64>::new();
    text.push_str(reason(status)).map_err(|_| Error::NoRoom)?;
    if let Some(limit) = limit {
        write!(text, ": at most {limit} bytes").map_err(|_| Error::NoRoom)?;
    }
    let mut room = [0; HEAD_ROOM.saturating_add(64)];
    let place = room.get_mut(HEAD_ROOM..).and_then(|r| r.get_mut(..text.len())).ok_or(Error::NoRoom)?;
    place.copy_from_slice(text.as_bytes());
    let sent = pin!(http::send(socket, &mut room, if head_only { 0 } else { text.len() }, |w| {
        status_line(w, status)?;
        w.line(format_args!("Content-Type: text/plain"))?;
        w.line(format_args!("Content-Length: {}", text.len()))?;
        match status {
            401 => w.line(format_args!("WWW-Authenticate: Bearer"))?,
            426 => {
                // RFC 9110 §15.5.22 and RFC 6455 §4.2.2.
                w.line(format_args!("Upgrade: websocket"))?;
                w.line(format_args!("Sec-WebSocket-Version: 13"))?;
            }
            503 => w.line(format_args!("Retry-After: 5"))?,
            _ => {}
        }
        fields(w)?;
        w.line(format_args!("Access-Control-Allow-Origin: *"))
    }));
    within(clock, WRITE_TIMEOUT, sent).await
}

/// Writes the status line and `Connection: close`. A connection serves one request only, because a device has few sockets.
pub(crate) fn status_line(w: &mut HeadWriter<'_>, status: u16) -> Result<(), Error> {
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
        409 => "Conflict",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}
