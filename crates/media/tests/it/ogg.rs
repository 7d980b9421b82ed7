//! Opus in Ogg: packets over page boundaries, other streams between, and every kind of damage.

use crate::support;

use barertc_arena::Global;
use barertc_media::pack::block_on;
use barertc_media::{ErrorKind, Ogg, OggConfig};
use proptest::prelude::*;
use support::{Files, check};

type Failure = barertc_media::Error<std::convert::Infallible>;

/// RFC 3533 §6, bit by bit.
fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0u32, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |c, _| (c << 1) ^ (0x04c1_1db7 & (c >> 31).wrapping_neg()))
    })
}

pub fn page(flags: u8, serial: u32, lacing: &[u8], body: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend([0; 8]);
    page.extend(serial.to_le_bytes());
    page.extend([0; 8]);
    page.push(lacing.len() as u8);
    page.extend(lacing);
    page.extend(body);
    let crc = checksum(&page).to_le_bytes();
    page[22..26].copy_from_slice(&crc);
    page
}

/// The page as number `sequence` of its stream.
pub fn numbered(mut page: Vec<u8>, sequence: u32) -> Vec<u8> {
    page[18..22].copy_from_slice(&sequence.to_le_bytes());
    page[22..26].fill(0);
    let crc = checksum(&page).to_le_bytes();
    page[22..26].copy_from_slice(&crc);
    page
}

/// A stream whose pages take `segments` each, torn wherever that falls.
pub fn stream(packets: &[Vec<u8>], segments: usize, between: &[u8]) -> Vec<u8> {
    let mut out = page(2, 7, &[19], b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0");
    out.extend(numbered(page(0, 7, &[16], b"OpusTags\0\0\0\0\0\0\0\0"), 1));
    let (mut lacing, mut body) = (vec![], vec![]);
    for packet in packets {
        lacing.extend(std::iter::repeat_n(255, packet.len() / 255));
        lacing.push((packet.len() % 255) as u8);
        body.extend(packet);
    }
    let (mut body, mut torn) = (&body[..], false);
    for (n, lacing) in lacing.chunks(segments).enumerate() {
        let (now, later) = body.split_at(lacing.iter().map(|l| usize::from(*l)).sum());
        out.extend(numbered(page(u8::from(torn), 7, lacing, now), 2 + n as u32));
        out.extend(between);
        torn = lacing.last() == Some(&255);
        body = later;
    }
    out
}

pub fn packet(len: usize) -> Vec<u8> {
    let mut packet: Vec<u8> = (0..len).map(|i| (i * 13) as u8).collect();
    packet[0] = 0xfc;
    packet
}

/// All packets of the file, or what went wrong.
fn packets(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut storage = Files::one("a.ogg", bytes);
    let mut source = block_on(Ogg::open(&mut storage, "a.ogg", OggConfig::default(), Global))?;
    let mut packets = vec![];
    loop {
        let frame = block_on(source.next(&mut storage))?;
        assert_eq!(frame.timestamp, 960 * packets.len() as u64);
        if frame.number == 0 && !packets.is_empty() {
            assert_eq!(frame.data[..], packets[0], "the loop begins differently");
            return Ok(packets);
        }
        packets.push(frame.data.to_vec());
    }
}

#[test]
fn packets_are_put_together_over_pages_and_between_other_streams() {
    let expected: Vec<_> = [160, 1, 254, 255, 256, 510, 700, 160].map(packet).into();
    let foreign = page(0, 99, &[5], b"other");
    for segments in 1..20 {
        assert_eq!(packets(&stream(&expected, segments, &[])).unwrap(), expected);
        assert_eq!(packets(&stream(&expected, segments, &foreign)).unwrap(), expected);
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let good = stream(&[packet(30), packet(300), packet(3)], 2, &[]);
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let error = packets(&bad).expect_err("a broken page was taken");
        check(&error, "a.ogg", good.len());
    }
    // A cut between pages that ends no packet halfway leaves a good, shorter file.
    for len in 0..good.len() {
        match packets(&good[..len]) {
            Ok(some) => assert!(some.len() < 3 && good[len..].starts_with(b"OggS"), "cut at {len}"),
            Err(error) => check(&error, "a.ogg", len),
        }
    }
    assert_eq!(packets(&[]).unwrap_err().kind, ErrorKind::Empty);
    assert_eq!(packets(&good[..good.len() - 1]).unwrap_err().kind, ErrorKind::Truncated);
}

#[test]
fn other_content_is_told() {
    let vorbis = page(2, 1, &[7], b"\x01vorbis");
    assert_eq!(packets(&vorbis).unwrap_err().kind, ErrorKind::NoSuchTrack);
    assert_eq!(
        packets(b"RIFF then something else, long enough").unwrap_err().kind,
        ErrorKind::Malformed("no Ogg page")
    );
    let empty = stream(&[], 1, &[]);
    let error = packets(&empty).unwrap_err();
    assert_eq!((error.kind, error.offset), (ErrorKind::Empty, empty.len() as u64));
    let huge = packets(&stream(&[packet(5000)], 255, &[])).unwrap_err();
    assert_eq!(huge.kind, ErrorKind::TooLarge { len: 5000, max: 4096 });
    let torn = [stream(&[packet(510)], 1, &[]), page(0, 7, &[1], &[0xfc])].concat();
    assert!(packets(&torn).is_ok(), "a packet of two full segments ends with an empty one");
    let torn = [stream(&[packet(3)], 1, &[]), page(1, 7, &[1], &[0xfc])].concat();
    assert_eq!(packets(&torn).unwrap_err().kind, ErrorKind::Malformed("packet is torn between pages"));
    // The page in the middle is missing: both ends are there, and say that a packet goes on.
    let whole = stream(&[packet(700), packet(3)], 1, &[]);
    let pages: Vec<usize> = whole.windows(4).enumerate().filter(|(_, w)| w == b"OggS").map(|(at, _)| at).collect();
    let torn = [&whole[..pages[3]], &whole[pages[4]..]].concat();
    assert_eq!(packets(&torn).unwrap_err().kind, ErrorKind::Malformed("packet is torn between pages"));
}

proptest! {
    #[test]
    fn any_packets_over_any_pages(sizes in prop::collection::vec(1usize..1276, 1..30), segments in 1usize..256) {
        let expected: Vec<_> = sizes.into_iter().map(packet).collect();
        prop_assert_eq!(packets(&stream(&expected, segments, &[])).unwrap(), expected);
    }
}

/// A file that begins with this identification header.
fn headed(head: &[u8]) -> Vec<u8> {
    let mut out = page(2, 7, &[head.len() as u8], head);
    out.extend(page(0, 7, &[16], b"OpusTags\0\0\0\0\0\0\0\0"));
    out.extend(page(0, 7, &[20], &packet(20)));
    out
}

fn opened(bytes: &[u8]) -> Result<Ogg<Files, Global>, Failure> {
    let mut files = Files::one("a.ogg", bytes);
    block_on(Ogg::open(&mut files, "a.ogg", OggConfig::default(), Global))
}

#[test]
fn what_rtp_cannot_carry_is_refused_with_the_reason() {
    let head = |channels: u8, family: u8, table: &[u8]| {
        let fixed = [b"OpusHead\x01".as_slice(), &[channels, 0x38, 1, 0x80, 0xbb, 0, 0, 0, 0, family]].concat();
        headed(&[&fixed, table].concat())
    };
    for fine in [head(1, 0, &[]), head(2, 0, &[]), head(1, 1, &[1, 0, 0]), head(2, 1, &[1, 1, 0, 1])] {
        assert!(opened(&fine).is_ok());
    }
    let kind = |bytes: &[u8]| opened(bytes).map(drop).unwrap_err().kind;
    assert_eq!(kind(&head(6, 1, &[4, 2, 0, 4, 1, 2, 3, 5])), ErrorKind::Channels { channels: 6, limit: 2 });
    assert_eq!(kind(&head(2, 255, &[2, 0, 0, 1])), ErrorKind::MappingFamily(255));
    assert_eq!(kind(&head(2, 1, &[1, 1, 1, 0])), ErrorKind::MappingFamily(1));
    assert!(matches!(kind(&head(0, 0, &[])), ErrorKind::Malformed(_)));
    assert!(matches!(kind(&headed(b"OpusHead\x01\x02")), ErrorKind::Malformed(_)));
    let told = opened(&head(6, 1, &[4, 2, 0, 4, 1, 2, 3, 5])).map(drop).unwrap_err();
    assert_eq!(told.to_string(), "a.ogg at byte 0: 6 channels of sound, RTP carries 2");
}

#[test]
fn what_is_not_played_is_said() {
    use barertc_media::Unplayed;
    let mut bytes = page(2, 9, &[7], b"fishead");
    bytes.extend(stream(&[packet(20), packet(30)], 3, &[]));
    bytes.extend(page(2, 8, &[19], b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0"));
    bytes.extend(page(0, 8, &[20], &packet(20)));
    let mut files = Files::one("a.ogg", &bytes);
    let mut ogg = block_on(Ogg::open(&mut files, "a.ogg", OggConfig::default(), Global)).unwrap();
    assert_eq!(ogg.unplayed(), Unplayed { beside: 1, behind: 0 });
    for number in [0, 1, 0, 1, 0, 1, 0] {
        assert_eq!(block_on(ogg.next(&mut files)).unwrap().number, number);
    }
    assert_eq!(ogg.unplayed(), Unplayed { beside: 1, behind: 1 });
}
