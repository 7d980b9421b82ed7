//! `p4`: the program for the board, run in the model of its chip.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::esp32p4;
use crate::qemu::{from_inside, made_up};
use crate::run::{cargo, run, show_path, target_dir};

const USAGE: &str = "usage: cargo xtask p4 [--port PORT] [--token TOKEN] [--set NAME=VALUE]… [--signaling URL] [--build] [MODEL'S OPTION…] [FILE…|DIR…]
  --port PORT      of the page on this machine (any that is free)
  --token TOKEN    what viewers must show (one that is made up)
  --set NAME=VALUE a line of the settings; examples/esp32p4/README.md names them
  --wifi           over WiFi: an ESP32-C6 with firmware 2.x, and a network named home
  --signaling URL  also connect to a forwarding server on this machine, such as ws://127.0.0.1:8000/server
  --build          build the program and its flash, and stop there
  --program ELF    instead of building it
  --coprocessor 2|3|old|none, --load SECONDS, --restart-each SECONDS, --virtual, --seconds N, --trace, --watch SYMBOL, --break-at SYMBOL
                   the model's: docs/esp32-p4.md
  FILE, DIR        what goes into the file system (examples/media/sample.brtc)";

/// `cargo xtask p4`.
pub fn main(args: &[String]) -> Result<()> {
    let (mut port, mut token, mut build_only) = (0_u16, None, false);
    let (mut lines, mut model, mut inputs) = (String::new(), Vec::new(), Vec::new());
    let (mut outward, mut program) = (None, None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("{arg} needs a value\n{USAGE}"));
        match arg.as_str() {
            "--port" => port = value()?.parse().context("--port: a number")?,
            "--token" => token = Some(value()?.clone()),
            "--set" => lines += &format!("{}\n", value()?),
            "--signaling" => {
                let url = value()?;
                lines += &format!("signaling={}\n", from_inside(url)?);
                outward = url.split(':').nth(2).and_then(|rest| rest.split('/').next()).map(str::to_owned);
            }
            "--wifi" => lines += "network=wifi\nssid=home\npassword=correct horse battery\n",
            "--build" => build_only = true,
            "--program" => program = Some(PathBuf::from(value()?)),
            "--virtual" | "--trace" => model.push(arg.clone()),
            "--seconds" | "--watch" | "--break-at" | "--coprocessor" | "--load" | "--restart-each" => {
                model.extend([arg.clone(), value()?.clone()])
            }
            _ if arg.starts_with('-') => bail!("{arg}?\n{USAGE}"),
            _ => inputs.push(arg.clone()),
        }
    }
    let table = esp32p4::table()?;
    let folder = esp32p4::folder()?;
    let program = program.map_or_else(esp32p4::program, Ok)?;
    let media = esp32p4::media(inputs, &folder, table.get("media")?)?;
    // Bound for a moment, to learn which ports are free.
    let page = TcpListener::bind(("127.0.0.1", port)).context("the page's port")?.local_addr()?.port();
    let media_port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    let token = token.map_or_else(made_up, Ok)?;
    let settings = folder.join(format!("settings-{page}.txt"));
    // The board sees browsers on this machine as coming from elsewhere, so they have to show a token.
    fs::write(&settings, format!("advertise=127.0.0.1:{media_port}\ntoken={token}\n{lines}"))?;
    let files = [
        ("settings", esp32p4::page(&settings, &folder, table.get("settings")?)?),
        ("seed", esp32p4::seed(&folder)?),
        ("media", media),
    ];
    let flash = esp32p4::flash(&program, &table, &files, &folder.join(format!("flash-{page}.bin")))?;
    run(cargo().args(["build", "--package", "barertc-p4"]))?;
    if build_only {
        println!("{}", show_path(&flash));
        return Ok(());
    }
    let mut command = Command::new(target_dir().join("debug/barertc-p4"));
    command.args(["run", "--port", &page.to_string(), "--media-port", &media_port.to_string()]);
    if let Some(outward) = outward {
        command.args(["--outward", &outward]);
    }
    command.args(["--program", &show_path(&program)]).args(&model).arg(&flash);
    println!("Open http://127.0.0.1:{page}/?token={token} in a browser.");
    // Becomes the model: it ends when it is told to, by the id of this process.
    Err(command.exec()).context("starting the model")
}

/// What the model shows of the program alone, on a clock of its own; and one session with a real browser.
pub fn alone() -> Result<()> {
    let program = esp32p4::program()?;
    tests(&program, CONNECTS)?;
    crate::e2e::p4_page(&program)
}

/// `cargo xtask p4-e2e`: the same and what takes longer, with a real browser.
pub fn e2e(_: &[String]) -> Result<()> {
    let program = esp32p4::program()?;
    tests(&program, MANY_CONNECTS)?;
    crate::e2e::p4(&program)
}

/// `cargo xtask p4-selftest`: the program with its feature `selftest` holds the units against the published vectors.
pub fn selftest(_: &[String]) -> Result<()> {
    let program = esp32p4::program_with("selftest")?;
    tests_of(&program, CONNECTS, &[SELFTEST])
}

/// Connects and ends that have to leave not a byte behind: in each run, and where there is time.
const CONNECTS: usize = 10;
const MANY_CONNECTS: usize = 100;
/// The test of the other image.
const SELFTEST: &str = "selftest_holds_every_published_vector";

/// The tests that need the program as it is flashed.
fn tests(program: &Path, connects: usize) -> Result<()> {
    tests_of(program, connects, &["--skip", SELFTEST])
}

fn tests_of(program: &Path, connects: usize, which: &[&str]) -> Result<()> {
    let media = esp32p4::media(Vec::new(), &esp32p4::folder()?, esp32p4::table()?.get("media")?)?;
    run(cargo()
        .args(["test", "--package", "barertc-p4", "--test", "program", "--", "--ignored"])
        .args(which)
        .env("P4_PROGRAM", program)
        .env("P4_MEDIA", media)
        .env("P4_CONNECTS", connects.to_string()))
}
