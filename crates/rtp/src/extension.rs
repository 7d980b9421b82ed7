//! RTP header extensions (RFC 8285), one-byte and two-byte form.

use barertc_wire::{Extension, ExtensionMap, Reader, Writer};

use crate::error::Error;

/// Profile number of the one-byte form (RFC 8285 §4.2).
const ONE_BYTE: u16 = 0xbede;
/// Profile number of the two-byte form, its low four bits left to the application (section 4.3).
const TWO_BYTE: u16 = 0x1000;

/// The loudness of an audio frame (RFC 6464 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AudioLevel {
    /// Whether the encoder has detected speech.
    pub voice: bool,
    /// The level in −dBov, from 0 (loudest) to 127.
    pub level: u8,
}

impl AudioLevel {
    /// Reads the value of the extension (RFC 6464 §3).
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        Self { voice: byte & 0x80 != 0, level: byte & 0x7f }
    }
}

/// The playout delay that a sender asks for, in units of 10 ms. Both values have 12 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PlayoutDelay {
    /// The least delay.
    pub min: u16,
    /// The largest delay.
    pub max: u16,
}

/// The values of the header extensions of a packet. A value is written when it is `Some` and its extension has an
/// identifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Extensions<'a> {
    /// The mid of the m-line (RFC 9143).
    pub mid: Option<&'a [u8]>,
    /// The RTP stream identifier (RFC 8852).
    pub rid: Option<&'a [u8]>,
    /// In a repair stream, the identifier of the stream that it repairs (RFC 8852).
    pub repaired_rid: Option<&'a [u8]>,
    /// When the packet was sent, as [`abs_send_time`]: 24 bits of seconds in 6.18 fixed point.
    pub abs_send_time: Option<u32>,
    /// The transport-wide sequence number.
    pub transport_sequence: Option<u16>,
    /// The loudness.
    pub audio_level: Option<AudioLevel>,
    /// The bits for camera, flip and rotation (3GPP TS 26.114 §7.4.5).
    pub video_orientation: Option<u8>,
    /// The playout delay.
    pub playout_delay: Option<PlayoutDelay>,
}

impl<'a> Extensions<'a> {
    /// Reads the values whose identifiers `map` has. Values with a wrong length are left out.
    #[must_use]
    pub fn read(map: &ExtensionMap, elements: Elements<'a>) -> Self {
        let mut values = Self::default();
        for (id, data) in elements {
            if let Some(kind) = map.extension(id) {
                values.set(kind, data);
            }
        }
        values
    }

    /// The bytes that [`write`](Self::write) takes. 0 when there is nothing to write.
    #[must_use]
    pub fn size(&self, map: &ExtensionMap) -> usize {
        self.layout(map).size
    }

    /// Writes the extension header, the elements, and padding to a multiple of four bytes (RFC 8285 §4.2, §4.3).
    ///
    /// # Errors
    /// [`Error::NoRoom`].
    pub fn write(&self, map: &ExtensionMap, w: &mut Writer<'_>) -> Result<(), Error> {
        self.write_as(self.layout(map), map, w)
    }

    /// Measures the values in one pass.
    pub(crate) fn layout(&self, map: &ExtensionMap) -> Layout {
        if map.is_empty() {
            return Layout { size: 0, two_byte: false };
        }
        let (mut bytes, mut elements, mut two_byte) = (0usize, 0usize, false);
        for (id, value) in self.present(map) {
            bytes = bytes.saturating_add(value.len());
            elements = elements.saturating_add(1);
            two_byte |= id > 14 || value.len() > 16;
        }
        if elements == 0 {
            return Layout { size: 0, two_byte };
        }
        let heads = if two_byte { elements.saturating_mul(2) } else { elements };
        Layout { size: bytes.saturating_add(heads).next_multiple_of(4).saturating_add(4), two_byte }
    }

    pub(crate) fn write_as(&self, layout: Layout, map: &ExtensionMap, w: &mut Writer<'_>) -> Result<(), Error> {
        let Layout { size, two_byte } = layout;
        if size == 0 {
            return Ok(());
        }
        let end = w.len().saturating_add(size);
        w.u16(if two_byte { TWO_BYTE } else { ONE_BYTE })?;
        w.u16((size.saturating_sub(4) / 4) as u16)?;
        for (id, value) in self.present(map) {
            let len = value.len();
            if two_byte {
                w.u8(id)?;
                w.u8(len as u8)?;
            } else {
                w.u8((id << 4) | (len.saturating_sub(1) as u8 & 0x0f))?;
            }
            value.write(w)?;
        }
        w.zeros(end.saturating_sub(w.len()))?;
        Ok(())
    }

    /// What is written: identifiers with their values.
    fn present(&self, map: &ExtensionMap) -> impl Iterator<Item = (u8, Value<'a>)> {
        // A length that no form can express is never written.
        map.iter().filter_map(|(kind, id)| Some((id, self.value(kind)?))).filter(|(_, v)| (1..=255).contains(&v.len()))
    }

    /// The value of `kind` in wire form: its length, and its bytes when they are not borrowed.
    fn value(&self, kind: Extension) -> Option<Value<'a>> {
        match kind {
            Extension::Mid => self.mid.map(Value::Borrowed),
            Extension::Rid => self.rid.map(Value::Borrowed),
            Extension::RepairedRid => self.repaired_rid.map(Value::Borrowed),
            Extension::AbsSendTime => self.abs_send_time.map(Value::U24),
            Extension::TransportSequence => self.transport_sequence.map(Value::U16),
            Extension::AudioLevel => self.audio_level.map(|a| Value::U8((u8::from(a.voice) << 7) | (a.level & 0x7f))),
            Extension::VideoOrientation => self.video_orientation.map(Value::U8),
            Extension::PlayoutDelay => {
                self.playout_delay.map(|d| Value::U24((u32::from(d.min & 0xfff) << 12) | u32::from(d.max & 0xfff)))
            }
            // Negotiable, not made.
            _ => None,
        }
    }

    fn set(&mut self, kind: Extension, data: &'a [u8]) {
        let mut r = Reader::new(data);
        match (kind, data.len()) {
            (Extension::Mid, 1..) => self.mid = Some(data),
            (Extension::Rid, 1..) => self.rid = Some(data),
            (Extension::RepairedRid, 1..) => self.repaired_rid = Some(data),
            (Extension::AbsSendTime, 3) => self.abs_send_time = r.u24().ok(),
            (Extension::TransportSequence, 2..) => self.transport_sequence = r.u16().ok(),
            (Extension::AudioLevel, 1) => {
                self.audio_level = r.u8().ok().map(AudioLevel::from_byte);
            }
            (Extension::VideoOrientation, 1) => self.video_orientation = r.u8().ok(),
            (Extension::PlayoutDelay, 3) => {
                self.playout_delay =
                    r.u24().ok().map(|d| PlayoutDelay { min: (d >> 12) as u16 & 0xfff, max: d as u16 & 0xfff });
            }
            _ => {}
        }
    }
}

enum Value<'a> {
    Borrowed(&'a [u8]),
    U8(u8),
    U16(u16),
    U24(u32),
}

impl Value<'_> {
    const fn len(&self) -> usize {
        match self {
            Self::Borrowed(b) => b.len(),
            Self::U8(_) => 1,
            Self::U16(_) => 2,
            Self::U24(_) => 3,
        }
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        match self {
            Self::Borrowed(b) => w.put(b),
            Self::U8(v) => w.u8(*v),
            Self::U16(v) => w.u16(*v),
            Self::U24(v) => w.u24(*v),
        }
        .map_err(Error::from)
    }
}

/// How values are going to be written.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// Bytes of all of it, 0 when there is nothing.
    pub(crate) size: usize,
    two_byte: bool,
}

/// An iterator over the elements of a header extension: (identifier, value). It ends at a malformed element.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Elements<'a> {
    two_byte: bool,
    r: Reader<'a>,
}

impl<'a> Elements<'a> {
    /// Bytes behind what was read last.
    pub(crate) const fn remaining(&self) -> usize {
        self.r.remaining()
    }

    pub(crate) fn new(extension: Option<(u16, &'a [u8])>) -> Self {
        match extension {
            Some((ONE_BYTE, data)) => Self { two_byte: false, r: Reader::new(data) },
            // The low four bits are "appbits" (RFC 8285 §4.3).
            Some((profile, data)) if profile & 0xfff0 == TWO_BYTE => Self { two_byte: true, r: Reader::new(data) },
            _ => Self { two_byte: false, r: Reader::new(&[]) },
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let first = self.r.u8().ok()?;
            if first == 0 {
                continue; // one byte of padding
            }
            let (id, len) = if self.two_byte {
                (first, usize::from(self.r.u8().ok()?))
            } else if first >> 4 == 0 {
                // Identifier 0 with a length: padding with content; skip what it claims.
                self.r.skip(usize::from(first & 0x0f).saturating_add(1)).ok()?;
                continue;
            } else if first >> 4 == 15 {
                // Reserved: stop processing (RFC 8285 §4.2).
                self.r = Reader::new(&[]);
                return None;
            } else {
                (first >> 4, usize::from(first & 0x0f).saturating_add(1))
            };
            return Some((id, self.r.take(len).ok()?));
        }
    }
}

/// The value of the abs-send-time extension for a time in microseconds. It has 24 bits in 6.18 fixed point, and wraps
/// every 64 seconds.
#[must_use]
pub const fn abs_send_time(micros: u64) -> u32 {
    let seconds = micros / 1_000_000;
    let rest = micros % 1_000_000;
    let fraction = rest.wrapping_mul(1 << 18) / 1_000_000;
    (((seconds << 18) | fraction) & 0x00ff_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{Header, Packet};
    use std::vec::Vec;

    fn full() -> Extensions<'static> {
        Extensions {
            mid: Some(b"video-stream"),
            rid: Some(b"h"),
            repaired_rid: Some(b"lo"),
            abs_send_time: Some(0x12_3456),
            transport_sequence: Some(0xabcd),
            audio_level: Some(AudioLevel { voice: true, level: 33 }),
            video_orientation: Some(3),
            playout_delay: Some(PlayoutDelay { min: 10, max: 4095 }),
        }
    }

    fn map(ids: impl Iterator<Item = u8>) -> ExtensionMap {
        Extension::ALL.into_iter().zip(ids).fold(ExtensionMap::new(), |map, (kind, id)| map.with(kind, id))
    }

    fn written(map: &ExtensionMap, values: &Extensions<'_>) -> Vec<u8> {
        let mut room = [0; 512];
        let mut w = Writer::new(&mut room);
        Header::default().write(map, values, &mut w).unwrap();
        assert_eq!(w.len(), 12 + values.size(map));
        w.written().to_vec()
    }

    #[test]
    fn both_forms_are_read_back() {
        for (ids, profile) in
            [(map(1..), 0xbede), (map(10..15).with(Extension::PlayoutDelay, 16), 0x1000), (map(200..), 0x1000)]
        {
            let bytes = written(&ids, &full());
            let p = Packet::parse(&bytes).unwrap();
            assert_eq!(p.raw_extension().unwrap().0, profile);
            assert_eq!(p.extensions(&ids), full().only(&ids));
        }
    }

    #[test]
    fn a_long_value_needs_the_two_byte_form() {
        let ids = map(1..);
        let values = Extensions { mid: Some(b"a media identifier of 33 letters!"), ..Default::default() };
        let bytes = written(&ids, &values);
        let p = Packet::parse(&bytes).unwrap();
        assert_eq!(p.raw_extension().unwrap().0, 0x1000);
        assert_eq!(p.extensions(&ids), values);
    }

    #[test]
    fn what_was_not_negotiated_is_not_written() {
        assert_eq!(full().size(&ExtensionMap::new()), 0);
        assert_eq!(written(&ExtensionMap::new(), &full()).len(), 12);
    }

    #[test]
    fn padding_reserved_and_broken_elements() {
        let elements = |profile, data| Elements::new(Some((profile, data))).collect::<Vec<_>>();
        // RFC 8285 §4.2: padding may stand between elements; 15 ends everything.
        assert_eq!(elements(0xbede, &[0, 0x10, 7, 0, 0x21, 8, 9]), [(1, &[7][..]), (2, &[8, 9][..])]);
        assert_eq!(elements(0xbede, &[0x10, 7, 0xf0, 1, 0x20, 8]), [(1, &[7][..])]);
        assert_eq!(elements(0xbede, &[0x1f, 7]), []);
        assert_eq!(elements(0x1003, &[5, 0, 0, 6, 2, 1, 2]), [(5, &[][..]), (6, &[1, 2][..])]);
        assert_eq!(elements(0x1234, &[0x10, 7]), []);
    }

    #[test]
    fn abs_send_time_is_six_eighteen_fixed_point() {
        assert_eq!(abs_send_time(0), 0);
        assert_eq!(abs_send_time(1_000_000), 1 << 18);
        assert_eq!(abs_send_time(1_500_000), (1 << 18) + (1 << 17));
        assert_eq!(abs_send_time(64_000_000), 0);
    }

    impl Extensions<'static> {
        fn only(mut self, map: &ExtensionMap) -> Self {
            let gone = |k| map.id(k).is_none();
            if gone(Extension::AudioLevel) {
                self.audio_level = None;
            }
            if gone(Extension::VideoOrientation) {
                self.video_orientation = None;
            }
            self
        }
    }
}
