//! What this side offers and accepts.

use core::net::SocketAddr;

use crate::attr::{Direction, Feedback, MediaKind, Setup};
use crate::codec::{Codec, H264};
use crate::error::{Error, SectionError};
use crate::limits::MAX_SECTIONS;
use crate::simulcast::{Rid, check_rids};
use barertc_wire::{ExtensionMap, Fingerprint};

/// The values of a local description, borrowed for one call.
///
/// `C` is the type of a candidate. Its `Display` must write `candidate:…` (RFC 8839 §5.1).
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Local<'a, C = &'a str> {
    /// The session id of the `o=` line: a random number below 2^63, the same for the whole connection (RFC 8829 §5.2.1).
    pub session_id: u64,
    /// The session version of the `o=` line. It rises by one whenever the description changes (RFC 8829 §5.2.2).
    pub session_version: u64,
    /// The ICE username fragment: 4 to 256 ICE characters.
    pub ufrag: &'a str,
    /// The ICE password: 22 to 256 ICE characters.
    pub pwd: &'a str,
    /// Whether this side is an ICE lite agent.
    pub lite: bool,
    /// The ICE options, separated by spaces, such as `ice2 trickle`. Empty for none.
    pub ice_options: &'a str,
    /// The fingerprint of this side's certificate.
    pub fingerprint: &'a Fingerprint,
    /// The DTLS role.
    ///
    /// An offer writes this value, normally [`Setup::ActPass`]. An answer takes this role when the offer has `actpass`; then
    /// `ActPass` gives [`Setup::Active`] (RFC 8842 §5.3).
    pub setup: Setup,
    /// The candidates that are known. The m-line that has the transport of the BUNDLE group carries them.
    pub candidates: &'a [C],
    /// Whether no further candidates will follow.
    pub end_of_candidates: bool,
    /// The address of the default candidate. `None` writes address 0.0.0.0 and port 9, as for trickle ICE (RFC 8840
    /// §4.1.1).
    pub default_address: Option<SocketAddr>,
    /// The RTCP canonical name of all streams of this side, one for each connection (RFC 8834 §4.9).
    pub cname: &'a str,
    /// The sections, which tell what this side sends and receives.
    ///
    /// An offer has one m-line for each section, in this order. A later offer keeps the order and appends new sections (RFC
    /// 8829 §5.2.2). For an answer, the order is the order of preference: each offered m-line gets the first section that
    /// fits.
    pub sections: Sections<'a>,
}

/// The sections of a description: a slice, or a function that makes each section when it is read.
///
/// A section has about 90 bytes. With the function, a session with many sections does not need all of them on the stack.
#[derive(Clone, Copy)]
pub struct Sections<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    List(&'a [Section<'a>]),
    Made { len: usize, make: &'a dyn Fn(usize) -> Option<Section<'a>> },
}

impl<'a> Sections<'a> {
    /// Makes `len` sections with a function.
    ///
    /// `make` gets an index, counted from 0, and must return the same section for the same index each time. The sections end
    /// at the first `None`.
    pub const fn made(len: usize, make: &'a dyn Fn(usize) -> Option<Section<'a>>) -> Self {
        Self(Source::Made { len, make })
    }

    /// The number of sections.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.0 {
            Source::List(list) => list.len(),
            Source::Made { len, .. } => len,
        }
    }

    /// Whether there is no section.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The section with this index, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Section<'a>> {
        match self.0 {
            Source::List(list) => list.get(index).cloned(),
            Source::Made { len, make } => (index < len).then(|| make(index)).flatten(),
        }
    }

    /// All sections in order.
    pub fn iter(&self) -> impl Iterator<Item = Section<'a>> + Clone + use<'a> {
        let all = *self;
        (0..all.len()).map_while(move |index| all.get(index))
    }
}

impl<'a> From<&'a [Section<'a>]> for Sections<'a> {
    fn from(list: &'a [Section<'a>]) -> Self {
        Self(Source::List(list))
    }
}

impl core::fmt::Debug for Sections<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

barertc_wire::opaque_format! { [] Sections<'_> }

/// The purpose of one m-line of a local description.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Section<'a> {
    /// Audio or video.
    Track(Track<'a>),
    /// Data channels.
    Data(Data<'a>),
    /// An m-line without media that may carry the transport of the BUNDLE group.
    ///
    /// A later offer repeats a [`Placeholder`] with it. An answer ignores it.
    ///
    /// [`Placeholder`]: crate::Placeholder
    Inactive {
        /// [`MediaKind::Audio`] or [`MediaKind::Video`].
        kind: MediaKind,
        /// The mid of the m-line.
        mid: &'a str,
    },
    /// An m-line that was rejected or is no longer in use. It keeps its place in the description (RFC 8829 §5.2.2).
    Ended {
        /// The kind of the m-line before it ended.
        kind: MediaKind,
    },
}

/// A local track: the media that this side can send and receive on one m-line.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Track<'a> {
    /// The mid of the m-line. An offer needs it. In an answer, `None` fits an m-line with any mid.
    pub mid: Option<&'a str>,
    /// [`MediaKind::Audio`] or [`MediaKind::Video`].
    pub kind: MediaKind,
    /// The direction that this side wants.
    pub direction: Direction,
    /// The codecs, in order of preference.
    pub codecs: &'a [LocalCodec],
    /// The header extensions that this side supports. An offer writes their identifiers; an answer takes those of the offer.
    pub extensions: ExtensionMap,
    /// The stream that this side sends. `None` when the track only receives.
    pub sending: Option<Sending<'a>>,
}

/// The identifiers of a stream that this side sends.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sending<'a> {
    /// The SSRC of the media.
    pub ssrc: u32,
    /// The SSRC of retransmissions. A description has it only when it has a payload type for retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// The SSRC of repair packets. A description has it only when it has a payload type for repair packets.
    pub fec_ssrc: Option<u32>,
    /// The media stream id (RFC 8830), or `-` for none. A receiver synchronizes tracks with the same id.
    pub stream: &'a str,
    /// The track id (RFC 8830).
    pub track: &'a str,
    /// The names of the encodings of the track (simulcast, RFC 8853), in the order of preference; empty for a track with one.
    ///
    /// Packets tell their encoding by the header extensions [`Extension::Rid`](barertc_wire::Extension::Rid) and
    /// [`Extension::RepairedRid`](barertc_wire::Extension::RepairedRid), which the track needs in its
    /// [`extensions`](Track::extensions). At most [`MAX_ENCODINGS`](crate::MAX_ENCODINGS), each with another name. The
    /// SSRCs above are those of the first one: an answer without simulcast tells them, an offer with encodings tells none. There
    /// are no repair packets then.
    pub rids: &'a [Rid],
}

/// A codec that this side supports, with its payload types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LocalCodec {
    /// The codec and its parameters.
    pub codec: Codec,
    /// The payload type in an offer. An answer takes the payload type of the offer.
    pub pt: u8,
    /// The payload type of retransmissions in an offer (RFC 4588). `None` for a codec without retransmissions.
    pub rtx: Option<u8>,
    /// The payload type of redundant audio packets in an offer (RFC 2198). They repeat earlier frames. `None` for none.
    pub red: Option<u8>,
    /// The payload type of repair packets for video in an offer (FlexFEC, draft-ietf-payload-flexible-fec-scheme-03).
    ///
    /// A track has one such payload type: that of its first codec with one. `None` for none.
    pub flexfec: Option<u8>,
    /// The RTCP feedback types that this side supports.
    pub feedback: Feedback,
}

/// The local parameters of the data channels.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Data<'a> {
    /// The mid of the m-line. An offer needs it. In an answer, `None` fits an m-line with any mid.
    pub mid: Option<&'a str>,
    /// The local SCTP port, usually 5000.
    pub sctp_port: u16,
    /// The longest message that this side accepts, in bytes.
    pub max_message_size: u32,
    /// The SCTP INIT chunk of this side in base64 (SNAP). An answer has it only when the offer has one.
    pub sctp_init: Option<&'a str>,
}

impl Track<'_> {
    /// The payload type of repair packets. A track with encodings has none: browsers and SFUs have them for one encoding only.
    pub(crate) fn flexfec(&self) -> Option<u8> {
        if self.sending.is_some_and(|sending| !sending.rids.is_empty()) {
            return None;
        }
        self.codecs.iter().find_map(|codec| codec.flexfec)
    }
}

impl<'a> Section<'a> {
    /// The kind of the m-line.
    #[must_use]
    pub const fn kind(&self) -> MediaKind {
        match self {
            Self::Track(t) => t.kind,
            Self::Data(_) => MediaKind::Application,
            Self::Inactive { kind, .. } | Self::Ended { kind } => *kind,
        }
    }

    /// The mid of the m-line. `None` when the section has none.
    #[must_use]
    pub const fn mid(&self) -> Option<&'a str> {
        match self {
            Self::Track(t) => t.mid,
            Self::Data(d) => d.mid,
            Self::Inactive { mid, .. } => Some(mid),
            Self::Ended { .. } => None,
        }
    }
}

impl LocalCodec {
    /// The feedback types for video: NACK, PLI, FIR, REMB and transport-wide feedback.
    const VIDEO: Feedback = Feedback::ALL;
    /// The feedback type for audio: transport-wide feedback.
    const AUDIO: Feedback = Feedback { transport_cc: true, ..Feedback::NONE };

    /// H.264 Constrained Baseline, level 3.1, packetization mode 1. The payload types are 102, 103 for retransmissions, and
    /// 118 for repair packets.
    #[must_use]
    pub const fn h264() -> Self {
        Self {
            codec: Codec::H264(H264::CONSTRAINED_BASELINE),
            pt: 102,
            rtx: Some(103),
            feedback: Self::VIDEO,
            red: None,
            flexfec: Some(118),
        }
    }

    /// H.265 Main profile, main tier, level 3.1. The payload types are 49, 50 for retransmissions, and 118 for repair
    /// packets.
    #[must_use]
    pub const fn h265() -> Self {
        let codec = Codec::H265 { profile_id: 1, tier: 0, level_id: 93 };
        Self { codec, pt: 49, rtx: Some(50), feedback: Self::VIDEO, red: None, flexfec: Some(118) }
    }

    /// VP8. The payload types are 96, 97 for retransmissions, and 118 for repair packets.
    #[must_use]
    pub const fn vp8() -> Self {
        Self { codec: Codec::Vp8, pt: 96, rtx: Some(97), feedback: Self::VIDEO, red: None, flexfec: Some(118) }
    }

    /// VP9, profile 0. The payload types are 98, 99 for retransmissions, and 118 for repair packets.
    #[must_use]
    pub const fn vp9() -> Self {
        let codec = Codec::Vp9 { profile_id: 0 };
        Self { codec, pt: 98, rtx: Some(99), feedback: Self::VIDEO, red: None, flexfec: Some(118) }
    }

    /// AV1 Main profile, main tier, level 3.1. The payload types are 45, 46 for retransmissions, and 118 for repair packets.
    #[must_use]
    pub const fn av1() -> Self {
        let codec = Codec::Av1 { profile: 0, level_idx: 5, tier: 0 };
        Self { codec, pt: 45, rtx: Some(46), feedback: Self::VIDEO, red: None, flexfec: Some(118) }
    }

    /// Opus in stereo with in-band forward error correction. The payload types are 111, and 63 for redundant packets, which
    /// repeat earlier frames on a path with loss.
    #[must_use]
    pub const fn opus() -> Self {
        Self {
            codec: Codec::Opus { stereo: true, fec: true },
            pt: 111,
            rtx: None,
            feedback: Self::AUDIO,
            red: Some(63),
            flexfec: None,
        }
    }

    /// G.711 µ-law with the static payload type 0 (RFC 3551 §6).
    #[must_use]
    pub const fn pcmu() -> Self {
        Self { codec: Codec::Pcmu, pt: 0, rtx: None, feedback: Self::AUDIO, red: None, flexfec: None }
    }

    /// G.711 A-law with the static payload type 8 (RFC 3551 §6).
    #[must_use]
    pub const fn pcma() -> Self {
        Self { codec: Codec::Pcma, pt: 8, rtx: None, feedback: Self::AUDIO, red: None, flexfec: None }
    }

    /// G.722 with the static payload type 9 (RFC 3551 §6).
    #[must_use]
    pub const fn g722() -> Self {
        Self { codec: Codec::G722, pt: 9, rtx: None, feedback: Self::AUDIO, red: None, flexfec: None }
    }

    /// The same codec with another payload type.
    #[must_use]
    pub const fn with_payload_type(self, pt: u8) -> Self {
        Self { pt, ..self }
    }

    /// The same codec with `rtx` as the payload type of retransmissions. `None` turns retransmissions off.
    #[must_use]
    pub const fn with_rtx(self, rtx: Option<u8>) -> Self {
        Self { rtx, ..self }
    }

    /// The same audio codec with `red` as the payload type of redundant packets (RFC 2198). `None` turns them off.
    #[must_use]
    pub const fn with_red(self, red: Option<u8>) -> Self {
        Self { red, ..self }
    }

    /// The same video codec with `flexfec` as the payload type of repair packets. `None` turns them off.
    #[must_use]
    pub const fn with_flexfec(self, flexfec: Option<u8>) -> Self {
        Self { flexfec, ..self }
    }

    /// The payload types of the codec, of its retransmissions and of its redundant packets.
    pub(crate) fn payload_types(&self) -> impl Iterator<Item = u8> + Clone + use<> {
        [Some(self.pt), self.rtx, self.red].into_iter().flatten()
    }

    /// The kind of m-line that the codec belongs to.
    #[must_use]
    pub const fn kind(&self) -> MediaKind {
        if self.codec.is_video() { MediaKind::Video } else { MediaKind::Audio }
    }
}

/// Checks the local sections: their number, their SSRCs and their mids.
pub(crate) fn check_sections(sections: Sections<'_>) -> Result<(), Error> {
    let in_use = sections.iter().filter(|s| !matches!(s, Section::Ended { .. })).count();
    if in_use > MAX_SECTIONS {
        return Err(Error::TooMany { what: "sections in use", limit: MAX_SECTIONS });
    }
    let ssrcs = || {
        sections
            .iter()
            .filter_map(|s| if let Section::Track(track) = s { track.sending } else { None })
            .flat_map(|s| [Some(s.ssrc), s.rtx_ssrc, s.fec_ssrc])
            .flatten()
    };
    for (at, ssrc) in ssrcs().enumerate() {
        if ssrcs().take(at).any(|other| other == ssrc) {
            return Err(Error::RepeatedSsrc { ssrc });
        }
    }
    for (index, section) in sections.iter().enumerate() {
        if let Section::Track(Track { sending: Some(sending), .. }) = &section {
            check_rids(index, sending.rids)?;
        }
        let Some(mid) = section.mid() else { continue };
        if sections.iter().take(index).any(|s| s.mid() == Some(mid)) {
            return Err(Error::Section { index, rule: SectionError::RepeatedMid });
        }
    }
    Ok(())
}
