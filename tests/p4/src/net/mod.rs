//! The network that the machine is on.

mod user;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

pub use user::{Forward, GATEWAY, GUEST, UserNetwork};

/// A network as the machine's controller sees it: frames, without their check sequence.
pub trait Network {
    /// The machine sends a frame.
    fn send(&mut self, frame: &[u8], now: u64);
    /// The next frame for the machine.
    fn receive(&mut self, now: u64) -> Option<Vec<u8>>;
    /// Waits until there may be a frame, or for this long.
    fn wait(&mut self, at_most: Duration);
}

/// Nobody is there.
pub struct Nobody;

impl Network for Nobody {
    fn send(&mut self, _: &[u8], _: u64) {}

    fn receive(&mut self, _: u64) -> Option<Vec<u8>> {
        None
    }

    fn wait(&mut self, at_most: Duration) {
        std::thread::sleep(at_most);
    }
}

/// Shared with others in this process, who are on it too.
impl<N: Network> Network for Rc<RefCell<N>> {
    fn send(&mut self, frame: &[u8], now: u64) {
        self.borrow_mut().send(frame, now);
    }

    fn receive(&mut self, now: u64) -> Option<Vec<u8>> {
        self.borrow_mut().receive(now)
    }

    fn wait(&mut self, at_most: Duration) {
        self.borrow_mut().wait(at_most);
    }
}
