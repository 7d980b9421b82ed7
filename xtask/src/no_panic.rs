//! `cargo xtask no-panic`: promise P9, shown by the linker.
//!
//! `tests/no-panic` makes one path at a time a program's entry. Its panic handler calls a function that exists nowhere, so
//! a path on which a panic can be reached does not link. Who could panic is then read from a program that has a handler.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSymbol};

use crate::run::{root, show};
use crate::rv32::Toolchain;
use crate::size::stack::Stack;

/// What the linker cannot find where a panic can be reached.
const NO_PANIC: &str = "a_panic_can_be_reached_but_this_path_must_not_have_one";
const PROGRAM: &str = "barertc-no-panic";

/// The paths that are proven. `tests/no-panic` says what each does.
const PATHS: &[&str] = &[
    "wire",
    "sdp",
    "stun",
    "mdns",
    "rtp",
    "rtcp",
    "frames",
    "nack",
    "srtp",
    "sctp",
    "ice",
    "dtls",
    "tls",
    "curves",
    "http",
    "url",
    "websocket",
    "json",
    "hosted",
    "peer",
    "peer-polls",
];

/// The paths that do not link yet, each with the reason. Whoever mends one moves it up: the check fails when one links.
const NOT_YET: &[(&str, &str)] =
    &[("peer-descriptions", "core's reading and writing of IP addresses has checks that the compiler does not remove")];

pub fn main(args: &[String]) -> Result<()> {
    if args.is_empty() {
        println!("P9: {}", proven()?);
        return Ok(());
    }
    let toolchain = Toolchain::find(None)?;
    let mut wrong = Vec::new();
    for path in args {
        if !is_proven(&toolchain, path)? {
            wrong.push(path.as_str());
        }
    }
    if wrong.is_empty() { Ok(()) } else { bail!("a panic can be reached: {}", wrong.join(", ")) }
}

/// Links every path, and says how many there are.
pub fn proven() -> Result<String> {
    let toolchain = Toolchain::find(None)?;
    if links(&toolchain, "broken-promise")? {
        bail!("a program that panics links: promise P9 is not being tested");
    }
    let mut wrong = Vec::new();
    for path in PATHS {
        if !is_proven(&toolchain, path)? {
            wrong.push(*path);
        }
    }
    for (path, why) in NOT_YET {
        if links(&toolchain, path)? {
            println!("  {path:<8} links: it belongs to what is proven");
            wrong.push(path);
        } else {
            println!("  {path:<8} not proven: {why}");
        }
    }
    if !wrong.is_empty() {
        bail!("not as listed in xtask/src/no_panic.rs: {}", wrong.join(", "));
    }
    let left = if NOT_YET.is_empty() { String::new() } else { format!(", {} do not yet", NOT_YET.len()) };
    Ok(format!("{} paths link without a panic handler{left}", PATHS.len()))
}

/// Whether the path links; names who can panic where it does not.
fn is_proven(toolchain: &Toolchain, path: &str) -> Result<bool> {
    if links(toolchain, path)? {
        println!("  {path:<8} no panic can be reached");
        return Ok(true);
    }
    println!("  {path:<8} A PANIC CAN BE REACHED");
    explain(toolchain, path)?;
    Ok(false)
}

/// Whether the path links. A failure for any other reason is an error.
fn links(toolchain: &Toolchain, path: &str) -> Result<bool> {
    let mut build = toolchain.cargo("build", &root().join("tests/no-panic"))?;
    build.args(["--quiet", "--features", path]);
    let out = build.output().with_context(|| format!("`{}` could not be started", show(&build)))?;
    let said = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() && !said.contains(NO_PANIC) {
        bail!("`{}` fails for another reason:\n{said}", show(&build));
    }
    if out.status.success() && !has_entry(&toolchain.program(PROGRAM))? {
        bail!("`{path}` is a feature of tests/no-panic without a path of its own");
    }
    Ok(out.status.success())
}

/// A program without an entry would link whatever the crates do.
fn has_entry(program: &std::path::Path) -> Result<bool> {
    let bytes = fs::read(program)?;
    let elf = object::File::parse(&*bytes)?;
    Ok(elf.symbols().any(|symbol| symbol.name() == Ok("_start") && symbol.size() > 0))
}

/// Names the functions that call into panicking code.
fn explain(toolchain: &Toolchain, path: &str) -> Result<()> {
    let mut build = toolchain.cargo("build", &root().join("tests/no-panic"))?;
    build.args(["--quiet", "--features", &format!("{path},can-panic")]);
    crate::run::run(&mut build)?;
    let bytes = fs::read(toolchain.program(PROGRAM))?;
    let stack = Stack::of(&object::File::parse(&*bytes)?)?;
    let callers: BTreeSet<_> = stack.callers_of(is_panic).into_iter().collect();
    for (caller, callee) in callers {
        println!("    {caller}\n      calls {callee}");
    }
    Ok(())
}

fn is_panic(name: &str) -> bool {
    ["core::panicking::", "slice_index_fail", "unwrap_failed", "expect_failed", "rust_begin_unwind", "::panic_"]
        .iter()
        .any(|part| name.contains(part))
        || name.starts_with("core::slice::index::slice_") && name.ends_with("_fail")
}
