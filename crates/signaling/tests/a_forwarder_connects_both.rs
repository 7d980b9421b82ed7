//! The streamer connects out to a forwarding server with the protocol of the libdatachannel examples, and so does a page.
use crate::common;

use barertc_signaling::*;
use common::*;
use futures_lite::future;

struct Fixed(u32);

impl rand_core::TryRng for Fixed {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0 = self.0.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        Ok(self.0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from(self.try_next_u32()?))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
        to.fill(self.try_next_u32()? as u8);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Fixed {}

async fn member<const N: usize, const M: usize>(hub: &Hub<N, M>, mut stream: Stream, clock: &App) -> Result<(), Error> {
    let mut buf = vec![0; 4096];
    hub.serve(&mut stream, LOCAL, |c| Access::new(None).allows(c), &mut buf, clock).await
}

async fn streamer(app: &App, mut stream: Stream) -> Result<(), Error> {
    let (mut message, mut sdp, mut out) = (vec![0; 4096], vec![0; 2048], vec![0; 4096]);
    let buffers = Buffers { message: &mut message, sdp: &mut sdp, out: &mut out };
    let url = Url::parse("ws://localhost:8000/server").unwrap();
    connect(&mut stream, &url, 3, buffers, app, &mut Fixed(1)).await
}

#[test]
fn a_page_gets_its_offer_through_the_forwarder() {
    let (app, clock) = (App::default(), App::default());
    let hub = Hub::<4, 4096>::new();
    let ((a, b), (c, d)) = (connection(), connection());
    let page = async {
        let (mut page, _) = Browser::open(d, "/page567890").await;
        page.say(r#"{"id":"server","type":"request"}"#).await;
        let offer = page.hear_json().await;
        assert_eq!(offer, serde_json::json!({"id": "server", "type": "offer", "sdp": OFFER}));
        page.say(r#"{"id":"server","type":"answer","sdp":"v=0\r\n"}"#).await;
        app.tell("page567890", "candidate:9");
        assert_eq!(page.hear_json().await["candidate"], "candidate:9");
        // Whatever the type, it is forwarded; an unknown name is not.
        page.say(r#"{"id":"nobody","type":"request"}"#).await;
        page.say(r#"{"id":"page567890","type":"new","deep":{"id":[1,2]}}"#).await;
        let echo = page.hear_json().await;
        assert_eq!(echo, serde_json::json!({"id": "page567890", "type": "new", "deep": {"id": [1, 2]}}));
    };
    future::block_on(future::or(
        async {
            let ((x, y), z) =
                future::zip(future::zip(member(&hub, a, &clock), member(&hub, c, &clock)), streamer(&app, b)).await;
            panic!("ended early: {x:?} {y:?} {z:?}");
        },
        async {
            future::yield_now().await;
            page.await;
        },
    ));
    let heard = app.heard.borrow();
    assert_eq!(heard[0], "3:page567890 Request");
    assert_eq!(heard[1], "3:page567890 Answer { sdp: \"v=0\\r\\n\" }");
    assert_eq!(hub.discards().get(Discard::Unknown), 1);
}

#[test]
fn a_newcomer_replaces_who_had_its_name() {
    let clock = App::default();
    let hub = Hub::<3, 512>::new();
    let ((a, b), (c, d)) = (connection(), connection());
    let script = async {
        let (mut old, _) = Browser::open(b, "/server").await;
        let (mut new, _) = Browser::open(d, "/server").await;
        assert_eq!(old.hear().await, Some((0x88, CLOSE_NORMAL.to_be_bytes().to_vec())));
        new.say(r#"{"id":"server","n":1}"#).await;
        assert_eq!(new.hear_json().await["n"], 1);
        drop(old);
        drop(new);
    };
    let ((first, second), ()) = both(future::zip(member(&hub, a, &clock), member(&hub, c, &clock)), script);
    assert_eq!((first, second), (Ok(()), Ok(())));
}

#[test]
fn a_slow_reader_loses_messages_and_a_full_hub_says_so() {
    let clock = App::default();
    let hub = Hub::<1, 512>::new();
    let ((a, b), (c, d)) = (connection(), connection());
    let script = async {
        let (mut only, _) = Browser::open(b, "/x").await;
        let (_, refused) = Browser::open(d, "/y").await;
        assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
        only.say(&format!(r#"{{"id":"x","pad":"{}"}}"#, "p".repeat(600))).await;
        only.say(r#"{"no":"id"}"#).await;
        only.say(r#"{"id":"x"}"#).await;
        assert_eq!(only.hear_json().await["id"], "x");
    };
    let _ = both(future::zip(member(&hub, a, &clock), member(&hub, c, &clock)), script);
    let d = hub.discards();
    assert_eq!((d.get(Discard::Full), d.get(Discard::TooLong), d.get(Discard::Json)), (1, 1, 1));
}

#[test]
fn a_server_that_does_not_want_us_is_believed() {
    let app = App::default();
    let (ours, mut theirs) = connection();
    let (result, ()) = both(streamer(&app, ours), async {
        use embedded_io_async::Write;
        theirs.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n").await.unwrap();
    });
    assert_eq!(result, Err(Error::Status(404)));
    let (ours, mut theirs) = connection();
    let (result, ()) = both(streamer(&app, ours), async {
        use embedded_io_async::Write;
        let head =
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bm9uc2Vuc2U=\r\n\r\n";
        theirs.write_all(head.as_bytes()).await.unwrap();
    });
    assert_eq!(result, Err(Error::Protocol));
}
