//! A Rust that compiles for the RISC-V machines: rustup's, and where its servers are out of reach Debian's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{cargo, root, target_dir};
use crate::tools::{self, Tool};

/// The target of the ESP32-P4, and of the emulated machine.
pub const TARGET: &str = "riscv32imafc-unknown-none-elf";

/// Debian's Rust has no library for the target, but its sources, from which cargo builds one.
const DEBIAN: &[Tool] = &[
    Tool { file: "/usr/bin/rustc", package: "rustc-web" },
    Tool { file: "/usr/bin/cargo", package: "cargo-web" },
    Tool { file: "/usr/lib/rustlib/src/rust/library/core/src/lib.rs", package: "rust-web-src" },
];
const LLD: Tool = Tool { file: "ld.lld", package: "lld" };

/// Where the compiler comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `rustup target add`.
    Rustup,
    /// The packages `rustc-web`, `cargo-web` and `rust-web-src`.
    Debian,
}

/// A compiler for [`TARGET`] that is known to be there.
pub struct Toolchain {
    source: Source,
}

impl Toolchain {
    /// The one that is asked for, else rustup's, else Debian's. Installs what is missing, or says what to install.
    pub fn find(wanted: Option<Source>) -> Result<Self> {
        let found = match wanted {
            Some(Source::Rustup) => rustup_target().map(|()| Source::Rustup),
            Some(Source::Debian) => debian().map(|()| Source::Debian),
            None => match rustup_target() {
                Ok(()) => Ok(Source::Rustup),
                Err(error) => {
                    println!("  {error:#}; trying Debian's Rust");
                    debian().map(|()| Source::Debian).with_context(|| {
                        format!("no Rust for {TARGET}: install rustup and run `rustup target add {TARGET}`")
                    })
                }
            },
        }?;
        println!("  compiler: {found:?}");
        Ok(Self { source: found })
    }

    /// `cargo VERB` for the target in `dir`, optimised. Builds go to a folder of their own, out of the way of the desktop's.
    pub fn cargo(&self, verb: &str, dir: &Path) -> Result<Command> {
        let mut command = match self.source {
            Source::Rustup => cargo(),
            Source::Debian => self.debian_cargo()?,
        };
        command.current_dir(dir).env("CARGO_TARGET_DIR", self.target_dir()).args([
            verb,
            "--release",
            "--target",
            TARGET,
        ]);
        command.arg("--config").arg(short_paths()?);
        if self.source == Source::Debian {
            command.arg("-Zbuild-std=core,alloc");
        }
        Ok(command)
    }

    /// Where [`Toolchain::cargo`] puts the program of this name.
    pub fn program(&self, name: &str) -> PathBuf {
        self.target_dir().join(TARGET).join("release").join(name)
    }

    /// Where builds for the target go.
    pub fn target_dir(&self) -> PathBuf {
        target_dir().join(match self.source {
            Source::Rustup => "riscv",
            Source::Debian => "riscv-debian",
        })
    }

    fn debian_cargo(&self) -> Result<Command> {
        let mut command = Command::new("/usr/bin/cargo");
        // Building the library is an unstable option of a stable compiler.
        command.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
        command.env("CARGO_TARGET_RISCV32IMAFC_UNKNOWN_NONE_ELF_LINKER", linker()?);
        Ok(command)
    }
}

/// Flags that shorten the names of files in messages of panics: they would have the folders of this machine. So an image has the same
/// size wherever it is built, and 9 KB less.
fn short_paths() -> Result<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let registries = home.context("no home of cargo")?.join("registry/src");
    let mut prefixes = vec![root()];
    // There is none before the first build fetched something.
    for entry in fs::read_dir(&registries).into_iter().flatten() {
        prefixes.push(entry?.path());
    }
    let flags: Vec<_> = prefixes.iter().map(|prefix| format!("--remap-path-prefix={}=", prefix.display())).collect();
    Ok(format!("target.{TARGET}.rustflags={flags:?}"))
}

fn rustup_target() -> Result<()> {
    add_target(TARGET)
}

/// Sees to it that rustup's compiler has the library of a target.
pub fn add_target(target: &str) -> Result<()> {
    let listed =
        Command::new("rustup").args(["target", "list", "--installed"]).output().context("there is no rustup")?;
    if String::from_utf8_lossy(&listed.stdout).lines().any(|line| line == target) {
        return Ok(());
    }
    println!("  $ rustup target add {target}");
    let added = Command::new("rustup").args(["target", "add", target]).output()?;
    if !added.status.success() {
        let why = String::from_utf8_lossy(&added.stderr);
        bail!("`rustup target add {target}` failed ({})", why.trim().lines().last().unwrap_or("it did not say why"));
    }
    Ok(())
}

fn debian() -> Result<()> {
    tools::need(DEBIAN)
}

/// Debian's compiler comes without the linker that the target asks for: rustup's own copy, else Debian's.
fn linker() -> Result<PathBuf> {
    if let Ok(out) = Command::new("rustc").args(["--print", "target-libdir"]).output() {
        let libdir = String::from_utf8_lossy(&out.stdout);
        if let Some(host) = Path::new(libdir.trim()).parent() {
            let bundled = host.join("bin/rust-lld");
            if bundled.is_file() {
                return Ok(bundled);
            }
        }
    }
    tools::need(&[LLD])?;
    tools::find(LLD.file).context("ld.lld is installed but not on the PATH")
}
