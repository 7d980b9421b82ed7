//! Writing DER (X.690), backwards; what reads it is that of `barertc-wire`.

pub(crate) use barertc_wire::der::{
    BIT_STRING, EXPLICIT_0, GENERALIZED_TIME, INTEGER, OID, SEQUENCE, SET, UTC_TIME, UTF8_STRING, element, expect,
};

/// Writes DER from its end to its start, so that every length is known when it is written.
#[derive(Debug)]
pub(crate) struct Backwards<'a> {
    out: &'a mut [u8],
    /// Where the written part begins.
    at: usize,
    full: bool,
}

impl<'a> Backwards<'a> {
    pub(crate) fn new(out: &'a mut [u8]) -> Self {
        let at = out.len();
        Self { out, at, full: false }
    }

    /// How far the end of the buffer is away: to be remembered before contents are written.
    pub(crate) fn mark(&self) -> usize {
        self.out.len().saturating_sub(self.at)
    }

    /// Puts `bytes` in front of what is there.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let place = self.at.checked_sub(bytes.len()).and_then(|start| self.out.get_mut(start..self.at));
        match place {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.at = self.at.saturating_sub(bytes.len());
            }
            None => self.full = true,
        }
    }

    /// Puts a header in front of everything written since `mark`.
    pub(crate) fn wrap(&mut self, tag: u8, mark: usize) {
        let len = self.mark().saturating_sub(mark);
        let [hi, lo] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        match len {
            0..=0x7F => self.put(&[tag, lo]),
            0x80..=0xFF => self.put(&[tag, 0x81, lo]),
            _ => self.put(&[tag, 0x82, hi, lo]),
        }
    }

    /// Puts one whole element in front of what is there.
    pub(crate) fn element(&mut self, tag: u8, contents: &[u8]) {
        let mark = self.mark();
        self.put(contents);
        self.wrap(tag, mark);
    }

    /// Puts an unsigned big-endian number in front, in its shortest form.
    pub(crate) fn unsigned(&mut self, number: &[u8]) {
        let mark = self.mark();
        let skip = number.iter().take_while(|b| **b == 0).count().min(number.len().saturating_sub(1));
        let digits = number.get(skip..).unwrap_or_default();
        self.put(digits);
        if digits.first().is_none_or(|b| *b >= 0x80) {
            self.put(&[0]);
        }
        self.wrap(INTEGER, mark);
    }

    /// What was written; nothing when it didn't fit.
    pub(crate) fn finish(self) -> Option<&'a [u8]> {
        let Self { out, at, full } = self;
        if full { None } else { out.get(at..) }
    }
}
