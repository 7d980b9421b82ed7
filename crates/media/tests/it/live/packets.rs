//! Opus from a pipe: pages of Ogg, and packets behind their lengths, in chunks that end anywhere.

use barertc_arena::Global;
use barertc_media::{
    CaptureClock, FrameKind, OggPackets, OggPacketsConfig, PrefixedPackets, PrefixedPacketsConfig, StreamError,
};
use barertc_wire::Instant;
use proptest::prelude::*;

use crate::ogg::{numbered, packet, page, stream};

type Found = Result<(Vec<u8>, u64), StreamError>;

const CLOCK: CaptureClock = CaptureClock::new(FrameKind::Opus, Instant::ZERO);

fn collect(
    mut next: impl FnMut(&mut &[u8]) -> Result<Option<(Vec<u8>, u64)>, StreamError>,
    chunk: &[u8],
) -> Vec<Found> {
    let (mut found, mut rest) = (vec![], chunk);
    loop {
        match next(&mut rest) {
            Ok(Some(frame)) => found.push(Ok(frame)),
            Ok(None) => return found,
            Err(error) => found.push(Err(error)),
        }
    }
}

fn ogg<'c>(config: OggPacketsConfig, chunks: impl IntoIterator<Item = &'c [u8]>) -> Vec<Found> {
    let mut packets = OggPackets::new(config, CLOCK, Global).unwrap();
    let mut next = |rest: &mut &[u8]| {
        packets.next(Instant::ZERO, rest).map(|frame| frame.map(|frame| (frame.data.to_vec(), frame.timestamp)))
    };
    chunks.into_iter().flat_map(|chunk| collect(&mut next, chunk)).collect()
}

fn prefixed<'c>(max_packet_bytes: usize, chunks: impl IntoIterator<Item = &'c [u8]>) -> Vec<Found> {
    let mut packets = PrefixedPackets::new(PrefixedPacketsConfig { max_packet_bytes }, CLOCK, Global).unwrap();
    let mut next = |rest: &mut &[u8]| {
        packets.next(Instant::ZERO, rest).map(|frame| frame.map(|frame| (frame.data.to_vec(), frame.timestamp)))
    };
    chunks.into_iter().flat_map(|chunk| collect(&mut next, chunk)).collect()
}

fn expected(packets: &[Vec<u8>]) -> Vec<Found> {
    packets.iter().enumerate().map(|(n, packet)| Ok((packet.clone(), 960 * n as u64))).collect()
}

#[test]
fn packets_are_put_together_over_pages_and_between_other_streams() {
    let packets: Vec<_> = [160, 1, 254, 255, 256, 510, 700, 160].map(packet).into();
    let foreign = page(0, 99, &[5], b"other");
    for segments in [1, 2, 3, 8, 200] {
        let bytes = stream(&packets, segments, &foreign);
        assert_eq!(ogg(OggPacketsConfig::new(), [&bytes[..]]), expected(&packets), "{segments} segments a page");
    }
}

#[test]
fn a_stream_may_follow_another() {
    let packets: Vec<_> = [160, 161, 162].map(packet).into();
    let bytes = [stream(&packets[..1], 9, &[]), stream(&packets[1..], 9, &[])].concat();
    assert_eq!(ogg(OggPacketsConfig::new(), bytes.chunks(7)), expected(&packets));
}

#[test]
fn behind_a_broken_page_the_stream_goes_on() {
    let packets: Vec<_> = (100..110).map(packet).collect();
    let mut bytes = stream(&packets, 1, &[]);
    // A byte of the third packet's page, and rubbish at the end of it.
    let third = bytes.windows(4).enumerate().filter(|(_, w)| w == b"OggS").nth(4).unwrap().0;
    bytes[third + 60] ^= 1;
    let fourth = bytes.windows(4).enumerate().filter(|(_, w)| w == b"OggS").nth(5).unwrap().0;
    bytes.splice(fourth..fourth, *b"OggRubbish");
    let found = ogg(OggPacketsConfig::new(), bytes.chunks(11));
    let errors: Vec<_> = found.iter().filter_map(|found| found.as_ref().err()).collect();
    assert!(errors.contains(&&StreamError::Malformed("checksum of the page is wrong")), "{errors:?}");
    let found: Vec<_> = found.iter().flatten().map(|(packet, _)| packet.clone()).collect();
    assert_eq!(found, [&packets[..2], &packets[3..]].concat());
}

#[test]
fn a_missing_page_costs_the_packet_that_is_torn_by_it() {
    let packets: Vec<_> = [300, 301, 302].map(packet).into();
    let whole = stream(&packets, 1, &[]);
    let pages: Vec<usize> = whole.windows(4).enumerate().filter(|(_, w)| w == b"OggS").map(|(at, _)| at).collect();
    // Of each packet's two pages, one goes.
    for (gone, missing) in [(2, 0), (3, 0), (4, 1), (5, 1)] {
        let mut bytes = whole.clone();
        bytes.drain(pages[gone]..pages[gone + 1]);
        let found = ogg(OggPacketsConfig::new(), [&bytes[..]]);
        let errors = found.iter().filter(|found| found.is_err()).count();
        assert_eq!(errors, 1, "page {gone}: {found:?}");
        assert!(found.contains(&Err(StreamError::Malformed("packet is torn between pages"))));
        let found: Vec<_> = found.iter().flatten().map(|(packet, _)| packet.len()).collect();
        let kept: Vec<_> = (0..3).filter(|n| *n != missing).map(|n| 300 + n).collect();
        assert_eq!(found, kept, "page {gone}");
    }
}

/// Where each page of a stream begins, and where the last one ends.
fn pages(stream: &[u8]) -> Vec<usize> {
    let begins = stream.windows(4).enumerate().filter(|(_, w)| w == b"OggS").map(|(at, _)| at);
    begins.chain([stream.len()]).collect()
}

#[test]
fn halves_of_two_packets_make_no_packet() {
    // Each packet has three pages: the middle one of the first is broken, or missing.
    let packets: Vec<_> = [700, 701].map(packet).into();
    let whole = stream(&packets, 1, &[]);
    let at = pages(&whole);
    let mut broken = whole.clone();
    broken[at[3] + 30] ^= 1;
    let missing = [&whole[..at[3]], &whole[at[4]..]].concat();
    // And both ends of it: a piece of the first, then one of the second.
    let glued = [&whole[..at[3]], &whole[at[6]..]].concat();
    for (bytes, kept) in [(broken, &packets[1..]), (missing, &packets[1..]), (glued, &[])] {
        let found = ogg(OggPacketsConfig::new(), bytes.chunks(100));
        assert!(found.contains(&Err(StreamError::Malformed("packet is torn between pages"))), "{found:?}");
        let found: Vec<_> = found.iter().flatten().map(|(packet, _)| packet.clone()).collect();
        assert_eq!(found, kept);
    }
    // A stream whose first page of sound has no comment header before it, torn likewise.
    let tagless = [&whole[..at[1]], &whole[at[2]..]].concat();
    let found = ogg(OggPacketsConfig::new(), [&tagless[..]]);
    assert_eq!(found, expected(&packets));
    assert_eq!(ogg(OggPacketsConfig::new(), [&numbered(whole[..at[1]].to_vec(), 9)[..]]), []);
}

#[test]
fn a_stretch_that_cannot_be_read_is_told_once_and_counted() {
    let packets: Vec<_> = (100..104).map(packet).collect();
    let whole = stream(&packets, 1, &[]);
    let at = pages(&whole);
    let rubbish = vec![0x55; 5_000];
    let bytes = [&whole[..at[4]], &rubbish, &whole[at[4]..]].concat();
    let mut packets_of = OggPackets::new(OggPacketsConfig::new(), CLOCK, Global).unwrap();
    let found =
        collect(|rest| packets_of.next(Instant::ZERO, rest).map(|f| f.map(|f| (f.data.to_vec(), f.timestamp))), &bytes);
    let errors: Vec<_> = found.iter().filter_map(|found| found.as_ref().err()).collect();
    assert_eq!(errors, [&StreamError::Malformed("no Ogg page")]);
    assert_eq!(found.iter().flatten().count(), 4);
    assert_eq!(packets_of.left_out(), 5_000);
    // What goes on and on is told again, for each largest page of it.
    let config = OggPacketsConfig { max_page_bytes: 1_000, ..OggPacketsConfig::new() };
    let errors = ogg(config, rubbish.chunks(64)).len();
    assert!((4..=5).contains(&errors), "{errors} errors for {} bytes", rubbish.len());
}

#[test]
fn what_is_too_large_is_left_out_and_told() {
    let packets: Vec<_> = [100, 900, 101].map(packet).into();
    let bytes = stream(&packets, 1, &[]);
    let config = OggPacketsConfig { max_packet_bytes: 500, ..OggPacketsConfig::new() };
    let found = ogg(config, bytes.chunks(13));
    let error = StreamError::TooLarge { field: "max_packet_bytes", limit: 500, len: 510 };
    assert_eq!(found, [Ok((packet(100), 0)), Err(error), Ok((packet(101), 960))]);

    let bytes = stream(&packets, 200, &[]);
    let config = OggPacketsConfig { max_page_bytes: 600, ..OggPacketsConfig::new() };
    let found = ogg(config, bytes.chunks(13));
    let len = 27 + 6 + 1_101;
    assert!(found.contains(&Err(StreamError::TooLarge { field: "max_page_bytes", limit: 600, len })), "{found:?}");
}

#[test]
fn packets_behind_their_lengths() {
    let packets: Vec<_> = [160, 3, 300].map(packet).into();
    let mut bytes = vec![0, 0];
    for packet in &packets {
        bytes.extend((packet.len() as u16).to_be_bytes());
        bytes.extend(packet);
    }
    assert_eq!(prefixed(300, bytes.chunks(3)), expected(&packets));
    let error = StreamError::TooLarge { field: "max_packet_bytes", limit: 200, len: 300 };
    assert_eq!(prefixed(200, bytes.chunks(5)).last(), Some(&Err(error)));
    // A packet of rubbish costs no other.
    let bytes = [&[0, 2, 3, 0x80, 0, 2][..], &packet(2)].concat();
    assert_eq!(prefixed(9, [&bytes[..]]), [Err(StreamError::Malformed("not an Opus packet")), Ok((packet(2), 0))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// Also where bytes are broken: the same packets and the same errors come of them, however they are cut.
    #[test]
    fn any_cut_of_the_same_bytes_gives_the_same_packets(
        lengths in prop::collection::vec(1usize..900, 1..12),
        segments in 1usize..9,
        broken in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cuts in prop::collection::vec(1usize..200, 1..9),
    ) {
        let packets: Vec<_> = lengths.iter().map(|len| packet(*len)).collect();
        let mut bytes = stream(&packets, segments, &[]);
        for (at, bits) in &broken {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        let config = OggPacketsConfig { max_page_bytes: 1500, max_packet_bytes: 800 };
        let whole = ogg(config, [&bytes[..]]);
        let mut rest = &bytes[..];
        let mut pieces = vec![];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        prop_assert_eq!(&ogg(config, pieces.iter().copied()), &whole);
        prop_assert_eq!(prefixed(300, pieces), prefixed(300, [&bytes[..]]));
    }
}
