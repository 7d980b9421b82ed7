//! Where a limit is, a call or an event says so.

use std::time::Duration;

use barertc_sctp::{ChannelConfig, Config, Error, Event, MessageKind};
use barertc_wire::Instant;

use crate::support::{Link, association, events, pair, read_all};

const MS: Duration = Duration::from_millis(1);
const NOW: Instant = Instant::from_millis(1);

#[test]
fn forty_channels_at_a_peer_with_room_for_sixteen_all_open_or_close() {
    let mut ours = Config::with_buffers(64 << 10, 64 << 10);
    ours.max_channels = 100;
    for count in [40, 100] {
        let net = &mut pair([ours.clone(), Config::new()], Link::default(), 5);
        for _ in 0..count {
            net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
        }
        let (mut there, mut closed) = (0, 0);
        let done = net.run_until(MS * 20_000, |net| {
            there += events(&mut net.right).iter().filter(|e| matches!(e, Event::ChannelOpened { .. })).count();
            closed += events(&mut net.left).iter().filter(|e| matches!(e, Event::ChannelClosed(_))).count();
            there == 16 && closed == count - 16
        });
        assert!(done, "{there} are open there, {closed} closed");
    }
}

/// An INIT of a peer that allows so many streams.
fn init(streams: u16) -> Vec<u8> {
    let [a, b] = streams.to_be_bytes();
    vec![1, 0, 0, 20, 0, 0, 0, 9, 0, 1, 0, 0, a, b, a, b, 0, 0, 0, 7]
}

#[test]
fn a_channel_without_a_stream_id_fails() {
    let (mut a, _) = association(Config::new(), 1);
    a.set_role(NOW, barertc_sctp::Role::Client);
    // Opened before it was known what the peer allows: an event says so.
    let early: Vec<_> = (0..4).map(|_| a.open(NOW, &ChannelConfig::default()).expect("a channel")).collect();
    let negotiated = ChannelConfig { negotiated: Some(5), ..ChannelConfig::default() };
    let far = a.open(NOW, &negotiated).expect("a channel");
    a.set_remote_init(NOW, &init(4)).expect("INIT");
    let seen = events(&mut a);
    for id in [early[0], early[1]] {
        assert!(seen.contains(&Event::ChannelOpened { id, from_peer: false }));
    }
    for id in [early[2], early[3], far] {
        assert!(seen.contains(&Event::ChannelClosed(id)), "{seen:?}");
    }
    // And later the call itself.
    assert_eq!(a.open(NOW, &ChannelConfig::default()), Err(Error::TooMany { what: "streams", limit: 4 }));
    assert_eq!(a.open(NOW, &negotiated), Err(Error::StreamOutOfRange { limit: 3, value: 5 }));
    let odd = ChannelConfig { negotiated: Some(1), ..ChannelConfig::default() };
    a.open(NOW, &odd).expect("free");
    assert_eq!(a.open(NOW, &odd), Err(Error::StreamInUse(1)));
}

#[test]
fn the_port_of_the_peer_is_fixed_once_the_association_has_begun() {
    let net = &mut pair([Config::default(), Config::default()], Link::default(), 1);
    assert_eq!(net.right.set_remote_port(0), Err(Error::ZeroPort));
    let begun = net.right.set_remote_port(5_001);
    assert_eq!(begun, Err(Error::PortInUse { current: 5_000, value: 5_001 }));
    assert_eq!(net.right.remote_port(), 5_000);
    // RFC 9260 §3.1.
    let mut config = Config::default();
    config.local_port = 0;
    let Err(error) = config.check() else { panic!("0 is no port") };
    assert_eq!((error.field, error.value), ("local_port", 0));
}

#[test]
fn the_largest_message_is_known_and_kept_to() {
    for (config, whole) in [(Config::with_buffers(16 << 10, 16 << 10), 13_824), (Config::small(), 3_584)] {
        assert_eq!(config.max_send_message_size(), whole);
        let net = &mut pair([config.clone(), config.clone()], Link::default(), 1);
        assert_eq!(net.left.max_message_size(), whole);
        let id = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
        assert!(net.run_until(MS * 1_000, |n| n.left.buffered_amount(id) == 0 && n.left.is_established()));
        net.run_until(MS * 1_000, |n| n.left.stats().in_flight == 0);
        let too_long = vec![0; whole + 1];
        let refused = net.left.write(net.now, id, MessageKind::Binary, &too_long);
        assert_eq!(refused, Err(Error::MessageTooLarge { limit: whole, value: whole + 1 }));
        net.left.write(net.now, id, MessageKind::Binary, &too_long[1..]).expect("it fits");
        // What the peer takes counts for pieces, too.
        net.left.set_remote_max_message_size(1_000);
        assert_eq!(net.left.max_message_size(), 1_000);
        let refused = net.left.write(net.now, id, MessageKind::Binary, &[0; 1_001]);
        assert_eq!(refused, Err(Error::MessageTooLarge { limit: 1_000, value: 1_001 }));
        net.run_until(MS * 1_000, |n| n.left.send_room() == whole);
        net.left.begin(net.now, id, MessageKind::Binary).expect("room");
        assert_eq!(net.left.append(net.now, id, &[1; 600]), Ok(600));
        let refused = Err(Error::MessageTooLarge { limit: 1_000, value: 1_200 });
        assert_eq!(net.left.append(net.now, id, &[1; 600]), refused);
        assert_eq!(net.left.append_with(net.now, id, 600, |room| room.len()), refused);
        assert_eq!(net.left.append(net.now, id, &[1; 400]), Ok(400));
        net.left.finish(net.now, id).expect("a message of 1,000 bytes");
    }
}

#[test]
fn a_message_as_large_as_advertised_arrives_though_nobody_reads_before_its_end() {
    for receive in [6 << 10, 16 << 10, 64 << 10, 256 << 10] {
        let here = Config::with_buffers(512 << 10, 64 << 10);
        let mut there = Config::with_buffers(64 << 10, receive);
        there.max_channels = 2;
        let size = there.max_receive_message_size();
        assert!(size > receive as usize / 2 && size < receive as usize, "{size}");
        let net = &mut pair([here, there], Link::default(), 1);
        net.left.set_remote_max_message_size(u32::MAX);
        let id = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
        let message = crate::support::message(1, 1, size);
        assert!(net.run_until(MS * 1_000, |n| n.left.write(n.now, id, MessageKind::Binary, &message).is_ok()));
        assert!(net.run_until(MS * 5_000, |n| n.left.stats().in_flight == 0 && n.left.buffered_amount(id) == 0));
        let readable: Vec<_> = events(&mut net.right);
        assert!(
            !readable.iter().any(|e| matches!(e, Event::BufferedAmountLow(_))),
            "ACK is no data of the application"
        );
        let Some(Event::Readable(there)) = readable.last() else { panic!("{readable:?}") };
        assert!(read_all(&mut net.right, net.now, *there).is_some_and(|(bytes, _)| bytes == message));
    }
}

#[test]
fn the_configuration_names_the_field_that_cannot_work() {
    let mut config = Config::new();
    config.mtu = 100;
    assert_eq!(config.check().expect_err("too small").to_string(), "mtu must be at least 128, but is 100");
    config.mtu = 200;
    config.rto_min = Duration::from_secs(1);
    assert_eq!(config.check().expect_err("above").field, "rto_initial");
    // Sizes are known before anything runs.
    const BYTES: usize = barertc_sctp::Association::<barertc_arena::Global>::worst_case_bytes(&Config::small());
    const { assert!(BYTES < 20_000) };
}
