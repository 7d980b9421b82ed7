//! A device that sends back what it gets, for sessions with other stacks: `barertc-mirror offer|answer ADDRESS h264|vp8|both [plain]`.
//!
//! Descriptions go over standard output and input, each with an empty line behind it. It has one track of video, one of Opus,
//! both of which send and receive, and data channels. A frame that is complete goes back as it came, and so does a message.
//! With `plain` it offers no FlexFEC. The message `close` closes its channel. Each change of state is a line, and so is the end of a channel.
//!
//! With `both` it takes H.264 and VP8, sends H.264, and says `receives CODEC` when other pictures come than before; those of VP8 do not
//! go back.
//!
//! A later description on its input is answered. The line `restart` has it offer with new ICE credentials, `more` with a second
//! track of Opus, and `offer` once more. The line `crossed` says that the next description is an offer, though its own has no answer,
//! and `rollback` has it take its own back. A later offer with more audio than there are tracks gets one, too. With the end of its
//! input it closes the connection. Its last line is the sum.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufRead as _};
use std::mem::discriminant;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, TryRecvError};
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

const USAGE: &str = "barertc-mirror offer|answer ADDRESS h264|vp8|both [plain]";

/// Room for messages, each way.
const BUFFER: u32 = 1 << 20;
/// The longest message that is sent back, in bytes.
const MESSAGE: usize = 64 << 10;
/// The largest frame that is sent back, in bytes.
const FRAME: usize = 512 << 10;
/// How often it is looked what was said.
const LISTEN: Duration = Duration::from_millis(20);
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
    /// Whether an offer waits for its answer.
    offered: bool,
    tracks: usize,
    /// What pictures come as.
    receives: Option<Codec>,
}

/// A second track of Opus.
fn second() -> Result<TrackConfig, Error> {
    TrackConfig::sendrecv(MediaKind::Audio, "a2", "mirror", [LocalCodec::opus()])
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (rest, plain) = match &args[..] {
        [rest @ .., plain] if plain == "plain" => (rest, true),
        rest => (rest, false),
    };
    let [side, address, video] = rest else { bail!(USAGE) };
    let video = match video.as_str() {
        "h264" => vec![LocalCodec::h264()],
        "vp8" => vec![LocalCodec::vp8()],
        "both" => vec![LocalCodec::h264(), LocalCodec::vp8()],
        _ => bail!(USAGE),
    };
    let video = video.into_iter().map(|codec| if plain { codec.with_flexfec(None) } else { codec }).collect();
    let mut config = Config { sctp: SctpConfig::with_buffers(BUFFER, BUFFER), ..Config::default() };
    config.max_message_size = MESSAGE as u32;
    config.recv_video = RecvBounds { packets: 512, ..RecvBounds::video(1) };
    config.recv_audio = RecvBounds::audio(2);
    let identity = Box::leak(Box::new(Identity::generate(&RustCrypto, &mut UnwrapErr(SysRng))));
    async_io::block_on(run(side == "offer", address.parse().context(USAGE)?, video, config, identity))
}

async fn run(
    offers: bool,
    at: SocketAddr,
    video: Vec<LocalCodec>,
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
    connection.add_track(now, TrackConfig::sendrecv(MediaKind::Video, "v", "mirror", video)?)?;
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
        offered: false,
        tracks: 2,
        receives: None,
    });
    let mut ports = [Port { local, socket }];
    let mut buffers = Buffers::new();
    let network = async { Ok(barertc_runner::run(&mut ports, &mut buffers, &clock, &mirror, &wake).await?) };
    let input = input();
    let goodbye = async {
        loop {
            match input.try_recv() {
                Ok(word) => mirror.borrow_mut().heard(clock.now(), word)?,
                Err(TryRecvError::Empty) => drop(Timer::after(LISTEN).await),
                Err(TryRecvError::Disconnected) => break,
            }
            wake.signal(());
        }
        mirror.borrow_mut().connection.close(clock.now());
        wake.signal(());
        Timer::after(GOODBYE).await;
        bail!("the connection has not parted")
    };
    let outcome: Result<()> = future::or(network, goodbye).await;
    let Mirror { frames: [video, audio], refused, bytes, .. } = *mirror.borrow();
    println!("mirrored video {video} audio {audio} refused {refused} bytes {bytes}");
    outcome
}

/// What comes on standard input: descriptions, and lines that are none.
fn input() -> Receiver<String> {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut description = String::new();
        for line in io::stdin().lock().lines().map_while(io::Result::ok) {
            let line = line.trim_end();
            let word = match line {
                "" => std::mem::take(&mut description),
                _ if !description.is_empty() || line.starts_with("v=") => {
                    description.extend([line, "\r\n"]);
                    continue;
                }
                _ => line.to_owned(),
            };
            if !word.is_empty() && tell.send(word).is_err() {
                return;
            }
        }
    });
    told
}

impl Mirror {
    /// A description, or what is to be offered.
    fn heard(&mut self, now: Instant, word: String) -> Result<()> {
        let mut room = vec![0; 16 << 10];
        let connection = &mut self.connection;
        match word.as_str() {
            "restart" => connection.restart_ice(now)?,
            "offer" => {}
            "crossed" => {
                self.offered = false;
                return Ok(());
            }
            "rollback" => {
                connection.rollback(now)?;
                self.offered = false;
                return Ok(());
            }
            "more" => drop(connection.add_track(now, second()?)?),
            answer if self.offered => {
                connection.set_answer(now, answer)?;
                self.offered = false;
                return Ok(());
            }
            offer => {
                if offer.matches("\nm=audio").count() > 1 && self.tracks < 3 {
                    connection.add_track(now, second()?)?;
                    self.tracks = 3;
                }
                return Ok(say(connection.create_answer(now, offer, &mut room)?)?);
            }
        }
        say(connection.create_offer(now, &mut room)?)?;
        self.offered = true;
        Ok(())
    }

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
                let message = std::mem::take(&mut self.partial);
                match &message[..] {
                    b"close" => drop(self.connection.close_channel(now, id)),
                    _ => self.waiting.push_back((id, read.kind, message)),
                }
            }
        }
    }

    fn mirror(&mut self, now: Instant, track: TrackId) {
        while let Ok(read) = self.connection.read_frame(now, track, &mut self.room) {
            let Some(info) = self.connection.track(track) else { return };
            let codec = info.received_codec;
            let same = codec.map(|c| discriminant(&c)) == info.codec.map(|c| discriminant(&c));
            if info.kind == MediaKind::Video
                && self.receives.map(|c| discriminant(&c)) != codec.map(|c| discriminant(&c))
            {
                self.receives = codec;
                println!("receives {}", if matches!(codec, Some(Codec::Vp8)) { "VP8" } else { "H264" });
            }
            let (format, place) = match codec {
                Some(Codec::H264(_)) => (PayloadFormat::H264, 0),
                Some(Codec::Vp8) => (PayloadFormat::Vp8, 0),
                Some(Codec::Opus { .. }) => (PayloadFormat::Opus, 1),
                _ => continue,
            };
            if !read.complete || !same || !self.connection.is_sending(track) {
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
