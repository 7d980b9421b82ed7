//! Source description (RFC 3550 §6.5).

use barertc_wire::Reader;

/// CNAME (section 6.5.1).
pub(super) const CNAME: u8 = 1;

/// The chunks of a source description, each about one source.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SourceDescription<'a> {
    left: u8,
    r: Reader<'a>,
}

/// The part of a source description about one source.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SdesChunk<'a> {
    /// The source.
    pub ssrc: u32,
    items: Reader<'a>,
}

/// One item of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SdesItem<'a> {
    /// The type of the item: 1 is CNAME.
    pub kind: u8,
    /// The text, which should be UTF-8.
    pub text: &'a [u8],
}

impl<'a> SourceDescription<'a> {
    pub(super) const fn parse(count: u8, r: Reader<'a>) -> Self {
        Self { left: count, r }
    }
}

impl<'a> Iterator for SourceDescription<'a> {
    type Item = SdesChunk<'a>;

    /// The next chunk; a malformed one ends the iteration.
    fn next(&mut self) -> Option<SdesChunk<'a>> {
        self.left = self.left.checked_sub(1)?;
        let ssrc = self.r.u32().ok()?;
        let body = self.r.rest();
        let mut used = 0usize;
        loop {
            match self.r.u8().ok()? {
                0 => break,
                _ => {
                    let len = self.r.u8().ok()?;
                    self.r.skip(usize::from(len)).ok()?;
                    used = used.saturating_add(2).saturating_add(usize::from(len));
                }
            }
        }
        // The terminating zero is padded to the next word; chunks start on word boundaries.
        let end = used.saturating_add(1).next_multiple_of(4);
        let _ = self.r.skip(end.saturating_sub(used).saturating_sub(1));
        Some(SdesChunk { ssrc, items: Reader::new(body.get(..used).unwrap_or_default()) })
    }
}

impl<'a> Iterator for SdesChunk<'a> {
    type Item = SdesItem<'a>;

    fn next(&mut self) -> Option<SdesItem<'a>> {
        let kind = self.items.u8().ok()?;
        let len = usize::from(self.items.u8().ok()?);
        Some(SdesItem { kind, text: self.items.take(len).ok()? })
    }
}

impl<'a> SdesChunk<'a> {
    /// The canonical name.
    #[must_use]
    pub fn cname(&self) -> Option<&'a [u8]> {
        self.into_iter().find(|i| i.kind == CNAME).map(|i| i.text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CompoundWriter, Rtcp, packets};

    #[test]
    fn names_of_every_length_keep_chunks_aligned() {
        for name in [&b"a"[..], b"ab", b"abc", b"abcd", b"abcde", &[b'x'; 255]] {
            let mut out = [0; 300];
            let mut w = CompoundWriter::new(&mut out);
            w.sdes_cname(77, name).unwrap();
            let len = w.len();
            assert_eq!(len % 4, 0);
            let Some(Ok(Rtcp::SourceDescription(mut sdes))) = packets(&out[..len]).next() else { panic!() };
            let chunk = sdes.next().unwrap();
            assert_eq!((chunk.ssrc, chunk.cname()), (77, Some(name)));
            assert!(sdes.next().is_none());
        }
    }

    #[test]
    fn two_chunks_with_several_items() {
        let bytes =
            [0x82, 202, 0, 6, 0, 0, 0, 1, 2, 1, b'n', 1, 1, b'c', 0, 0, 0, 0, 0, 2, 1, 3, b'a', b'b', b'c', 0, 0, 0];
        let Some(Ok(Rtcp::SourceDescription(mut sdes))) = packets(&bytes).next() else { panic!() };
        assert_eq!(sdes.next().unwrap().cname(), Some(&b"c"[..]));
        let second = sdes.next().unwrap();
        assert_eq!((second.ssrc, second.cname()), (2, Some(&b"abc"[..])));
    }
}
