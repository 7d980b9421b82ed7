//! What came of the chunks in flight: SACKs, time-outs and probes (RFC 9260 §6.2.1, §6.3.3, §7.2.4).

use core::time::Duration;

use barertc_arena::{Allocator, Key};
use barertc_wire::Instant;

use super::transmit::wire_len;
use super::{Fate, Sender, Sent};
use crate::channels::Channels;
use crate::chunk::Sack;
use crate::congestion::Acked;
use crate::error::Discard;
use crate::rto::part;
use crate::serial::Tsn;
use crate::timer::{Timer, Timers};

/// SACKs that must report later chunks before one counts as lost.
const MISSES: u8 = 3;

/// Probes in a row, each after twice the time of the one before; then it is the time-out's turn.
const PROBES: u8 = 2;

/// What one SACK has told, gathered on the way through it.
#[derive(Default)]
struct Tally {
    bytes: usize,
    /// Chunks that have now arrived.
    chunks: usize,
    /// When the newest of them was sent.
    newest: Option<Instant>,
    /// The newest asked for an answer at once.
    immediate: bool,
    rtt: Option<Duration>,
}

/// So few chunks in flight cannot be what fills a queue: what was lost was lost by the path, and waiting twice as long does not
/// help it.
const THIN: usize = 4;

/// How many timeouts in a row do not double the RTO when so little is in flight. RFC 9260 §6.3.3 rule E2 doubles it at each.
/// TCP has the same for thin streams in Linux (`tcp_thin_linear_timeouts`, six timeouts).
const THIN_TIMEOUTS: u16 = 3;

impl<A: Allocator> Sender<A> {
    /// A SACK, or the cumulative TSN of a SHUTDOWN as one without gaps.
    pub(crate) fn sack(
        &mut self,
        now: Instant,
        sack: &Sack<'_>,
        channels: &mut Channels<A>,
        timers: &mut Timers,
    ) -> Result<(), Discard> {
        self.check(sack)?;
        let flying_before = self.flying_wire;
        let advanced = sack.cumulative != self.cumulative;
        let recovering = self.recovery.is_some();
        let mut tally = Tally::default();
        while self.cumulative != sack.cumulative {
            let Some(sent) = self.in_flight.pop_front() else { break };
            self.cumulative = self.cumulative.add(1);
            self.arrived(now, &sent, &mut tally);
            self.retire(channels, &sent);
        }
        if self.recovery.is_some_and(|exit| !exit.is_after(self.cumulative)) {
            self.recovery = None;
        }
        let highest = self.gaps(now, sack, &mut tally);
        let lost = self.find_lost(highest, advanced && recovering, &tally);
        self.window = sack.window as usize;
        // The answer to a single chunk that did not ask for one at once may have been delayed (RFC 9260 §6.2).
        tally.rtt = tally.rtt.filter(|_| tally.immediate || tally.chunks > 1 || self.rto.srtt().is_none());
        if let Some(rtt) = tally.rtt {
            self.rto.sample(rtt);
        }
        if tally.bytes > 0 {
            self.errors = 0;
            self.probes = 0;
        } else if sack.window == 0 {
            // The peer is alive and full (RFC 9260 §6.1 rule A): not an error of the path.
            self.errors = 0;
        }
        self.control.acked(&Acked {
            now,
            bytes: tally.bytes,
            flying_before,
            cumulative: advanced,
            recovering: self.recovery.is_some(),
            rtt: tally.rtt,
            lost,
        });
        if lost > 0 && self.recovery.is_none() {
            self.recovery = Some(self.next_tsn().prev());
            self.fast_retransmit = true;
            self.control.congested();
        }
        self.give_up_lost(now, channels);
        self.update_forward();
        if self.in_flight.is_empty() {
            timers.stop(Timer::Retransmit);
            timers.stop(Timer::Probe);
        } else if advanced {
            timers.set(Timer::Retransmit, now + self.rto.get());
            self.arm_probe(now, timers);
        }
        Ok(())
    }

    /// The cumulative TSN of a SHUTDOWN (RFC 9260 §9.2); older ones than the last are no news.
    pub(crate) fn acked_up_to(
        &mut self,
        now: Instant,
        cumulative: Tsn,
        channels: &mut Channels<A>,
        timers: &mut Timers,
    ) -> Result<(), Discard> {
        if self.cumulative.is_after(cumulative) {
            return Ok(());
        }
        let window = u32::try_from(self.window).unwrap_or(u32::MAX);
        self.sack(now, &Sack::cumulative(cumulative, window), channels, timers)
    }

    /// A SACK has an effect only if all of it is about chunks that are in flight.
    fn check(&self, sack: &Sack<'_>) -> Result<(), Discard> {
        let in_flight = u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX);
        // An older one than the last fails here, too: the distance wraps.
        let step = sack.cumulative.since(self.cumulative);
        if step > in_flight {
            return Err(Discard::BadSack);
        }
        let left = in_flight.saturating_sub(step);
        let mut before = 0u16;
        for (start, end) in sack.gaps() {
            // Blocks are in order and don't touch: so all of them together cost one pass.
            if start <= before.saturating_add(u16::from(before > 0)) || end < start || u32::from(end) > left {
                return Err(Discard::BadSack);
            }
            before = end;
        }
        Ok(())
    }

    /// Takes note of the arrival of a chunk.
    fn arrived(&mut self, now: Instant, sent: &Sent, tally: &mut Tally) {
        let (len, wire) = (usize::from(sent.len), wire_len(sent, self.interleaving));
        match sent.fate {
            Fate::Flying => {
                self.flying = self.flying.saturating_sub(len);
                self.flying_wire = self.flying_wire.saturating_sub(wire);
            }
            Fate::Lost => self.lost = self.lost.saturating_sub(1),
            Fate::Acked => {
                self.acked_chunks = self.acked_chunks.saturating_sub(1);
                return;
            }
            Fate::Abandoned => return,
        }
        tally.bytes = tally.bytes.saturating_add(wire);
        tally.chunks = tally.chunks.saturating_add(1);
        let rtt = now.saturating_since(sent.sent_at);
        if tally.newest.is_none_or(|t| t <= sent.sent_at) {
            // What was sent twice doesn't say which of both arrived (Karn), unless only the second can have.
            let ambiguous = sent.transmissions > 1;
            let possible = self.rto.srtt().is_none_or(|srtt| rtt >= part(srtt, 2));
            if !ambiguous || possible {
                tally.newest = Some(sent.sent_at);
                tally.immediate = sent.immediate;
            }
            if !ambiguous {
                tally.rtt = Some(rtt);
            }
        }
    }

    /// A chunk that left the list of those in flight.
    fn retire(&mut self, channels: &mut Channels<A>, sent: &Sent) {
        if let Some(message) = self.messages.get_mut(sent.message) {
            message.chunks = message.chunks.saturating_sub(1);
            if !message.abandoned {
                self.pool.consume(&mut message.chain, usize::from(sent.len));
            }
        }
        self.free_if_done(channels, sent.message);
    }

    /// Goes through the gap blocks; returns the place of the highest chunk that they acknowledge for the first time.
    fn gaps(&mut self, now: Instant, sack: &Sack<'_>, tally: &mut Tally) -> Option<usize> {
        let mut highest = None;
        let mut before = 0usize;
        for (start, end) in sack.gaps() {
            let (start, end) = (usize::from(start).saturating_sub(1), usize::from(end));
            for i in before..end {
                let Some(sent) = self.in_flight.get(i) else { break };
                let reported = i >= start;
                match sent.fate {
                    Fate::Flying | Fate::Lost if reported => {
                        let copy = Sent { ..*sent };
                        self.arrived(now, &copy, tally);
                        self.acked_chunks = self.acked_chunks.saturating_add(1);
                        self.set_fate(i, Fate::Acked);
                        highest = Some(i);
                    }
                    // Reported before and no longer: the peer has dropped it (RFC 9260 §6.2.1 rule D iii).
                    Fate::Acked if !reported => {
                        self.acked_chunks = self.acked_chunks.saturating_sub(1);
                        self.lost = self.lost.saturating_add(1);
                        self.set_fate(i, Fate::Lost);
                    }
                    _ => {}
                }
            }
            before = end;
        }
        highest
    }

    fn set_fate(&mut self, i: usize, fate: Fate) {
        if let Some(sent) = self.in_flight.get_mut(i) {
            sent.fate = fate;
        }
    }

    /// Finds chunks that are lost by now; returns their bytes. `all` counts a miss for every missing one, as fast recovery
    /// does when the cumulative TSN moves (RFC 9260 §7.2.4).
    fn find_lost(&mut self, highest: Option<usize>, all: bool, tally: &Tally) -> usize {
        if self.acked_chunks == 0 && self.recovery.is_none() && self.probes == 0 {
            return 0;
        }
        let counted = if all { self.last_acked() } else { highest };
        // What was sent well before something that has arrived did not make it (after RFC 8985), however often it was
        // sent: the rule of three alone would leave a lost retransmission to the timer.
        let reordering = part(self.rto.srtt().unwrap_or(Duration::ZERO), 4);
        let overtaken = tally.newest.map(|t| t - reordering.max(Duration::from_millis(2)));
        let mut bytes = 0usize;
        for i in 0..self.in_flight.len() {
            let Some(sent) = self.in_flight.get_mut(i) else { break };
            if sent.fate != Fate::Flying {
                continue;
            }
            if counted.is_some_and(|h| i < h) && sent.transmissions == 1 {
                sent.misses = sent.misses.saturating_add(1);
            }
            if sent.misses < MISSES && overtaken.is_none_or(|t| sent.sent_at >= t) {
                continue;
            }
            sent.fate = Fate::Lost;
            sent.misses = 0;
            let (len, wire) = (usize::from(sent.len), wire_len(sent, self.interleaving));
            self.flying = self.flying.saturating_sub(len);
            self.flying_wire = self.flying_wire.saturating_sub(wire);
            self.lost = self.lost.saturating_add(1);
            bytes = bytes.saturating_add(wire);
        }
        bytes
    }

    fn last_acked(&self) -> Option<usize> {
        (0..self.in_flight.len()).rev().find(|i| self.in_flight.get(*i).is_some_and(|s| s.fate == Fate::Acked))
    }

    /// Gives up messages that would have to be sent again and must not be.
    fn give_up_lost(&mut self, now: Instant, channels: &mut Channels<A>) {
        if !self.partial_reliability || self.lost == 0 {
            return;
        }
        for i in 0..self.in_flight.len() {
            let Some(sent) = self.in_flight.get(i) else { break };
            let (name, transmissions) = (sent.message, sent.transmissions);
            if sent.fate == Fate::Lost && self.is_over(name, transmissions, now) {
                self.abandon(channels, name);
            }
        }
    }

    /// Every chunk of a message that was given up counts as such.
    pub(super) fn abandon_chunks(&mut self, name: Key) {
        for i in 0..self.in_flight.len() {
            let Some(sent) = self.in_flight.get_mut(i) else { break };
            if sent.message != name {
                continue;
            }
            let (len, wire) = (usize::from(sent.len), wire_len(sent, self.interleaving));
            match core::mem::replace(&mut sent.fate, Fate::Abandoned) {
                Fate::Flying => {
                    self.flying = self.flying.saturating_sub(len);
                    self.flying_wire = self.flying_wire.saturating_sub(wire);
                }
                Fate::Lost => self.lost = self.lost.saturating_sub(1),
                Fate::Acked => self.acked_chunks = self.acked_chunks.saturating_sub(1),
                Fate::Abandoned => {}
            }
        }
        self.update_forward();
    }

    /// FORWARD-TSN is due when the chunk after the cumulative TSN was given up and the peer has not been told.
    fn update_forward(&mut self) {
        if self.cumulative.is_after(self.advanced) {
            self.advanced = self.cumulative;
        }
        let told = self.advanced.since(self.cumulative) as usize;
        if self.in_flight.get(told).is_some_and(|s| s.fate == Fate::Abandoned) {
            self.forward_due = true;
        }
    }

    /// T3-rtx has expired (RFC 9260 §6.3.3).
    pub(crate) fn timed_out(&mut self, now: Instant, channels: &mut Channels<A>, timers: &mut Timers) {
        self.errors = self.errors.saturating_add(1);
        // A closed window is asked more and more rarely (RFC 9260 §6.1 rule A).
        if self.errors > THIN_TIMEOUTS || self.in_flight.len() > THIN || self.window == 0 {
            self.rto.back_off();
        }
        self.control.timed_out();
        let only_acked = self.flying == 0 && self.lost == 0;
        for i in 0..self.in_flight.len() {
            let Some(sent) = self.in_flight.get_mut(i) else { break };
            // When all that is left was reported once, the peer must have dropped it since.
            if sent.fate == Fate::Flying || (sent.fate == Fate::Acked && only_acked) {
                if sent.fate == Fate::Acked {
                    self.acked_chunks = self.acked_chunks.saturating_sub(1);
                }
                sent.fate = Fate::Lost;
                sent.misses = 0;
                self.lost = self.lost.saturating_add(1);
            }
        }
        self.flying = 0;
        self.flying_wire = 0;
        self.recovery = None;
        timers.stop(Timer::Probe);
        self.forward_due |= self.in_flight.front().is_some_and(|s| s.fate == Fate::Abandoned);
        self.give_up_lost(now, channels);
        if self.in_flight.is_empty() {
            timers.stop(Timer::Retransmit);
        } else {
            timers.set(Timer::Retransmit, now + self.rto.get());
        }
    }

    /// Arms the probe for a tail of chunks whose loss no later chunk would show (after RFC 8985 §7).
    pub(super) fn arm_probe(&mut self, now: Instant, timers: &mut Timers) {
        match self.rto.probe() {
            Some(wait) if self.probes < PROBES && self.recovery.is_none() && self.flying > 0 => {
                timers.set(Timer::Probe, now + wait.saturating_mul(1 << self.probes));
            }
            _ => timers.stop(Timer::Probe),
        }
    }

    /// Sends the last chunk once more, so that the peer says what it has.
    pub(crate) fn probe(&mut self, now: Instant) {
        self.probes = self.probes.saturating_add(1);
        for i in (0..self.in_flight.len()).rev() {
            let Some(sent) = self.in_flight.get_mut(i) else { break };
            let over = sent.fate == Fate::Flying && {
                let (name, transmissions) = (sent.message, sent.transmissions);
                self.is_over(name, transmissions, now)
            };
            let Some(sent) = self.in_flight.get_mut(i) else { break };
            if sent.fate != Fate::Flying || over {
                continue;
            }
            sent.fate = Fate::Lost;
            let (len, wire) = (usize::from(sent.len), wire_len(sent, self.interleaving));
            self.flying = self.flying.saturating_sub(len);
            self.flying_wire = self.flying_wire.saturating_sub(wire);
            self.lost = self.lost.saturating_add(1);
            self.fast_retransmit = true;
            return;
        }
    }
}
