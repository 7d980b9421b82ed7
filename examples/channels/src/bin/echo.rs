//! Sends back what the page says: `echo [ADDRESS:PORT]`.
//!
//! A message that there is no room for waits, and with it the page: what is not read here is not sent there.

use barertc::MessageKind;
use barertc_channels::{App, Channel, address, serve};

struct Echo;

impl App for Echo {
    fn message(&mut self, channel: &mut Channel<'_>, kind: MessageKind, message: &[u8]) -> bool {
        // A channel that is closed has nobody to hear it.
        channel.send(kind, message).unwrap_or(true)
    }
}

fn main() -> anyhow::Result<()> {
    serve(address()?, include_str!("../../pages/echo.html"), || Echo)
}
