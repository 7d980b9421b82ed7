//! A browser's WebSocket, written independently of the library's.

use embedded_io_async::{Read, Write};

use super::Stream;

/// What a browser says and hears.
pub(crate) struct Browser {
    pub(crate) stream: Stream,
}

impl Browser {
    pub(crate) fn unopened(stream: Stream) -> Self {
        Self { stream }
    }

    pub(crate) fn request(path: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nHost: localhost:80\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
             Origin: http://localhost:80\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    }

    pub(crate) async fn open(stream: Stream, path: &str) -> (Self, String) {
        let mut browser = Self { stream };
        browser.stream.write_all(Self::request(path).as_bytes()).await.unwrap();
        let head = browser.head().await;
        (browser, head)
    }

    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.stream.read(&mut byte).await.unwrap() == 0 {
                break;
            }
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    pub(crate) fn framed(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x12, 0x34, 0x56, 0x78];
        let mut bytes = vec![first];
        match payload.len() {
            n @ 0..126 => bytes.push(0x80 | n as u8),
            n @ 126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                bytes.push(0x80 | 127);
                bytes.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        bytes
    }

    pub(crate) async fn frame(&mut self, first: u8, payload: &[u8]) {
        self.stream.write_all(&Self::framed(first, payload)).await.unwrap();
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes()).await;
    }

    /// The next frame's first byte and payload; `None` at the end.
    pub(crate) async fn hear(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).await.ok()?;
        let len = match head[1] {
            126 => {
                let mut len = [0; 2];
                self.stream.read_exact(&mut len).await.ok()?;
                usize::from(u16::from_be_bytes(len))
            }
            n => usize::from(n),
        };
        let mut payload = vec![0; len];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((head[0], payload))
    }

    pub(crate) async fn hear_json(&mut self) -> serde_json::Value {
        let (first, payload) = self.hear().await.expect("a message");
        assert_eq!(first, 0x81);
        serde_json::from_slice(&payload).expect("JSON")
    }
}
