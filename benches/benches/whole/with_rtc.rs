//! webrtc-rs `rtc`, with its default interceptors. Video is cut by its own packetizer, and what comes out are packets.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rtc::data_channel::RTCDataChannelId;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCDtlsRole, RTCIceCandidate};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp::packetizer::{Packetizer, new_packetizer};
use rtc::rtp::sequence::new_random_sequencer;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

use crate::clock::Clock;
use crate::{BUFFER, Contender, Pair, Shape, access_unit, is_media};

const SSRC: u32 = 1;
const PAYLOAD_TYPE: u8 = 102;
/// Of AEAD_AES_128_GCM.
const TAG: usize = 16;

struct Ends {
    ends: [RTCPeerConnection; 2],
    video: Option<RTCRtpSenderId>,
    channel: RTCDataChannelId,
    packetizer: Box<dyn Packetizer>,
    access_unit: Bytes,
    clock: Clock,
    wire: [Vec<BytesMut>; 2],
    open: [bool; 2],
    read: (usize, usize),
    packets: usize,
}

fn address(end: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + end as u8], 5_000))
}

fn codec() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: MIME_TYPE_H264.to_owned(),
            clock_rate: 90_000,
            channels: 0,
            sdp_fmtp_line: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f".to_owned(),
            rtcp_feedback: vec![],
        },
        payload_type: PAYLOAD_TYPE,
        ..Default::default()
    }
}

fn one(clock: &Clock, end: usize) -> RTCPeerConnection {
    let mut engine = MediaEngine::default();
    engine.register_codec(codec(), RtpCodecKind::Video).unwrap();
    let registry = register_default_interceptors(Registry::new(), &mut engine).unwrap();
    let settings = SettingEngineBuilder::new()
        .with_answering_dtls_role(RTCDtlsRole::Client)
        .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
        .build();
    let mut peer = RTCPeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_setting_engine(settings)
        .with_media_engine(engine)
        .with_interceptor_registry(registry)
        .build(clock.now())
        .unwrap();
    let base_config = CandidateConfig {
        network: "udp".to_owned(),
        address: address(end).ip().to_string(),
        port: address(end).port(),
        component: 1,
        ..Default::default()
    };
    let candidate = CandidateHostConfig { base_config, ..Default::default() }.new_candidate_host().unwrap();
    peer.add_local_candidate(RTCIceCandidate::from(&candidate).to_json().unwrap()).unwrap();
    peer
}

impl Ends {
    fn connect(shape: Shape) -> Self {
        let clock = Clock::new();
        let [mut sender, mut receiver] = [0, 1].map(|end| one(&clock, end));
        let channel = sender.create_data_channel("bench", None).unwrap().id();
        let video = (shape == Shape::Video).then(|| {
            let encoding = RTCRtpEncodingParameters {
                rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(SSRC), ..Default::default() },
                codec: codec().rtp_codec,
                ..Default::default()
            };
            let [stream, track, label] = ["stream", "track", "label"].map(str::to_owned);
            let track = MediaStreamTrack::new(stream, track, label, RtpCodecKind::Video, vec![encoding]);
            sender.add_track(track).unwrap()
        });
        let now = clock.now();
        let offer = sender.create_offer(None).unwrap();
        sender.set_local_description(now, offer.clone()).unwrap();
        receiver.set_remote_description(now, offer).unwrap();
        let answer = receiver.create_answer(None).unwrap();
        receiver.set_local_description(now, answer.clone()).unwrap();
        sender.set_remote_description(now, answer).unwrap();
        let packetizer = Box::new(new_packetizer(
            now,
            1_200 - TAG,
            PAYLOAD_TYPE,
            SSRC,
            codec().rtp_codec.payloader().unwrap(),
            Box::new(new_random_sequencer()),
            90_000,
        ));
        let mut this = Self {
            ends: [sender, receiver],
            video,
            channel,
            packetizer,
            access_unit: Bytes::from_static(access_unit()),
            clock,
            wire: [Vec::new(), Vec::new()],
            open: [false; 2],
            read: (0, 0),
            packets: 0,
        };
        while this.open != [true; 2] {
            assert!(this.clock.elapsed() < Duration::from_secs(20), "rtc does not connect");
            let moved = this.carry();
            this.listen();
            if !moved {
                this.wait();
            }
        }
        this
    }

    fn poll(&mut self, end: usize) {
        while let Some(datagram) = self.ends[end].poll_write() {
            self.wire[end].push(datagram.message);
        }
    }

    /// Hands what one end has sent to the other.
    fn deliver(&mut self, from: usize) -> bool {
        let some = !self.wire[from].is_empty();
        for message in self.wire[from].drain(..) {
            let transport = TransportContext {
                local_addr: address(1 - from),
                peer_addr: address(from),
                ecn: None,
                transport_protocol: TransportProtocol::UDP,
            };
            let now = self.clock.now();
            self.ends[1 - from].handle_read(TaggedBytesMut { now, transport, message }).unwrap();
        }
        some
    }

    fn listen(&mut self) {
        for (end, open) in self.ends.iter_mut().zip(&mut self.open) {
            while let Some(event) = end.poll_event() {
                *open |= matches!(event, RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(_)));
            }
            while let Some(message) = end.poll_read() {
                match message.message {
                    RTCMessage::DataChannelMessage(_, message) => {
                        self.read = (self.read.0 + message.data.len(), self.read.1 + 1);
                    }
                    RTCMessage::RtpPacket(..) => self.packets += 1,
                    _ => {}
                }
            }
        }
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        for end in &mut self.ends {
            if end.poll_timeout().is_some_and(|due| due <= now) {
                end.handle_timeout(now).unwrap();
            }
        }
    }
}

impl Pair for Ends {
    fn send_frame(&mut self) -> (usize, usize) {
        let Some(video) = self.video else { return (0, 0) };
        let now = self.clock.now();
        let packets = self.packetizer.packetize(now, &self.access_unit, 2_970).unwrap();
        for packet in packets {
            self.ends[0].rtp_sender(video).unwrap().write_rtp(now, packet).unwrap();
            self.poll(0);
        }
        let media = self.wire[0].iter().filter(|datagram| is_media(datagram));
        media.fold((0, 0), |(n, bytes), datagram| (n + 1, bytes + datagram.len()))
    }

    fn receive_frame(&mut self) -> usize {
        self.deliver(0);
        self.listen();
        std::mem::take(&mut self.packets)
    }

    fn between(&mut self) {
        self.clock.skip(Duration::from_millis(33));
        self.tick();
        while self.carry() {}
        self.listen();
    }

    fn send(&mut self, message: &[u8]) -> bool {
        let now = self.clock.now();
        let mut channel = self.ends[0].data_channel(self.channel).unwrap();
        if channel.outstanding_bytes() + message.len() > BUFFER {
            return false;
        }
        channel.send(now, message.into()).is_ok()
    }

    fn carry(&mut self) -> bool {
        let mut moved = false;
        for from in [0, 1] {
            self.poll(from);
            moved |= self.deliver(from);
        }
        moved
    }

    fn read(&mut self) -> (usize, usize) {
        self.listen();
        std::mem::take(&mut self.read)
    }

    fn wait(&mut self) {
        let now = self.clock.now();
        if let Some(due) = self.ends.iter_mut().filter_map(|end| end.poll_timeout()).min() {
            self.clock.skip(due.saturating_duration_since(now));
        }
        self.tick();
    }
}

pub fn contender() -> Contender {
    Contender { name: "webrtc-rs rtc 0.21, ring", make: Box::new(|shape| Box::new(Ends::connect(shape))) }
}
