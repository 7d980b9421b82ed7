//! What is to be said about the application: trouble with the media, and how much was refused.

use core::cell::{Cell, RefCell};
use core::fmt::{self, Write};

/// Bytes of a description of trouble; what is longer is cut.
const TROUBLE: usize = 160;

/// What went wrong so far.
#[derive(Default)]
pub(crate) struct Status {
    trouble: RefCell<heapless::String<TROUBLE>>,
    refused: Cell<u32>,
}

impl Status {
    /// What is wrong with the media now, in words for the page.
    pub(crate) fn set_trouble(&self, why: fmt::Arguments<'_>) {
        let mut text = self.trouble.borrow_mut();
        text.clear();
        let _ = text.write_fmt(why);
    }

    /// Nothing is wrong with the media any more.
    pub(crate) fn clear_trouble(&self) {
        self.trouble.borrow_mut().clear();
    }

    /// What is wrong with the media; empty when nothing is.
    pub(crate) fn trouble(&self) -> heapless::String<TROUBLE> {
        self.trouble.borrow().clone()
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
