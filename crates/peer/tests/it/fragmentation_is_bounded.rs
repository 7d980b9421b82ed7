//! Connections come and go at random in one region that is a tenth larger than what they may take together: no allocation
//! ever fails, whatever the region has been cut into before.

use core::mem::MaybeUninit;

use barertc::config::SctpConfig;
use barertc::{
    Candidate, ChannelConfig, Config, ConnectionState, Direction, Error, Event, Instant, LocalCodec, MediaKind,
    MessageKind, PeerConnection, Route, RustCrypto, TrackConfig,
};
use barertc_arena::Heap;
use barertc_crypto::rand_core::Rng;
use barertc_crypto::selftest::Predictable;

use crate::support::Identities;

/// Connections that are made.
const CONNECTS: u32 = 1_000;
/// Connections at the same time.
const PLACES: usize = 4;

type Peer<'m> = PeerConnection<'m, &'m Heap<'m>, RustCrypto>;

/// A connection in the region, its peer elsewhere, and the time of both.
struct Session<'m> {
    ours: Peer<'m>,
    theirs: Peer<'m>,
    now: Instant,
}

/// One video and a data channel: tables and blocks of many sizes, and most of the bound is reached.
fn config() -> Config {
    let mut config = Config { max_tracks: 1, sent_packets: 128, ..Config::default() };
    config.ice.max_relays = 0;
    config.sctp = SctpConfig::small();
    config.sctp.mtu = u16::MAX;
    config
}

impl<'m> Session<'m> {
    fn new(
        ids: &'m Identities,
        region: &'m Heap<'m>,
        elsewhere: &'m Heap<'m>,
        rng: &mut Predictable,
    ) -> Result<Self, Error> {
        let now = Instant::from_millis(1_000);
        let mut ours = PeerConnection::new(config(), &ids.0[0], region, &RustCrypto, rng)?;
        let mut theirs = PeerConnection::new(config(), &ids.0[1], elsewhere, &RustCrypto, rng)?;
        for (peer, host) in [(&mut ours, 1), (&mut theirs, 2)] {
            peer.add_local_candidate(now, Candidate::host(([10, 0, 0, host], 4_000).into()))?;
        }
        let mut video = TrackConfig::sendonly(MediaKind::Video, "video", "stream", [LocalCodec::h264()])?;
        ours.add_track(now, video.clone())?;
        video.direction = Direction::RecvOnly;
        theirs.add_track(now, video)?;
        ours.open_channel(now, &ChannelConfig { label: "chat", ..ChannelConfig::default() })?;
        theirs.add_data(now)?;
        let (mut offer, mut answer) = ([0; 4_096], [0; 4_096]);
        let offer = ours.create_offer(now, &mut offer)?;
        let answer = theirs.create_answer(now, offer, &mut answer)?;
        ours.set_answer(now, answer)?;
        Ok(Self { ours, theirs, now })
    }

    /// Lets so many milliseconds pass; a channel that opens is written to.
    fn pass(&mut self, millis: u32) {
        let mut datagram = [0; 1_500];
        for _ in 0..millis.div_ceil(10) {
            self.now += core::time::Duration::from_millis(10);
            let now = self.now;
            for turn in [false, true] {
                let (from, to) =
                    if turn { (&mut self.theirs, &mut self.ours) } else { (&mut self.ours, &mut self.theirs) };
                from.handle_timeout(now);
                while let Some(event) = from.poll_event() {
                    if let Event::ChannelOpen(id) = event {
                        let _ = from.write_channel(now, id, MessageKind::Binary, &[0x33; 2_000]);
                    }
                }
                while let Some(sent) = from.poll_transmit(now, &mut datagram) {
                    let route = Route::udp(sent.route.remote, sent.route.local);
                    let _ = to.handle(now, route, &mut datagram[..sent.len]);
                }
            }
        }
    }
}

#[test]
fn a_thousand_connections_fit_a_region_of_their_bound_and_a_tenth() {
    let bound = PLACES * Peer::worst_case_bytes(&config());
    let mut memory = vec![MaybeUninit::uninit(); bound + bound / 10];
    let mut more = vec![MaybeUninit::uninit(); 2 * bound];
    let (region, elsewhere): (Heap, Heap) =
        (Heap::new(&mut memory).expect("large"), Heap::new(&mut more).expect("large"));
    let ids = Identities::new();
    let mut rng = Predictable::new(1);
    let mut places: [Option<Session>; PLACES] = [const { None }; PLACES];
    let (mut made, mut connected, mut peak) = (0, 0, 0);
    while made < CONNECTS {
        let chance = rng.next_u32();
        let place = &mut places[chance as usize % PLACES];
        match place {
            None => {
                *place = Some(Session::new(&ids, &region, &elsewhere, &mut rng).expect("memory for what was promised"));
                made += 1;
            }
            // From the middle of the checks to a second after the data.
            Some(session) if chance & 0x100 == 0 => session.pass(chance >> 9 & 0xff),
            Some(session) => {
                connected += u32::from(session.ours.connection_state() == ConnectionState::Connected);
                *place = None;
            }
        }
        peak = peak.max(region.stats().live);
    }
    let stats = region.stats();
    println!(
        "figure: {made} connections, {connected} of them up, at most {peak} of {bound} bytes, {} allocations",
        stats.allocations
    );
    assert_eq!(stats.failures, 0, "{stats:?}");
    assert!(connected > CONNECTS / 10, "{connected} of {made} were connected");
    assert!(peak > bound * 3 / 5, "{peak} of {bound}: the region was never full");
    drop(places);
    assert_eq!(region.stats().live, 0);
}
