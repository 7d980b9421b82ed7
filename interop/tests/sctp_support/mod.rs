//! What every other SCTP must do with ours: scenarios over the simulated network of the crate's own tests.
#![allow(dead_code, missing_docs)]

#[path = "../../../crates/sctp/tests/it/support/mod.rs"]
mod support;

use std::collections::VecDeque;
use std::time::Duration;

use barertc_sctp::{ChannelConfig, ChannelId, Config, Congestion, Error, Event, MessageKind, Reliability, Role};
use barertc_wire::Instant;
pub use support::{Assoc, Link, Net, Peer, Rng, association, events, message, read_all};

/// Payload protocols (RFC 8831 section 8).
pub const DCEP: u32 = 50;
pub const STRING: u32 = 51;
pub const BINARY: u32 = 53;
pub const STRING_EMPTY: u32 = 56;
pub const BINARY_EMPTY: u32 = 57;

/// How the other stack shall send a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    pub unordered: bool,
    pub retransmits: Option<u16>,
}

/// A message of the other stack: stream, payload protocol, bytes.
pub type Message = (u16, u32, Vec<u8>);

/// Another implementation of SCTP.
pub trait Stack: Peer {
    fn connect(&mut self, now: Instant);
    /// Waits for the other side to connect, where that must be told.
    fn listen(&mut self) {}
    fn is_up(&self) -> bool;
    fn is_closed(&self) -> bool;
    /// Why the association was lost, if it was.
    fn failed(&self) -> Option<String>;
    fn interleaves(&self) -> bool;
    /// Takes the whole message, or none of it.
    fn send(&mut self, now: Instant, stream: u16, protocol: u32, payload: &[u8], how: How) -> bool;
    fn receive(&mut self) -> Option<Message>;
    fn reset(&mut self, stream: u16);
    /// Streams that were reset since the last call: the peer's and its own.
    fn take_resets(&mut self) -> (Vec<u16>, Vec<u16>);
    fn shutdown(&mut self);
    /// Ends at once; false where the stack keeps that to itself.
    fn abort(&mut self) -> bool;
}

pub type Bench<S> = Net<Assoc, S>;

pub fn bench<S: Stack>(config: Config, peer: S, link: Link, seed: u64) -> Bench<S> {
    let (left, _) = association(config, seed);
    let mut net = Net::new(left, peer, link, seed);
    net.left.set_role(net.now, Role::Client);
    net
}

/// A tenth lost, some twice, and in whatever order.
pub fn lossy() -> Link {
    Link { loss: 100, jitter: Duration::from_millis(5), duplicate: 10, ..Link::default() }
}

/// Buffers that hold messages of 256 KB whole, and the congestion control of a `PeerConnection`.
pub fn roomy() -> Config {
    let mut config = Config::with_buffers(400 << 10, 400 << 10);
    config.congestion = Congestion::Paced;
    config
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Who {
    Us,
    Them,
    Both,
}

pub fn connect<S: Stack>(net: &mut Bench<S>, who: Who) {
    if who != Who::Them {
        net.left.connect(net.now);
    }
    if who == Who::Us {
        net.right.listen();
    } else {
        net.right.connect(net.now);
    }
    let up = net.run_until(Duration::from_secs(60), |n| n.left.is_established() && n.right.is_up());
    assert!(up, "{who:?}: {} {:?} {:?}", net.right.is_up(), net.right.failed(), net.left.discards());
    assert!(events(&mut net.left).contains(&Event::Connected));
    assert_eq!(net.left.is_interleaving(), net.right.interleaves());
}

/// Opens a channel from our side, has every message sent back by the peer and compares; unreliable ones may be missing.
pub fn echo<S: Stack>(net: &mut Bench<S>, channel: &ChannelConfig<'_>, lengths: &[usize]) -> ChannelId {
    let id = net.left.open(net.now, channel).expect("a channel");
    let how = How { unordered: !channel.ordered, retransmits: None };
    let (mut sent, mut opened, mut got) = (0, false, vec![]);
    let mut back = VecDeque::new();
    let (mut seen, mut part) = (vec![], vec![]);
    let reliable = channel.reliability == Reliability::Reliable;
    let deadline = net.now + Duration::from_secs(if reliable { 300 } else { 20 });
    let done = net.run_until(Duration::from_secs(400), |net| {
        while opened && sent < lengths.len() {
            match net.left.write(net.now, id, MessageKind::Binary, &message(1, sent as u64, lengths[sent])) {
                Ok(()) => sent += 1,
                Err(Error::WouldBlock) => break,
                Err(e) => panic!("{e}"),
            }
        }
        while let Some((stream, protocol, payload)) = net.right.receive() {
            assert_eq!(stream, 0);
            if protocol == DCEP {
                assert_eq!(payload[0], 3, "OPEN");
                assert!(net.right.send(net.now, stream, DCEP, &[2], How::default()));
            } else {
                assert_eq!(protocol, BINARY);
                let n = u32::from_be_bytes(*payload.first_chunk().expect("four bytes"));
                assert!(payload == message(1, u64::from(n), lengths[n as usize]), "message {n} changed");
                seen.push(n);
                back.push_back(payload);
            }
        }
        while let Some(payload) = back.front() {
            if !net.right.send(net.now, 0, BINARY, payload, how) {
                break;
            }
            back.pop_front();
        }
        while let Some(event) = net.left.poll_event() {
            match event {
                Event::ChannelOpened { from_peer: false, .. } => opened = true,
                Event::Readable(on) => {
                    let mut room = [0; 4_096];
                    while let Ok(read) = net.left.read(net.now, on, &mut room) {
                        part.extend_from_slice(&room[..read.len]);
                        if !read.end_of_message {
                            continue;
                        }
                        let (bytes, kind) = (std::mem::take(&mut part), read.kind);
                        let n = u32::from_be_bytes(*bytes.first_chunk().expect("four bytes"));
                        assert!(kind == MessageKind::Binary && bytes == message(1, u64::from(n), lengths[n as usize]));
                        got.push(n);
                    }
                }
                Event::Writable(_) | Event::BufferedAmountLow(_) | Event::Connected => {}
                other => panic!("{other:?} {:?}", net.right.failed()),
            }
        }
        assert_eq!(net.right.failed(), None);
        got.len() == lengths.len() || (!reliable && net.now >= deadline)
    });
    assert!(done, "{} of {} came back, {} sent {} seen", got.len(), lengths.len(), sent, seen.len());
    if channel.ordered {
        assert!(got.is_sorted());
    }
    got.sort_unstable();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(got, seen, "what the peer got came back once");
    if !reliable {
        assert!(got.len() > lengths.len() / 4, "only {} of {}", got.len(), lengths.len());
    }
    id
}

/// Every channel type, echoed, with a tenth of the packets lost.
pub fn all_channel_types_under_loss<S: Stack>(peer: impl Fn() -> S) {
    let lengths: Vec<usize> = (0..30).map(|i| [10, 1_000, 5_000][i % 3]).collect();
    for ordered in [true, false] {
        for reliability in [Reliability::Reliable, Reliability::MaxRetransmits(1), Reliability::MaxLifetime(200)] {
            let net = &mut bench(roomy(), peer(), lossy(), 7);
            connect(net, Who::Both);
            let channel = ChannelConfig { label: "all", ordered, reliability, ..ChannelConfig::default() };
            echo(net, &channel, &lengths);
        }
    }
}

/// The peer's messages on a channel that allows one retransmission: what comes is right, in order, and once.
pub fn unreliable_messages_of_the_peer<S: Stack>(peer: impl Fn() -> S) {
    for unordered in [false, true] {
        let net = &mut bench(roomy(), peer(), lossy(), 11);
        connect(net, Who::Both);
        let id =
            net.left.open(net.now, &ChannelConfig { negotiated: Some(4), ..Default::default() }).expect("a channel");
        let how = How { unordered, retransmits: Some(0) };
        let (mut next, mut got) = (0u64, vec![]);
        let end = net.now + Duration::from_secs(20);
        net.run_until(Duration::from_secs(20), |net| {
            while next < 200 && net.right.send(net.now, 4, BINARY, &message(2, next, 3_000), how) {
                next += 1;
            }
            while let Some((bytes, _)) = read_all(&mut net.left, net.now, id) {
                let n = u32::from_be_bytes(*bytes.first_chunk().expect("four bytes"));
                assert!(bytes == message(2, u64::from(n), 3_000));
                got.push(n);
            }
            net.now >= end
        });
        assert_eq!((next, net.right.failed()), (200, None));
        assert!(got.len() > 50 && got.len() < 200, "{} of 200 without retransmissions", got.len());
        assert!(unordered || got.is_sorted());
        got.sort_unstable();
        assert!(got.windows(2).all(|w| w[0] < w[1]), "each at most once");
    }
}

/// 256 KB, whole, through buffers of 32 KiB, and through those of a small device.
pub fn large_messages_whole_and_in_pieces<S: Stack>(peer: impl Fn() -> S) {
    {
        let net = &mut bench(roomy(), peer(), lossy(), 3);
        connect(net, Who::Both);
        echo(net, &ChannelConfig::default(), &[256 << 10; 4]);
    }
    for config in [Config::with_buffers(32 << 10, 32 << 10), Config::small()] {
        let net = &mut bench(config, peer(), lossy(), 4);
        connect(net, Who::Both);
        in_pieces(net, 256 << 10);
    }
}

fn in_pieces<S: Stack>(net: &mut Bench<S>, len: usize) {
    let id = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
    let want = message(1, 0, len);
    let (mut at, mut begun, mut back) = (0, false, None);
    let mut got = vec![];
    let done = net.run_until(Duration::from_secs(300), |net| {
        let mut ended = false;
        if !begun && net.left.begin(net.now, id, MessageKind::Binary).is_ok() {
            begun = true;
        }
        while begun && at < len {
            match net.left.append(net.now, id, &want[at..]) {
                Ok(n) => at += n,
                Err(Error::WouldBlock) => break,
                Err(e) => panic!("{e}"),
            }
            if at == len {
                net.left.finish(net.now, id).expect("a message");
            }
        }
        while let Some((_, protocol, payload)) = net.right.receive() {
            if protocol != DCEP {
                assert!(payload == want);
                back = Some(payload);
            }
        }
        if let Some(payload) = back.take()
            && !net.right.send(net.now, 0, BINARY, &payload, How::default())
        {
            back = Some(payload);
        }
        while let Some(event) = net.left.poll_event() {
            if let Event::Readable(id) = event {
                let mut room = [0; 3_000];
                while let Ok(read) = net.left.read(net.now, id, &mut room) {
                    got.extend_from_slice(&room[..read.len]);
                    ended |= read.end_of_message;
                }
            }
        }
        ended
    });
    assert!(done && got == want, "{} of {len} at {at}", got.len());
}

/// Text, bytes, and messages without any, both ways.
pub fn text_binary_and_empty<S: Stack>(peer: S) {
    let net = &mut bench(Config::default(), peer, Link::default(), 1);
    connect(net, Who::Both);
    let id = net.left.open(net.now, &ChannelConfig { negotiated: Some(6), ..Default::default() }).expect("a channel");
    assert!(net.run_until(Duration::from_secs(1), |n| n.left.write(n.now, id, MessageKind::Text, b"").is_ok()));
    for (kind, text) in [(MessageKind::Text, &b"text"[..]), (MessageKind::Binary, b"bytes"), (MessageKind::Binary, b"")]
    {
        net.left.write(net.now, id, kind, text).expect("room");
    }
    let mut got = vec![];
    net.run_until(Duration::from_secs(2), |net| {
        got.extend(net.right.receive());
        got.len() == 4
    });
    let want = [
        (6, STRING_EMPTY, vec![0]),
        (6, STRING, b"text".to_vec()),
        (6, BINARY, b"bytes".to_vec()),
        (6, BINARY_EMPTY, vec![0]),
    ];
    assert_eq!(got, want);
    for (_, protocol, payload) in want {
        assert!(net.right.send(net.now, 6, protocol, &payload, How::default()));
    }
    let mut got = vec![];
    net.run_until(Duration::from_secs(2), |net| {
        while let Some(m) = read_all(&mut net.left, net.now, id) {
            got.push(m);
        }
        got.len() == 4
    });
    let want = [
        (&b""[..], MessageKind::Text),
        (b"text", MessageKind::Text),
        (b"bytes", MessageKind::Binary),
        (b"", MessageKind::Binary),
    ];
    assert!(got.iter().map(|(b, k)| (&b[..], *k)).eq(want));
}

/// A channel that the peer opens, closed by each side in turn; its stream is used again every time.
pub fn channels_of_the_peer_and_resets_from_both_sides<S: Stack>(peer: impl Fn() -> S) {
    for link in [Link::default(), lossy()] {
        let net = &mut bench(Config::default(), peer(), link, 5);
        connect(net, Who::Both);
        for round in 0..6 {
            // The peer (DTLS server) opens stream 1: unordered, two retransmissions, label and protocol.
            let mut open = vec![3, 0x81, 1, 0, 0, 0, 0, 2, 0, 5, 0, 3];
            open.extend_from_slice(b"labelpro");
            let mut sent = false;
            let mut opened = None;
            let mut heard = false;
            let up = net.run_until(Duration::from_secs(60), |n| {
                // While a reset is under way a stack may refuse.
                sent = sent || n.right.send(n.now, 1, DCEP, &open, How::default());
                for e in events(&mut n.left) {
                    if let Event::ChannelOpened { id, from_peer: true } = e {
                        opened = Some(id);
                    }
                }
                heard |= n.right.receive().is_some_and(|m| m == (1, DCEP, vec![2]));
                opened.is_some() && heard
            });
            assert!(up, "{round}: {sent} {opened:?} {heard}");
            let id = opened.expect("opened");
            let info = net.left.channel(id).expect("known");
            assert_eq!((info.label, info.protocol, info.ordered, info.stream), ("label", "pro", false, Some(1)));
            assert_eq!(info.reliability, Reliability::MaxRetransmits(2));
            if round % 2 == 0 {
                net.left.close(net.now, id).expect("a channel");
            } else {
                net.right.reset(1);
            }
            let (mut closed, mut reset_in, mut reset_out) = (false, vec![], vec![]);
            let done = net.run_until(Duration::from_secs(60), |n| {
                closed |= events(&mut n.left).contains(&Event::ChannelClosed(id));
                let (a, b) = n.right.take_resets();
                // A data channel is closed both ways (RFC 8831 section 6.7).
                if round % 2 == 0 && !a.is_empty() && b.is_empty() && reset_out.is_empty() {
                    n.right.reset(1);
                }
                reset_in.extend(a);
                reset_out.extend(b);
                closed && reset_in == [1] && reset_out == [1]
            });
            assert!(done, "{round}: {closed} {reset_in:?} {reset_out:?}");
            assert_eq!(net.left.channel(id), None);
        }
    }
}

pub fn shutdown_and_abort_from_either_side<S: Stack>(peer: impl Fn() -> S, links: &[Link]) {
    for link in links {
        for ours in [true, false] {
            let net = &mut bench(Config::default(), peer(), link.clone(), 2);
            connect(net, Who::Both);
            if ours {
                net.left.shutdown(net.now);
            } else {
                net.right.shutdown();
            }
            // A lost SHUTDOWN COMPLETE is never repeated by the peer, so that our end waits for its time-outs.
            let over = net.run_until(Duration::from_secs(300), |n| n.left.is_over() && n.right.is_closed());
            assert!(over, "{} {}", net.left.is_over(), net.right.is_closed());
            assert_eq!(events(&mut net.left).last(), Some(&Event::Closed));
        }
    }
    {
        let net = &mut bench(Config::default(), peer(), Link::default(), 2);
        connect(net, Who::Both);
        assert!(!net.right.abort() || net.run_until(Duration::from_secs(1), |n| n.left.is_over()));
    }
    let net = &mut bench(Config::default(), peer(), Link::default(), 2);
    connect(net, Who::Both);
    net.left.abort(net.now);
    assert!(net.run_until(Duration::from_secs(1), |n| n.right.is_closed()));
}

/// FNV-1a over 64-bit words: order and content.
fn digest(mut d: u64, bytes: &[u8]) -> u64 {
    for word in bytes.chunks(8) {
        let mut w = [0; 8];
        w[..word.len()].copy_from_slice(word);
        d = (d ^ u64::from_le_bytes(w)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    d
}

/// Bytes for [`digest_of_a_long_transfer`]: `SCTP_BYTES`, or four megabytes.
pub fn long() -> usize {
    std::env::var("SCTP_BYTES").map_or(4_000_000, |v| v.parse().expect("a number"))
}

/// Sends `total` bytes each way at the same time with two percent loss and reordering, and compares digests.
pub fn digest_of_a_long_transfer<S: Stack>(peer: S, config: Config, total: usize) {
    const LEN: usize = 16 << 10;
    let (jitter, delay) = (Duration::from_millis(1), Duration::from_millis(5));
    let link = Link { loss: 20, jitter, delay, rate: Some(25_000_000), queue: 200_000, ..Link::default() };
    let net = &mut bench(config, peer, link, 21);
    connect(net, Who::Both);
    let id = net.left.open(net.now, &ChannelConfig { negotiated: Some(0), ..Default::default() }).expect("a channel");
    let mut rngs = [Rng::new(1), Rng::new(2)];
    let mut next: [Option<Vec<u8>>; 2] = [None, None];
    let (mut sent, mut arrived, mut out, mut seen) = ([0usize; 2], [0usize; 2], [7u64; 2], [7u64; 2]);
    let (mut room, mut part) = (vec![0; LEN], Vec::new());
    let start = net.now;
    let done = net.run_until(Duration::from_secs(360_000), |net| {
        for side in 0..2 {
            while sent[side] < total {
                let bytes = next[side].take().unwrap_or_else(|| {
                    let mut m = vec![0; LEN];
                    m.chunks_mut(8).for_each(|w| w.copy_from_slice(&rngs[side].next().to_le_bytes()[..w.len()]));
                    m
                });
                let taken = match side {
                    0 => net.left.write(net.now, id, MessageKind::Binary, &bytes).is_ok(),
                    _ => net.right.send(net.now, 0, BINARY, &bytes, How::default()),
                };
                if !taken {
                    next[side] = Some(bytes);
                    break;
                }
                out[side] = digest(out[side], &bytes);
                sent[side] += LEN;
            }
        }
        while let Some((_, _, payload)) = net.right.receive() {
            seen[0] = digest(seen[0], &payload);
            arrived[0] += payload.len();
        }
        while net.left.poll_event().is_some() {}
        while let Ok(read) = net.left.read(net.now, id, &mut room) {
            part.extend_from_slice(&room[..read.len]);
            if read.end_of_message {
                seen[1] = digest(seen[1], &part);
                arrived[1] += part.len();
                part.clear();
            }
        }
        arrived[0] >= total && arrived[1] >= total
    });
    assert!(done, "{arrived:?} of {total} at {:?}: {:?}", net.now, net.right.failed());
    assert_eq!(out, seen);
    println!(
        "{total} bytes each way, {} packets lost, {:?} of virtual time, digests {:016x} {:016x}",
        net.dropped,
        net.now - start,
        seen[0],
        seen[1]
    );
}
