//! A long transfer arrives as it was sent, and how fast that goes over a lossy path.
//!
//! `SCTP_BYTES=1000000000 cargo test --release -p barertc-sctp --test it bulk -- digest` is the long one; the table is
//! `cargo test --release -p barertc-sctp --test it bulk -- --nocapture`.

use std::time::Duration;

use crate::support::{Assoc, Link, Net, Rng, pair};
use barertc_sctp::{ChannelConfig, ChannelId, Config, Congestion, Error, Event, MessageKind};

const MESSAGE: usize = 16 << 10;

/// FNV-1a over 64-bit words: order and content.
fn digest(mut d: u64, bytes: &[u8]) -> u64 {
    for word in bytes.chunks(8) {
        let mut w = [0; 8];
        w[..word.len()].copy_from_slice(word);
        d = (d ^ u64::from_le_bytes(w)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    d
}

fn large(congestion: Congestion) -> Config {
    let mut config = Config::with_buffers(2 << 20, 2 << 20);
    config.congestion = congestion;
    config.partial_delivery_point = 1 << 20;
    config
}

/// Sends `total` bytes and returns how long it took; panics unless what arrives is the same.
fn transfer(config: Config, link: Link, seed: u64, total: usize) -> Duration {
    let mut net: Net<Assoc, Assoc> = pair([config.clone(), config], link, seed);
    let id: ChannelId = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
    let mut rng = Rng::new(seed);
    let (mut sent, mut arrived, mut digests) = (0, 0, [7u64; 2]);
    let mut next: Option<Vec<u8>> = None;
    let (mut room, mut part) = (vec![0; MESSAGE], Vec::with_capacity(MESSAGE));
    let start = net.now;
    let done = net.run_until(Duration::from_secs(36_000), |net| {
        while sent < total {
            let message = next.take().unwrap_or_else(|| {
                let mut m = vec![0; MESSAGE];
                m.chunks_mut(8).for_each(|w| w.copy_from_slice(&rng.next().to_le_bytes()[..w.len()]));
                m
            });
            match net.left.write(net.now, id, MessageKind::Binary, &message) {
                Ok(()) => {
                    digests[0] = digest(digests[0], &message);
                    sent += MESSAGE;
                }
                Err(Error::WouldBlock) => {
                    next = Some(message);
                    break;
                }
                Err(e) => panic!("{e}"),
            }
        }
        while net.left.poll_event().is_some() {}
        while let Some(event) = net.right.poll_event() {
            if let Event::Readable(id) = event {
                while let Ok(read) = net.right.read(net.now, id, &mut room) {
                    // In pieces when memory is short.
                    part.extend_from_slice(&room[..read.len]);
                    if read.end_of_message {
                        assert_eq!(part.len(), MESSAGE);
                        digests[1] = digest(digests[1], &part);
                        arrived += part.len();
                        part.clear();
                    }
                }
            }
        }
        arrived >= total
    });
    assert!(done, "{arrived} of {total} after {:?}", net.now);
    assert_eq!(digests[0], digests[1]);
    net.now - start
}

#[test]
fn digest_of_a_long_transfer_under_loss() {
    let total = std::env::var("SCTP_BYTES").map_or(8_000_000, |v| v.parse().expect("a number"));
    let (jitter, delay) = (Duration::from_millis(1), Duration::from_millis(5));
    let link = Link { loss: 20, jitter, delay, rate: Some(12_500_000), queue: 200_000, ..Link::default() };
    for congestion in [Congestion::Rfc9260, Congestion::Paced] {
        let took = transfer(large(congestion), link.clone(), 1, total);
        println!("{total} bytes at 2 % loss, {congestion:?}: {took:?} of virtual time, same digest");
    }
}

#[test]
fn rate_over_a_lossy_path() {
    println!("Mbit/s through 100 Mbit/s at 50 ms round trip, by loss");
    let mut table = vec![];
    for congestion in [Congestion::Rfc9260, Congestion::Paced] {
        let mut row = vec![];
        for loss in [0, 1, 10, 50] {
            let delay = Duration::from_millis(25);
            let link = Link { loss, delay, rate: Some(12_500_000), queue: 625_000, ..Link::default() };
            let total = if loss < 10 || congestion == Congestion::Paced { 12_000_000 } else { 2_000_000 };
            let took = transfer(large(congestion), link, 3, total);
            row.push(total as f64 * 8e-6 / took.as_secs_f64());
        }
        println!("{congestion:?}: {row:.1?}");
        table.push(row);
    }
    // libdatachannel reaches 40, 7.8, 2.1 and 1.0 on such a path.
    assert!(table[1][2] > 10.5, "five times the peer at one percent");
    assert!(table[0].iter().zip([40.0, 7.8, 2.1, 1.0]).all(|(ours, peer)| *ours > peer));
}
