//! Messages as the W3C has them: empty ones, what is buffered, and writing to what is closed.

use std::time::Duration;

use barertc_sctp::{ChannelConfig, ChannelId, Config, Error, Event, MessageKind};

use crate::support::{Assoc, Link, Net, events, pair};

const MS: Duration = Duration::from_millis(1);

fn open() -> (Net<Assoc, Assoc>, ChannelId) {
    let mut net = pair([Config::new(), Config::new()], Link::default(), 3);
    let id = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
    assert!(net.run_until(MS * 1_000, |n| n.right.is_established() && n.left.is_established()));
    net.run_until(MS * 100, |_| false);
    (net, id)
}

#[test]
fn empty_messages_arrive_and_count_as_nothing() {
    let (mut net, id) = open();
    events(&mut net.left);
    let there = events(&mut net.right).iter().find_map(|e| match e {
        Event::ChannelOpened { id, .. } => Some(*id),
        _ => None,
    });
    let there = there.expect("opened");
    for kind in [MessageKind::Text, MessageKind::Binary] {
        net.left.write(net.now, id, kind, b"").expect("room");
        assert_eq!(net.left.buffered_amount(id), 0);
        net.run_until(MS * 500, |_| false);
        assert_eq!(events(&mut net.left), [], "nothing was buffered, so nothing runs low");
        let read = net.right.read(net.now, there, &mut [0; 8]).expect("a message");
        assert_eq!((read.len, read.end_of_message, read.kind), (0, true, kind));
    }
    assert_eq!(net.right.read(net.now, there, &mut [0; 8]), Err(Error::WouldBlock));
}

#[test]
fn a_message_is_read_in_parts_of_any_size() {
    let (mut net, id) = open();
    net.left.write(net.now, id, MessageKind::Text, b"in three parts").expect("room");
    net.left.write(net.now, id, MessageKind::Binary, b"next").expect("room");
    net.run_until(MS * 500, |_| false);
    let there = events(&mut net.right)
        .iter()
        .find_map(|e| if let Event::ChannelOpened { id, .. } = e { Some(*id) } else { None })
        .expect("opened");
    let mut whole = vec![];
    for (room, end) in [(6, false), (0, false), (6, false), (40, true)] {
        let mut out = vec![0; room];
        let read = net.right.read(net.now, there, &mut out).expect("a part");
        assert_eq!((read.end_of_message, read.kind), (end, MessageKind::Text));
        whole.extend_from_slice(&out[..read.len]);
    }
    assert_eq!(whole, b"in three parts");
    let read = net.right.read(net.now, there, &mut [0; 40]).expect("the next");
    assert_eq!((read.len, read.end_of_message, read.kind), (4, true, MessageKind::Binary));
}

#[test]
fn low_is_told_when_the_threshold_is_passed_and_writable_when_a_write_was_refused() {
    let (mut net, id) = open();
    events(&mut net.left);
    net.left.set_buffered_amount_low_threshold(id, 500);
    net.left.write(net.now, id, MessageKind::Binary, &[0; 500]).expect("room");
    assert_eq!(net.left.buffered_amount(id), 500);
    net.run_until(MS * 500, |_| false);
    assert_eq!((events(&mut net.left), net.left.buffered_amount(id)), (vec![], 0), "it never was above");
    net.left.write(net.now, id, MessageKind::Binary, &[0; 501]).expect("room");
    net.run_until(MS * 500, |_| false);
    assert_eq!(events(&mut net.left), [Event::BufferedAmountLow(id)]);
    net.left.set_buffered_amount_low_threshold(id, 30_000);
    while net.left.write(net.now, id, MessageKind::Binary, &[0; 5_000]).is_ok() {}
    net.run_until(MS * 500, |_| false);
    let seen = events(&mut net.left);
    assert!(seen.contains(&Event::Writable(id)) && seen.contains(&Event::BufferedAmountLow(id)), "{seen:?}");
}

#[test]
fn what_is_closed_takes_nothing() {
    let (mut net, id) = open();
    let other = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
    net.left.close(net.now, id).expect("open");
    assert_eq!(net.left.write(net.now, id, MessageKind::Text, b"x"), Err(Error::ChannelClosing));
    assert_eq!(net.left.begin(net.now, id, MessageKind::Text), Err(Error::ChannelClosing));
    assert_eq!(net.left.append(net.now, id, b"x"), Err(Error::NoMessageOpen));
    assert_eq!(net.left.close(net.now, id), Ok(()), "twice is as good as once");
    net.left.shutdown(net.now);
    assert_eq!(net.left.write(net.now, other, MessageKind::Text, b"x"), Err(Error::Closed));
    assert_eq!(net.left.open(net.now, &ChannelConfig::default()), Err(Error::Closed));
    net.run_until(MS * 1_000, |n| n.left.is_over() && n.right.is_over());
    assert!(net.left.is_over() && net.left.failure().is_none());
    let seen = events(&mut net.left);
    assert_eq!(seen.iter().filter(|e| matches!(e, Event::ChannelClosed(_))).count(), 2, "{seen:?}");
    assert_eq!(net.left.write(net.now, other, MessageKind::Text, b"x"), Err(Error::NoSuchChannel));
}
