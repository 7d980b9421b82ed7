//! An answerer that sends and receives H.264 and Opus, and echoes what comes over a data channel.
#![no_std]
#![no_main]

use core::mem::MaybeUninit;

use barertc::arena::Heap;
use barertc::{Direction, Event};
use barertc_size_profiles::configs::RECEIVE;
use barertc_size_profiles::media::Tracks;
use barertc_size_profiles::{Echo, Peer, Profile, now, region, run};
use static_cell::ConstStaticCell;

struct Receive(Tracks);

impl Profile for Receive {
    fn begin(peer: &mut Peer<'_>) -> Option<Self> {
        peer.add_data(now()).ok()?;
        Tracks::add(peer, Direction::SendRecv).map(Self)
    }

    fn told(&mut self, peer: &mut Peer<'_>, event: &Event) {
        Echo.told(peer, event);
        self.0.receive(peer, event);
    }

    fn turn<'m>(&mut self, peer: &mut Peer<'m>, heap: &'m Heap<'m>) {
        self.0.send(peer, heap);
    }
}

/// The memory of the connection: its size is read from the program.
static REGION: ConstStaticCell<[MaybeUninit<u8>; region(&RECEIVE)]> =
    ConstStaticCell::new([MaybeUninit::uninit(); region(&RECEIVE)]);

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    run::<Receive>(RECEIVE, REGION.take())
}
