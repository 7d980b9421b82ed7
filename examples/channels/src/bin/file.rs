//! Takes a file from the page, and says how far it is and what it was: `file [ADDRESS:PORT]`.
//!
//! The first message says in text how many bytes will come. The bytes follow in messages of the page's choice. Every 64 KB
//! this side says `got N`, and at the end `sha256 HEX`, which the page compares. A device would write the pieces to its flash:
//! none is kept here.

use barertc::MessageKind;
use barertc_channels::{App, Channel, address, serve};
use sha2::{Digest, Sha256};

/// Bytes between two words about the progress.
const STEP: u64 = 64 << 10;

#[derive(Default)]
struct File {
    size: u64,
    got: u64,
    told: u64,
    digest: Sha256,
    /// The whole file is here, and the page has not been told its digest for want of room.
    untold: Option<String>,
}

impl File {
    /// Tells the digest. Without room the last message comes again, and with it the turn to tell.
    fn tell(&mut self, channel: &mut Channel<'_>, hex: String) -> bool {
        match channel.send(MessageKind::Text, format!("sha256 {hex}").as_bytes()) {
            Ok(true) => return true,
            Ok(false) => self.untold = Some(hex),
            Err(error) => {
                println!("the page cannot be told the digest: {error}");
                return true;
            }
        }
        false
    }
}

impl App for File {
    fn message(&mut self, channel: &mut Channel<'_>, kind: MessageKind, message: &[u8]) -> bool {
        if let Some(hex) = self.untold.take() {
            return self.tell(channel, hex);
        }
        match kind {
            MessageKind::Text => {
                let size = core::str::from_utf8(message).ok().and_then(|text| text.parse().ok());
                *self = Self { size: size.unwrap_or(0), ..Self::default() };
            }
            MessageKind::Binary => {
                self.got += message.len() as u64;
                self.digest.update(message);
            }
        }
        if self.got - self.told >= STEP {
            self.told = self.got;
            // Where there is no room for it, the next one tells as much.
            let _ = channel.send(MessageKind::Text, format!("got {}", self.got).as_bytes());
        }
        if self.got >= self.size {
            let hex: String = self.digest.finalize_reset().iter().map(|byte| format!("{byte:02x}")).collect();
            println!("a file of {} bytes, SHA-256 {hex}", self.got);
            return self.tell(channel, hex);
        }
        true
    }
}

fn main() -> anyhow::Result<()> {
    serve(address()?, include_str!("../../pages/file.html"), File::default)
}
