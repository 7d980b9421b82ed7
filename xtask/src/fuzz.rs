//! `fuzz`: every fuzz target for a short time, from its corpus, and what each has run and reached.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::{fs, iter, thread};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::run::{cargo_nightly, root, run, target_dir};
use crate::tools;

const USAGE: &str = "usage: cargo xtask fuzz [SECONDS [TARGET…]] [--write]
  --write   runs every target, those too that are otherwise run by name only, and puts the table into docs/security.md";
const DOCUMENT: &str = "docs/security.md";
const BEGIN: &str = "<!-- fuzzing: written by `cargo xtask fuzz SECONDS --write` -->\n";
const END: &str = "<!-- end of fuzzing -->\n";

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

/// What a target has done, by libFuzzer's last line.
#[derive(Debug, PartialEq, Eq)]
struct Reached {
    target: String,
    /// How often the target was run.
    runs: u64,
    /// Edges of the control flow that were passed.
    edges: u64,
    /// The same, with how often each was passed.
    features: u64,
}

/// `cargo xtask fuzz [SECONDS [TARGET…]]`: inputs that differ from run to run.
pub fn main(args: &[String]) -> Result<()> {
    let write = args.iter().any(|arg| arg == "--write");
    let args: Vec<String> = args.iter().filter(|arg| *arg != "--write").cloned().collect();
    let seconds = args.first().map_or(SECONDS, String::as_str);
    ensure!(seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0), "{USAGE}");
    let chosen = args.get(1..).unwrap_or_default();
    ensure!(!write || chosen.is_empty(), "the table has all targets: {USAGE}");
    let all = if write { targets()? } else { Vec::new() };
    let reached = search(&Search { seconds, seed: None }, if write { &all } else { chosen })?;
    println!("\n{}", table(seconds, &reached));
    if write {
        put(&table(seconds, &reached))?;
    }
    Ok(())
}

/// What `cargo xtask test` runs: the same inputs each time, so that one commit has one result.
pub fn of_tests() -> Result<()> {
    search(&Search { seconds: SECONDS, seed: Some(1) }, &[]).map(drop)
}

fn table(seconds: &str, reached: &[Reached]) -> String {
    let runs: u64 = reached.iter().map(|r| r.runs).sum();
    let mut text = format!(
        "{} targets, {seconds} s each, {runs} executions in all.\n\n| target | executions | edges | features |\n|---|---|---|---|\n",
        reached.len()
    );
    for Reached { target, runs, edges, features } in reached {
        text += &format!("| `{target}` | {runs} | {edges} | {features} |\n");
    }
    text
}

fn put(table: &str) -> Result<()> {
    let path = root().join(DOCUMENT);
    let text = fs::read_to_string(&path).with_context(|| format!("{DOCUMENT} cannot be read"))?;
    let (head, rest) = text.split_once(BEGIN).with_context(|| format!("{DOCUMENT} has no place for the table"))?;
    let (_, tail) = rest.split_once(END).with_context(|| format!("the table in {DOCUMENT} has no end"))?;
    fs::write(&path, format!("{head}{BEGIN}\n{table}\n{END}{tail}")).with_context(|| format!("cannot write {DOCUMENT}"))
}

/// Runs the targets, and says what each reached, in the order of their names.
fn search(how: &Search<'_>, chosen: &[String]) -> Result<Vec<Reached>> {
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
    let reached = Mutex::new(Vec::new());
    at_once(names.iter().filter(wanted), |name| {
        let one = fuzz(&programs.join(name), name, how)?;
        reached.lock().map_err(|_| anyhow!("a worker panicked"))?.push(one);
        Ok(())
    })?;
    let mut reached = reached.into_inner().map_err(|_| anyhow!("a worker panicked"))?;
    reached.sort_by(|a, b| a.target.cmp(&b.target));
    Ok(reached)
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
fn fuzz(program: &Path, name: &str, &Search { seconds, seed }: &Search<'_>) -> Result<Reached> {
    let crashes = root().join("fuzz/artifacts").join(name);
    fs::create_dir_all(&crashes)?;
    let seeds = root().join("fuzz/corpus").join(name);
    let output = Command::new(program)
        .arg(format!("-max_total_time={seconds}"))
        .args(seed.map(|seed| format!("-seed={seed}")))
        // Without the line of each new input; the last line says what was reached.
        .args(["-verbosity=1", "-print_final_stats=0"])
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
    let said = String::from_utf8_lossy(&output.stderr);
    let one = reached(name, &said).with_context(|| format!("fuzz target `{name}` did not say what it has run"))?;
    ensure!(one.runs > 0, "fuzz target `{name}` has run nothing");
    println!("  {name}: {seconds} s, {} executions, {} edges, {} features", one.runs, one.edges, one.features);
    Ok(one)
}

/// Reads libFuzzer's last line: `#1234 DONE cov: 56 ft: 78 corp: …`.
fn reached(name: &str, said: &str) -> Option<Reached> {
    let mut words = said.lines().rev().find(|line| line.contains("DONE"))?.split_whitespace();
    let runs = words.next()?.strip_prefix('#')?.parse().ok()?;
    let words: Vec<&str> = words.collect();
    let behind = |word: &str| words.windows(2).find(|pair| pair[0] == word)?[1].parse().ok();
    Some(Reached { target: name.to_owned(), runs, edges: behind("cov:")?, features: behind("ft:")? })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_says_what_was_reached() {
        let said = "INFO: seed corpus: files: 3\n#4\tINITED cov: 90 ft: 100 corp: 3/50b exec/s: 0 rss: 32Mb\n\
                    #81920\tDONE   cov: 123 ft: 456 corp: 70/9Kb lim: 4096 exec/s: 27306 rss: 60Mb\nDone 81920 runs in 3 second(s)\n";
        let one = Reached { target: "x".into(), runs: 81_920, edges: 123, features: 456 };
        assert_eq!(reached("x", said).as_ref(), Some(&one));
        assert_eq!(reached("x", "#81920\tDONE\n"), None, "without coverage it is no proof");
        assert!(table("3", &[one]).contains("1 targets, 3 s each, 81920 executions in all.\n"));
    }

    #[test]
    fn the_table_has_a_place() {
        let text = fs::read_to_string(root().join(DOCUMENT)).unwrap();
        let place = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
        assert!(place.is_some(), "{DOCUMENT} has no place for the table");
    }
}
