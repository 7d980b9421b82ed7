//! What a peer may do that is neither right nor an attack: each is counted under its reason, or told.

use std::time::Duration;

use barertc_sctp::{ChannelConfig, Discard, Error, Event, MessageKind, packet};

use crate::support::raw::{
    OPEN, Victim, chunk, chunks, config, data, reset_request, reset_response, sack, victim, word,
};
use crate::support::{Link, association, events, pair};

const INIT_ACK: u8 = 2;
const ERROR: u8 = 9;
const RE_CONFIG: u8 = 130;

fn count(v: &Victim, reason: Discard) -> u32 {
    v.net.left.discards().get(reason)
}

/// The peer's reset requests in what the victim sends: their numbers.
fn requests(packets: &[Vec<u8>]) -> Vec<u32> {
    let all = packets.iter().flat_map(|p| chunks(p));
    all.filter(|(kind, _, v)| *kind == RE_CONFIG && v[1] == 13).map(|(_, _, v)| word(&v, 4)).collect()
}

/// An OPEN with a label and a protocol of so many bytes.
fn open(label: usize, protocol: usize) -> Vec<u8> {
    let mut message = OPEN[..8].to_vec();
    message.extend((label as u16).to_be_bytes());
    message.extend((protocol as u16).to_be_bytes());
    message.resize(message.len() + label + protocol, b'x');
    message
}

#[test]
fn a_refused_reset_closes_the_channel_and_its_stream_is_used_no_more() {
    for outcome in [2, 3, 4, 5, 99] {
        let mut v = victim();
        let id = v.net.left.open(v.net.now, &ChannelConfig::default()).expect("a channel");
        v.answers();
        let stream = v.net.left.channel(id).and_then(|c| c.stream).expect("a stream");
        v.attack(&sack(v.victim_tsn, 9_000, &[])).expect("a SACK");
        v.net.left.close(v.net.now, id).expect("open");
        let asked = requests(&v.answers());
        assert_eq!(v.attack(&reset_response(asked[0], outcome)), Err(Discard::ResetRefused), "{outcome}");
        assert!(events(&mut v.net.left).contains(&Event::ChannelClosed(id)), "{outcome}");
        // The peer would take the messages of another channel on it for old ones.
        let other = v.net.left.open(v.net.now, &ChannelConfig::default()).expect("a channel");
        assert_eq!(v.net.left.channel(other).and_then(|c| c.stream), Some(stream + 2), "{outcome}");
        let again = ChannelConfig { negotiated: Some(stream), ..ChannelConfig::default() };
        assert_eq!(v.net.left.open(v.net.now, &again), Err(Error::StreamInUse(stream)));
        // What still comes on it is acknowledged and counted, and takes no place.
        assert_eq!(v.attack(&data(3, v.tsn, stream, 7, 53, b"late")), Err(Discard::ClosedChannel));
        assert!(v.answers().iter().flat_map(|p| chunks(p)).any(|(kind, _, s)| kind == 3 && word(&s, 0) == v.tsn));
    }
}

#[test]
fn what_came_before_a_refused_reset_is_read_and_then_the_channel_closes() {
    // The peer closes the channel itself, or breaks RFC 8832 on it; it denies the reset of our direction each time.
    for resets in [true, false] {
        let mut v = victim();
        v.attack(&data(3, v.tsn, 1, 0, 50, &OPEN)).expect("OPEN");
        let [Event::ChannelOpened { id, .. }] = events(&mut v.net.left)[..] else { panic!("no channel") };
        v.answers();
        v.attack(&sack(v.victim_tsn, 9_000, &[])).expect("a SACK");
        v.attack(&data(3, v.tsn + 1, 1, 1, 53, b"hello")).expect("data");
        if resets {
            v.attack(&reset_request(v.tsn, v.tsn + 1, &[1])).expect("a reset");
        } else {
            v.attack(&data(3, v.tsn + 2, 1, 2, 50, b"junk")).expect("data");
            assert_eq!(count(&v, Discard::BadDcep), 1);
        }
        let asked = requests(&v.answers());
        assert_eq!(v.attack(&reset_response(asked[0], 2)), Err(Discard::ResetRefused));
        assert_eq!(events(&mut v.net.left), [Event::Readable(id)], "{resets}");
        let mut room = [0; 8];
        let read = v.net.left.read(v.net.now, id, &mut room).expect("it was acknowledged");
        assert_eq!((&room[..read.len], read.end_of_message), (&b"hello"[..], true));
        assert_eq!(events(&mut v.net.left), [Event::ChannelClosed(id)], "{resets}");
        let late = data(3, v.tsn + 3 - u32::from(resets), 1, 7, 53, b"late");
        assert_eq!(v.attack(&late), Err(Discard::ClosedChannel));
    }
}

/// The peer opens a channel on `stream`; it is closed here, and the peer denies the reset.
fn spend(v: &mut Victim, stream: u16) {
    v.attack(&data(3, v.tsn, stream, 0, 50, &OPEN)).expect("OPEN");
    v.tsn += 1;
    let [Event::ChannelOpened { id, .. }] = events(&mut v.net.left)[..] else { panic!("no channel on {stream}") };
    v.answers();
    v.attack(&sack(v.victim_tsn, 9_000, &[])).expect("a SACK");
    v.victim_tsn += 1;
    v.net.left.close(v.net.now, id).expect("open");
    let asked = requests(&v.answers());
    assert_eq!(v.attack(&reset_response(asked[0], 2)), Err(Discard::ResetRefused));
    assert_eq!(events(&mut v.net.left), [Event::ChannelClosed(id)]);
}

#[test]
fn a_stream_below_one_whose_reset_was_refused_is_as_good_as_before() {
    let mut v = victim();
    // More than are remembered one by one: in a row, which takes no memory.
    for stream in (1..81).step_by(2).chain([101]) {
        spend(&mut v, stream);
    }
    // RFC 8832 §6 lets the peer take any id of its parity, and both may agree on another.
    v.attack(&data(3, v.tsn, 83, 0, 50, &OPEN)).expect("OPEN");
    assert!(matches!(events(&mut v.net.left)[..], [Event::ChannelOpened { .. }]));
    assert!(v.answers().iter().flat_map(|p| chunks(p)).any(|(kind, ..)| kind == 0), "its ACK");
    let agreed = |stream| ChannelConfig { negotiated: Some(stream), ..ChannelConfig::default() };
    for stream in [1, 79, 101] {
        assert_eq!(v.net.left.open(v.net.now, &agreed(stream)), Err(Error::StreamInUse(stream)));
    }
    v.net.left.open(v.net.now, &agreed(99)).expect("a stream that was never used");
    for stream in [1, 79, 101] {
        v.tsn += 1;
        assert_eq!(v.attack(&data(3, v.tsn, stream, 7, 53, b"late")), Err(Discard::ClosedChannel), "{stream}");
    }
}

#[test]
fn where_too_many_streams_were_spent_those_below_them_are_used_no_more() {
    let mut v = victim();
    let spent = (11..).step_by(4);
    for stream in spent.clone().take(17) {
        spend(&mut v, stream);
    }
    for stream in spent.take(17) {
        assert_eq!(v.attack(&data(3, v.tsn, stream, 7, 53, b"late")), Err(Discard::ClosedChannel), "{stream}");
        v.tsn += 1;
    }
    // The peer may open a channel there all the same, or on one of them: its stream is reset, so it hears that there is none.
    for stream in [9, 11] {
        v.answers();
        assert_eq!(v.attack(&data(3, v.tsn, stream, 0, 50, &OPEN)), Err(Discard::NoChannel), "{stream}");
        v.tsn += 1;
        let asked: Vec<_> = v.answers().iter().flat_map(|p| chunks(p)).filter(|c| c.0 == RE_CONFIG).collect();
        let [(_, _, request)] = &asked[..] else { panic!("no request for {stream}") };
        assert_eq!((request[1], &request[16..18]), (13, &stream.to_be_bytes()[..]));
        v.attack(&reset_response(word(request, 4), 1)).expect("a response");
    }
    assert_eq!(events(&mut v.net.left), []);
    // Ids of the other parity are not concerned.
    let id = v.net.left.open(v.net.now, &ChannelConfig::default()).expect("a channel");
    assert_eq!(v.net.left.channel(id).and_then(|c| c.stream), Some(0));
}

#[test]
fn a_channel_that_was_refused_unheard_gives_back_its_place_and_its_memory() {
    let label = usize::from(config().label_room) + 1;
    for data_first in [true, false] {
        let mut v = victim();
        let (window, mut number) = (v.net.left.stats().receive_window, v.tsn);
        let places = config().max_channels;
        for round in 0..2 * places {
            let mut messages = [(50, open(label, 0)), (53, vec![1; 1_000])];
            if data_first {
                messages.reverse();
            }
            for (sequence, (protocol, message)) in messages.iter().enumerate() {
                v.attack(&data(3, v.tsn, 3, sequence as u16, *protocol, message)).expect("a place");
                v.tsn += 1;
            }
            v.attack(&reset_request(number, v.tsn - 1, &[3])).expect("a reset");
            number += 1;
            let asked = requests(&v.answers());
            v.attack(&reset_response(asked[0], 1)).expect("a response");
            assert_eq!(events(&mut v.net.left), [], "nobody has heard of it: {data_first} {round}");
            // Each drop under its reason.
            let told = (count(&v, Discard::LabelTooLong), count(&v, Discard::ClosedChannel));
            assert_eq!(told, (u32::from(round) + 1, u32::from(round) + 1), "{data_first}");
        }
        v.answers();
        assert_eq!(v.net.left.stats().receive_window, window, "{data_first}");
        for n in 0..places {
            v.attack(&data(3, v.tsn, 5 + 2 * n, 0, 50, &OPEN)).expect("a place");
            v.tsn += 1;
            assert!(matches!(events(&mut v.net.left)[..], [Event::ChannelOpened { .. }]), "{data_first} {n}");
        }
    }
}

#[test]
fn an_open_that_is_cut_off_when_it_was_refused_already_is_not_told_of() {
    let mut v = victim();
    let message = open(0xFFFF, 0);
    for (n, part) in message[..20_000].chunks(1_000).enumerate() {
        let _ = v.attack(&data(u8::from(n == 0) << 1, v.tsn, 3, 0, 50, part));
        v.tsn += 1;
    }
    assert_eq!(count(&v, Discard::LabelTooLong), 1);
    let asked = requests(&v.answers());
    v.attack(&reset_request(v.tsn - 20, v.tsn - 1, &[3])).expect("a reset");
    assert_eq!(events(&mut v.net.left), []);
    v.attack(&reset_response(asked[0], 1)).expect("a response");
    assert_eq!(events(&mut v.net.left), []);
}

#[test]
fn a_message_that_is_cut_off_on_a_closed_channel_is_not_told_of() {
    // The peer resets its stream in the middle, or gives the message up.
    for resets in [true, false] {
        let mut v = victim();
        let number = v.tsn;
        v.attack(&data(3, v.tsn, 1, 0, 50, &OPEN)).expect("OPEN");
        let [Event::ChannelOpened { id, .. }] = events(&mut v.net.left)[..] else { panic!("no channel") };
        let mut part = 0;
        while events(&mut v.net.left).is_empty() {
            v.tsn += 1;
            v.attack(&data(u8::from(part == 0) << 1, v.tsn, 1, 1, 53, &[0; 1_000])).expect("memory");
            part += 1;
        }
        v.answers();
        v.attack(&sack(v.victim_tsn, 9_000, &[])).expect("a SACK");
        v.net.left.close(v.net.now, id).expect("open");
        if !resets {
            let skipped = [&(v.tsn + 1).to_be_bytes()[..], &[0, 1, 0, 1]].concat();
            v.attack(&chunk(192, 0, &skipped)).expect("FORWARD-TSN");
            v.tsn += 1;
            assert_eq!(events(&mut v.net.left), []);
        }
        let asked = requests(&v.answers());
        v.attack(&reset_response(asked[0], 1)).expect("a response");
        v.attack(&reset_request(number, v.tsn, &[1])).expect("a reset");
        assert_eq!(events(&mut v.net.left), [Event::ChannelClosed(id)], "{resets}");
    }
}

#[test]
fn a_request_is_heard_behind_an_answer_that_is_old() {
    let mut v = victim();
    v.attack(&data(3, v.tsn, 1, 0, 50, &OPEN)).expect("OPEN");
    v.answers();
    // A Re-configuration Response to nothing, and an Outgoing SSN Reset Request behind it, in one chunk.
    let mut value = vec![0, 16, 0, 12];
    for word in [12_345, 1] {
        value.extend_from_slice(&u32::to_be_bytes(word));
    }
    value.extend_from_slice(&[0, 13, 0, 18]);
    for word in [v.tsn, 0, v.tsn] {
        value.extend_from_slice(&word.to_be_bytes());
    }
    value.extend_from_slice(&[0, 1]);
    assert_eq!(v.attack(&chunk(RE_CONFIG, 0, &value)), Err(Discard::BadReconfig));
    let answers: Vec<_> = v.answers().iter().flat_map(|p| chunks(p)).filter(|(kind, ..)| *kind == RE_CONFIG).collect();
    assert!(answers.iter().any(|(_, _, a)| a[1] == 16 && (word(a, 4), word(a, 8)) == (v.tsn, 1)), "{answers:?}");
    // A third parameter is one too many (RFC 6525 §3.1).
    let three = [&[0, 16, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1][..]; 3].concat();
    assert_eq!(v.attack(&chunk(RE_CONFIG, 0, &three)), Err(Discard::BadReconfig));
    assert_eq!((count(&v, Discard::BadReconfig), count(&v, Discard::Malformed)), (3, 1));
}

#[test]
fn a_label_longer_than_ours_closes_its_channel_and_no_other_waits_for_it() {
    let room = usize::from(config().label_room);
    // In one chunk: the longest that is taken, and one that is longer by a byte.
    let mut v = victim();
    v.attack(&data(3, v.tsn, 1, 0, 50, &open(room / 2, room - room / 2))).expect("OPEN");
    let _ = v.attack(&data(3, v.tsn.wrapping_add(1), 3, 0, 50, &open(room, 1)));
    assert_eq!((count(&v, Discard::LabelTooLong), count(&v, Discard::BadDcep)), (1, 0));
    let told = events(&mut v.net.left);
    assert_eq!(told.len(), 1, "only the first has ever been heard of: {told:?}");
    assert!(v.answers().iter().flat_map(|p| chunks(p)).any(|(kind, _, v)| kind == RE_CONFIG && v[1] == 13));
    // The longest that RFC 8832 allows, eight times what the receive buffer holds.
    let mut v = victim();
    let message = open(0xFFFF, 0xFFFF);
    let parts: Vec<&[u8]> = message.chunks(1_000).collect();
    let mut tsn = v.tsn;
    for (n, part) in parts.iter().enumerate() {
        let flags = u8::from(n == 0) << 1 | u8::from(n + 1 == parts.len());
        let _ = v.attack(&data(flags, tsn, 1, 0, 50, part));
        tsn = tsn.wrapping_add(1);
    }
    assert_eq!((count(&v, Discard::LabelTooLong), count(&v, Discard::NoMemory)), (1, 0));
    // What still came of it was counted with it.
    assert_eq!((count(&v, Discard::UnknownProtocol), count(&v, Discard::ClosedChannel)), (0, 0));
    v.attack(&data(3, tsn, 3, 0, 50, &OPEN)).expect("memory");
    let last = v.answers().iter().flat_map(|p| chunks(p)).rfind(|(kind, ..)| *kind == 3);
    assert_eq!(last.map(|(_, _, s)| word(&s, 0)), Some(tsn));
    assert!(matches!(events(&mut v.net.left)[..], [Event::ChannelOpened { .. }]));
}

#[test]
fn all_causes_of_an_error_are_looked_at() {
    let mut v = victim();
    for causes in [&[][..], &[0, 6, 0, 8, 1, 0, 0, 4], &[0, 13, 0, 4, 0, 6, 0, 4]] {
        assert_eq!(v.attack(&chunk(ERROR, 0, causes)), Err(Discard::PeerError));
    }
    assert_eq!(v.attack(&chunk(ERROR, 0, &[0, 13, 0, 4, 0, 6, 0, 3])), Err(Discard::Malformed));
    // A stale cookie behind another cause asks for a new one (RFC 9260 §5.2.6).
    let (mut a, _) = association(config(), 3);
    let now = barertc_wire::Instant::from_millis(1);
    a.connect(now);
    let mut room = [0; 1_500];
    let len = a.poll_transmit(now, &mut room).expect("INIT");
    let tag = word(&room[..len], 16);
    let say = |a: &mut crate::support::Assoc, all: &[u8]| {
        let mut p = vec![0x13, 0x88, 0x13, 0x88];
        p.extend(tag.to_be_bytes());
        p.extend([0; 4]);
        p.extend(all);
        packet::seal(&mut p);
        a.handle(now, &mut p)
    };
    let mut init = vec![0, 0, 0, 9, 0, 1, 0, 0, 0, 9, 0, 9, 0, 0, 0, 1];
    init.extend([0, 7, 0, 8, 1, 2, 3, 4]);
    // RFC 9260 §6.10: INIT ACK comes alone.
    let both = [chunk(INIT_ACK, 0, &init), chunk(ERROR, 0, &[0, 6, 0, 4])].concat();
    assert_eq!(say(&mut a, &both), Err(Discard::BadInit));
    say(&mut a, &chunk(INIT_ACK, 0, &init)).expect("INIT ACK");
    assert!(a.poll_transmit(now, &mut room).is_some(), "COOKIE ECHO");
    let _ = say(&mut a, &chunk(ERROR, 0, &[0, 6, 0, 4, 0, 3, 0, 8, 0, 0, 0, 1]));
    let len = a.poll_transmit(now, &mut room).expect("INIT again");
    assert_eq!(chunks(&room[..len])[0].0, 1);
}

#[test]
fn a_forward_tsn_that_is_old_is_answered_and_counted() {
    let mut v = victim();
    let old = v.tsn.wrapping_sub(5).to_be_bytes();
    assert_eq!(v.attack(&chunk(192, 0, &old)), Err(Discard::Duplicate));
    let acked = v.answers().iter().flat_map(|p| chunks(p)).find(|(kind, ..)| *kind == 3).map(|(_, _, s)| word(&s, 0));
    assert_eq!(acked, Some(v.tsn.wrapping_sub(1)));
    // Further ahead than is tracked.
    let far = v.tsn.wrapping_add(1 << 20).to_be_bytes();
    assert_eq!(v.attack(&chunk(192, 0, &far)), Err(Discard::BeyondWindow));
}

#[test]
fn what_makes_room_for_earlier_data_is_counted() {
    let mut v = victim();
    v.attack(&data(3, v.tsn, 1, 0, 50, &OPEN)).expect("OPEN");
    // Everything but the next four chunks, until nothing more fits.
    let mut n = 5;
    while v.attack(&data(3, v.tsn.wrapping_add(n), 1, n as u16, 53, &[7; 900])).is_ok() {
        n += 1;
    }
    assert_eq!(count(&v, Discard::NoMemory), 1);
    for n in 1..5 {
        v.attack(&data(3, v.tsn.wrapping_add(n), 1, n as u16, 53, &[8; 1_100])).expect("it closes a gap");
    }
    // What was there gave way, and the peer is told that it has not arrived.
    assert!(count(&v, Discard::NoMemory) > 1);
}

#[test]
fn messages_are_read_after_a_channel_was_closed_and_opened_again() {
    // With resets a stream id is free again; this is what the first test takes away.
    let mut net = pair([config(), config()], Link { delay: Duration::ZERO, ..Link::default() }, 4);
    assert!(net.run_until(Duration::from_secs(1), |n| n.left.is_established() && n.right.is_established()));
    for _ in 0..3 {
        let id = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
        net.left.write(net.now, id, MessageKind::Binary, b"x").expect("room");
        assert_eq!(net.left.channel(id).and_then(|c| c.stream), Some(0));
        net.left.close(net.now, id).expect("open");
        let mut closed = false;
        assert!(net.run_until(Duration::from_secs(5), |net| {
            let now = net.now;
            while let Some(event) = net.right.poll_event() {
                if let Event::Readable(id) = event {
                    let _ = net.right.read(now, id, &mut [0; 8]);
                }
            }
            closed |= events(&mut net.left).contains(&Event::ChannelClosed(id));
            closed
        }));
    }
}
