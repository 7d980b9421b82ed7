//! Writes offers and answers (RFC 8829 §5).

use core::fmt::{self, Display, Write as _};

use barertc_wire::{ExtensionMap, is_ice_string};

use crate::attr::{Direction, Feedback, MediaKind, Setup};
use crate::codec::Codec;
use crate::error::{Error, SectionError, TransportError};
use crate::line::{is_token, word};
use crate::local::{Data, Local, LocalCodec, Section, Sections, Sending, Track, check_sections};
use crate::media::Media;
use crate::negotiate::{Line, Negotiated, NegotiatedCodec};
use crate::session::{Bundle, Session};
use crate::simulcast::Simulcast;

/// Writes an offer into `out` (RFC 8829 §5.2). It has one m-line for each section, all in one BUNDLE group.
///
/// # Errors
/// [`Error::EmptyOffer`] when there is no section. [`Error::BufferTooShort`] when `out` is too short.
/// [`Error::TooMany`], [`Error::Section`], [`Error::RepeatedSsrc`], [`Error::Transport`], [`Error::ControlCharacter`] and
/// [`Error::Candidate`] when a value of `local` breaks a rule.
pub fn write_offer<'o, C: Display>(local: &Local<'_, C>, out: &'o mut [u8]) -> Result<&'o str, Error> {
    if local.sections.is_empty() {
        return Err(Error::EmptyOffer);
    }
    check_sections(local.sections)?;
    for (index, section) in local.sections.iter().enumerate() {
        let rule = match section.mid() {
            Some(mid) if is_token(mid) => continue,
            Some(_) => SectionError::Mid,
            None if matches!(section, Section::Ended { .. }) => continue,
            None => SectionError::NoMid,
        };
        return Err(Error::Section { index, rule });
    }
    let mut text = Text::new(out);
    text.head(local, local.sections.iter().filter_map(|section| section.mid()), true)?;
    let mut first = true;
    for (index, section) in local.sections.iter().enumerate() {
        match &section {
            Section::Track(track) => text.offered_track(local, index, track, first)?,
            Section::Data(data) => {
                text.data_line(local)?;
                text.attribute("mid", section.mid().unwrap_or_default())?;
                text.transport(local, local.setup, first)?;
                text.data(data, true)?;
            }
            Section::Inactive { kind, mid } => {
                let extensions = ExtensionMap::new();
                let (direction, codecs) = (Direction::Inactive, &[any_codec(local.sections, *kind)]);
                let track = Track { mid: Some(mid), kind: *kind, direction, codecs, extensions, sending: None };
                text.offered_track(local, index, &track, first)?;
            }
            Section::Ended { kind: kind @ MediaKind::Application } => {
                text.rejected(kind.as_str(), DATA, "webrtc-datachannel", None)?;
                continue;
            }
            Section::Ended { kind } => {
                text.rejected(kind.as_str(), RTP, "0", None)?;
                continue;
            }
        }
        first = false;
    }
    text.finish()
}

/// Writes the answer to `offer` into `out` (RFC 8829 §5.3). `agreed` is the result of [`Negotiated::from_offer`].
///
/// # Errors
/// [`Error::OtherOffer`] when `agreed` belongs to another offer. [`Error::BufferTooShort`] when `out` is too short.
/// [`Error::Transport`], [`Error::ControlCharacter`] and [`Error::Candidate`] when a value of `local` breaks a rule.
pub fn write_answer<'o, C: Display>(
    offer: &Session<'_>,
    local: &Local<'_, C>,
    agreed: &Negotiated,
    out: &'o mut [u8],
) -> Result<&'o str, Error> {
    if offer.media().count() != agreed.media {
        return Err(Error::OtherOffer);
    }
    let mut text = Text::new(out);
    // The group keeps the order of the offer, whose first mid is the tag (RFC 9143 §7.3.1).
    let bundle = agreed.lines.first().and_then(|line| offer.bundle_of(&line.mid));
    let bundled = bundle
        .into_iter()
        .flat_map(Bundle::mids)
        .filter(|mid| agreed.line(mid).is_some() || agreed.placeholder.as_ref().is_some_and(|p| p.mid == *mid));
    text.head(local, bundled, offer.extmap_allow_mixed())?;
    for media in offer.media() {
        let has_transport = agreed.transport == Some(media.index());
        let line = agreed.line_at(media.index());
        match line.and_then(|line| Some((line, local.sections.get(line.section)?))) {
            Some((line, Section::Track(track))) => {
                text.answered_track(local, agreed.setup, &media, line, &track, has_transport)?;
            }
            Some((_, Section::Data(data))) => {
                text.data_line_as(media.protocol(), local)?;
                text.mid(&media)?;
                text.transport(local, agreed.setup, has_transport)?;
                text.data(&data, agreed.data.is_some_and(|d| d.snap))?;
            }
            Some((_, Section::Inactive { .. } | Section::Ended { .. })) => return Err(Error::OtherOffer),
            None if agreed.placeholder.as_ref().is_some_and(|p| p.index == media.index()) => {
                text.placeholder(local, agreed.setup, &media)?;
            }
            None => {
                // A rejected m-line needs one format only (RFC 3264 §6).
                text.rejected(media.kind_text(), media.protocol(), word(media.formats()).0, media.mid())?;
                // A rejected m-line needs no transport. But GStreamer refuses an answer in which an offered m-line has none.
                if !media.is_rejected() {
                    text.transport(local, agreed.setup, false)?;
                }
            }
        }
    }
    text.finish()
}

const RTP: &str = "UDP/TLS/RTP/SAVPF";
const DATA: &str = "UDP/DTLS/SCTP";
/// Receivers and senders may both measure the round-trip time (RFC 3611 §5.1).
const RCVR_RTT: &str = "rcvr-rtt=all";
/// The longest time between a media packet and its repair packet, in µs (RFC 8627 §5.1.1). libwebrtc has the same value.
const REPAIR_WINDOW: u32 = 10_000_000;

/// Writes lines into the caller's buffer. Bytes that do not fit are counted, so that the error can name the length.
struct Text<'o> {
    out: &'o mut [u8],
    len: usize,
    /// Whether a value contained a control character.
    broken: bool,
}

impl<'o> Text<'o> {
    fn new(out: &'o mut [u8]) -> Self {
        Self { out, len: 0, broken: false }
    }

    fn put(&mut self, bytes: &[u8]) {
        // What has no room is counted, so that the error can tell how much is needed.
        let _ = barertc_wire::put_at(self.out, self.len, bytes);
        self.len = self.len.saturating_add(bytes.len());
    }

    fn line(&mut self, args: fmt::Arguments<'_>) -> Result<(), Error> {
        // Writing fails for control characters only.
        if self.write_fmt(args).is_err() || self.broken {
            return Err(Error::ControlCharacter);
        }
        self.put(b"\r\n");
        Ok(())
    }

    fn attribute(&mut self, name: &str, value: impl Display) -> Result<(), Error> {
        self.line(format_args!("a={name}:{value}"))
    }

    fn property(&mut self, name: &str) -> Result<(), Error> {
        self.line(format_args!("a={name}"))
    }

    fn finish(self) -> Result<&'o str, Error> {
        let Self { out, len, .. } = self;
        let written = out.get(..len).ok_or(Error::BufferTooShort { needed: len })?;
        // The buffer contains whole `str`s only, so this cannot fail.
        core::str::from_utf8(written).map_err(|_| Error::ControlCharacter)
    }

    /// The session part (RFC 8829 §5.2.1).
    fn head<'m, C>(
        &mut self,
        local: &Local<'_, C>,
        mids: impl Iterator<Item = &'m str> + Clone,
        mixed: bool,
    ) -> Result<(), Error> {
        self.line(format_args!("v=0"))?;
        self.line(format_args!(
            "o=- {} {} IN IP4 127.0.0.1",
            local.session_id & (u64::MAX >> 1),
            local.session_version
        ))?;
        self.line(format_args!("s=-"))?;
        self.line(format_args!("t=0 0"))?;
        if mids.clone().next().is_some() {
            self.line(format_args!("a=group:BUNDLE{}", Words(mids)))?;
        }
        if mixed {
            self.property("extmap-allow-mixed")?;
        }
        self.attribute("msid-semantic", "WMS *")?;
        if local.lite {
            self.property("ice-lite")?;
        }
        if !local.ice_options.is_empty() {
            self.attribute("ice-options", local.ice_options)?;
        }
        Ok(())
    }

    fn connection<C>(&mut self, local: &Local<'_, C>) -> Result<(), Error> {
        match local.default_address {
            Some(a) => self.line(format_args!("c=IN IP{} {}", if a.is_ipv4() { 4 } else { 6 }, a.ip())),
            None => self.line(format_args!("c=IN IP4 0.0.0.0")),
        }
    }

    fn data_line<C>(&mut self, local: &Local<'_, C>) -> Result<(), Error> {
        self.data_line_as(DATA, local)
    }

    fn data_line_as<C>(&mut self, protocol: &str, local: &Local<'_, C>) -> Result<(), Error> {
        self.line(format_args!("m=application {} {protocol} webrtc-datachannel", port(local)))?;
        self.connection(local)
    }

    /// Writes the offered m-line with its first format and the direction `inactive`.
    fn placeholder<C: Display>(&mut self, local: &Local<'_, C>, setup: Setup, media: &Media<'_>) -> Result<(), Error> {
        let format = word(media.formats()).0;
        self.line(format_args!("m={} {} {} {format}", media.kind_text(), port(local), media.protocol()))?;
        self.connection(local)?;
        self.mid(media)?;
        self.transport(local, setup, true)?;
        self.property(Direction::Inactive.as_str())?;
        self.property("rtcp-mux")?;
        for (name, value) in media.attributes().filter(|(name, _)| matches!(*name, "rtpmap" | "fmtp")) {
            if word(value).0 == format {
                self.attribute(name, value)?;
            }
        }
        Ok(())
    }

    fn rejected(&mut self, kind: &str, protocol: &str, formats: &str, mid: Option<&str>) -> Result<(), Error> {
        self.line(format_args!("m={kind} 0 {protocol} {formats}"))?;
        self.line(format_args!("c=IN IP4 0.0.0.0"))?;
        if let Some(mid) = mid {
            self.attribute("mid", mid)?;
        }
        self.property(Direction::Inactive.as_str())
    }

    fn mid(&mut self, media: &Media<'_>) -> Result<(), Error> {
        media.mid().map_or(Ok(()), |mid| self.attribute("mid", mid))
    }

    /// Writes the transport attributes. Every m-line has them, for peers that read each m-line alone (RFC 8829 §5.2.1). Only
    /// one m-line has the candidates.
    fn transport<C: Display>(&mut self, local: &Local<'_, C>, setup: Setup, first: bool) -> Result<(), Error> {
        if !is_ice_string(local.ufrag, 4) {
            return Err(TransportError::Ufrag.into());
        }
        if !is_ice_string(local.pwd, 22) {
            return Err(TransportError::Pwd.into());
        }
        self.attribute("ice-ufrag", local.ufrag)?;
        self.attribute("ice-pwd", local.pwd)?;
        self.attribute("fingerprint", local.fingerprint)?;
        self.attribute("setup", setup.as_str())?;
        if !first {
            return Ok(());
        }
        for candidate in local.candidates {
            self.candidate(candidate)?;
        }
        if local.end_of_candidates {
            self.property("end-of-candidates")?;
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: &impl Display) -> Result<(), Error> {
        let start = self.len;
        self.line(format_args!("a={candidate}"))?;
        let named = self.out.get(start..self.len).is_none_or(|line| line.starts_with(b"a=candidate:"));
        if named { Ok(()) } else { Err(Error::Candidate) }
    }

    fn data(&mut self, data: &Data<'_>, snap: bool) -> Result<(), Error> {
        self.attribute("sctp-port", data.sctp_port)?;
        self.attribute("max-message-size", data.max_message_size)?;
        match data.sctp_init {
            Some(init) if snap => self.attribute("sctp-init", init),
            _ => Ok(()),
        }
    }

    fn offered_track<C: Display>(
        &mut self,
        local: &Local<'_, C>,
        index: usize,
        track: &Track<'_>,
        first: bool,
    ) -> Result<(), Error> {
        let fails = |rule| Err(Error::Section { index, rule });
        if !matches!(track.kind, MediaKind::Audio | MediaKind::Video) {
            return fails(SectionError::Kind);
        }
        if track.codecs.is_empty() {
            return fails(SectionError::NoCodec);
        }
        let flexfec = track.flexfec();
        let pts = track.codecs.iter().flat_map(LocalCodec::payload_types).chain(flexfec);
        if let Some(value) = pts.clone().find(|pt| *pt > 127) {
            return fails(SectionError::PayloadType { value });
        }
        self.line(format_args!("m={} {} {RTP}{}", track.kind.as_str(), port(local), Words(pts)))?;
        self.connection(local)?;
        self.attribute("mid", track.mid.unwrap_or_default())?;
        self.transport(local, local.setup, first)?;
        self.media_attributes(&track.extensions, track.direction, true)?;
        self.attribute("rtcp-xr", RCVR_RTT)?;
        for c in track.codecs {
            self.codec(c.pt, &c.codec, c.feedback, (c.rtx, c.red))?;
        }
        let transport_cc = track.codecs.iter().any(|c| c.feedback.transport_cc);
        self.flexfec(flexfec, transport_cc)?;
        let rtx = track.codecs.iter().any(|c| c.rtx.is_some());
        let sending = track.sending.filter(|_| track.direction.sends());
        let simulcast = Simulcast::all(sending.map_or(0, |sending| sending.rids.len()));
        self.sending(local.cname, sending.as_ref(), rtx, flexfec.is_some(), simulcast)
    }

    fn answered_track<C: Display>(
        &mut self,
        local: &Local<'_, C>,
        setup: Setup,
        media: &Media<'_>,
        line: &Line,
        track: &Track<'_>,
        first: bool,
    ) -> Result<(), Error> {
        let pts = line.codecs.iter().flat_map(|c| [Some(c.pt), c.rtx_pt, c.red_pt]).flatten().chain(line.flexfec);
        self.line(format_args!("m={} {} {}{}", media.kind_text(), port(local), media.protocol(), Words(pts)))?;
        self.connection(local)?;
        self.mid(media)?;
        self.transport(local, setup, first)?;
        self.media_attributes(&line.extensions, line.direction, line.rtcp_reduced_size)?;
        if line.rcvr_rtt {
            self.attribute("rtcp-xr", RCVR_RTT)?;
        }
        for NegotiatedCodec { pt, codec, feedback, rtx_pt, red_pt, .. } in &line.codecs {
            self.codec(*pt, codec, *feedback, (*rtx_pt, *red_pt))?;
        }
        self.flexfec(line.flexfec, line.codecs.iter().any(|c| c.feedback.transport_cc))?;
        let rtx = line.codecs.iter().any(|c| c.rtx_pt.is_some());
        let sending = track.sending.filter(|_| line.direction.sends());
        self.sending(local.cname, sending.as_ref(), rtx, line.flexfec.is_some(), line.simulcast)
    }

    fn media_attributes(&mut self, extensions: &ExtensionMap, direction: Direction, rsize: bool) -> Result<(), Error> {
        for (extension, id) in extensions.iter() {
            self.line(format_args!("a=extmap:{id} {}", extension.uri()))?;
        }
        self.property(direction.as_str())?;
        self.property("rtcp-mux")?;
        if rsize {
            self.property("rtcp-rsize")?;
        }
        Ok(())
    }

    fn codec(
        &mut self,
        pt: u8,
        codec: &Codec,
        feedback: Feedback,
        (rtx, red): (Option<u8>, Option<u8>),
    ) -> Result<(), Error> {
        self.line(format_args!("a=rtpmap:{pt} {}", codec.rtpmap()))?;
        for name in feedback.names() {
            self.line(format_args!("a=rtcp-fb:{pt} {name}"))?;
        }
        if let Some(fmtp) = codec.fmtp() {
            self.line(format_args!("a=fmtp:{pt} {fmtp}"))?;
        }
        if let Some(rtx) = rtx {
            self.line(format_args!("a=rtpmap:{rtx} rtx/{}", codec.clock_rate()))?;
            self.line(format_args!("a=fmtp:{rtx} apt={pt}"))?;
        }
        if let Some(red) = red {
            // Redundant packets have the clock rate and the channels of the codec (RFC 2198 §5).
            let (_, clock) = codec.rtpmap().split_once('/').unwrap_or_default();
            self.line(format_args!("a=rtpmap:{red} red/{clock}"))?;
            self.line(format_args!("a=fmtp:{red} {pt}/{pt}"))?;
        }
        Ok(())
    }

    fn flexfec(&mut self, pt: Option<u8>, transport_cc: bool) -> Result<(), Error> {
        let Some(pt) = pt else { return Ok(()) };
        self.line(format_args!("a=rtpmap:{pt} flexfec-03/90000"))?;
        if transport_cc {
            self.line(format_args!("a=rtcp-fb:{pt} transport-cc"))?;
        }
        self.line(format_args!("a=fmtp:{pt} repair-window={REPAIR_WINDOW}"))
    }

    fn sending(
        &mut self,
        cname: &str,
        sending: Option<&Sending<'_>>,
        rtx: bool,
        fec: bool,
        simulcast: Simulcast,
    ) -> Result<(), Error> {
        let Some(s) = sending else { return Ok(()) };
        self.line(format_args!("a=msid:{} {}", s.stream, s.track))?;
        if cfg!(feature = "simulcast") && simulcast.is_on() {
            // The SSRCs are not said, as in browsers: packets have the rid.
            let encodings = simulcast.list(s.rids);
            for (_, rid) in encodings.iter() {
                self.line(format_args!("a=rid:{rid} send"))?;
            }
            return self.attribute("simulcast", format_args!("send {encodings}"));
        }
        let rtx_ssrc = s.rtx_ssrc.filter(|_| rtx);
        if let Some(rtx) = rtx_ssrc {
            self.line(format_args!("a=ssrc-group:FID {} {rtx}", s.ssrc))?;
        }
        let fec_ssrc = s.fec_ssrc.filter(|_| fec);
        if let Some(fec) = fec_ssrc {
            self.line(format_args!("a=ssrc-group:FEC-FR {} {fec}", s.ssrc))?;
        }
        for ssrc in [Some(s.ssrc), rtx_ssrc, fec_ssrc].into_iter().flatten() {
            self.line(format_args!("a=ssrc:{ssrc} cname:{cname}"))?;
            self.line(format_args!("a=ssrc:{ssrc} msid:{} {}", s.stream, s.track))?;
        }
        Ok(())
    }
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        if s.bytes().any(|b| b.is_ascii_control()) {
            self.broken = true;
            return Err(fmt::Error);
        }
        self.put(s.as_bytes());
        Ok(())
    }
}

/// A codec for an inactive m-line. Its payload type has the same meaning in the whole BUNDLE group (RFC 9143 §9.1).
fn any_codec(sections: Sections<'_>, kind: MediaKind) -> LocalCodec {
    let tracks = || sections.iter().filter_map(|s| if let Section::Track(track) = s { Some(track) } else { None });
    let known = tracks().filter(|track| track.kind == kind).find_map(|track| track.codecs.first());
    let codec = if kind == MediaKind::Video { LocalCodec::vp8() } else { LocalCodec::opus() };
    let taken = |pt: u8| tracks().flat_map(|t| t.codecs).any(|c| c.payload_types().chain(c.flexfec).any(|t| t == pt));
    let free = || core::iter::once(codec.pt).chain(96..=127).find(|pt| !taken(*pt)).unwrap_or(codec.pt);
    known.copied().unwrap_or_else(|| codec.with_payload_type(free())).with_rtx(None).with_red(None).with_flexfec(None)
}

/// Writes each item with a space in front of it.
struct Words<I>(I);

impl<I: Iterator<Item: Display> + Clone> Display for Words<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.clone().try_for_each(|item| write!(f, " {item}"))
    }
}

fn port<C>(local: &Local<'_, C>) -> u16 {
    local.default_address.map_or(9, |a| a.port())
}
