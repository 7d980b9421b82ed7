//! Connections to TURN servers over TCP and TLS.

use core::net::SocketAddr;

use barertc::ice::stream::StreamEnd;
use barertc::{Protocol, Route};
use barertc_runner::Dial;
use edge_nal::TcpConnect;

use crate::board::Board;
use crate::settings::{MAX_TURN, Settings};

/// Makes them.
pub(crate) struct Dialer<'b, B: Board + 'b> {
    tcp: B::Connect<'b>,
    /// What speaks TLS with each server that wants it.
    tls: heapless::Vec<(SocketAddr, B::Connect<'b>), MAX_TURN>,
}

impl<'b, B: Board> Dialer<'b, B> {
    /// To the servers of the settings.
    pub(crate) fn new(board: &'b B, settings: &'b Settings<'_>) -> Self {
        let mut tls = heapless::Vec::new();
        for turn in settings.turn.iter().filter(|turn| turn.server.protocol == Protocol::Tls) {
            match board.tls(turn.host) {
                // There are as many places as servers.
                Some(connect) => drop(tls.push((turn.server.addr, connect))),
                None => board.log(format_args!("TURN: no TLS to {}", turn.host)),
            }
        }
        Self { tcp: board.tcp(), tls }
    }
}

impl<'b, B: Board> Dial for Dialer<'b, B> {
    type Stream<'a>
        = <B::Connect<'b> as TcpConnect>::Socket<'a>
    where
        Self: 'a;

    async fn dial(&self, route: Route) -> Result<Self::Stream<'_>, StreamEnd> {
        let connect = match route.protocol {
            Protocol::Tls => {
                let known = self.tls.iter().find(|(server, _)| *server == route.remote);
                known.map(|(_, connect)| connect).ok_or(StreamEnd::Tls)?
            }
            _ => &self.tcp,
        };
        connect.connect(route.remote).await.map_err(|error| B::connect_failed(&error))
    }
}
