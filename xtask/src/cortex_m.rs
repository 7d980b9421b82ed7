//! `cortex-m`: builds the smallest firmware for an emulated Cortex-M4, starts it, and says where its page is.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, SectionKind};

use crate::image::nothing_runs_before_main;
use crate::run::{cargo, root, run, target_dir};
use crate::rv32::add_target;
use crate::tools::{self, Tool};

const USAGE: &str = "usage: cargo xtask cortex-m [--port PORT | --build]
  --port PORT    of the page on this machine (any that is free)
  --build        build the program, say what it takes, and stop there";

pub const EMULATOR: Tool = Tool { file: "qemu-system-arm", package: "qemu-system-arm" };
const MACHINE: &str = "mps2-an386";
const TARGET: &str = "thumbv7em-none-eabihf";
/// The program's folder below the root.
const FOLDER: &str = "examples/cortex-m";
/// Where `memory.x` of the program has its settings, and the memories of the chip that the machine stands for.
const SETTINGS_ADDRESS: &str = "0x200000";
const FLASH: Region = Region { name: "flash", start: 0, len: 1 << 20 };
const RAM: Region = Region { name: "RAM", start: 0x2000_0000, len: 256 << 10 };
/// What the program listens on.
const HTTP_PORT: u16 = 80;
const MEDIA_PORT: u16 = 9000;

struct Region {
    name: &'static str,
    start: u64,
    len: u64,
}

/// `cargo xtask cortex-m`.
pub fn main(args: &[String]) -> Result<()> {
    let (mut port, mut build_only) = (0, false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--port" => {
                let value = args.next().with_context(|| format!("--port needs a value\n{USAGE}"))?;
                port = value.parse().context("--port: a number")?;
            }
            "--build" => build_only = true,
            _ => bail!("{arg}?\n{USAGE}"),
        }
    }
    tools::need(&[EMULATOR])?;
    let program = build()?;
    if build_only {
        return report(&program);
    }
    let (mut command, page) = prepare(&program, port)?;
    println!("Open {page} in a browser.");
    // Becomes the emulator: it ends when it is told to, by the id of this process.
    let error = command.exec();
    Err(error).context("starting the emulator")
}

/// Lints of both packages, for the machine.
pub fn lint() -> Result<()> {
    add_target(TARGET)?;
    run(for_machine("clippy").args(["--workspace", "--", "-D", "warnings"]))
}

fn for_machine(verb: &str) -> Command {
    let mut command = cargo();
    command.current_dir(root().join(FOLDER)).env("CARGO_TARGET_DIR", target_dir());
    command.args([verb, "--release", "--locked", "--target", TARGET]);
    command
}

fn build() -> Result<PathBuf> {
    add_target(TARGET)?;
    run(&mut for_machine("build"))?;
    Ok(target_dir().join(TARGET).join("release/barertc-cortex-m"))
}

/// What the program takes of each memory. That it links shows that it fits, and that nobody reaches the global heap.
fn report(program: &Path) -> Result<()> {
    nothing_runs_before_main(program)?;
    let bytes = fs::read(program).with_context(|| format!("{} cannot be read", program.display()))?;
    let elf = object::File::parse(&*bytes)?;
    // What takes no memory of the machine is at address 0, and has names that only tools read.
    let is_loaded = |section: &object::Section<'_, '_>| {
        !matches!(
            section.kind(),
            SectionKind::Metadata | SectionKind::Debug | SectionKind::Other | SectionKind::OtherString
        )
    };
    for Region { name, start, len } in [FLASH, RAM] {
        let inside = |section: &object::Section<'_, '_>| (start..start + len).contains(&section.address());
        let taken: u64 =
            elf.sections().filter(|section| is_loaded(section) && inside(section)).map(|section| section.size()).sum();
        // What data begins with is in flash, too.
        let copied = if start == FLASH.start { elf.section_by_name(".data").map_or(0, |data| data.size()) } else { 0 };
        println!("{name}: {} of {len} B", taken + copied);
    }
    Ok(())
}

/// The emulator's command line, with a page at `port` (0 for any), and the page's address.
fn prepare(program: &Path, port: u16) -> Result<(Command, String)> {
    // Bound for a moment, to learn which ports are free.
    let page = TcpListener::bind(("127.0.0.1", port)).context("the page's port")?.local_addr()?.port();
    let media = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut random = [0; 40];
    fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let (seed, token) = hex.split_at(64);
    let settings = target_dir().join(format!("cortex-m-settings-{page}.txt"));
    fs::write(&settings, format!("advertise=127.0.0.1:{media}\ntoken={token}\nseed={seed}\n"))?;
    let forward =
        format!("user,id=n0,hostfwd=tcp:127.0.0.1:{page}-:{HTTP_PORT},hostfwd=udp:127.0.0.1:{media}-:{MEDIA_PORT}");
    let mut command = Command::new(EMULATOR.file);
    command
        .args(["-M", MACHINE, "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot"])
        .arg("-kernel")
        .arg(program)
        .args(["-device", &format!("loader,file={},addr={SETTINGS_ADDRESS},force-raw=on", settings.display())])
        .args(["-netdev", &forward, "-net", "nic,netdev=n0"]);
    Ok((command, format!("http://127.0.0.1:{page}/?token={token}")))
}
