//! The streamer on an emulated RISC-V machine without an operating system.
#![no_std]
#![no_main]

mod board;
mod machine;
mod net;
mod time;
mod virtio;

use core::net::SocketAddr;

use barertc::{Identity, RustCrypto};
use barertc_arena::Heap;
use barertc_littlefs::LittleFs;
use barertc_runner::Buffers;
use barertc_streamer::{Board, MAX_ADDRESSES, Settings};
use chacha20::ChaCha20Rng;
use edge_nal_embassy::{Tcp, TcpBuffers, Udp, UdpBuffers};
use embassy_executor::Spawner;
use embassy_net::{Config, StackResources};
use embassy_net_driver_channel as channel;
use rand_core::SeedableRng;
use static_cell::StaticCell;

use board::Virt;
use machine::say;

/// Promise P1: a program in which anybody can reach the global heap does not link.
#[global_allocator]
static NO_GLOBAL_HEAP: barertc_arena::Unlinkable = barertc_arena::Unlinkable;

/// TCP connections at the same time: as many as the application serves.
const TCP: usize = 16;
const HTTP_PORT: u16 = 80;
const MEDIA_PORT: u16 = 9000;
const MEDIA: &str = "sample.brtc";
/// Bytes of a block of the file system that `cargo xtask flash` makes.
const FLASH_BLOCK: u32 = 4096;
const PAGE: &[u8] = include_bytes!("../../viewer/index.html");

// Where things live: what the network card writes and what many connections share is in PSRAM, by the section; small
// state that is touched with every packet is inside.
#[unsafe(link_section = ".psram")]
static STATE: StaticCell<net::State> = StaticCell::new();
#[unsafe(link_section = ".psram")]
static ROOMS: StaticCell<net::Rooms> = StaticCell::new();
#[unsafe(link_section = ".psram")]
static TCP_BUFFERS: StaticCell<TcpBuffers<TCP, 8192, 4096>> = StaticCell::new();
#[unsafe(link_section = ".psram")]
static UDP_BUFFERS: StaticCell<UdpBuffers<1, 65_536, 32_768, 64>> = StaticCell::new();
#[unsafe(link_section = ".psram")]
static BUFFERS: StaticCell<Buffers<MAX_ADDRESSES>> = StaticCell::new();
#[unsafe(link_section = ".psram")]
static FLASH_CACHE: StaticCell<[u8; FLASH_BLOCK as usize]> = StaticCell::new();
static RESOURCES: StaticCell<StackResources<{ TCP + 4 }>> = StaticCell::new();
static PSRAM: StaticCell<Heap<'static>> = StaticCell::new();
static BOARD: StaticCell<Virt> = StaticCell::new();

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
    stack.wait_config_up().await;
    let Some(config) = stack.config_v4() else { return };
    let ip = config.address.address();

    let psram = PSRAM.init_with(machine::psram);
    let tcp = Tcp::new(stack, TCP_BUFFERS.init_with(TcpBuffers::new));
    let udp = Udp::new(stack, UDP_BUFFERS.init_with(UdpBuffers::new));
    let board = BOARD.init_with(|| Virt::new(psram, stack, tcp, udp, rng));
    let identity = board.random(|rng| Identity::generate(&RustCrypto, rng));

    let mut settings = Settings::loopback(HTTP_PORT, MEDIA, PAGE);
    settings.http = SocketAddr::from(([0, 0, 0, 0], HTTP_PORT));
    settings.addresses = [ip.into()].into_iter().collect();
    settings.udp_port = MEDIA_PORT;
    settings.advertise = machine::setting("advertise").and_then(|text| text.parse().ok());
    settings.token = machine::setting("token");
    settings.stats = true;
    let mut storage = LittleFs::new(machine::media(), FLASH_BLOCK, FLASH_CACHE.init_with(|| [0; FLASH_BLOCK as usize]));
    let buffers = BUFFERS.init_with(Buffers::new);
    let ready = |address| say!("ready at http://{address}/");
    let app = barertc_streamer::run(board, &settings, &identity, &mut storage, buffers, ready, core::future::pending());
    if let Err(error) = app.await {
        say!("cannot start: {error}");
    }
}
