//! Pages and WHEP over plain HTTP.
use crate::common;

use barertc_signaling::*;
use common::*;

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

const SDP: &str = "Content-Type: application/sdp\r\n";
const FRAGMENT: &str = "Content-Type: application/trickle-ice-sdpfrag\r\n";

#[test]
fn the_page_is_served() {
    let app = App::default();
    let text = exchange(&app, "GET /?token=x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n<!doctype html>"), "{text}");
    assert!(text.contains("Content-Length: 15\r\n") && text.contains("Referrer-Policy: no-referrer\r\n"));
    assert!(exchange(&app, "HEAD / HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
    assert!(exchange(&app, "GET /favicon.ico HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(exchange(&app, "POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(exchange(&app, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(Buffers::OUT));
    assert!(exchange(&app, &long).starts_with("HTTP/1.1 431 "));
}

#[test]
fn a_session_is_made_trickled_and_ended() {
    let app = App::default();
    let text = exchange(&app, &request("POST", "/whep", SDP, "v=0\r\n"));
    assert!(text.starts_with("HTTP/1.1 201 Created\r\n"), "{text}");
    assert!(text.contains("\r\nLocation: /whep/s3cr3t\r\n") && text.contains("\r\nContent-Type: application/sdp\r\n"));
    assert!(text.contains(&format!("\r\nContent-Length: {}\r\n", OFFER.len())) && text.ends_with(OFFER));
    let fragment = "a=mid:0\r\na=candidate:1 1 udp 1 ::1 9 typ host\r\na=end-of-candidates\r\n";
    assert!(exchange(&app, &request("PATCH", "/whep/s3cr3t", FRAGMENT, fragment)).starts_with("HTTP/1.1 204 "));
    assert_eq!(app.heard.borrow()[0], "s3cr3t/0: Some(\"candidate:1 1 udp 1 ::1 9 typ host\")");
    assert_eq!(app.heard.borrow()[1], "s3cr3t/0: None");
    assert!(exchange(&app, &request("PATCH", "/whep/other", FRAGMENT, fragment)).starts_with("HTTP/1.1 404 "));
    assert!(exchange(&app, "DELETE /whep/s3cr3t HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 200 "));
    assert!(exchange(&app, "DELETE /whep/s3cr3t HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 404 "));
    // The same the other way, under a name of its own.
    let text = exchange(&app, &request("POST", "/whip", SDP, "v=0\r\n"));
    assert!(text.starts_with("HTTP/1.1 201 ") && text.contains("\r\nLocation: /whip/s3cr3t\r\n"), "{text}");
    assert!(exchange(&app, "DELETE /whip/s3cr3t HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 200 "));
    assert!(exchange(&app, &request("POST", "/whipped", SDP, "v=0\r\n")).starts_with("HTTP/1.1 405 "));
    let options = exchange(&app, "OPTIONS /whep HTTP/1.1\r\n\r\n");
    assert!(options.starts_with("HTTP/1.1 204 ") && options.contains("Accept-Post: application/sdp\r\n"));
}

#[test]
fn what_cannot_be_had_is_refused_by_name() {
    let app = App::default();
    let status = |text: String| text.get(9..12).map(str::to_owned).unwrap_or_default();
    assert_eq!(status(exchange(&app, &request("POST", "/whep", "", "v=0\r\n"))), "415");
    assert_eq!(status(exchange(&app, &request("POST", "/whep", SDP, "nonsense"))), "400");
    assert_eq!(status(exchange(&app, &request("GET", "/whep", "", ""))), "405");
    let chunked = format!("POST /whep HTTP/1.1\r\nHost: localhost\r\n{SDP}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(status(exchange(&app, &chunked)), "411");
    let big = request("POST", "/whep", SDP, &"v".repeat(1 << 20));
    assert_eq!(status(exchange(&app, &big)), "413");
    assert_eq!(app.discarded_so_often(Discard::TooLong), 1);
    app.full.set(true);
    assert_eq!(status(exchange(&app, &request("POST", "/whep", SDP, "v=0\r\n"))), "503");
    assert!(app.sessions.borrow().is_empty());
}

#[test]
fn a_session_needs_the_token() {
    let app = App::with_token("secret");
    let away = "192.0.2.7".parse().unwrap();
    let post =
        |header: &str| exchange_from(&app, away, &request("POST", "/whep", &format!("{SDP}{header}"), "v=0\r\n"), 4096);
    assert!(post("").starts_with("HTTP/1.1 401 ") && post("").contains("WWW-Authenticate: Bearer\r\n"));
    assert!(post("Authorization: Bearer wrong\r\n").starts_with("HTTP/1.1 401 "));
    assert!(post("Authorization: Basic secret\r\n").starts_with("HTTP/1.1 401 "));
    assert!(post("authorization: bearer secret\r\n").starts_with("HTTP/1.1 201 "));
    let delete = exchange_from(&app, away, "DELETE /whep/s3cr3t HTTP/1.1\r\n\r\n", 4096);
    assert!(delete.starts_with("HTTP/1.1 401 "));
    assert_eq!(app.sessions.borrow().len(), 1);
}

#[test]
fn other_peoples_pages_are_refused_without_a_token() {
    let app = App::default();
    let evil = request("POST", "/whep", &format!("{SDP}Origin: https://evil.example\r\n"), "v=0\r\n");
    assert!(exchange(&app, &evil).starts_with("HTTP/1.1 401 "));
    let rebound = request("POST", "/whep", SDP, "v=0\r\n").replace("Host: localhost", "Host: evil.example");
    assert!(exchange(&app, &rebound).starts_with("HTTP/1.1 401 "));
}
