//! SDIO: a card of one function with a few registers, and credits.
//!
//! The co-processor counts in registers: bytes it ever had to send (20 bits), and buffers it ever had for us (12 bits).
//! The difference to what we ever took, and ever sent, is what waits, and what we may send. Data goes to and comes from
//! addresses that end at [`DATA_END`]: the distance tells the length, and what is beyond it is padding.

use barertc_arena::Allocator;
use barertc_wire::Clock;

use super::split::{Step, split};
use super::{Fault, Lent, Room, Sink, Transport, reset, sealed::Sealed, sleep};
use crate::buffer::Buffer;
use crate::bus::SdioBus;
use crate::config::Config;
use crate::header;
use crate::stats::Discard;

// Registers of function 0, from the SDIO specification (6.9).
const FUNCTION_ENABLE: u32 = 0x02;
const FUNCTION_READY: u32 = 0x03;
const INTERRUPT_ENABLE: u32 = 0x04;
const BLOCK_SIZE: u32 = 0x10;
/// Where function 1 has its own.
const FUNCTION_1: u32 = 0x100;

// Registers of function 1.
const TOKEN: u32 = 0x44;
/// The first of those that are read at once; the length is the last of them.
const INTERRUPTS: u32 = 0x50;
const OPEN_DATA_PATH: u32 = 0x8C;
const INTERRUPTS_CLEAR: u32 = 0xD4;

const INTERRUPT_PAUSE: u32 = 1 << 7;
const INTERRUPT_GO_ON: u32 = 1 << 6;

const BLOCK: usize = 512;
/// Where data ends.
const DATA_END: u32 = 0x1F800;
const LENGTH_MASK: u32 = 0xF_FFFF;
const TOKEN_MASK: u16 = 0xFFF;

/// Bytes of the largest packet, and of a buffer of the co-processor.
pub(crate) const PACKET: usize = 1536;
/// More than this never waits: its queues have 255 places at most. It is a fault of the bus.
const MAX_WAITING: u32 = 255 * PACKET as u32;
/// More than this is not believed at once: it has 20 buffers unless it is built otherwise, and a misread count would
/// flood it.
const MAX_CREDIT: u16 = 20;
/// How often the card is looked for, every 100 ms.
const ATTEMPTS: usize = 15;

/// The co-processor over SDIO.
pub struct Sdio<B> {
    bus: B,
    /// Bytes ever received, modulo 2^20.
    received: u32,
    /// Packets ever sent, modulo 2^12.
    sent: u16,
    /// Packets that may be sent before the register is asked again.
    credit: u16,
}

impl<B: SdioBus> Sdio<B> {
    /// A transport over this bus.
    pub const fn new(bus: B) -> Self {
        Self { bus, received: 0, sent: 0, credit: 0 }
    }

    /// Looks for the card, and readies it.
    async fn find<C: Clock>(&mut self, clock: &C) -> Result<(), Fault> {
        for _ in 0..ATTEMPTS {
            if self.bus.acquire().await.is_ok() && self.set_up(clock).await.is_ok() {
                return Ok(());
            }
            sleep(clock, 100).await;
        }
        Err(Fault)
    }

    async fn set_up<C: Clock>(&mut self, clock: &C) -> Result<(), Fault> {
        let enabled = self.register(FUNCTION_ENABLE).await?;
        self.set_register(FUNCTION_ENABLE, enabled | 2).await?;
        let mut patience = 50u8;
        while self.register(FUNCTION_READY).await? & 2 == 0 {
            patience = match patience {
                0 => return Err(Fault),
                left => left.saturating_sub(1),
            };
            sleep(clock, 10).await;
        }
        // The master switch, and that of function 1.
        let enabled = self.register(INTERRUPT_ENABLE).await?;
        self.set_register(INTERRUPT_ENABLE, enabled | 3).await?;
        let [low, high] = (BLOCK as u16).to_le_bytes();
        for base in [0, FUNCTION_1] {
            self.set_register(base | BLOCK_SIZE, low).await?;
            self.set_register(base | BLOCK_SIZE | 1, high).await?;
        }
        Ok(())
    }

    async fn register(&mut self, address: u32) -> Result<u8, Fault> {
        self.bus.read_byte(0, address).await.map_err(|_| Fault)
    }

    async fn set_register(&mut self, address: u32, value: u8) -> Result<(), Fault> {
        self.bus.write_byte(0, address, value).await.map_err(|_| Fault)
    }

    /// Asks how much waits, and clears what the co-processor asked for attention for.
    async fn look<A: Allocator, S: Sink>(&mut self, registers: &mut Buffer<A>, sink: &mut S) -> Result<u32, Fault> {
        let seen = registers.first_mut(super::REGISTERS);
        self.bus.read(INTERRUPTS, seen).await.map_err(|_| Fault)?;
        let (Some(interrupts), Some(length)) = (word(seen, 0), word(seen, 16)) else { return Err(Fault) };
        // A floating bus reads as ones; a length of 0xFFFFF alone is as good as any.
        if length == u32::MAX || interrupts == u32::MAX {
            return Err(Fault);
        }
        if interrupts != 0 {
            let clear = registers.first_mut(4);
            clear.copy_from_slice(&interrupts.to_le_bytes());
            self.bus.write(INTERRUPTS_CLEAR, clear).await.map_err(|_| Fault)?;
        }
        // When both have come, nobody knows which came last. The pause ends: credits still count.
        if interrupts & (INTERRUPT_PAUSE | INTERRUPT_GO_ON) != 0 {
            sink.pause(interrupts & INTERRUPT_GO_ON == 0);
        }
        let waiting = (length & LENGTH_MASK).wrapping_sub(self.received) & LENGTH_MASK;
        if waiting > MAX_WAITING { Err(Fault) } else { Ok(waiting) }
    }

    async fn ask_credit<A: Allocator>(&mut self, registers: &mut Buffer<A>) -> Result<u16, Fault> {
        let seen = registers.first_mut(4);
        self.bus.read(TOKEN, seen).await.map_err(|_| Fault)?;
        let token = word(seen, 0).filter(|token| *token != u32::MAX).ok_or(Fault)?;
        let ever = (token >> 16) as u16 & TOKEN_MASK;
        Ok((ever.wrapping_sub(self.sent) & TOKEN_MASK).min(MAX_CREDIT))
    }
}

impl<B> Sealed for Sdio<B> {}

impl<B: SdioBus> Transport for Sdio<B> {
    const BUFFER_BYTES: usize = PACKET;

    fn received_bytes(config: &Config) -> usize {
        // Before the transfer there is room for what is left of the one before.
        front(config.alignment).saturating_add(config.transfer_bytes.next_multiple_of(BLOCK).max(4 * BLOCK))
    }

    fn aggregate_bytes(config: &Config) -> usize {
        let bytes = (config.aggregate_bytes / BLOCK).saturating_mul(BLOCK);
        if bytes < PACKET { 0 } else { bytes }
    }

    async fn start<C: Clock>(&mut self, clock: &C) -> Result<(), Fault> {
        (self.received, self.sent, self.credit) = (0, 0, 0);
        reset(clock, |held| self.bus.hold_in_reset(held)).await;
        self.find(clock).await?;
        self.bus.write_byte(1, OPEN_DATA_PATH, 1).await.map_err(|_| Fault)
    }

    async fn receive<C: Clock, A: Allocator, S: Sink>(
        &mut self,
        _: &C,
        room: &mut Room<A>,
        sink: &mut S,
        _: bool,
    ) -> Result<bool, Fault> {
        let mut waiting = self.look(&mut room.registers, sink).await?;
        if waiting == 0 {
            return Ok(false);
        }
        sink.transfer(waiting as usize);
        let all = room.received.as_mut_slice();
        // A cache line, and so a DMA transfer, starts behind the room for the rest of the transfer before.
        let start = front(room.alignment);
        let capacity = (all.len().saturating_sub(start) / BLOCK).saturating_mul(BLOCK);
        let (mut step, mut in_step) = (Step::default(), true);
        while waiting > 0 {
            let len = (waiting as usize).min(capacity);
            let address = DATA_END.saturating_sub(len as u32);
            let place = start..start.saturating_add(len.next_multiple_of(BLOCK));
            let read = self.bus.read(address, all.get_mut(place).unwrap_or_default()).await;
            // What failed is gone: the co-processor does not send it again.
            self.received = self.received.wrapping_add(len as u32) & LENGTH_MASK;
            waiting = waiting.saturating_sub(len as u32);
            read.map_err(|_| Fault)?;
            if in_step {
                (step, in_step) = take(all, start, step, len, sink);
            }
        }
        // What waited ended with a packet.
        if step.rest > 0 {
            sink.discard(Discard::Truncated);
        }
        if !in_step {
            sink.discard(Discard::OutOfStep);
        }
        Ok(true)
    }

    async fn send<C: Clock, A: Allocator, S: Sink>(
        &mut self,
        _: &C,
        packet: &Buffer<A>,
        len: usize,
        room: &mut Lent<'_, A>,
        _: &mut S,
    ) -> Result<bool, Fault> {
        if self.credit == 0 {
            self.credit = self.ask_credit(room.registers).await?;
        }
        if self.credit == 0 {
            return Ok(false);
        }
        let address = DATA_END.saturating_sub(len as u32);
        let blocks = packet.first(len.next_multiple_of(BLOCK));
        if self.bus.write(address, blocks).await.is_err() {
            // Once more: a transfer with a wrong checksum did not happen.
            self.bus.write(address, blocks).await.map_err(|_| Fault)?;
        }
        self.credit = self.credit.saturating_sub(1);
        self.sent = self.sent.wrapping_add(1) & TOKEN_MASK;
        Ok(true)
    }

    async fn wait(&mut self) -> Result<(), Fault> {
        self.bus.interrupt().await.map_err(|_| Fault)
    }
}

/// Room before a transfer for the part of a packet that the one before has left: a whole number of cache lines.
const fn front(alignment: usize) -> usize {
    PACKET.next_multiple_of(alignment)
}

/// Hands over the packets that are whole. They lie in the bytes that the piece before has left in front of `start`, and
/// in the `len` bytes behind it. The bytes of a packet that is not whole move to the end of the room in front of
/// `start`. Tells what it leaves, and whether we are still in step.
fn take<S: Sink>(all: &mut [u8], start: usize, before: Step, len: usize, sink: &mut S) -> (Step, bool) {
    let from = start.saturating_sub(before.rest).saturating_add(before.owed);
    let end = start.saturating_add(len);
    let bytes = all.get(from..end).unwrap_or_default();
    match split(bytes, PACKET, sink) {
        Ok(step) => {
            // Less than the largest packet, or it would have been one.
            let to = start.saturating_sub(step.rest);
            all.copy_within(end.saturating_sub(step.rest)..end, to);
            (step, true)
        }
        Err(reason) => {
            sink.discard(reason);
            (Step::default(), false)
        }
    }
}

/// A register of 32 bits among those that were read.
fn word(registers: &[u8], at: usize) -> Option<u32> {
    registers.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

const _: () = assert!(PACKET.is_multiple_of(BLOCK) && PACKET > header::LEN);
