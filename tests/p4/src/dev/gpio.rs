//! Pins: which signal is on which pad.
//!
//! Sources: ESP-IDF's `gpio_reg.h`, `io_mux_reg.h` (revision 3), `soc/gpio_sig_map.h` for the signals' numbers, `esp_hal_emac/esp32p4/emac_periph.c`
//! for the pads of RMII and their function.

use crate::bus::Fault;

/// Pins of the chip.
pub const PINS: usize = 55;
const SIGNALS: usize = 256;
/// An output signal that stands for the output register.
const SIMPLE: u32 = 256;

/// Matrix and multiplexer.
pub struct Gpio {
    out: u64,
    enable: u64,
    /// What is put on the pins from outside.
    pub input: u64,
    pins: [u32; PINS],
    out_select: [u32; PINS],
    in_select: [u32; SIGNALS],
    mux: [u32; PINS],
    lp_mux: crate::block::Block,
    clock_gate: u32,
}

impl Default for Gpio {
    fn default() -> Self {
        Self {
            out: 0,
            enable: 0,
            input: 0,
            pins: [0; PINS],
            out_select: [SIMPLE; PINS],
            in_select: [0x3f; SIGNALS],
            mux: [0x800; PINS],
            lp_mux: crate::block::Block::new("LP_IOMUX", crate::tables::others::LP_IOMUX),
            clock_gate: 1,
        }
    }
}

impl Gpio {
    pub fn read(&self, offset: u32) -> Result<u32, Fault> {
        let level = self.levels();
        Ok(match offset {
            0x04 => self.out as u32,
            0x10 => (self.out >> 32) as u32,
            0x20 => self.enable as u32,
            0x2c => (self.enable >> 32) as u32,
            0x3c => level as u32,
            0x40 => (level >> 32) as u32,
            // No pin interrupts.
            0x44 | 0x50 | 0xf20 => {
                if offset == 0xf20 {
                    self.clock_gate
                } else {
                    0
                }
            }
            0x74..=0x14c => self.pins[(offset as usize - 0x74) / 4],
            0x158..=0x554 => self.in_select[(offset as usize - 0x158) / 4],
            0x558..=0x630 => self.out_select[(offset as usize - 0x558) / 4],
            _ => return Err(Fault::unmodelled(format!("GPIO+{offset:#x} was read"))),
        })
    }

    pub fn write(&mut self, offset: u32, value: u32) -> Result<(), Fault> {
        let wide = u64::from(value);
        match offset {
            0x04 => self.out = self.out & !0xffff_ffff | wide,
            0x08 => self.out |= wide,
            0x0c => self.out &= !wide,
            0x10 => self.out = self.out & 0xffff_ffff | wide << 32,
            0x14 => self.out |= wide << 32,
            0x18 => self.out &= !(wide << 32),
            0x20 => self.enable = self.enable & !0xffff_ffff | wide,
            0x24 => self.enable |= wide,
            0x28 => self.enable &= !wide,
            0x2c => self.enable = self.enable & 0xffff_ffff | wide << 32,
            0x30 => self.enable |= wide << 32,
            0x34 => self.enable &= !(wide << 32),
            0x4c | 0x58 => {}
            0x74..=0x14c => {
                if value & 0x3f380 != 0 {
                    return Err(Fault::unmodelled(format!("GPIO.PIN{}: interrupts ({value:#x})", (offset - 0x74) / 4)));
                }
                self.pins[(offset as usize - 0x74) / 4] = value;
            }
            0x158..=0x554 => self.in_select[(offset as usize - 0x158) / 4] = value & 0xff,
            0x558..=0x630 => self.out_select[(offset as usize - 0x558) / 4] = value & 0xfff,
            0xf20 => self.clock_gate = value & 1,
            _ => return Err(Fault::unmodelled(format!("GPIO+{offset:#x} was written"))),
        }
        Ok(())
    }

    /// The multiplexer: a register a pin.
    pub fn read_mux(&self, offset: u32) -> Result<u32, Fault> {
        let pin = (offset as usize / 4).checked_sub(1);
        let found = pin.and_then(|pin| self.mux.get(pin)).copied();
        found.ok_or_else(|| Fault::unmodelled(format!("IO_MUX+{offset:#x} was read")))
    }

    pub fn write_mux(&mut self, offset: u32, value: u32) -> Result<(), Fault> {
        let pin = (offset as usize / 4).checked_sub(1);
        match pin.and_then(|pin| self.mux.get_mut(pin)) {
            Some(register) => *register = value & 0xffff,
            None => return Err(Fault::unmodelled(format!("IO_MUX+{offset:#x} was written"))),
        }
        Ok(())
    }

    pub fn read_lp_mux(&self, offset: u32) -> Result<u32, Fault> {
        self.lp_mux.read(offset)
    }

    pub fn write_lp_mux(&mut self, offset: u32, value: u32) -> Result<(), Fault> {
        self.lp_mux.write(offset, value).map(|_| ())
    }

    /// A pin's function in the multiplexer: 1 is the matrix.
    pub fn function(&self, pin: usize) -> u32 {
        self.mux[pin] >> 12 & 7
    }

    fn input_enabled(&self, pin: usize) -> bool {
        self.mux[pin] >> 9 & 1 == 1
    }

    /// Whether the matrix drives a pin with a signal.
    pub fn drives(&self, pin: usize, signal: u32) -> bool {
        self.function(pin) == 1 && self.out_select[pin] & 0x1ff == signal
    }

    /// Whether a signal of a device comes from a pin.
    pub fn listens(&self, pin: usize, signal: usize) -> bool {
        // Bit 7: from the matrix, and not always a constant.
        self.function(pin) == 1 && self.input_enabled(pin) && self.in_select[signal] == 0x80 | pin as u32
    }

    /// Whether a pin is a pad's own function, with its input on if it is one.
    pub fn is_pad(&self, pin: usize, function: u32, input: bool) -> bool {
        self.function(pin) == function && (!input || self.input_enabled(pin))
    }

    /// What a pin that the program drives is at; none if it does not.
    pub fn output(&self, pin: usize) -> Option<bool> {
        let driven = self.enable >> pin & 1 == 1 && self.drives(pin, SIMPLE);
        driven.then(|| self.out >> pin & 1 == 1)
    }

    fn levels(&self) -> u64 {
        (0..PINS).fold(0, |all, pin| {
            let high = self.output(pin).unwrap_or(self.input >> pin & 1 == 1) && self.input_enabled(pin);
            all | u64::from(high) << pin
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_driven_once_it_is_routed_and_enabled() {
        let mut gpio = Gpio::default();
        gpio.write(0x14, 1 << 19).expect("a register");
        assert_eq!(gpio.output(51), None);
        gpio.write(0x30, 1 << 19).expect("a register");
        assert_eq!(gpio.output(51), None, "not the matrix' yet");
        gpio.write_mux(4 + 4 * 51, 1 << 12).expect("a register");
        assert_eq!(gpio.output(51), Some(true));
        gpio.write(0x558 + 4 * 51, 108).expect("a register");
        assert_eq!(gpio.output(51), None, "a device's signal now");
        assert!(gpio.drives(51, 108));
    }

    #[test]
    fn an_input_needs_its_buffer() {
        let mut gpio = Gpio::default();
        gpio.write(0x158 + 4 * 107, 0x80 | 52).expect("a register");
        gpio.write_mux(4 + 4 * 52, 1 << 12).expect("a register");
        assert!(!gpio.listens(52, 107));
        gpio.write_mux(4 + 4 * 52, 1 << 12 | 1 << 9).expect("a register");
        assert!(gpio.listens(52, 107));
        assert!(!gpio.listens(51, 107));
    }
}
