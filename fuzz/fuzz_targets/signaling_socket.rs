//! Any bytes after the handshake: the frames that come out never hold more than the buffer, and nothing panics.
#![no_main]

use std::convert::Infallible;

use barertc_signaling::{Incoming, WebSocket};
use embedded_io_async::{ErrorType, Read, Write};
use libfuzzer_sys::fuzz_target;

struct Stream<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl ErrorType for Stream<'_> {
    type Error = Infallible;
}

impl Read for Stream<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let n = self.rest.len().min(buf.len()).min(self.piece);
        let (now, later) = self.rest.split_at(n);
        buf[..n].copy_from_slice(now);
        self.rest = later;
        Ok(n)
    }
}

impl Write for Stream<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (piece, client, rest) = input;
    let mut buf = [0; 300];
    let stream = Stream { rest, piece: usize::from(piece) + 1 };
    let mut ws = if client { WebSocket::client(stream, &mut buf) } else { WebSocket::server(stream, &mut buf) };
    futures_lite::future::block_on(async {
        while let Ok(incoming) = ws.recv().await {
            if let Incoming::Text(text) = incoming {
                assert!(text.len() <= 300);
            }
        }
    });
});
