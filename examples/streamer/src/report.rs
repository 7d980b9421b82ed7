//! Figures: a JSON line a second on the `stats` channel of each viewer that opened one, and a line in the log now and then.

use core::fmt::{self, Write};
use core::time::Duration;

use barertc::{Allocator, MessageKind};
use barertc_arena::Stats;
use barertc_wire::ticks;

use crate::app::App;
use crate::board::{Board, Memory};
use crate::status::OUTWARD;

/// Between two lines on the `stats` channels.
const INTERVAL: Duration = Duration::from_secs(1);
/// Lines on the channels for one in the log.
const LOG_EVERY: u32 = 5;

/// Bytes of such a line.
const LINE: usize = 1536 + 2 * OUTWARD;
/// Of [`OWNERS`](crate::OWNERS), those who hold memory for a viewer.
const PER_VIEWER: [&str; 6] = ["connection", "ice", "dtls", "srtp", "sctp", "history"];

/// Reports for ever.
pub(crate) async fn report<B: Board>(app: &App<'_, B>) {
    let mut count = 0u32;
    loop {
        app.board.sleep_until(app.board.now() + INTERVAL).await;
        let now = app.board.now();
        app.viewers.borrow_mut().iter_mut().for_each(|viewer| viewer.say_owed_ping(now));
        tell(app, app.settings.stats && count.is_multiple_of(LOG_EVERY));
        count = count.wrapping_add(1);
    }
}

/// Says so where all viewers together may need more memory than there is.
#[inline(never)]
pub(crate) fn compare_bounds<B: Board>(app: &App<'_, B>) {
    let (one, viewers) = (worst_case(app), app.settings.max_viewers);
    let psram = app.board.memory().psram;
    let (needed, room) = (one.saturating_mul(viewers), psram.capacity.saturating_sub(psram.live));
    if psram.capacity > 0 && needed > room {
        app.board.log(format_args!(
            "settings: {viewers} viewers of {one} B may need {needed} B, and there are {room} B: the last of them will be refused, \
             and pictures of the others may wait for memory"
        ));
    }
}

/// Out of line: the line and the figures are not on the stack while others work.
#[inline(never)]
fn tell<B: Board>(app: &App<'_, B>, log_it: bool) {
    let memory = app.board.memory();
    let viewers = app.viewers.borrow().connected();
    let mut line = heapless::String::<LINE>::new();
    // A line that does not fit is not sent: half a line is no JSON.
    if write_json(&mut line, app, &memory, viewers).is_ok() {
        let now = app.board.now();
        for viewer in app.viewers.borrow_mut().iter_mut() {
            if let Some(id) = viewer.stats_channel() {
                // Figures that do not fit the queue are stale by the time they would.
                let _ = viewer.connection.write_channel(now, id, MessageKind::Text, line.as_bytes());
            }
        }
        app.wake.signal(());
    }
    if log_it {
        log(app, &memory, viewers);
    }
}

fn write_json<B: Board>(
    out: &mut heapless::String<LINE>,
    app: &App<'_, B>,
    memory: &Memory,
    viewers: usize,
) -> fmt::Result {
    let bound = worst_case(app);
    write!(out, "{{\"t\":{},\"internal\":", app.board.now().as_millis())?;
    write_region(out, &memory.internal, memory.internal.capacity)?;
    out.write_str(",\"psram\":")?;
    write_region(out, &memory.psram, memory.psram.capacity)?;
    if memory.stack.capacity > 0 {
        out.write_str(",\"stack\":")?;
        write_region(out, &memory.stack, memory.stack.capacity)?;
    }
    let (refused, figures) = (app.status.refused(), app.viewers.borrow().figures());
    write!(out, ",\"viewers\":{viewers},\"viewer_bound\":{bound},\"viewer_peak\":{}", viewer_peak(app, memory))?;
    let (failed, dropped) = (figures.failed, figures.dropped);
    write!(out, ",\"refused\":{refused},\"failed\":{failed},\"dropped\":{dropped},\"owners\":{{")?;
    for (n, (name, stats)) in memory.owners.iter().enumerate() {
        write!(out, "{}\"{name}\":{}", if n == 0 { "" } else { "," }, stats.live)?;
    }
    out.write_str("},\"peaks\":{")?;
    for (n, (name, stats)) in memory.owners.iter().enumerate() {
        write!(out, "{}\"{name}\":{}", if n == 0 { "" } else { "," }, stats.peak)?;
    }
    write!(out, "}},\"records\":{},\"listens\":{}", app.settings.record, app.settings.listen)?;
    if let Some(level) = app.board.heard() {
        write!(out, ",\"heard\":-{level}")?;
    }
    let mut before = ",\"outward\":[\"";
    app.status.with_outward(|why| {
        if why.is_empty() {
            return Ok(());
        }
        out.write_str(core::mem::replace(&mut before, ",\""))?;
        write_text(out, why)?;
        out.write_str("\"")
    })?;
    if before == ",\"" {
        out.write_str("]")?;
    }
    out.write_str(",\"trouble\":\"")?;
    app.status.with_trouble(|trouble| write_text(out, trouble))?;
    out.write_str("\"}")
}

/// The text as it stands in a string of JSON (RFC 8259 §7), cut where the line has no room for it and its end.
fn write_text<const N: usize>(out: &mut heapless::String<N>, text: &str) -> fmt::Result {
    for c in text.chars().filter(|c| !c.is_control()) {
        let escape = if matches!(c, '"' | '\\') { "\\" } else { "" };
        let len = out.len().saturating_add(escape.len()).saturating_add(c.len_utf8());
        if len.saturating_add("\"}".len()) > N {
            break;
        }
        out.push_str(escape).and_then(|()| out.push(c)).map_err(|_| fmt::Error)?;
    }
    Ok(())
}

fn write_region(out: &mut impl Write, stats: &Stats, bound: usize) -> fmt::Result {
    write!(out, "{{\"live\":{},\"peak\":{},\"bound\":{bound}}}", stats.live, stats.peak)
}

fn log<B: Board>(app: &App<'_, B>, memory: &Memory, viewers: usize) {
    let (internal, psram) = (&memory.internal, &memory.psram);
    let [video, audio] = app.viewers.borrow().packets_sent();
    let figures = app.viewers.borrow().figures();
    app.board.log(format_args!(
        "viewers {viewers} · internal {} B, peak {} B, of {} B · {} {} B, peak {} B, of {} B · stack peak {} B, of {} B \
         · one viewer {} B, bound {} B · refused {}, failed {}, dropped {} · sent {video} video, {audio} audio packets \
         · by owner{}",
        internal.live,
        internal.peak,
        internal.capacity,
        B::LARGE_MEMORY,
        psram.live,
        psram.peak,
        psram.capacity,
        memory.stack.peak,
        memory.stack.capacity,
        viewer_peak(app, memory),
        worst_case(app),
        app.status.refused(),
        figures.failed,
        figures.dropped,
        Owners(memory),
    ));
    for viewer in app.viewers.borrow_mut().iter_mut() {
        let path = viewer.connection.bandwidth();
        let [delay, loss, arriving] =
            [path.delay_based, path.loss_based, path.arriving.unwrap_or(0)].map(|bits| bits / 1_000);
        app.board.log(format_args!(
            "  viewer: {delay} kbit/s by delay, {loss} by loss, {arriving} arrive; {}; {} repair packets, asks for {} ms",
            viewer.rendition(),
            viewer.repairs_sent(),
            ticks(viewer.playout_delay(), 1_000)
        ));
    }
}

/// The most that a viewer took so far, on boards that count by owner: what all took at their peaks, shared among as many as
/// there were at one time.
fn viewer_peak<B: Board>(app: &App<'_, B>, memory: &Memory) -> usize {
    let owners = memory.owners.iter().filter(|(name, _)| PER_VIEWER.contains(name));
    let peak = owners.map(|(_, stats)| stats.peak).fold(0, usize::saturating_add);
    peak.div_ceil(app.viewers.borrow().figures().most.max(1))
}

/// The most that one viewer can take from the large memory, media frames left out.
#[inline(never)]
pub(crate) fn worst_case<B: Board>(app: &App<'_, B>) -> usize
where
    B::Psram: Allocator,
{
    barertc::PeerConnection::<B::Psram, B::Crypto>::worst_case_bytes(&app.config())
}

/// Each owner's bytes, and the most they ever were.
struct Owners<'m>(&'m Memory);

impl fmt::Display for Owners<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.owners.iter().try_for_each(|(name, stats)| write!(f, " {name} {}/{}", stats.live, stats.peak))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_never_breaks_the_line() {
        let told = |before: &str, text: &str| {
            let mut line = heapless::String::<24>::try_from(before).unwrap();
            write_text(&mut line, text).unwrap();
            line.push_str("\"}").unwrap();
            line
        };
        assert_eq!(told("{\"trouble\":\"", "a\n\"b\\"), "{\"trouble\":\"a\\\"b\\\\\"}");
        assert_eq!(told("{\"trouble\":\"", "as long as that"), "{\"trouble\":\"as long as\"}");
        assert_eq!(told("{\"trouble\":\"", "aaaaaaaaa\"b"), "{\"trouble\":\"aaaaaaaaa\"}");
        assert_eq!(told("{\"trouble\":\"", "aaaaaaaaaü"), "{\"trouble\":\"aaaaaaaaa\"}");
    }
}
