//! Runs a flash image in the model: `barertc-p4 FLASH [--port PORT] …`.

use std::fs;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use barertc_p4::board::Board;
use barertc_p4::dev::timers::SECOND;
use barertc_p4::machine::{ClockSource, End, Machine};
use barertc_p4::net::{Forward, UserNetwork};
use barertc_p4::symbols::Symbols;

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
        _ => anyhow::bail!("usage: barertc-p4 image … | run …"),
    }
}

/// `barertc-p4 run FLASH …`.
fn start(mut args: pico_args::Arguments) -> Result<()> {
    let port: u16 = args.opt_value_from_str("--port")?.unwrap_or(0);
    let media: u16 = args.opt_value_from_str("--media-port")?.unwrap_or(0);
    let seconds: u64 = args.opt_value_from_str("--seconds")?.unwrap_or(u64::MAX / SECOND / 4);
    let clock = if args.contains("--virtual") { ClockSource::Virtual } else { ClockSource::Wall };
    let trace = args.contains("--trace");
    let interrupts_on = args.contains("--interrupts-on");
    let symbols = match args.opt_value_from_str::<_, String>("--program")? {
        Some(path) => Symbols::of(&fs::read(&path).with_context(|| format!("cannot read {path}"))?)?,
        None => Symbols::default(),
    };
    let path: String = args.free_from_str()?;
    let flash = fs::read(&path).with_context(|| format!("cannot read {path}"))?;
    let network = UserNetwork::new(Forward { tcp: vec![(port, 80)], udp: vec![(media, 9000)], ..Forward::default() })?;
    println!("page at port {:?}, media at {:?}", network.tcp_ports(), network.udp_ports());
    let board = Board { interrupts_on, ..Board::ev() };
    let mut machine = Machine::new(board, flash, Box::new(network), clock);
    machine.trace = trace;
    let mut shown = 0;
    let end = machine.run(seconds * 1000, |machine| {
        let text = &machine.bus.serial.text;
        if text.len() > shown {
            let _ = std::io::stdout().write_all(&text[shown..]);
            let _ = std::io::stdout().flush();
            shown = text.len();
        }
        false
    });
    let (now, count) = (machine.now(), machine.cpu.count);
    println!("{end:?} at {}, called from {}", symbols.describe(machine.cpu.pc), symbols.describe(machine.cpu.x[1]));
    let mut parts = std::collections::BTreeMap::<&str, u64>::new();
    for (pc, n) in &machine.figures.samples {
        *parts.entry(symbols.part(*pc)).or_default() += n;
    }
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    for (part, n) in parts.iter().take(12) {
        println!("  {n:8} {part}");
    }
    if let End::Fault(fault) = &end {
        println!("{fault}");
    }
    for (what, times) in &machine.bus.unanswered {
        println!("  unanswered {times} times: {what}");
    }
    println!(
        "{count} instructions in {:.3} s, idle {:.1} %, {} starts, {} ROM calls, longest wait of an interrupt {:.1} us, device accesses {}, {:?}",
        now as f64 / SECOND as f64,
        machine.figures.idle as f64 * 100.0 / now as f64,
        machine.figures.starts,
        machine.figures.rom_calls,
        machine.figures.longest_wait as f64 / 400.0,
        machine.bus.accesses,
        machine.bus.emac.counts,
    );
    Ok(())
}

/// `barertc-p4 image --program ELF --table CSV [--part NAME=FILE]… -o OUT`.
fn image(mut args: pico_args::Arguments) -> Result<()> {
    let read = |path: &str| fs::read(path).with_context(|| format!("cannot read {path}"));
    let program = read(&args.value_from_str::<_, String>("--program")?)?;
    let table = args.value_from_str::<_, String>("--table")?;
    let table = fs::read_to_string(&table).with_context(|| format!("cannot read {table}"))?;
    let out: String = args.value_from_str("-o")?;
    let parts: Vec<String> = args.values_from_str("--part")?;
    let parts = parts.iter().map(|part| {
        let (name, file) = part.split_once('=').context("--part NAME=FILE")?;
        Ok((name, read(file)?))
    });
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, data)| (*name, &data[..])).collect();
    let application = barertc_p4_image::application(&program)?;
    let flash = barertc_p4_image::flash(&barertc_p4_image::Table::parse(&table)?, &application, &parts)?;
    fs::write(&out, &flash).with_context(|| format!("cannot write {out}"))
}
