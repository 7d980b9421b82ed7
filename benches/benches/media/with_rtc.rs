//! webrtc-rs `rtc`: two of them connected in memory with the default interceptors, one sends what the crate's own
//! packetizer makes of an access unit.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::state::RTCPeerConnectionState;
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

use crate::{Cipher, Contender, access_unit, is_media};

const SSRC: u32 = 1;
const PAYLOAD_TYPE: u8 = 102;

struct Pair {
    name: &'static str,
    sender: RTCPeerConnection,
    receiver: RTCPeerConnection,
    video: RTCRtpSenderId,
    packetizer: Box<dyn Packetizer>,
    access_unit: Bytes,
    now: Instant,
    /// What the sender wrote beside media.
    other: Vec<BytesMut>,
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 5_000))
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

fn peer(now: Instant, last: u8, profile: SrtpProtectionProfile) -> RTCPeerConnection {
    let mut engine = MediaEngine::default();
    engine.register_codec(codec(), RtpCodecKind::Video).unwrap();
    let registry = register_default_interceptors(Registry::new(), &mut engine).unwrap();
    let settings = SettingEngineBuilder::new()
        .with_answering_dtls_role(RTCDtlsRole::Client)
        .with_srtp_protection_profiles(vec![profile])
        .build();
    let mut peer = RTCPeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_setting_engine(settings)
        .with_media_engine(engine)
        .with_interceptor_registry(registry)
        .build(now)
        .unwrap();
    let base_config = CandidateConfig {
        network: "udp".to_owned(),
        address: address(last).ip().to_string(),
        port: address(last).port(),
        component: 1,
        ..Default::default()
    };
    let candidate = CandidateHostConfig { base_config, ..Default::default() }.new_candidate_host().unwrap();
    peer.add_local_candidate(RTCIceCandidate::from(&candidate).to_json().unwrap()).unwrap();
    peer
}

impl Pair {
    fn connected(name: &'static str, profile: SrtpProtectionProfile, tag: usize) -> Self {
        let start = Instant::now();
        let (mut sender, mut receiver) = (peer(start, 1, profile), peer(start, 2, profile));
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(SSRC), ..Default::default() },
            codec: codec().rtp_codec,
            ..Default::default()
        };
        let track = ["stream", "track", "label"].map(str::to_owned);
        let [stream, track, label] = track;
        let track = MediaStreamTrack::new(stream, track, label, RtpCodecKind::Video, vec![encoding]);
        let video = sender.add_track(track).unwrap();

        let offer = sender.create_offer(None).unwrap();
        sender.set_local_description(start, offer.clone()).unwrap();
        receiver.set_remote_description(start, offer).unwrap();
        let answer = receiver.create_answer(None).unwrap();
        receiver.set_local_description(start, answer.clone()).unwrap();
        sender.set_remote_description(start, answer).unwrap();

        let packetizer = Box::new(new_packetizer(
            start,
            1_200 - tag,
            PAYLOAD_TYPE,
            SSRC,
            codec().rtp_codec.payloader().unwrap(),
            Box::new(new_random_sequencer()),
            90_000,
        ));
        let access_unit = access_unit().into();
        let mut pair = Self { name, sender, receiver, video, packetizer, access_unit, now: start, other: Vec::new() };
        let mut connected = [false; 2];
        while connected != [true; 2] {
            pair.now += Duration::from_millis(10);
            assert!(pair.now < start + Duration::from_secs(20), "rtc does not connect");
            pair.between();
            for (peer, connected) in [&mut pair.sender, &mut pair.receiver].into_iter().zip(&mut connected) {
                while let Some(event) = peer.poll_event() {
                    *connected |= matches!(
                        event,
                        RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Connected)
                    );
                }
            }
        }
        pair
    }
}

impl Contender for Pair {
    fn name(&self) -> &'static str {
        self.name
    }

    fn frame(&mut self) -> (usize, usize) {
        self.now += Duration::from_millis(33);
        let packets = self.packetizer.packetize(self.now, &self.access_unit, 2_970).unwrap();
        let mut sent = (0, 0);
        for packet in packets {
            self.sender.rtp_sender(self.video).unwrap().write_rtp(self.now, packet).unwrap();
            while let Some(datagram) = self.sender.poll_write() {
                if is_media(&datagram.message) {
                    sent = (sent.0 + 1, sent.1 + datagram.message.len());
                } else {
                    self.other.push(datagram.message);
                }
            }
        }
        sent
    }

    /// Connectivity checks and reports go to and fro.
    fn between(&mut self) {
        self.sender.handle_timeout(self.now).unwrap();
        self.receiver.handle_timeout(self.now).unwrap();
        loop {
            while let Some(datagram) = self.sender.poll_write() {
                self.other.push(datagram.message);
            }
            let mut quiet = self.other.is_empty();
            for datagram in self.other.drain(..) {
                deliver(&mut self.receiver, self.now, (2, 1), datagram);
            }
            while let Some(datagram) = self.receiver.poll_write() {
                quiet = false;
                deliver(&mut self.sender, self.now, (1, 2), datagram.message);
            }
            while self.receiver.poll_read().is_some() || self.sender.poll_read().is_some() {}
            if quiet {
                return;
            }
        }
    }
}

fn deliver(to: &mut RTCPeerConnection, now: Instant, (local, peer): (u8, u8), message: BytesMut) {
    let transport = TransportContext {
        local_addr: address(local),
        peer_addr: address(peer),
        ecn: None,
        transport_protocol: TransportProtocol::UDP,
    };
    to.handle_read(TaggedBytesMut { now, transport, message }).unwrap();
}

pub fn all() -> [(Box<dyn Contender>, Option<Cipher>); 2] {
    let gcm =
        Pair::connected("webrtc-rs rtc 0.21, ring, AES-128-GCM", SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm, 16);
    let cm =
        Pair::connected("webrtc-rs rtc 0.21, ring, CM + SHA1", SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80, 10);
    [(Box::new(gcm), Some(Cipher::Gcm128)), (Box::new(cm), Some(Cipher::CounterMode))]
}
