//! Full intra request (RFC 5104 §4.3.1).

use barertc_wire::Reader;

use crate::error::Error;

/// A request for a key frame, for example for a new viewer. A repetition of a request keeps its number.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fir<'a> {
    /// The SSRC of the sender of the request.
    pub sender: u32,
    entries: &'a [u8],
}

impl<'a> Fir<'a> {
    pub(super) fn parse(mut r: Reader<'a>) -> Result<Self, Error> {
        let sender = r.u32()?;
        r.skip(4)?; // media source, unused
        Ok(Self { sender, entries: r.rest() })
    }

    /// The SSRC and the number of each request.
    pub fn requests(&self) -> impl Iterator<Item = (u32, u8)> + 'a {
        self.entries
            .as_chunks::<8>()
            .0
            .iter()
            .map(|&[a, b, c, d, number, _, _, _]| (u32::from_be_bytes([a, b, c, d]), number))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CompoundWriter, Rtcp, packets};
    use std::vec::Vec;

    #[test]
    fn a_request_is_read_back() {
        let mut out = [0; 64];
        let mut w = CompoundWriter::new(&mut out);
        w.fir(1, 2, 200).unwrap();
        let len = w.len();
        let Some(Ok(Rtcp::Fir(fir))) = packets(&out[..len]).next() else { panic!() };
        assert_eq!((fir.sender, fir.requests().collect::<Vec<_>>()), (1, std::vec![(2, 200)]));
    }
}
