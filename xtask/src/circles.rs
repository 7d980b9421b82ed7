//! `cargo xtask circles`: no two files of a crate need each other, and large structs have a reason.
//!
//! Who reads a file follows what it uses. Where files use each other in a circle, nobody can read one of them first.
//! The check reads every `use` line and every path that begins with `crate`, `super` or `self`, and looks which file of
//! the same crate it leads to. A circle that has a good reason is named in `docs/architecture.md`.

mod fields;
mod graph;
mod modules;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::run::root;

/// Where a circle with a reason is named: a line `- circle: FILE, FILE: reason`, the files from the workspace's root.
const REASONS: &str = "docs/architecture.md";

/// Folders with library code whose structure is kept.
const ROOTS: [&str; 2] = ["crates", "examples"];

pub fn main(args: &[String]) -> Result<()> {
    if let Some(unknown) = args.first() {
        bail!("no `{unknown}`: cargo xtask circles");
    }
    let allowed = allowed(&fs::read_to_string(root().join(REASONS))?);
    let (mut crates, mut files, mut circles) = (0, 0, Vec::new());
    for folder in folders()? {
        let modules = modules::Modules::read(&folder.join("src"))
            .with_context(|| format!("{} could not be read", folder.display()))?;
        crates += 1;
        files += modules.len();
        circles.extend(graph::circles(&modules.edges()).into_iter().map(|circle| from_root(&modules, &circle)));
    }
    if crates < 15 {
        bail!("only {crates} crates were found: the check looks in the wrong place");
    }
    let unreasoned = unreasoned()?;
    for (file, name, fields) in &unreasoned {
        println!("  {file}: {name} has {fields} fields, and no reason beside it");
    }
    let unnamed: Vec<_> = circles.iter().filter(|circle| !allowed.contains(*circle)).collect();
    println!(
        "  {files} files of {crates} crates, {} circles, {} of them named in {REASONS}",
        circles.len(),
        circles.len() - unnamed.len()
    );
    for circle in &unnamed {
        println!("  circle of {}: {}", circle.len(), circle.iter().cloned().collect::<Vec<_>>().join(", "));
    }
    if let Some(stale) = allowed.iter().find(|circle| !circles.contains(circle)) {
        bail!("{REASONS} names a circle that is none: {}", stale.iter().cloned().collect::<Vec<_>>().join(", "));
    }
    if !unnamed.is_empty() {
        bail!("{} circles of files without a reason", unnamed.len());
    }
    if unreasoned.is_empty() { Ok(()) } else { bail!("{} large structs without a reason", unreasoned.len()) }
}

/// Structs with too many fields and no reason: file, name and number of fields.
fn unreasoned() -> Result<Vec<(String, String, usize)>> {
    let mut found = Vec::new();
    for folder in folders()? {
        let modules = modules::Modules::read(&folder.join("src"))?;
        for file in (0..modules.len()).map(|file| modules.file(file)) {
            let structs = fields::without_reason(file)?;
            found.extend(structs.into_iter().map(|(name, fields)| (shown(file), name, fields)));
        }
    }
    Ok(found)
}

/// Every folder below [`ROOTS`] that is a crate with sources.
fn folders() -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for parent in ROOTS {
        for entry in fs::read_dir(root().join(parent))? {
            let folder = entry?.path();
            if folder.join("Cargo.toml").is_file() && folder.join("src").is_dir() {
                folders.push(folder);
            }
        }
    }
    folders.sort();
    Ok(folders)
}

fn from_root(modules: &modules::Modules, circle: &[usize]) -> BTreeSet<String> {
    circle.iter().map(|file| shown(modules.file(*file))).collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}

fn allowed(text: &str) -> Vec<BTreeSet<String>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("- circle: "))
        .filter_map(|line| line.split_once(": "))
        .map(|(files, _)| files.split(", ").map(|file| file.trim_matches('`').to_owned()).collect())
        .collect()
}
