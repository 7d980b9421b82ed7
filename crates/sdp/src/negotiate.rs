//! What an offer and an answer agree on (RFC 3264).

use barertc_wire::{Extension, ExtensionMap};

use crate::attr::{Direction, Feedback, MediaKind, Setup};
use crate::codec::Codec;
use crate::error::{Error, TransportError};
use crate::limits::{MAX_CODECS, MAX_KINDS, MAX_MEDIA, MAX_SECTIONS, MAX_SSRCS};
use crate::list::{List, Name};
use crate::local::{Data, Local, LocalCodec, Section, Track, check_sections};
use crate::media::{Media, Payload, RemoteSsrc};
use crate::session::Session;
use crate::simulcast::Simulcast;

/// The result of an offer and its answer: the values to configure ICE, DTLS, SCTP and RTP with.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Negotiated {
    /// The accepted m-lines in order. All other m-lines, except [`placeholder`](Self::placeholder), have port 0 in the
    /// answer.
    pub lines: List<Line, MAX_SECTIONS>,
    /// The number of m-lines in the description, accepted or not.
    pub media: usize,
    /// The kinds of the first [`MAX_KINDS`] m-lines, accepted or not. A later offer repeats their order (RFC 8829 §5.2.2).
    pub kinds: List<MediaKind, MAX_KINDS>,
    /// The DTLS role of this side: [`Setup::Active`] (client) or [`Setup::Passive`] (server).
    pub setup: Setup,
    /// The index of the m-line that has the transport of all accepted m-lines. `None` when no m-line was accepted.
    pub transport: Option<usize>,
    /// The parameters of the data channels. `None` when they were not accepted.
    pub data: Option<NegotiatedData>,
    /// The m-line that is accepted for its transport only, when there is one.
    pub placeholder: Option<Placeholder>,
}

/// An m-line that is accepted for its transport only. It carries no media: the answer says `inactive`.
///
/// It is the tagged m-line of the BUNDLE group, of audio or video that fits no local section. RFC 9143 §7.3.1 allows the
/// answerer to reject it. But libwebrtc with the bundle policy `max-bundle` refuses such an answer, because the transport
/// belongs to this m-line. A later offer of this side repeats it as [`Section::Inactive`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Placeholder {
    /// The index of the m-line, counted from 0.
    pub index: usize,
    /// [`MediaKind::Audio`] or [`MediaKind::Video`].
    pub kind: MediaKind,
    /// The mid of the m-line.
    pub mid: Name,
}

/// An accepted m-line.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Line {
    /// The index of the m-line, counted from 0.
    pub index: usize,
    /// The mid of the m-line; empty when it has none.
    pub mid: Name,
    /// The kind of media.
    pub kind: MediaKind,
    /// The index of the local section in [`Local::sections`].
    pub section: usize,
    /// The direction, from the view of this side.
    pub direction: Direction,
    /// The codecs that both sides support. This side sends with the first one. The remote may send with any of their
    /// payload types (RFC 3264 §6.1). Empty for data channels.
    pub codecs: List<NegotiatedCodec, MAX_CODECS>,
    /// The header extensions that both sides support, with the identifiers to use.
    pub extensions: ExtensionMap,
    /// The streams that the remote announced. A remote may also send streams that it did not announce.
    pub remote_ssrcs: List<RemoteSsrc, MAX_SSRCS>,
    /// Whether this side may send reduced-size RTCP (RFC 5506).
    pub rtcp_reduced_size: bool,
    /// The payload type of repair packets for video (FlexFEC, draft-ietf-payload-flexible-fec-scheme-03). `None` when one
    /// side does not support them.
    pub flexfec: Option<u8>,
    /// Whether the remote supports receiver reference time and DLRR reports, with which a side that sends no media measures
    /// the round-trip time (RFC 3611 §5.1).
    pub rcvr_rtt: bool,
    /// The encodings that this side sends by their rid. They need the header extension [`Extension::Rid`].
    pub simulcast: Simulcast,
}

/// A codec that both sides support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NegotiatedCodec {
    /// The payload type.
    pub pt: u8,
    /// The payload type of retransmissions (RFC 4588). `None` when one side does not support them.
    pub rtx_pt: Option<u8>,
    /// The payload type of redundant packets, which repeat earlier frames (RFC 2198). `None` when one side does not support
    /// them.
    pub red_pt: Option<u8>,
    /// The codec with the parameters of the local description.
    pub codec: Codec,
    /// The codec with the parameters of the remote description, such as the H.264 level that the remote decodes.
    pub remote: Codec,
    /// The index of the codec in [`Track::codecs`].
    pub local: u8,
    /// The RTCP feedback types that both sides support.
    pub feedback: Feedback,
}

/// The negotiated parameters of the data channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NegotiatedData {
    /// The index of the m-line, counted from 0.
    pub line: usize,
    /// The remote's SCTP port.
    pub remote_port: u16,
    /// The longest message that the remote accepts, in bytes. `u64::MAX` means that the remote has no limit.
    pub max_message_size: u64,
    /// Whether both descriptions have an SCTP INIT chunk (SNAP). [`Media::sctp_init`] gives the remote's.
    pub snap: bool,
}

impl Negotiated {
    /// Accepts or rejects each m-line of `offer`.
    ///
    /// An m-line is accepted when a local section fits it: a section with the same mid, or a section without a mid that the
    /// offer has. Both must be of the same kind. For media, they must have a codec in common. Their common direction may be
    /// `inactive` only if the mids are equal. All accepted m-lines share one transport, so they are in one BUNDLE group
    /// (RFC 9143 §7.3). All others are rejected: the answer has port 0.
    ///
    /// # Errors
    /// [`Error::Transport`] when the transport attributes of the accepted m-lines are missing or malformed.
    /// [`Error::TooMany`], [`Error::Section`] and [`Error::RepeatedSsrc`] when the local sections break a rule.
    pub fn from_offer<C>(offer: &Session<'_>, local: &Local<'_, C>) -> Result<Self, Error> {
        let mut all = Self::new();
        all.take_offer(offer, local)?;
        Ok(all)
    }

    /// Does the same as [`from_offer`](Self::from_offer), in place.
    ///
    /// A `Negotiated` has about 5 KB, and a return value would need them twice on the stack.
    ///
    /// # Errors
    /// The same as [`from_offer`](Self::from_offer). After an error the value is incomplete and must not be used.
    pub fn take_offer<C>(&mut self, offer: &Session<'_>, local: &Local<'_, C>) -> Result<(), Error> {
        self.clear();
        check_sections(local.sections)?;
        self.count(offer);
        // A section whose mid another m-line of the offer has is reserved for that m-line.
        let elsewhere = |section: &Section<'_>| {
            section.mid().is_some_and(|mid| offer.media().take(MAX_MEDIA).any(|m| m.mid() == Some(mid)))
        };
        let mut bound = [false; MAX_SECTIONS];
        for (place, section) in bound.iter_mut().zip(local.sections.iter()) {
            *place = elsewhere(&section);
        }
        for media in offer.media().take(MAX_MEDIA) {
            if media.is_rejected() || !self.shares_transport(offer, &media) {
                continue;
            }
            let Some(mut line) = Line::of(&media) else { continue };
            if !line.mid.is_empty() && offer.media().take(media.index()).any(|m| m.mid() == media.mid()) {
                continue;
            }
            if self.try_sections(offer, local, &media, &mut line, &bound) {
                self.accept(line)?;
            }
        }
        self.placeholder = self.find_placeholder(offer);
        self.agree_transport(offer, |theirs| Setup::of_answer(theirs, local.setup))
    }

    /// Reads the answer to the offer that [`write_offer`](crate::write_offer) wrote from `local`.
    ///
    /// # Errors
    /// [`Error::AnswerLength`] and [`Error::AnswerLine`] when the m-lines of the answer do not match those of the offer.
    /// [`Error::Transport`] when the transport attributes are missing or malformed. The errors of
    /// [`from_offer`](Self::from_offer) when the local sections break a rule.
    pub fn from_answer<C>(answer: &Session<'_>, local: &Local<'_, C>) -> Result<Self, Error> {
        let mut all = Self::new();
        all.take_answer(answer, local)?;
        Ok(all)
    }

    /// Does the same as [`from_answer`](Self::from_answer), in place.
    ///
    /// # Errors
    /// The same as [`from_answer`](Self::from_answer). After an error the value is incomplete and must not be used.
    pub fn take_answer<C>(&mut self, answer: &Session<'_>, local: &Local<'_, C>) -> Result<(), Error> {
        self.clear();
        check_sections(local.sections)?;
        self.count(answer);
        if self.media != local.sections.len() {
            return Err(Error::AnswerLength { offered: local.sections.len(), answered: self.media });
        }
        for (index, (media, section)) in answer.media().zip(local.sections.iter()).enumerate() {
            let same_mid = media.is_rejected() || media.mid().is_none_or(|mid| section.mid() == Some(mid));
            if media.kind() != section.kind() || !same_mid {
                return Err(Error::AnswerLine { index });
            }
            let idle = matches!(section, Section::Inactive { .. });
            if media.is_rejected() || idle || !self.shares_transport(answer, &media) {
                continue;
            }
            let Some(mut line) = Line::of(&media) else { continue };
            if let Some(mid) = section.mid() {
                line.mid = Name::try_from(mid)?;
            }
            if line.fits(&section, answer, &media) {
                line.section = index;
                line.note_data(self, &section, &media);
                self.accept(line)?;
            }
        }
        self.agree_transport(answer, |theirs| Setup::of_offer(theirs, local.setup))
    }

    /// The accepted m-line with this mid.
    #[must_use]
    pub fn line(&self, mid: &str) -> Option<&Line> {
        self.lines.iter().find(|l| l.mid == mid)
    }

    /// The accepted m-line with this index, counted from 0.
    #[must_use]
    pub fn line_at(&self, index: usize) -> Option<&Line> {
        self.lines.iter().find(|l| l.index == index)
    }

    /// The accepted m-line of the section `index` of [`Local::sections`].
    #[must_use]
    pub fn of_section(&self, index: usize) -> Option<&Line> {
        self.lines.iter().find(|l| l.section == index)
    }

    /// A value without any accepted m-line.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lines: List::new(),
            media: 0,
            kinds: List::new(),
            setup: Setup::Active,
            transport: None,
            data: None,
            placeholder: None,
        }
    }

    /// Resets the value in place. Assigning a new value would put that value on the stack.
    fn clear(&mut self) {
        let Self { lines, media, kinds, setup, transport, data, placeholder } = self;
        lines.clear();
        kinds.clear();
        (*media, *setup, *transport) = (0, Setup::Active, None);
        (*data, *placeholder) = (None, None);
    }

    fn count(&mut self, session: &Session<'_>) {
        for media in session.media() {
            self.media = self.media.saturating_add(1);
            let _ = self.kinds.push(media.kind());
        }
    }

    /// Whether `media` can share the transport of the m-lines that were accepted before it.
    fn shares_transport(&self, session: &Session<'_>, media: &Media<'_>) -> bool {
        let bundle = media.mid().and_then(|mid| session.bundle_of(mid));
        match (self.lines.first(), bundle) {
            // Without a group nothing can be bundle-only (RFC 9143 §6).
            (None, bundle) => bundle.is_some() || !media.is_bundle_only(),
            (Some(first), Some(_)) => {
                // A mid belongs to one group (RFC 9143 §7): where it is in more, the first counts.
                let shared = session.bundle_of(&first.mid);
                shared.is_some_and(|shared| media.mid().is_some_and(|mid| shared.contains(mid)))
            }
            (Some(_), None) => false,
        }
    }

    fn try_sections<C>(
        &mut self,
        offer: &Session<'_>,
        local: &Local<'_, C>,
        media: &Media<'_>,
        line: &mut Line,
        elsewhere: &[bool],
    ) -> bool {
        let bound = local.sections.iter().position(|s| s.mid().is_some() && s.mid() == media.mid());
        for (index, section) in local.sections.iter().enumerate() {
            let elsewhere = elsewhere.get(index).copied().unwrap_or(false);
            let free = bound.is_none() && !elsewhere;
            let bound_here = bound == Some(index);
            if (!bound_here && !free) || self.of_section(index).is_some() {
                continue;
            }
            if line.fits(&section, offer, media) && (bound_here || line.is_useful(&section)) {
                line.section = index;
                line.note_data(self, &section, media);
                return true;
            }
            line.clear();
        }
        false
    }

    fn accept(&mut self, line: Line) -> Result<(), Error> {
        self.lines.push(line).map_err(|_| Error::TooMany { what: "m-lines in use", limit: MAX_SECTIONS })
    }

    /// The tagged m-line of the offer, when it is audio or video and no local section fits it.
    fn find_placeholder(&self, offer: &Session<'_>) -> Option<Placeholder> {
        let first = self.lines.first()?;
        let tagged = offer.group_of(&offer.media_at(first.index)?).next()?;
        let mid = tagged.mid().and_then(|mid| Name::try_from(mid).ok())?;
        let usable = tagged.is_rtp() && tagged.rtcp_mux() && !tagged.is_bundle_only();
        let free = self.line_at(tagged.index()).is_none() && self.line(&mid).is_none();
        (usable && free).then(|| Placeholder { index: tagged.index(), kind: tagged.kind(), mid })
    }

    /// The transport is that of the first accepted m-line, in the order of the BUNDLE group (RFC 9143 §7.3.1).
    fn agree_transport(
        &mut self,
        session: &Session<'_>,
        rule: impl FnOnce(Option<Setup>) -> Option<Setup>,
    ) -> Result<(), Error> {
        let Some(first) = self.lines.first() else { return Ok(()) };
        let group = session.bundle_of(&first.mid).filter(|_| !first.mid.is_empty());
        let tagged = group.into_iter().flat_map(|group| group.mids()).find_map(|mid| self.line(mid));
        let index = self.placeholder.as_ref().map_or(tagged.unwrap_or(first).index, |placeholder| placeholder.index);
        let transport = session.transport(index)?;
        self.transport = Some(transport.media);
        self.setup = rule(transport.setup).ok_or(TransportError::Setup)?;
        Ok(())
    }
}

impl Default for Negotiated {
    fn default() -> Self {
        Self::new()
    }
}

impl Line {
    /// `None` when its mid is too long.
    fn of(media: &Media<'_>) -> Option<Self> {
        Some(Self {
            index: media.index(),
            mid: media.mid().map_or(Ok(Name::EMPTY), Name::try_from).ok()?,
            kind: media.kind(),
            section: 0,
            direction: Direction::Inactive,
            codecs: List::new(),
            extensions: ExtensionMap::new(),
            remote_ssrcs: List::new(),
            rtcp_reduced_size: false,
            flexfec: None,
            rcvr_rtt: false,
            simulcast: Simulcast::OFF,
        })
    }

    /// The codec that this side sends with. `None` for data channels.
    #[must_use]
    pub fn codec(&self) -> Option<&NegotiatedCodec> {
        self.codecs.first()
    }

    /// The codec of a payload type. The flag is true when the payload type is that of the codec's retransmissions.
    #[must_use]
    pub fn by_payload_type(&self, pt: u8) -> Option<(&NegotiatedCodec, bool)> {
        self.codecs.iter().find(|c| c.pt == pt || c.rtx_pt == Some(pt)).map(|c| (c, c.pt != pt))
    }

    fn clear(&mut self) {
        self.codecs.clear();
        self.remote_ssrcs.clear();
        self.direction = Direction::Inactive;
        self.extensions = ExtensionMap::new();
        self.rtcp_reduced_size = false;
        (self.flexfec, self.rcvr_rtt, self.simulcast) = (None, false, Simulcast::OFF);
    }

    /// Fills in what `section` and the remote's `media` have in common. Returns false when the section does not fit.
    fn fits(&mut self, section: &Section<'_>, session: &Session<'_>, media: &Media<'_>) -> bool {
        match section {
            Section::Track(track) => {
                // RTCP must share the port of RTP. RFC 8829 §5.1.1 allows an agent to require it.
                let muxed = || media.rtcp_mux() || session.group_of(media).any(|m| m.rtcp_mux());
                track.kind == media.kind() && media.is_rtp() && muxed() && self.fit_track(track, session, media)
            }
            Section::Data(_) => media.is_data() && media.has_usable_sctp_port(),
            Section::Inactive { .. } | Section::Ended { .. } => false,
        }
    }

    fn fit_track(&mut self, track: &Track<'_>, session: &Session<'_>, media: &Media<'_>) -> bool {
        self.direction = track.direction.intersect(media.direction().reversed());
        let payloads = media.payloads();
        self.match_codecs(track, &payloads, Codec::matches);
        if self.codecs.is_empty() && !self.direction.receives() {
            self.match_codecs(track, &payloads, Codec::can_be_sent_as);
        }
        if self.codecs.is_empty() && self.direction.receives() {
            self.direction = Direction::RecvOnly;
            self.match_codecs(track, &payloads, Codec::can_be_received_as);
        }
        let is_repair =
            |p: &&Payload<'_>| p.map.encoding.eq_ignore_ascii_case("flexfec-03") && p.map.clock_rate == 90_000;
        self.flexfec = track.flexfec().and_then(|_| payloads.iter().find(is_repair)).map(|p| p.map.pt);
        self.rcvr_rtt = media.rcvr_rtt();
        self.extensions = media.extensions().accepted_by(&track.extensions);
        if let Some(sending) =
            track.sending.filter(|_| self.direction.sends() && self.extensions.id(Extension::Rid).is_some())
        {
            self.simulcast = Simulcast::of(media, sending.rids);
        }
        self.remote_ssrcs = media.ssrcs();
        // An m-line without transport attributes inherits rtcp-rsize from the tagged m-line (RFC 9143 §7.1.3).
        let inherits = media.attribute("ice-ufrag").is_none() && media.attribute("rtcp-mux").is_none();
        let of_group = || session.group_of(media).next().is_some_and(|tagged| tagged.rtcp_reduced_size());
        self.rtcp_reduced_size = media.rtcp_reduced_size() || (inherits && of_group());
        !self.codecs.is_empty()
    }

    /// Matches the codecs of both sides, in the local order of preference, then in the remote's. Each local codec gets one
    /// payload type before any of them gets a second one.
    fn match_codecs(&mut self, track: &Track<'_>, payloads: &[Payload<'_>], same: fn(&Codec, &Codec) -> bool) {
        for most in [1, MAX_CODECS] {
            for (index, ours) in track.codecs.iter().enumerate() {
                let matching = payloads.iter().filter_map(|payload| {
                    let remote = Codec::parse(payload).filter(|remote| same(&ours.codec, remote))?;
                    Some(NegotiatedCodec::new(ours, index, payload, remote))
                });
                for codec in matching.take(most) {
                    if !self.codecs.iter().any(|c| c.pt == codec.pt) && self.codecs.push(codec).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn is_useful(&self, section: &Section<'_>) -> bool {
        matches!(section, Section::Data(_)) || self.direction != Direction::Inactive
    }

    fn note_data(&mut self, all: &mut Negotiated, section: &Section<'_>, media: &Media<'_>) {
        if let Section::Data(Data { sctp_init, .. }) = section {
            self.direction = Direction::SendRecv;
            all.data = Some(NegotiatedData {
                line: media.index(),
                remote_port: media.sctp_port().unwrap_or(5000),
                max_message_size: media.max_message_size(),
                snap: sctp_init.is_some() && media.sctp_init().is_some(),
            });
        }
    }
}

impl NegotiatedCodec {
    fn new(ours: &LocalCodec, index: usize, payload: &Payload<'_>, remote: Codec) -> Self {
        Self {
            pt: payload.map.pt,
            rtx_pt: payload.rtx.filter(|_| ours.rtx.is_some()),
            red_pt: payload.red.filter(|_| ours.red.is_some()),
            codec: ours.codec.answered(&remote),
            remote,
            local: u8::try_from(index).unwrap_or(u8::MAX),
            feedback: ours.feedback.intersect(payload.feedback),
        }
    }
}
