//! WiFi through an Espressif co-processor: a host driver for the ESP-Hosted-MCU firmware, over SDIO or SPI.
//!
//! [`new`] makes three handles. [`Driver`] is the network device for `embassy-net`. With [`Control`], the application joins
//! and leaves networks. [`Runner`] moves packets between the two and the bus, in its own task.
//!
//! The board lends a [`Clock`] and an [`SdioBus`] or [`SpiBus`]. The driver allocates all its memory from one allocator when
//! it is made, and frees it when the three handles are dropped.
//!
//! ```no_run
//! use barertc_hosted::{Clock, Config, Control, Network, Sdio, SdioBus};
//! # use barertc_arena::Allocator;
//!
//! async fn go_online<A: Allocator + Clone>(
//!     bus: impl SdioBus,
//!     clock: impl Clock,
//!     memory: A,
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     // PSRAM has longer cache lines than internal memory.
//!     let config = Config { alignment: 128, ..Config::default() };
//!     let (driver, control, mut runner) = barertc_hosted::new(Sdio::new(bus), clock, config, memory)?;
//!     // Run `runner.run()` in its own task, and the runner of `embassy_net::new(driver, …)` in another one.
//!     # drop(driver);
//!     # runner.run().await;
//!     control.connect(&Network::new("home", "correct horse battery")?).await?;
//!     Ok(())
//! }
//! ```
//!
//! When the co-processor does not answer, is reset, or the bus fails, the driver starts the co-processor again and joins the
//! network again. The network stack sees the link go down and up. `docs/hosted.md` has the states and the differences to other
//! drivers.
//!
//! Feature `defmt` implements `defmt::Format` for the small public types.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `parsers`: The receive path without its transport, for programs that prove it.
//! - `defmt`: Implements `defmt::Format` for the public types.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations)]
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
// Without `unnameable_types`: `Transport` is sealed, so nobody has to name what its methods take.
#![allow(async_fn_in_trait)] // One executor, one thread: nobody needs these futures to be `Send`.

#[cfg(test)]
extern crate std;

mod buffer;
mod bus;
mod config;
mod control;
mod driver;
mod event;
mod format;
mod header;
mod init;
mod message;
mod network;
#[cfg(feature = "parsers")]
pub mod parsers;
mod runner;
mod session;
mod state;
mod stats;
mod transport;

pub use barertc_arena::Allocator;
pub use barertc_wire::{Clock, Instant};
pub use bus::{SdioBus, SpiBus};
pub use config::Config;
pub use control::Control;
pub use driver::{Driver, RxToken, TxToken};
pub use event::{Cause, Error, Event, Failure, Status};
pub use network::{AccessPoint, InvalidNetwork, Network, Security};
pub use runner::Runner;
pub use stats::{Discard, Discards, Statistics};
pub use transport::{Sdio, Spi, SpiLines, Transport};

use state::State;
use transport::Room;

/// An Ethernet frame of 1500 bytes of payload, with its header of 14.
const MTU: usize = 1514;

/// What [`new`] gives.
pub type Handles<T, C, A> = (Driver<A>, Control<A>, Runner<T, C, A>);

/// Makes a driver from a transport, a clock and memory. Returns the device for `embassy-net`, the application's
/// handle, and the future that a task of its own has to run.
///
/// # Errors
/// [`Error::OutOfMemory`] when `alloc` hasn't got [`Runner::worst_case_bytes`], or the alignment is no power of two.
pub fn new<T: Transport, C: Clock, A: Allocator + Clone>(
    transport: T,
    clock: C,
    config: Config,
    alloc: A,
) -> Result<Handles<T, C, A>, Error> {
    let state = State::new(&config, T::BUFFER_BYTES, MTU, alloc.clone())?;
    let room = Room::new::<T>(&config, alloc)?;
    let runner = Runner::new(transport, clock, config, state.clone(), room);
    Ok((Driver::new(state.clone()), Control::new(state), runner))
}
