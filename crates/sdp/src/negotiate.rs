use crate::attr::{Direction, Feedback, Kind, Setup};
use crate::codec::Codec;
use crate::error::{Error, TransportError};
use crate::local::{Data, Local, LocalCodec, Section, Track};
use crate::media::{Media, Payload, RemoteSsrc};
use crate::session::Session;
use crate::{MAX_CODECS, MAX_MEDIA, MAX_MID, MAX_SSRCS};
use barertc_wire::ExtensionMap;

/// What an offer and an answer together mean: everything needed to configure the transports, owning no text but mids.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Negotiated {
    /// One for each m-line, in order.
    pub lines: heapless::Vec<Line, MAX_MEDIA>,
    /// Our DTLS role: [`Setup::Active`] (client) or [`Setup::Passive`] (server).
    pub setup: Setup,
    /// Index of the m-line whose transport carries everything; `None` when every m-line was rejected.
    pub transport: Option<u8>,
    /// The data channels, when they were accepted.
    pub data: Option<NegotiatedData>,
}

/// One m-line as agreed.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Line {
    /// Its name; empty when it has none (or one too long, and then it is rejected).
    pub mid: heapless::String<MAX_MID>,
    /// What it is about.
    pub kind: Kind,
    /// Which of [`Local::sections`] it is for; `None` means rejected.
    pub section: Option<u8>,
    /// What we do.
    pub direction: Direction,
    /// Payload types under which media may come; the first is the one to send with. Empty for data.
    pub codecs: heapless::Vec<NegotiatedCodec, MAX_CODECS>,
    /// Header extensions with the numbers to use.
    pub extensions: ExtensionMap,
    /// What the remote said it sends; may be empty though it sends.
    pub remote_ssrcs: heapless::Vec<RemoteSsrc, MAX_SSRCS>,
    /// Reduced-size RTCP may be sent.
    pub rtcp_reduced_size: bool,
}

/// A codec as agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NegotiatedCodec {
    /// Payload type.
    pub pt: u8,
    /// Payload type of retransmissions, when both sides do them.
    pub rtx_pt: Option<u8>,
    /// With the parameters that our description says.
    pub codec: Codec,
    /// With the remote's parameters, such as the H.264 level it decodes.
    pub remote: Codec,
    /// Which of the track's codecs it is.
    pub local: u8,
    /// What both sides understand.
    pub feedback: Feedback,
}

/// The data channels as agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NegotiatedData {
    /// Its m-line.
    pub line: u8,
    /// The remote's SCTP port.
    pub remote_port: u16,
    /// The largest message the remote takes, in bytes; `u64::MAX` without limit.
    pub max_message_size: u64,
    /// Both sides said their INIT; [`Media::sctp_init`] has the remote's.
    pub snap: bool,
}

impl Negotiated {
    /// What we make of `offer`.
    ///
    /// An m-line is accepted when a section of ours fits it: of its name, or free and of its kind with a common codec and
    /// a direction in which something can flow. Everything else, known or not, is rejected, and so is what would need a
    /// second transport (not in the BUNDLE group of the first one accepted, RFC 9143 §7.3) or a port for RTCP.
    ///
    /// # Errors
    /// Only when the transport of the accepted m-lines is unusable.
    pub fn from_offer<C>(offer: &Session<'_>, local: &Local<'_, C>) -> Result<Self, Error> {
        let mut all = Self::new();
        all.take_offer(offer, local)?;
        Ok(all)
    }

    /// [`from_offer`](Self::from_offer) into one that is [`new`](Self::new), and stays where it is: it has 4 KB, which are on
    /// the stack once for each function that it is passed through.
    ///
    /// # Errors
    /// As there; then it is to be thrown away.
    pub fn take_offer<C>(&mut self, offer: &Session<'_>, local: &Local<'_, C>) -> Result<(), Error> {
        for media in offer.media() {
            let mut line = Line::rejected(media);
            let known_mid = media.mid().is_none_or(|mid| line.mid == mid);
            let repeated = !line.mid.is_empty() && self.lines.iter().any(|l| l.mid == line.mid);
            if !media.is_rejected() && known_mid && !repeated && self.shares_transport(offer, media) {
                self.try_sections(offer, local, media, &mut line);
            }
            self.add(offer, media, line)?;
        }
        self.agree_setup(offer, |theirs| answer_setup(theirs, local.setup))
    }

    /// What the remote made of the offer that we wrote from `local`.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when the m-lines are not those of the offer; [`Error::Transport`] when the transport is unusable.
    pub fn from_answer<C>(answer: &Session<'_>, local: &Local<'_, C>) -> Result<Self, Error> {
        let mut all = Self::new();
        all.take_answer(answer, local)?;
        Ok(all)
    }

    /// [`from_answer`](Self::from_answer) into one that is [`new`](Self::new), and stays where it is.
    ///
    /// # Errors
    /// As there; then it is to be thrown away.
    pub fn take_answer<C>(&mut self, answer: &Session<'_>, local: &Local<'_, C>) -> Result<(), Error> {
        if answer.media().len() != local.sections.len() {
            return Err(Error::Mismatch);
        }
        for (index, (media, section)) in answer.media().iter().zip(local.sections).enumerate() {
            let same_mid = media.mid().is_none_or(|mid| section.mid() == Some(mid));
            if media.kind() != section.kind() || !same_mid {
                return Err(Error::Mismatch);
            }
            let mut line = Line::rejected(media);
            if let Some(mid) = section.mid() {
                line.mid = heapless::String::try_from(mid).map_err(|_| Error::Local)?;
            }
            let usable = !media.is_rejected() && self.shares_transport(answer, media);
            if usable && line.fits(section, media) {
                line.section = u8::try_from(index).ok();
                line.note_data(self, section, media);
            } else {
                line.clear();
            }
            self.add(answer, media, line)?;
        }
        self.agree_setup(answer, |theirs| offered_setup(theirs, local.setup))
    }

    /// The line called `mid`.
    #[must_use]
    pub fn line(&self, mid: &str) -> Option<&Line> {
        self.lines.iter().find(|l| l.mid == mid)
    }

    /// The line that section `index` of [`Local::sections`] got.
    #[must_use]
    pub fn of_section(&self, index: usize) -> Option<&Line> {
        self.lines.iter().find(|l| l.section.map(usize::from) == Some(index))
    }

    /// Nothing agreed on yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: heapless::Vec::new(), setup: Setup::Active, transport: None, data: None }
    }

    fn shares_transport(&self, session: &Session<'_>, media: &Media<'_>) -> bool {
        let Some(first) = self.transport.and_then(|t| session.media().get(usize::from(t))) else { return true };
        let bundled = |m: &Media<'_>| m.mid().is_some_and(|mid| session.is_bundled(mid));
        bundled(first) && bundled(media)
    }

    fn try_sections<C>(&mut self, offer: &Session<'_>, local: &Local<'_, C>, media: &Media<'_>, line: &mut Line) {
        let named = |s: &&Section<'_>| s.mid().is_some() && s.mid() == media.mid();
        let bound = local.sections.iter().position(|s| named(&s));
        for (index, section) in local.sections.iter().enumerate() {
            // A name binds from both sides: a section with another line's name isn't free while that line is there.
            let elsewhere = section.mid().is_some_and(|mid| offer.media().iter().any(|m| m.mid() == Some(mid)));
            let free = bound.is_none() && !elsewhere && !matches!(section, Section::Ended { .. });
            if (bound != Some(index) && !free) || self.of_section(index).is_some() {
                continue;
            }
            let bound_here = bound == Some(index);
            if line.fits(section, media) && (bound_here || line.is_useful(section)) {
                line.section = u8::try_from(index).ok();
                line.note_data(self, section, media);
                return;
            }
            line.clear();
        }
    }

    fn add(&mut self, session: &Session<'_>, media: &Media<'_>, line: Line) -> Result<(), Error> {
        if line.section.is_some() && self.transport.is_none() {
            // Anything accepted needs a transport that works.
            session.transport(media.index())?;
            self.transport = u8::try_from(media.index()).ok();
        }
        self.lines.push(line).map_err(|_| Error::TooManyMedia)
    }

    fn agree_setup(
        &mut self,
        session: &Session<'_>,
        rule: impl FnOnce(Option<Setup>) -> Option<Setup>,
    ) -> Result<(), Error> {
        if let Some(index) = self.transport {
            let theirs = session.transport(usize::from(index))?.setup;
            self.setup = rule(theirs).ok_or(Error::Transport(TransportError::Setup))?;
        }
        Ok(())
    }
}

impl Default for Negotiated {
    fn default() -> Self {
        Self::new()
    }
}

/// Our role as answerer (RFC 8842 §5.3); an offer that says nothing means `active` (RFC 4145 §4).
fn answer_setup(offered: Option<Setup>, wish: Setup) -> Option<Setup> {
    Some(match offered {
        Some(Setup::ActPass) if wish == Setup::Passive => Setup::Passive,
        Some(Setup::ActPass | Setup::Passive) => Setup::Active,
        Some(Setup::Active) | None => Setup::Passive,
    })
}

/// Our role as offerer (RFC 8842 §5.4); an answer that says nothing means `passive` (RFC 4145 §4).
fn offered_setup(answered: Option<Setup>, offered: Setup) -> Option<Setup> {
    let ours = match answered {
        Some(Setup::Active) => Setup::Passive,
        Some(Setup::Passive) => Setup::Active,
        // An answer must choose; saying nothing leaves us what we asked for, or active.
        Some(Setup::ActPass) => return None,
        None if offered == Setup::Passive => Setup::Passive,
        None => Setup::Active,
    };
    (offered == Setup::ActPass || offered == ours).then_some(ours)
}

impl Line {
    fn rejected(media: &Media<'_>) -> Self {
        Self {
            mid: media.mid().and_then(|m| heapless::String::try_from(m).ok()).unwrap_or_default(),
            kind: media.kind(),
            section: None,
            direction: Direction::Inactive,
            codecs: heapless::Vec::new(),
            extensions: ExtensionMap::new(),
            remote_ssrcs: heapless::Vec::new(),
            rtcp_reduced_size: false,
        }
    }

    /// Whether the m-line was accepted.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.section.is_some()
    }

    /// The codec to send with.
    #[must_use]
    pub fn codec(&self) -> Option<&NegotiatedCodec> {
        self.codecs.first()
    }

    /// The codec of a received payload type, and whether it is a retransmission.
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
    }

    /// Fills in what is common to `section` and the remote's `media`; false when that is nothing.
    fn fits(&mut self, section: &Section<'_>, media: &Media<'_>) -> bool {
        match section {
            Section::Track(track) => {
                // RTCP has no port of its own here (RFC 8829 §5.1.1 lets us insist).
                track.kind == media.kind() && media.is_rtp() && media.rtcp_mux() && self.fit_track(track, media)
            }
            Section::Data(_) => media.is_data(),
            Section::Ended { .. } => false,
        }
    }

    fn fit_track(&mut self, track: &Track<'_>, media: &Media<'_>) -> bool {
        self.direction = track.direction.intersect(media.direction().reversed());
        let payloads = media.payloads();
        self.match_codecs(track, &payloads, Codec::matches);
        if self.codecs.is_empty() && !self.direction.receives() {
            self.match_codecs(track, &payloads, Codec::can_be_sent_as);
        }
        self.extensions = media.extensions().accepted_by(&track.extensions);
        self.remote_ssrcs = media.ssrcs();
        self.rtcp_reduced_size = media.rtcp_reduced_size();
        !self.codecs.is_empty()
    }

    /// Our order of preference first, then the remote's.
    fn match_codecs(&mut self, track: &Track<'_>, payloads: &[Payload<'_>], same: fn(&Codec, &Codec) -> bool) {
        for (index, ours) in track.codecs.iter().enumerate() {
            for payload in payloads {
                let Some(remote) = Codec::parse(payload).filter(|remote| same(&ours.codec, remote)) else { continue };
                let codec = NegotiatedCodec::new(ours, index, payload, remote);
                if !self.codecs.iter().any(|c| c.pt == codec.pt) && self.codecs.push(codec).is_err() {
                    return;
                }
            }
        }
    }

    fn is_useful(&self, section: &Section<'_>) -> bool {
        matches!(section, Section::Data(_)) || self.direction != Direction::Inactive
    }

    fn note_data(&mut self, all: &mut Negotiated, section: &Section<'_>, media: &Media<'_>) {
        if let (Section::Data(Data { sctp_init, .. }), Ok(line)) = (section, u8::try_from(media.index())) {
            self.direction = Direction::SendRecv;
            all.data = Some(NegotiatedData {
                line,
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
            codec: ours.codec.answered(&remote),
            remote,
            local: u8::try_from(index).unwrap_or(u8::MAX),
            feedback: ours.feedback.intersect(payload.feedback),
        }
    }
}
