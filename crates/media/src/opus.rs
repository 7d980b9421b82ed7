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

/// Whether no frame of the packet has any bytes: silence, of an encoder that uses DTX (RFC 6716 §3.2).
fn is_silence(packet: &[u8]) -> bool {
    match packet {
        [toc] => toc & 3 < 2,
        [toc, 0] if toc & 3 == 2 => true,
        // Frames of one length, which is zero, and no padding (§3.2.5).
        [toc, count] => toc & 3 == 3 && count & 0xc0 == 0 && *count > 0,
        _ => false,
    }
}

/// Leaves out the silence of an Opus encoder that uses DTX (RFC 7587 §3.1.3).
///
/// Of a pause the first packet is sent, so that a decoder knows of it. Those behind it are left out, and the first sound
/// behind them begins a talkspurt. Timestamps run on over the pause; sequence numbers do not, so nothing counts as lost.
///
/// ```
/// use barertc_media::Silence;
///
/// let mut silence = Silence::new();
/// let packets = [&[0x78, 1, 2][..], &[0x78], &[0x78], &[0x78, 3, 4], &[0x78, 5, 6]];
/// let passed = packets.map(|packet| silence.pass(packet));
/// assert_eq!(passed, [Some(false), Some(false), None, Some(true), Some(false)]);
/// assert_eq!(silence.left_out(), 1);
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Silence {
    /// The packet before was silence.
    silent: bool,
    /// One was left out since the last sound.
    pause: bool,
    left_out: u64,
}

impl Silence {
    /// Nothing was heard yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { silent: false, pause: false, left_out: 0 }
    }

    /// Whether the next packet is to be sent, and then whether it begins a talkspurt
    /// ([`FrameInfo::talkspurt`](barertc_rtp::FrameInfo::talkspurt)). `None` for one that is left out.
    pub fn pass(&mut self, packet: &[u8]) -> Option<bool> {
        let before = core::mem::replace(&mut self.silent, is_silence(packet));
        if !self.silent {
            return Some(core::mem::take(&mut self.pause));
        }
        if !before {
            return Some(false);
        }
        self.pause = true;
        self.left_out = self.left_out.saturating_add(1);
        None
    }

    /// Packets that were left out so far.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_packet_whose_frames_have_no_bytes() {
        for packet in [&[0x78][..], &[0x79], &[0x7a, 0], &[0x7b, 1], &[0x7b, 3]] {
            assert!(is_silence(packet), "{packet:?}");
        }
        for packet in [
            &[][..],
            &[0x78, 0],
            &[0x79, 0, 0],
            &[0x7a, 1, 0],
            &[0x7a],
            &[0x7b],
            &[0x7b, 0],
            &[0x7b, 0x41],
            &[0x7b, 0x82, 0],
        ] {
            assert!(!is_silence(packet), "{packet:?}");
        }
    }

    /// Lengths of what libopus 1.3.1 made at 16 kbit/s with DTX: voice, a second of noise that is hardly heard, and voice. A
    /// packet of silence has one byte; after 0.4 s the encoder describes the noise again.
    #[test]
    fn pauses_of_libopus_are_left_out() {
        let voice = [47, 37];
        let pause = [28, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 23, 1, 1, 1, 65];
        let mut silence = Silence::new();
        let mut packet = [0x68; 65];
        let mut sent = std::vec::Vec::new();
        for (n, len) in voice.into_iter().chain(pause).chain(voice).enumerate() {
            packet[1..].fill(0x0f);
            sent.extend(silence.pass(&packet[..len]).map(|talkspurt| (n, talkspurt)));
        }
        let expected = [(0, false), (1, false), (2, false), (3, false), (23, true), (24, false), (27, true)];
        assert_eq!(sent, [&expected[..], &[(28, false), (29, false)]].concat());
        assert_eq!(silence.left_out(), 21);
    }

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
