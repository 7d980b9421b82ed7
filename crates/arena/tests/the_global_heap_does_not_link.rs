//! A program whose global allocator is [`barertc_arena::Unlinkable`] links while it uses arenas only, and doesn't once
//! it has one box on the global heap.

use std::process::{Command, Output};

fn build(program: &str) -> Output {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/unlinkable/Cargo.toml");
    Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet", "--manifest-path", fixture, "--bin", program])
        .env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/unlinkable"))
        // What this test was built with (a sanitizer, say) is not meant for the programs.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .expect("cargo runs")
}

#[test]
#[cfg(all(target_os = "linux", not(miri)))]
fn only_the_program_without_a_global_heap_links() {
    let output = build("arena_only");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let output = build("boxes");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    // The linker names the function that is missing, and nothing else is.
    let undefined = |line: &&str| line.contains("undefined symbol") || line.contains("undefined reference");
    let missing: Vec<&str> = message.lines().filter(undefined).collect();
    assert!(!missing.is_empty(), "{message}");
    assert!(missing.iter().all(|line| line.contains("the_global_heap_is_used")), "{message}");
}
