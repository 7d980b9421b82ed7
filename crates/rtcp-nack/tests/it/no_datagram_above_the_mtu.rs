//! No packet, plain or sent again, is larger than the datagram size less the protection, whatever was negotiated.

use crate::support::{at, drain, drain_again, nack};
use barertc_arena::{Global, Shared};
use barertc_rtcp_nack::{Error, HistoryConfig, RtxConfig, SendConfig, SendStream};
use barertc_rtp::{
    AudioLevel, Extension, ExtensionMap, Frame, FrameInfo, Framing, Packet, PayloadFormat, PlayoutDelay,
};
use proptest::prelude::*;

/// Bytes that each protection profile adds: SRTP tags of 4, 10 and 16 bytes, and more below (TURN, a tunnel).
const PROTECTION: [usize; 5] = [0, 4, 10, 16, 64];

fn map(ids: &[Option<u8>]) -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for (kind, id) in Extension::ALL.into_iter().zip(ids) {
        if let Some(id) = id {
            map = map.with(kind, *id); // taken already: left out
        }
    }
    map
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_packet_fits(
        codec in prop::sample::select(vec![PayloadFormat::H264, PayloadFormat::H265, PayloadFormat::Vp8, PayloadFormat::Opus]),
        ids in prop::collection::vec(prop::option::of(prop_oneof![4 => 1u8..15, 1 => 16u8..=255]), 8),
        mid in prop::collection::vec(any::<u8>(), 0..=32),
        mtu in 200usize..1_500,
        protection in prop::sample::select(PROTECTION.to_vec()),
        rtx: bool,
        (level, orientation, delay) in any::<(bool, bool, bool)>(),
        sizes in prop::collection::vec(8usize..5_000, 1..6),
    ) {
        let mut config = SendConfig {
            mtu,
            protection,
            extensions: map(&ids),
            mid: mid.iter().copied().collect(),
            rtx: rtx.then_some(RtxConfig { ssrc: 2, payload_type: 97, first_sequence: 9 }),
            largest_key_frame: 5_000,
            ..SendConfig::video(1, 96, codec)
        };
        config.history = HistoryConfig { packets: 2_000, ..config.history };
        let mut stream = match SendStream::new(config, Global) {
            Ok(stream) => stream,
            Err(error) => {
                prop_assert!(matches!(error, Error::Config(e) if e.field == "mtu"), "{}", error);
                return Ok(());
            }
        };
        let info = FrameInfo {
            timestamp: 0,
            audio_level: level.then_some(AudioLevel { voice: true, level: 9 }),
            video_orientation: orientation.then_some(1),
            playout_delay: delay.then_some(PlayoutDelay { min: 0, max: 9 }),
            talkspurt: false,
        };
        let mut bytes = Vec::new();
        for size in &sizes {
            bytes.extend((*size as u32).to_be_bytes());
            bytes.resize(bytes.len() + size, 0x26);
        }
        let shared = Shared::<[u8], _>::try_from_slice(&bytes, Global).unwrap();
        let frame = Frame::new(shared, codec, Framing::Length4, info, Global).unwrap();
        let pieces = frame.piece_count(stream.config().budget().unwrap());
        if let Err(error) = stream.enqueue(at(0), frame) {
            prop_assert!(matches!(error, Error::FrameTooLarge { .. }) && codec == PayloadFormat::Opus, "{}", error);
            return Ok(());
        }
        let sent = drain(&mut stream, at(0));
        prop_assert!(!sent.is_empty());
        nack(&mut stream, at(1), 1, 0..sent.len() as u16);
        let again = drain_again(&mut stream, at(1));
        prop_assert!(!again.is_empty());
        for packet in sent.iter().chain(&again) {
            prop_assert!(packet.len() + protection <= mtu, "{} + {protection} > {mtu}", packet.len());
            prop_assert!(Packet::parse(packet).is_ok());
        }
        // And room isn't wasted: the least budget there can be would not do with fewer.
        prop_assert!(codec == PayloadFormat::Opus || sent.len() <= pieces);
    }
}

#[test]
fn the_budget_is_told() {
    let mut config = SendConfig::video(1, 96, PayloadFormat::H264);
    assert_eq!(config.budget(), Ok(1_200 - 16 - 12));
    config.extensions = config.extensions.with(Extension::TransportSequence, 5);
    assert_eq!(config.budget(), Ok(1_200 - 16 - 12 - 8));
    config.rtx = Some(RtxConfig { ssrc: 2, payload_type: 97, first_sequence: 0 });
    assert_eq!(config.budget(), Ok(1_200 - 16 - 12 - 8 - 2));
    config.mtu = 100;
    assert_eq!(config.budget().unwrap_err().field, "mtu");
}
