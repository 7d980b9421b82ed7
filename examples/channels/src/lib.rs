//! A device with a page: what the small programs of this package share.
//!
//! [`serve`] listens for HTTP, gives out a page, and takes offers (`POST /whep`, or `POST /whip` of a publisher). Each page gets a connection with an
//! [`App`] of its own. All connections share one UDP socket.

mod app;
mod guests;
mod host;
mod http;
// The streamer's: it stands alone.
#[path = "../../desktop/src/record.rs"]
mod record;

use std::cell::RefCell;
use std::net::{SocketAddr, TcpListener};

use anyhow::Result;
use async_io::Async;
use barertc_runner::{Buffers, Wake};
use futures_lite::future;

pub use app::{App, Channel, Peer};
pub use host::{HostClock, address, identity, parse_address, socket};
pub use record::Recorder;

use crate::guests::Guests;

/// Serves `page` at `at`, and a connection for each that is opened, for ever. Only this machine gets in.
///
/// # Errors
/// Where there is no socket.
pub fn serve<T: App>(at: SocketAddr, page: &'static str, app: impl Fn() -> T) -> Result<()> {
    async_io::block_on(async {
        let listener = Async::<TcpListener>::bind(at)?;
        let (clock, wake, mut ports) = (HostClock::start(), Wake::new(), [socket().await?]);
        let guests = RefCell::new(Guests::new(ports[0].local));
        println!("http://{}/", listener.get_ref().local_addr()?);
        let mut buffers = Buffers::new();
        let network = barertc_runner::run(&mut ports, &mut buffers, &clock, &guests, &wake);
        let site =
            http::Site { clock, guests: &guests, wake: &wake, identity: identity(), page, app, control: http::here()? };
        // A browser opens connections that it may never use: one must not wait for another.
        let (one, two, three) = (site.listen(&listener), site.listen(&listener), site.listen(&listener));
        let web = future::or(one, future::or(two, three));
        future::or(async { Ok(network.await?) }, web).await
    })
}
