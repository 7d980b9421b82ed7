//! Sessions over HTTP, as the application answers them.

use std::string::String;
use std::vec;

use barertc::{Identity, RustCrypto};
use barertc_arena::{Counting, Global};
use barertc_crypto::selftest::Predictable;
use barertc_media::pack::block_on;
use barertc_signaling::{Endpoint, Id, Refusal, Server};

use super::{SimBoard, SimClock};
use crate::app::App;
use crate::bind_media;
use crate::settings::Settings;
use crate::signaling::{Handler, OURSELVES, Source};

const OFFER: &str = include_str!("../../../../crates/sdp/tests/data/chromium-offer.sdp");

/// Answers an offer to watch: the user name fragment of the session that there is then, and how many viewers there are.
fn offer(text: &str) -> (Result<String, Refusal>, usize) {
    let (heap, frames) = (Counting::new(Global), Counting::new(Global));
    let clock = SimClock::new();
    let identity = Identity::generate(&RustCrypto, &mut Predictable::new(1));
    let board = SimBoard::new(&clock, &heap, &frames);
    let settings = Settings::loopback(80, "sample.brtc", b"");
    let app = App::new(&board, &settings, &identity).expect("memory for the application");
    let _ports: [_; crate::MAX_ADDRESSES] = block_on(bind_media(&app)).expect("a socket");
    let page = Handler { app: &app, source: Source::Page(OURSELVES, None) };
    let (mut session, mut room) = (Id::new(), vec![0; 8_192]);
    let answer = block_on(page.session_offer(Endpoint::Whep, text, &mut session, &mut room)).map(drop);
    let ufrag = answer.map(|()| page.session_ice(&session).expect("a session").ufrag.as_str().into());
    (ufrag, app.viewers.borrow().expected())
}

#[test]
fn an_offer_of_which_nothing_can_be_used_is_refused_whole() {
    assert_eq!(offer(OFFER), (Ok("GBL5".into()), 1));
    let odd = OFFER.replace("H264/", "X264/").replace("opus/", "x/").replace("m=application 48899", "m=application 0");
    assert_eq!(offer(&odd), (Err(Refusal::Unacceptable), 0));
    assert_eq!(offer("nonsense").0, Err(Refusal::Malformed));
}

#[test]
fn the_generation_of_a_session_is_that_of_the_tagged_line() {
    // The second m-line is the tagged one (RFC 9143 §7.1.3); what the first says of itself does not count, however long.
    let tagged = OFFER.replace("BUNDLE 0 1 2", "BUNDLE 1 0 2");
    let long = "u".repeat(200);
    assert_eq!(offer(&tagged.replacen("GBL5", "other", 1)), (Ok("GBL5".into()), 1));
    assert_eq!(offer(&tagged.replace("GBL5", &long)), (Ok(long.clone()), 1));
}
