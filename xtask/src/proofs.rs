//! `cargo xtask proofs`: the promises P1 to P13, one line each with what was measured; it fails where one is broken.
//!
//! Nothing is measured here: the tests, the linker and the images are asked. What they need is built for other parts of
//! `cargo xtask test` too.

mod breaks;
mod promises;
mod tests_run;

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result, bail, ensure};

use crate::run::{cargo, root, show};
use crate::rv32::TARGET;
use promises::{PROMISES, Promise, Proof};
use tests_run::Programs;

const USAGE: &str = "usage: cargo xtask proofs [--write | --breaks] [P1…]
  --write   puts the table into docs/security.md
  --breaks  breaks each promise in a copy of the repository, and sees the proof fail";
const DOCUMENT: &str = "docs/security.md";
const BEGIN: &str = "<!-- proofs: written by `cargo xtask proofs --write` -->\n";
const END: &str = "<!-- end of proofs -->\n";

/// A promise, and what came of it.
struct Outcome {
    promise: &'static Promise,
    result: Result<String>,
}

pub fn main(args: &[String]) -> Result<()> {
    let has = |option: &str| args.iter().any(|arg| arg == option);
    let write = has("--write");
    let named: Vec<&str> =
        args.iter().map(String::as_str).filter(|arg| !["--write", "--breaks"].contains(arg)).collect();
    ensure!(named.iter().all(|name| PROMISES.iter().any(|p| p.name == *name)), "{USAGE}");
    if has("--breaks") {
        ensure!(!write, "{USAGE}");
        return breaks::main(&named);
    }
    ensure!(!write || named.is_empty(), "the table has all promises: {USAGE}");
    let chosen: Vec<&Promise> = PROMISES.iter().filter(|p| named.is_empty() || named.contains(&p.name)).collect();
    let programs = Programs::build(chosen.iter().flat_map(|p| p.proofs), false)?;
    let outcomes: Vec<Outcome> =
        chosen.into_iter().map(|promise| Outcome { promise, result: prove(promise, &programs, true) }).collect();
    show_outcomes(&outcomes);
    for promise in outcomes.iter().map(|o| o.promise) {
        for command in promise.long {
            println!("  {:<4} NOT RUN: {command}", promise.name);
        }
    }
    if write {
        put_table(&outcomes)?;
    }
    verdict(&outcomes)
}

/// What `cargo xtask test` runs: everything but the images and the linker's paths, which are parts of their own there.
pub fn of_tests() -> Result<()> {
    let programs = Programs::build(PROMISES.iter().flat_map(|p| p.proofs), true)?;
    let outcomes: Vec<Outcome> =
        PROMISES.iter().map(|promise| Outcome { promise, result: prove(promise, &programs, false) }).collect();
    show_outcomes(&outcomes);
    verdict(&outcomes)
}

fn show_outcomes(outcomes: &[Outcome]) {
    println!();
    for Outcome { promise, result } in outcomes {
        match result {
            Ok(figure) => println!("  {:<4} {}: {figure}", promise.name, promise.says),
            Err(error) => println!("  {:<4} {}: BROKEN: {error:#}", promise.name, promise.says),
        }
    }
}

fn verdict(outcomes: &[Outcome]) -> Result<()> {
    let broken: Vec<&str> = outcomes.iter().filter(|o| o.result.is_err()).map(|o| o.promise.name).collect();
    if broken.is_empty() { Ok(()) } else { bail!("broken: {}", broken.join(", ")) }
}

/// `all`: images and the linker's paths, too.
fn prove(promise: &Promise, programs: &Programs, all: bool) -> Result<String> {
    let mut figures = Vec::new();
    for proof in promise.proofs {
        figures.extend(match proof {
            Proof::Tests(tests) => programs.run(tests)?,
            Proof::Firmware if all => vec![crate::cortex_m::promised()?],
            Proof::Images if all => vec![crate::size::promised()?],
            Proof::Links if all => vec![crate::no_panic::proven()?],
            Proof::Firmware => vec!["part `qemu-e2e` of the test command".into()],
            Proof::Images => vec!["part `size` of the test command".into()],
            Proof::Links => vec!["part `no-panic` of the test command".into()],
            Proof::NothingGlobal => {
                vec![no_words(&["static mut ", "lazy_static", "OnceLock", "LazyLock", "OnceCell"])?]
            }
            Proof::NoDefaultSource => {
                vec![no_words(&["Instant::now(", "SystemTime", "getrandom", "OsRng"])?, no_random_crate()?]
            }
            Proof::Elsewhere(part) => vec![format!("part `{part}` of the test command")],
        });
    }
    Ok(figures.join("; "))
}

/// None of the words is in the code of the crates, but in tests.
fn no_words(words: &[&str]) -> Result<String> {
    let (mut files, mut found) = (0, BTreeSet::new());
    for folder in fs::read_dir(root().join("crates")).context("crates")? {
        let folder = folder?.path().join("src");
        if !folder.is_dir() {
            continue;
        }
        each_source(&folder, &mut |path, text| {
            files += 1;
            // Tests stand at the end of a file.
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let is_code = |line: &&str| !line.trim_start().starts_with("//") && !line.contains("'static mut ");
            for line in code.lines().filter(is_code).filter(|line| words.iter().any(|word| line.contains(word))) {
                found.insert(format!("{}: {}", path.display(), line.trim()));
            }
        })?;
    }
    ensure!(files > 150, "only {files} files were found");
    ensure!(found.is_empty(), "{}", found.into_iter().collect::<Vec<_>>().join("; "));
    Ok(format!("none of {} in {files} files", words.join(", ").trim_end()))
}

fn each_source(folder: &Path, each: &mut impl FnMut(&Path, &str)) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            each_source(&path, each)?;
        } else if path.extension().is_some_and(|e| e == "rs") && name != "tests.rs" {
            each(&path, &fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// No crate that brings randomness of its own becomes part of a program by `barertc`.
fn no_random_crate() -> Result<String> {
    let mut command = cargo();
    command.args([
        "tree",
        "--package",
        "barertc",
        "--edges",
        "normal",
        "--target",
        TARGET,
        "--prefix",
        "none",
        "--locked",
    ]);
    let out = command.output().context("cargo could not be started")?;
    ensure!(out.status.success(), "`{}` ended with {}", show(&command), out.status);
    let text = String::from_utf8_lossy(&out.stdout);
    let names: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    let sources: Vec<&&str> = names.iter().filter(|name| ["getrandom", "rand", "fastrand"].contains(name)).collect();
    ensure!(sources.is_empty(), "barertc depends on {sources:?}");
    ensure!(names.contains("rand_core"), "the dependencies of barertc were not found");
    Ok(format!("no source of randomness among {} crates", names.len()))
}

fn put_table(outcomes: &[Outcome]) -> Result<()> {
    let path = root().join(DOCUMENT);
    let text = fs::read_to_string(&path).with_context(|| format!("{DOCUMENT} cannot be read"))?;
    let (head, rest) = text.split_once(BEGIN).with_context(|| format!("{DOCUMENT} has no place for the table"))?;
    let (_, tail) = rest.split_once(END).with_context(|| format!("the table in {DOCUMENT} has no end"))?;
    let mut table = String::from("\n| | promise | measured | longer, by name |\n|---|---|---|---|\n");
    for Outcome { promise, result } in outcomes {
        let figure = result.as_deref().unwrap_or("BROKEN");
        let long = promise.long.iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ");
        table += &format!("| {} | {} | {figure} | {long} |\n", promise.name, promise.says);
    }
    fs::write(&path, format!("{head}{BEGIN}{table}\n{END}{tail}")).with_context(|| format!("cannot write {DOCUMENT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_proof_of_each_promise() {
        let names: Vec<String> = PROMISES.iter().map(|p| p.name.to_owned()).collect();
        assert_eq!(names, (1..=13).map(|n| format!("P{n}")).collect::<Vec<_>>());
        for promise in &PROMISES {
            assert!(!promise.proofs.is_empty(), "{}", promise.name);
        }
    }

    /// The tests that docs/security.md names as guards, and the files of the browser tests with the titles in them.
    #[test]
    fn the_guards_are_tests() {
        let page = fs::read_to_string(root().join(DOCUMENT)).unwrap();
        let (_, rest) = page.split_once("## Kinds of faults").expect("the section");
        let section = rest.split("\n## ").next().unwrap();
        let mut sources = String::new();
        for folder in ["crates", "examples/streamer", "examples/desktop"] {
            each_file(&root().join(folder), &mut |text| sources.push_str(text)).unwrap();
        }
        let mut guards = 0;
        for name in section.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.rsplit_once("::")) {
            assert!(sources.contains(&format!("fn {}()", name.1)), "{}::{} is no test", name.0, name.1);
            guards += 1;
        }
        assert!(guards > 60, "only {guards} were found");
        for browser in section.split("`tests/e2e/").skip(1) {
            let (file, rest) = browser.split_once('`').unwrap();
            let text = fs::read_to_string(root().join("tests/e2e").join(file)).unwrap();
            let line = rest.lines().next().unwrap();
            for title in line.split('"').skip(1).step_by(2) {
                assert!(text.contains(title), "{file} has no test {title:?}");
            }
        }
    }

    fn each_file(folder: &Path, each: &mut impl FnMut(&str)) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                each_file(&path, each)?;
            } else if path.extension().is_some_and(|e| e == "rs") {
                each(&fs::read_to_string(&path)?);
            }
        }
        Ok(())
    }

    #[test]
    fn a_word_that_must_not_be_there_is_found() {
        assert!(no_words(&["fn worst_case_bytes"]).is_err());
        assert!(no_words(&["no file has these words"]).is_ok());
    }
}
