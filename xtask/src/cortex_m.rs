//! `cortex-m`: builds the smallest firmware for an emulated Cortex-M4, starts it, and says where its page is.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::boards::{Firmware, TARGET};
use crate::image::nothing_runs_before_main;
use crate::run::{run, target_dir};
use crate::rv32::add_target;
use crate::tools::{self, Tool};

const USAGE: &str = "usage: cargo xtask cortex-m [--port PORT | --build]
  --port PORT    of the page on this machine (any that is free)
  --build        build the program, say what it takes, and stop there";

pub const EMULATOR: Tool = Tool { file: "qemu-system-arm", package: "qemu-system-arm" };
const MACHINE: &str = "mps2-an386";
/// 256 KiB of RAM, 32 of them for the stack: `memory.x` has the same.
const IMAGE: Firmware = Firmware { name: "cortex-m", flash: (0, 1 << 20), ram: (0x2000_8000, 224 << 10) };
/// Where `memory.x` has the settings.
const SETTINGS_ADDRESS: &str = "0x200000";
/// What the program listens on.
const HTTP_PORT: u16 = 80;
const MEDIA_PORT: u16 = 9000;

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
    let program = IMAGE.build()?;
    if build_only {
        return IMAGE.report(&program);
    }
    let (mut command, page) = prepare(&program, port)?;
    println!("Open {page} in a browser.");
    // Becomes the emulator: it ends when it is told to, by the id of this process.
    let error = command.exec();
    Err(error).context("starting the emulator")
}

/// Builds the guide's firmware, which links only where nobody reaches the global heap; what it is promised to have, in words.
pub fn promised() -> Result<String> {
    nothing_runs_before_main(&IMAGE.build()?)?;
    Ok("the guide's firmware without a global heap and without initialisers".into())
}

/// Lints of both packages, for the machine.
pub fn lint() -> Result<()> {
    add_target(TARGET)?;
    run(IMAGE.cargo("clippy").args(["--workspace", "--", "-D", "warnings"]))
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
