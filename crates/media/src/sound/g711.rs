//! Speech at 8 kHz in one byte a sample (ITU-T G.711), without tables: for boards without room for a codec.
//!
//! RTP has it as the static payload types 0 (PCMU) and 8 (PCMA, RFC 3551 §4.5.14), which every browser speaks
//! (RFC 7874 §3).

/// Which of the two laws: North America and Japan have µ-law, the others A-law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum G711 {
    /// PCMU.
    MuLaw,
    /// PCMA.
    ALaw,
}

/// What µ-law adds to a magnitude before it looks for its segment, and the largest one that it has a code for.
const BIAS: u16 = 0x84;
const CLIP: u16 = 32_635;
/// A-law inverts every second bit on the line (G.711 §3.2).
const EVEN_BITS: u8 = 0x55;

impl G711 {
    /// Samples a second.
    pub const SAMPLE_RATE: u32 = 8_000;

    /// The static payload type (RFC 3551 §6).
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::MuLaw => 0,
            Self::ALaw => 8,
        }
    }

    /// The code of a sample.
    #[must_use]
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Self::MuLaw => mu_law(sample),
            Self::ALaw => a_law(sample),
        }
    }

    /// The sample of a code.
    #[must_use]
    pub const fn decode(self, code: u8) -> i16 {
        match self {
            Self::MuLaw => of_mu_law(code),
            Self::ALaw => of_a_law(code),
        }
    }

    /// The codes of a block; as many as the shorter one has room for.
    pub fn encode_block(self, pcm: &[i16], out: &mut [u8]) -> usize {
        let codes = out.iter_mut().zip(pcm).map(|(code, sample)| *code = self.encode(*sample));
        codes.count()
    }

    /// The samples of a block; as many as the shorter one has room for.
    pub fn decode_block(self, codes: &[u8], pcm: &mut [i16]) -> usize {
        let samples = pcm.iter_mut().zip(codes).map(|(sample, code)| *sample = self.decode(*code));
        samples.count()
    }
}

/// Sign, segment in three bits, place in it in four; all inverted (G.711 Table 2).
const fn mu_law(sample: i16) -> u8 {
    let magnitude = sample.unsigned_abs();
    let magnitude = if magnitude > CLIP { CLIP } else { magnitude }.saturating_add(BIAS);
    // Bit 7 is set by the bias: the highest bit says how far above it the segment is.
    let segment = 8_u32.saturating_sub(magnitude.leading_zeros());
    let place = (magnitude >> segment.saturating_add(3)) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | ((segment as u8) << 4) | place as u8)
}

const fn of_mu_law(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4) & 7;
    let magnitude = ((((code & 0x0f) as u16) << 3).saturating_add(BIAS) << segment).saturating_sub(BIAS) as i16;
    if code & 0x80 == 0 { magnitude } else { magnitude.saturating_neg() }
}

/// Sign, segment, place in it (G.711 Table 1).
const fn a_law(sample: i16) -> u8 {
    // 13 bits; a negative value of -1 is the first of the negative ones.
    let (sign, magnitude) = if sample < 0 { (0, !sample) } else { (0x80, sample) };
    let magnitude = (magnitude as u16) >> 4;
    // Two segments of equal steps at the bottom, then each twice as wide.
    let code = if magnitude < 32 {
        magnitude as u8
    } else {
        let segment = 12_u32.saturating_sub(magnitude.leading_zeros());
        ((segment as u8) << 4) | ((magnitude >> segment.saturating_sub(1)) & 0x0f) as u8
    };
    (sign | code) ^ EVEN_BITS
}

const fn of_a_law(code: u8) -> i16 {
    let code = code ^ EVEN_BITS;
    let (segment, place) = ((code >> 4) & 7, (code & 0x0f) as u16);
    // The middle of the step.
    let magnitude = (place << 4).saturating_add(8);
    let magnitude =
        if segment == 0 { magnitude } else { magnitude.saturating_add(0x100) << segment.saturating_sub(1) } as i16;
    if code & 0x80 == 0 { magnitude.saturating_neg() } else { magnitude }
}
