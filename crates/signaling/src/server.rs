use core::net::IpAddr;
use core::pin::pin;
use core::time::Duration;

use embedded_io_async::{Read, Write};

use crate::access::{Admission, Caller};
use crate::error::{Discard, Error, Violation};
use crate::exchange::Exchange;
use crate::http;
use crate::link::{Buffers, Link, Signals, within};
use crate::message::Id;
use crate::reply::refuse;
use crate::whep::IceGeneration;
use crate::ws::WebSocket;

/// How long a request may take to come in.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What is served beside signaling.
#[derive(Clone, Copy, Debug)]
pub struct Page<'p> {
    /// Media type.
    pub content_type: &'p str,
    /// `gzip` and the like, when it is stored so.
    pub encoding: Option<&'p str>,
    /// The bytes.
    pub body: &'p [u8],
}

/// Why a session could not be had. Each has its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// 400: the description, or the candidate, is none.
    Malformed,
    /// 404: there is no such session.
    Unknown,
    /// 406: nothing in common.
    Unacceptable,
    /// 503: no room for another.
    Busy,
    /// 422: understood, and not done here (such as an ICE restart, or a candidate over a transport that is not used).
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

/// Which way the media of an HTTP session go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Endpoint {
    /// `/whep`: from us.
    Whep,
    /// `/whip`: to us (RFC 9725).
    Whip,
}

impl Endpoint {
    /// As people write it.
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

/// What the application decides for [`serve_connection`].
#[allow(async_fn_in_trait, reason = "single-threaded executors, as everything in this workspace")]
pub trait Server: Signals {
    /// Whether this caller may have signaling; pages are for everybody. [`AccessControl`](crate::AccessControl) is the usual
    /// answer.
    fn authorize(&self, caller: &Caller<'_>) -> Admission;

    /// A number for a new signaling socket; `None` when there is no room. Paired with [`Signals::closed`].
    fn opened(&self) -> Option<u32>;

    /// What lies at `path`, such as `/`.
    fn page(&self, path: &str) -> Option<Page<'_>>;

    /// WHEP or WHIP: an offer of somebody who wants to view, or to send. Answers into `room`, and leaves the session's name
    /// in `session`: letters and digits that nobody can guess (128 random bits), for who knows it may end the session.
    /// [`Refusal::Unknown`] where there is no such endpoint.
    ///
    /// # Errors
    /// [`Refusal`]
    async fn session_offer<'r>(
        &self,
        endpoint: Endpoint,
        offer: &str,
        session: &mut Id,
        room: &'r mut [u8],
    ) -> Result<&'r str, Refusal>;

    /// The ICE generation that `session` is in; `None` where there is no such session.
    fn session_ice(&self, session: &str) -> Option<IceGeneration>;

    /// One more candidate for `session`, of its ICE generation; `None` means there will be no more.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] and [`Refusal::Unsupported`] for a candidate that cannot be used: those behind it still come.
    async fn session_candidate(&self, session: &str, mid: &str, candidate: Option<&str>) -> Result<(), Refusal>;

    /// An ICE restart of `session`, to the other side's new user name fragment and password (RFC 9725 §4.3.3). Writes our
    /// new ones and our candidates into `room`, as a fragment (RFC 8840 §9). The other side's new candidates come next.
    ///
    /// # Errors
    /// [`Refusal::Unsupported`], which is what this does unless it is implemented; the session goes on as it was.
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

    /// Ends `session`; false when there is none of that name.
    fn session_end(&self, session: &str) -> bool;
}

/// Serves one accepted connection: one page, one request of WHEP or WHIP, or a signaling socket for as long as it lasts.
///
/// `GET /…` serves [`Server::page`], any WebSocket upgrade becomes a signaling socket that speaks the dialect of
/// [`Envelope`](crate::Envelope) directly (we are the `server` of it), `POST`, `PATCH` and `DELETE` on `/whep` are WHEP, and on
/// `/whip` WHIP.
/// The caller closes the stream afterwards (with `Close::Write` first where the stack aborts on drop).
///
/// # Errors
/// When the connection broke, timed out or broke the rules. A refused request is not an error; it was counted.
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
            let status = match violation {
                Violation::Version => 505,
                Violation::TransferCoding => 501,
                _ => 400,
            };
            return refuse(socket, handler, status).await;
        }
    };
    let mut exchange = Exchange { socket, address, handler };
    if request.fields.is_websocket() && request.method == "GET" {
        // A client should wait for our answer before it speaks (RFC 6455 §4.1); one that did not is heard all the same.
        let came = behind.len();
        let Some(room) = message.get_mut(..came) else { return exchange.refuse(413, Some(Discard::TooLong)).await };
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
