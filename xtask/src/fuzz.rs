//! `fuzz`: every fuzz target for a short time, from its corpus.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::{fs, iter, thread};

use anyhow::{Context, Result, anyhow, bail};

use crate::run::{cargo_nightly, root, run, target_dir};
use crate::tools;

/// Seconds a target without an argument that says otherwise.
const SECONDS: &str = "3";

/// Targets that are too new: they have been built, and have not yet run for long enough to be trusted in every test.
const BY_NAME: [&str; 4] = ["curves_differ", "peer_carried", "peer_descriptions", "peer_hostile"];

/// How long and from where a target searches.
struct Search<'a> {
    seconds: &'a str,
    /// Where the mutations begin. Without one they differ from run to run, and what earlier runs found is used.
    seed: Option<u32>,
}

/// `cargo xtask fuzz [SECONDS [TARGET…]]`: inputs that differ from run to run.
pub fn main(args: &[String]) -> Result<()> {
    let seconds = args.first().map_or(SECONDS, String::as_str);
    search(&Search { seconds, seed: None }, args.get(1..).unwrap_or_default())
}

/// What `cargo xtask test` runs: the same inputs each time, so that one commit has one result.
pub fn of_tests() -> Result<()> {
    search(&Search { seconds: SECONDS, seed: Some(1) }, &[])
}

fn search(how: &Search<'_>, chosen: &[String]) -> Result<()> {
    if tools::find("cargo-fuzz").is_none() && !tools::cargo_bin("cargo-fuzz").is_file() {
        println!("  installing cargo-fuzz");
        run(cargo_nightly().args(["install", "--quiet", "--locked", "cargo-fuzz"]))?;
    }
    let names = targets()?;
    if let Some(unknown) = chosen.iter().find(|name| !names.contains(name)) {
        bail!("no fuzz target `{unknown}`; they are in fuzz/fuzz_targets");
    }
    let target = target_dir().join("fuzz");
    // Without AddressSanitizer: the parsers are safe Rust, and it costs half the speed.
    run(cargo_nightly()
        .current_dir(root().join("fuzz"))
        .args(["fuzz", "build", "--sanitizer", "none", "--target-dir"])
        .arg(&target))?;
    // It builds for the host by its name, as sanitizers need it.
    let programs = target.join(format!("{}-unknown-linux-gnu", std::env::consts::ARCH)).join("release");
    if chosen.is_empty() {
        println!("  NOT RUN: {} (ask for them by name)", BY_NAME.join(", "));
    }
    let wanted = |name: &&String| {
        if chosen.is_empty() { !BY_NAME.contains(&name.as_str()) } else { chosen.contains(name) }
    };
    at_once(names.iter().filter(wanted), |name| fuzz(&programs.join(name), name, how))
}

/// Calls `each` for everything in `names`, as many at a time as there are processors, until one fails.
fn at_once<'n>(names: impl Iterator<Item = &'n String> + Send, each: impl Fn(&str) -> Result<()> + Sync) -> Result<()> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let names = Mutex::new(names);
    let next = || names.lock().ok()?.next();
    let work = || iter::from_fn(next).try_for_each(|name| each(name));
    thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        running.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?)
    })
}

/// Runs one target. What it prints is shown when it has ended, so that two don't talk at once.
fn fuzz(program: &Path, name: &str, &Search { seconds, seed }: &Search<'_>) -> Result<()> {
    let crashes = root().join("fuzz/artifacts").join(name);
    fs::create_dir_all(&crashes)?;
    let seeds = root().join("fuzz/corpus").join(name);
    let output = Command::new(program)
        .arg(format!("-max_total_time={seconds}"))
        .args(seed.map(|seed| format!("-seed={seed}")))
        .args(["-verbosity=0", "-print_final_stats=0"])
        .arg(format!("-artifact_prefix={}/", crashes.display()))
        // What is found goes to a folder outside of the repository; its seeds are read only.
        .arg(scratch(name, seed.is_some())?)
        .args(seeds.is_dir().then_some(seeds))
        .output()
        .with_context(|| format!("fuzz target `{name}` could not be started"))?;
    if !output.status.success() {
        print!("{}", String::from_utf8_lossy(&output.stderr));
        bail!("fuzz target `{name}` ended with {}; what broke it is in {}", output.status, crashes.display());
    }
    println!("  {name}: {seconds} s");
    Ok(())
}

/// Where a target keeps the inputs that it found. `anew`: in an empty folder of its own.
fn scratch(name: &str, anew: bool) -> Result<PathBuf> {
    let folder = target_dir().join(if anew { "fuzz-tests" } else { "fuzz-found" }).join(name);
    if anew && folder.is_dir() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The names of the programs in `fuzz/fuzz_targets`.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("fuzz/fuzz_targets")).context("fuzz/fuzz_targets")? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "rs") {
            names.extend(path.file_stem().and_then(|s| s.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}
