//! `qemu`: builds the emulated device and its flash, starts it, and says where its page is.

mod count;

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{root, target_dir};
use crate::rv32::Toolchain;
use crate::size::Image;
use crate::tools::{self, Tool};
use crate::{flash, run::show_path};

const USAGE: &str = "usage: cargo xtask qemu [--port PORT] [--signaling URL] [--id NAME] [--media PATH] [--build | --icount] [FILE…|DIR…]
  --listen ADDRESS
                 of this machine, where the page and media are (127.0.0.1)
  --port PORT    of the page there (any that is free)
  --signaling URL, --id NAME
                 also connect to a forwarding server, such as ws://127.0.0.1:8000, under this name (server)
  --media PATH   what is played: a packed file in the flash, or a directory with h264 and opus in it (sample.brtc)
  --set NAME=VALUE
                 a line of the device's settings, such as whip=https://10.0.2.2:8443/whip: this machine is 10.0.2.2 inside
  --program FILE what runs, instead of building it
  --flash IMAGE  what is in the flash, instead of an image of FILEs and DIRs
  --token TOKEN  what viewers must show (one that is made up)
  --build        build the program and the flash image, and stop there
  --icount       count the device's instructions with a viewer that is no browser, and print them
  FILE, DIR      what goes into the flash (examples/media/sample.brtc)";

const EMULATOR: Tool = Tool { file: "qemu-system-riscv32", package: "qemu-system-misc" };
/// Where `memory.x` of the program has its settings.
const SETTINGS_ADDRESS: &str = "0x80f00000";
/// What the program listens on.
const HTTP_PORT: u16 = 80;
const MEDIA_PORT: u16 = 9000;

/// `cargo xtask qemu`.
pub fn main(args: &[String]) -> Result<()> {
    let (mut port, mut build_only, mut icount, mut inputs) = (0, false, false, Vec::new());
    let (mut signaling, mut id, mut extra) = (None, "server".to_owned(), String::new());
    let (mut token, mut flash, mut program) = (None, None, None);
    let mut listen = Ipv4Addr::LOCALHOST;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("{arg} needs a value\n{USAGE}"));
        match arg.as_str() {
            "--listen" => listen = value()?.parse().context("--listen: an IPv4 address of this machine")?,
            "--program" => program = Some(PathBuf::from(value()?)),
            "--port" => port = value()?.parse().context("--port: a number")?,
            "--signaling" => signaling = Some(value()?.trim_end_matches('/')),
            "--id" => id.clone_from(value()?),
            "--set" => extra += &format!("{}\n", value()?),
            "--media" => extra += &format!("media={}\n", value()?),
            "--flash" => flash = Some(PathBuf::from(value()?)),
            "--token" => token = Some(value()?.clone()),
            "--build" => build_only = true,
            "--icount" => icount = true,
            _ if arg.starts_with('-') => bail!("{arg}?\n{USAGE}"),
            _ => inputs.push(arg.clone()),
        }
    }
    if let Some(url) = signaling {
        extra += &format!("signaling={}/{id}\n", from_inside(url)?);
    }
    tools::need(&[EMULATOR])?;
    let device = build(inputs, flash, program)?;
    if build_only {
        return Ok(());
    }
    if icount {
        return count::main(&device);
    }
    let mut start = device.prepare((listen, port), token, &extra)?;
    println!("Open {} in a browser.", start.page);
    // Becomes the emulator: it ends when it is told to, by the id of this process.
    let error = start.command.exec();
    Err(error).context("starting the emulator")
}

/// The address of this machine, as the device sees it.
const HOST_INSIDE: &str = "10.0.2.2";

/// `url` as the device has to call it: what this machine calls itself is another machine for the device.
pub fn from_inside(url: &str) -> Result<String> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let usual = match scheme {
        "ws" => "80",
        "wss" => "443",
        _ => bail!("--signaling {url}: must begin with ws:// or wss://"),
    };
    let (host, port) = rest.split_once(':').unwrap_or((rest, usual));
    let host = if matches!(host, "localhost" | "127.0.0.1") { HOST_INSIDE } else { host };
    Ok(format!("{scheme}://{host}:{port}"))
}

/// What the emulator is started with.
struct Device {
    program: PathBuf,
    flash: PathBuf,
}

fn build(mut inputs: Vec<String>, flash: Option<PathBuf>, program: Option<PathBuf>) -> Result<Device> {
    let program = match program {
        Some(program) => program,
        None => Image::named("qemu-virt").context("no such image")?.build(&Toolchain::find(None)?)?,
    };
    if let Some(flash) = flash {
        return Ok(Device { program, flash });
    }
    if inputs.is_empty() {
        inputs.push(show_path(&root().join("examples/media/sample.brtc")));
    }
    let flash = target_dir().join("qemu-flash.img");
    let mut words = vec!["-o".to_owned(), show_path(&flash)];
    words.append(&mut inputs);
    flash::main(&words)?;
    Ok(Device { program, flash })
}

/// An emulator about to start.
struct Start {
    command: Command,
    /// The page's address, token and all.
    page: String,
}

impl Device {
    /// The emulator's command line, with a page at this address and port (0 for any) and `extra` lines of settings.
    fn prepare(&self, (ip, port): (Ipv4Addr, u16), token: Option<String>, extra: &str) -> Result<Start> {
        // Bound for a moment, to learn which ports are free.
        let page = TcpListener::bind((ip, port)).context("the page's port")?.local_addr()?.port();
        let media = UdpSocket::bind((ip, 0))?.local_addr()?.port();
        let token = token.map_or_else(made_up, Ok)?;
        let settings = target_dir().join(format!("qemu-settings-{page}.txt"));
        // The device sees browsers on this machine as coming from elsewhere, so they have to show a token.
        fs::write(&settings, format!("advertise={ip}:{media}\ntoken={token}\n{extra}"))?;
        let forward = format!("user,id=n0,hostfwd=tcp:{ip}:{page}-:{HTTP_PORT},hostfwd=udp:{ip}:{media}-:{MEDIA_PORT}");
        let mut command = Command::new(EMULATOR.file);
        command
            .args(["-M", "virt", "-cpu", "rv32", "-m", "128", "-bios", "none"])
            .args(["-display", "none", "-serial", "stdio", "-monitor", "none"])
            // Not `-kernel`: with a flash bank in use, QEMU 7 would not start what it loads.
            .args(["-device", &format!("loader,file={}", self.program.display())])
            .args(["-device", &format!("loader,file={},addr={SETTINGS_ADDRESS},force-raw=on", settings.display())])
            .args(["-drive", &format!("if=pflash,unit=1,format=raw,readonly=on,file={}", self.flash.display())])
            .args(["-global", "virtio-mmio.force-legacy=false"])
            .args(["-netdev", &forward, "-device", "virtio-net-device,netdev=n0", "-device", "virtio-rng-device"]);
        Ok(Start { command, page: format!("http://{ip}:{page}/?token={token}") })
    }
}

pub fn made_up() -> Result<String> {
    let mut bytes = [0; 8];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
