//! Two associations over networks of every kind, with invariants checked at every step.
//!
//! `SCTP_SEED=n cargo test -p barertc-sctp --test it simulator` replays one seed; `SCTP_SEEDS=n` runs so many.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::support::watch::Watched;
use crate::support::{Assoc, Link, Net, Rng, message, pair};
use barertc_sctp::{ChannelConfig, ChannelId, Config, Congestion, Error, Event, MessageKind, Reliability};

/// Seeds in a plain test run; the fuller figure is for `SCTP_SEEDS`.
const SEEDS: u64 = 10_000;

/// A channel as its writer sees it.
struct Writer {
    id: ChannelId,
    number: u64,
    lengths: Vec<usize>,
    sent: usize,
    reliable: bool,
    ordered: bool,
    /// Bytes of the message under way that were appended, when it is written in pieces.
    piece: Option<usize>,
    open: bool,
}

/// A channel as its reader sees it.
#[derive(Default)]
struct Reader {
    number: u64,
    part: Vec<u8>,
    got: Vec<u32>,
}

struct End {
    writers: Vec<Writer>,
    readers: HashMap<ChannelId, Reader>,
    connected: bool,
    pieces: bool,
    /// How often the path was taken for one of a smaller MTU.
    suspected: u32,
}

fn random_config(rng: &mut Rng) -> Config {
    let pick = |rng: &mut Rng, of: &[u32]| of[rng.below(of.len() as u64) as usize];
    let send = pick(rng, &[8_000, 16_000, 64_000]);
    let receive = pick(rng, &[8_000, 16_000, 64_000]);
    let mut config = Config::with_buffers(send, receive);
    config.mtu = pick(rng, &[300, 576, 1188, 1400]) as u16;
    config.block = pick(rng, &[64, 256, 512]) as u16;
    config.max_channels = 6;
    config.interleaving = rng.permille(600);
    config.zero_checksum = rng.permille(500);
    config.max_in_flight = pick(rng, &[8, 32, 128]);
    config.max_fragments = pick(rng, &[16, 64, 256]);
    config.partial_delivery_point = pick(rng, &[1_000, 4_000, 1 << 20]);
    config.congestion = if rng.permille(400) { Congestion::Paced } else { Congestion::Rfc9260 };
    config
}

fn random_link(rng: &mut Rng, checksums: bool) -> Link {
    let one_of = |rng: &mut Rng, of: &[u64]| of[rng.below(of.len() as u64) as usize];
    Link {
        loss: one_of(rng, &[0, 0, 10, 50, 100, 200]),
        duplicate: one_of(rng, &[0, 0, 20, 100]),
        // Without checksums it is DTLS that keeps corruption out.
        corrupt: if checksums { one_of(rng, &[0, 0, 10, 50]) } else { 0 },
        delay: Duration::from_millis(one_of(rng, &[0, 1, 10, 50, 150])),
        jitter: Duration::from_millis(one_of(rng, &[0, 0, 5, 40])),
        rate: [None, None, Some(50_000), Some(1_000_000)][rng.below(4) as usize],
        queue: one_of(rng, &[8_000, 64_000]),
        largest: usize::MAX,
    }
}

fn writers(rng: &mut Rng, a: &mut Assoc, now: barertc_wire::Instant, side: u64) -> Vec<Writer> {
    (0..1 + rng.below(3))
        .map(|i| {
            let reliability = match rng.below(4) {
                0 => Reliability::MaxRetransmits(rng.below(3) as u16),
                1 => Reliability::MaxLifetime(rng.below(300) as u32),
                _ => Reliability::Reliable,
            };
            let number = side * 100 + i;
            let config = ChannelConfig {
                label: &format!("{number}"),
                ordered: rng.permille(500),
                reliability,
                priority: [128, 256, 512, 1024][rng.below(4) as usize],
                ..ChannelConfig::default()
            };
            let lengths = (0..rng.below(8))
                .map(|_| [4, 40, 400, 1_200, 3_000, 12_000][rng.below(6) as usize] + rng.below(9) as usize)
                .collect();
            Writer {
                id: a.open(now, &config).expect("a channel"),
                number,
                lengths,
                sent: 0,
                reliable: reliability == Reliability::Reliable,
                ordered: config.ordered,
                piece: None,
                open: false,
            }
        })
        .collect()
}

impl End {
    fn write(&mut self, a: &mut Assoc, now: barertc_wire::Instant) {
        for w in &mut self.writers {
            while w.open && w.sent < w.lengths.len() {
                let bytes = message(w.number, w.sent as u64, w.lengths[w.sent]);
                if w.piece.is_none() && !self.pieces {
                    match a.write(now, w.id, MessageKind::Binary, &bytes) {
                        Ok(()) => {
                            w.sent += 1;
                            continue;
                        }
                        Err(Error::WouldBlock) => break,
                        Err(Error::MessageTooLarge { .. }) => {}
                        Err(e) => panic!("write: {e}"),
                    }
                }
                let at = match w.piece {
                    Some(at) => at,
                    None => match a.begin(now, w.id, MessageKind::Binary) {
                        Ok(()) => 0,
                        Err(Error::WouldBlock) => break,
                        Err(e) => panic!("begin: {e}"),
                    },
                };
                match a.append(now, w.id, &bytes[at..]) {
                    Ok(n) if at + n == bytes.len() => {
                        a.finish(now, w.id).expect("finish");
                        w.piece = None;
                        w.sent += 1;
                    }
                    Ok(n) => w.piece = Some(at + n),
                    Err(Error::WouldBlock) => {
                        w.piece = Some(at);
                        break;
                    }
                    // Given up for its age while it was being written.
                    Err(Error::NoMessageOpen) => {
                        assert!(!w.reliable);
                        w.piece = None;
                        w.sent += 1;
                    }
                    Err(e) => panic!("append: {e}"),
                }
            }
        }
    }

    fn events(&mut self, a: &mut Assoc, now: barertc_wire::Instant) {
        while let Some(event) = a.poll_event() {
            match event {
                Event::Connected => {
                    assert!(!self.connected);
                    self.connected = true;
                }
                Event::ChannelOpened { id, from_peer: true } => {
                    let number = a.channel(id).expect("open").label.parse().expect("a number");
                    assert!(self.readers.insert(id, Reader { number, ..Reader::default() }).is_none());
                }
                Event::ChannelOpened { id, from_peer: false } => {
                    self.writers.iter_mut().find(|w| w.id == id).expect("ours").open = true;
                }
                Event::Readable(id) => self.read(a, now, id),
                // Losses alone may look like that, where they are heavy; not often.
                Event::PathMtuExceeded { .. } => self.suspected += 1,
                Event::Writable(_) | Event::BufferedAmountLow(_) => {}
                other => panic!("{other:?} {:?} {:?} {:?}", a.stats(), a.discards(), a.timeout()),
            }
        }
    }

    fn read(&mut self, a: &mut Assoc, now: barertc_wire::Instant, id: ChannelId) {
        let reader = self.readers.get_mut(&id).expect("data only after OPEN");
        let mut room = [0u8; 2_000];
        loop {
            match a.read(now, id, &mut room) {
                Ok(read) => {
                    reader.part.extend_from_slice(&room[..read.len]);
                    assert_eq!(read.kind, MessageKind::Binary);
                    if read.end_of_message {
                        let bytes = std::mem::take(&mut reader.part);
                        let n = u32::from_be_bytes(*bytes.first_chunk().expect("four bytes"));
                        let want = message(reader.number, u64::from(n), bytes.len());
                        let at = bytes.iter().zip(&want).position(|(a, b)| a != b);
                        assert!(at.is_none(), "message {n} of {} changed at {at:?} of {}", reader.number, bytes.len());
                        assert!(!reader.got.contains(&n), "message {n} twice");
                        reader.got.push(n);
                    }
                }
                Err(Error::WouldBlock) => break,
                Err(Error::MessageAborted) => reader.part.clear(),
                Err(e) => panic!("read: {e}"),
            }
        }
    }

    /// Whether everything that must arrive at `other` has.
    fn is_done(&self, a: &Assoc, other: &End) -> bool {
        self.writers.iter().all(|w| {
            let reader = other.readers.values().find(|r| r.number == w.number);
            w.sent == w.lengths.len() && (!w.reliable || reader.is_some_and(|r| r.got.len() == w.sent) || w.sent == 0)
        }) && a.stats().in_flight == 0
    }

    fn check(&self, other: &End) {
        for w in &self.writers {
            let Some(reader) = other.readers.values().find(|r| r.number == w.number) else { continue };
            if w.ordered {
                assert!(reader.got.is_sorted(), "channel {} out of order: {:?}", w.number, reader.got);
            }
            for n in &reader.got {
                assert!((*n as usize) <= w.sent);
            }
        }
    }
}

/// Runs one seed; returns how often a window was nearly full, how often it was probed while it was closed, and how often
/// the path was taken for one of a smaller MTU.
fn run(seed: u64) -> [u32; 3] {
    let mut rng = Rng::new(seed);
    let mut configs = [random_config(&mut rng), random_config(&mut rng)];
    // Sizes of paths and chunks, from a sequence of their own.
    let mut sizes = Rng::new(!seed);
    for config in &mut configs {
        config.max_chunk = [64, 472, u16::MAX, u16::MAX][sizes.below(4) as usize];
    }
    let path_changes = sizes.permille(300);
    let checksums = configs.iter().all(|c| !c.zero_checksum);
    let link = random_link(&mut rng, checksums);
    let peaks: Vec<usize> = configs.iter().map(crate::support::Assoc::worst_case_bytes).collect();
    let (left, left_heap) = crate::support::association(configs[0].clone(), rng.next());
    let (right, right_heap) = crate::support::association(configs[1].clone(), rng.next());
    let watched = |a, c: &Config| Watched::new(a, c.zero_checksum, false);
    let mut net = Net::new(watched(left, &configs[0]), watched(right, &configs[1]), link, seed);
    net.links[1].loss = random_link(&mut rng, checksums).loss;
    net.left.set_role(net.now, barertc_sctp::Role::Client);
    net.right.set_role(net.now, barertc_sctp::Role::Server);
    net.left.connect(net.now);
    if rng.permille(700) {
        net.right.connect(net.now);
    }
    let (mut l, mut r) = (
        End {
            writers: writers(&mut rng, &mut net.left, net.now, 1),
            readers: HashMap::new(),
            connected: false,
            pieces: rng.permille(300),
            suspected: 0,
        },
        End {
            writers: writers(&mut rng, &mut net.right, net.now, 2),
            readers: HashMap::new(),
            connected: false,
            pieces: rng.permille(300),
            suspected: 0,
        },
    );
    for (end, watched) in [(&l, &mut net.left), (&r, &mut net.right)] {
        watched.watching = end.writers.iter().all(|w| w.reliable);
    }
    if std::env::var_os("SCTP_SEED").is_some() {
        eprintln!("{configs:?}\n{:?}", net.links);
    }
    let done = net.run_until(Duration::from_secs(900), |net| {
        if path_changes && sizes.permille(20) {
            let bytes = [128, 300, 500, 1_400][sizes.below(4) as usize];
            net.left.set_path_mtu(net.now, bytes);
        }
        l.events(&mut net.left, net.now);
        r.events(&mut net.right, net.now);
        l.write(&mut net.left, net.now);
        r.write(&mut net.right, net.now);
        l.check(&r);
        r.check(&l);
        l.connected && r.connected && l.is_done(&net.left, &r) && r.is_done(&net.right, &l)
    });
    for end in [&net.left, &net.right] {
        let discards: Vec<_> = end.discards().iter().filter(|(_, n)| *n > 0).collect();
        if !done {
            eprintln!("{discards:?} interleaving {}", end.is_interleaving());
        }
    }
    let state = |e: &End, o: &End| {
        e.writers
            .iter()
            .map(|w| {
                let got = o.readers.values().find(|r| r.number == w.number).map(|r| r.got.clone());
                format!("{}: {} of {} {:?} got {got:?}", w.number, w.sent, w.lengths.len(), w.reliable)
            })
            .collect::<Vec<_>>()
    };
    assert!(
        done,
        "seed {seed} stalls at {:?}\n{:?}\n{:?}\n{:?} {:?}",
        net.now,
        state(&l, &r),
        state(&r, &l),
        net.left.stats(),
        net.right.stats()
    );
    for (heap, peak) in [(left_heap, peaks[0]), (right_heap, peaks[1])] {
        assert_eq!((heap.stats().peak, heap.stats().live), (peak, peak), "nothing is allocated later");
    }
    let windows = [net.left.full + net.right.full, net.left.probes + net.right.probes, l.suspected + r.suspected];
    drop(net);
    assert_eq!((left_heap.stats().live, right_heap.stats().live), (0, 0), "everything comes back");
    windows
}

#[test]
fn every_seed() {
    let number = |name: &str| std::env::var(name).ok().map(|v| v.parse::<u64>().expect("a number"));
    if let Some(seed) = number("SCTP_SEED") {
        run(seed);
        return;
    }
    let (next, end) = (AtomicU64::new(0), number("SCTP_SEEDS").unwrap_or(SEEDS));
    let work = || {
        let mut windows = [0; 3];
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return windows;
            }
            let of_one = std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|e| {
                eprintln!("replay with SCTP_SEED={seed}");
                std::panic::resume_unwind(e)
            });
            windows = std::array::from_fn(|i| windows[i] + of_one[i]);
        }
    };
    let windows = std::thread::scope(|scope| {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        workers.into_iter().fold([0; 3], |sum: [u32; 3], worker| {
            let part = worker.join().unwrap_or_else(|e| std::panic::resume_unwind(e));
            std::array::from_fn(|i| sum[i] + part[i])
        })
    });
    println!("windows were nearly full {} times, and probed {} times", windows[0], windows[1]);
    println!("the path was taken for one of a smaller MTU {} times", windows[2]);
    assert!(u64::from(windows[2]) <= end / 50, "losses are taken for a small MTU: {}", windows[2]);
    assert!(windows[..2].iter().all(|n| *n > 0), "the rule about the window was never put to the test: {windows:?}");
}

#[test]
fn both_sides_at_once_is_the_normal_case() {
    let net = &mut pair([Config::default(), Config::default()], Link::default(), 1);
    assert!(net.run_until(Duration::from_secs(1), |n| n.left.is_established() && n.right.is_established()));
    assert_eq!(net.now.as_millis(), 31, "INIT, INIT ACK, COOKIE ECHO at 10 ms a way");
}
