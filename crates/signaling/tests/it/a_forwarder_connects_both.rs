//! The streamer connects out to a forwarding server with the protocol of the libdatachannel examples, and so does a page.
use crate::support;

use std::cell::Cell;
use std::task::Poll;
use std::time::Duration;

use barertc_signaling::*;
use embedded_io_async::Write;
use futures_lite::future;
use support::*;

async fn member<const N: usize, const M: usize>(hub: &Hub<N, M>, mut stream: Stream, clock: &App) -> Result<(), Error> {
    let mut buf = vec![0; 4096];
    hub.serve(&mut stream, LOCAL, |c| Access::new(None).unwrap().allows(c).into(), &mut buf, clock).await
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
    assert_eq!(heard[0], "3 connected");
    assert_eq!(heard[1], "3:page567890 Request");
    assert_eq!(heard[2], "3:page567890 Answer { sdp: \"v=0\\r\\n\" }");
    assert_eq!(hub.discards().get(Discard::Unknown), 1);
}

#[test]
fn a_name_belongs_to_its_connection_until_that_ends() {
    let clock = App::default();
    let hub = Hub::<4, 512>::new();
    let ((a, b), (c, d), (e, f)) = (connection(), connection(), connection());
    let script = async {
        let (mut old, _) = Browser::open(b, "/server").await;
        let (_, refused) = Browser::open(d, "/server").await;
        assert!(refused.starts_with("HTTP/1.1 409 "), "{refused}");
        // It is asked whether it is there, and it is.
        assert_eq!(old.hear().await, Some((0x89, vec![])));
        old.frame(0x8a, b"").await;
        future::yield_now().await;
        clock.advance(Duration::from_secs(6));
        old.say(r#"{"id":"server","n":1}"#).await;
        assert_eq!(old.hear_json().await["n"], 1);
        drop(old);
        future::yield_now().await;
        let (mut new, head) = Browser::open(f, "/server").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        new.say(r#"{"id":"server","n":2}"#).await;
        assert_eq!(new.hear_json().await["n"], 2);
    };
    let members = future::zip(future::zip(member(&hub, a, &clock), member(&hub, c, &clock)), member(&hub, e, &clock));
    let (((first, second), third), ()) = both(members, script);
    assert_eq!((first, second, third), (Ok(()), Ok(()), Ok(())));
    assert_eq!(hub.discards().get(Discard::NameTaken), 1);
}

#[test]
fn a_dead_connection_gives_its_name_back_soon() {
    let clock = App::default();
    let hub = Hub::<4, 512>::new();
    let ((a, b), (c, d), (e, f)) = (connection(), connection(), connection());
    let script = async {
        let (dead, _) = Browser::open(b, "/server").await;
        let (_, refused) = Browser::open(d, "/server").await;
        assert!(refused.starts_with("HTTP/1.1 409 "), "{refused}");
        for _ in 0..3 {
            future::yield_now().await;
        }
        clock.advance(Duration::from_secs(6));
        for _ in 0..3 {
            future::yield_now().await;
        }
        let (_, head) = Browser::open(f, "/server").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        drop(dead);
    };
    let members = future::zip(future::zip(member(&hub, a, &clock), member(&hub, c, &clock)), member(&hub, e, &clock));
    let (((first, _), _), ()) = both(members, script);
    assert_eq!(first, Err(Error::TimedOut));
}

#[test]
fn the_names_in_a_message_are_the_senders_however_they_are_written() {
    let clock = App::default();
    let hub = Hub::<4, 512>::new();
    let ((a, b), (c, d)) = (connection(), connection());
    let script = async {
        let (mut streamer, _) = Browser::open(b, "/server").await;
        let (mut page, _) = Browser::open(d, "/mallory").await;
        for text in [
            r#"{"\u0069d":"server","type":"request"}"#,
            r#"{"id":"victim","\u0069d":"server","type":"request"}"#,
            r#"{"\u0069d":"victim","id":"server","type":"request"}"#,
            r#"{"id":["victim"],"id":"server","type":"request"}"#,
            r#"{"id":"victim","type":"request","i\u0064":"server"}"#,
        ] {
            page.say(text).await;
            let (_, payload) = streamer.hear().await.expect("forwarded");
            let said = String::from_utf8(payload).unwrap();
            assert!(!said.contains("victim") && !said.contains("server"), "{text} became {said}");
            let heard: serde_json::Value = serde_json::from_str(&said).unwrap();
            assert_eq!(heard["id"], "mallory", "{text} became {said}");
        }
    };
    let _ = both(future::zip(member(&hub, a, &clock), member(&hub, c, &clock)), script);
}

#[test]
fn a_flood_to_a_slow_client_costs_who_floods() {
    let clock = App::default();
    let hub = Hub::<5, 512>::new();
    let ((a, b), (c, d), (e, f)) = (connection(), connection(), connection());
    let slow = a.hold();
    let script = async {
        let (mut victim, _) = Browser::open(b, "/victim").await;
        let (mut flooder, _) = Browser::open(d, "/flooder").await;
        let (mut honest, _) = Browser::open(f, "/honest").await;
        slow.set(true);
        for n in 0..50 {
            flooder.say(&format!(r#"{{"id":"victim","n":{n}}}"#)).await;
            future::yield_now().await;
        }
        honest.say(r#"{"id":"victim","n":"honest"}"#).await;
        for _ in 0..5 {
            future::yield_now().await;
        }
        for n in 50..100 {
            flooder.say(&format!(r#"{{"id":"victim","n":{n}}}"#)).await;
            future::yield_now().await;
        }
        slow.set(false);
        let mut heard = Vec::new();
        while !heard.contains(&"honest".into()) {
            heard.push(victim.hear_json().await["n"].clone());
        }
        assert!(heard.len() <= 5, "{heard:?}");
        // And the other way nothing was held up.
        honest.say(r#"{"id":"flooder","n":"still here"}"#).await;
        assert_eq!(flooder.hear_json().await["n"], "still here");
    };
    let members = future::zip(future::zip(member(&hub, a, &clock), member(&hub, c, &clock)), member(&hub, e, &clock));
    let _ = both(members, script);
    assert!(hub.discards().get(Discard::Slow) >= 90, "{:?}", hub.discards());
}

#[test]
fn idle_connections_make_room_for_those_who_come() {
    let clock = App::default();
    let hub = Hub::<4, 512>::new();
    let (servers, clients): (Vec<_>, Vec<_>) = (0..12).map(|_| connection()).unzip();
    let accepted = Cell::new(0);
    let (hub, clock, accepted) = (&hub, &clock, &accepted);
    let executor = all_of(servers.into_iter().enumerate().map(|(n, server)| async move {
        future::poll_fn(|_| if accepted.get() > n { Poll::Ready(()) } else { Poll::Pending }).await;
        member(hub, server, clock).await
    }));
    let script = async {
        let mut idle = Vec::new();
        for (n, client) in clients.into_iter().enumerate() {
            accepted.set(n + 1);
            future::yield_now().await;
            let (page, head) = Browser::open(client, &format!("/page{n}")).await;
            assert!(head.starts_with("HTTP/1.1 101 "), "the {n}th: {head}");
            idle.push(page);
            clock.advance(Duration::from_secs(2));
            future::yield_now().await;
        }
        assert_eq!(idle[0].hear().await, Some((0x88, CLOSE_POLICY.to_be_bytes().to_vec())), "who has to go is told");
    };
    future::block_on(future::or(executor, script));
}

#[test]
fn what_a_hub_cannot_forward_is_counted() {
    let clock = App::default();
    let hub = Hub::<2, 512>::new();
    let (a, b) = connection();
    let script = async {
        let (mut only, _) = Browser::open(b, "/x").await;
        only.say(&format!(r#"{{"id":"x","pad":"{}"}}"#, "p".repeat(600))).await;
        only.say(r#"{"no":"id"}"#).await;
        only.say(r#"{"id":"x"}"#).await;
        assert_eq!(only.hear_json().await["id"], "x");
    };
    let _ = both(member(&hub, a, &clock), script);
    let d = hub.discards();
    assert_eq!((d.get(Discard::TooLong), d.get(Discard::Json)), (1, 1));
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
    assert_eq!(result, Err(Error::Protocol(Violation::Handshake)));
}

#[test]
fn heads_that_cannot_be_read_are_answered_by_a_forwarder_as_by_a_server() {
    let clock = App::default();
    let hub = Hub::<4, 4096>::new();
    let ask = |head: &str| {
        let (server, mut client) = connection();
        let (_, text) = both(member(&hub, server, &clock), async {
            client.write_all(format!("{head}\r\n\r\n").as_bytes()).await.unwrap();
            read_all(&mut client).await
        });
        String::from_utf8(text).unwrap().get(9..12).unwrap_or_default().to_owned()
    };
    assert_eq!(ask("GET / HTTP/2.0\r\nHost: a"), "505");
    assert_eq!(ask("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip"), "501");
    assert_eq!(ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(5_000))), "431");
    assert_eq!(hub.discards().get(Discard::Head), 3);
}
