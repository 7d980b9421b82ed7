use core::net::SocketAddr;

use crate::attr::{Direction, Feedback, MediaKind, Setup};
use crate::codec::{Codec, H264};
use barertc_wire::{ExtensionMap, Fingerprint};

/// Everything that goes into a description of ours, lent for one call.
///
/// `C` is what a candidate is; it is written with `Display` and must give `candidate:…` (or only what follows).
#[derive(Clone, Debug)]
pub struct Local<'a, C = &'a str> {
    /// The `o=` line: a random number below 2^63 that stays for the connection (RFC 8829 §5.2.1).
    pub session_id: u64,
    /// The `o=` line: one more whenever the description differs from the last (RFC 8829 §5.2.2).
    pub session_version: u64,
    /// ICE user name fragment.
    pub ufrag: &'a str,
    /// ICE password.
    pub pwd: &'a str,
    /// We are an ICE lite agent.
    pub lite: bool,
    /// ICE options: `trickle`, `ice2 trickle`, …; none when empty.
    pub ice_options: &'a str,
    /// Of our certificate.
    pub fingerprint: &'a Fingerprint,
    /// Offers: what to offer, normally [`Setup::ActPass`]. Answers: what we'd like to be if the offer leaves it to us;
    /// `ActPass` means no wish and gives [`Setup::Active`] (RFC 8842 §5.3).
    pub setup: Setup,
    /// Known candidates; they go into the first m-line in use.
    pub candidates: &'a [C],
    /// There will be no more.
    pub end_of_candidates: bool,
    /// Address of the default candidate; `None` writes port 9, as those who trickle do (RFC 8840 §4.1.1).
    pub default_address: Option<SocketAddr>,
    /// RTCP canonical name of all our streams: one for each connection (RFC 8834 §4.9).
    pub cname: &'a str,
    /// What we'd send and receive. In an offer, one m-line each in this order, so later offers must keep the order and
    /// append (RFC 8829 §5.2.2). In an answer, the order of preference in which offered m-lines are matched.
    pub sections: Sections<'a>,
}

/// The sections of a description: a list, or what makes each of them when it is looked at. A section has some 90 bytes, so
/// the list of a long session is large for the stack of a small device.
#[derive(Clone, Copy)]
pub struct Sections<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    List(&'a [Section<'a>]),
    Made { len: usize, make: &'a dyn Fn(usize) -> Option<Section<'a>> },
}

impl<'a> Sections<'a> {
    /// `len` sections. `make` gives that of an index, always the same; with the first `None` they end.
    pub const fn made(len: usize, make: &'a dyn Fn(usize) -> Option<Section<'a>>) -> Self {
        Self(Source::Made { len, make })
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.0 {
            Source::List(list) => list.len(),
            Source::Made { len, .. } => len,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The section of an index, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Section<'a>> {
        match self.0 {
            Source::List(list) => list.get(index).cloned(),
            Source::Made { len, make } => (index < len).then(|| make(index)).flatten(),
        }
    }

    /// All of them, in order.
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

/// What one m-line of ours is for.
#[derive(Clone, Debug)]
pub enum Section<'a> {
    /// Audio or video.
    Track(Track<'a>),
    /// Data channels.
    Data(Data<'a>),
    /// An m-line that nothing flows on, and that may have the transport of the others: a [`Placeholder`] in a later
    /// offer. In answers it has no meaning.
    ///
    /// [`Placeholder`]: crate::Placeholder
    Inactive {
        /// [`MediaKind::Audio`] or [`MediaKind::Video`].
        kind: MediaKind,
        /// Its mid.
        mid: &'a str,
    },
    /// An m-line that was rejected, or is no longer in use, and keeps its place (RFC 8829 §5.2.2).
    Ended {
        /// The kind that it had.
        kind: MediaKind,
    },
}

/// A track of ours: what we can send and receive on one m-line.
#[derive(Clone, Debug)]
pub struct Track<'a> {
    /// The mid of its m-line. Offers need it; in answers `None` means any m-line that fits.
    pub mid: Option<&'a str>,
    /// [`MediaKind::Audio`] or [`MediaKind::Video`].
    pub kind: MediaKind,
    /// The direction that we want.
    pub direction: Direction,
    /// The codecs, in order of preference.
    pub codecs: &'a [LocalCodec],
    /// The header extensions that we know. Their identifiers matter in offers only.
    pub extensions: ExtensionMap,
    /// The stream that we send. `None` when we only receive.
    pub sending: Option<Sending<'a>>,
}

/// What identifies a stream that we send.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// SSRC of the media.
    pub ssrc: u32,
    /// SSRC of retransmissions. It is written only when a retransmission format was negotiated.
    pub rtx_ssrc: Option<u32>,
    /// SSRC of repair packets. It is written only when a repair format was negotiated.
    pub fec_ssrc: Option<u32>,
    /// Media stream id (RFC 8830), or `-` for none. Tracks with the same id are played in step.
    pub stream: &'a str,
    /// Track id (RFC 8830).
    pub track: &'a str,
}

/// A codec of ours, with its payload types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LocalCodec {
    /// The codec and its parameters.
    pub codec: Codec,
    /// Its payload type in our offers. Answers take the payload type of the offer.
    pub pt: u8,
    /// The payload type of retransmissions in our offers (RFC 4588). `None` when we do not retransmit.
    pub rtx: Option<u8>,
    /// The payload type, in our offers, of packets that carry earlier frames again (RFC 2198): sound. `None` for none.
    pub red: Option<u8>,
    /// The payload type, in our offers, of repair packets (FlexFEC, draft-ietf-payload-flexible-fec-scheme-03): video. It is
    /// the same for all codecs of a track. `None` for none.
    pub flexfec: Option<u8>,
    /// The RTCP feedback that we understand.
    pub feedback: Feedback,
}

/// Our side of the data channels.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// The mid of its m-line. Offers need it; in answers `None` means any m-line.
    pub mid: Option<&'a str>,
    /// Our SCTP port; 5000 is usual.
    pub sctp_port: u16,
    /// The largest message that we take, in bytes.
    pub max_message_size: u32,
    /// Our SCTP INIT chunk in base64 (SNAP). An answer has it only when the offer has one.
    pub sctp_init: Option<&'a str>,
}

impl Track<'_> {
    /// The payload type of repair packets in our offers.
    pub(crate) fn flexfec(&self) -> Option<u8> {
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

    /// The mid, when it has one.
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
    /// The feedback for video: NACK, PLI, FIR, REMB, transport-wide.
    const VIDEO: Feedback = Feedback::ALL;
    /// The feedback for audio: transport-wide.
    const AUDIO: Feedback = Feedback { transport_cc: true, ..Feedback::NONE };

    /// H.264 Constrained Baseline, level 3.1, packetization mode 1, with retransmissions and repair packets: payload types 102,
    /// 103 and 118.
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

    /// H.265 Main profile, main tier, level 3.1, with retransmissions and repair packets: payload types 49, 50 and 118.
    #[must_use]
    pub const fn h265() -> Self {
        let codec = Codec::H265 { profile_id: 1, tier: 0, level_id: 93 };
        Self { codec, pt: 49, rtx: Some(50), feedback: Self::VIDEO, red: None, flexfec: Some(118) }
    }

    /// VP8 with retransmissions and repair packets: payload types 96, 97 and 118.
    #[must_use]
    pub const fn vp8() -> Self {
        Self { codec: Codec::Vp8, pt: 96, rtx: Some(97), feedback: Self::VIDEO, red: None, flexfec: Some(118) }
    }

    /// Opus in stereo with in-band forward error correction, and with earlier frames again where the path loses some: payload
    /// types 111 and 63.
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

    /// G.711 µ-law: the static payload type 0 (RFC 3551 §6).
    #[must_use]
    pub const fn pcmu() -> Self {
        Self { codec: Codec::Pcmu, pt: 0, rtx: None, feedback: Self::AUDIO, red: None, flexfec: None }
    }

    /// G.711 A-law: the static payload type 8 (RFC 3551 §6).
    #[must_use]
    pub const fn pcma() -> Self {
        Self { codec: Codec::Pcma, pt: 8, rtx: None, feedback: Self::AUDIO, red: None, flexfec: None }
    }

    /// G.722: the static payload type 9 (RFC 3551 §6).
    #[must_use]
    pub const fn g722() -> Self {
        Self { codec: Codec::G722, pt: 9, rtx: None, feedback: Self::AUDIO, red: None, flexfec: None }
    }

    /// The same codec under another payload type.
    #[must_use]
    pub const fn with_payload_type(self, pt: u8) -> Self {
        Self { pt, ..self }
    }

    /// The same codec with retransmissions under `rtx`, or without them.
    #[must_use]
    pub const fn with_rtx(self, rtx: Option<u8>) -> Self {
        Self { rtx, ..self }
    }

    /// The same codec, sound, with packets under `red` that carry earlier frames again (RFC 2198), or without them.
    #[must_use]
    pub const fn with_red(self, red: Option<u8>) -> Self {
        Self { red, ..self }
    }

    /// The same codec, video, with repair packets under `flexfec`, or without them.
    #[must_use]
    pub const fn with_flexfec(self, flexfec: Option<u8>) -> Self {
        Self { flexfec, ..self }
    }

    /// Every payload type that it has, its own first.
    pub(crate) fn payload_types(&self) -> impl Iterator<Item = u8> + Clone + use<> {
        [Some(self.pt), self.rtx, self.red].into_iter().flatten()
    }

    /// The kind of m-line that it belongs to.
    #[must_use]
    pub const fn kind(&self) -> MediaKind {
        if self.codec.is_video() { MediaKind::Video } else { MediaKind::Audio }
    }
}
