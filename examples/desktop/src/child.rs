//! A command whose output is read as it comes. It is ended by its id, with all that it has started.

use std::convert::Infallible;
use std::io;
use std::os::unix::process::CommandExt;
use std::pin::Pin;
use std::process::{Child as Process, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_io::{Async, Timer};
use futures_lite::AsyncRead;
use futures_lite::future::poll_fn;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// Bytes that are kept of what a command writes to standard error.
const WORDS: usize = 400;
/// Pieces of standard error that are read in one go: one who never stops writing holds up nobody else.
const PIECES: usize = 16;
/// What has closed its output ends on its own within this, or is ended.
const END_TIME: Duration = Duration::from_millis(500);

/// A command that runs, in a process group of its own.
pub struct Child {
    process: Process,
    /// It has ended, and its id is not its own any more.
    ended: Option<ExitStatus>,
    out: Async<ChildStdout>,
    err: Option<Async<ChildStderr>>,
    /// The end of what it wrote to standard error.
    words: Vec<u8>,
    /// When it is ended, once its end is waited for.
    ended_at: Option<Instant>,
}

impl Child {
    /// Lets the shell run `command`.
    pub fn start(command: &str) -> io::Result<Self> {
        Self::with_input(command, Stdio::null())
    }

    /// The same with an input, which holds no more than 4096 bytes where that can be said.
    pub fn fed(command: &str) -> io::Result<(Self, Async<ChildStdin>)> {
        let mut child = Self::with_input(command, Stdio::piped())?;
        let input = child.process.stdin.take().ok_or_else(|| io::Error::other("no pipe"))?;
        // What waits there is heard later, and 64 KB of sound would be four seconds. Where it is refused, it waits.
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&input, 4096);
        Ok((child, Async::new(input)?))
    }

    fn with_input(command: &str, input: Stdio) -> io::Result<Self> {
        let mut process = Command::new("/bin/sh")
            .args(["-c", command])
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pipes = process.stdout.take().zip(process.stderr.take());
        let pipes = pipes.ok_or_else(|| io::Error::other("no pipe"));
        match pipes.and_then(|(out, err)| Ok((Async::new(out)?, Async::new(err)?))) {
            Ok((out, err)) => Ok(Self { process, ended: None, out, err: Some(err), words: Vec::new(), ended_at: None }),
            Err(error) => {
                end(&mut process);
                Err(error)
            }
        }
    }

    /// Waits for output; 0 when it has closed it. The future may be dropped at any time.
    pub async fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| {
            self.poll_words(cx);
            Pin::new(&mut self.out).poll_read(cx, room)
        })
        .await
    }

    /// Takes what it writes, so that it never waits for us, for as long as this is awaited.
    pub async fn attend(&mut self) -> Infallible {
        let mut room = [0; 1024];
        poll_fn(|cx| {
            self.poll_words(cx);
            if let Poll::Ready(Ok(1..)) = Pin::new(&mut self.out).poll_read(cx, &mut room) {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    }

    /// Waits until it has ended, or ends it; how it ended. The future may be dropped at any time: the next one goes on.
    pub async fn finish(&mut self) -> String {
        let until = *self.ended_at.get_or_insert_with(|| Instant::now() + END_TIME);
        while !has_ended(&self.process) && Instant::now() < until {
            Timer::after(Duration::from_millis(10)).await;
        }
        poll_fn(|cx| {
            self.poll_words(cx);
            Poll::Ready(())
        })
        .await;
        self.end();
        self.ended.map_or_else(|| "it is gone".into(), |status| status.to_string())
    }

    /// The end of what it wrote to standard error, in one line.
    pub fn last_words(&self) -> String {
        let text = String::from_utf8_lossy(&self.words);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines.len().saturating_sub(3);
        lines.get(last..).unwrap_or_default().join(" | ")
    }

    fn end(&mut self) {
        if self.ended.is_none() {
            self.ended = end(&mut self.process);
        }
    }

    /// Takes what there is of standard error, so that the command never waits for us.
    fn poll_words(&mut self, cx: &mut Context<'_>) {
        let mut room = [0; 1024];
        for _ in 0..PIECES {
            let Some(err) = &mut self.err else { return };
            match Pin::new(err).poll_read(cx, &mut room) {
                Poll::Ready(Ok(read)) if read > 0 => {
                    self.words.extend_from_slice(room.get(..read).unwrap_or_default());
                    let old = self.words.len().saturating_sub(WORDS);
                    self.words.drain(..old);
                }
                Poll::Ready(_) => self.err = None,
                Poll::Pending => return,
            }
        }
        // There is more.
        cx.waker().wake_by_ref();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether the process has ended. It is not taken away: its id, which is its group's, stays its own.
fn has_ended(process: &Process) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(Pid::from_child(process)), options), Ok(None))
}

/// Ends the process and all of its group, and takes it away.
fn end(process: &mut Process) -> Option<ExitStatus> {
    // A group without members is none to be ended.
    let _ = kill_process_group(Pid::from_child(process), Signal::KILL);
    process.wait().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_io::block_on;
    use futures_lite::future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Waker;

    struct Woken(AtomicBool);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// All that a command writes.
    fn output(child: &mut Child) -> Vec<u8> {
        let (mut all, mut room) = (Vec::new(), [0; 64]);
        loop {
            match block_on(child.read(&mut room)).unwrap() {
                0 => return all,
                read => all.extend_from_slice(&room[..read]),
            }
        }
    }

    #[test]
    fn output_last_words_and_status_of_a_command() {
        let mut child = Child::start("printf abc; for n in 1 2 3 4 5; do echo line $n >&2; done; exit 3").unwrap();
        assert_eq!(output(&mut child), b"abc");
        assert_eq!(block_on(child.finish()), "exit status: 3");
        assert_eq!(child.last_words(), "line 3 | line 4 | line 5");
    }

    #[test]
    fn standard_error_never_holds_it_up_and_is_bounded() {
        let mut child = Child::start("head -c 1000000 /dev/zero | tr '\\0' x >&2; echo; echo end >&2").unwrap();
        assert_eq!(output(&mut child), b"\n");
        block_on(child.finish());
        assert!(child.words.len() <= WORDS && child.last_words().ends_with("end"), "{}", child.last_words());
    }

    #[test]
    fn it_is_ended_with_all_that_it_has_started() {
        // Both processes write their ids.
        let mut child = Child::start("sleep 600 & echo $!; exec sleep 600").unwrap();
        let mut room = [0; 64];
        let read = block_on(child.read(&mut room)).unwrap();
        let inner: i32 = std::str::from_utf8(&room[..read]).unwrap().trim().parse().unwrap();
        let outer = child.process.id();
        let runs = |id: i32| {
            let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            !status.is_empty() && !status.contains(") Z")
        };
        assert!(runs(inner) && runs(outer as i32));
        drop(child);
        let until = Instant::now() + Duration::from_secs(60);
        while (runs(inner) || runs(outer as i32)) && Instant::now() < until {
            std::thread::yield_now();
        }
        assert!(!runs(inner) && !runs(outer as i32));
    }

    #[test]
    fn one_that_stays_is_ended_however_often_its_end_is_waited_for() {
        let mut child = Child::start("exec >&-; sleep 600").unwrap();
        assert_eq!(output(&mut child), b"");
        let begin = Instant::now();
        let ended = loop {
            assert!(begin.elapsed() < Duration::from_secs(60), "it is never ended");
            let moment = async {
                Timer::after(Duration::from_millis(20)).await;
                None
            };
            let end = future::or(async { Some(child.finish().await) }, moment);
            if let Some(end) = block_on(end) {
                break end;
            }
        };
        assert_eq!(ended, "signal: 9 (SIGKILL)");
    }

    #[test]
    fn what_waits_of_standard_error_is_read_in_parts() {
        // A full pipe; the command waits until it is read.
        let mut child = Child::start("head -c 60000 /dev/zero | tr '\\0' x >&2; echo; sleep 600").unwrap();
        let mut room = [0; 64];
        block_on(async { child.out.readable().await.unwrap() });
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(woken.clone());
        let poll = pin!(child.read(&mut room)).poll(&mut Context::from_waker(&waker));
        assert!(matches!(poll, Poll::Ready(Ok(1))), "{poll:?}");
        assert!(woken.0.load(Ordering::SeqCst), "the rest is read after the others had their turn");
        assert_eq!(child.words.len(), WORDS);
    }

    #[test]
    fn one_that_closes_its_output_and_stays_is_ended() {
        let mut child = Child::start("exec >&-; sleep 600").unwrap();
        assert_eq!(output(&mut child), b"");
        assert_eq!(block_on(child.finish()), "signal: 9 (SIGKILL)");
    }
}
