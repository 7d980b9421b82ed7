//! `cargo xtask riscv`: the `no_std` crates compile for RISC-V, and their self-tests pass on an emulated machine.

mod report;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::image::nothing_runs_before_main;
use crate::run::{root, run, show};
use crate::rv32::{Source, TARGET, Toolchain};
use crate::tools::{self, Tool};
use report::Report;

const QEMU: Tool = Tool { file: "qemu-system-riscv32", package: "qemu-system-misc" };
/// The emulator needs some seconds; a self-test that never ends is stopped here.
const PATIENCE: Duration = Duration::from_secs(300);
/// What the linker cannot find when somebody uses the global heap (`barertc_arena::Unlinkable`).
const NO_HEAP: &str = "the_global_heap_is_used_but_this_program_must_not_have_one";

pub fn main(args: &[String]) -> Result<()> {
    let (mut wanted, mut crates, mut selftests) = (None, true, true);
    for arg in args {
        match arg.as_str() {
            "--rustup" => wanted = Some(Source::Rustup),
            "--debian" => wanted = Some(Source::Debian),
            "crates" => selftests = false,
            "selftests" => crates = false,
            _ => bail!("no `{arg}`: cargo xtask riscv [--rustup | --debian] [crates | selftests]"),
        }
    }
    let toolchain = Toolchain::find(wanted)?;
    if crates {
        build_crates(&toolchain)?;
    }
    if selftests {
        run_selftests(&toolchain)?;
    }
    Ok(())
}

/// Every crate that says it can do without an operating system has to compile where there is none.
fn build_crates(toolchain: &Toolchain) -> Result<()> {
    let crates = no_std_crates()?;
    if crates.is_empty() {
        bail!("no crate of crates/ says #![no_std]");
    }
    let mut build = toolchain.cargo("build", &root())?;
    build.arg("--keep-going");
    for name in &crates {
        build.args(["-p", name]);
    }
    run(&mut build)?;
    println!("  {} crates build for {TARGET}", crates.len());
    Ok(())
}

/// Lints for the programs that only build for the target. Debian's Rust comes without clippy: then it is said.
pub fn lint(folders: &[&str]) -> Result<()> {
    let toolchain = match Toolchain::find(Some(Source::Rustup)) {
        Ok(toolchain) => toolchain,
        Err(error) => {
            println!("  NOT RUN: clippy of {}: {error:#}", folders.join(", "));
            return Ok(());
        }
    };
    for folder in folders {
        run(toolchain.cargo("clippy", &root().join(folder))?.args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

fn no_std_crates() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("crates"))? {
        let dir = entry?.path();
        let Ok(library) = fs::read_to_string(dir.join("src/lib.rs")) else { continue };
        if !library.lines().any(|line| line == "#![no_std]") {
            continue;
        }
        let manifest = fs::read_to_string(dir.join("Cargo.toml"))?;
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        names.push(name.with_context(|| format!("{} has no name", dir.display()))?.to_owned());
    }
    names.sort();
    Ok(names)
}

fn run_selftests(toolchain: &Toolchain) -> Result<()> {
    tools::need(&[QEMU])?;
    let dir = root().join("tests/riscv");
    run(toolchain.cargo("build", &dir)?.args(["--bin", "selftest"]))?;
    nothing_runs_before_main(&toolchain.program("selftest"))?;
    prove_the_proof(toolchain)?;

    let mut qemu = Command::new(QEMU.file);
    // One instruction a tick: the counts are exact and the same on every host.
    qemu.args(["-M", "virt", "-bios", "none", "-nographic", "-icount", "shift=0", "-kernel"]);
    qemu.arg(toolchain.program("selftest")).stdin(Stdio::null()).stdout(Stdio::piped());
    println!("  $ {}", show(&qemu));
    let report = listen(qemu)?;
    println!("\n{report}");
    report.verdict()
}

/// The self-tests have just linked without a global heap. That means something if a program that uses one doesn't.
fn prove_the_proof(toolchain: &Toolchain) -> Result<()> {
    let dir = root().join("tests/riscv");
    let mut build = toolchain.cargo("build", &dir)?;
    build.args(["--quiet", "--features", "broken-promise", "--bin", "uses_the_global_heap"]);
    println!("  $ {} (must not link)", show(&build));
    let out = build.output()?;
    if out.status.success() {
        bail!("a program that uses the global heap links: promise P1 is not being tested");
    }
    let why = String::from_utf8_lossy(&out.stderr);
    if !why.contains(NO_HEAP) {
        bail!("a program that uses the global heap fails to build for another reason:\n{why}");
    }
    Ok(())
}

/// Starts the emulator and reads what it says until it ends, or until patience does.
fn listen(mut qemu: Command) -> Result<Report> {
    let mut child = qemu.spawn().with_context(|| format!("{} could not be started", QEMU.file))?;
    let out = child.stdout.take().context("the emulator has no output")?;
    let (send, lines) = mpsc::channel();
    let reader = thread::spawn(move || {
        BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| send.send(line)).ok();
    });
    let deadline = Instant::now() + PATIENCE;
    let mut report = Report::default();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => report.line(line.trim_end()),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill()?;
                child.wait()?;
                println!("{report}");
                bail!("the emulator did not end within {} s", PATIENCE.as_secs());
            }
        }
    }
    reader.join().ok();
    let status = child.wait()?;
    report.ended_well(status.success());
    Ok(report)
}
