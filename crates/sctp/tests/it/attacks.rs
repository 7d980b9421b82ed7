//! What a hostile peer may try, and what comes of it.

use std::time::Duration;

use barertc_sctp::{ChannelConfig, Discard, Event, Failure, MessageKind, packet};

use crate::support::raw::{chunk, config, data, sack, victim};
use crate::support::{association, events};

#[test]
fn forged_cookies_establish_nothing() {
    let (mut a, _) = association(config(), 3);
    let now = barertc_wire::Instant::from_millis(1);
    let mut p = vec![0x13, 0x88, 0x13, 0x88, 0, 0, 0, 7, 0, 0, 0, 0];
    p.extend(chunk(10, 0, &[0; 32]));
    packet::seal(&mut p);
    assert_eq!(a.handle(now, &mut p), Err(Discard::BadTag));
    assert!(!a.is_established());
    // Invited, and with the right tag: the cookie itself is what counts.
    let mut v = victim();
    for len in [0, 31, 32, 33, 1000] {
        assert_eq!(v.attack(&chunk(10, 0, &vec![0xA5; len])), Err(Discard::ForgedCookie));
    }
    assert!(v.net.left.is_established());
}

#[test]
fn packets_without_the_tag_are_nothing() {
    let mut v = victim();
    for chunks in [chunk(6, 0, &[]), chunk(7, 0, &[0; 4]), chunk(14, 0, &[]), sack(0, 0, &[])] {
        assert_eq!(v.attack_tagged(v.tag ^ 1, &chunks), Err(Discard::BadTag));
    }
    assert!(v.net.left.is_established() && v.answers().is_empty());
}

#[test]
fn sacks_of_unsent_data_are_not_believed() {
    let mut v = victim();
    let id = v.net.left.open(v.net.now, &ChannelConfig::default()).expect("a channel");
    v.net.left.write(v.net.now, id, MessageKind::Binary, &[1; 5_000]).expect("room");
    assert!(!v.answers().is_empty());
    let (before, first) = (v.net.left.stats(), v.victim_tsn);
    for bad in [
        sack(first.wrapping_add(1_000), 1 << 20, &[]),
        sack(first.wrapping_sub(2), 1 << 20, &[]),
        sack(first.wrapping_sub(1), 1 << 20, &[(2, 1_000)]),
        sack(first.wrapping_sub(1), 1 << 20, &[(3, 2)]),
        sack(first.wrapping_sub(1), 1 << 20, &[(0, 1)]),
        sack(first.wrapping_sub(1), 1 << 20, &[(3, 4), (2, 2)]),
    ] {
        assert_eq!(v.attack(&bad), Err(Discard::BadSack));
        assert_eq!(v.net.left.stats().in_flight, before.in_flight);
        assert_eq!(v.net.left.stats().congestion_window, before.congestion_window);
    }
}

#[test]
fn gap_block_floods_cost_one_pass() {
    let mut v = victim();
    let id = v.net.left.open(v.net.now, &ChannelConfig::default()).expect("a channel");
    v.net.left.write(v.net.now, id, MessageKind::Binary, &[1; 9_000]).expect("room");
    v.answers();
    let first = v.victim_tsn;
    // Three hundred overlapping blocks: refused at the second.
    let overlapping = vec![(2u16, 8u16); 300];
    assert_eq!(v.attack(&sack(first.wrapping_sub(1), 9_000, &overlapping)), Err(Discard::BadSack));
    // More gaps of our own than a SACK has room for: it is cut, not overrun.
    for n in 0..120u32 {
        let _ = v.attack(&data(3, v.tsn.wrapping_add(2 * n + 1), 1, n as u16, 53, b"x"));
    }
    assert!(v.answers().iter().all(|p| p.len() <= 1188));
    assert!(v.net.left.is_established());
}

#[test]
fn a_zero_window_is_back_pressure() {
    let mut v = victim();
    let id = v.net.left.open(v.net.now, &ChannelConfig::default()).expect("a channel");
    let first = v.victim_tsn;
    v.answers();
    v.attack(&sack(first, 0, &[])).expect("a SACK");
    while v.net.left.write(v.net.now, id, MessageKind::Binary, &[1; 500]).is_ok() {}
    // A day of probes that are answered with a closed window: nothing fails, nothing grows, little is sent.
    let mut packets = 0;
    let end = v.net.now + Duration::from_secs(86_400);
    while v.net.now < end {
        packets += v.answers().len();
        let _ = v.attack(&sack(first, 0, &[]));
        v.net.now = v.net.left.timeout().expect("a probe is due").max(v.net.now);
        v.net.left.handle_timeout(v.net.now);
    }
    assert!(v.net.left.is_established() && packets < 60_000, "{packets}");
    // And it opens again.
    v.attack(&sack(first, 100_000, &[])).expect("a SACK");
    v.net.left.handle_timeout(v.net.left.timeout().expect("T3"));
    v.net.now += Duration::from_secs(20);
    assert!(!v.answers().is_empty());
}

#[test]
fn fragment_floods_stay_within_memory() {
    let mut v = victim();
    let (mut tsn, mut refused) = (v.tsn, 0);
    for n in 0..20_000u32 {
        // Beginnings without ends, ends without beginnings, with and without order, on every stream.
        let payload = vec![7; 1 + (n as usize * 37) % 900];
        let stream = if n % 3 == 0 { 1 } else { 3 };
        if v.attack(&data([2, 1, 0, 6, 4][n as usize % 5], tsn, stream, n as u16, 53, &payload)).is_err() {
            refused += 1;
        }
        tsn = tsn.wrapping_add(1 + n % 2);
        v.answers();
        events(&mut v.net.left);
    }
    assert!(refused > 10_000, "{refused}");
    assert!(v.net.left.is_established());
    assert!(v.net.left.discards().get(Discard::NoMemory) + v.net.left.discards().get(Discard::BeyondWindow) > 0);
    assert!(v.heap_bound > 0);
}

#[test]
fn stream_ids_cannot_be_used_up() {
    let mut v = victim();
    // OPEN on every odd stream: four channels fit, the rest is acknowledged, dropped and reset.
    for n in 0..1_000u32 {
        let open = [3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let _ = v.attack(&data(3, v.tsn.wrapping_add(n), (2 * n + 1) as u16, 0, 50, &open));
    }
    let opened = events(&mut v.net.left).iter().filter(|e| matches!(e, Event::ChannelOpened { .. })).count();
    assert_eq!(opened, 4);
    // As many as one request names; the others are not acknowledged, so they come again when the peer has heard of these.
    assert_eq!(v.net.left.discards().get(Discard::NoChannel), 32);
    assert_eq!(v.net.left.discards().get(Discard::NoMemory) + v.net.left.discards().get(Discard::BeyondWindow), 964);
    let asked = v.answers().iter().any(|p| p.windows(2).any(|w| w == [130, 0]));
    assert!(asked, "a reset request");
    // Our own parity, an OPEN twice, a broken one: each closes its channel.
    let mut v = victim();
    let open = [3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let _ = v.attack(&data(3, v.tsn, 2, 0, 50, &open));
    let _ = v.attack(&data(3, v.tsn.wrapping_add(1), 5, 0, 50, &[3, 9, 9]));
    let _ = v.attack(&data(3, v.tsn.wrapping_add(2), 7, 0, 50, &open));
    let _ = v.attack(&data(3, v.tsn.wrapping_add(3), 7, 1, 50, &open));
    assert_eq!(v.net.left.discards().get(Discard::BadDcep), 3);
}

#[test]
fn shutdown_storms_get_one_answer_each_at_most() {
    let mut v = victim();
    let last = v.victim_tsn.wrapping_sub(1);
    let mut answers = 0;
    for _ in 0..1_000 {
        let _ = v.attack(&chunk(7, 0, &last.to_be_bytes()));
        answers += v.answers().len();
    }
    assert!(answers <= 1_000);
    for _ in 0..1_000 {
        let _ = v.attack(&chunk(14, 0, &[]));
    }
    assert!(v.net.left.is_over());
    assert_eq!(events(&mut v.net.left), [Event::Closed]);
    for chunks in [chunk(7, 0, &[0; 4]), chunk(8, 0, &[]), chunk(6, 0, &[]), chunk(4, 0, &[0; 8])] {
        let _ = v.attack(&chunks);
    }
    assert_eq!((v.answers().len(), v.net.left.timeout()), (0, None), "what is over stays over");
}

#[test]
fn broken_data_is_a_violation_and_aborts() {
    for bad in [data(3, 0, 1, 0, 53, b""), chunk(64, 3, &[0; 20])] {
        let mut v = victim();
        assert_eq!(v.attack(&bad), Err(Discard::BadData));
        assert_eq!(events(&mut v.net.left), [Event::Failed(Failure::ProtocolViolation)]);
        assert!(v.answers().iter().any(|p| p[12] == 6), "ABORT");
    }
}

#[test]
fn a_far_forward_tsn_is_not_followed() {
    let mut v = victim();
    assert_eq!(v.attack(&chunk(192, 0, &v.tsn.wrapping_add(1 << 20).to_be_bytes())), Err(Discard::BeyondWindow));
    assert_eq!(v.attack(&data(3, v.tsn, 1, 0, 50, &[3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])), Ok(()));
}
