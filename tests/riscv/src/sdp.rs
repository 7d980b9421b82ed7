//! Chromium's longest offer is answered, and what that costs; messages are unwrapped where they lie.

use barertc_sdp::*;
use barertc_signaling::{Dialect, Envelope, Message};
use core::hint::black_box;

use crate::bench::Bench;

const OFFER: &str = include_str!("../../../crates/sdp/tests/data/chromium-offer.sdp");

const VIDEO: [LocalCodec; 1] = [LocalCodec {
    codec: Codec::H264(H264::CONSTRAINED_BASELINE),
    pt: 102,
    rtx: Some(103),
    feedback: Feedback::ALL,
    red: None,
    flexfec: None,
}];

const SECTIONS: [Section<'static>; 2] = [
    Section::Track(Track {
        mid: None,
        kind: MediaKind::Video,
        direction: Direction::SendOnly,
        codecs: &VIDEO,
        extensions: ExtensionMap::new(),
        sending: Some(Sending { ssrc: 1, rtx_ssrc: Some(2), fec_ssrc: None, stream: "s", track: "t", rids: &[] }),
    }),
    Section::Data(Data { mid: None, sctp_port: 5000, max_message_size: 65_536, sctp_init: None }),
];

pub fn run(bench: &mut Bench) {
    bench.figure("what is agreed on", size_of::<Negotiated>(), "bytes");
    let fingerprint = Fingerprint::sha256([0xab; 32]);
    let local = Local {
        session_id: 1,
        session_version: 1,
        ufrag: "abcd",
        pwd: "0123456789abcdef012345",
        lite: false,
        ice_options: "trickle",
        fingerprint: &fingerprint,
        setup: Setup::ActPass,
        candidates: &["candidate:1 1 udp 2113937151 192.0.2.1 5004 typ host"],
        end_of_candidates: true,
        default_address: None,
        cname: "c",
        sections: SECTIONS[..].into(),
    };
    let mut room = [0; 2048];
    bench.test("an offer of 7 KB is answered", || {
        let offer = Session::parse(OFFER)?;
        let agreed = Negotiated::from_offer(&offer, &local)?;
        let answer = write_answer(&offer, &local, &agreed, &mut room)?;
        let said = Session::parse(answer)?;
        let video = said.media_at(0).ok_or(Error::OtherOffer)?;
        if video.formats() == "108 109" { Ok(()) } else { Err(Error::OtherOffer) }
    });
    let Ok(offer) = bench.measure("parse an offer of 7 KB", || Session::parse(black_box(OFFER))) else { return };
    let agreed = bench.measure("negotiate it", || Negotiated::from_offer(black_box(&offer), &local));
    let Ok(agreed) = agreed else { return };
    bench.measure("write the answer", || black_box(write_answer(&offer, &local, &agreed, &mut room).is_ok()));
    bench.measure("write an offer", || {
        let sections = SECTIONS.map(|mut s| {
            match &mut s {
                Section::Track(t) => t.mid = Some("v"),
                Section::Data(d) => d.mid = Some("d"),
                Section::Inactive { .. } | Section::Ended { .. } => {}
            }
            s
        });
        black_box(write_offer(&Local { sections: sections[..].into(), ..local.clone() }, &mut room).is_ok())
    });
    message(bench);
}

fn message(bench: &mut Bench) {
    let mut room = [0; 8192];
    let envelope = Envelope {
        id: "server",
        dialect: Dialect::Streamer,
        message: Some(Message::Offer { sdp: OFFER }),
        token: None,
    };
    let written =
        bench.measure("wrap an offer of 7 KB in JSON", || envelope.write(black_box(&mut room)).map(|t| t.len()));
    let Ok(len) = written else { return };
    let same = bench.measure("unwrap it", || Envelope::parse(&mut room[..len]).map(|e| e.message == envelope.message));
    bench.test("what was wrapped is unwrapped", || if same == Ok(true) { Ok(()) } else { Err(same) });
}
