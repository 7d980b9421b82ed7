//! The streamer on an emulated RISC-V machine without an operating system.
#![no_std]
#![no_main]

mod executor;
mod machine;
mod net;
mod stack;
mod time;
mod virtio;

use core::pin::pin;

use barertc::RustCrypto;
use barertc_arena::Heap;
use barertc_littlefs::LittleFs;
use barertc_streamer::embedded::{EmbassyBoard, FLASH_BLOCK, MediaRoom, Parts, SOCKETS, TcpRoom, UdpRoom};
use barertc_streamer::{Lines, in_place};
use chacha20::ChaCha20Rng;
use embassy_executor::Spawner;
use embassy_net::{Config, Stack, StackResources};
use embassy_net_driver_channel as channel;
use rand_core::SeedableRng;
use static_cell::{ConstStaticCell, StaticCell};

use machine::say;

/// Promise P1: a program in which anybody can reach the global heap does not link.
#[global_allocator]
static NO_GLOBAL_HEAP: barertc_arena::Unlinkable = barertc_arena::Unlinkable;

const PAGE: &[u8] = include_bytes!("../../viewer/index.html");

// Where things live: what the network card writes and what many connections share is in PSRAM, by the section; small
// state that is touched with every packet is inside. All of it begins as zeros, made by nobody: a value that is made and
// then put into its place would have to fit the stack.
#[unsafe(link_section = ".psram")]
static STATE: ConstStaticCell<net::State> = ConstStaticCell::new(net::State::new());
#[unsafe(link_section = ".psram")]
static ROOMS: ConstStaticCell<net::Rooms> = ConstStaticCell::new(net::Rooms::new());
#[unsafe(link_section = ".psram")]
static TCP: ConstStaticCell<TcpRoom> = ConstStaticCell::new(TcpRoom::new());
#[unsafe(link_section = ".psram")]
static UDP: ConstStaticCell<UdpRoom> = ConstStaticCell::new(UdpRoom::new());
#[unsafe(link_section = ".psram")]
static BUFFERS: ConstStaticCell<MediaRoom> = ConstStaticCell::new(MediaRoom::new());
#[unsafe(link_section = ".psram")]
static FLASH_CACHE: ConstStaticCell<[u8; FLASH_BLOCK as usize]> = ConstStaticCell::new([0; FLASH_BLOCK as usize]);
static RESOURCES: ConstStaticCell<StackResources<SOCKETS>> = ConstStaticCell::new(StackResources::new());
static CARD: StaticCell<net::Card> = StaticCell::new();
static PSRAM: StaticCell<Heap<'static>> = StaticCell::new();
static BOARD: StaticCell<EmbassyBoard<RustCrypto>> = StaticCell::new();

#[embassy_executor::task]
async fn card(card: &'static mut net::Card, runner: channel::Runner<'static, { net::MTU }>) {
    card.run(runner).await;
}

#[embassy_executor::task]
async fn network(mut runner: embassy_net::Runner<'static, net::Driver>) {
    runner.run().await;
}

#[riscv_rt::entry]
fn main() -> ! {
    stack::paint();
    time::start();
    // SAFETY: all handlers are in place.
    unsafe { riscv::interrupt::enable() };
    executor::run(|spawner| spawner.spawn(streamer(spawner).expect("one task each")))
}

#[embassy_executor::task]
async fn streamer(spawner: Spawner) {
    let board = board(spawner);
    let mut storage = LittleFs::new(machine::media(), FLASH_BLOCK, FLASH_CACHE.take());
    let buffers = BUFFERS.take();
    let served = pin!(in_place(|| board.serve(Lines::of(machine::settings()), PAGE, &mut storage, buffers)));
    if let Err(error) = served.await {
        say!("cannot start: {error}");
    }
}

/// Everything that the application stands on. Out of line, so that what it needs of the stack is given back.
#[inline(never)]
fn board(spawner: Spawner) -> &'static EmbassyBoard<RustCrypto> {
    let mut seed = [0; 32];
    assert!(virtio::entropy(&mut seed), "the machine has no source of randomness: give it -device virtio-rng-device");
    let mut rng = ChaCha20Rng::from_seed(seed);
    let stack = join_network(spawner, rand_core::Rng::next_u64(&mut rng));
    let parts = Parts {
        psram: psram(),
        internal: None,
        stack,
        tcp: TCP.take(),
        udp: UDP.take(),
        rng,
        crypto: RustCrypto,
        depth: stack::stats,
        log: if Lines::of(machine::settings()).get("count").is_some() { machine::counting_log } else { machine::log },
    };
    BOARD.init(EmbassyBoard::new(parts).expect("the PSRAM has room for a label for each owner"))
}

#[inline(never)]
fn psram() -> &'static Heap<'static> {
    PSRAM.init_with(machine::psram)
}

fn join_network(spawner: Spawner, seed: u64) -> Stack<'static> {
    let device = find_card();
    let address = channel::driver::HardwareAddress::Ethernet(device.address());
    let (card_runner, driver) = channel::new(STATE.take(), address);
    let (stack, runner) = embassy(driver, seed);
    spawner.spawn(card(device, card_runner).expect("one task each"));
    spawner.spawn(network(runner).expect("one task each"));
    stack
}

// The card and the state of embassy-net are made on the stack and then put into their places: out of line, one after the other.
#[inline(never)]
fn find_card() -> &'static mut net::Card {
    CARD.init_with(|| net::Card::find(ROOMS.take()).expect("a network card"))
}

#[inline(never)]
fn embassy(driver: net::Driver, seed: u64) -> (Stack<'static>, embassy_net::Runner<'static, net::Driver>) {
    embassy_net::new(driver, Config::dhcpv4(Default::default()), RESOURCES.take(), seed)
}
