//! `fuzz`: every fuzz target for a short time, from its corpus.

use std::fs;

use anyhow::{Context, Result};

use crate::run::{cargo_nightly, root, run, target_dir};
use crate::tools;

/// Seconds a target without an argument that says otherwise.
const SECONDS: &str = "3";

/// `cargo xtask fuzz [SECONDS [TARGET…]]`.
pub fn main(args: &[String]) -> Result<()> {
    let seconds = args.first().map_or(SECONDS, String::as_str);
    if tools::find("cargo-fuzz").is_none() && !tools::cargo_bin("cargo-fuzz").is_file() {
        println!("  installing cargo-fuzz");
        run(cargo_nightly().args(["install", "--quiet", "--locked", "cargo-fuzz"]))?;
    }
    let chosen = args.get(1..).unwrap_or_default();
    let folder = root().join("fuzz");
    let target = target_dir().join("fuzz");
    // Without AddressSanitizer: the parsers are safe Rust, and it costs half the speed.
    let flags = ["--sanitizer", "none", "--target-dir"];
    run(cargo_nightly().current_dir(&folder).args(["fuzz", "build"]).args(flags).arg(&target))?;
    for name in targets()? {
        if !chosen.is_empty() && !chosen.contains(&name) {
            continue;
        }
        run(cargo_nightly()
            .current_dir(&folder)
            .args(["fuzz", "run"])
            .args(flags)
            .arg(&target)
            .arg(&name)
            // What is found goes to a folder outside of the repository; its seeds are read only.
            .arg(scratch(&name)?)
            .arg(folder.join("corpus").join(&name))
            .args(["--", &format!("-max_total_time={seconds}"), "-verbosity=0", "-print_final_stats=0"]))?;
    }
    Ok(())
}

fn scratch(name: &str) -> Result<std::path::PathBuf> {
    let folder = target_dir().join("fuzz-found").join(name);
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
