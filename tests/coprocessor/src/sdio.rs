//! The SDIO slave: registers, interrupts, and data below the end address.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use barertc_hosted::{Clock, SdioBus};

use crate::firmware::Running;
use crate::wire::Lines;
use crate::{BOOT, Board, Timing};

const DATA_END: usize = 0x1F800;
const BLOCK: usize = 512;
const NEW_PACKET: u32 = 1 << 23;
const START_THROTTLE: u32 = 1 << 7;
const STOP_THROTTLE: u32 = 1 << 6;
/// Packets that the slave's driver takes from the firmware at a time.
const DRIVER_QUEUE: usize = 20;

/// Why a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardError {
    /// Nobody answers.
    Timeout,
    /// A checksum is wrong.
    Crc,
    /// The card's answer says that this cannot be.
    Illegal,
}

/// What a test may break on the wires.
#[derive(Clone, Debug, Default)]
pub struct BusFaults {
    /// So many transfers fail.
    pub fail: u32,
    /// So many data writes fail with a wrong checksum.
    pub fail_writes: u32,
    /// So many register reads bring ones only.
    pub ones: u32,
    /// So many register reads bring anything.
    pub noise: u32,
    /// So many data reads bring anything.
    pub noisy_data: u32,
    /// There has been noise: the host may be out of step, which is not its fault.
    pub noisy: bool,
    /// The card's interrupt line is not connected.
    pub no_interrupt: bool,
}

/// The card.
#[derive(Default)]
pub struct Card {
    pub(crate) selected: bool,
    pub(crate) enabled: u8,
    pub(crate) interrupt_enable: u8,
    pub(crate) block_size: [u16; 2],
    interrupts: u32,
    /// What only counts where commands are sent one by one.
    pub(crate) lines: Lines,
    /// Bytes ever loaded.
    pub loaded_ever: u32,
    /// Packets ever received.
    pub received_ever: u32,
    /// What is loaded, and not read yet.
    stream: VecDeque<u8>,
    /// The lengths of the transfers in it.
    packets: VecDeque<usize>,
    /// Transfers in it after which the firmware waits until the host has read everything.
    blocking: bool,
    /// Most bytes that were ever loaded at the same time.
    pub longest: usize,
}

impl Card {
    /// Starts counting there, so that a test sees the counter turn over.
    pub fn count_from(&mut self, bytes: u32) {
        self.loaded_ever = bytes;
    }

    pub fn interrupts(&self) -> bool {
        self.interrupt_enable & 3 == 3 && self.interrupts != 0
    }

    /// Takes packets from the firmware, and sees to its queue.
    pub fn load(&mut self, running: &mut Running) {
        self.blocking &= !self.packets.is_empty();
        while !self.blocking && self.packets.len() < if running.firmware.streaming { DRIVER_QUEUE } else { 1 } {
            let Some((packet, blocking)) = running.transfer() else { break };
            self.blocking = blocking;
            self.loaded_ever = self.loaded_ever.wrapping_add(packet.len() as u32);
            self.packets.push_back(packet.len());
            self.stream.extend(packet);
            self.longest = self.longest.max(self.stream.len());
            self.interrupts |= NEW_PACKET;
        }
        let load = running.load();
        if running.throttle_high > 0 && !running.throttling && load > running.throttle_high {
            running.throttling = true;
            self.interrupts |= START_THROTTLE;
        } else if running.throttling && load < running.throttle_low {
            running.throttling = false;
            self.interrupts |= STOP_THROTTLE;
        }
    }

    fn register(&self, address: usize, running: &Running) -> u32 {
        match address {
            // The low half is another counter.
            0x44 => (running.buffers_ever & 0xFFF) << 16 | 0x0ABC,
            0x50 | 0x58 => self.interrupts,
            // The upper bits are not the length's.
            0x60 => (self.loaded_ever & 0xF_FFFF) | 0x2A0_0000,
            _ => 0,
        }
    }

    fn read_data(&mut self, wanted: usize, buf: &mut [u8]) -> Result<(), String> {
        if wanted > self.stream.len() {
            return Err(format!("{wanted} bytes are read, {} wait", self.stream.len()));
        }
        for (place, byte) in buf.iter_mut().zip(self.stream.drain(..wanted).chain(std::iter::repeat(0))) {
            *place = byte;
        }
        let mut left = wanted;
        while let Some(first) = self.packets.front_mut().filter(|_| left > 0) {
            let part = left.min(*first);
            *first -= part;
            left -= part;
            if *first == 0 {
                self.packets.pop_front();
            }
        }
        Ok(())
    }
}

/// The bus with the card on it, as the host's driver sees it.
pub struct SimSdio<C> {
    pub(crate) board: Rc<RefCell<Board>>,
    clock: C,
    timing: Timing,
}

impl<C: Clock> SimSdio<C> {
    pub(crate) fn new(board: Rc<RefCell<Board>>, clock: C, timing: Timing) -> Self {
        Self { board, clock, timing }
    }

    /// Takes the time that a command with so many bytes takes.
    async fn spend(&self, bytes: usize) {
        if self.timing == Timing::Wires {
            // 20 bytes a microsecond.
            let until = self.clock.now() + Duration::from_micros(10 + bytes as u64 / 20);
            self.clock.sleep_until(until).await;
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now().as_micros()
    }

    /// What is the same for every command: somebody has to be there.
    fn begin(&self, board: &mut Board) -> Result<(), CardError> {
        board.poll(self.now());
        if board.bus_faults.fail > 0 {
            board.bus_faults.fail -= 1;
            return Err(CardError::Crc);
        }
        if board.running.is_some() && board.card.selected { Ok(()) } else { Err(CardError::Timeout) }
    }

    fn parts(board: &mut Board) -> Result<(&mut Card, &mut Running), CardError> {
        let running = board.running.as_mut().ok_or(CardError::Timeout)?;
        Ok((&mut board.card, running))
    }

    /// How far before the end of the data an address is, if it is there.
    fn data(address: u32) -> Option<usize> {
        let address = address as usize;
        (0x1000..DATA_END).contains(&address).then(|| DATA_END - address)
    }

    fn check(board: &mut Board, address: u32, buf: &[u8], wanted: Option<usize>) -> Result<(), CardError> {
        let len = buf.len();
        let blocks = len.is_multiple_of(BLOCK);
        let mut wrong = None;
        if !buf.as_ptr().addr().is_multiple_of(board.alignment) {
            wrong = Some("a buffer that is not aligned".to_string());
        } else if board.card.enabled & 2 == 0 {
            wrong = Some("function 1 is not enabled".to_string());
        } else if blocks && board.card.block_size[1] as usize != BLOCK {
            wrong = Some("a transfer in blocks whose size is not set".to_string());
        } else if !blocks && len > BLOCK {
            wrong = Some(format!("{len} bytes are no whole number of blocks"));
        } else if let Some(wanted) = wanted {
            if len < wanted || len >= wanted + BLOCK {
                wrong = Some(format!("{len} bytes are moved for {wanted}"));
            }
        } else if address as usize + len > 0x400 || !len.is_multiple_of(4) || !address.is_multiple_of(4) {
            wrong = Some(format!("registers {address:#x} to {:#x}", address as usize + len));
        }
        match wrong {
            Some(what) => {
                board.violate(what);
                Err(CardError::Illegal)
            }
            None => Ok(()),
        }
    }

    pub(crate) fn read_now(&self, address: u32, buf: &mut [u8]) -> Result<(), CardError> {
        let now = self.now();
        let board = &mut *self.board.borrow_mut();
        let wanted = Self::data(address);
        self.begin(board)?;
        Self::check(board, address, buf, wanted)?;
        let faults = &mut board.bus_faults;
        match wanted {
            None if faults.ones > 0 => {
                faults.ones -= 1;
                buf.fill(0xFF);
                return Ok(());
            }
            None if faults.noise > 0 => {
                faults.noise -= 1;
                faults.noisy = true;
                buf.fill_with(|| fastrand::u8(..));
                return Ok(());
            }
            _ => {}
        }
        let (card, running) = Self::parts(board)?;
        let Some(wanted) = wanted else {
            for (n, word) in buf.chunks_mut(4).enumerate() {
                word.copy_from_slice(&card.register(address as usize + 4 * n, running).to_le_bytes());
            }
            return Ok(());
        };
        if let Err(what) = card.read_data(wanted, buf) {
            if !board.bus_faults.noisy {
                board.violate(what);
            }
            return Err(CardError::Illegal);
        }
        if board.bus_faults.noisy_data > 0 {
            board.bus_faults.noisy_data -= 1;
            buf.fill_with(|| fastrand::u8(..));
        }
        board.load(now);
        Ok(())
    }

    pub(crate) fn write_now(&self, address: u32, buf: &[u8]) -> Result<(), CardError> {
        let now = self.now();
        let board = &mut *self.board.borrow_mut();
        let wanted = Self::data(address);
        self.begin(board)?;
        Self::check(board, address, buf, wanted)?;
        if wanted.is_some() && board.bus_faults.fail_writes > 0 {
            board.bus_faults.fail_writes -= 1;
            return Err(CardError::Crc);
        }
        let noisy = board.bus_faults.noisy;
        let (card, running) = Self::parts(board)?;
        match (wanted, address) {
            (Some(len), _) => {
                if !running.data_path {
                    running.violate("data before the data path is open");
                }
                let free = running.buffers_ever.wrapping_sub(card.received_ever);
                if (free == 0 || free > running.firmware.receive_buffers as u32) && !noisy {
                    running.violate(format!("{free} buffers are free"));
                }
                if len > running.buffer_bytes() {
                    running.violate(format!("a packet of {len} bytes"));
                }
                card.received_ever = card.received_ever.wrapping_add(1);
                running.handle_transfer(now, &buf[..len]);
            }
            (None, 0xD4) => {
                let clear = u32::from_le_bytes([buf[0], buf[1], buf[2], buf[3]]);
                card.interrupts &= !clear;
            }
            (None, other) => running.violate(format!("a write to register {other:#x}")),
        }
        board.load(now);
        board.kick();
        Ok(())
    }

    pub(crate) fn read_byte_now(&self, function: u8, address: u32) -> Result<u8, CardError> {
        let board = &mut *self.board.borrow_mut();
        self.begin(board)?;
        let (card, running) = Self::parts(board)?;
        match (function, address) {
            (0, 0x02) => Ok(card.enabled),
            (0, 0x03) => Ok(card.enabled & 2),
            (0, 0x04) => Ok(card.interrupt_enable),
            _ => {
                running.violate(format!("a read of register {address:#x} of function {function}"));
                Err(CardError::Illegal)
            }
        }
    }

    pub(crate) fn write_byte_now(&self, function: u8, address: u32, value: u8) -> Result<(), CardError> {
        let now = self.now();
        let board = &mut *self.board.borrow_mut();
        self.begin(board)?;
        let (card, running) = Self::parts(board)?;
        match (function, address) {
            (0, 0x02) => card.enabled = value,
            (0, 0x04) => card.interrupt_enable = value,
            (0, 0x10 | 0x11 | 0x110 | 0x111) => {
                let size = &mut card.block_size[usize::from(address >= 0x100)];
                let mut bytes = size.to_le_bytes();
                bytes[address as usize & 1] = value;
                *size = u16::from_le_bytes(bytes);
            }
            (1, 0x8C) if card.enabled & 2 != 0 && value == 1 => running.open(true),
            _ => {
                running.violate(format!("a write to register {address:#x} of function {function}"));
                return Err(CardError::Illegal);
            }
        }
        board.load(now);
        board.kick();
        Ok(())
    }
}

impl<C: Clock> SdioBus for SimSdio<C> {
    type Error = CardError;

    fn hold_in_reset(&mut self, hold: bool) {
        let now = self.now();
        let mut board = self.board.borrow_mut();
        if hold {
            board.stop();
        } else if board.running.is_none() {
            board.boot_at = Some(now + BOOT);
        }
        board.kick();
    }

    async fn acquire(&mut self) -> Result<(), CardError> {
        self.spend(100).await;
        let now = self.now();
        let mut board = self.board.borrow_mut();
        board.poll(now);
        if board.running.is_none() {
            return Err(CardError::Timeout);
        }
        board.card.selected = true;
        Ok(())
    }

    async fn read_byte(&mut self, function: u8, address: u32) -> Result<u8, CardError> {
        self.spend(0).await;
        self.read_byte_now(function, address)
    }

    async fn write_byte(&mut self, function: u8, address: u32, value: u8) -> Result<(), CardError> {
        self.spend(0).await;
        self.write_byte_now(function, address, value)
    }

    async fn read(&mut self, address: u32, buf: &mut [u8]) -> Result<(), CardError> {
        self.spend(buf.len()).await;
        self.read_now(address, buf)
    }

    async fn write(&mut self, address: u32, buf: &[u8]) -> Result<(), CardError> {
        self.spend(buf.len()).await;
        self.write_now(address, buf)
    }

    async fn interrupt(&mut self) -> Result<(), CardError> {
        poll_fn(|cx| {
            let mut board = self.board.borrow_mut();
            if board.card.interrupts() && !board.bus_faults.no_interrupt {
                return Poll::Ready(Ok(()));
            }
            board.host.push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}
