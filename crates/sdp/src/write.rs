use core::fmt::{self, Display, Write as _};

use barertc_wire::Writer;

use crate::attr::{Direction, Setup};
use crate::codec::Codec;
use crate::error::{Error, TransportError};
use crate::line::{is_ice_string, is_token};
use crate::local::{Data, Local, Section, Sending, Track};
use crate::media::Media;
use crate::negotiate::{Line, Negotiated, NegotiatedCodec};
use crate::session::Session;
use crate::{Feedback, MAX_MEDIA};
use barertc_wire::ExtensionMap;

/// Writes an offer (RFC 8829 §5.2) with one m-line for each section, all in one BUNDLE group.
///
/// # Errors
/// [`Error::NoRoom`] when `out` is too small; [`Error::Local`] when a section has no mid or no codec, two have the same,
/// or a string contains what cannot be written.
pub fn write_offer<'o, C: Display>(local: &Local<'_, C>, out: &'o mut [u8]) -> Result<&'o str, Error> {
    if local.sections.is_empty() || local.sections.len() > MAX_MEDIA {
        return Err(Error::Local);
    }
    for (i, section) in local.sections.iter().enumerate() {
        let mid = section.mid().filter(|m| is_token(m)).ok_or(Error::Local)?;
        if local.sections.iter().take(i).any(|s| s.mid() == Some(mid)) {
            return Err(Error::Local);
        }
    }
    let mids = || local.sections.iter().filter(|s| !matches!(s, Section::Ended { .. })).filter_map(Section::mid);
    let mut text = Text::new(out);
    text.head(local, mids(), true)?;
    let mut first = true;
    for section in local.sections {
        match section {
            Section::Track(track) => text.offered_track(local, track, first)?,
            Section::Data(data) => {
                text.data_line(local)?;
                text.attribute("mid", section.mid().unwrap_or_default())?;
                text.transport(local, local.setup, first)?;
                text.data(data, true)?;
            }
            Section::Ended { kind, mid } => {
                let formats = if section.kind() == crate::Kind::Application { "webrtc-datachannel" } else { "0" };
                let protocol = if section.kind() == crate::Kind::Application { DATA } else { RTP };
                text.rejected(kind.as_str(), protocol, formats, Some(mid))?;
                continue;
            }
        }
        first = false;
    }
    text.finish()
}

/// Writes the answer (RFC 8829 §5.3) to `offer` that [`Negotiated::from_offer`] decided on.
///
/// # Errors
/// [`Error::NoRoom`] when `out` is too small; [`Error::Mismatch`] when `agreed` belongs to another offer;
/// [`Error::Local`] when a string contains what cannot be written.
pub fn write_answer<'o, C: Display>(
    offer: &Session<'_>,
    local: &Local<'_, C>,
    agreed: &Negotiated,
    out: &'o mut [u8],
) -> Result<&'o str, Error> {
    if offer.media().len() != agreed.lines.len() {
        return Err(Error::Mismatch);
    }
    let mut text = Text::new(out);
    let bundled = agreed.lines.iter().filter(|l| l.is_accepted() && offer.is_bundled(&l.mid)).map(|l| l.mid.as_str());
    text.head(local, bundled, offer.extmap_allow_mixed())?;
    for (media, line) in offer.media().iter().zip(&agreed.lines) {
        let first = agreed.transport.map(usize::from) == Some(media.index());
        match line.section.and_then(|s| local.sections.get(usize::from(s))) {
            Some(Section::Track(track)) => text.answered_track(local, agreed.setup, media, line, track, first)?,
            Some(Section::Data(data)) => {
                text.data_line_as(media.protocol(), local)?;
                text.mid(media)?;
                text.transport(local, agreed.setup, first)?;
                text.data(data, agreed.data.is_some_and(|d| d.snap))?;
            }
            Some(Section::Ended { .. }) | None => {
                text.rejected(media.kind_text(), media.protocol(), media.formats(), media.mid())?;
            }
        }
    }
    text.finish()
}

const RTP: &str = "UDP/TLS/RTP/SAVPF";
const DATA: &str = "UDP/DTLS/SCTP";

/// Lines into caller memory.
struct Text<'o> {
    out: Writer<'o>,
    /// A value tried to end its line.
    broken: bool,
}

impl<'o> Text<'o> {
    fn new(out: &'o mut [u8]) -> Self {
        Self { out: Writer::new(out), broken: false }
    }

    fn line(&mut self, args: fmt::Arguments<'_>) -> Result<(), Error> {
        let written = self.write_fmt(args);
        if self.broken {
            return Err(Error::Local);
        }
        written.map_err(|_| Error::NoRoom)?;
        Ok(self.out.put(b"\r\n")?)
    }

    fn attribute(&mut self, name: &str, value: impl Display) -> Result<(), Error> {
        self.line(format_args!("a={name}:{value}"))
    }

    fn property(&mut self, name: &str) -> Result<(), Error> {
        self.line(format_args!("a={name}"))
    }

    fn finish(self) -> Result<&'o str, Error> {
        // Only whole `str`s went in.
        core::str::from_utf8(self.out.into_written()).map_err(|_| Error::Local)
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

    /// What belongs to the transport. It is written with every m-line, for peers that look at each (RFC 8829 §5.2.1), the
    /// candidates with the first only.
    fn transport<C: Display>(&mut self, local: &Local<'_, C>, setup: Setup, first: bool) -> Result<(), Error> {
        if !is_ice_string(local.ufrag, 4) {
            return Err(Error::Transport(TransportError::Ufrag));
        }
        if !is_ice_string(local.pwd, 22) {
            return Err(Error::Transport(TransportError::Pwd));
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
        let start = self.out.len();
        self.line(format_args!("a={candidate}"))?;
        let named = self.out.written().get(start..).is_some_and(|l| l.starts_with(b"a=candidate:"));
        if named { Ok(()) } else { Err(Error::Local) }
    }

    fn data(&mut self, data: &Data<'_>, snap: bool) -> Result<(), Error> {
        self.attribute("sctp-port", data.sctp_port)?;
        self.attribute("max-message-size", data.max_message_size)?;
        match data.sctp_init {
            Some(init) if snap => self.attribute("sctp-init", init),
            _ => Ok(()),
        }
    }

    fn offered_track<C: Display>(&mut self, local: &Local<'_, C>, track: &Track<'_>, first: bool) -> Result<(), Error> {
        if track.codecs.is_empty() || !matches!(track.kind, crate::Kind::Audio | crate::Kind::Video) {
            return Err(Error::Local);
        }
        let pts = track.codecs.iter().flat_map(|c| [Some(c.pt), c.rtx]).flatten();
        if pts.clone().any(|pt| pt > 127) {
            return Err(Error::Local);
        }
        self.line(format_args!("m={} {} {RTP}{}", track.kind.as_str(), port(local), Words(pts)))?;
        self.connection(local)?;
        self.attribute("mid", track.mid.unwrap_or_default())?;
        self.transport(local, local.setup, first)?;
        self.media_attributes(&track.extensions, track.direction, true)?;
        for c in track.codecs {
            self.codec(c.pt, &c.codec, c.feedback, c.rtx)?;
        }
        let rtx = track.codecs.iter().any(|c| c.rtx.is_some());
        self.sending(track.sending.filter(|_| track.direction.sends()).as_ref(), rtx)
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
        let pts = line.codecs.iter().flat_map(|c| [Some(c.pt), c.rtx_pt]).flatten();
        self.line(format_args!("m={} {} {}{}", media.kind_text(), port(local), media.protocol(), Words(pts)))?;
        self.connection(local)?;
        self.mid(media)?;
        self.transport(local, setup, first)?;
        self.media_attributes(&line.extensions, line.direction, line.rtcp_reduced_size)?;
        for NegotiatedCodec { pt, codec, feedback, rtx_pt, .. } in &line.codecs {
            self.codec(*pt, codec, *feedback, *rtx_pt)?;
        }
        let rtx = line.codecs.iter().any(|c| c.rtx_pt.is_some());
        self.sending(track.sending.filter(|_| line.direction.sends()).as_ref(), rtx)
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

    fn codec(&mut self, pt: u8, codec: &Codec, feedback: Feedback, rtx: Option<u8>) -> Result<(), Error> {
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
        Ok(())
    }

    fn sending(&mut self, sending: Option<&Sending<'_>>, rtx: bool) -> Result<(), Error> {
        let Some(s) = sending else { return Ok(()) };
        self.line(format_args!("a=msid:{} {}", s.stream, s.track))?;
        let rtx_ssrc = s.rtx_ssrc.filter(|_| rtx);
        if let Some(rtx) = rtx_ssrc {
            self.line(format_args!("a=ssrc-group:FID {} {rtx}", s.ssrc))?;
        }
        for ssrc in [Some(s.ssrc), rtx_ssrc].into_iter().flatten() {
            self.line(format_args!("a=ssrc:{ssrc} cname:{}", s.cname))?;
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
        self.out.put(s.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// Each item with a space in front of it.
struct Words<I>(I);

impl<I: Iterator<Item: Display> + Clone> Display for Words<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.clone().try_for_each(|item| write!(f, " {item}"))
    }
}

fn port<C>(local: &Local<'_, C>) -> u16 {
    local.default_address.map_or(9, |a| a.port())
}
