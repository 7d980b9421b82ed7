//! A signaling socket at work: messages in, answers and news out, until one side has enough.

use core::future::Future;
use core::pin::{Pin, pin};
use core::time::Duration;

use barertc_wire::Clock;
use embassy_futures::select::{Either, Either3, select, select3};
use embedded_io_async::{Read, Write};

use crate::error::{Discard, Error, Violation};
use crate::message::{Dialect, Envelope, Id, Message};
use crate::ws::{CLOSE_NORMAL, HEADROOM, Incoming, WebSocket, close_code};

/// How long a socket may be silent before it is pinged.
pub const PING_AFTER: Duration = Duration::from_secs(20);
/// How many pings in a row may stay without an answer.
pub(crate) const MAX_UNANSWERED: u8 = 2;
/// How long a write may take.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who a message is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer<'a> {
    /// The signaling socket it came over.
    pub socket: u32,
    /// The name on that socket: what a forwarder calls the other side, or the last segment of the path by which a page
    /// connected to us. It proves nothing; together with `socket` it is unique.
    pub id: &'a str,
    /// What the message itself shows to get in. One that comes over a forwarding server has nothing else to show.
    pub token: Option<&'a str>,
}

/// What the application does with signaling messages, whichever way they come.
///
/// One handler serves many sockets, so it takes `&self`; everything runs on one executor and nothing here needs `Send`.
#[allow(async_fn_in_trait, reason = "single-threaded executors, as everything in this workspace")]
pub trait Signals: Clock {
    /// A message came. What is to be answered borrows from `room`: an offer to a request, an answer to an offer.
    async fn message<'r>(&self, from: Peer<'_>, message: Message<'_>, room: &'r mut [u8]) -> Option<Message<'r>>;

    /// The next message that `socket` should carry unasked, to the peer whose name it leaves in `to` (a page connected
    /// directly needs none). Waited for again and again, and dropped whenever something comes in: it must take a
    /// message off its queue only when it returns it.
    async fn outgoing<'r>(&self, socket: u32, to: &mut Id, room: &'r mut [u8]) -> Message<'r>;

    /// `socket` is gone. The connections it made need not be.
    fn closed(&self, socket: u32);

    /// Something was refused.
    fn discarded(&self, reason: Discard) {
        let _ = reason;
    }
}

/// Memory that one signaling socket works in, lent by the caller.
#[derive(Debug)]
pub struct Buffers<'b> {
    /// Request heads, then messages as they come in: [`Buffers::MESSAGE`] bytes do for every browser.
    pub message: &'b mut [u8],
    /// Descriptions that the handler writes: [`Buffers::SDP`].
    pub sdp: &'b mut [u8],
    /// Messages on their way out: a description with its line ends escaped: [`Buffers::OUT`].
    pub out: &'b mut [u8],
}

impl Buffers<'_> {
    /// Chromium's longest description, 7 KB and 217 lines, in JSON, with as much again to spare.
    pub const MESSAGE: usize = 12 * 1024;
    /// A description of ours with a dozen candidates.
    pub const SDP: usize = 6 * 1024;
    /// The same in JSON.
    pub const OUT: usize = 7 * 1024;
}

/// How names are used on a link.
pub(crate) enum Names {
    /// The other end forwards: messages bear the name of who they are from, or for.
    Forwarded,
    /// The other end is the peer itself, called so, and calls us by the name it asked for.
    Direct { peer: Id, ours: Id },
}

/// A socket with everything it needs.
pub(crate) struct Link<'l, 'b, S, H> {
    pub(crate) ws: WebSocket<'b, S>,
    pub(crate) number: u32,
    pub(crate) names: Names,
    pub(crate) sdp: &'l mut [u8],
    pub(crate) out: &'l mut [u8],
    pub(crate) handler: &'l H,
    pub(crate) mask: &'l mut dyn FnMut() -> u32,
}

/// Gives `future` a time limit. It is pinned by who makes it: one that is passed on by its value is there twice.
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
    /// Works until the socket ends; orderly ends are no error.
    pub(crate) async fn run(&mut self) -> Result<(), Error> {
        let ended = pin!(self.serve()).await;
        match ended {
            Err(Error::TooLong { .. }) => self.handler.discarded(Discard::TooLong),
            // Text that is no text is no JSON either.
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

/// Lets the handler answer; the length of what is then to be sent.
async fn answer<H: Signals>(
    socket: u32,
    names: &mut Names,
    envelope: Envelope<'_>,
    sdp: &mut [u8],
    out: &mut [u8],
    handler: &H,
) -> Option<usize> {
    let message = envelope.message?;
    let (from, back) = match names {
        Names::Forwarded => (envelope.id, envelope.id),
        Names::Direct { peer, ours } => {
            if !envelope.id.is_empty() {
                // A name too long for us is not repeated.
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
    // Whoever asked is told, rather than left to wait.
    handler.discarded(Discard::TooLong);
    envelope.message = Some(Message::Refused { reason: "the answer is longer than the memory for it" });
    write(&envelope, out)
}

fn write(envelope: &Envelope<'_>, out: &mut [u8]) -> Option<usize> {
    out.get_mut(HEADROOM..).and_then(|room| envelope.write(room).ok()).map(|text| text.len())
}
