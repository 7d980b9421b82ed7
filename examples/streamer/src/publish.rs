//! Out to a WHIP server (RFC 9725), with what everybody else sees.

use core::cell::RefCell;
use core::fmt;
use core::net::SocketAddr;
use core::pin::pin;
use core::time::Duration;

use barertc_signaling::whip::{self, Published, Session, Token};
use barertc_signaling::{Backoff, Buffers, Id, Peer, Url};

use barertc_arena::Box;
use edge_nal::TcpConnect;
use embassy_futures::select::{Either, select};

use crate::app::App;
use crate::board::Board;
use crate::serve::{NO_TLS, Unreachable, find, unreachable, way, with_buffers};
use crate::settings::Whip;
use crate::signaling::OURSELVES;
use crate::status::Outward;
use crate::viewer::Origin;

/// The socket number under which the server is kept among the viewers.
const SERVER: u32 = u32::MAX - 1;
/// How often it is followed to another place (RFC 9725 §4.5).
const REDIRECTS: usize = 3;
/// How often it is looked whether the connection still is.
const LOOK: Duration = Duration::from_secs(1);
/// How long one exchange with the server may take.
const EXCHANGE_TIME: Duration = Duration::from_secs(10);
/// The longest time that a server can ask us to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Room for the heads of a request and its answer.
const END_ROOM: usize = 4 << 10;
/// How long the goodbye may take.
const END_TIME: Duration = Duration::from_millis(500);

/// Stays connected to the server, and comes back when the connection is lost.
pub(crate) async fn publish<B: Board>(app: &App<'_, B>, whip: &Whip<'_>) {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    loop {
        let since = app.board.now();
        let mut asked = Duration::ZERO;
        let begun = match find_server(app, whip).await {
            Ok(at) => {
                let until = app.board.now() + EXCHANGE_TIME;
                match select(pin!(begin(app, whip, at)), app.board.sleep_until(until)).await {
                    Either::First(begun) => begun,
                    Either::Second(()) => Err(PublishError::Unreachable(Unreachable::in_time())),
                }
            }
            Err(error) => Err(error),
        };
        match begun {
            Ok(()) => {
                app.status.clear_outward(Outward::Whip);
                sending_to(app, whip);
                while app.viewers.borrow_mut().find(SERVER, NAME).is_some() {
                    app.board.sleep_until(app.board.now() + LOOK).await;
                }
                lost(app, whip, format_args!("the connection ended"));
            }
            Err(error) => {
                lost(app, whip, format_args!("{error}"));
                asked = error.retry_after();
            }
        }
        // A session whose answer is of no use here, or did not come whole, is one all the same.
        pin!(unpublish(app, whip)).await;
        app.viewers.borrow_mut().remove(SERVER, NAME);
        if app.board.now() - since > Duration::from_secs(20) {
            backoff.succeeded();
        }
        let wait = app.board.random(|rng| backoff.next(rng)).max(asked);
        app.board.sleep_until(app.board.now() + wait).await;
    }
}

/// Says why nothing is sent, in the log and on the page.
fn lost<B: Board>(app: &App<'_, B>, whip: &Whip<'_>, why: fmt::Arguments<'_>) {
    app.status.set_outward(Outward::Whip, format_args!("WHIP {:.48}: {why}", whip.url));
    app.board.log(format_args!("WHIP: {}: {why}", whip.url));
}

fn sending_to<B: Board>(app: &App<'_, B>, whip: &Whip<'_>) {
    let published = app.published.borrow();
    app.board.log(format_args!("WHIP: sending to {}", published.as_ref().map_or(whip.url, |session| session.url())));
}

/// Tells the server that there will be no more (RFC 9725 §4.2).
pub(crate) async fn unpublish<B: Board>(app: &App<'_, B>, whip: &Whip<'_>) {
    let Some(session) = app.published.borrow_mut().take() else { return };
    let goodbye = pin!(async {
        let url = Url::parse(session.url()).ok()?;
        let way = way(app.board, &url)?;
        let known = Url::parse(whip.url).is_ok_and(|known| known.authority == url.authority);
        let at = if known { app.whip_at.get()? } else { address(&url)? };
        let mut socket = way.connect(at).await.ok()?;
        let mut room = Box::try_zeroed(END_ROOM, app.board.psram("signaling")).ok()?;
        whip::end(&mut socket, &session, token(whip).as_ref(), &mut room).await.ok()
    });
    // A server that does not hear it will see that nothing comes any more.
    let _ = select(goodbye, app.board.sleep_until(app.board.now() + END_TIME)).await;
}

/// Where the server of the settings is, which is kept for the goodbye. Who tells addresses has its own time.
async fn find_server<B: Board>(app: &App<'_, B>, whip: &Whip<'_>) -> Result<SocketAddr, PublishError> {
    let url = Url::parse(whip.url)?;
    if url.secure && whip.address.is_none() && way(app.board, &url).is_none() {
        // Its address would be of no use.
        return Err(PublishError::NoTls);
    }
    let at = find(app, whip.address, &url).await.map_err(PublishError::Unreachable)?;
    app.whip_at.set(Some(at));
    Ok(at)
}

/// Offers, and takes the answer.
async fn begin<B: Board>(app: &App<'_, B>, whip: &Whip<'_>, mut at: SocketAddr) -> Result<(), PublishError> {
    let from = Origin { socket: SERVER, id: Id::try_from(NAME).unwrap_or_default(), address: OURSELVES };
    let begun = pin!(with_buffers(app, async |Buffers { message, sdp, out: _ }| {
        let offer = pin!(app.offer(&from, sdp)).await?;
        let mut place = heapless::String::<{ whip::MAX_URL }>::try_from(whip.url).map_err(|_| PublishError::Url)?;
        let mut made = Made { session: None, published: &app.published };
        for _ in 0..=REDIRECTS {
            (place, at) = {
                let url = Url::parse(&place)?;
                let way = way(app.board, &url).ok_or(PublishError::NoTls)?;
                let connected = way.connect(at).await;
                let mut socket = connected.map_err(|error| PublishError::Unreachable(unreachable::<B>(&error)))?;
                let token = token(whip);
                let published = whip::publish(&mut socket, &url, token.as_ref(), offer, &mut made.session, message);
                let published = pin!(published).await?;
                match published {
                    Published::Answer(answer) => {
                        app.answered(Peer { socket: SERVER, id: NAME, token: None }, answer)?;
                        app.wake.signal(());
                        return Ok(());
                    }
                    Published::Redirect(to) => {
                        let next = Url::parse(&to)?;
                        let known = next.authority == url.authority;
                        let at = if known { at } else { address(&next).ok_or(PublishError::Url)? };
                        (to, at)
                    }
                }
            };
        }
        Err(PublishError::Url)
    }));
    begun.await.unwrap_or(Err(PublishError::Peer(barertc::Error::NoMemory)))
}

/// The session that the server makes. It is known to the application however the exchange ends, or when it is given up.
struct Made<'a> {
    session: Option<Session>,
    published: &'a RefCell<Option<Session>>,
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            *self.published.borrow_mut() = Some(session);
        }
    }
}

/// The token for the server, which no other one is shown.
fn token<'w>(whip: &Whip<'w>) -> Option<Token<'w>> {
    Some(Token::new(whip.token?, Url::parse(whip.url).ok()?))
}

/// The board looks up the name of the settings alone; a server that sends us on says where by address.
fn address(url: &Url<'_>) -> Option<SocketAddr> {
    Some(SocketAddr::new(url.host.parse().ok()?, url.port))
}

/// The server's name among the viewers.
const NAME: &str = "whip";

/// Why the server did not get what is played.
#[derive(Debug)]
enum PublishError {
    Peer(barertc::Error),
    Signaling(barertc_signaling::Error),
    Url,
    NoTls,
    Unreachable(Unreachable),
}

impl PublishError {
    /// How long the server asks to be left alone (RFC 9110 §10.2.3).
    fn retry_after(&self) -> Duration {
        match self {
            Self::Signaling(barertc_signaling::Error::Busy(Some(seconds))) => {
                Duration::from_secs((*seconds).into()).min(LONGEST_WAIT)
            }
            _ => Duration::ZERO,
        }
    }
}

impl From<barertc::Error> for PublishError {
    fn from(error: barertc::Error) -> Self {
        Self::Peer(error)
    }
}

impl From<barertc_signaling::Error> for PublishError {
    fn from(error: barertc_signaling::Error) -> Self {
        Self::Signaling(error)
    }
}

impl core::fmt::Display for PublishError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Peer(error) => error.fmt(f),
            Self::Signaling(error) => error.fmt(f),
            Self::Url => f.write_str("sends us on to where we cannot go"),
            Self::NoTls => f.write_str(NO_TLS),
            Self::Unreachable(why) => why.fmt(f),
        }
    }
}
