//! As much of Opus (RFC 6716 §3) as it takes to know how long a packet plays.

/// Samples at 48 kHz that the packet plays; `None` for a packet that breaks the rules of §3.
pub(crate) fn duration(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let config = toc >> 3;
    // Table 2: SILK has 10, 20, 40, 60 ms; hybrid 10, 20; CELT 2.5, 5, 10, 20.
    let samples: u32 = match config {
        0..=11 => *[480, 960, 1920, 2880].get(usize::from(config & 3))?,
        12..=15 => *[480, 960].get(usize::from(config & 1))?,
        _ => *[120, 240, 480, 960].get(usize::from(config & 3))?,
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(*packet.get(1)? & 0x3f),
    };
    let total = samples.checked_mul(frames)?;
    // R5: at least one frame, at most 120 ms.
    (1..=5760).contains(&total).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configuration_has_its_length() {
        assert_eq!(duration(&[0xfc]), Some(960)); // CELT fullband 20 ms, stereo, one frame
        assert_eq!(duration(&[0x18 | 3, 2]), Some(5760)); // SILK 60 ms, two frames
        assert_eq!(duration(&[0x18 | 3, 3]), None); // 180 ms
        assert_eq!(duration(&[0x80]), Some(120));
        assert_eq!(duration(&[0x60 | 1]), Some(960)); // hybrid 10 ms, two frames
        assert_eq!(duration(&[]), None);
        assert_eq!(duration(&[3]), None);
        assert_eq!(duration(&[3, 0x80]), None);
    }
}
