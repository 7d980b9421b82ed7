//! An asynchronous loop that drives connections over UDP sockets and a clock.
//!
//! [`run`] is one task for any number of sockets and connections. It passes received datagrams to their connection,
//! sends the datagrams of all connections, and calls each connection when its timeout has come. The sockets implement
//! the traits of [`edge_nal`], as those of `std` and `embassy-net` do. The clock implements [`Clock`].
//!
//! [`Driven`] is for an application with one connection. The loop and the application use the connection in turn, and
//! the application waits for events:
//!
//! ```
//! use barertc::{Event, MessageKind, PeerConnection, Provider, arena::Allocator};
//! use barertc_runner::{Buffers, Clock, Driven, Error, Port};
//! use edge_nal::{UdpReceive, UdpSend};
//! use embassy_futures::join::join;
//!
//! /// Answers what comes over data channels, until the other side has closed the connection.
//! async fn echo<S, C, A, P>(socket: S, local: core::net::SocketAddr, clock: &C, connection: PeerConnection<'_, A, P>)
//! where
//!     S: UdpReceive + UdpSend,
//!     C: Clock,
//!     A: Allocator + Clone,
//!     P: Provider,
//! {
//!     let connection: Driven<'_, A, P> = Driven::new(connection);
//!     let (mut ports, mut buffers) = ([Port { local, socket }], Buffers::new());
//!     let answer = async {
//!         while let Some(event) = connection.next_event().await {
//!             if let Event::ChannelReadable(id) = event {
//!                 let mut room = [0; 256];
//!                 connection.with(|connection| {
//!                     let now = clock.now();
//!                     while let Ok(read) = connection.read_channel(now, id, &mut room) {
//!                         let _ = connection.write_channel(now, id, MessageKind::Binary, &room[..read.len]);
//!                     }
//!                 });
//!             }
//!         }
//!     };
//!     let (ended, ()) = join(connection.run(&mut ports, &mut buffers, clock), answer).await;
//!     assert_eq!(ended, Ok::<(), Error>(()));
//! }
//! ```
//!
//! # Features
//!
//! `dtls12` and `dtls13` are on by default.
//!
//! - `dtls12`: Connections with DTLS 1.2. This or `dtls13` has to be on.
//! - `dtls13`: Connections with DTLS 1.3. This or `dtls12` has to be on.
//! - `defmt`: `defmt::Format` on the public types, and what the connections trace by `defmt`.
//! - `log`: What the connections trace, by `log`.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, unnameable_types)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::disallowed_methods
    )
)]
#![allow(async_fn_in_trait)] // One executor, one thread: nobody needs these futures to be `Send`.

#[cfg(test)]
extern crate std;

mod accepted;
mod connections;
mod driven;
mod network;
mod streams;
#[cfg(test)]
mod tests;
mod wake;

pub use accepted::Listener;
pub use barertc::wire::Clock;
pub use connections::{Connections, Lost};
pub use driven::Driven;
pub use network::{Buffers, DATAGRAM, Error, Port, run, run_with_listeners, run_with_streams};
pub use streams::{Dial, StreamBounds, Streams};
pub use wake::Wake;
