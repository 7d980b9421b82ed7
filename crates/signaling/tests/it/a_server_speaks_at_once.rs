//! Forwarding servers that say something in the segment in which they accept (RFC 6455 §4.2.2), or before it.
use crate::support;

use barertc_signaling::*;
use embedded_io_async::{Read, Write};
use sha1::{Digest, Sha1};
use support::*;

/// Runs our end against a server that answers the handshake with what `script` makes of the key's answer.
fn against(pieces: usize, script: impl FnOnce(&str) -> Vec<u8>) -> (Result<(), Error>, Vec<String>) {
    let app = App::default();
    let (mut ours, mut theirs) = connection();
    ours.piece = pieces;
    let (result, ()) = both(
        async {
            let (mut message, mut sdp, mut out) = (vec![0; 2048], vec![0; 2048], vec![0; 4096]);
            let buffers = Buffers { message: &mut message, sdp: &mut sdp, out: &mut out };
            let url = Url::parse("ws://localhost:8000/server").unwrap();
            connect(&mut ours, &url, 3, buffers, &app, &mut Fixed(1)).await
        },
        async {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                theirs.read_exact(&mut byte).await.unwrap();
                request.push(byte[0]);
            }
            let request = String::from_utf8(request).unwrap();
            let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
            theirs.write_all(&script(&accept(key))).await.unwrap();
        },
    );
    (result, app.heard.take())
}

/// RFC 6455 §4.2.2.
fn accept(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64(&Sha1::digest(text.as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String = bytes.iter().map(|b| format!("{b:08b}")).collect();
    let bits: Vec<char> = bits.chars().collect();
    let mut text: String = bits
        .chunks(6)
        .map(|six| {
            let six: String = six.iter().chain(&['0'; 6]).take(6).collect();
            char::from(DIGITS[usize::from_str_radix(&six, 2).unwrap()])
        })
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

fn switching(accept: &str, more: &str) -> Vec<u8> {
    format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n")
        .into_bytes()
}

fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, payload.len() as u8][..], payload].concat()
}

const REQUEST: &[u8] = br#"{"id":"page","type":"request"}"#;

#[test]
fn what_comes_behind_the_101_is_heard() {
    for pieces in [usize::MAX, 1, 7, 150] {
        let (result, heard) = against(pieces, |accept| {
            [switching(accept, ""), unmasked(0x81, REQUEST), unmasked(0x88, &[0x03, 0xe8])].concat()
        });
        let all = ["3 connected", "3:page Request", "3 closed"].map(str::to_owned).to_vec();
        assert_eq!((result, heard), (Ok(()), all), "{pieces}");
    }
}

#[test]
fn half_a_frame_behind_the_101_waits_for_its_other_half() {
    let (result, heard) = against(140, |accept| {
        let message = unmasked(0x81, REQUEST);
        let (ping, close) = (unmasked(0x89, b"hello"), unmasked(0x88, &[]));
        [switching(accept, ""), ping, message, close].concat()
    });
    assert_eq!((result, heard[1].as_str()), (Ok(()), "3:page Request"));
}

#[test]
fn interim_answers_before_the_101_are_passed_over() {
    let (result, heard) = against(usize::MAX, |accept| {
        let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";
        [&interim[..], &switching(accept, ""), &unmasked(0x81, REQUEST), &unmasked(0x88, &[])].concat()
    });
    assert_eq!((result, heard[1].as_str()), (Ok(()), "3:page Request"));
    let (result, _) = against(usize::MAX, |_| b"HTTP/1.1 102 Processing\r\n\r\n".repeat(100));
    assert_eq!(result, Err(Error::Protocol(Violation::Interim)));
}

#[test]
fn a_handshake_that_agrees_on_something_we_did_not_offer_fails() {
    for more in ["Sec-WebSocket-Extensions: permessage-deflate\r\n", "Sec-WebSocket-Protocol: chat\r\n"] {
        let (result, heard) = against(usize::MAX, |accept| switching(accept, more));
        assert_eq!(result, Err(Error::Protocol(Violation::Handshake)), "{more}");
        assert_eq!(heard, [""; 0], "it is not connected");
    }
    let (result, _) = against(usize::MAX, |accept| {
        String::from_utf8(switching(accept, "")).unwrap().replace("Upgrade: websocket", "Upgrade: h2c").into_bytes()
    });
    assert_eq!(result, Err(Error::Protocol(Violation::Handshake)));
    let (result, _) = against(usize::MAX, |accept| [switching(accept, ""), vec![0x81, 0x80, 0, 0, 0, 0]].concat());
    assert_eq!(result, Err(Error::Protocol(Violation::Mask)), "a server does not mask");
}

#[test]
fn a_busy_server_says_when_to_come_back() {
    let (result, _) = against(usize::MAX, |_| b"HTTP/1.1 503 x\r\nRetry-After: 7\r\n\r\n".to_vec());
    assert_eq!(result, Err(Error::Busy(Some(7))));
}
