//! The server of a page, a WebSocket, WHIP and WHEP.

use core::net::IpAddr;
use core::pin::pin;
use core::time::Duration;

use embedded_io_async::{Read, Write};

use crate::access::{Admission, Caller};
use crate::error::{Discard, Error};
use crate::exchange::Exchange;
use crate::http;
use crate::link::{Buffers, Link, Signals, within};
use crate::message::Id;
use crate::reply::{refuse, status_of};
use crate::whep::IceGeneration;
use crate::ws::WebSocket;

/// The longest time in which a request may arrive.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A page or another file that [`serve_connection`] serves.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Page<'p> {
    /// The media type, such as `text/html; charset=utf-8`.
    pub content_type: &'p str,
    /// The content coding of `body`, such as `gzip`. `None` for no coding.
    pub encoding: Option<&'p str>,
    /// The contents.
    pub body: &'p [u8],
}

/// The reason why the application refuses a session or a candidate. Each reason has its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// Status 400: the description or the candidate is malformed.
    Malformed,
    /// Status 404: the session or the endpoint does not exist.
    Unknown,
    /// Status 406: the offer has no codec or transport in common with the application.
    Unacceptable,
    /// Status 503: there is no room for another session.
    Busy,
    /// Status 422: the application does not support the request, such as an ICE restart or the transport of a candidate.
    Unsupported,
}

impl Refusal {
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unknown => 404,
            Self::Unacceptable => 406,
            Self::Busy => 503,
            Self::Unsupported => 422,
        }
    }
}

/// The protocol of an HTTP session, which gives the direction of its media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Endpoint {
    /// WHEP, at the path `/whep`: the server sends media.
    Whep,
    /// WHIP, at the path `/whip`: the server receives media (RFC 9725).
    Whip,
}

impl Endpoint {
    /// The name of the protocol, such as `WHEP`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whep => "WHEP",
            Self::Whip => "WHIP",
        }
    }

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Whep => "/whep",
            Self::Whip => "/whip",
        }
    }
}

/// The application's decisions for [`serve_connection`].
#[allow(async_fn_in_trait, reason = "single-threaded executors, as everything in this workspace")]
pub trait Server: Signals {
    /// Decides whether `caller` may use signaling. [`AccessControl`](crate::AccessControl) makes such decisions. Pages need
    /// no decision: every caller gets them.
    fn authorize(&self, caller: &Caller<'_>) -> Admission;

    /// Gives a new signaling socket its number. `None` when there is no room. [`Signals::closed`] tells the end of the
    /// socket.
    fn opened(&self) -> Option<u32>;

    /// The page at `path`, such as `/`. `None` when there is none.
    fn page(&self, path: &str) -> Option<Page<'_>>;

    /// Handles the offer of a WHEP viewer or a WHIP sender and returns the answer, which borrows from `room`.
    ///
    /// The call leaves the name of the session in `session`. The name has letters and digits only. It must be secret, with
    /// at least 128 random bits, because everybody who knows it can end the session.
    ///
    /// # Errors
    /// [`Refusal`] with the reason; [`Refusal::Unknown`] when the application does not serve `endpoint`.
    async fn session_offer<'r>(
        &self,
        endpoint: Endpoint,
        offer: &str,
        session: &mut Id,
        room: &'r mut [u8],
    ) -> Result<&'r str, Refusal>;

    /// The current ICE generation of `session`. `None` when there is no such session, or none that takes candidates: the
    /// default is for servers whose offers have all candidates.
    fn session_ice(&self, session: &str) -> Option<IceGeneration> {
        let _ = session;
        None
    }

    /// Adds a candidate of the current ICE generation to `session`. `None` means that no further candidates will follow.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] and [`Refusal::Unsupported`] for a candidate that cannot be used. The candidates after it are
    /// still given.
    ///
    /// The default refuses all of them.
    async fn session_candidate(&self, session: &str, mid: &str, candidate: Option<&str>) -> Result<(), Refusal> {
        let _ = (session, mid, candidate);
        Err(Refusal::Unsupported)
    }

    /// Restarts ICE of `session` with the other side's new username fragment and password (RFC 9725 §4.3.3).
    ///
    /// The call writes the new local credentials and candidates into `room`, as a fragment of a description (RFC 8840 §9).
    /// The other side's new candidates follow with [`session_candidate`](Self::session_candidate).
    ///
    /// # Errors
    /// [`Refusal`] with the reason. The session then goes on without a restart. The default refuses with
    /// [`Refusal::Unsupported`].
    async fn session_restart<'r>(
        &self,
        session: &str,
        ufrag: &str,
        pwd: &str,
        room: &'r mut [u8],
    ) -> Result<&'r str, Refusal> {
        let _ = (session, ufrag, pwd, room);
        Err(Refusal::Unsupported)
    }

    /// Ends `session`. False when there is no such session.
    fn session_end(&self, session: &str) -> bool;
}

/// Serves one accepted connection: one page, one request of WHEP or WHIP, or one signaling socket until it ends.
///
/// `GET` gives the page of [`Server::page`]. A WebSocket upgrade on any path starts a signaling socket with messages of
/// [`Envelope`](crate::Envelope), on which the page calls this side `server`. `POST`, `PATCH` and `DELETE` on `/whep` are
/// WHEP, and on `/whip` WHIP.
///
/// The caller closes the stream afterwards. If its network stack resets a stream on drop, the caller first closes the
/// direction of writing.
///
/// # Errors
/// An [`Error`] when the stream failed, a time limit passed, or the other side broke a rule. A refused request is no error;
/// [`Signals::discarded`] gets the reason.
pub async fn serve_connection<S: Read + Write, H: Server>(
    socket: &mut S,
    address: IpAddr,
    buffers: Buffers<'_>,
    handler: &H,
) -> Result<(), Error> {
    let Buffers { message, sdp, out } = buffers;
    let head = {
        let reading = pin!(http::read_head(socket, out, 0));
        within(handler, READ_TIMEOUT, reading).await
    };
    let head = match head {
        Ok(found) => found,
        Err(Error::Closed) => return Ok(()),
        Err(e) => {
            handler.discarded(Discard::Head);
            if matches!(e, Error::TooLong { .. }) {
                refuse(socket, handler, 431).await?;
            }
            return Err(e);
        }
    };
    let (text, behind) = out.get(..head.filled).and_then(|o| o.split_at_checked(head.len)).ok_or(Error::Truncated)?;
    let request = match http::parse_request(text) {
        Ok(request) => request,
        Err(violation) => {
            handler.discarded(Discard::Head);
            return refuse(socket, handler, status_of(violation)).await;
        }
    };
    let mut exchange = Exchange { socket, address, handler, head_only: request.method == "HEAD" };
    if request.fields.is_websocket() && request.method == "GET" {
        // A client should wait for our answer before it speaks (RFC 6455 §4.1); one that did not is heard all the same.
        let came = behind.len();
        let limit = message.len();
        let Some(room) = message.get_mut(..came) else { return exchange.refuse_too_long(limit).await };
        room.copy_from_slice(behind);
        let Some((number, names)) = pin!(exchange.upgrade(&request)).await? else { return Ok(()) };
        let ws = WebSocket::server(exchange.socket, message).with_received(came);
        let mut link = Link { ws, number, names, sdp, out, handler, mask: &mut || 0 };
        return pin!(link.run()).await;
    }
    match endpoint(request.path) {
        Some((endpoint, "")) => pin!(exchange.create_session(endpoint, &request, behind, message, sdp)).await,
        Some((_, session)) => pin!(exchange.session(&request, session, behind, message, sdp)).await,
        None => pin!(exchange.page(&request)).await,
    }
}

/// The endpoint of a path, and what session of it.
fn endpoint(path: &str) -> Option<(Endpoint, &str)> {
    [Endpoint::Whep, Endpoint::Whip].into_iter().find_map(|endpoint| {
        let rest = path.strip_prefix(endpoint.path())?;
        (rest.is_empty() || rest.starts_with('/')).then_some((endpoint, rest.trim_start_matches('/')))
    })
}
