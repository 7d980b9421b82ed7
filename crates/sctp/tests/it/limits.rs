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

/// Of a device with little memory: 2 KiB to send, 4 KiB to receive.
fn little() -> Config {
    let mut config = Config::with_buffers(2 << 10, 4 << 10);
    (config.max_channels, config.max_messages, config.max_in_flight, config.max_fragments) = (2, 8, 8, 16);
    config
}

#[test]
fn the_smallest_buffers_tell_a_window_that_peers_accept() {
    for mtu in [300, 1_188, 1_400] {
        let mut config = little();
        (config.mtu, config.send_buffer, config.receive_buffer) = (mtu, 0, 0);
        for field in ["send_buffer", "receive_buffer"] {
            let error = config.check().expect_err("too small");
            let barertc_wire::Rule::AtLeast(least) = error.rule else { panic!("{error}") };
            assert_eq!(error.field, field);
            let least = u32::try_from(least).expect("a size");
            if field == "send_buffer" { config.send_buffer = least } else { config.receive_buffer = least }
        }
        assert_eq!(config.check(), Ok(()));
        assert!(config.send_buffer < 2_048 && config.receive_buffer < 4_096, "{config:?}");
        // An INIT says the window behind its tag (RFC 9260 §3.3.2).
        let (mut a, _) = association(config.clone(), 1);
        a.connect(NOW);
        let mut out = [0; 1_500];
        let len = a.poll_transmit(NOW, &mut out).expect("an INIT");
        assert_eq!(out[12], 1, "{:?}", &out[..len]);
        let window = u32::from_be_bytes(out[20..24].try_into().expect("four bytes"));
        assert!((1_500..1_800).contains(&window), "{window}");
        config.receive_buffer -= 1;
        assert_eq!(config.check().expect_err("a byte too few").field, "receive_buffer");
    }
}

#[test]
fn buffers_of_two_and_four_kib_carry_what_is_written() {
    for (there, loss, seed) in [(little(), 0, 1), (Config::new(), 0, 2), (little(), 100, 3), (Config::new(), 100, 4)] {
        assert_eq!(little().check(), Ok(()));
        let link = Link { loss, delay: MS * 10, ..Link::default() };
        let net = &mut pair([little(), there], link, seed);
        let id = net.left.open(net.now, &ChannelConfig { label: "with a name", ..ChannelConfig::default() });
        let id = id.expect("a channel");
        // Both ways, in messages as large as fit.
        let whole = net.left.max_message_size();
        assert_eq!(whole, 1_024);
        for n in 0..20 {
            let message = crate::support::message(1, n, whole);
            let mut got = None;
            assert!(net.run_until(MS * 60_000, |n| n.left.write(n.now, id, MessageKind::Binary, &message).is_ok()));
            let arrived = net.run_until(MS * 60_000, |net| {
                for event in events(&mut net.right) {
                    if let Event::Readable(there) = event {
                        got = read_all(&mut net.right, net.now, there).map(|(bytes, _)| (there, bytes));
                    }
                }
                got.is_some()
            });
            assert!(arrived, "message {n} with {loss} of 1,000 lost");
            let (there, bytes) = got.expect("it arrived");
            assert!(bytes == message);
            assert!(net.run_until(MS * 60_000, |n| n.right.write(n.now, there, MessageKind::Binary, &bytes).is_ok()));
            let back = net.run_until(MS * 60_000, |net| {
                events(&mut net.left).contains(&Event::Readable(id))
                    && read_all(&mut net.left, net.now, id).is_some_and(|(bytes, _)| bytes == message)
            });
            assert!(back, "the echo of {n} with {loss} of 1,000 lost");
        }
        // And one that is far larger than any buffer, in pieces.
        let (large, mut got, mut written, mut finished) = (crate::support::message(1, 20, 20_000), vec![], 0, false);
        assert!(net.run_until(MS * 1_000, |n| n.left.begin(n.now, id, MessageKind::Binary).is_ok()));
        let arrived = net.run_until(MS * 120_000, |net| {
            let end = large.len().min(written + 400);
            match net.left.append(net.now, id, &large[written..end]) {
                Ok(more) => written += more,
                Err(error) => assert!(finished || error == Error::WouldBlock, "{error:?}"),
            }
            finished = finished || (written == large.len() && net.left.finish(net.now, id).is_ok());
            let mut end = false;
            for event in events(&mut net.right) {
                let Event::Readable(there) = event else { continue };
                let mut piece = [0; 4_096];
                while let Ok(read) = net.right.read(net.now, there, &mut piece) {
                    got.extend_from_slice(&piece[..read.len]);
                    end = end || read.end_of_message;
                }
            }
            end
        });
        assert!(arrived && got == large, "{} of {written} bytes with {loss} of 1,000 lost", got.len());
    }
}

/// Of messages that are begun and not finished, none may have a packet's worth, and yet all memory is theirs.
#[test]
fn messages_that_are_begun_do_not_block_each_other_for_ever() {
    let net = &mut pair([Config::small(), Config::small()], Link::default(), 7);
    let open = |net: &mut crate::support::Net<_, _>| -> barertc_sctp::ChannelId {
        let left: &mut crate::support::Assoc = &mut net.left;
        left.open(net.now, &ChannelConfig::default()).expect("a channel")
    };
    let ids = [open(net), open(net), open(net)];
    assert!(net.run_until(MS * 2_000, |n| n.left.is_established() && n.left.stats().in_flight == 0));
    for id in ids {
        net.left.begin(net.now, id, MessageKind::Binary).expect("room");
        let _ = net.left.append(net.now, id, &[7; 1_100]).expect("room for some");
    }
    assert_eq!(net.left.append(net.now, ids[2], &[7; 100]), Err(Error::WouldBlock));
    let more = net.run_until(MS * 2_000, |n| n.left.append(n.now, ids[0], &[7; 2_000]).is_ok());
    assert!(more, "the first goes on");
}
