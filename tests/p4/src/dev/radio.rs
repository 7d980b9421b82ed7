//! The ESP32-C6 beside the chip: a simulated co-processor with ESP-Hosted-MCU firmware, as a card on the wires of the SDIO host.
//!
//! Sources: those of `tests/coprocessor`, which speaks the protocol; ESP32-C6 datasheet for `CHIP_PU`: low holds the chip in reset.

use std::cell::Cell;
use std::rc::Rc;

use barertc_coprocessor::{CardError, Coprocessor, Firmware, Transfer, Wire, Wiring};
use barertc_hosted::{Clock, Instant};

/// Ticks a microsecond.
const MICROSECOND: u64 = super::timers::SECOND / 1_000_000;
/// Frames that wait for the host; more are lost in the firmware, which has no more memory.
const BACKLOG: usize = 64;

/// The machine's time, as the co-processor has it.
#[derive(Clone, Default)]
struct Time(Rc<Cell<u64>>);

impl Clock for Time {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.get())
    }

    fn sleep_until(&self, _: Instant) -> impl Future<Output = ()> {
        // Nobody sleeps: the machine asks when something is due.
        std::future::pending()
    }
}

struct Soldered {
    far: Coprocessor<Time>,
    wire: Wire<Time>,
    time: Time,
    high: bool,
}

/// The co-processor, if there is one.
pub struct Radio {
    chip: Option<Soldered>,
    due: Option<u64>,
    /// Frames from the network that found no room.
    pub lost: u64,
}

impl Radio {
    pub fn new(firmware: Option<Firmware>, now: u64) -> Self {
        let chip = firmware.map(|firmware| {
            let time = Time(Rc::new(Cell::new(now / MICROSECOND)));
            let far = Coprocessor::new(firmware, Wiring::Sdio, time.clone());
            let wire = far.wire();
            Soldered { far, wire, time, high: true }
        });
        let mut radio = Self { chip, due: None, lost: 0 };
        radio.turn(now);
        radio
    }

    /// Does what is due by now, and learns when the next is.
    fn turn(&mut self, now: u64) {
        if let Some(chip) = &mut self.chip {
            chip.time.0.set(now / MICROSECOND);
            let due = chip.far.turn();
            self.due = due.map(|at| (at.max(now / MICROSECOND + 1)) * MICROSECOND);
        }
    }

    /// Goes on to `now`.
    pub fn advance(&mut self, now: u64) {
        if self.due.is_some_and(|at| at <= now) {
            self.turn(now);
        }
    }

    /// When it has to be asked again.
    pub fn due(&self) -> Option<u64> {
        self.due
    }

    /// The level at the reset pin.
    pub fn reset_pin(&mut self, high: bool, now: u64) {
        let Some(chip) = self.chip.as_mut().filter(|chip| chip.high != high) else { return };
        chip.high = high;
        chip.time.0.set(now / MICROSECOND);
        chip.wire.hold_in_reset(!high);
        self.turn(now);
    }

    /// A frame comes from the air.
    pub fn hear(&mut self, frame: &[u8], now: u64) {
        let Some(chip) = &self.chip else { return };
        if chip.far.backlog() >= BACKLOG {
            self.lost += 1;
            return;
        }
        chip.far.hear(frame);
        self.turn(now);
    }

    /// The next frame that was sent.
    pub fn take_aired(&mut self) -> Option<Vec<u8>> {
        self.chip.as_ref()?.far.take_aired()
    }

    /// The co-processor itself, to break it.
    pub fn far(&self) -> Option<&Coprocessor<impl Clock + Clone + use<>>> {
        self.chip.as_ref().map(|chip| &chip.far)
    }

    /// Whether DAT1 is pulled down.
    pub fn interrupts(&self) -> bool {
        self.chip.as_ref().is_some_and(|chip| chip.wire.interrupts())
    }

    /// Lines for data.
    pub fn width(&self) -> usize {
        self.chip.as_ref().map_or(1, |chip| chip.wire.width())
    }

    /// The fastest clock for a command, in hertz, if there is one.
    pub fn fastest(&self, index: u8) -> Option<u64> {
        self.chip.as_ref()?.wire.fastest(index)
    }

    /// A command, and what is answered to it.
    pub fn command(&mut self, now: u64, index: u8, argument: u32) -> Option<u32> {
        let answer = self.at(now)?.command(index, argument);
        self.turn(now);
        answer
    }

    /// The data that the last command has announced.
    pub fn transfer(&self) -> Option<Transfer> {
        self.chip.as_ref()?.wire.transfer()
    }

    /// Data for the host.
    pub fn read(&mut self, now: u64) -> Result<Vec<u8>, CardError> {
        let read = self.at(now).ok_or(CardError::Timeout)?.read();
        self.turn(now);
        read
    }

    /// Data of the host.
    pub fn write(&mut self, now: u64, bytes: &[u8]) -> Result<(), CardError> {
        let written = self.at(now).ok_or(CardError::Timeout)?.write(bytes);
        self.turn(now);
        written
    }

    fn at(&mut self, now: u64) -> Option<&mut Wire<Time>> {
        let chip = self.chip.as_mut()?;
        chip.time.0.set(now / MICROSECOND);
        Some(&mut chip.wire)
    }
}
