//! Tests of HTTP requests.

use std::format;
use std::vec::Vec;

use super::*;

#[test]
fn firefox_and_chromium_upgrades_are_seen() {
    for connection in ["Upgrade", "keep-alive, Upgrade"] {
        let head = format!(
            "GET /ws?token=a HTTP/1.1\r\nHost: x:1\r\nConnection: {connection}\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n"
        );
        let r = parse_request(head.as_bytes()).unwrap();
        assert_eq!((r.method, r.path, r.query, r.fields.host), ("GET", "/ws", "token=a", Some("x:1")));
        assert!(r.fields.is_websocket());
    }
}

fn request(lines: &[u8]) -> Result<Option<Vec<u8>>, Violation> {
    let head = [b"GET / HTTP/1.1\r\nHost: h\r\n", lines, b"\r\n"].concat();
    parse_request(&head).map(|r| r.fields.authorization.map(|a| a.as_bytes().to_vec()))
}

#[test]
fn fields_that_stand_twice_or_are_not_ascii_fail_closed() {
    for name in [
        "Host",
        "Origin",
        "Authorization",
        "Content-Type",
        "Content-Length",
        "If-Match",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Transfer-Encoding",
    ] {
        let value = if name == "Content-Length" { "5" } else { "chunked" };
        let twice = format!("{name}: {value}\r\n{}: {value}\r\n", name.to_lowercase());
        let refused = request(twice.as_bytes());
        assert!(matches!(refused, Err(Violation::Doubled(n)) if n == name), "{name}: {refused:?}");
    }
    assert_eq!(request(b"Authorization: Bearer caf\xe9\r\n"), Err(Violation::NotAscii("Authorization")));
    assert_eq!(request("Origin: http://é\r\n".as_bytes()), Err(Violation::NotAscii("Origin")));
    assert_eq!(request("X-Name: é\r\n".as_bytes()), Ok(None), "what is not looked at may be anything");
    assert_eq!(request(b"authorization:\t Bearer x \t\r\n"), Ok(Some(b"Bearer x".to_vec())));
}

#[test]
fn malformed_fields_are_refused() {
    for bad in [
        &b"no colon\r\n"[..],
        b"Authorization : x\r\n",
        b" folded: x\r\n",
        b"X: a\r\n b\r\n",
        b": x\r\n",
        b"X\xe9: x\r\n",
        b"X: a\0b\r\n",
        b"X: a\nY: b\r\n",
        b"X: a\rY: b\r\n",
    ] {
        assert_eq!(request(bad), Err(Violation::HeaderField), "{bad:?}");
    }
    for bad in ["", "x", "+5", "-1", "5 5", "5, 5", "99999999999999999999999"] {
        assert_eq!(request(format!("Content-Length: {bad}\r\n").as_bytes()), Err(Violation::ContentLength), "{bad}");
    }
    assert_eq!(request(b"Transfer-Encoding: gzip, chunked\r\n"), Err(Violation::TransferCoding));
    assert_eq!(request(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), Err(Violation::ContentLength));
}

#[test]
fn a_host_is_asked_for_and_the_target_is_one() {
    let read = |head: &str| {
        let request = parse_request(head.as_bytes())?;
        Ok((request.fields.host.map(std::string::String::from), std::string::String::from(request.path)))
    };
    assert_eq!(read("GET / HTTP/1.1\r\n\r\n"), Err(Violation::Host));
    assert_eq!(read("GET / HTTP/1.0\r\n\r\n"), Ok((None, "/".into())));
    for bad in ["", "a b", "a,b", "a/b", "u@h", "h:x", "[::1", "é"] {
        let refused = read(&format!("GET / HTTP/1.1\r\nHost: {bad}\r\n\r\n"));
        assert!(matches!(refused, Err(Violation::Host | Violation::NotAscii("Host"))), "{bad}: {refused:?}");
    }
    // RFC 9112 §3.2.2: of an absolute target its own host counts.
    let absolute = read("GET http://other:80/x?y HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(absolute, Ok((Some("other:80".into()), "/x".into())));
    assert_eq!(read("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), Ok((Some("h".into()), "*".into())));
    for bad in ["GET * HTTP/1.1", "GET x HTTP/1.1", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET /", "G@T / HTTP/1.1", ""]
    {
        assert_eq!(read(&format!("{bad}\r\nHost: h\r\n\r\n")), Err(Violation::StartLine), "{bad}");
    }
    for bad in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9"] {
        assert_eq!(read(&format!("GET / {bad}\r\nHost: h\r\n\r\n")), Err(Violation::Version), "{bad}");
    }
    assert_eq!(read("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), Ok((Some("h".into()), "/".into())));
}

#[test]
fn answers_may_have_any_number_of_fields_and_any_reason() {
    let fields = "Link: <turn:h?transport=udp>; rel=\"ice-server\"\r\n".repeat(80);
    let head = format!("HTTP/1.1 201 Cr\u{e9}\u{e9}\r\n{fields}Location: /r\r\n\r\n");
    let response = parse_response(head.as_bytes()).unwrap();
    assert_eq!((response.status, response.fields.location), (201, Some("/r")));
    assert_eq!(parse_response(b"HTTP/1.1 204\r\n\r\n").map(|r| r.status), Ok(204), "a reason may be missing");
    for bad in ["HTTP/1.1 20\r\n\r\n", "HTTP/1.1 2010 x\r\n\r\n", "HTTP/1.1 999 x\r\n\r\n", "ICY 200 OK\r\n\r\n"] {
        assert_eq!(parse_response(bad.as_bytes()).map(drop), Err(Violation::StartLine), "{bad}");
    }
    let twice = b"HTTP/1.1 201 x\r\nLocation: /a\r\nLocation: /b\r\n\r\n";
    assert_eq!(parse_response(twice).map(drop), Err(Violation::Doubled("Location")));
}

#[test]
fn header_injection_is_refused() {
    let mut room = [0; 64];
    let mut w = HeadWriter::new(&mut room);
    assert_eq!(w.line(format_args!("Location: {}", "x\r\nSet-Cookie: y")), Err(Error::NoRoom));
}

#[test]
fn chunks_are_joined() {
    let mut body = *b"3\r\nv=0\r\n2;x=y\r\n\r\n\r\n0\r\nX: y\r\n\r\n";
    let all = body.len();
    for part in 0..all {
        assert_eq!(dechunk(&mut body, part, false), Ok(None), "{part} bytes of it");
    }
    assert_eq!(dechunk(&mut body, all, true), Ok(Some(5)));
    assert_eq!(&body[..5], b"v=0\r\n");
    for bad in [&b"5\r\nv=0v=0v=0"[..], b"zz\r\n", b"+1\r\n", b"\r\n", b"ffffffffffffffffff\r\n"] {
        let mut body = Vec::from(bad);
        assert_eq!(dechunk(&mut body, bad.len(), false), Err(Violation::Chunk), "{bad:?}");
    }
}
