//! Pages and WHEP over plain HTTP.
use crate::support;

use std::time::Duration;

use barertc_signaling::*;
use support::*;

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

const SDP: &str = "Content-Type: application/sdp\r\n";
const PATCH: &str = "Content-Type: application/trickle-ice-sdpfrag\r\nIf-Match: \"ice-0\"\r\n";

#[test]
fn the_page_is_served() {
    let app = App::default();
    let text = exchange(&app, "GET /?token=x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n<!doctype html>"), "{text}");
    assert!(text.contains("Content-Security-Policy: frame-ancestors 'none'\r\n"), "{text}");
    assert!(text.contains("Content-Length: 15\r\n") && text.contains("Referrer-Policy: no-referrer\r\n"));
    assert!(exchange(&app, "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n").ends_with("\r\n\r\n"));
    assert!(exchange(&app, "GET /favicon.ico HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(exchange(&app, "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(exchange(&app, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(Buffers::OUT));
    assert!(exchange(&app, &long).starts_with("HTTP/1.1 431 "));
}

#[test]
fn a_session_is_made_trickled_and_ended() {
    let app = App::default();
    let text = exchange(&app, &request("POST", "/whep", SDP, "v=0\r\n"));
    assert!(text.starts_with("HTTP/1.1 201 Created\r\n"), "{text}");
    assert!(text.contains("\r\nLocation: /whep/s3cr3t\r\n") && text.contains("\r\nContent-Type: application/sdp\r\n"));
    assert!(text.contains(&format!("\r\nContent-Length: {}\r\n", OFFER.len())) && text.ends_with(OFFER));
    assert!(text.contains("\r\nETag: \"ice-0\"\r\n"), "{text}");
    let fragment = "a=mid:0\r\na=candidate:1 1 udp 1 ::1 9 typ host\r\na=end-of-candidates\r\n";
    assert!(exchange(&app, &request("PATCH", "/whep/s3cr3t", PATCH, fragment)).starts_with("HTTP/1.1 204 "));
    assert_eq!(app.heard.borrow()[0], "s3cr3t/0: Some(\"candidate:1 1 udp 1 ::1 9 typ host\")");
    assert_eq!(app.heard.borrow()[1], "s3cr3t/0: None");
    assert!(exchange(&app, &request("PATCH", "/whep/other", PATCH, fragment)).starts_with("HTTP/1.1 404 "));
    assert!(exchange(&app, "DELETE /whep/s3cr3t HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 200 "));
    assert!(exchange(&app, "DELETE /whep/s3cr3t HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 404 "));
    // The same the other way, under a name of its own.
    let text = exchange(&app, &request("POST", "/whip", SDP, "v=0\r\n"));
    assert!(text.starts_with("HTTP/1.1 201 ") && text.contains("\r\nLocation: /whip/s3cr3t\r\n"), "{text}");
    assert!(exchange(&app, "DELETE /whip/s3cr3t HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 200 "));
    let wrong = exchange(&app, &request("POST", "/whipped", SDP, "v=0\r\n"));
    assert!(wrong.starts_with("HTTP/1.1 405 ") && wrong.contains("\r\nAllow: GET, HEAD\r\n"), "{wrong}");
    let options = exchange(&app, "OPTIONS /whep HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(options.starts_with("HTTP/1.1 204 ") && options.contains("Accept-Post: application/sdp\r\n"));
}

#[test]
fn what_cannot_be_had_is_refused_by_name() {
    let app = App::default();
    let status = |text: String| text.get(9..12).map(str::to_owned).unwrap_or_default();
    assert_eq!(status(exchange(&app, &request("POST", "/whep", "", "v=0\r\n"))), "415");
    assert_eq!(status(exchange(&app, &request("POST", "/whep", SDP, "nonsense"))), "400");
    assert_eq!(status(exchange(&app, &request("GET", "/whep", "", ""))), "405");
    assert_eq!(status(exchange(&app, &format!("POST /whep HTTP/1.1\r\nHost: localhost\r\n{SDP}\r\n"))), "411");
    let big = request("POST", "/whep", SDP, &"v".repeat(1 << 20));
    let too_large = exchange(&app, &big);
    assert!(too_large.starts_with("HTTP/1.1 413 Content Too Large\r\n"), "{too_large}");
    // Who is refused hears the limit.
    let limit = too_large.split_once("\r\n\r\n").and_then(|(_, body)| body.strip_prefix("Content Too Large: at most "));
    let limit: usize = limit.and_then(|text| text.strip_suffix(" bytes")).unwrap().parse().unwrap();
    let at_the_limit = request("POST", "/whep", SDP, &"v".repeat(limit));
    assert_eq!(status(exchange(&app, &at_the_limit)), "400", "that much is read, and is no offer");
    assert_eq!(status(exchange(&app, &request("POST", "/whep", SDP, &"v".repeat(limit + 1)))), "413");
    assert_eq!(app.discarded_so_often(Discard::TooLong), 2);
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
    let delete = exchange_from(&app, away, "DELETE /whep/s3cr3t HTTP/1.1\r\nHost: localhost\r\n\r\n", 4096);
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

fn status_of(text: &str) -> &str {
    text.get(9..12).unwrap_or_default()
}

/// PATCHes a session of the generation `ice-0` with the user name fragment `abcd`: the status, and the candidates that came.
fn patch(headers: &str, body: &str) -> (String, Vec<String>) {
    let app = App::default();
    exchange(&app, &request("POST", "/whep", SDP, "v=0\r\n"));
    let text = exchange(&app, &request("PATCH", "/whep/s3cr3t", headers, body));
    (status_of(&text).to_owned(), app.heard.take())
}

const HOST: &str = "candidate:1 1 udp 1 192.0.2.1 9 typ host";

#[test]
fn a_patch_is_answered_204_only_for_what_was_done() {
    let status = |headers: &str, body: &str| {
        let (status, heard) = patch(headers, body);
        assert_eq!(heard.is_empty(), status != "204", "{headers} {body}: {heard:?}");
        status
    };
    let fragment = format!("a=ice-ufrag:abcd\r\na=mid:0\r\na={HOST}\r\n");
    let typed = "Content-Type: application/trickle-ice-sdpfrag\r\n";
    let with = |condition: &str| format!("{typed}If-Match: {condition}\r\n");
    assert_eq!(status(PATCH, &fragment), "204");
    // Some clients don't remember the tag (RFC 9725 §4.3.1 wants it): the fragment says which generation it is of.
    assert_eq!(status(&with("\"*\""), &fragment), "204");
    assert_eq!(status(&with("*"), &fragment), "204");
    assert_eq!(status(&with("\"x\", \"ice-0\""), &fragment), "204");
    assert_eq!(status(&with("\"ice-1\""), &fragment), "412");
    assert_eq!(status(&with("W/\"ice-0\""), &fragment), "412");
    assert_eq!(status(typed, &fragment), "428");
    assert_eq!(status("Content-Type: text/plain\r\nIf-Match: \"ice-0\"\r\n", &fragment), "415");
    for malformed in ["", "nonsense", "{}", "a=mid:0\r\n", "a=mid:0\r\na=candidate:nonsense\r\n"] {
        assert_eq!(status(PATCH, malformed), "400", "{malformed}");
    }
    assert_eq!(status(PATCH, &fragment.replace("abcd", "efgh")), "422", "of another generation");
    assert_eq!(status(&with("*"), &fragment.replace("abcd", "efgh")), "400", "a restart without its password");
}

#[test]
fn a_patch_of_candidates_that_are_all_of_another_generation_is_refused() {
    let old = format!("{HOST} generation 0 ufrag efgh network-id 1 network-cost 10");
    let tcp = "candidate:2 1 tcp 1 192.0.2.1 9 typ host tcptype active ufrag abcd";
    for (lines, wanted) in [
        (format!("a={old}\r\n"), "422"),
        (format!("a={old}\r\na={old}\r\n"), "422"),
        // Their end is not the end of those of this generation.
        (format!("a={old}\r\na=end-of-candidates\r\n"), "422"),
        (format!("a={old}\r\na=candidate:nonsense\r\n"), "422"),
        (format!("a={old}\r\na={HOST} ufrag abcd\r\na=end-of-candidates\r\n"), "204"),
        // A transport that is not used is left out without a word (RFC 9725 §4.3.1).
        (format!("a={tcp}\r\n"), "204"),
        ("a=end-of-candidates\r\n".to_owned(), "204"),
    ] {
        let app = App::default();
        exchange(&app, &request("POST", "/whep", SDP, "v=0\r\n"));
        let text = exchange(&app, &request("PATCH", "/whep/s3cr3t", PATCH, &format!("a=mid:0\r\n{lines}")));
        assert_eq!(status_of(&text), wanted, "{lines}");
        let heard = app.heard.take();
        assert_eq!(heard.is_empty(), wanted == "422" || lines.contains("tcp"), "{lines}: {heard:?}");
        let left_out = lines.matches("candidate").count() - heard.len();
        assert_eq!(app.discarded_so_often(Discard::Candidate), left_out as u32, "{lines}");
    }
}

#[test]
fn a_restart_to_the_credentials_in_use_is_refused() {
    let headers = "Content-Type: application/trickle-ice-sdpfrag\r\nIf-Match: *\r\n";
    let (status, _) = patch(headers, "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n");
    assert_eq!(status, "422");
}

#[test]
fn bodies_in_chunks_are_read() {
    let app = App::default();
    let head =
        format!("POST /whep HTTP/1.1\r\nhost: localhost\r\n{}transfer-encoding: chunked\r\n\r\n", SDP.to_lowercase());
    let post = |body: &str| status_of(&exchange(&app, &format!("{head}{body}"))).to_owned();
    assert_eq!(post("3;x=y\r\nv=0\r\n2\r\n\r\n\r\n0\r\nTrailer: 1\r\n\r\n"), "201");
    assert_eq!(post("0\r\n\r\n"), "400", "an empty offer");
    assert_eq!(post("x\r\nv=0\r\n"), "400");
    assert_eq!(app.discarded_so_often(Discard::TooLong), 0);
    assert_eq!(post(&format!("ffff\r\n{}\r\n0\r\n\r\n", "v".repeat(0xffff))), "413");
    assert_eq!(app.discarded_so_often(Discard::TooLong), 1);
    // The length and chunks both: which of them counts is what attacks are made of (RFC 9112 §6.3).
    let both = head.replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(status_of(&exchange(&app, &format!("{both}5\r\nv=0\r\n\r\n0\r\n\r\n"))), "400");
}

#[test]
fn an_answer_to_head_has_no_body() {
    let app = App::default();
    for path in ["/", "/favicon.ico", "/whep", "/whip/s3cr3t"] {
        let text = exchange(&app, &format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert!(text.ends_with("\r\n\r\n") && text.matches("\r\n\r\n").count() == 1, "{path}: {text}");
    }
}

#[test]
fn one_odd_candidate_does_not_lose_those_behind_it() {
    let odd = [
        "candidate:2 1 tcp 1 192.0.2.1 9 typ host tcptype active",
        "candidate:nonsense",
        "candidate:3 1 udp 1 192.0.2.3 9 typ host ufrag efgh",
    ];
    for odd in odd {
        let (status, heard) = patch(PATCH, &format!("a=ice-ufrag:abcd\r\na=mid:0\r\na={odd}\r\na={HOST}\r\n"));
        assert_eq!((status.as_str(), heard), ("204", vec![format!("s3cr3t/0: Some({HOST:?})")]), "{odd}");
    }
}

#[test]
fn an_ice_restart_is_done_or_refused() {
    let restart = format!("a=ice-ufrag:efgh\r\na=ice-pwd:9876543210987654321098\r\na=mid:0\r\na={HOST}\r\n");
    let headers = "Content-Type: application/trickle-ice-sdpfrag\r\nIf-Match: \"*\"\r\n";
    let (status, heard) = patch(headers, &restart);
    assert_eq!((status.as_str(), heard.len()), ("422", 0), "and the session goes on");
    let app = App::default();
    app.restarts.set(true);
    exchange(&app, &request("POST", "/whep", SDP, "v=0\r\n"));
    let text = exchange(&app, &request("PATCH", "/whep/s3cr3t", headers, &restart));
    assert!(text.starts_with("HTTP/1.1 200 ") && text.contains("\r\nETag: \"ice-1\"\r\n"), "{text}");
    assert!(text.contains("\r\nContent-Type: application/trickle-ice-sdpfrag\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\na=ice-ufrag:ours\r\na=ice-pwd:0123456789012345678901\r\n"), "{text}");
    let heard = app.heard.take();
    assert_eq!(heard[0], "s3cr3t: restart to efgh 9876543210987654321098");
    assert_eq!(heard[1], format!("s3cr3t/0: Some({HOST:?})"));
    // The tag of before is over.
    let late = exchange(&app, &request("PATCH", "/whep/s3cr3t", PATCH, &format!("a=mid:0\r\na={HOST}\r\n")));
    assert_eq!(status_of(&late), "412");
}

#[test]
fn requests_against_rfc_9112_are_refused() {
    let app = App::default();
    let ask = |head: &str| status_of(&exchange(&app, &format!("{head}\r\n\r\n"))).to_owned();
    assert_eq!(ask("GET / HTTP/1.1"), "400", "no Host");
    assert_eq!(ask("GET / HTTP/1.1\r\nHost: a\r\nHost: b"), "400");
    assert_eq!(ask("GET / HTTP/1.1\r\nHost: a b"), "400");
    assert_eq!(ask("GET / HTTP/1.1\r\nHost : a"), "400");
    assert_eq!(ask("GET / HTTP/2.0\r\nHost: a"), "505");
    assert_eq!(ask("GET http://localhost/ HTTP/1.1\r\nHost: evil.example"), "200", "the absolute form");
    assert_eq!(ask("POST /whep HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip"), "501");
    let twice =
        format!("POST /whep HTTP/1.1\r\nHost: localhost\r\n{SDP}Content-Length: 5\r\nContent-Length: 5\r\n\r\nv=0\r\n");
    assert_eq!(status_of(&exchange(&app, &twice)), "400");
    assert!(app.sessions.borrow().is_empty());
    // Whoever asks first whether the body is wanted is told to go on.
    let text = exchange(&app, &request("POST", "/whep", &format!("{SDP}Expect: 100-continue\r\n"), ""));
    assert!(text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 "), "{text}");
}

#[test]
fn a_token_that_stands_twice_or_is_not_ascii_lets_nobody_in() {
    let app = App::with_token("secret");
    for headers in [
        "Authorization: Bearer secret\r\nAuthorization: Bearer secret\r\n",
        "Authorization: Bearer wrong\r\nauthorization: Bearer secret\r\n",
        "Authorization: Bearer sécret\r\n",
        "Origin: http://é\r\nAuthorization: Bearer secret\r\n",
    ] {
        let text = exchange(&app, &request("POST", "/whep", &format!("{SDP}{headers}"), "v=0\r\n"));
        assert_eq!(status_of(&text), "400", "{headers}");
    }
    assert!(app.sessions.borrow().is_empty());
}

#[test]
fn guessing_is_answered_429_and_the_right_token_later() {
    let app = App::with_token("secret");
    let away = "192.0.2.7".parse().unwrap();
    let post = |token: &str| {
        let headers = format!("{SDP}Authorization: Bearer {token}\r\n");
        exchange_from(&app, away, &request("POST", "/whep", &headers, "v=0\r\n"), 4096)
    };
    let guesses: Vec<_> = (0..20).map(|n| status_of(&post(&format!("guess{n}"))).to_owned()).collect();
    assert_eq!(guesses.iter().filter(|s| *s == "401").count(), 10, "{guesses:?}");
    assert_eq!(guesses.iter().filter(|s| *s == "429").count(), 10, "{guesses:?}");
    let refused = post("secret");
    assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("\r\nRetry-After: 2\r\n"), "{refused}");
    app.advance(Duration::from_secs(2));
    assert_eq!(status_of(&post("secret")), "201");
    assert_eq!(app.discarded_so_often(Discard::TooManyAttempts), 11);
}
