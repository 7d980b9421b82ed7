//! What descriptions say of the transport, and what is made of them.

use core::net::SocketAddr;

use barertc_arena::Allocator;
use barertc_crypto::{Generator, Provider};
use barertc_dtls::Role;
use barertc_ice::Candidate;
use barertc_sdp::Session;
use barertc_wire::Instant;

use super::data::Ending;
use super::embedded::carries_dtls;
use super::security::{self, Security};
use super::{MAX_MAPPED, Mapped, Transport};
use crate::agreement::{Begin, OurData, OurTransport};
use crate::allocators::Allocators;
use crate::config::{Config, MAX_CANDIDATES};
use crate::error::Error;

impl<'p, A: Allocator + Clone, P: Provider> Transport<'p, A, P> {
    /// A local address that others know by another one; which one it was before.
    pub(crate) fn map(
        &mut self,
        local: SocketAddr,
        tcp: bool,
        public: SocketAddr,
    ) -> Result<Option<SocketAddr>, Error> {
        if let Some(known) = self.mapped.iter_mut().find(|m| (m.local, m.tcp) == (local, tcp)) {
            return Ok(Some(core::mem::replace(&mut known.public, public)));
        }
        let full = Error::TooMany { what: "mapped candidates", limit: MAX_MAPPED };
        self.mapped.push(Mapped { local, tcp, public }).map_err(|_| full)?;
        Ok(None)
    }

    /// Undoes [`map`](Self::map), which has told what there was `before`.
    pub(crate) fn map_back(&mut self, local: SocketAddr, tcp: bool, before: Option<SocketAddr>) {
        self.mapped.retain_mut(|m| {
            let is_it = (m.local, m.tcp) == (local, tcp);
            if let Some(public) = before.filter(|_| is_it) {
                m.public = public;
            }
            !is_it || before.is_some()
        });
    }

    /// The sockets of a local address are gone.
    pub(crate) fn unmap(&mut self, local: SocketAddr) {
        self.mapped.retain(|m| m.local != local);
    }

    /// A candidate as the peer is told of it.
    pub(crate) fn visible(&self, candidate: &Candidate) -> Candidate {
        let mut candidate = candidate.clone();
        if let Some(m) = self.mapped.iter().find(|m| (m.local, m.tcp) == (candidate.addr, candidate.is_tcp())) {
            candidate.addr = m.public;
        }
        candidate
    }

    /// The candidates that a description tells.
    fn candidates(&self) -> heapless::Vec<Candidate, MAX_CANDIDATES> {
        self.ice.local_candidates().take(MAX_CANDIDATES).map(|candidate| self.visible(candidate)).collect()
    }

    /// Lends our part of a description to `f`, which is called once: of an answer to `offer`, or of an offer. With `sped` it
    /// says that our checks carry DTLS.
    #[expect(clippy::type_complexity, reason = "a name for the type of `f` would say less than its two arguments")]
    #[inline(never)]
    pub(crate) fn describe(
        &self,
        config: &Config,
        offer: Option<&Session<'_>>,
        sped: bool,
        f: &mut dyn FnMut(OurTransport<'_>, Option<OurData<'_>>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (ufrag, pwd) = self.ice.local_credentials();
        let settled = self.peer.and(self.security.role());
        let transport = OurTransport {
            ufrag,
            pwd,
            lite: self.ice.config().lite,
            fingerprint: &self.identity.fingerprint(self.provider),
            candidates: &self.candidates(),
            sped,
            passive: settled == Some(Role::Server),
        };
        let (data, snap) = (&self.data, config.snap);
        let token = offer.map_or_else(|| data.offered_token(snap), |offer| data.answered_token(offer));
        let (port, max_message_size) = (config.sctp.local_port, config.max_message_size);
        let data = OurData { port, max_message_size, sctp_init: token.as_deref() };
        f(transport, self.data.is_wanted().then_some(data))
    }

    /// Whether a description's transport can be taken. Nothing changes by that.
    ///
    /// # Errors
    /// [`Error::CertificateChanged`], [`Error::SctpInit`], [`Error::Sdp`], [`Error::Failed`].
    fn check(&self, begin: &Begin<'_>) -> Result<(), Error> {
        if let Some(failure) = self.security.failure() {
            return Err(Error::Failed(failure));
        }
        if let Some(token) = begin.sctp_init.filter(|_| begin.is_answer) {
            self.data.check_token(token)?;
        }
        let theirs = begin.transport.certificates()?;
        match self.peer {
            Some(before) if !theirs.iter().any(|fingerprint| before.contains(fingerprint)) => {
                Err(Error::CertificateChanged)
            }
            _ => Ok(()),
        }
    }

    /// Checks a description's transport, and takes the memory that it needs. Where that fails, nothing has changed that
    /// anyone sees. Nothing is needed where the description begins nothing.
    ///
    /// # Errors
    /// [`Error::CertificateChanged`], [`Error::SctpInit`], [`Error::Sdp`], [`Error::Failed`]; [`Error::NoMemory`],
    /// [`Error::Dtls`], [`Error::Sctp`].
    pub(crate) fn prepare(
        &mut self,
        config: &Config,
        memory: &Allocators<A>,
        random: &mut Generator,
        begin: Option<&Begin<'_>>,
    ) -> Result<(), Error> {
        let Some(begin) = begin else { return Ok(()) };
        self.check(begin)?;
        // An offer of ours has begun with checks that carry DTLS already, or has not said so.
        let carries = !begin.is_answer && carries_dtls(&begin.transport);
        self.reserve(config, memory, random, begin.role, begin.data.is_some(), carries)
    }

    /// Takes memory for DTLS in this role, for data channels, and for checks that carry DTLS.
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::Dtls`], [`Error::Sctp`].
    #[inline(never)]
    fn reserve(
        &mut self,
        config: &Config,
        memory: &Allocators<A>,
        random: &mut Generator,
        role: Role,
        data: bool,
        mut carries: bool,
    ) -> Result<(), Error> {
        if self.peer.is_none() && self.security.role() != Some(role) {
            // The former one first gives back what it has.
            self.security = Security::None;
            carries |= self.embedded.take().is_some();
            let dtls = security::new_dtls(config, &memory.dtls, role, self.identity, self.provider, random)?;
            self.security = Security::Handshaking(dtls);
        }
        if carries {
            self.prepare_carrying(&memory.dtls)?;
        }
        if data { self.data.prepare(config, &memory.sctp, random) } else { Ok(()) }
    }

    /// Makes the keys of a handshake before it begins. Without a description, it is that of a side that will answer.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub(crate) fn prepare_keys(
        &mut self,
        config: &Config,
        memory: &Allocators<A>,
        random: &mut Generator,
    ) -> Result<(), Error> {
        if let Some(dtls) = self.security.dtls_mut() {
            dtls.prepare();
            return Ok(());
        }
        self.reserve(config, memory, random, Role::Client, false, false)
    }

    /// An offer is on its way: the answerer will most likely be the client in DTLS, and its first flight may overtake its
    /// answer.
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::Dtls`].
    pub(crate) fn prepare_offer(
        &mut self,
        config: &Config,
        memory: &Allocators<A>,
        random: &mut Generator,
    ) -> Result<(), Error> {
        // A role that no description has settled was only a guess.
        let role = self.peer.and(self.security.role()).unwrap_or(Role::Server);
        self.reserve(config, memory, random, role, false, config.sped)
    }

    /// Begins with ICE as the one who offers, or answers (RFC 8445 §6.1.1). The parts are given once, and again when ICE
    /// restarts.
    pub(crate) fn take_part(&mut self, now: Instant, offering: bool) {
        if self.ice.remote_ufrag().is_none() {
            self.ice.set_controlling(now, offering);
        }
        self.gather(now);
    }

    /// Asks the servers, once. Without a socket there is nobody to ask them yet: the next one asks.
    pub(crate) fn gather(&mut self, now: Instant) {
        if self.ice.gathering_state() == barertc_ice::GatheringState::New {
            let _ = self.ice.gather(now);
        }
    }

    /// Whether an offer asks for an ICE restart: its user name fragment is another one than before (RFC 8445 §9).
    pub(crate) fn is_restart(&self, begin: &Begin<'_>) -> bool {
        self.ice.remote_ufrag().is_some_and(|before| before != begin.transport.ufrag)
    }

    /// Whether an offer says that its checks carry DTLS.
    pub(crate) fn is_sped(&self, offer: &Begin<'_>) -> bool {
        carries_dtls(&offer.transport)
    }

    /// Restarts ICE: fresh credentials, and a new association where the old one is over.
    ///
    /// # Errors
    /// [`Error::Ice`].
    pub(crate) fn restart(&mut self, now: Instant) -> Result<(), Error> {
        self.ice.restart(now)?;
        if let Some(embedded) = self.embedded.as_deref_mut() {
            embedded.restart();
        }
        Ok(())
    }

    /// Takes what a description says that was [prepared](Self::prepare), after it has ended data channels where it has an
    /// `ending`. Returns how many of its candidates are not used.
    ///
    /// # Errors
    /// [`Error::Dtls`] for a first flight that came early and is wrong; [`Error::Ice`].
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        begin: Option<&Begin<'_>>,
        ending: Option<Ending>,
    ) -> Result<usize, Error> {
        // A line for data that was rejected ends nothing where there is another one (RFC 8841 §10: one association).
        if let Some(ending) = ending.filter(|_| begin.is_none_or(|begin| begin.data.is_none())) {
            self.data.end(now, ending);
        }
        barertc_wire::trace!("description: applied, of use: {}", begin.is_some());
        let Some(begin) = begin else { return Ok(0) };
        let transport = &begin.transport;
        self.begin_carrying(now, transport, begin.is_answer);
        if self.peer.is_none()
            && let (Ok(fingerprints), Some(dtls)) = (transport.certificates(), self.security.dtls_mut())
        {
            self.peer = Some(fingerprints);
            dtls.set_peer_fingerprints(now, fingerprints)?;
        }
        if let Some(token) = begin.sctp_init {
            self.data.take_token(token);
        }
        if let Some(terms) = begin.data {
            // RFC 8842 §5.5: the parts of before hold.
            self.data.begin(now, terms, self.security.role().unwrap_or(begin.role), self.security.is_up());
        }
        self.ice.set_remote_lite(now, transport.lite);
        self.ice.set_remote_credentials(now, transport.ufrag, transport.pwd)?;
        // One bad candidate spoils nothing, and names need not be known.
        let unused =
            transport.candidates().filter(|line| !matches!(self.ice.add_remote_line(now, line), Ok(None))).count();
        if transport.end_of_candidates {
            self.ice.end_of_candidates(now);
        }
        Ok(unused)
    }
}
