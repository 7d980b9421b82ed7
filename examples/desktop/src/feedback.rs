//! What feedback tells of each packet, written to a file: traces that the bandwidth estimate can be held against.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use log::{LevelFilter, Log, Metadata, Record};

/// A line is a word and three numbers.
const LINE: usize = 96;

struct ToFile(File);

/// From now on, for as long as the program runs.
pub fn write_to(path: &Path) -> Result<()> {
    let file = File::create(path).with_context(|| format!("--feedback {}", path.display()))?;
    log::set_logger(Box::leak(Box::new(ToFile(file))))
        .map_err(anyhow::Error::msg)
        .context("--feedback: somebody logs already")?;
    log::set_max_level(LevelFilter::Trace);
    Ok(())
}

impl Log for ToFile {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == barertc::FEEDBACK_LOG
    }

    fn log(&self, record: &Record<'_>) {
        // Without the heap, which is out of bounds while the streamer runs.
        let mut line = heapless::String::<LINE>::new();
        if self.enabled(record.metadata()) && writeln!(line, "{}", record.args()).is_ok() {
            // A full disk ends the trace, not the stream.
            let _ = (&self.0).write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}
