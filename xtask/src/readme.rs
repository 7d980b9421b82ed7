//! `readme`: the commands of README, each run as it is printed there.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::run::{clean, root, target_dir};

const PAGE: &str = "README.md";

/// A command compiles first, on a machine that may do other things.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// What Ctrl-C may take.
const END: Duration = Duration::from_secs(20);

/// Words of README that stand for the reader's own. `FOLDER` stands for a new one.
const READERS_OWN: [(&str, &str); 2] = [("192.0.2.7", "127.0.0.1"), ("TEXT", "readers-own")];

/// How a command shows that it does what README says.
enum Shown {
    /// It prints the address of a page that answers, and ends by Ctrl-C.
    Serves,
    /// It prints a line with this, and ends by Ctrl-C.
    Says(&'static str),
    /// It ends by itself, without an error, and has printed a line with this.
    Ends(&'static str),
    /// The same as what is inside, while another command of README serves.
    Beside(&'static str, &'static Self),
    /// This part of the tests runs it.
    Part(&'static str),
    /// Nothing here can, and why.
    NotHere(&'static str),
}

use Shown::{Beside, Ends, NotHere, Part, Says, Serves};

const RECORDER: &str = "cargo run -p barertc-channels --bin record FOLDER";
const DEVICE: &str = "cargo run -p barertc-channels --bin devices";

/// Every command of README. A test holds that none is missing.
const COMMANDS: &[(&str, Shown)] = &[
    ("cargo run --release", Serves),
    ("cargo run --release -- --listen 127.0.0.1:8001", Serves),
    ("cargo run --release -- --listen 192.0.2.7:8000 --token TEXT", Serves),
    ("cargo run --release -- --help", Ends("--listen ADDRESS")),
    ("cargo run --release --no-default-features", Serves),
    ("cargo run --release -- --test-pattern", Serves),
    ("cargo run --release -- --record FOLDER", Serves),
    (
        "cargo run --release -- --camera /dev/video0 --microphone default",
        NotHere("it needs a camera and a microphone; part `live` has ffmpeg's sources in their place"),
    ),
    (
        "cargo run --release -- --microphone default --speaker 'aplay -q -f S16_LE -r 8000'",
        NotHere("it needs a sound card; part `live` has ffmpeg's sources in its place"),
    ),
    ("cargo run -p barertc-channels --bin echo", Serves),
    ("cargo run -p barertc-channels --bin file", Serves),
    ("cargo run -p barertc-channels --bin dashboard", Serves),
    ("cargo run -p barertc-channels --bin chat", Serves),
    ("cargo run -p barertc-channels --bin console", Serves),
    (RECORDER, Serves),
    (
        "cargo run -p barertc-channels --bin publish http://127.0.0.1:8080/whip",
        Beside(RECORDER, &Says("connection: Connected")),
    ),
    (DEVICE, Says("http://")),
    (
        "cargo run -p barertc-channels --bin devices call http://127.0.0.1:8080/whip",
        Beside(DEVICE, &Ends("heard: Hello, caller")),
    ),
    ("cargo test -p barertc --test it sizes -- --nocapture", Ends("test result: ok")),
    ("cargo xtask qemu", Serves),
    ("cargo xtask cortex-m", Serves),
    ("cargo xtask test --list", Ends("unit")),
    // That makes such a program, too, with each of the programs of these pages.
    ("cargo new hello", Part("outside")),
    ("cargo xtask esp32p4", Part("p4")),
    ("cargo xtask p4", Part("p4")),
    ("cargo xtask size", Part("size")),
    ("cargo xtask test", NotHere("it is what runs this")),
];

/// `cargo xtask readme [WORD…]`: all commands, or those that have the words.
pub fn main(args: &[String]) -> Result<()> {
    let wanted = |text: &str| args.iter().all(|word| text.contains(word.as_str()));
    let folder = target_dir().join("readme");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let (mut ran, mut elsewhere) = (0, Vec::new());
    for (text, shown) in COMMANDS.iter().filter(|(text, _)| wanted(text)) {
        match shown {
            Part(part) => elsewhere.push(format!("`{text}`: part `{part}` runs it")),
            NotHere(why) => elsewhere.push(format!("`{text}`: {why}")),
            _ => {
                let start = Instant::now();
                try_command(text, shown, &folder).with_context(|| format!("{PAGE}: `{text}`"))?;
                println!("  {:>6.1} s  {text}", start.elapsed().as_secs_f64());
                ran += 1;
            }
        }
    }
    ensure!(ran + elsewhere.len() > 0, "no command of {PAGE} has these words");
    println!("  {ran} commands of {PAGE} do what it says");
    for line in elsewhere {
        println!("  NOT RUN {line}");
    }
    Ok(())
}

fn try_command(text: &str, shown: &Shown, folder: &Path) -> Result<()> {
    if let Beside(server, inner) = shown {
        let mut server = Running::start(server, folder)?;
        server.line("http://")?;
        try_command(text, inner, folder)?;
        return server.interrupt();
    }
    let mut running = Running::start(text, folder)?;
    match shown {
        Serves => {
            let line = running.line("http://")?;
            answers(&line)?;
            running.interrupt()
        }
        Says(what) => {
            running.line(what)?;
            running.interrupt()
        }
        Ends(what) => {
            running.line(what)?;
            running.ends()
        }
        Beside(..) | Part(_) | NotHere(_) => bail!("nothing to be run"),
    }
}

/// The page at the address in a line must be there.
fn answers(line: &str) -> Result<()> {
    let url = line.split("http://").nth(1).context("no address")?;
    let url = url.split(|c: char| c.is_whitespace() || c == '"').next().unwrap_or_default();
    let (host, path) = url.split_once('/').context("an address without a path")?;
    // An emulated device still has to start.
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match status(host, path) {
            Ok(status) if status.starts_with("HTTP/1.1 200") => return Ok(()),
            other if Instant::now() > end => bail!("http://{url} does not answer: {other:?}"),
            _ => thread::sleep(Duration::from_millis(200)),
        }
    }
}

fn status(host: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).take(100).read_line(&mut line)?;
    Ok(line)
}

/// A command that runs, with what it prints.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// As a reader's shell would start it, in a group of its own, as a terminal has one for Ctrl-C.
    fn start(text: &str, folder: &Path) -> Result<Self> {
        // A shell lets what it starts in the background ignore Ctrl-C, which who starts these tests may be.
        let mut command = Command::new("env");
        command.args(["--default-signal=INT", "sh", "-c"]).arg(readers(text, folder)?);
        command.current_dir(root()).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        clean(&mut command);
        let mut child = command.spawn().context("sh")?;
        let out = child.stdout.take().context("no output")?;
        let (sender, lines) = channel();
        thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Ok(Self { child, lines })
    }

    /// Waits for a line with `what`.
    fn line(&self, what: &str) -> Result<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(what) => return Ok(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => bail!("no line with `{what}` after {} s", PATIENCE.as_secs()),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended without a line with `{what}`"),
            }
        }
    }

    /// Waits for its end.
    fn ends(&mut self) -> Result<()> {
        // Whoever prints into a pipe that nobody reads would wait for ever.
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        let status = self.child.wait()?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    /// Ctrl-C: everything that it has started ends.
    fn interrupt(&mut self) -> Result<()> {
        self.signal("-INT")?;
        let end = Instant::now() + END;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < end, "Ctrl-C does not end it");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn signal(&self, signal: &str) -> Result<()> {
        let group = format!("-{}", self.child.id());
        Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status().context("kill")?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.signal("-KILL");
            let _ = self.child.wait();
        }
    }
}

/// A command with the reader's own words.
fn readers(text: &str, folder: &Path) -> Result<String> {
    let own = READERS_OWN.iter().fold(text.to_owned(), |text, (word, own)| text.replace(word, own));
    if !own.contains("FOLDER") {
        return Ok(own);
    }
    let new = folder.join(fs::read_dir(folder)?.count().to_string());
    fs::create_dir_all(&new)?;
    Ok(own.replace("FOLDER", &format!("'{}'", new.display())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The commands of a page: lines that stand alone, and pieces of a text, that begin with `cargo` and a verb.
    fn commands_of(page: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let (mut prose, mut fenced) = (String::new(), false);
        for line in page.lines() {
            if line.starts_with("```") {
                fenced = !fenced;
            } else if let (Some(command), false) = (line.strip_prefix("    "), fenced) {
                found.insert(command.trim().to_owned());
            } else if !fenced {
                prose += line;
                prose.push(' ');
            }
        }
        // Every second piece is between backticks.
        found.extend(
            prose.split('`').skip(1).step_by(2).map(|code| code.split_whitespace().collect::<Vec<_>>().join(" ")),
        );
        found.retain(|text| text.starts_with("cargo "));
        found
    }

    /// Commands of a page that nobody runs, and commands that are not on it.
    fn differences(page: &str) -> (Vec<String>, Vec<&'static str>) {
        let found = commands_of(page);
        let known: BTreeSet<&str> = COMMANDS.iter().map(|(text, _)| *text).collect();
        let unknown = found.iter().filter(|text| !known.contains(text.as_str())).cloned().collect();
        (unknown, known.into_iter().filter(|text| !found.contains(*text)).collect())
    }

    #[test]
    fn every_command_of_readme_is_run_as_printed() {
        let page = fs::read_to_string(root().join(PAGE)).unwrap();
        let (unknown, gone) = differences(&page);
        assert!(unknown.is_empty(), "xtask/src/readme.rs does not run: {unknown:#?}");
        assert!(gone.is_empty(), "not in {PAGE}: {gone:#?}");
        let run = COMMANDS.iter().filter(|(_, shown)| !matches!(shown, Part(_) | NotHere(_))).count();
        assert!(run > 15, "only {run} commands are run");
        for (text, shown) in COMMANDS {
            match shown {
                Part(part) => assert!(crate::test::is_run_unasked(part), "{text}: no part {part}"),
                Beside(server, _) => assert!(COMMANDS.iter().any(|(text, _)| text == server), "{text}: {server}"),
                _ => {}
            }
        }
    }

    #[test]
    fn a_command_that_nobody_runs_is_found() {
        let page = fs::read_to_string(root().join(PAGE)).unwrap();
        for new in
            ["    cargo run --bin new\n", "text `cargo run\n--bin new` text\n", "| `cargo run --bin new` | new |\n"]
        {
            assert_eq!(differences(&format!("{page}\n{new}")).0, ["cargo run --bin new"]);
        }
        let changed = page.replace("cargo run --release -- --help", "cargo run --release -- --hlep");
        assert_eq!(
            differences(&changed),
            (vec!["cargo run --release -- --hlep".into()], vec!["cargo run --release -- --help"])
        );
        assert!(commands_of("```rust\n    cargo run --bin code\n```\n").is_empty());
    }

    #[test]
    fn a_command_that_does_not_do_what_is_said_fails() {
        let folder = std::env::temp_dir();
        let fails = |text, shown: &Shown| try_command(text, shown, &folder).unwrap_err().to_string();
        assert!(try_command("echo hello", &Ends("hello"), &folder).is_ok());
        assert_eq!(fails("echo hello", &Ends("good bye")), "it ended without a line with `good bye`");
        assert_eq!(fails("echo hello; exit 3", &Ends("hello")), "it ended with exit status: 3");
        assert_eq!(fails("echo hello", &Serves), "it ended without a line with `http://`");
        assert_eq!(fails("echo http://127.0.0.1:9", &Serves), "an address without a path");
        assert!(try_command("echo hello; exec sleep 1000", &Says("hello"), &folder).is_ok());
    }
}
