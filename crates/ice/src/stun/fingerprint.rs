//! FINGERPRINT (RFC 8489 §14.7).
/// CRC-32 of ISO 3309, which FINGERPRINT is made of.
// Four bits at a time: messages are short and the table costs 64 bytes.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = table();
    let step = |crc: u32, nibble: u8| {
        let entry = TABLE.get(((crc ^ u32::from(nibble)) & 0xF) as usize).copied().unwrap_or(0);
        entry ^ (crc >> 4)
    };
    !bytes.iter().fold(u32::MAX, |crc, b| step(step(crc, b & 0xF), b >> 4))
}

/// What FINGERPRINT carries for the message that precedes it (RFC 8489 §14.7).
pub(super) fn fingerprint(before: &[u8]) -> u32 {
    crc32(before) ^ 0x5354_554E
}

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // computed by the compiler
const fn table() -> [u32; 16] {
    let mut table = [0u32; 16];
    let mut i = 0;
    while i < 16 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 4 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn check_value() {
        assert_eq!(super::crc32(b"123456789"), 0xCBF4_3926);
    }
}
