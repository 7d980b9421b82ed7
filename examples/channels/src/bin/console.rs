//! A console of the device on the page: `console [ADDRESS:PORT]`.
//!
//! Each message of the page is a command, and is answered by messages of a line each. The next command waits until the whole
//! answer has left, so that a long answer never takes more memory than the channel has. A device would have its own commands
//! here: nothing of the machine that this program runs on can be reached by them.

use std::iter::{Peekable, once};
use std::time::Instant;

use barertc::{ChannelId, MessageKind};
use barertc_channels::{App, Channel, address, serve};

/// The last line of an answer: the command was done, or there is none of that name.
const DONE: &str = "ok";
const UNKNOWN: &str = "unknown: `help` lists the commands";

const HELP: [&str; 5] = [
    "help        these lines",
    "uptime      seconds since the start",
    "led on|off  switches the light",
    "link        round trip and bytes of this connection",
    "count N     N lines",
];

type Lines = Peekable<Box<dyn Iterator<Item = String>>>;

struct Console {
    start: Instant,
    led: bool,
    /// What is still to be said, by channel.
    answers: Vec<(ChannelId, Lines)>,
}

impl Console {
    fn run(&mut self, channel: &Channel<'_>, command: &str) -> Lines {
        let words: Vec<&str> = command.split_whitespace().collect();
        let lines: Box<dyn Iterator<Item = String>> = match words[..] {
            ["help"] => Box::new(HELP.into_iter().map(str::to_owned)),
            ["uptime"] => Box::new(once(format!("{} s", self.start.elapsed().as_secs()))),
            ["led", state @ ("on" | "off")] => {
                self.led = state == "on";
                Box::new(once(format!("the light is {state}")))
            }
            ["link"] => Box::new(once(link(channel))),
            ["count", number] if number.parse::<u32>().is_ok() => {
                let number = number.parse().unwrap_or(0_u32);
                Box::new((1..=number).map(move |n| format!("{n} of {number}")))
            }
            _ => return (Box::new(once(UNKNOWN.to_owned())) as Box<dyn Iterator<Item = String>>).peekable(),
        };
        (Box::new(lines.chain(once(DONE.to_owned()))) as Box<dyn Iterator<Item = String>>).peekable()
    }
}

/// What the connection has measured.
fn link(channel: &Channel<'_>) -> String {
    let stats = channel.peer.stats();
    let round_trip = stats.candidate_pair.and_then(|pair| pair.current_round_trip_time);
    let round_trip =
        round_trip.map_or_else(|| "not measured".into(), |time| format!("{:.1} ms", time.as_secs_f64() * 1e3));
    format!(
        "round trip {round_trip}, {} bytes sent, {} received",
        stats.transport.bytes_sent, stats.transport.bytes_received
    )
}

impl App for Console {
    fn message(&mut self, channel: &mut Channel<'_>, _: MessageKind, message: &[u8]) -> bool {
        let mut answer = match self.answers.iter().position(|(of, _)| *of == channel.id) {
            Some(at) => self.answers.swap_remove(at).1,
            None => self.run(channel, &String::from_utf8_lossy(message)),
        };
        while let Some(line) = answer.peek() {
            match channel.send(MessageKind::Text, line.as_bytes()) {
                Ok(true) => drop(answer.next()),
                // The same command comes again when there is room.
                Ok(false) => {
                    self.answers.push((channel.id, answer));
                    return false;
                }
                // A channel that is closed has nobody to hear it.
                Err(_) => return true,
            }
        }
        true
    }
}

fn main() -> anyhow::Result<()> {
    let start = Instant::now();
    serve(address()?, include_str!("../../pages/console.html"), || Console { start, led: false, answers: Vec::new() })
}
