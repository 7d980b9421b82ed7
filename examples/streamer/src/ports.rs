//! The sockets of media, which follow the addresses of the machine.

use core::future::pending;
use core::net::{IpAddr, SocketAddr};

use barertc::Candidate;
use barertc::ice::Error as IceError;
use barertc_runner::Port;
use edge_nal::{UdpReceive, UdpSend};
use embedded_io_async::ErrorType;

use crate::app::App;
use crate::board::Board;
use crate::error::Error;
use crate::settings::MAX_RELAYED;

/// Where a place is that has no socket.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), 0);

/// A place for a socket, which may be empty.
pub(crate) struct Slot<S>(pub(crate) Option<S>);

impl<S: ErrorType> ErrorType for Slot<S> {
    type Error = S::Error;
}

impl<S: UdpReceive> UdpReceive for Slot<S> {
    async fn receive(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), S::Error> {
        match &mut self.0 {
            Some(socket) => socket.receive(buffer).await,
            None => pending().await,
        }
    }
}

impl<S: UdpSend> UdpSend for Slot<S> {
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), S::Error> {
        match &mut self.0 {
            Some(socket) => socket.send(remote, data).await,
            None => pending().await,
        }
    }
}

pub(crate) async fn bind_media<'b, B: Board, const SOCKETS: usize>(
    app: &App<'b, B>,
) -> Result<[Port<Slot<B::Udp<'b>>>; SOCKETS], Error> {
    let mut ports = [(); SOCKETS].map(|()| Port { local: NOWHERE, socket: Slot(None) });
    let mut places = ports.iter_mut();
    for (port, address) in places.by_ref().zip(&app.settings.addresses) {
        let wanted = SocketAddr::new(*address, app.settings.udp_port);
        if let Some(local) = bind(app, port, wanted).await {
            app.sockets.add_shared(local);
        }
    }
    // A server lends one address to one socket, which must have a way to it.
    let relayed = app.settings.turn.first().and_then(|turn| {
        let reaches = |port: &&SocketAddr| {
            let (ours, theirs) = (port.ip(), turn.server.addr.ip());
            (ours.is_ipv4(), ours.is_loopback()) == (theirs.is_ipv4(), theirs.is_loopback())
        };
        app.sockets.shared().iter().find(reaches).copied()
    });
    if let Some(address) = relayed {
        let mut lent = 0;
        for port in places.take(MAX_RELAYED) {
            let Some(local) = bind(app, port, SocketAddr::new(address.ip(), 0)).await else { break };
            app.sockets.add_lendable(local);
            lent += 1;
        }
        if lent == 0 {
            // Without another socket, one viewer at a time has a relay.
            app.sockets.add_lendable(address);
        }
    }
    if app.sockets.shared().is_empty() { Err(Error::Udp) } else { Ok(ports) }
}

/// Gives up the sockets of addresses that the machine has no more, and binds others to its new ones. No description is needed: a peer
/// learns of a new address from the checks that come from it (RFC 8445 §7.3.1.3). A socket that is lent for a relay stays where it is.
pub(crate) async fn follow<'b, B: Board, const SOCKETS: usize>(
    app: &App<'b, B>,
    ports: &mut [Port<Slot<B::Udp<'b>>>; SOCKETS],
    addresses: &[IpAddr],
) {
    for gone in app.sockets.shared().into_iter().filter(|socket| !addresses.contains(&socket.ip())) {
        if let Some(port) = ports.iter_mut().find(|port| port.local == gone) {
            *port = Port { local: NOWHERE, socket: Slot(None) };
        }
        app.sockets.remove_shared(gone);
        let now = app.board.now();
        for viewer in app.viewers.borrow_mut().iter_mut() {
            match viewer.connection.remove_local_candidate(now, gone) {
                // One that was only lent a socket does not have it.
                Ok(()) | Err(barertc::Error::Ice(IceError::UnknownLocal(_))) => {}
                Err(error) => app.board.log(format_args!("media: a viewer keeps {gone}: {error}")),
            }
        }
        // Chromium sends its requests to the old address for up to three seconds.
        app.viewers.borrow_mut().want_key_frame();
        app.board.log(format_args!("media: {gone} is gone"));
    }
    let is_bound = |address: &&IpAddr| app.sockets.shared().iter().any(|socket| socket.ip() == **address);
    for address in addresses.iter().filter(|address| !is_bound(address)) {
        let Some(port) = ports.iter_mut().find(|port| port.socket.0.is_none()) else {
            app.board.log(format_args!("media: no place for another socket, at {address}"));
            break;
        };
        let Some(local) = bind(app, port, SocketAddr::new(*address, app.settings.udp_port)).await else { continue };
        app.sockets.add_shared(local);
        let now = app.board.now();
        for viewer in app.viewers.borrow_mut().iter_mut() {
            if let Err(error) = viewer.connection.add_local_candidate(now, Candidate::host(local)) {
                app.board.log(format_args!("media: a viewer cannot use {local}: {error}"));
            }
        }
        app.board.log(format_args!("media: {local} is new"));
    }
    app.wake.signal(());
}

async fn bind<'b, B: Board>(
    app: &App<'b, B>,
    port: &mut Port<Slot<B::Udp<'b>>>,
    wanted: SocketAddr,
) -> Option<SocketAddr> {
    match app.board.bind(wanted).await {
        Ok((socket, local)) => {
            *port = Port { local, socket: Slot(Some(socket)) };
            Some(local)
        }
        Err(error) => {
            app.board.log(format_args!("media: cannot use {wanted}: {error}"));
            None
        }
    }
}
