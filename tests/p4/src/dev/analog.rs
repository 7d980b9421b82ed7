//! The analogue side: the bus to PLLs and regulators, the converter, the noise, and what eFuse holds.
//!
//! Sources: ESP-IDF's `lp_i2c_ana_mst_reg.h`, `lp_adc_reg.h`, `efuse_reg.h` (revision 3), `soc/regi2c_*.h` for the blocks, `hal/regi2c_ctrl_ll.h`
//! for the bus's clock, `esp_efuse_table.csv` for the fields of block 1.

use crate::block::Block;
use crate::bus::Fault;
use crate::tables::{clocks, others};

const I2C0_CTRL: u32 = 0x00;
const ANA_CONF2: u32 = 0x20;
const CLK160M: u32 = 0x34;

/// The bus to the analogue blocks. A transfer without a clock never ends on the chip; here it fails the run.
pub struct AnalogI2c {
    block: Block,
    /// What the blocks hold: by address of the block and the register.
    registers: std::collections::BTreeMap<(u8, u8), u8>,
}

/// The blocks, with the bit of `ANA_CONF2` that selects them (`soc/regi2c_*.h`, `regi2c_ctrl_ll.h`).
const BLOCKS: [(u8, u32); 8] =
    [(0x62, 6), (0x63, 9), (0x66, 5), (0x67, 11), (0x69, 7), (0x6a, 12), (0x6d, 10), (0x6f, 8)];

impl Default for AnalogI2c {
    fn default() -> Self {
        Self {
            block: Block::new("LP_I2C_ANA_MST", clocks::LP_I2C_ANA_MST),
            registers: std::collections::BTreeMap::new(),
        }
    }
}

impl AnalogI2c {
    /// Megahertz of the memories' PLL: the crystal's 40, times a divisor plus one, over another plus one (`clk_tree_ll.h`).
    pub fn mpll_megahertz(&self) -> u32 {
        let divisors = u32::from(self.registers.get(&(0x63, 2)).copied().unwrap_or_default());
        40 * ((divisors >> 3) + 1) / ((divisors & 7) + 1)
    }

    pub fn read(&self, offset: u32) -> Result<u32, Fault> {
        self.block.read(offset)
    }

    pub fn write(&mut self, offset: u32, value: u32) -> Result<(), Fault> {
        self.block.write(offset, value)?;
        if offset != I2C0_CTRL {
            return Ok(());
        }
        if self.block.get(CLK160M) & 1 == 0 {
            return Err(Fault::new("LP_I2C_ANA_MST: a transfer without a clock (CLK160M)".into()));
        }
        let [slave, register, data, control] = value.to_le_bytes();
        let selected = BLOCKS.iter().find(|(address, _)| *address == slave);
        let Some((_, bit)) = selected else {
            return Err(Fault::unmodelled(format!("the analogue block {slave:#x}")));
        };
        if self.block.get(ANA_CONF2) >> bit & 1 == 0 {
            return Err(Fault::new(format!("LP_I2C_ANA_MST: block {slave:#x} is not selected in ANA_CONF2")));
        }
        if control & 1 != 0 {
            self.registers.insert((slave, register), data);
        } else {
            let data = self.registers.get(&(slave, register)).copied().unwrap_or_default();
            self.block.change(I2C0_CTRL, 0xff << 16, u32::from(data) << 16);
        }
        Ok(())
    }
}

/// A small generator: what comes out differs from start to start if the seed does.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn word(&mut self) -> u32 {
        // Marsaglia, "Xorshift RNGs" (2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as u32
    }
}

const MEAS1_CTRL2: u32 = 0x0c;
const FORCE_XPD: u32 = 0x3c;
const INT_CLR: u32 = 0x54;
const START: u32 = 1 << 17;
const DONE: u32 = 1 << 16;
/// Ticks of a conversion: about 2 µs.
const CONVERSION: u64 = 800;

/// The converter, steered by registers.
pub struct LpAdc {
    block: Block,
    done_at: Option<u64>,
}

impl Default for LpAdc {
    fn default() -> Self {
        Self { block: Block::new("LP_ADC", others::LP_ADC), done_at: None }
    }
}

impl LpAdc {
    pub fn read(&mut self, offset: u32, now: u64, noise: &mut Noise) -> Result<u32, Fault> {
        if offset == MEAS1_CTRL2 && self.done_at.is_some_and(|at| at <= now) {
            self.done_at = None;
            // An open pin: somewhere, and a few of the lowest bits at random.
            let sample = 0x3c0 + (noise.word() & 0x1f);
            self.block.change(MEAS1_CTRL2, 0xffff, DONE | sample);
        }
        self.block.read(offset)
    }

    pub fn write(&mut self, offset: u32, value: u32, now: u64) -> Result<(), Fault> {
        let before = self.block.get(offset);
        let after = self.block.write(offset, value)?;
        match offset {
            MEAS1_CTRL2 if after & START == 0 => {
                self.block.change(offset, DONE, 0);
                self.done_at = None;
            }
            MEAS1_CTRL2 if before & START == 0 => {
                if self.block.get(FORCE_XPD) & 3 != 3 {
                    return Err(Fault::new(
                        "LP_ADC: a conversion while the converter has no power (FORCE_WPD_SAR)".into(),
                    ));
                }
                self.block.change(offset, DONE, 0);
                self.done_at = Some(now + CONVERSION);
            }
            INT_CLR => self.block.set(offset, 0),
            _ => {}
        }
        Ok(())
    }
}

/// What is burnt into the chip.
pub struct Efuse {
    block: Block,
}

impl Efuse {
    /// A chip of this revision (major, minor) with this address.
    pub fn new(revision: (u32, u32), mac: [u8; 6]) -> Self {
        let mut block = Block::new("EFUSE", others::EFUSE);
        let [a, b, c, d, e, f] = mac;
        block.set(0x44, u32::from_be_bytes([c, d, e, f]));
        block.set(0x48, u32::from_be_bytes([0, 0, a, b]));
        let (major, minor) = revision;
        block.set(0x4c, minor & 0xf | (major & 3) << 4 | (major >> 2 & 1) << 23);
        Self { block }
    }

    pub fn read(&self, offset: u32) -> Result<u32, Fault> {
        self.block.read(offset)
    }

    pub fn write(&self, offset: u32) -> Result<(), Fault> {
        Err(Fault::new(format!("{} is written", self.block.name(offset))))
    }

    /// `WDT_DELAY_SEL`: by how much the watchdog's first stage is longer.
    pub fn watchdog_delay(&self) -> u32 {
        1 + (self.block.get(0x34) >> 17 & 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_analogue_bus_needs_its_clock_and_a_selected_block() {
        let mut bus = AnalogI2c::default();
        assert!(bus.write(I2C0_CTRL, 0x0000_0267).expect_err("no clock").to_string().contains("CLK160M"));
        bus.write(CLK160M, 1).expect("a register");
        assert!(bus.write(I2C0_CTRL, 0x0000_0267).expect_err("not selected").to_string().contains("not selected"));
        bus.write(ANA_CONF2, 1 << 11).expect("a register");
        bus.write(I2C0_CTRL, 0x0155_0267).expect("written");
        bus.write(I2C0_CTRL, 0x0000_0267).expect("read");
        assert_eq!(bus.read(I2C0_CTRL).expect("data") >> 16 & 0xff, 0x55);
        assert!(bus.write(I2C0_CTRL, 0x0000_0299).is_err());
    }

    #[test]
    fn a_conversion_takes_its_time_and_needs_power() {
        let (mut adc, mut noise) = (LpAdc::default(), Noise::new(1));
        assert!(adc.write(MEAS1_CTRL2, START, 0).is_err());
        adc.write(MEAS1_CTRL2, 0, 0).expect("a register");
        adc.write(FORCE_XPD, 3, 0).expect("a register");
        adc.write(MEAS1_CTRL2, START, 0).expect("started");
        assert_eq!(adc.read(MEAS1_CTRL2, CONVERSION - 1, &mut noise).expect("a register") & DONE, 0);
        assert_eq!(adc.read(MEAS1_CTRL2, CONVERSION, &mut noise).expect("a register") & DONE, DONE);
    }

    #[test]
    fn the_revision_is_split_as_the_table_has_it() {
        let efuse = Efuse::new((3, 1), [0x60, 0x55, 0xf9, 1, 2, 3]);
        assert_eq!(efuse.read(0x4c).expect("a word"), 3 << 4 | 1);
        assert_eq!(efuse.read(0x44).expect("a word"), 0xf901_0203);
        assert_eq!(efuse.read(0x48).expect("a word"), 0x6055);
        assert!(efuse.write(0x44).is_err());
    }
}
