//! No two streams have one source: they would be encrypted under one key stream (RFC 3711 §9.1, RFC 7714 §8.4).

use barertc::{Config, MediaKind, TrackConfig};

use crate::support::{Identities, Pair, arena, h264, opus};

#[test]
fn every_source_of_a_connection_is_another_and_all_have_one_name() {
    let (ids, arena) = (Identities::new(), arena(0));
    let config = Config { max_tracks: 15, ..Config::default() };
    for seed in 0..8 {
        let mut pair = Pair::new(&ids, [&arena; 2], &config, seed).expect("enough memory");
        for n in 0..15 {
            let kind = if n % 2 == 0 { MediaKind::Video } else { MediaKind::Audio };
            let codec = if n % 2 == 0 { h264() } else { opus() };
            let track = TrackConfig::sendonly(kind, "", &format!("stream {n}"), [codec]).expect("short names");
            pair.offerer.connection.add_track(pair.now, track).expect("room");
        }
        let mut room = vec![0; 32 << 10];
        let offer = pair.offerer.connection.create_offer(pair.now, &mut room).expect("an offer");
        let words = |line: &str| line.split_once(' ').map(|(ssrc, rest)| (ssrc.to_owned(), rest.to_owned()));
        let announced = offer.lines().filter_map(|l| l.strip_prefix("a=ssrc:")).filter_map(words);
        let named: Vec<_> = announced.filter(|(_, rest)| rest.starts_with("cname:")).collect();
        // Each video track has a stream of retransmissions and one of repair packets.
        assert_eq!(named.len(), 15 + 2 * 8);
        let mut sources: Vec<_> = named.iter().map(|(ssrc, _)| ssrc).collect();
        sources.sort_unstable();
        sources.dedup();
        assert_eq!(sources.len(), named.len());
        let mut names: Vec<_> = named.iter().map(|(_, rest)| rest).collect();
        names.dedup();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}
