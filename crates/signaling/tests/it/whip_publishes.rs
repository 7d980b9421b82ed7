//! The WHIP client against scripted servers, and against the server's own half.
use crate::support;

use barertc_signaling::whip::{self, Published};
use barertc_signaling::*;
use embedded_io_async::{Read, Write};
use futures_lite::future;
use support::*;

const OFFERED: &str = "v=0\r\n";

fn publish(reply: &str, room: usize) -> (Result<String, Error>, String) {
    let (mut ours, mut theirs) = connection();
    ours.piece = 11;
    let url = Url::parse("http://localhost:8080/whip/live").unwrap();
    both(
        async {
            let (mut buf, mut session) = (vec![0; room], None);
            let token = whip::Token::new("tok", url);
            match whip::publish(&mut ours, &url, Some(&token), OFFERED, &mut session, &mut buf).await? {
                Published::Answer(answer) => Ok(format!("{} {answer}", session.expect("a session").url())),
                Published::Redirect(to) => Ok(format!("-> {to}")),
            }
        },
        async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\nv=0\r\n") {
                let mut byte = [0];
                theirs.read_exact(&mut byte).await.unwrap();
                head.push(byte[0]);
            }
            theirs.write_all(reply.as_bytes()).await.unwrap();
            drop(theirs);
            String::from_utf8(head).unwrap()
        },
    )
}

#[test]
fn an_answer_and_a_place_come_back() {
    let reply = "HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\nLocation: /r/1\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\nv=1\r\nrest";
    let (result, request) = publish(reply, 512);
    assert_eq!(result.as_deref(), Ok("http://localhost:8080/r/1 v=1\r\n"));
    assert!(request.starts_with("POST /whip/live HTTP/1.1\r\nHost: localhost:8080\r\n"));
    assert!(request.contains("Authorization: Bearer tok\r\n") && request.contains("Content-Type: application/sdp\r\n"));
    let chunked = "HTTP/1.1 201 x\r\nContent-Type: application/sdp\r\nLocation: /r\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nv=1\r\n2\r\n\r\n\r\n0\r\n\r\n";
    assert_eq!(publish(chunked, 512).0.as_deref(), Ok("http://localhost:8080/r v=1\r\n"));
}

#[test]
fn redirects_and_refusals_are_told() {
    let (result, _) = publish("HTTP/1.1 307 x\r\nLocation: https://other/w\r\n\r\n", 512);
    assert_eq!(result.as_deref(), Ok("-> https://other/w"));
    assert_eq!(publish("HTTP/1.1 401 x\r\n\r\n", 512).0, Err(Error::Status(401)));
    assert_eq!(
        publish("HTTP/1.1 201 x\r\nContent-Type: application/sdp\r\n\r\n", 512).0,
        Err(Error::Protocol(Violation::Location))
    );
    assert_eq!(
        publish("HTTP/1.1 201 x\r\nLocation: /\r\nContent-Type: text/html\r\n\r\n", 512).0,
        Err(Error::Protocol(Violation::MediaType))
    );
    let long = format!(
        "HTTP/1.1 201 x\r\nLocation: /\r\nContent-Type: application/sdp\r\nContent-Length: 4000\r\n\r\n{}",
        "v".repeat(4000)
    );
    assert_eq!(publish(&long, 512).0, Err(Error::TooLong { limit: 512 - 84 }));
    let short = "HTTP/1.1 201 x\r\nLocation: /\r\nContent-Type: application/sdp\r\nContent-Length: 40\r\n\r\nv=0";
    assert_eq!(publish(short, 512).0, Err(Error::Truncated));
}

#[test]
fn a_session_whose_answer_is_of_no_use_can_be_ended() {
    // RFC 9725 §4.2: the session is there from its 201 on, and only its URL ends it.
    let url = Url::parse("http://localhost/whip").unwrap();
    let tag = format!("ETag: \"{}\"\r\nContent-Type: application/sdp\r\n\r\n", "x".repeat(whip::MAX_ETAG));
    let long = format!("Content-Type: application/sdp\r\nContent-Length: 600\r\n\r\n{}", "v".repeat(600));
    let cut = "Content-Type: application/sdp\r\nContent-Length: 9\r\n\r\nv=0";
    for (rest, stays, error) in [
        ("Content-Type: text/plain\r\n\r\nv=0", false, Some(Error::from(Violation::MediaType))),
        (&tag, false, Some(Error::TooLong { limit: whip::MAX_ETAG })),
        (&long, false, Some(Error::TooLong { limit: 512 - 86 })),
        (cut, false, Some(Error::Truncated)),
        // The rest never comes: the caller has waited for long enough, and drops the future.
        (cut, true, None),
    ] {
        let (mut ours, mut theirs) = connection();
        let (mut buf, mut session) = ([0; 512], None);
        let (published, _kept) = both(
            async {
                let publishing = whip::publish(&mut ours, &url, None, OFFERED, &mut session, &mut buf);
                let waiting = async {
                    for _ in 0..9 {
                        future::yield_now().await;
                    }
                };
                future::or(async { Some(publishing.await.map(drop)) }, async {
                    waiting.await;
                    None
                })
                .await
            },
            async {
                let reply = format!("HTTP/1.1 201 x\r\nLocation: /r/7\r\n{rest}");
                theirs.write_all(reply.as_bytes()).await.unwrap();
                stays.then_some(theirs)
            },
        );
        assert_eq!(published, error.map(Err), "{rest}");
        let session = session.expect("the server has made it");
        let (mut ours, mut theirs) = connection();
        let (ended, request) = both(whip::end(&mut ours, &session, None, &mut buf), async {
            theirs.write_all(b"HTTP/1.1 200 x\r\n\r\n").await.unwrap();
            let mut head = [0; 19];
            theirs.read_exact(&mut head).await.unwrap();
            head
        });
        assert_eq!((ended, &request), (Ok(()), b"DELETE /r/7 HTTP/1."), "{rest}");
    }
    // What is no session is none.
    for reply in ["HTTP/1.1 401 x\r\nLocation: /r/7\r\n\r\n", "HTTP/1.1 307 x\r\nLocation: /r/7\r\n\r\n"] {
        let ((mut ours, mut theirs), mut session) = (connection(), None);
        let publishing =
            async { whip::publish(&mut ours, &url, None, OFFERED, &mut session, &mut [0; 512]).await.map(drop) };
        let _ = both(publishing, async { theirs.write_all(reply.as_bytes()).await.unwrap() });
        assert!(session.is_none(), "{reply}");
    }
}

#[test]
fn our_two_halves_understand_each_other() {
    let app = App::with_token("secret");
    let url = Url::parse("http://localhost/whep").unwrap();
    let [right, wrong] = ["secret", "wrong"].map(|text| whip::Token::new(text, url));
    let (mut buf, mut session) = (vec![0; 1024], None);
    let (server, mut client) = connection();
    let (_, published) = both(
        serve(&app, server, "192.0.2.1".parse().unwrap(), 4096),
        whip::publish(&mut client, &url, Some(&right), OFFERED, &mut session, &mut buf),
    );
    let (Ok(Published::Answer(answer)), Some(session)) = (published, session) else { panic!("no session") };
    assert_eq!(session.etag(), Some("\"ice-0\""));
    assert_eq!((session.url(), answer), ("http://localhost/whep/s3cr3t", OFFER));
    let mut buf = vec![0; 1024];
    let (server, mut client) = connection();
    let trickled = whip::trickle(
        &mut client,
        &session,
        Some(&right),
        "a=mid:0\r\na=candidate:1 1 udp 1 ::1 9 typ host\r\n",
        &mut buf,
    );
    assert_eq!(both(serve(&app, server, LOCAL, 4096), trickled).1, Ok(()));
    let (server, mut client) = connection();
    let mut buf = vec![0; 1024];
    let ended = whip::end(&mut client, &session, Some(&wrong), &mut buf);
    assert_eq!(both(serve(&app, server, LOCAL, 4096), ended).1, Err(Error::Status(401)));
    let (server, mut client) = connection();
    let mut buf = vec![0; 1024];
    let ended = whip::end(&mut client, &session, Some(&right), &mut buf);
    assert_eq!(both(serve(&app, server, LOCAL, 4096), ended).1, Ok(()));
    assert!(app.sessions.borrow().is_empty());
}
