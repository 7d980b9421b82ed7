//! Offers and answers. A description is read into a plan. Then the transport and the media allocate the memory that it
//! needs. Only then it is applied, which cannot fail halfway.

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_sdp::Session;
use barertc_wire::Instant;

use super::PeerConnection;
use crate::agreement::{Begin, Ours, Plan, Room, choose_payload_types};
use crate::error::{Discard, Error};
use crate::transport::Ending;

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// Writes an offer of all tracks and data channels into `out`. The connection then waits for the answer.
    ///
    /// # Errors
    /// [`Error::OfferPending`] while another offer is unanswered; [`Error::NothingToOffer`] when there is neither a track nor
    /// a data channel; [`Error::Sdp`] when `out` is too short; [`Error::NoMemory`], [`Error::Closed`], [`Error::Failed`].
    pub fn create_offer<'o>(&mut self, now: Instant, out: &'o mut [u8]) -> Result<&'o str, Error> {
        self.told.check_negotiable()?;
        choose_payload_types(&mut self.tracks);
        let (mut text, mut out) = ("", Some(out));
        self.with_ours(None, self.config.sped, &mut |ours| {
            text = self.agreement.write_offer(ours, out.take().unwrap_or_default())?;
            Ok(())
        })?;
        // Only an offer that can be made takes memory.
        self.transport.prepare_offer(&self.config, &self.memory, &mut self.random)?;
        let data = self.transport.data().is_wanted();
        self.agreement.offered(&mut self.tracks, data)?;
        barertc_wire::trace!("description: an offer, {} bytes", text.len());
        self.transport.take_part(now, true);
        self.update(now);
        Ok(text)
    }

    /// Makes the key pair of the DTLS handshake in advance. Without this call it is made when the first message of the
    /// handshake is due. The call takes about as long as a signature. It is optional.
    ///
    /// - A side that is going to answer calls it before the offer comes. Where the offer leaves the DTLS role open, as
    ///   offers do, the ClientHello is then ready as well.
    /// - A side that has offered calls it after the offer has left.
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::Closed`], [`Error::Failed`].
    pub fn prepare(&mut self) -> Result<(), Error> {
        self.told.check_negotiable()?;
        self.transport.prepare_keys(&self.config, &self.memory, &mut self.random)
    }

    /// Applies the peer's answer to the last offer.
    ///
    /// # Errors
    /// [`Error::NoOffer`]; [`Error::Sdp`] when the answer does not fit the offer; [`Error::CertificateChanged`];
    /// [`Error::SctpInit`]; [`Error::Media`] when a track cannot be sent as agreed on; [`Error::NoMemory`],
    /// [`Error::Closed`], [`Error::Failed`]. [`Error::Dtls`] when the peer's first flight came before the answer and
    /// cannot be used; the connection has failed then.
    pub fn set_answer(&mut self, now: Instant, answer: &str) -> Result<(), Error> {
        let answer = Session::parse(answer)?;
        let begin = self.plan_answer(&answer)?;
        self.transport.prepare(&self.config, &self.memory, &mut self.random, begin.as_ref())?;
        self.settle_answer(now, &answer)?;
        let begun = self.transport.begin(now, begin.as_ref(), answer.ends_data().then_some(Ending::Refused));
        self.update(now);
        (0..begun?).for_each(|_| self.discards.count(Discard::Candidate));
        Ok(())
    }

    /// Applies an offer of the peer and writes the answer into `out`. The answer accepts every m-line that fits a track
    /// of this side, and rejects the others.
    ///
    /// An unanswered offer of this side is rolled back (RFC 8829 §4.1.10.2). Where both sides may offer at the same
    /// time, only the polite side calls this then (W3C, perfect negotiation).
    ///
    /// # Errors
    /// [`Error::Sdp`]; [`Error::CertificateChanged`]; [`Error::Media`] when a track cannot be sent as agreed on;
    /// [`Error::NoMemory`], [`Error::Closed`], [`Error::Failed`]. [`Error::Dtls`] as for
    /// [`set_answer`](Self::set_answer).
    pub fn create_answer<'o>(&mut self, now: Instant, offer: &str, out: &'o mut [u8]) -> Result<&'o str, Error> {
        let offer = Session::parse(offer)?;
        let begin = self.plan_offer(&offer)?;
        self.transport.prepare(&self.config, &self.memory, &mut self.random, begin.as_ref())?;
        let sped = begin.as_ref().is_some_and(|begin| self.transport.is_sped(begin));
        let restart = begin.as_ref().is_some_and(|begin| self.transport.is_restart(begin));
        let text = self.settle_offer(now, &offer, restart, sped, out)?;
        self.transport.take_part(now, false);
        let begun = self.transport.begin(now, begin.as_ref(), offer.ends_data().then_some(Ending::Ended));
        self.update(now);
        (0..begun?).for_each(|_| self.discards.count(Discard::Candidate));
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
        self.told.check_negotiable()?;
        if self.agreement.is_offered() {
            return Err(Error::OfferPending);
        }
        self.transport.restart(now)?;
        self.update(now);
        Ok(())
    }

    // A plan is large. Whoever holds one on the stack has returned before anything deep begins, so it is made twice: to
    // see what begins, and to settle it.

    #[inline(never)]
    fn plan_answer<'d>(&self, answer: &Session<'d>) -> Result<Option<Begin<'d>>, Error> {
        let (mut plan, mut begin) = (Plan::EMPTY, None);
        self.with_ours(None, self.config.sped, &mut |ours| {
            begin = self.agreement.plan_answer(answer, ours, &mut plan)?;
            Ok(())
        })?;
        Ok(begin)
    }

    #[inline(never)]
    fn plan_offer<'d>(&self, offer: &Session<'d>) -> Result<Option<Begin<'d>>, Error> {
        let (mut plan, mut begin) = (Plan::EMPTY, None);
        self.with_ours(Some(offer), false, &mut |ours| {
            begin = self.agreement.plan_offer(offer, ours, &mut plan)?;
            Ok(())
        })?;
        Ok(begin)
    }

    /// Lends our side of a description to `f`, which is called once: of an answer to `offer`, or of an offer. With `sped` it
    /// says that our checks carry DTLS.
    fn with_ours(
        &self,
        offer: Option<&Session<'_>>,
        sped: bool,
        f: &mut dyn FnMut(&Ours<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.told.check_negotiable()?;
        let (video, audio) = (self.config.recv_video.count, self.config.recv_audio.count);
        let room = Room { video, audio, receiving: self.media.receiving() };
        self.transport.describe(&self.config, offer, sped, &mut |transport, data| {
            f(&Ours { tracks: &self.tracks, data, cname: &self.cname, room, transport })
        })
    }

    #[inline(never)]
    fn settle_answer(&mut self, now: Instant, answer: &Session<'_>) -> Result<(), Error> {
        let mut plan = Plan::EMPTY;
        self.with_ours(None, self.config.sped, &mut |ours| {
            self.agreement.plan_answer(answer, ours, &mut plan)?;
            Ok(())
        })?;
        let terms = plan.all_terms(&self.tracks);
        self.media.prepare_all(terms, &self.config, &self.memory.media, &mut self.random)?;
        // From here on nothing fails.
        self.media.commit_all(now, plan.all_terms(&self.tracks), &mut self.random);
        self.agreement.settle(&plan, &mut self.tracks);
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
        let mut plan = Plan::EMPTY;
        self.with_ours(Some(offer), false, &mut |ours| {
            self.agreement.plan_offer(offer, ours, &mut plan)?;
            Ok(())
        })?;
        let terms = plan.all_terms(&self.tracks);
        self.media.prepare_all(terms, &self.config, &self.memory.media, &mut self.random)?;
        match self.answer(now, offer, &plan, restart, sped, out) {
            Err(error) => {
                self.media.abandon();
                Err(error)
            }
            Ok(text) => {
                self.media.commit_all(now, plan.all_terms(&self.tracks), &mut self.random);
                self.agreement.settle_offer(&plan, &mut self.tracks);
                Ok(text)
            }
        }
    }

    /// Writes the answer that the plan has decided on, with fresh credentials where the offer asks for an ICE restart.
    #[inline(never)]
    fn answer<'o>(
        &mut self,
        now: Instant,
        offer: &Session<'_>,
        plan: &Plan,
        restart: bool,
        sped: bool,
        out: &'o mut [u8],
    ) -> Result<&'o str, Error> {
        if restart {
            // The new credentials are as long as the old ones: where the answer with those fits, it fits with these.
            self.write_answer(offer, plan, sped, &mut *out)?;
            self.transport.restart(now)?;
        }
        self.write_answer(offer, plan, sped, out)
    }

    fn write_answer<'o>(
        &self,
        offer: &Session<'_>,
        plan: &Plan,
        sped: bool,
        out: &'o mut [u8],
    ) -> Result<&'o str, Error> {
        let (mut text, mut out) = ("", Some(out));
        self.with_ours(Some(offer), sped, &mut |ours| {
            text = self.agreement.write_answer(offer, ours, plan, out.take().unwrap_or_default())?;
            Ok(())
        })?;
        Ok(text)
    }
}
