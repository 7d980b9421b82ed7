//! PSRAM: a chip with mode registers behind two controllers, one for commands and one for the cache.
//!
//! Sources: the data sheet of AP Memory's APS256XXN (mode registers 0 to 8, density in MR2, x16 in MR8); ESP-IDF's
//! `esp_psram/esp32p4/esp_psram_impl_ap_hex.c` for the commands 0x4040 and 0xc0c0, `spi_mem_s_reg.h`, `spi1_mem_s_reg.h` and
//! `iomux_mspi_pin_reg.h` for the registers, `soc/ext_mem_defs.h` for the mapping's entries.

use crate::block::Block;
use crate::bus::Fault;
use crate::memory::{Memory, PAGE};
use crate::tables::memories as table;

const MMU_CONTENT: u32 = 0x37c;
const MMU_INDEX: u32 = 0x380;
/// An entry of the mapping: valid, and PSRAM.
const MAPPED: u32 = 1 << 11 | 1 << 10;
const CMD: u32 = 0x00;
const MISC: u32 = 0x34;
const DATA: u32 = 0x58;
/// `CMD`: starts what was configured.
const USER: u32 = 1 << 18;
const READ_MODE: u16 = 0x4040;
const WRITE_MODE: u16 = 0xc0c0;
/// `SRAM_CMD`: data on 16 lines.
const HEX: u32 = 3 << 26;
/// MR8: 16 lines.
const X16: u8 = 1 << 6;

/// What is soldered to the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chip {
    /// Megabytes; none if there is no chip.
    pub megabytes: Option<u32>,
    /// What MR2 says of the size, if not the truth.
    pub mr2: Option<u8>,
    /// What is read where nobody answers.
    pub floating: u8,
}

impl Chip {
    /// The 32 MB of the function EV board.
    pub const EV: Self = Self { megabytes: Some(32), mr2: None, floating: 0xff };

    fn density(self) -> u8 {
        self.mr2.unwrap_or(match self.megabytes {
            Some(4) => 1,
            Some(8) => 3,
            Some(16) => 5,
            Some(64) => 6,
            _ => 7,
        })
    }
}

/// A command as the ROM's `esp_rom_spi_cmd_config` sets it up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Command {
    pub code: u16,
    pub address: u32,
    pub data: u16,
}

/// Controllers, pads and chip.
pub struct Psram {
    pub cache: Block,
    pub commands: Block,
    pub pads: Block,
    chip: Chip,
    modes: [u8; 10],
    command: Command,
    /// Pages that are mapped.
    pages: u32,
}

impl Psram {
    pub fn new(chip: Chip) -> Self {
        let mut modes = [0; 10];
        // AP Memory, latencies as after power-on, good die.
        (modes[0], modes[1], modes[2], modes[4]) = (0x29, 0x0d, 0x08 << 1 | chip.density(), 0x40);
        Self {
            cache: Block::new("PSRAM_MSPI0", table::PSRAM_MSPI0),
            commands: Block::new("PSRAM_MSPI1", table::PSRAM_MSPI1),
            pads: Block::new("IOMUX_MSPI_PIN", table::IOMUX_MSPI),
            chip,
            modes,
            command: Command::default(),
            pages: 0,
        }
    }

    /// What the ROM's function does.
    pub fn configure(&mut self, command: Command) {
        self.command = command;
    }

    pub fn write_command(&mut self, offset: u32, value: u32) -> Result<(), Fault> {
        self.commands.write(offset, value)?;
        if offset == CMD && value & USER != 0 {
            self.commands.set(CMD, 0);
            self.execute()?;
        }
        Ok(())
    }

    fn execute(&mut self) -> Result<(), Fault> {
        // The second chip select is PSRAM's.
        if self.commands.get(MISC) & 3 != 1 {
            return Err(Fault::new("PSRAM_MSPI1: a command while PSRAM is not the one selected (MISC)".into()));
        }
        let Command { code, address, data } = self.command;
        let at = address as usize;
        match code {
            READ_MODE if self.chip.megabytes.is_none() => {
                let floating = u32::from(self.chip.floating);
                self.commands.set(DATA, floating << 8 | floating);
            }
            _ if self.chip.megabytes.is_none() => {}
            READ_MODE if at + 1 < self.modes.len() => {
                self.commands.set(DATA, u32::from(self.modes[at + 1]) << 8 | u32::from(self.modes[at]));
            }
            WRITE_MODE if at + 1 < self.modes.len() => {
                let [low, high] = data.to_le_bytes();
                // The first registers are the chip's own.
                self.modes[at] = low;
                if at >= 4 {
                    self.modes[at + 1] = high;
                }
            }
            _ => return Err(Fault::unmodelled(format!("PSRAM command {code:#06x} at {address:#x}"))),
        }
        Ok(())
    }

    /// A write of the cache's controller, which maps pages.
    pub fn write_cache(&mut self, offset: u32, value: u32, memory: &mut Memory) -> Result<(), Fault> {
        self.cache.write(offset, value)?;
        if offset != MMU_CONTENT {
            return Ok(());
        }
        let index = self.cache.get(MMU_INDEX);
        if value & MAPPED != MAPPED || value & 0x3ff != index || index > self.pages {
            return Err(Fault::unmodelled(format!("PSRAM_MSPI0: entry {index} of the mapping is {value:#x}")));
        }
        if self.chip.megabytes.is_some() && (self.modes[8] & X16 != 0) != (self.cache.get(0x44) & HEX == HEX) {
            return Err(Fault::new("PSRAM: chip and controller use different numbers of data lines".into()));
        }
        self.pages = self.pages.max(index + 1);
        let bytes = self.pages as usize * PAGE;
        match self.chip.megabytes {
            Some(_) if bytes <= memory.psram.len() => memory.psram_mapped = bytes,
            // Addresses above the chip's size come round to its start; nobody has used them with the model yet.
            Some(_) => memory.psram_wrapped = bytes,
            None => memory.psram_floating = (bytes, self.chip.floating),
        }
        Ok(())
    }

    /// Megahertz of the bus, as the divisor has it, of a source with so many.
    pub fn megahertz(&self, source: u32) -> u32 {
        let clock = self.cache.get(0x50);
        if clock >> 31 == 1 { source } else { source / ((clock >> 16 & 0xff) + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(chip: Chip) -> Psram {
        let mut psram = Psram::new(chip);
        psram.write_command(MISC, 1).expect("a register");
        psram
    }

    fn mode(psram: &mut Psram, address: u32) -> u32 {
        psram.configure(Command { code: READ_MODE, address, data: 0 });
        psram.write_command(CMD, USER).expect("a command");
        psram.commands.read(DATA).expect("data")
    }

    #[test]
    fn the_chip_says_its_size_and_an_absent_one_says_nothing() {
        assert_eq!(mode(&mut selected(Chip::EV), 2) & 7, 7);
        assert_eq!(mode(&mut selected(Chip { megabytes: Some(8), ..Chip::EV }), 2) & 7, 3);
        assert_eq!(mode(&mut selected(Chip { megabytes: None, ..Chip::EV }), 2), 0xffff);
        let mut unselected = Psram::new(Chip::EV);
        assert!(unselected.write_command(CMD, USER).is_err());
    }

    #[test]
    fn mapping_needs_chip_and_controller_to_agree() {
        let (mut psram, mut memory) = (selected(Chip::EV), Memory::new(32 << 20));
        psram.write_cache(0x44, HEX, &mut memory).expect("a register");
        psram.write_cache(MMU_INDEX, 0, &mut memory).expect("a register");
        assert!(psram.write_cache(MMU_CONTENT, MAPPED, &mut memory).is_err(), "the chip has eight lines yet");
        psram.configure(Command { code: WRITE_MODE, address: 8, data: u16::from(X16) });
        psram.write_command(CMD, USER).expect("a command");
        psram.write_cache(MMU_CONTENT, MAPPED, &mut memory).expect("mapped");
        assert_eq!(memory.psram_mapped, PAGE);
        assert!(psram.write_cache(MMU_CONTENT, MAPPED | 5, &mut memory).is_err(), "only in order");
    }
}
