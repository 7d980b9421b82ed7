//! Two connections that find each other in one memory: what the answerer takes, part by part, when it is made, at its peak and
//! when it is connected, and how deep its stack is. The configurations are those of the profiles of `tests/size`.

use barertc::arena::{Counting, Heap};
use barertc::{
    Allocators, Candidate, ChannelConfig, Config, ConnectionState, Direction, Event, Identity, Instant, LocalCodec,
    MediaKind, MessageKind, PeerConnection, Route, RustCrypto, TrackConfig,
};
use barertc_crypto::selftest::Predictable;
use core::net::SocketAddr;
use core::time::Duration;

use crate::bench::Bench;
use crate::machine::instructions;

#[path = "../../size/src/configs.rs"]
mod configs;

type Memory<'m> = &'m Counting<&'m Heap<'static>>;
type Peer<'m> = PeerConnection<'m, Memory<'m>, RustCrypto>;

/// A profile: its configuration, the direction of its media, and what it may take while it connects and when it is connected.
struct Profile {
    name: &'static str,
    config: Config,
    media: Option<Direction>,
    peak: usize,
    connected: usize,
}

const PROFILES: [Profile; 4] = [
    Profile { name: "channel", config: configs::CHANNEL, media: None, peak: PEAK[0], connected: CONNECTED[0] },
    Profile {
        name: "send",
        config: configs::SEND,
        media: Some(Direction::SendOnly),
        peak: PEAK[1],
        connected: CONNECTED[1],
    },
    Profile {
        name: "receive",
        config: configs::RECEIVE,
        media: Some(Direction::SendRecv),
        peak: PEAK[2],
        connected: CONNECTED[2],
    },
    Profile {
        name: "everything",
        config: configs::EVERYTHING,
        media: Some(Direction::SendRecv),
        peak: PEAK[3],
        connected: CONNECTED[3],
    },
];

/// A little above what each has, in bytes.
const PEAK: [usize; 4] = [42_600, 58_900, 160_800, 563_000];
const CONNECTED: [usize; 4] = [37_300, 56_000, 158_000, 558_000];

/// The parts of a connection that have a handle of their own.
const OWNERS: [&str; 6] = ["connection", "ice", "dtls", "srtp", "sctp", "media"];

/// A counter for each part.
struct Parts<'m>([Counting<&'m Heap<'static>>; 6]);

impl<'m> Parts<'m> {
    fn new(heap: &'m Heap<'static>) -> Self {
        Self([(); 6].map(|()| Counting::new(heap)))
    }

    fn handles(&'m self) -> Allocators<Memory<'m>> {
        let [connection, ice, dtls, srtp, sctp, media] = &self.0;
        Allocators { ice, dtls, srtp, sctp, media, connection }
    }

    fn live(&self) -> [usize; 6] {
        self.0.each_ref().map(|part| part.stats().live)
    }

    fn peak(&self) -> [usize; 6] {
        self.0.each_ref().map(|part| part.stats().peak)
    }
}

pub fn run(bench: &mut Bench) {
    let mut rng = Predictable::new(1);
    let ids = [(); 2].map(|()| Identity::generate(&RustCrypto, &mut rng));
    critical_path(bench, &ids);
    for profile in &PROFILES {
        bench.figure(profile.name, Peer::worst_case_bytes(&profile.config), "bytes at the most");
        bench.figure(profile.name, size_of::<Peer<'_>>(), "bytes of the value");
        let (ours, theirs) = (Parts::new(bench.psram), Parts::new(bench.psram));
        let (mut made, mut live, mut most) = ([0; 6], [0; 6], 0);
        let mut result = Err("not run");
        bench.measure(profile.name, || {
            result = session(profile, &ids, [&ours, &theirs], &mut made, &mut live, &mut most);
        });
        bench.test(profile.name, || result);
        let rows = OWNERS.into_iter().zip(made).zip(ours.peak()).zip(live);
        for (((owner, made), peak), live) in rows {
            crate::machine::say!("figure\tpeer\t{}: {owner}\t{made} / {peak} / {live}\tbytes", profile.name);
        }
        let (made, live): (usize, usize) = (made.iter().sum(), live.iter().sum());
        crate::machine::say!("figure\tpeer\t{}: all\t{made} / {most} / {live}\tbytes", profile.name);
        bench.test(profile.name, || match most <= profile.peak && live <= profile.connected {
            true => Ok(()),
            false => Err((most, profile.peak, live, profile.connected)),
        });
    }
}

/// What lies between the offer and an open channel in the device's own instructions, in either role, and how much of it goes
/// away when the key pair is made in advance. Nothing is lost and nothing takes time on the way.
fn critical_path(bench: &mut Bench, ids: &[Identity; 2]) {
    const ROLES: [(bool, [&str; 2]); 2] = [
        (false, ["offer to open, as the answerer", "the same, prepared"]),
        (true, ["offer to open, as the offerer", "the same, prepared"]),
    ];
    for (offers, names) in ROLES {
        let mut costs = [0; 2];
        for (is_prepared, name, cost) in [(false, names[0], 0), (true, names[1], 1)] {
            let parts = [Parts::new(bench.psram), Parts::new(bench.psram)];
            let result = to_open(ids, [&parts[0], &parts[1]], offers, is_prepared);
            bench.figure(name, result.unwrap_or(0) as usize, "instructions");
            bench.test(name, || result.map(drop));
            costs[cost] = result.unwrap_or(0);
        }
        // A multiplication on X25519.
        let saved = costs[0].saturating_sub(costs[1]);
        bench.test(names[1], || if saved > 1_000_000 { Ok(()) } else { Err(costs) });
    }
}

/// Instructions of the device from the moment that the offer is there, or has left, until its channel is open.
fn to_open<'m>(
    ids: &'m [Identity; 2],
    parts: [&'m Parts<'m>; 2],
    offers: bool,
    is_prepared: bool,
) -> Result<u64, &'static str> {
    let mut now = Instant::from_millis(1_000);
    let mut rng = Predictable::new(9);
    let config = Config { snap: true, sped: true, ..configs::CHANNEL };
    let mut make = |n: usize| {
        let peer = PeerConnection::new(config.clone(), &ids[n], parts[n].handles(), &RustCrypto, &mut rng);
        let mut peer: Peer<'m> = peer.map_err(wanted("no memory"))?;
        let address = SocketAddr::from(([10, 0, 0, n as u8 + 1], 4_000));
        peer.add_local_candidate(now, Candidate::host(address)).map_err(wanted("no candidate"))?;
        let agreed = ChannelConfig { label: "agreed", negotiated: Some(4), ..ChannelConfig::default() };
        peer.open_channel(now, &agreed).map_err(wanted("no channel"))?;
        Ok(peer)
    };
    let (mut ours, mut theirs) = (make(0)?, make(1)?);
    let (mut offer, mut answer) = ([0; 4_096], [0; 4_096]);
    let mut cost = 0;
    if offers {
        let offer = ours.create_offer(now, &mut offer).map_err(wanted("no offer"))?;
        if is_prepared {
            ours.prepare().map_err(wanted("no memory"))?;
        }
        let answer = theirs.create_answer(now, offer, &mut answer).map_err(wanted("no answer"))?;
        counted(&mut cost, || ours.set_answer(now, answer)).map_err(wanted("answer refused"))?;
    } else {
        if is_prepared {
            ours.prepare().map_err(wanted("no memory"))?;
        }
        let offer = theirs.create_offer(now, &mut offer).map_err(wanted("no offer"))?;
        let answer = counted(&mut cost, || ours.create_answer(now, offer, &mut answer)).map_err(wanted("no answer"))?;
        theirs.set_answer(now, answer).map_err(wanted("answer refused"))?;
    }
    let mut datagram = [0; 1_500];
    for _ in 0..100 {
        while let Some(sent) = counted(&mut cost, || ours.poll_transmit(now, &mut datagram)) {
            let _ = theirs.handle(now, Route::udp(sent.route.remote, sent.route.local), &mut datagram[..sent.len]);
        }
        while let Some(sent) = theirs.poll_transmit(now, &mut datagram) {
            let route = Route::udp(sent.route.remote, sent.route.local);
            let _ = counted(&mut cost, || ours.handle(now, route, &mut datagram[..sent.len]));
        }
        theirs.handle_timeout(now);
        counted(&mut cost, || ours.handle_timeout(now));
        while let Some(event) = counted(&mut cost, || ours.poll_event()) {
            if matches!(event, Event::ChannelOpen(_)) {
                return Ok(cost);
            }
        }
        now += Duration::from_millis(10);
    }
    Err("they do not find each other")
}

/// Adds the instructions of a call.
fn counted<T>(cost: &mut u64, call: impl FnOnce() -> T) -> T {
    let start = instructions();
    let result = call();
    *cost += instructions() - start;
    result
}

fn wanted(text: &'static str) -> impl Fn(barertc::Error) -> &'static str {
    move |_| text
}

/// Makes the tracks and channels of a profile.
fn begin<'m>(peer: &mut Peer<'m>, media: Option<Direction>, now: Instant) -> Result<(), barertc::Error> {
    peer.add_data(now)?;
    let Some(direction) = media else { return Ok(()) };
    for (kind, mid, codec) in
        [(MediaKind::Video, "video", LocalCodec::h264()), (MediaKind::Audio, "audio", LocalCodec::opus())]
    {
        let mut track = TrackConfig::sendonly(kind, mid, "stream", [codec])?;
        track.direction = direction;
        peer.add_track(now, track)?;
    }
    Ok(())
}

/// From nothing to a message that came back. `most` is the most that the parts of ours had together.
fn session<'m>(
    profile: &Profile,
    ids: &'m [Identity; 2],
    parts: [&'m Parts<'m>; 2],
    made: &mut [usize; 6],
    live: &mut [usize; 6],
    most: &mut usize,
) -> Result<(), &'static str> {
    let mut now = Instant::from_millis(1_000);
    let addresses = [1, 2].map(|n| SocketAddr::from(([10, 0, 0, n], 4_000)));
    let mut rng = Predictable::new(7);
    let mut make = |n: usize| {
        let config =
            if n == 0 || profile.media != Some(Direction::SendOnly) { &profile.config } else { &configs::RECEIVE };
        let peer = PeerConnection::new(config.clone(), &ids[n], parts[n].handles(), &RustCrypto, &mut rng);
        let mut peer: Peer<'m> = peer.map_err(wanted("no memory"))?;
        peer.add_local_candidate(now, Candidate::host(addresses[n])).map_err(wanted("no candidate"))?;
        Ok(peer)
    };
    let (mut ours, mut theirs) = (make(0)?, make(1)?);
    *made = parts[0].live();
    let mirrored = profile.media.map(|d| if d == Direction::SendOnly { Direction::RecvOnly } else { d });
    begin(&mut ours, profile.media, now).map_err(wanted("no track"))?;
    begin(&mut theirs, mirrored, now).map_err(wanted("no track"))?;
    let chat = theirs.open_channel(now, &ChannelConfig { label: "chat", ..ChannelConfig::default() });
    let chat = chat.map_err(wanted("no channel"))?;
    let (mut offer, mut answer) = ([0; 4_096], [0; 4_096]);
    let offer = theirs.create_offer(now, &mut offer).map_err(wanted("no offer"))?;
    let answer = ours.create_answer(now, offer, &mut answer).map_err(wanted("no answer"))?;
    theirs.set_answer(now, answer).map_err(wanted("answer refused"))?;

    let mut peers = [ours, theirs];
    let mut datagram = [0; 1_500];
    let mut heard = false;
    let end = now + Duration::from_secs(20);
    while !heard || now < Instant::from_millis(7_000) {
        for from in 0..2 {
            while let Some(sent) = peers[from].poll_transmit(now, &mut datagram) {
                let route = Route::udp(sent.route.remote, sent.route.local);
                let _ = peers[1 - from].handle(now, route, &mut datagram[..sent.len]);
                *most = (*most).max(parts[0].live().iter().sum());
            }
            peers[from].handle_timeout(now);
            while let Some(event) = peers[from].poll_event() {
                match event {
                    Event::ChannelOpen(id) if from == 1 && id == chat => {
                        peers[1].write_channel(now, id, MessageKind::Text, b"Hello").map_err(wanted("no room"))?;
                    }
                    Event::ChannelReadable(id) => {
                        let mut room = [0; 16];
                        let read = peers[from].read_channel(now, id, &mut room).map_err(wanted("nothing to read"))?;
                        heard |= from == 1;
                        if from == 0 {
                            let echo = peers[0].write_channel(now, id, read.kind, &room[..read.len]);
                            echo.map_err(wanted("no room"))?;
                        }
                    }
                    _ => {}
                }
            }
            *most = (*most).max(parts[0].live().iter().sum());
        }
        now += Duration::from_millis(20);
        if now > end {
            return Err("they do not find each other");
        }
    }
    if peers.iter().any(|peer| peer.connection_state() != ConnectionState::Connected) {
        return Err("a connection has ended");
    }
    *live = parts[0].live();
    Ok(())
}
