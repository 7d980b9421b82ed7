//! Tells the linker where things go.

fn main() {
    println!("cargo::rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rustc-link-arg-bins=-Tlinkall.x");
    println!("cargo::rustc-link-arg-bins=-Tpsram.x");
    println!("cargo::rerun-if-changed=psram.x");
}
