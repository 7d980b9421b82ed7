//! Every call that a connection has.
#![no_std]
#![no_main]

use core::mem::MaybeUninit;

use barertc::arena::Heap;
use barertc::{Direction, Event, Protocol, TurnServer};
use barertc_size_profiles::configs::EVERYTHING;
use barertc_size_profiles::media::Tracks;
use barertc_size_profiles::{Echo, ORDERS, Peer, Profile, SIGNALING, asked, give, now, region, run, take};
use static_cell::ConstStaticCell;

struct Everything(Tracks);

impl Profile for Everything {
    fn begin(peer: &mut Peer<'_>) -> Option<Self> {
        peer.add_data(now()).ok()?;
        let addr = ([10, 0, 0, 2], 3_478).into();
        let (username, password) = ("device", "secret");
        peer.add_stun_server(now(), addr).ok()?;
        peer.add_turn_server(now(), &TurnServer { addr, protocol: Protocol::Udp, username, password, ipv6: false })
            .ok()?;
        Tracks::add(peer, Direction::SendRecv).map(Self)
    }

    fn agree(&mut self, peer: &mut Peer<'_>, text: &mut [u8; 4_096]) -> Option<()> {
        let mut theirs = [0; 4_096];
        if asked(ORDERS) {
            let offer = core::str::from_utf8(take(SIGNALING, &mut theirs)).ok()?;
            give(SIGNALING, peer.create_answer(now(), offer, text).ok()?.as_bytes());
        } else {
            give(SIGNALING, peer.create_offer(now(), text).ok()?.as_bytes());
            let answer = core::str::from_utf8(take(SIGNALING, &mut theirs)).ok()?;
            peer.set_answer(now(), answer).ok()?;
        }
        Some(())
    }

    fn told(&mut self, peer: &mut Peer<'_>, event: &Event) {
        Echo.told(peer, event);
        self.0.receive(peer, event);
        if let Event::Bitrate(bits) = event {
            peer.probe(now(), bits.saturating_mul(2));
        }
    }

    fn turn<'m>(&mut self, peer: &mut Peer<'m>, heap: &'m Heap<'m>) {
        self.0.send(peer, heap);
        if asked(ORDERS + 1) {
            let stats = peer.stats();
            let sent = stats.transport.bytes_sent.saturating_add(stats.sctp.map_or(0, |s| s.packets_sent));
            give(ORDERS, &sent.to_be_bytes());
            let lost = peer.track_stats(self.0.video()).and_then(|track| track.inbound).map_or(0, |i| i.packets_lost);
            give(ORDERS, &lost.to_be_bytes());
            give(ORDERS, &peer.bandwidth().delay_based.to_be_bytes());
        }
        if asked(ORDERS + 2) {
            let _ = peer.restart_ice(now());
            let _ = self.agree(peer, &mut [0; 4_096]);
        }
        if asked(ORDERS + 3) {
            let mut line = [0; 256];
            if let Ok(line) = core::str::from_utf8(take(SIGNALING, &mut line)) {
                let _ = peer.add_remote_candidate(now(), line);
            }
        }
        if asked(ORDERS + 4) {
            peer.close(now());
        }
    }
}

/// The memory of the connection: its size is read from the program.
static REGION: ConstStaticCell<[MaybeUninit<u8>; region(&EVERYTHING)]> =
    ConstStaticCell::new([MaybeUninit::uninit(); region(&EVERYTHING)]);

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    run::<Everything>(EVERYTHING, REGION.take())
}
