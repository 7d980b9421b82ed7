//! What is to be said about the application: trouble with the media, and how much was refused.

use core::cell::{Cell, RefCell};
use core::fmt;

use crate::cut::Cut;

/// Bytes of a description of trouble; what is longer is cut. A command's last words have up to 400.
pub(crate) const TROUBLE: usize = 512;

/// Bytes of why a server cannot be reached.
pub(crate) const OUTWARD: usize = 160;

/// A server to which the application connects by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outward {
    Forwarder,
    Whip,
}

/// What went wrong so far.
#[derive(Default)]
pub(crate) struct Status {
    trouble: RefCell<Cut<TROUBLE>>,
    /// Of each server, why it cannot be reached.
    outward: [RefCell<Cut<OUTWARD>>; 2],
    refused: Cell<u32>,
}

impl Status {
    /// What is wrong with the media now, in words for the page.
    pub(crate) fn set_trouble(&self, why: fmt::Arguments<'_>) {
        *self.trouble.borrow_mut() = Cut::of(why);
    }

    /// Nothing is wrong with the media any more.
    pub(crate) fn clear_trouble(&self) {
        *self.trouble.borrow_mut() = Cut::default();
    }

    /// Lets `f` see what is wrong with the media; empty when nothing is.
    pub(crate) fn with_trouble<T>(&self, f: impl FnOnce(&str) -> T) -> T {
        f(&self.trouble.borrow())
    }

    /// Why a server cannot be reached, in words for the page.
    pub(crate) fn set_outward(&self, server: Outward, why: fmt::Arguments<'_>) {
        if let Some(place) = self.outward.get(server as usize) {
            *place.borrow_mut() = Cut::of(why);
        }
    }

    /// It can be reached.
    pub(crate) fn clear_outward(&self, server: Outward) {
        if let Some(place) = self.outward.get(server as usize) {
            *place.borrow_mut() = Cut::default();
        }
    }

    /// Lets `f` see why servers cannot be reached, one after the other; empty for one that can.
    pub(crate) fn with_outward<E>(&self, mut f: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        self.outward.iter().try_for_each(|why| f(&why.borrow()))
    }

    /// One more request, message or candidate was refused.
    pub(crate) fn count_refused(&self) {
        self.refused.set(self.refused.get().saturating_add(1));
    }

    /// What was refused so far.
    pub(crate) fn refused(&self) -> u32 {
        self.refused.get()
    }
}
