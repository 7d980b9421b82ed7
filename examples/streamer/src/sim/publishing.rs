//! Out to a WHIP server whose answers are of no use.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;

use barertc::{Identity, RustCrypto};
use barertc_arena::{Counting, Global};
use barertc_crypto::selftest::Predictable;
use barertc_media::pack::block_on;
use std::vec::Vec;

use super::board::DEVICE;
use super::{SimBoard, SimClock};
use crate::app::App;
use crate::settings::{Settings, Whip};
use crate::{bind_media, publish};

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
    let whip = Whip { url: "http://10.0.0.1/whip", address: DEVICE, token: None };
    let mut publishing = pin!(publish::publish(&app, &whip));
    let end = clock.now() + Duration::from_secs(90);
    while clock.now() < end {
        clock.next.set(None);
        assert!(publishing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        clock.now.set(clock.next.get().expect("it waits for a time"));
    }
    let told = board.servers.told.borrow();
    let requests: Vec<_> = told.iter().filter_map(|text| text.split(" HTTP/").next()).collect();
    let all = ["POST /whip", "DELETE /r/1", "POST /whip", "DELETE /r/2", "POST /whip", "DELETE /r/3", "POST /whip"];
    assert_eq!(requests, all, "{:?}", board.log.borrow());
}
