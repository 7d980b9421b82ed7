//! Starting other programs: every command is shown before it runs, and a failure names it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Where it is set, it names a copy of the repository that is looked at in place of it.
pub const COPY: &str = "BARERTC_COPY";

/// The workspace's root.
pub fn root() -> PathBuf {
    if let Some(copy) = std::env::var_os(COPY) {
        return copy.into();
    }
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| ".".into(), Path::to_path_buf)
}

/// Where builds go: what the user set, else the workspace's own `target`.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A path as a word of a command line.
pub fn show_path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The cargo that runs us, without what it told us about our own package.
pub fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root());
    clean(&mut command);
    command
}

/// The nightly cargo, for what only nightly can do.
pub fn cargo_nightly() -> Command {
    let mut command = Command::new("rustup");
    command.current_dir(root()).args(["run", "nightly", "cargo"]);
    clean(&mut command);
    command
}

/// Takes from the command what Cargo has told this program about its own package, which would be told to another one.
pub fn clean(command: &mut Command) {
    for (key, _) in std::env::vars() {
        if key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_") || key == "RUSTUP_TOOLCHAIN" {
            command.env_remove(key);
        }
    }
}

/// Runs `command` and fails with its own words when it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    println!("  $ {shown}");
    let status = command.status().with_context(|| format!("`{shown}` could not be started"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// The command as one would type it.
pub fn show(command: &Command) -> String {
    let mut words: Vec<String> = command
        .get_envs()
        .filter_map(|(key, value)| Some(format!("{}={}", key.to_string_lossy(), value?.to_string_lossy())))
        .collect();
    words.push(command.get_program().to_string_lossy().into_owned());
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::root;

    /// Crates whose tests are one program name them themselves: a file that is not named would never run.
    #[test]
    fn every_file_of_tests_is_run() {
        let mut seen = 0;
        for folder in fs::read_dir(root().join("crates")).unwrap() {
            let folder = folder.unwrap().path();
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
            for (place, main) in [("tests/it", "main"), ("tests", "all")] {
                let Ok(text) = fs::read_to_string(folder.join(place).join(main).with_extension("rs")) else { continue };
                for file in fs::read_dir(folder.join(place)).unwrap() {
                    let path = file.unwrap().path();
                    let name = path.file_stem().unwrap().to_str().unwrap();
                    if name != main && path.extension().is_some_and(|e| e == "rs") {
                        let named = text.contains(&format!("mod {name};\n"));
                        let alone = manifest.contains(&format!("[[test]]\nname = \"{name}\"\n"));
                        assert!(named || alone, "{} is run by nobody", path.display());
                        seen += 1;
                    }
                }
            }
        }
        assert!(seen > 60, "only {seen} files were found");
    }
}
