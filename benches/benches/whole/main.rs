//! Whole connections beside each other: two of each kind in one process and one thread, with ICE, DTLS, SRTP and SCTP, on the same work.
//!
//! `cargo xtask bench` runs it and writes the table into `docs/performance.md`; `-- QUICK` for one short round. `WHOLE=NAME:WORK` does one
//! work of one kind and nothing else, for callgrind.

mod clock;
mod heap;
mod ours;
mod table;
mod with_rtc;
mod with_str0m;

use std::sync::LazyLock;

use barertc::{Congestion, Identity, RustCrypto};
use barertc_crypto::rand_core::UnwrapErr;
use barertc_crypto_host::{AwsLc, SystemRandom};

use clock::cpu;
use ours::Ours;
use table::{Cell, Row};

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// Bytes of the access unit: a key frame of about 51 packets.
const FRAME: usize = 60_000;
/// What every stack may have on its way and in its buffers, for messages.
const BUFFER: usize = 1 << 20;

/// What a pair of connections is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One data channel, everything else as the stack has it by default.
    Channel,
    /// One data channel with large buffers.
    Bulk,
    /// One data channel, and video in one direction.
    Video,
}

/// Two connected ends. The first one sends.
pub trait Pair {
    /// Sends an access unit, and keeps the datagrams; how many media packets and bytes they are.
    fn send_frame(&mut self) -> (usize, usize);
    /// Hands what `send_frame` kept to the second end; how many frames came out, or packets where the stack yields packets.
    fn receive_frame(&mut self) -> usize;
    /// Lets 33 ms pass, with checks and reports.
    fn between(&mut self);
    /// Takes a message at the first end, if there is room.
    fn send(&mut self, message: &[u8]) -> bool;
    /// Carries every datagram that either end has; false when there was none.
    fn carry(&mut self) -> bool;
    /// Bytes and messages read at the second end since the last call.
    fn read(&mut self) -> (usize, usize);
    /// Lets time pass until something is due.
    fn wait(&mut self);
}

/// Datagrams on their way: one piece of memory, kept.
#[derive(Default)]
pub struct Datagrams {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
}

impl Datagrams {
    pub fn push(&mut self, datagram: &[u8]) {
        self.bytes.extend_from_slice(datagram);
        self.lengths.push(datagram.len());
    }

    /// Hands each of them on, in order; whether there was one.
    pub fn drain(&mut self, mut to: impl FnMut(&mut [u8])) -> bool {
        let some = !self.lengths.is_empty();
        let mut rest = &mut self.bytes[..];
        for len in self.lengths.drain(..) {
            let (datagram, others) = rest.split_at_mut(len);
            to(datagram);
            rest = others;
        }
        self.bytes.clear();
        some
    }
}

/// Whether a datagram is SRTP and not SRTCP, DTLS or STUN (RFC 7983, RFC 5761 section 4).
pub fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, second, ..] if !(192..=223).contains(second))
}

/// The access unit, which is made before anything is measured.
pub fn access_unit() -> &'static [u8] {
    static UNIT: LazyLock<Vec<u8>> = LazyLock::new(make_access_unit);
    &UNIT
}

/// Parameter sets and an IDR slice, behind start codes. The bytes are as encoders make them: any, but no further start code.
fn make_access_unit() -> Vec<u8> {
    let mut unit = vec![0, 0, 0, 1, 0x67, 17, 0, 0, 0, 1, 0x68, 17, 0, 0, 0, 1, 0x65, 0x88];
    let mut state = 0x1234_5678u32;
    while unit.len() < FRAME {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let byte = (state >> 11) as u8;
        // Emulation prevention, in effect.
        let zeros = unit.ends_with(&[0, 0]) && byte < 4;
        unit.push(if zeros { 0x7f } else { byte });
    }
    *unit.last_mut().unwrap() |= 1;
    unit
}

/// A kind of connection.
pub struct Contender {
    pub name: &'static str,
    pub make: Box<dyn Fn(Shape) -> Box<dyn Pair>>,
}

/// How much is done in a round.
pub struct Amount {
    rounds: usize,
    set_ups: usize,
    frames: usize,
    /// Bytes in messages of 64 KiB and of 1 KiB, and messages of 100 bytes.
    bulk: usize,
    small: usize,
    tiny: usize,
}

const FULL: Amount = Amount { rounds: 15, set_ups: 10, frames: 40, bulk: 32 << 20, small: 8 << 20, tiny: 10_000 };
const QUICK: Amount = Amount { rounds: 1, set_ups: 1, frames: 2, bulk: 1 << 20, small: 64 << 10, tiny: 500 };

/// Messages under way at the most.
const SMALL_WINDOW: usize = 32;
const TINY_WINDOW: usize = 1_024;

fn main() {
    let quick = std::env::args().any(|a| a == "QUICK");
    let amount = if quick { QUICK } else { FULL };
    access_unit();
    let mut rng = UnwrapErr(SystemRandom);
    // For as long as the program.
    let ids: &_ = Box::leak(Box::new([(); 2].map(|()| Identity::generate(&RustCrypto, &mut rng))));
    let (soft, host): (&_, &_) = (&RustCrypto, Box::leak(Box::new(AwsLc::new())));
    let mut all = vec![
        Contender {
            name: "barertc",
            make: Box::new(move |shape| Box::new(Ours::connect(ids, soft, shape, Congestion::Paced))),
        },
        Contender {
            name: "barertc, crypto-host",
            make: Box::new(move |shape| Box::new(Ours::connect(ids, host, shape, Congestion::Paced))),
        },
        Contender {
            name: "barertc, `Rfc9260`",
            make: Box::new(move |shape| Box::new(Ours::connect(ids, soft, shape, Congestion::Rfc9260))),
        },
    ];
    all.push(with_rtc::contender());
    all.extend(with_str0m::all());
    if let Ok(one) = std::env::var("WHOLE") {
        let (name, work) = one.split_once(':').expect("NAME:WORK");
        let contender = all.iter().find(|c| c.name == name).expect("a contender");
        println!("{one}: {:.0}", alone(contender, work, &FULL));
        return;
    }
    let mut rows: Vec<Row> = all.iter().map(|contender| Row::new(contender.name)).collect();
    for round in 0..amount.rounds {
        // All stacks do one work before any does the next, so that a machine that changes its speed changes it for all of them.
        for work in [set_up, video, bulk] {
            for (contender, row) in all.iter().zip(&mut rows) {
                work(contender, row, &amount);
            }
        }
        eprintln!("round {} of {}", round + 1, amount.rounds);
    }
    table::print(&rows, &amount);
}

fn set_up(contender: &Contender, row: &mut Row, amount: &Amount) {
    let before = heap::live();
    let pair = (contender.make)(Shape::Channel);
    row.live = heap::live() - before;
    drop(pair);
    let start = cpu();
    for _ in 0..amount.set_ups {
        drop((contender.make)(Shape::Channel));
    }
    row.add(Cell::SetUp, (cpu() - start).as_secs_f64() * 1e3 / amount.set_ups as f64);
}

fn video(contender: &Contender, row: &mut Row, amount: &Amount) {
    let mut pair = (contender.make)(Shape::Video);
    let video = frames(&mut *pair, amount.frames);
    row.packet_bytes = video.bytes as f64 / video.packets as f64;
    row.add(Cell::Send, video.send);
    row.add(Cell::SendReceive, video.send + video.receive);
    row.add(Cell::PacketAllocations, video.allocations);
}

fn bulk(contender: &Contender, row: &mut Row, amount: &Amount) {
    let mut pair = (contender.make)(Shape::Bulk);
    let (each, _) = messages(&mut *pair, 65_536, amount.bulk / 65_536, BUFFER / 65_536);
    row.add(Cell::Bulk, 65_536.0 / each * 1e3);
    let (each, allocations) = messages(&mut *pair, 1_024, amount.small / 1_024, SMALL_WINDOW);
    row.add(Cell::Small, each / 1e3);
    row.add(Cell::MessageAllocations, allocations);
    let (each, _) = messages(&mut *pair, 100, amount.tiny, TINY_WINDOW);
    row.add(Cell::Tiny, each / 1e3);
}

/// One work of one kind, in nanoseconds for a packet or a message.
fn alone(contender: &Contender, work: &str, amount: &Amount) -> f64 {
    let mut pair = (contender.make)(if work == "frames" { Shape::Video } else { Shape::Bulk });
    match work {
        "frames" => {
            let video = frames(&mut *pair, 300);
            video.send + video.receive
        }
        "bulk" => messages(&mut *pair, 65_536, amount.bulk / 65_536, BUFFER / 65_536).0,
        "small" => messages(&mut *pair, 1_024, 20_000, SMALL_WINDOW).0,
        "tiny" => messages(&mut *pair, 100, 60_000, TINY_WINDOW).0,
        other => panic!("no work `{other}`: frames, bulk, small, tiny"),
    }
}

struct Video {
    /// Nanoseconds a packet.
    send: f64,
    receive: f64,
    packets: usize,
    bytes: usize,
    /// A packet, sent and received.
    allocations: f64,
}

fn frames(pair: &mut dyn Pair, count: usize) -> Video {
    let mut video = Video { send: 0.0, receive: 0.0, packets: 0, bytes: 0, allocations: 0.0 };
    let mut allocations = 0;
    // The first fills every cache, and takes what is taken once.
    for n in 0..=count {
        let before = heap::allocations();
        let start = cpu();
        let (packets, bytes) = pair.send_frame();
        let sent = cpu();
        let got = pair.receive_frame();
        let received = cpu();
        assert!(packets > 40 && got > 0, "{packets} packets were sent and {got} frames or packets came out");
        if n > 0 {
            allocations += heap::allocations() - before;
            video.send += (sent - start).as_nanos() as f64;
            video.receive += (received - sent).as_nanos() as f64;
            video.packets += packets;
            video.bytes += bytes;
        }
        pair.between();
    }
    let packets = video.packets as f64;
    (video.send, video.receive) = (video.send / packets, video.receive / packets);
    video.allocations = allocations as f64 / packets;
    video
}

/// Nanoseconds and allocations of a message, at both ends together.
fn messages(pair: &mut dyn Pair, size: usize, count: usize, window: usize) -> (f64, f64) {
    let message = vec![0x5A; size];
    let mut run = |count: usize| {
        let (mut sent, mut got, mut bytes) = (0, 0, 0);
        while got < count {
            while sent < count && sent - got < window && pair.send(&message) {
                sent += 1;
            }
            let moved = pair.carry();
            let (b, n) = pair.read();
            got += n;
            bytes += b;
            if !moved && n == 0 {
                pair.wait();
            }
        }
        assert_eq!(bytes, count * size);
    };
    // Opens the window and fills every cache.
    run(count.div_ceil(10));
    let allocations = heap::allocations();
    let start = cpu();
    run(count);
    let took = cpu() - start;
    (took.as_nanos() as f64 / count as f64, (heap::allocations() - allocations) as f64 / count as f64)
}
