//! The streamer on an ESP32-P4.
#![no_std]
#![no_main]

mod crypto;
mod entropy;
mod flash;
#[cfg(not(feature = "software-aes"))]
mod gcm;
mod log;
mod memory;
mod net;
#[cfg(not(feature = "software-aes"))]
mod unit_aes;

use core::panic::PanicInfo;
use core::pin::pin;

use barertc_arena::Heap;
#[cfg(feature = "wifi")]
use barertc_hosted::Network;
use barertc_littlefs::LittleFs;
use barertc_streamer::embedded::{EmbassyBoard, FLASH_BLOCK, MediaRoom, Parts, SOCKETS, TcpRoom, UdpRoom};
use barertc_streamer::{Lines, OutOfLine, in_place};
use chacha20::ChaCha20Rng;
use embassy_executor::Spawner;
use embassy_net::{Stack, StackResources};
use embassy_time::Timer;
use esp_bootloader_esp_idf::partitions::PARTITION_TABLE_MAX_LEN;
use esp_hal::clock::CpuClock;
use esp_hal::efuse::{ChipRevision, chip_revision};
use esp_hal::peripherals::{PSRAM, Peripherals};
use esp_hal::rtc_cntl::{Rtc, Rwdt, RwdtStage};
use esp_hal::time::Duration;
use esp_hal::timer::timg::TimerGroup;
use rand_core::Rng;
use static_cell::{ConstStaticCell, StaticCell};

use crypto::Accelerators;
#[cfg(feature = "wifi")]
use net::wifi::{Card, Pins};

esp_bootloader_esp_idf::esp_app_desc!();

/// Promise P1: a program in which anybody can reach the global heap does not link.
#[global_allocator]
static NO_GLOBAL_HEAP: barertc_arena::Unlinkable = barertc_arena::Unlinkable;

/// The first chip revision that esp-hal supports.
const REVISION: ChipRevision = ChipRevision { major: 3, minor: 0 };
/// A program that does not turn its loop for this long is started again.
const WATCHDOG: Duration = Duration::from_secs(8);
/// Seconds without an address after which the log says so, again and again.
const PATIENCE_SECONDS: u64 = 10;
/// Packed by the build.
const PAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.gz"));
/// Where the settings name none.
const NETWORK: &str = if cfg!(feature = "ethernet") { "ethernet" } else { "wifi" };
/// Bytes of the settings, at most.
const SETTINGS: usize = 4096;

// Where things live: what many connections share is in PSRAM, by the section; small state that is touched with every
// packet, and what the network card reads and writes, is inside. What is in the section is not loaded: it has to begin as
// zeros, and it is never built on the stack, which has no room for it.
#[unsafe(link_section = ".psram")]
static TCP: ConstStaticCell<TcpRoom> = ConstStaticCell::new(TcpRoom::new());
#[unsafe(link_section = ".psram")]
static UDP: ConstStaticCell<UdpRoom> = ConstStaticCell::new(UdpRoom::new());
#[unsafe(link_section = ".psram")]
static BUFFERS: ConstStaticCell<MediaRoom> = ConstStaticCell::new(MediaRoom::new());
#[unsafe(link_section = ".psram")]
static FLASH_CACHE: ConstStaticCell<[u8; FLASH_BLOCK as usize]> = ConstStaticCell::new([0; FLASH_BLOCK as usize]);
#[unsafe(link_section = ".psram")]
static PARTITIONS: ConstStaticCell<[u8; PARTITION_TABLE_MAX_LEN]> = ConstStaticCell::new([0; PARTITION_TABLE_MAX_LEN]);
#[unsafe(link_section = ".psram")]
static SETTINGS_PAGE: ConstStaticCell<[u8; SETTINGS]> = ConstStaticCell::new([0; SETTINGS]);
static RESOURCES: ConstStaticCell<StackResources<SOCKETS>> = ConstStaticCell::new(StackResources::new());
#[cfg(feature = "wifi")]
static SMALL: StaticCell<Heap<'static>> = StaticCell::new();
static LARGE: StaticCell<Heap<'static>> = StaticCell::new();
static BOARD: StaticCell<EmbassyBoard<Accelerators>> = StaticCell::new();

#[cfg(feature = "ethernet")]
#[embassy_executor::task]
async fn ethernet(mut runner: embassy_net::Runner<'static, net::ethernet::Card>) {
    runner.run().await;
}

#[cfg(feature = "wifi")]
#[embassy_executor::task]
async fn wifi(mut runner: embassy_net::Runner<'static, net::wifi::Device>) {
    runner.run().await;
}

#[cfg(feature = "wifi")]
#[embassy_executor::task]
async fn radio(mut radio: net::wifi::Radio) {
    radio.run().await;
}

#[cfg(feature = "wifi")]
#[embassy_executor::task]
async fn steer(steering: net::wifi::Steering, network: Network) {
    net::wifi::steer(steering, network).await;
}

/// Says what is missing as long as there is no address.
#[embassy_executor::task]
async fn lease(stack: Stack<'static>) {
    loop {
        Timer::after_secs(PATIENCE_SECONDS).await;
        if stack.is_config_up() {
            return;
        }
        let what = if stack.is_link_up() { "nobody gives out an address by DHCP" } else { "there is no link" };
        log::line(format_args!("network: {what}"));
    }
}

/// Turns with everything else: when it stops, so has the rest.
#[embassy_executor::task]
async fn watch(mut watchdog: Rwdt) {
    loop {
        watchdog.feed();
        Timer::after_secs(1).await;
    }
}

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    memory::paint_stack();
    // Before anything that an older chip does not have.
    if chip_revision() < REVISION {
        esp_println::println!("cannot start: this chip is older than revision 3.0");
        loop {
            core::hint::spin_loop();
        }
    }
    // A start by software alone leaves the Ethernet controller writing to where frames were.
    #[cfg(feature = "ethernet")]
    net::ethernet::stop();
    let chip = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    // esp-hal leaves this as it finds it, and no document says how the bootloader does.
    // SAFETY: every interrupt that is enabled has its handler by now.
    unsafe { core::arch::asm!("csrsi mstatus, 8", options(nomem, nostack)) };
    if let Err(why) = pin!(in_place(|| run(spawner, chip))).await {
        log::line(format_args!("cannot start: {why}"));
    }
}

async fn run(spawner: Spawner, chip: Peripherals) -> Result<(), &'static str> {
    // What the start needs of the stack is given back before the application runs.
    let Started { board, storage, settings } = OutOfLine(pin!(in_place(|| start(spawner, chip)))).await?;
    let cache = FLASH_CACHE.take();
    let mut files = LittleFs::new(storage.into_media(), FLASH_BLOCK, cache);
    let served = pin!(in_place(|| board.serve(settings, PAGE, &mut files, BUFFERS.take())));
    if let Err(error) = served.await {
        log::line(format_args!("cannot start: {error}"));
    }
    Ok(())
}

/// What the application runs on.
struct Started {
    board: &'static EmbassyBoard<Accelerators>,
    storage: flash::Storage,
    settings: Lines<'static>,
}

/// Starts the chip's units, the heaps and the network.
async fn start(spawner: Spawner, chip: Peripherals) -> Result<Started, &'static str> {
    esp_rtos::start(TimerGroup::new(chip.TIMG0).timer0, chip.FROM_CPU_INTR0);
    spawner.spawn(log::send().expect("one task each"));
    let mut watchdog = Rtc::new(chip.RTC_TIMER).rwdt;
    watchdog.set_timeout(RwdtStage::Stage0, WATCHDOG);
    watchdog.enable();
    spawner.spawn(watch(watchdog).expect("one task each"));

    let psram = large(chip.PSRAM)?;
    let internal = memory::Internal::take().ok_or("the memory inside is in use")?;
    let mut storage = flash::Storage::new(chip.FLASH, PARTITIONS.take())?;
    let page = SETTINGS_PAGE.take();
    storage.read(storage.settings, 0, page).map_err(|_| "the settings cannot be read")?;
    let settings = Lines::of(page);
    if settings.is_empty() {
        let what = if page.starts_with(&[0xff]) { "there are none" } else { "what is there is no text" };
        log::line(format_args!(
            "settings: {what}; Ethernet or what the image has is used, and nobody is let in without a token"
        ));
    }
    let mut rng = entropy::generator(&mut storage, chip.ADC1, chip.GPIO20)?;

    let seed = rng.next_u64();
    let resources = RESOURCES.take();
    let (stack, heap) = match settings.get("network").unwrap_or(NETWORK) {
        #[cfg(feature = "ethernet")]
        "ethernet" => {
            let pins = net::ethernet::Pins {
                clock: chip.GPIO50,
                rxd0: chip.GPIO29,
                rxd1: chip.GPIO30,
                rx_dv: chip.GPIO28,
                txd0: chip.GPIO34,
                txd1: chip.GPIO35,
                tx_en: chip.GPIO49,
                mdc: chip.GPIO31,
                mdio: chip.GPIO52,
                reset: chip.GPIO51,
            };
            let (stack, runner) =
                pin!(net::ethernet::start(chip.ETH, pins, internal.frames(), resources, seed)).await?;
            spawner.spawn(lease(stack).expect("one task each"));
            spawner.spawn(ethernet(runner).expect("one task each"));
            (stack, None)
        }
        #[cfg(feature = "wifi")]
        "wifi" => {
            let card = match settings.get("board").unwrap_or("ev") {
                "ev" => Card::new(
                    chip.SDHOST,
                    Pins {
                        clk: chip.GPIO18,
                        cmd: chip.GPIO19,
                        d0: chip.GPIO14,
                        d1: chip.GPIO15,
                        d2: chip.GPIO16,
                        d3: chip.GPIO17,
                        enable: chip.GPIO54,
                    },
                ),
                "psi" => Card::new(
                    chip.SDHOST,
                    Pins {
                        clk: chip.GPIO28,
                        cmd: chip.GPIO27,
                        d0: chip.GPIO29,
                        d1: chip.GPIO30,
                        d2: chip.GPIO31,
                        d3: chip.GPIO32,
                        enable: chip.GPIO9,
                    },
                ),
                _ => return Err("settings: board is `ev` or `psi`"),
            }?;
            let heap: &'static Heap<'static> = SMALL.init(internal.heap()?);
            let wifi_parts = net::wifi::start(card, settings, heap, resources, seed)?;
            spawner.spawn(lease(wifi_parts.stack).expect("one task each"));
            spawner.spawn(wifi(wifi_parts.runner).expect("one task each"));
            spawner.spawn(radio(wifi_parts.radio).expect("one task each"));
            spawner.spawn(steer(wifi_parts.steering, wifi_parts.network).expect("one task each"));
            (wifi_parts.stack, Some(heap))
        }
        #[cfg(not(feature = "ethernet"))]
        "ethernet" => return Err("settings: this image is built without Ethernet"),
        #[cfg(not(feature = "wifi"))]
        "wifi" => return Err("settings: this image is built without WiFi"),
        _ => return Err("settings: network is `ethernet` or `wifi`"),
    };
    let crypto = || Accelerators::new(chip.AES, chip.SHA, chip.ECC, log::line);
    let board = board(psram, heap, stack, rng, crypto)?;
    #[cfg(feature = "selftest")]
    selftest(board);
    Ok(Started { board, storage, settings })
}

/// Holds the units, and what is software, against the published vectors.
#[cfg(feature = "selftest")]
#[inline(never)]
fn selftest(board: &EmbassyBoard<Accelerators>) {
    let run = |name: &str, result: Result<(), &'static str>, from: embassy_time::Instant| match result {
        Ok(()) => log::line(format_args!("crypto: {name} pass, in {} ms", from.elapsed().as_millis())),
        Err(vector) => log::line(format_args!("crypto: {name}: {vector} fails")),
    };
    let from = embassy_time::Instant::now();
    run("all vectors with the units", barertc_crypto::selftest::run_with(barertc_streamer::Board::crypto(board)), from);
    let from = embassy_time::Instant::now();
    run("all vectors in software", barertc_crypto::selftest::run_with(&barertc::RustCrypto), from);
}

/// The heap of the large memory; out of line, too.
#[inline(never)]
fn large(psram: PSRAM<'static>) -> Result<&'static Heap<'static>, &'static str> {
    Ok(LARGE.init(memory::psram(psram)?))
}

/// What the application stands on. Out of line, so that what it needs of the stack is given back.
#[inline(never)]
fn board(
    psram: &'static Heap<'static>,
    internal: Option<&'static Heap<'static>>,
    stack: Stack<'static>,
    rng: ChaCha20Rng,
    crypto: impl FnOnce() -> Result<Accelerators, &'static str>,
) -> Result<&'static EmbassyBoard<Accelerators>, &'static str> {
    let parts = Parts {
        psram,
        internal,
        stack,
        tcp: TCP.take(),
        udp: UDP.take(),
        rng,
        crypto: crypto()?,
        depth: memory::stack,
        log: log::line,
    };
    Ok(BOARD.init(EmbassyBoard::new(parts).map_err(|_| "the PSRAM has no room for its labels")?))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    esp_println::println!("panic: {info}");
    #[cfg(feature = "ethernet")]
    net::ethernet::stop();
    esp_hal::system::software_reset()
}

/// Three numbers instead of esp-hal's dump of all registers, which would bring the formatting of floating point along.
#[unsafe(export_name = "ExceptionHandler")]
extern "C" fn exception(_: *const u8) -> ! {
    let (cause, at, value): (u32, u32, u32);
    // SAFETY: reads three registers.
    unsafe {
        core::arch::asm!("csrr {0}, mcause", "csrr {1}, mepc", "csrr {2}, mtval", out(reg) cause, out(reg) at, out(reg) value)
    };
    panic!("exception {cause:#x} at {at:#010x}, value {value:#010x}")
}
