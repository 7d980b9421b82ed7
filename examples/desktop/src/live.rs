//! Encoders at the other end of a pipe: commands that write pictures or sound as they make it.
//!
//! A program that runs cannot be told another rate, so another one is started, and takes over with its first key frame.
//! Where both may run at once, nobody misses a picture.

use std::fmt;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::time::Duration;

use barertc_media::{
    AccessUnitsConfig, CaptureClock, Encoder, EncoderRate, FrameKind, OggPackets, OggPacketsConfig, Pictures,
    RateConfig, SourceFrame, StartError, StreamError,
};
use barertc_runner::Clock;
use barertc_streamer::{Board, Live};
use barertc_wire::Instant;
use futures_lite::future;

use crate::board::{Desktop, Handle};
use crate::child::Child;
use crate::commands::Template;
use crate::guard::{host, host_call};
use crate::options::Options;

/// What is read at once: as much as a pipe holds.
const ROOM: usize = 64 << 10;
/// Commands are started no closer together.
const BETWEEN: Duration = Duration::from_secs(1);
/// After one that ended by itself.
const RETRY: Duration = Duration::from_secs(2);
/// A command without a frame for so long is started again.
const SILENCE: Duration = Duration::from_secs(5);
/// A command that makes a key frame every second or so has made one by then. Another one begins with one.
const KEY_FRAME: Duration = Duration::from_millis(1_500);

/// The encoders that the options name.
pub fn encoders<'b>(board: &'b Desktop, options: &Options) -> Option<Commands<'b>> {
    let rate = RateConfig::new(options.bitrate);
    let (video, audio) = (options.video.clone(), options.audio.clone());
    if video.is_none() && audio.is_none() {
        return None;
    }
    let at_first = EncoderRate { bits_per_second: rate.max, frames_per_second: rate.frames_per_second };
    let video = video.map(|template| CommandEncoder::new(board, template, at_first));
    let sound = audio.map(|template| CommandEncoder::new(board, template, at_first));
    Some(Live { video, sound, rate })
}

/// A command for pictures, and one for sound.
type Commands<'b> = Live<CommandEncoder<'b, Pictures<Handle>>, CommandEncoder<'b, OggPackets<Handle>>>;

/// Cuts what a command writes into frames.
pub trait Splitter: Sized {
    /// A codec with the clock rate of the frames.
    const CLOCK: FrameKind;

    fn new(clock: CaptureClock, memory: Handle) -> Result<Self, StartError>;
    fn next(&mut self, now: Instant, chunk: &mut &[u8]) -> Result<Option<SourceFrame<Handle>>, StreamError>;
    /// What the frames are, once that is known.
    fn kind(&self) -> Option<FrameKind>;
}

impl Splitter for Pictures<Handle> {
    const CLOCK: FrameKind = FrameKind::H264;

    fn new(clock: CaptureClock, memory: Handle) -> Result<Self, StartError> {
        // Its pictures are where they were captured: the command says nothing about their rate.
        Self::new(AccessUnitsConfig { max_frame_bytes: 1 << 20, frame_duration: 0 }, clock, memory)
    }

    fn next(&mut self, now: Instant, chunk: &mut &[u8]) -> Result<Option<SourceFrame<Handle>>, StreamError> {
        self.next(now, chunk)
    }

    fn kind(&self) -> Option<FrameKind> {
        self.kind()
    }
}

impl Splitter for OggPackets<Handle> {
    const CLOCK: FrameKind = FrameKind::Opus;

    fn new(clock: CaptureClock, memory: Handle) -> Result<Self, StartError> {
        Self::new(OggPacketsConfig::new(), clock, memory)
    }

    fn next(&mut self, now: Instant, chunk: &mut &[u8]) -> Result<Option<SourceFrame<Handle>>, StreamError> {
        self.next(now, chunk)
    }

    fn kind(&self) -> Option<FrameKind> {
        Some(FrameKind::Opus)
    }
}

/// Why a command gives no frame, with its last words.
#[derive(Debug)]
pub enum CommandError {
    /// The shell cannot be started, or the pipe cannot be read.
    Io(io::Error),
    /// There is no memory to cut frames in.
    Memory(StartError),
    /// It has ended, and how.
    Ended { status: String, words: String },
    /// It writes nothing that is a frame.
    Silent { words: String },
    /// What it writes is not as it should be.
    Stream { error: StreamError, words: String },
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Io(error) => return write!(f, "the command cannot be run: {error}"),
            Self::Memory(error) => return write!(f, "{error}"),
            Self::Ended { status, words } => {
                write!(f, "the command ended ({status})")?;
                words
            }
            Self::Silent { words } => {
                write!(f, "the command gave no frame for {} s", SILENCE.as_secs())?;
                words
            }
            Self::Stream { error, words } => {
                write!(f, "what the command writes: {error}")?;
                words
            }
        };
        if words.is_empty() { Ok(()) } else { write!(f, "; it says: {words}") }
    }
}

/// A command that runs, and what it has written.
struct Pipe<S> {
    child: Child,
    splitter: S,
    room: Box<[u8]>,
    filled: Range<usize>,
    rate: EncoderRate,
    /// When it was asked for, when it was started, and when its last frame came.
    asked: Instant,
    since: Instant,
    heard: Instant,
    /// It has given a frame.
    any: bool,
    /// The last frame of the one before it, until it has one of its own.
    before: Option<Instant>,
}

impl<S: Splitter> Pipe<S> {
    /// The next frame of what was read.
    fn frame(&mut self, now: Instant) -> Result<Option<SourceFrame<Handle>>, StreamError> {
        let unread = self.room.get(self.filled.clone()).unwrap_or_default();
        let mut rest = unread;
        let frame = self.splitter.next(now, &mut rest);
        self.filled.start += unread.len() - rest.len();
        if let Ok(Some(_)) = frame {
            (self.heard, self.any) = (now, true);
        }
        frame
    }

    /// When it is given up without a further frame. Sound may be silent for long, once there was some.
    fn silent_at(&self) -> Option<Instant> {
        (S::CLOCK.is_video() || !self.any).then(|| self.heard + SILENCE)
    }

    /// Reads on, once all was given out; false when there is no more.
    async fn fill(&mut self) -> io::Result<bool> {
        let read = self.child.read(&mut self.room).await?;
        self.filled = 0..read;
        Ok(read > 0)
    }
}

/// What a wait ended with.
enum Woken {
    Current(io::Result<bool>),
    Successor(io::Result<bool>),
    Time,
}

/// An encoder that is a command.
pub struct CommandEncoder<'b, S> {
    board: &'b Desktop,
    template: Template,
    wanted: EncoderRate,
    /// When the rate was asked for.
    wanted_since: Instant,
    current: Option<Pipe<S>>,
    /// The one that takes over.
    successor: Option<Pipe<S>>,
    /// No command is started before.
    may_start: Instant,
    key_wanted: Option<Instant>,
    number: u32,
    timestamp: u64,
    said_fixed: bool,
    /// What was logged.
    #[cfg(test)]
    said: std::cell::RefCell<Vec<String>>,
}

impl<'b, S: Splitter> CommandEncoder<'b, S> {
    pub fn new(board: &'b Desktop, template: Template, rate: EncoderRate) -> Self {
        let now = board.now();
        Self {
            board,
            template,
            wanted: rate,
            wanted_since: now,
            current: None,
            successor: None,
            may_start: now,
            key_wanted: None,
            number: 0,
            timestamp: 0,
            said_fixed: false,
            #[cfg(test)]
            said: std::cell::RefCell::default(),
        }
    }

    /// Starts a command with the rate that is wanted.
    fn start(&mut self, now: Instant) -> Result<Pipe<S>, CommandError> {
        self.may_start = now + BETWEEN;
        let (asked, rate) = (self.wanted_since, self.wanted);
        // All clocks have one origin: sound and picture of all commands tell the same time.
        let clock = CaptureClock::new(S::CLOCK, Instant::ZERO);
        let splitter = S::new(clock, self.board.psram("frames")).map_err(CommandError::Memory)?;
        let child = Child::start(&self.template.command(rate)).map_err(CommandError::Io)?;
        let room = vec![0; ROOM].into_boxed_slice();
        Ok(Pipe { child, splitter, room, filled: 0..0, rate, asked, since: now, heard: now, any: false, before: None })
    }

    /// Whether the command that runs is not the one that is wanted.
    fn wants_another(&self, now: Instant) -> bool {
        let other_rate = self.current.as_ref().is_some_and(|current| current.rate != self.wanted);
        let key_frame = self.key_wanted.is_some_and(|since| now >= since + KEY_FRAME);
        self.successor.is_none() && (other_rate && self.template.has_rate() || key_frame)
    }

    async fn next_frame(&mut self) -> Result<SourceFrame<Handle>, CommandError> {
        loop {
            let now = self.board.now();
            if self.current.is_none() {
                self.board.sleep_until(self.may_start).await;
                let now = self.board.now();
                let started = self.start(now);
                if started.is_err() {
                    self.may_start = now + RETRY;
                }
                self.current = Some(started?);
            } else if self.wants_another(now) && now >= self.may_start {
                if self.template.overlaps {
                    self.successor = Some(self.start(now)?);
                } else {
                    // Its device is free when it has ended.
                    let before = self.current.take().map(|current| current.heard);
                    let started = self.start(now)?;
                    self.current = Some(Pipe { before, ..started });
                }
                // The one that is started begins with a key frame.
                self.key_wanted = None;
            }
            if let Some(frame) = self.of_successor(now) {
                return Ok(frame);
            }
            if let Some(current) = &mut self.current {
                match current.frame(now) {
                    Ok(Some(frame)) => {
                        if let Some(before) = current.before.take() {
                            self.say_rate(now, before);
                        }
                        return Ok(self.stamped(frame));
                    }
                    Ok(None) => {}
                    Err(error) => {
                        let words = current.child.last_words();
                        return Err(CommandError::Stream { error, words });
                    }
                }
            }
            self.wait(now).await?;
        }
    }

    /// The first key frame of the successor, which takes over with it.
    fn of_successor(&mut self, now: Instant) -> Option<SourceFrame<Handle>> {
        let successor = self.successor.as_mut()?;
        let frame = loop {
            match successor.frame(now) {
                Ok(Some(frame)) if frame.keyframe => break frame,
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => {
                    self.log(format_args!("a command that was to take over: {error}"));
                    self.successor = None;
                    self.may_start = now + RETRY;
                    return None;
                }
            }
        };
        let before = self.current.as_ref().map_or(now, |current| current.heard);
        self.current = self.successor.take();
        self.say_rate(now, before);
        Some(self.stamped(frame))
    }

    /// Says what was asked for, now that it is made; the last picture of the command before came at `before`.
    fn say_rate(&self, now: Instant, before: Instant) {
        let Some(current) = &self.current else { return };
        let (bits, fps) = (current.rate.bits_per_second / 1_000, current.rate.frames_per_second);
        let after = now.saturating_since(current.asked).as_millis();
        let gap = now.saturating_since(before).as_millis();
        self.board.log(format_args!(
            "encoder: {bits} kbit/s and {fps} pictures a second, {after} ms after it was asked; {gap} ms between pictures"
        ));
    }

    /// Timestamps of one command follow those of the one before.
    fn stamped(&mut self, frame: SourceFrame<Handle>) -> SourceFrame<Handle> {
        if frame.keyframe && frame.kind.is_video() {
            self.key_wanted = None;
        }
        let (number, timestamp) = (self.number, frame.timestamp.max(self.timestamp));
        self.number = number.wrapping_add(1);
        self.timestamp = timestamp + u64::from(frame.duration.max(1));
        SourceFrame { number, timestamp, ..frame }
    }

    /// Waits until a command has written something, or there is something else to do.
    async fn wait(&mut self, now: Instant) -> Result<(), CommandError> {
        let wants_another = self.wants_another(now);
        let silent_at = self.current.as_ref().and_then(Pipe::silent_at);
        // It takes over with its first key frame.
        let idle_at = self.successor.as_ref().map(|successor| successor.since + SILENCE);
        let key_at = self.key_wanted.map(|since| since + KEY_FRAME);
        let deadline = [silent_at, idle_at, key_at, wants_another.then_some(self.may_start)];
        let deadline = deadline.into_iter().fold(None, Instant::earliest).unwrap_or(Instant::FAR_FUTURE);
        let woken = {
            let (board, current, successor) = (self.board, &mut self.current, &mut self.successor);
            let current = async { Woken::Current(fill(current).await) };
            let successor = async { Woken::Successor(fill(successor).await) };
            let time = async {
                board.sleep_until(deadline).await;
                Woken::Time
            };
            future::or(successor, future::or(current, time)).await
        };
        match woken {
            // One that writes without end holds up nobody else.
            Woken::Current(Ok(true)) | Woken::Successor(Ok(true)) => future::yield_now().await,
            Woken::Current(end) => {
                let Some(current) = &mut self.current else { return Ok(()) };
                let status = current.child.finish().await;
                let words = current.child.last_words();
                self.current = self.successor.take();
                self.may_start = self.may_start.max(self.board.now() + RETRY);
                end.map_err(CommandError::Io)?;
                return Err(CommandError::Ended { status, words });
            }
            Woken::Successor(_) => {
                // It stays until that was said: this future may be dropped before.
                let Some(successor) = &mut self.successor else { return Ok(()) };
                let status = successor.child.finish().await;
                let words = successor.child.last_words();
                self.log(format_args!("a command that was to take over ended ({status}): {words}"));
                self.successor = None;
                self.may_start = self.board.now() + RETRY;
            }
            Woken::Time => {}
        }
        let now = self.board.now();
        if idle_at.is_some_and(|at| now >= at)
            && let Some(successor) = self.successor.take()
        {
            let words = successor.child.last_words();
            let seconds = SILENCE.as_secs();
            self.log(format_args!("a command that was to take over gave no key frame for {seconds} s: {words}"));
            self.may_start = now + RETRY;
        }
        if silent_at.is_some_and(|at| now >= at)
            && let Some(current) = self.current.take()
        {
            self.may_start = now + RETRY;
            return Err(CommandError::Silent { words: current.child.last_words() });
        }
        Ok(())
    }

    fn log(&self, line: fmt::Arguments<'_>) {
        #[cfg(test)]
        self.said.borrow_mut().push(line.to_string());
        self.board.log(line);
    }
}

/// Reads on from a command, if there is one.
async fn fill<S: Splitter>(pipe: &mut Option<Pipe<S>>) -> io::Result<bool> {
    match pipe {
        Some(pipe) => pipe.fill().await,
        None => future::pending().await,
    }
}

impl<S: Splitter> Encoder<Handle> for CommandEncoder<'_, S> {
    type Error = CommandError;

    fn kind(&self) -> Option<FrameKind> {
        self.current.as_ref().and_then(|current| current.splitter.kind())
    }

    fn next(&mut self) -> impl Future<Output = Result<SourceFrame<Handle>, CommandError>> {
        host(self.next_frame())
    }

    fn request_key_frame(&mut self, now: Instant) {
        self.key_wanted.get_or_insert(now);
    }

    fn set_rate(&mut self, now: Instant, rate: EncoderRate) {
        (self.wanted, self.wanted_since) = (rate, now);
        if !self.template.has_rate() && !std::mem::replace(&mut self.said_fixed, true) {
            let kbit = rate.bits_per_second / 1_000;
            host_call(|| {
                self.board.log(format_args!(
                    "--video: {kbit} kbit/s would fit, but the command has no {{bitrate}} in it and keeps its rate"
                ));
            });
        }
    }
}

#[cfg(test)]
mod tests;
