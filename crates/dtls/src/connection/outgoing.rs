//! Datagrams out.

use barertc_arena::Allocator;
use barertc_crypto::{Provider, wipe_stack};
use barertc_wire::{Instant, Writer, put_at};

use super::{Connection, Status};
use crate::error::Error;
use crate::record::content;

impl<A: Allocator, P: Provider> Connection<A, P> {
    /// Writes the next datagram into `out` and returns its length in bytes; `None` when there is nothing to send.
    ///
    /// The datagram is not longer than `out` and [`Config::mtu`](crate::Config::mtu). If `out` is too short for the smallest
    /// part of a handshake message, the connection fails with [`Error::BufferTooShort`]; 64 bytes always suffice.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let mtu = out.len().min(usize::from(self.link.config.mtu));
        let out = out.get_mut(..mtu)?;
        let sent = match self.flight_datagram(now, out) {
            Some(len) => Some(len),
            None => self.ack_datagram(out),
        };
        sent.or_else(|| self.alert_datagram(out))
    }

    /// The number of bytes that a record adds in front of its data and behind them, with the current keys.
    #[must_use]
    pub fn room(&self) -> (usize, usize) {
        self.link.records.overhead(self.link.records.write_epoch())
    }

    /// Encrypts application data in place and returns the length of the record in bytes.
    ///
    /// The data stand in `out[front..front + len]`, where `front` is the first number of [`room`](Self::room). The record
    /// begins at `out[0]`. The caller sends it as one datagram.
    ///
    /// # Errors
    /// [`Error::NotConnected`] before [`can_send`](Self::can_send) is true. [`Error::Closed`] after the end of the
    /// connection. [`Error::BufferTooShort`] when `out` has not the room behind the data. [`Error::KeysExhausted`] when the
    /// key has used all its sequence numbers: nothing can be sent any more, so the connection fails by it.
    pub fn seal(&mut self, now: Instant, out: &mut [u8], len: usize) -> Result<usize, Error> {
        // A key update that is due begins when it is polled.
        let _ = now;
        match self.status {
            Status::Handshaking if !self.can_send() => return Err(Error::NotConnected),
            Status::Connected | Status::Handshaking => {}
            Status::Over => return Err(Error::Closed),
        }
        let link = &mut self.link;
        let epoch = link.records.write_epoch();
        let sealed = link.records.seal(&link.provider, epoch, content::APPLICATION_DATA, out, len);
        if let Err(error @ Error::KeysExhausted) = sealed {
            self.fail(error);
            return Err(error);
        }
        link.update_when_due();
        sealed.map(|(len, _)| len)
    }

    fn flight_datagram(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let link = &mut self.link;
        match link.flight.poll(now, &link.provider, &mut link.records, out) {
            Ok(0) => None,
            Ok(len) => {
                barertc_wire::trace!("dtls: {:?} bytes of a flight", len);
                Some(len)
            }
            Err(error) => {
                self.fail(error);
                None
            }
        }
    }

    fn ack_datagram(&mut self, out: &mut [u8]) -> Option<usize> {
        let link = &mut self.link;
        if !link.is_13() || !link.acks.wanted() {
            return None;
        }
        let epoch = link.records.write_epoch();
        let (front, back) = link.records.overhead(epoch);
        let mut w = Writer::new(out.get_mut(front..out.len().checked_sub(back)?)?);
        link.acks.write(&mut w).ok()?;
        if let Some(updates) = &mut link.updates {
            updates.unacknowledged = false;
        }
        let len = w.len();
        link.records.seal(&link.provider, epoch, content::ACK, out, len).ok().map(|(len, _)| len)
    }

    fn alert_datagram(&mut self, out: &mut [u8]) -> Option<usize> {
        let (level, description) = self.alert?;
        let records = &mut self.link.records;
        let epoch = records.write_epoch();
        let (front, back) = records.overhead(epoch);
        let needed = front.saturating_add(2).saturating_add(back);
        // Where there is no room it waits, and so do the keys that protect it.
        put_at(out.get_mut(..needed)?, front, &[level, description]).ok()?;
        self.alert = None;
        let sealed = records.seal(&self.link.provider, epoch, content::ALERT, out, 2);
        if self.status == Status::Over {
            records.forget_write();
            wipe_stack();
        }
        sealed.ok().map(|(len, _)| len)
    }
}
