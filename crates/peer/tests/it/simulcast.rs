//! A track with several encodings: which are agreed on, which are sent, and what each is told and counted (RFC 8853).
//!
//! The side that receives takes each encoding as a track of its own, whose source is written into its offer: a server knows it
//! by the rid in the packets.

use core::time::Duration;

use barertc::{Config, Encoding, Error, Event, Instant, MediaKind, RecvBounds, Route, TrackConfig, TrackId};
use barertc_impair::{Link, Profile};

use crate::support::{Arena, Identities, Pair, Side, arena, h264, opus, receiving, video};

/// From the largest to the smallest: names, bits a second, and bytes of a picture 25 times a second.
const NAMES: [&str; 3] = ["h", "m", "l"];
const BITRATES: [u32; 3] = [1_600_000, 500_000, 150_000];

fn config() -> Config {
    Config { further_encodings: 2, recv_video: RecvBounds::video(3), ..receiving() }
}

fn encodings() -> [Encoding; 3] {
    [0, 1, 2].map(|n| Encoding::new(NAMES[n], BITRATES[n]).expect("a name"))
}

fn track() -> TrackConfig {
    TrackConfig::sendonly(MediaKind::Video, "video", "stream", [h264()]).expect("short names")
}

/// Has the offer of `side` answered: the other side takes a track for each encoding, and `lines` are what the answer says of
/// encodings. The order of its tracks is that of the encodings.
fn agree(pair: &mut Pair<'_>, id: TrackId, lines: &str) -> [TrackId; 3] {
    let offer = pair.offerer.offer().expect("an offer");
    let begin = offer.find("m=video").expect("one m-line");
    let (head, section) = offer.split_at(begin);
    let of = |line: &str, names: &[&str]| names.iter().any(|name| line.starts_with(&format!("a={name}:")));
    let section: Vec<&str> = section.lines().filter(|line| !of(line, &["rid", "simulcast", "mid", "msid"])).collect();
    let mut split = head.replace("BUNDLE video", "BUNDLE h m l");
    for (n, name) in NAMES.iter().enumerate() {
        let stats = pair.offerer.connection.encoding_stats(id, n).expect("an encoding");
        let (ssrc, rtx) = (stats.ssrc, stats.rtx_ssrc);
        split += &format!("{}\r\na=mid:{name}\r\na=ssrc-group:FID {ssrc} {rtx}\r\n", section.join("\r\n"));
        split += &format!("a=ssrc:{ssrc} cname:c\r\na=ssrc:{rtx} cname:c\r\n");
    }
    let tracks = [(); 3].map(|()| {
        let track = TrackConfig::recvonly(MediaKind::Video, "", [h264()]).expect("short names");
        pair.answerer.connection.add_track(pair.now, track).expect("room")
    });
    let answer = pair.answerer.answer(pair.now, &split).expect("an answer");
    let end = answer.match_indices("m=video").nth(1).expect("three m-lines").0;
    let answer = answer[..end].replace("BUNDLE h m l", "BUNDLE video").replace("a=mid:h", "a=mid:video");
    let ids = "a=extmap:7 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
        a=extmap:8 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n";
    pair.offerer.answered(pair.now, &format!("{answer}{ids}{lines}")).expect("an answer that fits");
    tracks
}

const ALL: &str = "a=rid:h recv\r\na=rid:m recv\r\na=rid:l recv\r\na=simulcast:recv h;m;l\r\n";

fn begun<'m>(ids: &'m Identities, memory: &'m [Arena; 2]) -> (Pair<'m>, TrackId) {
    let mut pair = Pair::new(ids, [&memory[0], &memory[1]], &config(), 1).expect("memory");
    let track = track().with_encodings(encodings()).expect("three of them");
    let id = pair.offerer.connection.add_track(pair.now, track).expect("room");
    (pair, id)
}

/// Both sides, a path of which the bit rate is known, and a camera with three encoders.
struct World<'m> {
    sender: Side<'m>,
    receiver: Side<'m>,
    frames: &'m Arena,
    id: TrackId,
    from: [TrackId; 3],
    begin: Instant,
    millis: u64,
    down: Link,
    up: Link,
    key_wanted: [bool; 3],
    /// What was told of each encoding, with the time in milliseconds.
    changes: Vec<(u64, usize, bool)>,
    /// Milliseconds of the frames that came of each: the first of them after a change has to be a key frame.
    came: [Vec<(u64, bool)>; 3],
}

fn profile(rate: u64) -> Profile {
    Profile {
        rate: Some(rate),
        queue: Duration::from_millis(200),
        delay: Duration::from_millis(20),
        ..Profile::default()
    }
}

impl<'m> World<'m> {
    fn new(pair: Pair<'m>, frames: &'m Arena, id: TrackId, from: [TrackId; 3], rate: u64) -> Self {
        Self {
            begin: pair.now,
            sender: pair.offerer,
            receiver: pair.answerer,
            frames,
            id,
            from,
            millis: 0,
            down: Link::new(profile(rate), 1),
            up: Link::new(profile(10_000_000), 2),
            key_wanted: [false; 3],
            changes: Vec::new(),
            came: [const { Vec::new() }; 3],
        }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 1_000 {
            let now = self.begin + Duration::from_millis(self.millis);
            if self.millis.is_multiple_of(40) {
                self.pictures(now);
            }
            self.exchange(now);
            self.millis += 1;
        }
    }

    fn pictures(&mut self, now: Instant) {
        for (n, bitrate) in BITRATES.into_iter().enumerate() {
            let active = self.sender.connection.encoding_stats(self.id, n).expect("an encoding").active;
            let key = core::mem::take(&mut self.key_wanted[n]) || self.millis == 0;
            // A key frame is three times as large; the average is below what was said.
            let len = bitrate as usize / 8 / 25 * if key { 18 } else { 8 } / 10;
            let frame = video(self.frames, key, len, self.millis as u32).expect("memory");
            let sent = self.sender.connection.send_encoding(now, self.id, n, &frame);
            assert_eq!(sent.is_ok(), active, "{n}: {sent:?}");
        }
    }

    fn exchange(&mut self, now: Instant) {
        let time = Duration::from_millis(self.millis);
        let (here, there) = (self.sender.address, self.receiver.address);
        while let Some(mut datagram) = self.up.receive(time) {
            let _ = self.sender.connection.handle(now, Route::udp(here, there), &mut datagram);
        }
        while let Some(mut datagram) = self.down.receive(time) {
            let _ = self.receiver.connection.handle(now, Route::udp(there, here), &mut datagram);
        }
        let mut room = [0; 2_048];
        for side in [&mut self.sender, &mut self.receiver] {
            side.connection.handle_timeout(now);
            side.fetch(now);
            let link = if side.address == here { &mut self.down } else { &mut self.up };
            while let Some(transmit) = side.connection.poll_transmit(now, &mut room) {
                link.send(time, room[..transmit.len].to_vec());
            }
            side.fetch(now);
        }
        for event in self.sender.events.drain(..) {
            match event {
                Event::EncodingKeyFrameWanted { encoding, .. } => self.key_wanted[encoding] = true,
                Event::EncodingActive { encoding, active, .. } => self.changes.push((self.millis, encoding, active)),
                Event::KeyFrameWanted(_) => panic!("which encoding?"),
                _ => {}
            }
        }
        for (track, frame, _) in self.receiver.frames.drain(..) {
            let n = self.from.iter().position(|from| *from == track).expect("one of the tracks");
            self.came[n].push((self.millis, frame.key));
        }
    }

    fn active(&self) -> [bool; 3] {
        [0, 1, 2].map(|n| self.sender.connection.encoding_stats(self.id, n).expect("an encoding").active)
    }

    /// How many frames of each came since.
    fn came_since(&self, millis: u64) -> [usize; 3] {
        self.came.each_ref().map(|came| came.iter().filter(|(at, _)| *at >= millis).count())
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let [h, m, l] = encodings();
    let more = Encoding::new("x", 1).expect("a name");
    let with = |track: TrackConfig, encodings: &[Encoding]| track.with_encodings(encodings.to_vec()).map(|_| ());
    assert_eq!(with(track(), core::slice::from_ref(&h)), Err(Error::Encodings));
    assert_eq!(with(track(), &[h.clone(), h.clone()]), Err(Error::Encodings));
    assert_eq!(with(track(), &[h.clone(), Encoding { max_bitrate: 0, ..m.clone() }]), Err(Error::Encodings));
    let full = Error::TooMany { what: "encodings of a track", limit: 3 };
    assert_eq!(with(track(), &[h.clone(), m.clone(), l.clone(), more]), Err(full));
    let sound = TrackConfig::sendonly(MediaKind::Audio, "a", "", [opus()]).expect("short names");
    assert_eq!(with(sound, &[h.clone(), m.clone()]), Err(Error::Encodings));
    let deaf = TrackConfig::recvonly(MediaKind::Video, "v", [h264()]).expect("short names");
    assert_eq!(with(deaf, &[h.clone(), m.clone()]), Err(Error::Encodings));
    assert!(matches!(Encoding::new("a b", 1), Err(Error::Sdp(_))));

    let (ids, memory) = (Identities::new(), [arena(0), arena(0)]);
    let (mut pair, id) = begun(&ids, &memory);
    let connection = &mut pair.offerer.connection;
    let another = track().with_encodings([h, l]).expect("two of them");
    let mut another = another;
    another.mid = barertc::Name::try_from("other").expect("a short name");
    let full = Error::TooMany { what: "further_encodings", limit: 2 };
    assert_eq!(connection.add_track(pair.now, another).err(), Some(full));
    let plain = TrackConfig::sendonly(MediaKind::Video, "plain", "", [h264()]).expect("short names");
    let plain = connection.add_track(pair.now, plain).expect("room");
    let frame = video(&memory[0], true, 100, 0).expect("memory");
    assert_eq!(connection.send_frame(pair.now, id, &frame), Err(Error::NoSuchEncoding));
    assert_eq!(connection.send_encoding(pair.now, id, 3, &frame), Err(Error::NoSuchEncoding));
    assert_eq!(connection.send_encoding(pair.now, plain, 0, &frame), Err(Error::NoSuchEncoding));
    assert_eq!(connection.send_encoding(pair.now, id, 0, &frame), Err(Error::NotReady));

    // Each encoding has sources of its own.
    let stats = [0, 1, 2].map(|n| connection.encoding_stats(id, n).expect("an encoding"));
    let mut sources: Vec<u32> = stats.iter().flat_map(|s| [s.ssrc, s.rtx_ssrc]).collect();
    sources.sort_unstable();
    sources.dedup();
    assert_eq!((sources.len(), stats.map(|s| s.rid)), (6, NAMES));
    assert!(connection.encoding_stats(id, 3).is_none() && connection.encoding_stats(plain, 0).is_none());
}

#[test]
fn all_encodings_are_sent_where_the_path_carries_them() {
    let (ids, memory, frames) = (Identities::new(), [arena(0), arena(0)], arena(0));
    let (mut pair, id) = begun(&ids, &memory);
    let from = agree(&mut pair, id, ALL);
    assert!(pair.connect());
    let mut world = World::new(pair, &frames, id, from, 8_000_000);
    world.run(8);
    assert_eq!(world.active(), [true; 3], "{:?}", world.changes);
    // The smallest begins.
    assert_eq!(world.changes[0].1, 2);
    let on: Vec<usize> = world.changes.iter().map(|(_, encoding, _)| *encoding).collect();
    assert_eq!(on, [2, 1, 0], "{:?}", world.changes);
    assert!(world.came_since(6_000).iter().all(|came| *came >= 48), "{:?}", world.came_since(6_000));
    for (n, came) in world.came.iter().enumerate() {
        assert!(came[0].1, "encoding {n} begins with a key frame");
        let stats = world.sender.connection.encoding_stats(id, n).expect("an encoding");
        let outbound = stats.outbound.expect("it sends");
        assert!(outbound.key_frames_sent >= 1 && outbound.frames_sent >= came.len() as u64);
        assert!(stats.remote_inbound.expect("reports").reports_received > 2, "encoding {n}");
    }
    // A receiver of one asks for a key frame of that one.
    let now = world.begin + Duration::from_millis(world.millis);
    world.receiver.connection.request_key_frame(now, from[1]).expect("it receives");
    let keys = |world: &World<'_>| {
        [0, 1, 2].map(|n| {
            let stats = world.sender.connection.encoding_stats(id, n).and_then(|s| s.outbound).expect("it sends");
            (stats.pli_count.get(), stats.key_frames_sent.get())
        })
    };
    let before = keys(&world);
    world.run(1);
    let after = keys(&world);
    assert_eq!((before[0], before[2]), (after[0], after[2]));
    assert_eq!((before[1].0 + 1, before[1].1 + 1), after[1]);
}

#[test]
fn encodings_follow_the_path() {
    let (ids, memory, frames) = (Identities::new(), [arena(0), arena(0)], arena(0));
    let (mut pair, id) = begun(&ids, &memory);
    let from = agree(&mut pair, id, ALL);
    assert!(pair.connect());
    let mut world = World::new(pair, &frames, id, from, 6_000_000);
    world.run(8);
    assert_eq!(world.active(), [true; 3], "{:?}", world.changes);

    // Room for the two smaller ones.
    world.down.set_profile(profile(1_000_000));
    world.run(8);
    let changes = &world.changes;
    assert_eq!(world.active(), [false, true, true], "{changes:?}");
    let off =
        changes.iter().find(|(at, encoding, active)| *at > 8_000 && *encoding == 0 && !active).expect("it is off");
    assert!(off.0 < 10_000, "within two seconds: {changes:?}");
    assert!(changes.iter().filter(|(at, ..)| *at > 8_000).count() <= 4, "few changes: {changes:?}");
    assert!(world.came_since(14_000)[2] >= 45 && world.came_since(14_000)[1] >= 45, "{:?}", world.came_since(14_000));

    // For the smallest only, which stays whatever happens.
    world.down.set_profile(profile(300_000));
    world.run(8);
    assert_eq!(world.active(), [false, false, true], "{:?}", world.changes);
    assert!(world.came_since(22_000)[2] >= 45, "{:?}", world.came_since(22_000));

    // And for all of them again, each beginning with a key frame.
    world.down.set_profile(profile(6_000_000));
    world.run(20);
    assert_eq!(world.active(), [true; 3], "{:?}", world.changes);
    for n in 0..2 {
        let on =
            world.changes.iter().rev().find(|(_, encoding, active)| *encoding == n && *active).expect("it is on").0;
        let first = world.came[n].iter().find(|(at, _)| *at >= on).expect("frames");
        assert!(first.1 && first.0 < on + 300, "{n}: on at {on}, the first frame at {first:?}");
    }
}

#[test]
fn only_what_was_agreed_on_is_sent() {
    for (lines, expected) in [
        // No simulcast: the first encoding, without a rid (RFC 8853 §5.3.3).
        ("", [true, false, false]),
        ("a=rid:h recv\r\na=rid:m recv\r\na=simulcast:recv h;m\r\n", [true, true, false]),
        ("a=rid:h recv max-br=1\r\na=rid:m recv\r\na=rid:l recv\r\na=simulcast:recv h;~m;l\r\n", [false, false, true]),
    ] {
        let (ids, memory, frames) = (Identities::new(), [arena(0), arena(0)], arena(0));
        let (mut pair, id) = begun(&ids, &memory);
        let from = agree(&mut pair, id, lines);
        assert!(pair.connect());
        let mut world = World::new(pair, &frames, id, from, 10_000_000);
        world.run(6);
        assert_eq!(world.active(), expected, "{lines}: {:?}", world.changes);
        let came = world.came_since(4_000).map(|came| came > 40);
        assert_eq!(came, expected, "{lines}");
    }
}

#[test]
fn memory_of_encodings_is_counted_and_given_back() {
    let (ids, memory, frames) = (Identities::new(), [arena(0), arena(0)], arena(0));
    let (mut pair, id) = begun(&ids, &memory);
    let from = agree(&mut pair, id, ALL);
    assert!(pair.connect());
    let mut world = World::new(pair, &frames, id, from, 8_000_000);
    world.run(6);
    assert_eq!(world.active(), [true; 3]);
    let worst = crate::support::Connection::worst_case_bytes(&config());
    let without = crate::support::Connection::worst_case_bytes(&Config { further_encodings: 0, ..config() });
    let peak = memory[0].inner().stats().peak;
    assert!(peak <= worst && worst > without, "{peak} of {worst}, {without} without");
    drop(world);
    assert_eq!([0, 1].map(|n| memory[n].inner().stats().live), [0, 0]);
}
