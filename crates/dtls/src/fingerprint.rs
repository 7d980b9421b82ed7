use core::fmt;

use barertc_crypto::{Provider, constant_time_eq};

/// A hash function by which a description may name a certificate (RFC 8122, section 5; weaker ones are not accepted).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// `sha-256`, which everybody uses.
    Sha256,
    /// `sha-384`.
    Sha384,
    /// `sha-512`.
    Sha512,
}

impl HashAlgorithm {
    /// The algorithm that an `a=fingerprint` line names, in whatever case.
    #[must_use]
    pub fn from_sdp(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha384, Self::Sha512].into_iter().find(|h| name.eq_ignore_ascii_case(h.sdp_name()))
    }

    /// Its name in an `a=fingerprint` line.
    #[must_use]
    pub const fn sdp_name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// Bytes of its digests.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// A certificate's digest, as descriptions carry it.
///
/// Its `Display` is the text after the algorithm in an `a=fingerprint` line: upper-case pairs with colons.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    algorithm: HashAlgorithm,
    bytes: [u8; 64],
}

impl Fingerprint {
    /// A fingerprint from its raw digest; `None` when the length isn't that of the algorithm.
    #[must_use]
    pub fn new(algorithm: HashAlgorithm, digest: &[u8]) -> Option<Self> {
        let mut bytes = [0; 64];
        bytes
            .get_mut(..algorithm.digest_len())?
            .copy_from_slice((digest.len() == algorithm.digest_len()).then_some(digest)?);
        Some(Self { algorithm, bytes })
    }

    /// The digest of a DER certificate.
    #[must_use]
    pub fn of<P: Provider>(provider: &P, algorithm: HashAlgorithm, certificate: &[u8]) -> Self {
        let mut bytes = [0; 64];
        let mut fill = |digest: &[u8]| bytes.iter_mut().zip(digest).for_each(|(b, d)| *b = *d);
        match algorithm {
            HashAlgorithm::Sha256 => fill(&provider.sha256(&[certificate])),
            HashAlgorithm::Sha384 => fill(&provider.sha384(&[certificate])),
            HashAlgorithm::Sha512 => fill(&provider.sha512(&[certificate])),
        }
        Self { algorithm, bytes }
    }

    /// Parses the text of an `a=fingerprint` line's second part, `AB:CD:…`, in either case.
    #[must_use]
    pub fn from_sdp(algorithm: HashAlgorithm, text: &str) -> Option<Self> {
        let mut bytes = [0; 64];
        let mut pairs = text.split(':');
        for place in bytes.get_mut(..algorithm.digest_len())? {
            let pair = pairs.next().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))?;
            *place = u8::from_str_radix(pair, 16).ok()?;
        }
        pairs.next().is_none().then_some(Self { algorithm, bytes })
    }

    /// Which hash function made it.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The raw digest.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        self.bytes.get(..self.algorithm.digest_len()).unwrap_or_default()
    }

    /// Whether it is the fingerprint of this certificate.
    pub(crate) fn matches<P: Provider>(&self, provider: &P, certificate: &[u8]) -> bool {
        constant_time_eq(Self::of(provider, self.algorithm, certificate).digest(), self.digest())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.digest().iter().enumerate() {
            let colon = if i == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {self}", self.algorithm.sdp_name())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Fingerprint {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str} {=[u8]:02x}", self.algorithm.sdp_name(), self.digest());
    }
}
