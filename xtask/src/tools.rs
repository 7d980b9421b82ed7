//! Tools that are not Rust: found, installed where that is possible, or named.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::run::run;

/// The full path of a program on the PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// Where `cargo install` puts a program.
pub fn cargo_bin(program: &str) -> PathBuf {
    let home = env::var_os("CARGO_HOME")
        .map_or_else(|| env::var_os("HOME").map(PathBuf::from).unwrap_or_default().join(".cargo"), PathBuf::from);
    home.join("bin").join(program)
}

/// A file that shows a Debian package is there, and the package.
pub struct Tool {
    /// A program's name, or an absolute path.
    pub file: &'static str,
    /// The Debian package that brings it.
    pub package: &'static str,
}

impl Tool {
    fn is_there(&self) -> bool {
        find(self.file).is_some() || PathBuf::from(self.file).is_file()
    }
}

/// Sees to it that every tool is there: installs what is missing on Debian as root, else says what to install.
pub fn need(tools: &[Tool]) -> Result<()> {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| !tool.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    if find("apt-get").is_none() || !is_root() {
        bail!(
            "missing: {}. On Debian: apt-get install {}",
            missing.iter().map(|tool| tool.file).collect::<Vec<_>>().join(", "),
            packages.join(" ")
        );
    }
    println!("  installing {}", packages.join(" "));
    run(Command::new("apt-get").args(["update", "-qq"]).stdin(Stdio::null()))?;
    run(Command::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(&packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null()))?;
    match tools.iter().find(|tool| !tool.is_there()) {
        Some(tool) => bail!("{} is still missing after installing {}", tool.file, tool.package),
        None => Ok(()),
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}
