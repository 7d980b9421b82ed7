//! The attributes that WebRTC uses, one small type each.

use barertc_wire::text::{split, split_once, trim_end};

use crate::line::word;

/// The kind of an m-line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MediaKind {
    /// `m=audio`
    Audio,
    /// `m=video`
    Video,
    /// `m=application`: data channels, if its transport is SCTP over DTLS.
    Application,
    /// `m=text`; always answered with port 0.
    Text,
    /// `m=image`; always answered with port 0.
    Image,
    /// `m=message`; always answered with port 0.
    Message,
    /// A kind that RFC 8866 §5.14 does not name; always answered with port 0.
    Other,
}

impl MediaKind {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "audio" => Self::Audio,
            "video" => Self::Video,
            "application" => Self::Application,
            "text" => Self::Text,
            "image" => Self::Image,
            "message" => Self::Message,
            _ => Self::Other,
        }
    }

    /// The word in the m-line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Application => "application",
            Self::Text => "text",
            Self::Image => "image",
            Self::Message => "message",
            Self::Other => "other",
        }
    }
}

/// Who sends media (RFC 8866 §6.7), seen from the side whose description it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Direction {
    /// Both sides send. A missing attribute means this.
    #[default]
    SendRecv,
    /// Only this side sends.
    SendOnly,
    /// Only the other side sends.
    RecvOnly,
    /// Nobody sends.
    Inactive,
}

impl Direction {
    /// The direction in which this side `sends` and `receives`.
    #[must_use]
    pub const fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether this side sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether this side receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The direction as the other side sees it.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// The direction that both directions allow (RFC 3264 §6.1).
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        Self::new(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "sendrecv" => Self::SendRecv,
            "sendonly" => Self::SendOnly,
            "recvonly" => Self::RecvOnly,
            "inactive" => Self::Inactive,
            _ => return None,
        })
    }
}

/// Who starts the DTLS handshake (RFC 4145 §4, RFC 8842 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Setup {
    /// Either side. Only offers have it.
    ActPass,
    /// This side, as the DTLS client.
    Active,
    /// The other side: this one is the DTLS server.
    Passive,
}

impl Setup {
    /// The attribute's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActPass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }

    /// Our role as answerer (RFC 8842 §5.3). An offer that says nothing means `active` (RFC 4145 §4).
    pub(crate) fn of_answer(offered: Option<Self>, wish: Self) -> Option<Self> {
        Some(match offered {
            Some(Self::ActPass) if wish == Self::Passive => Self::Passive,
            Some(Self::ActPass | Self::Passive) => Self::Active,
            Some(Self::Active) | None => Self::Passive,
        })
    }

    /// Our role as offerer (RFC 8842 §5.4). An answer that says nothing means `passive` (RFC 4145 §4).
    pub(crate) fn of_offer(answered: Option<Self>, offered: Self) -> Option<Self> {
        let ours = match answered {
            Some(Self::Active) => Self::Passive,
            Some(Self::Passive) => Self::Active,
            // An answer must choose; saying nothing leaves us what we asked for, or active.
            Some(Self::ActPass) => return None,
            None if offered == Self::Passive => Self::Passive,
            None => Self::Active,
        };
        (offered == Self::ActPass || offered == ours).then_some(ours)
    }

    pub(crate) fn parse(value: &str) -> Option<Self> {
        Some(match value {
            "actpass" => Self::ActPass,
            "active" => Self::Active,
            "passive" => Self::Passive,
            _ => return None,
        })
    }
}

/// `a=rtpmap` (RFC 8866 §6.6), or what the static payload type means (RFC 3551 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpMap<'a> {
    /// Payload type, 0 to 127.
    pub pt: u8,
    /// Encoding name. Case does not matter.
    pub encoding: &'a str,
    /// Clock rate in hertz.
    pub clock_rate: u32,
    /// Audio channels; 1 when they are not said.
    pub channels: u8,
}

impl<'a> RtpMap<'a> {
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let (pt, map) = payload_and_rest(value)?;
        let mut parts = split(trim_end(map, b' '), b'/');
        let encoding = parts.next().filter(|e| !e.is_empty())?;
        let clock_rate = parts.next()?.parse().ok()?;
        let channels = parts.next().map_or(Some(1), |c| c.parse().ok())?;
        Some(Self { pt, encoding, clock_rate, channels })
    }

    pub(crate) fn well_known(pt: u8) -> Option<Self> {
        let (encoding, clock_rate) = match pt {
            0 => ("PCMU", 8_000),
            8 => ("PCMA", 8_000),
            9 => ("G722", 8_000),
            13 => ("CN", 8_000),
            _ => return None,
        };
        Some(Self { pt, encoding, clock_rate, channels: 1 })
    }
}

/// `<payload type> <rest>` as in rtpmap, fmtp and rtcp-fb.
pub(crate) fn payload_and_rest(value: &str) -> Option<(u8, &str)> {
    let (pt, rest) = word(value);
    let pt = pt.parse::<u8>().ok().filter(|pt| *pt <= 127)?;
    Some((pt, rest))
}

/// The `name=value` pairs of an fmtp attribute. A value without a name comes as `(value, "")`.
pub fn parameters(fmtp: &str) -> impl Iterator<Item = (&str, &str)> + Clone {
    split(fmtp, b';').map(str::trim_ascii).filter(|p| !p.is_empty()).map(|p| split_once(p, b'=').unwrap_or((p, "")))
}

/// The value of the fmtp parameter called `name`. Case does not matter.
#[must_use]
pub fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    parameters(fmtp).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The kinds of RTCP feedback in use (RFC 4585 §4.2, RFC 5104 §7.1, and those that browsers add).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Feedback {
    /// `nack`: generic NACK.
    pub nack: bool,
    /// `nack pli`: picture loss indication.
    pub pli: bool,
    /// `ccm fir`: full intra request.
    pub fir: bool,
    /// `goog-remb`: receiver-estimated maximum bitrate.
    pub remb: bool,
    /// `transport-cc`: transport-wide feedback.
    pub transport_cc: bool,
}

impl Feedback {
    /// Nothing.
    pub const NONE: Self = Self { nack: false, pli: false, fir: false, remb: false, transport_cc: false };
    /// Everything.
    pub const ALL: Self = Self { nack: true, pli: true, fir: true, remb: true, transport_cc: true };

    /// What both sides know.
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        Self {
            nack: self.nack && other.nack,
            pli: self.pli && other.pli,
            fir: self.fir && other.fir,
            remb: self.remb && other.remb,
            transport_cc: self.transport_cc && other.transport_cc,
        }
    }

    /// What either side knows.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self {
            nack: self.nack || other.nack,
            pli: self.pli || other.pli,
            fir: self.fir || other.fir,
            remb: self.remb || other.remb,
            transport_cc: self.transport_cc || other.transport_cc,
        }
    }

    /// Adds what the value of an `rtcp-fb` attribute, behind the payload type, names.
    pub(crate) fn add(&mut self, value: &str) {
        match trim_end(value, b' ') {
            "nack" => self.nack = true,
            "nack pli" => self.pli = true,
            "ccm fir" => self.fir = true,
            "goog-remb" => self.remb = true,
            "transport-cc" => self.transport_cc = true,
            _ => {}
        }
    }

    /// The attribute values of what is set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (self.nack, "nack"),
            (self.pli, "nack pli"),
            (self.fir, "ccm fir"),
            (self.remb, "goog-remb"),
            (self.transport_cc, "transport-cc"),
        ]
        .into_iter()
        .filter_map(|(on, name)| on.then_some(name))
    }
}

/// `a=ssrc:<ssrc> <attribute>:<value>` (RFC 5576 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SsrcAttribute<'a> {
    /// The stream.
    pub ssrc: u32,
    /// `cname`, `msid`, …
    pub name: &'a str,
    /// What follows the colon; empty when there is none.
    pub value: &'a str,
}

impl<'a> SsrcAttribute<'a> {
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let (ssrc, attribute) = word(value);
        let (name, value) = split_once(attribute, b':').unwrap_or((attribute, ""));
        Some(Self { ssrc: ssrc.parse().ok()?, name, value })
    }
}
