//! This project.

use std::net::SocketAddr;
use std::time::Duration;

use barertc::config::SctpConfig;
use barertc::{
    Candidate, ChannelConfig, ChannelId, Codec, Config, Congestion, Event, Feedback, Frame, FrameInfo, Framing, H264,
    Identity, Instant, LocalCodec, MediaKind, MessageKind, PayloadFormat, PeerConnection, Provider, RecvBounds, Route,
    Shared, TrackConfig, TrackId,
};
use barertc_arena::Global;
use barertc_crypto::rand_core::UnwrapErr;
use barertc_crypto_host::SystemRandom;

use crate::clock::Clock;
use crate::{BUFFER, Datagrams, Pair, Shape, access_unit, is_media};

type Connection<'i, P> = PeerConnection<'i, Global, P>;

pub struct Ours<'i, P: Provider> {
    ends: [Connection<'i, P>; 2],
    track: Option<[TrackId; 2]>,
    channel: ChannelId,
    /// Where video is sent.
    unit: Option<Shared<[u8], Global>>,
    clock: Clock,
    /// What waits to be handed to the second end, and to the first.
    wire: [Datagrams; 2],
    room: Vec<u8>,
    read: (usize, usize),
    frames: usize,
}

fn address(end: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + end as u8], 5_000))
}

fn h264() -> LocalCodec {
    LocalCodec {
        codec: Codec::H264(H264::CONSTRAINED_BASELINE),
        pt: 102,
        rtx: Some(103),
        feedback: Feedback::ALL,
        red: None,
        flexfec: None,
    }
}

fn config(shape: Shape, congestion: Congestion) -> Config {
    let mut config = Config::default();
    match shape {
        // As it is by default: 16 KB each way.
        Shape::Channel => {}
        Shape::Bulk => {
            config.sctp = SctpConfig::with_buffers(BUFFER as u32, BUFFER as u32);
            config.sctp.mtu = u16::MAX;
            config.max_message_size = BUFFER as u32;
        }
        Shape::Video => {
            config.recv_video = RecvBounds::video(1);
            // The pacer is not what is measured.
            config.bandwidth.max = 1_000_000_000;
            config.bandwidth.start = 1_000_000_000;
        }
    }
    config.sctp.congestion = congestion;
    config
}

impl<'i, P: Provider> Ours<'i, P> {
    pub fn connect(identities: &'i [Identity; 2], crypto: &'i P, shape: Shape, congestion: Congestion) -> Self {
        let clock = Clock::new();
        let now = Instant::ZERO;
        let mut rng = UnwrapErr(SystemRandom);
        let mut ends = [0, 1].map(|end| {
            let config = config(shape, congestion);
            let mut one = PeerConnection::new(config, &identities[end], Global, crypto, &mut rng).unwrap();
            one.add_local_candidate(now, Candidate::host(address(end))).unwrap();
            one
        });
        let track = (shape == Shape::Video).then(|| {
            let sends = TrackConfig::sendonly(MediaKind::Video, "video", "stream", [h264()]).unwrap();
            let takes = TrackConfig::recvonly(MediaKind::Video, "v", [h264()]).unwrap();
            [ends[0].add_track(now, sends).unwrap(), ends[1].add_track(now, takes).unwrap()]
        });
        let label = ChannelConfig { label: "bench", ..ChannelConfig::default() };
        let channel = ends[0].open_channel(now, &label).unwrap();
        ends[1].add_data(now).unwrap();
        let mut room = [[0; 8_192], [0; 8_192]];
        let [offered, answered] = &mut room;
        let offer = ends[0].create_offer(now, offered).unwrap();
        let answer = ends[1].create_answer(now, offer, answered).unwrap();
        ends[0].set_answer(now, answer).unwrap();
        let mut this = Self {
            ends,
            track,
            channel,
            unit: track.map(|_| Shared::<[u8], _>::try_from_slice(access_unit(), Global).unwrap()),
            clock,
            wire: [Datagrams::default(), Datagrams::default()],
            // What lives in the connection is measured, and not this.
            room: if shape == Shape::Channel { Vec::new() } else { vec![0; 1 << 17] },
            read: (0, 0),
            frames: 0,
        };
        let mut open = [false; 2];
        while open != [true; 2] {
            assert!(this.clock.elapsed() < Duration::from_secs(20), "barertc does not connect");
            let moved = this.carry();
            for (end, open) in this.ends.iter_mut().zip(&mut open) {
                while let Some(event) = end.poll_event() {
                    *open |= matches!(event, Event::ChannelOpen(_));
                }
            }
            if !moved && open != [true; 2] {
                this.wait();
            }
        }
        this
    }

    fn now(&self) -> Instant {
        Instant::from_micros(self.clock.elapsed().as_micros() as u64)
    }

    /// Takes what one end has to send.
    fn poll(&mut self, end: usize, now: Instant) -> (usize, usize) {
        let mut media = (0, 0);
        let mut out = [0; 1_500];
        while let Some(transmit) = self.ends[end].poll_transmit(now, &mut out) {
            let datagram = &out[..transmit.len];
            if is_media(datagram) {
                media = (media.0 + 1, media.1 + datagram.len());
            }
            self.wire[end].push(datagram);
        }
        media
    }

    /// Hands what one end has sent to the other.
    fn deliver(&mut self, from: usize, now: Instant) -> bool {
        let route = Route::udp(address(1 - from), address(from));
        let to = &mut self.ends[1 - from];
        self.wire[from].drain(|datagram| to.handle(now, route, datagram).unwrap())
    }

    fn tick(&mut self, now: Instant) {
        for end in &mut self.ends {
            if end.timeout().is_some_and(|due| due <= now) {
                end.handle_timeout(now);
            }
        }
    }

    fn events(&mut self) {
        let now = self.now();
        while self.ends[0].poll_event().is_some() {}
        while let Some(event) = self.ends[1].poll_event() {
            match event {
                Event::ChannelReadable(id) => {
                    while let Ok(read) = self.ends[1].read_channel(now, id, &mut self.room) {
                        self.read = (self.read.0 + read.len, self.read.1 + usize::from(read.end_of_message));
                    }
                }
                Event::FrameReceived(id) => {
                    while let Ok(frame) = self.ends[1].read_frame(now, id, &mut self.room) {
                        assert!(frame.complete);
                        self.frames += 1;
                    }
                }
                _ => {}
            }
        }
    }
}

impl<P: Provider> Pair for Ours<'_, P> {
    fn send_frame(&mut self) -> (usize, usize) {
        let (Some([track, _]), Some(unit)) = (self.track, self.unit.clone()) else { return (0, 0) };
        let now = self.now();
        let info = FrameInfo { timestamp: (now.as_micros() / 100 * 9) as u32, ..FrameInfo::default() };
        let bytes = unit.len();
        let frame = Frame::new(unit, PayloadFormat::H264, Framing::AnnexB, info, Global).unwrap();
        self.ends[0].send_frame(now, track, &frame).unwrap();
        let mut sent = self.poll(0, now);
        // What the pacer holds back.
        while sent.1 < bytes {
            self.clock.skip(Duration::from_micros(100));
            let now = self.now();
            self.tick(now);
            let more = self.poll(0, now);
            sent = (sent.0 + more.0, sent.1 + more.1);
        }
        sent
    }

    fn receive_frame(&mut self) -> usize {
        let now = self.now();
        self.deliver(0, now);
        self.events();
        std::mem::take(&mut self.frames)
    }

    fn between(&mut self) {
        self.clock.skip(Duration::from_millis(33));
        let now = self.now();
        self.tick(now);
        while self.carry() {}
        self.events();
    }

    fn send(&mut self, message: &[u8]) -> bool {
        let now = self.now();
        self.ends[0].write_channel(now, self.channel, MessageKind::Binary, message).is_ok()
    }

    fn carry(&mut self) -> bool {
        let mut moved = false;
        for from in [0, 1] {
            let now = self.now();
            self.poll(from, now);
            moved |= self.deliver(from, now);
        }
        moved
    }

    fn read(&mut self) -> (usize, usize) {
        self.events();
        std::mem::take(&mut self.read)
    }

    fn wait(&mut self) {
        let due = self.ends.iter().filter_map(|end| end.timeout()).min();
        if let Some(due) = due {
            self.clock.skip_to(Duration::from_micros(due.as_micros()));
        }
        let now = self.now();
        self.tick(now);
    }
}
