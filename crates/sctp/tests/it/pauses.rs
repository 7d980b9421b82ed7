//! An acknowledgement at once is asked for where the sender pauses, and only there (RFC 9260 §6.1, I bit).

use std::time::Duration;

use barertc_sctp::{ChannelConfig, Config, Congestion, MessageKind};

use crate::support::raw::chunks;
use crate::support::{Link, pair};

const MS: Duration = Duration::from_millis(1);

/// `count` messages, each written alone, so far apart, at 40 ms round trip: packets each way, and DATA with the I bit.
fn stream(congestion: Congestion, apart: Duration, count: usize) -> (usize, usize, usize) {
    let mut config = Config::with_buffers(256 << 10, 256 << 10);
    config.congestion = congestion;
    let net = &mut pair([config.clone(), config], Link { delay: MS * 20, ..Link::default() }, 1);
    let id = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
    net.run_until(MS * 500, |_| false);
    net.log = Some(vec![]);
    for n in 0..count {
        net.left.write(net.now, id, MessageKind::Binary, &[n as u8; 100]).expect("room");
        let next = net.now + apart;
        net.wake_at = Some(next);
        net.run_until(apart, |n| {
            n.wake_at = Some(next);
            n.now >= next
        });
    }
    net.run_until(MS * 1_000, |_| false);
    let log = net.log.take().expect("kept");
    let of = |dir: usize| log.iter().filter(|(d, p)| *d == dir && (dir == 1 || has_data(p))).count();
    let at_once = log.iter().flat_map(|(_, p)| chunks(p)).filter(|(kind, flags, _)| *kind == 64 && flags & 8 != 0);
    (of(0), of(1), at_once.count())
}

fn has_data(packet: &[u8]) -> bool {
    chunks(packet).iter().any(|(kind, ..)| *kind == 64)
}

#[test]
fn a_stream_of_messages_is_acknowledged_every_second_packet() {
    for congestion in [Congestion::Rfc9260, Congestion::Paced] {
        let (there, back, at_once) = stream(congestion, MS * 2, 500);
        assert!((490..=520).contains(&there), "{there}");
        assert!(back < there * 6 / 10 && at_once < 20, "{there} there, {back} back, {at_once} at once");
    }
}

#[test]
fn a_message_after_a_pause_is_acknowledged_at_once() {
    for congestion in [Congestion::Rfc9260, Congestion::Paced] {
        let (there, back, at_once) = stream(congestion, MS * 100, 50);
        assert_eq!((there, at_once), (50, 50), "{back} back");
    }
}

#[test]
fn messages_that_wait_share_packets() {
    let mut config = Config::with_buffers(256 << 10, 256 << 10);
    config.congestion = Congestion::Paced;
    let net = &mut pair([config.clone(), config], Link { delay: MS * 20, ..Link::default() }, 1);
    let id = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
    net.run_until(MS * 500, |_| false);
    net.log = Some(vec![]);
    for n in 0..90 {
        net.left.write(net.now, id, MessageKind::Binary, &[n; 100]).expect("room");
    }
    net.run_until(MS * 1_000, |_| false);
    let packets = net.log.take().expect("kept").iter().filter(|(dir, p)| *dir == 0 && has_data(p)).count();
    // Nine chunks of 120 bytes a packet of 1,188.
    assert_eq!(packets, 10);
}
