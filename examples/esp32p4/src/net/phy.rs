//! The Ethernet transceiver, asked now and then.
//!
//! esp-hal's own driver asks each time the network is polled, and has it polled again at once: three management frames of 33 µs for each turn
//! of the loop, and never a pause.

use core::pin::Pin;
use core::task::Context;

use embassy_time::{Duration, Instant, Timer};
use esp_hal::ethernet::mac::{Duplex, LinkState, Speed};
use esp_hal::ethernet::phy::generic::GenericPhy;
use esp_hal::ethernet::phy::{MdioBus, Phy, PhyError};

/// The time between two questions.
const EVERY: Duration = Duration::from_millis(250);

/// A transceiver at any address, whose link is looked at four times a second.
pub struct CalmPhy {
    inner: GenericPhy,
    link: LinkState,
    again: Instant,
}

impl CalmPhy {
    pub fn new() -> Self {
        let link = LinkState { up: false, speed: Speed::_100M, duplex: Duplex::Full };
        Self { inner: GenericPhy::new_auto(), link, again: Instant::MIN }
    }
}

impl Phy for CalmPhy {
    fn init<M: MdioBus>(&mut self, mdio: &mut M) -> Result<(), PhyError> {
        self.inner.init(mdio)
    }

    fn poll_link<M: MdioBus>(&mut self, mdio: &mut M, cx: Option<&mut Context<'_>>) -> LinkState {
        let now = Instant::now();
        if now >= self.again {
            self.link = self.inner.poll_link(mdio, None);
            self.again = now + EVERY;
        }
        if let Some(cx) = cx {
            // Dropped at once, it wakes all the same.
            let _ = Pin::new(&mut Timer::at(self.again)).poll(cx);
        }
        self.link
    }

    fn address(&self) -> u8 {
        self.inner.address()
    }
}
