//! How the bandwidth estimate behaves, as pictures: `cargo run --release -p barertc-congestion --example plots -- docs/plots`.
//!
//! Senders of 1,200-byte packets share a simulated bottleneck, each at its estimate; what they estimate is drawn over what
//! the path carries. Time is simulated, so every run draws the same.

#[path = "../tests/it/senders.rs"]
mod senders;
#[path = "../tests/it/trace.rs"]
mod trace;

use std::fmt::Write as _;
use std::path::Path as File;
use std::time::Duration;

use barertc_wire::Instant;
use senders::{Bulk, Media, Path, Sender};

struct Scene {
    name: &'static str,
    title: &'static str,
    seconds: u64,
    senders: Vec<(&'static str, Box<dyn Sender>)>,
    loss: u32,
    /// Bytes of the queue.
    queue: usize,
    capacity: fn(u64) -> u64,
}

fn scenes() -> Vec<Scene> {
    let steady = |_| 2_000_000;
    vec![
        Scene {
            name: "convergence",
            title: "2 Mbit/s, found from 5 Mbit/s",
            seconds: 60,
            senders: vec![("from 5 Mbit/s", Media::boxed(0, 5_000_000))],
            loss: 0,
            queue: 75_000,
            capacity: steady,
        },
        Scene {
            name: "convergence-below",
            title: "2 Mbit/s, found from 300 kbit/s",
            seconds: 60,
            senders: vec![("from 300 kbit/s", Media::boxed(0, 300_000))],
            loss: 0,
            queue: 75_000,
            capacity: steady,
        },
        Scene {
            name: "steps",
            title: "A path that gets narrower and wider",
            seconds: 90,
            senders: vec![("estimate", Media::boxed(0, 1_000_000))],
            loss: 0,
            queue: 75_000,
            capacity: |second| match second {
                20..40 => 700_000,
                40..60 => 2_000_000,
                _ => 3_000_000,
            },
        },
        Scene {
            name: "loss",
            title: "3 Mbit/s and 5 % of all packets lost at random",
            seconds: 60,
            senders: vec![("estimate", Media::boxed(0, 1_000_000))],
            loss: 20,
            queue: 75_000,
            capacity: |_| 3_000_000,
        },
        Scene {
            name: "fairness",
            title: "Two share 3 Mbit/s, the second from 30 s on",
            seconds: 150,
            senders: vec![("first", Media::boxed(0, 1_000_000)), ("second", Media::boxed(30, 300_000))],
            loss: 0,
            queue: 75_000,
            capacity: |_| 3_000_000,
        },
        Scene {
            name: "tcp",
            title: "Beside a bulk transfer (Reno) that begins at 30 s",
            seconds: 120,
            senders: vec![("estimate", Media::boxed(0, 1_000_000)), ("bulk", Bulk::boxed(30))],
            loss: 0,
            queue: 37_500,
            capacity: |_| 3_000_000,
        },
    ]
}

/// A line: its name, and a value each 100 ms.
type Line = (String, Vec<f64>);

fn run(scene: &mut Scene) -> Vec<Line> {
    let mut path =
        Path { bits_per_second: 1, queue: scene.queue, loss: scene.loss, busy_until: Instant::ZERO, random: 1 };
    let mut lines = vec![("capacity".to_owned(), Vec::new())];
    lines.extend(scene.senders.iter().map(|(name, _)| ((*name).to_owned(), Vec::new())));
    for millis in 0..scene.seconds * 1_000 {
        let now = Instant::from_millis(millis);
        path.bits_per_second = (scene.capacity)(millis / 1_000);
        for (_, sender) in &mut scene.senders {
            sender.step(now, &mut path);
        }
        if millis % 100 == 0 {
            lines[0].1.push(path.bits_per_second as f64);
            for ((_, sender), line) in scene.senders.iter().zip(&mut lines[1..]) {
                line.1.push(sender.rate());
            }
        }
    }
    lines
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 48.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 30.0;
const COLORS: [&str; 3] = ["#999999", "#1f6fd0", "#d0602f"];

fn draw(title: &str, seconds: u64, lines: &[Line]) -> String {
    let top = lines.iter().flat_map(|(_, values)| values).fold(1.0, |a: f64, b| a.max(*b)) / 1e6;
    let top = (top * 1.1).ceil();
    let x = |second: f64| LEFT + (WIDTH - LEFT - 12.0) * second / seconds as f64;
    let y = |mbit: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * mbit / top;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"16\" font-size=\"13\">{title}</text>\n"
    );
    let mut add = |text: String| {
        let _ = writeln!(svg, "{text}");
    };
    for mbit in 0..=top as u32 {
        let at = y(mbit.into());
        add(format!("<path d=\"M{LEFT} {at:.1}H{}\" stroke=\"#e4e4e4\"/>", WIDTH - 12.0));
        add(format!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{mbit} Mbit/s</text>", LEFT - 4.0, at + 4.0));
    }
    for second in (0..=seconds).step_by(if seconds > 90 { 30 } else { 10 }) {
        let at = x(second as f64);
        add(format!("<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{second} s</text>", HEIGHT - 12.0));
    }
    for (n, ((name, values), color)) in lines.iter().zip(COLORS).enumerate() {
        let points: Vec<String> =
            values.iter().enumerate().map(|(i, v)| format!("{:.1},{:.1}", x(i as f64 / 10.0), y(v / 1e6))).collect();
        add(format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>",
            points.join(" ")
        ));
        let at = LEFT + 110.0 * n as f64;
        add(format!("<text x=\"{at}\" y=\"30\" fill=\"{color}\">{name}</text>"));
    }
    svg + "</svg>\n"
}

/// A recorded run: its name, title, the trace, and what the path carried if that was limited.
type Recording = (&'static str, &'static str, &'static str, Option<f64>);

const RECORDINGS: [Recording; 4] = [
    ("recorded-loss-5", "Recorded: 5 % lost, 50 ms", include_str!("../tests/traces/loss-5.txt"), None),
    ("recorded-jitter", "Recorded: up to 30 ms of jitter", include_str!("../tests/traces/jitter.txt"), None),
    ("recorded-rate-2", "Recorded: 2 Mbit/s", include_str!("../tests/traces/rate-2.txt"), Some(2e6)),
    ("recorded-rate-1", "Recorded: 1 Mbit/s", include_str!("../tests/traces/rate-1.txt"), Some(1e6)),
];

/// What the estimate makes of a recorded run.
fn run_recorded(recorded: &str, limit: Option<f64>) -> Vec<Line> {
    let moments = trace::replay(recorded, 4_000_000);
    let last = moments.last().map_or(Duration::ZERO, |moment| moment.at);
    let at = |tenth: u32| moments.iter().rfind(|moment| moment.at <= Duration::from_millis(100) * tenth);
    let tenths = (last.as_millis() / 100) as u32;
    let line = |of: fn(&trace::Moment) -> u64| (0..tenths).filter_map(at).map(|moment| of(moment) as f64).collect();
    let arrives = ("arrives".to_owned(), line(|moment| moment.arriving));
    let estimate = ("estimate".to_owned(), line(|moment| moment.estimate));
    let capacity = limit.map(|limit| ("path".to_owned(), vec![limit; tenths as usize]));
    [arrives, estimate].into_iter().chain(capacity).collect()
}

/// Mean of the last third, in Mbit/s.
fn settled(values: &[f64]) -> f64 {
    let last = &values[values.len() * 2 / 3..];
    last.iter().sum::<f64>() / last.len() as f64 / 1e6
}

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "docs/plots".into());
    std::fs::create_dir_all(&folder)?;
    for mut scene in scenes() {
        let lines = run(&mut scene);
        let means: Vec<String> = lines.iter().map(|(name, v)| format!("{name} {:.2}", settled(v))).collect();
        println!("{}: mean of the last third in Mbit/s: {}", scene.name, means.join(", "));
        std::fs::write(
            File::new(&folder).join(format!("{}.svg", scene.name)),
            draw(scene.title, scene.seconds, &lines),
        )?;
    }
    for (name, title, recorded, limit) in RECORDINGS {
        let lines = run_recorded(recorded, limit);
        let seconds = (lines[0].1.len() as u64).div_ceil(10);
        println!("{name}: mean of the last third in Mbit/s: estimate {:.2}", settled(&lines[1].1));
        std::fs::write(File::new(&folder).join(format!("{name}.svg")), draw(title, seconds, &lines))?;
    }
    Ok(())
}
