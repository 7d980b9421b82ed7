//! The figures at the end of a run.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use barertc_p4::dev::timers::SECOND;
use barertc_p4::machine::{End, Machine};
use barertc_p4::symbols::Symbols;

/// Parts of the program that are listed.
const PARTS: usize = 16;

/// Prints why the run ended, and what it was like.
pub fn print(machine: &Machine, end: &End, symbols: &Symbols) {
    println!();
    match end {
        End::Fault(fault) => println!("stopped: {fault}"),
        other => println!("stopped: {other:?}"),
    }
    println!("at {}, called from {}", symbols.describe(machine.cpu.pc), symbols.describe(machine.cpu.x[1]));
    let (now, count, figures, bus) = (machine.now(), machine.cpu.count, &machine.figures, &machine.bus);
    let seconds = now as f64 / SECOND as f64;
    println!("{count} instructions in {seconds:.3} s, {:.1} million a second", count as f64 / seconds / 1e6);
    println!(
        "idle {:.1} %; an interrupt waited {:.1} µs at most",
        figures.idle as f64 * 100.0 / now.max(1) as f64,
        figures.longest_wait as f64 / 400.0
    );
    println!("{} starts; {} calls of the ROM; {} uses of devices", figures.starts, figures.rom_calls, bus.accesses);
    println!("units: {} blocks of AES, {} of SHA, {} calls of ECC", bus.aes.blocks, bus.sha.blocks, bus.ecc.calls);
    println!("cache: {:?} lines written back and invalidated", machine.memory.cache_operations);
    println!("flash: {} words written; Ethernet: {:?}", bus.flash.written_words, bus.emac.counts);
    let taken = machine.cpu.taken.iter().enumerate().filter(|(_, n)| **n > 0);
    println!("interrupts: {}", taken.map(|(id, n)| format!("{id}: {n}")).collect::<Vec<_>>().join(", "));
    for (what, times) in &bus.unanswered {
        println!("unanswered {times} times: {what}");
    }
    let mut parts = BTreeMap::<&str, u64>::new();
    for (pc, n) in &figures.samples {
        *parts.entry(symbols.part(*pc)).or_default() += n;
    }
    let all: u64 = parts.values().sum();
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by_key(|(_, n)| Reverse(*n));
    println!("where the processor was:");
    for (part, n) in parts.iter().take(PARTS) {
        println!("  {:5.1} %  {part}", *n as f64 * 100.0 / all.max(1) as f64);
    }
}
