//! The application on a machine that is simulated: its clock stands still until nobody has anything left to do, its
//! network has one viewer at the other end, and its memory counts.

mod board;
mod live;
mod publishing;
mod sessions;
mod talk;
mod tests;
mod viewer;

use core::cell::Cell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use barertc_wire::Instant;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use board::{Fault, SimBoard};
pub(crate) use viewer::SimViewer;

/// The clock, and when somebody wants to be called next.
pub(crate) struct SimClock {
    now: Cell<Instant>,
    next: Cell<Option<Instant>>,
}

impl SimClock {
    pub(crate) fn new() -> Self {
        Self { now: Cell::new(Instant::from_millis(1_000)), next: Cell::new(None) }
    }

    pub(crate) fn now(&self) -> Instant {
        self.now.get()
    }

    /// Every sleeper is asked whenever anything has happened, so none needs its waker kept.
    pub(crate) async fn sleep_until(&self, at: Instant) {
        core::future::poll_fn(|_| {
            if self.now.get() >= at {
                return Poll::Ready(());
            }
            self.next.set(Instant::earliest(self.next.get(), Some(at)));
            Poll::Pending
        })
        .await;
    }
}

struct Flag(AtomicBool);

impl std::task::Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Lets `time` pass for the device and its viewer.
pub(crate) fn pass<F: Future>(
    device: &mut Pin<&mut F>,
    board: &SimBoard<'_>,
    viewer: &mut SimViewer<'_>,
    time: Duration,
) {
    let end = board.clock.now() + time;
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(flag.clone());
    loop {
        board.clock.next.set(None);
        flag.0.store(false, Ordering::SeqCst);
        assert!(device.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "the application ended");
        let busy = viewer.step(board);
        if busy || flag.0.load(Ordering::SeqCst) {
            continue;
        }
        let now = board.clock.now();
        if now >= end {
            return;
        }
        let next = [board.clock.next.get(), viewer.next()].into_iter().fold(Some(end), Instant::earliest);
        // What is overdue after everybody was asked is asked again a little later.
        board.clock.now.set(next.filter(|at| *at > now).unwrap_or(now + Duration::from_micros(100)));
    }
}
