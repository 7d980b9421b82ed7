//! What the profiles have in common: a machine of registers, and the loop that drives a connection.
//!
//! The machine does not exist. Its registers are read and written without the compiler knowing what is in them, so that
//! everything that a device would run is in the program, and nothing of a board is.
#![no_std]

pub mod configs;
#[cfg(feature = "media")]
pub mod media;

use core::convert::Infallible;
use core::mem::MaybeUninit;
use core::net::SocketAddr;
use core::panic::PanicInfo;

use barertc::arena::{Heap, Unlinkable};
use barertc::rand_core::{TryCryptoRng, TryRng};
use barertc::{Candidate, Config, Event, Identity, Instant, PeerConnection, Route, RustCrypto};

/// Nobody reaches a global heap: the program would not link.
#[global_allocator]
static NO_GLOBAL_HEAP: Unlinkable = Unlinkable;

/// A connection of a profile.
pub type Peer<'m> = PeerConnection<'m, &'m Heap<'m>, RustCrypto>;

/// Bytes of the region that a connection of this configuration takes.
#[must_use]
pub const fn region(config: &Config) -> usize {
    Peer::region_bytes(config)
}

/// Where the machine's registers are: datagrams, descriptions, media, and the clock.
const REGISTERS: usize = 0x1000_0000;

fn read(register: usize) -> u32 {
    // SAFETY: registers of a machine that nobody has built: the program is measured and never runs.
    unsafe { ((REGISTERS + 4 * register) as *const u32).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: as for `read`.
    unsafe { ((REGISTERS + 4 * register) as *mut u32).write_volatile(value) }
}

/// What comes in at a place: its bytes, as many as fit.
pub fn take(place: usize, room: &mut [u8]) -> &mut [u8] {
    let len = (read(place) as usize).min(room.len());
    let (room, _) = room.split_at_mut(len);
    room.fill_with(|| read(place + 1) as u8);
    room
}

/// What goes out at a place.
pub fn give(place: usize, bytes: &[u8]) {
    write(place, bytes.len() as u32);
    bytes.iter().for_each(|byte| write(place + 1, u32::from(*byte)));
}

/// What the device is asked, such as whether there is a frame.
#[must_use]
pub fn asked(place: usize) -> bool {
    read(place) != 0
}

/// The clock.
#[must_use]
pub fn now() -> Instant {
    Instant::from_millis(read(1).into())
}

/// Datagrams.
const NETWORK: usize = 4;
/// Descriptions.
pub const SIGNALING: usize = 8;
/// Frames.
pub const FRAMES: usize = 16;
/// Orders of the user.
pub const ORDERS: usize = 20;

/// The chip's random numbers.
pub struct Random;

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(read(0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(read(0)) << 32 | u64::from(read(0)))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.fill_with(|| read(0) as u8);
        Ok(())
    }
}

impl TryCryptoRng for Random {}

/// The echo of a data channel: what every profile has.
#[derive(Default)]
pub struct Echo;

impl Echo {
    /// Whole or not, what comes in goes back.
    pub fn told(&self, peer: &mut Peer<'_>, event: &Event) {
        let Event::ChannelReadable(id) = *event else { return };
        let mut room = [0; 1_024];
        while let Ok(read) = peer.read_channel(now(), id, &mut room) {
            let _ = peer.write_channel(now(), id, read.kind, &room[..read.len]);
        }
    }
}

/// What a profile adds to the loop.
pub trait Profile: Sized {
    /// Asks for tracks and channels.
    fn begin(peer: &mut Peer<'_>) -> Option<Self>;

    /// Agrees with the peer: its offer is answered.
    fn agree(&mut self, peer: &mut Peer<'_>, text: &mut [u8; 4_096]) -> Option<()> {
        let mut theirs = [0; 4_096];
        let offer = core::str::from_utf8(take(SIGNALING, &mut theirs)).ok()?;
        give(SIGNALING, peer.create_answer(now(), offer, text).ok()?.as_bytes());
        Some(())
    }

    /// Takes an event of the connection.
    fn told(&mut self, peer: &mut Peer<'_>, event: &Event);

    /// Once a turn.
    fn turn<'m>(&mut self, _: &mut Peer<'m>, _: &'m Heap<'m>) {}
}

/// Agrees with a peer, and drives the connection for good.
pub fn drive<'m, P: Profile>(config: Config, identity: &'m Identity, heap: &'m Heap<'m>) -> Option<()> {
    let mut peer = PeerConnection::new(config, identity, heap, &RustCrypto, &mut Random).ok()?;
    let local = SocketAddr::from(([10, 0, 0, 1], 4_000));
    peer.add_local_candidate(now(), Candidate::host(local)).ok()?;
    let mut profile = P::begin(&mut peer)?;
    let mut text = [0; 4_096];
    profile.agree(&mut peer, &mut text)?;
    let mut datagram = [0; 1_500];
    loop {
        let remote = SocketAddr::from((read(2).to_be_bytes(), read(3) as u16));
        let came = take(NETWORK, &mut datagram);
        if !came.is_empty() {
            // What is wrong with a datagram is counted.
            let _ = peer.handle(now(), Route::udp(local, remote), came);
        }
        if peer.timeout().is_some_and(|at| at <= now()) {
            peer.handle_timeout(now());
        }
        while let Some(event) = peer.poll_event() {
            profile.told(&mut peer, &event);
        }
        profile.turn(&mut peer, heap);
        while let Some(sent) = peer.poll_transmit(now(), &mut datagram) {
            if let SocketAddr::V4(to) = sent.route.remote {
                write(2, to.ip().to_bits());
                write(3, to.port().into());
            }
            give(NETWORK, &datagram[..sent.len]);
        }
    }
}

/// A machine that lasts as long as the program: one connection in one region.
pub fn run<P: Profile>(config: Config, region: &mut [MaybeUninit<u8>]) -> ! {
    if let Ok(heap) = Heap::new(region) {
        let identity = Identity::generate(&RustCrypto, &mut Random);
        let _ = drive::<P>(config, &identity, &heap);
    }
    stop()
}

/// Switches off.
pub fn stop() -> ! {
    loop {
        write(7, 0);
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    stop()
}
