//! A viewer who comes by a forwarding server: the program connects to it and waits there to be asked, as the libdatachannel examples have it.
//! The server is a few lines of RFC 6455 of our own.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use barertc_p4::board::Board;
use sha1::{Digest as _, Sha1};

use super::fixture::{Contents, TOKEN};
use super::viewer::{Scene, Shared};

const PORT: u16 = 8_000;

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_viewer_comes_by_a_forwarding_server() {
    let settings = format!("{TOKEN}signaling=ws://10.0.2.2:{PORT}/server\n");
    let mut scene = Scene::new(Board::ev(), Contents::playing(&settings).flash());
    // Nobody is there yet, and the log says so; then there is.
    scene.must(10_000, "word of it", |machine, _| machine.log().contains("forwarder: next try in"));
    scene.network.borrow_mut().listen_here(PORT);
    let mut server = Server::default();
    let network = scene.network.clone();
    scene.must(60_000, "call", |_, _| server.is_called(&network));
    for (token, picture) in [("wrong", false), ("swordfish", true)] {
        let mut viewer = Some(scene.viewer());
        server.say(&format!(r#"{{"id":"somebody","type":"request","token":"{token}"}}"#));
        let mut refused = false;
        let now = scene.now();
        scene.must(5_000, "word from the program", |_, _| {
            server.hear();
            let Some(text) = server.heard.pop() else { return false };
            assert!(text.contains(r#""id":"somebody""#), "{text}");
            refused = text.contains(r#""type":"refused""#);
            if let Some(offer) = member(&text, "sdp") {
                assert!(text.contains(r#""type":"offer""#), "{text}");
                let answer = viewer.as_mut().expect("one").answer(now, &offer).replace("\r\n", "\\r\\n");
                server.say(&format!(r#"{{"id":"somebody","type":"answer","sdp":"{answer}"}}"#));
            }
            true
        });
        assert_eq!(refused, !picture, "with the token {token}");
        scene.viewers.extend(viewer.take().filter(|_| picture));
    }
    scene.must(5_000, "picture", |_, viewers| {
        server.hear();
        viewers[0].frames[0] > 0 && viewers[0].messages > 0
    });
    scene.end();
}

/// A member of a JSON object, a text.
fn member(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("\"{name}\":\""))?;
    Some(rest.split('"').next()?.replace("\\r", "\r").replace("\\n", "\n").replace("\\/", "/"))
}

/// The server's end of the program's connection.
#[derive(Default)]
struct Server {
    stream: Option<UnixStream>,
    bytes: Vec<u8>,
    upgraded: bool,
    heard: Vec<String>,
}

impl Server {
    /// Whether the program has called, and both have changed to WebSocket.
    fn is_called(&mut self, network: &Shared) -> bool {
        if self.stream.is_none() {
            self.stream = network.borrow_mut().accept_here(PORT);
        }
        self.read();
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        if !self.upgraded && text.ends_with("\r\n\r\n") {
            assert!(text.starts_with("GET /server HTTP/1.1\r\n"), "{text}");
            let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
                accept(key)
            );
            self.bytes.clear();
            self.write(answer.as_bytes());
            self.upgraded = true;
        }
        self.upgraded
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.as_mut().expect("a connection").write_all(bytes).expect("room for it");
    }

    fn read(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        let mut room = [0; 4096];
        loop {
            match stream.read(&mut room) {
                Ok(0) => return,
                Ok(len) => self.bytes.extend(&room[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the program's connection: {error}"),
            }
        }
    }

    /// A text in one frame (RFC 6455 §5.2).
    fn say(&mut self, text: &str) {
        let len = text.len() as u16;
        let mut frame = match len {
            0..=125 => vec![0x81, len as u8],
            _ => [&[0x81, 126][..], &len.to_be_bytes()].concat(),
        };
        frame.extend(text.as_bytes());
        self.write(&frame);
    }

    /// Takes the texts that have come whole; a question whether we are there is answered.
    fn hear(&mut self) {
        self.read();
        while let Some((kind, payload, len)) = frame(&self.bytes) {
            self.bytes.drain(..len);
            match kind {
                1 => self.heard.push(String::from_utf8(payload).expect("text")),
                9 => self.write(&[&[0x8a, payload.len() as u8][..], &payload].concat()),
                _ => {}
            }
        }
    }
}

/// The first frame: its kind, what is in it without the mask, and its bytes.
fn frame(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (len, head) = match bytes.get(1)? & 127 {
        126 => (usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])), 4),
        len => (usize::from(len), 2),
    };
    assert_eq!((bytes[0] >> 7, bytes[1] >> 7), (1, 1), "whole, and masked, as a client's frames are");
    let mask = bytes.get(head..head + 4)?;
    let payload = bytes.get(head + 4..head + 4 + len)?;
    Some((bytes[0] & 15, payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect(), head + 4 + len))
}

#[test]
fn keys_are_accepted_as_the_standard_has_it() {
    // RFC 6455 §1.3.
    assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/// RFC 6455 §4.2.2.
fn accept(key: &str) -> String {
    base64(&Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let three = |chunk: &[u8]| {
        let bits = chunk.iter().chain(&[0, 0]).take(3).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let digit = |n: u32| char::from(DIGITS[(bits >> (18 - 6 * n) & 63) as usize]);
        (0..4).map(move |n| if n as usize <= chunk.len() { digit(n) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(three).collect()
}
