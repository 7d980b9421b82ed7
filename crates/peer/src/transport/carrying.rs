//! Where ICE and DTLS meet before there is a path: see [`Embedded`].

use barertc_arena::{Allocator, Box};
use barertc_crypto::Provider;
use barertc_dtls::Role;
use barertc_ice::{Attributes, Carried, Carries, Transmit};
use barertc_sdp::Transport as Description;
use barertc_wire::Instant;
use core::time::Duration;

use super::embedded::{Embedded, carries_dtls};
use super::{Inbound, Transport};
use crate::error::Error;

/// How many round trips DTLS waits for an answer.
const ROUND_TRIPS: u32 = 2;

impl<A: Allocator + Clone, P: Provider> Transport<'_, A, P> {
    /// Makes room for what checks are to carry, unless DTLS is past that.
    ///
    /// # Errors
    /// [`Error::NoMemory`].
    #[inline(never)]
    pub(super) fn prepare_carrying(&mut self, memory: &A) -> Result<(), Error> {
        if self.embedded.is_none() && self.peer.is_none() {
            let made = Box::try_init::<Error, _>(memory.clone(), || Ok::<_, Error>(Embedded::new()))?;
            self.embedded = Some(made);
        }
        Ok(())
    }

    /// A description has come.
    pub(super) fn begin_carrying(&mut self, now: Instant, description: &Description<'_>, is_answer: bool) {
        let Some(embedded) = self.embedded.as_deref_mut() else { return };
        if is_answer && !carries_dtls(description) {
            embedded.refuse();
        }
        // Who offers has its hands full as soon as the answer comes: what the peer had to say came before or by the path.
        if !is_answer && self.security.role() == Some(Role::Server) {
            embedded.begin_fetching(now);
        }
    }

    /// An authentic check or response of the peer.
    pub(super) fn handle_carried<'d>(
        &mut self,
        now: Instant,
        carried: &Carried,
        datagram: &mut [u8],
    ) -> Result<Inbound<'d>, Error> {
        let Some(embedded) = self.embedded.as_deref_mut() else { return Ok(Inbound::Taken) };
        let [data, acks] = carried.values.clone().map(|range| range.and_then(|range| datagram.get(range)));
        let is_new = embedded.take(carried.class, carried.id, data, acks);
        let [data, _] = carried.values.clone();
        let Some(inner) = data.filter(|_| is_new).and_then(|range| datagram.get_mut(range)) else {
            return Ok(Inbound::Taken);
        };
        let handled = self.handle_dtls(now, inner);
        let missing = self.security.dtls().is_some_and(|dtls| dtls.awaits_client_hello());
        if let Some(embedded) = self.embedded.as_deref_mut().filter(|_| missing) {
            // A part of it has come. The rest is in the peer's response to the next check.
            embedded.begin_fetching(now);
            self.ice.check_now(now);
        }
        handled
    }

    /// What ICE has to send, which goes out before everything.
    pub(crate) fn poll_ice(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        let Some(embedded) = self.embedded.as_deref_mut() else { return self.ice.poll_transmit(now, out) };
        let mut carrier = |message: Carries, attributes: &mut Attributes<'_, '_>| {
            embedded.write(message.class, message.id, attributes);
        };
        self.ice.poll_transmit_carrying(now, out, &mut carrier)
    }

    /// What DTLS itself has to send, in at most `most` bytes. What checks have carried is cut already.
    pub(crate) fn poll_dtls(&mut self, now: Instant, out: &mut [u8], most: usize) -> Option<usize> {
        if let Some(embedded) = self.embedded.as_deref_mut() {
            if let Some(len) = embedded.poll_path(out) {
                return Some(len);
            }
            if !embedded.is_over() {
                return None;
            }
            self.embedded = None;
        }
        let most = out.len().min(most);
        self.security.dtls_mut()?.poll_transmit(now, out.get_mut(..most)?)
    }

    /// Whether the timer of DTLS runs: not while its flights can only travel in checks, which have timers of their own.
    pub(super) fn has_dtls_timer(&self) -> bool {
        self.embedded.as_deref().is_none_or(Embedded::has_path)
    }

    /// Moves on what checks carry, after everything that may have changed it.
    pub(super) fn update_carrying(&mut self, now: Instant) {
        let (is_up, round_trip, path) = (self.security.is_up(), self.round_trip(), self.ice.selected().is_some());
        let Some(embedded) = self.embedded.as_deref_mut() else { return };
        let Some(dtls) = self.security.dtls_mut() else { return };
        if path && embedded.found_path() {
            // What was written until now leaves only now.
            dtls.restart_timer(now, round_trip.map(|time: Duration| time.saturating_mul(ROUND_TRIPS)));
        }
        embedded.collect(|room| dtls.poll_transmit(now, room));
        // DTLS is up and ICE is not: a check of ours, or its response, was lost.
        let lost = is_up && !path && embedded.wants_path();
        if is_up {
            embedded.connected(self.heard || dtls.is_flight_over());
        }
        if embedded.poll_fetch(now, !dtls.awaits_client_hello()) || lost {
            self.ice.check_now(now);
        }
        if embedded.is_over() {
            self.embedded = None;
        }
    }
}
