//! What descriptions have fixed for all later ones (RFC 8829 §5.2.2, RFC 8843 §9.1): the order of m-lines, which number
//! means which header extension, and which payload type means which codec.

use barertc_arena::{Allocator, Vec};
use barertc_crypto::Provider;
use barertc_sdp::{ExtensionMap, Line, LocalCodec, MAX_KINDS, MediaKind as Kind, Negotiated};

use super::{PeerConnection, Transceiver};
use crate::Error;

/// What an m-line is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The track of this number.
    Track(u8),
    /// Data channels.
    Data,
    /// Nothing: it was rejected, and keeps its place.
    Ended(Kind),
}

pub(crate) type Places = heapless::Vec<Place, MAX_KINDS>;

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// The m-lines of the next description: those there were, and behind them what is new. Who answers may take what
    /// was rejected before.
    pub(super) fn places(&self, offering: bool) -> Result<Places, Error> {
        let mut places = Places::clone(&self.lines);
        if self.offered {
            // What was added meanwhile is for the next offer.
            return Ok(places);
        }
        if !offering {
            places.retain(|place| !matches!(place, Place::Ended(..)));
        }
        let tracks = (0..self.tracks.len()).filter_map(|index| u8::try_from(index).ok()).map(Place::Track);
        let data = self.sctp.as_ref().map(|_| Place::Data);
        for place in tracks.chain(data) {
            if !places.contains(&place) {
                places.push(place).map_err(|_| Error::Config)?;
            }
        }
        Ok(places)
    }

    /// Keeps what was agreed on. `places` are those of our side's description.
    pub(super) fn remember(&mut self, agreed: &Negotiated, places: Places, offering: bool) {
        self.extensions = renumbered(&self.extensions, &agreed.lines);
        for (place, index) in places.iter().zip(0_usize..) {
            if let (Place::Track(track), Some(line)) = (place, agreed.of_section(index))
                && let Some(track) = self.tracks.get_mut(usize::from(*track))
            {
                track.keep_payload_types(line);
            }
        }
        if offering {
            *self.lines = places;
            return;
        }
        let mut lines = Places::new();
        for (index, kind) in agreed.kinds.iter().enumerate() {
            let section = agreed.line_at(index).and_then(|line| places.get(line.section));
            // The order of m-lines is fixed: what is rejected now stays bound to what it was (RFC 8829 §5.2.2).
            let before = || self.lines.get(index).cloned().unwrap_or(Place::Ended(*kind));
            // As many as there are kinds.
            let _ = lines.push(section.cloned().unwrap_or_else(before));
        }
        *self.lines = lines;
    }

    /// Before an offer: what is not agreed on gets payload types that mean nothing else, and where its codec has one, that.
    pub(super) fn choose_payload_types(&mut self) {
        for index in 0..self.tracks.len() {
            let codecs = self.tracks.get(index).map_or(0, |t| t.config.codecs.len());
            for codec in 0..codecs {
                let Some(&wish) = self.tracks.get(index).and_then(|t| t.config.codecs.get(codec)) else { break };
                if self.tracks.get(index).is_some_and(|t| t.agreed & (1 << codec) != 0) {
                    continue;
                }
                let chosen = choose(&self.tracks, (index, codec), wish);
                if let Some(place) = self.tracks.get_mut(index).and_then(|t| t.config.codecs.get_mut(codec)) {
                    *place = chosen;
                }
            }
        }
    }
}

impl<A: Allocator + Clone> Transceiver<A> {
    fn keep_payload_types(&mut self, line: &Line) {
        // The preferred one of a codec is the first.
        for agreed in line.codecs.iter().rev() {
            if let Some(ours) = self.config.codecs.get_mut(usize::from(agreed.local)) {
                ours.pt = agreed.pt;
                ours.rtx = agreed.rtx_pt.or(ours.rtx);
                self.agreed |= 1 << agreed.local.min(7);
            }
        }
    }
}

/// The payload types for a codec of a track that has none agreed on.
fn choose<A: Allocator + Clone>(
    tracks: &Vec<Transceiver<A>, A>,
    (track, codec): (usize, usize),
    wish: LocalCodec,
) -> LocalCodec {
    let settled =
        |t: usize, c: usize| (t, c) < (track, codec) || tracks.get(t).is_some_and(|t| t.agreed & (1 << c) != 0);
    let others = || {
        let all = tracks.iter().enumerate();
        let all =
            all.flat_map(|(t, track)| track.config.codecs.iter().enumerate().map(move |(c, codec)| (t, c, codec)));
        all.filter(move |(t, c, _)| settled(*t, *c)).map(|(.., codec)| codec)
    };
    if let Some(same) = others().find(|other| other.codec == wish.codec) {
        return LocalCodec { pt: same.pt, rtx: wish.rtx.and(same.rtx), ..wish };
    }
    let taken = |pt: u8| others().any(|other| other.pt == pt || other.rtx == Some(pt));
    // RFC 3551 §3 leaves these to be agreed on; there are more of them than tracks have codecs.
    let free = |not: Option<u8>| (96..=127).rev().find(|pt| !taken(*pt) && Some(*pt) != not);
    let pt = if taken(wish.pt) { free(wish.rtx).unwrap_or(wish.pt) } else { wish.pt };
    let rtx = wish.rtx.map(|rtx| if taken(rtx) || rtx == pt { free(Some(pt)).unwrap_or(rtx) } else { rtx });
    LocalCodec { pt, rtx, ..wish }
}

/// The numbers of header extensions once `lines` were agreed on: theirs, and for the rest those from before, or others
/// where these have been taken.
fn renumbered(before: &ExtensionMap, lines: &[Line]) -> ExtensionMap {
    let agreed = lines.iter().fold(ExtensionMap::new(), |all, line| {
        line.extensions.iter().fold(all, |all, (extension, id)| all.with(extension, id))
    });
    before.iter().fold(agreed, |all, (extension, id)| {
        let kept = all.with(extension, id);
        match (kept.id(extension), (1..15).find(|id| all.extension(*id).is_none() && before.extension(*id).is_none())) {
            (None, Some(free)) => all.with(extension, free),
            _ => kept,
        }
    })
}
