//! What a program does with a connection.

use std::time::Duration;

use barertc::{ChannelId, Config, Error, Instant, MessageKind, PeerConnection, RustCrypto, TrackId};
use barertc_arena::Global;

/// A connection in memory of the operating system's.
pub type Peer = PeerConnection<'static, Global, RustCrypto>;

/// What a program does with a connection.
pub trait App {
    /// The bounds of the connection, apart from those of its channels.
    fn config() -> Config {
        Config::default()
    }

    /// A connection is made, and will answer an offer: here it gets its tracks.
    ///
    /// # Errors
    /// Whatever keeps it from that.
    fn begin(&mut self, peer: &mut Peer, now: Instant) -> Result<(), Error> {
        let _ = (peer, now);
        Ok(())
    }

    /// How often [`tick`](Self::tick) is called; never without it.
    const PERIOD: Option<Duration> = None;

    /// A channel is open.
    fn opened(&mut self, channel: &mut Channel<'_>) {
        let _ = channel;
    }

    /// A message has come. Returns whether it is done with; else it comes again when the channel has room to write.
    fn message(&mut self, channel: &mut Channel<'_>, kind: MessageKind, message: &[u8]) -> bool {
        let _ = (channel, kind, message);
        true
    }

    /// A frame of a track can be read.
    fn frame(&mut self, peer: &mut Peer, track: TrackId, now: Instant) {
        let _ = (peer, track, now);
    }

    /// Something has happened to any of the connections: what the others have said can go out here.
    fn turn(&mut self, channel: &mut Channel<'_>) {
        let _ = channel;
    }

    /// The connection has ended.
    fn ended(&mut self) {}

    /// Some time has passed. `channel` is one that is open.
    fn tick(&mut self, channel: &mut Channel<'_>) {
        let _ = channel;
    }
}

/// A channel that is open.
pub struct Channel<'a> {
    /// Its connection.
    pub peer: &'a mut Peer,
    /// Which of the connection's channels it is.
    pub id: ChannelId,
    /// What time it is.
    pub now: Instant,
}

impl Channel<'_> {
    /// Sends a message; false where there is no room for it now.
    ///
    /// # Errors
    /// Whatever else is in the way.
    pub fn send(&mut self, kind: MessageKind, message: &[u8]) -> Result<bool, Error> {
        match self.peer.write_channel(self.now, self.id, kind, message) {
            Ok(()) => Ok(true),
            Err(Error::WouldBlock) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
