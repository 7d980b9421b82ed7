//! What the streamer needs of a board.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use barertc::ice::stream::StreamEnd;
use barertc::{Allocator, MediaKind, Provider, ReceivedFrame};
use barertc_arena::Stats;
use barertc_runner::Clock;
use edge_nal::{TcpAccept, TcpConnect, UdpReceive, UdpSend};
use rand_core::CryptoRng;

use crate::settings::MAX_ADDRESSES;

/// What a machine lends to the application.
///
/// Everything the application takes comes through here: memory, network, time, randomness, crypto.
pub trait Board: Clock {
    /// Handles of the large memory, where everything lives that a viewer needs.
    type Psram: Allocator + Clone;
    /// What accepts TCP connections.
    type Acceptor<'a>: TcpAccept
    where
        Self: 'a;
    /// A UDP socket.
    type Udp<'a>: UdpReceive + UdpSend
    where
        Self: 'a;
    /// What makes TCP connections.
    type Connect<'a>: TcpConnect<Error = Self::ConnectError>
    where
        Self: 'a;
    /// Why a TCP connection is not made, or ends.
    type ConnectError: embedded_io_async::Error;
    /// Why an address cannot be used.
    type Error: fmt::Display;
    /// The crypto provider.
    type Crypto: Provider;
    /// The random generator.
    type Rng: CryptoRng;

    /// What the log calls the large memory.
    const LARGE_MEMORY: &'static str = "psram";

    /// The large memory, under the name of who will hold it ("ice", "frames", …).
    fn psram(&self, owner: &'static str) -> Self::Psram;

    /// Accepts TCP connections at `local`, of which a port 0 is replaced: the address comes back.
    ///
    /// # Errors
    /// The network's.
    async fn listen(&self, local: SocketAddr) -> Result<(Self::Acceptor<'_>, SocketAddr), Self::Error>;

    /// The same for TCP connections of viewers, where others may be let in than to the page. Messages are small and leave at once: the
    /// connections are without Nagle's algorithm (RFC 896) where that can be chosen.
    ///
    /// # Errors
    /// The network's.
    #[cfg(feature = "ice-tcp")]
    async fn listen_media(&self, local: SocketAddr) -> Result<(Self::Acceptor<'_>, SocketAddr), Self::Error> {
        self.listen(local).await
    }

    /// Binds a UDP socket to `local`, of which a port 0 is replaced: the address comes back.
    ///
    /// # Errors
    /// The network's.
    async fn bind(&self, local: SocketAddr) -> Result<(Self::Udp<'_>, SocketAddr), Self::Error>;

    /// Waits until the addresses that media can leave from are others than `known`, and returns them. They change when a network
    /// card gets another address, or when there is one card more or less. The default waits for ever.
    async fn addresses_changed(&self, known: &[IpAddr]) -> heapless::Vec<IpAddr, MAX_ADDRESSES> {
        let _ = known;
        core::future::pending().await
    }

    /// What makes TCP connections.
    fn tcp(&self) -> Self::Connect<'_>;

    /// The crypto provider.
    fn crypto(&self) -> &Self::Crypto;

    /// Lends the random generator.
    fn random<T>(&self, f: impl FnOnce(&mut Self::Rng) -> T) -> T;

    /// How the memories stand.
    fn memory(&self) -> Memory;

    /// A frame that somebody sends us, where [`Settings::record`](crate::Settings::record) is on, for boards that keep
    /// it: NAL units as in Annex B, or an Opus packet. Where [`Settings::listen`](crate::Settings::listen) is on, a packet
    /// of PCMU, for boards that play it. `sender` tells one who sends from another.
    fn record(&self, sender: u32, kind: MediaKind, frame: &ReceivedFrame, bytes: &[u8]) {
        let _ = (sender, kind, frame, bytes);
    }

    /// How loud what is played is that somebody says, as the audio level of RFC 6464 §3; `None` while nobody talks.
    fn heard(&self) -> Option<u8> {
        None
    }

    /// There will be no more of this sender.
    fn recorded(&self, sender: u32) {
        let _ = sender;
    }

    /// The address of `host`, which is a name or an address. It ends by itself where nobody answers. The
    /// default knows no names.
    async fn resolve(&self, host: &str) -> Option<IpAddr> {
        host.parse().ok()
    }

    /// What makes TCP connections with TLS in them to a server that proves to be `name`; `None` on boards that cannot.
    fn tls<'a>(&'a self, name: &'a str) -> Option<Self::Connect<'a>> {
        let _ = name;
        None
    }

    /// Why there is no connection, for boards that know more than that.
    fn connect_failed(error: &Self::ConnectError) -> StreamEnd {
        let _ = error;
        StreamEnd::NotConnected
    }

    /// A line for the log.
    fn log(&self, line: fmt::Arguments<'_>);
}

/// Those who hold memory, by the names under which they ask for it.
pub const OWNERS: [&str; 9] =
    ["viewers", "connection", "ice", "dtls", "srtp", "sctp", "history", "frames", "signaling"];

/// How the memories stand.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The small fast memory.
    pub internal: Stats,
    /// The large memory.
    pub psram: Stats,
    /// The stack, whose peak is the deepest that it has ever been; all zero for boards that don't look.
    pub stack: Stats,
    /// Who holds how much of the large memory, for boards that count it.
    pub owners: heapless::Vec<(&'static str, Stats), 12>,
}
