//! What an image may not contain (promise P8): initialisers that run before `main`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};

/// Where linkers put pointers to functions that run before `main`.
const INITIALISERS: &[&str] = &[".init_array", ".preinit_array", ".ctors"];

/// Fails where anything of the image would run before `main`.
pub fn nothing_runs_before_main(image: &Path) -> Result<()> {
    match initialisers(image)? {
        0 => Ok(()),
        bytes => bail!("{} has {bytes} bytes of initialisers that run before main", image.display()),
    }
}

/// Bytes of pointers to functions that run before `main`.
fn initialisers(image: &Path) -> Result<u64> {
    let bytes = fs::read(image).with_context(|| format!("{} cannot be read", image.display()))?;
    let elf = object::File::parse(&*bytes).with_context(|| format!("{} is not an ELF image", image.display()))?;
    Ok(initialisers_of(&elf))
}

/// The same of an image that has been read.
pub fn initialisers_of(elf: &object::File<'_>) -> u64 {
    let sections = elf.sections().filter(|section| {
        let name = section.name().unwrap_or_default();
        INITIALISERS.iter().any(|of| name.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    });
    sections.map(|section| section.size()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rust's own start-up on Linux has one, so the test's program is what must be found out.
    #[test]
    #[cfg(target_os = "linux")]
    fn an_initialiser_is_found() {
        let program = std::env::current_exe().expect("a running program");
        assert!(initialisers(&program).expect("an ELF image") > 0);
        assert!(nothing_runs_before_main(&program).is_err());
    }

    #[test]
    fn what_is_no_image_is_an_error() {
        assert!(nothing_runs_before_main(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).is_err());
    }
}
