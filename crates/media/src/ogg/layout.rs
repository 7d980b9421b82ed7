//! What the bytes of one Ogg page say (RFC 3533 §6), wherever they come from.

use barertc_wire::Reader;

use crate::crc::Crc;

const HEAD: usize = 27;
/// A head, 255 lacing values, and 255 segments of 255 bytes.
pub(crate) const MAX_PAGE: usize = HEAD + 255 + 255 * 255;
/// The bytes that every page begins with.
pub(crate) const CAPTURE: [u8; 4] = *b"OggS";

/// Where the parts of a page lie, and what its head says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    /// Bytes of the page.
    pub(crate) len: usize,
    /// Where its body begins.
    body: usize,
    flags: u8,
    pub(crate) serial: u32,
    /// Its number among the pages of its stream.
    pub(crate) sequence: u32,
    /// The next lacing value, and the next byte of the body.
    lacing: usize,
    cursor: usize,
}

/// How much of a page there is.
pub(crate) enum Measured {
    /// Not all: so many bytes in all have to be there before more is known.
    Needs(usize),
    /// All of it, and its checksum is right.
    Whole(Layout),
}

/// Looks at the first bytes of a page. What lies behind it is left alone.
pub(crate) fn measure(bytes: &[u8]) -> Result<Measured, &'static str> {
    if bytes.len() < HEAD {
        return Ok(Measured::Needs(HEAD));
    }
    let mut r = Reader::new(bytes);
    if r.array() != Ok(CAPTURE) {
        return Err("no Ogg page");
    }
    if r.u8() != Ok(0) {
        return Err("version of Ogg not known");
    }
    // Little-endian all over: granule position, serial number, sequence number, checksum. A head is there, as measured
    // above, so none of these reads can fail.
    let flags = r.u8().unwrap_or(0);
    let _ = r.skip(8);
    let serial = r.array().map(u32::from_le_bytes).unwrap_or(0);
    let sequence = r.array().map(u32::from_le_bytes).unwrap_or(0);
    let checksum = r.array().map(u32::from_le_bytes).unwrap_or(0);
    let segments = usize::from(r.u8().unwrap_or(0));

    let body = HEAD.saturating_add(segments);
    let Some(table) = bytes.get(HEAD..body) else { return Ok(Measured::Needs(body)) };
    let len = table.iter().fold(body, |sum, lacing| sum.saturating_add(usize::from(*lacing)));
    let Some(page) = bytes.get(..len) else { return Ok(Measured::Needs(len)) };

    let mut crc = Crc::default();
    crc.update(page.get(..22).unwrap_or_default());
    crc.update(&[0; 4]);
    crc.update(page.get(26..).unwrap_or_default());
    if crc.value() != checksum {
        return Err("checksum of the page is wrong");
    }
    Ok(Measured::Whole(Layout { len, body, flags, serial, sequence, lacing: HEAD, cursor: body }))
}

impl Layout {
    /// The next piece of a packet in `page`, which this is the layout of, and whether the packet ends with it.
    pub(crate) fn next_piece<'p>(&mut self, page: &'p [u8]) -> Option<(&'p [u8], bool)> {
        let table = page.get(self.lacing..self.body)?;
        if table.is_empty() {
            return None;
        }
        // A packet is segments of 255 bytes and one shorter (RFC 3533 §5).
        let full = table.iter().take_while(|l| **l == 255).count();
        let complete = full < table.len();
        let segments = full.saturating_add(usize::from(complete));
        let last = if complete { table.get(full).copied().unwrap_or(0) } else { 0 };
        let len = full.saturating_mul(255).saturating_add(last.into());
        let begin = self.cursor;
        self.lacing = self.lacing.saturating_add(segments);
        self.cursor = begin.saturating_add(len);
        Some((page.get(begin..self.cursor)?, complete))
    }

    /// Whether the page's first piece belongs to a packet begun before.
    pub(crate) const fn continues_packet(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether this page is the one behind the page with the number `before` (RFC 3533 §6, field 8): what was begun there
    /// goes on here.
    pub(crate) const fn follows(&self, before: u32) -> bool {
        self.sequence == before.wrapping_add(1)
    }

    pub(crate) const fn begins_stream(&self) -> bool {
        self.flags & 2 != 0
    }

    /// Whether a packet ends in `page`.
    pub(crate) fn completes_packet(&self, page: &[u8]) -> bool {
        page.get(HEAD..self.body).is_some_and(|table| table.iter().any(|l| *l < 255))
    }

    /// What the page carries.
    pub(crate) fn body<'p>(&self, page: &'p [u8]) -> &'p [u8] {
        page.get(self.body..self.len).unwrap_or_default()
    }
}
