//! The task that moves packets between the queues and the bus, and keeps the conversation going.

use core::cell::RefCell;
use core::convert::Infallible;
use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;

use barertc_arena::Allocator;
use barertc_wire::{Clock, Instant};
use embassy_futures::select::{Either3, select3};

use crate::buffer::Buffer;
use crate::config::Config;
use crate::event::Cause;
use crate::header::{self, Header, Interface};
use crate::init::PADDING;
use crate::state::{Frame, Handle, State};
use crate::stats::{Discard, count};
use crate::transport::{Fault, Lent, Room, Sink, Transport};
/// Frames that are sent before the bus is looked at again.
const BURST: usize = 8;
/// So many transfers may fail one after the other.
const MAX_FAULTS: u8 = 4;
/// How long after a failed transfer the next is tried.
const FAULT_PAUSE: Duration = Duration::from_millis(5);
/// The co-processor is asked for credit after this, then after twice, three times this…
const CREDIT_STEP: Duration = Duration::from_micros(400);
/// … and this at most.
const CREDIT_MAX: Duration = Duration::from_millis(30);
/// It has to have one after this.
const PATIENCE_CREDIT: Duration = Duration::from_secs(5);
/// During a pause the co-processor is asked this often whether it is over.
const PAUSE_LOOK: Duration = Duration::from_millis(2);
/// What is waited when the co-processor could not be started, the first time; twice as long each further time.
const RESTART_MIN: Duration = Duration::from_millis(100);
const RESTART_MAX: Duration = Duration::from_secs(10);

/// Waits for the co-processor's buffers.
#[derive(Clone, Copy)]
struct CreditWait {
    since: Instant,
    until: Instant,
    step: Duration,
}

/// Frames in the room's buffer that leave in one transfer.
#[derive(Clone, Copy, Default)]
struct Packed {
    /// Bytes with headers and padding.
    len: usize,
    frames: u32,
    /// Bytes of the frames alone.
    bytes: u64,
}

/// The task that moves packets between the network stack, the application and the bus. Call [`run`](Self::run) in its own
/// task.
pub struct Runner<T, C, A: Allocator + Clone> {
    transport: T,
    clock: C,
    config: Config,
    state: Handle<A>,
    room: Room<A>,
    /// What is being sent; it stays here so that nothing is lost when the future is dropped.
    frame: Option<Frame<A>>,
    /// Bytes of our own packet in the room, which is still to be sent.
    control: usize,
    packed: Packed,
    credit: Option<CreditWait>,
    faults: u8,
}

impl<T: Transport, C: Clock, A: Allocator + Clone> Runner<T, C, A> {
    /// The number of bytes that a driver with this configuration allocates. It allocates all of them when it is made.
    #[must_use]
    pub fn worst_case_bytes(config: &Config) -> usize {
        let frames = config.receive_frames.saturating_add(config.transmit_frames);
        frames
            .saturating_mul(Buffer::<A>::bytes(T::BUFFER_BYTES, config.alignment))
            .saturating_add(State::<A>::bytes(config))
            .saturating_add(T::bytes::<A>(config))
    }

    pub(crate) fn new(transport: T, clock: C, config: Config, state: Handle<A>, room: Room<A>) -> Self {
        let packed = Packed::default();
        Self { transport, clock, config, state, room, frame: None, control: 0, packed, credit: None, faults: 0 }
    }

    /// Runs for ever. It starts the co-processor, and starts it again after each failure.
    pub async fn run(&mut self) -> Infallible {
        let mut wait = RESTART_MIN;
        loop {
            let begun = self.clock.now();
            let cause = self.serve().await;
            if let Some(frame) = self.frame.take() {
                self.state.borrow_mut().sent(frame, false);
            }
            self.finish_packed(false);
            self.state.borrow_mut().down(cause);
            let now = self.clock.now();
            // A co-processor that ran for some time deserves a new start at once.
            wait = if now - begun > RESTART_MAX { RESTART_MIN } else { wait };
            self.clock.sleep_until(now + wait).await;
            wait = wait.saturating_mul(2).min(RESTART_MAX);
        }
    }

    /// Starts the co-processor and serves it until it is lost.
    async fn serve(&mut self) -> Cause {
        (self.control, self.credit, self.faults) = (0, None, 0);
        if self.transport.start(&self.clock).await.is_err() {
            return Cause::NoCard;
        }
        let now = self.clock.now();
        self.state.borrow_mut().session.up(now);
        let mut look = true;
        loop {
            let turn = self.turn(look).await;
            match turn {
                Ok(received) => look = received,
                Err(Fault) => {
                    count(&mut self.state.borrow_mut().stats.bus_errors);
                    self.faults = self.faults.saturating_add(1);
                    if self.faults >= MAX_FAULTS {
                        return Cause::Bus;
                    }
                    let at = self.clock.now() + FAULT_PAUSE;
                    self.clock.sleep_until(at).await;
                    look = true;
                }
            }
            if let Some(cause) = self.check() {
                return cause;
            }
            if !look {
                look = match self.wait().await {
                    Ok(look) => look,
                    Err(Fault) => {
                        self.faults = self.faults.saturating_add(1);
                        true
                    }
                };
            }
        }
    }

    /// Takes in what waits, then sends some; tells whether to look again at once.
    async fn turn(&mut self, look: bool) -> Result<bool, Fault> {
        let mut received = false;
        if look && self.control == 0 {
            let force = self.state.borrow().paused().is_some();
            let mut sink = Inbox { state: &self.state, clock: &self.clock };
            received = self.transport.receive(&self.clock, &mut self.room, &mut sink, force).await?;
            self.faults = 0;
        }
        let now = self.clock.now();
        self.state.borrow_mut().handle_timeout(now);
        let mut sent = 0;
        while sent < BURST && self.send_one().await? {
            sent = sent.saturating_add(1);
        }
        Ok(received || sent == BURST)
    }

    /// Sends one packet, ours first; tells whether there was one and it could be sent.
    async fn send_one(&mut self) -> Result<bool, Fault> {
        let now = self.clock.now();
        if self.credit.is_some_and(|wait| now < wait.until) {
            return Ok(false);
        }
        let checksum = self.state.borrow().session.checksum();
        if self.control == 0 {
            let packet = self.room.control.as_mut_slice();
            self.control = self.state.borrow_mut().session.poll_transmit(now, packet).unwrap_or(0);
        }
        if self.control == 0 && self.packed.frames == 0 && self.frame.is_none() {
            self.frame = self.state.borrow_mut().next_to_send();
            if let Some(frame) = &mut self.frame
                && !stamp(frame, checksum)
            {
                self.finish_frame(false);
                return Ok(true);
            }
        }
        if self.control == 0 {
            self.pack(checksum);
            // A pause holds back what is not on its way yet.
            if self.packed.frames > 0 && self.state.borrow().paused().is_some() {
                return Ok(false);
            }
        }
        let left = self.send_packet().await?;
        match left {
            None => return Ok(false),
            Some(true) => {
                self.credit = None;
                self.faults = 0;
                if self.control > 0 {
                    self.control = 0;
                } else if self.packed.frames > 0 {
                    self.finish_packed(true);
                } else {
                    self.finish_frame(true);
                }
            }
            Some(false) => self.wait_for_credit(now),
        }
        Ok(left == Some(true))
    }

    /// Sends what is ready; `None` when nothing is.
    async fn send_packet(&mut self) -> Result<Option<bool>, Fault> {
        let mut sink = Inbox { state: &self.state, clock: &self.clock };
        let Room { registers, received, control, aggregate, .. } = &mut self.room;
        let mut lent = Lent { registers, received };
        let (packet, len): (&Buffer<A>, usize) = match &self.frame {
            _ if self.control > 0 => (control, self.control),
            _ if self.packed.frames > 0 => (aggregate, self.packed.len),
            Some(frame) => (&frame.buffer, frame.len.saturating_add(header::LEN)),
            None => return Ok(None),
        };
        self.transport.send(&self.clock, packet, len, &mut lent, &mut sink).await.map(Some)
    }

    /// Packs the frames that wait into one transfer, where the co-processor takes several. One alone is sent from where
    /// it is.
    fn pack(&mut self, checksum: bool) {
        let mut state = self.state.borrow_mut();
        let limit = state.session.framing().aggregate.min(self.room.aggregate.len());
        while limit > 0 && (self.packed.frames > 0 || state.has_to_send()) {
            let Some(mut frame) = self.frame.take().or_else(|| state.next_to_send()) else { return };
            let len = header::LEN.saturating_add(frame.len);
            let end = self.packed.len.saturating_add(len);
            let padded = end.next_multiple_of(PADDING);
            if !stamp(&mut frame, checksum) {
                state.sent(frame, false);
                continue;
            }
            if padded > limit {
                self.frame = Some(frame);
                return;
            }
            self.room.aggregate.range_mut(self.packed.len, end).copy_from_slice(frame.buffer.first(len));
            self.room.aggregate.range_mut(end, padded).fill(0);
            let Packed { frames, bytes, .. } = self.packed;
            let bytes = bytes.saturating_add(frame.len as u64);
            self.packed = Packed { len: padded, frames: frames.saturating_add(1), bytes };
            state.packed(frame);
        }
    }

    fn finish_packed(&mut self, left: bool) {
        let Packed { frames, bytes, .. } = core::mem::take(&mut self.packed);
        if frames > 0 {
            self.state.borrow_mut().sent_packed(frames, bytes, left);
        }
    }

    fn finish_frame(&mut self, left: bool) {
        if let Some(frame) = self.frame.take() {
            self.state.borrow_mut().sent(frame, left);
        }
    }

    fn wait_for_credit(&mut self, now: Instant) {
        count(&mut self.state.borrow_mut().stats.credit_waits);
        let (since, step) = match self.credit {
            Some(wait) => (wait.since, wait.step.saturating_add(CREDIT_STEP).min(CREDIT_MAX)),
            None => (now, CREDIT_STEP),
        };
        self.credit = Some(CreditWait { since, until: now + step, step });
    }

    /// Why the co-processor has to be started again, if it has to.
    fn check(&mut self) -> Option<Cause> {
        let now = self.clock.now();
        let stalled = self.credit.is_some_and(|wait| now - wait.since > PATIENCE_CREDIT);
        let mut state = self.state.borrow_mut();
        state.session.poll_restart().or(stalled.then_some(Cause::Stalled))
    }

    /// Waits until there is something to do; tells whether the bus is to be looked at.
    async fn wait(&mut self) -> Result<bool, Fault> {
        let now = self.clock.now();
        let (timeout, paused) = {
            let state = self.state.borrow();
            (state.session.timeout(), state.paused().map(|until| until.min(now + PAUSE_LOOK)))
        };
        let poll_at = Some(now + self.config.poll_interval);
        let credit_at = self.credit.map(|wait| wait.until);
        let at = [timeout, paused, poll_at, credit_at].into_iter().fold(None, Instant::earliest);
        let (state, waits_for_credit) = (&self.state, self.credit.is_some());
        let work = poll_fn(|cx| {
            let mut state = state.borrow_mut();
            if !waits_for_credit && (state.session.has_packet() || state.has_to_send()) {
                return Poll::Ready(());
            }
            state.wait_runner(cx);
            Poll::Pending
        });
        let until = self.clock.sleep_until(at.unwrap_or(Instant::FAR_FUTURE));
        match select3(self.transport.wait(), work, until).await {
            Either3::First(Ok(())) => Ok(true),
            Either3::First(Err(fault)) => Err(fault),
            Either3::Second(()) => Ok(false),
            // A time-out of the conversation alone is no reason to look, but it is rare.
            Either3::Third(()) => Ok(true),
        }
    }
}

/// Writes the header of an Ethernet frame.
fn stamp<A: Allocator>(frame: &mut Frame<A>, checksum: bool) -> bool {
    let Ok(len) = u16::try_from(frame.len) else { return false };
    Header::new(Interface::Station, len).write(frame.buffer.as_mut_slice(), checksum).is_ok()
}

/// Hands what has come to the shared state.
struct Inbox<'a, C, A: Allocator + Clone> {
    state: &'a RefCell<State<A>>,
    clock: &'a C,
}

impl<C: Clock, A: Allocator + Clone> Sink for Inbox<'_, C, A> {
    fn checksum(&self) -> bool {
        self.state.borrow().session.checksum()
    }

    fn padding(&self) -> usize {
        if self.state.borrow().session.framing().is_padded { PADDING } else { 1 }
    }

    fn packet(&mut self, header: &Header, payload: &[u8]) {
        let now = self.clock.now();
        self.state.borrow_mut().handle(now, header, payload);
    }

    fn discard(&mut self, reason: Discard) {
        self.state.borrow_mut().stats.discards.count(reason);
    }

    fn transfer(&mut self, bytes: usize) {
        let stats = &mut self.state.borrow_mut().stats;
        count(&mut stats.transfers_received);
        stats.longest_transfer = stats.longest_transfer.max(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    fn pause(&mut self, on: bool) {
        let now = self.clock.now();
        self.state.borrow_mut().pause(now, on);
    }
}
