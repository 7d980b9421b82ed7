//! The m-lines of a description that was parsed.

use barertc_wire::text::{number, split, split_once, trim_end};
use barertc_wire::{Extension, ExtensionMap};

use crate::attr::{Direction, Feedback, MediaKind, RtpMap, SsrcAttribute, payload_and_rest};
use crate::limits::{MAX_PAYLOADS, MAX_SSRCS};
use crate::line::{attribute, attributes, is_token, word};
use crate::list::List;

/// An m-line with its attributes (RFC 8866 §5.14). It borrows from the text of the description.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Media<'a> {
    index: usize,
    kind: MediaKind,
    kind_text: &'a str,
    port: u16,
    protocol: &'a str,
    formats: &'a str,
    body: &'a str,
    session: &'a str,
}

/// A payload type of an m-line, with its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Payload<'a> {
    /// The payload type and its encoding.
    pub map: RtpMap<'a>,
    /// The format parameters (`a=fmtp`). Empty when there are none.
    pub fmtp: &'a str,
    /// The RTCP feedback types (`a=rtcp-fb`).
    pub feedback: Feedback,
    /// The payload type of retransmissions (RFC 4588 §8.6). `None` when there is none.
    pub rtx: Option<u8>,
    /// The payload type of redundant packets, which carry this encoding only (RFC 2198 §5). `None` when there is none.
    pub red: Option<u8>,
}

/// The payload types of an m-line.
///
/// A payload type for retransmissions is no entry of its own: it is the [`rtx`](Payload::rtx) of the entry that it
/// retransmits.
pub type Payloads<'a> = List<Payload<'a>, MAX_PAYLOADS>;

/// A stream that the remote description announces with `a=ssrc` (RFC 5576).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RemoteSsrc {
    /// The SSRC of the media.
    pub ssrc: u32,
    /// The SSRC of the retransmissions (`a=ssrc-group:FID`).
    pub rtx: Option<u32>,
    /// The SSRC of the repair packets (`a=ssrc-group:FEC-FR`, RFC 5956 §4.3).
    pub fec: Option<u32>,
}

impl<'a> Media<'a> {
    pub(crate) fn parse(index: usize, line: &'a str, body: &'a str, session: &'a str) -> Option<Self> {
        let (kind_text, rest) = word(line);
        let (port, rest) = word(rest);
        let (protocol, formats) = word(rest);
        // `<port>/<number of ports>` is hierarchical encoding, which nothing here uses.
        let port = number(split_once(port, b'/').map_or(port, |(port, _)| port))?;
        let formats = trim_end(formats, b' ');
        let protocol_ok = !protocol.is_empty() && split(protocol, b'/').all(is_token);
        let formats_ok = split(formats, b' ').filter(|f| !f.is_empty()).all(is_token);
        (is_token(kind_text) && protocol_ok && formats_ok && !formats.is_empty()).then_some(())?;
        Some(Self { index, kind: MediaKind::parse(kind_text), kind_text, port, protocol, formats, body, session })
    }

    /// The index of the m-line, counted from 0 (`sdpMLineIndex`).
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The kind of media.
    #[must_use]
    pub const fn kind(&self) -> MediaKind {
        self.kind
    }

    /// The kind of media as the m-line writes it.
    #[must_use]
    pub const fn kind_text(&self) -> &'a str {
        self.kind_text
    }

    /// The port. Port 0 means that the m-line is rejected or ended, unless the m-line is bundle-only.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The transport protocol, such as `UDP/TLS/RTP/SAVPF`.
    #[must_use]
    pub const fn protocol(&self) -> &'a str {
        self.protocol
    }

    /// The formats as the m-line writes them. For audio and video they are payload types.
    #[must_use]
    pub const fn formats(&self) -> &'a str {
        self.formats
    }

    /// All attributes of the m-line as (name, value), in order. A property attribute has an empty value.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        attributes(self.body)
    }

    /// The value of the first attribute of the m-line called `name`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        attribute(self.body, name)
    }

    /// The value of the first attribute called `name`: that of the m-line, or else that of the session part.
    #[must_use]
    pub fn attribute_or_session(&self, name: &str) -> Option<&'a str> {
        self.attribute(name).or_else(|| attribute(self.session, name))
    }

    /// The mid, which identifies the m-line (RFC 5888 §4). `None` when it is missing or not a token.
    #[must_use]
    pub fn mid(&self) -> Option<&'a str> {
        self.attribute("mid").filter(|m| is_token(m))
    }

    /// Whether the m-line has port 0 and is not bundle-only (RFC 9143 §6): the offerer ended it, or the answerer rejected
    /// it.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.port == 0 && !self.is_bundle_only()
    }

    /// Whether the m-line can be used in a BUNDLE group only (RFC 9143 §6).
    #[must_use]
    pub fn is_bundle_only(&self) -> bool {
        self.attribute("bundle-only").is_some()
    }

    /// Whether the m-line is audio or video, with one of the DTLS-SRTP protocol names of RFC 8829 §5.1.2.
    #[must_use]
    pub fn is_rtp(&self) -> bool {
        matches!(self.kind, MediaKind::Audio | MediaKind::Video)
            && matches!(
                self.protocol,
                "UDP/TLS/RTP/SAVPF"
                    | "TCP/DTLS/RTP/SAVPF"
                    | "UDP/TLS/RTP/SAVP"
                    | "TCP/DTLS/RTP/SAVP"
                    | "RTP/SAVPF"
                    | "RTP/SAVP"
            )
    }

    /// Whether the m-line is for data channels: SCTP over DTLS with the format `webrtc-datachannel` (RFC 8841 §4).
    #[must_use]
    pub fn is_data(&self) -> bool {
        self.kind == MediaKind::Application
            && matches!(self.protocol, "UDP/DTLS/SCTP" | "TCP/DTLS/SCTP" | "DTLS/SCTP")
            && self.formats == "webrtc-datachannel"
    }

    /// The direction of the m-line, or else that of the session part. The default is `sendrecv`.
    #[must_use]
    pub fn direction(&self) -> Direction {
        let of = |text| attributes(text).find_map(|(n, v)| if v.is_empty() { Direction::parse(n) } else { None });
        of(self.body).or_else(|| of(self.session)).unwrap_or_default()
    }

    /// Whether the m-line has `a=rtcp-mux`: RTP and RTCP share a port (RFC 8858).
    #[must_use]
    pub fn rtcp_mux(&self) -> bool {
        self.attribute("rtcp-mux").is_some()
    }

    /// Whether the m-line has `a=rtcp-rsize`: the remote understands reduced-size RTCP (RFC 5506 §5).
    #[must_use]
    pub fn rtcp_reduced_size(&self) -> bool {
        self.attribute("rtcp-rsize").is_some()
    }

    /// Whether the m-line has `a=rtcp-xr` with `rcvr-rtt`: a receiver without media of its own can measure the round-trip
    /// time (RFC 3611 §5.1). The session part says it for every m-line.
    #[must_use]
    pub fn rcvr_rtt(&self) -> bool {
        // Each format may have a value behind `=` or `:`.
        let name = |format: &'a str| split(format, b'=').next().and_then(|f| split(f, b':').next()).unwrap_or_default();
        let formats = |value: &'a str| split(value, b' ').map(name);
        let all = self.attributes().chain(attributes(self.session));
        all.filter(|(name, _)| *name == "rtcp-xr").flat_map(|(_, v)| formats(v)).any(|f| f == "rcvr-rtt")
    }

    /// The SCTP port (RFC 8841 §5). `None` when the attribute is missing or is not a number of 16 bits. The default port
    /// is 5000.
    #[must_use]
    pub fn sctp_port(&self) -> Option<u16> {
        number(self.attribute("sctp-port")?)
    }

    /// Whether an association can use the SCTP port. Port 0 closes an association (RFC 8841 §9.3).
    pub(crate) fn has_usable_sctp_port(&self) -> bool {
        self.attribute("sctp-port").is_none() || self.sctp_port().is_some_and(|port| port != 0)
    }

    /// The longest message that the remote accepts, in bytes (RFC 8841 §6).
    ///
    /// The default is 65,536 bytes. `u64::MAX` means that the remote has no limit.
    #[must_use]
    pub fn max_message_size(&self) -> u64 {
        match self.attribute("max-message-size").and_then(number) {
            Some(0) => u64::MAX,
            Some(n) => n,
            None => 65_536,
        }
    }

    /// The SCTP INIT chunk of the remote in base64 (`a=sctp-init`, SNAP). When both descriptions have one, SCTP needs no
    /// handshake.
    #[must_use]
    pub fn sctp_init(&self) -> Option<&'a str> {
        self.attribute("sctp-init").filter(|v| !v.is_empty())
    }

    /// The media stream id and the track id of `a=msid` (RFC 8830 §2).
    #[must_use]
    pub fn msid(&self) -> Option<(&'a str, &'a str)> {
        self.attribute("msid").map(word)
    }

    /// All `a=ssrc` attributes in order. Malformed ones are left out.
    pub fn ssrc_attributes(&self) -> impl Iterator<Item = SsrcAttribute<'a>> + use<'a> {
        self.attributes().filter(|(n, _)| *n == "ssrc").filter_map(|(_, v)| SsrcAttribute::parse(v))
    }

    /// The first [`MAX_SSRCS`] streams that the remote announces, each with its retransmission and its repair stream.
    #[must_use]
    pub fn ssrcs(&self) -> List<RemoteSsrc, MAX_SSRCS> {
        let pair = |value: &str| -> Option<(bool, u32, u32)> {
            let (semantics, ssrcs) = split_once(value, b' ')?;
            let fec = match semantics {
                "FID" => false,
                "FEC-FR" => true,
                _ => return None,
            };
            let mut words = split(ssrcs, b' ').filter(|word| !word.is_empty());
            Some((fec, number(words.next()?)?, number(words.next()?)?))
        };
        // Each stream has at most two pairs. The list has room for twice that many.
        let mut pairs = List::<(bool, u32, u32), { 4 * MAX_SSRCS }>::new();
        for found in self.attributes().filter(|(n, _)| *n == "ssrc-group").filter_map(|(_, v)| pair(v)) {
            if pairs.push(found).is_err() {
                break;
            }
        }
        let mut all = List::new();
        for ssrc in self.ssrc_attributes().map(|s| s.ssrc) {
            let known = |s: &RemoteSsrc| s.ssrc == ssrc;
            if all.iter().any(known) || pairs.iter().any(|(.., second)| *second == ssrc) {
                continue;
            }
            let of =
                |fec: bool| pairs.iter().find(|(f, media, _)| *f == fec && *media == ssrc).map(|(.., second)| *second);
            if all.push(RemoteSsrc { ssrc, rtx: of(false), fec: of(true) }).is_err() {
                break;
            }
        }
        all
    }

    /// The header extensions that this crate knows, with the identifiers of the remote (RFC 8285 §5).
    ///
    /// Extensions for one direction only are left out. Extensions with an identifier above 14 are left out too, because
    /// they need two-byte headers. Those of the session part are of every m-line (RFC 8285 §6).
    #[must_use]
    pub fn extensions(&self) -> ExtensionMap {
        let all = self.attributes().chain(attributes(self.session));
        all.filter(|(n, _)| *n == "extmap").fold(ExtensionMap::new(), |all, (_, value)| {
            let (id, rest) = word(value);
            let (uri, _) = word(rest);
            match (number::<u8>(id), Extension::from_uri(uri)) {
                (Some(id @ 1..=14), Some(extension)) => all.with(extension, id),
                _ => all,
            }
        })
    }

    /// The first [`MAX_PAYLOADS`] payload types in the remote's order of preference, with their attributes.
    #[must_use]
    pub fn payloads(&self) -> Payloads<'a> {
        let mut all = Payloads::new();
        for pt in split(self.formats, b' ').filter_map(number::<u8>).filter(|pt| *pt <= 127) {
            if all.iter().any(|p| p.map.pt == pt) {
                continue;
            }
            let map = RtpMap::well_known(pt).unwrap_or(RtpMap { pt, encoding: "", clock_rate: 0, channels: 1 });
            if all.push(Payload { map, fmtp: "", feedback: Feedback::NONE, rtx: None, red: None }).is_err() {
                break;
            }
        }
        let mut every = Feedback::NONE;
        for (name, value) in self.attributes() {
            match name {
                "rtpmap" => {
                    if let Some(map) = RtpMap::parse(value)
                        && let Some(p) = find(&mut all, map.pt)
                    {
                        p.map = map;
                    }
                }
                "fmtp" => {
                    if let Some((pt, fmtp)) = payload_and_rest(value)
                        && let Some(p) = find(&mut all, pt)
                    {
                        p.fmtp = fmtp;
                    }
                }
                "rtcp-fb" => {
                    let (pt, fb) = word(value);
                    if pt == "*" {
                        every.add(fb);
                    } else if let Some(p) = number(pt).and_then(|pt| find(&mut all, pt)) {
                        p.feedback.add(fb);
                    }
                }
                _ => {}
            }
        }
        for p in &mut all {
            p.feedback = p.feedback.union(every);
        }
        fold_rtx(&mut all);
        note_red(&mut all);
        all
    }

    pub(crate) const fn body(&self) -> &'a str {
        self.body
    }
}

fn find<'p, 'a>(payloads: &'p mut Payloads<'a>, pt: u8) -> Option<&'p mut Payload<'a>> {
    payloads.iter_mut().find(|p| p.map.pt == pt)
}

/// Sets `rtx` of each payload type that has retransmissions. Then removes the payload types of retransmissions, and those
/// without an encoding.
fn fold_rtx(all: &mut Payloads<'_>) {
    let is_rtx = |p: &Payload<'_>| p.map.encoding.eq_ignore_ascii_case("rtx");
    for i in 0..all.len() {
        let Some(p) = all.get(i).filter(|p| is_rtx(p)).copied() else { continue };
        let apt = crate::attr::parameter(p.fmtp, "apt").and_then(number);
        if let Some(original) = apt.and_then(|apt: u8| find(all, apt)).filter(|o| !is_rtx(o) && o.rtx.is_none()) {
            original.rtx = Some(p.map.pt);
        }
    }
    all.retain(|p| !is_rtx(p) && !p.map.encoding.is_empty());
}

/// Sets `red` of each payload type for which there are redundant packets that carry no other payload type.
fn note_red(all: &mut Payloads<'_>) {
    for i in 0..all.len() {
        let Some(p) = all.get(i).filter(|p| p.map.encoding.eq_ignore_ascii_case("red")).copied() else { continue };
        let mut blocks = split(p.fmtp, b'/').map(|block| number::<u8>(block.trim_ascii()));
        let first = blocks.next().flatten();
        let alone = blocks.all(|block| block == first);
        let same = |o: &&mut Payload<'_>| o.map.clock_rate == p.map.clock_rate && o.map.channels == p.map.channels;
        if let Some(original) = first.filter(|_| alone).and_then(|pt| find(all, pt)).filter(same) {
            original.red = original.red.or(Some(p.map.pt));
        }
    }
}
