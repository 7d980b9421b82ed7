//! Which versions were yanked, from the copy of the registry's index that cargo keeps.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{packages, text};

/// How many packages were found in the index, and those that were yanked, with their versions.
///
/// Cargo keeps a package's entry from the day when it last chose a version of it. So a version that was yanked after that is
/// not seen here, but where the lock file is made anew.
pub fn yanked(metadata: &Value) -> Result<(usize, Vec<String>)> {
    let indexes = indexes()?;
    let (mut looked, mut yanked) = (0, Vec::new());
    for package in packages(metadata).filter(|p| p["source"].is_string()) {
        let (name, version) = (text(package, "name"), text(package, "version"));
        let Some(entry) = indexes.iter().find_map(|index| fs::read(index.join(path(name))).ok()) else { continue };
        match is_yanked(&entry, version) {
            Some(true) => yanked.push(format!("{name} {version}")),
            Some(false) => {}
            None => continue,
        }
        looked += 1;
    }
    Ok((looked, yanked))
}

/// The folders of copies, one a registry. There is none where the dependencies come from a folder of their own.
pub fn indexes() -> Result<Vec<PathBuf>> {
    let home = std::env::var_os("CARGO_HOME")
        .map_or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")), |home| Some(home.into()));
    let folder = home.context("neither CARGO_HOME nor HOME is set")?.join("registry/index");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path().join(".cache"))).filter(|path| path.is_dir()).collect())
}

/// Where the index keeps the entry of a name (The Cargo Book, "Index Format").
fn path(name: &str) -> PathBuf {
    let name = name.to_lowercase();
    match name.len() {
        0..=2 => Path::new(&name.len().to_string()).join(&name),
        3 => Path::new("3").join(&name[..1]).join(&name),
        _ => Path::new(&name[..2]).join(&name[2..4]).join(&name),
    }
}

/// Whether the version was yanked; none where the entry does not have it. An entry is a head, and then each version and what is
/// said about it, with a zero byte behind each.
fn is_yanked(entry: &[u8], version: &str) -> Option<bool> {
    let mut parts = entry.split(|byte| *byte == 0);
    parts.by_ref().find(|part| *part == version.as_bytes())?;
    serde_json::from_slice::<Value>(parts.next()?).ok()?["yanked"].as_bool()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yanked_version_is_found_in_an_entry() {
        let entry = b"\x03\x02\0\0\0Unknown\x001.0.0\0{\"vers\":\"1.0.0\",\"yanked\":true}\x001.0.1\0{\"vers\":\"1.0.1\",\"yanked\":false}\0";
        assert_eq!(is_yanked(entry, "1.0.0"), Some(true));
        assert_eq!(is_yanked(entry, "1.0.1"), Some(false));
        assert_eq!(is_yanked(entry, "1.0.2"), None);
    }

    #[test]
    fn names_have_their_place() {
        assert_eq!(path("p"), Path::new("1/p"));
        assert_eq!(path("cc"), Path::new("2/cc"));
        assert_eq!(path("Syn"), Path::new("3/s/syn"));
        assert_eq!(path("serde_json"), Path::new("se/rd/serde_json"));
    }
}
