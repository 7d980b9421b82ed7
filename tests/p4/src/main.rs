//! Runs a flash image in the model, or makes one. `cargo xtask p4` calls it.

mod report;

use std::fs;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use barertc_coprocessor::Firmware;
use barertc_p4::board::Board;
use barertc_p4::dev::timers::SECOND;
use barertc_p4::machine::{ClockSource, Machine};
use barertc_p4::memory::{L2, L2_BYTES};
use barertc_p4::net::{Forward, UserNetwork};
use barertc_p4::symbols::Symbols;

const USAGE: &str = "usage: barertc-p4 run [OPTION…] FLASH
       barertc-p4 image --program ELF --table CSV [--part NAME=FILE]… -o OUT
  --program ELF       names for addresses
  --port PORT         of this machine, for the page (any that is free)
  --media-port PORT   the same for media
  --outward PORT      of this machine, which the program may connect to at 10.0.2.2
  --coprocessor WHICH firmware of the ESP32-C6: 2 (the default), 3, old, or none for no card
  --load SECONDS      says how busy the processor was, each so many seconds
  --restart-each SECONDS  starts the program again by software each so many seconds, as its panic does it
  --seconds N         ends after so many, which may be a fraction
  --virtual           an instruction takes 2.5 ns, and sleep no time
  --trace             prints each instruction
  --watch SYMBOL      stops before what is there is written, once the start-up code has cleared it
  --break-at SYMBOL   stops there; also an address like 0x40012436
  --interrupts-on     the bootloader leaves interrupts on";

/// Seconds that nobody waits for, and that still can be counted in ticks.
const FOR_EVER: f64 = 1e9;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("barertc-p4: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = pico_args::Arguments::from_env();
    match args.subcommand()?.as_deref() {
        Some("image") => image(args),
        Some("run") => start(args),
        _ => bail!("{USAGE}"),
    }
}

fn read(path: &str) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {path}"))
}

/// `barertc-p4 run`.
fn start(mut args: pico_args::Arguments) -> Result<()> {
    let mut number =
        |name: &'static str| args.opt_value_from_str::<_, u16>(name).with_context(|| format!("{name}: a number"));
    let (port, media, outward) = (number("--port")?, number("--media-port")?, number("--outward")?);
    let seconds: f64 = args.opt_value_from_str("--seconds")?.unwrap_or(FOR_EVER);
    let clock = if args.contains("--virtual") { ClockSource::Virtual } else { ClockSource::Wall };
    let load: Option<u64> = args.opt_value_from_str("--load")?;
    let restart_each: Option<u64> = args.opt_value_from_str("--restart-each")?;
    let coprocessor = match args.opt_value_from_str::<_, String>("--coprocessor")?.as_deref() {
        None | Some("2") => Some(Firmware::default()),
        Some("3") => Some(Firmware::aggregating()),
        Some("old") => Some(Firmware::old()),
        Some("none") => None,
        Some(other) => bail!("--coprocessor {other}: 2, 3, old or none"),
    };
    let trace = args.contains("--trace");
    let interrupts_on = args.contains("--interrupts-on");
    let watch: Option<String> = args.opt_value_from_str("--watch")?;
    let stop: Option<String> = args.opt_value_from_str("--break-at")?;
    let symbols = match args.opt_value_from_str::<_, String>("--program")? {
        Some(path) => Symbols::of(&read(&path)?)?,
        None => Symbols::default(),
    };
    let flash = read(&args.free_from_str::<String>().context(USAGE)?)?;
    let forward = Forward {
        tcp: vec![(port.unwrap_or(0), 80)],
        udp: vec![(media.unwrap_or(0), 9000)],
        outward: outward.into_iter().collect(),
        no_lease: false,
    };
    let network = UserNetwork::new(forward)?;
    println!("page at port {:?}, media at {:?}", network.tcp_ports(), network.udp_ports());
    let board = Board { interrupts_on, coprocessor, ..Board::ev() };
    let mut machine = Machine::new(board, flash, Box::new(network), clock);
    machine.trace = trace;
    let place = |name: &str| match name.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16)) {
        Some(address) => Ok((address.with_context(|| format!("{name}: no address"))?, 4)),
        None => symbols.find(name).with_context(|| format!("{name}: no such symbol (--program names the program)")),
    };
    // The start-up code clears and copies everything there is: writes count from when the program uses its first device.
    let mut watched = watch.map(|name| place(&name)).transpose()?.map(|(address, len)| (address, address + len.max(1)));
    if let Some((address, _)) = watched.filter(|(address, _)| !(L2..L2 + L2_BYTES as u32).contains(address)) {
        bail!("--watch: {address:#010x} is not in the memory inside the chip, which alone is watched");
    }
    if let Some(name) = stop {
        machine.breakpoints = vec![place(&name)?.0];
    }
    let (mut shown, mut started) = (0, 0);
    let mut load = load.map(|seconds| report::Load::each(seconds * SECOND));
    let end = machine.run_ticks((seconds * SECOND as f64) as u64, |machine| {
        if machine.bus.accesses > 0 && watched.is_some() {
            machine.memory.watched = watched.take();
            machine.cpu.guards_changed = true;
        }
        let text = &machine.bus.serial.text;
        if text.len() > shown {
            let _ = std::io::stdout().write_all(&text[shown..]);
            let _ = std::io::stdout().flush();
            shown = text.len();
        }
        if let Some(line) = load.as_mut().and_then(|load| load.look(machine)) {
            println!("{line}");
        }
        if restart_each.is_some_and(|seconds| machine.now() - started >= seconds * SECOND) {
            started = machine.now();
            machine.warm_restart = true;
        }
        false
    });
    report::print(&machine, &end, &symbols);
    Ok(())
}

/// `barertc-p4 image`.
fn image(mut args: pico_args::Arguments) -> Result<()> {
    let program = read(&args.value_from_str::<_, String>("--program")?)?;
    let table = read(&args.value_from_str::<_, String>("--table")?)?;
    let out: String = args.value_from_str("-o")?;
    let parts: Vec<String> = args.values_from_str("--part")?;
    let parts = parts.iter().map(|part| {
        let (name, file) = part.split_once('=').context("--part NAME=FILE")?;
        Ok((name, read(file)?))
    });
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, data)| (*name, &data[..])).collect();
    let application = barertc_p4_image::application(&program)?;
    let table = barertc_p4_image::Table::parse(&String::from_utf8_lossy(&table))?;
    fs::write(&out, barertc_p4_image::flash(&table, &application, &parts)?)
        .with_context(|| format!("cannot write {out}"))
}
