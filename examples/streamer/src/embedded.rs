//! What boards with embassy's network share: one [`Board`] over memory, a network stack and a seed.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::pending;
use core::net::{IpAddr, SocketAddr};
use core::pin::pin;

use barertc::{Identity, Provider};
use barertc_arena::{AllocError, Heap, Label, Stats};
use barertc_media::Storage;
use barertc_runner::{Buffers, Clock, StreamBounds, Streams};
use barertc_wire::Instant;
use chacha20::ChaCha20Rng;
use edge_nal::{TcpBind, UdpBind};
#[cfg(not(feature = "tls"))]
use edge_nal_embassy::TcpError;
use edge_nal_embassy::{Tcp, TcpAccept, TcpBuffers, Udp, UdpBuffers, UdpSocket};
use embassy_net::Stack;
use embassy_net::dns::DnsQueryType;

use crate::board::{Board, Memory, OWNERS};
use crate::lines::Lines;
use crate::settings::{Forwarder, MAX_ADDRESSES, Settings, Whip};
#[cfg(feature = "tls")]
use crate::trust::{self, Trust};
use crate::turn;

/// TCP connections at the same time: as many as the application serves, one to a forwarder, one to a WHIP server, and those to
/// TURN servers.
pub const TCP_SOCKETS: usize = crate::config::HTTP_CONNECTIONS + 2 + STREAMS;
/// Sockets of embassy's network: the TCP connections, one for media, those for relays, and what the network needs itself.
pub const SOCKETS: usize = TCP_SOCKETS + RELAYED + 5;
/// Viewers with a relay at the same time: each has a socket of its own.
const RELAYED: usize = if cfg!(feature = "turn") { MAX_ADDRESSES - 1 } else { 0 };
/// Connections to TURN servers over TCP and TLS at the same time: one for each viewer with a relay and each such server.
const STREAMS: usize = if cfg!(feature = "turn") { 6 } else { 0 };
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
/// Buffers of UDP sockets.
pub struct UdpRoom {
    /// Of the one that all viewers share.
    shared: UdpBuffers<1, 65_536, 32_768, 64>,
    /// Of those for relays.
    relayed: UdpBuffers<RELAYED, 16_384, 8_192, 16>,
}

impl UdpRoom {
    /// All of it zero.
    #[must_use]
    pub const fn new() -> Self {
        Self { shared: UdpBuffers::new(), relayed: UdpBuffers::new() }
    }
}

impl Default for UdpRoom {
    fn default() -> Self {
        Self::new()
    }
}

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
    relayed: Udp<'static>,
    /// The port of the next socket for relays.
    next_port: Cell<u16>,
    rng: RefCell<ChaCha20Rng>,
    crypto: C,
    depth: fn() -> Stats,
    log: fn(fmt::Arguments<'_>),
    #[cfg(feature = "tls")]
    trust: Trust<Handle>,
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
        let tcp = Tcp::new(stack, tcp);
        let (udp, relayed) = (Udp::new(stack, &udp.shared), Udp::new(stack, &udp.relayed));
        Ok(Self {
            psram,
            internal,
            owners,
            stack,
            tcp,
            udp,
            relayed,
            next_port: Cell::new(MEDIA_PORT + 1),
            rng: RefCell::new(rng),
            crypto,
            depth,
            log,
            #[cfg(feature = "tls")]
            trust: Trust::default(),
        })
    }

    /// Waits for an address of the network's, and runs the application on it for ever. What cannot be done is said in the
    /// log. The settings are those of [`Lines::apply`], `signaling=ws://HOST:PORT/ID`, a forwarding server to connect to, and
    /// `whip=http://HOST:PORT/PATH` with `whip-token`, a server to send to. With the feature `tls` both may be `wss` and
    /// `https`; then `ca=` has the certificate of an authority in base64, in as many lines as there are authorities,
    /// `ntp=HOST[:PORT]` is a server that tells the time, and `time=SECONDS` the last time known, before which it cannot be. With
    /// the feature `turn` there are `turn=`, the URI of a TURN server, and `turn-account=USER:PASSWORD`.
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
        if let Err(error) = turn::read(&lines, &mut settings) {
            self.log(format_args!("settings: {error}; it and those behind it are not used"));
        }
        #[cfg(feature = "tls")]
        if let Err(error) = self.trust.read(&lines, self.now(), self.psram("signaling")) {
            self.log(format_args!("settings: {error}"));
        }
        // Names are looked up before each try, so that a server is found as soon as the network is there.
        settings.forwarder = lines.get("signaling").map(|url| Forwarder { address: None, url });
        settings.whip = lines.get("whip").map(|url| Whip { address: None, url, token: lines.get("whip-token") });
        let streams = Streams::<_, STREAMS>::new(StreamBounds::new(), self.psram("signaling"));
        let ready = |address| self.log(format_args!("ready at http://{address}/"));
        let running = pin!(crate::in_place(|| crate::run(
            self,
            &settings,
            &identity,
            storage,
            buffers,
            &streams,
            ready,
            pending()
        )));
        #[cfg(feature = "tls")]
        if let Some(name) = lines.get("ntp") {
            let telling = pin!(crate::in_place(|| self.keep_time(name)));
            return match embassy_futures::select::select(running, telling).await {
                embassy_futures::select::Either::First(ended) => ended,
                embassy_futures::select::Either::Second(never) => match never {},
            };
        }
        running.await
    }

    /// A certificate; out of line, so that what it needs of the stack is given back before anything else begins.
    #[inline(never)]
    fn identity(&self) -> Identity {
        self.random(|rng| Identity::generate(&self.crypto, rng))
    }

    async fn address(&self, host: &str) -> Option<embassy_net::IpAddress> {
        self.stack.dns_query(host, DnsQueryType::A).await.ok().and_then(|found| found.first().copied())
    }

    /// Asks the server `name`, which may have a port, for the time, until it tells it, and each day again.
    #[cfg(feature = "tls")]
    async fn keep_time(&self, name: &str) -> core::convert::Infallible {
        loop {
            let told = match trust::time_server(name) {
                Some((host, port)) => match self.address(host).await {
                    Some(ip) => self.ask_time(SocketAddr::new(ip.into(), port)).await,
                    None => Err(trust::NoTime::NoAddress),
                },
                None => Err(trust::NoTime::NoPort),
            };
            let told = told.and_then(|told| Ok((self.trust.set_time(told.at, told.time)?, told.passed_over)));
            match told {
                Ok((time, 0)) => self.log(format_args!("ntp={name}: it is {time}")),
                Ok((time, strange)) => {
                    self.log(format_args!("ntp={name}: it is {time}; {strange} datagrams before were no answers"));
                }
                Err(error) => self.log(format_args!("ntp={name}: {error}")),
            }
            let wait = if told.is_ok() { trust::ASK_EACH } else { trust::ASK_AGAIN };
            self.sleep_until(self.now() + wait).await;
        }
    }

    #[cfg(feature = "tls")]
    async fn ask_time(&self, server: SocketAddr) -> Result<barertc_tls::sntp::Told, trust::NoTime> {
        // A socket of its own, for as long as it takes.
        let room = UdpBuffers::<1, 64, 512, 4>::new();
        let udp = Udp::new(self.stack, &room);
        // Nobody can answer who does not see the port, or guess sixty-four bits.
        let port = self.random(|rng| 49_152 | rand_core::Rng::next_u32(rng) as u16);
        let local = SocketAddr::from(([0, 0, 0, 0], port));
        let mut socket = UdpBind::bind(&udp, local).await.map_err(|_| trust::NoTime::NoSocket)?;
        let mut rng = crate::rng::BoardRng(self);
        barertc_tls::sntp::ask(&mut socket, server, self, &mut rng).await.map_err(trust::NoTime::Sntp)
    }
}

#[cfg(feature = "tls")]
impl<C> barertc_tls::WallClock for EmbassyBoard<C> {
    fn unix_time(&self) -> Option<barertc_tls::UnixTime> {
        self.trust.time(Clock::now(self))
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
    #[cfg(not(feature = "tls"))]
    type Connect<'a>
        = Tcp<'static>
    where
        Self: 'a;
    #[cfg(not(feature = "tls"))]
    type ConnectError = TcpError;
    #[cfg(feature = "tls")]
    type Connect<'a>
        = barertc_tls::Connector<'a, Tcp<'static>, Handle, &'a C, ChaCha20Rng, Self>
    where
        Self: 'a;
    #[cfg(feature = "tls")]
    type ConnectError = barertc_tls::Error;
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
        // A socket at any port is one for relays.
        let (udp, port) = match local.port() {
            0 => (&self.relayed, self.next_port.replace(self.next_port.get() + 1)),
            port => (&self.udp, port),
        };
        let local = SocketAddr::new(local.ip(), port);
        let socket = UdpBind::bind(udp, local).await.map_err(|_| Unusable)?;
        Ok((socket, local))
    }

    #[cfg(not(feature = "tls"))]
    fn tcp(&self) -> Tcp<'static> {
        self.tcp
    }

    #[cfg(feature = "tls")]
    fn tcp(&self) -> Self::Connect<'_> {
        barertc_tls::Connector::Plain(self.tcp)
    }

    async fn resolve(&self, host: &str) -> Option<IpAddr> {
        self.address(host).await.map(Into::into)
    }

    #[cfg(feature = "tls")]
    fn tls<'a>(&'a self, name: &'a str) -> Option<Self::Connect<'a>> {
        let name = barertc_tls::ServerName::parse(name);
        let name = name.inspect_err(|error| self.log(format_args!("TLS: {error}"))).ok()?;
        Some(barertc_tls::Connector::Tls {
            tcp: self.tcp,
            config: barertc_tls::Config::new(),
            name,
            anchors: self.trust.anchors(),
            clock: self,
            alloc: self.psram("signaling"),
            provider: &self.crypto,
            rng: &self.rng,
        })
    }

    #[cfg(feature = "tls")]
    fn connect_failed(error: &barertc_tls::Error) -> barertc::ice::stream::StreamEnd {
        trust::stream_end(error)
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
