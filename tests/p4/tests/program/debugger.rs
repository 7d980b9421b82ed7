//! What `cargo xtask p4` offers to who looks for a fault: `--break-at`, `--watch`, `--trace`, and the figures at the end of a run.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use barertc_p4::memory::{L2, L2_BYTES};
use barertc_p4::symbols::Symbols;

use super::fixture::{Contents, TOKEN, program};

/// The command, as Cargo has built it.
fn model() -> std::ffi::OsString {
    std::env::var_os("CARGO_BIN_EXE_barertc-p4").expect("Cargo names the command")
}

/// What the program says on its log, what the run says at its end, and the trace.
struct Run {
    out: String,
    trace: String,
}

/// A run of the command on its own clock.
fn run(seconds: &str, options: &[&str]) -> Run {
    static FLASH: OnceLock<std::path::PathBuf> = OnceLock::new();
    let flash = FLASH.get_or_init(|| {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("debugger-flash.bin");
        fs::write(&path, Contents::with(TOKEN).flash()).expect("a file");
        path
    });
    let program = std::env::var_os("P4_PROGRAM").expect("P4_PROGRAM names the program");
    let output = Command::new(model())
        .args(["run", "--virtual", "--seconds", seconds, "--program"])
        .arg(program)
        .args(options)
        .arg(flash)
        .output()
        .expect("the model");
    let [out, trace] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
    assert!(output.status.success(), "{out}\n{trace}");
    Run { out, trace }
}

impl Run {
    /// What stands behind this on a line.
    fn after(&self, what: &str) -> &str {
        let line = self.out.lines().find_map(|line| line.split_once(what));
        line.unwrap_or_else(|| panic!("no {what:?}: {}", self.out)).1
    }

    fn instructions(&self) -> u64 {
        let line = self.out.lines().find(|line| line.contains(" instructions in ")).expect("a line");
        line.split(' ').next().and_then(|word| word.parse().ok()).expect("a number")
    }
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_breakpoint_stops_before_its_instruction_by_name_and_by_address() {
    let symbols = Symbols::of(program()).expect("symbols");
    let (address, _) = symbols.find("barertc_esp32p4::board").expect("a function that is not inlined");
    let by_name = run("5", &["--break-at", "barertc_esp32p4::board"]);
    assert_eq!(by_name.after("stopped: "), format!("Breakpoint({address})"));
    let at = format!("\nat {address:#010x} barertc_esp32p4::board+0x0, called from ");
    assert!(by_name.out.contains(&at), "{}", by_name.out);
    // It stands before the network and behind the memories.
    assert!(!by_name.out.contains("ready at"), "{}", by_name.out);
    let by_address = run("5", &["--break-at", &format!("{address:#x}")]);
    assert_eq!(by_address.instructions(), by_name.instructions(), "each run is like the other");
    assert_eq!(run("0.5", &["--break-at", "ExceptionHandler"]).after("stopped: "), "Timeout");
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_watchpoint_stops_before_what_is_there_is_written() {
    let symbols = Symbols::of(program()).expect("symbols");
    let name = "barertc_esp32p4::BOARD";
    let (address, len) = symbols.find(name).expect("what is written once, at the start");
    assert!((L2..L2 + L2_BYTES as u32).contains(&address));
    let watched = run("5", &["--watch", name]);
    let at: u32 = watched.after("stopped: Watchpoint(").trim_end_matches(')').parse().expect("an address");
    assert!((address..address + len).contains(&at), "{at:#x}, and {name} is {len} bytes at {address:#x}");
    // Nothing of it is there yet where the function that writes it begins.
    let before = run("5", &["--break-at", "barertc_esp32p4::board"]);
    assert!(watched.instructions() > before.instructions(), "written before {}", before.out);
    // What is written before the first device is used is the start-up code's, and does not count; what nobody writes stops nothing.
    let elsewhere = Command::new(model())
        .args(["run", "--virtual", "--seconds", "1", "--watch", "0x40000000", "/dev/null"])
        .output()
        .expect("the model");
    assert!(!elsewhere.status.success());
    assert!(String::from_utf8_lossy(&elsewhere.stderr).contains("is not in the memory inside the chip"));
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_trace_has_each_instruction_from_the_entry_on() {
    // 2,000 of them.
    let traced = run("0.000005", &["--trace"]);
    assert_eq!(traced.instructions(), 2_000);
    let lines: Vec<_> = traced.trace.lines().collect();
    let entry = u32::from_le_bytes(program()[24..28].try_into().expect("the header of an ELF file"));
    assert!(lines[0].starts_with(&format!("0000000000 {entry:08x} ")), "{}", lines[0]);
    // A function of the ROM is no instruction of the program's.
    let (rom, own): (Vec<&str>, Vec<&str>) = lines.iter().copied().partition(|line| line.contains(" ROM "));
    assert!(rom.iter().any(|line| line.contains(" ROM rtc_get_reset_reason ")), "{rom:?}");
    let count = |line: &str| line.split(' ').next().and_then(|word| word.parse::<usize>().ok());
    let wrong = own.iter().enumerate().find(|(n, line)| count(line) != Some(*n) || !line.contains(" sp="));
    assert_eq!((wrong, own.len()), (None, 2_000), "each instruction once, in order");
    assert!(own.iter().all(|line| !line.contains("Illegal")));
    // It changes nothing.
    let plain = run("0.000005", &[]);
    assert!(plain.trace.is_empty(), "{}", plain.trace);
    assert_eq!(plain.after("called from "), traced.after("called from "));
    assert_eq!(plain.instructions(), 2_000);
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_run_ends_with_its_figures() {
    let run = run("8", &[]);
    assert_eq!(run.after("stopped: "), "Timeout");
    let number = |text: &str| text.trim_start().split([' ', '%']).next().and_then(|word| word.parse::<f64>().ok());
    assert!(number(run.after("idle ")).is_some_and(|share| share > 50.0), "{}", run.out);
    let waited = number(run.after("an interrupt waited ")).expect("a number");
    println!("an interrupt waited {waited} µs at most");
    assert!(waited < INTERRUPT, "{waited} µs");
    assert!(run.after("memory, as the program told it last: ").contains("stack peak"), "{}", run.out);
    let units = run.after("units: ");
    assert!(units.contains(" blocks of AES, ") && units.contains(" of SHA, ") && units.contains(" calls of ECC"));
    assert!(run.after("cache: ").contains(" lines written back and invalidated"));
    // Those that a start needs most.
    for part in ["barertc_curves", "barertc_esp32p4", "esp_hal"] {
        assert!(run.out.lines().any(|line| line.contains(" million  ") && line.ends_with(part)), "{part}: {}", run.out);
    }
}

/// Microseconds that an interrupt may wait at the start and without a viewer.
const INTERRUPT: f64 = 100.0;
