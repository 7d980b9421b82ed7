//! The agent against aioice (PyPI), in both roles, over loopback sockets.
mod ice_support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use barertc_ice::State;
use ice_support::{Endpoint, run};

const VERSION: &str = "aioice==0.13.0";

/// A Python with aioice, installed once below the target folder.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aioice");
        let python = folder.join("bin/python");
        let has_it = || Command::new(&python).args(["-c", "import aioice"]).status().is_ok_and(|s| s.success());
        if !has_it() {
            let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status();
            assert!(made.is_ok_and(|s| s.success()), "this test needs python3 with its venv module");
            let got = Command::new(&python).args(["-m", "pip", "install", "--quiet", VERSION]).status();
            assert!(got.is_ok_and(|s| s.success()) && has_it(), "this test needs the PyPI package {VERSION}");
        }
        python
    })
}

struct Aioice {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Aioice {
    fn start(role: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ice_support/aioice_peer.py");
        let mut process = Command::new(python())
            .args([script, role])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a Python that starts");
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        let (to, lines) = channel();
        std::thread::spawn(move || output.map_while(Result::ok).try_for_each(|line| to.send(line)));
        Self { process, input, lines }
    }

    fn line(&mut self) -> String {
        self.lines.recv_timeout(Duration::from_secs(60)).expect("a line")
    }

    /// Runs `ours` until both say that they are connected.
    fn connect(&self, ours: &mut Endpoint) {
        let (mut said, mut done) = (None, false);
        for _ in 0..1200 {
            said = said.or_else(|| self.lines.try_recv().ok());
            done = ours.agent.state() == State::Completed;
            if said.is_some() && done {
                break;
            }
            run(&mut [&mut *ours], Duration::from_millis(50), |_| false);
        }
        assert_eq!(said.as_deref(), Some("connected"));
        assert!(done, "{:?} {:?}", ours.agent.state(), ours.agent.discards());
    }

    /// Gives `to` its credentials, and its candidates unless they are to be found by its checks.
    fn introduce(&mut self, to: &mut Endpoint, candidates: bool) {
        let (mut ufrag, mut pwd) = (String::new(), String::new());
        loop {
            let line = self.line();
            match line.split_once(' ') {
                Some(("ufrag", value)) => ufrag = value.into(),
                Some(("pwd", value)) => pwd = value.into(),
                _ if line == "end" => break,
                _ if candidates => {
                    // aioice has component 1 only, and no names.
                    assert!(to.agent.add_remote_line(to.now(), &line).unwrap().is_none());
                }
                _ => {}
            }
        }
        to.agent.set_remote_credentials(to.now(), &ufrag, &pwd).unwrap();
        to.agent.end_of_candidates(to.now());
    }

    fn tell(&mut self, about: &Endpoint) {
        let (ufrag, pwd) = about.agent.local_credentials();
        writeln!(self.input, "ufrag {ufrag}\npwd {pwd}").unwrap();
        for c in about.agent.local_candidates() {
            writeln!(self.input, "{c}").unwrap();
        }
        writeln!(self.input, "end").unwrap();
    }
}

impl Drop for Aioice {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn connects(controlling: bool, candidates: bool) {
    let mut peer = Aioice::start(if controlling { "controlled" } else { "controlling" });
    let mut ours = Endpoint::new(controlling, 1);
    ours.agent.gather(ours.now()).unwrap();
    peer.introduce(&mut ours, candidates);
    peer.tell(&ours);
    peer.connect(&mut ours);
    assert_eq!(ours.agent.is_controlling(), controlling);
    for n in 0..20u8 {
        ours.send(&[0x80, n]);
        let got = run(&mut [&mut ours], Duration::from_secs(30), |e| e[0].data.len() == usize::from(n) + 1);
        assert!(got, "nothing came back");
        assert_eq!(ours.data.last().unwrap(), &[b"\x80echo \x80".as_slice(), &[n]].concat());
    }
    let stats = ours.agent.pair_stats().find(|p| p.selected).unwrap();
    assert!(stats.nominated && stats.current_round_trip_time.is_some());
    println!("controlling {controlling}: {} round trip, {stats:?}", stats.current_round_trip_time.unwrap().as_micros());
}

#[test]
fn controlling() {
    connects(true, true);
}

#[test]
fn controlled() {
    connects(false, true);
}

#[test]
fn controlled_and_the_peer_is_known_by_its_checks_only() {
    connects(false, false);
}

#[test]
fn in_one_role_both() {
    // aioice starts controlling, and so do we: one of the two gives way.
    let mut peer = Aioice::start("controlling");
    let mut ours = Endpoint::new(true, 3);
    peer.introduce(&mut ours, true);
    peer.tell(&ours);
    peer.connect(&mut ours);
}

#[test]
fn consent_of_aioice_is_kept_for_minutes_of_our_time() {
    let mut peer = Aioice::start("controlling");
    // A minute in five seconds, so that a dozen consent checks go out.
    let mut ours = Endpoint::new(false, 4).at_speed(12);
    peer.introduce(&mut ours, true);
    peer.tell(&ours);
    peer.connect(&mut ours);
    run(&mut [&mut ours], Duration::from_secs(6), |_| false);
    let stats = ours.agent.pair_stats().find(|p| p.selected).unwrap();
    assert!(stats.consent_requests_sent >= 10, "{stats:?}");
    assert_eq!(ours.agent.state(), State::Completed);
}
