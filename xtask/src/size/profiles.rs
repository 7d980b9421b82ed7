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
    name: &'static str,
    /// Of `tests/size`.
    program: &'static str,
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
    /// Crates and modules of which nothing may be in it; the last profile has something of all of them.
    without: &'static [&'static str],
}

const PROFILES: [Profile; 5] = [
    Profile {
        name: "channel",
        program: "channel",
        about: "a data channel over DTLS 1.2",
        features: "dtls12",
        flash: 318_000,
        stack: 30_000,
        region: 50_500,
        without: &[
            "barertc_srtp",
            "barertc_rtp",
            "barertc_rtcp_nack",
            "barertc_congestion",
            "barertc_dtls::v13",
            "barertc_dtls::schedule13",
            "barertc_ice::turn",
        ],
    },
    Profile {
        name: "send-dtls12",
        program: "send",
        about: "sends H.264 and Opus, and a data channel; DTLS 1.2",
        features: "dtls12,media",
        flash: 419_000,
        stack: 32_500,
        region: 83_000,
        without: &["barertc_dtls::v13", "barertc_dtls::schedule13", "barertc_ice::turn"],
    },
    Profile {
        name: "send",
        program: "send",
        about: "the same; both versions of DTLS",
        features: "dtls12,dtls13,media",
        flash: 470_000,
        stack: 32_500,
        region: 83_000,
        without: &["barertc_ice::turn"],
    },
    Profile {
        name: "receive",
        program: "receive",
        about: "the same over DTLS 1.3 alone, and receives both",
        features: "dtls13,receive",
        flash: 474_000,
        stack: 33_000,
        region: 193_000,
        without: &["barertc_dtls::v12", "barertc_ice::turn"],
    },
    Profile {
        name: "everything",
        program: "everything",
        about: "every call, with all features",
        features: "dtls12,dtls13,receive,turn",
        flash: 493_000,
        stack: 39_000,
        region: 690_000,
        without: &[],
    },
];

/// A feature of `barertc`, and what `channel` has with and without it.
struct Price {
    feature: &'static str,
    /// The other features of both programs.
    beside: &'static str,
    about: &'static str,
}

const PRICES: [Price; 5] = [
    Price { feature: "dtls12", beside: "dtls13", about: "DTLS 1.2, both roles, beside 1.3" },
    Price { feature: "dtls13", beside: "dtls12", about: "DTLS 1.3, both roles, beside 1.2" },
    Price { feature: "receive", beside: "dtls12,media", about: "tracks that receive" },
    Price { feature: "turn", beside: "dtls12", about: "relayed candidates by UDP, TCP and TLS" },
    Price {
        feature: "media",
        beside: "dtls12",
        about: "descriptions, SRTP, RTP and congestion control, before a program calls them",
    },
];

/// The title of the section.
pub const TITLE: &str = "\n## Profiles: the least a program takes\n";

/// What is said before the table.
const HEAD: &str = "
The programs of `tests/size` answer an offer (the last also makes one) and drive one connection over registers of a machine that does
not exist, so that they have what a device needs and nothing of a board. RV32IMAFC, `opt-level = \"s\"`, LTO, SHA-2 in its compact form.
*Flash* is code and constants with the cryptography (`RustCrypto`). *Region* is the memory that one connection can take at the most, with
the overhead of its heap, and is a constant of the program. *Stack* is the deepest chain of direct calls.

";

/// What is said before the table of prices.
const PRICES_HEAD: &str =
    "\nPrices: what a feature of `barertc` adds to the flash of `channel`, the other features being the same.

| feature | what it is | without | with | price |
|---|---|---|---|---|
";

/// Builds the programs, one after the other: what they have in common is compiled once.
pub fn build(toolchain: &Toolchain) -> Result<Vec<PathBuf>> {
    PROFILES.iter().map(|profile| program(toolchain, profile.name, profile.program, profile.features)).collect()
}

/// Builds one program with these features, and keeps it under a name of its own: the next may be the same program.
fn program(toolchain: &Toolchain, name: &str, program: &str, features: &str) -> Result<PathBuf> {
    let (folder, target) = (root().join("tests/size"), toolchain.target_dir().join("size"));
    let mut build = toolchain.cargo("build", &folder)?;
    build.args(["--locked", "--no-default-features", "--features", features, "--bin", program]);
    run(build.env("CARGO_TARGET_DIR", &target))?;
    let kept = target.join("profiles");
    fs::create_dir_all(&kept)?;
    let kept = kept.join(name);
    fs::copy(target.join(TARGET).join("release").join(program), &kept)?;
    Ok(kept)
}

/// What each feature takes of flash, as a table.
pub fn prices(toolchain: &Toolchain, out: &mut String) -> Result<()> {
    out.push_str(PRICES_HEAD);
    let flash = |features: &str| -> Result<u64> {
        let bytes = fs::read(program(toolchain, "price", "channel", features)?)?;
        Ok(Sums::of(&object::File::parse(&*bytes)?).flash())
    };
    for Price { feature, beside, about } in &PRICES {
        let (without, with) = (flash(beside)?, flash(&format!("{beside},{feature}"))?);
        writeln!(out, "| `{feature}` | {about} | {without} | {with} | {} |", with.saturating_sub(without))?;
    }
    Ok(())
}

/// Whether a symbol of this module is in the program.
fn has_module(elf: &object::File<'_>, path: &str) -> bool {
    let inside = format!("{path}::");
    elf.symbols()
        .filter(|symbol| symbol.size() > 0)
        .any(|symbol| symbol.name().is_ok_and(|name| format!("{:#}", rustc_demangle::demangle(name)).contains(&inside)))
}

/// Adds the table to the report. What does not hold, in words.
pub fn report(programs: &[PathBuf], out: &mut String) -> Result<Vec<String>> {
    out.push_str(TITLE);
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
        let has = |part: &str| if part.contains("::") { has_module(&elf, part) } else { table.has(part) };
        let there = profile.without.iter().filter(|unwanted| has(unwanted));
        broken.extend(there.map(|unwanted| format!("{name}: {unwanted} is in it")));
        if *name == "everything" {
            // One that has been renamed is in no program, and nobody would see it come back.
            let all = PROFILES.iter().flat_map(|profile| profile.without);
            broken.extend(all.filter(|part| !has(part)).map(|part| format!("{part} is in no program")));
        }
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
