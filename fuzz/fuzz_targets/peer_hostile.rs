//! A whole connection whose peer has the right keys and passwords: what it does is a list of actions. Nothing panics, memory
//! stays within `worst_case_bytes`, no datagram is longer than the MTU, and every byte comes back at the end.
#![no_main]

#[path = "../../crates/peer/tests/it/hostile.rs"]
mod hostile;
#[path = "../../crates/peer/tests/it/support.rs"]
mod support;

use core::time::Duration;
use std::sync::OnceLock;

use barertc::{MessageKind, Route, sdp};
use barertc_crypto::selftest::Predictable;
use hostile::Hostile;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use support::{Connection, Identities, Side, arena, audio, receiving, recv_tracks, send_tracks, video};

/// What one of the two does.
#[derive(Arbitrary, Debug)]
enum Action<'a> {
    /// Chunks of SCTP, each a type, flags and a value.
    Chunks(Vec<(u8, u8, &'a [u8])>),
    /// Bytes in a DTLS record.
    Record(&'a [u8]),
    /// Bytes as RTCP.
    Rtcp(&'a [u8]),
    /// An RTCP packet with its header: type, count and body; about a source of the victim's, or another.
    Report {
        kind: u8,
        count: u8,
        of: u8,
        body: &'a [u8],
    },
    /// A packet of a source of ours: which, its payload type, steps of sequence number and time.
    Rtp {
        of: u8,
        payload: u8,
        marker: bool,
        step: i16,
        time: i16,
        body: &'a [u8],
    },
    /// Bytes without any protection, from an address of the hostile peer's or another.
    Raw(u8, &'a [u8]),
    /// A check, from an address.
    Check(u8),
    /// The last datagram but so many, once more.
    Again(u8),
    /// An offer with a line replaced.
    Offer(u8, &'a str),
    /// Milliseconds pass.
    Wait(u8),
    /// The victim sends a frame, or a message.
    Frame(bool),
    Message(&'a [u8]),
}

fn ids() -> &'static Identities {
    static IDS: OnceLock<Identities> = OnceLock::new();
    IDS.get_or_init(Identities::new)
}

/// The text with its `n`th line replaced.
fn with_line(text: &str, n: u8, line: &str) -> String {
    let count = text.lines().count().max(1);
    let at = usize::from(n) % count;
    text.lines().enumerate().map(|(i, old)| format!("{}\r\n", if i == at { line } else { old })).collect()
}

fuzz_target!(|actions: Vec<Action<'_>>| {
    let (memory, others, frames) = (arena(0), arena(0), arena(0));
    {
        let config = receiving();
        let mut victim = Side::new(1, config.clone(), &ids().0[0], &memory, 1).expect("memory");
        let mut scribe = Side::new(2, config, &ids().0[1], &others, 2).expect("memory");
        let tracks = send_tracks(&mut victim).expect("room");
        recv_tracks(&mut victim).expect("room");
        let channel = victim.open("data").expect("room");
        send_tracks(&mut scribe).expect("room");
        recv_tracks(&mut scribe).expect("room");
        scribe.add_data().expect("room");
        let mut now = victim.now;
        let offer = victim.offer().expect("an offer");
        let answer = scribe.answer(now, &offer).expect("an answer");
        let sources = |text: &str| -> Vec<u32> {
            let session = sdp::Session::parse(text).expect("ours");
            session.media().flat_map(|m| m.ssrcs().iter().map(|s| s.ssrc).collect::<Vec<_>>()).collect()
        };
        let (theirs, ours) = (sources(&offer), sources(&answer));
        let of = |list: &[u32], n: u8| list.get(usize::from(n) % list.len().max(1)).copied().unwrap_or(7);
        let addresses = [scribe.address, victim.address];
        let (mut hostile, answer) =
            Hostile::new(addresses, &ids().0[1], &offer, &answer, now, &mut Predictable::new(9));
        victim.answered(now, &answer).expect("they agree");
        let mut room = [0; 2_048];
        let mut last: Vec<Vec<u8>> = Vec::new();
        let (mut sequence, mut timestamp, mut n) = ([1u16; 8], [1u32; 8], 0u64);
        let mut elsewhere = scribe.address;

        // A step of the clock: what both want to say is said.
        macro_rules! tick {
            () => {
                now += Duration::from_millis(1);
                victim.now = now;
                victim.connection.handle_timeout(now);
                victim.fetch(now);
                for _ in 0..200 {
                    let Some(transmit) = victim.connection.poll_transmit(now, &mut room) else { break };
                    assert!(transmit.len <= 1_200, "{} bytes", transmit.len);
                    if transmit.route.remote == hostile.address {
                        hostile.handle(now, &mut room[..transmit.len]);
                    }
                }
                for mut datagram in hostile.poll(now) {
                    let _ = victim.connection.handle(now, Route::udp(victim.address, scribe.address), &mut datagram);
                }
                victim.fetch(now);
            };
        }
        for _ in 0..400 {
            if hostile.is_ready() {
                break;
            }
            tick!();
        }
        for action in actions.into_iter().take(64) {
            n += 1;
            let mut from = scribe.address;
            let datagram = match action {
                Action::Chunks(list) => {
                    let mut chunks = Vec::new();
                    for (kind, flags, value) in list.into_iter().take(20) {
                        let value = &value[..value.len().min(900)];
                        chunks.extend([kind, flags]);
                        chunks.extend(u16::try_from(value.len() + 4).expect("short").to_be_bytes());
                        chunks.extend(value);
                        chunks.resize(chunks.len().next_multiple_of(4), 0);
                    }
                    chunks.truncate(1_100);
                    hostile.sctp(now, &chunks)
                }
                Action::Record(bytes) => hostile.seal(now, &bytes[..bytes.len().min(1_100)]),
                Action::Rtcp(bytes) => hostile.rtcp_bytes(&bytes[..bytes.len().min(1_100)]),
                Action::Report { kind, count, of: source, body } => {
                    let body = &body[..body.len().min(1_000)];
                    let mut packet = vec![0x80 | (count & 0x1F), 192 + kind % 32, 0, 0];
                    packet.extend(of(&ours, source).to_be_bytes());
                    packet.extend(of(&theirs, source).to_be_bytes());
                    packet.extend(body);
                    packet.resize(packet.len().next_multiple_of(4), 0);
                    let words = u16::try_from(packet.len() / 4 - 1).expect("short").to_be_bytes();
                    packet[2..4].copy_from_slice(&words);
                    hostile.rtcp_bytes(&packet)
                }
                Action::Rtp { of: source, payload, marker, step, time, body } => {
                    let at = usize::from(source % 8);
                    sequence[at] = sequence[at].wrapping_add_signed(step);
                    timestamp[at] = timestamp[at].wrapping_add_signed(time.into());
                    let payload = [102, 103, 118, 111, 63, payload & 0x7F][usize::from(payload % 6)];
                    let mut packet = vec![0x80, payload | if marker { 0x80 } else { 0 }];
                    packet.extend(sequence[at].to_be_bytes());
                    packet.extend(timestamp[at].to_be_bytes());
                    packet.extend(of(&ours, source).to_be_bytes());
                    packet.extend(&body[..body.len().min(1_000)]);
                    hostile.rtp_bytes(&packet)
                }
                Action::Raw(address, bytes) => {
                    elsewhere.set_port(4_000 + u16::from(address & 3));
                    from = elsewhere;
                    Some(bytes[..bytes.len().min(1_500)].to_vec())
                }
                Action::Check(address) => {
                    elsewhere.set_port(4_000 + u16::from(address & 15));
                    from = elsewhere;
                    Some(hostile.check())
                }
                Action::Again(back) => last.iter().rev().nth(back.into()).cloned(),
                Action::Offer(line, text) => {
                    if let Ok(offer) = scribe.offer() {
                        let offer = with_line(&hostile.sign(&offer), line, text.lines().next().unwrap_or_default());
                        let answered = victim.answer(now, &offer);
                        if let Ok(answer) = &answered {
                            sdp::Session::parse(answer).expect("an answer of ours is one");
                        }
                        let _ = scribe.connection.rollback(now);
                    }
                    None
                }
                Action::Wait(millis) => {
                    for _ in 0..millis {
                        tick!();
                    }
                    None
                }
                Action::Frame(key) => {
                    let at = (n * 33) as u32;
                    if let (Ok(picture), Ok(sound)) = (video(&frames, key, 3_000, at), audio(&frames, 160, at)) {
                        let _ = victim.connection.send_frame(now, tracks[0], &picture);
                        let _ = victim.connection.send_frame(now, tracks[1], &sound);
                    }
                    None
                }
                Action::Message(bytes) => {
                    let _ = victim.connection.write_channel(now, channel, MessageKind::Binary, bytes);
                    None
                }
            };
            if let Some(mut datagram) = datagram {
                last.push(datagram.clone());
                let _ = victim.connection.handle(now, Route::udp(victim.address, from), &mut datagram);
            }
            tick!();
            let (peak, bound) = (memory.inner().stats().peak, Connection::worst_case_bytes(&receiving()));
            assert!(peak <= bound, "{peak} bytes of {bound}");
        }
    }
    assert_eq!(memory.inner().stats().live, 0, "bytes that did not come back");
});
