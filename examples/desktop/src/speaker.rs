//! What viewers say, to a loudspeaker: a command that plays what comes to its standard input.

use std::convert::Infallible;
use std::process::ChildStdin;
use std::time::Duration;

use async_io::Async;
use barertc_media::{G711, Intercom, StartError};
use barertc_runner::Clock;
use barertc_streamer::Board;
use futures_lite::{AsyncWriteExt, future};

use crate::board::{Desktop, Handle};
use crate::child::Child;

/// Samples of a block, and how long it is.
const BLOCK: usize = 160;
const BLOCK_TIME: Duration = Duration::from_millis(20);
/// A command that takes no sound for so long is started again.
const STUCK: Duration = Duration::from_secs(5);
/// After one that ended.
const RETRY: Duration = Duration::from_secs(2);

/// What viewers say, one at a time: who talks first is heard until he ends.
pub struct Ear {
    intercom: Intercom<G711, Handle>,
    talker: Option<u32>,
    /// One who talked meanwhile.
    refused: Option<u32>,
}

impl Ear {
    pub fn new(memory: Handle) -> Result<Self, StartError> {
        Ok(Self { intercom: Intercom::new(G711::MuLaw, memory)?, talker: None, refused: None })
    }

    /// Takes a packet; false the first time that somebody cannot be heard because another one talks.
    pub fn hear(&mut self, sender: u32, timestamp: u32, packet: &[u8]) -> bool {
        if *self.talker.get_or_insert(sender) == sender {
            self.intercom.receive(timestamp, packet);
            return true;
        }
        self.refused.replace(sender) == Some(sender)
    }

    /// There will be no more of this one.
    pub fn end(&mut self, sender: u32) {
        if self.talker == Some(sender) {
            self.talker = None;
            self.intercom.restart();
        }
    }

    /// How loud what is played is, while somebody talks.
    pub fn level(&self) -> Option<u8> {
        self.talker.map(|_| self.intercom.heard())
    }

    /// The next block for the loudspeaker.
    pub fn pull(&mut self, block: &mut [i16]) {
        self.intercom.pull(block);
    }
}

/// Plays for ever: a command that ends, or takes nothing any more, is told and started again.
pub async fn play(board: &Desktop, command: &str) -> Infallible {
    loop {
        match Child::fed(command) {
            Ok((mut child, input)) => {
                let why = feed(board, &mut child, input).await;
                let status = child.finish().await;
                let words = child.last_words();
                board.log(format_args!("--speaker: {why}; the command ended ({status}): {words}"));
            }
            Err(error) => board.log(format_args!("--speaker: the command cannot be run: {error}")),
        }
        board.sleep_until(board.now() + RETRY).await;
    }
}

/// Why a command gets no more.
async fn feed(board: &Desktop, child: &mut Child, mut input: Async<ChildStdin>) -> String {
    let mut next = board.now();
    loop {
        let mut block = [0; BLOCK];
        board.pull(&mut block);
        let bytes: Vec<u8> = block.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let write = async { input.write_all(&bytes).await.map_err(|error| error.to_string()) };
        let stuck = async {
            board.sleep_until(board.now() + STUCK).await;
            Err(format!("it took no sound for {} s", STUCK.as_secs()))
        };
        let attended = async { match child.attend().await {} };
        if let Err(why) = future::or(write, future::or(stuck, attended)).await {
            return why;
        }
        // Where the command took long, time begins anew: what waits is left out.
        let now = board.now();
        next = (next + BLOCK_TIME).max(now);
        let attended = async { match child.attend().await {} };
        future::or(board.sleep_until(next), attended).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    #[test]
    fn who_talks_first_is_heard_until_he_ends() {
        let board = Desktop::new(&Options::from(Vec::new()).unwrap().unwrap()).unwrap();
        let mut ear = Ear::new(board.psram("viewers")).unwrap();
        let loud = [G711::MuLaw.encode(10_000); 800];
        let mut block = [0; BLOCK];
        assert_eq!(ear.level(), None);
        assert!(ear.hear(1, 1_000, &loud));
        assert!(!ear.hear(2, 5, &loud), "told once");
        assert!(ear.hear(2, 805, &loud));
        ear.pull(&mut block);
        assert!(block.iter().all(|sample| (9_500..10_500).contains(sample)));
        assert_eq!(ear.level(), Some(10));
        ear.end(2);
        assert_eq!(ear.level(), Some(10));
        ear.end(1);
        ear.pull(&mut block);
        assert_eq!((ear.level(), block), (None, [0; BLOCK]));
        assert!(ear.hear(2, 1_605, &loud));
        ear.pull(&mut block);
        assert_ne!(block, [0; BLOCK]);
    }

    #[test]
    fn sound_reaches_the_command_in_time_and_one_that_ends_is_started_again() {
        let file = std::env::temp_dir().join(format!("barertc-heard-{}.raw", std::process::id()));
        let command = format!("head -c 3200 >> {}", file.display());
        let options = Options::from(["--speaker".into(), command.clone().into()].into()).unwrap().unwrap();
        let board = Desktop::new(&options).unwrap();
        let begin = std::time::Instant::now();
        let len = || std::fs::metadata(&file).map_or(0, |meta| meta.len());
        async_io::block_on(future::or(async { match play(&board, &command).await {} }, async {
            while len() < 6_400 && begin.elapsed() < Duration::from_secs(20) {
                async_io::Timer::after(Duration::from_millis(20)).await;
            }
        }));
        // 200 ms of sound, twice, and what is waited between.
        let (len, took) = (len(), begin.elapsed());
        std::fs::remove_file(&file).unwrap();
        assert_eq!(len, 6_400);
        assert!(took >= Duration::from_millis(2_300), "{took:?}");
    }
}
