//! Goodbye (RFC 3550 §6.6).

use barertc_wire::Reader;

use crate::error::Error;

/// Sources that leave.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Bye<'a> {
    sources: &'a [u8],
    /// The reason, when there is one.
    pub reason: Option<&'a [u8]>,
}

impl<'a> Bye<'a> {
    pub(super) fn parse(count: u8, mut r: Reader<'a>) -> Result<Self, Error> {
        let sources = r.take(usize::from(count).saturating_mul(4))?;
        let reason = match r.u8() {
            Ok(len) => Some(r.take(usize::from(len))?),
            Err(_) => None,
        };
        Ok(Self { sources, reason })
    }

    /// The sources that leave.
    pub fn sources(&self) -> impl Iterator<Item = u32> + 'a {
        self.sources.as_chunks::<4>().0.iter().map(|b| u32::from_be_bytes(*b))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CompoundWriter, Rtcp, packets};
    use std::vec::Vec;

    #[test]
    fn a_goodbye_is_read_back() {
        let mut out = [0; 64];
        let mut w = CompoundWriter::new(&mut out);
        w.bye(&[1, 2], b"tired").unwrap();
        w.bye(&[3], b"").unwrap();
        let len = w.len();
        let all: Vec<_> = packets(&out[..len]).map(Result::unwrap).collect();
        let (Rtcp::Bye(a), Rtcp::Bye(b)) = (all[0], all[1]) else { panic!() };
        assert_eq!((a.sources().collect::<Vec<_>>(), a.reason), (std::vec![1, 2], Some(&b"tired"[..])));
        assert_eq!((b.sources().collect::<Vec<_>>(), b.reason), (std::vec![3], None));
    }
}
