//! RTP header extensions (RFC 8285), one-byte and two-byte form.

use barertc_wire::{Reader, Writer};

use crate::Error;

/// Profile number of the one-byte form (RFC 8285 section 4.2).
const ONE_BYTE: u16 = 0xbede;
/// Profile number of the two-byte form, its low four bits left to the application (section 4.3).
const TWO_BYTE: u16 = 0x1000;

/// The header extensions that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ExtensionKind {
    /// Media identification (RFC 9143 section 15).
    Mid,
    /// Stream identification (RFC 8852 section 3.1).
    Rid,
    /// Stream that a repair packet repairs (RFC 8852 section 3.2).
    RepairedRid,
    /// Absolute send time: 24 bits, seconds in 6.18 fixed point.
    AbsSendTime,
    /// Transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    TransportSequence,
    /// Audio level of the client (RFC 6464).
    AudioLevel,
    /// Coordination of video orientation (3GPP TS 26.114 section 7.4.5).
    VideoOrientation,
    /// Limits of the playout delay.
    PlayoutDelay,
}

impl ExtensionKind {
    /// Every kind.
    pub const ALL: [Self; KINDS] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::AbsSendTime,
        Self::TransportSequence,
        Self::AudioLevel,
        Self::VideoOrientation,
        Self::PlayoutDelay,
    ];

    /// The URI of `a=extmap`.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::TransportSequence => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        }
    }

    /// The kind that `uri` names.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.uri() == uri)
    }
}

const KINDS: usize = 8;

/// Loudness of one audio frame (RFC 6464 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// Whether the encoder believes that somebody speaks.
    pub voice: bool,
    /// Level in −dBov, 0 (loudest) to 127.
    pub level: u8,
}

/// How long a receiver should hold frames back, in units of 10 ms, 12 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayoutDelay {
    /// At least this long.
    pub min: u16,
    /// At most this long.
    pub max: u16,
}

/// The values of one packet's header extensions; what is `None` or has no identifier is not written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions<'a> {
    /// `a=mid` of the media section.
    pub mid: Option<&'a [u8]>,
    /// Stream identification.
    pub rid: Option<&'a [u8]>,
    /// On a repair stream: what it repairs.
    pub repaired_rid: Option<&'a [u8]>,
    /// When the packet left: 24 bits, seconds in 6.18 fixed point; see [`abs_send_time`].
    pub abs_send_time: Option<u32>,
    /// Transport-wide sequence number.
    pub transport_sequence: Option<u16>,
    /// Loudness.
    pub audio_level: Option<AudioLevel>,
    /// Camera, flip and rotation bits.
    pub video_orientation: Option<u8>,
    /// Limits of the playout delay.
    pub playout_delay: Option<PlayoutDelay>,
}

impl<'a> Extensions<'a> {
    /// The value of `kind` in wire form: its length, and its bytes when they are not borrowed.
    fn value(&self, kind: ExtensionKind) -> Option<Value<'a>> {
        match kind {
            ExtensionKind::Mid => self.mid.map(Value::Borrowed),
            ExtensionKind::Rid => self.rid.map(Value::Borrowed),
            ExtensionKind::RepairedRid => self.repaired_rid.map(Value::Borrowed),
            ExtensionKind::AbsSendTime => self.abs_send_time.map(Value::U24),
            ExtensionKind::TransportSequence => self.transport_sequence.map(Value::U16),
            ExtensionKind::AudioLevel => {
                self.audio_level.map(|a| Value::U8((u8::from(a.voice) << 7) | (a.level & 0x7f)))
            }
            ExtensionKind::VideoOrientation => self.video_orientation.map(Value::U8),
            ExtensionKind::PlayoutDelay => {
                self.playout_delay.map(|d| Value::U24((u32::from(d.min & 0xfff) << 12) | u32::from(d.max & 0xfff)))
            }
        }
    }

    fn set(&mut self, kind: ExtensionKind, data: &'a [u8]) {
        let mut r = Reader::new(data);
        match (kind, data.len()) {
            (ExtensionKind::Mid, 1..) => self.mid = Some(data),
            (ExtensionKind::Rid, 1..) => self.rid = Some(data),
            (ExtensionKind::RepairedRid, 1..) => self.repaired_rid = Some(data),
            (ExtensionKind::AbsSendTime, 3) => self.abs_send_time = r.u24().ok(),
            (ExtensionKind::TransportSequence, 2..) => self.transport_sequence = r.u16().ok(),
            (ExtensionKind::AudioLevel, 1) => {
                self.audio_level = r.u8().ok().map(|b| AudioLevel { voice: b & 0x80 != 0, level: b & 0x7f });
            }
            (ExtensionKind::VideoOrientation, 1) => self.video_orientation = r.u8().ok(),
            (ExtensionKind::PlayoutDelay, 3) => {
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

/// Which identifier each kind of extension got in the offer/answer exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionMap {
    ids: [u8; KINDS],
}

impl ExtensionMap {
    /// Nothing negotiated.
    #[must_use]
    pub const fn new() -> Self {
        Self { ids: [0; KINDS] }
    }

    /// Whether nothing is negotiated.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        u64::from_ne_bytes(self.ids) == 0
    }

    /// Gives `kind` the identifier `id`.
    ///
    /// # Errors
    /// [`Error::ExtensionId`] for 0, 15 (reserved by the one-byte form) and an identifier that another kind has.
    pub fn set(&mut self, kind: ExtensionKind, id: u8) -> Result<(), Error> {
        if id == 0 || id == 15 || self.kind(id).is_some_and(|k| k != kind) {
            return Err(Error::ExtensionId);
        }
        if let Some(slot) = self.ids.get_mut(kind as usize) {
            *slot = id;
        }
        Ok(())
    }

    /// Takes the identifier of `kind` away: it is neither written nor read any more.
    pub fn clear(&mut self, kind: ExtensionKind) {
        if let Some(slot) = self.ids.get_mut(kind as usize) {
            *slot = 0;
        }
    }

    /// The identifier of `kind`.
    #[must_use]
    pub fn id(&self, kind: ExtensionKind) -> Option<u8> {
        self.ids.get(kind as usize).copied().filter(|id| *id != 0)
    }

    /// What `id` stands for.
    #[must_use]
    pub fn kind(&self, id: u8) -> Option<ExtensionKind> {
        if id == 0 {
            return None;
        }
        ExtensionKind::ALL.into_iter().find(|k| self.id(*k) == Some(id))
    }

    /// Bytes that [`write`](Self::write) takes, 0 when there is nothing to write.
    #[must_use]
    pub fn size(&self, values: &Extensions<'_>) -> usize {
        self.layout(values).size
    }

    /// Writes the extension header, the elements and the padding to a whole word.
    ///
    /// # Errors
    /// [`Error::NoRoom`].
    pub fn write(&self, values: &Extensions<'_>, w: &mut Writer<'_>) -> Result<(), Error> {
        self.write_as(self.layout(values), values, w)
    }

    /// Measures `values` in one pass.
    pub(crate) fn layout(&self, values: &Extensions<'_>) -> Layout {
        if self.is_empty() {
            return Layout { size: 0, two_byte: false };
        }
        let (mut bytes, mut elements, mut two_byte) = (0usize, 0usize, false);
        for kind in ExtensionKind::ALL {
            if let Some((id, value)) = self.present(values, kind) {
                bytes = bytes.saturating_add(value.len());
                elements = elements.saturating_add(1);
                two_byte |= id > 14 || value.len() > 16;
            }
        }
        if elements == 0 {
            return Layout { size: 0, two_byte };
        }
        let heads = if two_byte { elements.saturating_mul(2) } else { elements };
        Layout { size: bytes.saturating_add(heads).next_multiple_of(4).saturating_add(4), two_byte }
    }

    pub(crate) fn write_as(&self, layout: Layout, values: &Extensions<'_>, w: &mut Writer<'_>) -> Result<(), Error> {
        let Layout { size, two_byte } = layout;
        if size == 0 {
            return Ok(());
        }
        let end = w.len().saturating_add(size);
        w.u16(if two_byte { TWO_BYTE } else { ONE_BYTE })?;
        w.u16((size.saturating_sub(4) / 4) as u16)?;
        for kind in ExtensionKind::ALL {
            let Some((id, value)) = self.present(values, kind) else { continue };
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

    /// The values among `elements` whose identifier is known; those of a wrong length are left out.
    #[must_use]
    pub fn read<'a>(&self, elements: Elements<'a>) -> Extensions<'a> {
        let mut values = Extensions::default();
        for (id, data) in elements {
            if let Some(kind) = self.kind(id) {
                values.set(kind, data);
            }
        }
        values
    }

    fn present<'a>(&self, values: &Extensions<'a>, kind: ExtensionKind) -> Option<(u8, Value<'a>)> {
        let id = self.id(kind)?;
        let value = values.value(kind)?;
        // A length that no form can express is never written.
        if value.len() > 255 || value.len() == 0 { None } else { Some((id, value)) }
    }
}

/// How values are going to be written.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// Bytes of all of it, 0 when there is nothing.
    pub(crate) size: usize,
    two_byte: bool,
}

/// Iterates the elements of a header extension: (identifier, value). A malformed rest ends it.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    two_byte: bool,
    r: Reader<'a>,
}

impl<'a> Elements<'a> {
    pub(crate) fn new(extension: Option<(u16, &'a [u8])>) -> Self {
        match extension {
            Some((ONE_BYTE, data)) => Self { two_byte: false, r: Reader::new(data) },
            // The low four bits are "appbits" (RFC 8285 section 4.3).
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
                // Reserved: stop processing (RFC 8285 section 4.2).
                self.r = Reader::new(&[]);
                return None;
            } else {
                (first >> 4, usize::from(first & 0x0f).saturating_add(1))
            };
            return Some((id, self.r.take(len).ok()?));
        }
    }
}

/// The value of the abs-send-time extension for a clock reading in microseconds: 24 bits, 6.18 fixed point, so it
/// wraps every 64 seconds.
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
    use crate::{Header, Packet};
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
        let mut map = ExtensionMap::new();
        for (kind, id) in ExtensionKind::ALL.into_iter().zip(ids) {
            map.set(kind, id).unwrap();
        }
        map
    }

    fn written(map: &ExtensionMap, values: &Extensions<'_>) -> Vec<u8> {
        let mut room = [0; 512];
        let mut w = Writer::new(&mut room);
        Header::default().write(map, values, &mut w).unwrap();
        assert_eq!(w.len(), 12 + map.size(values));
        w.written().to_vec()
    }

    #[test]
    fn both_forms_are_read_back() {
        for (ids, profile) in [(map(1..), 0xbede), (map(10..15).pick(16), 0x1000), (map(200..), 0x1000)] {
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
        assert_eq!(ExtensionMap::new().size(&full()), 0);
        assert_eq!(written(&ExtensionMap::new(), &full()).len(), 12);
    }

    #[test]
    fn identifiers_are_unique_and_fifteen_is_reserved() {
        let mut map = ExtensionMap::new();
        map.set(ExtensionKind::Mid, 4).unwrap();
        map.set(ExtensionKind::Mid, 4).unwrap();
        assert_eq!(map.set(ExtensionKind::Rid, 4), Err(Error::ExtensionId));
        assert_eq!(map.set(ExtensionKind::Rid, 15), Err(Error::ExtensionId));
        assert_eq!(map.set(ExtensionKind::Rid, 0), Err(Error::ExtensionId));
        map.clear(ExtensionKind::Mid);
        assert_eq!(map.kind(4), None);
    }

    #[test]
    fn padding_reserved_and_broken_elements() {
        let elements = |profile, data| Elements::new(Some((profile, data))).collect::<Vec<_>>();
        // RFC 8285 section 4.2: padding may stand between elements; 15 ends everything.
        assert_eq!(elements(0xbede, &[0, 0x10, 7, 0, 0x21, 8, 9]), [(1, &[7][..]), (2, &[8, 9][..])]);
        assert_eq!(elements(0xbede, &[0x10, 7, 0xf0, 1, 0x20, 8]), [(1, &[7][..])]);
        assert_eq!(elements(0xbede, &[0x1f, 7]), []);
        assert_eq!(elements(0x1003, &[5, 0, 0, 6, 2, 1, 2]), [(5, &[][..]), (6, &[1, 2][..])]);
        assert_eq!(elements(0x1234, &[0x10, 7]), []);
    }

    #[test]
    fn kinds_have_distinct_uris() {
        for kind in ExtensionKind::ALL {
            assert_eq!(ExtensionKind::from_uri(kind.uri()), Some(kind));
        }
        assert_eq!(ExtensionKind::from_uri("urn:x"), None);
    }

    #[test]
    fn abs_send_time_is_six_eighteen_fixed_point() {
        assert_eq!(abs_send_time(0), 0);
        assert_eq!(abs_send_time(1_000_000), 1 << 18);
        assert_eq!(abs_send_time(1_500_000), (1 << 18) + (1 << 17));
        assert_eq!(abs_send_time(64_000_000), 0);
    }

    impl ExtensionMap {
        /// Moves the last kind to `id`, the five before it stay.
        fn pick(mut self, id: u8) -> Self {
            self.set(ExtensionKind::PlayoutDelay, id).unwrap();
            self
        }
    }

    impl Extensions<'static> {
        fn only(mut self, map: &ExtensionMap) -> Self {
            let gone = |k| map.id(k).is_none();
            if gone(ExtensionKind::AudioLevel) {
                self.audio_level = None;
            }
            if gone(ExtensionKind::VideoOrientation) {
                self.video_orientation = None;
            }
            self
        }
    }
}
