//! `esp32p4`: the program for the board and what its other partitions hold, flashed or left to flash.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use barertc_streamer::Lines;
use barertc_streamer::seed::{Record, SEED};

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
    let partitions = Partitions::read(&root().join(TABLE))?;
    let program = Image::named("esp32p4").context("no such image")?.build(&Toolchain::find(None)?)?;
    let folder = target_dir().join("esp32p4");
    fs::create_dir_all(&folder)?;
    let mut files = Vec::new();
    if let Some(settings) = settings {
        files.push(("settings", page(Path::new(settings), &folder, partitions.get("settings")?)?));
    }
    files.push(("seed", seed(&folder)?));
    files.push(("media", media(inputs, &folder, partitions.get("media")?)?));

    let mut commands = vec![espflash("flash", port.as_deref())];
    commands[0].args(["--partition-table", &show_path(&root().join(TABLE)), &show_path(&program)]);
    for (name, file) in &files {
        let mut command = espflash("write-bin", port.as_deref());
        command.args([&format!("{:#x}", partitions.get(name)?.offset), &show_path(file)]);
        commands.push(command);
    }
    if write {
        ensure!(tools::find("espflash").is_some(), "espflash is missing: cargo install espflash --locked");
        commands.iter_mut().try_for_each(run)?;
    } else {
        println!("\nTo flash a board ({FOLDER}/README.md says what to look at first):");
        commands.iter().for_each(|command| println!("  {}", show(command)));
    }
    if settings.is_none() {
        println!("Without --settings the board keeps those it has; without any it uses Ethernet and admits no viewer.");
    }
    Ok(())
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
fn page(from: &Path, folder: &Path, partition: Partition) -> Result<PathBuf> {
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
fn seed(folder: &Path) -> Result<PathBuf> {
    let mut seed = [0; SEED];
    fs::File::open("/dev/urandom").context("a source of randomness")?.read_exact(&mut seed)?;
    let mut sectors = vec![0xff; 2 * 4096];
    let record = Record { count: 0, seed }.bytes();
    sectors[..record.len()].copy_from_slice(&record);
    let out = folder.join("seed.bin");
    fs::write(&out, sectors)?;
    Ok(out)
}

fn media(mut inputs: Vec<String>, folder: &Path, partition: Partition) -> Result<PathBuf> {
    if inputs.is_empty() {
        inputs.push(show_path(&root().join("examples/media/sample.brtc")));
    }
    let out = folder.join("media.img");
    let mut words = vec!["--size".to_owned(), partition.len.to_string(), "-o".to_owned(), show_path(&out)];
    words.append(&mut inputs);
    flash::main(&words)?;
    Ok(out)
}

/// Where a partition is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Partition {
    offset: u32,
    len: u32,
}

/// A partition table in the form that espflash reads: name, type, subtype, offset, size.
struct Partitions(Vec<(String, Partition)>);

impl Partitions {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let rows = lines.map(|line| {
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            let [name, _, _, offset, len, ..] = cells[..] else { bail!("{line:?} has too few cells") };
            Ok((name.to_owned(), Partition { offset: number(offset)?, len: number(len)? }))
        });
        let rows: Vec<(String, Partition)> = rows.collect::<Result<_>>()?;
        for pair in rows.windows(2) {
            ensure!(pair[0].1.offset + pair[0].1.len <= pair[1].1.offset, "{} reaches into {}", pair[0].0, pair[1].0);
        }
        Ok(Self(rows))
    }

    fn get(&self, name: &str) -> Result<Partition> {
        let found = self.0.iter().find(|(of, _)| of == name);
        found.map(|(_, partition)| *partition).with_context(|| format!("no partition {name}"))
    }
}

fn number(text: &str) -> Result<u32> {
    let digits = text.strip_prefix("0x").with_context(|| format!("{text:?}: a number like 0x1000"))?;
    u32::from_str_radix(digits, 16).with_context(|| format!("{text:?}: a number like 0x1000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_what_the_program_looks_for() {
        let table = Partitions::read(&root().join(TABLE)).expect("a table");
        let sizes = ["settings", "seed"].map(|name| table.get(name).expect("a partition").len);
        assert_eq!(sizes, [4096, 2 * 4096]);
        let media = table.get("media").expect("a partition");
        // 16 MB of flash, in blocks of the file system's.
        assert!(media.offset + media.len == 16 << 20 && media.len.is_multiple_of(4096));
        // The sample and the libdatachannel example's whole set, packed.
        assert!(media.len > 7 << 20);
    }

    #[test]
    fn tables_that_cannot_be_are_refused() {
        for table in ["a, data, 1, 0x1000", "a, data, 1, 4096, 0x1000", "a,d,1,0x1000,0x2000\nb,d,1,0x2000,0x1000"] {
            assert!(Partitions::parse(table).is_err(), "{table}");
        }
    }

    #[test]
    fn settings_that_would_stop_the_board_are_refused() {
        for text in ["network=lan", "network=wifi", "board=mine", "viewers=many"] {
            assert!(check(&Lines::of(text.as_bytes())).is_err(), "{text}");
        }
        assert!(check(&Lines::of(b"network=wifi\nssid=home\nboard=psi\ntoken=1")).is_ok());
    }
}
