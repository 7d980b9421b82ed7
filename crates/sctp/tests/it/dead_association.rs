//! An association that ends says so, to every channel, and says why.

use std::time::Duration;

use barertc_sctp::{ChannelConfig, ChannelId, Config, Error, Event, Failure, MessageKind};

use crate::support::raw::{chunk, victim};
use crate::support::{Assoc, Link, Net, events, pair};

const MS: Duration = Duration::from_millis(1);

/// Two ends with `count` channels, opened from the left.
fn with_channels(count: u16, link: Link) -> (Net<Assoc, Assoc>, Vec<ChannelId>) {
    let mut config = Config::with_buffers(64 << 10, 64 << 10);
    config.max_channels = count;
    let mut net = pair([config.clone(), config], link, 3);
    let ids: Vec<_> =
        (0..count).map(|_| net.left.open(net.now, &ChannelConfig::default()).expect("a channel")).collect();
    let mut there = 0;
    assert!(net.run_until(MS * 5_000, |net| {
        there += events(&mut net.right).iter().filter(|e| matches!(e, Event::ChannelOpened { .. })).count();
        there == usize::from(count)
    }));
    net.run_until(MS * 100, |_| false);
    let opened = events(&mut net.left);
    assert!(ids.iter().all(|id| opened.contains(&Event::ChannelOpened { id: *id, from_peer: false })));
    (net, ids)
}

fn closed(events: &[Event]) -> usize {
    events.iter().filter(|e| matches!(e, Event::ChannelClosed(_))).count()
}

#[test]
fn an_abort_of_the_peer_closes_every_channel_with_its_cause() {
    let mut v = victim();
    let ids: Vec<_> = (0..4).map(|_| v.net.left.open(v.net.now, &ChannelConfig::default()).expect("one")).collect();
    events(&mut v.net.left);
    v.attack(&chunk(6, 0, &[0, 12, 0, 8, b'b', b'y', b'e', 0])).expect("ABORT");
    let seen = events(&mut v.net.left);
    assert_eq!(seen.first(), Some(&Event::Failed(Failure::AbortedByPeer(12))), "the reason comes first");
    assert_eq!(closed(&seen), 4);
    assert_eq!(v.net.left.failure(), Some(Failure::AbortedByPeer(12)));
    for id in ids {
        assert_eq!(v.net.left.write(v.net.now, id, MessageKind::Text, b"x"), Err(Error::NoSuchChannel));
    }
    let late = v.net.left.open(v.net.now, &ChannelConfig::default());
    assert_eq!(late, Err(Error::Failed(Failure::AbortedByPeer(12))));
    assert!(v.answers().is_empty() && v.net.left.timeout().is_none());
}

#[test]
fn what_had_arrived_can_still_be_read_and_then_the_channel_closes() {
    let (mut net, ids) = with_channels(2, Link::default());
    net.left.write(net.now, ids[0], MessageKind::Text, b"last words").expect("room");
    net.run_until(MS * 100, |_| false);
    let there: Vec<_> = events(&mut net.right)
        .into_iter()
        .filter_map(|e| if let Event::Readable(id) = e { Some(id) } else { None })
        .collect();
    net.right.abort(net.now);
    let seen = events(&mut net.right);
    assert_eq!((seen[0], closed(&seen)), (Event::Closed, 1), "the other has something to read");
    let write = net.right.write(net.now, there[0], MessageKind::Text, b"x");
    assert_eq!(write, Err(Error::Closed));
    let mut room = [0; 32];
    let read = net.right.read(net.now, there[0], &mut room).expect("a message");
    assert_eq!(&room[..read.len], b"last words");
    assert_eq!(events(&mut net.right).last(), Some(&Event::ChannelClosed(there[0])));
    net.flush();
    net.run_until(MS * 100, |net| net.left.is_over());
    assert_eq!(net.left.failure(), Some(Failure::AbortedByPeer(12)));
}

#[test]
fn an_application_that_asks_late_loses_nothing_of_36_channels() {
    let (mut net, ids) = with_channels(36, Link::default());
    for id in &ids {
        net.left.write(net.now, *id, MessageKind::Binary, &[1; 100]).expect("room");
        net.left.close(net.now, *id).expect("open");
    }
    // Nobody asks for events for a second; then the right side reads, and so the left side's close, too.
    net.run_until(MS * 1_000, |_| false);
    let seen = events(&mut net.right);
    assert_eq!(seen.iter().filter(|e| matches!(e, Event::Readable(_))).count(), 36);
    let mut room = [0; 200];
    for event in &seen {
        if let Event::Readable(id) = event {
            assert_eq!(net.right.read(net.now, *id, &mut room).map(|r| r.len), Ok(100));
        }
    }
    net.run_until(MS * 1_000, |_| false);
    assert_eq!(closed(&events(&mut net.right)), 36);
    assert_eq!(closed(&events(&mut net.left)), 36);
}

#[test]
fn a_network_that_is_away_for_long_is_survived_and_for_longer_is_told() {
    for (away, survives) in [(60_000, true), (120_000, false)] {
        let (mut net, ids) = with_channels(3, Link::default());
        net.links.iter_mut().for_each(|link| link.loss = 1_000);
        net.left.write(net.now, ids[0], MessageKind::Text, b"anybody?").expect("room");
        net.run_until(MS * away, |_| false);
        net.links.iter_mut().for_each(|link| link.loss = 0);
        net.run_until(MS * 20_000, |_| false);
        let seen = events(&mut net.left);
        if survives {
            assert!(net.left.is_established() && net.left.stats().in_flight == 0);
            assert_eq!(closed(&seen), 0);
        } else {
            assert_eq!(seen[0], Event::Failed(Failure::PeerUnreachable));
            assert_eq!(closed(&seen), 3);
        }
    }
}

#[test]
fn a_tunnel_that_swallows_large_packets_is_told_at_once() {
    let (mut net, ids) = with_channels(2, Link::default());
    net.links.iter_mut().for_each(|link| link.largest = 600);
    net.left.write(net.now, ids[0], MessageKind::Binary, &[7; 100]).expect("room");
    net.run_until(MS * 1_000, |_| false);
    assert_eq!(events(&mut net.left).iter().filter(|e| matches!(e, Event::PathMtuExceeded { .. })).count(), 0);
    let began = net.now;
    net.left.write(net.now, ids[0], MessageKind::Binary, &[7; 3_000]).expect("room");
    let mut told = None;
    net.run_until(MS * 100_000, |net| {
        for event in events(&mut net.left) {
            match event {
                Event::PathMtuExceeded { size } => told = Some((net.now - began, size)),
                Event::Failed(reason) => assert_eq!(reason, Failure::PathMtu),
                _ => {}
            }
        }
        net.left.is_over()
    });
    let (after, size) = told.expect("an event");
    assert!(after < MS * 3_000 && size > 600, "{after:?} {size}");
    assert_eq!(net.left.failure(), Some(Failure::PathMtu));
}

#[test]
fn small_messages_pass_a_small_path_though_many_would_fit_a_packet() {
    let (mut net, ids) = with_channels(1, Link::default());
    net.links.iter_mut().for_each(|link| link.largest = 600);
    for _ in 0..20 {
        net.left.write(net.now, ids[0], MessageKind::Binary, &[7; 200]).expect("room");
    }
    assert!(net.run_until(MS * 60_000, |net| net.left.stats().in_flight == 0), "{:?}", net.left.stats());
    assert!(net.left.is_established());
}

#[test]
fn after_the_end_a_new_association_takes_the_place() {
    let (mut net, _) = with_channels(2, Link::default());
    net.left.abort(net.now);
    net.run_until(MS * 100, |net| net.right.is_over());
    let mut next = pair([Config::new(), Config::new()], Link::default(), 99);
    let id = next.left.open(next.now, &ChannelConfig::default()).expect("a channel");
    assert!(next.run_until(MS * 1_000, |n| n.left.write(n.now, id, MessageKind::Text, b"again").is_ok()));
    assert!(next.run_until(MS * 1_000, |n| events(&mut n.right).iter().any(|e| matches!(e, Event::Readable(_)))));
    // What the old one still sends is not the new one's: its tag is another.
    let mut stray = [0; 1_500];
    if let Some(len) = net.right.poll_transmit(net.now, &mut stray) {
        assert!(next.left.handle(next.now, &mut stray[..len]).is_err());
    }
}
