//! `qemu --icount`: what the device's work costs in instructions, which do not hang on how fast this machine is.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{Device, Start};
use crate::run::{cargo, run, show_path, target_dir};

/// How long each of the two viewers watches. The device tells its figures every five seconds of its own clock.
const TALKS: u32 = 4;
const WATCHES: u32 = 20;
/// The emulator executes slower than its clock runs, where there is much to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// The device, running; what it says comes line by line.
struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<Line>,
}

/// A line of the log with the device's clock and what it had worked until then.
#[derive(Clone, Debug)]
struct Line {
    micros: u64,
    instructions: u64,
    text: String,
}

pub fn main(device: &Device) -> Result<()> {
    run(cargo().args(["build", "--release", "--package", "barertc-test-peer"]))?;
    let Start { mut command, page } = device.prepare((Ipv4Addr::LOCALHOST, 0), None, "count=1\n")?;
    // The clock goes on by a nanosecond an instruction, and with this machine's where the device waits.
    command.args(["-icount", "shift=0"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut device = Running::start(&mut command)?;
    let result = count(&mut device, &page);
    let _ = device.child.kill();
    let _ = device.child.wait();
    result.with_context(|| format!("the device said last: {:#?}", device.seen.last()))
}

fn count(device: &mut Running, page: &str) -> Result<()> {
    device.until("ready at")?;
    let idle = device.until("viewers 0 ·")?;
    let idle_later = device.until("viewers 0 ·")?;

    println!("\na viewer without media:");
    view(page, TALKS, &["--no-media"])?;
    device.hear();
    let asked = device.find("asks for an offer")?;
    let connected = device.find("connected after")?;
    let open = device.find("data channel open")?;

    println!("a viewer with media:");
    device.seen.clear();
    view(page, WATCHES, &[])?;
    device.hear();
    let told: Vec<&Line> = device.seen.iter().filter(|line| line.text.contains("viewers 1 ·")).collect();
    let (Some(first), Some(last)) = (told.first(), told.last()) else { bail!("the device told no figures") };
    let [from, to] = [first, last].map(|line| packets(&line.text));
    let ([video, audio], spent) = (sent(from?, to?), last.instructions - first.instructions);
    let micros = last.micros - first.micros;
    ensure!(video > 300 && audio > 100, "only {video} packets of video and {audio} of sound");

    let per_second = |spent: u64, micros: u64| spent as f64 / micros as f64;
    println!("\ninstructions on RV32IMAFC (-icount shift=0), crypto in software:");
    println!(
        "  from a request to a connection     {:>12}   {} ms of the device's clock",
        connected.instructions - asked.instructions,
        (connected.micros - asked.micros) / 1_000
    );
    println!(
        "  from a request to an open channel  {:>12}   {} ms of the device's clock",
        open.instructions - asked.instructions,
        (open.micros - asked.micros) / 1_000
    );
    println!("  a packet of video, all else in it  {:>12}   {video} packets", spent / video);
    println!("  a packet of video or sound         {:>12}   {} packets", spent / (video + audio), video + audio);
    println!(
        "  a second of watching               {:>10.1} M   {:.0} packets",
        per_second(spent, micros),
        (video + audio) as f64 * 1e6 / micros as f64
    );
    let waiting = per_second(idle_later.instructions - idle.instructions, idle_later.micros - idle.micros);
    println!("  a second without viewers           {waiting:>10.1} M");
    print_memory(&last.text)
}

/// Bytes by owner, as the device tells them: now, and the most there ever were.
fn print_memory(line: &str) -> Result<()> {
    let (_, owners) = line.split_once("by owner").context("the device tells no owners")?;
    println!("\nPSRAM of one viewer, by owner, in bytes:        now     peak");
    let mut sums = [0_u64; 2];
    let words: Vec<&str> = owners.split_whitespace().collect();
    for pair in words.chunks_exact(2) {
        let (now, peak) = pair[1].split_once('/').context("two figures each")?;
        let (now, peak) = (now.parse::<u64>()?, peak.parse::<u64>()?);
        println!("  {:<40} {now:>8} {peak:>8}", pair[0]);
        // The list of viewers has room for all of them, and frames are shared by all.
        if !matches!(pair[0], "frames" | "viewers") {
            sums = [sums[0] + now, sums[1] + peak];
        }
    }
    println!("  {:<40} {:>8} {:>8}", "all but frames and the list", sums[0], sums[1]);
    let stack = line.split_once("stack peak ").and_then(|(_, rest)| rest.split_once(" B")).map_or("?", |(n, _)| n);
    println!("stack: {stack} bytes at the deepest");
    println!(
        "\nlibdatachannel on an ESP32-P4, for comparison: 40 KB internal and 465 KB in all a viewer, of which 127 KB"
    );
    println!("retransmission history; 337 to 400 ms for DTLS.");
    Ok(())
}

/// Packets of video and of sound that the line tells of.
fn packets(line: &str) -> Result<[u64; 2]> {
    let (_, rest) = line.split_once("· sent ").context("no packets in the line")?;
    let numbers: Vec<u64> = rest.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [video, audio, ..] => Ok([video, audio]),
        _ => bail!("{line}: no packets"),
    }
}

fn sent(from: [u64; 2], to: [u64; 2]) -> [u64; 2] {
    [to[0].saturating_sub(from[0]), to[1].saturating_sub(from[1])]
}

fn view(page: &str, seconds: u32, more: &[&str]) -> Result<()> {
    let program = target_dir().join("release/barertc-viewer");
    run(Command::new(show_path(&program)).args([page, &seconds.to_string()]).args(more))
}

impl Running {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.spawn().context("starting the emulator")?;
        let out = child.stdout.take().context("its output")?;
        let (to, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if to.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines, seen: Vec::new() })
    }

    /// The next line with `words` in it.
    fn until(&mut self, words: &str) -> Result<Line> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let line = Line::parse(line);
                    self.seen.push(line.clone());
                    if line.text.contains(words) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("no {words:?} within {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => bail!("the emulator ended"),
            }
        }
    }

    /// Takes what it has said since.
    fn hear(&mut self) {
        self.seen.extend(self.lines.try_iter().map(Line::parse));
    }

    fn find(&self, words: &str) -> Result<Line> {
        let found = self.seen.iter().find(|line| line.text.contains(words));
        found.cloned().with_context(|| format!("no {words:?} in the device's log"))
    }
}

impl Line {
    fn parse(line: String) -> Self {
        let stamp = line.strip_prefix('[').and_then(|rest| {
            let (stamp, _) = rest.split_once(']')?;
            let (micros, instructions) = stamp.strip_suffix(" instructions")?.split_once(" us, ")?;
            Some((micros.parse().ok()?, instructions.parse().ok()?))
        });
        let (micros, instructions) = stamp.unwrap_or_default();
        Self { micros, instructions, text: line }
    }
}
