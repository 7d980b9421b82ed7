//! What our side has for a description: its m-lines and its transport.

use barertc_ice::Candidate;
use barertc_sdp::{Direction, MAX_KINDS, MediaKind};
use barertc_wire::Fingerprint;

use super::track::Track;

/// The m-line of data channels in offers of ours.
pub(super) const DATA_MID: &str = "data";

/// What an m-line is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// The track of this number.
    Track(u8),
    /// Data channels.
    Data,
    /// Nothing, but it has the transport of the others: the peer offered it as the tagged one of its BUNDLE group.
    Idle(MediaKind),
    /// Nothing: it was rejected, and keeps its place.
    Ended(MediaKind),
}

impl Section {
    /// Whether it is of no track and no data channels.
    pub(super) const fn is_unused(&self) -> bool {
        matches!(self, Self::Idle(_) | Self::Ended(_))
    }
}

pub(super) type Sections = heapless::Vec<Section, MAX_KINDS>;

/// What our side has for a description, lent for one call.
#[derive(Clone, Copy)]
pub(crate) struct Ours<'a> {
    pub(crate) tracks: &'a [Track],
    /// Data channels, where there are some.
    pub(crate) data: Option<OurData<'a>>,
    pub(crate) cname: &'a str,
    pub(crate) room: Room,
    pub(crate) transport: OurTransport<'a>,
}

/// How many tracks may receive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) video: u8,
    pub(crate) audio: u8,
    /// Those that do, a bit each: they keep their memory until a description has them do so no longer.
    pub(crate) receiving: u64,
}

impl Ours<'_> {
    /// Whether the track of this number may receive where of the others those do that `want` to: each takes the room of one
    /// behind it.
    pub(super) fn has_room(&self, index: usize, want: impl Fn(usize) -> bool) -> bool {
        let receiving = |index: usize| self.room.receiving.checked_shr(index as u32).unwrap_or(0) & 1 != 0;
        let kind = |index: usize| self.tracks.get(index).map(|track| track.config().kind);
        let limit = if kind(index) == Some(MediaKind::Video) { self.room.video } else { self.room.audio };
        let others = (0..self.tracks.len()).filter(|other| *other != index && kind(*other) == kind(index));
        let taken = others.filter(|other| receiving(*other) || (*other < index && want(*other))).count();
        receiving(index) || taken < usize::from(limit)
    }
}

/// The direction of a track that has no room to receive.
pub(super) const fn deafened(direction: Direction) -> Direction {
    if direction.sends() { Direction::SendOnly } else { Direction::Inactive }
}

/// The data channels in our descriptions.
#[derive(Clone, Copy)]
pub(crate) struct OurData<'a> {
    /// Our SCTP port.
    pub(crate) port: u16,
    /// The largest message that we take, in bytes.
    pub(crate) max_message_size: u32,
    /// Our INIT chunk in base64.
    pub(crate) sctp_init: Option<&'a str>,
}

/// The transport part of our descriptions.
#[derive(Clone, Copy)]
pub(crate) struct OurTransport<'a> {
    pub(crate) ufrag: &'a str,
    pub(crate) pwd: &'a str,
    pub(crate) lite: bool,
    pub(crate) fingerprint: &'a Fingerprint,
    pub(crate) candidates: &'a [Candidate],
    /// Checks and responses carry DTLS, and we say so.
    pub(crate) sped: bool,
    /// Our part in DTLS is settled: passive, and stays so (RFC 8842 §5.5).
    pub(crate) passive: bool,
}
