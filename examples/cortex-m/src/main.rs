//! The smallest firmware on an emulated Cortex-M4 (QEMU's `mps2-an386`) without an operating system, in 256 KiB of RAM.
#![no_std]
#![no_main]

mod executor;
mod lan9118;
mod machine;
mod time;

use core::cell::RefCell;
use core::fmt;

use barertc_arena::Stats;
use barertc_firmware::{Board, Rooms, SOCKETS, Settings};
use chacha20::ChaCha20Rng;
use cortex_m_rt::exception;
use embassy_executor::Spawner;
use embassy_net::{Config, Stack, StackResources};
use rand_core::{Rng, SeedableRng};
use static_cell::ConstStaticCell;

use lan9118::Card;
use machine::say;

/// Promise P1: a program in which anybody can reach the global heap does not link.
#[global_allocator]
static NO_GLOBAL_HEAP: barertc_arena::Unlinkable = barertc_arena::Unlinkable;

static ROOMS: ConstStaticCell<Rooms> = ConstStaticCell::new(Rooms::new());
static FRAMES: ConstStaticCell<lan9118::Frames> = ConstStaticCell::new(lan9118::Frames::new());
static RESOURCES: ConstStaticCell<StackResources<SOCKETS>> = ConstStaticCell::new(StackResources::new());

/// The machine, and the generator that was seeded for it.
struct Mps2(RefCell<ChaCha20Rng>);

impl Board for Mps2 {
    type Rng = ChaCha20Rng;

    fn random<T>(&self, f: impl FnOnce(&mut ChaCha20Rng) -> T) -> T {
        f(&mut self.0.borrow_mut())
    }

    fn log(&self, line: fmt::Arguments<'_>) {
        say!("{line}");
    }

    fn stack(&self) -> Stats {
        machine::stack()
    }
}

/// Every interrupt comes here: a table of the board's two would be longer.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    match number {
        8 => time::alarm(),
        13 => lan9118::interrupted(),
        _ => panic!("interrupt {number}"),
    }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    machine::start();
    time::start();
    executor::run(|spawner| spawner.spawn(firmware(spawner).expect("one task each")))
}

#[embassy_executor::task]
async fn network(mut runner: embassy_net::Runner<'static, Card>) {
    runner.run().await;
}

#[embassy_executor::task]
async fn firmware(spawner: Spawner) {
    let settings = machine::settings();
    let seed = settings.seed.expect("the machine has no source of randomness: its settings must have a seed");
    let mut rng = ChaCha20Rng::from_seed(seed);
    let stack = join_network(spawner, rng.next_u64());
    let board = Mps2(RefCell::new(rng));
    let settings = Settings { token: settings.token, advertise: settings.advertise };
    match barertc_firmware::run(&board, stack, &settings, ROOMS.take()).await {
        Ok(()) => say!("the firmware has ended"),
        Err(error) => say!("cannot start: {error:?}"),
    }
}

#[inline(never)]
fn join_network(spawner: Spawner, seed: u64) -> Stack<'static> {
    let card = Card::find(FRAMES.take()).expect("a network card");
    let (stack, runner) = embassy_net::new(card, Config::dhcpv4(Default::default()), RESOURCES.take(), seed);
    spawner.spawn(network(runner).expect("one task each"));
    stack
}
