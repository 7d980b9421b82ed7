//! `cargo xtask circles`: no two files of a crate need each other, large structs have a reason, public types have
//! `defmt::Format`, errors tell all that they know, and an offer that is applied goes a short way.
//!
//! Who reads a file follows what it uses. Where files use each other in a circle, nobody can read one of them first.
//! The check reads every `use` line and every path that begins with `crate`, `super` or `self`, and looks which file of
//! the same crate it leads to. A circle that has a good reason is named in `docs/architecture.md`.
//!
//! The way of an offer is read from the sources, too: the functions that `PeerConnection::create_answer` reaches, in the
//! order in which it calls them. A call into a module that owns its state is one step of that way, for who reads on needs
//! only what the function says of itself. What such a function does, down to the end, is a way of its own.

mod errors;
mod fields;
mod formats;
mod graph;
mod modules;
mod path;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::run::root;

/// Where a circle with a reason is named: a line `- circle: FILE, FILE: reason`, the files from the workspace's root.
const REASONS: &str = "docs/architecture.md";

/// The connection, which calls the modules that own its state.
const CONNECTION: &str = "PeerConnection";
/// Its call that applies an offer, and the call that ends every call.
const OFFER: [&str; 2] = ["create_answer", "update"];
/// The most changes of file on the way of an offer.
const CHANGES: usize = 15;
/// What an offer comes by.
const PASSES: [&str; 8] = [
    "Agreement::plan_offer",
    "Transport::prepare",
    "Media::prepare_all",
    "Media::commit_all",
    "Agreement::settle_offer",
    "Transport::begin",
    "Transport::update",
    "Media::update",
];

/// Folders with library code whose structure is kept.
const ROOTS: [&str; 2] = [LIBRARIES, "examples"];
/// The libraries, whose public types others log.
const LIBRARIES: &str = "crates";

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
    let results = [structs(), types(), texts(), offer()];
    results.into_iter().collect()
}

/// Says which structs have too many fields and no reason.
fn structs() -> Result<()> {
    let mut large = Vec::new();
    for folder in folders()? {
        let modules = modules::Modules::read(&folder.join("src"))?;
        for file in (0..modules.len()).map(|file| modules.file(file)) {
            large.extend(fields::large(file)?.into_iter().map(|large| (shown(file), large)));
        }
    }
    let unreasoned: Vec<_> = large.iter().filter(|(_, large)| !large.is_reasoned).collect();
    println!("  {} structs of more than {} fields, {} without a reason", large.len(), fields::MOST, unreasoned.len());
    for (file, large) in &unreasoned {
        println!("  {file}: {} has {} fields", large.name, large.fields);
    }
    if unreasoned.is_empty() { Ok(()) } else { bail!("{} large structs without a reason", unreasoned.len()) }
}

/// Says which public types have no `defmt::Format`, in crates that have the feature.
fn types() -> Result<()> {
    let (mut crates, mut bare) = (0, 0);
    // Rustc looks for `Debug`, if it is told to.
    for folder in folders()?.iter().filter(|folder| folder.starts_with(root().join(LIBRARIES))) {
        let front = fs::read_to_string(folder.join("src/lib.rs"))?;
        if !front.contains("#![deny(missing_debug_implementations") {
            bail!("{} does not deny `missing_debug_implementations`", shown(folder));
        }
    }
    for folder in folders()?.iter().filter(|folder| folder.starts_with(root().join(LIBRARIES))) {
        if !fs::read_to_string(folder.join("Cargo.toml"))?.contains("\ndefmt = [") {
            continue;
        }
        crates += 1;
        let src = folder.join("src");
        let modules = modules::Modules::read(&src)?;
        for (file, name) in formats::missing(&src)? {
            bare += 1;
            println!("  {}: {name} has no defmt::Format", shown(modules.file(file)));
        }
    }
    println!("  {crates} crates with `defmt`, {bare} public types without `Format`");
    if crates < 15 {
        bail!("only {crates} crates have the feature `defmt`: the check looks in the wrong place");
    }
    if bare == 0 { Ok(()) } else { bail!("{bare} public types without defmt::Format") }
}

/// There are more fields of errors than this.
const FIELDS: usize = 80;

/// Says which texts of errors leave out what the error knows.
fn texts() -> Result<()> {
    let (mut fields, mut silent) = (0, Vec::new());
    for folder in folders()? {
        let modules = modules::Modules::read(&folder.join("src"))?;
        for file in (0..modules.len()).map(|file| modules.file(file)) {
            let (of_file, left_out) = errors::silent(file)?;
            fields += of_file;
            silent.extend(left_out.into_iter().map(|what| format!("{}: {what}", shown(file))));
        }
    }
    println!("  {} of {fields} fields of errors are left out of their texts", silent.len());
    if fields < FIELDS {
        bail!("{fields} fields of errors were found, and there are more than {FIELDS}: the check does not see them");
    }
    silent.iter().for_each(|what| println!("  {what}"));
    if silent.is_empty() { Ok(()) } else { bail!("{} fields are not in the texts of their errors", silent.len()) }
}

/// Follows an offer that is applied, and says how often the file changes on the way.
fn offer() -> Result<()> {
    let calls = path::Calls::read(&root().join("crates/peer/src"))?;
    let mut failed = false;
    let mut passed = Vec::new();
    for name in OFFER {
        let steps = calls.of_owner(CONNECTION, name, OFFER[1])?;
        let changes = path::changes(&steps);
        println!("  {CONNECTION}::{name}: {} functions, {changes} changes of file, at most {CHANGES}", steps.len());
        failed |= is_long(&steps);
        for (_, called) in &steps {
            let Some((owner, name)) = called.split_once("::").filter(|(owner, _)| *owner != CONNECTION) else {
                continue;
            };
            let inside = calls.all(owner, name)?;
            println!("    {called}: {} functions, {} changes", inside.len(), path::changes(&inside));
            failed |= is_long(&inside);
            passed.push(called.clone());
        }
    }
    if let Some(lost) = PASSES.iter().find(|must| !passed.iter().any(|name| name == *must)) {
        bail!("an offer that is applied does not come by {lost}: the walk has lost its way");
    }
    if failed { bail!("more than {CHANGES} changes of file") } else { Ok(()) }
}

/// Whether the file changes too often; then the way is printed.
fn is_long(steps: &[path::Step]) -> bool {
    let is_long = path::changes(steps) > CHANGES;
    for (file, name) in steps.iter().filter(|_| is_long) {
        println!("      {:<45} {name}", shown(Path::new(file)));
    }
    is_long
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
