//! Two boards that talk: microphone, G.711, a connection over a network that delays, reorders and loses, loudspeaker.

use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::println;
use std::vec;
use std::vec::Vec;

use barertc::{
    Candidate, Config, Frame, FrameInfo, Framing, Identity, LocalCodec, MediaKind, PayloadFormat, PeerConnection,
    RecvBounds, Route, RustCrypto, TrackConfig, TrackId,
};
use barertc_arena::Global;
use barertc_crypto::selftest::Predictable;
use barertc_media::pack::block_on;
use barertc_media::{G711, Intercom, Microphone, Speaker};
use barertc_wire::Instant;

const BLOCK: Duration = Duration::from_millis(20);
const LATENCY: u64 = 10;

/// A voice: noise of a seed, which is like no other part of itself.
struct Voice {
    state: u32,
    said: Vec<i16>,
}

impl Microphone for Voice {
    type Error = Infallible;

    fn sample_rate(&self) -> u32 {
        8_000
    }

    async fn record(&mut self, block: &mut [i16]) -> Result<(), Infallible> {
        for sample in block {
            self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = ((self.state >> 16) as i16) / 4;
            self.said.push(*sample);
        }
        Ok(())
    }
}

#[derive(Default)]
struct Ear(Vec<i16>);

impl Speaker for Ear {
    type Error = Infallible;

    fn sample_rate(&self) -> u32 {
        8_000
    }

    async fn play(&mut self, block: &[i16]) -> Result<(), Infallible> {
        self.0.extend_from_slice(block);
        Ok(())
    }
}

/// One board.
struct Board<'i> {
    connection: PeerConnection<'i, Global, RustCrypto>,
    track: TrackId,
    address: SocketAddr,
    intercom: Intercom<G711, Global>,
    voice: Voice,
    ear: Ear,
    timestamp: u32,
}

impl<'i> Board<'i> {
    fn new(number: u8, law: G711, identity: &'i Identity, now: Instant) -> Self {
        let config = Config { recv_audio: RecvBounds::audio(1), ..Config::new() };
        let mut rng = Predictable::new(number.into());
        let mut connection = PeerConnection::new(config, identity, Global, &RustCrypto, &mut rng).unwrap();
        let address = SocketAddr::from(([10, 0, 0, number], 4_000));
        connection.add_local_candidate(now, Candidate::host(address)).unwrap();
        let codec = if law == G711::MuLaw { LocalCodec::pcmu() } else { LocalCodec::pcma() };
        let config = TrackConfig::sendrecv(MediaKind::Audio, "0", "intercom", [codec]).unwrap();
        let track = connection.add_track(now, config).unwrap();
        let voice = Voice { state: number.into(), said: Vec::new() };
        let intercom = Intercom::new(law, Global).unwrap();
        Self { connection, track, address, intercom, voice, ear: Ear::default(), timestamp: 0 }
    }

    /// A block each way.
    fn tick(&mut self, now: Instant) {
        let mut packet = [0; 160];
        let (len, _) = block_on(self.intercom.talk(&mut self.voice, &mut packet)).unwrap().expect("it fits");
        let info = FrameInfo { timestamp: self.timestamp, ..FrameInfo::default() };
        let frame = Frame::from_slice(&packet[..len], PayloadFormat::G711, Framing::Whole, info, Global).unwrap();
        self.connection.send_frame(now, self.track, &frame).unwrap();
        self.timestamp = self.timestamp.wrapping_add(self.intercom.block() as u32);
        block_on(self.intercom.listen(&mut self.ear)).unwrap();
    }

    fn receive(&mut self, now: Instant) {
        let mut room = [0; 1_024];
        while let Ok(frame) = self.connection.read_frame(now, self.track, &mut room) {
            self.intercom.receive(frame.timestamp, &room[..frame.len]);
        }
    }
}

/// Two boards talk for ten seconds; of every `lose` packets of sound one is lost.
fn call(law: G711, lose: u64) -> [Board<'static>; 2] {
    let now = Instant::from_millis(1_000);
    let identities: &'static [Identity; 2] = std::boxed::Box::leak(std::boxed::Box::new(
        [1, 2].map(|seed| Identity::generate(&RustCrypto, &mut Predictable::new(seed))),
    ));
    let mut boards = [Board::new(1, law, &identities[0], now), Board::new(2, law, &identities[1], now)];
    let (mut offer, mut answer) = (vec![0; 4_096], vec![0; 4_096]);
    let offer = boards[0].connection.create_offer(now, &mut offer).unwrap();
    assert!(
        offer.contains(if law == G711::MuLaw { "UDP/TLS/RTP/SAVPF 0\r\n" } else { "UDP/TLS/RTP/SAVPF 8\r\n" }),
        "{offer}"
    );
    let answer = boards[1].connection.create_answer(now, offer, &mut answer).unwrap();
    boards[0].connection.set_answer(now, answer).unwrap();

    let mut wire: BTreeMap<(Instant, u64), (usize, Vec<u8>)> = BTreeMap::new();
    let (mut now, mut number, mut media) = (now, 0_u64, 0_u64);
    let (mut next, mut blocks) = (None, 0);
    while blocks < 500 {
        while wire.first_key_value().is_some_and(|((at, _), _)| *at <= now) {
            let Some((_, (to, mut datagram))) = wire.pop_first() else { break };
            let route = Route::udp(boards[to].address, boards[1 - to].address);
            let _ = boards[to].connection.handle(now, route, &mut datagram);
        }
        for (from, board) in boards.iter_mut().enumerate() {
            board.connection.handle_timeout(now);
            while board.connection.poll_event().is_some() {}
            board.receive(now);
            let mut room = [0; 1_500];
            while let Some(transmit) = board.connection.poll_transmit(now, &mut room) {
                number += 1;
                // RTP of a packet of sound: RFC 7983 §7, and longer than any report.
                let is_media = (128..192).contains(&room[0]) && transmit.len > 160;
                media += u64::from(is_media);
                // Up to 6 ms late, so that some overtake others.
                let at = now + Duration::from_millis(LATENCY + number * 7 % 7);
                if !(is_media && lose > 0 && media.is_multiple_of(lose)) {
                    wire.insert((at, number), (1 - from, room[..transmit.len].into()));
                }
            }
        }
        let up = boards.iter().all(|board| board.connection.is_sending(board.track));
        if up && now >= *next.get_or_insert(now) {
            boards.iter_mut().for_each(|board| board.tick(now));
            next = Some(now + BLOCK);
            blocks += 1;
        }
        now += Duration::from_millis(1);
        assert!(now < Instant::from_millis(60_000), "they are connected");
    }
    boards
}

/// How like `said` what was heard is in each second, later by as many samples as it is most alike. Where a packet is lost
/// the listener waits for it, and what follows is heard later from then on.
fn likeness(said: &[i16], heard: &[i16]) -> Vec<(usize, f64)> {
    let second = |from: usize, lag: usize| {
        let pairs = said[from..].iter().zip(&heard[from + lag..]).take(8_000);
        let (mut product, mut one, mut two) = (0.0, 0.0, 0.0);
        for (a, b) in pairs {
            let (a, b) = (f64::from(*a), f64::from(*b));
            product += a * b;
            one += a * a;
            two += b * b;
        }
        product / f64::sqrt(one * two).max(1.0)
    };
    let best = |from| (0..2_400).map(|lag| (lag, second(from, lag))).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    (1..9).map(|n| best(n * 8_000)).collect()
}

#[test]
fn two_boards_hear_each_other_in_time() {
    // Every so many packets one is lost; how like the usual second is, and how late the latest one, in ms.
    for (law, lose, like, latest) in [
        (G711::MuLaw, 0, 0.99, 120),
        (G711::ALaw, 0, 0.99, 120),
        (G711::MuLaw, 100, 0.9, 260),
        (G711::ALaw, 20, 0.5, 260),
    ] {
        let [one, two] = call(law, lose);
        for (speaker, listener) in [(&one, &two), (&two, &one)] {
            let mut seconds = likeness(&speaker.voice.said, &listener.ear.0);
            // A block is spoken before it is sent.
            let delay = |lag: usize| (BLOCK + Duration::from_micros(lag as u64 * 125)).as_millis();
            let late = seconds.iter().map(|(lag, _)| delay(*lag)).max().unwrap();
            seconds.sort_by(|a, b| a.1.total_cmp(&b.1));
            let usual = seconds[seconds.len() / 2].1;
            let stats = listener.intercom.playout().stats();
            println!("{law:?}, one of {lose} lost: like {usual:.4}, mouth to ear {late} ms at most, {stats:?}");
            assert!(usual >= like, "{law:?}, one of {lose} lost: {usual}, {seconds:?}");
            assert!(late <= latest, "{law:?}, one of {lose} lost: {late} ms, {seconds:?}");
            assert_eq!(listener.intercom.broken(), 0);
        }
        assert!((8..=20).contains(&one.intercom.heard()), "level {}", one.intercom.heard());
    }
}
