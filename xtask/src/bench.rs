//! `cargo xtask bench`: whole connections beside other implementations, in one table. `cargo xtask bench NAME`: a part alone.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::run::{cargo, clean, root, run, show};

const USAGE: &str = "usage: cargo xtask bench [--write | --quick | NAME [ARGUMENTS]], NAME one of benches/benches/";

const MANIFEST: &str = "benches/Cargo.toml";

/// The bench of whole connections.
const WHOLE: &str = "whole";

/// Where the table is kept, and the lines that it is kept between.
const DOCUMENT: &str = "docs/performance.md";
const BEGIN: &str = "<!-- written by `cargo xtask bench --write` -->";
const END: &str = "<!-- end -->";

pub fn main(args: &[String]) -> Result<()> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        [] => table().map(|_| ()),
        ["--write"] => write(&table()?),
        ["--quick"] => quick(),
        [name, ..] if name.starts_with('-') => bail!(USAGE),
        [name, ref rest @ ..] => run(bench(name).arg("--").args(rest)),
    }
}

fn bench(name: &str) -> Command {
    let mut command = cargo();
    command.args(["bench", "--locked", "--manifest-path", MANIFEST, "--bench", name]);
    command
}

/// Compiles all of them, and runs one short round of the table: its figures say nothing.
fn quick() -> Result<()> {
    run(cargo().args(["check", "--locked", "--manifest-path", MANIFEST, "--benches"]))?;
    run(bench(WHOLE).args(["--profile", "dev", "--", "QUICK"]))
}

/// Runs the table on one core, if the machine lets us choose.
fn table() -> Result<String> {
    run(bench(WHOLE).arg("--no-run"))?;
    let mut command = bench(WHOLE);
    if Command::new("taskset").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", "0"]).arg(command.get_program()).args(command.get_args()).current_dir(root());
        // With another environment, Cargo would compile everything again, and on one core.
        clean(&mut pinned);
        command = pinned;
    } else {
        println!("  not pinned to a core: there is no `taskset`");
    }
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("`{}`", show(&command)))?;
    ensure!(output.status.success(), "`{}`: {}", show(&command), output.status);
    let text = String::from_utf8(output.stdout)?;
    println!("{text}");
    Ok(text)
}

fn write(table: &str) -> Result<()> {
    let path = root().join(DOCUMENT);
    let text = fs::read_to_string(&path).context(DOCUMENT)?;
    fs::write(&path, replaced(&text, table)?).context(DOCUMENT)?;
    println!("  written into {DOCUMENT}");
    Ok(())
}

/// The document with the table in place of the one before.
fn replaced(document: &str, table: &str) -> Result<String> {
    let (before, rest) = document.split_once(BEGIN).with_context(|| format!("{DOCUMENT} has no line `{BEGIN}`"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{DOCUMENT} has no line `{END}`"))?;
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", table.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        let document = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = replaced(&document, "\nnew\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert_eq!(replaced(&new, "new").unwrap(), new);
        assert!(replaced("no place for it", "new").is_err());
    }

    /// What is written has a place to go to.
    #[test]
    fn the_document_has_a_place() {
        let document = fs::read_to_string(root().join(DOCUMENT)).unwrap();
        replaced(&document, "").unwrap();
    }
}
