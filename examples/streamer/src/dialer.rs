//! Where TURN servers are, and connections to them over TCP and TLS.

use core::future::pending;
use core::net::SocketAddr;
use core::time::Duration;

use barertc::ice::stream::{CertificateFault, StreamEnd};
use barertc::{Protocol, Route};
use barertc_runner::Dial;
use edge_nal::TcpConnect;

use crate::app::App;
use crate::board::Board;
use crate::settings::MAX_TURN;

/// How often names are looked up again: a server may move.
const LOOK_UP_EACH: Duration = Duration::from_secs(10 * 60);
/// After which time a name is looked up again where that has failed.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(5);

/// Makes the connections.
pub(crate) struct Dialer<'a, 'b, B: Board + 'b> {
    app: &'a App<'b, B>,
    tcp: B::Connect<'b>,
    /// What speaks TLS with each server of the settings that wants it, by its number there.
    tls: heapless::Vec<(usize, B::Connect<'b>), MAX_TURN>,
}

impl<'a, 'b, B: Board> Dialer<'a, 'b, B> {
    /// To the servers of the settings.
    pub(crate) fn new(app: &'a App<'b, B>) -> Self {
        let mut tls = heapless::Vec::new();
        let servers = app.settings.turn.iter().enumerate();
        for (number, turn) in servers.filter(|(_, turn)| turn.server.protocol == Protocol::Tls) {
            match app.board.tls(turn.host) {
                // There are as many places as servers.
                Some(connect) => drop(tls.push((number, connect))),
                None => app.board.log(format_args!("TURN: no TLS to {}", turn.host)),
            }
        }
        Self { app, tcp: app.board.tcp(), tls }
    }
}

impl<'b, B: Board> Dial for Dialer<'_, 'b, B> {
    type Stream<'a>
        = <B::Connect<'b> as TcpConnect>::Socket<'a>
    where
        Self: 'a;

    async fn dial(&self, route: Route) -> Result<Self::Stream<'_>, StreamEnd> {
        let connect = match route.protocol {
            Protocol::Tls => {
                let known = self.tls.iter().find(|(number, _)| self.app.turn_at.of(*number) == Some(route.remote));
                known.map(|(_, connect)| connect).ok_or(StreamEnd::Tls)?
            }
            _ => &self.tcp,
        };
        connect.connect(route.remote).await.map_err(|error| {
            let end = B::connect_failed(&error);
            // The error knows more than these: which limit, which alert, which fault.
            if matches!(end, StreamEnd::Tls | StreamEnd::Certificate(CertificateFault::Other)) {
                self.app.board.log(format_args!("TURN: {}: {error}", route.remote));
            }
            end
        })
    }
}

/// Looks up the names of servers, for ever. A viewer waits for none: it gets those that are known when it comes.
pub(crate) async fn look_up<B: Board>(app: &App<'_, B>) {
    if !app.settings.turn.iter().any(|turn| turn.look_up) {
        return pending().await;
    }
    let mut failed = [false; MAX_TURN];
    loop {
        let named = app.settings.turn.iter().zip(&mut failed).enumerate();
        for (number, (turn, failed)) in named.filter(|(_, (turn, _))| turn.look_up) {
            let found = app.board.resolve(turn.host).await;
            // It is said once, and again when it has been found meanwhile.
            match found.map(|ip| SocketAddr::new(ip, turn.server.addr.port())) {
                Some(at) if app.turn_at.found(number, at) => {
                    app.board.log(format_args!("TURN: {} is at {at}", turn.host));
                }
                // It may be where it was.
                None if !*failed => app.board.log(format_args!("TURN: no address found for {}", turn.host)),
                _ => {}
            }
            *failed = found.is_none();
        }
        let wait = if failed.contains(&true) { LOOK_UP_AGAIN } else { LOOK_UP_EACH };
        app.board.sleep_until(app.board.now() + wait).await;
    }
}
