//! Two connections, a network between them that can lose and delays, and a clock that only moves when nothing is left to
//! do: the same seed gives the same run.
// Each test is a program of its own and uses a part of this.
#![allow(dead_code)]

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use barertc::{
    Candidate, ChannelConfig, ChannelId, Codec, Config, ConnectionState, Error, Event, Feedback, Frame, FrameInfo,
    Framing, H264, Identity, Instant, LocalCodec, MediaKind, MessageKind, PayloadFormat, PeerConnection, ReceivedFrame,
    RecvBounds, Route, RustCrypto, Shared, TrackConfig, TrackId,
};
use barertc_arena::{Counting, FailNth, Global};
use barertc_crypto::{rand_core::Rng, selftest::Predictable};

/// Memory that counts what is taken and can fail when told to.
pub type Arena = FailNth<Counting<Global>>;
pub type Connection<'m> = PeerConnection<'m, &'m Arena, RustCrypto>;

/// Memory whose `nth` allocation fails; 0 for none.
pub fn arena(nth: usize) -> Arena {
    FailNth::new(Counting::new(Global), nth)
}

/// Memory whose `nth` allocation fails, and all after it.
pub fn arena_that_ends(nth: usize) -> Arena {
    FailNth::from(Counting::new(Global), nth)
}

/// The certificates of both sides: making them is what costs most.
pub struct Identities(pub [Identity; 2]);

impl Identities {
    pub fn new() -> Self {
        Self([1, 2].map(|seed| Identity::generate(&RustCrypto, &mut Predictable::new(seed))))
    }
}

/// The protocol of a datagram, as RFC 7983 tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Ice,
    Dtls,
    Rtp,
    Rtcp,
}

pub fn sort(datagram: &[u8]) -> Sort {
    match datagram {
        [0..=3, ..] => Sort::Ice,
        [20..=63, ..] => Sort::Dtls,
        [128..=191, 192..=223, ..] => Sort::Rtcp,
        [128..=191, ..] => Sort::Rtp,
        other => panic!("a datagram of no protocol: {other:?}"),
    }
}

/// One of the two.
pub struct Side<'m> {
    pub connection: Connection<'m>,
    pub address: SocketAddr,
    /// Another address that it has.
    pub other: Option<SocketAddr>,
    /// The time of the pair that it is of.
    pub now: Instant,
    /// Every event so far, in order.
    pub events: Vec<Event>,
    /// Sort and length of every datagram that it sent, with the time.
    pub sent: Vec<(Instant, Sort, usize)>,
    /// Whole messages that came in.
    pub messages: Vec<(ChannelId, Vec<u8>)>,
    /// Frames that came in.
    pub frames: Vec<(TrackId, ReceivedFrame, Vec<u8>)>,
    /// It leaves the frames where they are.
    pub deaf: bool,
    /// It does not ask for events.
    pub late: bool,
    /// Its machine sleeps: nothing is taken, and nothing is done.
    pub asleep: bool,
    /// What it writes to a channel that opens.
    pub greeting: Option<&'static [u8]>,
    /// What has come of a message that has not ended.
    partial: Vec<u8>,
    /// Video and audio that it sends.
    pub tracks: Option<[TrackId; 2]>,
}

impl<'m> Side<'m> {
    pub fn new(number: u8, config: Config, identity: &'m Identity, arena: &'m Arena, seed: u64) -> Result<Self, Error> {
        let mut rng = Predictable::new(seed ^ u64::from(number) << 32);
        let address = SocketAddr::from(([10, 0, 0, number], 4_000));
        let mut connection = PeerConnection::new(config, identity, arena, &RustCrypto, &mut rng)?;
        let now = Instant::from_millis(1_000);
        connection.add_local_candidate(now, Candidate::host(address))?;
        Ok(Self {
            connection,
            address,
            other: None,
            now,
            events: Vec::new(),
            sent: Vec::new(),
            messages: Vec::new(),
            frames: Vec::new(),
            deaf: false,
            late: false,
            asleep: false,
            greeting: None,
            partial: Vec::new(),
            tracks: None,
        })
    }

    pub fn offer(&mut self) -> Result<String, Error> {
        let mut room = [0; 8_192];
        self.connection.create_offer(self.now, &mut room).map(str::to_owned)
    }

    pub fn answer(&mut self, now: Instant, offer: &str) -> Result<String, Error> {
        let mut room = [0; 8_192];
        self.connection.create_answer(now, offer, &mut room).map(str::to_owned)
    }

    pub fn answered(&mut self, now: Instant, answer: &str) -> Result<(), Error> {
        self.connection.set_answer(now, answer)
    }

    pub fn open(&mut self, label: &str) -> Result<ChannelId, Error> {
        self.connection.open_channel(self.now, &ChannelConfig { label, ..ChannelConfig::default() })
    }

    pub fn add_data(&mut self) -> Result<(), Error> {
        self.connection.add_data(self.now)
    }

    pub fn restart_ice(&mut self) -> Result<(), Error> {
        self.connection.restart_ice(self.now)
    }

    /// Whether it was told that the connection has failed, for whatever reason.
    pub fn saw_failure(&self) -> bool {
        self.events.iter().any(|e| matches!(e, Event::ConnectionState(ConnectionState::Failed(_))))
    }

    pub fn saw(&self, event: &Event) -> bool {
        self.events.contains(event)
    }

    pub fn is_connected(&self) -> bool {
        self.connection.connection_state() == ConnectionState::Connected
    }

    /// The channels that were opened, in order.
    pub fn open_channels(&self) -> Vec<ChannelId> {
        self.events.iter().filter_map(|e| if let Event::ChannelOpen(id) = e { Some(*id) } else { None }).collect()
    }

    /// When it wants to be woken.
    pub fn timeout(&self) -> Option<Instant> {
        self.connection.timeout().filter(|_| !self.asleep)
    }

    pub fn count(&self, sort: Sort) -> usize {
        self.sent.iter().filter(|(_, s, _)| *s == sort).count()
    }

    /// Asks for events, as an application does.
    pub fn fetch(&mut self, now: Instant) {
        self.now = now;
        if self.late {
            return;
        }
        while let Some(event) = self.connection.poll_event() {
            if let Event::ChannelReadable(id) = event {
                self.read(id);
            }
            if let (Event::ChannelOpen(id), Some(greeting)) = (&event, self.greeting) {
                self.connection.write_channel(now, *id, MessageKind::Text, greeting).expect("room for a greeting");
            }
            if let Event::FrameReceived(id) = event
                && !self.deaf
            {
                self.read_frames(now, id);
            }
            self.events.push(event);
        }
    }

    fn read_frames(&mut self, now: Instant, id: TrackId) {
        let mut room = vec![0; 160_000];
        while let Ok(frame) = self.connection.read_frame(now, id, &mut room) {
            self.frames.push((id, frame, room[..frame.len].to_vec()));
        }
    }

    fn read(&mut self, id: ChannelId) {
        let mut room = [0; 4_096];
        while let Ok(read) = self.connection.read_channel(self.now, id, &mut room) {
            self.partial.extend_from_slice(&room[..read.len]);
            if read.end_of_message {
                self.messages.push((id, core::mem::take(&mut self.partial)));
            }
        }
    }
}

struct InFlight {
    at: Instant,
    route: Route,
    datagram: Vec<u8>,
}

/// Both sides and the network between them.
pub struct Pair<'m> {
    pub offerer: Side<'m>,
    pub answerer: Side<'m>,
    pub now: Instant,
    pub latency: Duration,
    /// Datagrams of a thousand that are lost.
    pub loss: u32,
    /// The most bytes of a datagram that arrives.
    pub largest: usize,
    /// The datagram of this number, of both sides together, is lost, too.
    pub lost: Option<usize>,
    /// Datagrams that both sides have sent.
    pub datagrams: usize,
    /// The offerer's socket takes one datagram a millisecond and no more.
    pub narrow: bool,
    /// The address that the answerer's NAT gives it now; what goes to any other address is lost.
    pub alias: Option<SocketAddr>,
    /// Somebody on the path, who sends on what he sees, and more: see [`forged`].
    pub attacker: Option<Predictable>,
    /// Datagrams that he has made.
    pub forgeries: usize,
    chance: Predictable,
    wire: VecDeque<InFlight>,
}

impl<'m> Pair<'m> {
    pub fn new(ids: &'m Identities, arenas: [&'m Arena; 2], config: &Config, seed: u64) -> Result<Self, Error> {
        Ok(Self {
            offerer: Side::new(1, config.clone(), &ids.0[0], arenas[0], seed)?,
            answerer: Side::new(2, config.clone(), &ids.0[1], arenas[1], seed)?,
            now: Instant::from_millis(1_000),
            latency: Duration::from_millis(10),
            loss: 0,
            largest: usize::MAX,
            lost: None,
            datagrams: 0,
            narrow: false,
            alias: None,
            attacker: None,
            forgeries: 0,
            chance: Predictable::new(!seed),
            wire: VecDeque::new(),
        })
    }

    /// Offer and answer, with the answerer's tracks and channels as they are.
    pub fn signal(&mut self) -> Result<(), Error> {
        let offer = self.offerer.offer()?;
        let answer = self.answerer.answer(self.now, &offer)?;
        self.offerer.answered(self.now, &answer)
    }

    /// The same the other way round: the side that answers otherwise offers.
    pub fn signal_back(&mut self) -> Result<(), Error> {
        let offer = self.answerer.offer()?;
        let answer = self.offerer.answer(self.now, &offer)?;
        self.answerer.answered(self.now, &answer)
    }

    /// Lets time pass until `done`, at most for `patience`; whether it was done.
    pub fn drive(&mut self, patience: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + patience;
        let mut ticked = false;
        loop {
            self.settle(ticked);
            if done(self) {
                return true;
            }
            let arrival = self.wire.front().map(|d| d.at);
            let timeouts = [&self.offerer, &self.answerer].map(Side::timeout);
            let next = timeouts.into_iter().fold(arrival, Instant::earliest).unwrap_or(end);
            if next > end || self.now >= end {
                self.now = end;
                for side in [&mut self.offerer, &mut self.answerer].into_iter().filter(|side| !side.asleep) {
                    side.connection.handle_timeout(end);
                }
                self.settle(true);
                return done(self);
            }
            // What is overdue after everything was polled is asked again a little later, as a runner would.
            self.now = if next > self.now { next } else { self.now + Duration::from_millis(1) };
            (self.offerer.now, self.answerer.now) = (self.now, self.now);
            while self.wire.front().is_some_and(|d| d.at <= self.now) {
                let Some(mut flight) = self.wire.pop_front() else { break };
                let local = flight.route.local;
                let is_at = |s: &&mut Side<'_>| !s.asleep && (s.address == local || s.other == Some(local));
                let to = [&mut self.offerer, &mut self.answerer].into_iter().find(is_at);
                // An address that was given up, or one who sleeps.
                let Some(side) = to else { continue };
                // What is wrong with a datagram is counted there.
                let _ = side.connection.handle(self.now, flight.route, &mut flight.datagram);
            }
            for side in [&mut self.offerer, &mut self.answerer].into_iter().filter(|side| !side.asleep) {
                side.connection.handle_timeout(self.now);
            }
            ticked = true;
        }
    }

    pub fn pass(&mut self, time: Duration) {
        self.drive(time, |_| false);
    }

    /// Until both sides say that they are connected.
    pub fn connect(&mut self) -> bool {
        self.drive(Duration::from_secs(30), |p| p.offerer.is_connected() && p.answerer.is_connected())
    }

    /// Empties what both have to send and to say. After a tick nothing may be due any more: a driver would spin.
    fn settle(&mut self, ticked: bool) {
        let mut room = [0; 2_048];
        let (offerer, answerer, alias) = (self.offerer.address, self.answerer.address, self.alias);
        for side in [&mut self.offerer, &mut self.answerer].into_iter().filter(|side| !side.asleep) {
            side.fetch(self.now);
            let narrow = self.narrow && side.address == offerer;
            while let Some(transmit) = side.connection.poll_transmit(self.now, &mut room) {
                let datagram = room[..transmit.len].to_vec();
                side.sent.push((self.now, sort(&datagram), datagram.len()));
                self.datagrams += 1;
                let lost = self.lost == Some(self.datagrams) || datagram.len() > self.largest;
                if self.chance.next_u32() % 1_000 >= self.loss && !lost {
                    let mut route = Route::udp(transmit.route.remote, transmit.route.local);
                    if let Some(alias) = alias {
                        if route.remote == answerer {
                            route.remote = alias;
                        } else if route.local == alias {
                            route.local = answerer;
                        } else {
                            continue;
                        }
                    }
                    let at = self.now + self.latency;
                    let more = self.attacker.as_mut().map(|chance| forged(chance, at, route, &datagram));
                    let forgeries = more.unwrap_or_default();
                    self.forgeries += forgeries.len();
                    for flight in core::iter::once(InFlight { at, route, datagram }).chain(forgeries) {
                        let place = self.wire.partition_point(|other| other.at <= flight.at);
                        self.wire.insert(place, flight);
                    }
                }
                if narrow {
                    break;
                }
            }
            if ticked && !narrow {
                let due = side.connection.timeout();
                assert!(due.is_none_or(|at| at > self.now), "{}: due at {due:?}, now {:?}", side.address, self.now);
            }
            side.fetch(self.now);
        }
    }
}

/// What somebody on the path makes of a datagram that arrives at `at`: it arrives again, at once or late, cut, longer or changed,
/// from elsewhere, or where it came from.
fn forged(chance: &mut Predictable, at: Instant, route: Route, datagram: &[u8]) -> Vec<InFlight> {
    let mut all = Vec::new();
    for _ in 0..chance.next_u32() % 3 {
        let mut flight = InFlight { at, route, datagram: datagram.to_vec() };
        let (byte, len) = (chance.next_u64() as usize, datagram.len());
        match chance.next_u32() % 8 {
            0 => {}
            1 => flight.at = at + Duration::from_millis(u64::from(chance.next_u32() % 3_000)),
            2 => flight.datagram.truncate(byte % len),
            3 => flight.datagram.extend((0..byte % 40).map(|n| n as u8)),
            4 | 5 => flight.datagram[byte % len] ^= 1 << (chance.next_u32() % 8),
            6 => flight.route.remote = SocketAddr::from(([10, 0, 9, 9], 1 + byte as u16 % 5_000)),
            _ => flight.route = Route::udp(route.remote, route.local),
        }
        all.push(flight);
    }
    all
}

pub fn h264() -> LocalCodec {
    LocalCodec {
        codec: Codec::H264(H264::CONSTRAINED_BASELINE),
        pt: 102,
        rtx: Some(103),
        feedback: Feedback::ALL,
        red: None,
        flexfec: Some(118),
    }
}

pub fn opus() -> LocalCodec {
    LocalCodec {
        codec: Codec::Opus { stereo: true, fec: false },
        pt: 111,
        rtx: None,
        feedback: Feedback { transport_cc: true, ..Feedback::NONE },
        red: Some(63),
        flexfec: None,
    }
}

/// A configuration with room for one video and one audio track that receive.
pub fn receiving() -> Config {
    Config { recv_video: RecvBounds::video(1), recv_audio: RecvBounds::audio(1), ..Config::default() }
}

/// Video, then audio, that `side` sends.
pub fn send_tracks(side: &mut Side<'_>) -> Result<[TrackId; 2], Error> {
    let tracks = [
        side.connection.add_track(side.now, TrackConfig::sendonly(MediaKind::Video, "video", "stream", [h264()])?)?,
        side.connection.add_track(side.now, TrackConfig::sendonly(MediaKind::Audio, "audio", "stream", [opus()])?)?,
    ];
    side.tracks = Some(tracks);
    Ok(tracks)
}

/// Video, then audio, that `side` takes.
pub fn recv_tracks(side: &mut Side<'_>) -> Result<[TrackId; 2], Error> {
    Ok([
        side.connection.add_track(side.now, TrackConfig::recvonly(MediaKind::Video, "v", [h264()])?)?,
        side.connection.add_track(side.now, TrackConfig::recvonly(MediaKind::Audio, "a", [opus()])?)?,
    ])
}

/// Bytes of a video frame that differ in each: one NAL unit, behind parameter sets in a key frame.
pub fn picture(key: bool, len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len.max(24)];
    Predictable::new(seed).fill_bytes(&mut bytes);
    // No start code but the first.
    bytes.iter_mut().for_each(|byte| *byte |= 0x10);
    begin(&mut bytes, key);
    bytes
}

/// The beginning of a frame of one NAL unit, behind parameter sets in a key frame.
fn begin(bytes: &mut [u8], key: bool) {
    if key {
        // What proves to a receiver that nothing of a stream's first frame is missing.
        bytes[..18].copy_from_slice(&[0, 0, 0, 1, 0x67, 17, 0, 0, 0, 1, 0x68, 17, 0, 0, 0, 1, 0x65, 0x98]);
    } else {
        bytes[..5].copy_from_slice(&[0, 0, 0, 1, 0x41]);
    }
}

/// A video frame of `len` bytes: one NAL unit.
pub fn video(arena: &Arena, key: bool, len: usize, millis: u32) -> Result<Frame<&Arena>, Error> {
    let mut bytes = vec![0x5A; len.max(24)];
    begin(&mut bytes, key);
    frame(arena, &bytes, PayloadFormat::H264, millis * 90)
}

pub fn audio(arena: &Arena, len: usize, millis: u32) -> Result<Frame<&Arena>, Error> {
    frame(arena, &vec![0xA5; len], PayloadFormat::Opus, millis * 48)
}

pub fn frame<'m>(
    arena: &'m Arena,
    bytes: &[u8],
    codec: PayloadFormat,
    timestamp: u32,
) -> Result<Frame<&'m Arena>, Error> {
    let bytes = Shared::<[u8], _>::try_from_slice(bytes, arena)?;
    let info = FrameInfo { timestamp, ..FrameInfo::default() };
    Frame::new(bytes, codec, Framing::AnnexB, info, arena).map_err(|_| Error::NoMemory)
}
