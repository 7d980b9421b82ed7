//! The streamer on an emulated RISC-V machine without an operating system.
#![no_std]
#![no_main]

mod machine;
mod net;
mod time;
mod virtio;

use barertc::RustCrypto;
use barertc_arena::{Heap, Stats};
use barertc_littlefs::LittleFs;
use barertc_streamer::Lines;
use barertc_streamer::embedded::{EmbassyBoard, FLASH_BLOCK, MediaRoom, Parts, SOCKETS, TcpRoom, UdpRoom};
use chacha20::ChaCha20Rng;
use embassy_executor::Spawner;
use embassy_net::{Config, StackResources};
use embassy_net_driver_channel as channel;
use rand_core::SeedableRng;
use static_cell::StaticCell;

use machine::say;

/// Promise P1: a program in which anybody can reach the global heap does not link.
#[global_allocator]
static NO_GLOBAL_HEAP: barertc_arena::Unlinkable = barertc_arena::Unlinkable;

const PAGE: &[u8] = include_bytes!("../../viewer/index.html");

// Where things live: what the network card writes and what many connections share is in PSRAM, by the section; small
// state that is touched with every packet is inside.
#[unsafe(link_section = ".psram")]
static STATE: StaticCell<net::State> = StaticCell::new();
#[unsafe(link_section = ".psram")]
static ROOMS: StaticCell<net::Rooms> = StaticCell::new();
#[unsafe(link_section = ".psram")]
static TCP: StaticCell<TcpRoom> = StaticCell::new();
#[unsafe(link_section = ".psram")]
static UDP: StaticCell<UdpRoom> = StaticCell::new();
#[unsafe(link_section = ".psram")]
static BUFFERS: StaticCell<MediaRoom> = StaticCell::new();
#[unsafe(link_section = ".psram")]
static FLASH_CACHE: StaticCell<[u8; FLASH_BLOCK as usize]> = StaticCell::new();
static RESOURCES: StaticCell<StackResources<SOCKETS>> = StaticCell::new();
static PSRAM: StaticCell<Heap<'static>> = StaticCell::new();
static BOARD: StaticCell<EmbassyBoard<RustCrypto>> = StaticCell::new();

#[embassy_executor::task]
async fn card(card: net::Card, runner: channel::Runner<'static, { net::MTU }>) {
    card.run(runner).await;
}

#[embassy_executor::task]
async fn network(mut runner: embassy_net::Runner<'static, net::Driver>) {
    runner.run().await;
}

#[embassy_executor::main(entry = "riscv_rt::entry")]
async fn main(spawner: Spawner) {
    time::start();
    // SAFETY: all handlers are in place.
    unsafe { riscv::interrupt::enable() };
    let mut seed = [0; 32];
    assert!(virtio::entropy(&mut seed), "the machine has no source of randomness: give it -device virtio-rng-device");
    let mut rng = ChaCha20Rng::from_seed(seed);

    let device = net::Card::find(ROOMS.init_with(net::Rooms::new)).expect("a network card");
    let address = channel::driver::HardwareAddress::Ethernet(device.address());
    let (card_runner, driver) = channel::new(STATE.init_with(net::State::new), address);
    let resources = RESOURCES.init_with(StackResources::new);
    let (stack, runner) =
        embassy_net::new(driver, Config::dhcpv4(Default::default()), resources, rand_core::Rng::next_u64(&mut rng));
    spawner.spawn(card(device, card_runner).expect("one task each"));
    spawner.spawn(network(runner).expect("one task each"));
    let parts = Parts {
        psram: PSRAM.init_with(machine::psram),
        internal: None,
        stack,
        tcp: TCP.init_with(TcpRoom::new),
        udp: UDP.init_with(UdpRoom::new),
        rng,
        crypto: RustCrypto,
        depth: || Stats::ZERO,
        log: |line| say!("{line}"),
    };
    let board = BOARD.init(EmbassyBoard::new(parts).expect("the PSRAM has room for a label for each owner"));
    let mut storage = LittleFs::new(machine::media(), FLASH_BLOCK, FLASH_CACHE.init_with(|| [0; FLASH_BLOCK as usize]));
    let buffers = BUFFERS.init_with(MediaRoom::new);
    if let Err(error) = board.serve(Lines::of(machine::settings()), PAGE, &mut storage, buffers).await {
        say!("cannot start: {error}");
    }
}
