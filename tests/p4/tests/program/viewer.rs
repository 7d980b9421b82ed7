//! A viewer in this process: a connection of ours at a port of the router's, at the pace of the machine's own clock. Each run is like the
//! other, to the instruction.

use std::cell::RefCell;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use barertc::dtls::{Preference, SrtpProfiles};
use barertc::{
    Candidate, ChannelConfig, ChannelId, Codec, Config, ConnectionState, Event, Feedback, H264, Identity, LocalCodec,
    MediaKind, MessageKind, PeerConnection, RecvBounds, Route, RustCrypto, TrackConfig, TrackId,
};
use barertc_arena::Global;
use barertc_crypto::selftest::Predictable;
use barertc_p4::board::Board;
use barertc_p4::machine::{ClockSource, End, Machine};
use barertc_p4::net::{Forward, GATEWAY, GUEST, UserNetwork};
use barertc_wire::Instant;

use super::fixture::until;

/// How long the page waits before it answers a `Ping`, in milliseconds.
const PONG: u64 = 1_000;
/// Where the program sends media from.
const MEDIA: u16 = 9_000;
const HTTP: u16 = 80;

pub type Shared = Rc<RefCell<UserNetwork>>;

/// A machine, and its viewers.
pub struct Scene {
    pub machine: Machine,
    pub network: Shared,
    pub viewers: Vec<Viewer>,
    /// Who asks from now on does nothing more with the answer.
    pub silent: bool,
    /// Who asks from now on answers each `Ping` at once, and not after a second as the page does.
    pub eager: bool,
    /// The one protection profile that who asks from now on has (RFC 5764 §4.1.2); none: what it likes best.
    pub profile: Option<u16>,
    next: u16,
}

impl Scene {
    /// A machine that has started.
    pub fn new(board: Board, flash: Vec<u8>) -> Self {
        let network = Rc::new(RefCell::new(UserNetwork::new(Forward::default()).expect("a network")));
        let machine = Machine::new(board, flash, Box::new(network.clone()), ClockSource::Virtual);
        let mut scene =
            Self { machine, network, viewers: Vec::new(), silent: false, eager: false, profile: None, next: 0 };
        until(&mut scene.machine, 10_000, "ready at");
        scene
    }

    /// One more viewer, who asks by WHEP.
    pub fn ask(&mut self) {
        let mut viewer = self.viewer();
        (viewer.silent, viewer.eager) = (self.silent, self.eager);
        viewer.offer(&self.network, self.now());
        self.viewers.push(viewer);
    }

    /// A viewer that has not asked yet.
    pub fn viewer(&mut self) -> Viewer {
        self.next += 1;
        Viewer::new(self.now(), 40_000 + self.next, self.profile, &self.network)
    }

    pub fn now(&self) -> Instant {
        instant(&self.machine)
    }

    /// Runs until something has come to pass; false when it has not in this time.
    pub fn run(&mut self, milliseconds: u64, mut until: impl FnMut(&Machine, &mut [Viewer]) -> bool) -> bool {
        let Self { machine, network, viewers, .. } = self;
        let end = machine.run(milliseconds, |machine| {
            let now = instant(machine);
            for viewer in &mut *viewers {
                viewer.step(network, now);
            }
            until(machine, viewers)
        });
        assert!(matches!(end, End::Reached | End::Timeout), "{end:?}: {}", machine.log());
        end == End::Reached
    }

    /// Runs until it has, and fails with the log if it has not.
    pub fn must(&mut self, milliseconds: u64, what: &str, until: impl FnMut(&Machine, &mut [Viewer]) -> bool) {
        assert!(self.run(milliseconds, until), "no {what} within {milliseconds} ms: {}", self.machine.log());
    }

    /// All viewers go, and are gone for the program too: bytes of PSRAM in use then, of two lines of figures that say the same.
    pub fn end(&mut self) -> u64 {
        let now = self.now();
        self.viewers.iter_mut().for_each(|viewer| viewer.connection.close(now));
        let mut lines = Vec::new();
        let mut seen = self.machine.log().len();
        self.must(60_000, "end", |machine, _| {
            if machine.bus.serial.text.len() > seen {
                let log = machine.log();
                let Some(len) = log[seen..].rfind('\n') else { return false };
                lines.extend(log[seen..seen + len].lines().filter_map(idle));
                seen += len;
            }
            matches!(lines[..], [.., a, b] if a == b)
        });
        for viewer in self.viewers.drain(..) {
            self.network.borrow_mut().close_here(viewer.port);
        }
        lines[lines.len() - 1]
    }
}

/// What the program's last line of figures says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    pub viewers: u64,
    /// Bytes in use, and the most there were.
    pub internal: [u64; 2],
    pub psram: [u64; 2],
    pub stack_peak: u64,
}

impl Figures {
    pub fn of(machine: &Machine) -> Self {
        let log = machine.log();
        let line = log.lines().rfind(|line| line.starts_with("viewers ") && line.contains(" · by owner"));
        let line = line.unwrap_or_else(|| panic!("no figures: {log}"));
        let number = |behind: &str| {
            let (_, rest) = line.split_once(behind).unwrap_or_else(|| panic!("no {behind}: {line}"));
            rest.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{behind}: {line}"))
        };
        let pair = |name: &str| {
            let live = number(name);
            [live, number(&format!("{name}{live} B, peak "))]
        };
        Self {
            viewers: number("viewers "),
            internal: pair("internal "),
            psram: pair("psram "),
            stack_peak: number("stack peak "),
        }
    }
}

/// Bytes of PSRAM in use, of a line of figures without a viewer.
fn idle(line: &str) -> Option<u64> {
    line.strip_prefix("viewers 0 ")?.split("psram ").nth(1)?.split(' ').next()?.parse().ok()
}

fn instant(machine: &Machine) -> Instant {
    Instant::from_micros(machine.now() / 400)
}

/// A viewer.
pub struct Viewer {
    pub connection: PeerConnection<'static, Global, RustCrypto>,
    pub port: u16,
    http: Option<Http>,
    tracks: [TrackId; 2],
    pub frames: [u64; 2],
    /// Lines of figures, and `Ping`s.
    pub messages: u64,
    pub connected: bool,
    /// Why there is nothing more to come.
    pub over: Option<ConnectionState>,
    /// What the server has said to the question.
    pub status: Option<u16>,
    silent: bool,
    eager: bool,
    /// The answer to a `Ping`, when it is time for it.
    pong: Option<(Instant, ChannelId)>,
}

/// A request, and as much of its answer as there is.
struct Http {
    stream: UnixStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Viewer {
    fn new(now: Instant, port: u16, profile: Option<u16>, network: &Shared) -> Self {
        let mut rng = Predictable::new(port.into());
        let identity = Box::leak(Box::new(Identity::generate(&RustCrypto, &mut rng)));
        let mut config = Config {
            recv_video: RecvBounds { packets: 512, ..RecvBounds::video(1) },
            recv_audio: RecvBounds::audio(1),
            ..Config::default()
        };
        if let Some(profile) = profile {
            config.dtls.srtp = SrtpProfiles::Only(Preference::only(&[profile]));
        }
        let mut connection =
            PeerConnection::new(config, identity, Global, &RustCrypto, &mut rng).expect("a connection");
        let here = SocketAddr::from((GATEWAY, port));
        connection.add_local_candidate(now, Candidate::host(here)).expect("a candidate");
        let video = LocalCodec {
            codec: Codec::H264(H264::CONSTRAINED_BASELINE),
            pt: 102,
            rtx: Some(103),
            feedback: Feedback::ALL,
            red: None,
            flexfec: Some(118),
        };
        let feedback = Feedback { transport_cc: true, ..Feedback::NONE };
        let codec = Codec::Opus { stereo: true, fec: false };
        let audio = LocalCodec { codec, pt: 111, rtx: None, feedback, red: Some(63), flexfec: None };
        let mut track = |kind, name, codec| {
            let track = TrackConfig::recvonly(kind, name, [codec]).expect("a track");
            connection.add_track(now, track).expect("a track")
        };
        let tracks = [track(MediaKind::Video, "v", video), track(MediaKind::Audio, "a", audio)];
        // Whoever opens this channel gets figures on it.
        let channel = ChannelConfig { label: "stats", ..ChannelConfig::default() };
        connection.open_channel(now, &channel).expect("a channel");
        network.borrow_mut().open_here(port);
        Self {
            connection,
            port,
            http: None,
            tracks,
            frames: [0; 2],
            messages: 0,
            connected: false,
            over: None,
            status: None,
            silent: false,
            eager: false,
            pong: None,
        }
    }

    fn offer(&mut self, network: &Shared, now: Instant) {
        let mut room = [0; 8192];
        let offer = self.connection.create_offer(now, &mut room).expect("an offer");
        let mut request = format!(
            "POST /whep HTTP/1.1\r\nHost: board\r\nAuthorization: Bearer swordfish\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n",
            offer.len()
        );
        request += offer;
        let stream = network.borrow_mut().connect(HTTP).expect("a connection");
        self.http = Some(Http { stream, request: request.into(), answer: Vec::new() });
    }

    /// The answer to an offer of the program's.
    pub fn answer(&mut self, now: Instant, offer: &str) -> String {
        let mut room = [0; 8192];
        self.connection.create_answer(now, offer, &mut room).expect("an answer").into()
    }

    /// Packets of video and sound that have come.
    pub fn packets(&self) -> u64 {
        let of = |track: &TrackId| Some(self.connection.track_stats(*track)?.inbound?.packets_received.get());
        self.tracks.iter().filter_map(of).sum()
    }

    fn step(&mut self, network: &Shared, now: Instant) {
        if let Some(http) = &mut self.http {
            match http.step() {
                None => {}
                Some((status, answer)) => {
                    self.status = Some(status);
                    self.http = None;
                    if status == 201 && !self.silent {
                        self.connection.set_answer(now, &answer).expect("an answer of use");
                    }
                }
            }
        }
        if self.silent {
            return;
        }
        let route = Route::udp(SocketAddr::from((GATEWAY, self.port)), SocketAddr::from((GUEST, MEDIA)));
        loop {
            let datagram = network.borrow_mut().take_here(self.port);
            let Some(mut datagram) = datagram else { break };
            // What is wrong with it is counted there.
            let _ = self.connection.handle(now, route, &mut datagram);
            self.events(now);
        }
        if self.connection.timeout().is_some_and(|at| at <= now) {
            self.connection.handle_timeout(now);
        }
        self.events(now);
        if let Some((_, id)) = self.pong.take_if(|(at, _)| *at <= now) {
            let _ = self.connection.write_channel(now, id, MessageKind::Text, b"Pong");
        }
        let mut room = [0; 2048];
        while let Some(transmit) = self.connection.poll_transmit(now, &mut room) {
            network.borrow_mut().send_here(self.port, transmit.route.remote.port(), &room[..transmit.len]);
        }
        self.events(now);
    }

    fn events(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::ConnectionState(ConnectionState::Connected) => self.connected = true,
                Event::ConnectionState(state @ (ConnectionState::Failed(_) | ConnectionState::Closed)) => {
                    self.over = Some(state);
                }
                Event::ChannelReadable(id) => {
                    let mut room = [0; 2048];
                    while let Ok(read) = self.connection.read_channel(now, id, &mut room) {
                        self.messages += u64::from(read.end_of_message);
                        if room.get(..read.len) == Some(b"Ping") {
                            let wait = if self.eager { 0 } else { PONG };
                            self.pong = Some((now + Duration::from_millis(wait), id));
                        }
                    }
                }
                Event::FrameReceived(track) => {
                    let mut room = vec![0; 256 << 10];
                    while self.connection.read_frame(now, track, &mut room).is_ok() {
                        self.frames[usize::from(track != self.tracks[0])] += 1;
                    }
                }
                _ => {}
            }
        }
    }
}

impl Http {
    /// The status and the body, once they are there whole.
    fn step(&mut self) -> Option<(u16, String)> {
        while !self.request.is_empty() {
            match self.stream.write(&self.request) {
                Ok(len) => drop(self.request.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("the question: {error}"),
            }
        }
        let mut room = [0; 4096];
        loop {
            match self.stream.read(&mut room) {
                Ok(0) => break,
                Ok(len) => self.answer.extend(&room[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("the answer: {error}"),
            }
        }
        let text = std::str::from_utf8(&self.answer).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let len = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok())?;
        Some((status, body.get(..len)?.into()))
    }
}
