//! Closing channels behind data (RFC 6525), also with peers that put a reset off.

use std::time::Duration;

use barertc_sctp::{ChannelConfig, Config, Event, MessageKind};

use crate::support::raw::{OPEN, chunks, data, reset_request, reset_response, sack, victim, word};
use crate::support::{Link, events, pair};

const MS: Duration = Duration::from_millis(1);
const RE_CONFIG: u8 = 130;

/// The requests in the packets: number and last TSN.
fn requests(packets: &[Vec<u8>]) -> Vec<(u32, u32)> {
    let all = packets.iter().flat_map(|p| chunks(p));
    all.filter(|(kind, _, v)| *kind == RE_CONFIG && v[1] == 13).map(|(_, _, v)| (word(&v, 4), word(&v, 12))).collect()
}

/// The responses: number and result.
fn responses(packets: &[Vec<u8>]) -> Vec<(u32, u32)> {
    let all = packets.iter().flat_map(|p| chunks(p));
    all.filter(|(kind, _, v)| *kind == RE_CONFIG && v[1] == 16).map(|(_, _, v)| (word(&v, 4), word(&v, 8))).collect()
}

#[test]
fn twelve_messages_and_a_close_arrive_whatever_overtakes_what() {
    for seed in 0..30 {
        for from_left in [true, false] {
            let link = Link { delay: MS, jitter: MS * 3, ..Link::default() };
            let net = &mut pair([Config::new(), Config::new()], link, seed);
            let id = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
            let (mut there, mut closed) = (None, [false; 2]);
            assert!(net.run_until(MS * 1_000, |net| {
                there = there.or(events(&mut net.right).into_iter().find_map(|e| match e {
                    Event::ChannelOpened { id, .. } => Some(id),
                    _ => None,
                }));
                there.is_some()
            }));
            let there = there.expect("opened");
            let now = net.now;
            let (end, name) = if from_left { (&mut net.left, id) } else { (&mut net.right, there) };
            for n in 0..12 {
                end.write(now, name, MessageKind::Binary, &[n; 1_000]).expect("room");
            }
            end.close(now, name).expect("open");
            let mut arrived = 0;
            let done = net.run_until(MS * 5_000, |net| {
                let mut room = [0; 2_000];
                let now = net.now;
                for (side, end) in [&mut net.left, &mut net.right].into_iter().enumerate() {
                    while let Some(event) = end.poll_event() {
                        match event {
                            Event::Readable(id) => {
                                while end.read(now, id, &mut room).is_ok_and(|r| r.len == 1_000) {
                                    arrived += 1;
                                }
                            }
                            Event::ChannelClosed(_) => closed[side] = true,
                            _ => {}
                        }
                    }
                }
                closed == [true; 2]
            });
            assert!(done && arrived == 12, "seed {seed}: {arrived} arrived, closed {closed:?}");
        }
    }
}

#[test]
fn a_reset_is_asked_for_when_everything_on_the_stream_is_acknowledged() {
    let mut v = victim();
    let id = v.net.left.open(v.net.now, &ChannelConfig::default()).expect("a channel");
    let other = v.net.left.open(v.net.now, &ChannelConfig::default()).expect("a channel");
    let first = v.victim_tsn;
    assert!(!v.answers().is_empty(), "both OPEN");
    v.net.left.write(v.net.now, id, MessageKind::Binary, &[1; 500]).expect("room");
    v.net.left.write(v.net.now, other, MessageKind::Binary, &[2; 500]).expect("room");
    v.net.left.close(v.net.now, id).expect("open");
    assert_eq!(requests(&v.answers()), [], "nothing is acknowledged");
    v.attack(&sack(first.wrapping_add(1), 10_000, &[])).expect("the OPENs");
    assert_eq!(requests(&v.answers()), []);
    // The message in a gap block: what a gap block names may still be dropped by the peer.
    v.attack(&sack(first.wrapping_add(1), 10_000, &[(2, 2)])).expect("the other message");
    assert_eq!(requests(&v.answers()), []);
    v.attack(&sack(first.wrapping_add(2), 10_000, &[])).expect("the message");
    let asked = requests(&v.answers());
    assert_eq!(asked, [(first, first.wrapping_add(2))], "the other channel's message is not waited for");
}

#[test]
fn in_progress_is_asked_again_and_then_under_the_next_number() {
    let mut v = victim();
    let id = v.net.left.open(v.net.now, &ChannelConfig::default()).expect("a channel");
    let first = v.victim_tsn;
    v.answers();
    v.attack(&sack(first, 10_000, &[])).expect("OPEN is acknowledged");
    v.net.left.close(v.net.now, id).expect("open");
    let mut numbers = vec![];
    for _ in 0..40 {
        let Some((number, _)) = requests(&v.answers()).first().copied() else {
            v.net.now = v.net.left.timeout().expect("a timer").max(v.net.now);
            v.net.left.handle_timeout(v.net.now);
            continue;
        };
        numbers.push(number);
        // As libwebrtc until 2024: a repetition is answered with what was said before, a new number is looked at.
        let result = if number == first { 6 } else { 1 };
        v.attack(&reset_response(number, result)).expect("in step");
        if result == 1 {
            break;
        }
    }
    assert_eq!(numbers, [first, first, first.wrapping_add(1)]);
    v.attack(&reset_request(v.tsn, v.tsn.wrapping_sub(1), &[0])).expect("the peer's side");
    assert_eq!(events(&mut v.net.left).last(), Some(&Event::ChannelClosed(id)));
}

#[test]
fn a_reset_before_its_data_is_done_when_the_data_has_come() {
    for asks_again in [None, Some(0u32), Some(1)] {
        let mut v = victim();
        v.attack(&data(3, v.tsn, 1, 0, 50, &OPEN)).expect("OPEN");
        let last = v.tsn.wrapping_add(2);
        v.attack(&reset_request(v.tsn, last, &[1])).expect("in step");
        assert_eq!(responses(&v.answers()), [(v.tsn, 6)], "in progress");
        v.attack(&data(3, v.tsn.wrapping_add(1), 1, 1, 53, b"one")).expect("data");
        let mut number = v.tsn;
        if let Some(next) = asks_again {
            number = number.wrapping_add(next);
            v.attack(&reset_request(number, last, &[1])).expect("the same number or the next");
            assert_eq!(responses(&v.answers()), [(number, 6)]);
        }
        v.attack(&data(3, last, 1, 2, 53, b"two")).expect("data");
        assert_eq!(responses(&v.answers()), [(number, 1)], "performed, without being asked again");
        let id = events(&mut v.net.left)
            .into_iter()
            .find_map(|e| if let Event::ChannelOpened { id, .. } = e { Some(id) } else { None })
            .expect("opened");
        let mut room = [0; 8];
        let mut read = |v: &mut crate::support::raw::Victim| {
            let n = v.net.left.read(v.net.now, id, &mut room).expect("a message").len;
            room[..n].to_vec()
        };
        assert_eq!((read(&mut v), read(&mut v)), (b"one".to_vec(), b"two".to_vec()));
        // And once more, for the answer may have been lost.
        v.attack(&reset_request(number, last, &[1])).expect("a repetition");
        assert_eq!(responses(&v.answers()), [(number, 1)]);
    }
}

#[test]
fn requests_out_of_step_are_refused() {
    let mut v = victim();
    for number in [v.tsn.wrapping_add(1), v.tsn.wrapping_sub(2), v.tsn.wrapping_add(1 << 31)] {
        assert!(v.attack(&reset_request(number, v.tsn.wrapping_sub(1), &[1])).is_err());
        assert_eq!(responses(&v.answers()), [(number, 5)]);
    }
}
