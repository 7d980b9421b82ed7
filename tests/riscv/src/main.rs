//! Runs the self-tests of the crates inside `qemu-system-riscv32 -M virt` and counts instructions.
//! `cargo xtask riscv` builds, starts and reads it; `README.md` says how to add a crate.
#![no_std]
#![no_main]

mod arena;
mod bench;
mod crypto;
mod curves;
mod dtls;
mod ice;
mod machine;
mod peer;
mod rtp;
mod sctp;
mod sdp;
mod srtp;

use bench::Bench;

/// Promise P1: a program in which anybody can reach the global heap does not link.
#[global_allocator]
static NO_GLOBAL_HEAP: barertc_arena::Unlinkable = barertc_arena::Unlinkable;

/// A crate's tests, run and measured.
type Suite = fn(&mut Bench);

/// Each crate's tests, in the order in which the crates build on each other.
const SUITES: &[(&str, Suite)] = &[
    ("arena", arena::run),
    ("curves", curves::run),
    ("crypto", crypto::run),
    ("rtp", rtp::run),
    ("srtp", srtp::run),
    ("dtls", dtls::run),
    ("ice", ice::run),
    ("sctp", sctp::run),
    ("sdp", sdp::run),
    ("peer", peer::run),
];

#[riscv_rt::entry]
fn main() -> ! {
    let (internal, psram) = machine::memories();
    let mut bench = Bench::new(&internal, &psram);
    for (name, run) in SUITES {
        bench.suite(name, *run);
    }
    machine::exit(bench.finish())
}
