//! The attributes of WebRTC, one type for each.

use barertc_wire::text::{number, split, split_once, trim_end};

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
    /// `m=application`. It carries data channels when its transport is SCTP over DTLS.
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

    /// The kind as the m-line writes it; `other` for [`Other`](Self::Other).
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

/// The direction of media (RFC 8866 §6.7), from the view of the side whose description has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Direction {
    /// Both sides send. This is the default when the attribute is missing.
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
    /// The direction of a side that `sends` and `receives` or not.
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

    /// The same direction from the view of the other side.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// The direction that both `self` and `other` allow (RFC 3264 §6.1).
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        Self::new(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The name of the attribute, such as `sendrecv`.
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

/// The value of `a=setup`: the side that starts the DTLS handshake (RFC 4145 §4, RFC 8842 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Setup {
    /// The offerer leaves the choice to the answerer. Only an offer has this value.
    ActPass,
    /// This side starts the handshake: it is the DTLS client.
    Active,
    /// The other side starts the handshake: this side is the DTLS server.
    Passive,
}

impl Setup {
    /// The value of the attribute, such as `actpass`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActPass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }

    /// The answerer's role (RFC 8842 §5.3). An offer without the attribute means `active` (RFC 4145 §4).
    pub(crate) fn of_answer(offered: Option<Self>, wish: Self) -> Option<Self> {
        Some(match offered {
            Some(Self::ActPass) if wish == Self::Passive => Self::Passive,
            Some(Self::ActPass | Self::Passive) => Self::Active,
            Some(Self::Active) | None => Self::Passive,
        })
    }

    /// The offerer's role (RFC 8842 §5.4). An answer without the attribute means `passive` (RFC 4145 §4).
    pub(crate) fn of_offer(answered: Option<Self>, offered: Self) -> Option<Self> {
        let ours = match answered {
            Some(Self::Active) => Self::Passive,
            Some(Self::Passive) => Self::Active,
            // An answer must choose. Without the attribute, the offerer keeps the role that it offered, or is active.
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

/// The encoding of a payload type, from `a=rtpmap` (RFC 8866 §6.6) or from the table of static payload types (RFC 3551
/// §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RtpMap<'a> {
    /// The payload type, 0 to 127.
    pub pt: u8,
    /// The name of the encoding. Upper and lower case are equal.
    pub encoding: &'a str,
    /// The clock rate in hertz.
    pub clock_rate: u32,
    /// The number of audio channels; 1 when the attribute does not give it.
    pub channels: u8,
}

impl<'a> RtpMap<'a> {
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let (pt, map) = payload_and_rest(value)?;
        let mut parts = split(trim_end(map, b' '), b'/');
        let encoding = parts.next().filter(|e| !e.is_empty())?;
        let clock_rate = number(parts.next()?)?;
        let channels = parts.next().map_or(Some(1), number)?;
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
    let pt = number(pt).filter(|pt| *pt <= 127)?;
    Some((pt, rest))
}

/// The `name=value` pairs of an fmtp attribute. A parameter without `=` is given as `(parameter, "")`.
pub fn parameters(fmtp: &str) -> impl Iterator<Item = (&str, &str)> + Clone {
    split(fmtp, b';').map(str::trim_ascii).filter(|p| !p.is_empty()).map(|p| split_once(p, b'=').unwrap_or((p, "")))
}

/// The value of the fmtp parameter called `name`. Upper and lower case in the name are equal.
#[must_use]
pub fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    parameters(fmtp).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A set of RTCP feedback types (RFC 4585 §4.2, RFC 5104 §7.1, and two that browsers add).
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
    /// `transport-cc`: transport-wide congestion control feedback.
    pub transport_cc: bool,
}

impl Feedback {
    /// The empty set.
    pub const NONE: Self = Self { nack: false, pli: false, fir: false, remb: false, transport_cc: false };
    /// The set of all types.
    pub const ALL: Self = Self { nack: true, pli: true, fir: true, remb: true, transport_cc: true };

    /// The types that are in both sets.
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

    /// The types that are in at least one of the sets.
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

    /// Adds the type that `value` names: the value of `a=rtcp-fb` without the payload type.
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

    /// The names of the types in the set, as `a=rtcp-fb` writes them.
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

/// The attribute of one stream: `a=ssrc:<ssrc> <attribute>:<value>` (RFC 5576 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SsrcAttribute<'a> {
    /// The SSRC of the stream.
    pub ssrc: u32,
    /// The name of the attribute, such as `cname` or `msid`.
    pub name: &'a str,
    /// The value of the attribute; empty when there is none.
    pub value: &'a str,
}

impl<'a> SsrcAttribute<'a> {
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let (ssrc, attribute) = word(value);
        let (name, value) = split_once(attribute, b':').unwrap_or((attribute, ""));
        Some(Self { ssrc: number(ssrc)?, name, value })
    }
}
