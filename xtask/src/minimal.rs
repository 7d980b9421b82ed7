//! `cargo xtask minimal`: the crates compile with the lowest versions that their manifests name.
//!
//! Cargo resolves to the newest versions, so nobody notices when a manifest names one that is too old. The nightly
//! cargo can resolve to the lowest. It does so in a copy of the crates, without what only their tests depend on.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::run::{cargo, cargo_nightly, root, run, target_dir};

const USAGE: &str = "usage: cargo xtask minimal";

pub fn main(args: &[String]) -> Result<()> {
    ensure!(args.is_empty(), USAGE);
    let place = target_dir().join("minimal");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    fs::write(place.join("Cargo.toml"), crates_alone(&manifest)?)?;
    copy(&root().join("crates"), &place.join("crates"))?;
    for name in ["README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(root().join(name), place.join(name))?;
    }
    let mut lock = cargo_nightly();
    run(lock.current_dir(&place).args(["generate-lockfile", "-Z", "direct-minimal-versions"]))?;
    // All features of the C interface at once are for no machine: one of them is for machines without `std`.
    for features in [&[][..], &["--all-features", "--exclude", "barertc-capi"]] {
        let mut check = cargo();
        check.current_dir(&place).args(["check", "--quiet", "--locked", "--workspace", "--lib"]);
        // Its own target directory is below the copy, so that nothing else is built again.
        check.env("CARGO_TARGET_DIR", place.join("target"));
        run(check.args(features))?;
    }
    println!("  the crates compile with the lowest versions that they name, without features and with all");
    Ok(())
}

/// The root's manifest with the crates as its only members, and without what names others.
fn crates_alone(manifest: &str) -> Result<String> {
    let mut out = String::new();
    let mut members = 0;
    // A section about a package that is not there would be a warning.
    let mut skipped = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            skipped = line.starts_with("[profile.");
        }
        match line.split('=').next().map(str::trim) {
            _ if skipped => continue,
            Some("members") => {
                members += 1;
                out.push_str("members = [\"crates/*\"]");
            }
            Some("exclude" | "default-members") => continue,
            _ if line.contains("path = \"examples/") => continue,
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    match members {
        1 => Ok(out),
        found => bail!("Cargo.toml has {found} lists of members"),
    }
}

/// A manifest without the sections about dependencies of tests.
fn without_tests(manifest: &str) -> String {
    let mut skipped = false;
    let mut out = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            skipped = line.contains("dev-dependencies");
        }
        if !skipped {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else if entry.file_name() == "Cargo.toml" {
            fs::write(target, without_tests(&fs::read_to_string(entry.path())?))?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{crates_alone, without_tests};

    #[test]
    fn only_the_crates_are_left() {
        let manifest = "[workspace]\nmembers = [\"crates/*\", \"x\"]\nexclude = [\"y\"]\n\n[workspace.dependencies]\na = \"1\"\nb = { path = \"examples/b\" }\n\n[profile.dev.package.c]\nopt-level = 3\n";
        let left = "[workspace]\nmembers = [\"crates/*\"]\n\n[workspace.dependencies]\na = \"1\"\n\n";
        assert_eq!(crates_alone(manifest).unwrap(), left);
        assert!(crates_alone("[workspace]\n").is_err());
    }

    #[test]
    fn tests_have_no_say() {
        let manifest =
            "[dependencies]\na = \"1\"\n\n[target.'cfg(unix)'.dev-dependencies]\nb = \"2\"\n\n[features]\nc = []\n";
        assert_eq!(without_tests(manifest), "[dependencies]\na = \"1\"\n\n[features]\nc = []\n");
    }
}
