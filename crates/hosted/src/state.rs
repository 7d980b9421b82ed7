//! What the driver's three handles share: the conversation, the queues, the counters, and who is to be woken.

use core::cell::RefCell;
use core::task::{Context, Waker};
use core::time::Duration;

use barertc_arena::{AllocError, Allocator, Local, Ring, Shared};
use barertc_wire::{Instant, put_at};

use crate::buffer::Buffer;
use crate::config::Config;
use crate::event::{Cause, Status};
use crate::header::{self, Header, Interface};
use crate::session::Session;
use crate::stats::{Discard, Statistics, count};

/// Tasks that wait for what the application may wait for; a further one wakes them all.
const WAITING: usize = 8;
/// A pause that nobody ends ends by itself: the end may have been lost with a failed transfer.
const PATIENCE_PAUSE: Duration = Duration::from_millis(500);

/// A frame with the room for a header before it.
pub(crate) struct Frame<A: Allocator> {
    pub(crate) buffer: Buffer<A>,
    /// Bytes of the frame, without the header.
    pub(crate) len: usize,
}

/// The shared state.
pub(crate) struct State<A: Allocator> {
    pub(crate) session: Session<A>,
    pub(crate) stats: Statistics,
    received_free: Ring<Buffer<A>, A>,
    received: Ring<Frame<A>, A>,
    to_send_free: Ring<Buffer<A>, A>,
    to_send: Ring<Frame<A>, A>,
    /// The longest frame, in bytes.
    pub(crate) mtu: usize,
    network: Option<Waker>,
    runner: Option<Waker>,
    application: heapless::Vec<Waker, WAITING>,
    next_ticket: u32,
    /// The conversation has gone on since it was settled.
    changed: bool,
    /// The co-processor wants a pause, at most until then.
    paused: Option<Instant>,
}

/// A handle of the shared state. It is borrowed for moments only, never across an `await`.
pub(crate) type Handle<A> = Shared<RefCell<State<A>>, A, Local>;

impl<A: Allocator + Clone> State<A> {
    /// Bytes of everything but the frames.
    pub(crate) fn bytes(config: &Config) -> usize {
        let queue = |frames| Ring::<Buffer<A>, A>::bytes(frames).saturating_add(Ring::<Frame<A>, A>::bytes(frames));
        Shared::<RefCell<Self>, A, Local>::BYTES
            .saturating_add(Session::<A>::bytes(config))
            .saturating_add(queue(config.receive_frames))
            .saturating_add(queue(config.transmit_frames))
    }

    pub(crate) fn new(config: &Config, buffer_bytes: usize, mtu: usize, alloc: A) -> Result<Handle<A>, AllocError> {
        let pool = |frames: usize| {
            let mut free = Ring::with_capacity(frames, alloc.clone())?;
            for _ in 0..frames {
                let buffer = Buffer::new(buffer_bytes, config.alignment, alloc.clone())?;
                free.push_back(buffer).map_err(|_| AllocError)?;
            }
            Ok(free)
        };
        let state = Self {
            session: Session::new(config, alloc.clone())?,
            stats: Statistics::default(),
            received_free: pool(config.receive_frames)?,
            received: Ring::with_capacity(config.receive_frames, alloc.clone())?,
            to_send_free: pool(config.transmit_frames)?,
            to_send: Ring::with_capacity(config.transmit_frames, alloc.clone())?,
            mtu,
            network: None,
            runner: None,
            application: heapless::Vec::new(),
            next_ticket: 0,
            changed: false,
            paused: None,
        };
        Shared::try_new(RefCell::new(state), alloc)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.session.status() == Status::Connected
    }

    // The network stack's side.

    pub(crate) fn take_received(&mut self) -> Option<Frame<A>> {
        self.received.pop_front()
    }

    pub(crate) fn give_back_received(&mut self, buffer: Buffer<A>) {
        // As many places as buffers.
        let _ = self.received_free.push_back(buffer);
    }

    pub(crate) fn take_to_send(&mut self) -> Option<Buffer<A>> {
        self.to_send_free.pop_front()
    }

    pub(crate) fn give_back_to_send(&mut self, buffer: Buffer<A>) {
        let _ = self.to_send_free.push_back(buffer);
    }

    pub(crate) fn has_room_to_send(&mut self) -> bool {
        if self.to_send_free.front().is_none() {
            count(&mut self.stats.held_back);
        }
        self.to_send_free.front().is_some()
    }

    /// Queues a frame that stands behind the room for its header.
    pub(crate) fn send(&mut self, frame: Frame<A>) {
        let reason = match () {
            () if !self.is_connected() => Discard::NoLink,
            () if frame.len > self.mtu || frame.len == 0 => Discard::TooLong,
            () => match self.to_send.push_back(frame) {
                Ok(()) => {
                    let waiting = u32::try_from(self.to_send.len()).unwrap_or(u32::MAX);
                    self.stats.transmit_peak = self.stats.transmit_peak.max(waiting);
                    wake(&mut self.runner);
                    return;
                }
                Err(frame) => {
                    self.give_back_to_send(frame.buffer);
                    return;
                }
            },
        };
        self.stats.discards.count(reason);
        self.give_back_to_send(frame.buffer);
    }

    pub(crate) fn wait_network(&mut self, cx: &Context<'_>) {
        register(&mut self.network, cx);
    }

    // The application's side.

    pub(crate) fn wait_application(&mut self, cx: &Context<'_>) {
        if self.application.iter().any(|waker| waker.will_wake(cx.waker())) {
            return;
        }
        if self.application.is_full() {
            self.wake_application();
        }
        let _ = self.application.push(cx.waker().clone());
    }

    pub(crate) fn wake_application(&mut self) {
        while let Some(waker) = self.application.pop() {
            waker.wake();
        }
    }

    pub(crate) fn wake_runner(&mut self) {
        wake(&mut self.runner);
    }

    pub(crate) fn ticket(&mut self) -> u32 {
        self.next_ticket = self.next_ticket.wrapping_add(1);
        self.next_ticket
    }

    // The runner's side.

    pub(crate) fn wait_runner(&mut self, cx: &Context<'_>) {
        register(&mut self.runner, cx);
    }

    /// The next frame, unless there is a pause.
    pub(crate) fn next_to_send(&mut self) -> Option<Frame<A>> {
        if self.paused.is_some() { None } else { self.to_send.pop_front() }
    }

    pub(crate) fn has_to_send(&self) -> bool {
        self.paused.is_none() && self.to_send.front().is_some()
    }

    /// The co-processor's queue is too full, or no longer.
    pub(crate) fn pause(&mut self, now: Instant, on: bool) {
        if on && self.paused.is_none() {
            count(&mut self.stats.throttles);
        }
        self.paused = on.then_some(now + PATIENCE_PAUSE);
    }

    /// Until when the pause lasts, if there is one.
    pub(crate) fn paused(&self) -> Option<Instant> {
        self.paused
    }

    /// A frame has left, or never will.
    pub(crate) fn sent(&mut self, frame: Frame<A>, left: bool) {
        if left {
            count(&mut self.stats.transfers_sent);
            count(&mut self.stats.frames_sent);
            self.stats.bytes_sent = self.stats.bytes_sent.saturating_add(frame.len as u64);
        } else {
            self.stats.discards.count(Discard::NoLink);
        }
        self.give_back_to_send(frame.buffer);
        wake(&mut self.network);
    }

    /// A frame was copied into a transfer with others.
    pub(crate) fn packed(&mut self, frame: Frame<A>) {
        self.stats.bytes_copied = self.stats.bytes_copied.saturating_add(frame.len as u64);
        self.give_back_to_send(frame.buffer);
        wake(&mut self.network);
    }

    /// Frames that were packed into one transfer have left, or never will.
    pub(crate) fn sent_packed(&mut self, frames: u32, bytes: u64, left: bool) {
        if left {
            count(&mut self.stats.transfers_sent);
            self.stats.frames_sent = self.stats.frames_sent.saturating_add(frames);
            self.stats.bytes_sent = self.stats.bytes_sent.saturating_add(bytes);
        } else {
            (0..frames).for_each(|_| self.stats.discards.count(Discard::NoLink));
        }
    }

    /// A packet has come.
    pub(crate) fn handle(&mut self, now: Instant, header: &Header, payload: &[u8]) {
        match header.interface {
            Interface::Station => self.receive(payload),
            Interface::Serial => {
                self.changed = true;
                self.session.handle_serial(now, header, payload, &mut self.stats);
            }
            Interface::Private => {
                self.changed = true;
                self.session.handle_private(now, header, payload, &mut self.stats);
            }
            // Sent where something has to be sent.
            Interface::Dummy => {}
            _ => self.stats.discards.count(Discard::Interface),
        }
    }

    fn receive(&mut self, frame: &[u8]) {
        let Some(mut buffer) = self.received_free.pop_front() else {
            self.stats.discards.count(Discard::NoBuffer);
            return;
        };
        let len = frame.len();
        if put_at(buffer.as_mut_slice(), header::LEN, frame).is_err() {
            // No packet is longer than a buffer.
            self.stats.discards.count(Discard::BadHeader);
            self.give_back_received(buffer);
            return;
        }
        count(&mut self.stats.frames_received);
        self.stats.bytes_received = self.stats.bytes_received.saturating_add(len as u64);
        self.stats.bytes_copied = self.stats.bytes_copied.saturating_add(len as u64);
        if let Err(frame) = self.received.push_back(Frame { buffer, len }) {
            self.give_back_received(frame.buffer);
        }
        wake(&mut self.network);
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.paused.is_some_and(|until| now >= until) {
            // Credits still hold us back: nothing is lost by trying.
            count(&mut self.stats.throttles_expired);
            self.paused = None;
        }
        if self.session.timeout().is_some_and(|at| now >= at) {
            self.session.handle_timeout(now, &mut self.stats);
            self.changed = true;
        }
        if self.changed {
            self.settle();
        }
    }

    /// The connection may have come or gone: those who wait look for themselves.
    pub(crate) fn settle(&mut self) {
        self.changed = false;
        if !self.is_connected() {
            while let Some(frame) = self.to_send.pop_front() {
                self.sent(frame, false);
            }
        }
        wake(&mut self.network);
        self.wake_application();
    }

    pub(crate) fn down(&mut self, cause: Cause) {
        count(&mut self.stats.restarts);
        self.paused = None;
        self.session.down(cause, &mut self.stats);
        self.settle();
    }
}

fn register(place: &mut Option<Waker>, cx: &Context<'_>) {
    match place {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        place => {
            // Another task has taken over the handle; the one before looks once more.
            wake(place);
            *place = Some(cx.waker().clone());
        }
    }
}

fn wake(place: &mut Option<Waker>) {
    if let Some(waker) = place.take() {
        waker.wake();
    }
}
