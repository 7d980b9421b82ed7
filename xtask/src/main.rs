//! `cargo xtask VERB`: the front door for everything longer than one cargo call. `cargo xtask help` lists the verbs.

mod bench;
mod boards;
mod capi;
mod circles;
mod cortex_m;
mod coverage;
mod deny;
mod e2e;
mod esp32p4;
mod flash;
mod fuzz;
#[cfg(test)]
mod guide;
mod image;
mod impair;
mod interop;
mod matrix;
mod minimal;
mod networks;
mod no_panic;
mod outside;
mod p4;
mod pack;
mod package;
mod proofs;
mod qemu;
mod readme;
mod riscv;
mod run;
mod rv32;
mod servers;
mod size;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::Result;

/// A verb: its name, what it does in a line, and the function that takes the arguments behind it.
struct Verb {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const VERBS: &[Verb] = &[
    Verb {
        name: "test",
        about: "everything that must hold, part by part; `test PART…` runs some, `test --list` names them",
        run: test::main,
    },
    Verb {
        name: "riscv",
        about: "builds every no_std crate for RISC-V and runs the self-tests on an emulated machine, counting instructions",
        run: riscv::main,
    },
    Verb {
        name: "pack",
        about: "makes a packed media file of numbered files, or of an Annex B and an Ogg Opus file",
        run: pack::pack,
    },
    Verb { name: "unpack", about: "takes a packed media file apart again", run: pack::unpack },
    Verb { name: "qemu", about: "starts the emulated RISC-V device and says where its page is", run: qemu::main },
    Verb {
        name: "cortex-m",
        about: "starts the smallest firmware on an emulated Cortex-M4 with 256 KiB of RAM; `--build` says what it takes",
        run: cortex_m::main,
    },
    Verb {
        name: "boards",
        about: "builds the smallest firmware for boards that nothing here can run, and says what it takes",
        run: boards::main,
    },
    Verb {
        name: "esp32p4",
        about: "builds the ESP32-P4 image, its settings, seed and media, and flashes them or says how",
        run: esp32p4::main,
    },
    Verb { name: "p4", about: "runs that image in a model of the chip, and says where its page is", run: p4::main },
    Verb {
        name: "p4-selftest",
        about: "holds the accelerators of that chip's model, as its program uses them, against the published vectors",
        run: p4::selftest,
    },
    Verb { name: "p4-e2e", about: "what the image does in the model of the chip, with a real browser", run: p4::e2e },
    Verb { name: "size", about: "how large the firmware images are, by crate: writes docs/size.md", run: size::main },
    Verb { name: "e2e", about: "the desktop's streamer and a real browser", run: e2e::main },
    Verb {
        name: "interop",
        about: "sessions with other stacks, media and data both ways: a table; `--peers NAME,…`, `--bytes N`, `--write`",
        run: interop::main,
    },
    Verb {
        name: "servers",
        about: "the streamer publishes to Janus, three browsers watch; another client of WHIP and WHEP: `servers [SECONDS]`",
        run: servers::main,
    },
    Verb { name: "live", about: "encoders instead of files, in a real browser", run: e2e::live },
    Verb { name: "qemu-e2e", about: "the emulated devices and a real browser", run: e2e::qemu },
    Verb { name: "cortex-m-e2e", about: "of them the Cortex-M4 alone", run: e2e::cortex_m },
    Verb {
        name: "qemu-tls",
        about: "the emulated device over https and wss, and through TURN over TCP and TLS without UDP (root)",
        run: e2e::qemu_tls,
    },
    Verb {
        name: "impair",
        about: "the streamer on bad networks, in a real browser, beside libdatachannel's: a table; `--quick`, `--write`",
        run: impair::main,
    },
    Verb {
        name: "connect",
        about: "round trips until a channel to Chromium is open, with and without SNAP and SPED: a table; `--write`",
        run: impair::connect,
    },
    Verb {
        name: "networks",
        about: "which networks the streamer gets through, and how soon (root): a table; `--quick`, `--write`",
        run: networks::main,
    },
    Verb { name: "viewers", about: "what one, two, four and eight viewers cost the streamer", run: impair::viewers },
    Verb { name: "traces", about: "records what feedback tells on bad networks, for tests", run: impair::traces },
    Verb { name: "plots", about: "how the bandwidth estimate behaves, as pictures in docs/plots", run: impair::plots },
    Verb {
        name: "hosted-e2e",
        about: "the streamer behind the WiFi driver and a simulated co-processor, and a real browser (root)",
        run: e2e::hosted,
    },
    Verb {
        name: "circles",
        about: "circles of files, large structs, types without `defmt::Format`, texts of errors, the way of an offer",
        run: circles::main,
    },
    Verb {
        name: "no-panic",
        about: "links each path that bytes from the network take without a panic handler",
        run: no_panic::main,
    },
    Verb {
        name: "proofs",
        about: "the promises P1 to P13, a line each with what was measured; `proofs P3`, `--write`",
        run: proofs::main,
    },
    Verb {
        name: "coverage",
        about: "which lines of parsers and crates their tests run; `--lines`, `--write`",
        run: coverage::main,
    },
    Verb { name: "deny", about: "licences, sources, doubled and yanked versions of all dependencies", run: deny::main },
    Verb {
        name: "outside",
        about: "README's and the front page's programs with barertc as only dependency, and a firmware with embassy-net",
        run: outside::main,
    },
    Verb {
        name: "readme",
        about: "the commands of README, each run as printed; `readme WORD…`: those that have the words",
        run: readme::main,
    },
    Verb {
        name: "package",
        about: "the crates as the packages that others would get; `--tests`: they stand alone, and their tests run",
        run: package::main,
    },
    Verb {
        name: "capi",
        about: "the C interface: its examples compiled by gcc and run, its library linked for RISC-V; `host`, `device`",
        run: capi::main,
    },
    Verb {
        name: "matrix",
        about: "each feature of each crate alone, and chips without compare-and-swap",
        run: matrix::main,
    },
    Verb {
        name: "minimal",
        about: "the crates with the lowest versions of dependencies that they name (nightly)",
        run: minimal::main,
    },
    Verb {
        name: "explore",
        about: "every property test with inputs that were never tried; `explore [ROUNDS]`",
        run: test::explore,
    },
    Verb { name: "fuzz", about: "every fuzz target for a short time: `fuzz [SECONDS [TARGET…]]`", run: fuzz::main },
    Verb {
        name: "bench",
        about: "whole connections beside other implementations in one table (`--write`, `--quick`); `bench NAME`: a part",
        run: bench::main,
    },
    Verb { name: "flash", about: "makes a LittleFS image of files, for a board's flash", run: flash::main },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (name, rest) = args.split_first().map_or(("help", &[][..]), |(name, rest)| (name.as_str(), rest));
    let Some(verb) = VERBS.iter().find(|verb| verb.name == name) else {
        println!("cargo xtask VERB [ARGUMENT…]\n");
        for verb in VERBS {
            println!("  {:<12} {}", verb.name, verb.about);
        }
        let asked = matches!(name, "help" | "--help" | "-h");
        return if asked { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    };
    match (verb.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
