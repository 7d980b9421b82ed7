//! A streamer, a viewer and the network between them.

use std::time::Duration;

use barertc::config::GccConfig;
use barertc::{ChannelId, Config, Event, Instant, MessageKind, Route, TrackId};
use barertc_impair::{Counts, Link, Profile};

use crate::player::{Player, Shown};
use crate::rendition::Rendition;
use crate::source::{self, BITRATE, Source};
use crate::support::{Arena, Identities, Pair, Side, arena, receiving, recv_tracks, send_tracks};

/// Time that is left to the start, and not counted.
const START: u64 = 5_000;
/// Bytes of a message of bulk data.
const MESSAGE: usize = 4_000;

/// What is tried.
#[derive(Clone, Debug)]
pub struct Trial {
    pub name: &'static str,
    pub profile: Profile,
    pub seconds: u64,
    pub latency: Duration,
    /// Repair packets are agreed on.
    pub repair: bool,
    /// There is a smaller rendition.
    pub renditions: bool,
    /// Datagrams a second that the sender's processor can make.
    pub processor: Option<u64>,
    /// The bounds of the estimate.
    pub bandwidth: GccConfig,
    /// A data channel has always something to send.
    pub bulk: bool,
}

impl Trial {
    pub fn new(name: &'static str, profile: Profile) -> Self {
        let latency = Duration::from_millis(100);
        let bandwidth = GccConfig::default();
        Self {
            name,
            profile,
            seconds: 60,
            latency,
            repair: true,
            renditions: true,
            processor: None,
            bandwidth,
            bulk: false,
        }
    }

    fn config(&self) -> Config {
        let mut config = receiving();
        config.recv_video.packets = 512;
        // As long as a browser waits for a picture that others need.
        config.recv_video.wait = Duration::from_secs(1);
        config.video.latency = self.latency;
        config.bandwidth = self.bandwidth;
        config.video.repair_packets = if self.repair { 5 } else { 0 };
        config.audio.history.age = Duration::from_millis(500);
        config.sctp.send_buffer = 64 << 10;
        config
    }
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub shown: Shown,
    pub expected: u32,
    /// Bytes of repair packets and of what went again, as a part of the media's.
    pub repair: f64,
    pub again: f64,
    /// Mean of the estimate, and what of it repair packets leave, in kbit/s.
    pub estimate: u64,
    pub key_frames: u64,
    /// Most key frames in five seconds beyond those that the source has anyway.
    pub asked_key_frames: u32,
    pub dropped: u64,
    pub link: Counts,
    /// Bits a second of video and of bulk data that came.
    pub video: u64,
    pub bulk: u64,
    /// Delay that was asked for, on average.
    pub asked: Duration,
}

/// Runs it for each seed, prints a line for each.
pub fn run_all(trial: &Trial, seeds: impl IntoIterator<Item = u64>) -> Vec<Outcome> {
    let ids = Identities::new();
    seeds.into_iter().map(|seed| run(&ids, trial, seed)).collect()
}

struct Video {
    id: TrackId,
    source: Source,
    rendition: Rendition,
    started: bool,
    key_wanted: bool,
    key_at: Instant,
    /// When each picture was captured, and whether it went in the large rendition.
    captured: Vec<(Instant, bool)>,
}

/// Runs it once.
pub fn run(ids: &Identities, trial: &Trial, seed: u64) -> Outcome {
    let memory = [arena(0), arena(0)];
    let frames = arena(0);
    let mut pair = Pair::new(ids, [&memory[0], &memory[1]], &trial.config(), seed).expect("memory");
    let [video, audio] = send_tracks(&mut pair.offerer).expect("room");
    let [to_video, _] = recv_tracks(&mut pair.answerer).expect("room");
    if trial.bulk {
        pair.offerer.add_data().expect("room");
        pair.answerer.add_data().expect("room");
    }
    pair.signal().expect("they agree");
    assert!(pair.connect());
    let channel = trial.bulk.then(|| pair.offerer.open("bulk").expect("room"));
    pair.pass(Duration::from_millis(500));
    let mut world = World {
        begin: pair.now,
        now: pair.now,
        down: Link::new(trial.profile.clone(), seed),
        up: Link::new(trial.profile.clone(), seed + 1),
        player: Player::new(pair.now + Duration::from_millis(START)),
        streamer: pair.offerer,
        viewer: pair.answerer,
        frames: &frames,
        video: Video {
            id: video,
            source: Source::new(seed),
            rendition: Rendition::default(),
            started: false,
            key_wanted: false,
            key_at: Instant::ZERO,
            captured: Vec::new(),
        },
        audio,
        to_video,
        sounds: Vec::new(),
        channel,
        bulk: 0,
        budget: 0.0,
    };
    let outcome = world.play(trial);
    print(trial, seed, &outcome);
    outcome
}

struct World<'m> {
    begin: Instant,
    now: Instant,
    down: Link,
    up: Link,
    streamer: Side<'m>,
    viewer: Side<'m>,
    player: Player,
    frames: &'m Arena,
    video: Video,
    audio: TrackId,
    to_video: TrackId,
    sounds: Vec<Instant>,
    channel: Option<ChannelId>,
    bulk: u64,
    /// Datagrams that the processor has time for.
    budget: f64,
}

impl World<'_> {
    fn play(&mut self, trial: &Trial) -> Outcome {
        let (mut estimate, mut asked, mut before, mut bulk_before) = (0, Duration::ZERO, (0, 0, 0), 0);
        let (mut own_keys, mut asked_key_frames) = (Vec::<u64>::new(), 0);
        for millis in 0..START + trial.seconds * 1_000 {
            self.now = self.begin + Duration::from_millis(millis);
            if millis % 20 == 0 {
                let frame = source::sound(self.frames, self.sounds.len() as u32, millis);
                let _ = self.streamer.connection.send_frame(self.now, self.audio, &frame);
                self.sounds.push(self.now);
            }
            if millis * 30 / 1_000 >= self.video.captured.len() as u64 && self.picture(trial, millis) {
                own_keys.push(millis);
                let recent = own_keys.iter().filter(|at| **at + 5_000 > millis).count();
                asked_key_frames = asked_key_frames.max(recent as u32);
            }
            self.budget = trial.processor.map_or(1e9, |rate| (self.budget + rate as f64 / 1_000.0).min(8.0));
            self.exchange(millis);
            self.write_bulk();
            if millis >= START {
                estimate += self.streamer.connection.bandwidth().delay_based;
                asked += self.targets().0;
            }
            if millis == START {
                (before, bulk_before) = (self.sent(), self.bulk);
            }
        }
        self.player.end(self.now);
        self.player.shown.sounds = (trial.seconds * 50) as u32;
        let (media, repair, again) = self.sent();
        let (media, repair, again) = (media - before.0, repair - before.1, again - before.2);
        let stats = *self.streamer.connection.track_stats(self.video.id).and_then(|s| s.outbound).expect("it sends");
        let steps = trial.seconds * 1_000;
        Outcome {
            shown: self.player.shown.clone(),
            expected: (trial.seconds * 30) as u32,
            repair: repair as f64 / media as f64,
            again: again as f64 / media as f64,
            estimate: estimate / steps / 1_000,
            key_frames: stats.key_frames_sent.get(),
            asked_key_frames,
            dropped: stats.frames_dropped.get(),
            link: self.down.counts(),
            video: media * 8 / trial.seconds,
            bulk: (self.bulk - bulk_before) * 8 / trial.seconds,
            asked: asked / steps as u32,
        }
    }

    /// Bytes of media, of repair packets and of what went again.
    fn sent(&self) -> (u64, u64, u64) {
        let stats = self.streamer.connection.track_stats(self.video.id).and_then(|s| s.outbound).expect("it sends");
        let again = stats.retransmitted_bytes_sent.get();
        (stats.bytes_sent.get() - again, stats.fec_bytes_sent.get(), again)
    }

    /// The bounds of the delay that the viewer is asked for.
    fn targets(&self) -> (Duration, Duration) {
        let stats = self.streamer.connection.track_stats(self.video.id).and_then(|s| s.outbound);
        let asked = stats.and_then(|s| s.playout_delay).map_or((0, u16::MAX), |asked| (asked.min, asked.max));
        (Duration::from_millis(u64::from(asked.0) * 10), Duration::from_millis(u64::from(asked.1) * 10))
    }

    /// One picture as the streamer gives it; whether it is a key frame that was asked for.
    fn picture(&mut self, trial: &Trial, millis: u64) -> bool {
        let connection = &mut self.streamer.connection;
        let video = &mut self.video;
        if trial.renditions {
            video.rendition.choose(self.now, BITRATE, connection);
        }
        let wanted = video.key_wanted && self.now >= video.key_at + Duration::from_millis(500);
        if wanted {
            (video.key_wanted, video.key_at) = (false, self.now);
        }
        let picture = video.source.next(wanted);
        let large = picture.frame(self.frames, false, millis);
        let small = picture.frame(self.frames, true, millis);
        if large.is_key() && !video.started {
            video.rendition.begin(self.now, trial.renditions, connection);
        }
        let frame = video.rendition.pick(&large, Some(&small)).expect("both are there");
        let wide = core::ptr::eq(frame, &large);
        video.started |= frame.is_key();
        if video.started && connection.send_frame(self.now, video.id, frame).is_err() {
            video.started = false;
            video.rendition.overrun(self.now, trial.renditions);
        }
        video.captured.push((self.now, wide));
        wanted && picture.key
    }

    fn exchange(&mut self, millis: u64) {
        let (now, time) = (self.now, Duration::from_millis(millis));
        let (here, there) = (self.streamer.address, self.viewer.address);
        while let Some(mut datagram) = self.up.receive(time) {
            let _ = self.streamer.connection.handle(now, Route::udp(here, there), &mut datagram);
        }
        while let Some(mut datagram) = self.down.receive(time) {
            let _ = self.viewer.connection.handle(now, Route::udp(there, here), &mut datagram);
        }
        let mut room = [0; 2_048];
        for side in [&mut self.streamer, &mut self.viewer] {
            side.connection.handle_timeout(now);
            side.fetch(now);
            let (link, sends) = if side.address == here { (&mut self.down, true) } else { (&mut self.up, false) };
            while !sends || self.budget >= 1.0 {
                let Some(transmit) = side.connection.poll_transmit(now, &mut room) else { break };
                link.send(time, room[..transmit.len].to_vec());
                self.budget -= f64::from(u8::from(sends));
            }
            side.fetch(now);
        }
        let events = core::mem::take(&mut self.streamer.events);
        self.video.key_wanted |=
            events.iter().any(|event| matches!(event, Event::KeyFrameWanted(id) if *id == self.video.id));
        self.viewer.events.clear();
        for (_, message) in self.viewer.messages.drain(..) {
            self.bulk += message.len() as u64;
        }
        let (target, bound) = self.targets();
        for (track, frame, bytes) in core::mem::take(&mut self.viewer.frames) {
            if track != self.to_video {
                if let Some(captured) = source::number(&bytes).and_then(|n| self.sounds.get(n)) {
                    self.player.hear(now, *captured, target);
                }
            } else if self.player.take(&frame)
                && let Some((captured, wide)) = source::number(&bytes).and_then(|n| self.video.captured.get(n))
            {
                self.player.show(now, *captured, (target, bound), *wide);
            }
        }
    }

    fn write_bulk(&mut self) {
        let Some(channel) = self.channel else { return };
        while self.streamer.connection.write_channel(self.now, channel, MessageKind::Binary, &[7; MESSAGE]).is_ok() {}
    }
}

fn print(trial: &Trial, seed: u64, o: &Outcome) {
    let s = &o.shown;
    println!(
        "{:<22} {seed} | {:5.1} % shown, {:3.0} % wide | {} freezes, {} ms, {:.1} s | {:3} gaps | FEC {:4.1} %, RTX {:4.1} % | \
         {:3} ms added, {:3} asked | sound {:.2} % concealed, {} ms late | estimate {} kbit/s | lost {}, overflowed {} | \
         {} key frames, {} dropped | video {} bulk {} kbit/s",
        trial.name,
        100.0 * f64::from(s.pictures) / f64::from(o.expected),
        100.0 * f64::from(s.wide) / f64::from(s.pictures.max(1)),
        s.freezes,
        s.longest.as_millis(),
        s.frozen.as_secs_f32(),
        s.gaps,
        100.0 * o.repair,
        100.0 * o.again,
        s.added_delay().as_millis(),
        o.asked.as_millis(),
        100.0 - 100.0 * f64::from(s.in_time) / f64::from(s.sounds),
        s.latest_sound.as_millis(),
        o.estimate,
        o.link.lost,
        o.link.overflowed,
        o.key_frames,
        o.dropped,
        o.video / 1_000,
        o.bulk / 1_000,
    );
}
