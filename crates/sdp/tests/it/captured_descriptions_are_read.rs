//! Descriptions of real peers are read completely.

use crate::support::*;
use barertc_sdp::*;

#[test]
fn every_capture_is_read_and_has_a_transport() {
    for (name, text) in ALL {
        let session = Session::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let transport = session.transport(0).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(transport.fingerprints().any(|f| f.algorithm() == HashAlgorithm::Sha256), "{name}");
        assert!(transport.candidates().next().is_some(), "{name}");
        assert!(session.media().all(|m| session.bundle_of(m.mid().unwrap()).is_some()), "{name}");
    }
}

#[test]
fn chromiums_long_offer_is_read_completely() {
    let session = Session::parse(CHROMIUM_OFFER).unwrap();
    assert_eq!(session.origin(), Some((547_771_163_140_785_317, 2)));
    assert!(session.extmap_allow_mixed());
    let [video, audio, data] = session.media().collect::<Vec<_>>()[..] else { panic!("three m-lines") };
    assert_eq!((video.kind(), video.port(), video.mid()), (MediaKind::Video, 41507, Some("0")));
    assert_eq!(video.direction(), Direction::RecvOnly);
    assert!(video.rtcp_mux() && video.rtcp_reduced_size() && !video.is_rejected());
    let payloads = video.payloads();
    // 34 formats: 15 are codecs with their retransmissions, or red; ulpfec and flexfec stand alone.
    assert_eq!(payloads.iter().filter(|p| p.rtx.is_some()).count(), 16);
    assert_eq!(payloads.len() + 16, 34);
    let h264 = payloads.iter().find(|p| p.map.pt == 108).unwrap();
    assert_eq!((h264.map.encoding, h264.map.clock_rate, h264.rtx), ("H264", 90_000, Some(109)));
    assert_eq!(parameter(h264.fmtp, "Profile-Level-Id"), Some("42e01f"));
    assert_eq!(h264.feedback, Feedback::ALL);
    assert_eq!(video.extensions().id(Extension::Mid), Some(9));
    assert_eq!(audio.extensions().id(Extension::AudioLevel), Some(14));
    assert!(audio.payloads().iter().any(|p| p.map.pt == 0 && p.map.encoding == "PCMU"));
    assert!(data.is_data());
    assert_eq!((data.sctp_port(), data.max_message_size()), (Some(5000), 262_144));
    let transport = session.transport(0).unwrap();
    assert_eq!((transport.ufrag, transport.pwd), ("GBL5", "Y9lmE3a7T/5txXIqB4UgWMaI"));
    assert_eq!((transport.setup, transport.lite), (Some(Setup::ActPass), false));
    let first = "candidate:3604048452 1 udp 2113937151 192.0.2.2 41507 typ host generation 0 network-cost 999";
    assert_eq!(transport.candidates().next(), Some(first));
}

#[test]
fn announced_streams_come_with_their_retransmissions() {
    let session = Session::parse(CHROMIUM_OFFER_SENDING).unwrap();
    let video = session.media_at(0).unwrap();
    assert_eq!(video.ssrcs()[..], [RemoteSsrc { ssrc: 1_462_293_291, rtx: Some(2_041_261_712), fec: None }]);
    assert_eq!(video.msid(), Some(("-", "980f63e0-b54b-4a97-b9df-fd03d151027b")));
    let cname = video.ssrc_attributes().find(|s| s.name == "cname").unwrap();
    assert_eq!((cname.ssrc, cname.value), (1_462_293_291, "6qGiMOJsl+8cnjEg"));
}

#[test]
fn what_shortens_connecting_is_readable() {
    let session = Session::parse(CHROMIUM_OFFER_SNAP).unwrap();
    let data = session.media_at(2).unwrap();
    assert_eq!(data.sctp_init(), Some("AQAAIEcOMScAUAAA/////5gEPWTAAAAEgAgACILAQMI="));
    let transport = session.transport(0).unwrap();
    assert!(transport.has_option("sped") && transport.has_option("googspedv1") && transport.has_option("trickle"));
}

#[test]
fn all_fingerprints_of_aiortc_are_seen() {
    let session = Session::parse(AIORTC_OFFER).unwrap();
    let transport = session.transport(0).unwrap();
    let hashes: Vec<_> = transport.fingerprints().map(|f| f.algorithm()).collect();
    assert_eq!(hashes, [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512]);
    assert!(transport.end_of_candidates);
    // One hash function decides (RFC 8122 §5.1).
    assert!(transport.certificates().unwrap().iter().eq([&transport.fingerprints().next().unwrap()]));
}

#[test]
fn all_certificates_of_a_peer_count() {
    let line = AIORTC_OFFER.lines().find(|l| l.starts_with("a=fingerprint:sha-256")).unwrap();
    let with = |n: u8| {
        let others: String = (0..n).map(|i| format!("a=fingerprint:{}\r\n", Fingerprint::sha256([i; 32]))).collect();
        AIORTC_OFFER.replace(&format!("{line}\r\n"), &format!("{others}{line}\r\n"))
    };
    for n in 0..Fingerprints::MAX as u8 {
        let text = with(n);
        let transport = Session::parse(&text).unwrap().transport(0).unwrap();
        let set = transport.certificates().unwrap();
        assert!(set.contains(&Fingerprint::parse(line.strip_prefix("a=fingerprint:").unwrap()).unwrap()), "{n}");
    }
    let text = with(Fingerprints::MAX as u8);
    let error = Session::parse(&text).unwrap().transport(0).unwrap().certificates().unwrap_err();
    assert_eq!(error, Error::TooMany { what: "fingerprints", limit: Fingerprints::MAX });
}

#[test]
fn session_level_attributes_count_where_the_m_line_has_none() {
    // As Firefox writes it.
    let text = "v=0\r\no=mozilla 1 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
        a=fingerprint:sha-256 58:B4:01:BB:A6:66:64:9D:4D:C9:4A:52:6E:3F:7C:96:01:A6:5C:12:5D:3F:E3:7C:80:FA:81:9F:2E:12:FF:26\r\n\
        a=ice-options:trickle\r\na=ice-lite\r\na=sendonly\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef012345\r\na=setup:active\r\n";
    let session = Session::parse(text).unwrap();
    let transport = session.transport(0).unwrap();
    assert!(transport.lite && transport.has_option("trickle"));
    assert_eq!(transport.fingerprints().count(), 1);
    assert_eq!(session.media_at(0).unwrap().direction(), Direction::SendOnly);
}
