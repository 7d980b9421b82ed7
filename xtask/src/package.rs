//! `cargo xtask package`: the crates that others may depend on, as the packages that they would get.
//!
//! Each is packaged by cargo, unpacked, and held against what a user needs: licence texts, a README whose links work
//! anywhere, words to be found by, an example and the list of features on the front page. With `--tests` the packages are
//! compiled from what is in them, without this repository around them, and their tests run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::run::{cargo, root, run, show_path, target_dir};

const USAGE: &str = "usage: cargo xtask package [--tests [PACKAGE…]]";

/// Every package has them, as files of its own.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// What a manifest must say. `keywords` and `categories` are what somebody searches by.
const SAID: [&str; 8] =
    ["description", "documentation", "repository", "license", "rust_version", "readme", "keywords", "categories"];

/// Features that a test program of a desktop cannot have: `defmt` needs a linker script, the others a firmware.
const OF_FIRMWARE: [&str; 3] = ["defmt", "critical-section", "panic-handler"];

pub fn main(args: &[String]) -> Result<()> {
    let tested = match args {
        [] => None,
        [first, names @ ..] if first == "--tests" => Some(names),
        _ => bail!(USAGE),
    };
    let crates = published()?;
    if let Some(name) = tested.unwrap_or_default().iter().find(|name| crates.iter().all(|each| each.name != **name)) {
        bail!("no package `{name}`\n{USAGE}");
    }
    let mut package = cargo();
    package.args(["package", "--quiet", "--no-verify", "--allow-dirty"]);
    for each in &crates {
        package.args(["-p", &each.name]);
    }
    run(&mut package)?;
    let folder = target_dir().join("packages");
    // Nothing of an earlier time is found.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let mut wrong = Vec::new();
    for each in &crates {
        let archive = target_dir().join("package").join(format!("{}.crate", each.folder()));
        let unpacked = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&folder).status();
        ensure!(unpacked.is_ok_and(|status| status.success()), "{} cannot be unpacked", archive.display());
        wrong.extend(
            faults(each, &folder.join(each.folder()))?.into_iter().map(|fault| format!("{}: {fault}", each.name)),
        );
    }
    ensure!(wrong.is_empty(), "not what a user can use:\n  {}", wrong.join("\n  "));
    println!("  {} crates are packages with licences, a README, an example and their features listed", crates.len());
    tested.map_or(Ok(()), |names| tests(&crates, names, &folder))
}

/// A crate that others may depend on, by what cargo knows of it.
struct Published {
    name: String,
    version: String,
    features: Vec<String>,
    said: Value,
}

impl Published {
    fn folder(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

/// The crates of the workspace that are not kept from being published.
fn published() -> Result<Vec<Published>> {
    let out = cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
    ensure!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout)?;
    let mut found = Vec::new();
    for said in metadata["packages"].as_array().context("cargo metadata names no packages")? {
        let text = |key: &str| said[key].as_str().map(str::to_owned).with_context(|| format!("no {key}"));
        let manifest = text("manifest_path")?;
        let of_a_library = Path::new(&manifest).starts_with(root().join("crates"));
        // `publish = false` is an empty list of registries.
        let kept = said["publish"].as_array().is_some_and(Vec::is_empty);
        ensure!(of_a_library != kept, "{manifest}: what is in crates/ is published, and nothing else is");
        if !kept {
            let features = said["features"].as_object().context("no features")?.keys().cloned().collect();
            found.push(Published { name: text("name")?, version: text("version")?, features, said: said.clone() });
        }
    }
    ensure!(found.len() > 10, "only {} crates were found", found.len());
    Ok(found)
}

/// What is wrong with a package.
fn faults(each: &Published, folder: &Path) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for key in SAID {
        let empty = match &each.said[key] {
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => true,
        };
        if empty {
            wrong.push(format!("its manifest has no {key}"));
        }
    }
    for licence in LICENCES {
        let own = fs::symlink_metadata(folder.join(licence)).is_ok_and(|file| file.is_file());
        if !own || fs::read(folder.join(licence)).ok() != fs::read(root().join(licence)).ok() {
            wrong.push(format!("{licence} is not the licence's text"));
        }
    }
    let readme = fs::read_to_string(folder.join("README.md")).unwrap_or_default();
    if readme.is_empty() {
        wrong.push("it has no README.md".into());
    }
    wrong.extend(
        relative_links(&readme).into_iter().map(|link| format!("README.md leads to {link}, which is not there")),
    );
    let library = fs::read_to_string(folder.join("src/lib.rs")).context("src/lib.rs")?;
    let page = front_page(&library);
    if !page.contains("\n```\n") && !page.contains("\n```no_run\n") {
        wrong.push("its front page has no example".into());
    }
    let manifest = fs::read_to_string(folder.join("Cargo.toml.orig")).context("Cargo.toml.orig")?;
    let page = words(&page);
    for feature in each.features.iter().filter(|feature| *feature != "default") {
        let line = format!("- `{feature}`: {}", said_of(&manifest, feature));
        if !page.contains(&words(&line)) {
            wrong.push(format!("its front page does not have the line of Cargo.toml: {line}"));
        }
    }
    if !each.features.is_empty() && each.said["metadata"]["docs"]["rs"].is_null() {
        wrong.push("its manifest does not say with which features its documentation is built".into());
    }
    Ok(wrong)
}

/// The comment at the top of a library.
fn front_page(library: &str) -> String {
    let lines = library.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned() + "\n").collect()
}

/// What the comment above a feature says.
fn said_of(manifest: &str, feature: &str) -> String {
    let mut comment = Vec::new();
    for line in manifest.lines().skip_while(|line| *line != "[features]") {
        if let Some(text) = line.strip_prefix("## ") {
            comment.push(text);
        } else if line.strip_prefix(feature).is_some_and(|rest| rest.trim_start().starts_with('=')) {
            break;
        } else {
            comment.clear();
        }
    }
    comment.join(" ")
}

/// A text without its breaks.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Links that lead out of a page by a path: a README is shown elsewhere too.
fn relative_links(page: &str) -> Vec<&str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.starts_with("https://") && !target.starts_with('#')).collect()
}

/// Compiles the packages in a workspace of their own, and runs the tests of those that are named, or of all.
fn tests(crates: &[Published], names: &[String], folder: &Path) -> Result<()> {
    for each in crates {
        let manifest = folder.join(each.folder()).join("Cargo.toml");
        let text = fs::read_to_string(&manifest)?;
        fs::write(&manifest, beside_each_other(&text, crates)).with_context(|| show_path(&manifest))?;
    }
    let members: Vec<String> = crates.iter().map(|each| format!("\"{}\"", each.folder())).collect();
    // As in the workspace, so that what others wrote is not compiled anew.
    let profile = "[profile.dev]\nopt-level = 1\n[profile.dev.package.\"*\"]\nopt-level = 2\ndebug = false\n";
    fs::write(
        folder.join("Cargo.toml"),
        format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n{profile}", members.join(", ")),
    )?;
    // The versions that the workspace is tested with.
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let tested: Vec<&Published> = crates.iter().filter(|each| names.is_empty() || names.contains(&each.name)).collect();
    for each in &tested {
        let features: Vec<&str> =
            each.features.iter().map(String::as_str).filter(|feature| !OF_FIRMWARE.contains(feature)).collect();
        let mut test = cargo();
        test.args(["test", "--quiet", "--manifest-path"]).arg(folder.join("Cargo.toml"));
        test.args(["-p", &each.name, "--features", &features.join(",")]);
        run(test.env("CARGO_TARGET_DIR", target_dir()))
            .with_context(|| format!("the package of {} does not stand alone", each.name))?;
    }
    println!("  {} packages compile from what is in them, and their tests pass", tested.len());
    Ok(())
}

/// A package's manifest, with the packages that it needs taken from beside it: they are published nowhere yet.
fn beside_each_other(manifest: &str, crates: &[Published]) -> String {
    let mut out = String::new();
    for line in manifest.lines() {
        out.push_str(line);
        out.push('\n');
        let needed = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        let needed = needed.and_then(|header| header.rsplit_once("dependencies."));
        if let Some(each) = needed.and_then(|(_, name)| crates.iter().find(|each| each.name == name)) {
            out.push_str(&format!("path = \"../{}\"\n", each.folder()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_told_as_its_comment_tells_it() {
        let manifest =
            "[package]\nlog = 1\n[features]\ndefault = []\n## One\n## two.\nlog = []\n## Three.\nlogs = []\n";
        assert_eq!(said_of(manifest, "log"), "One two.");
        assert_eq!(said_of(manifest, "logs"), "Three.");
        assert_eq!(front_page("//! a\n//!\n//! ```\n#![no_std]\n//! b\n"), "a\n\n```\n");
    }

    #[test]
    fn a_link_by_a_path_is_found() {
        let page = "[a](https://example.org/) [b](#part) [c](../docs/c.md) and [d](x.md#y)";
        assert_eq!(relative_links(page), ["../docs/c.md", "x.md#y"]);
    }

    #[test]
    fn packages_are_taken_from_beside_each_other() {
        let one = |name: &str| Published {
            name: name.into(),
            version: "0.1.0".into(),
            features: Vec::new(),
            said: Value::Null,
        };
        let manifest =
            "[dependencies.barertc-wire]\nversion = \"0.1.0\"\n[dev-dependencies.proptest]\nversion = \"1\"\n";
        assert_eq!(
            beside_each_other(manifest, &[one("barertc-wire"), one("proptests")]),
            manifest.replacen("wire]\n", "wire]\npath = \"../barertc-wire-0.1.0\"\n", 1)
        );
    }
}
