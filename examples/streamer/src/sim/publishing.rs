//! Out to a WHIP server whose answers are of no use.

use core::convert::Infallible;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Waker};
use core::time::Duration;

use barertc::{Identity, RustCrypto};
use barertc_arena::{Counting, Global};
use barertc_crypto::selftest::Predictable;
use barertc_media::pack::block_on;
use barertc_signaling::Signals;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::board::DEVICE;
use super::{SimBoard, SimClock};
use crate::app::App;
use crate::settings::{Forwarder, Settings, Whip};
use crate::signaling::{Handler, Source};
use crate::{bind_media, publish, serve};

/// Lets time pass for what has no peer but servers.
fn pass(mut running: Pin<&mut impl Future<Output = ()>>, clock: &SimClock, time: Duration) {
    let end = clock.now() + time;
    while clock.now() < end {
        clock.next.set(None);
        assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        clock.now.set(clock.next.get().expect("it waits for a time"));
    }
}

/// What the page says of servers.
fn outward(app: &App<'_, SimBoard<'_>>) -> [String; 2] {
    let mut all = Vec::new();
    let Ok(()) = app.status.with_outward(|why| {
        all.push(why.into());
        Ok::<(), Infallible>(())
    });
    all.try_into().expect("two servers")
}

#[test]
fn every_session_that_the_server_made_is_ended() {
    let (heap, frames) = (Counting::new(Global), Counting::new(Global));
    let clock = SimClock::new();
    let identity = Identity::generate(&RustCrypto, &mut Predictable::new(1));
    let board = SimBoard::new(&clock, &heap, &frames);
    const GOODBYE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    board.servers.replies.borrow_mut().extend([
        // No session description.
        "HTTP/1.1 201 x\r\nLocation: /r/1\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nv=0",
        GOODBYE,
        // Not whole in time.
        "HTTP/1.1 201 x\r\nLocation: /r/2\r\nContent-Type: application/sdp\r\nContent-Length: 99\r\n\r\nv=0",
        GOODBYE,
        // Whole, and no answer to what was offered.
        "HTTP/1.1 201 x\r\nLocation: /r/3\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0",
        GOODBYE,
        // No session at all.
        "HTTP/1.1 503 x\r\nLocation: /r/4\r\nContent-Length: 0\r\n\r\n",
    ]);
    let settings = Settings::loopback(80, "sample.brtc", b"");
    let app = App::new(&board, &settings, &identity).expect("memory for the application");
    let _ports: [_; crate::MAX_ADDRESSES] = block_on(bind_media(&app)).expect("a socket");
    let whip = Whip { url: "http://10.0.0.1/whip", address: Some(DEVICE), token: None };
    let mut publishing = pin!(publish::publish(&app, &whip));
    pass(publishing.as_mut(), &clock, Duration::from_secs(90));
    let told = board.servers.told.borrow();
    let requests: Vec<_> = told.iter().filter_map(|text| text.split(" HTTP/").next()).collect();
    let all = ["POST /whip", "DELETE /r/1", "POST /whip", "DELETE /r/2", "POST /whip", "DELETE /r/3", "POST /whip"];
    assert_eq!(requests, all, "{:?}", board.log.borrow());
}

/// A board's network may be slower than the board: the name is looked up again for each try.
#[test]
fn a_name_is_looked_up_until_it_is_found() {
    let (heap, frames) = (Counting::new(Global), Counting::new(Global));
    let clock = SimClock::new();
    let identity = Identity::generate(&RustCrypto, &mut Predictable::new(1));
    let board = SimBoard::new(&clock, &heap, &frames);
    board.unresolved.set(2);
    board.servers.replies.borrow_mut().extend([
        // The session is ended where it was made.
        "HTTP/1.1 201 x\r\nLocation: /r/1\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ]);
    let settings = Settings::loopback(80, "sample.brtc", b"");
    let app = App::new(&board, &settings, &identity).expect("memory for the application");
    let _ports: [_; crate::MAX_ADDRESSES] = block_on(bind_media(&app)).expect("a socket");
    let whip = Whip { url: "http://whip.example/whip", address: None, token: None };
    let mut publishing = pin!(publish::publish(&app, &whip));
    pass(publishing.as_mut(), &clock, Duration::from_secs(1));
    assert_eq!(outward(&app), ["", "WHIP http://whip.example/whip: no address found for whip.example"]);
    pass(publishing.as_mut(), &clock, Duration::from_secs(10));
    let told = board.servers.told.borrow();
    let requests: Vec<_> = told.iter().filter_map(|text| text.split(" HTTP/").next()).collect();
    assert_eq!(requests, ["POST /whip", "DELETE /r/1"], "{:?}", board.log.borrow());
    drop(told);
    // Nobody answers any more.
    pass(publishing.as_mut(), &clock, Duration::from_secs(30));
    assert_eq!(outward(&app), ["", "WHIP http://whip.example/whip: does not answer in time"]);
}

/// The page tells the last reason, and nothing once the server has taken the upgrade to WebSocket.
#[test]
fn what_a_forwarder_did_last_is_on_the_page() {
    let (heap, frames) = (Counting::new(Global), Counting::new(Global));
    let clock = SimClock::new();
    let identity = Identity::generate(&RustCrypto, &mut Predictable::new(1));
    let board = SimBoard::new(&clock, &heap, &frames);
    board.unresolved.set(1);
    board.servers.replies.borrow_mut().push_back("HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n");
    let settings = Settings::loopback(80, "sample.brtc", b"");
    let app = App::new(&board, &settings, &identity).expect("memory for the application");
    let forwarder = Forwarder { url: "ws://forwarder.example/board", address: None };
    let mut forwarding = pin!(serve::forward(&app, &forwarder));
    let mut said = Vec::new();
    for _ in 0..30 {
        // As far as the next time that something happens.
        pass(forwarding.as_mut(), &clock, Duration::from_micros(1));
        let [now, _] = outward(&app);
        if said.last() != Some(&now) {
            said.push(now);
        }
    }
    let forwarder = "forwarder forwarder.example";
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(said[0], format!("{forwarder}: no address found for forwarder.example"));
    assert!(said[1].starts_with(forwarder) && said[1].contains("401"), "{said:?}");
    assert_eq!(said[2], format!("{forwarder}: does not answer in time"));
    Signals::connected(&Handler { app: &app, source: Source::Forwarder(DEVICE.ip()) }, 1);
    assert_eq!(outward(&app), ["", ""]);
}

#[test]
fn what_no_board_can_do_is_said() {
    let (heap, frames) = (Counting::new(Global), Counting::new(Global));
    let clock = SimClock::new();
    let identity = Identity::generate(&RustCrypto, &mut Predictable::new(1));
    let board = SimBoard::new(&clock, &heap, &frames);
    let settings = Settings::loopback(80, "sample.brtc", b"");
    let app = App::new(&board, &settings, &identity).expect("memory for the application");
    let _ports: [_; crate::MAX_ADDRESSES] = block_on(bind_media(&app)).expect("a socket");
    for (url, why) in [("wss://a.example/b", serve::NO_TLS), ("nonsense", "not an address such as ws://HOST:PORT/NAME")]
    {
        block_on(serve::forward(&app, &Forwarder { url, address: None }));
        assert_eq!(outward(&app), [format!("forwarder {url}: {why}"), String::new()]);
    }
    let whip = Whip { url: "https://a.example/b", address: None, token: None };
    let mut publishing = pin!(publish::publish(&app, &whip));
    pass(publishing.as_mut(), &clock, Duration::from_secs(1));
    assert_eq!(outward(&app)[1], format!("WHIP https://a.example/b: {}", serve::NO_TLS));
}
