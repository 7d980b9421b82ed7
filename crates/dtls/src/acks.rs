//! The record numbers that ACK messages of DTLS 1.3 acknowledge (RFC 9147 §7).

use barertc_wire::{Instant, NoRoom, Reader, Writer};

use crate::error::Error;

/// Record numbers that fit into one acknowledgement of ours.
const MOST: usize = 16;
/// The bytes of a record number there.
const NUMBER: usize = 16;

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

    /// Writes the ACK message with the newest numbers that fit, in increasing order (RFC 9147 §7). Where there is no room
    /// for one, it is still to be sent.
    pub(crate) fn write(&mut self, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        let mut list = self.list;
        // From the oldest to the newest; places that are empty come first.
        list.rotate_left(self.next.min(MOST));
        let held = list.iter().flatten().count();
        let fit = (w.room().saturating_sub(2) / NUMBER).min(held);
        if fit == 0 && held > 0 {
            return Err(NoRoom);
        }
        let list = list.get_mut(MOST.saturating_sub(fit)..).unwrap_or_default();
        list.sort_unstable();
        self.now = false;
        self.due = None;
        crate::handshake::vec16(w, |w| {
            for (epoch, number) in list.iter().flatten() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_that_fit_are_acknowledged_and_where_none_does_the_ack_waits() {
        let mut acks = Acks::default();
        // One more than are kept, and two that changed places on the way.
        for number in (0..15).chain([16, 15]) {
            acks.add(2, number);
        }
        acks.send_now();
        let mut out = [0; 300];
        assert!(acks.write(&mut Writer::new(&mut out[..17])).is_err());
        assert!(acks.wanted());
        let mut w = Writer::new(&mut out[..60]);
        assert_eq!(acks.write(&mut w), Ok(()));
        let len = w.len();
        assert!(!acks.wanted());
        assert!(parse(&out[..len]).unwrap().eq([(2, 14), (2, 15), (2, 16)]));
        let mut w = Writer::new(&mut out);
        assert_eq!(acks.write(&mut w), Ok(()));
        let len = w.len();
        assert!(parse(&out[..len]).unwrap().eq((1..17).map(|number| (2, number))));
        // Without anything to tell (RFC 9147 §7.1: records that cannot be read yet).
        acks.clear();
        let mut w = Writer::new(&mut out[..2]);
        assert_eq!((acks.write(&mut w), w.len()), (Ok(()), 2));
    }
}
