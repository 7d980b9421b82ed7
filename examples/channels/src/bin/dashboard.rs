//! Sends a reading a hundred times a second, which the page draws: `dashboard [ADDRESS:PORT]`.
//!
//! The page opens the channel unordered and without retransmissions: a reading that is late is of no use. One that there is no
//! room for is left out. Each has its number, so that the page knows what is missing.

use std::time::Duration;

use barertc::MessageKind;
use barertc_channels::{App, Channel, address, serve};

#[derive(Default)]
struct Sensor {
    number: u32,
}

impl Sensor {
    /// A device would ask its converter.
    fn read(&self) -> f32 {
        let time = self.number as f32 / 100.0;
        (time * 2.0).sin() + 0.3 * (time * 11.0).sin()
    }
}

impl App for Sensor {
    const PERIOD: Option<Duration> = Some(Duration::from_millis(10));

    fn message(&mut self, _: &mut Channel<'_>, _: MessageKind, _: &[u8]) -> bool {
        true
    }

    fn tick(&mut self, channel: &mut Channel<'_>) {
        let reading = format!("{} {:.4}", self.number, self.read());
        self.number = self.number.wrapping_add(1);
        let _ = channel.send(MessageKind::Text, reading.as_bytes());
    }
}

fn main() -> anyhow::Result<()> {
    serve(address()?, include_str!("../../pages/dashboard.html"), Sensor::default)
}
