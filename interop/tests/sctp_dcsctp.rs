//! Against dcsctp, the SCTP of Chromium and Firefox: in-process, over the simulated network of the crate's own tests.

#[path = "../../crates/sctp/tests/support/mod.rs"]
mod support;

use std::time::Duration;

use barertc_sctp::{ChannelConfig, ChannelId, Config, Error, Event, Kind, Reliability};
use barertc_wire::Instant;
use dcsctp::api::{
    DcSctpSocket, Message, Options, PpId, SendOptions, SocketEvent, SocketState, SocketTime, StreamId,
    ZERO_CHECKSUM_ALTERNATE_ERROR_DETECTION_METHOD_LOWER_LAYER_DTLS,
};
use support::{Assoc, Link, Net, Peer, message};

const DCEP: PpId = PpId(50);
const STRING: PpId = PpId(51);
const BINARY: PpId = PpId(53);
const STRING_EMPTY: PpId = PpId(56);
const BINARY_EMPTY: PpId = PpId(57);

struct Dcsctp {
    socket: Box<dyn DcSctpSocket>,
    out: std::collections::VecDeque<Vec<u8>>,
    events: Vec<String>,
    reset_in: Vec<u16>,
    reset_out: Vec<u16>,
    failed: Option<String>,
}

impl Dcsctp {
    fn new(options: Options) -> Self {
        Self {
            socket: dcsctp::new_socket("peer", &options),
            out: Default::default(),
            events: vec![],
            reset_in: vec![],
            reset_out: vec![],
            failed: None,
        }
    }

    fn drain(&mut self) {
        while let Some(event) = self.socket.poll_event() {
            match event {
                SocketEvent::SendPacket(p) => self.out.push_back(p),
                SocketEvent::OnAborted(kind, text) => self.failed = Some(format!("{kind:?} {text}")),
                SocketEvent::OnError(kind, text) => self.events.push(format!("{kind:?} {text}")),
                SocketEvent::OnIncomingStreamReset(ids) => self.reset_in.extend(ids.iter().map(|s| s.0)),
                SocketEvent::OnStreamsResetPerformed(ids) => self.reset_out.extend(ids.iter().map(|s| s.0)),
                _ => {}
            }
        }
    }

    fn send(&mut self, stream: u16, ppid: PpId, payload: Vec<u8>, options: &SendOptions) -> bool {
        let sent = self.socket.send(Message::new(StreamId(stream), ppid, payload), options).is_ok();
        self.drain();
        sent
    }

    fn receive(&mut self) -> Option<(u16, PpId, Vec<u8>)> {
        let m = self.socket.get_next_message()?;
        self.drain();
        Some((m.stream_id.0, m.ppid, m.payload))
    }
}

fn time(now: Instant) -> SocketTime {
    SocketTime::zero() + Duration::from_micros(now.as_micros())
}

impl Peer for Dcsctp {
    fn input(&mut self, now: Instant, packet: &mut [u8]) {
        self.socket.advance_time(time(now));
        self.socket.handle_input(packet);
        self.drain();
    }
    fn output(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.socket.advance_time(time(now));
        self.drain();
        self.out.pop_front()
    }
    fn deadline(&self) -> Option<Instant> {
        let at = self.socket.poll_timeout();
        (at != SocketTime::infinite_future())
            .then(|| Instant::from_micros((at - SocketTime::zero()).as_micros() as u64 + 1))
    }
    fn expire(&mut self, now: Instant) {
        self.socket.advance_time(time(now));
        self.drain();
    }
}

type Bench = Net<Assoc, Dcsctp>;

fn bench(config: Config, options: Options, link: Link, seed: u64) -> Bench {
    let (left, _) = support::association(config, seed);
    let mut net = Net::new(left, Dcsctp::new(options), link, seed);
    net.left.set_role(net.now, barertc_sctp::Role::Client);
    net
}

/// What Chromium configures.
fn chromium() -> Options {
    Options { local_port: 5000, remote_port: 5000, ..Options::default() }
}

/// What Firefox configures: I-DATA.
fn firefox() -> Options {
    Options { enable_message_interleaving: true, ..chromium() }
}

fn lossy() -> Link {
    Link { loss: 100, jitter: Duration::from_millis(5), duplicate: 10, ..Link::default() }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Us,
    Them,
    Both,
}

fn connect(net: &mut Bench, who: Who) {
    if who != Who::Them {
        net.left.connect(net.now);
    }
    if who != Who::Us {
        net.right.socket.connect();
        net.right.drain();
    }
    let up = net.run_until(Duration::from_secs(60), |n| {
        n.left.is_established() && n.right.socket.state() == SocketState::Connected
    });
    assert!(up, "{who:?}: {:?} {:?} {:?}", net.right.socket.state(), net.right.events, net.left.discards());
    assert!(support::events(&mut net.left).contains(&Event::Connected));
}

#[test]
fn every_way_to_connect() {
    for (options, interleaves) in [(chromium(), false), (firefox(), true)] {
        for link in [Link::default(), lossy()] {
            for who in [Who::Us, Who::Them, Who::Both] {
                for seed in 0..5 {
                    let net = &mut bench(Config::default(), options.clone(), link.clone(), seed);
                    connect(net, who);
                    assert_eq!(net.left.is_interleaving(), interleaves);
                    let metrics = net.right.socket.get_metrics().expect("connected");
                    assert_eq!(metrics.uses_message_interleaving, interleaves);
                }
            }
        }
    }
}

#[test]
fn zero_checksum_is_agreed_on() {
    let options = Options {
        zero_checksum_alternate_error_detection_method: ZERO_CHECKSUM_ALTERNATE_ERROR_DETECTION_METHOD_LOWER_LAYER_DTLS,
        ..chromium()
    };
    for (ours, theirs, want) in [(true, options.clone(), true), (false, options, false), (true, chromium(), false)] {
        let config = with(|c| c.zero_checksum = ours);
        let net = &mut bench(config, theirs, Link::default(), 1);
        net.log = Some(vec![]);
        connect(net, Who::Both);
        assert_eq!(net.left.omits_checksum(), want);
        assert_eq!(net.right.socket.get_metrics().expect("connected").uses_zero_checksum, want);
        echo(net, &ChannelConfig::default(), &[1_000, 20_000]);
        let log = net.log.take().expect("kept");
        for dir in 0..2 {
            let data = log.iter().filter(|(d, p)| *d == dir && p[12] == 0).collect::<Vec<_>>();
            assert!(!data.is_empty() && data.iter().all(|(_, p)| (p[8..12] == [0; 4]) == want));
        }
    }
}

fn with(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::with_buffers(400 << 10, 400 << 10);
    change(&mut config);
    config
}

/// Opens a channel from our side, has every message sent back by the peer and compares; unreliable ones may be missing.
fn echo(net: &mut Bench, channel: &ChannelConfig<'_>, lengths: &[usize]) -> ChannelId {
    let id = net.left.open(net.now, channel).expect("a channel");
    let stream = 0;
    let options = SendOptions { unordered: !channel.ordered, ..SendOptions::default() };
    let (mut sent, mut opened, mut got) = (0, false, vec![]);
    let mut back = std::collections::VecDeque::new();
    let (mut seen, mut part) = (vec![], vec![]);
    let reliable = channel.reliability == Reliability::Reliable;
    let deadline = net.now + Duration::from_secs(if reliable { 300 } else { 20 });
    let done = net.run_until(Duration::from_secs(400), |net| {
        while opened && sent < lengths.len() {
            match net.left.write(net.now, id, Kind::Binary, &message(1, sent as u64, lengths[sent])) {
                Ok(()) => sent += 1,
                Err(Error::WouldBlock) => break,
                Err(e) => panic!("{e}"),
            }
        }
        while let Some((on, ppid, payload)) = net.right.receive() {
            assert_eq!(on, stream);
            if ppid == DCEP {
                assert_eq!(payload[0], 3, "OPEN");
                assert!(net.right.send(stream, DCEP, vec![2], &SendOptions::default()));
            } else {
                assert_eq!(ppid, BINARY);
                let n = u32::from_be_bytes(*payload.first_chunk().expect("four bytes"));
                assert!(payload == message(1, u64::from(n), lengths[n as usize]));
                seen.push(n);
                back.push_back(payload);
            }
        }
        while let Some(payload) = back.front() {
            if !net.right.send(stream, BINARY, payload.clone(), &options) {
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
                        assert!(kind == Kind::Binary && bytes == message(1, u64::from(n), lengths[n as usize]));
                        got.push(n);
                    }
                }
                Event::Writable(_) | Event::BufferedAmountLow(_) | Event::Connected => {}
                other => panic!("{other:?} {:?}", net.right.failed),
            }
        }
        assert_eq!(net.right.failed, None);
        got.len() == lengths.len() || (!reliable && net.now >= deadline)
    });
    assert!(done, "{} of {} came back", got.len(), lengths.len());
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

#[test]
fn all_channel_types_under_loss() {
    let lengths: Vec<usize> = (0..30).map(|i| [10, 1_000, 5_000][i % 3]).collect();
    for options in [chromium(), firefox()] {
        for ordered in [true, false] {
            for reliability in [Reliability::Reliable, Reliability::MaxRetransmits(1), Reliability::MaxLifetime(200)] {
                let net = &mut bench(with(|_| ()), options.clone(), lossy(), 7);
                connect(net, Who::Both);
                let channel = ChannelConfig { label: "all", ordered, reliability, ..ChannelConfig::default() };
                echo(net, &channel, &lengths);
            }
        }
    }
}

#[test]
fn large_messages_whole_and_in_pieces() {
    for options in [chromium(), firefox()] {
        // Whole, in buffers that hold them.
        let net = &mut bench(with(|_| ()), options.clone(), lossy(), 3);
        connect(net, Who::Both);
        echo(net, &ChannelConfig::default(), &[256 << 10; 4]);
        // Through 32 KiB each way, in pieces.
        let net = &mut bench(Config::with_buffers(32 << 10, 32 << 10), options, lossy(), 4);
        connect(net, Who::Both);
        in_pieces(net, 256 << 10);
    }
}

fn in_pieces(net: &mut Bench, len: usize) {
    let id = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
    let want = message(1, 0, len);
    let (mut at, mut begun, mut back) = (0, false, None);
    let mut got = vec![];
    let done = net.run_until(Duration::from_secs(300), |net| {
        let mut ended = false;
        if !begun && net.left.begin(net.now, id, Kind::Binary).is_ok() {
            begun = true;
        }
        while begun && at < len {
            match net.left.append(id, &want[at..]) {
                Ok(n) => at += n,
                Err(Error::WouldBlock) => break,
                Err(e) => panic!("{e}"),
            }
            if at == len {
                net.left.finish(id).expect("a message");
            }
        }
        while let Some((_, ppid, payload)) = net.right.receive() {
            if ppid != DCEP {
                assert!(payload == want);
                back = Some(payload);
            }
        }
        if let Some(payload) = back.take() {
            assert!(net.right.send(0, BINARY, payload, &SendOptions::default()));
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

#[test]
fn text_binary_and_empty() {
    let net = &mut bench(Config::default(), chromium(), Link::default(), 1);
    connect(net, Who::Both);
    let id = net.left.open(net.now, &ChannelConfig { negotiated: Some(6), ..Default::default() }).expect("a channel");
    assert!(net.run_until(Duration::from_secs(1), |n| n.left.write(n.now, id, Kind::Text, b"").is_ok()));
    for (kind, text) in [(Kind::Text, &b"text"[..]), (Kind::Binary, b"bytes"), (Kind::Binary, b"")] {
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
    for (_, ppid, payload) in want {
        assert!(net.right.send(6, ppid, payload, &SendOptions::default()));
    }
    let mut got = vec![];
    net.run_until(Duration::from_secs(2), |net| {
        while let Some(m) = support::read_all(&mut net.left, net.now, id) {
            got.push(m);
        }
        got.len() == 4
    });
    let want = [(&b""[..], Kind::Text), (b"text", Kind::Text), (b"bytes", Kind::Binary), (b"", Kind::Binary)];
    assert!(got.iter().map(|(b, k)| (&b[..], *k)).eq(want));
}

#[test]
fn channels_of_the_peer_and_resets_from_both_sides() {
    for link in [Link::default(), lossy()] {
        let net = &mut bench(Config::default(), chromium(), link, 5);
        connect(net, Who::Both);
        for round in 0..6 {
            // The peer (DTLS server) opens stream 1: unordered, two retransmissions, label and protocol.
            let mut open = vec![3, 0x81, 1, 0, 0, 0, 0, 2, 0, 5, 0, 3];
            open.extend_from_slice(b"labelpro");
            assert!(net.right.send(1, DCEP, open, &SendOptions::default()));
            let mut opened = None;
            assert!(net.run_until(Duration::from_secs(60), |n| {
                for e in support::events(&mut n.left) {
                    if let Event::ChannelOpened { id, from_peer: true } = e {
                        opened = Some(id);
                    }
                }
                opened.is_some() && n.right.receive().is_some_and(|m| m == (1, DCEP, vec![2]))
            }));
            let id = opened.expect("opened");
            let info = net.left.channel(id).expect("known");
            assert_eq!((info.label, info.protocol, info.ordered, info.stream), ("label", "pro", false, Some(1)));
            assert_eq!(info.reliability, Reliability::MaxRetransmits(2));
            // Closed by each side in turn; the id is free again for the next round.
            if round % 2 == 0 {
                net.left.close(net.now, id).expect("a channel");
                assert!(net.run_until(Duration::from_secs(60), |n| !n.right.reset_in.is_empty()));
                net.right.socket.reset_streams(&[StreamId(1)]).expect("connected");
                net.right.drain();
            } else {
                net.right.socket.reset_streams(&[StreamId(1)]).expect("connected");
                net.right.drain();
            }
            let mut closed = false;
            let done = net.run_until(Duration::from_secs(60), |n| {
                closed |= support::events(&mut n.left).contains(&Event::ChannelClosed(id));
                closed && n.right.reset_in == [1] && n.right.reset_out == [1]
            });
            assert!(done, "{round}: {closed} {:?} {:?}", net.right.reset_in, net.right.reset_out);
            net.right.reset_in.clear();
            net.right.reset_out.clear();
            assert_eq!(net.left.channel(id), None);
        }
    }
}

#[test]
fn shutdown_and_abort_from_either_side() {
    for link in [Link::default(), lossy()] {
        for ours in [true, false] {
            let net = &mut bench(Config::default(), chromium(), link.clone(), 2);
            connect(net, Who::Both);
            if ours {
                net.left.shutdown();
            } else {
                net.right.socket.shutdown();
                net.right.drain();
            }
            // A lost SHUTDOWN COMPLETE is never repeated by the peer, so that our end waits for its time-outs.
            assert!(net.run_until(Duration::from_secs(300), |n| {
                n.left.is_over() && n.right.socket.state() == SocketState::Closed
            }));
            assert_eq!(support::events(&mut net.left).last(), Some(&Event::Closed));
        }
    }
    let net = &mut bench(Config::default(), chromium(), Link::default(), 2);
    connect(net, Who::Both);
    net.right.socket.close();
    net.right.drain();
    assert!(net.run_until(Duration::from_secs(1), |n| n.left.is_over()));
    let net = &mut bench(Config::default(), chromium(), Link::default(), 2);
    connect(net, Who::Both);
    net.left.abort();
    assert!(net.run_until(Duration::from_secs(1), |n| n.right.failed.is_some()));
}
