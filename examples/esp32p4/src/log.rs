//! The serial log: lines wait in a queue and leave bit by bit, because a serial port is slow and printing would hold up the
//! network. What finds the queue full is counted and lost.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU32, Ordering};

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_time::Timer;
use esp_println::Printer;

/// Bytes that may wait.
const QUEUE: usize = 2048;
/// A serial port at 115,200 bits a second takes this many bytes in the pause between two of them, and holds four.
const PIECE: usize = 32;
const PAUSE_MS: u64 = 3;

static WAITING: Pipe<CriticalSectionRawMutex, QUEUE> = Pipe::new();
static LOST: AtomicU32 = AtomicU32::new(0);

/// Puts a line into the queue.
pub fn line(line: fmt::Arguments<'_>) {
    if writeln!(Queue, "{line}").is_err() {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

struct Queue;

impl Write for Queue {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let written = WAITING.try_write(rest).map_err(|_| fmt::Error)?;
            rest = &rest[written..];
        }
        Ok(())
    }
}

/// Sends the queue, for ever.
#[embassy_executor::task]
pub async fn send() {
    let mut piece = [0; PIECE];
    loop {
        let len = WAITING.read(&mut piece).await;
        Printer::write_bytes(&piece[..len]);
        let lost = LOST.swap(0, Ordering::Relaxed);
        if lost > 0 {
            line(format_args!("log: {lost} lines lost"));
        }
        Timer::after_millis(PAUSE_MS).await;
    }
}
