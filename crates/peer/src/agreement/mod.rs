//! What the two sides have agreed on: a plain value that reads a description into a plan and writes descriptions.
//!
//! It keeps what descriptions have fixed for all later ones (RFC 8829 §5.2.2, RFC 9143 §9.1): the order of m-lines, which
//! number means which header extension, and which payload type means which codec. It has no clock and no allocator, and
//! a plan that is not applied has changed nothing.

mod payload_types;
mod plan;
mod section;
#[cfg(test)]
mod tests;
mod track;
mod write;

use barertc_sdp::{MAX_KINDS, MediaKind, Negotiated, Session, Setup};
use barertc_wire::{Extension, ExtensionMap};

use crate::error::Error;
use crate::track::Name;

pub(crate) use plan::{Begin, DataTerms, Plan, is_supported};
pub(crate) use track::Track;

pub(crate) use payload_types::choose_payload_types;
pub(crate) use section::{OurData, OurTransport, Ours, Room};
use section::{Section, Sections};

/// What was agreed on.
#[derive(Debug)]
pub(crate) struct Agreement {
    /// The m-lines in their order.
    sections: Sections,
    /// How many of them were agreed on. Those behind are of an offer that is not answered.
    settled: usize,
    offered: bool,
    /// The header extensions that we know, by the numbers that they have here.
    extensions: ExtensionMap,
    /// The name of the m-line of data channels, once there is one.
    data_mid: Name,
    /// The name of the idle m-line, while there is one.
    idle_mid: Name,
    /// The peer's description had more m-lines than a later offer of ours can repeat.
    overlong: bool,
    session_id: u64,
    session_version: u64,
}

impl Agreement {
    /// Nothing was agreed on yet. `session_id` is random, of 63 bits at most (RFC 8829 §5.2.1).
    pub(crate) fn new(session_id: u64) -> Self {
        Self {
            sections: Sections::new(),
            settled: 0,
            offered: false,
            extensions: offered_extensions(),
            data_mid: Name::EMPTY,
            idle_mid: Name::EMPTY,
            overlong: false,
            session_id,
            session_version: 0,
        }
    }

    /// Whether an offer of ours waits for its answer.
    pub(crate) const fn is_offered(&self) -> bool {
        self.offered
    }

    /// Whether data channels have an m-line that both sides use.
    #[cfg(test)]
    pub(crate) fn has_data(&self) -> bool {
        !self.data_mid.is_empty()
    }

    /// An offer of ours is taken back (RFC 8829 §4.1.10.2): what was agreed on before holds.
    pub(crate) fn rollback(&mut self, tracks: &mut [Track]) {
        self.offered = false;
        for section in self.sections.get(self.settled..).unwrap_or_default() {
            if let Section::Track(index) = section
                && let Some(track) = tracks.get_mut(usize::from(*index))
            {
                track.unbind();
            }
        }
        self.sections.truncate(self.settled);
    }

    /// Reads an offer into the plan. Returns what begins with it; `None` when everything is rejected. Nothing changes by that.
    ///
    /// # Errors
    /// [`Error::Sdp`] when the transport of what would be accepted cannot be used.
    #[inline(never)]
    pub(crate) fn plan_offer<'d>(
        &self,
        offer: &Session<'d>,
        ours: &Ours<'_>,
        plan: &mut Plan,
    ) -> Result<Option<Begin<'d>>, Error> {
        plan.sections = self.answer_sections(ours)?;
        plan.setup = if ours.transport.passive { Setup::Passive } else { Setup::Active };
        let (sections, setup) = (&plan.sections, plan.setup);
        let agreed = &mut plan.agreed;
        self.with_local(ours, sections, setup, &mut |local| agreed.take_offer(offer, local))?;
        plan.keep_to_room(ours);
        plan.begin(offer)
    }

    /// Reads the answer to our offer into the plan. Returns what begins with it; `None` when everything is rejected. Nothing
    /// changes by that.
    ///
    /// # Errors
    /// [`Error::NoOffer`]; [`Error::Sdp`] when it does not fit the offer, or its transport cannot be used.
    #[inline(never)]
    pub(crate) fn plan_answer<'d>(
        &self,
        answer: &Session<'d>,
        ours: &Ours<'_>,
        plan: &mut Plan,
    ) -> Result<Option<Begin<'d>>, Error> {
        if !self.offered {
            return Err(Error::NoOffer);
        }
        plan.sections = self.sections.clone();
        plan.setup = Setup::ActPass;
        let (sections, setup) = (&plan.sections, plan.setup);
        let agreed = &mut plan.agreed;
        self.with_local(ours, sections, setup, &mut |local| agreed.take_answer(answer, local))?;
        plan.keep_to_room(ours);
        plan.begin(answer)
    }

    /// Keeps what the plan of an offer has decided, whose answer is on its way. An unanswered offer of ours is taken back.
    pub(crate) fn settle_offer(&mut self, plan: &Plan, tracks: &mut [Track]) {
        if self.offered {
            self.rollback(tracks);
        }
        self.session_version = self.session_version.saturating_add(1);
        self.settle(plan, tracks);
    }

    /// Keeps what a plan has decided.
    pub(crate) fn settle(&mut self, plan: &Plan, tracks: &mut [Track]) {
        let agreed = &plan.agreed;
        self.extensions = renumbered(&self.extensions, agreed);
        if !self.offered {
            self.sections = self.sections_of(plan);
            self.idle_mid = agreed.placeholder.as_ref().map_or(Name::EMPTY, |idle| idle.mid.clone());
            self.overlong = agreed.media > self.sections.len();
        }
        for (index, track) in tracks.iter_mut().enumerate() {
            match plan.line(index) {
                Some(line) => track.settle(line),
                None => track.pause(),
            }
        }
        if let Some(data) = &agreed.data
            && let Some(line) = agreed.line_at(data.line)
        {
            self.data_mid = line.mid.clone();
        }
        self.settled = self.sections.len();
        self.offered = false;
    }

    /// The m-lines of the next offer: those there were, and behind them what is new.
    fn offer_sections(&self, ours: &Ours<'_>) -> Result<Sections, Error> {
        // Each description repeats all m-lines of the last (RFC 8829 §5.2.2).
        if self.overlong {
            return Err(Error::TooMany { what: "m-lines", limit: MAX_KINDS });
        }
        self.extended(self.sections.clone(), ours)
    }

    /// What an offer may ask for. Who answers may take what was rejected before; an offer of ours that is not answered
    /// does not count.
    fn answer_sections(&self, ours: &Ours<'_>) -> Result<Sections, Error> {
        let mut sections = self.sections.clone();
        sections.truncate(self.settled);
        sections.retain(|section| !section.is_unused());
        self.extended(sections, ours)
    }

    fn extended(&self, mut sections: Sections, ours: &Ours<'_>) -> Result<Sections, Error> {
        let tracks = (0..ours.tracks.len()).filter_map(|index| u8::try_from(index).ok()).map(Section::Track);
        for section in tracks.chain(ours.data.map(|_| Section::Data)) {
            if !sections.contains(&section) {
                sections.push(section).map_err(|_| Error::TooMany { what: "m-lines", limit: MAX_KINDS })?;
            }
        }
        Ok(sections)
    }

    /// The m-lines once an offer of the other side was answered. Their order is fixed: what is rejected now stays bound to
    /// what it was.
    fn sections_of(&self, plan: &Plan) -> Sections {
        let agreed = &plan.agreed;
        let kinds = agreed.kinds.iter().enumerate();
        let section = |(index, kind): (usize, &MediaKind)| {
            let section = agreed.line_at(index).and_then(|line| plan.sections.get(line.section));
            let before = || self.sections.get(index).filter(|section| !section.is_unused()).cloned();
            let idle = agreed.placeholder.as_ref().is_some_and(|idle| idle.index == index);
            let unused = if idle { Section::Idle(*kind) } else { Section::Ended(*kind) };
            section.cloned().or_else(before).unwrap_or(unused)
        };
        let mut sections = Sections::new();
        for section in kinds.map(section) {
            // As many as there are kinds.
            let _ = sections.push(section);
        }
        sections
    }
}

/// The header extensions that we offer and accept, with their numbers in our offers.
fn offered_extensions() -> ExtensionMap {
    ExtensionMap::new()
        .with(Extension::Mid, 1)
        .with(Extension::TransportSequence, 2)
        .with(Extension::AbsSendTime, 3)
        .with(Extension::AudioLevel, 4)
        .with(Extension::VideoOrientation, 5)
        .with(Extension::PlayoutDelay, 6)
        .with(Extension::Rid, 7)
        .with(Extension::RepairedRid, 8)
}

/// The numbers of header extensions once these m-lines were agreed on: theirs, and for the rest those from before, or
/// others where these have been taken.
fn renumbered(before: &ExtensionMap, agreed: &Negotiated) -> ExtensionMap {
    let agreed = agreed.lines.iter().fold(ExtensionMap::new(), |all, line| {
        line.extensions.iter().fold(all, |all, (extension, id)| all.with(extension, id))
    });
    before.iter().fold(agreed, |all, (extension, id)| {
        let kept = all.with(extension, id);
        let free = (1..15).find(|id| all.extension(*id).is_none() && before.extension(*id).is_none());
        match (kept.id(extension), free) {
            (None, Some(free)) => all.with(extension, free),
            _ => kept,
        }
    })
}
