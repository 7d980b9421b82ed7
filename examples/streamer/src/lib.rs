//! The streaming application, the same on every board: it serves a page, and to whoever opens it a video with sound and
//! data channels over WebRTC.
//!
//! A machine lends it what it needs as a [`Board`]; [`run`] never returns. Everything that a viewer takes comes from the
//! board's large memory and goes back to it; nothing uses a global allocator.
#![no_std]
#![forbid(unsafe_code)]
#![allow(async_fn_in_trait)] // One executor, one thread: nobody needs these futures to be `Send`.

#[cfg(test)]
extern crate std;

mod app;
mod board;
mod config;
mod connect;
mod cut;
mod dialer;
#[cfg(feature = "embassy")]
pub mod embedded;
mod error;
mod in_place;
mod lines;
mod live;
mod negotiation;
mod play;
mod player;
mod ports;
mod publish;
mod rendition;
mod report;
mod rng;
pub mod seed;
mod serve;
mod settings;
mod signaling;
#[cfg(test)]
mod sim;
mod sockets;
mod status;
#[cfg(feature = "tls")]
mod trust;
mod turn;
mod viewer;
mod viewers;
mod words;

use core::future::{Future, pending};
use core::net::SocketAddr;
use core::pin::pin;
use core::time::Duration;

use barertc::Identity;
use barertc_media::{Encoder, Storage};
#[cfg(feature = "ice-tcp")]
use barertc_runner::Listener;
use barertc_runner::{Buffers, Streams};
#[cfg(feature = "ice-tcp")]
use edge_nal::TcpAccept;
use embassy_futures::join::{join, join3, join4};
use embassy_futures::select::{Either, select};

pub use board::{Board, Memory, OWNERS};
pub use error::Error;
pub use in_place::{OutOfLine, in_place};
pub use lines::Lines;
pub use live::Live;
pub use settings::{Forwarder, MAX_ADDRESSES, MAX_RELAYED, MAX_TURN, Settings, Turn, Whip};
pub use words::Refused;

use app::App;
use dialer::Dialer;
use player::{Player, Stored};
#[cfg(feature = "ice-tcp")]
use ports::Slot;
use ports::bind_media;

/// How long the application takes to end at the most.
const END_TIME: Duration = Duration::from_secs(1);

/// Runs the application until `stop` is ready; then every viewer is told goodbye. `ready` is told the page's address once
/// it can be opened. There are `SOCKETS` places for UDP sockets: those that the settings' addresses leave free are lent to
/// viewers for relays, where the settings name TURN servers. Those that are reached over TCP or TLS are carried by `streams`:
/// one for each viewer and server. So are viewers that connect over TCP, with the feature `ice-tcp`.
///
/// # Errors
/// When it cannot start.
#[allow(clippy::too_many_arguments)] // what a board lends, and when it begins and ends
pub async fn run<B: Board, S: Storage, const SOCKETS: usize, const STREAMS: usize, const ACCEPTED: usize>(
    board: &B,
    settings: &Settings<'_>,
    identity: &Identity,
    storage: &mut S,
    buffers: &mut Buffers<SOCKETS>,
    streams: &Streams<B::Psram, STREAMS, ACCEPTED>,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let mut stored = Stored(storage);
    pin!(in_place(|| run_with(board, settings, identity, &mut stored, buffers, streams, ready, stop))).await
}

/// The same with encoders instead of [`Settings::media`]: what is captured now.
///
/// # Errors
/// When it cannot start.
#[allow(clippy::too_many_arguments)] // as `run`
pub async fn run_live<B, V, S, const SOCKETS: usize, const STREAMS: usize, const ACCEPTED: usize>(
    board: &B,
    settings: &Settings<'_>,
    identity: &Identity,
    live: &mut Live<V, S>,
    buffers: &mut Buffers<SOCKETS>,
    streams: &Streams<B::Psram, STREAMS, ACCEPTED>,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), Error>
where
    B: Board,
    V: Encoder<B::Psram>,
    S: Encoder<B::Psram>,
{
    live.rate.check().map_err(Error::Rate)?;
    pin!(in_place(|| run_with(board, settings, identity, live, buffers, streams, ready, stop))).await
}

#[allow(clippy::too_many_arguments)] // as `run`
async fn run_with<B: Board, const SOCKETS: usize, const STREAMS: usize, const ACCEPTED: usize>(
    board: &B,
    settings: &Settings<'_>,
    identity: &Identity,
    player: &mut impl Player<B>,
    buffers: &mut Buffers<SOCKETS>,
    streams: &Streams<B::Psram, STREAMS, ACCEPTED>,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let mut place = None;
    let app = App::make_in(&mut place, board, settings, identity)?;
    let mut ports = bind_media(app).await?;
    let (acceptor, address) = board.listen(settings.http).await.map_err(|_| Error::Http(settings.http))?;
    ready(address);
    report::compare_bounds(app);
    let pages = OutOfLine(pin!(in_place(|| serve::accept_all(app, &acceptor))));
    let forwarding = OutOfLine(pin!(async {
        match &settings.forwarder {
            Some(forwarder) => pin!(in_place(|| serve::forward(app, forwarder))).await,
            None => pending().await,
        }
    }));
    let publishing = OutOfLine(pin!(async {
        match &settings.whip {
            Some(whip) => pin!(in_place(|| publish::publish(app, whip))).await,
            None => pending().await,
        }
    }));
    let dialer = Dialer::new(app);
    #[cfg(feature = "ice-tcp")]
    let listeners = listen_media(app).await?;
    // The sockets follow the addresses of the machine: the loop over them begins anew with others.
    let network = OutOfLine(pin!(in_place(|| async {
        let mut addresses = settings.addresses.clone();
        loop {
            let (viewers, wake) = (&app.viewers, &app.wake);
            #[cfg(not(feature = "ice-tcp"))]
            let running = barertc_runner::run_with_streams(&mut ports, streams, &dialer, buffers, board, viewers, wake);
            #[cfg(feature = "ice-tcp")]
            let running = barertc_runner::run_with_listeners(
                &mut ports, streams, &dialer, &listeners, buffers, board, viewers, wake,
            );
            let others = match select(pin!(running), pin!(board.addresses_changed(&addresses))).await {
                Either::First(_) => return,
                Either::Second(others) => others,
            };
            addresses = others;
            ports::follow(app, &mut ports, &addresses).await;
        }
    })));
    let playing = OutOfLine(pin!(in_place(|| player.play(app))));
    let reporting = pin!(in_place(|| report::report(app)));
    let ending = OutOfLine(pin!(async {
        stop.await;
        app.viewers.borrow_mut().close_all(board.now());
        app.wake.signal(());
        // Time for the goodbyes to leave, and for servers to take back what they lent.
        let until = board.now() + END_TIME;
        while !app.viewers.borrow().is_empty() && board.now() < until {
            board.sleep_until(board.now() + Duration::from_millis(10)).await;
        }
        if let Some(whip) = &settings.whip {
            pin!(in_place(|| publish::unpublish(app, whip))).await;
        }
    }));
    let looking = pin!(in_place(|| dialer::look_up(app)));
    let outward = join3(forwarding, publishing, looking);
    let everything = join(network, join4(pages, outward, playing, reporting));
    match select(everything, ending).await {
        Either::First(_) | Either::Second(()) => Ok(()),
    }
}

#[cfg(feature = "ice-tcp")]
impl<T: TcpAccept> TcpAccept for Slot<T> {
    type Error = T::Error;
    type Socket<'a>
        = T::Socket<'a>
    where
        Self: 'a;

    async fn accept(&self) -> Result<(SocketAddr, Self::Socket<'_>), T::Error> {
        match &self.0 {
            Some(acceptor) => acceptor.accept().await,
            None => pending().await,
        }
    }
}

/// Listens for viewers that connect over TCP, where the settings say so.
#[cfg(feature = "ice-tcp")]
async fn listen_media<'b, B: Board>(
    app: &App<'b, B>,
) -> Result<[Listener<Slot<B::Acceptor<'b>>>; MAX_ADDRESSES], Error> {
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let mut listeners = [(); MAX_ADDRESSES].map(|()| Listener { local: nowhere, acceptor: Slot(None) });
    let Some(port) = app.settings.ice_tcp else { return Ok(listeners) };
    for (listener, address) in listeners.iter_mut().zip(&app.settings.addresses) {
        let wanted = SocketAddr::new(*address, port);
        match app.board.listen_media(wanted).await {
            Ok((acceptor, local)) => {
                *listener = Listener { local, acceptor: Slot(Some(acceptor)) };
                app.sockets.add_listening(local);
            }
            Err(error) => app.board.log(format_args!("media: cannot listen at {wanted}: {error}")),
        }
    }
    if app.sockets.listening().is_empty() { Err(Error::IceTcp(port)) } else { Ok(listeners) }
}
