//! Setting up (RFC 9260 §5).

use core::time::Duration;

use barertc_arena::Allocator;
use barertc_wire::{Instant, Writer};

use super::remote_init::{RemoteInit, peer};
use super::state::{Attempt, Peer, State};
use super::{AnsweredInit, Association};
use crate::chunk::{Capabilities, ErrorCause, Init, cause, padding};
use crate::error::{Discard, Error, Failure};
use crate::pool::Chain;
use crate::timer::Timer;

/// Bytes of the longest INIT chunk of ours.
const INIT: usize = 64;

impl<A: Allocator> Association<A> {
    /// Starts the handshake. Both sides may do so at the same time.
    pub fn connect(&mut self, now: Instant) {
        if matches!(self.state, State::Closed) {
            let attempt = self.attempt(now);
            self.enter(State::CookieWait(attempt));
            self.outbox.init = true;
        }
    }

    /// INIT or COOKIE ECHO goes out for the first time, and T1 starts.
    fn attempt(&mut self, now: Instant) -> Attempt {
        self.timers.set(Timer::Setup, now + self.tx.rto.get());
        Attempt { began: now, count: 0 }
    }

    /// What T1 waited for is here. It was the first round trip, if nothing had to be sent twice (Karn).
    fn answered(&mut self, now: Instant, attempt: Attempt) {
        self.timers.stop(Timer::Setup);
        if attempt.count == 0 {
            self.tx.rto.sample(now.saturating_since(attempt.began));
        }
    }

    const fn capabilities(&self) -> Capabilities {
        Capabilities {
            partial_reliability: true,
            reconfig: true,
            interleaving: self.config.interleaving,
            zero_checksum: self.config.zero_checksum,
        }
    }

    pub(super) fn our_init(&self, tag: u32) -> Init<'static> {
        Init {
            tag,
            window: self.rx.window(),
            outbound: u16::MAX,
            inbound: u16::MAX,
            tsn: self.identity.tsn.0,
            capabilities: self.capabilities(),
            cookie: None,
            params: &[],
        }
    }

    /// Writes the INIT chunk of this side for a session description (`a=sctp-init` of SNAP). Returns its length. The
    /// chunk stays the same, because later descriptions repeat it.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`]: 64 bytes are enough.
    pub fn local_init(&self, out: &mut [u8]) -> Result<usize, Error> {
        let mut w = Writer::new(out);
        let short = Error::BufferTooShort { needed: INIT };
        let init = Init { window: self.identity.window, ..self.our_init(self.identity.tag) };
        init.write(&mut w, 0, |_| {}).map_err(|_| short)?;
        Ok(w.len())
    }

    /// Establishes the association with the INIT chunk of the peer's session description, without a handshake. The peer
    /// must have got the chunk of this side in the same way.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::Closed`] when the association is not new.
    pub fn set_remote_init(&mut self, now: Instant, chunk: &[u8]) -> Result<(), Error> {
        self.connect_with(now, &RemoteInit::parse(chunk)?)
    }

    /// Does the same as [`set_remote_init`](Self::set_remote_init) with a chunk that was parsed before. A description
    /// may arrive long before DTLS is up.
    ///
    /// # Errors
    /// [`Error::Closed`] when the association is not new.
    pub fn connect_with(&mut self, now: Instant, init: &RemoteInit) -> Result<(), Error> {
        if !matches!(self.state, State::Closed | State::CookieWait(_)) {
            return Err(Error::Closed);
        }
        self.establish(now, init.0);
        Ok(())
    }

    /// Sets the round-trip time that ICE has measured. It counts until the association has measured its own. The
    /// retransmission timeout is twice that time, and at least 100 ms, in place of
    /// [`Config::rto_initial`](crate::Config::rto_initial), for what waits for an acknowledgement already, too.
    pub fn set_round_trip_time(&mut self, now: Instant, round_trip: Duration) {
        self.tx.rto.guess(round_trip);
        let at = now + self.tx.rto.get();
        self.timers.shorten(Timer::Setup, at);
        self.timers.shorten(Timer::Retransmit, at);
    }

    /// Whether neither ICE nor an acknowledgement has told how long a round trip takes.
    #[must_use]
    pub const fn wants_round_trip_time(&self) -> bool {
        self.tx.rto.is_blind()
    }

    pub(super) fn on_init(&mut self, init: &Init<'_>) -> Result<(), Discard> {
        let peer = peer(init).ok_or(Discard::BadInit)?;
        let tag = match self.state {
            // RFC 9260 §5.2.1: in a collision both sides keep to the tags of their INITs.
            State::Closed | State::CookieWait(_) | State::CookieEchoed(..) => self.identity.tag,
            // RFC 9260 §9.2: whoever has sent SHUTDOWN ACK sends it again.
            State::ShutdownAckSent(..) => {
                self.outbox.shutdown_ack = true;
                return Err(Discard::Unexpected);
            }
            State::Done(_) => return Err(Discard::Unexpected),
            // RFC 9260 §5.2.2. The INIT of an association that stands may be a copy of the first one.
            _ if self.state.peer().is_some_and(|p| p.tag == peer.tag && p.tsn == peer.tsn) => self.identity.tag,
            _ => self.identity.spare_tag,
        };
        self.answered = Some(AnsweredInit { peer, tag });
        self.outbox.init_ack = true;
        self.keep_unrecognized(init);
        Ok(())
    }

    /// What of the peer's INIT is not known here goes into INIT ACK (RFC 9260 §3.2.1), as far as there is room in the packet.
    fn keep_unrecognized(&mut self, init: &Init<'_>) {
        self.rx.release_kept(&mut self.outbox.unrecognized);
        let most = usize::from(self.config.mtu).saturating_sub(INIT.saturating_mul(2));
        for (kind, value) in init.unrecognized() {
            let header = Init::unrecognized_header(kind, u16::try_from(value.len()).unwrap_or(u16::MAX));
            let parts = [&header[..], value, pad(value.len())];
            let whole = parts.iter().fold(self.outbox.unrecognized.len(), |sum, part| sum.saturating_add(part.len()));
            let fits = whole <= most;
            if !fits || !self.rx.keep(&mut self.outbox.unrecognized, &parts) {
                self.discards.count(Discard::TooLong);
                return;
            }
        }
    }

    /// Writes the INIT ACK. It has Zero Checksum Acceptable (RFC 9653 §4) only for a peer that has told so itself: another
    /// one has no use for it, and some drop a chunk with a parameter that they do not know (pion's SCTP up to 2023).
    pub(super) fn write_init_ack(&mut self, w: &mut Writer<'_>, tag: u32) -> Result<(), barertc_wire::NoRoom> {
        let cookie = self.identity.cookie;
        let mut init = Init { cookie: Some(&cookie), ..self.our_init(tag) };
        init.capabilities.zero_checksum &=
            self.answered.as_ref().is_some_and(|answered| answered.peer.capabilities.zero_checksum);
        let (chain, rx) = (&mut self.outbox.unrecognized, &mut self.rx);
        let written = init.write(w, chain.len(), |out| rx.copy_kept(chain, out));
        rx.release_kept(chain);
        written
    }

    /// The tags of the INIT that is to be answered: the peer's, and ours.
    pub(super) fn answered_tags(&self) -> Option<(u32, u32)> {
        self.answered.map(|i| (i.peer.tag, i.tag))
    }

    pub(super) fn on_init_ack(&mut self, now: Instant, init: &Init<'_>) -> Result<(), Discard> {
        let State::CookieWait(attempt) = self.state else { return Err(Discard::Unexpected) };
        let peer = peer(init).ok_or(Discard::BadInit)?;
        let cookie = init.cookie.ok_or(Discard::BadInit)?;
        // The cookie must go into one packet.
        if cookie.len().saturating_add(16) > usize::from(self.config.mtu) {
            return Err(Discard::TooLong);
        }
        let mut kept = Chain::EMPTY;
        // Received data cannot have taken any room yet.
        if !self.rx.keep(&mut kept, &[cookie]) {
            return Err(Discard::NoMemory);
        }
        self.adopt(peer);
        self.outbox.init = false;
        self.outbox.cookie_echo = true;
        self.answered(now, attempt);
        self.tx.rto.restart();
        let attempt = self.attempt(now);
        self.enter(State::CookieEchoed(peer, kept, attempt));
        for (kind, value) in init.unrecognized() {
            // The parameter as it came, from its type on.
            let header = Init::unrecognized_header(kind, u16::try_from(value.len()).unwrap_or(u16::MAX));
            self.report(cause::UNRECOGNIZED_PARAMETERS, [header.get(4..).unwrap_or_default(), value]);
        }
        Ok(())
    }

    pub(super) fn on_cookie_echo(&mut self, now: Instant, tag: u32, cookie: &[u8]) -> Result<(), Discard> {
        let answered = self.answered.ok_or(Discard::ForgedCookie)?;
        if !same(cookie, &self.identity.cookie) {
            return Err(Discard::ForgedCookie);
        }
        if tag != answered.tag {
            return Err(Discard::BadTag);
        }
        match self.state {
            // RFC 9260 §5.2.4: actions B and D, and the plain case.
            State::Closed | State::CookieWait(_) | State::CookieEchoed(..) => {
                self.establish(now, answered.peer);
                self.outbox.cookie_ack = true;
                Ok(())
            }
            State::Done(_) => Err(Discard::Unexpected),
            // Our COOKIE ACK was lost.
            _ if answered.tag == self.identity.tag => {
                self.outbox.cookie_ack = true;
                Ok(())
            }
            State::ShutdownAckSent(..) => {
                self.outbox.shutdown_ack = true;
                self.report(cause::COOKIE_WHILE_SHUTTING_DOWN, [&[], &[]]);
                Ok(())
            }
            // Action A, a peer that starts anew. Its channels are not ours, and DTLS would have started anew, too.
            _ => {
                self.outbox.abort = Some(cause::RESTART_WITH_NEW_ADDRESSES);
                self.fail(Failure::PeerRestarted);
                Ok(())
            }
        }
    }

    pub(super) fn on_cookie_ack(&mut self, now: Instant) -> Result<(), Discard> {
        let State::CookieEchoed(peer, _, attempt) = self.state else { return Err(Discard::Unexpected) };
        self.answered(now, attempt);
        self.establish(now, peer);
        Ok(())
    }

    /// Data or a SACK while our COOKIE ECHO waits for its answer: before it had got that, the peer would have sent
    /// neither (RFC 9260 §5.1 C), so COOKIE ACK was lost or overtaken.
    pub(super) fn on_sign_of_life(&mut self, now: Instant) {
        if let State::CookieEchoed(peer, ..) = self.state {
            self.establish(now, peer);
        }
    }

    /// Our COOKIE ECHO came too late; ask for a new cookie (RFC 9260 §5.2.6).
    pub(super) fn on_stale_cookie(&mut self, now: Instant) {
        if matches!(self.state, State::CookieEchoed(..)) {
            self.release_cookie();
            let attempt = self.attempt(now);
            self.enter(State::CookieWait(attempt));
            self.outbox.cookie_echo = false;
            self.outbox.init = true;
        }
    }

    /// Takes over what the peer can do.
    fn adopt(&mut self, peer: Peer) {
        let ours = self.capabilities();
        self.tx.set_window(peer.window);
        self.tx.interleaving = peer.capabilities.interleaving && ours.interleaving;
        self.tx.partial_reliability = peer.capabilities.partial_reliability && ours.partial_reliability;
        self.rx.tracker.start(peer.tsn);
        self.resets.start(peer.tsn);
    }

    fn establish(&mut self, now: Instant, peer: Peer) {
        self.release_cookie();
        self.adopt(peer);
        self.enter(State::Established(peer));
        self.outbox.init = false;
        self.outbox.cookie_echo = false;
        self.timers.stop(Timer::Setup);
        self.tx.rto.restart();
        self.news.connected = true;
        self.channels.dcep_due = true;
        self.arm_heartbeat(now);
        self.open_due(now);
    }

    /// T1-init or T1-cookie has expired (RFC 9260 §5.1, §5.1.6).
    pub(super) fn setup_expired(&mut self, now: Instant) {
        let (State::CookieWait(attempt) | State::CookieEchoed(_, _, attempt)) = &mut self.state else { return };
        attempt.count = attempt.count.saturating_add(1);
        if attempt.count > self.config.max_init_retransmits {
            return self.fail(Failure::HandshakeTimeout);
        }
        if matches!(self.state, State::CookieWait(_)) {
            self.outbox.init = true;
        } else {
            self.outbox.cookie_echo = true;
        }
        self.tx.rto.back_off();
        self.timers.set(Timer::Setup, now + self.tx.rto.get());
    }

    /// Keeps an ERROR chunk with one cause for the next packet.
    pub(super) fn report(&mut self, code: u16, info: [&[u8]; 2]) {
        let [first, second] = info;
        let len = first.len().saturating_add(second.len());
        let header = ErrorCause::error_header(code, len);
        self.keep_answer(&[&header, first, second, pad(len)]);
    }

    /// Keeps a whole chunk for the next packet; those kept go into one.
    pub(super) fn keep_answer(&mut self, parts: &[&[u8]]) {
        let len = parts.iter().fold(self.outbox.answers.len(), |sum, part| sum.saturating_add(part.len()));
        let fits = len.saturating_add(crate::packet::HEADER) <= usize::from(self.config.mtu);
        if !fits || !self.rx.keep(&mut self.outbox.answers, parts) {
            self.discards.count(Discard::TooLong);
        }
    }
}

/// Zeros that bring `len` to a multiple of four.
pub(super) fn pad(len: usize) -> &'static [u8] {
    [0u8; 3].as_slice().get(..padding(len)).unwrap_or_default()
}

/// Compares in a time that does not depend on where the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0u8, |d, (x, y)| d | (x ^ y)) == 0
}
