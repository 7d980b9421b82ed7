//! WebSocket (RFC 6455) over any byte stream, in a buffer that the caller lends.

use embedded_io_async::{Read, Write};
use rand_core::CryptoRng;
use sha1::{Digest, Sha1};

use crate::error::{Error, Violation};
use crate::frame::{Header, MAX_CONTROL, Opcode};

pub use crate::frame::HEADROOM;

/// The close code of an orderly end (RFC 6455 §7.4.1).
pub const CLOSE_NORMAL: u16 = 1000;
/// The close code after a broken rule of the protocol (RFC 6455 §7.4.1).
pub const CLOSE_PROTOCOL: u16 = 1002;
/// The close code after a text that is not UTF-8 (RFC 6455 §7.4.1).
pub const CLOSE_INVALID: u16 = 1007;
/// The close code for a client that is not admitted, or that is evicted (RFC 6455 §7.4.1).
pub const CLOSE_POLICY: u16 = 1008;
/// The close code after a message that is longer than the buffer (RFC 6455 §7.4.1).
pub const CLOSE_TOO_BIG: u16 = 1009;

// Messages may have tokens.
barertc_wire::opaque! {
    [S] WebSocket<'_, S>;
    [] Incoming<'_>;
}

/// One end of a WebSocket connection, after the opening handshake.
///
/// A received message stays in the buffer until the next [`recv`](Self::recv). That call can be cancelled without loss: it
/// awaits the `read` of the stream only, and this value keeps its state.
pub struct WebSocket<'b, S> {
    socket: S,
    buf: &'b mut [u8],
    /// The number of received bytes in the buffer.
    filled: usize,
    /// The number of bytes at the front that belong to the current message, unmasked.
    message: usize,
    /// Set while a fragmented message is incomplete; true for a text message.
    fragments: Option<bool>,
    /// Whether the message at the front was returned to the caller.
    handed_out: bool,
    /// Set when the other side has closed; the inner value is its close code.
    closed: Option<Option<u16>>,
    client: bool,
}

/// A received message or control frame.
pub enum Incoming<'m> {
    /// A text message, which is UTF-8 (RFC 6455 §8.1).
    Text(&'m mut [u8]),
    /// A binary message. Its data are dropped.
    Binary,
    /// A ping with its data. The caller answers with [`WebSocket::pong`].
    Ping(heapless::Vec<u8, MAX_CONTROL>),
    /// An answer to [`WebSocket::ping`].
    Pong,
    /// The other side has closed. The caller answers with [`WebSocket::close`].
    Close,
}

impl<'b, S: Read + Write> WebSocket<'b, S> {
    /// Makes the server's end.
    pub const fn server(socket: S, buf: &'b mut [u8]) -> Self {
        Self::new(socket, buf, false)
    }

    /// Makes the client's end.
    pub const fn client(socket: S, buf: &'b mut [u8]) -> Self {
        Self::new(socket, buf, true)
    }

    const fn new(socket: S, buf: &'b mut [u8], client: bool) -> Self {
        Self { socket, buf, filled: 0, message: 0, fragments: None, handed_out: false, closed: None, client }
    }

    /// Adopts the first `filled` bytes of the buffer, which arrived together with the opening handshake.
    pub(crate) fn with_received(mut self, filled: usize) -> Self {
        self.filled = filled.min(self.buf.len());
        self
    }

    /// Waits for the next message or control frame.
    ///
    /// # Errors
    /// [`Error::TooLong`] for a message that does not fit into the buffer. [`Error::Protocol`] for a broken rule.
    /// [`close_code`] gives the code to close with. [`Error::Io`], [`Error::Truncated`] and [`Error::Closed`] when the stream
    /// ends.
    pub async fn recv(&mut self) -> Result<Incoming<'_>, Error> {
        if core::mem::take(&mut self.handed_out) {
            self.remove(0, self.message);
            self.message = 0;
        }
        let limit = self.buf.len();
        loop {
            if let Some(header) = self.header()? {
                let end = usize::try_from(header.payload).ok().and_then(|payload| {
                    self.message.checked_add(header.len)?.checked_add(payload).filter(|end| *end <= limit)
                });
                let end = end.ok_or(Error::TooLong { limit })?;
                if self.filled >= end {
                    match self.take_frame(&header, end)? {
                        Step::More => continue,
                        Step::Message { text: true } => {
                            self.handed_out = true;
                            return Ok(Incoming::Text(self.buf.get_mut(..self.message).unwrap_or_default()));
                        }
                        Step::Message { text: false } => {
                            self.handed_out = true;
                            return Ok(Incoming::Binary);
                        }
                        Step::Ping(data) => return Ok(Incoming::Ping(data)),
                        Step::Pong => return Ok(Incoming::Pong),
                        Step::Close => return Ok(Incoming::Close),
                    }
                }
            }
            let room = self.buf.get_mut(self.filled..).filter(|r| !r.is_empty()).ok_or(Error::TooLong { limit })?;
            let n = self.socket.read(room).await.map_err(Error::io)?;
            if n == 0 {
                let inside = self.filled > 0 || self.fragments.is_some();
                return Err(if inside { Error::Truncated } else { Error::Closed });
            }
            self.filled = self.filled.saturating_add(n).min(limit);
        }
    }

    /// Sends a text message: the `len` bytes in `room` from [`HEADROOM`] on.
    ///
    /// A client masks them in place with `mask`, which must be unpredictable (RFC 6455 §5.3). A server ignores `mask`.
    ///
    /// # Errors
    /// [`Error::Io`] when the stream fails. [`Error::NoRoom`] when `room` is shorter than `HEADROOM` and `len` bytes.
    pub async fn send_text(&mut self, room: &mut [u8], len: usize, mask: u32) -> Result<(), Error> {
        self.send(Opcode::Text, room, len, mask).await
    }

    /// Sends a ping (RFC 6455 §5.5.2). `mask` is as for [`send_text`](Self::send_text).
    ///
    /// # Errors
    /// [`Error::Io`] when the stream fails.
    pub async fn ping(&mut self, mask: u32) -> Result<(), Error> {
        self.control(Opcode::Ping, &[], mask).await
    }

    /// Answers a ping with the ping's data (RFC 6455 §5.5.3). `mask` is as for [`send_text`](Self::send_text).
    ///
    /// # Errors
    /// [`Error::Io`] when the stream fails.
    pub async fn pong(&mut self, data: &[u8], mask: u32) -> Result<(), Error> {
        self.control(Opcode::Pong, data, mask).await
    }

    /// Sends a close frame with a status code (RFC 6455 §7.4). The caller must send nothing afterwards.
    ///
    /// If the other side has closed first, it gets its own code back (RFC 6455 §5.5.1). `mask` is as for
    /// [`send_text`](Self::send_text).
    ///
    /// # Errors
    /// [`Error::Io`] when the stream fails.
    pub async fn close(&mut self, code: u16, mask: u32) -> Result<(), Error> {
        match self.closed.unwrap_or(Some(code)) {
            Some(code) => self.control(Opcode::Close, &code.to_be_bytes(), mask).await,
            None => self.control(Opcode::Close, &[], mask).await,
        }
    }

    /// The stream under the WebSocket.
    pub const fn stream(&mut self) -> &mut S {
        &mut self.socket
    }

    /// The header of the next frame in the buffer. `None` when it is incomplete.
    fn header(&self) -> Result<Option<Header>, Violation> {
        let raw = self.buf.get(self.message..self.filled).unwrap_or_default();
        let Some(header) = Header::parse(raw)? else { return Ok(None) };
        // Clients mask, servers don't (RFC 6455 §5.1).
        if header.mask.is_some() == self.client {
            return Err(Violation::Mask);
        }
        Ok(Some(header))
    }

    /// Handles a complete frame, which ends at `end`.
    fn take_frame(&mut self, header: &Header, end: usize) -> Result<Step, Violation> {
        let start = self.message.saturating_add(header.len);
        let data = self.buf.get_mut(start..end).unwrap_or_default();
        header.apply_mask(data);
        let text = match (header.opcode, self.fragments) {
            (Opcode::Text, None) => true,
            (Opcode::Binary, None) => false,
            (Opcode::Continuation, Some(text)) => text,
            (Opcode::Text | Opcode::Binary | Opcode::Continuation, _) => return Err(Violation::Fragment),
            (Opcode::Ping | Opcode::Pong | Opcode::Close, _) => {
                let step = match header.opcode {
                    // `header` has checked the length.
                    Opcode::Ping => Step::Ping(heapless::Vec::from_slice(data).map_err(|_| Violation::Control)?),
                    Opcode::Pong => Step::Pong,
                    _ => {
                        self.closed = Some(close_frame(data)?);
                        Step::Close
                    }
                };
                self.remove(self.message, end.saturating_sub(self.message));
                return Ok(step);
            }
        };
        self.remove(self.message, header.len);
        self.message = end.saturating_sub(header.len);
        if !header.last {
            self.fragments = Some(text);
            return Ok(Step::More);
        }
        self.fragments = None;
        if text && core::str::from_utf8(self.buf.get(..self.message).unwrap_or_default()).is_err() {
            return Err(Violation::Utf8);
        }
        Ok(Step::Message { text })
    }

    /// Removes `len` bytes at `at` from the buffer.
    fn remove(&mut self, at: usize, len: usize) {
        let from = at.saturating_add(len).min(self.filled);
        self.buf.copy_within(from..self.filled, at.min(from));
        self.filled = self.filled.saturating_sub(len);
    }

    async fn control(&mut self, opcode: Opcode, data: &[u8], mask: u32) -> Result<(), Error> {
        let mut room = [0; HEADROOM.saturating_add(MAX_CONTROL)];
        let place = room.get_mut(HEADROOM..).and_then(|r| r.get_mut(..data.len())).ok_or(Error::NoRoom)?;
        place.copy_from_slice(data);
        self.send(opcode, &mut room, data.len(), mask).await
    }

    async fn send(&mut self, opcode: Opcode, room: &mut [u8], len: usize, mask: u32) -> Result<(), Error> {
        let frame = Header::frame(opcode, room, len, self.client.then_some(mask)).ok_or(Error::NoRoom)?;
        self.socket.write_all(frame).await.map_err(Error::io)?;
        self.socket.flush().await.map_err(Error::io)
    }
}

enum Step {
    More,
    Message { text: bool },
    Ping(heapless::Vec<u8, MAX_CONTROL>),
    Pong,
    Close,
}

/// The close code for an error of [`WebSocket::recv`]. `None` when the stream has ended, so that nothing can be sent.
#[must_use]
pub const fn close_code(error: Error) -> Option<u16> {
    match error {
        Error::Io(_) | Error::Truncated | Error::TimedOut => None,
        Error::TooLong { .. } => Some(CLOSE_TOO_BIG),
        Error::Protocol(Violation::Utf8) => Some(CLOSE_INVALID),
        Error::Protocol(_) => Some(CLOSE_PROTOCOL),
        _ => Some(CLOSE_NORMAL),
    }
}

/// The code in a close frame, if it has one (RFC 6455 §5.5.1).
pub(crate) fn close_frame(data: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = data.split_first_chunk() else {
        return if data.is_empty() { Ok(None) } else { Err(Violation::CloseFrame) };
    };
    let code = u16::from_be_bytes(*code);
    // RFC 6455 §7.4: those of the protocol and its registry that may be sent, and those of libraries and applications.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::CloseFrame);
    }
    core::str::from_utf8(reason).map_err(|_| Violation::Utf8)?;
    Ok(Some(code))
}

/// The answer to a `Sec-WebSocket-Key` (RFC 6455 §4.2.2): base64 of a SHA-1.
pub(crate) fn accept_key(key: &str) -> heapless::String<28> {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64(&hash.finalize())
}

/// A fresh `Sec-WebSocket-Key` (RFC 6455 §4.1).
pub(crate) fn fresh_key<R: CryptoRng>(rng: &mut R) -> heapless::String<28> {
    let mut nonce = [0; 16];
    rng.fill_bytes(&mut nonce);
    base64(&nonce)
}

/// Whether a `Sec-WebSocket-Key` is base64 of 16 bytes (RFC 6455 §4.2.1).
pub(crate) fn is_key(text: &str) -> bool {
    let digits = text.strip_suffix("==").unwrap_or_default();
    digits.len() == 22 && digits.bytes().all(|b| ALPHABET.contains(&b))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648 §4) of at most 20 bytes.
fn base64(bytes: &[u8]) -> heapless::String<28> {
    let mut text = heapless::String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain([0, 0].iter()).take(3).fold(0_u32, |w, b| w << 8 | u32::from(*b));
        for (i, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = ALPHABET.get((word >> shift & 63) as usize).copied().unwrap_or_default();
            let c = if i > chunk.len() { '=' } else { char::from(digit) };
            // 28 characters are what 20 bytes take.
            let _ = text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_frames_have_codes_that_may_be_sent() {
        assert_eq!((close_frame(&[]), close_frame(&[3])), (Ok(None), Err(Violation::CloseFrame)));
        for code in [1000, 1001, 1003, 1007, 1011, 3000, 4999] {
            assert_eq!(close_frame(&u16::to_be_bytes(code)), Ok(Some(code)));
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            assert_eq!(close_frame(&u16::to_be_bytes(code)), Err(Violation::CloseFrame), "{code}");
        }
        assert_eq!(close_frame(b"\x03\xe8bye \xff"), Err(Violation::Utf8));
    }

    #[test]
    fn keys_are_sixteen_bytes() {
        assert!(is_key("dGhlIHNhbXBsZSBub25jZQ=="));
        for bad in ["", "k", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZ===", "dGhlIHNhbXBsZSBub25j!Q=="] {
            assert!(!is_key(bad), "{bad}");
        }
    }
}
