//! `qemu`: builds the emulated device and its flash, starts it, and says where its page is.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{root, run, target_dir};
use crate::rv32::Toolchain;
use crate::tools::{self, Tool};
use crate::{flash, run::show_path};

const USAGE: &str = "usage: cargo xtask qemu [--port PORT] [--build] [FILE…|DIR…]
  --port PORT    of the page on this machine (any that is free)
  --build        build the program and the flash image, and stop there
  FILE, DIR      what goes into the flash (examples/media/sample.brtc)";

const EMULATOR: Tool = Tool { file: "qemu-system-riscv32", package: "qemu-system-misc" };
/// Where `memory.x` of the program has its settings.
const SETTINGS_ADDRESS: &str = "0x80f00000";
/// What the program listens on.
const HTTP_PORT: u16 = 80;
const MEDIA_PORT: u16 = 9000;

/// `cargo xtask qemu`.
pub fn main(args: &[String]) -> Result<()> {
    let (mut port, mut build_only, mut inputs) = (0, false, Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--port" => port = args.next().context(USAGE)?.parse().context("--port: a number")?,
            "--build" => build_only = true,
            _ if arg.starts_with('-') => bail!("{arg}?\n{USAGE}"),
            _ => inputs.push(arg.clone()),
        }
    }
    tools::need(&[EMULATOR])?;
    let device = build(inputs)?;
    if build_only {
        return Ok(());
    }
    device.start(port)
}

/// What the emulator is started with.
struct Device {
    program: PathBuf,
    flash: PathBuf,
}

fn build(mut inputs: Vec<String>) -> Result<Device> {
    let toolchain = Toolchain::find(None)?;
    let folder = root().join("examples/qemu-virt");
    run(toolchain.cargo("build", &folder)?.arg("--locked"))?;
    if inputs.is_empty() {
        inputs.push(show_path(&root().join("examples/media/sample.brtc")));
    }
    let flash = target_dir().join("qemu-flash.img");
    let mut words = vec!["-o".to_owned(), show_path(&flash)];
    words.append(&mut inputs);
    flash::main(&words)?;
    Ok(Device { program: toolchain.program("barertc-qemu-virt"), flash })
}

impl Device {
    /// Becomes the emulator: it ends when it is told to, by the id of this process.
    fn start(&self, port: u16) -> Result<()> {
        // Bound for a moment, to learn which ports are free.
        let page = TcpListener::bind(("127.0.0.1", port)).context("the page's port")?.local_addr()?.port();
        let media = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let token = token()?;
        let settings = target_dir().join(format!("qemu-settings-{page}.txt"));
        // The device sees browsers on this machine as coming from elsewhere, so they have to show a token.
        fs::write(&settings, format!("advertise=127.0.0.1:{media}\ntoken={token}\n"))?;
        println!("Open http://127.0.0.1:{page}/?token={token} in a browser.");
        let forward =
            format!("user,id=n0,hostfwd=tcp:127.0.0.1:{page}-:{HTTP_PORT},hostfwd=udp:127.0.0.1:{media}-:{MEDIA_PORT}");
        let error = Command::new(EMULATOR.file)
            .args(["-M", "virt", "-cpu", "rv32", "-m", "128", "-bios", "none"])
            .args(["-display", "none", "-serial", "stdio", "-monitor", "none"])
            // Not `-kernel`: with a flash bank in use, QEMU 7 would not start what it loads.
            .args(["-device", &format!("loader,file={}", self.program.display())])
            .args(["-device", &format!("loader,file={},addr={SETTINGS_ADDRESS},force-raw=on", settings.display())])
            .args(["-drive", &format!("if=pflash,unit=1,format=raw,readonly=on,file={}", self.flash.display())])
            .args(["-global", "virtio-mmio.force-legacy=false"])
            .args(["-netdev", &forward, "-device", "virtio-net-device,netdev=n0", "-device", "virtio-rng-device"])
            .exec();
        Err(error).context("starting the emulator")
    }
}

fn token() -> Result<String> {
    let mut bytes = [0; 8];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
