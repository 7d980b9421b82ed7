//! Our descriptions.

use barertc_ice::Candidate;
use barertc_sdp::{
    Data, Direction, Local, MAX_KINDS, MAX_SECTIONS, MediaKind, Section as Sdp, Sections as SdpSections, Sending,
    Session, Setup, Track as SdpTrack, write_answer, write_offer,
};

use barertc_wire::Extension;

use super::Agreement;
use super::plan::Plan;
use super::section::{DATA_MID, OurData, Ours, Section, Sections, deafened};
use super::track::Track;
use crate::error::Error;
use crate::track::{Name, number};

/// With the names of DTLS in STUN: the draft's (draft-hancke-webrtc-sped), and that of the version that Chromium speaks.
const ICE_OPTIONS_SPED: &str = "trickle ice2 sped googspedv1";

impl Agreement {
    /// Writes an offer of everything that there is. Nothing changes but payload types that were not agreed on yet.
    ///
    /// # Errors
    /// [`Error::OfferPending`], [`Error::NothingToOffer`]; [`Error::Sdp`] when `out` is too short; [`Error::TooMany`].
    pub(crate) fn write_offer<'o>(&self, ours: &Ours<'_>, out: &'o mut [u8]) -> Result<&'o str, Error> {
        if self.offered {
            return Err(Error::OfferPending);
        }
        let sections = self.offer_sections(ours)?;
        if sections.iter().all(Section::is_unused) {
            return Err(Error::NothingToOffer);
        }
        let (mut text, mut out) = ("", Some(out));
        self.with_local(ours, &sections, Setup::ActPass, &mut |local| {
            text = write_offer(local, out.take().unwrap_or_default())?;
            Ok(())
        })?;
        Ok(text)
    }

    /// The offer that was written is on its way: its m-lines are fixed until it is answered or taken back.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub(crate) fn offered(&mut self, tracks: &mut [Track], data: bool) -> Result<(), Error> {
        let ours = tracks.len();
        for index in 0..ours {
            let mid = mid_of(tracks, index);
            if let Some(track) = tracks.get_mut(index).filter(|track| track.mid().is_empty()) {
                track.bind(mid);
            }
            if let Some(track) = tracks.get_mut(index) {
                track.offer();
            }
            self.append(Section::Track(u8::try_from(index).unwrap_or(u8::MAX)))?;
        }
        if data {
            self.append(Section::Data)?;
        }
        self.session_version = self.session_version.saturating_add(1);
        self.offered = true;
        Ok(())
    }

    fn append(&mut self, section: Section) -> Result<(), Error> {
        if self.sections.contains(&section) {
            return Ok(());
        }
        self.sections.push(section).map_err(|_| Error::TooMany { what: "m-lines", limit: MAX_KINDS })
    }

    /// Writes the answer that a plan has decided on. Nothing changes by that.
    ///
    /// # Errors
    /// [`Error::Sdp`] when `out` is too short.
    pub(crate) fn write_answer<'o>(
        &self,
        offer: &Session<'_>,
        ours: &Ours<'_>,
        plan: &Plan,
        out: &'o mut [u8],
    ) -> Result<&'o str, Error> {
        let (mut text, mut out) = ("", Some(out));
        self.with_local(ours, &plan.sections, plan.setup, &mut |local| {
            text = write_answer(offer, local, &plan.agreed, out.take().unwrap_or_default())?;
            Ok(())
        })?;
        Ok(text)
    }

    /// Our side of a description, lent to `f`, which is called once. Its sections are made when they are looked at: a list of
    /// them would take 5 KB of the stack.
    #[inline(never)]
    pub(super) fn with_local(
        &self,
        ours: &Ours<'_>,
        sections: &Sections,
        setup: Setup,
        f: &mut dyn FnMut(&Local<'_, Candidate>) -> Result<(), barertc_sdp::Error>,
    ) -> Result<(), Error> {
        let offering = setup == Setup::ActPass;
        let mut mids = heapless::Vec::<Name, MAX_SECTIONS>::new();
        for index in 0..ours.tracks.len() {
            let _ = mids.push(if offering { mid_of(ours.tracks, index) } else { self.bound_mid(ours.tracks, index) });
        }
        let make = |at: usize| match sections.get(at)? {
            Section::Track(index) => {
                let index = usize::from(*index);
                let mid = mids.get(index).map_or("", Name::as_str);
                let direction = |track: &Track| track.local_direction(offering && self.offered);
                let want = |other: usize| ours.tracks.get(other).is_some_and(|track| direction(track).receives());
                // Of an offer of the peer it is not known before which m-lines fit.
                let deaf = offering && !ours.has_room(index, want);
                ours.tracks.get(index).map(|track| {
                    let direction = direction(track);
                    self.track_section(track, mid, if deaf { deafened(direction) } else { direction })
                })
            }
            // Without data channels the m-line keeps its place.
            Section::Data => self.data_section(ours, offering).or(Some(Sdp::Ended { kind: MediaKind::Application })),
            Section::Idle(kind) => Some(Sdp::Inactive { kind: *kind, mid: &self.idle_mid }),
            Section::Ended(kind) => Some(Sdp::Ended { kind: *kind }),
        };
        let transport = ours.transport;
        let local = Local {
            session_id: self.session_id,
            session_version: self.session_version.saturating_add(1),
            ufrag: transport.ufrag,
            pwd: transport.pwd,
            lite: transport.lite,
            ice_options: if transport.sped { ICE_OPTIONS_SPED } else { "trickle ice2" },
            fingerprint: transport.fingerprint,
            setup,
            candidates: transport.candidates,
            cname: ours.cname,
            end_of_candidates: false,
            default_address: None,
            sections: SdpSections::made(sections.len(), &make),
        };
        Ok(f(&local)?)
    }

    /// The name of a track in an answer: none, unless it was agreed on. The offerer names what is new.
    fn bound_mid(&self, tracks: &[Track], index: usize) -> Name {
        let settled = self.sections.get(..self.settled).unwrap_or_default();
        let bound = settled.iter().any(|s| matches!(s, Section::Track(t) if usize::from(*t) == index));
        let track = tracks.get(index).filter(|_| bound);
        track.and_then(|track| Name::try_from(track.mid()).ok()).unwrap_or_default()
    }

    /// The m-line of a track.
    fn track_section<'s>(&self, track: &'s Track, mid: &'s str, direction: Direction) -> Sdp<'s> {
        let (config, source) = (track.config(), track.source(0));
        let mut extensions = self.extensions;
        if config.rids().is_empty() {
            extensions.clear(Extension::Rid);
            extensions.clear(Extension::RepairedRid);
        }
        Sdp::Track(SdpTrack {
            mid: Some(mid).filter(|mid| !mid.is_empty()),
            kind: config.kind,
            direction,
            codecs: config.codecs(),
            extensions,
            sending: direction.sends().then(|| Sending {
                ssrc: source.ssrc,
                rtx_ssrc: Some(source.rtx),
                fec_ssrc: Some(source.fec),
                stream: if config.stream.is_empty() { "-" } else { &config.stream },
                track: if config.mid.is_empty() { config.kind.as_str() } else { &config.mid },
                rids: config.rids(),
            }),
        })
    }

    fn data_section<'s>(&'s self, ours: &Ours<'s>, offering: bool) -> Option<Sdp<'s>> {
        let OurData { port: sctp_port, max_message_size, sctp_init } = ours.data?;
        let name = if self.data_mid.is_empty() { DATA_MID } else { &self.data_mid };
        // In an answer the offerer's name counts.
        let mid = (offering || !self.data_mid.is_empty()).then_some(name);
        Some(Sdp::Data(Data { mid, sctp_port, max_message_size, sctp_init }))
    }
}

/// The name that a track has in offers: the one that it is bound to, else the one that it was configured with, else the
/// first number that no other has.
fn mid_of(tracks: &[Track], index: usize) -> Name {
    let Some(track) = tracks.get(index) else { return Name::EMPTY };
    if let Ok(bound) = Name::try_from(track.mid())
        && !bound.is_empty()
    {
        return bound;
    }
    let taken = |name: &str| {
        let others = tracks.iter().enumerate().filter(|(other, _)| *other != index);
        let mut names = others.flat_map(|(_, t)| [t.mid(), &t.config().mid]);
        name == DATA_MID || names.any(|other| other == name)
    };
    let wish = track.config().mid.clone();
    if !wish.is_empty() && !tracks.iter().any(|other| other.mid() == wish.as_str()) {
        return wish;
    }
    // The first free number from its own on: no two unnamed tracks have the same.
    let step = tracks.len().max(1);
    let mut candidates = (0..).map(|n: usize| number(index.saturating_add(n.saturating_mul(step)) as u64, false));
    candidates.find(|name| !taken(name)).unwrap_or_default()
}
