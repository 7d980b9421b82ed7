//! `cargo xtask matrix`: every feature of every crate compiles alone, and the crates compile where they are meant to run.

mod format;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{cargo, root, run, show};
use crate::rv32::{Toolchain, add_target};

/// Machines without an operating system, each with what is special about it.
const TARGETS: [(&str, &str); 3] = [
    ("riscv32imc-unknown-none-elf", "no compare-and-swap"),
    ("thumbv6m-none-eabi", "no compare-and-swap"),
    ("thumbv7em-none-eabihf", "Cortex-M4 and M7"),
];

const USAGE: &str = "usage: cargo xtask matrix [features | targets]";

pub fn main(args: &[String]) -> Result<()> {
    let (features, on_targets) = match args {
        [] => (true, true),
        [one] if one == "features" => (true, false),
        [one] if one == "targets" => (false, true),
        _ => bail!(USAGE),
    };
    let crates = published()?;
    if features {
        format::check()?;
        each_feature(&crates)?;
        left_out()?;
        each_network()?;
    }
    if on_targets {
        each_target(&crates)?;
    }
    Ok(())
}

/// A crate that others may depend on.
struct Published {
    name: String,
    /// Without `default`.
    features: Vec<String>,
    no_std: bool,
}

impl Published {
    fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|f| f == feature)
    }
}

/// The crates of `crates/`, by what their manifests say.
fn published() -> Result<Vec<Published>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root().join("crates"))? {
        let folder = entry?.path();
        let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        let name = name.with_context(|| format!("{} has no name", folder.display()))?.to_owned();
        let library = fs::read_to_string(folder.join("src/lib.rs")).unwrap_or_default();
        let no_std = library.lines().any(|line| line == "#![no_std]");
        found.insert(name.clone(), Published { name, features: features_of(&manifest), no_std });
    }
    if found.is_empty() {
        bail!("no crate in crates/");
    }
    Ok(found.into_values().collect())
}

/// The names in a manifest's section `[features]`, without `default`.
fn features_of(manifest: &str) -> Vec<String> {
    let section =
        manifest.lines().skip_while(|line| *line != "[features]").skip(1).take_while(|line| !line.starts_with('['));
    // Lists may go over several lines: those of their inside are indented.
    let names = section.filter(|line| line.starts_with(|c: char| c.is_ascii_alphanumeric()));
    names.filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned())).filter(|name| name != "default").collect()
}

fn each_feature(crates: &[Published]) -> Result<()> {
    let mut failed = Vec::new();
    let mut checked = 0;
    for each in crates {
        let alone = each.features.iter().map(|feature| Some(feature.as_str()));
        // DTLS without a version does not compile, and says why.
        let needs_a_version = each.has("dtls12") && each.has("dtls13");
        for feature in [None].into_iter().chain(alone) {
            let mut check = cargo();
            check.args(["check", "--quiet", "-p", &each.name, "--no-default-features"]);
            if let Some(feature) = feature {
                check.args(["--features", feature]);
            }
            if needs_a_version && feature != Some("dtls12") {
                check.args(["--features", "dtls13"]);
            }
            checked += 1;
            if !passes_without_a_warning(&mut check)? {
                failed.push(show(&check));
            }
        }
    }
    verdict(&failed)?;
    println!("  {} crates compile without features and with each feature alone: {checked} checks", crates.len());
    Ok(())
}

/// Tests of what is left out: crate, features, test.
const LEFT_OUT: [(&str, &str, &str); 5] = [
    ("barertc", "dtls12", "data_only"),
    ("barertc", "dtls13,media", "data_only"),
    ("barertc-dtls", "dtls12", "one_version"),
    ("barertc-dtls", "dtls13", "one_version"),
    ("barertc-ice", "", "without_turn"),
];

/// What is left out is tested, and not only compiled.
fn left_out() -> Result<()> {
    for (name, features, test) in LEFT_OUT {
        run(cargo().args([
            "test",
            "--quiet",
            "-p",
            name,
            "--no-default-features",
            "--features",
            features,
            "--test",
            test,
        ]))?;
    }
    let mut check = cargo();
    check.args(["check", "--quiet", "-p", "barertc-dtls", "--no-default-features"]);
    let said = check.output().context("cargo could not be started")?;
    let text = String::from_utf8_lossy(&said.stderr);
    if said.status.success() || !text.contains("turn on the feature `dtls12`, `dtls13`, or both") {
        bail!("{} does not say that a version is missing:\n{text}", show(&check));
    }
    Ok(())
}

/// The ESP32-P4's program with one of its networks, which leaves the other's driver out of the image.
fn each_network() -> Result<()> {
    let toolchain = Toolchain::find(None)?;
    for network in ["ethernet", "wifi"] {
        let mut check = toolchain.cargo("check", &root().join("examples/esp32p4"))?;
        check.args(["--quiet", "--locked", "--no-default-features", "--features", network]);
        run(check.env("CARGO_TARGET_DIR", toolchain.target_dir().join("esp32p4")))?;
    }
    println!("  examples/esp32p4 compiles with each network alone");
    Ok(())
}

/// All crates of a target at once, with what they can do in software.
fn each_target(crates: &[Published]) -> Result<()> {
    let mut failed = Vec::new();
    for (target, _) in TARGETS {
        add_target(target)?;
        let mut check = cargo();
        check.args(["check", "--quiet", "--target", target]);
        for each in crates.iter().filter(|each| each.no_std) {
            check.args(["-p", &each.name]);
            // Which way a chip without compare-and-swap takes is the program's to say. This one works on all of them.
            if each.has("critical-section") {
                check.args(["--features", &format!("{}/critical-section", each.name)]);
            }
        }
        if !passes_without_a_warning(&mut check)? {
            failed.push(show(&check));
        }
    }
    verdict(&failed)?;
    for (target, about) in TARGETS {
        println!("  {} crates compile for {target} ({about})", crates.iter().filter(|each| each.no_std).count());
    }
    Ok(())
}

/// Runs a check. What the compiler says is shown where it says anything.
fn passes_without_a_warning(check: &mut Command) -> Result<bool> {
    let out = check.output().context("cargo could not be started")?;
    let said = String::from_utf8_lossy(&out.stderr);
    let passes = out.status.success() && !said.lines().any(|line| line.starts_with("warning"));
    if !passes {
        println!("  $ {}\n{said}", show(check));
    }
    Ok(passes)
}

fn verdict(failed: &[String]) -> Result<()> {
    if failed.is_empty() { Ok(()) } else { bail!("these do not compile without a warning:\n  {}", failed.join("\n  ")) }
}

#[cfg(test)]
mod tests {
    use super::features_of;

    #[test]
    fn features_are_read_from_the_manifest() {
        let manifest = "[package]\nname = \"x\"\n\n[features]\ndefault = [\"a\"]\n## About it.\na = []\nlong = [\n    \"dep:b\",\n    \"c/d\",\n]\n\n[dependencies]\nb = \"1\"\n";
        assert_eq!(features_of(manifest), ["a", "long"]);
        assert_eq!(features_of("[package]\n"), Vec::<String>::new());
    }
}
