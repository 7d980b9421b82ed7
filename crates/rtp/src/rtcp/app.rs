//! Application-defined packets (RFC 3550 §6.7).

use barertc_wire::Reader;

use crate::error::Error;

/// An application-defined packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct App<'a> {
    /// Five bits that the application chooses.
    pub subtype: u8,
    /// The SSRC of the sender.
    pub ssrc: u32,
    /// Four ASCII characters.
    pub name: [u8; 4],
    /// The data, a multiple of four bytes.
    pub data: &'a [u8],
}

impl<'a> App<'a> {
    pub(super) fn parse(subtype: u8, mut r: Reader<'a>) -> Result<Self, Error> {
        Ok(Self { subtype, ssrc: r.u32()?, name: r.array()?, data: r.rest() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CompoundWriter, Rtcp, packets};
    use super::*;

    #[test]
    fn an_application_packet_is_read_back() {
        let app = App { subtype: 3, ssrc: 9, name: *b"test", data: &[1, 2, 3, 4] };
        let mut out = [0; 64];
        let mut w = CompoundWriter::new(&mut out);
        w.app(&app).unwrap();
        assert_eq!(w.app(&App { data: &[1], ..app }), Err(Error::Malformed));
        let len = w.len();
        assert!(matches!(packets(&out[..len]).next(), Some(Ok(Rtcp::App(a))) if a == app));
    }
}
