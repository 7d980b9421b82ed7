//! The frames of WebSocket (RFC 6455 §5.2).

use barertc_wire::Writer;

use crate::error::Violation;

/// The room for a frame header in front of a payload that is sent, in bytes.
pub const HEADROOM: usize = 14;

/// The longest payload of a control frame, in bytes (RFC 6455 §5.5).
pub(crate) const MAX_CONTROL: usize = 125;

/// The type of a frame (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) opcode: Opcode,
    /// The FIN bit: this is the last frame of its message.
    pub(crate) last: bool,
    pub(crate) mask: Option<[u8; 4]>,
    /// The length of the payload in bytes.
    pub(crate) payload: u64,
    /// The length of this header in bytes.
    pub(crate) len: usize,
}

impl Header {
    /// Reads the header at the front of `raw`. `None` when `raw` has only a part of it.
    pub(crate) fn parse(raw: &[u8]) -> Result<Option<Self>, Violation> {
        let Some(([first, second], rest)) = raw.split_first_chunk() else {
            // A wrong first byte is refused before the second one arrives.
            return raw.first().map_or(Ok(None), |first| opcode(*first).map(|_| None));
        };
        let opcode = opcode(*first)?;
        let last = first & 0x80 != 0;
        let (payload, rest) = match second & 0x7f {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        // Only the shortest form of a length is allowed, and its highest bit must be 0.
        let shortest = match second & 0x7f {
            126 => payload > 125,
            127 => payload > 0xffff && payload >> 63 == 0,
            _ => true,
        };
        if !shortest {
            return Err(Violation::FrameLength);
        }
        let control = matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong);
        if control && (!last || payload > MAX_CONTROL as u64) {
            return Err(Violation::Control);
        }
        let (mask, rest) = match (second & 0x80 != 0, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((mask, rest))) => (Some(*mask), rest),
            (true, None) => return Ok(None),
        };
        Ok(Some(Self { opcode, last, mask, payload, len: raw.len().saturating_sub(rest.len()) }))
    }

    /// Masks or unmasks a payload (RFC 6455 §5.3).
    pub(crate) fn apply_mask(&self, payload: &mut [u8]) {
        if let Some(mask) = self.mask {
            for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
                *byte ^= mask;
            }
        }
    }

    /// Makes a frame of the `len` bytes of payload in `room` from [`HEADROOM`] on. It masks the payload and writes the
    /// header in front. `None` when `room` is too short.
    pub(crate) fn frame(opcode: Opcode, room: &mut [u8], len: usize, mask: Option<u32>) -> Option<&[u8]> {
        let (payload, mask) = (u64::try_from(len).ok()?, mask.map(u32::to_be_bytes));
        let end = HEADROOM.checked_add(len)?;
        let mut bytes = [0; HEADROOM];
        let mut w = Writer::new(&mut bytes);
        let masked = if mask.is_some() { 0x80 } else { 0 };
        w.u8(0x80 | opcode as u8).ok()?;
        match (u8::try_from(len), u16::try_from(len)) {
            (Ok(short @ 0..=125), _) => w.u8(masked | short).ok()?,
            (_, Ok(medium)) => w.u8(masked | 126).and_then(|()| w.put(&medium.to_be_bytes())).ok()?,
            _ => w.u8(masked | 127).and_then(|()| w.put(&payload.to_be_bytes())).ok()?,
        }
        w.put(mask.as_ref().map_or(&[], |mask| &mask[..])).ok()?;
        let written = w.written();
        let header = Self { opcode, last: true, mask, payload, len: written.len() };
        let start = HEADROOM.checked_sub(written.len())?;
        room.get_mut(start..HEADROOM)?.copy_from_slice(written);
        header.apply_mask(room.get_mut(HEADROOM..end)?);
        room.get(start..end)
    }
}

/// The opcode in the first byte of a frame. The reserved bits must be 0, because this crate negotiates no extension.
fn opcode(first: u8) -> Result<Opcode, Violation> {
    match first & 0x7f {
        0 => Ok(Opcode::Continuation),
        1 => Ok(Opcode::Text),
        2 => Ok(Opcode::Binary),
        8 => Ok(Opcode::Close),
        9 => Ok(Opcode::Ping),
        10 => Ok(Opcode::Pong),
        _ => Err(Violation::Opcode),
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            for mask in [None, Some(0x1234_5678)] {
                let mut room = vec![7; HEADROOM + len];
                let frame = Header::frame(Opcode::Text, &mut room, len, mask).unwrap().to_vec();
                let header = Header::parse(&frame).unwrap().unwrap();
                assert_eq!((header.payload, header.last, header.opcode), (len as u64, true, Opcode::Text));
                let mut payload = frame[header.len..].to_vec();
                header.apply_mask(&mut payload);
                assert_eq!(payload, vec![7; len]);
                for part in 0..header.len {
                    assert_eq!(Header::parse(&frame[..part]), Ok(None));
                }
            }
        }
        assert_eq!(Header::frame(Opcode::Text, &mut [0; HEADROOM], 1, None), None);
    }

    #[test]
    fn what_breaks_the_rules_is_named() {
        let bad: [(&[u8], Violation); 13] = [
            (&[0xc1], Violation::Opcode),
            (&[0xa1, 0x80], Violation::Opcode),
            (&[0x91, 0x80], Violation::Opcode),
            (&[0x83, 0x80], Violation::Opcode),
            (&[0x87, 0x80], Violation::Opcode),
            (&[0x8b, 0x80], Violation::Opcode),
            (&[0x8f, 0x80], Violation::Opcode),
            (&[0x81, 0xfe, 0, 125], Violation::FrameLength),
            (&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Violation::FrameLength),
            (&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], Violation::FrameLength),
            (&[0x89, 0xfe, 1, 0], Violation::Control),
            (&[0x09, 0x80], Violation::Control),
            (&[0x08, 0x80], Violation::Control),
        ];
        for (bytes, violation) in bad {
            assert_eq!(Header::parse(bytes), Err(violation), "{bytes:x?}");
        }
    }
}
