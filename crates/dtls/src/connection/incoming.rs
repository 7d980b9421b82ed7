//! Datagrams in.

use barertc_arena::Allocator;
use barertc_crypto::{Provider, wipe_stack};
use barertc_wire::{Instant, Reader};

use super::{Connection, Event, Hint, Pending, Status};
use crate::acks;
use crate::config::Role;
use crate::error::{Discard, Error, alert};
use crate::handshake::kind;
use crate::handshake::reassembly::{Fragment, Reassembly};
use crate::machine::{Handshake, State};
use crate::record::{Head, Opened, content, split};

/// The result of handling a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// The keys of the record are not known yet.
    TooEarly,
}

impl<A: Allocator, P: Provider> Connection<A, P> {
    /// Handles one received datagram and decrypts it in place.
    ///
    /// The call gives the plaintext of each record of application data to `on_data`. It does so only after the handshake
    /// is complete: the certificate has an expected fingerprint, the peer's signature is valid, and the Finished messages
    /// agree.
    ///
    /// # Errors
    /// The reason why this datagram ended the connection; [`Event::Failed`] carries the same reason. [`Error::Closed`]
    /// when the connection had ended before. Damaged, repeated and foreign records cause no error: they are dropped and
    /// counted in [`discards`](Self::discards).
    pub fn handle(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        mut on_data: impl FnMut(&mut [u8]),
    ) -> Result<(), Error> {
        if self.status == Status::Over {
            self.discards.count(Discard::AfterClose);
            return Err(Error::Closed);
        }
        let mut rest = datagram;
        while !rest.is_empty() && self.status != Status::Over {
            let Some((head, record, after)) = split(rest) else {
                self.discards.count(Discard::NotARecord);
                break;
            };
            rest = after;
            let outcome = self.record(now, head, record, &mut on_data)?;
            if outcome == Outcome::TooEarly && !self.pending.as_mut().is_some_and(|p| p.early.keep(record)) {
                self.discards.count(Discard::TooEarly);
            }
        }
        self.proceed(now, &mut on_data)
    }

    /// Handles every message that is complete, and every early record that can be read by then.
    pub(super) fn proceed(&mut self, now: Instant, on_data: &mut dyn FnMut(&mut [u8])) -> Result<(), Error> {
        while self.step()? {
            self.read_early(now, on_data)?;
        }
        if self.status == Status::Handshaking {
            self.plan_ack(now);
        }
        Ok(())
    }

    /// Handles the next message; false when there is none.
    fn step(&mut self) -> Result<bool, Error> {
        // Before the description says who the peer is, its messages are only kept, but for the first one, which every
        // client could have sent.
        let Some(pending) = &mut self.pending else { return Ok(false) };
        if pending.handshake.context.fingerprints.is_none() && !pending.handshake.awaits_client_hello() {
            return Ok(false);
        }
        // It was kept before its place came, and has none there.
        if let Some((kind, 0)) = pending.reassembly.first()
            && !pending.handshake.awaits(kind)
        {
            pending.reassembly.drop_first();
            self.discards.count(Discard::Unexpected);
            self.hint = self.hint.or(Some(Hint { end: Event::Failed(Error::UnexpectedMessage), soon: false }));
            return Ok(false);
        }
        let Some(message) = pending.reassembly.ready() else { return Ok(false) };
        // The flight that this answers has arrived (RFC 9147 §7.2).
        if self.link.is_13() {
            self.link.flight.answered();
        }
        let result = pending.handshake.step(&mut self.link, &message);
        wipe_stack();
        pending.reassembly.pop();
        if pending.handshake.is_protected() {
            pending.reassembly.forget_plaintext();
        }
        if let Err(error) = result {
            self.fail(error);
            return Err(error);
        }
        if pending.handshake.is_complete() {
            self.complete();
        }
        Ok(true)
    }

    fn complete(&mut self) {
        let Some(version) = self.link.version else { return };
        self.status = Status::Connected;
        let event = Event::Connected { version, suite: self.link.suite, srtp: self.link.srtp };
        barertc_wire::trace!("dtls: {:?}", event);
        self.connected = Some(event);
        if self.link.is_13()
            && let (Some(updates), Some(pending)) = (&mut self.link.updates, &self.pending)
        {
            updates.next_seq = pending.reassembly.next();
        }
    }

    /// Gives records that came too early another chance.
    fn read_early(&mut self, now: Instant, on_data: &mut dyn FnMut(&mut [u8])) -> Result<(), Error> {
        // Taken out, so that the records can be handled like any other; and when all is over, it stays out.
        let Some(mut pending) = self.pending.take() else { return Ok(()) };
        let mut result = Ok(());
        if self.status == Status::Connected {
            pending.early.retain_unread(|record| {
                if let (Ok(()), Some((head, record, _))) = (result, split(record)) {
                    result = self.record(now, head, record, on_data).map(drop);
                }
                true
            });
            return result;
        }
        if pending.early.is_empty() {
            self.pending = Some(pending);
            return Ok(());
        }
        let Pending { mut handshake, mut reassembly, mut early } = pending;
        early.retain_unread(|record| {
            let Some((head, record, _)) = split(record) else { return true };
            let messages = Messages { reassembly: &mut reassembly, handshake: &mut handshake };
            match self.protected(now, head, record, Some(messages), on_data) {
                Ok(outcome) => outcome == Outcome::Done,
                Err(error) => {
                    result = Err(error);
                    true
                }
            }
        });
        if self.status != Status::Over {
            self.pending = Some(Pending { handshake, reassembly, early });
        }
        result
    }

    /// Handles one record of a datagram.
    fn record(
        &mut self,
        now: Instant,
        head: Head,
        record: &mut [u8],
        on_data: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Outcome, Error> {
        let Some(mut pending) = self.pending.take() else {
            return self.protected(now, head, record, None, on_data);
        };
        let messages = Messages { reassembly: &mut pending.reassembly, handshake: &mut pending.handshake };
        let outcome = self.protected(now, head, record, Some(messages), on_data);
        if self.status != Status::Over {
            self.pending = Some(pending);
        }
        outcome
    }

    /// Takes the protection off and goes by the content type.
    fn protected(
        &mut self,
        now: Instant,
        head: Head,
        record: &mut [u8],
        messages: Option<Messages<'_, A>>,
        on_data: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Outcome, Error> {
        let handshaking = self.status == Status::Handshaking;
        // Data of DTLS 1.2 can be opened before the other side has proven anything; it waits until it has.
        if handshaking && matches!(head, Head::Plain { kind: content::APPLICATION_DATA, epoch: 1.., .. }) {
            return Ok(Outcome::TooEarly);
        }
        let opened = match self.link.records.open(&self.link.provider, head, record) {
            Ok(opened) => opened,
            Err(Discard::WrongEpoch) if handshaking && may_come_early(head) => return Ok(Outcome::TooEarly),
            Err(discard) => {
                self.discards.count(discard);
                if self.link.records.is_exhausted() {
                    self.fail(Error::KeysExhausted);
                    return Err(Error::KeysExhausted);
                }
                return Ok(Outcome::Done);
            }
        };
        let end = opened.start.saturating_add(opened.len);
        let Some(body) = record.get_mut(opened.start..end) else { return Ok(Outcome::Done) };
        match opened.kind {
            content::HANDSHAKE => match messages.filter(|_| handshaking) {
                Some(messages) => self.fragments(now, opened, body, messages)?,
                None => self.late_handshake(now, opened, body)?,
            },
            content::APPLICATION_DATA if opened.epoch >= self.link.data_epoch() && self.status == Status::Connected => {
                self.link.note_read_epoch(opened.epoch);
                on_data(body);
            }
            content::ALERT => {
                let begun = messages.is_none_or(|m| !matches!(m.handshake.state, State::AwaitClientHello));
                self.alert(opened, body, begun)?;
            }
            content::ACK if opened.epoch > 0 && self.link.is_13() => self.acknowledged(opened, body)?,
            content::CHANGE_CIPHER_SPEC => {}
            _ => self.discards.count(Discard::Unexpected),
        }
        Ok(Outcome::Done)
    }

    /// Keeps the fragments of a handshake record.
    ///
    /// # Errors
    /// [`Error::MessageTooLong`], and what the answer to a HelloVerifyRequest can fail with; they ended the connection.
    fn fragments(&mut self, now: Instant, opened: Opened, body: &[u8], messages: Messages<'_, A>) -> Result<(), Error> {
        let Messages { reassembly, handshake } = messages;
        let protected = handshake.is_protected();
        let mut r = Reader::new(body);
        let mut useful = false;
        while !r.is_empty() {
            let Ok(fragment) = Fragment::parse(&mut r) else {
                self.discards.count(Discard::BadFragment);
                break;
            };
            // Where the peer has keys, plaintext is only good for saying that a flight of ours was lost.
            if protected && opened.epoch == 0 && fragment.seq >= reassembly.next() {
                self.discards.count(Discard::Unprotected);
                continue;
            }
            let in_place = fragment.seq == reassembly.next() && handshake.awaits(fragment.kind);
            if opened.epoch == 0 && fragment.seq <= reassembly.next() && !in_place {
                if let Some(request) = fragment.whole().filter(|_| fragment.kind == kind::HELLO_VERIFY_REQUEST) {
                    match handshake.verify_again(&mut self.link, request) {
                        Ok(true) => continue,
                        Ok(false) => {}
                        Err(error) => {
                            self.fail(error);
                            return Err(error);
                        }
                    }
                }
                if fragment.seq == reassembly.next() {
                    self.discards.count(Discard::Unexpected);
                    self.hint = self.hint.or(Some(Hint { end: Event::Failed(Error::UnexpectedMessage), soon: false }));
                    continue;
                }
            }
            let Err(discard) = reassembly.push(opened.epoch, &fragment) else {
                useful = true;
                self.hint = None;
                continue;
            };
            self.discards.count(discard);
            match discard {
                // The peer has sent its flight again, so it hasn't got ours (RFC 9147 §5.8.1).
                Discard::OldMessage => {
                    useful = true;
                    // It goes on, whatever somebody without keys has said.
                    self.hint = None;
                    self.link.flight.peer_repeated(now);
                }
                // It would come again and again, and never fit.
                Discard::OversizedMessage => {
                    let len = usize::try_from(fragment.len).unwrap_or(usize::MAX);
                    let error = Error::MessageTooLong { limit: reassembly.limit(), len };
                    // Before its turn, anybody's plaintext could say so.
                    if opened.epoch == 0 && !in_place {
                        self.hint = self.hint.or(Some(Hint { end: Event::Failed(error), soon: false }));
                        continue;
                    }
                    self.fail(error);
                    return Err(error);
                }
                _ => {}
            }
        }
        if useful {
            self.link.acks.add(opened.epoch, opened.seq);
        }
        Ok(())
    }

    /// DTLS 1.3: when part of a flight is here, the rest should be soon, or the peer is told what is (RFC 9147 §7.1).
    fn plan_ack(&mut self, now: Instant) {
        let timeout = self.link.flight.timeout();
        if self.link.is_13() && self.link.records.write_epoch() > 0 {
            self.link.acks.send_at(now + timeout.checked_div(4).unwrap_or(timeout));
        }
    }

    /// A handshake record after the handshake.
    fn late_handshake(&mut self, now: Instant, opened: Opened, body: &[u8]) -> Result<(), Error> {
        if opened.epoch == 0 {
            self.discards.count(Discard::OldMessage);
            return Ok(());
        }
        let result = if self.link.is_13() {
            self.link.post_handshake(now, opened, body)
        } else {
            self.late_handshake_12(now, body);
            Ok(())
        };
        if let Err(error) = result {
            self.fail(error);
        }
        result
    }

    fn late_handshake_12(&mut self, now: Instant, body: &[u8]) {
        let Ok(fragment) = Fragment::parse(&mut Reader::new(body)) else {
            return self.discards.count(Discard::BadFragment);
        };
        match (fragment.kind, self.link.role) {
            // Its Finished again: our last flight was lost.
            (kind::FINISHED, Role::Server) => {
                self.discards.count(Discard::OldMessage);
                self.link.flight.peer_repeated(now);
            }
            // No renegotiation (RFC 5746 §4.5; RFC 8827 §6.5).
            (kind::HELLO_REQUEST, Role::Client) | (kind::CLIENT_HELLO, Role::Server) => {
                self.discards.count(Discard::Unexpected);
                self.alert = Some((alert::WARNING, alert::NO_RENEGOTIATION));
            }
            _ => self.discards.count(Discard::OldMessage),
        }
    }

    /// `begun` is whether there is a handshake that somebody without keys may want to end.
    fn alert(&mut self, opened: Opened, body: &[u8], begun: bool) -> Result<(), Error> {
        let &[level, description, ..] = body else {
            self.discards.count(Discard::NotARecord);
            return Ok(());
        };
        // Anybody can write an alert without protection. A peer that has keys writes none; it has them in DTLS 1.3 when we have
        // them, and in DTLS 1.2 when it has shown them.
        let records = &self.link.records;
        let has_keys = if self.link.is_13() { records.can_read() } else { records.peer_has_keys() };
        if opened.epoch == 0 && has_keys {
            self.discards.count(Discard::Unprotected);
            if level == alert::FATAL && self.status == Status::Handshaking {
                self.hint = Some(Hint { end: Event::Failed(Error::PeerAlert(description)), soon: false });
            }
            return Ok(());
        }
        if opened.epoch == 0 && !begun {
            self.discards.count(Discard::Unexpected);
            return Ok(());
        }
        match description {
            // It ends nothing by itself: it is believed when the answer to our flight does not come either (RFC 9147 §4.5.2).
            alert::CLOSE_NOTIFY if opened.epoch == 0 => {
                self.discards.count(Discard::Unprotected);
                // A failure that was told before is why it closes.
                self.hint = self.hint.filter(|hint| hint.soon).or(Some(Hint { end: Event::Closed, soon: true }));
            }
            alert::CLOSE_NOTIFY => {
                self.alert = Some((alert::WARNING, alert::CLOSE_NOTIFY));
                self.end(Event::Closed);
            }
            // A close_notify follows (RFC 8446 §6.1).
            alert::USER_CANCELED => {}
            // Only DTLS 1.2 has warnings that mean nothing.
            _ if level == alert::WARNING && !self.link.is_13() => {}
            _ if opened.epoch == 0 => {
                self.discards.count(Discard::Unprotected);
                self.hint = Some(Hint { end: Event::Failed(Error::PeerAlert(description)), soon: true });
            }
            _ => {
                let error = Error::PeerAlert(description);
                self.fail(error);
                return Err(error);
            }
        }
        Ok(())
    }

    /// An ACK (RFC 9147 §7.2).
    fn acknowledged(&mut self, opened: Opened, body: &[u8]) -> Result<(), Error> {
        let Ok(numbers) = acks::parse(body) else {
            self.discards.count(Discard::NotARecord);
            return Ok(());
        };
        for (epoch, number) in numbers {
            self.link.flight.acknowledge(epoch, number);
        }
        self.link.note_read_epoch(opened.epoch);
        self.link.flight.acknowledged();
        let result = self.link.flight_acknowledged();
        if let Err(error) = result {
            self.fail(error);
        }
        result
    }
}

/// Where the messages of a handshake go.
struct Messages<'a, A: Allocator> {
    reassembly: &'a mut Reassembly<A>,
    handshake: &'a mut Handshake,
}

/// Whether a record for which there are no keys can be one of this handshake: DTLS 1.2 has epoch 1 only.
fn may_come_early(head: Head) -> bool {
    matches!(head, Head::Plain { epoch: 1, .. } | Head::Unified { .. })
}
