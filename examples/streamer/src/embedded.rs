//! What boards with embassy's network share: one [`Board`] over memory, a network stack and a seed.

use core::cell::RefCell;
use core::fmt;
use core::future::pending;
use core::net::SocketAddr;
use core::pin::pin;

use barertc::{Identity, Provider};
use barertc_arena::{AllocError, Heap, Label, Stats};
use barertc_media::Storage;
use barertc_runner::{Buffers, Clock, StreamBounds, Streams};
use barertc_signaling::Url;
use barertc_wire::Instant;
use chacha20::ChaCha20Rng;
use edge_nal::{TcpBind, UdpBind};
use edge_nal_embassy::{Tcp, TcpAccept, TcpBuffers, Udp, UdpBuffers, UdpSocket};
use embassy_net::Stack;
use embassy_net::dns::DnsQueryType;

use crate::board::{Board, Memory, OWNERS};
use crate::lines::Lines;
use crate::settings::{Forwarder, MAX_ADDRESSES, Settings};

/// TCP connections at the same time: as many as the application serves, one to a forwarder, and one to a WHIP server.
pub const TCP_SOCKETS: usize = crate::config::HTTP_CONNECTIONS + 2;
/// Sockets of embassy's network: the TCP connections, one for media, and what the network needs itself.
pub const SOCKETS: usize = TCP_SOCKETS + 5;
/// Streams to TURN servers at the same time.
const STREAMS: usize = 0;
/// Bytes of a block of the file systems that `cargo xtask flash` makes.
pub const FLASH_BLOCK: u32 = 4096;
/// Where the page is served.
const HTTP_PORT: u16 = 80;
/// Where media leave from.
const MEDIA_PORT: u16 = 9000;
/// What is played when the settings say nothing else.
const MEDIA: &str = "sample.brtc";

/// Buffers of TCP connections.
pub type TcpRoom = TcpBuffers<TCP_SOCKETS, 8192, 4096>;
/// Buffers of the one UDP socket.
pub type UdpRoom = UdpBuffers<1, 65_536, 32_768, 64>;
/// Buffers of the media loop.
pub type MediaRoom = Buffers<MAX_ADDRESSES>;
/// A named handle of a board's large memory.
pub type Handle = Label<&'static Heap<'static>>;

/// A machine with embassy's executor, clock and network.
pub struct EmbassyBoard<C> {
    psram: &'static Heap<'static>,
    internal: Option<&'static Heap<'static>>,
    /// One handle for each of [`OWNERS`].
    owners: [Handle; OWNERS.len()],
    stack: Stack<'static>,
    tcp: Tcp<'static>,
    udp: Udp<'static>,
    rng: RefCell<ChaCha20Rng>,
    crypto: C,
    depth: fn() -> Stats,
    log: fn(fmt::Arguments<'_>),
}

/// What an [`EmbassyBoard`] is made of.
pub struct Parts<C> {
    /// The large memory.
    pub psram: &'static Heap<'static>,
    /// The small one, where the board has a heap in it.
    pub internal: Option<&'static Heap<'static>>,
    /// The network.
    pub stack: Stack<'static>,
    /// Room for TCP connections.
    pub tcp: &'static TcpRoom,
    /// Room for media.
    pub udp: &'static UdpRoom,
    /// Seeded by the board: nothing here makes randomness.
    pub rng: ChaCha20Rng,
    /// The crypto provider.
    pub crypto: C,
    /// How deep the stack has been; all zero where nobody looks.
    pub depth: fn() -> Stats,
    /// Where lines of the log go.
    pub log: fn(fmt::Arguments<'_>),
}

impl<C: Provider> EmbassyBoard<C> {
    /// A board of these parts.
    ///
    /// # Errors
    /// When the large memory has no room for a label for each owner.
    pub fn new(parts: Parts<C>) -> Result<Self, AllocError> {
        let Parts { psram, internal, stack, tcp, udp, rng, crypto, depth, log } = parts;
        let mut labels = OWNERS.map(|name| Handle::try_new(psram, name));
        if labels.iter().any(Result::is_err) {
            return Err(AllocError);
        }
        let owners = core::array::from_fn(|n| match &mut labels[n] {
            Ok(label) => label.clone(),
            Err(_) => unreachable!("looked at above"),
        });
        let (tcp, udp) = (Tcp::new(stack, tcp), Udp::new(stack, udp));
        Ok(Self { psram, internal, owners, stack, tcp, udp, rng: RefCell::new(rng), crypto, depth, log })
    }

    /// Waits for an address of the network's, and runs the application on it for ever. What cannot be done is said in the
    /// log. The settings are those of [`Lines::apply`], and `signaling=ws://HOST:PORT/ID`, a forwarding server to connect to.
    ///
    /// # Errors
    /// When the application cannot start.
    pub async fn serve<S: Storage>(
        &self,
        lines: Lines<'_>,
        page: &[u8],
        storage: &mut S,
        buffers: &mut MediaRoom,
    ) -> Result<(), crate::Error> {
        self.stack.wait_config_up().await;
        let Some(config) = self.stack.config_v4() else { return Ok(()) };
        let identity = self.identity();
        let mut settings = Settings::loopback(HTTP_PORT, MEDIA, page);
        settings.http = SocketAddr::from(([0, 0, 0, 0], HTTP_PORT));
        settings.addresses = [config.address.address().into()].into_iter().collect();
        settings.udp_port = MEDIA_PORT;
        settings.stats = true;
        if let Err(name) = lines.apply(&mut settings) {
            self.log(format_args!("settings: {name} makes no sense, the rest of them is not used"));
        }
        settings.forwarder = match lines.get("signaling") {
            Some(url) => self.forwarder(url).await,
            None => None,
        };
        let streams = Streams::<_, STREAMS>::new(StreamBounds::new(), self.psram("signaling"));
        let ready = |address| self.log(format_args!("ready at http://{address}/"));
        pin!(crate::in_place(|| crate::run(self, &settings, &identity, storage, buffers, &streams, ready, pending())))
            .await
    }

    /// A certificate; out of line, so that what it needs of the stack is given back before anything else begins.
    #[inline(never)]
    fn identity(&self) -> Identity {
        self.random(|rng| Identity::generate(&self.crypto, rng))
    }

    /// The forwarding server at `url`, whose last part is our name there.
    async fn forwarder<'u>(&self, url: &'u str) -> Option<Forwarder<'u>> {
        let Some(parts) = Url::parse(url).ok().filter(|parts| !parts.secure) else {
            self.log(format_args!("signaling={url}: not an address such as ws://HOST:PORT/NAME"));
            return None;
        };
        match self.stack.dns_query(parts.host, DnsQueryType::A).await.ok().and_then(|found| found.first().copied()) {
            Some(ip) => Some(Forwarder { address: SocketAddr::new(ip.into(), parts.port), url }),
            None => {
                self.log(format_args!("signaling={url}: no address found for {}", parts.host));
                None
            }
        }
    }
}

impl<C> Clock for EmbassyBoard<C> {
    fn now(&self) -> Instant {
        Instant::from_micros(embassy_time::Instant::now().as_micros())
    }

    async fn sleep_until(&self, at: Instant) {
        embassy_time::Timer::at(embassy_time::Instant::from_micros(at.as_micros())).await;
    }
}

impl<C: Provider> Board for EmbassyBoard<C> {
    type Psram = Handle;
    type Acceptor<'a>
        = TcpAccept<'a>
    where
        Self: 'a;
    type Udp<'a>
        = UdpSocket<'a>
    where
        Self: 'a;
    type Connect = Tcp<'static>;
    type Error = Unusable;
    type Crypto = C;
    type Rng = ChaCha20Rng;

    fn psram(&self, owner: &'static str) -> Handle {
        let known = OWNERS.iter().position(|name| *name == owner);
        self.owners[known.unwrap_or_default()].clone()
    }

    async fn listen(&self, local: SocketAddr) -> Result<(TcpAccept<'_>, SocketAddr), Unusable> {
        let acceptor = TcpBind::bind(&self.tcp, local).await.map_err(|_| Unusable)?;
        let ip = self.stack.config_v4().map_or(local.ip(), |config| config.address.address().into());
        Ok((acceptor, SocketAddr::new(ip, local.port())))
    }

    async fn bind(&self, local: SocketAddr) -> Result<(UdpSocket<'_>, SocketAddr), Unusable> {
        let socket = UdpBind::bind(&self.udp, local).await.map_err(|_| Unusable)?;
        Ok((socket, local))
    }

    fn tcp(&self) -> &Tcp<'static> {
        &self.tcp
    }

    fn crypto(&self) -> &C {
        &self.crypto
    }

    fn random<T>(&self, f: impl FnOnce(&mut ChaCha20Rng) -> T) -> T {
        f(&mut self.rng.borrow_mut())
    }

    fn memory(&self) -> Memory {
        let named = OWNERS.iter().zip(&self.owners);
        let owners = named.filter_map(|(name, label)| Some((*name, label.stats()?))).collect();
        // Without a heap inside, nothing that belongs to a connection can be there.
        let internal = self.internal.map_or(Stats::ZERO, Heap::stats);
        Memory { internal, psram: self.psram.stats(), stack: (self.depth)(), owners }
    }

    fn log(&self, line: fmt::Arguments<'_>) {
        (self.log)(line);
    }
}

/// An address that the stack does not take.
#[derive(Debug)]
pub struct Unusable;

impl core::fmt::Display for Unusable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("it is in use, or no socket is left")
    }
}
