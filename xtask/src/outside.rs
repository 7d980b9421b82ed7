//! `cargo xtask outside`: the programs of README, of the library's front page and of the guide, as a stranger would copy them.
//!
//! Each becomes a program of a crate outside the workspace, whose only dependency is `barertc`. It must compile, and run. Pages
//! of the guide may also use the crates that are named in [`BESIDE`].
//! Then `examples/firmware`, a minimal `no_std` firmware with `embassy-net`, must compile for a machine. The crates must be
//! packages that a stranger can use (`cargo xtask package`).

use std::fs;

use anyhow::{Context, Result, bail};

use crate::run::{cargo, root, run, show_path, target_dir};
use crate::rv32::add_target;

/// Where programs for readers stand, and how their lines begin.
const PAGES: [(&str, &str, &str); 2] = [("readme", "README.md", ""), ("front-page", "crates/peer/src/lib.rs", "//!")];

/// Where the guide stands.
const GUIDE: &str = "docs/guide";

/// What a page of the guide may use beside `barertc`: the name in a program, and the folder.
const BESIDE: [(&str, &str); 1] = [("barertc_media", "media")];

pub fn main(args: &[String]) -> Result<()> {
    if let Some(unknown) = args.first() {
        bail!("no `{unknown}`: cargo xtask outside");
    }
    let folder = target_dir().join("outside");
    let programs = folder.join("src/bin");
    // Nothing of an earlier time is compiled.
    let _ = fs::remove_dir_all(&programs);
    fs::create_dir_all(&programs)?;
    let mut manifest =
        "[package]\nname = \"outside\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n".to_owned();
    for (name, library) in [("barertc", "peer")].iter().chain(&BESIDE) {
        let library = show_path(&root().join("crates").join(library));
        manifest += &format!("{} = {{ path = \"{library}\" }}\n", name.replace('_', "-"));
    }
    fs::write(folder.join("Cargo.toml"), manifest)?;
    // The versions that the workspace is tested with.
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let mut names = Vec::new();
    let mut pages: Vec<(String, String, &str)> =
        PAGES.iter().map(|(name, file, comment)| ((*name).into(), (*file).into(), *comment)).collect();
    pages.extend(guide()?.into_iter().map(|(name, file)| (name, file, "")));
    for (name, file, comment) in &pages {
        let text = fs::read_to_string(root().join(file))?;
        let found = programs_of(&text, comment);
        // A page of the guide may have none.
        if found.is_empty() && !file.starts_with(GUIDE) {
            bail!("{file} has no program with a `fn main`");
        }
        for (number, program) in found.iter().enumerate() {
            if !file.starts_with(GUIDE) && BESIDE.iter().any(|(name, _)| program.contains(name)) {
                bail!("{file} has a program that needs more than `barertc`");
            }
            let name = format!("{name}-{number}");
            fs::write(programs.join(format!("{name}.rs")), program)?;
            names.push(name);
        }
    }
    for name in &names {
        run(cargo().args(["run", "--quiet", "--manifest-path"]).arg(folder.join("Cargo.toml")).args(["--bin", name]))
            .with_context(|| format!("the program `{name}` is not what a reader can use"))?;
    }
    println!("  {} programs compile outside of the workspace, and run", names.len());
    firmware()?;
    crate::package::main(&[])
}

/// The firmware is checked for a chip that the rest of the tests does not know.
fn firmware() -> Result<()> {
    const TARGET: &str = "riscv32imac-unknown-none-elf";
    add_target(TARGET)?;
    run(cargo()
        .args(["check", "--quiet", "--locked", "--target", TARGET, "--manifest-path"])
        .arg(root().join("examples/firmware/Cargo.toml"))
        .env("CARGO_TARGET_DIR", target_dir())
        .env("RUSTFLAGS", "-D warnings"))
    .context("examples/firmware is not what a reader can use")?;
    println!("  a firmware with `embassy-net` compiles for {TARGET}");
    Ok(())
}

/// The pages of the guide: a name for the program, and the file.
fn guide() -> Result<Vec<(String, String)>> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(root().join(GUIDE)).with_context(|| GUIDE)? {
        let file = entry?.file_name();
        if let Some(name) = file.to_str().and_then(|file| file.strip_suffix(".md")) {
            pages.push((format!("guide-{}", name.to_lowercase()), format!("{GUIDE}/{name}.md")));
        }
    }
    pages.sort();
    Ok(pages)
}

/// The fenced Rust programs of a page: those with a `fn main`. Lines that rustdoc hides are part of the program.
fn programs_of(text: &str, comment: &str) -> Vec<String> {
    let (mut programs, mut program, mut inside) = (Vec::new(), String::new(), false);
    for line in text.lines() {
        let Some(line) = line.strip_prefix(comment) else { continue };
        let line = if comment.is_empty() { line } else { line.strip_prefix(' ').unwrap_or(line) };
        match line.trim_end() {
            "```" if inside => {
                inside = false;
                if program.contains("fn main") {
                    programs.push(std::mem::take(&mut program));
                }
                program.clear();
            }
            "```rust" => inside = true,
            "```" if !comment.is_empty() => inside = true,
            line if inside => {
                program.push_str(line.strip_prefix("# ").unwrap_or(if line == "#" { "" } else { line }));
                program.push('\n');
            }
            _ => {}
        }
    }
    programs
}

#[cfg(test)]
mod tests {
    use super::programs_of;

    #[test]
    fn programs_are_found_on_both_kinds_of_page() {
        let page = "text\n```sh\nls\n```\n```rust\nfn main() {}\n```\n```rust\nlet x = 1;\n```\n";
        assert_eq!(programs_of(page, ""), ["fn main() {}\n"]);
        let docs = "//! text\n//! ```\n//! # fn main() {\n//! let x = 1;\n//! # }\n//! ```\nfn main() {}\n";
        assert_eq!(programs_of(docs, "//!"), ["fn main() {\nlet x = 1;\n}\n"]);
    }
}
