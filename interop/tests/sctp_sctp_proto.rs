//! Against sctp-proto, the SCTP of str0m and webrtc-rs: in-process, over the simulated network of the crate's own tests.
//!
//! It knows neither interleaving nor the zero checksum, and has no answer to an INIT while its own is under way: of a
//! collision it sees only what its own handshake brings.

mod sctp_support;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use barertc_sctp::{ChannelConfig, Event};
use barertc_wire::Instant;
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event as Theirs, Payload,
    PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent, TransportConfig, generate_snap_token,
};
use sctp_support::{How, Link, Message, Peer, Stack, Who, bench, connect, echo, events, lossy, roomy};

/// The most it may queue: it has no bound of its own.
const QUEUE: usize = 1 << 20;

struct Proto {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    start: Clock,
    now: Instant,
    out: VecDeque<Vec<u8>>,
    /// How each stream is set now.
    streams: HashMap<u16, How>,
    ready: VecDeque<Message>,
    reset_in: Vec<u16>,
    reset_out: Vec<u16>,
    failed: Option<String>,
    /// SHUTDOWN COMPLETE has left: the association never says that it is over then.
    complete: bool,
}

fn transport() -> TransportConfig {
    TransportConfig::default()
        .with_max_send_message_size(1 << 20)
        .with_max_receive_message_size(1 << 20)
        .with_rto_initial_ms(500)
        .with_rto_min_ms(200)
        .with_rto_max_ms(10_000)
}

fn remote() -> SocketAddr {
    ([127, 0, 0, 1], 5000).into()
}

impl Proto {
    fn new() -> Self {
        let mut server = ServerConfig::new();
        server.transport = Arc::new(transport());
        Self {
            endpoint: Endpoint::new(Arc::new(EndpointConfig::new()), Some(Arc::new(server))),
            association: None,
            start: Clock::now(),
            now: Instant::ZERO,
            out: VecDeque::new(),
            streams: HashMap::new(),
            ready: VecDeque::new(),
            reset_in: vec![],
            reset_out: vec![],
            failed: None,
            complete: false,
        }
    }

    fn clock(&self) -> Clock {
        self.start + Duration::from_micros(self.now.as_micros())
    }

    fn drain(&mut self) {
        let now = self.clock();
        let Some((handle, association)) = &mut self.association else { return };
        // It asks to be forgotten as soon as its shutdown begins, and would not hear the rest.
        while association.is_closed()
            && let Some(event) = association.poll_endpoint_event()
        {
            let _ = self.endpoint.handle_event(*handle, event);
        }
        while let Some(event) = association.poll() {
            match event {
                Theirs::Stream(StreamEvent::Finished { id }) => {
                    self.reset_in.push(id);
                    self.streams.remove(&id);
                }
                Theirs::Stream(StreamEvent::ResetComplete { id }) => self.reset_out.push(id),
                Theirs::Stream(StreamEvent::Opened { .. }) => {
                    while let Some(stream) = association.accept_stream() {
                        self.streams.insert(stream.stream_identifier(), How::default());
                    }
                }
                Theirs::HandshakeFailed { reason } | Theirs::AssociationLost { reason } => {
                    self.failed = Some(format!("{reason:?}"));
                }
                _ => {}
            }
        }
        for id in association.stream_ids() {
            let Ok(mut stream) = association.stream(id) else { continue };
            while let Ok(Some(chunks)) = stream.read_sctp() {
                let mut payload = vec![0; chunks.len()];
                let len = chunks.read(&mut payload).expect("it fits");
                payload.truncate(len);
                self.ready.push_back((id, chunks.ppi as u32, payload));
            }
        }
        while let Some(transmit) = association.poll_transmit(now) {
            let Payload::RawEncode(packets) = transmit.payload else { continue };
            self.complete |= packets.iter().any(|p| p.get(12) == Some(&14));
            self.out.extend(packets.iter().map(|p| p.to_vec()));
        }
    }
}

impl Peer for Proto {
    fn input(&mut self, now: Instant, packet: &mut [u8]) {
        self.now = now;
        let is_init = packet.get(12) == Some(&1);
        if is_init && self.association.as_ref().is_some_and(|(_, a)| a.side().is_client()) {
            return;
        }
        let bytes = packet.to_vec().into();
        match self.endpoint.handle(self.clock(), remote(), None, None, bytes) {
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.association.get_or_insert((handle, association));
            }
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some((known, association)) = &mut self.association
                    && *known == handle
                {
                    association.handle_event(event);
                }
            }
            None => {}
        }
        self.drain();
    }

    fn output(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.now = now;
        self.drain();
        self.out.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        let at = self.association.as_ref()?.1.poll_timeout()?;
        Some(Instant::from_micros(at.saturating_duration_since(self.start).as_micros() as u64 + 1))
    }

    fn expire(&mut self, now: Instant) {
        self.now = now;
        let clock = self.clock();
        if let Some((_, association)) = &mut self.association {
            association.handle_timeout(clock);
        }
        self.drain();
    }
}

impl Stack for Proto {
    fn connect(&mut self, now: Instant) {
        self.now = now;
        let mut config = ClientConfig::new();
        config.transport = Arc::new(transport());
        self.association = Some(self.endpoint.connect(config, remote()).expect("a first association"));
        self.drain();
    }
    fn is_up(&self) -> bool {
        self.association.as_ref().is_some_and(|(_, a)| !a.is_handshaking() && !a.is_closed())
    }
    fn is_closed(&self) -> bool {
        self.complete || self.association.as_ref().is_none_or(|(_, a)| a.is_closed())
    }
    fn failed(&self) -> Option<String> {
        self.failed.clone()
    }
    fn interleaves(&self) -> bool {
        false
    }
    fn send(&mut self, now: Instant, id: u16, protocol: u32, payload: &[u8], how: How) -> bool {
        self.now = now;
        let Some((_, association)) = &mut self.association else { return false };
        let protocol = PayloadProtocolIdentifier::from(protocol);
        if association.stream(id).is_err() && association.open_stream(id, protocol).is_err() {
            return false;
        }
        let mut stream = association.stream(id).expect("open");
        if stream.buffered_amount().unwrap_or(0) + payload.len() > QUEUE {
            return false;
        }
        let kind = if how.retransmits.is_some() { ReliabilityType::Rexmit } else { ReliabilityType::Reliable };
        let limit = how.retransmits.unwrap_or(0).into();
        if stream.set_reliability_params(how.unordered, kind, limit).is_err() {
            return false;
        }
        let sent = stream.write_with_ppi(payload, protocol).is_ok();
        self.drain();
        sent
    }
    fn receive(&mut self) -> Option<Message> {
        self.drain();
        self.ready.pop_front()
    }
    fn reset(&mut self, id: u16) {
        let Some((_, association)) = &mut self.association else { return };
        // The peer's reset has closed it already, and it answers that by itself.
        if let Ok(mut stream) = association.stream(id) {
            stream.close().expect("connected");
        }
        self.drain();
    }
    fn take_resets(&mut self) -> (Vec<u16>, Vec<u16>) {
        self.drain();
        (std::mem::take(&mut self.reset_in), std::mem::take(&mut self.reset_out))
    }
    fn shutdown(&mut self) {
        if let Some((_, association)) = &mut self.association {
            association.shutdown().expect("established");
        }
        self.drain();
    }
    fn abort(&mut self) -> bool {
        if let Some((_, association)) = &mut self.association {
            association.close().expect("closes");
        }
        self.drain();
        false
    }
}

#[test]
fn every_way_to_connect() {
    for link in [Link::default(), lossy()] {
        for who in [Who::Us, Who::Them, Who::Both] {
            for seed in 0..5 {
                connect(&mut bench(roomy(), Proto::new(), link.clone(), seed), who);
            }
        }
    }
}

/// INIT chunks exchanged outside (SNAP): no handshake, and data with the first packet.
#[test]
fn init_in_the_session_description() {
    let mut peer = Proto::new();
    let token = generate_snap_token(&transport()).expect("a token");
    let net_of = |peer| bench(roomy(), peer, lossy(), 9);
    let ours = {
        let net = net_of(Proto::new());
        let mut room = [0; 64];
        let len = net.left.local_init(&mut room).expect("room");
        room[..len].to_vec()
    };
    let config = ClientConfig::new().with_snap(token.clone(), ours.into());
    peer.association = Some(peer.endpoint.connect(config, remote()).expect("an association"));
    // The same seed, so the same INIT as before.
    let net = &mut net_of(peer);
    net.left.set_remote_init(net.now, &token).expect("a well-formed chunk");
    assert!(net.left.is_established() && net.right.is_up());
    assert!(events(&mut net.left).contains(&Event::Connected));
    echo(net, &ChannelConfig { label: "snap", ..ChannelConfig::default() }, &[10, 5_000, 60_000]);
}

#[test]
fn all_channel_types_under_loss() {
    sctp_support::all_channel_types_under_loss(Proto::new);
    sctp_support::unreliable_messages_of_the_peer(Proto::new);
}

#[test]
fn large_messages_whole_and_in_pieces() {
    sctp_support::large_messages_whole_and_in_pieces(Proto::new);
}

#[test]
fn text_binary_and_empty() {
    sctp_support::text_binary_and_empty(Proto::new());
}

#[test]
fn channels_of_the_peer_and_resets_from_both_sides() {
    sctp_support::channels_of_the_peer_and_resets_from_both_sides(Proto::new);
}

#[test]
fn shutdown_and_abort_from_either_side() {
    // It never sends its SHUTDOWN again, so none must be lost.
    sctp_support::shutdown_and_abort_from_either_side(Proto::new, &[Link::default()]);
}

#[test]
fn digest_of_a_long_transfer_under_loss() {
    sctp_support::digest_of_a_long_transfer(Proto::new(), roomy(), sctp_support::long());
}
