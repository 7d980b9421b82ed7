//! Setting up (RFC 9260 section 5).

use barertc_arena::Allocator;
use barertc_wire::Instant;

use super::{Association, Peer, Phase};
use crate::chunk::{Capabilities, Chunk, Chunks, Init, cause, write_init};
use crate::error::{Discard, Error, Failure};
use crate::serial::Tsn;

/// An INIT that was answered: what a state cookie stands for.
///
/// RFC 9260 lets the cookie itself carry this, so that strangers cost no memory. Below DTLS there are no strangers, and
/// there is only one peer: so the state is kept here, and the cookie is 32 random bytes that nobody can forge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invitation {
    pub(super) peer: Peer,
    /// The tag that was offered.
    pub(super) tag: u32,
}

impl<A: Allocator> Association<A> {
    /// Starts the handshake. Both sides may, at the same time.
    pub fn connect(&mut self, now: Instant) {
        if self.phase == Phase::Closed {
            self.phase = Phase::CookieWait;
            self.due.init = true;
            self.start_t1(now);
        }
    }

    /// T1-init or T1-cookie, for a chunk that goes out for the first time.
    fn start_t1(&mut self, now: Instant) {
        self.t1_count = 0;
        self.t1_began = now;
        self.t1 = Some(now + self.tx.rto.get());
    }

    /// What T1 waited for is here. It was the first round trip, if nothing had to be sent twice (Karn).
    fn stop_t1(&mut self, now: Instant) {
        if self.t1.take().is_some() && self.t1_count == 0 {
            self.tx.rto.sample(now.saturating_since(self.t1_began));
        }
    }

    fn our_init(&self, tag: u32) -> Init<'static> {
        Init {
            tag,
            window: self.rx.window(),
            outbound: u16::MAX,
            inbound: u16::MAX,
            tsn: self.tsn.0,
            capabilities: self.capabilities(),
            cookie: None,
            params: &[],
        }
    }

    /// Writes our INIT chunk, for sending it in a session description (`a=sctp-init` of SNAP); its length, or `None`
    /// when `out` is too small (64 bytes are enough).
    pub fn local_init(&self, out: &mut [u8]) -> Option<usize> {
        let mut w = barertc_wire::Writer::new(out);
        write_init(&mut w, &self.our_init(self.tag)).ok()?;
        Some(w.len())
    }

    /// Establishes the association with an INIT chunk that came in a session description. The peer must have got ours
    /// the same way; no handshake takes place.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::Closed`] when the association is not new.
    pub fn set_remote_init(&mut self, now: Instant, chunk: &[u8]) -> Result<(), Error> {
        let Some(Ok(Chunk::Init(init))) = Chunks::new(chunk).next() else { return Err(Error::Malformed) };
        if !matches!(self.phase, Phase::Closed | Phase::CookieWait) {
            return Err(Error::Closed);
        }
        let peer = Self::peer(&init).ok_or(Error::Malformed)?;
        self.establish(now, peer);
        Ok(())
    }

    /// What an INIT or INIT ACK says, if it may say that (section 3.3.2).
    fn peer(init: &Init<'_>) -> Option<Peer> {
        (init.tag != 0 && init.inbound != 0 && init.outbound != 0).then_some(Peer {
            tag: init.tag,
            tsn: Tsn(init.tsn),
            window: init.window,
            inbound: init.inbound,
            capabilities: init.capabilities,
        })
    }

    pub(super) fn on_init(&mut self, init: &Init<'_>) -> Result<(), Discard> {
        let peer = Self::peer(init).ok_or(Discard::BadInit)?;
        let tag = match self.phase {
            // Section 5.2.1: in a collision both sides keep to the tags of their INITs.
            Phase::Closed | Phase::CookieWait | Phase::CookieEchoed => self.tag,
            // Section 9.2: whoever has sent SHUTDOWN ACK sends it again.
            Phase::ShutdownAckSent => {
                self.due.shutdown_ack = true;
                return Err(Discard::Unexpected);
            }
            Phase::Done => return Err(Discard::Unexpected),
            // Section 5.2.2. The INIT of an association that stands may be a copy of the first one.
            _ if self.peer.is_some_and(|p| p.tag == peer.tag && p.tsn == peer.tsn) => self.tag,
            _ => self.spare_tag,
        };
        self.invitation = Some(Invitation { peer, tag });
        self.due.init_ack = true;
        Ok(())
    }

    /// The INIT ACK that answers the invitation, and the tag it goes to.
    pub(super) fn init_ack(&self) -> Option<(Init<'_>, u32)> {
        let invitation = self.invitation?;
        let init = Init { cookie: Some(&self.cookie), ..self.our_init(invitation.tag) };
        Some((init, invitation.peer.tag))
    }

    pub(super) fn on_init_ack(&mut self, now: Instant, init: &Init<'_>) -> Result<(), Discard> {
        if self.phase != Phase::CookieWait {
            return Err(Discard::Unexpected);
        }
        let peer = Self::peer(init).ok_or(Discard::BadInit)?;
        let cookie = init.cookie.ok_or(Discard::BadInit)?;
        // Received data cannot have taken any room yet. The cookie must go into one packet.
        if cookie.len().saturating_add(16) > usize::from(self.config.mtu) {
            return Err(Discard::TooLong);
        }
        self.peer_cookie = self.rx.keep(cookie).ok_or(Discard::NoMemory)?;
        self.adopt(peer);
        self.phase = Phase::CookieEchoed;
        self.due.init = false;
        self.due.cookie_echo = true;
        self.stop_t1(now);
        self.tx.rto.restart();
        self.start_t1(now);
        Ok(())
    }

    pub(super) fn on_cookie_echo(&mut self, now: Instant, tag: u32, cookie: &[u8]) -> Result<(), Discard> {
        let invitation = self.invitation.ok_or(Discard::ForgedCookie)?;
        if !same(cookie, &self.cookie) {
            return Err(Discard::ForgedCookie);
        }
        if tag != invitation.tag {
            return Err(Discard::BadTag);
        }
        match self.phase {
            // Section 5.2.4: actions B and D, and the plain case.
            Phase::Closed | Phase::CookieWait | Phase::CookieEchoed => {
                self.establish(now, invitation.peer);
                self.due.cookie_ack = true;
                Ok(())
            }
            Phase::Done => Err(Discard::Unexpected),
            // Our COOKIE ACK was lost.
            _ if invitation.tag == self.tag => {
                self.due.cookie_ack = true;
                Ok(())
            }
            Phase::ShutdownAckSent => {
                self.due.shutdown_ack = true;
                self.due.error = Some(cause::COOKIE_WHILE_SHUTTING_DOWN);
                Ok(())
            }
            // Action A, a peer that starts anew. Its channels are not ours, and DTLS would have started anew, too.
            _ => {
                self.due.abort = Some(cause::RESTART_WITH_NEW_ADDRESSES);
                self.fail(Failure::PeerRestarted);
                Ok(())
            }
        }
    }

    pub(super) fn on_cookie_ack(&mut self, now: Instant) -> Result<(), Discard> {
        match (self.phase, self.peer) {
            (Phase::CookieEchoed, Some(peer)) => {
                self.stop_t1(now);
                self.establish(now, peer);
                Ok(())
            }
            _ => Err(Discard::Unexpected),
        }
    }

    /// Data or a SACK while our COOKIE ECHO waits for its answer: before it had got that, the peer would have sent
    /// neither (section 5.1 C), so COOKIE ACK was lost or overtaken.
    pub(super) fn on_sign_of_life(&mut self, now: Instant) {
        if self.phase == Phase::CookieEchoed
            && let Some(peer) = self.peer
        {
            self.establish(now, peer);
        }
    }

    /// Takes over what the peer can do.
    fn adopt(&mut self, peer: Peer) {
        let ours = self.capabilities();
        let Capabilities { partial_reliability, interleaving, zero_checksum, .. } = peer.capabilities;
        self.peer = Some(peer);
        self.tx.set_window(peer.window);
        self.tx.interleaving = interleaving && ours.interleaving;
        self.tx.partial_reliability = partial_reliability && ours.partial_reliability;
        self.omit_checksum = zero_checksum && ours.zero_checksum;
        self.rx.tracker.start(peer.tsn);
        self.resets.start(peer.tsn);
    }

    fn establish(&mut self, now: Instant, peer: Peer) {
        self.rx.release_kept(&mut self.peer_cookie);
        self.adopt(peer);
        self.phase = Phase::Established;
        self.due.init = false;
        self.due.cookie_echo = false;
        self.t1 = None;
        self.t1_count = 0;
        self.tx.rto.restart();
        self.connected = true;
        self.dcep_due = true;
        self.arm_heartbeat(now);
        self.open_due(now);
    }

    /// T1-init or T1-cookie has expired (sections 5.1 and 5.1.6).
    pub(super) fn t1_expired(&mut self, now: Instant) {
        self.t1 = None;
        self.t1_count = self.t1_count.saturating_add(1);
        if self.t1_count > self.config.max_init_retransmits {
            self.fail(Failure::HandshakeTimeout);
            return;
        }
        match self.phase {
            Phase::CookieWait => self.due.init = true,
            Phase::CookieEchoed => self.due.cookie_echo = true,
            _ => return,
        }
        self.tx.rto.back_off();
        self.t1 = Some(now + self.tx.rto.get());
    }
}

/// Compares in a time that does not depend on where the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0u8, |d, (x, y)| d | (x ^ y)) == 0
}
