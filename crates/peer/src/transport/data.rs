//! The association of the data channels. It may end before the connection does, and another one takes its place.

use barertc_arena::{Allocator, Box};
use barertc_crypto::Generator;
use barertc_dtls::Role;
use barertc_sctp::{Association, Event, Failure};
use barertc_sdp::Session;
use barertc_wire::Instant;
use core::time::Duration;

use crate::agreement::DataTerms;
use crate::channel::ChannelId;
use crate::config::Config;
use crate::error::Error;

use super::snap::{self, Snap, Token};

/// How a description ends data channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is an offer without any.
    Ended,
    /// It is an answer that refuses those of our offer.
    Refused,
}

/// What happened to a data channel, or to all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelEvent {
    Open(ChannelId),
    Readable(ChannelId),
    Writable(ChannelId),
    BufferedAmountLow(ChannelId),
    Closed(ChannelId),
    PathMtuExceeded(usize),
    Over(Option<Failure>),
}

/// Channels so far, of all associations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) opened: u32,
    pub(crate) closed: u32,
}

/// The association, once data channels were asked for.
pub(crate) struct Data<A: Allocator + Clone> {
    association: Option<Box<Association<A>, A>>,
    /// Which association of the connection it is: the channels of others are not its.
    number: u16,
    /// What the last description said of the peer's, and our part in DTLS.
    terms: Option<(DataTerms, Role)>,
    /// A description has come since the association was over: another one is to be made.
    renewal: Renewal,
    snap: Snap,
    counts: Counts,
}

/// How far the way from an association that is over to the next one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewal {
    /// It is not asked for.
    No,
    /// It is asked for, but the application has not fetched what became of the channels.
    Asked,
    /// There is nothing more to tell of the old one.
    Due,
}

impl<A: Allocator + Clone> Data<A> {
    pub(super) const fn new() -> Self {
        let counts = Counts { opened: 0, closed: 0 };
        Self { association: None, number: 0, terms: None, renewal: Renewal::No, snap: Snap::InBand, counts }
    }

    pub(crate) const fn is_wanted(&self) -> bool {
        self.association.is_some()
    }

    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn association(&self) -> Option<&Association<A>> {
        self.association.as_deref()
    }

    /// The association, for calls about no certain channel.
    pub(crate) fn association_mut(&mut self) -> Result<&mut Association<A>, Error> {
        self.association.as_deref_mut().ok_or(Error::NoData)
    }

    /// The association and its number of this channel.
    pub(crate) fn channel(&self, id: ChannelId) -> Option<(&Association<A>, barertc_sctp::ChannelId)> {
        let association = self.association.as_deref().filter(|_| id.association == self.number)?;
        Some((association, id.id))
    }

    /// The same, to be changed.
    pub(crate) fn channel_mut(
        &mut self,
        id: ChannelId,
    ) -> Result<(&mut Association<A>, barertc_sctp::ChannelId), Error> {
        let number = self.number;
        let association = self.association.as_deref_mut().filter(|_| id.association == number);
        Ok((association.ok_or(Error::NoSuchChannel)?, id.id))
    }

    /// Gives back an association that nothing was sent of yet.
    pub(crate) fn forget(&mut self) {
        self.association = None;
    }

    pub(crate) const fn id(&self, id: barertc_sctp::ChannelId) -> ChannelId {
        ChannelId { association: self.number, id }
    }

    /// Makes the association, where there is none.
    #[inline(never)]
    pub(crate) fn prepare(&mut self, config: &Config, memory: &A, random: &mut Generator) -> Result<(), Error> {
        if self.association.is_none() {
            let make = || Association::new(config.sctp(), memory.clone(), random);
            self.association = Some(Box::try_init::<Error, _>(memory.clone(), make)?);
        }
        Ok(())
    }

    // INIT chunks in descriptions.

    /// The `a=sctp-init` of an offer of ours; `wanted` says whether offers have one at all.
    pub(super) fn offered_token(&self, wanted: bool) -> Option<Token> {
        self.token().filter(|_| wanted || !matches!(self.snap, Snap::InBand))
    }

    /// The `a=sctp-init` of our answer to this offer: none where the offer has one that cannot be used.
    pub(super) fn answered_token(&self, offer: &Session<'_>) -> Option<Token> {
        let ours = self.token()?;
        let usable = |theirs: &str| theirs != ours.as_str() && snap::parse(theirs).is_some();
        offer.media().filter_map(|media| media.sctp_init()).all(usable).then_some(ours)
    }

    /// Our token, while the association can begin by it or has. Only the first one of a connection can.
    fn token(&self) -> Option<Token> {
        let association = self.association.as_deref().filter(|_| self.number == 0)?;
        if matches!(self.snap, Snap::InBand) && !association.is_new() {
            return None;
        }
        let mut chunk = [0; snap::MAX_OURS];
        let len = association.local_init(&mut chunk).ok()?;
        snap::encode(chunk.get(..len)?)
    }

    /// Whether the token of an answer can be used. Ours is none of the answerer's: it repeats what it does not know.
    ///
    /// # Errors
    /// [`Error::SctpInit`].
    pub(super) fn check_token(&self, theirs: &str) -> Result<(), Error> {
        let echo = self.token().is_some_and(|ours| ours == theirs);
        if echo || snap::parse(theirs).is_some() { Ok(()) } else { Err(Error::SctpInit) }
    }

    /// Both descriptions have a token, and this is the peer's. Later ones change nothing.
    pub(super) fn take_token(&mut self, theirs: &str) {
        let echo = self.token().is_none_or(|ours| ours == theirs);
        if let (false, Snap::InBand, Some(init)) = (echo, self.snap, snap::parse(theirs)) {
            self.snap = Snap::Agreed(init);
        }
    }

    /// Whether the association was begun by the descriptions.
    pub(super) const fn is_snap(&self) -> bool {
        matches!(self.snap, Snap::Begun)
    }

    /// Data channels were agreed on. Another port of the peer asks for another association (RFC 8841 §9.3).
    pub(super) fn begin(&mut self, now: Instant, terms: DataTerms, role: Role, up: bool) {
        self.terms = Some((terms, role));
        if let Some(association) = self.association.as_deref_mut()
            && !association.is_new()
            && association.remote_port() != terms.remote_port
        {
            association.abort(now);
        }
        if self.association.as_ref().is_some_and(|association| association.is_over()) && self.renewal == Renewal::No {
            self.renewal = Renewal::Asked;
        }
        self.configure(now);
        if up {
            // Agreed on after DTLS was there; where the association stands already, this does nothing.
            self.connect(now);
        }
    }

    /// The last description ends data channels (RFC 8841 §9.3 and §10). Where it is an offer of the peer, channels that were
    /// opened here wait for an offer of ours; where it refuses our offer, they end.
    pub(super) fn end(&mut self, now: Instant, ending: Ending) {
        self.terms = None;
        if ending == Ending::Refused || self.association.as_ref().is_some_and(|association| !association.is_new()) {
            self.fail(now);
        }
    }

    fn configure(&mut self, now: Instant) {
        let (Some(association), Some((terms, role))) = (self.association.as_deref_mut(), self.terms) else { return };
        let limit = u32::try_from(terms.max_message_size).unwrap_or(u32::MAX);
        association.set_remote_max_message_size(limit);
        // The association of another port is over by now, and a description with port 0 has no data channels.
        let _ = association.set_remote_port(terms.remote_port);
        // RFC 8832 §6: the DTLS client has the even streams.
        let role = if role == Role::Client { barertc_sctp::Role::Client } else { barertc_sctp::Role::Server };
        association.set_role(now, role);
    }

    /// DTLS is there.
    pub(super) fn connect(&mut self, now: Instant) {
        if self.terms.is_some()
            && let Some(association) = self.association.as_deref_mut()
        {
            begin_by_token(now, association, &mut self.snap);
            // Does nothing where it stands already.
            association.connect(now);
        }
    }

    /// DTLS takes data, and is not up yet: an association that the descriptions have begun can use that.
    pub(super) fn connect_early(&mut self, now: Instant) {
        if self.terms.is_some()
            && let Some(association) = self.association.as_deref_mut()
        {
            begin_by_token(now, association, &mut self.snap);
        }
    }

    /// Whether the association does not know yet how long a round trip takes.
    pub(super) fn wants_round_trip_time(&self) -> bool {
        self.association.as_ref().is_some_and(|association| association.wants_round_trip_time())
    }

    /// ICE knows how long a round trip takes.
    pub(super) fn set_round_trip_time(&mut self, now: Instant, time: Duration) {
        if let Some(association) = self.association.as_deref_mut() {
            association.set_round_trip_time(now, time);
        }
    }

    /// Nothing can be sent any more, and never again.
    pub(super) fn fail(&mut self, now: Instant) {
        if let Some(association) = self.association.as_deref_mut()
            && !association.is_over()
        {
            association.abort(now);
        }
    }

    /// Puts another association in the place of one that is over, when a description has asked for it and everything of
    /// the old one was told. The memory of the old one is given back before.
    pub(super) fn renew(&mut self, now: Instant, config: &Config, memory: &A, random: &mut Generator) {
        if self.renewal != Renewal::Due {
            return;
        }
        self.association = None;
        self.number = self.number.wrapping_add(1);
        barertc_wire::trace!("data: association {}", self.number);
        self.renewal = Renewal::No;
        self.snap = Snap::InBand;
        // Without memory it is tried again when a channel is opened.
        let _ = self.ensure(now, config, memory, random, true);
    }

    /// Makes the association, where there is none, and begins with it where data channels are agreed on already.
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::Sctp`].
    pub(crate) fn ensure(
        &mut self,
        now: Instant,
        config: &Config,
        memory: &A,
        random: &mut Generator,
        up: bool,
    ) -> Result<(), Error> {
        if self.association.is_none() {
            self.prepare(config, memory, random)?;
            self.configure(now);
            if up {
                self.connect(now);
            }
        }
        Ok(())
    }

    /// One packet out of DTLS; false when it was dropped.
    pub(super) fn handle(&mut self, now: Instant, packet: &mut [u8]) -> bool {
        let Some(association) = self.association.as_deref_mut() else { return false };
        // It may have come with the flight that DTLS has just ended with.
        begin_by_token(now, association, &mut self.snap);
        association.handle(now, packet).is_ok()
    }

    /// Packets have at most `bytes` from now on.
    pub(crate) fn set_path_mtu(&mut self, now: Instant, bytes: u16) {
        if let Some(association) = self.association.as_deref_mut() {
            association.set_path_mtu(now, bytes);
        }
    }

    pub(super) fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.association.as_deref_mut()?.poll_transmit(now, out)
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        if self.renewal == Renewal::Due {
            return Some(Instant::ZERO);
        }
        self.association.as_deref()?.timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(association) = self.association.as_deref_mut() {
            association.handle_timeout(now);
        }
    }

    pub(crate) fn poll_event(&mut self) -> Option<ChannelEvent> {
        loop {
            let association = self.association.as_deref_mut()?;
            let Some(event) = association.poll_event() else {
                if self.renewal == Renewal::Asked {
                    self.renewal = Renewal::Due;
                }
                return None;
            };
            return Some(match event {
                Event::ChannelOpened { id, .. } => {
                    self.counts.opened = self.counts.opened.saturating_add(1);
                    ChannelEvent::Open(self.id(id))
                }
                Event::Readable(id) => ChannelEvent::Readable(self.id(id)),
                Event::Writable(id) => ChannelEvent::Writable(self.id(id)),
                Event::BufferedAmountLow(id) => ChannelEvent::BufferedAmountLow(self.id(id)),
                Event::ChannelClosed(id) => {
                    self.counts.closed = self.counts.closed.saturating_add(1);
                    ChannelEvent::Closed(self.id(id))
                }
                Event::Failed(reason) => {
                    // The peer has begun anew, under what was agreed on: so do we.
                    if reason == Failure::PeerRestarted {
                        self.renewal = Renewal::Asked;
                    }
                    ChannelEvent::Over(Some(reason))
                }
                Event::PathMtuExceeded { size } => ChannelEvent::PathMtuExceeded(size),
                Event::Closed => ChannelEvent::Over(None),
                _ => continue,
            });
        }
    }
}

/// DTLS is there, and perhaps the association is, too.
fn begin_by_token<A: Allocator>(now: Instant, association: &mut Association<A>, snap: &mut Snap) {
    if let Snap::Agreed(init) = snap
        && association.connect_with(now, init).is_ok()
    {
        *snap = Snap::Begun;
        barertc_wire::trace!("data: begun by the descriptions");
    }
}
