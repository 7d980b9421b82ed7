//! The card as a host controller sees it: commands, responses and blocks of data, one by one.
//!
//! Sources: the SDIO simplified specification 3.00, §3.2 and §3.3 (CMD5, R4), §5.1 to §5.3 (CMD52, R5, CMD53), §6.9 (CCCR), §8.1 (interrupts);
//! the SD physical layer specification for CMD0, CMD3 and CMD7; ESP-IDF's `sdio_slave` documentation for the number of functions.

use barertc_hosted::{Clock, SdioBus};

use crate::sdio::{CardError, SimSdio};

/// The card is ready; two functions; 2.7 to 3.6 V.
const READY: u32 = 1 << 31;
const OCR: u32 = 2 << 28 | 0x00ff_8000;
/// Operating conditions that the host names.
const WINDOW: u32 = 0x00ff_ffff;
/// The address that the card takes.
const ADDRESS: u32 = 1;
/// Flags of R5.
const ILLEGAL: u32 = 0x40;
const ERROR: u32 = 0x08;
const NO_FUNCTION: u32 = 0x02;
const OUT_OF_RANGE: u32 = 0x01;
/// A function is enabled: the card is in the command state.
const IN_COMMAND: u32 = 0x10;
/// CCCR: abort, bus interface, capability, speed.
const ABORT: u32 = 0x06;
const INTERFACE: u32 = 0x07;
const CAPABILITY: u32 = 0x08;
const SPEED: u32 = 0x13;
const RESET: u8 = 1 << 3;
const FOUR_LINES: u8 = 2;
/// CMD52 during data, several blocks, interrupts between blocks.
const CAPABILITIES: u8 = 0x13;
const CAN_HIGH_SPEED: u8 = 1;
const HIGH_SPEED: u8 = 2;

/// Where the card is in its start (SDIO simplified specification, §3.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Ready,
    Standby,
    Selected,
}

/// What a transfer by CMD53 is about to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub write: bool,
    pub bytes: usize,
    /// Bytes of a block; all of them, where there are no blocks.
    pub block: usize,
    address: u32,
}

/// The bus, from the card's side.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    state: State,
    /// The host has named its voltage before.
    powered: bool,
    interface: u8,
    speed: u8,
    transfer: Option<Transfer>,
}

/// The card's end of the wires.
pub struct Wire<C> {
    card: SimSdio<C>,
}

impl<C: Clock> Wire<C> {
    pub(crate) fn new(card: SimSdio<C>) -> Self {
        // Where a host's buffers lie is nothing that a card sees.
        card.board.borrow_mut().alignment = 1;
        Self { card }
    }

    fn lines<R>(&self, change: impl FnOnce(&mut Lines) -> R) -> R {
        change(&mut self.card.board.borrow_mut().card.lines)
    }

    /// The line that holds the card in reset.
    pub fn hold_in_reset(&mut self, hold: bool) {
        self.card.hold_in_reset(hold);
    }

    /// Whether the card pulls DAT1 down, while no data is on it.
    pub fn interrupts(&self) -> bool {
        let board = self.card.board.borrow();
        board.card.interrupts() && !board.bus_faults.no_interrupt
    }

    /// Lines for data that the card was told to use: one or four.
    pub fn width(&self) -> usize {
        self.lines(|lines| if lines.interface & 3 == FOUR_LINES { 4 } else { 1 })
    }

    /// The fastest clock at which the card takes a command, in hertz; none where it takes none, or is not to be judged by it.
    pub fn fastest(&self, index: u8) -> Option<u64> {
        self.lines(|lines| match (lines.state, index) {
            (State::Idle | State::Ready, 3 | 5) => Some(400_000),
            (State::Selected, 53) if lines.speed & HIGH_SPEED != 0 => Some(50_000_000),
            (State::Standby, 7) | (State::Selected, 53) => Some(25_000_000),
            _ => None,
        })
    }

    /// A command; what it answers, if it does: 32 bits between the index and the checksum.
    pub fn command(&mut self, index: u8, argument: u32) -> Option<u32> {
        {
            let now = self.card.now();
            let board = &mut *self.card.board.borrow_mut();
            board.poll(now);
            board.running.as_ref()?;
        }
        self.lines(|lines| lines.transfer = None);
        match index {
            // Of a memory's bus; a card without memory does not answer.
            0 | 8 | 55 => None,
            5 => self.lines(|lines| {
                if lines.state == State::Selected {
                    return None;
                }
                let named = argument & WINDOW != 0;
                // The first time it is still powering up.
                let ready = named && lines.powered;
                lines.powered |= named;
                if ready {
                    lines.state = State::Ready;
                }
                Some(OCR | if ready { READY } else { 0 })
            }),
            3 => self.lines(|lines| {
                let known = matches!(lines.state, State::Ready | State::Standby);
                known.then(|| {
                    lines.state = State::Standby;
                    ADDRESS << 16
                })
            }),
            7 => self.select(argument >> 16),
            52 => self.selected().then(|| self.direct(argument)),
            53 => self.selected().then(|| self.extended(argument)),
            _ => None,
        }
    }

    fn selected(&self) -> bool {
        self.lines(|lines| lines.state == State::Selected)
    }

    fn select(&mut self, address: u32) -> Option<u32> {
        let board = &mut *self.card.board.borrow_mut();
        let lines = &mut board.card.lines;
        let ours = address == ADDRESS && matches!(lines.state, State::Standby | State::Selected);
        lines.state = match (ours, lines.state) {
            (true, _) => State::Selected,
            (false, State::Selected) => State::Standby,
            (false, other) => other,
        };
        board.card.selected = board.card.lines.state == State::Selected;
        // No error; in standby, or in the command state.
        ours.then_some(0x1e00)
    }

    /// CMD52: a register.
    fn direct(&mut self, argument: u32) -> u32 {
        let (write, function) = (argument >> 31 == 1, argument >> 28 & 7);
        let (address, value) = (argument >> 9 & 0x1_ffff, argument as u8);
        let done = match (function, address, write) {
            (0, ABORT, true) if value & RESET != 0 => {
                self.reset();
                Ok(0)
            }
            (0, INTERFACE, true) => self.lines(|lines| Ok(std::mem::replace(&mut lines.interface, value))),
            (0, INTERFACE, false) => self.lines(|lines| Ok(lines.interface)),
            (0, CAPABILITY, false) => Ok(CAPABILITIES),
            (0, SPEED, true) => self.lines(|lines| Ok(std::mem::replace(&mut lines.speed, value & HIGH_SPEED))),
            (0, SPEED, false) => self.lines(|lines| Ok(lines.speed | CAN_HIGH_SPEED)),
            (0 | 1, _, true) => self.card.write_byte_now(function as u8, address, value).map(|()| value),
            (0 | 1, _, false) => self.card.read_byte_now(function as u8, address),
            _ => return (IN_COMMAND | NO_FUNCTION) << 8,
        };
        match done {
            Ok(value) => IN_COMMAND << 8 | u32::from(value),
            Err(CardError::Illegal) => (IN_COMMAND | ERROR) << 8,
            Err(_) => (IN_COMMAND | ILLEGAL) << 8,
        }
    }

    /// I/O reset: the card has to be found again.
    fn reset(&mut self) {
        let card = &mut self.card.board.borrow_mut().card;
        card.lines = Lines::default();
        card.selected = false;
        card.enabled = 0;
        card.interrupt_enable = 0;
        card.block_size = [0; 2];
    }

    /// CMD53: announces data.
    fn extended(&mut self, argument: u32) -> u32 {
        let (write, function) = (argument >> 31 == 1, argument >> 28 & 7);
        let (blocks, rising) = (argument >> 27 & 1 == 1, argument >> 26 & 1 == 1);
        let (address, count) = (argument >> 9 & 0x1_ffff, (argument & 0x1ff) as usize);
        let board = &mut *self.card.board.borrow_mut();
        if function != 1 || board.card.enabled & 2 == 0 {
            return (IN_COMMAND | NO_FUNCTION) << 8;
        }
        let block = usize::from(board.card.block_size[1]);
        let (bytes, block) = match (blocks, count) {
            // Blocks without an end are not in use here, nor is an address that stays.
            (true, 0) => return (IN_COMMAND | OUT_OF_RANGE) << 8,
            (true, count) => (block * count, block),
            (false, 0) => (512, 512),
            (false, count) => (count, count),
        };
        if bytes == 0 || !rising {
            return (IN_COMMAND | OUT_OF_RANGE) << 8;
        }
        board.card.lines.transfer = Some(Transfer { write, bytes, block, address });
        IN_COMMAND << 8
    }

    /// What the last command announced.
    pub fn transfer(&self) -> Option<Transfer> {
        self.lines(|lines| lines.transfer)
    }

    /// The data of a read, once its time has come. None: the card sends nothing, or what it sends has a wrong checksum.
    pub fn read(&mut self) -> Result<Vec<u8>, CardError> {
        let transfer = self.lines(|lines| lines.transfer.take()).filter(|transfer| !transfer.write);
        let transfer = transfer.ok_or(CardError::Timeout)?;
        let mut bytes = vec![0; transfer.bytes];
        self.card.read_now(transfer.address, &mut bytes)?;
        Ok(bytes)
    }

    /// The data of a write.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), CardError> {
        let transfer = self.lines(|lines| lines.transfer.take()).filter(|transfer| transfer.write);
        let transfer = transfer.ok_or(CardError::Timeout)?;
        self.card.write_now(transfer.address, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Coprocessor, Firmware, SimClock, Wiring};

    /// A card whose chip has started.
    fn card() -> (Coprocessor<SimClock>, Wire<SimClock>) {
        let clock = SimClock::default();
        let far = Coprocessor::new(Firmware::default(), Wiring::Sdio, clock.clone());
        let mut wire = far.wire();
        assert_eq!(wire.command(5, 0), None, "still starting");
        clock.run(clock.sleep(1000));
        far.turn();
        (far, wire)
    }

    fn select(wire: &mut Wire<SimClock>) {
        for window in [0, 0x30_0000, 0x30_0000] {
            assert!(wire.command(5, window).is_some());
        }
        let address = wire.command(3, 0).expect("an address");
        assert_eq!(wire.command(7, 5 << 16), None, "another card's");
        assert!(wire.command(7, address).is_some());
    }

    #[test]
    fn a_card_is_ready_after_it_was_told_its_voltage_and_answers_once_it_is_selected() {
        let (_, mut wire) = card();
        assert_eq!(wire.command(3, 0), None);
        assert_eq!(wire.command(52, 0), None);
        assert_eq!(wire.command(5, 0).expect("an answer") >> 31, 0);
        assert_eq!(wire.command(5, 0x30_0000).expect("an answer") >> 31, 0, "powering up");
        assert_eq!(wire.command(5, 0x30_0000).expect("an answer") >> 31, 1);
        select(&mut wire);
        assert_eq!(wire.command(52, CAPABILITY << 9).map(|answer| answer as u8), Some(CAPABILITIES));
    }

    #[test]
    fn data_needs_an_enabled_function_and_a_block_size() {
        let (far, mut wire) = card();
        select(&mut wire);
        let read = 1 << 28 | 1 << 26 | 0x50 << 9;
        assert_eq!(wire.command(53, read | 20).map(|answer| answer >> 8 & NO_FUNCTION), Some(NO_FUNCTION));
        assert_eq!(wire.transfer(), None);
        wire.command(52, 1 << 31 | 2 << 9 | 2);
        assert_eq!(wire.command(53, read | 1 << 27 | 1).map(|answer| answer >> 8 & OUT_OF_RANGE), Some(OUT_OF_RANGE));
        wire.command(53, read | 20);
        let transfer = wire.transfer().expect("announced");
        assert_eq!((transfer.write, transfer.bytes, transfer.block), (false, 20, 20));
        assert_eq!(wire.read().expect("registers").len(), 20);
        assert_eq!(wire.read(), Err(CardError::Timeout), "once");
        assert!(far.violations().is_empty());
    }

    #[test]
    fn a_reset_by_register_or_by_pin_makes_it_a_stranger() {
        let (far, mut wire) = card();
        select(&mut wire);
        wire.command(52, 1 << 31 | INTERFACE << 9 | u32::from(FOUR_LINES));
        assert_eq!(wire.width(), 4);
        wire.command(52, 1 << 31 | ABORT << 9 | u32::from(RESET));
        assert_eq!((wire.width(), wire.command(52, 0)), (1, None));
        select(&mut wire);
        wire.hold_in_reset(true);
        assert_eq!(wire.command(52, 0), None);
        far.turn();
        assert_eq!(wire.command(5, 0), None);
    }
}
