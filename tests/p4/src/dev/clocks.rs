//! Clocks, resets and power: what must be on for a device to answer.
//!
//! Sources: ESP-IDF's `hp_sys_clkrst_reg.h`, `lp_clkrst_reg.h`, `lpperi_reg.h` and `pmu_reg.h` (revision 3) for the registers, and its
//! `hal/clk_gate_ll.h` for which bits belong to which device; `soc/clk_tree_defs.h` for the sources of the calibration. A device whose bus clock
//! is off, or which is held in reset, does not answer: reads bring zeros and writes are lost, and the run tells of it.

use crate::block::Block;
use crate::bus::Fault;
use crate::tables::clocks as table;

/// Devices that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    InterruptMatrix,
    Systimer,
    Timg0,
    Timg1,
    Aes,
    Sha,
    Ecc,
    Emac,
    Sdmmc,
    UsbSerial,
    IoMux,
    LpAdc,
    Rng,
    Efuse,
    LpIoMux,
    AnalogI2c,
    Psram,
    Flash,
}

/// All of them.
#[cfg(test)]
pub(crate) const GATES: [Gate; 18] = [
    Gate::InterruptMatrix,
    Gate::Systimer,
    Gate::Timg0,
    Gate::Timg1,
    Gate::Aes,
    Gate::Sha,
    Gate::Ecc,
    Gate::Emac,
    Gate::Sdmmc,
    Gate::UsbSerial,
    Gate::IoMux,
    Gate::LpAdc,
    Gate::Rng,
    Gate::Efuse,
    Gate::LpIoMux,
    Gate::AnalogI2c,
    Gate::Psram,
    Gate::Flash,
];

/// Where a bit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// `HP_SYS_CLKRST`.
    Hp(u32, u32),
    /// `LP_CLKRST`.
    Lp(u32, u32),
    /// `LPPERI`.
    Peri(u32, u32),
}

/// A device's clocks, all of which must be on, and its resets, all of which must be off.
pub(crate) fn needs(gate: Gate) -> (&'static [At], &'static [At]) {
    use At::{Hp, Lp, Peri};
    match gate {
        Gate::InterruptMatrix => (&[Hp(0x1c, 4)], &[Hp(0xc8, 0)]),
        Gate::Systimer => (&[Hp(0x1c, 23), Hp(0x98, 30)], &[Hp(0xc4, 5)]),
        Gate::Timg0 => (&[Hp(0x1c, 21)], &[Hp(0xc4, 6)]),
        Gate::Timg1 => (&[Hp(0x1c, 22)], &[Hp(0xc4, 7)]),
        Gate::Aes => (&[Hp(0x18, 26), Hp(0xa8, 14)], &[Hp(0xc8, 14), Hp(0xc8, 16)]),
        Gate::Sha => (&[Hp(0x18, 26), Hp(0xa8, 20)], &[Hp(0xc8, 14), Hp(0xc8, 18)]),
        Gate::Ecc => (&[Hp(0x18, 26), Hp(0xa8, 16)], &[Hp(0xc8, 14), Hp(0xc8, 22)]),
        Gate::Emac => (&[Hp(0x18, 13)], &[Lp(0x4c, 30)]),
        Gate::Sdmmc => (&[Hp(0x18, 14)], &[Lp(0x4c, 28)]),
        Gate::UsbSerial => (&[Hp(0x1c, 29)], &[]),
        Gate::IoMux => (&[Hp(0x20, 3)], &[Hp(0xc4, 3)]),
        Gate::LpAdc => (&[Peri(0, 23)], &[]),
        Gate::Rng => (&[Peri(0, 16)], &[]),
        Gate::Efuse => (&[Peri(0, 19)], &[]),
        Gate::LpIoMux => (&[Peri(0, 20)], &[]),
        Gate::AnalogI2c => (&[Peri(0, 27)], &[]),
        Gate::Psram => (&[Hp(0x14, 31), Hp(0x30, 15)], &[]),
        Gate::Flash => (&[Hp(0x14, 30), Hp(0x30, 3)], &[]),
    }
}

/// `HP_SYS_CLKRST`'s reset registers.
const RESETS: [u32; 3] = [0xc0, 0xc4, 0xc8];
const ROOT_CLK_CTRL0: u32 = 0x04;
/// Set to take divisors over; the hardware clears it.
const DIV_UPDATE: u32 = 1 << 4;
const ANA_PLL_CTRL0: u32 = 0xbc;
const REF_CLK_CTRL2: u32 = 0x2c;
const PERI_CLK_CTRL01: u32 = 0x34;
const PERI_CLK_CTRL02: u32 = 0x38;
/// Set to take the edges of the SDIO host's clock over; it is no memory.
const EDGE_UPDATE: u32 = 1 << 8;

/// The blocks of clock, reset and power registers.
pub struct Clocks {
    pub hp: Block,
    pub lp: Block,
    pub lp_system: Block,
    pub lp_peri: Block,
    pub hp_system: Block,
    pub pmu: Block,
    /// The divisor of the SDIO host's clock, as it was taken over.
    sdio_divisor: u32,
}

impl Default for Clocks {
    fn default() -> Self {
        Self {
            hp: Block::new("HP_SYS_CLKRST", table::HP_SYS_CLKRST),
            lp: Block::new("LP_CLKRST", table::LP_CLKRST),
            lp_system: Block::new("LP_SYSTEM", table::LP_SYSTEM),
            lp_peri: Block::new("LPPERI", table::LP_PERI),
            hp_system: Block::new("HP_SYSTEM", table::HP_SYSTEM),
            pmu: Block::new("PMU", table::PMU),
            sdio_divisor: 1,
        }
    }
}

impl Clocks {
    /// Sets a bit, or clears it.
    #[cfg(test)]
    pub(crate) fn set(&mut self, at: At, on: bool) {
        let (block, register, bit) = match at {
            At::Hp(register, bit) => (&mut self.hp, register, bit),
            At::Lp(register, bit) => (&mut self.lp, register, bit),
            At::Peri(register, bit) => (&mut self.lp_peri, register, bit),
        };
        block.change(register, 1 << bit, u32::from(on) << bit);
    }

    fn bit(&self, at: At) -> bool {
        let (block, register, bit) = match at {
            At::Hp(register, bit) => (&self.hp, register, bit),
            At::Lp(register, bit) => (&self.lp, register, bit),
            At::Peri(register, bit) => (&self.lp_peri, register, bit),
        };
        block.get(register) >> bit & 1 == 1
    }

    fn describe(&self, at: At) -> String {
        match at {
            At::Hp(register, bit) => format!("{} bit {bit}", self.hp.name(register)),
            At::Lp(register, bit) => format!("{} bit {bit}", self.lp.name(register)),
            At::Peri(register, bit) => format!("{} bit {bit}", self.lp_peri.name(register)),
        }
    }

    /// Whether the device answers; says what is missing.
    pub fn check(&self, gate: Gate) -> Result<(), Fault> {
        let (clocks, resets) = needs(gate);
        if let Some(off) = clocks.iter().find(|at| !self.bit(**at)) {
            return Err(Fault::silent(format!("{gate:?} is used while its clock is off ({})", self.describe(*off))));
        }
        if let Some(held) = resets.iter().find(|at| self.bit(**at)) {
            return Err(Fault::silent(format!(
                "{gate:?} is used while it is held in reset ({})",
                self.describe(*held)
            )));
        }
        Ok(())
    }

    /// Whether a device is held in reset.
    pub fn held(&self, gate: Gate) -> bool {
        needs(gate).1.iter().any(|at| self.bit(*at))
    }

    /// Whether the controllers of PSRAM are held in reset (`RST_EN_DUAL_MSPI_AXI`, `RST_EN_DUAL_MSPI_APB`).
    pub fn psram_held(&self) -> bool {
        self.hp.get(RESETS[0]) & (1 << 23 | 1 << 25) != 0
    }

    /// A write to `HP_SYS_CLKRST`; tells whether resets may have changed.
    pub fn write_hp(&mut self, offset: u32, value: u32) -> Result<bool, Fault> {
        let now = self.hp.write(offset, value)?;
        if offset == ROOT_CLK_CTRL0 {
            self.hp.set(offset, now & !DIV_UPDATE);
        }
        if offset == PERI_CLK_CTRL02 && now & EDGE_UPDATE != 0 {
            self.sdio_divisor = (now >> 9 & 0xf) + 1;
            self.hp.set(offset, now & !EDGE_UPDATE);
        }
        Ok(RESETS.contains(&offset))
    }

    /// A read of `HP_SYS_CLKRST`.
    pub fn read_hp(&self, offset: u32) -> Result<u32, Fault> {
        let value = self.hp.read(offset)?;
        if offset != ANA_PLL_CTRL0 {
            return Ok(value);
        }
        // A calibration that is not stopped has ended: bit n tells of the one that bit n + 1 stops.
        Ok(value & 0x2aa | (!value >> 1) & 0x155)
    }

    /// Hertz of the SDIO host's own clock, if it runs, and whether those with the phases for what goes out and comes in do.
    pub fn sdio(&self) -> (Option<u64>, bool) {
        let (source, phases) = (self.hp.get(PERI_CLK_CTRL01), self.hp.get(PERI_CLK_CTRL02));
        // From the PLL of 160 MHz, with its gate; the other source is a PLL that is off after reset.
        let runs = source >> 24 & 1 == 1
            && source >> 22 & 3 == 0
            && self.hp.get(REF_CLK_CTRL2) & 1 == 1
            && phases >> 27 & 1 == 1
            && self.check(Gate::Sdmmc).is_ok();
        (runs.then(|| 160_000_000 / u64::from(self.sdio_divisor)), phases >> 28 & 3 == 3)
    }

    /// Cycles of the 40 MHz crystal in so many of the clock that is chosen for calibration; none if it does not run.
    pub fn calibrate(&self, cycles: u32) -> Option<u32> {
        let control = self.hp.get(0x98);
        let divider = u64::from(control >> 4 & 0xffff) + 1;
        let hz: u64 = match control & 0xf {
            0 => 500_000_000,
            1 => 480_000_000,
            2 => 400_000_000,
            7 => 20_000_000,
            // The slow oscillator has 150 kHz; a little off, as they are.
            8 => 147_300,
            9 => 32_500,
            _ => return None,
        };
        u32::try_from(u64::from(cycles) * 40_000_000 * divider / hz).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_without_clock_or_in_reset_does_not_answer() {
        let mut clocks = Clocks::default();
        let text = clocks.check(Gate::Emac).expect_err("off after reset").to_string();
        assert!(text.contains("Emac is used while its clock is off (HP_SYS_CLKRST.SOC_CLK_CTRL1 bit 13)"), "{text}");
        clocks.hp.change(0x18, 0, 1 << 13);
        assert!(clocks.check(Gate::Emac).is_ok());
        clocks.lp.change(0x4c, 0, 1 << 30);
        let text = clocks.check(Gate::Emac).expect_err("held").to_string();
        assert!(text.contains("held in reset (LP_CLKRST.HP_SDMMC_EMAC_RST_CTRL bit 30)"), "{text}");
    }

    #[test]
    fn the_sdio_host_has_its_clock_once_all_gates_are_open_and_the_edges_are_taken_over() {
        let mut clocks = Clocks::default();
        assert_eq!(clocks.sdio(), (None, false));
        clocks.hp.change(0x18, 0, 1 << 14);
        clocks.hp.change(PERI_CLK_CTRL01, 0, 1 << 24);
        // Divided by two: L and N are one, H is none; the phases' clocks.
        let edges = 1 << 9 | 1 << 17 | 7 << 27;
        clocks.write_hp(PERI_CLK_CTRL02, edges).expect("a register");
        assert_eq!(clocks.sdio(), (Some(160_000_000), true), "not taken over yet");
        clocks.write_hp(PERI_CLK_CTRL02, edges | EDGE_UPDATE).expect("a register");
        assert_eq!(clocks.sdio(), (Some(80_000_000), true));
        assert_eq!(clocks.read_hp(PERI_CLK_CTRL02).expect("a register"), edges);
        for (register, bit) in [(REF_CLK_CTRL2, 0), (PERI_CLK_CTRL01, 24), (PERI_CLK_CTRL02, 27), (0x18, 14)] {
            clocks.hp.change(register, 1 << bit, 0);
            assert_eq!(clocks.sdio().0, None, "{register:#x} bit {bit}");
            clocks.hp.change(register, 0, 1 << bit);
        }
        clocks.lp.change(0x4c, 0, 1 << 28);
        assert_eq!(clocks.sdio().0, None, "held in reset");
    }

    #[test]
    fn the_slow_oscillator_is_found_by_counting() {
        let mut clocks = Clocks::default();
        clocks.hp.change(0x98, 0xf, 8);
        let xtal = clocks.calibrate(1024).expect("runs");
        assert_eq!(1024 * 40_000_000_u64 / u64::from(xtal) / 1000, 147);
        clocks.hp.change(0x98, 0xf, 10);
        assert_eq!(clocks.calibrate(1024), None, "there is no 32 kHz crystal");
    }
}
