//! A clock that stands still while anybody has something to do, and then jumps to the next who waits.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use barertc_hosted::{Clock, Instant};

#[derive(Default)]
struct Inner {
    now: Cell<u64>,
    next_id: Cell<u64>,
    sleepers: RefCell<BTreeMap<(u64, u64), Waker>>,
}

/// The simulated clock, in microseconds. Clones are the same clock.
#[derive(Clone, Default)]
pub struct SimClock(Rc<Inner>);

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl SimClock {
    /// Runs `future` to its end.
    ///
    /// # Panics
    /// When everybody waits for somebody else, or after an hour of simulated time.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(flag.clone());
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(future);
        let end = self.0.now.get() + 3_600_000_000;
        loop {
            while flag.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                    return output;
                }
            }
            let ((at, _), sleeper) = self.0.sleepers.borrow_mut().pop_first().expect("everybody waits for ever");
            self.0.now.set(self.0.now.get().max(at));
            assert!(self.0.now.get() < end, "an hour has passed");
            sleeper.wake();
        }
    }

    /// Waits for some milliseconds.
    pub async fn sleep(&self, millis: u64) {
        self.sleep_until(Instant::from_micros(self.0.now.get() + millis * 1000)).await;
    }
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.now.get())
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        Sleep { clock: self.0.clone(), at: at.as_micros(), id: None }
    }
}

struct Sleep {
    clock: Rc<Inner>,
    at: u64,
    id: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.clock.now.get() >= self.at {
            return Poll::Ready(());
        }
        let id = self.id.unwrap_or_else(|| {
            self.clock.next_id.set(self.clock.next_id.get() + 1);
            self.clock.next_id.get()
        });
        self.id = Some(id);
        let key = (self.at, id);
        self.clock.sleepers.borrow_mut().insert(key, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.clock.sleepers.borrow_mut().remove(&(self.at, id));
        }
    }
}
