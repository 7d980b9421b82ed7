//! A track's part in descriptions.

use barertc_sdp::{Codec, Direction, Line, LocalCodec};

use crate::terms::{ENCODINGS, Source};
use crate::track::{Name, TrackConfig, TrackInfo};

/// What of an agreement the application has not been told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Direction, codec or m-line are others than before.
    pub(crate) changed: bool,
    /// The peer sends, and did not before.
    pub(crate) remote: bool,
}

/// A track as it is offered, and as it was agreed on.
#[derive(Debug)]
pub(crate) struct Track {
    config: TrackConfig,
    /// Those of each encoding that it has.
    sources: [Source; ENCODINGS],
    /// The m-line that it is bound to; empty before that.
    mid: Name,
    /// What the last offer of ours said of it. An answer is about that, though the application may want something else by now.
    offered: Direction,
    /// What was agreed on last; [`Direction::Inactive`] before that.
    direction: Direction,
    /// Of its codecs, those whose payload types were agreed on, a bit each.
    kept: u8,
    /// The codec to send with and its payload type.
    codec: Option<(Codec, u8)>,
    news: News,
}

impl Track {
    pub(crate) const fn new(config: TrackConfig, sources: [Source; ENCODINGS]) -> Self {
        let direction = Direction::Inactive;
        let news = News { changed: false, remote: false };
        Self { config, sources, mid: Name::EMPTY, offered: direction, direction, kept: 0, codec: None, news }
    }

    pub(crate) const fn config(&self) -> &TrackConfig {
        &self.config
    }

    /// The sources of an encoding.
    pub(crate) fn source(&self, encoding: usize) -> Source {
        self.sources.get(encoding).copied().unwrap_or_default()
    }

    /// Whether one of its sources is `ssrc`.
    pub(crate) fn has_source(&self, ssrc: u32) -> bool {
        self.sources.iter().any(|source| source.has(ssrc))
    }

    /// The m-line that it is bound to.
    pub(crate) fn mid(&self) -> &str {
        &self.mid
    }

    /// What it shall do from the next description on.
    pub(crate) const fn set_direction(&mut self, direction: Direction) {
        self.config.direction = direction;
    }

    pub(crate) fn info(&self) -> TrackInfo<'_> {
        TrackInfo {
            kind: self.config.kind,
            mid: &self.mid,
            direction: self.config.direction,
            current_direction: self.direction,
            codec: self.codec.map(|(codec, _)| codec),
            payload_type: self.codec.map(|(_, payload_type)| payload_type),
            received_payload_type: None,
            received_codec: None,
            ssrc: self.source(0).ssrc,
            rtx_ssrc: self.source(0).rtx,
        }
    }

    /// What the application has not been told, once.
    pub(crate) const fn news(&mut self) -> &mut News {
        &mut self.news
    }

    /// Whether payload types were agreed on for the codec of this number.
    pub(super) const fn is_kept(&self, codec: usize) -> bool {
        self.kept & (1 << (codec & 7)) != 0
    }

    pub(super) fn set_codec(&mut self, number: usize, codec: LocalCodec) {
        if let Some(place) = self.config.codecs_mut().get_mut(number) {
            *place = codec;
        }
    }

    /// The direction that it has in our side of a description: while an offer is pending, what that one says.
    pub(super) const fn local_direction(&self, is_offered: bool) -> Direction {
        if is_offered { self.offered } else { self.config.direction }
    }

    /// An offer that names it is on its way.
    pub(super) const fn offer(&mut self) {
        self.offered = self.config.direction;
    }

    pub(super) fn bind(&mut self, mid: Name) {
        self.mid = mid;
    }

    /// The offer that named it was taken back.
    pub(super) fn unbind(&mut self) {
        self.mid = Name::EMPTY;
    }

    pub(super) fn settle(&mut self, line: &Line) {
        // The preferred one of a codec is the first.
        for agreed in line.codecs.iter().rev() {
            if let Some(ours) = self.config.codecs_mut().get_mut(usize::from(agreed.local)) {
                ours.pt = agreed.pt;
                ours.rtx = agreed.rtx_pt.or(ours.rtx);
                ours.red = agreed.red_pt.or(ours.red);
                self.kept |= 1 << (agreed.local & 7);
            }
        }
        for ours in self.config.codecs_mut() {
            ours.flexfec = ours.flexfec.and(line.flexfec).or(ours.flexfec);
        }
        let codec = line.codec().map(|agreed| (agreed.codec, agreed.pt));
        self.set_agreed(line.direction, codec, line.mid.clone());
    }

    /// It is not, or no more, agreed on.
    pub(super) fn pause(&mut self) {
        let (codec, mid) = (self.codec, self.mid.clone());
        self.set_agreed(Direction::Inactive, codec, mid);
    }

    fn set_agreed(&mut self, direction: Direction, codec: Option<(Codec, u8)>, mid: Name) {
        let before = (self.direction, self.codec);
        self.news.changed |= before != (direction, codec) || self.mid != mid;
        self.news.remote = direction.receives() && (self.news.remote || !before.0.receives());
        (self.direction, self.codec, self.mid) = (direction, codec, mid);
        if self.news.changed {
            let payload_type = self.codec.map(|(_, payload_type)| payload_type);
            barertc_wire::trace!("track {:?}: {:?}, payload type {:?}", self.mid, self.direction, payload_type);
        }
    }
}
