use barertc_wire::{Instant, NoRoom, Reader, Writer};

use crate::error::Error;

/// Record numbers that fit into one acknowledgement of ours.
const MOST: usize = 16;

/// Records of the peer's current flight that we have, for an ACK message (RFC 9147 §7).
#[derive(Debug, Default)]
pub(crate) struct Acks {
    list: [Option<(u16, u64)>; MOST],
    next: usize,
    due: Option<Instant>,
    now: bool,
}

impl Acks {
    /// A handshake record that was kept or handled.
    pub(crate) fn add(&mut self, epoch: u16, number: u64) {
        if let Some(place) = self.list.get_mut(self.next) {
            *place = Some((epoch, number));
        }
        self.next = self.next.wrapping_add(1).checked_rem(MOST).unwrap_or(0);
    }

    /// Our next flight acknowledges all of them.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Sends an ACK with the next datagram.
    pub(crate) fn send_now(&mut self) {
        self.now = true;
    }

    /// Sends one at `at`, when nothing happens before.
    pub(crate) fn send_at(&mut self, at: Instant) {
        if !self.is_empty() && self.due.is_none() && !self.now {
            self.due = Some(at);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            self.now = true;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.iter().all(Option::is_none)
    }

    /// Whether an ACK is to be sent.
    pub(crate) fn wanted(&self) -> bool {
        self.now
    }

    /// Writes the ACK message.
    pub(crate) fn write(&mut self, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        self.now = false;
        self.due = None;
        crate::handshake::vec16(w, |w| {
            for (epoch, number) in self.list.iter().flatten() {
                w.u64(u64::from(*epoch))?;
                w.u64(*number)?;
            }
            Ok(())
        })
    }
}

/// The record numbers in an ACK message.
pub(crate) fn parse(body: &[u8]) -> Result<impl Iterator<Item = (u64, u64)> + '_, Error> {
    let mut r = Reader::new(body);
    let len = usize::from(r.u16()?);
    let mut list = r.sub(len)?;
    if !r.is_empty() || len & 15 != 0 {
        return Err(Error::Malformed);
    }
    Ok(core::iter::from_fn(move || Some((list.u64().ok()?, list.u64().ok()?))))
}
