//! A publisher sends the sample, and the recorder keeps it as files that another program can play.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const PUBLISH: &str = env!("CARGO_BIN_EXE_publish");

/// A recorder that ends with the test.
struct Recorder {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Recorder {
    fn start(folder: &Path, limit: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_record"))
            .args([folder.as_os_str(), "127.0.0.1:0".as_ref(), limit.as_ref()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.next().unwrap().unwrap() + "whip";
        Self { child, lines, url }
    }

    /// Sends to it for some seconds; what it says of the recording then.
    fn publish(&mut self, seconds: &str) -> String {
        let sent = Command::new(PUBLISH).args([&self.url, seconds]).output().unwrap();
        assert!(sent.status.success(), "{sent:?}");
        self.lines.next().unwrap().unwrap()
    }

    /// What it has complained of.
    fn end(mut self) -> String {
        self.child.kill().unwrap();
        let mut said = String::new();
        std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut said).unwrap();
        said
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `ffprobe` makes of a file: its codec, and how many frames it has.
fn probe(file: &Path) -> (String, u32) {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{}", file.display());
    let text = String::from_utf8(out.stdout).unwrap();
    let (codec, frames) = text.trim().split_once(',').unwrap();
    (codec.into(), frames.parse().unwrap())
}

#[test]
fn what_is_published_is_recorded_beside_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("0.h264"), "precious").unwrap();
    let mut recorder = Recorder::start(folder.path(), "100000000");
    assert_eq!(recorder.publish("6"), "recording 1 is whole");
    assert_eq!(recorder.publish("4"), "recording 2 is whole");
    assert_eq!(recorder.end(), "");
    assert_eq!(std::fs::read(folder.path().join("0.h264")).unwrap(), b"precious");
    for (number, seconds) in [(1, 6), (2, 4)] {
        // What is on its way when the publisher ends is not recorded, and what the machine was too slow for is left out.
        let (codec, frames) = probe(&folder.path().join(format!("{number}.h264")));
        assert!(codec == "h264" && (1..=31 * seconds).contains(&frames), "{codec}: {frames}");
        let (codec, frames) = probe(&folder.path().join(format!("{number}.ogg")));
        assert!(codec == "opus" && (10..=52 * seconds).contains(&frames), "{codec}: {frames}");
    }
}

#[test]
fn a_recording_ends_at_its_bound() {
    const LIMIT: u64 = 200_000;
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::start(folder.path(), &LIMIT.to_string());
    // A machine that has much else to do sends an eighth of it.
    assert_eq!(recorder.publish("10"), "recording 0 is cut: the limit of 200000 bytes is reached");
    assert!(recorder.end().contains("nothing more is recorded"));
    let bytes: u64 =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    // What Ogg adds to the packets is not counted.
    assert!(bytes > LIMIT / 2 && bytes < LIMIT * 11 / 10, "{bytes} bytes");
    assert_eq!(probe(&folder.path().join("0.h264")).0, "h264");
}

#[test]
fn a_publisher_hears_that_there_is_no_server() {
    let sent = Command::new(PUBLISH).args(["http://127.0.0.1:9/whip", "1"]).output().unwrap();
    assert!(!sent.status.success() && sent.stdout.is_empty());
}
