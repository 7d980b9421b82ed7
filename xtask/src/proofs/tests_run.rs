//! Runs single tests of the workspace, and reads what they measured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::promises::{Proof, Tests};
use crate::run::{cargo, root, show};

/// The test programs, by package and name.
#[derive(Default)]
pub struct Programs(BTreeMap<(String, String), PathBuf>);

impl Programs {
    /// Builds what the proofs ask for. With `whole` they are built as those of the whole workspace are, which the part `unit`
    /// of the test command has done before.
    pub fn build<'p>(proofs: impl Iterator<Item = &'p Proof>, whole: bool) -> Result<Self> {
        let wanted: Vec<&Tests> =
            proofs.filter_map(|proof| if let Proof::Tests(tests) = proof { Some(tests) } else { None }).collect();
        let programs: BTreeSet<[&str; 2]> = wanted.iter().map(|tests| ["--test", tests.program]).collect();
        let packages: BTreeSet<[&str; 2]> = wanted.iter().map(|tests| ["--package", tests.package]).collect();
        if programs.is_empty() {
            return Ok(Self::default());
        }
        let mut command = cargo();
        command.args(["test", "--no-run", "--quiet", "--message-format=json"]);
        if whole {
            command.arg("--workspace");
        } else {
            command.args(packages.iter().chain(&programs).flatten());
        }
        println!("  $ {}", show(&command));
        let out = command.stderr(std::process::Stdio::inherit()).output().context("cargo could not be started")?;
        ensure!(out.status.success(), "`{}` ended with {}", show(&command), out.status);
        let mut found = BTreeMap::new();
        for line in out.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let message: Value = serde_json::from_slice(line)?;
            let program = (message["manifest_path"].as_str(), message["target"]["name"].as_str());
            if let (Some(manifest), Some(name), Some(file)) = (program.0, program.1, message["executable"].as_str()) {
                found.insert((package(manifest)?, name.to_owned()), file.into());
            }
        }
        Ok(Self(found))
    }

    /// Runs the tests, all of which must be there and pass. What they measured, or how many there are.
    pub fn run(&self, tests: &Tests) -> Result<Vec<String>> {
        let key = (tests.package.to_owned(), tests.program.to_owned());
        let program = self.0.get(&key).with_context(|| format!("{} has no test program `{}`", key.0, key.1))?;
        let mut command = Command::new(program);
        // Where cargo would run it.
        let folder = tests.package.strip_prefix("barertc-").unwrap_or("peer");
        command.current_dir(root().join("crates").join(folder));
        command.args(["--exact", "--nocapture", "--test-threads=1"]).args(tests.names).env(crate::test::SEED, "1");
        let out = command.output().with_context(|| format!("`{}` could not be started", show(&command)))?;
        let said = String::from_utf8_lossy(&out.stdout);
        if !out.status.success() {
            bail!("{}", failure(&said, &String::from_utf8_lossy(&out.stderr)));
        }
        let passed =
            said.lines().find_map(|line| line.strip_prefix("test result: ok. ")?.split(' ').next()?.parse().ok());
        ensure!(
            passed == Some(tests.names.len()),
            "{passed:?} of {} tests were run: {:?}",
            tests.names.len(),
            tests.names
        );
        let figures: Vec<String> =
            said.lines().filter_map(|line| Some(line.split_once("figure: ")?.1.trim().to_owned())).collect();
        let count = || vec![format!("{} tests of {}", tests.names.len(), tests.package)];
        Ok(if figures.is_empty() { count() } else { figures })
    }
}

/// Which tests failed, and the first words of the first one.
fn failure(said: &str, errors: &str) -> String {
    let names = said.rsplit_once("\nfailures:\n").map_or("", |(_, names)| names);
    let names: Vec<&str> = names.lines().map_while(|line| line.strip_prefix("    ")).collect();
    let mut lines = errors.lines().skip_while(|line| !line.contains("panicked at"));
    let place = lines.next().unwrap_or("it did not end by itself");
    let words = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let names = if names.is_empty() { "a test".to_owned() } else { names.join(", ") };
    format!("{names} failed: {place} {words}")
}

/// The package whose manifest this is.
fn package(manifest: &str) -> Result<String> {
    let text = std::fs::read_to_string(manifest).with_context(|| format!("{manifest} cannot be read"))?;
    let name = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    Ok(name.with_context(|| format!("{manifest} names no package"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::failure;

    #[test]
    fn a_failure_names_the_test_and_its_words() {
        let said = "\nrunning 2 tests\ntest a::b ... FAILED\n\nfailures:\n\nfailures:\n    a::b\n    c\n\ntest result: FAILED.\n";
        let errors =
            "\nthread 'a::b' panicked at crates/x.rs:3:4:\nassertion `left == right` failed: bytes\n  left: 1\n";
        let told = failure(said, errors);
        assert_eq!(
            told,
            "a::b, c failed: thread 'a::b' panicked at crates/x.rs:3:4: assertion `left == right` failed: bytes"
        );
        assert_eq!(failure("", "Killed"), "a test failed: it did not end by itself ");
    }
}
