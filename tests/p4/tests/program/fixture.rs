//! A board with the program on it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use barertc_p4::board::Board;
use barertc_p4::machine::{ClockSource, End, Machine};
use barertc_p4::net::{Forward, Network, Nobody, UserNetwork};
use barertc_p4_image::Table;

pub const TOKEN: &str = "token=swordfish\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The program as it is linked.
pub fn program() -> &'static [u8] {
    static PROGRAM: OnceLock<Vec<u8>> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let path = std::env::var_os("P4_PROGRAM").expect("P4_PROGRAM names the program; `cargo xtask p4-e2e` sets it");
        fs::read(path).expect("the program")
    })
}

/// What is in the flash.
pub struct Contents<'a> {
    pub settings: &'a str,
    pub seed: bool,
    /// Bytes of the file system; none: erased.
    pub media: Option<&'a [u8]>,
}

impl Contents<'_> {
    pub fn with(settings: &str) -> Contents<'_> {
        Contents { settings, seed: true, media: None }
    }

    /// The same with the sample to play.
    pub fn playing(settings: &str) -> Contents<'_> {
        static MEDIA: OnceLock<Vec<u8>> = OnceLock::new();
        let media = MEDIA.get_or_init(|| {
            let path =
                std::env::var_os("P4_MEDIA").expect("P4_MEDIA names the file system; `cargo xtask test p4` sets it");
            fs::read(path).expect("the file system")
        });
        Contents { media: Some(media), ..Contents::with(settings) }
    }

    /// A whole flash.
    pub fn flash(&self) -> Vec<u8> {
        let table = fs::read_to_string(root().join("examples/esp32p4/partitions.csv")).expect("the table");
        let table = Table::parse(&table).expect("a table");
        let half = [&b"seed"[..], &[0; 4], &std::array::from_fn::<u8, 32, _>(|n| 7 + n as u8)].concat();
        let seed = [&half[..], &half].concat();
        let mut parts = vec![("settings", self.settings.as_bytes())];
        if self.seed {
            parts.push(("seed", &seed[..]));
        }
        if let Some(media) = self.media {
            parts.push(("media", media));
        }
        let application = barertc_p4_image::application(program()).expect("an image");
        barertc_p4_image::flash(&table, &application, &parts).expect("a flash")
    }
}

/// A machine with this flash; its clock is its own.
pub fn machine(board: Board, flash: Vec<u8>) -> Machine {
    Machine::new(board, flash, Box::new(Nobody), ClockSource::Virtual)
}

/// The same on a network with a router.
pub fn on_network(board: Board, flash: Vec<u8>, forward: Forward, clock: ClockSource) -> (Machine, Vec<u16>) {
    let network = UserNetwork::new(forward).expect("ports of this machine");
    let ports = network.tcp_ports();
    let network: Box<dyn Network> = Box::new(network);
    (Machine::new(board, flash, network, clock), ports)
}

/// Runs until the log has the text, and fails with what the log has otherwise.
pub fn until(machine: &mut Machine, milliseconds: u64, text: &str) {
    let end = machine.run_until_log(milliseconds, text);
    assert_eq!(end, End::Reached, "no {text:?} within {milliseconds} ms; the log:\n{}", machine.log());
}

/// Asks for the page at a port of this machine, and looks at what comes.
pub fn page(machine: &mut Machine, port: u16) {
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n").expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        answer
    });
    assert_eq!(machine.run(20_000, |_| client.is_finished()), End::Reached, "{}", machine.log());
    let answer = client.join().expect("no panic");
    let head = String::from_utf8_lossy(&answer[..answer.len().min(400)]).to_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("content-encoding: gzip"), "{head}");
    assert!(answer.len() > 8_000, "{} bytes", answer.len());
}
