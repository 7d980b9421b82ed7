//! The smallest programs that use a connection (`tests/size`), each for more than the one before.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use object::{Object, ObjectSymbol};

use super::by_crate::Table;
use super::{Sums, stack::Stack};
use crate::run::{root, run};
use crate::rv32::{TARGET, Toolchain};

/// A program, and a little above what it takes.
struct Profile {
    /// Of the program.
    name: &'static str,
    /// What it does.
    about: &'static str,
    /// Of the package, and so of `barertc`.
    features: &'static str,
    /// Code, constants and what data starts with, in bytes.
    flash: u64,
    /// The deepest chain of direct calls.
    stack: u64,
    /// The region of one connection.
    region: u64,
    /// Crates of which nothing may be in it.
    without: &'static [&'static str],
}

const PROFILES: [Profile; 4] = [
    Profile {
        name: "channel",
        about: "a data channel",
        features: "",
        flash: 366_000,
        stack: 30_000,
        region: 50_500,
        without: &["barertc_srtp", "barertc_rtp", "barertc_rtcp_nack", "barertc_congestion"],
    },
    Profile {
        name: "send",
        about: "sends H.264 and Opus, and a data channel",
        features: "media",
        flash: 470_000,
        stack: 32_500,
        region: 83_000,
        without: &[],
    },
    Profile {
        name: "receive",
        about: "the same, and receives both",
        features: "media",
        flash: 474_000,
        stack: 33_000,
        region: 193_000,
        without: &[],
    },
    Profile {
        name: "everything",
        about: "every call, with all features",
        features: "media",
        flash: 492_000,
        stack: 39_000,
        region: 690_000,
        without: &[],
    },
];

/// What is said before the table.
const HEAD: &str = "\n## Profiles: the least a program takes

The programs of `tests/size` answer an offer (the last also makes one) and drive one connection over registers of a machine that does
not exist, so that they have what a device needs and nothing of a board. RV32IMAFC, `opt-level = \"s\"`, LTO, SHA-2 in its compact form.
*Flash* is code and constants with the cryptography (`RustCrypto`). *Region* is the memory that one connection can take at the most, with
the overhead of its heap, and is a constant of the program. *Stack* is the deepest chain of direct calls.

";

/// Builds the programs, one after the other: what they have in common is compiled once.
pub fn build(toolchain: &Toolchain) -> Result<Vec<PathBuf>> {
    let (folder, target) = (root().join("tests/size"), toolchain.target_dir().join("size"));
    let build = |profile: &Profile| {
        let mut build = toolchain.cargo("build", &folder)?;
        build.args(["--locked", "--no-default-features", "--features", profile.features, "--bin", profile.name]);
        run(build.env("CARGO_TARGET_DIR", &target))?;
        // The next build with other features does not touch it.
        Ok(target.join(TARGET).join("release").join(profile.name))
    };
    PROFILES.iter().map(build).collect()
}

/// Adds the table to the report. What does not hold, in words.
pub fn report(programs: &[PathBuf], out: &mut String) -> Result<Vec<String>> {
    out.push_str(HEAD);
    writeln!(
        out,
        "| program | what it does | text | constants | flash | region | stack |\n|---|---|---|---|---|---|---|"
    )?;
    let mut broken = Vec::new();
    let mut crates = String::new();
    for (profile, program) in PROFILES.iter().zip(programs) {
        let bytes = fs::read(program).with_context(|| format!("{} cannot be read", program.display()))?;
        let elf = object::File::parse(&*bytes).with_context(|| format!("{} is no program", program.display()))?;
        let (sums, stack) = (Sums::of(&elf), Stack::of(&elf)?.deepest());
        let region = region(&elf).with_context(|| format!("{} has no region", profile.name))?;
        let Profile { name, about, .. } = profile;
        let (text, rodata, flash) = (sums.text, sums.rodata, sums.flash());
        writeln!(out, "| `{name}` | {about} | {text} | {rodata} | {flash} | {region} | {stack} |")?;
        println!("{name}: {flash} bytes of flash, a region of {region}, {stack} of stack");
        let mut hold = |what: &str, is: u64, limit: u64| {
            if is > limit {
                broken.push(format!("{name}: {is} bytes of {what}, above {limit}"));
            }
        };
        hold("flash", flash, profile.flash);
        hold("region", region, profile.region);
        hold("stack", stack, profile.stack);
        let table = Table::of(&elf);
        let there = profile.without.iter().filter(|unwanted| table.has(unwanted));
        broken.extend(there.map(|unwanted| format!("{name}: {unwanted} is in it")));
        if matches!(profile.name, "channel" | "everything") {
            writeln!(crates, "\n`{name}`, by crate:\n\n{table}")?;
        }
    }
    writeln!(out, "\nLimits, which `cargo xtask size --check` holds:\n")?;
    writeln!(
        out,
        "| program | features of `barertc` | flash | region | stack | contains nothing of |\n|---|---|---|---|---|---|"
    )?;
    for Profile { name, features, flash, region, stack, without, .. } in &PROFILES {
        let features = if features.is_empty() { "none" } else { features };
        writeln!(out, "| `{name}` | {features} | {flash} | {region} | {stack} | {} |", without.join(", "))?;
    }
    out.push_str(&crates);
    Ok(broken)
}

/// The size of the region, which is a static of this name.
fn region(elf: &object::File<'_>) -> Option<u64> {
    let mut symbols = elf.symbols();
    symbols.find(|symbol| symbol.name().is_ok_and(|name| name.contains("REGION"))).map(|symbol| symbol.size())
}
