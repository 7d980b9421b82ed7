//! What a packet of video costs on its way from the frame to the datagram: packetize, remember for retransmission, protect.
//! Beside it, in the same run and in turns: the cipher alone, str0m and webrtc-rs `rtc`.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench media`; `-- QUICK` for a tenth of the rounds.

mod allocations;
mod floor;
mod ours;
mod with_rtc;
mod with_str0m;

use barertc_srtp::Profile;
use std::time::Instant;

use allocations::Counting;
use ours::{Found, Ours};

#[global_allocator]
static HEAP: Counting = Counting;

/// Bytes of the one NAL unit that is sent again and again: a key frame of about 50 packets.
const FRAME: usize = 58_500;
/// Bytes of an RTP header without extensions.
const HEADER: usize = 12;
const ROUNDS: usize = 2_000;

/// Whoever can send a frame.
trait Contender {
    fn name(&self) -> &'static str;
    /// Sends the access unit: how many media packets, and how many bytes they have.
    fn frame(&mut self) -> (usize, usize);
    /// What has to happen between frames, and is not measured.
    fn between(&mut self) {}
}

/// Which of the first rows is the cipher of a row alone.
#[derive(Clone, Copy)]
enum Cipher {
    Gcm128,
    Gcm256,
    CounterMode,
}

/// Whether a datagram is SRTP and not SRTCP, DTLS or STUN (RFC 7983, RFC 5761 section 4).
fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, second, ..] if !(192..=223).contains(second))
}

/// An IDR slice behind a start code. Its bytes are as encoders make them: any, but no second start code.
fn access_unit() -> Vec<u8> {
    let mut unit = vec![0, 0, 0, 1, 0x65, 0x88];
    let mut state = 0x1234_5678u32;
    while unit.len() < FRAME + 4 {
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

#[derive(Default)]
struct Record {
    /// Nanoseconds a packet, of every round.
    times: Vec<f64>,
    packets: usize,
    bytes: usize,
    allocations: usize,
}

impl Record {
    fn median(&mut self) -> f64 {
        self.times.sort_by(f64::total_cmp);
        self.times[self.times.len() / 2]
    }
}

fn main() {
    let quick = std::env::args().any(|a| a == "QUICK");
    let gcm = Profile::AeadAes128Gcm;
    let cm = Profile::AesCm128HmacSha1_80;
    let strong = Profile::AeadAes256Gcm;
    let mut all: Vec<(Box<dyn Contender>, Option<Cipher>)> = vec![
        (Box::new(floor::Gcm::with_128()), Some(Cipher::Gcm128)),
        (Box::new(floor::Gcm::with_256()), Some(Cipher::Gcm256)),
        (Box::new(floor::CounterMode::new()), Some(Cipher::CounterMode)),
        (Box::new(Ours::new("barertc, AES-128-GCM", gcm, Found::Before, false)), Some(Cipher::Gcm128)),
        (Box::new(Ours::new("barertc, AES-128-GCM, from Annex B", gcm, Found::Each, false)), Some(Cipher::Gcm128)),
        (Box::new(Ours::new("the same with three header extensions", gcm, Found::Each, true)), Some(Cipher::Gcm128)),
        (Box::new(Ours::new("barertc, AES-256-GCM", strong, Found::Before, false)), Some(Cipher::Gcm256)),
        (Box::new(Ours::new("barertc, CM + SHA1", cm, Found::Before, false)), Some(Cipher::CounterMode)),
        (Box::new(Ours::new("barertc, CM + SHA1, from Annex B", cm, Found::Each, false)), Some(Cipher::CounterMode)),
    ];
    all.extend(with_str0m::all());
    all.extend(with_rtc::all());
    let mut records: Vec<Record> = all.iter().map(|_| Record::default()).collect();
    for round in 0..if quick { ROUNDS / 10 } else { ROUNDS } {
        for ((contender, _), record) in all.iter_mut().zip(&mut records) {
            contender.frame(); // caches are warm for whoever's turn it is
            contender.between();
            let allocations = allocations::count();
            let start = Instant::now();
            let (packets, bytes) = contender.frame();
            let took = start.elapsed();
            record.allocations += allocations::count() - allocations;
            assert!(packets > 40, "{} sent {packets} packets", contender.name());
            record.times.push(took.as_nanos() as f64 / packets as f64);
            (record.packets, record.bytes) = (record.packets + packets, record.bytes + bytes);
            contender.between();
            if round == 0 {
                record.times.clear();
                (record.packets, record.bytes, record.allocations) = (0, 0, 0);
            }
        }
    }
    print(&all, &mut records);
}

fn print(all: &[(Box<dyn Contender>, Option<Cipher>)], records: &mut [Record]) {
    let medians: Vec<f64> = records.iter_mut().map(Record::median).collect();
    println!(
        "A key frame of {FRAME} bytes, datagrams of at most 1,200 bytes; medians of {} rounds.\n",
        records[0].times.len()
    );
    println!("| | packets a frame | bytes a packet | ns a packet | of the cipher alone | allocations a packet |");
    println!("|---|--:|--:|--:|--:|--:|");
    for (i, ((contender, cipher), record)) in all.iter().zip(records.iter()).enumerate() {
        let rounds = record.times.len() as f64;
        let packets = record.packets as f64;
        let ratio = cipher.map_or(String::from("–"), |c| format!("{:.2}", medians[i] / medians[c as usize]));
        println!(
            "| {} | {:.0} | {:.0} | {:.0} | {ratio} | {:.2} |",
            contender.name(),
            packets / rounds,
            record.bytes as f64 / packets,
            medians[i],
            record.allocations as f64 / packets,
        );
    }
}
