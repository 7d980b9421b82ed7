use core::net::SocketAddr;

use crate::attr::{Direction, Feedback, Kind, Setup};
use crate::codec::Codec;
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
    /// What we'd send and receive. In an offer, one m-line each in this order, so later offers must keep the order and
    /// append (RFC 8829 §5.2.2). In an answer, the order of preference in which offered m-lines are matched.
    pub sections: &'a [Section<'a>],
}

/// What one m-line of ours is for.
#[derive(Clone, Debug)]
pub enum Section<'a> {
    /// Audio or video.
    Track(Track<'a>),
    /// Data channels.
    Data(Data<'a>),
    /// Was in use, is no longer, and keeps its place (RFC 8829 §5.2.2).
    Ended {
        /// What it was about.
        kind: Kind,
        /// Its name.
        mid: &'a str,
    },
}

/// A track of ours: what we can send and receive on one m-line.
#[derive(Clone, Debug)]
pub struct Track<'a> {
    /// The m-line it is bound to. Needed in offers; in answers `None` means any that fits.
    pub mid: Option<&'a str>,
    /// [`Kind::Audio`] or [`Kind::Video`].
    pub kind: Kind,
    /// What we'd like to do.
    pub direction: Direction,
    /// In order of preference.
    pub codecs: &'a [LocalCodec],
    /// The header extensions we know; the numbers matter in offers only.
    pub extensions: ExtensionMap,
    /// What we send, if we do.
    pub sending: Option<Sending<'a>>,
}

/// What identifies a stream that we send.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// Of the media.
    pub ssrc: u32,
    /// Of retransmissions; said only when a retransmission format was negotiated.
    pub rtx_ssrc: Option<u32>,
    /// RTCP canonical name.
    pub cname: &'a str,
    /// Media stream id (RFC 8830); tracks with the same id are played in step. `-` for none.
    pub stream: &'a str,
    /// Track id.
    pub track: &'a str,
}

/// A codec that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LocalCodec {
    /// What it is.
    pub codec: Codec,
    /// Its payload type in our offers; in answers the remote's number is taken.
    pub pt: u8,
    /// We can retransmit as RFC 4588 says, in our offers under this payload type.
    pub rtx: Option<u8>,
    /// The feedback we understand.
    pub feedback: Feedback,
}

/// Our side of the data channels.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// Its m-line's name. Needed in offers; in answers `None` means any.
    pub mid: Option<&'a str>,
    /// Ours; 5000 by habit.
    pub sctp_port: u16,
    /// The largest message we take, in bytes.
    pub max_message_size: u32,
    /// Our SCTP INIT chunk in base64 (SNAP). In answers said only to an offer that has one.
    pub sctp_init: Option<&'a str>,
}

impl Section<'_> {
    /// The m-line's kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Track(t) => t.kind,
            Self::Data(_) => Kind::Application,
            Self::Ended { kind, .. } => *kind,
        }
    }

    /// The m-line's name, when it has one.
    #[must_use]
    pub const fn mid(&self) -> Option<&str> {
        match self {
            Self::Track(t) => t.mid,
            Self::Data(d) => d.mid,
            Self::Ended { mid, .. } => Some(mid),
        }
    }
}
