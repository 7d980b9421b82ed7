//! The streamer as it runs on an ESP32-P4, but for the wires: application, network stack and WiFi driver are the same,
//! and the co-processor behind the SDIO bus is simulated. Its radio is a tap device, so that a browser in the same
//! network namespace plays it.
#![allow(missing_docs)]

mod tap;

use core::future::Future;
use core::mem::MaybeUninit;
use std::rc::Rc;

use anyhow::{Context, Result, anyhow, bail};
use barertc::RustCrypto;
use barertc_arena::{Heap, Stats};
use barertc_coprocessor::{Coprocessor, Firmware, SimSdio, Timing, Wiring};
use barertc_hosted::{Clock, Config, Control, Driver, Event, Instant, Network, Runner, Sdio};
use barertc_media::Embedded;
use barertc_streamer::Lines;
use barertc_streamer::embedded::{EmbassyBoard, MediaRoom, Parts, SOCKETS, TcpRoom, UdpRoom};
use chacha20::ChaCha20Rng;
use embassy_executor::{Executor, Spawner};
use embassy_net::{Ipv4Address, Ipv4Cidr, StackResources, StaticConfigV4};
use embassy_time::{Duration, Timer};
use rand_core::{Rng as _, SeedableRng};

use tap::Tap;

const HELP: &str = "\
barertc-hosted-sim --tap NAME --ip ADDRESS [--token TEXT] [--old | --aggregating] [--checksum] [--rate BYTES]

  --tap NAME       the tap device to make
  --ip ADDRESS     of the simulated board; the network is /24
  --token TEXT     viewers must show it (?token=TEXT)
  --old            the co-processor has the firmware that boards are delivered with, in packet mode
  --aggregating    it has firmware 3.0, which packs several packets into a transfer
  --checksum       packets on the bus have checksums
  --rate BYTES     what the radio takes in a second [default: 3000000]
  --crash SECONDS  the co-processor crashes after so long";

const PAGE: &[u8] = include_bytes!("../../viewer/index.html");
static FILES: [(&str, &[u8]); 1] = [("sample.brtc", include_bytes!("../../media/sample.brtc"))];

/// The board's memories, in bytes.
const PSRAM: usize = 16 << 20;
const INTERNAL: usize = 192 << 10;

type Memory = &'static Heap<'static>;
type Radio = Runner<Sdio<SimSdio<WallClock>>, WallClock, Memory>;

/// The machine's clock.
#[derive(Clone, Copy)]
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Instant {
        Instant::from_micros(embassy_time::Instant::now().as_micros())
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        Timer::at(embassy_time::Instant::from_micros(at.as_micros()))
    }
}

fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

fn region(bytes: usize) -> Result<Memory> {
    let region = Box::leak(vec![MaybeUninit::<u8>::uninit(); bytes].into_boxed_slice());
    Ok(leak(Heap::new(region).map_err(|error| anyhow!("{bytes} bytes: {error}"))?))
}

/// What the tasks are made of.
struct Machine {
    far: Coprocessor<WallClock>,
    tap: Rc<Tap>,
    radio: Radio,
    control: &'static Control<Memory>,
    driver: Driver<Memory>,
    memory: Memory,
    psram: Memory,
    rng: ChaCha20Rng,
    address: Ipv4Address,
    settings: &'static [u8],
    crash: Option<u64>,
}

fn main() -> Result<()> {
    let mut args = pico_args::Arguments::from_env();
    if args.contains("--help") {
        println!("{HELP}");
        return Ok(());
    }
    let name: String = args.value_from_str("--tap")?;
    let address: Ipv4Address = args.value_from_str("--ip")?;
    let token: Option<String> = args.opt_value_from_str("--token")?;
    let base = match (args.contains("--old"), args.contains("--aggregating")) {
        (true, false) => Firmware::old(),
        (false, true) => Firmware::aggregating(),
        (false, false) => Firmware::default(),
        (true, true) => bail!("--old and --aggregating are two firmwares"),
    };
    let air_rate = args.opt_value_from_str("--rate")?.unwrap_or(3_000_000);
    let checksum = args.contains("--checksum");
    let crash = args.opt_value_from_str("--crash")?;
    if let [unknown, ..] = args.finish().as_slice() {
        bail!("{} is unknown; --help says more", unknown.display());
    }

    let tap = Rc::new(Tap::new(&name).with_context(|| format!("making the tap device {name}"))?);
    println!("tap {name} is there");
    let far = Coprocessor::new(Firmware { air_rate, checksum, ..base }, Wiring::Sdio, WallClock);
    let memory = region(INTERNAL)?;
    let config = Config::default();
    println!(
        "the driver takes at most {} B",
        Runner::<Sdio<SimSdio<WallClock>>, WallClock, Memory>::worst_case_bytes(&config)
    );
    let transport = Sdio::new(far.sdio(Timing::None));
    let (driver, control, radio) = barertc_hosted::new(transport, WallClock, config, memory)?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("no random numbers: {error}"))?;
    let settings = token.map(|token| format!("token={token}\n")).unwrap_or_default().into_bytes().leak();
    let machine = Machine {
        far,
        tap,
        radio,
        control: leak(control),
        driver,
        memory,
        psram: region(PSRAM)?,
        rng: ChaCha20Rng::from_seed(seed),
        address,
        settings,
        crash,
    };
    leak(Executor::new()).run(|spawner| start(spawner, machine))
}

fn start(spawner: Spawner, mut machine: Machine) {
    let config = embassy_net::Config::ipv4_static(StaticConfigV4 {
        address: Ipv4Cidr::new(machine.address, 24),
        gateway: None,
        dns_servers: Default::default(),
    });
    let resources = leak(StackResources::<SOCKETS>::new());
    let (stack, runner) = embassy_net::new(machine.driver, config, resources, machine.rng.next_u64());
    let parts = Parts {
        psram: machine.psram,
        internal: None,
        stack,
        tcp: leak(TcpRoom::new()),
        udp: leak(UdpRoom::new()),
        rng: machine.rng,
        crypto: RustCrypto,
        depth: || Stats::ZERO,
        log: |line| println!("{line}"),
    };
    let board = leak(EmbassyBoard::new(parts).expect("the PSRAM has room for a label for each owner"));
    let control = machine.control;
    spawner.spawn(firmware(machine.far.clone()).expect("one task each"));
    spawner.spawn(listen(machine.far.clone(), machine.tap.clone()).expect("one task each"));
    spawner.spawn(talk(machine.far.clone(), machine.tap).expect("one task each"));
    spawner.spawn(radio(machine.radio).expect("one task each"));
    spawner.spawn(network(runner).expect("one task each"));
    spawner.spawn(steer(control).expect("one task each"));
    spawner.spawn(report(control, machine.far.clone(), machine.memory).expect("one task each"));
    spawner.spawn(crash(machine.far, machine.crash).expect("one task each"));
    spawner.spawn(serve(board, machine.settings).expect("one task each"));
}

#[embassy_executor::task]
async fn firmware(far: Coprocessor<WallClock>) {
    far.run().await;
}

/// From the tap to the radio.
#[embassy_executor::task]
async fn listen(far: Coprocessor<WallClock>, tap: Rc<Tap>) {
    let mut frame = [0; 1600];
    while let Ok(len) = tap.receive(&mut frame).await {
        // A radio whose host does not come for its frames loses them.
        if far.backlog() < 64 {
            far.hear(&frame[..len]);
        }
    }
}

/// From the radio to the tap.
#[embassy_executor::task]
async fn talk(far: Coprocessor<WallClock>, tap: Rc<Tap>) {
    loop {
        tap.send(&far.aired().await);
    }
}

#[embassy_executor::task]
async fn radio(mut radio: Radio) {
    radio.run().await;
}

#[embassy_executor::task]
async fn network(mut runner: embassy_net::Runner<'static, Driver<Memory>>) {
    runner.run().await;
}

/// Joins the simulated network.
#[embassy_executor::task]
async fn steer(control: &'static Control<Memory>) {
    let network = Network::new("home", "correct horse battery").expect("a network that can be");
    if let Err(error) = control.connect(&network).await {
        println!("wifi: {error}");
    }
    loop {
        match control.event().await {
            Event::Connected(point) => println!("wifi: joined on channel {}", point.channel),
            event => println!("wifi: {event:?}"),
        }
    }
}

/// Says every second what was counted.
#[embassy_executor::task]
async fn report(control: &'static Control<Memory>, far: Coprocessor<WallClock>, memory: Memory) {
    loop {
        Timer::after(Duration::from_secs(1)).await;
        let stats = memory.stats();
        println!("hosted: {}", control.statistics());
        println!("driver memory {} B, peak {} B, {} allocations", stats.live, stats.peak, stats.allocations);
        for violation in far.violations() {
            println!("VIOLATION: {violation}");
        }
    }
}

#[embassy_executor::task]
async fn crash(far: Coprocessor<WallClock>, after: Option<u64>) {
    if let Some(seconds) = after {
        Timer::after(Duration::from_secs(seconds)).await;
        far.crash();
        println!("the co-processor crashes");
    }
}

#[embassy_executor::task]
async fn serve(board: &'static EmbassyBoard<RustCrypto>, settings: &'static [u8]) {
    let mut media = Embedded(&FILES);
    let buffers = leak(MediaRoom::new());
    if let Err(error) = board.serve(Lines::of(settings), PAGE, &mut media, buffers).await {
        println!("cannot start: {error}");
        std::process::exit(1);
    }
}
