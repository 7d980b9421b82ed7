//! Two devices find each other by HTTP and talk.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_devices");

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn one_device_calls_the_other_twice() {
    let child = Command::new(PROGRAM).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut waits = Running(child);
    let mut lines = BufReader::new(waits.0.stdout.take().unwrap()).lines();
    let url = lines.next().unwrap().unwrap();
    for _ in 0..2 {
        let called = Command::new(PROGRAM).args(["call", &format!("{url}whip")]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&called.stdout), "heard: Hello, caller\n", "{called:?}");
        assert!(called.status.success());
        assert_eq!(lines.next().unwrap().unwrap(), "heard: Hello, device");
    }
}

#[test]
fn a_caller_hears_that_there_is_nobody() {
    let called = Command::new(PROGRAM).args(["call", "http://127.0.0.1:9/whip"]).output().unwrap();
    assert!(!called.status.success());
    assert!(called.stdout.is_empty());
}
