//! The Ethernet controller, a Synopsys DesignWare GMAC: descriptors, checksums, management frames.
//!
//! Sources: ESP-IDF's `emac_dma_struct.h` and `emac_mac_struct.h` (revision 3), whose remarks tell what each bit does; Linux'
//! `drivers/net/ethernet/stmicro/stmmac/descs.h`, `enh_desc.c` and `dwmac1000.h` for the enhanced descriptors; IEEE 802.3 for lengths and
//! times; ESP-IDF's `hal/emac_hal.c` for the dividers of the management clock.

use std::collections::VecDeque;

use super::checksum;
use super::phy::Phy;
use crate::bus::Fault;
use crate::memory::Memory;

/// Bus mode: software reset, descriptors of 32 bytes.
const SW_RESET: u32 = 1;
const ALT_DESC_SIZE: u32 = 1 << 7;
/// Operation mode: start of reception and of transmission.
const START_RX: u32 = 1 << 1;
const START_TX: u32 = 1 << 13;
/// Status and interrupt enable.
const TX_DONE: u32 = 1 << 0;
const TX_UNAVAILABLE: u32 = 1 << 2;
const RX_DONE: u32 = 1 << 6;
const RX_UNAVAILABLE: u32 = 1 << 7;
const NORMAL: u32 = 1 << 16;
const ABNORMAL: u32 = 1 << 15;
const NORMAL_SET: u32 = TX_DONE | TX_UNAVAILABLE | RX_DONE;
const ABNORMAL_SET: u32 = RX_UNAVAILABLE;
/// Descriptors.
const OWN: u32 = 1 << 31;
const TX_INTERRUPT: u32 = 1 << 30;
const TX_LAST: u32 = 1 << 29;
const TX_FIRST: u32 = 1 << 28;
const TX_CHAINED: u32 = 1 << 20;
const RX_CHAINED: u32 = 1 << 14;
const RX_FIRST: u32 = 1 << 9;
const RX_LAST: u32 = 1 << 8;
const RX_EXTENDED: u32 = 1;
/// MAC configuration: receiver, transmitter, checksums of what comes.
const RECEIVER: u32 = 1 << 2;
const TRANSMITTER: u32 = 1 << 3;
const CHECK: u32 = 1 << 10;
/// Frame filter: everything, all multicast.
const PROMISCUOUS: u32 = 1;
const ALL_MULTICAST: u32 = 1 << 4;
/// Ticks a byte on the wire, and what is around a frame there: preamble and gap.
const BYTE: u64 = 32;
const AROUND: u64 = 20;
/// Dividers of the management clock, which is made of the 200 MHz of the system.
const DIVIDERS: [u64; 6] = [42, 62, 16, 26, 102, 124];
/// Frames that the network may have ready; more are lost there.
const QUEUE: usize = 512;

/// How the board and the chip connect the controller, looked up for each use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// RMII is chosen, its clocks are on and the clock comes at its pad.
    pub clock: bool,
    /// The pads for frames.
    pub transmit: bool,
    pub receive: bool,
    /// Those for management.
    pub management: bool,
}

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub sent: u64,
    pub received: u64,
    /// Frames that found no descriptor.
    pub missed: u64,
    pub filtered: u64,
    pub management: u64,
}

/// The controller.
#[derive(Default)]
pub struct Emac {
    bus_mode: u32,
    operation: u32,
    enabled: u32,
    status: u32,
    tx_base: u32,
    rx_base: u32,
    tx_at: u32,
    rx_at: u32,
    config: u32,
    filter: u32,
    address: [u32; 2],
    management: u32,
    data: u16,
    management_done: Option<u64>,
    /// A frame on its way out, and when it will have left.
    sending: Option<(u64, Vec<u8>)>,
    /// When the receiver is free again.
    receiving_until: u64,
    /// From the network.
    pub incoming: VecDeque<Vec<u8>>,
    /// For the network.
    pub outgoing: VecDeque<Vec<u8>>,
    pub counts: Counts,
}

impl Emac {
    /// As a reset by the clock controller leaves it.
    pub fn reset(&mut self) {
        let (incoming, outgoing) = (std::mem::take(&mut self.incoming), std::mem::take(&mut self.outgoing));
        *self = Self { incoming, outgoing, counts: self.counts, ..Self::default() };
    }

    /// A frame comes from the network.
    pub fn hear(&mut self, frame: Vec<u8>) {
        if self.incoming.len() < QUEUE {
            self.incoming.push_back(frame);
        }
    }

    /// Whether it interrupts.
    pub fn interrupts(&self) -> bool {
        let normal = self.status & self.enabled & NORMAL_SET != 0 && self.enabled & NORMAL != 0;
        let abnormal = self.status & self.enabled & ABNORMAL_SET != 0 && self.enabled & ABNORMAL != 0;
        normal || abnormal
    }

    /// Whether it may read or write memory.
    pub fn is_running(&self) -> bool {
        self.operation & (START_RX | START_TX) != 0
    }

    /// When it has to be asked again.
    pub fn due(&self) -> Option<u64> {
        let sent = self.sending.as_ref().map(|(at, _)| *at);
        let received = (!self.incoming.is_empty() && self.operation & START_RX != 0).then_some(self.receiving_until);
        [sent, received].into_iter().flatten().min()
    }

    /// Goes on to `now`.
    pub fn advance(&mut self, now: u64, memory: &mut Memory, phy: &Phy, connection: Connection) -> Result<(), Fault> {
        if self.bus_mode & SW_RESET != 0 && connection.clock {
            self.reset();
        }
        if let Some((_, frame)) = self.sending.take_if(|(at, _)| *at <= now) {
            self.sent(memory, frame, phy.link(now) && connection.transmit)?;
            self.send(now, memory)?;
        }
        while now >= self.receiving_until && self.operation & START_RX != 0 {
            let Some(frame) = self.incoming.pop_front() else { break };
            let wire = (frame.len().max(60) as u64 + 4 + AROUND) * BYTE;
            self.receiving_until = self.receiving_until.max(now.saturating_sub(wire)) + wire;
            if phy.link(now) && connection.receive && connection.clock && self.config & RECEIVER != 0 {
                self.receive(frame, memory)?;
            }
        }
        Ok(())
    }

    fn descriptor(memory: &Memory, at: u32) -> Result<[u32; 4], Fault> {
        let bytes = memory.dma_read(at, 16).ok_or_else(|| Fault::new(format!("EMAC: a descriptor at {at:#010x}")))?;
        let words = bytes.as_chunks::<4>().0;
        Ok(std::array::from_fn(|n| u32::from_le_bytes(words[n])))
    }

    fn put(memory: &mut Memory, at: u32, word: u32, value: u32) -> Result<(), Fault> {
        let place = at + 4 * word;
        memory
            .dma_write(place, &value.to_le_bytes())
            .ok_or_else(|| Fault::new(format!("EMAC: a descriptor at {at:#010x}")))
    }

    /// Takes the next frame to send, if there is one.
    fn send(&mut self, now: u64, memory: &Memory) -> Result<(), Fault> {
        if self.sending.is_some() || self.operation & START_TX == 0 || self.config & TRANSMITTER == 0 {
            return Ok(());
        }
        let [des0, des1, buffer, _] = Self::descriptor(memory, self.tx_at)?;
        if des0 & OWN == 0 {
            self.status |= TX_UNAVAILABLE;
            return Ok(());
        }
        if des0 & (TX_FIRST | TX_LAST | TX_CHAINED) != TX_FIRST | TX_LAST | TX_CHAINED {
            return Err(Fault::unmodelled(format!("EMAC: a frame in several buffers, or no chain ({des0:#010x})")));
        }
        let len = des1 as usize & 0x1fff;
        let bytes =
            memory.dma_read(buffer, len).ok_or_else(|| Fault::new(format!("EMAC: a buffer at {buffer:#010x}")))?;
        let mut frame = bytes.to_vec();
        match des0 >> 22 & 3 {
            0 => {}
            3 => checksum::insert(&mut frame),
            how => return Err(Fault::unmodelled(format!("EMAC: checksums inserted as {how}"))),
        }
        let wire = (len.max(60) as u64 + 4 + AROUND) * BYTE;
        self.sending = Some((now + wire, frame));
        Ok(())
    }

    fn sent(&mut self, memory: &mut Memory, frame: Vec<u8>, goes_out: bool) -> Result<(), Fault> {
        let [des0, _, _, next] = Self::descriptor(memory, self.tx_at)?;
        Self::put(memory, self.tx_at, 0, des0 & !OWN)?;
        self.tx_at = next;
        if des0 & TX_INTERRUPT != 0 {
            self.status |= TX_DONE;
        }
        if goes_out {
            self.counts.sent += 1;
            self.outgoing.push_back(frame);
        }
        Ok(())
    }

    fn wants(&self, frame: &[u8]) -> bool {
        let Some(to) = frame.get(..6) else { return false };
        let [high, low] = self.address;
        let own = [low.to_le_bytes(), high.to_le_bytes()].concat();
        self.filter & PROMISCUOUS != 0
            || to == [0xff; 6]
            || (to[0] & 1 == 1 && self.filter & ALL_MULTICAST != 0)
            || own.get(..6) == Some(to)
    }

    fn receive(&mut self, mut frame: Vec<u8>, memory: &mut Memory) -> Result<(), Fault> {
        if !self.wants(&frame) {
            self.counts.filtered += 1;
            return Ok(());
        }
        let [des0, des1, buffer, next] = Self::descriptor(memory, self.rx_at)?;
        if des0 & OWN == 0 {
            // The FIFO is too small to wait in.
            self.status |= RX_UNAVAILABLE;
            self.counts.missed += 1;
            return Ok(());
        }
        if des1 & RX_CHAINED == 0 || self.bus_mode & ALT_DESC_SIZE == 0 {
            return Err(Fault::unmodelled(format!("EMAC: descriptors that are no chain of 32 bytes ({des1:#010x})")));
        }
        let len = frame.len().max(60);
        frame.resize(len, 0);
        // The checksum comes along, for the controller was not told to strip it.
        frame.extend(checksum::crc32(&frame).to_le_bytes());
        if frame.len() > des1 as usize & 0x1fff {
            return Err(Fault::unmodelled(format!("EMAC: a frame of {} bytes in several buffers", frame.len())));
        }
        let extended = if self.config & CHECK != 0 { checksum::verify(&frame[..len]) } else { None };
        memory.dma_write(buffer, &frame).ok_or_else(|| Fault::new(format!("EMAC: a buffer at {buffer:#010x}")))?;
        Self::put(memory, self.rx_at, 4, extended.unwrap_or_default())?;
        let extended = if extended.is_some() { RX_EXTENDED } else { 0 };
        let status = (frame.len() as u32) << 16 | RX_FIRST | RX_LAST | extended | 1 << 5;
        Self::put(memory, self.rx_at, 0, status)?;
        self.rx_at = next;
        self.status |= RX_DONE;
        self.counts.received += 1;
        Ok(())
    }

    /// A read of the DMA's registers.
    pub fn read_dma(&self, offset: u32) -> Result<u32, Fault> {
        Ok(match offset {
            0x00 => self.bus_mode,
            0x0c => self.rx_base,
            0x10 => self.tx_base,
            0x14 => {
                let normal = self.status & self.enabled & NORMAL_SET != 0;
                let abnormal = self.status & self.enabled & ABNORMAL_SET != 0;
                self.status | if normal { NORMAL } else { 0 } | if abnormal { ABNORMAL } else { 0 }
            }
            0x18 => self.operation,
            0x1c => self.enabled,
            0x20 => self.counts.missed.min(0xffff) as u32,
            _ => return Err(Fault::unmodelled(format!("EMAC_DMA+{offset:#x} was read"))),
        })
    }

    /// A write of the DMA's registers.
    pub fn write_dma(&mut self, offset: u32, value: u32, now: u64, memory: &mut Memory) -> Result<(), Fault> {
        if self.bus_mode & SW_RESET != 0 {
            return Err(Fault::new(format!("EMAC_DMA+{offset:#x} is written while the controller resets")));
        }
        match offset {
            0x00 => self.bus_mode = value,
            0x04 => self.send(now, memory)?,
            0x08 => {
                let [des0, ..] = Self::descriptor(memory, self.rx_at)?;
                if des0 & OWN == 0 && self.operation & START_RX != 0 {
                    self.status |= RX_UNAVAILABLE;
                }
            }
            0x0c => (self.rx_base, self.rx_at) = (value & !3, value & !3),
            0x10 => (self.tx_base, self.tx_at) = (value & !3, value & !3),
            0x14 => self.status &= !value,
            0x18 => {
                self.operation = value;
                self.send(now, memory)?;
            }
            0x1c => self.enabled = value,
            _ => return Err(Fault::unmodelled(format!("EMAC_DMA+{offset:#x} was written"))),
        }
        Ok(())
    }

    /// A read of the MAC's registers.
    pub fn read_mac(&self, offset: u32, now: u64) -> Result<u32, Fault> {
        Ok(match offset {
            0x00 => self.config,
            0x04 => self.filter,
            0x10 => self.management | u32::from(self.management_done.is_some_and(|at| at > now)),
            0x14 => u32::from(self.data),
            0x40 => self.address[0] | 1 << 31,
            0x44 => self.address[1],
            _ => return Err(Fault::unmodelled(format!("EMAC_MAC+{offset:#x} was read"))),
        })
    }

    /// A write of the MAC's registers.
    pub fn write_mac(
        &mut self,
        offset: u32,
        value: u32,
        now: u64,
        phy: &mut Phy,
        connection: Connection,
    ) -> Result<(), Fault> {
        match offset {
            0x00 => self.config = value,
            0x04 => self.filter = value,
            0x10 => {
                if self.management_done.is_some_and(|at| at > now) {
                    return Err(Fault::new("EMAC_MAC.EMACGMIIADDR is written during a management frame".into()));
                }
                self.management = value & !1;
                if value & 1 == 1 {
                    self.manage(value, now, phy, connection)?;
                }
            }
            0x14 => self.data = value as u16,
            0x40 => self.address[0] = value & 0xffff,
            0x44 => self.address[1] = value,
            _ => return Err(Fault::unmodelled(format!("EMAC_MAC+{offset:#x} was written"))),
        }
        Ok(())
    }

    /// A management frame of 64 bits.
    fn manage(&mut self, value: u32, now: u64, phy: &mut Phy, connection: Connection) -> Result<(), Fault> {
        let divider = DIVIDERS.get((value >> 2 & 0xf) as usize);
        let divider = divider.ok_or_else(|| Fault::new(format!("EMAC_MAC.EMACGMIIADDR: no divider {value:#x}")))?;
        // IEEE 802.3 22.2.2.13: 400 ns at least.
        if 200 / divider > 2 {
            return Err(Fault::new(format!("EMAC: the management clock has 200 MHz / {divider}, more than 2.5 MHz")));
        }
        let (address, register) = ((value >> 11 & 31) as u8, (value >> 6 & 31) as u8);
        self.management_done = Some(now + 64 * divider * 2);
        self.counts.management += 1;
        match (value >> 1 & 1, connection.management) {
            (0, true) => self.data = phy.read(address, register, now),
            (0, false) => self.data = 0xffff,
            (_, true) => phy.write(address, register, self.data, now),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "emac_tests.rs"]
mod tests;
