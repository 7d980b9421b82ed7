//! Connections to TURN servers over TCP and TLS.

use barertc::ice::stream::{CertificateFault, StreamEnd};
use barertc::{Protocol, Route};
use barertc_runner::Dial;
use edge_nal::TcpConnect;

use crate::app::App;
use crate::board::Board;
use crate::settings::MAX_TURN;

/// Makes them.
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
