//! Against dcsctp, the SCTP of Chromium and Firefox: in-process, over the simulated network of the crate's own tests.
//!
//! `SCTP_BYTES=1000000000 cargo test --release -p barertc-interop --test sctp_dcsctp -- digest --nocapture` sends a
//! gigabyte each way.

mod sctp_support;

use std::collections::VecDeque;
use std::time::Duration;

use barertc_sctp::{ChannelConfig, Config, Congestion, MessageKind};
use barertc_wire::Instant;
use dcsctp::api::{
    DcSctpSocket, Message, Options, PpId, SendOptions, SocketEvent, SocketState, SocketTime, StreamId,
    ZERO_CHECKSUM_ALTERNATE_ERROR_DETECTION_METHOD_LOWER_LAYER_DTLS,
};
use sctp_support::{Bench, How, Link, Peer, Stack, Who, bench, connect, echo, lossy, roomy};

struct Dcsctp {
    socket: Box<dyn DcSctpSocket>,
    out: VecDeque<Vec<u8>>,
    reset_in: Vec<u16>,
    reset_out: Vec<u16>,
    failed: Option<String>,
}

impl Dcsctp {
    fn new(options: &Options) -> Self {
        Self {
            socket: dcsctp::new_socket("peer", options),
            out: VecDeque::new(),
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
                SocketEvent::OnIncomingStreamReset(ids) => self.reset_in.extend(ids.iter().map(|s| s.0)),
                SocketEvent::OnStreamsResetPerformed(ids) => self.reset_out.extend(ids.iter().map(|s| s.0)),
                _ => {}
            }
        }
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

impl Stack for Dcsctp {
    fn connect(&mut self, _: Instant) {
        self.socket.connect();
        self.drain();
    }
    fn is_up(&self) -> bool {
        self.socket.state() == SocketState::Connected
    }
    fn is_closed(&self) -> bool {
        self.socket.state() == SocketState::Closed
    }
    fn failed(&self) -> Option<String> {
        self.failed.clone()
    }
    fn interleaves(&self) -> bool {
        self.socket.get_metrics().is_some_and(|m| m.uses_message_interleaving)
    }
    fn send(&mut self, _: Instant, stream: u16, protocol: u32, payload: &[u8], how: How) -> bool {
        let options =
            SendOptions { unordered: how.unordered, max_retransmissions: how.retransmits, ..SendOptions::default() };
        let message = Message::new(StreamId(stream), PpId(protocol), payload.to_vec());
        let sent = self.socket.send(message, &options).is_ok();
        self.drain();
        sent
    }
    fn receive(&mut self) -> Option<sctp_support::Message> {
        let m = self.socket.get_next_message()?;
        self.drain();
        Some((m.stream_id.0, m.ppid.0, m.payload))
    }
    fn reset(&mut self, stream: u16) {
        self.socket.reset_streams(&[StreamId(stream)]).expect("connected");
        self.drain();
    }
    fn take_resets(&mut self) -> (Vec<u16>, Vec<u16>) {
        (std::mem::take(&mut self.reset_in), std::mem::take(&mut self.reset_out))
    }
    fn shutdown(&mut self) {
        self.socket.shutdown();
        self.drain();
    }
    fn abort(&mut self) -> bool {
        self.socket.close();
        self.drain();
        true
    }
}

/// What Chromium configures.
fn chromium() -> Options {
    Options { local_port: 5000, remote_port: 5000, ..Options::default() }
}

/// What Firefox configures: I-DATA.
fn firefox() -> Options {
    Options { enable_message_interleaving: true, ..chromium() }
}

#[test]
fn every_way_to_connect() {
    for (options, interleaves) in [(chromium(), false), (firefox(), true)] {
        for link in [Link::default(), lossy()] {
            for who in [Who::Us, Who::Them, Who::Both] {
                for seed in 0..5 {
                    let net = &mut bench(roomy(), Dcsctp::new(&options), link.clone(), seed);
                    connect(net, who);
                    assert_eq!(net.left.is_interleaving(), interleaves);
                }
            }
        }
    }
}

/// Chunk types that a side supports beyond those of RFC 9260, from its INIT: FORWARD-TSN, RE-CONFIG, I-DATA.
const EXTENSIONS: [u8; 3] = [192, 130, 64];

/// Window, streams out and in, and which of [`EXTENSIONS`], as the packet with INIT tells them.
fn init(packet: &[u8]) -> (u32, u16, u16, [bool; 3]) {
    let half = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    let mut at = 32;
    let mut supported = vec![];
    while at + 4 <= packet.len() {
        let len = usize::from(half(at + 2)).max(4);
        if half(at) == 0x8008 {
            supported.extend_from_slice(&packet[at + 4..at + len]);
        }
        at += len.next_multiple_of(4);
    }
    let window = u32::from_be_bytes(*packet[20..].first_chunk().expect("a window"));
    (window, half(24), half(26), EXTENSIONS.map(|e| supported.contains(&e)))
}

#[test]
fn parameters_and_windows_of_the_browsers() {
    for (options, interleaves) in [(chromium(), false), (firefox(), true)] {
        // Ours is as small as a device's; and large enough to send more than a browser's window takes.
        let mut config = Config::with_buffers(8 << 20, 6 << 10);
        config.congestion = Congestion::Paced;
        let net = &mut bench(config, Dcsctp::new(&options), Link::default(), 1);
        net.log = Some(vec![]);
        connect(net, Who::Both);
        let log = net.log.take().expect("kept");
        let theirs = log.iter().find(|(dir, p)| *dir == 1 && p[12] == 1).expect("they send INIT, too");
        assert_eq!(init(&theirs.1), (5 << 20, 65_535, 65_535, [true, true, interleaves]));
        let ours = log.iter().find(|(dir, p)| *dir == 0 && p[12] == 1).expect("INIT");
        let (window, streams, inbound, extensions) = init(&ours.1);
        assert!(window > 2_000 && window <= 6 << 10, "{window}: what there is memory for");
        assert_eq!((streams, inbound, extensions), (65_535, 65_535, [true; 3]));
        windows_are_kept(net);
    }
}

/// Six megabytes to a browser, and six hundred kilobytes from it into a window of a few: both arrive.
fn windows_are_kept(net: &mut Bench<Dcsctp>) {
    let id = net.left.open(net.now, &ChannelConfig { negotiated: Some(0), ..Default::default() }).expect("a channel");
    let message = vec![7; 60_000];
    let (mut sent, mut arrived) = ([0, 0], [0, 0]);
    let done = net.run_until(Duration::from_secs(600), |net| {
        while sent[0] < 100 && net.left.write(net.now, id, MessageKind::Binary, &message).is_ok() {
            sent[0] += 1;
        }
        while sent[1] < 10 && net.right.send(net.now, 0, 53, &message, How::default()) {
            sent[1] += 1;
        }
        while let Some((_, _, bytes)) = net.right.receive() {
            assert!(bytes == message);
            arrived[0] += bytes.len();
        }
        while net.left.poll_event().is_some() {}
        let mut room = [0; 1_000];
        while let Ok(read) = net.left.read(net.now, id, &mut room) {
            arrived[1] += read.len;
        }
        assert!(net.left.stats().in_flight <= 5 << 20);
        arrived == [100 * message.len(), 10 * message.len()]
    });
    assert!(done, "{arrived:?} of {sent:?} messages at {:?}: {:?}", net.now, net.right.failed());
}

#[test]
fn zero_checksum_is_agreed_on() {
    let options = Options {
        zero_checksum_alternate_error_detection_method: ZERO_CHECKSUM_ALTERNATE_ERROR_DETECTION_METHOD_LOWER_LAYER_DTLS,
        ..chromium()
    };
    for (ours, theirs, want) in [(true, &options, true), (false, &options, false), (true, &chromium(), false)] {
        let mut config = roomy();
        config.zero_checksum = ours;
        let net = &mut bench(config, Dcsctp::new(theirs), Link::default(), 1);
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

#[test]
fn all_channel_types_under_loss() {
    for options in [chromium(), firefox()] {
        sctp_support::all_channel_types_under_loss(|| Dcsctp::new(&options));
        sctp_support::unreliable_messages_of_the_peer(|| Dcsctp::new(&options));
    }
}

#[test]
fn large_messages_whole_and_in_pieces() {
    for options in [chromium(), firefox()] {
        sctp_support::large_messages_whole_and_in_pieces(|| Dcsctp::new(&options));
    }
}

#[test]
fn text_binary_and_empty() {
    sctp_support::text_binary_and_empty(Dcsctp::new(&chromium()));
}

#[test]
fn channels_of_the_peer_and_resets_from_both_sides() {
    sctp_support::channels_of_the_peer_and_resets_from_both_sides(|| Dcsctp::new(&chromium()));
    sctp_support::channels_of_the_peer_and_resets_from_both_sides(|| Dcsctp::new(&firefox()));
}

#[test]
fn shutdown_and_abort_from_either_side() {
    sctp_support::shutdown_and_abort_from_either_side(|| Dcsctp::new(&chromium()), &[Link::default(), lossy()]);
}

#[test]
fn digest_of_a_long_transfer_under_loss() {
    sctp_support::digest_of_a_long_transfer(Dcsctp::new(&firefox()), roomy(), sctp_support::long());
}
