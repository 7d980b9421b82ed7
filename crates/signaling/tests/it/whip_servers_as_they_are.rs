//! The WHIP client against servers that answer as the documentation of what people use says: mediamtx, LiveKit's ingress,
//! Cloudflare Stream, the WHIP front of Janus, and proxies in front of any of them.
use crate::support;

use barertc_signaling::whip::{self, Published, Session, Token};
use barertc_signaling::*;
use embedded_io_async::{Read, Write};
use support::*;

const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

/// Runs one exchange: what the server read, up to the end of the body, and what came of it.
fn exchange<'b, T>(reply: &str, client: impl AsyncFnOnce(&mut Stream) -> T) -> (T, String) {
    let (mut ours, mut theirs) = connection();
    ours.piece = 97;
    both(client(&mut ours), async {
        let mut request = Vec::new();
        let whole = |request: &[u8]| {
            let text = String::from_utf8_lossy(request);
            let (head, body) = text.split_once("\r\n\r\n")?;
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            (body.len() >= length.map_or(0, |length| length.parse().unwrap())).then_some(())
        };
        while whole(&request).is_none() {
            let mut byte = [0];
            theirs.read_exact(&mut byte).await.unwrap();
            request.push(byte[0]);
        }
        theirs.write_all(reply.as_bytes()).await.unwrap();
        // Whether a server closes then is its own business: what is kept open must not be waited for.
        std::mem::forget(theirs);
        String::from_utf8(request).unwrap()
    })
}

fn publish(url: &str, token: &str, reply: &str) -> (Result<(Session, String), Error>, String) {
    let url = Url::parse(url).unwrap();
    let token = Token::new(token, url);
    exchange(reply, async |stream| {
        let (mut buf, mut session) = (vec![0; 8192], None);
        match whip::publish(stream, &url, Some(&token), "v=0\r\n", &mut session, &mut buf).await? {
            Published::Answer(answer) => Ok((session.expect("the session of the answer"), answer.to_owned())),
            Published::Redirect(to) => panic!("sent on to {to}"),
        }
    })
}

fn created(fields: &str) -> String {
    format!(
        "HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n{fields}\r\n{ANSWER}",
        ANSWER.len()
    )
}

#[test]
fn mediamtx() {
    // ETag "*", a location with the session's secret, and one Link for each ICE server.
    let fields = "Access-Control-Allow-Credentials: true\r\nAccess-Control-Allow-Origin: *\r\n\
                  Access-Control-Expose-Headers: ETag, ID, Accept-Patch, Link, Location\r\nAccept-Patch: application/trickle-ice-sdpfrag\r\n\
                  Etag: *\r\nId: 8e5f\r\nLink: <stun:stun.example.org:3478>; rel=\"ice-server\"\r\n\
                  Location: /mystream/whip/6a1f3c1e-0d9f-4a2b\r\nServer: mediamtx\r\n";
    let (published, request) = publish("http://cam.example:8889/mystream/whip", "user:pass", &created(fields));
    let (session, answer) = published.unwrap();
    assert_eq!((session.url(), answer.as_str()), ("http://cam.example:8889/mystream/whip/6a1f3c1e-0d9f-4a2b", ANSWER));
    assert!(request.contains("\r\nAuthorization: Bearer user:pass\r\n"));
    let url = Url::parse("http://cam.example:8889/mystream/whip").unwrap();
    let token = Token::new("user:pass", url);
    let (trickled, request) = exchange("HTTP/1.1 204 No Content\r\n\r\n", async |stream| {
        whip::trickle(stream, &session, Some(&token), "a=ice-ufrag:abcd\r\n", &mut [0; 1024]).await
    });
    assert_eq!(trickled, Ok(()));
    assert!(
        request.starts_with("PATCH /mystream/whip/6a1f3c1e-0d9f-4a2b HTTP/1.1\r\n")
            && request.contains("\r\nIf-Match: *\r\n")
    );
    // What it refuses has its reason in JSON, and 401 the challenge of another scheme. A session that it has ended is not found.
    let refused = |status: &str| {
        let body = r#"{"status":"error","error":"no stream is available on path 'mystream'"}"#;
        let fields = "Content-Type: application/json; charset=utf-8\r\nWww-Authenticate: Basic realm=\"mediamtx\"\r\n";
        format!("HTTP/1.1 {status} x\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
    };
    for status in [400, 401, 404, 500] {
        let (published, _) =
            publish("http://cam.example:8889/mystream/whip", "user:pass", &refused(&status.to_string()));
        assert_eq!(published.map(drop), Err(Error::Status(status)));
    }
    let (ended, request) =
        exchange(&refused("404"), async |stream| whip::end(stream, &session, Some(&token), &mut [0; 1024]).await);
    assert_eq!(ended, Err(Error::Status(404)));
    assert!(
        request.starts_with("DELETE /mystream/whip/6a1f3c1e-0d9f-4a2b HTTP/1.1\r\n") && !request.contains("If-Match")
    );
}

#[test]
fn livekit_ingress() {
    // A token of its own kind in the path or in the header, JWTs of several hundred bytes, and an absolute location.
    let jwt = format!("eyJhbGciOiJIUzI1NiJ9.{}.{}", "e".repeat(900), "s".repeat(43));
    let fields = "Location: https://my-project.whip.livekit.cloud/w/IN_abc/RS_x1\r\nETag: \"66c1\"\r\nAccess-Control-Expose-Headers: *\r\n";
    let (published, request) = publish("https://my-project.whip.livekit.cloud/w", &jwt, &created(fields));
    let (session, _) = published.unwrap();
    assert_eq!(session.url(), "https://my-project.whip.livekit.cloud/w/IN_abc/RS_x1");
    assert!(request.contains(&format!("\r\nAuthorization: Bearer {jwt}\r\n")));
    assert_eq!(session.etag(), Some("\"66c1\""));
}

#[test]
fn cloudflare_stream() {
    // Early hints before the answer, chunks with an open connection, dozens of fields, a location with a query in it.
    let links: String = (0..40)
        .map(|n| format!("Link: <turn:turn{n}.cloudflare.com:3478?transport=udp>; rel=\"ice-server\"; username=\"u\"; credential=\"c\"\r\n"))
        .collect();
    let chunks: String = ANSWER.lines().map(|line| format!("{:x}\r\n{line}\r\n\r\n", line.len() + 2)).collect();
    let reply = format!(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n\
         HTTP/1.1 201 Created\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: application/sdp\r\nTransfer-Encoding: chunked\r\n\
         Connection: keep-alive\r\nlocation: /f65014bc6ff5541ea86a15a111cdcf90c70bfbc6/webRTC/publish/e8cbbf34?next=https://x/y\r\n\
         etag: \"3ff6d5\"\r\nCF-RAY: 8f\r\nServer: cloudflare\r\n{links}\r\n{chunks}0\r\n\r\n"
    );
    let (published, _) = publish("https://customer-1.cloudflarestream.com/f65014/webRTC/publish", "t", &reply);
    let (session, answer) = published.unwrap();
    assert_eq!(answer, ANSWER);
    let place = "https://customer-1.cloudflarestream.com/f65014bc6ff5541ea86a15a111cdcf90c70bfbc6/webRTC/publish/e8cbbf34?next=https://x/y";
    assert_eq!(session.url(), place);
}

#[test]
fn janus_behind_a_proxy() {
    // simple-whip-server: a location relative to nothing but its own base, and Express in front of it.
    let fields = "X-Powered-By: Express\r\nAccess-Control-Expose-Headers: Location, Link\r\nLocation: ../resource/9XiJ5Zd4\r\n\
                  ETag: W/\"d-x\"\r\nKeep-Alive: timeout=5\r\n";
    let reply = format!("HTTP/1.1 100 Continue\r\n\r\n{}", created(fields));
    let (published, _) = publish("http://janus.example:7080/whip/endpoint/abc123", "verysecret", &reply);
    let (session, _) = published.unwrap();
    assert_eq!(session.url(), "http://janus.example:7080/whip/resource/9XiJ5Zd4");
    let url = Url::parse("http://janus.example:7080/whip/endpoint/abc123").unwrap();
    let token = Token::new("verysecret", url);
    let (ended, request) =
        exchange("HTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", async |stream| {
            whip::end(stream, &session, Some(&token), &mut [0; 1024]).await
        });
    assert_eq!(ended, Ok(()));
    assert!(
        request.starts_with("DELETE /whip/resource/9XiJ5Zd4 HTTP/1.1\r\nHost: janus.example:7080\r\n"),
        "{request}"
    );
    assert!(request.contains("\r\nAuthorization: Bearer verysecret\r\n"));
}

#[test]
fn every_location_of_rfc_3986() {
    for (location, place) in [
        ("?id=1", "https://h:8443/whip/live?id=1"),
        ("../r/1", "https://h:8443/r/1"),
        ("/r/1?next=https://x/y", "https://h:8443/r/1?next=https://x/y"),
        ("HTTPS://h:8443", "https://h:8443/"),
        ("HTTP://h", "http://h/"),
        ("//other/1", "https://other/1"),
        ("", "https://h:8443/whip/live?x"),
        (".", "https://h:8443/whip/"),
        ("./a/./b/../c", "https://h:8443/whip/a/c"),
    ] {
        let (published, _) = publish("https://h:8443/whip/live?x", "t", &created(&format!("Location: {location}\r\n")));
        assert_eq!(published.unwrap().0.url(), place, "{location}");
    }
}

#[test]
fn a_token_is_shown_to_its_own_origin_alone() {
    let url = "https://whip.example/live";
    for (location, shown) in [
        ("/r/1", true),
        ("https://whip.example:443/r/1", true),
        ("http://whip.example/r/1", false),
        ("https://whip.example:8443/r/1", false),
        ("https://evil.example/r/1", false),
        ("//evil.example/r/1", false),
        ("https://whip.example.evil.example/r/1", false),
    ] {
        let (published, request) = publish(url, "s3cr3t", &created(&format!("Location: {location}\r\n")));
        assert!(request.contains("\r\nAuthorization: Bearer s3cr3t\r\n"));
        let (session, _) = published.unwrap();
        let token = Token::new("s3cr3t", Url::parse(url).unwrap());
        let (_, patch) = exchange("HTTP/1.1 204 x\r\n\r\n", async |stream| {
            whip::trickle(stream, &session, Some(&token), "a=end-of-candidates\r\n", &mut [0; 1024]).await
        });
        let (_, delete) = exchange("HTTP/1.1 200 x\r\n\r\n", async |stream| {
            whip::end(stream, &session, Some(&token), &mut [0; 1024]).await
        });
        for request in [patch, delete] {
            assert_eq!(request.contains("s3cr3t"), shown, "{location}: {request}");
        }
    }
}

#[test]
fn a_redirection_carries_no_token_elsewhere_and_does_not_leave_tls() {
    let url = Url::parse("https://whip.example/live").unwrap();
    let token = Token::new("s3cr3t", url);
    let sent_on = |location: &str| {
        let reply = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\n\r\n");
        exchange(&reply, async |stream| {
            match whip::publish(stream, &url, Some(&token), "v=0\r\n", &mut None, &mut [0; 1024]).await {
                Ok(Published::Redirect(to)) => Ok(to),
                Ok(Published::Answer(_)) => panic!("no session was made"),
                Err(error) => Err(error),
            }
        })
        .0
    };
    assert_eq!(sent_on("http://whip.example/live"), Err(Error::Downgrade));
    assert_eq!(sent_on("HTTP://other/live"), Err(Error::Downgrade));
    let elsewhere = sent_on("https://other.example/live").unwrap();
    let elsewhere = Url::parse(&elsewhere).unwrap();
    let (_, request) = exchange("HTTP/1.1 401 x\r\n\r\n", async |stream| {
        whip::publish(stream, &elsewhere, Some(&token), "v=0\r\n", &mut None, &mut [0; 1024]).await.map(drop)
    });
    assert!(!request.contains("s3cr3t") && !request.contains("Authorization"), "{request}");
}

#[test]
fn what_a_server_says_against_the_rules_is_named() {
    let said = |reply: &str| publish("http://h/w", "t", reply).0.map(drop).unwrap_err();
    let twice = created("Location: /a\r\nLocation: /b\r\n");
    assert_eq!(said(&twice), Error::Protocol(Violation::Doubled("Location")));
    assert_eq!(said(&created("Location: /é\r\n")), Error::Protocol(Violation::NotAscii("Location")));
    assert_eq!(said(&created("")), Error::Protocol(Violation::Location));
    assert_eq!(said(&created("Location: ftp://x/\r\n")), Error::Url);
    let long = format!("Location: /a\r\nETag: \"{}\"\r\n", "x".repeat(200));
    assert_eq!(said(&created(&long)), Error::TooLong { limit: whip::MAX_ETAG });
    assert_eq!(said("HTTP/1.1 503 x\r\nRetry-After: 120\r\n\r\n"), Error::Busy(Some(120)));
    assert_eq!(said("HTTP/1.1 503 x\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n"), Error::Busy(None));
    assert_eq!(said("HTTP/1.1 101 x\r\n\r\n"), Error::Status(101));
    assert_eq!(said("HTTP/1.1 302 x\r\nLocation: /b\r\n\r\n"), Error::Status(302));
    let bad = created("Location: /a\r\n").replace("Content-Length: ", "Content-Length: +");
    assert_eq!(said(&bad), Error::Protocol(Violation::ContentLength));
}
