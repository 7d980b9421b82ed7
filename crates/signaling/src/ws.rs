//! WebSocket (RFC 6455) over any byte stream, in a buffer lent by the caller.

use edge_ws::{FrameHeader, FrameType};
use embedded_io_async::{Read, Write};
use rand_core::CryptoRng;
use sha1::{Digest, Sha1};

use crate::error::Error;

/// Bytes to leave free in front of a payload that is to be sent: the longest frame header.
pub const HEADROOM: usize = 14;

/// The most bytes of a control frame (RFC 6455 §5.5).
const MAX_CONTROL: usize = 125;

/// Closed in an orderly way (RFC 6455 §7.4.1).
pub const CLOSE_NORMAL: u16 = 1000;
/// Against the rules.
pub const CLOSE_PROTOCOL: u16 = 1002;
/// Longer than we take.
pub const CLOSE_TOO_BIG: u16 = 1009;

/// One end of an upgraded connection.
///
/// Messages, reassembled from fragments, lie in the buffer until the next [`recv`](Self::recv), which is safe to cancel:
/// it awaits nothing but the stream's `read`, and keeps its state in here.
#[derive(Debug)]
pub struct WebSocket<'b, S> {
    socket: S,
    buf: &'b mut [u8],
    /// Received and not yet used up.
    filled: usize,
    /// The payload of the message so far, unmasked, at the front.
    message: usize,
    /// Whether a fragmented message is under way, and whether it is text.
    fragments: Option<bool>,
    /// The message at the front was handed out.
    handed_out: bool,
    client: bool,
}

/// What came in.
#[derive(Debug)]
pub enum Incoming<'m> {
    /// A text message; UTF-8 has not been checked.
    Text(&'m mut [u8]),
    /// A binary message.
    Binary,
    /// To be answered with [`WebSocket::pong`].
    Ping(heapless::Vec<u8, MAX_CONTROL>),
    /// An answer to [`WebSocket::ping`].
    Pong,
    /// The other side is done.
    Close,
}

impl<'b, S: Read + Write> WebSocket<'b, S> {
    /// The server's end.
    pub const fn server(socket: S, buf: &'b mut [u8]) -> Self {
        Self::new(socket, buf, false)
    }

    /// The client's end.
    pub const fn client(socket: S, buf: &'b mut [u8]) -> Self {
        Self::new(socket, buf, true)
    }

    const fn new(socket: S, buf: &'b mut [u8], client: bool) -> Self {
        Self { socket, buf, filled: 0, message: 0, fragments: None, handed_out: false, client }
    }

    /// The next thing from the other side.
    ///
    /// # Errors
    /// [`Error::TooLong`] for what doesn't fit the buffer, [`Error::Protocol`] for what breaks the rules (close with the
    /// matching code then); [`Error::Io`] and [`Error::Closed`] when the stream ends.
    pub async fn recv(&mut self) -> Result<Incoming<'_>, Error> {
        if core::mem::take(&mut self.handed_out) {
            self.remove(0, self.message)?;
            self.message = 0;
        }
        loop {
            if let Some((header, header_len)) = self.header()? {
                let payload = usize::try_from(header.payload_len).map_err(|_| Error::TooLong)?;
                let whole = header_len.checked_add(payload).ok_or(Error::TooLong)?;
                let end = self.message.checked_add(whole).filter(|e| *e <= self.buf.len()).ok_or(Error::TooLong)?;
                if self.filled >= end {
                    match self.take_frame(&header, header_len, payload)? {
                        Step::More => continue,
                        Step::Message { text: true } => {
                            self.handed_out = true;
                            return Ok(Incoming::Text(self.buf.get_mut(..self.message).unwrap_or_default()));
                        }
                        Step::Message { text: false } => {
                            self.handed_out = true;
                            return Ok(Incoming::Binary);
                        }
                        Step::Control(FrameType::Ping, data) => return Ok(Incoming::Ping(data)),
                        Step::Control(FrameType::Pong, _) => return Ok(Incoming::Pong),
                        Step::Control(..) => return Ok(Incoming::Close),
                    }
                }
            }
            let room = self.buf.get_mut(self.filled..).filter(|r| !r.is_empty()).ok_or(Error::TooLong)?;
            let n = self.socket.read(room).await.map_err(|_| Error::Io)?;
            if n == 0 {
                return Err(Error::Closed);
            }
            self.filled = self.filled.saturating_add(n).min(self.buf.len());
        }
    }

    /// Sends the text that lies in `room` from [`HEADROOM`] on, `len` bytes long. A client masks it where it lies, with a
    /// `mask` that nobody can foretell (RFC 6455 §5.3); a server doesn't use it. So with all that is sent here.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::NoRoom`] when `len` reaches beyond `room`.
    pub async fn send_text(&mut self, room: &mut [u8], len: usize, mask: u32) -> Result<(), Error> {
        self.send(FrameType::Text(false), room, len, mask).await
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub async fn ping(&mut self, mask: u32) -> Result<(), Error> {
        self.control(FrameType::Ping, &[], mask).await
    }

    /// Answers a ping with its data.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub async fn pong(&mut self, data: &[u8], mask: u32) -> Result<(), Error> {
        self.control(FrameType::Pong, data, mask).await
    }

    /// Says goodbye with a status code (RFC 6455 §7.4); nothing may be sent after it.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub async fn close(&mut self, code: u16, mask: u32) -> Result<(), Error> {
        self.control(FrameType::Close, &code.to_be_bytes(), mask).await
    }

    /// The stream below.
    pub const fn stream(&mut self) -> &mut S {
        &mut self.socket
    }

    /// The header of the frame behind the message so far, once it is there.
    fn header(&self) -> Result<Option<(FrameHeader, usize)>, Error> {
        let raw = self.buf.get(self.message..self.filled).unwrap_or_default();
        // A frame length with the highest bit set is a client's mistake that must not become a huge number.
        let (header, len) = match FrameHeader::deserialize(raw) {
            Ok(found) => found,
            Err(edge_ws::Error::Incomplete(_)) => return Ok(None),
            Err(_) => return Err(Error::Protocol),
        };
        let control = matches!(header.frame_type, FrameType::Ping | FrameType::Pong | FrameType::Close);
        // `Ping`, `Pong` and `Close` of the library don't say whether they were fragments, which they must not be.
        let fragment = raw.first().is_some_and(|b| b & 0x80 == 0);
        if control && (fragment || header.payload_len > MAX_CONTROL as u64) {
            return Err(Error::Protocol);
        }
        // Clients mask, servers don't (RFC 6455 §5.1).
        if header.mask_key.is_some() == self.client {
            return Err(Error::Protocol);
        }
        Ok(Some((header, len)))
    }

    /// Uses up a frame that is all there.
    fn take_frame(&mut self, header: &FrameHeader, header_len: usize, payload: usize) -> Result<Step, Error> {
        let start = self.message.saturating_add(header_len);
        let end = start.saturating_add(payload);
        let data = self.buf.get_mut(start..end).ok_or(Error::Protocol)?;
        header.mask(data, 0);
        let text = match (header.frame_type, self.fragments) {
            (FrameType::Text(_), None) => true,
            (FrameType::Binary(_), None) => false,
            (FrameType::Continue(_), Some(text)) => text,
            (kind @ (FrameType::Ping | FrameType::Pong | FrameType::Close), _) => {
                let data = heapless::Vec::from_slice(data).map_err(|_| Error::Protocol)?;
                self.remove(self.message, header_len.saturating_add(payload))?;
                return Ok(Step::Control(kind, data));
            }
            _ => return Err(Error::Protocol),
        };
        self.remove(self.message, header_len)?;
        self.message = self.message.saturating_add(payload);
        if header.frame_type.is_final() {
            self.fragments = None;
            Ok(Step::Message { text })
        } else {
            self.fragments = Some(text);
            Ok(Step::More)
        }
    }

    /// Closes a gap of `len` bytes at `at`.
    fn remove(&mut self, at: usize, len: usize) -> Result<(), Error> {
        let from = at.checked_add(len).filter(|f| *f <= self.filled).ok_or(Error::Protocol)?;
        self.buf.copy_within(from..self.filled, at);
        self.filled = self.filled.saturating_sub(len);
        Ok(())
    }

    async fn control(&mut self, kind: FrameType, data: &[u8], mask: u32) -> Result<(), Error> {
        let mut room = [0; HEADROOM.saturating_add(MAX_CONTROL)];
        let place = room.get_mut(HEADROOM..).and_then(|r| r.get_mut(..data.len())).ok_or(Error::NoRoom)?;
        place.copy_from_slice(data);
        self.send(kind, &mut room, data.len(), mask).await
    }

    async fn send(&mut self, frame_type: FrameType, room: &mut [u8], len: usize, mask: u32) -> Result<(), Error> {
        let mask_key = self.client.then_some(mask);
        let header = FrameHeader { frame_type, payload_len: u64::try_from(len).map_err(|_| Error::TooLong)?, mask_key };
        let end = HEADROOM.checked_add(len).ok_or(Error::NoRoom)?;
        let start = HEADROOM.saturating_sub(header.serialized_len());
        header.mask(room.get_mut(HEADROOM..end).ok_or(Error::NoRoom)?, 0);
        header.serialize(room.get_mut(start..HEADROOM).ok_or(Error::NoRoom)?).map_err(|_| Error::NoRoom)?;
        self.socket.write_all(room.get(start..end).ok_or(Error::NoRoom)?).await.map_err(|_| Error::Io)?;
        self.socket.flush().await.map_err(|_| Error::Io)
    }
}

enum Step {
    More,
    Message { text: bool },
    Control(FrameType, heapless::Vec<u8, MAX_CONTROL>),
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

/// Base64 with padding (RFC 4648 §4) of at most 20 bytes.
fn base64(bytes: &[u8]) -> heapless::String<28> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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
