//! What is on the board: the chip's revision, what is soldered to it, which pins it is wired to.
//!
//! Source: the schematics of the ESP32-P4 function EV board, v1.5; the table of pins in `examples/esp32p4/README.md` says the same, and a run
//! that reaches the network shows it.

use barertc_coprocessor::Firmware;

use crate::dev::phy::Wiring;
use crate::dev::psram::Chip;

/// Where Ethernet's transceiver is wired to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthernetPins {
    pub clock: u8,
    pub rxd0: u8,
    pub rxd1: u8,
    pub crs_dv: u8,
    pub txd0: u8,
    pub txd1: u8,
    pub tx_en: u8,
    pub mdc: u8,
    pub mdio: u8,
    pub reset: u8,
}

/// Where the co-processor for WiFi is wired to; its reset line is pulled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdioPins {
    pub clk: u8,
    pub cmd: u8,
    pub data: [u8; 4],
    pub reset: u8,
}

impl SdioPins {
    /// The data lines, a bit each.
    pub fn lines(&self) -> u64 {
        self.data.iter().fold(0, |all, pin| all | 1 << pin)
    }
}

/// A board.
#[derive(Clone, Debug)]
pub struct Board {
    pub revision: (u32, u32),
    pub mac: [u8; 6],
    pub psram: Chip,
    pub phy: Wiring,
    pub ethernet: EthernetPins,
    pub sdio: SdioPins,
    /// The ESP32-C6 and its firmware; none: there is no card.
    pub coprocessor: Option<Firmware>,
    /// A host reads the log over USB; else it goes to UART 0.
    pub usb_host: bool,
    /// What the noise of the converter and of the generator begins with.
    pub noise: u64,
    /// The bootloader starts a program on a revision that it is not for.
    pub any_revision: bool,
    /// `mstatus.MIE` as the bootloader leaves it.
    pub interrupts_on: bool,
}

impl Board {
    /// The function EV board with a chip of revision 3.1.
    pub fn ev() -> Self {
        Self {
            revision: (3, 1),
            mac: [0x60, 0x55, 0xf9, 0x11, 0x22, 0x33],
            psram: Chip::EV,
            phy: Wiring::EV,
            ethernet: EthernetPins {
                clock: 50,
                rxd0: 29,
                rxd1: 30,
                crs_dv: 28,
                txd0: 34,
                txd1: 35,
                tx_en: 49,
                mdc: 31,
                mdio: 52,
                reset: 51,
            },
            sdio: SdioPins { clk: 18, cmd: 19, data: [14, 15, 16, 17], reset: 54 },
            coprocessor: Some(Firmware::default()),
            usb_host: false,
            noise: 0x5eed,
            any_revision: false,
            interrupts_on: false,
        }
    }
}
