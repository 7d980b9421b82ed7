//! What viewers say, to a loudspeaker: a command that plays what comes to its standard input.

use std::convert::Infallible;
use std::process::ChildStdin;
use std::time::Duration;

use async_io::Async;
use barertc_runner::Clock;
use barertc_streamer::Board;
use futures_lite::{AsyncWriteExt, future};

use crate::board::Desktop;
use crate::child::Child;

/// Samples of a block, and how long it is.
const BLOCK: usize = 160;
const BLOCK_TIME: Duration = Duration::from_millis(20);
/// A command that takes no sound for so long is started again.
const STUCK: Duration = Duration::from_secs(5);
/// After one that ended.
const RETRY: Duration = Duration::from_secs(2);

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
    fn sound_reaches_the_command_in_time_and_one_that_ends_is_started_again() {
        let file = std::env::temp_dir().join(format!("barertc-heard-{}.raw", std::process::id()));
        let command = format!("head -c 3200 >> {}", file.display());
        let options = Options::from(["--speaker".into(), command.clone().into()].into()).unwrap().unwrap();
        let board = Desktop::new(&options).unwrap();
        let begin = std::time::Instant::now();
        let len = || std::fs::metadata(&file).map_or(0, |meta| meta.len());
        async_io::block_on(future::or(async { match play(&board, &command).await {} }, async {
            while len() < 6_400 && begin.elapsed() < Duration::from_secs(60) {
                async_io::Timer::after(Duration::from_millis(20)).await;
            }
        }));
        // 200 ms of sound, twice, and what is waited between. On a slow machine a third command may have begun.
        let (len, took) = (len(), begin.elapsed());
        std::fs::remove_file(&file).unwrap();
        assert!(len >= 6_400, "{len} bytes");
        assert!(took >= Duration::from_millis(2_300), "{took:?}");
    }
}
