//! `esp32p4`: the program for the board and what its other partitions hold, flashed or left to flash.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use barertc_streamer::Lines;
use barertc_streamer::seed::{Record, SEED};

use barertc_p4_image::{Partition, Table};

use crate::run::{root, run, show, show_path, target_dir};
use crate::rv32::Toolchain;
use crate::size::Image;
use crate::{flash, tools};

const USAGE: &str = "usage: cargo xtask esp32p4 [--settings FILE] [--flash] [--port PORT] [FILE…|DIR…]
  --settings FILE  lines of name=value for the partition `settings`; examples/esp32p4/README.md names them
  --flash          write everything to the board with espflash, instead of saying how
  --port PORT      of the board (what espflash finds)
  FILE, DIR        what goes into the file system (examples/media/sample.brtc)

A new seed for the board's random generator is made each time, from this machine's own.";

const FOLDER: &str = "examples/esp32p4";
/// Offset of the partition table, as espflash and the program have it.
const TABLE: &str = "examples/esp32p4/partitions.csv";

/// `cargo xtask esp32p4`.
pub fn main(args: &[String]) -> Result<()> {
    let (mut settings, mut write, mut port, mut inputs) = (None, false, None, Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--settings" => settings = Some(args.next().context(USAGE)?),
            "--port" => port = Some(args.next().context(USAGE)?.clone()),
            "--flash" => write = true,
            _ if arg.starts_with('-') => bail!("{arg}?\n{USAGE}"),
            _ => inputs.push(arg.clone()),
        }
    }
    let table = table()?;
    let folder = folder()?;
    let program = program()?;
    let mut files = Vec::new();
    if let Some(settings) = settings {
        files.push(("settings", page(Path::new(settings), &folder, table.get("settings")?)?));
    }
    files.push(("seed", seed(&folder)?));
    files.push(("media", media(inputs, &folder, table.get("media")?)?));
    let whole = flash(&program, &table, &files, &folder.join("flash.bin"))?;

    let mut commands = vec![espflash("flash", port.as_deref())];
    commands[0].args(["--partition-table", &show_path(&root().join(TABLE)), &show_path(&program)]);
    for (name, file) in &files {
        let mut command = espflash("write-bin", port.as_deref());
        command.args([&format!("{:#x}", table.get(name)?.offset), &show_path(file)]);
        commands.push(command);
    }
    if write {
        ensure!(tools::find("espflash").is_some(), "espflash is missing: cargo install espflash --locked");
        commands.iter_mut().try_for_each(run)?;
    } else {
        println!("\nTo flash a board ({FOLDER}/README.md says what to look at first):");
        commands.iter().for_each(|command| println!("  {}", show(command)));
        println!("All of it but the bootloader is in {} too, which `cargo xtask p4` runs.", show_path(&whole));
    }
    if settings.is_none() {
        println!("Without --settings the board keeps those it has; without any it uses Ethernet and admits no viewer.");
    }
    Ok(())
}

/// The table of partitions.
pub fn table() -> Result<Table> {
    let path = root().join(TABLE);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Table::parse(&text).with_context(|| path.display().to_string())
}

/// Where what is made goes.
pub fn folder() -> Result<PathBuf> {
    let folder = target_dir().join("esp32p4");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Builds the program.
pub fn program() -> Result<PathBuf> {
    Image::named("esp32p4").context("no such image")?.build(&Toolchain::find(None)?)
}

/// Builds it with a feature that it is not flashed with.
pub fn program_with(feature: &str) -> Result<PathBuf> {
    Image::named("esp32p4").context("no such image")?.build_with(&Toolchain::find(None)?, feature)
}

/// Makes a whole flash of the program and what its partitions hold, as espflash would write them.
pub fn flash(program: &Path, table: &Table, files: &[(&str, PathBuf)], out: &Path) -> Result<PathBuf> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let parts = files.iter().map(|(name, file)| Ok((*name, read(file)?)));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    let application = barertc_p4_image::application(&read(program)?)?;
    fs::write(out, barertc_p4_image::flash(table, &application, &parts)?)?;
    Ok(out.to_owned())
}

fn espflash(verb: &str, port: Option<&str>) -> Command {
    let mut command = Command::new("espflash");
    command.args([verb, "--chip", "esp32p4"]);
    if let Some(port) = port {
        command.args(["--port", port]);
    }
    command
}

/// The page of settings, checked for what would stop the board.
pub fn page(from: &Path, folder: &Path, partition: Partition) -> Result<PathBuf> {
    let mut page = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    ensure!(page.len() < partition.len as usize, "{}: longer than {} bytes", from.display(), partition.len - 1);
    let lines = Lines::of(&page);
    ensure!(!lines.is_empty(), "{}: no text", from.display());
    check(&lines).with_context(|| from.display().to_string())?;
    page.resize(partition.len as usize, 0xff);
    let out = folder.join("settings.bin");
    fs::write(&out, page)?;
    Ok(out)
}

fn check(lines: &Lines<'_>) -> Result<()> {
    let mut settings = barertc_streamer::Settings::loopback(80, "", b"");
    lines.apply(&mut settings).map_err(|name| anyhow::anyhow!("{name} makes no sense"))?;
    let one_of = |name: &str, known: &[&str]| {
        let value = lines.get(name);
        ensure!(value.is_none_or(|value| known.contains(&value)), "{name} is one of {}", known.join(", "));
        Ok(())
    };
    one_of("network", &["ethernet", "wifi"])?;
    one_of("board", &["ev", "psi"])?;
    let wifi = lines.get("network") == Some("wifi");
    ensure!(!wifi || lines.get("ssid").is_some(), "network=wifi needs an ssid");
    if settings.token.is_none() {
        println!("  no token: the board will admit no viewer");
    }
    Ok(())
}

/// A first record of the seed; the second place stays erased.
pub fn seed(folder: &Path) -> Result<PathBuf> {
    let mut seed = [0; SEED];
    fs::File::open("/dev/urandom").context("a source of randomness")?.read_exact(&mut seed)?;
    let mut sectors = vec![0xff; 2 * 4096];
    let record = Record { count: 0, seed }.bytes();
    sectors[..record.len()].copy_from_slice(&record);
    let out = folder.join("seed.bin");
    fs::write(&out, sectors)?;
    Ok(out)
}

pub fn media(mut inputs: Vec<String>, folder: &Path, partition: Partition) -> Result<PathBuf> {
    if inputs.is_empty() {
        inputs.push(show_path(&root().join("examples/media/sample.brtc")));
    }
    let out = folder.join("media.img");
    let mut words = vec!["--size".to_owned(), partition.len.to_string(), "-o".to_owned(), show_path(&out)];
    words.append(&mut inputs);
    flash::main(&words)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_what_the_program_looks_for() {
        let table = table().expect("a table");
        let sizes = ["settings", "seed"].map(|name| table.get(name).expect("a partition").len);
        assert_eq!(sizes, [4096, 2 * 4096]);
        let media = table.get("media").expect("a partition");
        // 16 MB of flash, in blocks of the file system's.
        assert!(media.offset + media.len == 16 << 20 && media.len.is_multiple_of(4096));
        // The sample and the libdatachannel example's whole set, packed.
        assert!(media.len > 7 << 20);
    }

    #[test]
    fn settings_that_would_stop_the_board_are_refused() {
        for text in ["network=lan", "network=wifi", "board=mine", "viewers=many"] {
            assert!(check(&Lines::of(text.as_bytes())).is_err(), "{text}");
        }
        assert!(check(&Lines::of(b"network=wifi\nssid=home\nboard=psi\ntoken=1")).is_ok());
    }
}
