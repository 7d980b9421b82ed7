//! The flash chip: erases sectors to ones, and programs only zeros.
//!
//! Source: JEDEC's JESD216 and the data sheets of serial NOR flash of its kind (for instance Winbond's W25Q128JV, §6.1 and §8.2): programming
//! changes ones to zeros, a sector of 4 KB takes 45 ms to erase and a page of 256 bytes 0.4 ms to program; what happens when the power goes
//! is not defined: here, what was done so far stays.

/// Bytes of a sector, the least that is erased.
pub const SECTOR: usize = 4096;
/// Ticks of 2.5 ns: to erase a sector, and to program a word.
const ERASE: u64 = 18_000_000;
const PROGRAM_WORD: u64 = 2_500;
/// Ticks to read a word: four lines at 80 MHz.
const READ_WORD: u64 = 40;

/// The power was cut in the middle of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerCut;

/// The chip.
pub struct Flash {
    pub bytes: Vec<u8>,
    /// Words that are still erased or programmed until the power goes.
    pub cut_after: Option<u64>,
    /// Words that were erased or programmed.
    pub written_words: u64,
    /// The ROM's driver refuses to write until it was told to unlock.
    locked: bool,
}

impl Flash {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, cut_after: None, written_words: 0, locked: true }
    }

    /// As after a reset.
    pub fn reset(&mut self) {
        self.locked = true;
    }

    /// `esp_rom_spiflash_unlock`.
    pub fn unlock(&mut self) {
        self.locked = false;
    }

    /// Manufacturer, type and size, as command 0x9f reads them: the last byte is the size's exponent.
    pub fn id(&self) -> u32 {
        self.bytes.len().trailing_zeros() << 16 | 0x40c8
    }

    /// Reads; tells how long it takes. None outside the chip.
    pub fn read(&self, at: u32, out: &mut [u8]) -> Option<u64> {
        let at = at as usize;
        out.copy_from_slice(self.bytes.get(at..at.checked_add(out.len())?)?);
        Some(out.len() as u64 / 4 * READ_WORD)
    }

    /// Whether the next word is still written.
    fn power(&mut self) -> Result<(), PowerCut> {
        if let Some(left) = &mut self.cut_after {
            *left = left.checked_sub(1).ok_or(PowerCut)?;
        }
        self.written_words += 1;
        Ok(())
    }

    /// Erases a sector; none if there is none or the chip is locked.
    pub fn erase(&mut self, sector: u32) -> Option<Result<u64, PowerCut>> {
        let from = (sector as usize).checked_mul(SECTOR)?;
        if self.locked || from + SECTOR > self.bytes.len() {
            return None;
        }
        for word in (from..from + SECTOR).step_by(4) {
            if let Err(cut) = self.power() {
                return Some(Err(cut));
            }
            self.bytes[word..word + 4].fill(0xff);
        }
        Some(Ok(ERASE))
    }

    /// Programs whole words; none where there is no flash or the chip is locked.
    pub fn program(&mut self, at: u32, data: &[u8]) -> Option<Result<u64, PowerCut>> {
        let at = at as usize;
        if self.locked || !at.is_multiple_of(4) || !data.len().is_multiple_of(4) || at + data.len() > self.bytes.len() {
            return None;
        }
        for (n, word) in data.chunks(4).enumerate() {
            if let Err(cut) = self.power() {
                return Some(Err(cut));
            }
            for (place, byte) in self.bytes[at + 4 * n..].iter_mut().zip(word) {
                *place &= byte;
            }
        }
        Some(Ok(data.len() as u64 / 4 * PROGRAM_WORD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programming_makes_zeros_and_erasing_ones() {
        let mut flash = Flash::new(vec![0xff; 2 * SECTOR]);
        assert_eq!(flash.program(0, &[0; 4]), None, "locked");
        flash.unlock();
        assert!(flash.program(0, &[0xf0, 1, 2, 3]).is_some_and(|done| done.is_ok()));
        assert!(flash.program(0, &[0x0f, 1, 2, 3]).is_some_and(|done| done.is_ok()));
        assert_eq!(flash.bytes[..4], [0, 1, 2, 3]);
        assert!(flash.erase(0).is_some_and(|done| done.is_ok()));
        assert_eq!(flash.bytes[..4], [0xff; 4]);
        assert_eq!(flash.erase(2), None);
        assert_eq!(flash.program(2, &[0; 4]), None, "whole words only");
    }

    #[test]
    fn a_power_cut_leaves_what_was_done() {
        let mut flash = Flash::new(vec![0; SECTOR]);
        flash.unlock();
        flash.cut_after = Some(10);
        assert_eq!(flash.erase(0), Some(Err(PowerCut)));
        assert_eq!((flash.bytes[39], flash.bytes[40]), (0xff, 0));
    }
}
