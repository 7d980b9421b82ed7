//! Runs a signaling socket: it hands received messages to the application, and sends answers and other messages.

use core::fmt;
use core::future::{Future, pending};
use core::pin::{Pin, pin};
use core::time::Duration;

use barertc_wire::Clock;
use embassy_futures::select::{Either, Either3, select, select3};
use embedded_io_async::{Read, Write};

use crate::error::{Discard, Error, Violation};
use crate::message::{Dialect, Envelope, Id, MAX_ID, Message};
use crate::ws::{CLOSE_NORMAL, HEADROOM, Incoming, WebSocket, close_code};

/// The time without a received frame after which a socket sends a ping.
pub const PING_AFTER: Duration = Duration::from_secs(20);
/// The most pings in a row that may stay without an answer.
pub(crate) const MAX_UNANSWERED: u8 = 2;
/// The longest time of a write.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// The sender of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Peer<'a> {
    /// The number of the signaling socket that received the message.
    pub socket: u32,
    /// The sender's name. A forwarding server gives it. On a direct connection it is the last segment of the path.
    ///
    /// The name is unique together with `socket`. It does not authenticate the sender.
    pub id: &'a str,
    /// The token inside the message. A sender behind a forwarding server has no other way to send one.
    pub token: Option<&'a str>,
}

impl fmt::Debug for Peer<'_> {
    /// Says whether there is a token, and never which.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { socket, id, token } = self;
        f.debug_struct("Peer").field("socket", socket).field("id", id).field("token", &token.is_some()).finish()
    }
}

barertc_wire::opaque_format! { [] Peer<'_> }

/// The application's handler for signaling messages.
///
/// One handler serves many sockets, so its calls take `&self`. All futures run on one executor and need not be `Send`.
#[allow(async_fn_in_trait, reason = "single-threaded executors, as everything in this workspace")]
pub trait Signals: Clock {
    /// Handles a received message and returns the answer: an offer for a request, or an answer for an offer.
    ///
    /// The answer borrows from `room`. `None` sends no answer.
    ///
    /// The default answers nothing: it is for servers that open no sockets.
    async fn message<'r>(&self, from: Peer<'_>, message: Message<'_>, room: &'r mut [u8]) -> Option<Message<'r>> {
        let _ = (from, message, room);
        None
    }

    /// Waits for the next message that `socket` should send on its own, such as a candidate.
    ///
    /// The message borrows from `room`. The call leaves the receiver's name in `to`; a page that is connected directly
    /// needs no name. The future is dropped whenever a frame arrives. So the call must remove a message from its queue only
    /// when it returns that message.
    ///
    /// The default never has one.
    async fn outgoing<'r>(&self, socket: u32, to: &mut Id, room: &'r mut [u8]) -> Message<'r> {
        let _ = (socket, to, room);
        pending().await
    }

    /// Tells that the server took the opening handshake of `socket`, which [`connect`](crate::connect) made (RFC 6455 §4.1).
    /// The default does nothing.
    fn connected(&self, socket: u32) {
        let _ = socket;
    }

    /// Tells that `socket` has ended. Peer connections that it set up can go on. The default does nothing.
    fn closed(&self, socket: u32) {
        let _ = socket;
    }

    /// Tells that a message or a request was refused. The default does nothing.
    fn discarded(&self, reason: Discard) {
        let _ = reason;
    }
}

// What is in them may have tokens.
barertc_wire::opaque! { [] Buffers<'_>; }

/// The buffers of one signaling socket or connection, lent by the caller.
pub struct Buffers<'b> {
    /// The buffer for received messages. [`Buffers::MESSAGE`] bytes suffice for every browser.
    pub message: &'b mut [u8],
    /// The buffer for descriptions that the handler writes. [`Buffers::SDP`] bytes suffice for a dozen candidates.
    pub sdp: &'b mut [u8],
    /// The buffer for the head of a request, and for messages to send. [`Buffers::OUT`] bytes suffice for a description of
    /// [`Buffers::SDP`] bytes with its line ends escaped.
    pub out: &'b mut [u8],
}

impl Buffers<'_> {
    /// Bytes for a received message: Chromium's longest description (7 KB, 217 lines) in JSON, and a reserve.
    pub const MESSAGE: usize = 12 * 1024;
    /// Bytes for a local description with a dozen candidates.
    pub const SDP: usize = 6 * 1024;
    /// Bytes for such a description in JSON.
    pub const OUT: usize = 7 * 1024;
}

/// The meaning of names on a link.
pub(crate) enum Names {
    /// The other end is a forwarding server. A message carries the name of its sender or receiver.
    Forwarded,
    /// The other end is the peer `peer` itself. `ours` is the name by which it calls this side.
    Direct { peer: Id, ours: Id },
}

/// A socket with its buffers and its handler.
pub(crate) struct Link<'l, 'b, S, H> {
    pub(crate) ws: WebSocket<'b, S>,
    pub(crate) number: u32,
    pub(crate) names: Names,
    pub(crate) sdp: &'l mut [u8],
    pub(crate) out: &'l mut [u8],
    pub(crate) handler: &'l H,
    pub(crate) mask: &'l mut dyn FnMut() -> u32,
}

/// Gives `future` a time limit. The caller pins the future, because a future that is moved occupies memory twice.
pub(crate) async fn within<C: Clock, T>(
    clock: &C,
    limit: Duration,
    future: Pin<&mut impl Future<Output = Result<T, Error>>>,
) -> Result<T, Error> {
    match select(future, pin!(clock.sleep_until(clock.now() + limit))).await {
        Either::First(result) => result,
        Either::Second(()) => Err(Error::TimedOut),
    }
}

impl<S: Read + Write, H: Signals> Link<'_, '_, S, H> {
    /// Runs until the socket ends. An orderly end is no error.
    pub(crate) async fn run(&mut self) -> Result<(), Error> {
        let ended = pin!(self.serve()).await;
        match ended {
            Err(Error::TooLong { .. }) => self.handler.discarded(Discard::TooLong),
            // A text that is not UTF-8 counts as JSON that cannot be read.
            Err(Error::Protocol(Violation::Utf8)) => self.handler.discarded(Discard::Json),
            Err(Error::Protocol(_)) => self.handler.discarded(Discard::Frame),
            _ => {}
        }
        let code = ended.err().map_or(Some(CLOSE_NORMAL), close_code);
        if let Some(code) = code {
            let _ = within(self.handler, WRITE_TIMEOUT, pin!(self.ws.close(code, (self.mask)()))).await;
        }
        self.handler.closed(self.number);
        match ended {
            Err(Error::Closed) => Ok(()),
            other => other,
        }
    }

    async fn serve(&mut self) -> Result<(), Error> {
        let handler = self.handler;
        let mut unanswered = 0;
        loop {
            let mut to = Id::new();
            let happens = {
                let news = pin!(handler.outgoing(self.number, &mut to, self.sdp));
                let silence = handler.sleep_until(handler.now() + PING_AFTER);
                select3(pin!(self.ws.recv()), news, pin!(silence)).await
            };
            match happens {
                Either3::First(incoming) => {
                    unanswered = 0;
                    match incoming? {
                        Incoming::Text(text) => {
                            let len = match Envelope::parse(text) {
                                Ok(envelope) => {
                                    let names = &mut self.names;
                                    pin!(answer(self.number, names, envelope, self.sdp, self.out, handler)).await
                                }
                                Err(_) => {
                                    handler.discarded(Discard::Json);
                                    None
                                }
                            };
                            pin!(self.send(len)).await?;
                        }
                        Incoming::Binary => handler.discarded(Discard::Json),
                        Incoming::Ping(data) => {
                            within(handler, WRITE_TIMEOUT, pin!(self.ws.pong(&data, (self.mask)()))).await?;
                        }
                        Incoming::Pong => {}
                        Incoming::Close => return Err(Error::Closed),
                    }
                }
                Either3::Second(message) => {
                    let id = match &self.names {
                        Names::Forwarded => to.as_str(),
                        Names::Direct { ours, .. } => ours.as_str(),
                    };
                    let envelope = Envelope { id, token: None, dialect: Dialect::Streamer, message: Some(message) };
                    let len = write(&envelope, self.out);
                    if len.is_none() {
                        handler.discarded(Discard::TooLong);
                    }
                    pin!(self.send(len)).await?;
                }
                Either3::Third(()) if unanswered >= MAX_UNANSWERED => return Err(Error::TimedOut),
                Either3::Third(()) => {
                    unanswered = unanswered.saturating_add(1);
                    within(handler, WRITE_TIMEOUT, pin!(self.ws.ping((self.mask)()))).await?;
                }
            }
        }
    }

    async fn send(&mut self, len: Option<usize>) -> Result<(), Error> {
        let Some(len) = len else { return Ok(()) };
        within(self.handler, WRITE_TIMEOUT, pin!(self.ws.send_text(self.out, len, (self.mask)()))).await
    }
}

/// Gives a message to the handler and returns the length of the answer in bytes.
async fn answer<H: Signals>(
    socket: u32,
    names: &mut Names,
    envelope: Envelope<'_>,
    sdp: &mut [u8],
    out: &mut [u8],
    handler: &H,
) -> Option<usize> {
    let Some(message) = envelope.message else {
        handler.discarded(Discard::Unsupported);
        return None;
    };
    if envelope.id.len() > MAX_ID {
        // Cut short it could be somebody else's.
        handler.discarded(Discard::TooLong);
        let reason = "a name has at most 64 bytes";
        let refusal = Envelope { token: None, message: Some(Message::Refused { reason }), ..envelope };
        return write(&refusal, out);
    }
    let (from, back) = match names {
        Names::Forwarded => (envelope.id, envelope.id),
        Names::Direct { peer, ours } => {
            if !envelope.id.is_empty() {
                *ours = Id::try_from(envelope.id).unwrap_or_default();
            }
            (peer.as_str(), ours.as_str())
        }
    };
    let peer = Peer { socket, id: from, token: envelope.token };
    let reply = pin!(handler.message(peer, message, sdp)).await?;
    let mut envelope = Envelope { id: back, token: None, dialect: envelope.dialect, message: Some(reply) };
    if let Some(len) = write(&envelope, out) {
        return Some(len);
    }
    // The sender gets a refusal instead of no answer.
    handler.discarded(Discard::TooLong);
    envelope.message = Some(Message::Refused { reason: "the answer is longer than the memory for it" });
    write(&envelope, out)
}

fn write(envelope: &Envelope<'_>, out: &mut [u8]) -> Option<usize> {
    out.get_mut(HEADROOM..).and_then(|room| envelope.write(room).ok()).map(|text| text.len())
}
