//! An answerer that echoes what comes over a data channel.
#![no_std]
#![no_main]

use core::mem::MaybeUninit;

use barertc::Event;
use barertc_size_profiles::configs::CHANNEL;
use barertc_size_profiles::{Echo, Peer, Profile, now, region, run};
use static_cell::ConstStaticCell;

struct Channel;

impl Profile for Channel {
    fn begin(peer: &mut Peer<'_>) -> Option<Self> {
        peer.add_data(now()).ok()?;
        Some(Self)
    }

    fn told(&mut self, peer: &mut Peer<'_>, event: &Event) {
        Echo.told(peer, event);
    }
}

/// The memory of the connection: its size is read from the program.
static REGION: ConstStaticCell<[MaybeUninit<u8>; region(&CHANNEL)]> =
    ConstStaticCell::new([MaybeUninit::uninit(); region(&CHANNEL)]);

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    run::<Channel>(CHANNEL, REGION.take())
}
