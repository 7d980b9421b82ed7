//! The network card, a Microchip LAN9118, for embassy-net.
//!
//! Frames wait in the card's own 16 KiB: here is room for the one that is read, and the one that is written. The registers are
//! those of the data sheet (DS00002266), chapter 5.

use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::waitqueue::AtomicWaker;

use crate::machine::{Interrupt, enable, say};

/// Bytes of an Ethernet frame, without its checksum.
const MTU: usize = 1514;
/// Words of the longest frame.
const WORDS: usize = MTU.div_ceil(4);

/// Where the board has the card, and its registers from there.
const BASE: usize = 0x4020_0000;
const RX_DATA: usize = 0x00;
const TX_DATA: usize = 0x20;
const RX_STATUS: usize = 0x40;
const TX_STATUS: usize = 0x48;
const ID_REV: usize = 0x50;
const IRQ_CFG: usize = 0x54;
const INT_STS: usize = 0x58;
const INT_EN: usize = 0x5c;
const FIFO_INT: usize = 0x68;
const TX_CFG: usize = 0x70;
const HW_CFG: usize = 0x74;
const RX_DP_CTRL: usize = 0x78;
const RX_FIFO_INF: usize = 0x7c;
const TX_FIFO_INF: usize = 0x80;
const MAC_CSR_CMD: usize = 0xa4;
const MAC_CSR_DATA: usize = 0xa8;

/// IRQ_CFG: interrupts are let out, active high, and drive their line.
const IRQ_OUT: u32 = 1 << 8 | 1 << 4 | 1;
/// INT_EN: more than so many words of status wait (RSFL).
const RX_WAITS: u32 = 1 << 3;
/// TX_CFG: the transmitter is on.
const TX_ON: u32 = 1 << 1;
/// HW_CFG: reset, and frames go to the wire as a whole (store and forward).
const RESET: u32 = 1 << 0;
const WHOLE: u32 = 1 << 20;
/// HW_CFG: 5 KiB of the 16 are for what is sent, the rest for what is received.
const TX_SIZE: u32 = 5 << 16;
/// RX_DP_CTRL: the frame at the head is dropped.
const RX_DROP: u32 = 1 << 31;
/// MAC_CSR_CMD: busy, and read.
const BUSY: u32 = 1 << 31;
const READ: u32 = 1 << 30;
/// The MAC's registers, and its transmitter, receiver and both directions at a time.
const MAC_CR: u32 = 1;
const ADDRH: u32 = 2;
const ADDRL: u32 = 3;
const MAC_ON: u32 = 1 << 20 | 1 << 3 | 1 << 2;
/// Status of a frame: received with an error; sent with an error.
const ERROR: u32 = 1 << 15;
/// TX command A: a frame in one piece.
const ONE_PIECE: u32 = 1 << 13 | 1 << 12;
/// Bytes of a frame's checksum, which the card leaves behind the frame.
const CHECKSUM: usize = 4;
/// Words of the two commands before a frame that is sent.
const COMMANDS: usize = 2;

/// Woken when frames wait.
static RECEIVED: AtomicWaker = AtomicWaker::new();
/// Frames that were not sent or were broken.
static ERRORS: AtomicU32 = AtomicU32::new(0);

/// Counts a frame that is lost, and says so.
fn frame_lost() {
    let lost = ERRORS.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    say!("network card: a frame is broken, {lost} in all");
}

/// Room for a frame each way.
pub struct Frames {
    received: [u32; WORDS],
    sent: [u32; WORDS],
}

impl Frames {
    pub const fn new() -> Self {
        Self { received: [0; WORDS], sent: [0; WORDS] }
    }
}

fn read(register: usize) -> u32 {
    // SAFETY: a register of the card, which this file alone uses.
    unsafe { core::ptr::with_exposed_provenance::<u32>(BASE + register).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of the card, which this file alone uses.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(BASE + register).write_volatile(value) };
}

fn mac_command(command: u32) {
    write(MAC_CSR_CMD, command | BUSY);
    while read(MAC_CSR_CMD) & BUSY != 0 {}
}

fn mac_read(register: u32) -> u32 {
    mac_command(register | READ);
    read(MAC_CSR_DATA)
}

/// The card has frames. It is quiet until they have been taken.
pub fn interrupted() {
    write(INT_EN, 0);
    RECEIVED.wake();
}

/// The card.
pub struct Card {
    frames: &'static mut Frames,
    address: [u8; 6],
}

impl Card {
    /// The card, if it is there, with its receiver and transmitter on.
    pub fn find(frames: &'static mut Frames) -> Option<Self> {
        // The LAN9118's number.
        if read(ID_REV) >> 16 != 0x0118 {
            return None;
        }
        write(HW_CFG, RESET);
        while read(HW_CFG) & RESET != 0 {}
        write(HW_CFG, WHOLE | TX_SIZE);
        write(TX_CFG, TX_ON);
        // A word of status is enough for an interrupt.
        write(FIFO_INT, 0);
        write(IRQ_CFG, IRQ_OUT);
        // From the card's EEPROM.
        let (high, low) = (mac_read(ADDRH).to_le_bytes(), mac_read(ADDRL).to_le_bytes());
        write(MAC_CSR_DATA, MAC_ON);
        mac_command(MAC_CR);
        enable(Interrupt::Ethernet);
        Some(Self { frames, address: [low[0], low[1], low[2], low[3], high[0], high[1]] })
    }

    /// Statuses of frames that were sent are taken, so that there is room for more.
    fn take_sent() {
        while read(TX_FIFO_INF) >> 16 & 0xff != 0 {
            if read(TX_STATUS) & ERROR != 0 {
                frame_lost();
            }
        }
    }

    fn has_frame() -> bool {
        read(RX_FIFO_INF) >> 16 & 0xff != 0
    }

    fn has_room() -> bool {
        Self::take_sent();
        (read(TX_FIFO_INF) & 0xffff) as usize >= (WORDS + COMMANDS) * 4
    }
}

/// The frame at the head of what was received.
pub struct Received<'a>(&'a mut [u32; WORDS]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        let status = read(RX_STATUS);
        let len = (status >> 16 & 0x3fff) as usize;
        let words = len.div_ceil(4);
        let good = status & ERROR == 0 && (CHECKSUM..=MTU + CHECKSUM).contains(&len);
        if !good {
            frame_lost();
            // Four words or more can be dropped by the card; fewer are read (§5.3.7).
            if words >= 4 {
                write(RX_DP_CTRL, RX_DROP);
                while read(RX_DP_CTRL) & RX_DROP != 0 {}
            } else {
                for _ in 0..words {
                    read(RX_DATA);
                }
            }
            return f(&mut []);
        }
        for n in 0..words {
            let word = read(RX_DATA);
            // The checksum has no room.
            if let Some(place) = self.0.get_mut(n) {
                *place = word.to_le();
            }
        }
        f(&mut bytes(self.0)[..len - CHECKSUM])
    }
}

/// Room for a frame to send.
pub struct Sent<'a>(&'a mut [u32; WORDS]);

impl TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let result = f(&mut bytes(self.0)[..len]);
        // Two tokens may be out at a time, and the first has taken the room of the second.
        while !Card::has_room() {}
        write(TX_DATA, ONE_PIECE | len as u32);
        write(TX_DATA, len as u32);
        for word in &self.0[..len.div_ceil(4)] {
            write(TX_DATA, u32::from_le(*word));
        }
        result
    }
}

fn bytes(words: &mut [u32; WORDS]) -> &mut [u8] {
    // SAFETY: the same memory with a smaller alignment; every value is valid as bytes and as words.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), WORDS * 4) }
}

impl Driver for Card {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sent<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received<'_>, Sent<'_>)> {
        if !Self::has_frame() {
            RECEIVED.register(cx.waker());
            write(INT_STS, RX_WAITS);
            write(INT_EN, RX_WAITS);
            // One may have come between the look and the clearing.
            if !Self::has_frame() {
                return None;
            }
        }
        Some((Received(&mut self.frames.received), Sent(&mut self.frames.sent)))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<Sent<'_>> {
        if Self::has_room() {
            return Some(Sent(&mut self.frames.sent));
        }
        // Room comes in the time of a frame on the wire, which is less than it takes to look again.
        cx.waker().wake_by_ref();
        None
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MTU;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.address)
    }
}
