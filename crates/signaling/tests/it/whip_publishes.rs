//! The WHIP client against scripted servers, and against the server's own half.
use crate::support;

use barertc_signaling::whip::{self, Published};
use barertc_signaling::*;
use embedded_io_async::{Read, Write};
use support::*;

const OFFERED: &str = "v=0\r\n";

fn publish(reply: &str, room: usize) -> (Result<String, Error>, String) {
    let (mut ours, mut theirs) = connection();
    ours.piece = 11;
    let url = Url::parse("http://localhost:8080/whip/live").unwrap();
    both(
        async {
            let mut buf = vec![0; room];
            match whip::publish(&mut ours, &url, Some(&whip::Token::new("tok", url)), OFFERED, &mut buf).await? {
                Published::Session { session, answer } => Ok(format!("{} {answer}", session.url())),
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
fn our_two_halves_understand_each_other() {
    let app = App::with_token("secret");
    let url = Url::parse("http://localhost/whep").unwrap();
    let [right, wrong] = ["secret", "wrong"].map(|text| whip::Token::new(text, url));
    let mut buf = vec![0; 1024];
    let (server, mut client) = connection();
    let (_, published) = both(
        serve(&app, server, "192.0.2.1".parse().unwrap(), 4096),
        whip::publish(&mut client, &url, Some(&right), OFFERED, &mut buf),
    );
    let Ok(Published::Session { session, answer }) = published else { panic!("no session") };
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
