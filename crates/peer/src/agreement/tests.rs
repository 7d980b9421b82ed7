//! A plan from a description, without an agent, a clock or an allocator.

use std::string::{String, ToString};

use barertc_dtls::Role;
use barertc_rtp::PayloadFormat;
use barertc_sdp::{Direction, LocalCodec, MAX_KINDS, MediaKind, Session};
use barertc_wire::{Fingerprint, HashAlgorithm};

use super::{Agreement, OurData, OurTransport, Ours, Plan, Room, Track, choose_payload_types};
use crate::error::Error;
use crate::terms::{ENCODINGS, Source};
use crate::track::TrackConfig;

fn fingerprint() -> Fingerprint {
    Fingerprint::new(HashAlgorithm::Sha256, &[0xAB; 32]).expect("the length of SHA-256")
}

fn ours<'a>(tracks: &'a [Track], fingerprint: &'a Fingerprint) -> Ours<'a> {
    let transport = OurTransport {
        sped: false,
        ufrag: "abcd",
        pwd: "0123456789abcdef012345",
        lite: false,
        fingerprint,
        candidates: &[],
        passive: false,
    };
    let room = Room { video: 1, audio: 1, receiving: 0 };
    Ours {
        tracks,
        data: Some(OurData { port: 5_000, max_message_size: 1_000, sctp_init: None }),
        cname: "me",
        room,
        transport,
    }
}

fn video(sends: bool, mid: &str) -> Track {
    let codec = [LocalCodec::h264()];
    let config = if sends {
        TrackConfig::sendonly(MediaKind::Video, mid, "stream", codec)
    } else {
        TrackConfig::recvonly(MediaKind::Video, mid, codec)
    };
    Track::new(config.expect("names"), [Source { ssrc: 10, rtx: 11, fec: 12 }; ENCODINGS])
}

fn offer(agreement: &mut Agreement, tracks: &mut [Track]) -> Result<String, Error> {
    let mut room = [0; 4_096];
    let print = fingerprint();
    choose_payload_types(tracks);
    let text = agreement.write_offer(&ours(tracks, &print), &mut room)?.to_string();
    agreement.offered(tracks, true)?;
    Ok(text)
}

#[test]
fn an_offer_becomes_a_plan_and_nothing_changes() {
    let (mut theirs, mut tracks) = (Agreement::new(1), [video(true, "cam")]);
    let text = offer(&mut theirs, &mut tracks).expect("an offer");
    let session = Session::parse(&text).expect("a description");

    let (ours_now, mut receivers, print) = (Agreement::new(2), [video(false, "")], fingerprint());
    let mut plan = Plan::EMPTY;
    ours_now.plan_offer(&session, &ours(&receivers, &print), &mut plan).expect("a plan");
    let terms = plan.terms(0, &receivers[0], 0).expect("the track has an m-line");
    assert!(terms.receives && !terms.sends);
    assert_eq!(terms.payloads[0].format, PayloadFormat::H264);
    assert_eq!(terms.remote.map(|remote| (remote.ssrc, remote.rtx)), Some((10, Some(11))));
    assert_eq!(terms.mid.as_slice(), b"cam");
    let begin = plan.begin(&session).expect("a transport").expect("something was accepted");
    assert_eq!((begin.role, begin.transport.ufrag), (Role::Client, "abcd"));
    assert_eq!(begin.data.map(|data| data.max_message_size), Some(1_000));
    // Nothing was agreed on by that.
    assert_eq!(receivers[0].mid(), "");
    assert!(!ours_now.has_data());

    let mut ours_now = ours_now;
    ours_now.settle(&plan, &mut receivers);
    assert_eq!(receivers[0].mid(), "cam");
    assert!(ours_now.has_data());
}

#[test]
fn an_offer_that_is_taken_back_leaves_no_trace() {
    let (mut agreement, mut tracks) = (Agreement::new(1), [video(true, "")]);
    offer(&mut agreement, &mut tracks).expect("an offer");
    assert_eq!(tracks[0].mid(), "0");
    assert_eq!(offer(&mut agreement, &mut tracks), Err(Error::OfferPending));
    agreement.rollback(&mut tracks);
    assert_eq!(tracks[0].mid(), "");
    let print = fingerprint();
    let session = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    let mut plan = Plan::EMPTY;
    let answer = Session::parse(session).expect("a description");
    let planned = agreement.plan_answer(&answer, &ours(&tracks, &print), &mut plan);
    assert_eq!(planned.err(), Some(Error::NoOffer));
}

/// An offer of a video track and data channels, answered by a device that has data channels only.
fn answered_without_video() -> (Agreement, String) {
    let (mut theirs, mut tracks) = (Agreement::new(1), [video(true, "cam")]);
    let text = offer(&mut theirs, &mut tracks).expect("an offer");
    let session = Session::parse(&text).expect("a description");
    let (mut device, print, mut plan) = (Agreement::new(2), fingerprint(), Plan::EMPTY);
    device.plan_offer(&session, &ours(&[], &print), &mut plan).expect("a plan");
    let mut room = [0; 4_096];
    let answer = device.write_answer(&session, &ours(&[], &print), &plan, &mut room).expect("an answer").to_string();
    device.settle(&plan, &mut []);
    (device, answer)
}

#[test]
fn an_m_line_that_has_the_transport_stays_in_later_offers() {
    let (mut device, answer) = answered_without_video();
    let answer = Session::parse(&answer).expect("a description");
    let video = answer.media_at(0).expect("the first m-line");
    assert_eq!((video.is_rejected(), video.direction()), (false, Direction::Inactive));

    let again = offer(&mut device, &mut []).expect("an offer");
    let again = Session::parse(&again).expect("a description");
    let video = again.media_at(0).expect("the first m-line");
    assert_eq!((video.kind(), video.mid(), video.direction()), (MediaKind::Video, Some("cam"), Direction::Inactive));
    assert_eq!(again.bundles().next().map(|bundle| bundle.mids().count()), Some(2));
}

#[test]
fn more_m_lines_than_can_be_repeated_are_answered_and_not_offered_again() {
    let (mut theirs, mut tracks) = (Agreement::new(1), [video(true, "cam")]);
    let mut text = offer(&mut theirs, &mut tracks).expect("an offer");
    text.push_str(&"m=image 9 udptl t38\r\n".repeat(MAX_KINDS));
    let session = Session::parse(&text).expect("a description");
    let (mut device, print, mut plan) = (Agreement::new(2), fingerprint(), Plan::EMPTY);
    device.plan_offer(&session, &ours(&[], &print), &mut plan).expect("a plan");
    device.settle_offer(&plan, &mut []);
    assert!(device.has_data());
    let error = Error::TooMany { what: "m-lines", limit: MAX_KINDS };
    assert_eq!(offer(&mut device, &mut []), Err(error));
}

#[test]
fn nothing_is_not_offered() {
    let agreement = Agreement::new(1);
    let print = fingerprint();
    let nothing = Ours { data: None, ..ours(&[], &print) };
    assert_eq!(agreement.write_offer(&nothing, &mut [0; 1_000]), Err(Error::NothingToOffer));
}

#[test]
fn tracks_without_a_name_get_different_numbers() {
    let (mut agreement, mut tracks) = (Agreement::new(1), [video(true, "1"), video(false, ""), video(false, "")]);
    offer(&mut agreement, &mut tracks).expect("an offer");
    let mut mids = tracks.each_ref().map(|track| track.mid());
    mids.sort_unstable();
    assert!(mids.windows(2).all(|pair| pair[0] != pair[1]), "{mids:?}");
}
