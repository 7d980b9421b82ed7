//! The SPI slave: one prepared transfer at a time, and two lines.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use barertc_hosted::{Clock, SpiBus};

use crate::firmware::Running;
use crate::sdio::CardError;
use crate::transfer::HEADER;
use crate::{BOOT, Board, Timing};

const PACKET: usize = 1600;
/// Microseconds from one transfer until the next is prepared.
const PREPARATION: u64 = 40;

/// The slave.
#[derive(Default)]
pub struct Slave {
    /// What the next transfer brings the host.
    prepared: Option<Vec<u8>>,
    /// Until then nothing is prepared.
    busy: u64,
    data_ready: bool,
}

impl Slave {
    pub(crate) fn busy_until(&self, now: u64) -> Option<u64> {
        (self.prepared.is_none() && self.busy > now).then_some(self.busy)
    }

    /// Sees to the lines; a transfer that is prepared already stays as it is.
    pub(crate) fn load(&mut self, now: u64, running: &mut Running) {
        if !running.to_host.is_empty() {
            self.data_ready = true;
        }
        self.prepare(now, running);
    }

    pub(crate) fn attention(&self) -> bool {
        self.data_ready || self.prepared.is_some()
    }

    fn prepare(&mut self, now: u64, running: &mut Running) {
        if self.prepared.is_some() || now < self.busy {
            return;
        }
        self.prepared = Some(match running.to_host.pop_front() {
            Some(packet) => packet,
            None => {
                self.data_ready = false;
                let mut dummy = vec![0; HEADER];
                dummy[0] = 0xF8;
                let load = running.load();
                running.throttling = running.throttle_high > 0
                    && (load > running.throttle_high || (running.throttling && load >= running.throttle_low));
                dummy[10] = u8::from(running.throttling);
                dummy
            }
        });
    }
}

/// The bus with the co-processor on it, as the host's driver sees it.
pub struct SimSpi<C> {
    board: Rc<RefCell<Board>>,
    clock: C,
    timing: Timing,
}

impl<C: Clock> SimSpi<C> {
    pub(crate) fn new(board: Rc<RefCell<Board>>, clock: C, timing: Timing) -> Self {
        Self { board, clock, timing }
    }

    fn poll(&self) -> std::cell::RefMut<'_, Board> {
        let now = self.clock.now().as_micros();
        let mut board = self.board.borrow_mut();
        board.poll(now);
        board
    }
}

impl<C: Clock> SpiBus for SimSpi<C> {
    type Error = CardError;

    fn hold_in_reset(&mut self, hold: bool) {
        let now = self.clock.now().as_micros();
        let mut board = self.board.borrow_mut();
        if hold {
            board.stop();
        } else if board.running.is_none() {
            board.boot_at = Some(now + BOOT);
        }
        board.kick();
    }

    fn data_ready(&mut self) -> Result<bool, CardError> {
        Ok(self.poll().spi.data_ready)
    }

    async fn wait_data_ready(&mut self) -> Result<(), CardError> {
        poll_fn(|cx| {
            let mut board = self.poll();
            if board.spi.data_ready {
                return Poll::Ready(Ok(()));
            }
            board.host.push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    async fn wait_handshake(&mut self) -> Result<(), CardError> {
        poll_fn(|cx| {
            let mut board = self.poll();
            if board.spi.prepared.is_some() {
                return Poll::Ready(Ok(()));
            }
            board.host.push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    async fn transfer(&mut self, received: &mut [u8], sent: &[u8]) -> Result<(), CardError> {
        if self.timing == Timing::Wires {
            // 40 MHz, one bit: 5 bytes a microsecond.
            self.clock.sleep_until(self.clock.now() + Duration::from_micros(PACKET as u64 / 5)).await;
        }
        let now = self.clock.now().as_micros();
        let board = &mut *self.board.borrow_mut();
        if board.bus_faults.fail > 0 {
            board.bus_faults.fail -= 1;
            return Err(CardError::Crc);
        }
        let aligned = [received.as_ptr(), sent.as_ptr()].iter().all(|at| at.addr().is_multiple_of(board.alignment));
        if !aligned || received.len() != PACKET || sent.len() != PACKET {
            board.violate(format!("a transfer of {} and {} bytes", received.len(), sent.len()));
        }
        let Some(running) = &mut board.running else {
            received.fill(0xFF);
            return Ok(());
        };
        let Some(prepared) = board.spi.prepared.take() else {
            board.violate("a transfer without handshake");
            return Err(CardError::Illegal);
        };
        received.fill(0);
        received[..prepared.len()].copy_from_slice(&prepared);
        if board.bus_faults.noisy_data > 0 {
            board.bus_faults.noisy_data -= 1;
            received.fill_with(|| fastrand::u8(..));
        }
        board.spi.busy = now + PREPARATION;
        // An empty packet is a dummy.
        if sent[2..4] != [0, 0] {
            running.handle(now, sent);
        }
        board.load(now);
        board.kick();
        Ok(())
    }
}
