//! A co-processor with ESP-Hosted-MCU firmware, simulated: written from the co-processor's side of the protocol, and as
//! strict as the real one about registers, credits and block sizes. What the host does wrong is noted down.
//!
//! [`Coprocessor::run`] is the firmware; [`Coprocessor::sdio`] and [`Coprocessor::spi`] are what the host's driver is
//! given as its bus, [`Coprocessor::wire`] what a host controller's is; [`Coprocessor::hear`] and [`Coprocessor::aired`] are the radio.
#![allow(missing_docs)] // A test's tool; the names are the protocol's.

mod clock;
mod firmware;
mod rpc;
mod sdio;
mod settings;
mod spi;
mod transfer;
mod wire;

use std::cell::{Ref, RefCell, RefMut};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use barertc_hosted::{Clock, Instant};

pub use clock::SimClock;
pub use firmware::Running;
pub use sdio::{BusFaults, CardError, SimSdio};
pub use settings::{Faults, Firmware};
pub use spi::SimSpi;
pub use transfer::{Framing, Mode};
pub use wire::{Transfer, Wire};

/// Microseconds from the end of a reset until the card answers.
const BOOT: u64 = 600_000;

/// Whether transfers take the time they take on wires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// 40 MHz, four bits.
    Wires,
    /// None at all.
    None,
}

/// The bus that the host is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring {
    Sdio,
    Spi,
}

/// The board: what outlives a reset, and what runs between two.
pub struct Board {
    pub firmware: Firmware,
    pub faults: Faults,
    pub bus_faults: BusFaults,
    pub wiring: Wiring,
    pub running: Option<Running>,
    pub card: sdio::Card,
    pub spi: spi::Slave,
    /// Of before the last reset.
    violations: Vec<String>,
    /// Requests of before the last reset.
    requests: Vec<u32>,
    pub starts: u32,
    boot_at: Option<u64>,
    host: Vec<Waker>,
    firmware_task: Option<Waker>,
    kicked: bool,
    radio: Option<Waker>,
    /// Cache lines that buffers have to start at.
    pub alignment: usize,
}

impl Board {
    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            self.violations.extend(running.violations);
            self.requests.extend(running.requests);
            // What happened on the radio has happened.
            self.faults = running.faults;
        }
        self.card = sdio::Card::default();
        self.spi = spi::Slave::default();
        self.boot_at = None;
    }

    fn boot(&mut self) {
        let mut running = Running::new(self.firmware.clone(), self.faults.clone());
        if self.wiring == Wiring::Spi {
            running.open(false);
        }
        self.running = Some(running);
        self.boot_at = None;
        self.starts += 1;
    }

    fn violate(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// What the firmware and the hardware do without the host; tells when the next is due.
    fn poll(&mut self, now: u64) -> Option<u64> {
        if self.boot_at.is_some_and(|at| now >= at) {
            self.boot();
        }
        let next = self.running.as_mut().and_then(|running| running.poll(now));
        self.load(now);
        [next, self.boot_at, self.spi.busy_until(now)].into_iter().flatten().min()
    }

    /// Wakes who waits for what is there now.
    fn wake(&mut self) {
        if self.attention() {
            self.host.drain(..).for_each(Waker::wake);
        }
        if self.running.as_ref().is_some_and(|running| !running.aired.is_empty())
            && let Some(radio) = self.radio.take()
        {
            radio.wake();
        }
    }

    /// Something has changed from outside.
    fn kick(&mut self) {
        self.kicked = true;
        if let Some(task) = self.firmware_task.take() {
            task.wake();
        }
    }

    fn load(&mut self, now: u64) {
        let Some(running) = &mut self.running else { return };
        match self.wiring {
            Wiring::Sdio => self.card.load(running),
            Wiring::Spi => self.spi.load(now, running),
        }
    }

    fn attention(&self) -> bool {
        match self.wiring {
            Wiring::Sdio => self.card.interrupts() && !self.bus_faults.no_interrupt,
            Wiring::Spi => self.spi.attention(),
        }
    }
}

/// The co-processor. Clones are the same one.
#[derive(Clone)]
pub struct Coprocessor<C> {
    board: Rc<RefCell<Board>>,
    clock: C,
}

impl<C: Clock + Clone> Coprocessor<C> {
    pub fn new(firmware: Firmware, wiring: Wiring, clock: C) -> Self {
        let now = clock.now().as_micros();
        let board = Board {
            firmware,
            faults: Faults::default(),
            bus_faults: BusFaults::default(),
            wiring,
            running: None,
            card: sdio::Card::default(),
            spi: spi::Slave::default(),
            violations: Vec::new(),
            requests: Vec::new(),
            starts: 0,
            boot_at: Some(now + BOOT),
            host: Vec::new(),
            firmware_task: None,
            kicked: false,
            radio: None,
            alignment: 64,
        };
        Self { board: Rc::new(RefCell::new(board)), clock }
    }

    /// The SDIO bus with this card on it.
    pub fn sdio(&self, timing: Timing) -> SimSdio<C> {
        SimSdio::new(self.board.clone(), self.clock.clone(), timing)
    }

    /// This card's end of the wires, for a host that sends each command itself.
    pub fn wire(&self) -> Wire<C> {
        Wire::new(self.sdio(Timing::None))
    }

    /// Does what is due, and tells when the next is, in microseconds: what [`run`](Self::run) does, for a host whose time is not made of
    /// futures.
    pub fn turn(&self) -> Option<u64> {
        let mut board = self.board.borrow_mut();
        board.kicked = false;
        board.poll(self.clock.now().as_micros())
    }

    /// The next frame that the radio has sent, if there is one.
    pub fn take_aired(&self) -> Option<Vec<u8>> {
        self.board.borrow_mut().running.as_mut()?.aired.pop_front()
    }

    /// The SPI bus with this co-processor on it.
    pub fn spi(&self, timing: Timing) -> SimSpi<C> {
        SimSpi::new(self.board.clone(), self.clock.clone(), timing)
    }

    /// The firmware: runs for ever.
    pub async fn run(&self) {
        loop {
            let next = {
                let mut board = self.board.borrow_mut();
                let next = board.poll(self.clock.now().as_micros());
                board.wake();
                next
            };
            let at = next.map_or(Instant::FAR_FUTURE, Instant::from_micros);
            let mut sleep = pin!(self.clock.sleep_until(at));
            poll_fn(|cx| {
                let mut board = self.board.borrow_mut();
                if std::mem::take(&mut board.kicked) {
                    return Poll::Ready(());
                }
                board.firmware_task = Some(cx.waker().clone());
                drop(board);
                sleep.as_mut().poll(cx)
            })
            .await;
        }
    }

    /// A frame comes from the air.
    pub fn hear(&self, frame: &[u8]) {
        let mut board = self.board.borrow_mut();
        if let Some(running) = &mut board.running {
            running.heard(frame);
        }
        board.kick();
    }

    /// How many packets wait for the host.
    pub fn backlog(&self) -> usize {
        self.board.borrow().running.as_ref().map_or(0, |running| running.to_host.len())
    }

    /// The next frame that the radio has sent.
    pub async fn aired(&self) -> Vec<u8> {
        poll_fn(|cx| {
            let mut board = self.board.borrow_mut();
            match board.running.as_mut().and_then(|running| running.aired.pop_front()) {
                Some(frame) => Poll::Ready(frame),
                None => {
                    board.radio = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// The co-processor crashes, and starts by itself: the card is gone for the host.
    pub fn crash(&self) {
        let mut board = self.board.borrow_mut();
        board.stop();
        board.boot_at = Some(self.clock.now().as_micros() + BOOT);
        board.kick();
    }

    /// The access point is gone, with a reason.
    pub fn lose(&self, reason: u32) {
        let mut board = self.board.borrow_mut();
        if let Some(running) = &mut board.running {
            running.lose(reason);
        }
        board.kick();
    }

    /// Changes what is broken, now and after resets.
    pub fn break_it(&self, change: impl FnOnce(&mut Faults)) {
        let mut board = self.board.borrow_mut();
        let board = &mut *board;
        let faults = match &mut board.running {
            Some(running) => &mut running.faults,
            None => &mut board.faults,
        };
        change(faults);
        board.kick();
    }

    /// Changes how the bus behaves.
    pub fn break_bus(&self, change: impl FnOnce(&mut BusFaults)) {
        change(&mut self.board.borrow_mut().bus_faults);
    }

    /// What the host did wrong.
    pub fn violations(&self) -> Vec<String> {
        let board = self.board.borrow();
        let now = board.running.iter().flat_map(|running| &running.violations);
        board.violations.iter().chain(now).cloned().collect()
    }

    /// The requests as they came.
    pub fn requests(&self) -> Vec<u32> {
        let board = self.board.borrow();
        let now = board.running.iter().flat_map(|running| &running.requests);
        board.requests.iter().chain(now).copied().collect()
    }

    /// The board.
    pub fn board(&self) -> Ref<'_, Board> {
        self.board.borrow()
    }

    /// The board.
    pub fn board_mut(&self) -> RefMut<'_, Board> {
        self.board.borrow_mut()
    }
}
