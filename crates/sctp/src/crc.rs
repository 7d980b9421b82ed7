//! CRC-32C (Castagnoli), the checksum of every SCTP packet (RFC 9260 appendix A).
//!
//! Table-driven: with the feature `wide-crc` sixteen tables (16 KiB of constants) take sixteen bytes a step, without
//! it one table (1 KiB) takes one byte a step. With `simd-crc` the processor's own instruction does it, by way of the
//! crate `crc32c`, which looks whether there is one.

/// Tables in constants: for any machine.
#[cfg(any(test, not(feature = "simd-crc")))]
mod table {
    /// The reflected Castagnoli polynomial.
    const POLY: u32 = 0x82F6_3B78;

    #[cfg(feature = "wide-crc")]
    const TABLES: usize = 16;
    #[cfg(not(feature = "wide-crc"))]
    const TABLES: usize = 1;

    /// `TABLE[k][b]`: what byte `b` contributes after `k` further zero bytes.
    static TABLE: [[u32; 256]; TABLES] = tables();

    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // Evaluated at compile time.
    const fn tables() -> [[u32; 256]; TABLES] {
        let mut t = [[0u32; 256]; TABLES];
        let mut b = 0;
        while b < 256 {
            let mut crc = b as u32;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ POLY } else { crc >> 1 };
                bit += 1;
            }
            t[0][b] = crc;
            b += 1;
        }
        let mut k = 1;
        while k < TABLES {
            let mut b = 0;
            while b < 256 {
                let prev = t[k - 1][b];
                t[k][b] = (prev >> 8) ^ t[0][(prev & 0xFF) as usize];
                b += 1;
            }
            k += 1;
        }
        t
    }

    /// `TABLE[k][low byte of v]`: both indices are in range by construction, so no check remains in the machine code.
    #[inline]
    fn at(k: usize, v: u32) -> u32 {
        let [b, ..] = v.to_le_bytes();
        TABLE.get(k).and_then(|t| t.get(usize::from(b))).copied().unwrap_or(0)
    }

    #[inline]
    #[cfg(feature = "wide-crc")]
    fn word(k: usize, v: u32) -> u32 {
        // The first byte of a word is followed by the most bytes.
        at(k | 3, v) ^ at(k | 2, v >> 8) ^ at(k | 1, v >> 16) ^ at(k, v >> 24)
    }

    /// The CRC without its final inversion, after `bytes`.
    pub(super) fn append(mut crc: u32, bytes: &[u8]) -> u32 {
        #[cfg(feature = "wide-crc")]
        let bytes = {
            let (blocks, rest) = bytes.as_chunks::<16>();
            for block in blocks {
                let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *block;
                crc = word(12, crc ^ u32::from_le_bytes([a, b, c, d]))
                    ^ word(8, u32::from_le_bytes([e, f, g, h]))
                    ^ word(4, u32::from_le_bytes([i, j, k, l]))
                    ^ word(0, u32::from_le_bytes([m, n, o, p]));
            }
            rest
        };
        for b in bytes {
            crc = (crc >> 8) ^ at(0, crc ^ u32::from(*b));
        }
        crc
    }
}

/// A running CRC-32C, as it would be if nothing more came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crc(u32);

impl Crc {
    /// Before the first byte.
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    /// With `bytes` added.
    #[cfg(feature = "simd-crc")]
    pub(crate) fn update(self, bytes: &[u8]) -> Self {
        Self(crc32c::crc32c_append(self.0, bytes))
    }

    /// With `bytes` added.
    #[cfg(not(feature = "simd-crc"))]
    pub(crate) fn update(self, bytes: &[u8]) -> Self {
        Self(!table::append(!self.0, bytes))
    }

    /// The checksum as it stands on the wire.
    pub(crate) const fn finish(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crc(bytes: &[u8]) -> u32 {
        u32::from_le_bytes(Crc::new().update(bytes).finish())
    }

    #[test]
    fn known_answers() {
        // RFC 3720 section B.4.
        assert_eq!(crc(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc(&[0xFF; 32]), 0x62A8_AB43);
        assert_eq!(crc(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn tables_and_instruction_agree() {
        let data: [u8; 97] = core::array::from_fn(|i| (i * 11) as u8);
        for end in 0..data.len() {
            let bytes = data.get(..end).unwrap_or_default();
            assert_eq!(crc(bytes), !table::append(!0, bytes));
        }
    }

    #[test]
    fn any_split_gives_the_same() {
        let data: [u8; 97] = core::array::from_fn(|i| (i * 7) as u8);
        for cut in 0..data.len() {
            let (a, b) = data.split_at(cut);
            assert_eq!(Crc::new().update(a).update(b).finish(), Crc::new().update(&data).finish());
        }
    }
}
