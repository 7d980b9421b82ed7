//! Reading DER (X.690): elements, one after the other.

use crate::reader::{Reader, Truncated};

/// A truth value.
pub const BOOLEAN: u8 = 0x01;
/// A number.
pub const INTEGER: u8 = 0x02;
/// A string of bits.
pub const BIT_STRING: u8 = 0x03;
/// A string of bytes.
pub const OCTET_STRING: u8 = 0x04;
/// An object identifier.
pub const OID: u8 = 0x06;
/// A text in UTF-8.
pub const UTF8_STRING: u8 = 0x0C;
/// A time with a year of two digits.
pub const UTC_TIME: u8 = 0x17;
/// A time with a year of four digits.
pub const GENERALIZED_TIME: u8 = 0x18;
/// A sequence of elements.
pub const SEQUENCE: u8 = 0x30;
/// A set of elements.
pub const SET: u8 = 0x31;
/// The element that has the explicit tag 0.
pub const EXPLICIT_0: u8 = 0xA0;
/// The element that has the explicit tag 3.
pub const EXPLICIT_3: u8 = 0xA3;

/// Reads one element: its tag and its contents.
///
/// # Errors
/// [`Truncated`] where the contents go beyond the end, and for lengths of more than three bytes.
pub fn element<'a>(r: &mut Reader<'a>) -> Result<(u8, Reader<'a>), Truncated> {
    let tag = r.u8()?;
    let len = match r.u8()? {
        short @ 0..=0x7F => usize::from(short),
        0x81 => usize::from(r.u8()?),
        0x82 => usize::from(r.u16()?),
        0x83 => usize::try_from(r.u24()?).map_err(|_| Truncated)?,
        _ => return Err(Truncated),
    };
    Ok((tag, r.sub(len)?))
}

/// Reads one element that must have this tag.
///
/// # Errors
/// [`Truncated`] for another tag, too.
pub fn expect<'a>(r: &mut Reader<'a>, tag: u8) -> Result<Reader<'a>, Truncated> {
    match element(r)? {
        (t, contents) if t == tag => Ok(contents),
        _ => Err(Truncated),
    }
}
