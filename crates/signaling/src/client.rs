//! The client of a WebSocket.

use core::pin::pin;
use core::time::Duration;

use embedded_io_async::{Read, Write};
use rand_core::{CryptoRng, Rng};

use crate::error::{Error, Violation};
use crate::http::{self, HEAD_ROOM};
use crate::link::{Buffers, Link, Names, Signals, within};
use crate::url::Url;
use crate::ws::{WebSocket, accept_key, fresh_key};

/// How long the opening handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs a signaling socket to a forwarding server until the socket ends. `Ok` means that the server closed it.
///
/// `stream` is connected to the host of `url`, through TLS when [`Url::secure`] is true. `handler` gets each message with
/// the name of its sender. `socket` is the number that `handler` gets in [`Peer::socket`](crate::Peer::socket).
///
/// # Errors
/// [`Error::Status`] or [`Error::Busy`] when the server refuses the handshake. Any other [`Error`] when the stream or the
/// protocol fails.
pub async fn connect<S: Read + Write, H: Signals, R: CryptoRng>(
    stream: &mut S,
    url: &Url<'_>,
    socket: u32,
    buffers: Buffers<'_>,
    handler: &H,
    rng: &mut R,
) -> Result<(), Error> {
    let Buffers { message, sdp, out } = buffers;
    let key = fresh_key(rng);
    let came = within(handler, HANDSHAKE_TIMEOUT, pin!(handshake(stream, url, &key, message))).await?;
    handler.connected(socket);
    let ws = WebSocket::client(stream, message).with_received(came);
    let mut mask = || rng.next_u32();
    Link { ws, number: socket, names: Names::Forwarded, sdp, out, handler, mask: &mut mask }.run().await
}

/// Does the client's part of the opening handshake (RFC 6455 §4.1).
///
/// The server's first frames may arrive together with its head. They are at the front of `buf` afterwards, and the call
/// returns their length in bytes.
async fn handshake<S: Read + Write>(stream: &mut S, url: &Url<'_>, key: &str, buf: &mut [u8]) -> Result<usize, Error> {
    let mut room = [0; HEAD_ROOM];
    http::send(stream, &mut room, 0, |w| {
        w.line(format_args!("GET {} HTTP/1.1", url.target()))?;
        w.line(format_args!("Host: {}", url.authority))?;
        w.line(format_args!("Upgrade: websocket"))?;
        w.line(format_args!("Connection: Upgrade"))?;
        w.line(format_args!("Sec-WebSocket-Key: {key}"))?;
        w.line(format_args!("Sec-WebSocket-Version: 13"))
    })
    .await?;
    let head = http::read_answer(stream, buf).await?;
    let response = http::parse_response(buf.get(..head.len).unwrap_or_default())?;
    if response.status != 101 {
        return Err(refusal(&response));
    }
    let fields = &response.fields;
    // This client offers no extension and no subprotocol, so the server must not select any.
    let accepted = fields.ws_accept == Some(accept_key(key).as_str()) && fields.is_websocket() && !fields.ws_extras;
    if !accepted {
        return Err(Violation::Handshake.into());
    }
    buf.copy_within(head.len..head.filled, 0);
    Ok(head.filled.saturating_sub(head.len))
}

/// The error for a response with a status other than success.
pub(crate) fn refusal(response: &http::Response<'_>) -> Error {
    match response.status {
        503 => Error::Busy(response.fields.retry_after.and_then(barertc_wire::text::number)),
        status => Error::Status(status),
    }
}

/// The time to wait before the next attempt to connect: exponential backoff with a random part.
///
/// The step doubles with each failure up to a limit. The random part keeps many devices from reconnecting at once after
/// their server failed.
///
/// ```
/// # use core::time::Duration;
/// # use barertc_signaling::Backoff;
/// # struct Half; // a generator that always says "half"
/// # impl rand_core::TryRng for Half {
/// #     type Error = core::convert::Infallible;
/// #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(u32::MAX / 2) }
/// #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { Ok(u64::MAX / 2) }
/// #     fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> { to.fill(127); Ok(()) }
/// # }
/// let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
/// let waits: Vec<u64> = (0..7).map(|_| backoff.next(&mut Half).as_secs_f64().round() as u64).collect();
/// assert_eq!(waits, [1, 1, 3, 6, 12, 22, 22]); // three quarters of 1, 2, 4, 8, 16, 30, 30
/// backoff.succeeded();
/// assert!(backoff.next(&mut Half) <= Duration::from_secs(1));
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u8,
}

impl Backoff {
    /// Makes a backoff whose first step is `first`, and whose longest step is `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// Counts a failed attempt and returns the time to wait: a random time between half of the current step and the whole
    /// step.
    pub fn next<R: Rng>(&mut self, rng: &mut R) -> Duration {
        let step = self
            .first
            .saturating_mul(1_u32.checked_shl(u32::from(self.failures)).unwrap_or(u32::MAX))
            .min(self.longest);
        self.failures = self.failures.saturating_add(1).min(31);
        let half = step.checked_div(2).unwrap_or_default();
        let random = rng.next_u32() >> 24;
        half.saturating_add(half.saturating_mul(random).checked_div(255).unwrap_or_default())
    }

    /// Resets the step to the first one. The caller calls this when a connection has worked for some time.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
    }
}
