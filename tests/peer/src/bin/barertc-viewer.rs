//! A viewer without a browser: `barertc-viewer PAGE SECONDS [--no-media] [--tcp] [--mtu BYTES] [--until-picture]` asks the streamer behind PAGE's address for an
//! offer, answers it, takes what comes for some seconds, and prints what that was.

use std::cell::{Cell, RefCell};
use std::io::{self, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use async_io::Timer;
use barertc::ice::stream::StreamEnd;
use barertc::{
    Candidate, ChannelConfig, ChannelId, Codec, Config, ConnectionState, Event, Feedback, H264, Identity, LocalCodec,
    MediaKind, MessageKind, PeerConnection, RecvBounds, Route, RustCrypto, TrackConfig, TrackId, Transmit,
};
use barertc_arena::Global;
use barertc_runner::{Buffers, Clock, Connections, Dial, Port, StreamBounds, Streams, Wake};
use barertc_signaling::{Id, Message, Peer, Signals, Url};
use barertc_test_peer::HostClock;
use barertc_wire::Instant;
use edge_nal::{TcpConnect, UdpBind};
use futures_lite::future;
use getrandom::SysRng;
use rand_core::UnwrapErr;

const USAGE: &str = "barertc-viewer PAGE SECONDS [--no-media] [--tcp] [--mtu BYTES] [--until-picture]";

/// TCP connections to the streamer: one for each of its addresses.
const STREAMS: usize = 4;

/// Between a `Ping` and the answer.
const PAUSE: Duration = Duration::from_secs(1);

/// The connection once there is one, and what came of it.
#[derive(Default)]
struct Viewer {
    connection: Option<PeerConnection<'static, Global, RustCrypto>>,
    tracks: Vec<TrackId>,
    frames: [u64; 2],
    pings: u64,
    figures: u64,
    ping: Option<ChannelId>,
    opened: Option<Instant>,
    /// When the first picture was there.
    pictured: Option<Instant>,
    failed: bool,
    /// It was us who ended it.
    ended: bool,
}

struct App<'a> {
    clock: HostClock,
    identity: &'static Identity,
    local: SocketAddr,
    media: bool,
    /// Connects over TCP, and has no candidate over UDP.
    tcp: bool,
    mtu: u16,
    asked: Cell<bool>,
    viewer: &'a RefCell<Viewer>,
    wake: &'a Wake,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let value = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let options = Options {
        media: !has("--no-media"),
        tcp: has("--tcp"),
        mtu: value("--mtu").map_or(Ok(Config::default().mtu), |mtu| mtu.parse()).context(USAGE)?,
        until_picture: has("--until-picture"),
    };
    let [page, seconds, ..] = &args[..] else { bail!(USAGE) };
    let seconds = Duration::from_secs(seconds.parse().context(USAGE)?);
    let identity = Box::leak(Box::new(Identity::generate(&RustCrypto, &mut UnwrapErr(SysRng))));
    let (host, query) = page.split_once("://").context(USAGE)?.1.split_once('/').context("PAGE ends with a /")?;
    let url = format!("ws://{host}/ws/counter{}", query.trim_start_matches('/'));
    async_io::block_on(view(&url, seconds, &options, identity))
}

/// What the command line asks for.
struct Options {
    media: bool,
    tcp: bool,
    mtu: u16,
    until_picture: bool,
}

/// Makes the TCP connections of ICE.
struct Dialer(edge_nal_std::Stack);

impl Dial for Dialer {
    type Stream<'a> = edge_nal_std::TcpSocket;

    async fn dial(&self, route: Route) -> Result<Self::Stream<'_>, StreamEnd> {
        self.0.connect(route.remote).await.map_err(|_| StreamEnd::NotConnected)
    }
}

async fn view(url: &str, seconds: Duration, options: &Options, identity: &'static Identity) -> Result<()> {
    let url = Url::parse(url).map_err(|error| anyhow::anyhow!("{url}: {error}"))?;
    let (viewer, wake, clock) = (RefCell::new(Viewer::default()), Wake::new(), HostClock::start());
    let server: SocketAddr = url.authority.parse().or_else(|_| format!("{}:{}", url.authority, url.port).parse())?;
    // The address that this machine has towards the page; the port is the system's choice.
    let any: SocketAddr = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }.parse()?;
    let towards = UdpSocket::bind(any)?;
    towards.connect(server)?;
    let local = UdpSocket::bind(SocketAddr::new(towards.local_addr()?.ip(), 0))?.local_addr()?;
    let network = edge_nal_std::Stack::new();
    let socket = UdpBind::bind(&network, local).await?;
    let Options { media, tcp, mtu, .. } = *options;
    let app = App { clock, identity, local, media, tcp, mtu, asked: Cell::new(false), viewer: &viewer, wake: &wake };

    let signaling = async {
        let mut stream = TcpConnect::connect(&network, server).await?;
        let (mut message, mut sdp, mut out) = (vec![0; 12 << 10], vec![0; 8 << 10], vec![0; 8 << 10]);
        let buffers = barertc_signaling::Buffers { message: &mut message, sdp: &mut sdp, out: &mut out };
        let mut rng = UnwrapErr(SysRng);
        let ended = barertc_signaling::connect(&mut stream, &url, 1, buffers, &app, &mut rng).await;
        bail!("the streamer ended the signaling: {ended:?}");
    };
    let mut ports = [Port { local, socket }];
    let mut buffers = Buffers::new();
    let (streams, dialer) =
        (Streams::<_, STREAMS>::new(StreamBounds::new(), Global), Dialer(edge_nal_std::Stack::new()));
    let network_loop = async {
        let running =
            barertc_runner::run_with_streams(&mut ports, &streams, &dialer, &mut buffers, &clock, &viewer, &wake);
        Ok(running.await?)
    };
    let watch = async {
        let end = clock.now() + seconds;
        while clock.now() < end && !(options.until_picture && viewer.borrow().pictured.is_some()) {
            Timer::after(Duration::from_millis(20)).await;
        }
        viewer.borrow().report(&clock)?;
        viewer.borrow_mut().ended = true;
        if let Some(connection) = &mut viewer.borrow_mut().connection {
            connection.close(clock.now());
        }
        wake.signal(());
        Timer::after(Duration::from_millis(100)).await;
        Ok(())
    };
    future::or(watch, future::or(signaling, future::or(network_loop, pong(&viewer, &wake, &clock)))).await
}

/// Answers each `Ping` after a pause, as the page does.
async fn pong(viewer: &RefCell<Viewer>, wake: &Wake, clock: &HostClock) -> Result<()> {
    loop {
        Timer::after(PAUSE).await;
        let mut viewer = viewer.borrow_mut();
        ensure!(!viewer.failed || viewer.ended, "the connection failed");
        if let (Some(id), Some(connection)) = (viewer.ping.take(), &mut viewer.connection) {
            let _ = connection.write_channel(clock.now(), id, MessageKind::Text, b"Pong");
            wake.signal(());
        }
    }
}

impl Viewer {
    fn events(&mut self, now: Instant) {
        let Some(connection) = &mut self.connection else { return };
        while let Some(event) = connection.poll_event() {
            match event {
                Event::ConnectionState(ConnectionState::Failed(_) | ConnectionState::Closed) => self.failed = true,
                Event::ChannelOpen(id) if connection.channel(id).is_some_and(|c| c.label == "ping-pong") => {
                    self.opened = Some(now);
                }
                Event::ChannelReadable(id) => {
                    let mut room = [0; 2_048];
                    while let Ok(read) = connection.read_channel(now, id, &mut room) {
                        if room.get(..read.len) == Some(b"Ping") {
                            self.pings += 1;
                            self.ping = Some(id);
                        } else {
                            self.figures += u64::from(read.end_of_message);
                        }
                    }
                }
                Event::FrameReceived(track) => {
                    let mut room = vec![0; 512 << 10];
                    while connection.read_frame(now, track, &mut room).is_ok() {
                        if let Some(place) = self.tracks.iter().position(|t| *t == track) {
                            self.frames[place] += 1;
                            if place == 0 {
                                self.pictured = self.pictured.or(Some(now));
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn report(&self, clock: &HostClock) -> Result<()> {
        let connection = self.connection.as_ref().context("no offer came")?;
        if let (Some(at), Some(pair)) = (self.pictured, connection.stats().candidate_pair) {
            let (local, remote) = (pair.local_kind.name(), pair.remote_kind.name());
            println!("picture after {} ms by {:?} {local} {remote}", at.as_millis(), pair.route.protocol);
        }
        let opened = self.opened.context("no data channel was opened")?;
        let packets: Vec<u64> = self
            .tracks
            .iter()
            .map(|t| connection.track_stats(*t).and_then(|s| s.inbound).map_or(0, |s| s.packets_received.get()))
            .collect();
        let transport = connection.stats().transport;
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "open after {} ms of {} ms; {:?}, {:?}; packets {packets:?}, frames {:?}, {} pings, {} lines of figures",
            opened.as_millis(),
            clock.now().as_millis(),
            transport.tls_version,
            transport.srtp_profile,
            &self.frames[..packets.len()],
            self.pings,
            self.figures,
        )?;
        Ok(())
    }
}

impl App<'_> {
    fn answer<'r>(&self, offer: &str, room: &'r mut [u8]) -> Result<&'r str, barertc::Error> {
        let mut config = Config { mtu: self.mtu, ..Config::default() };
        let mut tracks = Vec::new();
        if self.media {
            config.recv_video = RecvBounds { packets: 512, ..RecvBounds::video(1) };
            config.recv_audio = RecvBounds::audio(1);
        }
        let (now, mut rng) = (self.clock.now(), UnwrapErr(SysRng));
        let mut connection = PeerConnection::new(config, self.identity, Global, &RustCrypto, &mut rng)?;
        let candidate = if self.tcp { Candidate::tcp_active(self.local.ip()) } else { Candidate::host(self.local) };
        connection.add_local_candidate(now, candidate)?;
        if self.media {
            let h264 = LocalCodec {
                codec: Codec::H264(H264::CONSTRAINED_BASELINE),
                pt: 102,
                rtx: Some(103),
                feedback: Feedback::ALL,
                red: None,
                flexfec: Some(118),
            };
            let feedback = Feedback { transport_cc: true, ..Feedback::NONE };
            let opus = LocalCodec {
                codec: Codec::Opus { stereo: true, fec: false },
                pt: 111,
                rtx: None,
                feedback,
                red: Some(63),
                flexfec: None,
            };
            tracks.push(connection.add_track(now, TrackConfig::recvonly(MediaKind::Video, "v", [h264])?)?);
            tracks.push(connection.add_track(now, TrackConfig::recvonly(MediaKind::Audio, "a", [opus])?)?);
        }
        // Whoever opens this channel gets figures on it.
        connection.open_channel(now, &ChannelConfig { label: "stats", ..ChannelConfig::default() })?;
        let sdp = connection.create_answer(now, offer, room)?;
        let mut viewer = self.viewer.borrow_mut();
        viewer.tracks = tracks;
        viewer.connection = Some(connection);
        Ok(sdp)
    }
}

impl Clock for App<'_> {
    fn now(&self) -> barertc_wire::Instant {
        self.clock.now()
    }

    async fn sleep_until(&self, at: barertc_wire::Instant) {
        self.clock.sleep_until(at).await;
    }
}

impl Signals for App<'_> {
    async fn message<'r>(&self, _: Peer<'_>, message: Message<'_>, room: &'r mut [u8]) -> Option<Message<'r>> {
        let Message::Offer { sdp } = message else { return None };
        let answer = self.answer(sdp, room);
        self.wake.signal(());
        match answer {
            Ok(sdp) => Some(Message::Answer { sdp }),
            Err(error) => {
                eprintln!("the offer is of no use: {error}");
                None
            }
        }
    }

    async fn outgoing<'r>(&self, _: u32, to: &mut Id, _: &'r mut [u8]) -> Message<'r> {
        if self.asked.replace(true) {
            future::pending::<()>().await;
        }
        *to = Id::try_from("server").unwrap_or_default();
        Message::Request
    }

    fn closed(&self, _: u32) {}
}

impl Connections for Viewer {
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        if let Some(connection) = &mut self.connection {
            // What is wrong with it has been counted.
            let _ = connection.handle(now, route, datagram);
        }
        self.events(now);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        self.connection.as_mut()?.poll_transmit(now, out)
    }

    fn timeout(&self) -> Option<Instant> {
        self.connection.as_ref()?.timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.handle_timeout(now);
        }
        self.events(now);
    }

    fn uses_stream(&self, route: Route) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.uses_stream(route))
    }

    fn stream_ended(&mut self, now: Instant, route: Route, end: StreamEnd) {
        if let Some(connection) = &mut self.connection {
            connection.stream_ended(now, route, end);
        }
        self.events(now);
    }
}
