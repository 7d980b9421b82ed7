//! The figures at the end of a run.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use barertc_p4::dev::timers::SECOND;
use barertc_p4::machine::{End, Machine};
use barertc_p4::symbols::Symbols;

/// Parts of the program that are listed.
const PARTS: usize = 16;

/// How busy the processor is, from time to time.
pub struct Load {
    each: u64,
    /// Ticks, instructions and idle ticks at the last look.
    last: [u64; 3],
}

impl Load {
    /// A line for each so many ticks.
    pub fn each(ticks: u64) -> Self {
        Self { each: ticks.max(1), last: [0; 3] }
    }

    /// The next line, if it is time for it.
    pub fn look(&mut self, machine: &Machine) -> Option<String> {
        let here = [machine.now(), machine.cpu.count, machine.figures.idle];
        if here[0] - self.last[0] < self.each {
            return None;
        }
        let [ticks, instructions, idle] = std::array::from_fn(|n| (here[n] - self.last[n]) as f64);
        self.last = here;
        // A tick is a cycle of 400 MHz, and an instruction is taken for one.
        let (million, busy) = (instructions / ticks * SECOND as f64 / 1e6, instructions * 100.0 / ticks);
        Some(format!(
            "model: {million:.1} million instructions a second, {busy:.1} % of 400 MHz; slept {:.1} %",
            idle * 100.0 / ticks
        ))
    }
}

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
    println!("memory, as the program told it last: {}", memory(&machine.log()).unwrap_or("nothing yet"));
    println!("{} starts; {} calls of the ROM; {} uses of devices", figures.starts, figures.rom_calls, bus.accesses);
    println!("units: {} blocks of AES, {} of SHA, {} calls of ECC", bus.aes.blocks, bus.sha.blocks, bus.ecc.calls);
    println!("cache: {:?} lines written back and invalidated", machine.memory.cache_operations);
    println!("flash: {} words written; Ethernet: {:?}", bus.flash.written_words, bus.emac.counts);
    if bus.sdhost.counts.commands > 0 {
        println!("SDIO: {:?}, {} frames lost in the co-processor", bus.sdhost.counts, bus.radio.lost);
        for what in bus.radio.far().map(|far| far.violations()).unwrap_or_default() {
            println!("the co-processor was given {what}");
        }
    }
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
    println!("instructions by part, from where the processor was every 50 µs:");
    for (part, n) in parts.iter().take(PARTS) {
        println!("  {:5.1} %  {:9.2} million  {part}", *n as f64 * 100.0 / all.max(1) as f64, *n as f64 / 1e6);
    }
}

/// What the last line of the program's figures says of both memories and of the stack.
fn memory(log: &str) -> Option<&str> {
    let line = log.lines().rfind(|line| line.starts_with("viewers ") && line.contains(" · one viewer"))?;
    let from = line.find("internal ")?;
    line.get(from..line.find(" · one viewer")?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_last_figures_are_told() {
        let line = "viewers 1 · internal 0 B, peak 0 B, of 0 B · psram 9 B, peak 9 B, of 99 B · stack peak 5 B, of 9 B · one viewer 1 B";
        let log = format!("{line}\nready\n{}\nviewers 2 · internal", line.replace("psram 9", "psram 8"));
        let told = "internal 0 B, peak 0 B, of 0 B · psram 8 B, peak 9 B, of 99 B · stack peak 5 B, of 9 B";
        assert_eq!(super::memory(&log), Some(told));
        assert_eq!(super::memory("ready"), None);
    }
}
