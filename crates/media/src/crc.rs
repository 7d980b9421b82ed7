//! A checksum.

/// The checksum of Ogg pages (RFC 3533 §6), which the packed file has over its head too: polynomial 0x04c11db7, most
/// significant bit first, begun with zero and not inverted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Crc(u32);

/// One entry a half-byte: 64 bytes of table, as files are read seldom and memory is dear.
const TABLE: [u32; 16] = table();

impl Crc {
    pub(crate) fn update(&mut self, data: &[u8]) {
        for byte in data {
            self.nibble(byte >> 4);
            self.nibble(byte & 15);
        }
    }

    pub(crate) fn value(self) -> u32 {
        self.0
    }

    fn nibble(&mut self, nibble: u8) {
        let at = (self.0 >> 28) as usize ^ usize::from(nibble);
        self.0 = (self.0 << 4) ^ TABLE.get(at).copied().unwrap_or(0);
    }
}

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
const fn table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut i = 0;
    while i < 16 {
        let mut crc = (i as u32) << 28;
        let mut bit = 0;
        while bit < 4 {
            crc = if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ogg_s() {
        // "123456789" under poly 04c11db7, init 0, no reflection, no final xor.
        let mut crc = Crc::default();
        crc.update(b"1234");
        crc.update(b"56789");
        assert_eq!(crc.value(), 0x89a1_897f);
    }
}
