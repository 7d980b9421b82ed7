//! The signaling socket that the streamer serves itself.
use crate::support;

use std::time::Duration;

use barertc_signaling::*;
use embedded_io_async::Write;
use support::*;

#[test]
fn a_request_gets_an_offer_and_news_follow() {
    let app = App::default();
    let (mut server, client) = connection();
    server.piece = 7;
    let (served, ()) = both(serve(&app, server, LOCAL, Buffers::MESSAGE), async {
        let (mut page, head) = Browser::open(client, "/ws/abcdefghij").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        // The example of RFC 6455 §1.3.
        assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
        page.say(r#"{"id":"server","type":"request"}"#).await;
        let offer = page.hear_json().await;
        assert_eq!(offer, serde_json::json!({"id": "server", "type": "offer", "sdp": OFFER}));
        page.say(r#"{"id":"server","type":"answer","sdp":"v=0\r\n"}"#).await;
        page.say(r#"{"id":"server","type":"candidate","candidate":"candidate:1","mid":"0"}"#).await;
        app.tell("ignored", "candidate:2");
        let candidate = page.hear_json().await;
        assert_eq!(
            candidate,
            serde_json::json!({"id": "server", "type": "candidate", "candidate": "candidate:2", "mid": "0"})
        );
        // The other dialect is answered in kind.
        page.say(r#"{"id":"server","type":"offer","description":"v=0\r\n"}"#).await;
        assert_eq!(page.hear_json().await["description"], OFFER);
        page.frame(0x89, b"are you there").await;
        assert_eq!(page.hear().await, Some((0x8a, b"are you there".to_vec())));
        page.frame(0x88, &1000u16.to_be_bytes()).await;
        assert_eq!(page.hear().await, Some((0x88, 1000u16.to_be_bytes().to_vec())));
    });
    assert_eq!(served, Ok(()));
    let heard = app.heard.borrow();
    assert_eq!(heard[0], "7:abcdefghij Request");
    assert_eq!(heard[1], "7:abcdefghij Answer { sdp: \"v=0\\r\\n\" }");
    assert_eq!(heard[2], "7:abcdefghij Candidate { candidate: \"candidate:1\", mid: \"0\" }");
    assert_eq!(heard.last().map(String::as_str), Some("7 closed"));
    assert_eq!((app.open.get(), app.discards.borrow().total()), (0, 0));
}

#[test]
fn fragments_are_joined_around_control_frames() {
    let app = App::default();
    let (server, client) = connection();
    let _ = both(serve(&app, server, LOCAL, 256), async {
        let (mut page, _) = Browser::open(client, "/ws").await;
        page.frame(0x01, br#"{"id":"ser"#).await;
        page.frame(0x89, b"1").await;
        page.frame(0x00, br#"ver","type":"#).await;
        page.frame(0x00, b"").await;
        page.frame(0x80, br#""request"}"#).await;
        assert_eq!(page.hear().await, Some((0x8a, b"1".to_vec())));
        assert_eq!(page.hear_json().await["type"], "offer");
    });
}

#[test]
fn a_megabyte_of_json_is_refused_and_counted() {
    let app = App::default();
    let (server, client) = connection();
    let (served, ()) = both(serve(&app, server, LOCAL, Buffers::MESSAGE), async {
        let (mut page, _) = Browser::open(client, "/ws").await;
        page.say(&format!(r#"{{"id":"server","type":"{}"}}"#, "x".repeat(1 << 20))).await;
        assert_eq!(page.hear().await, Some((0x88, CLOSE_TOO_BIG.to_be_bytes().to_vec())));
        assert_eq!(page.hear().await, None);
    });
    assert_eq!(served, Err(Error::TooLong { limit: Buffers::MESSAGE }));
    assert_eq!(app.discarded_so_often(Discard::TooLong), 1);
    // In fragments, too.
    let (server, client) = connection();
    let _ = both(serve(&app, server, LOCAL, 4096), async {
        let (mut page, _) = Browser::open(client, "/ws").await;
        page.frame(0x01, b"{").await;
        for _ in 0..100 {
            page.frame(0x00, &[b' '; 1000]).await;
        }
        assert_eq!(page.hear().await, Some((0x88, CLOSE_TOO_BIG.to_be_bytes().to_vec())));
    });
    assert_eq!((app.discarded_so_often(Discard::TooLong), app.open.get()), (2, 0));
}

#[test]
fn bad_json_is_counted_and_the_socket_lives_on() {
    let app = App::default();
    let (server, client) = connection();
    let _ = both(serve(&app, server, LOCAL, Buffers::MESSAGE), async {
        let (mut page, _) = Browser::open(client, "/ws").await;
        for bad in ["", "[]", "{\"type\":\"offer\"}", &"[".repeat(5000), "{\"id\":\"\\ud800\",\"type\":\"request\"}"] {
            page.say(bad).await;
        }
        page.frame(0x82, b"binary").await;
        page.say(r#"{"type":"unheard of"}"#).await;
        page.say(r#"{"type":"request"}"#).await;
        assert_eq!(page.hear_json().await["type"], "offer");
    });
    assert_eq!((app.discarded_so_often(Discard::Json), app.discarded_so_often(Discard::Unsupported)), (6, 1));
}

#[test]
fn a_name_that_is_too_long_is_refused_and_not_cut() {
    let app = App::default();
    let (server, client) = connection();
    let _ = both(serve(&app, server, LOCAL, 1024), async {
        let (mut page, _) = Browser::open(client, "/ws").await;
        let (longest, longer) = ("n".repeat(MAX_ID), "n".repeat(MAX_ID + 1));
        for name in [&longer, &longest] {
            page.say(&format!(r#"{{"id":"{name}","type":"request"}}"#)).await;
            let answer = page.hear_json().await;
            let kind = if *name == longest { "offer" } else { "refused" };
            assert_eq!((answer["id"].as_str(), answer["type"].as_str()), (Some(name.as_str()), Some(kind)));
        }
    });
    assert_eq!(app.discarded_so_often(Discard::TooLong), 1);
}

#[test]
fn frames_against_the_rules_end_the_socket() {
    let bad: [(&[u8], Violation); 11] = [
        (&[0xc1, 0x80, 0, 0, 0, 0], Violation::Opcode),
        (&[0x83, 0x80, 0, 0, 0, 0], Violation::Opcode),
        (&[0x80, 0x80, 0, 0, 0, 0], Violation::Fragment),
        (&[0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0], Violation::Fragment),
        (&[0x81, 0x01, b'x'], Violation::Mask),
        (&[0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0], Violation::Control),
        (&[0x09, 0x80, 0, 0, 0, 0], Violation::Control),
        (&[0x81, 0xfe, 0x00, 0x02, 0, 0, 0, 0, b'h', b'i'], Violation::FrameLength),
        (&[0x81, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0], Violation::FrameLength),
        (&[0x88, 0x81, 0, 0, 0, 0, 3], Violation::CloseFrame),
        (&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed], Violation::CloseFrame),
    ];
    for (bytes, violation) in bad {
        let app = App::default();
        let (server, client) = connection();
        let (served, ()) = both(serve(&app, server, LOCAL, 1024), async {
            let (mut page, _) = Browser::open(client, "/ws").await;
            page.stream.write_all(bytes).await.unwrap();
            assert_eq!(page.hear().await, Some((0x88, CLOSE_PROTOCOL.to_be_bytes().to_vec())), "{bytes:x?}");
        });
        let counted = app.discarded_so_often(Discard::Frame);
        assert_eq!((served, counted), (Err(Error::Protocol(violation)), 1), "{bytes:x?}");
    }
}

#[test]
fn a_length_beyond_all_memory_is_refused() {
    let app = App::default();
    let (server, client) = connection();
    let (served, ()) = both(serve(&app, server, LOCAL, 1024), async {
        let (mut page, _) = Browser::open(client, "/ws").await;
        page.stream.write_all(&[0x81, 0xff, 127, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]).await.unwrap();
        assert_eq!(page.hear().await, Some((0x88, CLOSE_TOO_BIG.to_be_bytes().to_vec())));
    });
    assert_eq!(served, Err(Error::TooLong { limit: 1024 }));
}

#[test]
fn text_that_is_no_text_ends_the_socket() {
    let app = App::default();
    let (server, client) = connection();
    let (served, ()) = both(serve(&app, server, LOCAL, 1024), async {
        let (mut page, _) = Browser::open(client, "/ws").await;
        page.frame(0x01, b"{\"id\":\"\xc3").await;
        page.frame(0x80, b"\xff\"}").await;
        assert_eq!(page.hear().await, Some((0x88, CLOSE_INVALID.to_be_bytes().to_vec())));
    });
    assert_eq!((served, app.discarded_so_often(Discard::Json)), (Err(Error::Protocol(Violation::Utf8)), 1));
}

#[test]
fn a_close_gets_its_own_code_back() {
    for close in [&[][..], &[0x03, 0xe9], &[0x0f, 0xa0, b'b', b'y', b'e']] {
        let app = App::default();
        let (server, client) = connection();
        let (served, ()) = both(serve(&app, server, LOCAL, 1024), async {
            let (mut page, _) = Browser::open(client, "/ws").await;
            page.frame(0x88, close).await;
            assert_eq!(page.hear().await, Some((0x88, close[..close.len().min(2)].to_vec())));
        });
        assert_eq!((served, app.discards.borrow().total()), (Ok(()), 0));
    }
}

#[test]
fn what_comes_behind_the_request_is_the_first_message() {
    let app = App::default();
    let (server, client) = connection();
    let _ = both(serve(&app, server, LOCAL, 1024), async {
        let mut page = Browser::unopened(client);
        let request = Browser::request("/ws/eager");
        let mut bytes = request.into_bytes();
        bytes.extend(Browser::framed(0x81, br#"{"id":"server","type":"request"}"#));
        page.stream.write_all(&bytes).await.unwrap();
        assert!(page.head().await.starts_with("HTTP/1.1 101 "));
        assert_eq!(page.hear_json().await["type"], "offer");
    });
}

#[test]
fn handshakes_against_rfc_6455_are_refused() {
    let app = App::default();
    let status = |head: String| exchange(&app, &head).get(9..12).unwrap_or_default().to_owned();
    let good = Browser::request("/ws");
    let (key, version) = ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Sec-WebSocket-Version: 13\r\n");
    assert!(good.contains(key) && good.contains(version));
    assert_eq!(status(good.replace(key, "")), "400");
    assert_eq!(status(good.replace(key, "Sec-WebSocket-Key: short\r\n")), "400");
    assert_eq!(status(good.replace(key, &key.repeat(2))), "400");
    assert_eq!(status(good.replace(version, "Sec-WebSocket-Version: 8\r\n")), "426");
    assert_eq!(status(good.replace(version, "")), "426");
    assert_eq!(status(good.replace(version, &version.repeat(2))), "400");
    assert_eq!(status(good.replace("Host: localhost:80\r\n", "")), "400");
    assert_eq!(status(good.replace("GET", "POST")), "405");
}

#[test]
fn an_answer_without_room_is_said_to_be_lost() {
    let app = App::default();
    let (mut server, client) = connection();
    let (served, ()) = both(
        async {
            let (mut message, mut sdp, mut out) = (vec![0; 1024], vec![0; 1024], vec![0; 320]);
            app.offer_len.set(400);
            let buffers = Buffers { message: &mut message, sdp: &mut sdp, out: &mut out };
            serve_connection(&mut server, LOCAL, buffers, &app).await
        },
        async {
            let (mut page, _) = Browser::open(client, "/ws").await;
            page.say(r#"{"id":"server","type":"request"}"#).await;
            assert_eq!(page.hear_json().await["type"], "refused");
            page.frame(0x88, &[]).await;
        },
    );
    assert_eq!((served, app.discarded_so_often(Discard::TooLong)), (Ok(()), 1));
}

#[test]
fn a_silent_page_is_pinged_and_then_given_up() {
    let app = App::default();
    let (server, client) = connection();
    let (served, ()) = both(serve(&app, server, LOCAL, 1024), async {
        let (mut page, _) = Browser::open(client, "/ws").await;
        futures_lite::future::yield_now().await;
        app.advance(PING_AFTER);
        assert_eq!(page.hear().await, Some((0x89, vec![])));
        page.frame(0x8a, b"").await;
        futures_lite::future::yield_now().await;
        for _ in 0..2 {
            app.advance(PING_AFTER);
            assert_eq!(page.hear().await, Some((0x89, vec![])));
        }
        app.advance(PING_AFTER);
        assert_eq!(page.hear().await, None);
    });
    assert_eq!((served, app.open.get()), (Err(Error::TimedOut), 0));
}

#[test]
fn a_request_that_never_ends_is_given_up() {
    let app = App::default();
    let (server, mut client) = connection();
    let (served, ()) = both(serve(&app, server, LOCAL, 1024), async {
        client.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        futures_lite::future::yield_now().await;
        app.advance(Duration::from_secs(11));
        assert!(read_all(&mut client).await.is_empty());
    });
    assert_eq!((served, app.discarded_so_often(Discard::Head)), (Err(Error::TimedOut), 1));
}

#[test]
fn who_does_not_read_is_given_up() {
    let app = App::default();
    let (server, mut client) = connection();
    server.hold().set(true);
    let (served, ()) = both(serve(&app, server, LOCAL, 1024), async {
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        for _ in 0..3 {
            futures_lite::future::yield_now().await;
        }
        app.advance(Duration::from_secs(11));
    });
    assert_eq!(served, Err(Error::TimedOut));
}

#[test]
fn strangers_are_refused_and_counted() {
    let app = App::with_token("secret");
    let open = |path: &str| {
        let (server, client) = connection();
        both(serve(&app, server, "192.0.2.7".parse().unwrap(), 1024), async { Browser::open(client, path).await.1 }).1
    };
    assert!(open("/ws").starts_with("HTTP/1.1 401 "));
    assert!(open("/ws?token=wrong").starts_with("HTTP/1.1 401 "));
    assert!(open("/ws?token=%73ecret").starts_with("HTTP/1.1 101 "));
    assert_eq!((app.discarded_so_often(Discard::Unauthorized), app.open.get()), (2, 0));
    app.full.set(true);
    assert!(open("/ws?token=secret").starts_with("HTTP/1.1 503 "));
}
