//! What happens after a handshake of DTLS 1.3: key updates, tickets, and repeated flights (RFC 9147 §5.8.4, §8).

use barertc_arena::Allocator;
use barertc_crypto::{Provider, wipe_stack};
use barertc_wire::{Instant, Reader};

use crate::config::Role;
use crate::error::Error;
use crate::handshake::kind;
use crate::handshake::ranges::Ranges;
use crate::handshake::reassembly::Fragment;
use crate::link::{APPLICATION_EPOCH, HANDSHAKE_EPOCH, Link};
use crate::record::Opened;
use crate::schedule13::Schedule;

/// Records after which our keys are changed: well below the 2^24.5 of AES-GCM (RFC 8446 §5.5).
const UPDATE_AFTER: u64 = 1 << 23;

impl<A: Allocator, P: Provider> Link<A, P> {
    /// A handshake record that came after the handshake.
    pub(crate) fn post_handshake(&mut self, now: Instant, opened: Opened, body: &[u8]) -> Result<(), Error> {
        let mut r = Reader::new(body);
        while !r.is_empty() {
            let Ok(fragment) = Fragment::parse(&mut r) else { return Ok(()) };
            let read_epoch = self.records.read_epoch();
            if self.fragment(now, opened, &fragment)? {
                self.acks.add(opened.epoch, opened.seq);
                self.acks.send_now();
            }
            // Nothing may follow a change of keys in its record (RFC 8446 §5.1).
            if self.records.read_epoch() != read_epoch {
                return if r.is_empty() { Ok(()) } else { Err(Error::UnexpectedMessage) };
            }
        }
        Ok(())
    }

    /// Handles one fragment; true when it is to be acknowledged.
    fn fragment(&mut self, now: Instant, opened: Opened, f: &Fragment<'_>) -> Result<bool, Error> {
        let Some(updates) = &mut self.updates else { return Ok(false) };
        if opened.epoch == HANDSHAKE_EPOCH || f.seq < updates.next_seq {
            // The server's flight again says that ours was lost; the client's again that our ACK was.
            if self.role == Role::Client && opened.epoch == HANDSHAKE_EPOCH {
                self.flight.peer_repeated(now);
                return Ok(false);
            }
            return Ok(true);
        }
        if f.seq > updates.next_seq {
            return Ok(false);
        }
        match (f.kind, self.role) {
            (kind::KEY_UPDATE, _) => {
                // One round trip at least is between two of them: the peer waits for our acknowledgement, and then writes
                // in the new epoch (RFC 9147 §8).
                if updates.unacknowledged || opened.epoch != self.records.read_epoch() {
                    return Ok(false);
                }
                let Some(&[request @ 0..=1]) = f.whole() else { return Err(Error::IllegalParameter) };
                updates.unacknowledged = true;
                updates.next_seq = updates.next_seq.checked_add(1).ok_or(Error::KeysExhausted)?;
                updates.owed |= request == 1;
                self.update_read()?;
                self.update_owed()?;
            }
            (kind::NEW_SESSION_TICKET, Role::Client) => {
                let Ok((start, end, len)) = f.place() else { return Ok(false) };
                if !updates.ticket.insert(start, end) {
                    return Ok(false);
                }
                if updates.ticket.gap(0, len).is_none() {
                    updates.ticket = Ranges::default();
                    updates.next_seq = updates.next_seq.checked_add(1).ok_or(Error::KeysExhausted)?;
                }
            }
            // Neither post-handshake authentication nor connection ids were offered.
            _ => return Err(Error::UnexpectedMessage),
        }
        Ok(true)
    }

    /// Changes the keys that we write with, once the peer has acknowledged it; `request` asks it to do the same.
    pub(crate) fn begin_update(&mut self, request: bool) -> Result<bool, Error> {
        let epoch = self.records.write_epoch();
        let Some(updates) = self.updates.as_mut().filter(|u| !u.under_way) else { return Ok(false) };
        if !self.flight.is_finished() || epoch == u16::MAX {
            return Ok(false);
        }
        updates.under_way = true;
        self.flight.begin();
        self.flight.message(kind::KEY_UPDATE, epoch, |w| w.u8(u8::from(request)))?;
        self.flight.send(true);
        Ok(true)
    }

    /// Begins an update when the keys have sealed enough.
    pub(crate) fn update_when_due(&mut self) {
        if self.updates.is_some() && self.records.written() >= UPDATE_AFTER {
            // When it can't be begun now, the next record tries again.
            let _ = self.begin_update(false);
        }
    }

    /// The flight that was out is acknowledged: if it was a KeyUpdate, the new keys are used from now on.
    pub(crate) fn flight_acknowledged(&mut self) -> Result<(), Error> {
        if !self.flight.is_finished() {
            return Ok(());
        }
        let epoch = self.records.write_epoch();
        let hash = self.hash();
        if let Some(updates) = self.updates.as_mut().filter(|u| u.under_way) {
            updates.under_way = false;
            let schedule = Schedule::new(&self.provider, hash);
            let next = schedule.updated(&updates.write)?;
            updates.write.copy_from(&next);
            let of = schedule.record_keys(self.suite, &updates.write).map_err(|_| Error::KeyRefused)?;
            let next = epoch.checked_add(1).ok_or(Error::KeysExhausted)?;
            self.records.install_write(&self.provider, self.suite, next, &of)?;
            wipe_stack();
        }
        self.records.retire_write_before(self.records.write_epoch());
        self.update_owed()
    }

    /// A record came in this epoch: keys from before an update are not needed any more (RFC 9147 §8).
    pub(crate) fn note_read_epoch(&mut self, epoch: u16) {
        if epoch > APPLICATION_EPOCH {
            self.records.retire_read_before(epoch);
        }
    }

    fn update_owed(&mut self) -> Result<(), Error> {
        if self.updates.as_ref().is_some_and(|u| u.owed)
            && self.begin_update(false)?
            && let Some(updates) = &mut self.updates
        {
            updates.owed = false;
        }
        Ok(())
    }

    fn update_read(&mut self) -> Result<(), Error> {
        let hash = self.hash();
        let Some(updates) = &mut self.updates else { return Ok(()) };
        let schedule = Schedule::new(&self.provider, hash);
        let next = schedule.updated(&updates.read)?;
        updates.read.copy_from(&next);
        let of = schedule.record_keys(self.suite, &updates.read).map_err(|_| Error::KeyRefused)?;
        let next = self.records.read_epoch().checked_add(1).ok_or(Error::KeysExhausted)?;
        self.records.install_read(&self.provider, self.suite, next, &of)?;
        wipe_stack();
        Ok(())
    }
}
