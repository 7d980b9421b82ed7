//! Which device is at which address, and what joins them: clocks, pins, interrupts.
//!
//! Source: ESP-IDF's `soc/esp32p4/include/soc/reg_base.h` for the addresses.

use std::collections::BTreeMap;
use std::fmt;

use crate::block::Block;
use crate::board::Board;
use crate::cpu::{Cpu, NoSuchCsr};
use crate::dev::analog::{AnalogI2c, Efuse, LpAdc, Noise};
use crate::dev::clic::{Clic, source};
use crate::dev::clocks::{Clocks, Gate};
use crate::dev::crypto::{Aes, Ecc, Sha};
use crate::dev::emac::{Connection, Emac};
use crate::dev::gpio::Gpio;
use crate::dev::phy::Phy;
use crate::dev::psram::Psram;
use crate::dev::radio::Radio;
use crate::dev::sdhost::{self, SdHost};
use crate::dev::serial::Serial;
use crate::dev::timers::{Bite, Group, LpWatchdog, Systimer};
use crate::flash::Flash;
use crate::memory::Memory;
use crate::tables::memories;

/// Something that ends the run, because the chip would hang or do what nobody knows, or because the model does not know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    what: String,
    /// Not wrong perhaps, but nothing that is modelled.
    pub unmodelled: bool,
    /// The device does not answer, which nobody is told: reads bring zeros, writes are lost.
    silent: bool,
    pc: Option<u32>,
}

impl Fault {
    pub fn new(what: String) -> Self {
        Self { what, unmodelled: false, silent: false, pc: None }
    }

    /// A device that does not answer.
    pub fn silent(what: String) -> Self {
        Self { what, unmodelled: false, silent: true, pc: None }
    }

    pub fn unmodelled(what: String) -> Self {
        Self { what, unmodelled: true, silent: false, pc: None }
    }

    pub(crate) fn csr(missing: NoSuchCsr) -> Self {
        Self::unmodelled(format!("CSR {:#05x} was used", missing.0))
    }

    /// Where it happened.
    #[must_use]
    pub fn at(self, pc: u32) -> Self {
        Self { pc: Some(pc), ..self }
    }

    /// The instruction that it happened at.
    pub fn pc(&self) -> Option<u32> {
        self.pc
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.unmodelled { "not modelled: " } else { "" })?;
        f.write_str(&self.what)?;
        match self.pc {
            Some(pc) => write!(f, ", at {pc:#010x}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

/// What the processor reaches that is no memory.
pub trait Io {
    /// Whether there are devices at the address.
    fn is_device(&self, address: u32) -> bool;
    /// Reads 1, 2 or 4 bytes after `count` instructions.
    fn read(&mut self, memory: &mut Memory, address: u32, len: usize, count: u64) -> Result<u32, Fault>;
    /// Writes 1, 2 or 4 bytes; tells whether interrupts may depend on it.
    fn write(&mut self, memory: &mut Memory, address: u32, len: usize, value: u32, count: u64) -> Result<bool, Fault>;
    /// The time after `count` instructions.
    fn now(&self, count: u64) -> u64;
}

/// The system was started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    Software,
    Watchdog(Bite),
}

/// All devices.
pub struct Bus {
    pub board: Board,
    pub clocks: Clocks,
    pub clic: Clic,
    pub systimer: Systimer,
    pub timers: [Group; 2],
    pub watchdog: LpWatchdog,
    pub efuse: Efuse,
    pub noise: Noise,
    pub analog: AnalogI2c,
    pub adc: LpAdc,
    pub psram: Psram,
    pub flash: Flash,
    flash_commands: Block,
    pub gpio: Gpio,
    pub serial: Serial,
    pub aes: Aes,
    pub sha: Sha,
    pub ecc: Ecc,
    pub emac: Emac,
    pub phy: Phy,
    pub sdhost: SdHost,
    /// The co-processor beside the chip: no reset of the chip's reaches it.
    pub radio: Radio,
    /// Ticks beside those of instructions: sleep, delays, what ROM functions take.
    pub skipped: u64,
    /// A device was written to since interrupts were looked at last.
    pub touched: bool,
    /// Reads and writes of devices.
    pub accesses: u64,
    /// Uses of devices that did not answer, because their clock was off or they were held in reset.
    pub unanswered: BTreeMap<String, u64>,
}

impl Bus {
    pub fn new(board: Board, flash: Flash, now: u64) -> Self {
        let efuse = Efuse::new(board.revision, board.mac);
        let mut watchdog = LpWatchdog::new(now);
        watchdog.delay = efuse.watchdog_delay();
        let mut serial = Serial::default();
        serial.usb_host = board.usb_host;
        Self {
            clocks: Clocks::default(),
            clic: Clic::default(),
            systimer: Systimer::default(),
            timers: [Group::new("TIMG0"), Group::new("TIMG1")],
            watchdog,
            efuse,
            noise: Noise::new(board.noise),
            analog: AnalogI2c::default(),
            adc: LpAdc::default(),
            psram: Psram::new(board.psram),
            flash,
            flash_commands: Block::new("FLASH_MSPI1", memories::FLASH_MSPI1),
            gpio: Gpio::default(),
            serial,
            aes: Aes::default(),
            sha: Sha::default(),
            ecc: Ecc::default(),
            emac: Emac::default(),
            phy: Phy::new(board.phy),
            sdhost: SdHost::default(),
            radio: Radio::new(board.coprocessor.clone(), now),
            skipped: now,
            touched: true,
            accesses: 0,
            unanswered: BTreeMap::new(),
            board,
        }
    }

    /// How the Ethernet controller is connected now.
    fn connection(&self, now: u64) -> Connection {
        let pins = &self.board.ethernet;
        let pad = |pin: u8, input| self.gpio.is_pad(usize::from(pin), 3, input);
        let (clk0, clk1) = (self.clocks.hp.get(0x30), self.clocks.hp.get(0x34));
        let rmii = self.clocks.hp_system.get(0x14c) >> 2 & 7 == 4;
        Connection {
            clock: rmii
                && clk0 >> 27 & 1 == 1
                && clk0 >> 29 & 1 == 1
                && clk1 >> 9 & 1 == 1
                && pad(pins.clock, true)
                && self.phy.clock(now),
            transmit: pad(pins.txd0, false) && pad(pins.txd1, false) && pad(pins.tx_en, false),
            receive: pad(pins.rxd0, true) && pad(pins.rxd1, true) && pad(pins.crs_dv, true),
            management: self.gpio.drives(usize::from(pins.mdc), 108)
                && self.gpio.drives(usize::from(pins.mdio), 109)
                && self.gpio.listens(usize::from(pins.mdio), 107),
        }
    }

    /// How the SDIO host is connected now.
    fn sdio(&self) -> sdhost::Connection {
        let pins = &self.board.sdio;
        let both = |pin: u8, signal: u8| {
            self.gpio.drives(usize::from(pin), u32::from(signal))
                && self.gpio.listens(usize::from(pin), usize::from(signal))
        };
        let (clock, phases) = self.clocks.sdio();
        // Signals of slot 1: the clock is 0, commands are 1, data lines follow.
        let data = (2..).zip(pins.data).map(|(signal, pin)| both(pin, signal));
        sdhost::Connection {
            clock,
            phases,
            command: self.gpio.drives(usize::from(pins.clk), 0) && both(pins.cmd, 1),
            data: data.enumerate().fold(0, |all, (n, there)| all | u8::from(there) << n),
        }
    }

    fn advance_sdio(&mut self, now: u64, memory: &mut Memory) -> Result<(), Fault> {
        let high = self.gpio.output(usize::from(self.board.sdio.reset)).unwrap_or(true);
        self.radio.reset_pin(high, now);
        self.radio.advance(now);
        let connection = self.sdio();
        self.sdhost.advance(now, memory, &mut self.radio, connection)?;
        // The lines are pulled up, and DAT1 is what the card interrupts by.
        let low = if self.sdhost.is_dat1_low() { 1 << self.board.sdio.data[1] } else { 0 };
        self.gpio.input = (self.gpio.input | self.board.sdio.lines()) & !low;
        Ok(())
    }

    /// Lets the devices go on to `now`.
    pub fn advance(&mut self, now: u64, memory: &mut Memory) -> Result<Option<Reset>, Fault> {
        self.touched = false;
        let high = self.gpio.output(usize::from(self.board.ethernet.reset)).unwrap_or(true);
        self.phy.reset_pin(high, now);
        let connection = self.connection(now);
        self.emac.advance(now, memory, &self.phy, connection)?;
        self.advance_sdio(now, memory)?;
        let mut active = 0_u128;
        let mut set = |source: usize, on: bool| active |= u128::from(on) << source;
        set(source::TIMG0_T0, self.timers[0].advance(now));
        set(source::ETH_MAC, self.emac.interrupts());
        set(source::SDIO_HOST, self.sdhost.interrupts());
        set(source::FROM_CPU_0, self.clocks.hp_system.get(0x10) & 1 == 1);
        self.clic.set_sources(active);
        Ok(self.watchdog.advance(now)?.map(Reset::Watchdog))
    }

    /// Megahertz of the memories' PLL.
    pub fn mpll_megahertz(&self) -> u32 {
        self.analog.mpll_megahertz()
    }

    /// When the next device has something to do by itself.
    pub fn due(&self) -> Option<u64> {
        let devices = [self.timers[0].due(), self.watchdog.due(), self.emac.due(), self.sdhost.due(), self.radio.due()];
        devices.into_iter().flatten().min()
    }

    /// Whether a core's interrupt is to be taken now.
    pub fn interrupt(&self, cpu: &Cpu) -> Option<crate::dev::clic::Next> {
        if cpu.mstatus & crate::cpu::MIE == 0 { None } else { self.clic.next(cpu.threshold()) }
    }

    fn read_word(&mut self, address: u32, now: u64, memory: &mut Memory) -> Result<u32, Fault> {
        let offset = address & 0xfff;
        match address >> 12 {
            0x50083 => {
                self.clocks.check(Gate::Sdmmc)?;
                self.advance_sdio(now, memory)?;
                self.sdhost.read(offset)
            }
            0x5008d => self.gated(Gate::Flash)?.flash_commands.read(offset),
            0x5008e => self.gated(Gate::Psram)?.psram.cache.read(offset),
            0x5008f => self.gated(Gate::Psram)?.psram.commands.read(offset),
            0x50090 => self.gated(Gate::Aes)?.aes.read(offset, now),
            0x50091 => self.gated(Gate::Sha)?.sha.read(offset, now),
            0x50093 => self.gated(Gate::Ecc)?.ecc.read(offset, now),
            0x50098 => self.gated(Gate::Emac)?.emac.read_mac(offset, now),
            0x50099 => {
                self.clocks.check(Gate::Emac)?;
                let connection = self.connection(now);
                self.emac.advance(now, memory, &self.phy, connection)?;
                self.emac.read_dma(offset)
            }
            0x500c2 => {
                self.clocks.check(Gate::Timg0)?;
                self.timers[0].read(offset, now, &self.clocks)
            }
            0x500c3 => {
                self.clocks.check(Gate::Timg1)?;
                self.timers[1].read(offset, now, &self.clocks)
            }
            0x500d2 => self.gated(Gate::UsbSerial)?.serial.read(offset),
            0x500d6 => self.gated(Gate::InterruptMatrix)?.clic.read_matrix((offset >> 11) as usize & 1, offset & 0x7ff),
            0x500e0 => self.gated(Gate::IoMux)?.gpio.read(offset),
            0x500e1 if offset < 0x200 => self.gated(Gate::IoMux)?.gpio.read_mux(offset),
            0x500e1 => self.psram.pads.read(offset - 0x200),
            0x500e2 => self.gated(Gate::Systimer)?.systimer.read(offset),
            0x500e5 => self.clocks.hp_system.read(offset),
            0x500e6 => self.clocks.read_hp(offset),
            0x50110 if offset == 0x1a4 => {
                self.clocks.check(Gate::Rng)?;
                Ok(self.noise.word())
            }
            0x50110 => self.clocks.lp_system.read(offset),
            0x50111 => self.clocks.lp.read(offset),
            0x50115 => self.clocks.pmu.read(offset),
            0x50116 => self.watchdog.read(offset),
            0x50120 => self.clocks.lp_peri.read(offset),
            0x50124 => self.gated(Gate::AnalogI2c)?.analog.read(offset),
            0x50127 => {
                self.clocks.check(Gate::LpAdc)?;
                self.adc.read(offset, now, &mut self.noise)
            }
            0x5012b => self.gated(Gate::LpIoMux)?.gpio.read_lp_mux(offset),
            0x5012d => self.gated(Gate::Efuse)?.efuse.read(offset),
            _ => Err(Fault::unmodelled(format!("{address:#010x} was read"))),
        }
    }

    fn write_word(&mut self, address: u32, value: u32, now: u64, memory: &mut Memory) -> Result<(), Fault> {
        let offset = address & 0xfff;
        match address >> 12 {
            0x50083 => {
                self.clocks.check(Gate::Sdmmc)?;
                self.advance_sdio(now, memory)?;
                self.sdhost.write(offset, value, now, self.sdio())
            }
            0x5008d => self.flash_command(offset, value),
            0x5008e => self.gated(Gate::Psram)?.psram.write_cache(offset, value, memory),
            0x5008f => self.gated(Gate::Psram)?.psram.write_command(offset, value),
            0x50090 => self.gated(Gate::Aes)?.aes.write(offset, value, now),
            0x50091 => self.gated(Gate::Sha)?.sha.write(offset, value, now),
            0x50093 => self.gated(Gate::Ecc)?.ecc.write(offset, value, now),
            0x50098 => {
                self.clocks.check(Gate::Emac)?;
                let connection = self.connection(now);
                self.emac.write_mac(offset, value, now, &mut self.phy, connection)
            }
            0x50099 => self.gated(Gate::Emac)?.emac.write_dma(offset, value, now, memory),
            0x500c2 => {
                self.clocks.check(Gate::Timg0)?;
                self.timers[0].write(offset, value, now, &self.clocks)
            }
            0x500c3 => {
                self.clocks.check(Gate::Timg1)?;
                self.timers[1].write(offset, value, now, &self.clocks)
            }
            0x500d2 => self.gated(Gate::UsbSerial)?.serial.write(offset, value),
            0x500d6 => {
                self.gated(Gate::InterruptMatrix)?.clic.write_matrix((offset >> 11) as usize & 1, offset & 0x7ff, value)
            }
            0x500e0 => self.gated(Gate::IoMux)?.gpio.write(offset, value),
            0x500e1 if offset < 0x200 => self.gated(Gate::IoMux)?.gpio.write_mux(offset, value),
            0x500e1 => self.psram.pads.write(offset - 0x200, value).map(|_| ()),
            0x500e2 => self.gated(Gate::Systimer)?.systimer.write(offset, value, now),
            0x500e5 => self.clocks.hp_system.write(offset, value).map(|_| ()),
            0x500e6 => {
                if self.clocks.write_hp(offset, value)? {
                    self.apply_resets();
                }
                Ok(())
            }
            0x50110 => self.clocks.lp_system.write(offset, value).map(|_| ()),
            0x50111 => {
                self.clocks.lp.write(offset, value)?;
                self.apply_resets();
                Ok(())
            }
            0x50115 => self.clocks.pmu.write(offset, value).map(|_| ()),
            0x50116 => self.watchdog.write(offset, value, now),
            0x50120 => self.clocks.lp_peri.write(offset, value).map(|_| ()),
            0x50124 => self.gated(Gate::AnalogI2c)?.analog.write(offset, value),
            0x50127 => self.gated(Gate::LpAdc)?.adc.write(offset, value, now),
            0x5012b => self.gated(Gate::LpIoMux)?.gpio.write_lp_mux(offset, value),
            0x5012d => self.gated(Gate::Efuse)?.efuse.write(offset),
            _ => Err(Fault::unmodelled(format!("{address:#010x} was written"))),
        }
    }

    /// A device that does not answer is noted.
    fn answered<T: Default>(&mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        match result {
            Err(fault) if fault.silent => {
                *self.unanswered.entry(fault.what).or_default() += 1;
                Ok(T::default())
            }
            other => other,
        }
    }

    /// Ourselves, if the device has its clock and is not held in reset.
    fn gated(&mut self, gate: Gate) -> Result<&mut Self, Fault> {
        self.clocks.check(gate)?;
        Ok(self)
    }

    /// Devices that are held in reset forget what they had.
    fn apply_resets(&mut self) {
        if self.clocks.held(Gate::Emac) {
            self.emac.reset();
        }
        if self.clocks.held(Gate::Sdmmc) {
            self.sdhost.reset();
        }
        if self.clocks.psram_held() {
            self.psram.cache.reset();
        }
        if self.clocks.held(Gate::Aes) {
            self.aes.reset();
        }
        if self.clocks.held(Gate::Sha) {
            self.sha.reset();
        }
        if self.clocks.held(Gate::Ecc) {
            self.ecc.reset();
        }
        for (group, gate) in self.timers.iter_mut().zip([Gate::Timg0, Gate::Timg1]) {
            if self.clocks.held(gate) {
                group.reset();
            }
        }
    }

    /// The flash's command register: the identifier is all that is asked there, the rest goes through the ROM.
    fn flash_command(&mut self, offset: u32, value: u32) -> Result<(), Fault> {
        const READ_ID: u32 = 1 << 28;
        self.clocks.check(Gate::Flash)?;
        if offset != 0 || value != READ_ID {
            return Err(Fault::unmodelled(format!("{} was written ({value:#x})", self.flash_commands.name(offset))));
        }
        self.flash_commands.set(0x58, self.flash.id());
        Ok(())
    }
}

impl Io for Bus {
    fn is_device(&self, address: u32) -> bool {
        matches!(address >> 20, 0x500 | 0x501) || address >> 16 == 0x2080
    }

    fn read(&mut self, memory: &mut Memory, address: u32, len: usize, count: u64) -> Result<u32, Fault> {
        self.accesses += 1;
        if address >> 16 == 0x2080 {
            return self.clic.read(address & 0xffff, len);
        }
        if len != 4 {
            return Err(Fault::unmodelled(format!("{len} bytes of {address:#010x} were read")));
        }
        let value = self.read_word(address, self.now(count), memory);
        self.answered(value)
    }

    fn write(&mut self, memory: &mut Memory, address: u32, len: usize, value: u32, count: u64) -> Result<bool, Fault> {
        self.accesses += 1;
        // AES, SHA and ECC interrupt nobody here, and nothing else depends on them.
        let matters = !matches!(address >> 12, 0x50090..=0x50093);
        self.touched |= matters;
        if address >> 16 == 0x2080 {
            self.clic.write(address & 0xffff, len, value)?;
            return Ok(matters);
        }
        if len != 4 {
            return Err(Fault::unmodelled(format!("{len} bytes of {address:#010x} were written")));
        }
        let done = self.write_word(address, value, self.now(count), memory);
        self.answered(done)?;
        Ok(matters)
    }

    fn now(&self, count: u64) -> u64 {
        count + self.skipped
    }
}

#[cfg(test)]
#[path = "bus_tests.rs"]
mod tests;
