//! `cargo xtask bench NAME`: a measurement beside other implementations.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::run::{cargo, root, run, target_dir};

const MANIFEST: &str = "benches/Cargo.toml";
const LOCK: &str = "benches/Cargo.lock";

pub fn main(args: &[String]) -> Result<()> {
    let Some((name, rest)) = args.split_first() else { bail!("which? One of benches/benches/") };
    let mut command = cargo();
    command.args(["bench", "--manifest-path", MANIFEST, "--bench", name]);
    // A patch changes the lock file; the one that is kept knows nothing of it.
    let lock_file = root().join(LOCK);
    let lock = fs::read(&lock_file).context(LOCK)?;
    if name == "sctp" {
        let patched = patched_dcsctp()?;
        command.arg("--config").arg(format!("patch.crates-io.dcsctp.path={:?}", patched.display().to_string()));
    }
    command.arg("--").args(rest);
    let result = run(&mut command);
    fs::write(lock_file, lock)?;
    result
}

/// dcsctp formats every packet for a log, also when there is none. A copy of its source that does not.
fn patched_dcsctp() -> Result<PathBuf> {
    let metadata = cargo()
        .args(["metadata", "--format-version", "1", "--manifest-path", MANIFEST])
        .output()
        .context("cargo metadata")?;
    ensure!(metadata.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&metadata.stderr));
    let metadata = String::from_utf8(metadata.stdout)?;
    let place = metadata
        .split("\"manifest_path\":\"")
        .filter_map(|rest| rest.split('"').next())
        .find(|path| path.contains("/dcsctp-"))
        .context("dcsctp is not among the dependencies")?;
    let from = Path::new(place).parent().context("a manifest lies in a directory")?;
    let to = target_dir().join("patched/dcsctp");
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    copy(from, &to)?;
    let library = to.join("src/lib.rs");
    let text = fs::read_to_string(&library)?;
    let head = "pub fn log_packet(name: &str, ts: SocketTime, sent: bool, data: &[u8]) {";
    ensure!(text.contains(head), "dcsctp has changed: its log_packet is not where it was");
    let early = format!("{head}\n        if !log::log_enabled!(log::Level::Info) {{\n            return;\n        }}");
    fs::write(&library, text.replace(head, &early))?;
    Ok(to)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::write(&target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
