//! The viewer: a connection of ours that takes what comes, and notes when.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

use barertc::{
    Candidate, ChannelConfig, Codec, Config, Error, Event, Feedback, H264, Identity, LocalCodec, MediaKind,
    MessageKind, PeerConnection, RecvBounds, Route, RustCrypto, TrackConfig, TrackId,
};
use barertc_arena::Global;
use barertc_crypto::selftest::Predictable;
use barertc_wire::Instant;

use super::SimBoard;
use super::board::DEVICE;

/// From one to the other, as it is at first.
const LATENCY: Duration = Duration::from_millis(5);
/// What a link holds that has a rate, in time.
const QUEUE: Duration = Duration::from_millis(250);

pub(crate) struct SimViewer<'i> {
    pub(crate) connection: PeerConnection<'i, Global, RustCrypto>,
    address: SocketAddr,
    tracks: [TrackId; 2],
    /// Datagrams of either direction that have not arrived.
    inbound: VecDeque<(Instant, Vec<u8>)>,
    outbound: VecDeque<(Instant, Vec<u8>)>,
    /// When the whole frames of both tracks came, and which of them were key frames.
    pub(crate) frames: [Vec<(Instant, bool)>; 2],
    /// Answers to checks of consent, which are STUN success responses.
    pub(crate) consents: Vec<Instant>,
    pub(crate) messages: u32,
    /// Of them, those that want an answer, which each gets at once.
    pub(crate) pings: u32,
    /// From one to the other.
    pub(crate) latency: Duration,
    /// Bytes of the first key frame.
    pub(crate) first_key: Option<usize>,
    /// Bits a second of the way to here, where it has a bound, and until when it is busy.
    pub(crate) rate: Option<u64>,
    busy: Instant,
}

impl<'i> SimViewer<'i> {
    pub(crate) fn new(now: Instant, identity: &'i Identity) -> Result<Self, Error> {
        let mut rng = Predictable::new(99);
        let address = SocketAddr::from(([10, 0, 0, 2], 4_000));
        let config = Config {
            recv_video: RecvBounds { packets: 512, ..RecvBounds::video(1) },
            recv_audio: RecvBounds::audio(1),
            ..Config::default()
        };
        let mut connection = PeerConnection::new(config, identity, Global, &RustCrypto, &mut rng)?;
        connection.add_local_candidate(now, Candidate::host(address))?;
        let video = LocalCodec {
            codec: Codec::H264(H264::CONSTRAINED_BASELINE),
            pt: 102,
            rtx: Some(103),
            feedback: Feedback::ALL,
            red: None,
            flexfec: Some(118),
        };
        let feedback = Feedback { transport_cc: true, ..Feedback::NONE };
        let audio = LocalCodec {
            codec: Codec::Opus { stereo: true, fec: false },
            pt: 111,
            rtx: None,
            feedback,
            red: Some(63),
            flexfec: None,
        };
        let tracks = [
            connection.add_track(now, TrackConfig::recvonly(MediaKind::Video, "v", [video])?)?,
            connection.add_track(now, TrackConfig::recvonly(MediaKind::Audio, "a", [audio])?)?,
        ];
        // Whoever opens this channel gets figures on it.
        connection.open_channel(now, &ChannelConfig { label: "stats", ..ChannelConfig::default() })?;
        Ok(Self {
            connection,
            address,
            tracks,
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
            frames: [Vec::new(), Vec::new()],
            consents: Vec::new(),
            messages: 0,
            pings: 0,
            latency: LATENCY,
            first_key: None,
            rate: None,
            busy: Instant::ZERO,
        })
    }

    pub(crate) fn answer<'r>(&mut self, now: Instant, offer: &str, room: &'r mut [u8]) -> Result<&'r str, Error> {
        self.connection.create_answer(now, offer, room)
    }

    /// Moves what is to be moved; whether the device has something new to look at.
    pub(crate) fn step(&mut self, board: &SimBoard<'_>) -> bool {
        let now = board.clock.now();
        for (at, to, datagram) in board.left.borrow_mut().drain(..) {
            let begin = at.max(self.busy);
            if to != self.address || begin - at > QUEUE {
                continue;
            }
            let nanos = self.rate.map_or(0, |rate| (datagram.len() as u64 + 28) * 8_000_000_000 / rate);
            self.busy = begin + Duration::from_nanos(nanos);
            self.inbound.push_back((self.busy + self.latency, datagram));
        }
        while self.inbound.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, mut datagram)) = self.inbound.pop_front() else { break };
            // RFC 8489 §5: class and method of a binding success response.
            if datagram.starts_with(&[0x01, 0x01]) {
                self.consents.push(now);
            }
            let route = Route::udp(self.address, DEVICE);
            // What is wrong with it is counted there.
            let _ = self.connection.handle(now, route, &mut datagram);
        }
        if self.connection.timeout().is_some_and(|at| at <= now) {
            self.connection.handle_timeout(now);
        }
        self.events(now);
        let mut room = [0; 2_048];
        while let Some(transmit) = self.connection.poll_transmit(now, &mut room) {
            self.outbound.push_back((now + self.latency, room[..transmit.len].into()));
        }
        self.events(now);
        let mut arrived = false;
        while self.outbound.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, datagram)) = self.outbound.pop_front() else { break };
            board.arrived.borrow_mut().push_back((self.address, datagram));
            arrived = true;
        }
        arrived
    }

    /// When it is to be asked again.
    pub(crate) fn next(&self) -> Option<Instant> {
        let wire = [&self.inbound, &self.outbound].map(|queue| queue.front().map(|(at, _)| *at));
        wire.into_iter().fold(self.connection.timeout(), Instant::earliest)
    }

    fn events(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::ChannelReadable(id) => {
                    let mut room = [0; 2_048];
                    while let Ok(read) = self.connection.read_channel(now, id, &mut room) {
                        self.messages += u32::from(read.end_of_message);
                        if &room[..read.len] == b"Ping" {
                            self.pings += 1;
                            let _ = self.connection.write_channel(now, id, MessageKind::Text, b"Pong");
                        }
                    }
                }
                Event::FrameReceived(track) => {
                    let mut room = vec![0; 256 << 10];
                    while let Ok(frame) = self.connection.read_frame(now, track, &mut room) {
                        let kind = usize::from(track != self.tracks[0]);
                        let key = kind == 0
                            && room[..frame.len].windows(4).take(64).any(|w| w[..3] == [0, 0, 1] && w[3] & 31 == 5);
                        if key {
                            self.first_key = self.first_key.or(Some(frame.len));
                        }
                        if frame.complete {
                            self.frames[kind].push((now, key));
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
