//! A device that sends back what it gets, for sessions with other stacks: `barertc-mirror offer|answer ADDRESS h264|vp8`.
//!
//! Descriptions go over standard output and input, each with an empty line behind it. It has one track of video, one of Opus,
//! both of which send and receive, and data channels. A frame that is complete goes back as it came, and so does a message.
//! Each change of state is a line. With the end of its input it closes the connection. Its last line is the sum.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_io::Timer;
use barertc::{
    Candidate, ChannelConfig, ChannelId, Codec, Config, ConnectionState, Error, Event, Frame, FrameInfo, Framing,
    Identity, LocalCodec, MediaKind, MessageKind, PayloadFormat, PeerConnection, RecvBounds, Route, RustCrypto,
    TrackConfig, TrackId, Transmit, config::SctpConfig,
};
use barertc_arena::Global;
use barertc_runner::{Buffers, Clock as _, Connections, Port, Wake};
use barertc_test_peer::{HostClock, hear, say};
use barertc_wire::Instant;
use edge_nal::UdpBind;
use futures_lite::future;
use getrandom::SysRng;
use rand_core::UnwrapErr;

const USAGE: &str = "barertc-mirror offer|answer ADDRESS h264|vp8";

/// Room for messages, each way.
const BUFFER: u32 = 1 << 20;
/// The longest message that is sent back, in bytes.
const MESSAGE: usize = 64 << 10;
/// The largest frame that is sent back, in bytes.
const FRAME: usize = 512 << 10;
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

struct Mirror {
    connection: PeerConnection<'static, Global, RustCrypto>,
    room: Vec<u8>,
    /// What has come of a message whose rest follows.
    partial: Vec<u8>,
    /// Messages that wait for room.
    waiting: VecDeque<(ChannelId, MessageKind, Vec<u8>)>,
    bytes: u64,
    /// Frames that were sent back: video, audio.
    frames: [u64; 2],
    /// Frames that were not.
    refused: u64,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [side, address, video] = &args[..] else { bail!(USAGE) };
    let video = match video.as_str() {
        "h264" => LocalCodec::h264(),
        "vp8" => LocalCodec::vp8(),
        _ => bail!(USAGE),
    };
    let mut config = Config { sctp: SctpConfig::with_buffers(BUFFER, BUFFER), ..Config::default() };
    config.max_message_size = MESSAGE as u32;
    config.recv_video = RecvBounds { packets: 512, ..RecvBounds::video(1) };
    config.recv_audio = RecvBounds::audio(1);
    let identity = Box::leak(Box::new(Identity::generate(&RustCrypto, &mut UnwrapErr(SysRng))));
    async_io::block_on(run(side == "offer", address.parse().context(USAGE)?, video, config, identity))
}

async fn run(
    offers: bool,
    at: SocketAddr,
    video: LocalCodec,
    config: Config,
    identity: &'static Identity,
) -> Result<()> {
    let (clock, wake): (_, Wake) = (HostClock::start(), Wake::new());
    // The port may be the system's choice.
    let local = std::net::UdpSocket::bind(at)?.local_addr()?;
    let socket = UdpBind::bind(&edge_nal_std::Stack::new(), local).await?;
    let mut connection = PeerConnection::new(config, identity, Global, &RustCrypto, &mut UnwrapErr(SysRng))?;
    let now = clock.now();
    connection.add_local_candidate(now, Candidate::host(local))?;
    connection.add_track(now, TrackConfig::sendrecv(MediaKind::Video, "v", "mirror", [video])?)?;
    connection.add_track(now, TrackConfig::sendrecv(MediaKind::Audio, "a", "mirror", [LocalCodec::opus()])?)?;
    let mut room = vec![0; 16 << 10];
    if offers {
        connection.open_channel(now, &ChannelConfig { label: "mirror", ..ChannelConfig::default() })?;
        say(connection.create_offer(now, &mut room)?)?;
        connection.set_answer(clock.now(), &hear()?)?;
    } else {
        connection.add_data(now)?;
        let offer = hear()?;
        say(connection.create_answer(clock.now(), &offer, &mut room)?)?;
    }
    let mirror = RefCell::new(Mirror {
        connection,
        room: vec![0; FRAME],
        partial: Vec::new(),
        waiting: VecDeque::new(),
        bytes: 0,
        frames: [0; 2],
        refused: 0,
    });
    let mut ports = [Port { local, socket }];
    let mut buffers = Buffers::new();
    let network = async { Ok(barertc_runner::run(&mut ports, &mut buffers, &clock, &mirror, &wake).await?) };
    let (ended, end) = async_channel_of_input();
    let goodbye = async {
        ended.await;
        mirror.borrow_mut().connection.close(clock.now());
        wake.signal(());
        Timer::after(GOODBYE).await;
        bail!("the connection has not parted")
    };
    let outcome: Result<()> = future::or(network, goodbye).await;
    drop(end);
    let Mirror { frames: [video, audio], refused, bytes, .. } = *mirror.borrow();
    println!("mirrored video {video} audio {audio} refused {refused} bytes {bytes}");
    outcome
}

/// A future that ends with standard input, and what keeps it.
fn async_channel_of_input() -> (impl Future<Output = ()>, std::thread::JoinHandle<()>) {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let reader = std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        drop(tell);
    });
    let ended = async move {
        while matches!(told.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty)) {
            Timer::after(Duration::from_millis(20)).await;
        }
    };
    (ended, reader)
}

impl Mirror {
    fn events(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::ConnectionState(state) => println!("state {state:?}"),
                Event::ChannelOpen(id) => {
                    let label = self.connection.channel(id).map(|c| c.label.to_owned()).unwrap_or_default();
                    println!("channel {label}");
                }
                Event::ChannelClosed(_) => println!("channel closed"),
                Event::ChannelReadable(id) => self.read(now, id),
                Event::FrameReceived(track) => self.mirror(now, track),
                // What is sent back can only be decoded from a key frame of the peer's.
                Event::KeyFrameWanted(track) => drop(self.connection.request_key_frame(now, track)),
                _ => {}
            }
        }
        while let Some((id, kind, message)) = self.waiting.front() {
            match self.connection.write_channel(now, *id, *kind, message) {
                Err(Error::WouldBlock) => return,
                // A channel that is closed has nobody to hear it.
                Ok(()) | Err(_) => drop(self.waiting.pop_front()),
            }
        }
    }

    fn read(&mut self, now: Instant, id: ChannelId) {
        while let Ok(read) = self.connection.read_channel(now, id, &mut self.room) {
            self.partial.extend_from_slice(&self.room[..read.len]);
            self.bytes += read.len as u64;
            if read.end_of_message {
                self.waiting.push_back((id, read.kind, std::mem::take(&mut self.partial)));
            }
        }
    }

    fn mirror(&mut self, now: Instant, track: TrackId) {
        while let Ok(read) = self.connection.read_frame(now, track, &mut self.room) {
            let codec = self.connection.track(track).and_then(|t| t.codec);
            let (format, place) = match codec {
                Some(Codec::H264(_)) => (PayloadFormat::H264, 0),
                Some(Codec::Vp8) => (PayloadFormat::Vp8, 0),
                Some(Codec::Opus { .. }) => (PayloadFormat::Opus, 1),
                _ => continue,
            };
            if !read.complete || !self.connection.is_sending(track) {
                self.refused += 1;
                continue;
            }
            let info = FrameInfo { timestamp: read.timestamp, ..FrameInfo::default() };
            let frame = Frame::from_slice(&self.room[..read.len], format, Framing::AnnexB, info, Global);
            match frame.map(|frame| self.connection.send_frame(now, track, &frame)) {
                Ok(Ok(())) => self.frames[place] += 1,
                _ => self.refused += 1,
            }
        }
    }
}

impl Connections for Mirror {
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        // What is wrong with it has been counted.
        let _ = self.connection.handle(now, route, datagram);
        self.events(now);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        self.connection.poll_transmit(now, out)
    }

    fn timeout(&self) -> Option<Instant> {
        self.connection.timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
        self.events(now);
    }

    fn uses_stream(&self, _: Route) -> bool {
        false
    }

    fn is_done(&self) -> bool {
        self.connection.has_parted() || matches!(self.connection.connection_state(), ConnectionState::Failed(_))
    }
}
