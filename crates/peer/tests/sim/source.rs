//! Pictures of the sizes of the bundled sample: 720p at 30 a second, 1.6 Mbit/s, a key frame of 88 to 120 KB every two
//! seconds; and the same in a small rendition of 400 kbit/s.

use barertc::Frame;
use barertc_crypto::{rand_core::Rng, selftest::Predictable};

use crate::support::{Arena, frame};

/// What the large rendition takes with its sound, in bits a second.
pub const BITRATE: u64 = 1_660_000;
/// Pictures from one key frame to the next.
const GROUP: u32 = 60;

/// What gives a picture each time.
pub struct Source {
    random: Predictable,
    /// Pictures since the last key frame.
    since_key: u32,
    number: u32,
}

/// One picture in both renditions.
pub struct Picture {
    pub number: u32,
    pub key: bool,
    large: usize,
}

impl Source {
    pub fn new(seed: u64) -> Self {
        Self { random: Predictable::new(seed), since_key: GROUP, number: 0 }
    }

    /// The next picture, a key frame where one is due or wanted.
    pub fn next(&mut self, wanted: bool) -> Picture {
        let key = wanted || self.since_key >= GROUP;
        self.since_key = if key { 1 } else { self.since_key + 1 };
        let mut random = |below: u32| (self.random.next_u32() % below) as usize;
        // Between two pictures and 19 KB, 5 KB on average.
        let large = if key {
            88_000 + random(32_000)
        } else {
            1_700 + random(5_400) + if random(20) == 0 { 12_000 } else { 0 }
        };
        let picture = Picture { number: self.number, key, large };
        self.number += 1;
        picture
    }
}

impl Picture {
    /// As a frame of `millis`, its number in it.
    pub fn frame<'m>(&self, arena: &'m Arena, small: bool, millis: u64) -> Frame<&'m Arena> {
        let len = if small { self.large / 4 } else { self.large };
        let mut bytes = crate::support::picture(self.key, len.max(64), self.number.into());
        bytes[18..22].copy_from_slice(&number_bytes(self.number));
        frame(arena, &bytes, barertc::PayloadFormat::H264, millis as u32 * 90).expect("memory for a picture")
    }
}

/// 20 ms of sound at 64 kbit/s.
pub fn sound(arena: &Arena, number: u32, millis: u64) -> Frame<&Arena> {
    let mut bytes = [0xa5; 160];
    bytes[18..22].copy_from_slice(&number_bytes(number));
    frame(arena, &bytes, barertc::PayloadFormat::Opus, millis as u32 * 48).expect("memory for sound")
}

/// Seven bits in each, so that there is no start code.
fn number_bytes(number: u32) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| 0x80 | (number >> shift) as u8 & 0x7f)
}

/// The number in a frame that came.
pub fn number(bytes: &[u8]) -> Option<usize> {
    let bytes = bytes.get(18..22)?;
    bytes
        .iter()
        .all(|byte| *byte >= 0x80)
        .then(|| bytes.iter().fold(0, |all, byte| all << 7 | usize::from(byte & 0x7f)))
}
