//! The page and signaling over TCP, and the way out to a forwarder.

use core::fmt;
use core::net::SocketAddr;
use core::pin::pin;
use core::time::Duration;

use barertc::ice::stream::{CertificateFault, StreamEnd};
use barertc_arena::Box;
use barertc_signaling::{Backoff, Buffers, Url, serve_connection};
use edge_nal::{Close, Readable, TcpAccept, TcpConnect, TcpShutdown};
use embassy_futures::join::join4;
use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};

use crate::app::App;
use crate::board::Board;
use crate::cut::Cut;
use crate::in_place::in_place;
use crate::rng::BoardRng;
use crate::settings::Forwarder;
use crate::signaling::{Handler, Source};
use crate::status::Outward;
use crate::words::Why;

/// How long a connection may be open before it asks for something.
const REQUEST_TIME: Duration = Duration::from_secs(1);
/// After which time a connection is accepted again where that has failed.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
/// How long a closing TCP connection may take, with whatever still comes from the other side.
const LINGER: Duration = Duration::from_secs(2);
/// How long connecting to a forwarder may take, with TLS.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of why a server cannot be reached; what is longer is cut.
const REASON: usize = 96;
/// The socket number of the forwarder's connection: pages that connect to us count up from 1.
const FORWARDER: u32 = u32::MAX;

/// Chromium's longest description in JSON has 7.4 KB.
const MESSAGE: usize = 8 << 10;
/// Ours, with four addresses, has less than 3.
const SDP: usize = 4 << 10;
/// The same in JSON; first of all, the head of a request.
const OUT: usize = SDP + 512;

/// Serves four times four connections. An array of futures would have to be made in one place and moved to another.
pub(crate) async fn accept_all<B: Board, T: TcpAccept>(app: &App<'_, B>, acceptor: &T) {
    let (a, b) = (pin!(in_place(|| accept_four(app, acceptor))), pin!(in_place(|| accept_four(app, acceptor))));
    let (c, d) = (pin!(in_place(|| accept_four(app, acceptor))), pin!(in_place(|| accept_four(app, acceptor))));
    join4(a, b, c, d).await;
}

async fn accept_four<B: Board, T: TcpAccept>(app: &App<'_, B>, acceptor: &T) {
    let (a, b) = (pin!(in_place(|| accept(app, acceptor))), pin!(in_place(|| accept(app, acceptor))));
    let (c, d) = (pin!(in_place(|| accept(app, acceptor))), pin!(in_place(|| accept(app, acceptor))));
    join4(a, b, c, d).await;
}

/// Accepts connections one after the other; several of these share an acceptor.
async fn accept<B: Board, T: TcpAccept>(app: &App<'_, B>, acceptor: &T) {
    loop {
        let (remote, mut socket) = match acceptor.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                let why = embedded_io_async::Error::kind(&error);
                app.board.log(format_args!("HTTP: a connection could not be accepted: {}", Why(why)));
                app.board.sleep_until(app.board.now() + ACCEPT_AGAIN).await;
                continue;
            }
        };
        // Each of these loops has one place, so there is one free.
        let Some(place) = app.http.enter(app.board.now(), remote.ip()) else {
            app.status.count_refused();
            let _ = socket.abort().await;
            continue;
        };
        let evicted = {
            let handler = Handler { app, source: Source::Page(remote.ip(), Some(&place)) };
            let serving = pin!(in_place(|| serve(app, &mut socket, remote, &handler)));
            matches!(select(serving, pin!(place.evicted())).await, Either::Second(()))
        };
        if evicted {
            // It had its time, and the place is for others.
            app.status.count_refused();
            let _ = socket.abort().await;
        }
    }
}

/// Serves one connection, and closes it.
async fn serve<B: Board, S: Read + Write + Readable + TcpShutdown>(
    app: &App<'_, B>,
    socket: &mut S,
    remote: SocketAddr,
    handler: &Handler<'_, '_, B>,
) {
    // Browsers open connections ahead of need; those must not keep others waiting, nor take memory.
    let asked = select(socket.readable(), app.board.sleep_until(app.board.now() + REQUEST_TIME)).await;
    if matches!(asked, Either::Second(())) {
        return;
    }
    let served = pin!(with_buffers(app, async |buffers| {
        pin!(in_place(|| serve_connection(socket, remote.ip(), buffers, handler))).await
    }))
    .await;
    match served {
        Some(Ok(())) => {}
        Some(Err(error)) => app.board.log(format_args!("{remote}: {error}")),
        None => {
            app.status.count_refused();
            app.board.log(format_args!("{remote}: refused, no memory for its messages"));
            let _ = socket.write_all(NO_MEMORY).await;
        }
    }
    select(pin!(close(socket)), app.board.sleep_until(app.board.now() + LINGER)).await;
}

/// What is said where there is no memory to read a request.
const NO_MEMORY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 5\r\n\r\n";

/// Closes our half and takes what still comes until the other side has closed its own. A socket that is let go with
/// something unread in it is reset, and a reset may take back what we said last: why we refused.
async fn close<S: Read + TcpShutdown>(socket: &mut S) {
    if socket.close(Close::Write).await.is_err() {
        return;
    }
    let mut unwanted = [0; 256];
    while matches!(socket.read(&mut unwanted).await, Ok(1..)) {}
}

/// Stays connected to a forwarder, as the original streamer does, and comes back when the connection is lost.
pub(crate) async fn forward<B: Board>(app: &App<'_, B>, forwarder: &Forwarder<'_>) {
    let Ok(url) = Url::parse(forwarder.url) else {
        return forwarder_lost(app, forwarder.url, format_args!("not an address such as ws://HOST:PORT/NAME"));
    };
    let Some(way) = way(app.board, &url) else {
        return forwarder_lost(app, forwarder.url, format_args!("{NO_TLS}"));
    };
    let lost = |why: fmt::Arguments<'_>| forwarder_lost(app, url.authority, why);
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    loop {
        // Who tells addresses has its own time.
        let found = find(app, forwarder.address, &url).await;
        let connected = match found {
            Ok(address) => {
                let connecting = pin!(way.connect(address));
                match select(connecting, app.board.sleep_until(app.board.now() + CONNECT)).await {
                    Either::First(connected) => {
                        connected.map(|socket| (address, socket)).map_err(|error| unreachable::<B>(&error))
                    }
                    Either::Second(()) => Err(Unreachable::in_time()),
                }
            }
            Err(why) => Err(why),
        };
        match connected {
            Ok((address, mut socket)) => {
                app.board.log(format_args!("forwarder: connected to {address}"));
                let since = app.board.now();
                let mut rng = BoardRng(app.board);
                let handler = Handler { app, source: Source::Forwarder(address.ip()) };
                let ended = pin!(with_buffers(app, async |buffers| {
                    pin!(in_place(|| barertc_signaling::connect(
                        &mut socket,
                        &url,
                        FORWARDER,
                        buffers,
                        &handler,
                        &mut rng
                    )))
                    .await
                }))
                .await;
                match ended {
                    Some(Ok(())) => lost(format_args!("closed by the other side")),
                    Some(Err(error)) => lost(format_args!("{error}")),
                    None => lost(format_args!("no memory for its messages")),
                }
                if app.board.now() - since > Duration::from_secs(10) {
                    backoff.succeeded();
                }
            }
            Err(why) => lost(format_args!("{why}")),
        }
        let wait = app.board.random(|rng| backoff.next(rng));
        app.board.log(format_args!("forwarder: next try in {} s", wait.as_secs()));
        app.board.sleep_until(app.board.now() + wait).await;
    }
}

/// Says why there is no connection to the forwarder, in the log and on the page. The upgrade to WebSocket takes it back:
/// [`Handler`]'s `connected`.
fn forwarder_lost<B: Board>(app: &App<'_, B>, server: &str, why: fmt::Arguments<'_>) {
    app.status.set_outward(Outward::Forwarder, format_args!("forwarder {server:.48}: {why}"));
    app.board.log(format_args!("forwarder: {server}: {why}"));
}

/// What is said of a server that wants TLS where [`way`] finds none.
pub(crate) const NO_TLS: &str = "no TLS on this board, or not to this name";

/// Where the server of `url` is: as it is known, or as the board finds out.
pub(crate) async fn find<B: Board>(
    app: &App<'_, B>,
    known: Option<SocketAddr>,
    url: &Url<'_>,
) -> Result<SocketAddr, Unreachable> {
    if let Some(address) = known {
        return Ok(address);
    }
    let found = app.board.resolve(url.host).await;
    let found = found.ok_or_else(|| Unreachable(Cut::of(format_args!("no address found for {}", url.host))))?;
    Ok(SocketAddr::new(found, url.port))
}

/// What makes connections to a server: TCP, with TLS in it where its URL says so. `None` on a board without TLS.
pub(crate) fn way<'a, B: Board>(board: &'a B, url: &Url<'a>) -> Option<B::Connect<'a>> {
    if url.secure { board.tls(url.host) } else { Some(board.tcp()) }
}

/// Why a server cannot be reached, in words.
pub(crate) fn unreachable<B: Board>(error: &B::ConnectError) -> Unreachable {
    Unreachable(match B::connect_failed(error) {
        StreamEnd::NotConnected => {
            Cut::of(format_args!("does not answer: {}", Why(embedded_io_async::Error::kind(error))))
        }
        // The error knows more than these: which limit, which alert, which fault.
        StreamEnd::Tls => Cut::of(format_args!("TLS failed: {error}")),
        StreamEnd::Certificate(CertificateFault::Other) => Cut::of(format_args!("{error}")),
        end => Cut::of(format_args!("{end}")),
    })
}

/// Why a server cannot be reached.
#[derive(Debug)]
pub(crate) struct Unreachable(Cut<REASON>);

impl Unreachable {
    /// It has not answered for as long as it may take.
    pub(crate) fn in_time() -> Self {
        Self(Cut::of(format_args!("does not answer in time")))
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Buffers from the large memory for as long as `f` takes; `None` when there is no room.
pub(crate) async fn with_buffers<B: Board, T>(app: &App<'_, B>, f: impl AsyncFnOnce(Buffers<'_>) -> T) -> Option<T> {
    let alloc = app.board.psram("signaling");
    let mut room = Box::try_zeroed(MESSAGE + SDP + OUT, alloc).ok()?;
    let (message, rest) = room.split_at_mut(MESSAGE);
    let (sdp, out) = rest.split_at_mut(SDP);
    Some(pin!(f(Buffers { message, sdp, out })).await)
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use embedded_io_async::ErrorKind;

    use super::*;
    use crate::sim::{Fault, SimBoard};

    /// What is known of a failure is said: a limit, an alert, a fault of the certificate.
    #[test]
    fn the_reason_is_the_error_itself() {
        let limit = "a message of the handshake of 9000 bytes: the limit is 8192";
        let other = CertificateFault::Other;
        for (end, kind, error, said) in [
            (StreamEnd::Tls, ErrorKind::InvalidData, limit, &*std::format!("TLS failed: {limit}")),
            (
                StreamEnd::Certificate(other),
                ErrorKind::PermissionDenied,
                "it is for no servers",
                "it is for no servers",
            ),
            (
                StreamEnd::NotConnected,
                ErrorKind::ConnectionRefused,
                "os error 111",
                "does not answer: nothing listens there",
            ),
            (StreamEnd::NoTime, ErrorKind::InvalidData, "-", "the time is not known, so no certificate can be judged"),
        ] {
            assert_eq!(unreachable::<SimBoard<'_>>(&Fault(end, kind, error)).to_string(), said);
        }
    }
}
