//! Reads and writes record headers (RFC 6347 §4.1, RFC 9147 §4).

use barertc_wire::{Reader, Writer};

/// DTLSPlaintext, and every record of DTLS 1.2: type, version, epoch, sequence number, length.
pub(crate) const PLAIN_HEADER: usize = 13;

/// The unified header as we write it: with 16 bits of sequence number and with a length.
pub(crate) const UNIFIED_HEADER: usize = 5;

/// What the front of a record says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Head {
    /// The header of DTLS 1.2, which plaintext has in 1.3 too.
    Plain { kind: u8, epoch: u16, seq: u64, len: usize },
    /// The header of protected records in DTLS 1.3 (RFC 9147 §4).
    Unified { epoch_bits: u16, number_len: usize, header_len: usize },
}

/// Cuts the first record off a datagram: its head, all its bytes, and what follows it. `None` for anything that isn't a
/// whole record, which makes the rest of the datagram unreadable.
pub(crate) fn split(datagram: &mut [u8]) -> Option<(Head, &mut [u8], &mut [u8])> {
    let mut r = Reader::new(datagram);
    let first = r.u8().ok()?;
    let (head, total) = match first {
        20..=24 | 26 => {
            let version = r.u16().ok()?;
            let epoch = r.u16().ok()?;
            // Of plaintext it tells nothing (RFC 9147 §4); protected records are all of DTLS 1.2.
            if version >> 8 != 0xFE || (epoch > 0 && version != 0xFEFD) {
                return None;
            }
            let seq = r.u48().ok()?;
            let len = usize::from(r.u16().ok()?);
            (Head::Plain { kind: first, epoch, seq, len }, PLAIN_HEADER.checked_add(len)?)
        }
        32..=63 => {
            // C: no connection id was negotiated, so none can be there.
            if first & 0x10 != 0 {
                return None;
            }
            let number_len = if first & 0x08 != 0 { 2 } else { 1 };
            r.skip(number_len).ok()?;
            let (header_len, len) = if first & 0x04 != 0 {
                let len = usize::from(r.u16().ok()?);
                (number_len.checked_add(3)?, len)
            } else {
                (number_len.checked_add(1)?, r.remaining())
            };
            (Head::Unified { epoch_bits: u16::from(first & 3), number_len, header_len }, header_len.checked_add(len)?)
        }
        _ => return None,
    };
    let (record, rest) = datagram.split_at_mut_checked(total)?;
    Some((head, record, rest))
}

/// Writes the header of a record with `len` bytes after it.
pub(crate) fn plain_header(out: &mut [u8], kind: u8, epoch: u16, seq: u64, len: usize) -> Option<()> {
    let mut w = Writer::new(out);
    w.u8(kind).ok()?;
    w.u16(0xFEFD).ok()?;
    w.u16(epoch).ok()?;
    w.u48(seq).ok()?;
    w.u16(u16::try_from(len).ok()?).ok()
}

/// The unified header of a record with `len` bytes after it, its number still in the clear.
pub(crate) fn unified_header(epoch: u16, seq: u64, len: usize) -> [u8; UNIFIED_HEADER] {
    let [.., s1, s0] = seq.to_be_bytes();
    let [l1, l0] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    let bits = (epoch & 3) as u8;
    [0b0010_1100 | bits, s1, s0, l1, l0]
}
