//! Offers and answers. A description is read into a plan. Then the transport and the media allocate the memory that it
//! needs. Only then it is applied, which cannot fail halfway.

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_sdp::Session;
use barertc_wire::Instant;

use super::PeerConnection;
use crate::agreement::{Begin, Ours, Plan, Room, choose_payload_types};
use crate::error::{Discard, Error};
use crate::transport::{Ending, carries_dtls};

/// Lends our side of a description to an expression. With an offer of the peer it is the side of our answer. `$sped` says
/// whether our checks carry DTLS.
macro_rules! ours {
    ($self:ident, $offer:expr, $sped:expr, $ours:ident, $body:expr) => {{
        let (fingerprint, candidates) = ($self.transport.fingerprint(), $self.transport.candidates());
        let (data, offer): (_, Option<&Session<'_>>) = ($self.transport.data(), $offer);
        let token = offer.map_or_else(|| data.offered_token($self.config.snap), |offer| data.answered_token(offer));
        let (port, size) = ($self.config.sctp.local_port, $self.config.max_message_size);
        let $ours = Ours {
            tracks: &$self.tracks,
            data: data.is_wanted().then_some((port, size, token.as_deref())),
            cname: &$self.cname,
            room: Room {
                video: $self.config.recv_video.count,
                audio: $self.config.recv_audio.count,
                receiving: $self.media.receiving(),
            },
            transport: $self.transport.describe($sped, &fingerprint, &candidates),
        };
        $body
    }};
}

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// Writes an offer of all tracks and data channels into `out`. The connection then waits for the answer.
    ///
    /// # Errors
    /// [`Error::OfferPending`] while another offer is unanswered; [`Error::NothingToOffer`] without a track and data
    /// channels; [`Error::Sdp`] when `out` is too short; [`Error::NoMemory`], [`Error::Closed`], [`Error::Failed`].
    pub fn create_offer<'o>(&mut self, now: Instant, out: &'o mut [u8]) -> Result<&'o str, Error> {
        self.can_negotiate()?;
        choose_payload_types(&mut self.tracks);
        self.transport.prepare_offer(&self.config, &self.memory, &mut self.random)?;
        let text = ours!(self, None, self.config.sped, ours, self.agreement.write_offer(&ours, out))?;
        let data = self.transport.data().is_wanted();
        self.agreement.offered(&mut self.tracks, data)?;
        barertc_wire::trace!("description: an offer, {} bytes", text.len());
        self.transport.take_part(now, true);
        self.update(now);
        Ok(text)
    }

    /// Makes the key pair of the DTLS handshake in advance, which else is made when its first message is due. The call
    /// takes about as long as a signature, so its place is in idle time. It may be left out.
    ///
    /// - A side that is going to answer calls it before the offer comes. Then the ClientHello is ready as well, if the offer
    ///   leaves the choice of the DTLS role, as offers do.
    /// - A side that has offered calls it after the offer has left.
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::Closed`], [`Error::Failed`].
    pub fn prepare(&mut self) -> Result<(), Error> {
        self.can_negotiate()?;
        self.transport.prepare_keys(&self.config, &self.memory, &mut self.random)
    }

    /// Applies the peer's answer to the last offer.
    ///
    /// # Errors
    /// [`Error::NoOffer`]; [`Error::Sdp`] when the answer does not fit the offer; [`Error::CertificateChanged`];
    /// [`Error::SctpInit`]; [`Error::Media`] when a track cannot be sent as agreed on; [`Error::NoMemory`],
    /// [`Error::Closed`], [`Error::Failed`].
    pub fn set_answer(&mut self, now: Instant, answer: &str) -> Result<(), Error> {
        self.can_negotiate()?;
        let answer = Session::parse(answer)?;
        let begin = self.plan_answer(&answer)?;
        self.prepare_transport(begin.as_ref())?;
        self.settle_answer(now, &answer)?;
        self.begin(now, begin.as_ref(), answer.ends_data().then_some(Ending::Refused))
    }

    /// Applies an offer of the peer and writes the answer into `out`. The answer accepts every m-line that fits a track
    /// of this side, and rejects the others.
    ///
    /// An unanswered offer of this side is rolled back (RFC 8829 §4.1.10.2). Where both sides may offer at the same
    /// time, only the polite side calls this then (W3C, perfect negotiation).
    ///
    /// # Errors
    /// [`Error::Sdp`]; [`Error::CertificateChanged`]; [`Error::Media`] when a track cannot be sent as agreed on;
    /// [`Error::NoMemory`], [`Error::Closed`], [`Error::Failed`].
    pub fn create_answer<'o>(&mut self, now: Instant, offer: &str, out: &'o mut [u8]) -> Result<&'o str, Error> {
        self.can_negotiate()?;
        let offer = Session::parse(offer)?;
        let begin = self.plan_offer(&offer)?;
        self.prepare_transport(begin.as_ref())?;
        let restart = begin.as_ref().is_some_and(|begin| self.transport.is_restart(begin.transport.ufrag));
        let sped = begin.as_ref().is_some_and(|begin| carries_dtls(&begin.transport));
        let text = self.settle_offer(now, &offer, restart, sped, out)?;
        self.transport.take_part(now, false);
        self.begin(now, begin.as_ref(), offer.ends_data().then_some(Ending::Ended))?;
        Ok(text)
    }

    /// Takes the unanswered offer of this side back (RFC 8829 §4.1.10.2). What was agreed on before holds.
    ///
    /// # Errors
    /// [`Error::NoOffer`].
    pub fn rollback(&mut self, now: Instant) -> Result<(), Error> {
        if !self.agreement.is_offered() {
            return Err(Error::NoOffer);
        }
        self.agreement.rollback(&mut self.tracks);
        barertc_wire::trace!("description: the offer was taken back");
        self.update(now);
        Ok(())
    }

    /// Restarts ICE: the next offer has fresh credentials. The present path stays in use until ICE has found a new one.
    ///
    /// # Errors
    /// [`Error::OfferPending`], [`Error::Closed`], [`Error::Failed`], [`Error::Ice`].
    pub fn restart_ice(&mut self, now: Instant) -> Result<(), Error> {
        self.can_negotiate()?;
        if self.agreement.is_offered() {
            return Err(Error::OfferPending);
        }
        self.transport.restart(now)?;
        self.update(now);
        Ok(())
    }

    /// Whether a description can still be of use.
    fn can_negotiate(&self) -> Result<(), Error> {
        self.check_open()?;
        self.transport.security().failure().map_or(Ok(()), |reason| Err(Error::Failed(reason)))
    }

    // A plan is large. Whoever holds one on the stack has returned before anything deep begins, so it is made twice: to
    // see what begins, and to settle it.

    #[inline(never)]
    fn plan_answer<'d>(&self, answer: &Session<'d>) -> Result<Option<Begin<'d>>, Error> {
        let mut plan = Plan::new();
        ours!(self, None, self.config.sped, ours, self.agreement.plan_answer(answer, &ours, &mut plan))?;
        self.checked(plan.begin(answer)?)
    }

    #[inline(never)]
    fn plan_offer<'d>(&self, offer: &Session<'d>) -> Result<Option<Begin<'d>>, Error> {
        let mut plan = Plan::new();
        ours!(self, Some(offer), false, ours, self.agreement.plan_offer(offer, &ours, &mut plan))?;
        self.checked(plan.begin(offer)?)
    }

    fn checked<'d>(&self, begin: Option<Begin<'d>>) -> Result<Option<Begin<'d>>, Error> {
        if let Some(begin) = &begin {
            self.transport.check(begin)?;
        }
        Ok(begin)
    }

    fn prepare_transport(&mut self, begin: Option<&Begin<'_>>) -> Result<(), Error> {
        let Some(Begin { role, data, transport, is_answer, .. }) = begin else { return Ok(()) };
        // An offer of ours has begun with it already, or has not said so.
        let carries = !is_answer && carries_dtls(transport);
        self.transport.prepare(&self.config, &self.memory, &mut self.random, *role, data.is_some(), carries)
    }

    #[inline(never)]
    fn settle_answer(&mut self, now: Instant, answer: &Session<'_>) -> Result<(), Error> {
        let mut plan = Plan::new();
        ours!(self, None, self.config.sped, ours, self.agreement.plan_answer(answer, &ours, &mut plan))?;
        self.prepare_media(&plan)?;
        self.settle(now, &plan);
        Ok(())
    }

    #[inline(never)]
    fn settle_offer<'o>(
        &mut self,
        now: Instant,
        offer: &Session<'_>,
        restart: bool,
        sped: bool,
        out: &'o mut [u8],
    ) -> Result<&'o str, Error> {
        let mut plan = Plan::new();
        ours!(self, Some(offer), false, ours, self.agreement.plan_offer(offer, &ours, &mut plan))?;
        self.prepare_media(&plan)?;
        if restart {
            // Other credentials than before are an ICE restart, which we join with new ones of ours (RFC 8445 §9). They
            // are as long as the old ones: where the answer with those fits, it fits with these.
            self.write_answer(offer, &plan, sped, &mut *out)?;
            self.transport.restart(now)?;
        }
        let text = self.write_answer(offer, &plan, sped, out)?;
        if self.agreement.is_offered() {
            self.agreement.rollback(&mut self.tracks);
        }
        self.agreement.answered();
        self.settle(now, &plan);
        Ok(text)
    }

    // Out of line: it is called twice where ICE restarts, and its candidates are large.
    #[inline(never)]
    fn write_answer<'o>(
        &mut self,
        offer: &Session<'_>,
        plan: &Plan,
        sped: bool,
        out: &'o mut [u8],
    ) -> Result<&'o str, Error> {
        let text = ours!(self, Some(offer), sped, ours, self.agreement.write_answer(offer, &ours, plan, out));
        text.inspect_err(|_| self.media.abandon())
    }

    fn prepare_media(&mut self, plan: &Plan) -> Result<(), Error> {
        for (index, track) in self.tracks.iter().enumerate() {
            let Some(terms) = plan.terms(index, track) else { continue };
            let made = self.media.prepare(index, &terms, &self.config, &self.memory.media, &mut self.random);
            if let Err(error) = made {
                self.media.abandon();
                return Err(error);
            }
        }
        Ok(())
    }

    /// From here on nothing fails.
    fn settle(&mut self, now: Instant, plan: &Plan) {
        for (index, track) in self.tracks.iter().enumerate() {
            let terms = plan.terms(index, track);
            self.media.commit(now, index, terms.as_ref(), &mut self.random);
        }
        self.agreement.settle(plan, &mut self.tracks);
    }

    fn begin(&mut self, now: Instant, begin: Option<&Begin<'_>>, ending: Option<Ending>) -> Result<(), Error> {
        // A line for data that was rejected ends nothing where there is another one (RFC 8841 §10: one association).
        if let Some(ending) = ending.filter(|_| begin.is_none_or(|begin| begin.data.is_none())) {
            self.transport.data_mut().end(now, ending);
        }
        barertc_wire::trace!("description: applied, of use: {}", begin.is_some());
        let begun = begin.map_or(Ok(0), |begin| self.transport.begin(now, begin));
        self.update(now);
        for _ in 0..begun? {
            self.discards.count(Discard::Candidate);
        }
        Ok(())
    }
}
