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
        let (rtx, red, flexfec) = (wish.rtx.and(same.rtx), wish.red.and(same.red), wish.flexfec.and(same.flexfec));
        return LocalCodec { pt: same.pt, rtx, red, flexfec, ..wish };
    }
    let taken = |pt: u8| others().any(|other| has(other, pt));
    // RFC 3551 §3 leaves these to be agreed on; there are more of them than tracks have codecs.
    let free = |so_far: &LocalCodec| (96..=127).rev().find(|pt| !taken(*pt) && !has(so_far, *pt) && !has(&wish, *pt));
    let mut chosen = LocalCodec { rtx: None, red: None, flexfec: None, ..wish };
    if taken(wish.pt) {
        chosen.pt = free(&chosen).unwrap_or(wish.pt);
    }
    let choose = |wish: u8, so_far: &LocalCodec| match taken(wish) || has(so_far, wish) {
        true => free(so_far).unwrap_or(wish),
        false => wish,
    };
    chosen.rtx = wish.rtx.map(|rtx| choose(rtx, &chosen));
    chosen.red = wish.red.map(|red| choose(red, &chosen));
    // One number for the repair packets of a track, whatever they repair.
    let same_track = tracks.get(track).into_iter().flat_map(|t| t.config().codecs()).take(codec);
    let repair = same_track.filter_map(|before| before.flexfec).next();
    chosen.flexfec = wish.flexfec.map(|flexfec| repair.unwrap_or_else(|| choose(flexfec, &chosen)));
    chosen
}

/// Whether one of its payload types is `pt`.
fn has(codec: &LocalCodec, pt: u8) -> bool {
    [Some(codec.pt), codec.rtx, codec.red, codec.flexfec].contains(&Some(pt))
}
