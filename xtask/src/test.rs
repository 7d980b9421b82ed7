//! `cargo xtask test`: everything that must hold, one part after the other, each with its time.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::run::{cargo, cargo_nightly, root, run, target_dir};
use crate::tools::{self, Tool};

/// A part of the tests that can be run alone.
struct Part {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<()>,
}

const PARTS: &[Part] = &[
    Part { name: "tools", about: "what the tests need beside Rust is installed", run: install },
    Part { name: "fmt", about: "formatting, and no large file that nobody named", run: fmt },
    Part {
        name: "circles",
        about: "circles of files, large structs, types without `defmt::Format`, texts of errors, the way of an offer",
        run: circles,
    },
    Part { name: "deny", about: "licences, sources, doubled and yanked versions of all dependencies", run: deny },
    Part { name: "clippy", about: "lints, warnings denied", run: clippy },
    Part {
        name: "unit",
        about: "unit, property, integration and documentation tests, and those against other stacks",
        run: unit,
    },
    Part { name: "wolfssl", about: "DTLS 1.3 against wolfSSL, built from its sources", run: wolfssl },
    Part { name: "loom", about: "every interleaving of threads that share references", run: loom },
    Part { name: "asan", about: "memory under AddressSanitizer (nightly)", run: asan },
    Part { name: "doc", about: "the documentation builds without a warning", run: doc },
    Part {
        name: "riscv",
        about: "the no_std crates on RISC-V, and their self-tests on an emulated machine",
        run: riscv,
    },
    Part { name: "matrix", about: "each feature alone, and chips without compare-and-swap", run: matrix },
    Part { name: "capi", about: "the C interface: examples by gcc, and a program for RISC-V", run: capi },
    Part { name: "no-panic", about: "paths from the network link without a panic handler", run: no_panic },
    Part { name: "outside", about: "programs of strangers: README's, and a firmware with embassy-net", run: outside },
    Part { name: "size", about: "the firmware images build, link without a heap, and keep to their budget", run: size },
    Part { name: "boards", about: "the smallest firmware for boards that nothing here can run", run: boards },
    Part {
        name: "p4",
        about: "the ESP32-P4's program in a model of the chip: starts, refusals, power cuts, viewers, and a real browser",
        run: p4,
    },
    Part { name: "guide", about: "the commands of README, each run as printed", run: guide },
    Part { name: "proofs", about: "a line for each promise, with what was measured", run: proofs },
    Part { name: "fuzz", about: "every fuzz target for some seconds (nightly)", run: fuzz },
    Part { name: "e2e", about: "the desktop's streamer in a real browser", run: e2e },
    Part { name: "live", about: "encoders instead of files, in a real browser", run: live },
    Part { name: "impair", about: "the streamer on bad networks, in a real browser", run: impair },
    Part {
        name: "qemu-e2e",
        about: "the emulated devices in a real browser: the streamer, and the smallest firmware",
        run: qemu_e2e,
    },
    Part {
        name: "p4-e2e",
        about: "what `p4` has with a browser, for longer: over WiFi, more viewers at once, many reconnections",
        run: p4_e2e,
    },
    Part {
        name: "p4-selftest",
        about: "the accelerators of that chip's model, as its program uses them, against the published vectors",
        run: p4_selftest,
    },
    Part {
        name: "qemu-tls",
        about: "the emulated device over https and wss, and through TURN over TCP and TLS without UDP (root)",
        run: qemu_tls,
    },
    Part {
        name: "hosted-e2e",
        about: "the streamer behind the WiFi driver in a real browser (needs root for a network namespace)",
        run: hosted_e2e,
    },
];

/// What a run without names leaves out, and says so: how well a picture holds is judged where nothing else runs, and a HAL takes long to
/// compile.
const BY_NAME: &[&str] = &["boards", "impair", "p4-e2e", "p4-selftest", "qemu-tls"];

/// Every package that any part needs, so that a missing one is known in the first minute.
const TOOLS: &[Tool] = &[
    Tool { file: "cc", package: "gcc" },
    Tool { file: "ffmpeg", package: "ffmpeg" },
    Tool { file: "openssl", package: "openssl" },
    Tool { file: "gnutls-cli", package: "gnutls-bin" },
    // wolfSSL is built from its sources.
    Tool { file: "autoconf", package: "autoconf" },
    Tool { file: "automake", package: "automake" },
    Tool { file: "libtoolize", package: "libtool" },
    Tool { file: "make", package: "make" },
    Tool { file: "/usr/share/doc/libclang-dev/copyright", package: "libclang-dev" },
    Tool { file: "/usr/include/srtp2/srtp.h", package: "libsrtp2-dev" },
    Tool { file: "/usr/include/usrsctp.h", package: "libusrsctp-dev" },
    Tool { file: "turnserver", package: "coturn" },
    Tool { file: "python3", package: "python3" },
    Tool { file: "chromium", package: "chromium" },
    Tool { file: "firefox-esr", package: "firefox-esr" },
    Tool { file: "npm", package: "npm" },
    Tool { file: "ip", package: "iproute2" },
    Tool { file: "qemu-system-riscv32", package: "qemu-system-misc" },
    crate::cortex_m::EMULATOR,
    Tool { file: "riscv64-unknown-elf-gcc", package: "gcc-riscv64-unknown-elf" },
];

pub fn main(args: &[String]) -> Result<()> {
    if args.iter().any(|arg| arg == "--list") {
        for part in PARTS {
            println!("  {:<8} {}", part.name, part.about);
        }
        return Ok(());
    }
    if let Some(unknown) = args.iter().find(|arg| !PARTS.iter().any(|part| part.name == **arg)) {
        bail!("no part `{unknown}`; `cargo xtask test --list` names them");
    }
    let chosen: Vec<&Part> = PARTS.iter().filter(|part| wanted(args, part.name)).collect();
    let mut times: Vec<(&str, Duration)> = Vec::new();
    let mut failed: Vec<&str> = Vec::new();
    for (n, part) in chosen.iter().enumerate() {
        println!("\n== {}/{} {}: {}", n + 1, chosen.len(), part.name, part.about);
        let start = Instant::now();
        let result = (part.run)();
        times.push((part.name, start.elapsed()));
        if let Err(error) = result {
            eprintln!("part `{}` failed: {error:#}", part.name);
            failed.push(part.name);
            // Without its tools, every part after this one would fail for the same reason.
            if part.name == "tools" {
                break;
            }
        }
    }
    print_times(&times);
    if args.is_empty() {
        println!("NOT RUN: {} (ask for it by name)", BY_NAME.join(", "));
    }
    println!("{} passed, {} failed", times.len() - failed.len(), failed.len());
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: {} (each alone: `cargo xtask test PART`)", failed.join(", "))
}

/// Whether a run without names has this part.
#[cfg(test)]
pub fn is_run_unasked(name: &str) -> bool {
    PARTS.iter().any(|part| part.name == name) && wanted(&[], name)
}

fn wanted(args: &[String], name: &str) -> bool {
    if args.is_empty() { !BY_NAME.contains(&name) } else { args.iter().any(|arg| arg == name) }
}

fn print_times(times: &[(&str, Duration)]) {
    println!();
    for (name, time) in times {
        println!("  {name:<8} {:>6.1} s", time.as_secs_f64());
    }
}

/// Debian has what `python3 -m venv` needs in a package of its own.
const VENV: Tool = Tool { file: "/usr/share/doc/python3-venv/copyright", package: "python3-venv" };

fn install() -> Result<()> {
    tools::need(TOOLS)?;
    let has_venv = Command::new("python3").args(["-c", "import ensurepip"]).status().is_ok_and(|s| s.success());
    if has_venv { Ok(()) } else { tools::need(&[VENV]) }
}

/// The workspaces beside the main one: other targets, other tool chains, heavy peers.
const ASIDE: [&str; 9] = [
    "benches",
    "examples/cortex-m",
    "examples/esp32p4",
    "examples/qemu-virt",
    "examples/stm32h7",
    "fuzz",
    "tests/no-panic",
    "tests/riscv",
    "tests/size",
];

fn fmt() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    for folder in ASIDE {
        run(cargo().current_dir(root().join(folder)).args(["fmt", "--all", "--check"]))?;
    }
    large_files()
}

/// The files of the repository that may be larger than [`LARGE`].
const LARGE_FILES: [&str; 2] = ["examples/media/sample.brtc", "examples/media/sample-small.brtc"];

/// In bytes. The largest text of ours is a lock file of a bit less.
const LARGE: u64 = 128 * 1024;

/// What a program leaves behind, such as a core dump, is in no commit.
fn large_files() -> Result<()> {
    let listing = Command::new("git").current_dir(root()).args(["ls-files", "-z"]).output();
    let Some(listing) = listing.ok().filter(|listing| listing.status.success()) else {
        println!("  large files: not looked for, this is no clone made by git");
        return Ok(());
    };
    for name in String::from_utf8(listing.stdout)?.split_terminator('\0') {
        let size = fs::symlink_metadata(root().join(name)).map_or(0, |file| file.len());
        if size > LARGE && !LARGE_FILES.contains(&name) {
            bail!(
                "{name} has {size} bytes: a file of more than {LARGE} is named in xtask/src/test.rs, or is in no commit"
            );
        }
    }
    Ok(())
}

fn clippy() -> Result<()> {
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    crate::cortex_m::lint()?;
    crate::riscv::lint(&["tests/riscv", "tests/size", "examples/qemu-virt"])
}

fn circles() -> Result<()> {
    crate::circles::main(&[])
}

fn matrix() -> Result<()> {
    crate::matrix::main(&[])
}

fn capi() -> Result<()> {
    crate::capi::main(&[])
}

fn deny() -> Result<()> {
    crate::deny::of_tests()
}

fn proofs() -> Result<()> {
    crate::proofs::of_tests()
}

fn no_panic() -> Result<()> {
    crate::no_panic::main(&[])
}

fn outside() -> Result<()> {
    crate::outside::main(&[])
}

/// Where property tests find their inputs: set to the same number, they draw the same ones.
pub const SEED: &str = "PROPTEST_RNG_SEED";

/// One commit has one result, so property tests draw the same inputs each time: `cargo xtask explore` draws others.
fn unit() -> Result<()> {
    run(cargo().args(["test", "--workspace", "--no-fail-fast"]).env(SEED, "1"))
}

/// `cargo xtask explore [ROUNDS]`: the tests of all packages that have property tests, with other inputs in each round.
///
/// The seed of a round stands in the command that is shown, so that what it found can be had again.
pub fn explore(args: &[String]) -> Result<()> {
    let rounds = match args {
        [] => 20,
        [rounds] => rounds.parse().context("usage: cargo xtask explore [ROUNDS]")?,
        _ => bail!("usage: cargo xtask explore [ROUNDS]"),
    };
    let packages = with_property_tests()?;
    let start = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    for seed in start..start + rounds {
        let tests = ["test", "--quiet", "--no-fail-fast", "--tests"];
        run(cargo().args(tests).args(packages.iter().flat_map(|p| ["--package", p])).env(SEED, seed.to_string()))?;
    }
    Ok(())
}

/// The packages of the workspace that draw inputs by `proptest`.
fn with_property_tests() -> Result<Vec<String>> {
    let mut packages = Vec::new();
    for entry in fs::read_dir(root().join("crates"))? {
        let manifest = fs::read_to_string(entry?.path().join("Cargo.toml")).unwrap_or_default();
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        if let (Some(name), true) = (name, manifest.contains("\nproptest")) {
            packages.push(name.to_owned());
        }
    }
    packages.push("barertc-interop".to_owned());
    packages.sort();
    Ok(packages)
}

fn wolfssl() -> Result<()> {
    run(cargo()
        .args(["test", "--manifest-path"])
        .arg(root().join("interop/wolfssl/Cargo.toml"))
        .env("CARGO_TARGET_DIR", target_dir()))
}

fn loom() -> Result<()> {
    // A build folder of its own: other flags would build everything anew each time.
    let target = target_dir().join("loom");
    run(cargo()
        .args(["test", "--package", "barertc-arena", "--release", "--test", "loom"])
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", target))
}

fn asan() -> Result<()> {
    let target = target_dir().join("asan");
    run(cargo_nightly()
        .args(["test", "--package", "barertc-arena", "--target", "x86_64-unknown-linux-gnu", "--tests"])
        // Tests that need a feature are left out without a word where it is off.
        .args(["--features", "std,labels,trace,selftest"])
        .env(SEED, "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("CARGO_TARGET_DIR", target))
}

fn doc() -> Result<()> {
    run(cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn riscv() -> Result<()> {
    crate::riscv::main(&[])
}

fn guide() -> Result<()> {
    crate::readme::main(&[])
}

fn size() -> Result<()> {
    crate::size::main(&["--check".into()])
}

fn fuzz() -> Result<()> {
    crate::fuzz::of_tests()
}

fn e2e() -> Result<()> {
    crate::e2e::main(&[])
}

fn live() -> Result<()> {
    crate::e2e::live(&[])
}

fn impair() -> Result<()> {
    crate::impair::quick()
}

fn qemu_e2e() -> Result<()> {
    crate::e2e::qemu(&[])
}

fn boards() -> Result<()> {
    crate::boards::main(&[])
}

fn p4() -> Result<()> {
    crate::p4::alone()
}

fn p4_e2e() -> Result<()> {
    crate::p4::e2e(&[])
}

fn p4_selftest() -> Result<()> {
    crate::p4::selftest(&[])
}

fn qemu_tls() -> Result<()> {
    crate::e2e::qemu_tls(&[])
}

fn hosted_e2e() -> Result<()> {
    crate::e2e::hosted(&[])
}
