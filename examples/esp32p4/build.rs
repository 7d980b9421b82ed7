//! Tells the linker where things go, and packs the page.

use std::io::Write as _;
use std::path::Path;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

const PAGE: &str = "../viewer/index.html";

fn main() {
    println!("cargo::rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rustc-link-arg-bins=-Tlinkall.x");
    println!("cargo::rustc-link-arg-bins=-Tpsram.x");
    println!("cargo::rerun-if-changed=psram.x");
    println!("cargo::rerun-if-changed={PAGE}");
    let page = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).expect("the page");
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&page).expect("room in memory");
    let out = env::var_os("OUT_DIR").expect("set by cargo");
    fs::write(Path::new(&out).join("page.gz"), packed.finish().expect("room in memory")).expect("a file for the page");
}
