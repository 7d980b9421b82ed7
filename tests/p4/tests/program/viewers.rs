//! Viewers, on the machine's own clock: what they get, and what that takes. Instructions are the same in each run.

use std::collections::BTreeMap;

use barertc_coprocessor::Firmware;
use barertc_p4::board::Board;
use barertc_p4::dev::psram::Chip;
use barertc_p4::dev::timers::SECOND;
use barertc_p4::symbols::Symbols;

use super::fixture::{Contents, TOKEN, program};
use super::viewer::{Figures, Scene, Viewer};

const WIFI: &str = "token=swordfish\nnetwork=wifi\nssid=home\npassword=correct horse battery\n";
/// Connects and ends, where nothing else is asked for (`P4_CONNECTS`).
const CONNECTS: usize = 10;
/// Instructions between a question and the connection, at most.
const CONNECT: u64 = 18_500_000;
/// The share of its time that one viewer may take, an instruction taken for a cycle.
const BUSY: f64 = 0.22;
/// The same of three together, with their first key frames.
const THREE_BUSY: f64 = 0.45;

fn playing(viewers: &[Viewer]) -> bool {
    viewers.iter().all(|viewer| viewer.frames.iter().all(|frames| *frames > 0) && viewer.messages > 0)
}

/// What so many seconds take.
struct Share {
    instructions: u64,
    seconds: f64,
    /// Packets and pictures that came to all viewers.
    packets: u64,
    pictures: u64,
    /// Of the time.
    busy: f64,
    /// Seconds that an interrupt waited at most.
    waited: f64,
    aes: u64,
    sha: u64,
}

/// The parts of the program that most of the instructions are of, in per cent.
fn parts(scene: &Scene) -> Vec<String> {
    let symbols = Symbols::of(program()).expect("symbols");
    let mut parts = BTreeMap::<&str, u64>::new();
    for (pc, n) in &scene.machine.figures.samples {
        *parts.entry(symbols.part(*pc)).or_default() += n;
    }
    let all: u64 = parts.values().sum();
    let mut parts: Vec<_> = parts.into_iter().map(|(part, n)| (n * 1000 / all.max(1), part)).collect();
    parts.sort_unstable_by(|a, b| b.cmp(a));
    parts.iter().take(12).map(|(n, part)| format!("{part} {}.{}", n / 10, n % 10)).collect()
}

fn play(scene: &mut Scene, milliseconds: u64) -> Share {
    scene.machine.figures.samples.clear();
    scene.machine.figures.longest_wait = 0;
    let look = |scene: &Scene| {
        let sum = |of: fn(&Viewer) -> u64| scene.viewers.iter().map(of).sum();
        let (machine, packets, pictures) = (&scene.machine, sum(Viewer::packets), sum(|viewer| viewer.frames[0]));
        let units = [machine.bus.aes.blocks, machine.bus.sha.blocks];
        [machine.cpu.count, machine.now(), machine.figures.idle, packets, pictures, units[0], units[1]]
    };
    let from = look(scene);
    scene.run(milliseconds, |_, _| false);
    let to = look(scene);
    let [instructions, ticks, idle, packets, pictures, aes, sha] = std::array::from_fn(|n| to[n] - from[n]);
    let busy = 1.0 - idle as f64 / ticks as f64;
    let [seconds, waited] = [ticks, scene.machine.figures.longest_wait].map(|ticks| ticks as f64 / SECOND as f64);
    Share { instructions, seconds, packets, pictures, busy, waited, aes, sha }
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_viewer_is_played_to_and_takes_so_many_instructions() {
    // RFC 5764 §4.1.2, RFC 7714 §14.2: what a browser gets, which lets the program choose, and what a desktop chooses.
    let (cm, gcm) = (0x0001, 0x0007);
    // A little above what a packet takes, connecting and the application included.
    let cases = [
        ("Ethernet, AES-CM", TOKEN, Firmware::default(), cm, 200_000),
        ("Ethernet, AES-GCM", TOKEN, Firmware::default(), gcm, 287_000),
        ("WiFi with firmware 3, AES-CM", WIFI, Firmware::aggregating(), cm, 215_000),
    ];
    for (name, settings, firmware, profile, limit) in cases {
        let board = Board { coprocessor: Some(firmware), ..Board::ev() };
        let mut scene = Scene::new(board, Contents::playing(settings).flash());
        // What is asked for before anybody comes is not the first viewer's.
        scene.run(1_500, |_, _| false);
        let before = Figures::of(&scene.machine);
        scene.profile = Some(profile);
        let (from, ecc) = (scene.machine.cpu.count, scene.machine.bus.ecc.calls);
        scene.ask();
        scene.must(5_000, "connection", |_, viewers| viewers[0].connected);
        let connect = scene.machine.cpu.count - from;
        let ecc = scene.machine.bus.ecc.calls - ecc;
        scene.must(5_000, "picture", |_, viewers| playing(viewers));
        let share = play(&mut scene, 4_000);
        let each = share.instructions / share.packets;
        println!(
            "{name}: connected after {connect} instructions and {ecc} calls of ECC; {each} instructions a packet, {:.1} million and {:.0} packets a second, \
             {:.1} % busy, {:.1} % idle; {} blocks of AES and {} of SHA a packet; an interrupt waited {:.1} µs at most",
            share.instructions as f64 / share.seconds / 1e6,
            share.packets as f64 / share.seconds,
            share.busy * 100.0,
            100.0 - share.busy * 100.0,
            share.aes / share.packets,
            share.sha / share.packets,
            share.waited * 1e6,
        );
        assert!(each < limit, "{each} instructions a packet");
        assert!(connect < CONNECT, "{connect} instructions to connect");
        assert!(share.busy < BUSY, "{} busy", share.busy);
        // A piece of flash is read with interrupts off.
        assert!(share.waited < 1e-3, "an interrupt waited {} s", share.waited);
        // AES-CM has both units at work, GCM the one for AES.
        assert!(share.aes / share.packets > 50 && (profile == gcm || share.sha / share.packets > 15), "software");
        // 890 of the sample's 900.
        assert!(share.pictures as f64 / share.seconds > 30.0 * 890.0 / 900.0, "{} pictures", share.pictures);
        scene.must(6_000, "figures", |machine, _| Figures::of(machine).viewers == 1);
        let now = Figures::of(&scene.machine);
        println!("{name}: {now:?}; per cent: {}", parts(&scene).join(", "));
        // What the driver for WiFi has, it has from the start.
        assert_eq!(now.internal, before.internal, "a viewer takes internal memory");
    }
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn each_run_is_the_same_to_the_instruction() {
    let run = || {
        let mut scene = Scene::new(Board::ev(), Contents::playing(TOKEN).flash());
        scene.ask();
        scene.must(5_000, "picture", |_, viewers| playing(viewers));
        (scene.machine.cpu.count, scene.machine.now(), scene.viewers[0].packets(), scene.machine.log())
    };
    assert_eq!(run(), run());
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn connects_and_ends_leave_not_a_byte() {
    let connects = std::env::var("P4_CONNECTS").map_or(CONNECTS, |number| number.parse().expect("a number"));
    let mut scene = Scene::new(Board::ev(), Contents::playing(TOKEN).flash());
    let mut live = Vec::new();
    for _ in 0..connects {
        scene.ask();
        scene.must(10_000, "picture", |_, viewers| playing(viewers));
        live.push(scene.end());
    }
    println!("{connects} connects and ends: {} B of PSRAM in use after each", live[0]);
    assert!(live.iter().all(|bytes| *bytes == live[0]), "{live:?}");
    assert_eq!(scene.machine.figures.starts, 1);
    assert!(!scene.machine.log().contains("panic"));
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn three_viewers_are_played_to() {
    for (settings, eager) in [(TOKEN, false), (WIFI, false), (TOKEN, true)] {
        let mut scene = Scene::new(Board::ev(), Contents::playing(settings).flash());
        scene.run(1_500, |_, _| false);
        let before = Figures::of(&scene.machine);
        // As browsers have it.
        scene.profile = Some(0x0001);
        scene.eager = eager;
        for _ in 0..3 {
            scene.ask();
        }
        scene.must(10_000, "pictures", |_, viewers| playing(viewers));
        let from: Vec<_> = scene.viewers.iter().map(|viewer| viewer.frames[0]).collect();
        let share = play(&mut scene, 2_000);
        let frames: Vec<_> = scene.viewers.iter().zip(from).map(|(viewer, from)| viewer.frames[0] - from).collect();
        println!(
            "three viewers{}: {frames:?} pictures, {:.1} % busy, {:.1} million instructions and {:.0} packets a second, {} a packet",
            if eager { " that answer each Ping at once" } else { "" },
            share.busy * 100.0,
            share.instructions as f64 / share.seconds / 1e6,
            share.packets as f64 / share.seconds,
            share.instructions / share.packets,
        );
        println!("three viewers, per cent: {}", parts(&scene).join(", "));
        assert!(frames.iter().all(|frames| *frames as f64 / share.seconds > 29.0), "{frames:?}");
        // No viewer takes what another one needs, nor more beside others than alone.
        assert!(share.busy < THREE_BUSY, "{} busy", share.busy);
        scene.must(6_000, "figures", |machine, _| Figures::of(machine).viewers == 3);
        let now = Figures::of(&scene.machine);
        println!("{now:?}");
        assert_eq!(now.internal, before.internal, "viewers take internal memory");
        scene.end();
    }
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn three_warm_restarts_in_mid_stream() {
    for settings in [TOKEN, WIFI] {
        let mut scene = Scene::new(Board::ev(), Contents::playing(settings).flash());
        for start in 1..=4 {
            scene.ask();
            scene.must(10_000, "picture", |_, viewers| playing(viewers));
            scene.run(500, |_, _| false);
            assert_eq!(scene.machine.figures.starts, start);
            let log = scene.machine.log().len();
            // As a panic does it, in the midst of what is sent.
            scene.machine.warm_restart = true;
            scene.must(15_000, "start", |machine, _| machine.log()[log..].contains("ready at"));
            scene.viewers.clear();
        }
        assert!(!scene.machine.log().contains("panic"), "{}", scene.machine.log());
    }
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_psram_that_is_full_refuses_and_says_so() {
    let board = Board { psram: Chip { megabytes: Some(8), ..Chip::EV }, ..Board::ev() };
    let settings = format!("{TOKEN}viewers=400\n");
    let mut scene = Scene::new(board, Contents::playing(&settings).flash());
    scene.must(1_000, "word of what may come", |machine, _| machine.log().contains("settings: 400 viewers of"));
    // They ask and never connect: each holds its memory until it is given up.
    scene.silent = true;
    let mut refused = None;
    for n in 0..400 {
        scene.ask();
        scene.must(5_000, "answer", |_, viewers| viewers.last().is_some_and(|viewer| viewer.status.is_some()));
        match scene.viewers.last().and_then(|viewer| viewer.status) {
            Some(201) => {}
            status => {
                assert_eq!(status, Some(503), "{}", scene.machine.log());
                refused = Some(n);
                break;
            }
        }
    }
    println!("{refused:?} who do not connect fill 8 MB");
    // Whatever needed memory first: the connection, or the room for its request.
    let said = ["WHEP: out of memory", "refused, no memory for its messages"];
    scene.must(5_000, "word of it", |machine, _| said.iter().any(|said| machine.log().contains(said)));
    // The memory comes back, and the next one is played to.
    scene.must(60_000, "memory", |machine, _| Figures::of(machine).psram[0] < 1 << 20);
    scene.viewers.clear();
    scene.silent = false;
    scene.ask();
    scene.must(10_000, "picture", |_, viewers| playing(viewers));
    assert_eq!(scene.machine.figures.starts, 1);
}
