//! The choice of payload types for what is not agreed on.

use barertc_sdp::LocalCodec;

use super::track::Track;

/// Before an offer: what is not agreed on gets payload types that mean nothing else, and where its codec has one, that.
pub(crate) fn choose_payload_types(tracks: &mut [Track]) {
    for index in 0..tracks.len() {
        let codecs = tracks.get(index).map_or(0, |track| track.config().codecs().len());
        for codec in 0..codecs {
            let Some(track) = tracks.get(index).filter(|track| !track.is_kept(codec)) else { continue };
            let Some(&wish) = track.config().codecs().get(codec) else { break };
            let chosen = choose(tracks, (index, codec), wish);
            if let Some(track) = tracks.get_mut(index) {
                track.set_codec(codec, chosen);
            }
        }
    }
}

/// The payload types for a codec of a track that has none agreed on.
fn choose(tracks: &[Track], (track, codec): (usize, usize), wish: LocalCodec) -> LocalCodec {
    let settled = |t: usize, c: usize| (t, c) < (track, codec) || tracks.get(t).is_some_and(|t| t.is_kept(c));
    let others = || {
        let all = tracks.iter().enumerate();
        let all =
            all.flat_map(|(t, track)| track.config().codecs().iter().enumerate().map(move |(c, codec)| (t, c, codec)));
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
