//! The SD/SDIO host, a Synopsys DesignWare Mobile Storage Host: commands, data by its internal DMA, the card's interrupt.
//!
//! Sources: ESP-IDF's `sdmmc_reg.h` and `sdmmc_struct.h` (revision 3), whose remarks tell what each bit does and how descriptors look;
//! its `sd_host_sdmmc.c` for the card's interrupt, which is taken at the falling edge of DAT1; Linux' `drivers/mmc/host/dw_mmc.c` and
//! `dw_mmc.h` for the order of events and for the bits of `CTRL` that switch the DMA on; the SDIO simplified specification 3.00 for what is
//! on the wires, §4.3 for its lengths.

use barertc_coprocessor::CardError;

use super::radio::Radio;
use crate::block::Block;
use crate::bus::Fault;
use crate::memory::Memory;
use crate::tables::sdhost::{
    BLKSIZ, BMOD, BYTCNT, CARDTHRCTL, CLKDIV, CLKENA, CLKSRC, CMD, CMDARG, CTRL, CTYPE, DBADDR, IDINTEN, IDSTS,
    INTMASK, MINTSTS, PLDMND, RESP0, RINTSTS, SDHOST, STATUS, TMOUT,
};

/// Control: resets of the controller and the FIFO, that of the DMA; interrupts; DMA.
const RESETS: u32 = 3;
const DMA_RESET: u32 = 1 << 2;
const INTERRUPTS: u32 = 1 << 4;
const DMA: u32 = 1 << 5 | 1 << 25;
const UNUSED_CONTROL: u32 = 0xfc0;
/// Commands.
const START: u32 = 1 << 31;
const UPDATE_CLOCKS: u32 = 1 << 21;
const INITIALIZE: u32 = 1 << 15;
const WAIT: u32 = 1 << 13;
const WRITE: u32 = 1 << 10;
const DATA: u32 = 1 << 9;
const LONG: u32 = 1 << 7;
const RESPONSE: u32 = 1 << 6;
/// Auto-stop, stream, CE-ATA: nothing that a card without memory has.
const UNUSED_COMMAND: u32 = 1 << 11 | 1 << 12 | 1 << 22 | 1 << 23;
/// Raw interrupts.
const COMMAND_DONE: u32 = 1 << 2;
const DATA_OVER: u32 = 1 << 3;
const DATA_CRC: u32 = 1 << 7;
const RESPONSE_TIMEOUT: u32 = 1 << 8;
const DATA_TIMEOUT: u32 = 1 << 9;
const LOCKED: u32 = 1 << 12;
/// Shares its bit with a wrong start bit.
const BUSY_CLEAR: u32 = 1 << 13;
const END_BIT: u32 = 1 << 15;
/// That of the card in slot 1, the one that can be at any pins.
const CARD_INTERRUPT: u32 = 1 << 17;
/// `CARDTHRCTL`: the end of busy interrupts.
const BUSY_CLEAR_ON: u32 = 1 << 1;
/// `STATUS`: DAT0 is held down.
const BUSY: u32 = 1 << 9;
/// Bus mode: reset, enable.
const DMA_SOFT_RESET: u32 = 1;
const DMA_ENABLE: u32 = 1 << 7;
/// DMA status.
const SENT: u32 = 1 << 0;
const RECEIVED: u32 = 1 << 1;
const NORMAL: u32 = 1 << 8;
/// Descriptors.
const OWN: u32 = 1 << 31;
const RING: u32 = 1 << 5;
const CHAINED: u32 = 1 << 4;
const FIRST: u32 = 1 << 3;
const LAST: u32 = 1 << 2;
const QUIET: u32 = 1 << 1;
/// Bits of a command or a response, and clocks between the two (specification: at most 64).
const COMMAND_BITS: u64 = 48;
const TURNAROUND: u64 = 8;
/// Clocks before the first command to a card.
const INITIAL_CLOCKS: u64 = 80;
/// Clocks in which a command is taken over.
const TAKEN: u64 = 4;
/// Clocks of a block beside its data: start, checksum, end, and the pause behind it.
const AROUND_BLOCK: u64 = 1 + 16 + 1 + 8;
/// Ticks that the card is busy with a write.
const WRITING: u64 = 800;
/// Ticks a second.
const TICKS: u64 = super::timers::SECOND;
const SLOT: u32 = 1;

/// How the chip and the board connect the host, looked up for each use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Hertz of the controller's own clock; none if it stands.
    pub clock: Option<u64>,
    /// Clocks for what goes out and what comes in run.
    pub phases: bool,
    /// The pads of the clock and of commands.
    pub command: bool,
    /// Pads of data lines, one bit each.
    pub data: u8,
}

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub commands: u64,
    pub unanswered: u64,
    pub read: u64,
    pub written: u64,
    pub interrupts: u64,
}

/// What is on the bus.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A command waits for the data before it, or for its first clocks.
    Waiting,
    /// Command and response.
    Command,
    /// Blocks of data.
    Data { write: bool },
}

/// The controller.
pub struct SdHost {
    registers: Block,
    /// Clock registers as the cards' clock has them: divider, source, enabled.
    clocks: [u32; 3],
    step: Option<(u64, Step)>,
    /// The command as the card's side has it.
    taken: u32,
    busy_until: u64,
    descriptor: u32,
    /// The card pulls DAT1 down.
    pulled: bool,
    pub counts: Counts,
}

impl Default for SdHost {
    fn default() -> Self {
        Self {
            registers: Block::new("SDHOST", SDHOST),
            clocks: [0; 3],
            step: None,
            taken: 0,
            busy_until: 0,
            descriptor: 0,
            pulled: false,
            counts: Counts::default(),
        }
    }
}

impl SdHost {
    /// As a reset by the clock controller leaves it.
    pub fn reset(&mut self) {
        *self = Self { counts: self.counts, ..Self::default() };
    }

    /// Whether it interrupts.
    pub fn interrupts(&self) -> bool {
        let (status, enabled) = (self.registers.get(IDSTS), self.registers.get(IDINTEN));
        let dma = status & enabled & NORMAL != 0;
        self.registers.get(CTRL) & INTERRUPTS != 0 && (self.masked() != 0 || dma)
    }

    /// Whether the card interrupts by DAT1.
    pub fn is_dat1_low(&self) -> bool {
        self.pulled
    }

    fn masked(&self) -> u32 {
        self.registers.get(RINTSTS) & self.registers.get(INTMASK)
    }

    fn raise(&mut self, bits: u32) {
        self.registers.change(RINTSTS, 0, bits);
    }

    /// A summary bit stays until it is cleared, and only what is enabled sets it.
    fn raise_dma(&mut self, bits: u32) {
        let enabled = self.registers.get(IDINTEN) & bits;
        let normal = if enabled & (SENT | RECEIVED) != 0 { NORMAL } else { 0 };
        self.registers.change(IDSTS, 0, bits | normal);
    }

    /// When it has to be asked again.
    pub fn due(&self) -> Option<u64> {
        let busy = (self.busy_until > 0).then_some(self.busy_until);
        [self.step.map(|(at, _)| at), busy].into_iter().flatten().min()
    }

    /// Hertz of the card's clock, if it gets one.
    fn card_clock(&self, connection: Connection) -> Option<u64> {
        let [divider, source, enabled] = self.clocks;
        let divider = divider >> (8 * (source >> (2 * SLOT) & 3)) & 0xff;
        let hertz = connection.clock? / if divider == 0 { 1 } else { 2 * u64::from(divider) };
        (enabled >> SLOT & 1 == 1 && connection.phases).then_some(hertz)
    }

    /// Goes on to `now`.
    pub fn advance(
        &mut self,
        now: u64,
        memory: &mut Memory,
        radio: &mut Radio,
        connection: Connection,
    ) -> Result<(), Fault> {
        if self.registers.get(CTRL) & RESETS != 0 && connection.clock.is_some() {
            // The controller's and the FIFO's end after cycles of the card's side.
            self.registers.change(CTRL, RESETS, 0);
        }
        if self.busy_until > 0 && self.busy_until <= now {
            self.busy_until = 0;
            if self.registers.get(CARDTHRCTL) & BUSY_CLEAR_ON != 0 {
                self.raise(BUSY_CLEAR);
            }
        }
        while let Some((at, step)) = self.step.take_if(|(at, _)| *at <= now) {
            match step {
                Step::Waiting => self.send(at, radio, connection)?,
                Step::Command => self.answer(at, memory, radio, connection)?,
                Step::Data { write } => self.move_data(at, write, memory, radio, connection)?,
            }
        }
        self.watch(radio, connection);
        Ok(())
    }

    /// The card's interrupt: a falling edge of DAT1, and only while it is not masked, for then it is not looked for.
    fn watch(&mut self, radio: &Radio, connection: Connection) {
        let four = self.registers.get(CTYPE) >> SLOT & 1 == 1;
        let on_data = four && matches!(self.step, Some((_, Step::Data { .. })));
        let pulled = !on_data && connection.data & 2 != 0 && radio.interrupts();
        if pulled && !self.pulled && self.registers.get(INTMASK) & CARD_INTERRUPT != 0 {
            self.counts.interrupts += 1;
            self.raise(CARD_INTERRUPT);
        }
        self.pulled = pulled;
    }

    /// Takes a command over, and puts it on the wires.
    fn send(&mut self, at: u64, radio: &Radio, connection: Connection) -> Result<(), Fault> {
        self.registers.change(CMD, START, 0);
        let clock = self.card_clock(connection);
        let index = (self.taken & 0x3f) as u8;
        if let (Some(hertz), Some(fastest)) = (clock, radio.fastest(index))
            && hertz > fastest
        {
            return Err(Fault::new(format!(
                "SDHOST: CMD{index} at {hertz} Hz, and the card is told to be ready for {fastest}"
            )));
        }
        // Without a clock for the card the response never comes.
        let hertz = clock.or(connection.clock).unwrap_or(TICKS);
        let mut clocks = COMMAND_BITS;
        if self.taken & INITIALIZE != 0 {
            clocks += INITIAL_CLOCKS;
        }
        if self.taken & RESPONSE != 0 {
            clocks += TURNAROUND + COMMAND_BITS;
        }
        self.step = Some((at + clocks * TICKS / hertz, Step::Command));
        Ok(())
    }

    /// The response, or none.
    fn answer(&mut self, at: u64, memory: &mut Memory, radio: &mut Radio, connection: Connection) -> Result<(), Fault> {
        self.counts.commands += 1;
        let index = (self.taken & 0x3f) as u8;
        let hertz = self.card_clock(connection).filter(|_| connection.command && self.taken >> 16 & 0x1f == SLOT);
        let response = hertz.and_then(|_| radio.command(at, index, self.registers.get(CMDARG)));
        if self.taken & RESPONSE == 0 {
            self.raise(COMMAND_DONE);
            return Ok(());
        }
        let Some(response) = response else {
            self.counts.unanswered += 1;
            self.raise(RESPONSE_TIMEOUT | COMMAND_DONE);
            return Ok(());
        };
        self.registers.set(RESP0, response);
        self.raise(COMMAND_DONE);
        if self.taken & DATA == 0 {
            return Ok(());
        }
        let write = self.taken & WRITE != 0;
        let Some(transfer) = radio.transfer() else {
            // The card has refused: there is no data.
            self.raise(if write { END_BIT } else { DATA_TIMEOUT });
            return Ok(());
        };
        let (bytes, block) = (self.registers.get(BYTCNT) as usize, self.registers.get(BLKSIZ) as usize);
        if (transfer.write, transfer.bytes, transfer.block) != (write, bytes, block) {
            return Err(Fault::new(format!(
                "SDHOST: the controller moves {bytes} bytes in blocks of {block}, the card is told {transfer:?}"
            )));
        }
        if self.registers.get(CTRL) & DMA != DMA || self.registers.get(BMOD) & DMA_ENABLE == 0 {
            return Err(Fault::unmodelled("SDHOST: data through BUFFIFO".into()));
        }
        let lines = if self.registers.get(CTYPE) >> SLOT & 1 == 1 { 4 } else { 1 };
        let clocks = (bytes * 8 / lines) as u64 + (bytes / block) as u64 * AROUND_BLOCK;
        let end = at + clocks * TICKS / hertz.unwrap_or(TICKS);
        // What is sent has to be there when it is sent.
        if write {
            self.chain(memory, bytes)?;
        }
        self.step = Some((end, Step::Data { write }));
        Ok(())
    }

    /// All blocks, at their end.
    fn move_data(
        &mut self,
        at: u64,
        write: bool,
        memory: &mut Memory,
        radio: &mut Radio,
        connection: Connection,
    ) -> Result<(), Fault> {
        let lines = if self.registers.get(CTYPE) >> SLOT & 1 == 1 { 4 } else { 1 };
        let pads = if lines == 4 { 0xf } else { 1 };
        // The lines that one side uses and the other does not bring wrong checksums.
        let alike = lines == radio.width() && connection.data & pads == pads;
        let len = self.registers.get(BYTCNT) as usize;
        let moved = if write {
            let parts = self.chain(memory, len)?;
            let mut bytes = Vec::with_capacity(len);
            for (place, len) in &parts {
                let part = memory.dma_read(*place, *len);
                bytes.extend(part.ok_or_else(|| Fault::new(format!("SDHOST: a buffer at {place:#010x}")))?);
            }
            let moved = if alike { radio.write(at, &bytes) } else { Err(CardError::Crc) };
            self.busy_until = at + WRITING;
            self.counts.written += 1;
            moved
        } else {
            let read = if alike { radio.read(at) } else { Err(CardError::Crc) };
            self.counts.read += 1;
            match read {
                Ok(bytes) => {
                    let mut rest = &bytes[..];
                    for (place, len) in self.chain(memory, len)? {
                        let part = rest.split_off(..len).unwrap_or_default();
                        let written = memory.dma_write(place, part);
                        written.ok_or_else(|| Fault::new(format!("SDHOST: a buffer at {place:#010x}")))?;
                    }
                    Ok(())
                }
                Err(why) => Err(why),
            }
        };
        match moved {
            Ok(()) => {
                self.close(memory)?;
                // All is in memory by then.
                self.raise(DATA_OVER);
            }
            Err(CardError::Timeout) => self.raise(DATA_TIMEOUT | DATA_OVER),
            Err(_) => self.raise(DATA_OVER | if write { END_BIT } else { DATA_CRC }),
        }
        Ok(())
    }

    fn word(memory: &Memory, at: u32) -> Result<[u32; 4], Fault> {
        let bytes = memory.dma_read(at, 16).ok_or_else(|| Fault::new(format!("SDHOST: a descriptor at {at:#010x}")))?;
        let words = bytes.as_chunks::<4>().0;
        Ok(std::array::from_fn(|n| u32::from_le_bytes(words[n])))
    }

    /// The places that the chain of descriptors names for so many bytes. All of it is the DMA's before there is data.
    fn chain(&self, memory: &Memory, len: usize) -> Result<Vec<(u32, usize)>, Fault> {
        let (mut at, mut left, mut parts) = (self.descriptor, len, Vec::new());
        while left > 0 {
            let [des0, des1, buffer, next] = Self::word(memory, at)?;
            if des0 & OWN == 0 {
                return Err(Fault::unmodelled(format!("SDHOST: the descriptor at {at:#010x} is not the DMA's")));
            }
            if des0 & RING != 0 || des0 & CHAINED == 0 {
                return Err(Fault::unmodelled(format!("SDHOST: descriptors that are no chain ({des0:#010x})")));
            }
            let size = des1 as usize & 0x1fff;
            if (des0 & FIRST != 0) != parts.is_empty() || size == 0 || buffer & 3 != 0 {
                return Err(Fault::new(format!("SDHOST: a descriptor {des0:#010x} {des1:#010x} {buffer:#010x}")));
            }
            let part = size.min(left);
            parts.push((buffer, part));
            left -= part;
            if des0 & LAST != 0 && left > 0 {
                return Err(Fault::new(format!("SDHOST: the last descriptor leaves {left} bytes")));
            }
            at = next;
        }
        Ok(parts)
    }

    /// Gives the descriptors that were used back.
    fn close(&mut self, memory: &mut Memory) -> Result<(), Fault> {
        let mut left = self.registers.get(BYTCNT) as usize;
        while left > 0 {
            let at = self.descriptor;
            let [des0, des1, _, next] = Self::word(memory, at)?;
            let freed = memory.dma_write(at, &(des0 & !OWN).to_le_bytes());
            freed.ok_or_else(|| Fault::new(format!("SDHOST: a descriptor at {at:#010x}")))?;
            left = left.saturating_sub(des1 as usize & 0x1fff);
            self.descriptor = next;
            if des0 & QUIET == 0 {
                self.raise_dma(if self.taken & WRITE != 0 { SENT } else { RECEIVED });
            }
        }
        Ok(())
    }

    /// A read of a register.
    pub fn read(&self, offset: u32) -> Result<u32, Fault> {
        match offset {
            MINTSTS => Ok(self.masked()),
            STATUS => {
                let fsm = u32::from(matches!(self.step, Some((_, Step::Command)))) << 4;
                let data = matches!(self.step, Some((_, Step::Data { .. })));
                let busy = if self.busy_until > 0 { BUSY } else { 0 };
                // The FIFO is empty, DAT3 is up.
                Ok(1 << 1 | 1 << 2 | fsm | 1 << 8 | busy | u32::from(data) << 10 | (self.taken & 0x3f) << 11)
            }
            PLDMND => Err(Fault::unmodelled("SDHOST.PLDMND was read".into())),
            _ => self.registers.read(offset),
        }
    }

    /// A write of a register.
    pub fn write(&mut self, offset: u32, value: u32, now: u64, connection: Connection) -> Result<(), Fault> {
        let pending = self.registers.get(CMD) & START != 0;
        if pending && matches!(offset, CMD | CMDARG | BYTCNT | BLKSIZ | CTYPE | TMOUT | CLKDIV | CLKSRC | CLKENA) {
            self.raise(LOCKED);
            return Ok(());
        }
        match offset {
            RINTSTS => return self.clear(RINTSTS, value),
            IDSTS => return self.clear(IDSTS, value),
            // The DMA looks at descriptors when there is data.
            PLDMND => return Ok(()),
            _ => {}
        }
        let value = self.registers.write(offset, value)?;
        match offset {
            CTRL => {
                if value & UNUSED_CONTROL != 0 {
                    return Err(Fault::unmodelled(format!("SDHOST.CTRL was written ({value:#x})")));
                }
                if value & 1 != 0 {
                    (self.step, self.taken) = (None, 0);
                    self.registers.change(CMD, START, 0);
                }
                if value & DMA_RESET != 0 {
                    self.registers.change(CTRL, DMA_RESET, 0);
                }
            }
            BMOD if value & DMA_SOFT_RESET != 0 => self.registers.set(BMOD, 0),
            DBADDR => self.descriptor = value,
            CMD if value & START != 0 => self.start(value, now, connection)?,
            _ => {}
        }
        Ok(())
    }

    fn clear(&mut self, offset: u32, bits: u32) -> Result<(), Fault> {
        self.registers.change(offset, bits, 0);
        Ok(())
    }

    fn start(&mut self, command: u32, now: u64, connection: Connection) -> Result<(), Fault> {
        if command & (UNUSED_COMMAND | LONG) != 0 {
            return Err(Fault::unmodelled(format!("SDHOST.CMD was written ({command:#010x})")));
        }
        // Without its clock the controller never takes it.
        let Some(clock) = connection.clock else { return Ok(()) };
        if command & UPDATE_CLOCKS != 0 {
            self.clocks = [CLKDIV, CLKSRC, CLKENA].map(|register| self.registers.get(register));
            self.registers.change(CMD, START, 0);
            return Ok(());
        }
        if self.step.is_some() {
            return Err(Fault::unmodelled("SDHOST: a command while another is under way".into()));
        }
        let taken = now + TAKEN * TICKS / clock;
        let at = if command & WAIT != 0 { taken.max(self.busy_until) } else { taken };
        self.taken = command;
        self.step = Some((at, Step::Waiting));
        Ok(())
    }
}

#[cfg(test)]
#[path = "sdhost_tests.rs"]
mod tests;
