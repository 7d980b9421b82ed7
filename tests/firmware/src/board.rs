//! What the board brings. A real one has these in its own crate.

use embassy_net_driver_channel as channel;

use crate::{Failed, MTU};

unsafe extern "Rust" {
    /// A word of the chip's true random generator.
    pub safe fn random_word() -> u32;
    /// The address of the network card.
    pub safe fn ethernet_address() -> [u8; 6];
    /// Lets interrupts move frames between the card and the channel.
    pub safe fn start_card(card: channel::Runner<'static, MTU>);
    /// Says what went wrong.
    pub safe fn log(error: Failed);
}

/// The chip's true random generator.
pub struct Random;

/// The clock of `embassy-time`.
pub struct Time;
