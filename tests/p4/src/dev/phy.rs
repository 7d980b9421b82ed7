//! The Ethernet transceiver of the function EV board, an IP101GRI, which makes the 50 MHz of RMII.
//!
//! Sources: IEEE 802.3-2018 clause 22 for the registers (22.2.4) and the management frames, clause 28 for auto-negotiation; IC Plus' data
//! sheet of the IP101G for the identifiers and the times after a reset; the schematics of the ESP32-P4 function EV board for address and pins.

use super::timers::SECOND;

/// What is soldered to the board, and what is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// There is a transceiver.
    pub present: bool,
    pub address: u8,
    /// It makes the clock.
    pub clock: bool,
    /// A cable with somebody at its other end.
    pub cable: bool,
}

impl Wiring {
    /// The EV board on a network.
    pub const EV: Self = Self { present: true, address: 1, clock: true, cable: true };
}

/// From the end of a reset until it answers.
const WAKE: u64 = SECOND / 100;
/// Auto-negotiation takes about that.
const NEGOTIATION: u64 = SECOND * 3 / 2;
/// BMSR: link status, auto-negotiation complete.
const LINK: u16 = 1 << 2;
const COMPLETE: u16 = 1 << 5;
/// BMCR: reset, auto-negotiation on, restart it.
const RESET: u16 = 1 << 15;
const NEGOTIATE: u16 = 1 << 12;
const RESTART: u16 = 1 << 9;

/// The transceiver.
pub struct Phy {
    pub wiring: Wiring,
    /// When its reset ended; none while it is held.
    released: Option<u64>,
    control: u16,
    advertised: u16,
    negotiated_at: Option<u64>,
    /// The link was down since the register was read last.
    dropped: bool,
}

impl Phy {
    pub fn new(wiring: Wiring) -> Self {
        Self {
            wiring,
            released: Some(0),
            control: 0x3100,
            advertised: 0x01e1,
            negotiated_at: Some(NEGOTIATION),
            dropped: true,
        }
    }

    /// The level of its reset pin, low while it is to be reset.
    pub fn reset_pin(&mut self, high: bool, now: u64) {
        match (self.released, high) {
            (Some(_), false) => self.released = None,
            (None, true) => {
                *self = Self::new(self.wiring);
                self.released = Some(now);
                self.negotiated_at = Some(now + WAKE + NEGOTIATION);
            }
            _ => {}
        }
    }

    fn awake(&self, now: u64) -> bool {
        self.wiring.present && self.released.is_some_and(|at| now >= at + WAKE || at == 0)
    }

    /// Whether its clock runs.
    pub fn clock(&self, now: u64) -> bool {
        self.wiring.clock && self.awake(now)
    }

    /// Whether frames go through.
    pub fn link(&self, now: u64) -> bool {
        self.wiring.cable && self.awake(now) && self.negotiated_at.is_some_and(|at| now >= at)
    }

    /// The cable is pulled or plugged.
    pub fn plug(&mut self, cable: bool, now: u64) {
        self.wiring.cable = cable;
        self.dropped = true;
        self.negotiated_at = cable.then_some(now + NEGOTIATION);
    }

    /// A management read; ones where nobody answers.
    pub fn read(&mut self, address: u8, register: u8, now: u64) -> u16 {
        if address != self.wiring.address || !self.awake(now) {
            return 0xffff;
        }
        match register {
            0 => self.control,
            1 => {
                let link = self.link(now);
                // Latched low: a link that was lost is told once (22.2.4.2.13).
                let shown = link && !self.dropped;
                self.dropped = !link;
                0x7849 | if shown { LINK } else { 0 } | if link { COMPLETE } else { 0 }
            }
            2 => 0x0243,
            3 => 0x0c54,
            4 => self.advertised,
            5 if self.link(now) => 0x45e1,
            _ => 0,
        }
    }

    /// A management write.
    pub fn write(&mut self, address: u8, register: u8, value: u16, now: u64) {
        if address != self.wiring.address || !self.awake(now) {
            return;
        }
        match register {
            0 if value & RESET != 0 => {
                (self.control, self.advertised, self.dropped) = (0x3100, 0x01e1, true);
                self.negotiated_at = Some(now + NEGOTIATION);
            }
            0 => {
                self.control = value & !(RESET | RESTART);
                if value & (NEGOTIATE | RESTART) == NEGOTIATE | RESTART {
                    self.negotiated_at = Some(now + NEGOTIATION);
                    self.dropped = true;
                }
            }
            4 => self.advertised = value,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_answers_in_reset_or_at_another_address() {
        let mut phy = Phy::new(Wiring::EV);
        assert_eq!(phy.read(1, 2, 0), 0x0243);
        assert_eq!(phy.read(0, 2, 0), 0xffff);
        phy.reset_pin(false, 10);
        assert_eq!(phy.read(1, 2, 20), 0xffff);
        phy.reset_pin(true, 30);
        assert_eq!(phy.read(1, 2, 31), 0xffff, "not yet");
        assert!(!phy.clock(31));
        assert_eq!(phy.read(1, 2, 30 + WAKE), 0x0243);
        assert!(phy.clock(30 + WAKE));
        let absent = Wiring { present: false, ..Wiring::EV };
        assert_eq!(Phy::new(absent).read(1, 2, SECOND), 0xffff);
    }

    #[test]
    fn a_lost_link_is_told_once() {
        let mut phy = Phy::new(Wiring::EV);
        let up = NEGOTIATION;
        assert_eq!(phy.read(1, 1, up) & LINK, 0, "it was down");
        assert_eq!(phy.read(1, 1, up) & LINK, LINK);
        phy.plug(false, up);
        phy.plug(true, up);
        let again = up + NEGOTIATION;
        assert_eq!(phy.read(1, 1, again) & LINK, 0);
        assert_eq!(phy.read(1, 1, again) & (LINK | COMPLETE), LINK | COMPLETE);
    }
}
