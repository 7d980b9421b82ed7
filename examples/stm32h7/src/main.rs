//! The smallest firmware as an image for an STM32H743 with Ethernet: a NUCLEO-H743ZI2. Built, and not run on hardware.
#![no_std]
#![no_main]

use core::cell::RefCell;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use barertc_arena::Stats;
use barertc_firmware::{Board, Rooms, SOCKETS, Settings};
use chacha20::ChaCha20Rng;
use embassy_executor::Spawner;
use embassy_net::StackResources;
use embassy_stm32::eth::{Ethernet, GenericPhy, PacketQueue, Sma};
use embassy_stm32::mode::Blocking;
use embassy_stm32::peripherals::{ETH, ETH_SMA, RNG};
use embassy_stm32::rcc::{
    AHBPrescaler, APBPrescaler, HSIPrescaler, Pll, PllDiv, PllMul, PllPreDiv, PllSource, Sysclk, VoltageScale,
};
use embassy_stm32::usart::{self, UartTx};
use embassy_stm32::{Config, bind_interrupts, eth, rng, uid};
use rand_core::{Rng, SeedableRng};
use static_cell::{ConstStaticCell, StaticCell};

/// Promise P1: a program in which anybody can reach the global heap does not link.
#[global_allocator]
static NO_GLOBAL_HEAP: barertc_arena::Unlinkable = barertc_arena::Unlinkable;

static ROOMS: ConstStaticCell<Rooms> = ConstStaticCell::new(Rooms::new());
static PACKETS: ConstStaticCell<PacketQueue<8, 8>> = ConstStaticCell::new(PacketQueue::new());
static RESOURCES: ConstStaticCell<StackResources<SOCKETS>> = ConstStaticCell::new(StackResources::new());
static TOKEN: StaticCell<[u8; 16]> = StaticCell::new();

bind_interrupts!(struct Interrupts {
    ETH => eth::InterruptHandler;
    RNG => rng::InterruptHandler<RNG>;
});

type Device = Ethernet<'static, ETH, GenericPhy<Sma<'static, ETH_SMA>>>;

/// The chip: its generator, and its serial port.
struct H743 {
    rng: RefCell<ChaCha20Rng>,
    log: RefCell<Log>,
}

/// The serial port.
struct Log(UartTx<'static, Blocking>);

impl Write for Log {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.blocking_write(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

impl Board for H743 {
    type Rng = ChaCha20Rng;

    fn random<T>(&self, f: impl FnOnce(&mut ChaCha20Rng) -> T) -> T {
        f(&mut self.rng.borrow_mut())
    }

    fn log(&self, line: fmt::Arguments<'_>) {
        let _ = writeln!(self.log.borrow_mut(), "{line}\r");
    }

    fn stack(&self) -> Stats {
        Stats::ZERO
    }
}

#[embassy_executor::task]
async fn network(mut runner: embassy_net::Runner<'static, Device>) {
    runner.run().await;
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let chip = embassy_stm32::init(clocks());
    // PD8 goes to the board's debugger, which shows it as a serial port.
    let log = UartTx::new_blocking(chip.USART3, chip.PD8, usart::Config::default()).expect("115,200 baud can be made");
    // The chip's true random generator, once for a generator that is fast.
    let mut seed = [0; 32];
    rng::Rng::new(chip.RNG, Interrupts).fill_bytes(&mut seed);
    let mut rng = ChaCha20Rng::from_seed(seed);

    let card = Ethernet::new(
        PACKETS.take(),
        chip.ETH,
        Interrupts,
        chip.PA1,
        chip.PA7,
        chip.PC4,
        chip.PC5,
        chip.PG13,
        chip.PB13,
        chip.PG11,
        address(),
        chip.ETH_SMA,
        chip.PA2,
        chip.PC1,
    );
    let config = embassy_net::Config::dhcpv4(Default::default());
    let (stack, runner) = embassy_net::new(card, config, RESOURCES.take(), rng.next_u64());
    spawner.spawn(network(runner).expect("one task each"));

    let token = token(&mut rng);
    let board = H743 { rng: RefCell::new(rng), log: RefCell::new(Log(log)) };
    board.log(format_args!("pages must show ?token={token}"));
    let settings = Settings { token, advertise: None };
    if let Err(error) = barertc_firmware::run(&board, stack, &settings, ROOMS.take()).await {
        board.log(format_args!("cannot start: {error:?}"));
    }
}

/// 400 MHz from the internal oscillator; the random generator has 48 MHz of its own.
fn clocks() -> Config {
    let mut config = Config::default();
    let rcc = &mut config.rcc;
    rcc.hsi = Some(HSIPrescaler::DIV1);
    rcc.csi = true;
    rcc.hsi48 = Some(Default::default());
    rcc.pll1 = Some(Pll {
        source: PllSource::HSI,
        prediv: PllPreDiv::DIV4,
        mul: PllMul::MUL50,
        fracn: None,
        divp: Some(PllDiv::DIV2),
        divq: None,
        divr: None,
    });
    rcc.sys = Sysclk::PLL1_P;
    rcc.ahb_pre = AHBPrescaler::DIV2;
    (rcc.apb1_pre, rcc.apb2_pre) = (APBPrescaler::DIV2, APBPrescaler::DIV2);
    (rcc.apb3_pre, rcc.apb4_pre) = (APBPrescaler::DIV2, APBPrescaler::DIV2);
    rcc.voltage_scale = VoltageScale::Scale1;
    config
}

/// An address of the chip's number, with the bit that says that it was not given by the IEEE.
fn address() -> [u8; 6] {
    let mut address = [0; 6];
    for (n, byte) in uid::uid().iter().enumerate() {
        address[n % 6] ^= byte;
    }
    address[0] = address[0] & !1 | 2;
    address
}

/// What pages must show: another one at each start, told in the log.
fn token(rng: &mut ChaCha20Rng) -> &'static str {
    let mut text = [0; 16];
    for (n, digit) in text.iter_mut().enumerate() {
        *digit = if n % 2 == 0 { b'a' } else { b'0' } + (rng.next_u32() >> 24) as u8 % 10;
    }
    core::str::from_utf8(TOKEN.init(text)).unwrap_or_default()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    cortex_m::peripheral::SCB::sys_reset()
}
