//! `cargo xtask deny`: licences, sources, doubled and yanked versions of all dependencies, by the rules of `deny.toml`.
//!
//! It does what `cargo deny check bans licenses sources` does, without a tool that has to be built first. Advisories are
//! not looked up: their database is not part of a toolchain.

mod index;
mod licence;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::run::{cargo, root, show};
use crate::rv32::TARGET;
use licence::Rules;

/// Every folder with a lock file of its own.
const WORKSPACES: [&str; 12] = [
    ".",
    "benches",
    "crates/arena/tests/unlinkable",
    "examples/cortex-m",
    "examples/esp32p4",
    "examples/qemu-virt",
    "examples/stm32h7",
    "fuzz",
    "interop/wolfssl",
    "tests/no-panic",
    "tests/riscv",
    "tests/size",
];

/// No part of the test command builds these, and each has more than a hundred crates that nothing else needs.
const NOT_BUILT: [&str; 2] = ["benches", "examples/stm32h7"];

/// What users get: here no crate may be there in two versions.
const FACADE: &str = "barertc";

/// As `cargo metadata` names it, whatever mirror it is fetched from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What was found in one workspace.
#[derive(Debug, Default)]
struct Found {
    crates: usize,
    /// Names with more than one version.
    doubled: usize,
    broken: Vec<String>,
}

/// `cargo xtask deny`.
pub fn main(args: &[String]) -> Result<()> {
    ensure!(args.is_empty(), "usage: cargo xtask deny");
    look(&WORKSPACES)
}

/// The workspaces that `cargo xtask test` builds, so that it downloads no workspace for this alone.
pub fn of_tests() -> Result<()> {
    for folder in NOT_BUILT {
        println!("  {folder:<29} NOT RUN: cargo xtask deny");
    }
    look(&WORKSPACES.into_iter().filter(|folder| !NOT_BUILT.contains(folder)).collect::<Vec<_>>())
}

fn look(folders: &[&str]) -> Result<()> {
    let text = fs::read_to_string(root().join("deny.toml")).context("deny.toml cannot be read")?;
    let rules = Rules::of(&text)?;
    let (mut broken, mut known) = (Vec::new(), 0);
    for &folder in folders {
        let metadata = metadata(&root().join(folder), &[])?;
        let mut found = Found::of(&metadata, &rules)?;
        if folder == "." {
            let doubled = doubled_below(&on_a_device()?, FACADE)?;
            found.broken.extend(doubled.into_iter().map(|what| format!("{FACADE} has two versions of {what}")));
        }
        let (looked, yanked) = index::yanked(&metadata)?;
        known += looked;
        found.broken.extend(yanked.into_iter().map(|what| format!("{what} was yanked")));
        println!(
            "  {folder:<29} {} crates, {} looked up in the index, {} in several versions",
            found.crates, looked, found.doubled
        );
        broken.extend(found.broken.into_iter().map(|what| format!("{folder}: {what}")));
    }
    if known == 0 {
        ensure!(index::indexes()?.is_empty(), "cargo has a copy of the index that has none of the dependencies");
        println!("  yanked versions were NOT LOOKED UP: cargo keeps no copy of the index here");
    }
    if broken.is_empty() { Ok(()) } else { bail!("{}", broken.join("; ")) }
}

/// What the main workspace depends on where it is built for a device.
fn on_a_device() -> Result<Value> {
    metadata(&root(), &["--filter-platform", TARGET])
}

/// What cargo knows about a workspace and all that it can depend on.
fn metadata(folder: &Path, more: &[&str]) -> Result<Value> {
    let mut command = cargo();
    command.current_dir(folder).args(["metadata", "--format-version", "1", "--locked", "--all-features"]).args(more);
    let out = command.output().with_context(|| format!("`{}` could not be started", show(&command)))?;
    ensure!(
        out.status.success(),
        "`{}` in {}: {}",
        show(&command),
        folder.display(),
        String::from_utf8_lossy(&out.stderr)
    );
    Ok(serde_json::from_slice(&out.stdout)?)
}

pub fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// A member of a JSON object that is a text.
pub fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}

impl Found {
    fn of(metadata: &Value, rules: &Rules) -> Result<Self> {
        let mut found = Self::default();
        let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
        for package in packages(metadata) {
            let (name, source) = (text(package, "name"), package["source"].as_str());
            *versions.entry(name).or_default() += 1;
            // Without a source it is ours.
            let Some(source) = source else { continue };
            found.crates += 1;
            if source != REGISTRY {
                found.broken.push(format!("{name} comes from {source}"));
            }
            if let Err(why) = rules.allow(name, text(package, "license")) {
                found.broken.push(format!("{name} {}: {why}", text(package, "version")));
            }
        }
        ensure!(found.crates > 0, "cargo names no dependency");
        found.doubled = versions.values().filter(|n| **n > 1).count();
        Ok(found)
    }
}

/// Names of crates that `of` depends on, for other than tests and builds, in more than one version.
fn doubled_below(metadata: &Value, of: &str) -> Result<Vec<String>> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in below(metadata, of)? {
        versions.entry(text(package, "name")).or_default().insert(text(package, "version"));
    }
    let doubled = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    Ok(doubled
        .map(|(name, versions)| format!("{name} {}", versions.into_iter().collect::<Vec<_>>().join(", ")))
        .collect())
}

/// All that becomes part of a program that uses the package `of`, with `of` itself.
fn below<'m>(metadata: &'m Value, of: &str) -> Result<Vec<&'m Value>> {
    let by_id: BTreeMap<&str, &Value> = packages(metadata).map(|p| (text(p, "id"), p)).collect();
    let nodes: BTreeMap<&str, &Value> =
        metadata["resolve"]["nodes"].as_array().into_iter().flatten().map(|n| (text(n, "id"), n)).collect();
    let first = packages(metadata).find(|p| text(p, "name") == of).with_context(|| format!("no package `{of}`"))?;
    let mut seen = BTreeSet::from([text(first, "id")]);
    let mut next = vec![text(first, "id")];
    while let Some(id) = next.pop() {
        for dep in nodes.get(id).and_then(|n| n["deps"].as_array()).into_iter().flatten() {
            let kinds = dep["dep_kinds"].as_array().into_iter().flatten();
            // Compiler plug-ins run on the machine that builds.
            let part = kinds.into_iter().any(|kind| kind["kind"].is_null()) && !is_plugin(by_id.get(text(dep, "pkg")));
            if part && seen.insert(text(dep, "pkg")) {
                next.push(text(dep, "pkg"));
            }
        }
    }
    Ok(seen.into_iter().filter_map(|id| by_id.get(id).copied()).collect())
}

fn is_plugin(package: Option<&&Value>) -> bool {
    let targets = package.and_then(|p| p["targets"].as_array());
    targets.into_iter().flatten().any(|t| t["kind"].as_array().is_some_and(|k| k.iter().any(|k| k == "proc-macro")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_lock_file_is_looked_at() {
        let out =
            std::process::Command::new("git").current_dir(root()).args(["ls-files", "*Cargo.lock"]).output().unwrap();
        let files = String::from_utf8(out.stdout).unwrap();
        let folders: BTreeSet<&str> = files
            .lines()
            .map(|file| file.strip_suffix("Cargo.lock").unwrap().strip_suffix('/').unwrap_or("."))
            .collect();
        assert_eq!(folders, BTreeSet::from(WORKSPACES));
    }

    fn package(name: &str, version: &str, licence: &str, source: Option<&str>) -> Value {
        let id = format!("{name} {version}");
        json!({"name": name, "version": version, "id": id, "license": licence, "source": source, "targets": []})
    }

    #[test]
    fn licences_and_sources_are_looked_at() {
        let rules = Rules::of("allow = [\"MIT\"]\nexceptions = []\n").unwrap();
        let metadata = json!({"packages": [
            package("ours", "0.1.0", "", None),
            package("good", "1.0.0", "GPL-3.0 OR MIT", Some(REGISTRY)),
            package("bad", "1.0.0", "GPL-3.0", Some(REGISTRY)),
            package("fork", "1.0.0", "MIT", Some("git+https://example.org/fork")),
        ]});
        let found = Found::of(&metadata, &rules).unwrap();
        assert_eq!(found.crates, 3);
        assert_eq!(found.broken.len(), 2, "{:?}", found.broken);
        assert!(found.broken[0].starts_with("bad 1.0.0") && found.broken[1].starts_with("fork comes from"));
    }

    #[test]
    fn two_versions_below_the_facade_are_found_and_those_of_tests_are_not() {
        let dep = |to: &str, kind: Value| json!({"pkg": to, "dep_kinds": [{"kind": kind}]});
        let mut metadata = json!({
            "packages": [
                package("barertc", "0.1.0", "MIT", None),
                package("a", "1.0.0", "MIT", Some(REGISTRY)),
                package("a", "2.0.0", "MIT", Some(REGISTRY)),
            ],
            "resolve": {"nodes": [
                {"id": "barertc 0.1.0", "deps": [dep("a 1.0.0", Value::Null), dep("a 2.0.0", json!("dev"))]},
                {"id": "a 1.0.0", "deps": []},
                {"id": "a 2.0.0", "deps": []},
            ]},
        });
        assert_eq!(doubled_below(&metadata, FACADE).unwrap(), [""; 0]);
        metadata["resolve"]["nodes"][1]["deps"] = json!([dep("a 2.0.0", Value::Null)]);
        assert_eq!(doubled_below(&metadata, FACADE).unwrap(), ["a 1.0.0, 2.0.0"]);
    }
}
