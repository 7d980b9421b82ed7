//! Certificate fingerprints (RFC 8122).

use core::fmt;

use crate::text;

/// The longest digest, in bytes: that of SHA-512.
const MAX_DIGEST: usize = 64;

/// A hash function that a certificate fingerprint may use (RFC 8122 §5).
///
/// The weak functions of RFC 8122 (MD2, MD5, SHA-1) are not supported. A fingerprint with one of them is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum HashAlgorithm {
    /// SHA-256, which all implementations support.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The algorithm with this name in `a=fingerprint`. Upper and lower case are equal.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|h| name.eq_ignore_ascii_case(h.name()))
    }

    /// The name in `a=fingerprint`: `sha-256`, `sha-384` or `sha-512`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// The length of the digest in bytes.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The fingerprint of a certificate (RFC 8122 §5): a hash algorithm and the digest of the DER encoding.
///
/// `Display` writes the value of an `a=fingerprint` attribute: `sha-256 AB:CD:…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    algorithm: HashAlgorithm,
    /// Zero behind the digest.
    bytes: [u8; MAX_DIGEST],
}

impl Fingerprint {
    /// A fingerprint from its SHA-256 digest.
    #[must_use]
    pub fn sha256(digest: [u8; 32]) -> Self {
        Self::padded(HashAlgorithm::Sha256, &digest)
    }

    /// A fingerprint from its SHA-384 digest.
    #[must_use]
    pub fn sha384(digest: [u8; 48]) -> Self {
        Self::padded(HashAlgorithm::Sha384, &digest)
    }

    /// A fingerprint from its SHA-512 digest.
    #[must_use]
    pub fn sha512(digest: [u8; 64]) -> Self {
        Self::padded(HashAlgorithm::Sha512, &digest)
    }

    /// A fingerprint from its digest. `None` when the digest has not the length of the algorithm.
    #[must_use]
    pub fn new(algorithm: HashAlgorithm, digest: &[u8]) -> Option<Self> {
        (digest.len() == algorithm.digest_len()).then(|| Self::padded(algorithm, digest))
    }

    fn padded(algorithm: HashAlgorithm, digest: &[u8]) -> Self {
        let mut bytes = [0; MAX_DIGEST];
        bytes.iter_mut().zip(digest).for_each(|(place, byte)| *place = *byte);
        Self { algorithm, bytes }
    }

    /// Reads the value of an `a=fingerprint` attribute. Upper and lower case are equal.
    ///
    /// `None` for an algorithm that is not in [`HashAlgorithm`], and for a malformed digest.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (name, digits) = text::split_once(value.trim_ascii(), b' ')?;
        let algorithm = HashAlgorithm::from_name(name)?;
        let mut bytes = [0; MAX_DIGEST];
        let mut pairs = text::split(text::trim_start(digits, b' '), b':');
        for byte in bytes.get_mut(..algorithm.digest_len())? {
            let pair = pairs.next().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        pairs.next().is_none().then_some(Self { algorithm, bytes })
    }

    /// The algorithm that made the digest.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The digest, of [`HashAlgorithm::digest_len`] bytes.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        self.bytes.get(..self.algorithm.digest_len()).unwrap_or_default()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.name())?;
        for (i, byte) in self.digest().iter().enumerate() {
            write!(f, "{}{byte:02X}", if i == 0 { ' ' } else { ':' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of fingerprints with one hash algorithm. The peer's certificate must have one of them (RFC 8122 §5.1).
///
/// A peer announces more than one fingerprint when it may use one of several certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fingerprints {
    algorithm: HashAlgorithm,
    /// In use up to the first `None`.
    digests: [Option<Fingerprint>; Self::MAX],
}

impl Fingerprints {
    /// The most certificates that a peer may choose from.
    pub const MAX: usize = 3;

    /// Selects the fingerprints with SHA-256 from `all`, or else those with the algorithm of the first one.
    ///
    /// `None` when `all` is empty. The second value is the number of fingerprints that were left out, because there were more
    /// than [`MAX`](Self::MAX).
    pub fn select(all: impl Iterator<Item = Fingerprint> + Clone) -> Option<(Self, usize)> {
        let usual = all.clone().find(|f| f.algorithm() == HashAlgorithm::Sha256);
        let algorithm = usual.or_else(|| all.clone().next())?.algorithm();
        let mut selected = Self { algorithm, digests: [None; Self::MAX] };
        let mut left_out = 0_usize;
        for fingerprint in all.filter(|f| f.algorithm() == algorithm) {
            if selected.contains(&fingerprint) {
                continue;
            }
            match selected.digests.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = Some(fingerprint),
                None => left_out = left_out.saturating_add(1),
            }
        }
        Some((selected, left_out))
    }

    /// The hash algorithm of the fingerprints.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The fingerprints.
    pub fn iter(&self) -> impl Iterator<Item = &Fingerprint> {
        self.digests.iter().flatten()
    }

    /// Whether the set contains `fingerprint`. The comparison is not in constant time, because fingerprints are public.
    #[must_use]
    pub fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.iter().any(|f| f == fingerprint)
    }
}

impl From<Fingerprint> for Fingerprints {
    fn from(fingerprint: Fingerprint) -> Self {
        Self { algorithm: fingerprint.algorithm(), digests: [Some(fingerprint), None, None] }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Fingerprint {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str} {=[u8]:02x}", self.algorithm.name(), self.digest());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};
    use std::{format, vec::Vec};

    fn text(algorithm: HashAlgorithm, bytes: usize) -> String {
        let pairs: Vec<String> = (0..bytes).map(|i| format!("{i:02X}")).collect();
        format!("{} {}", algorithm.name(), pairs.join(":"))
    }

    #[test]
    fn each_algorithm_is_read_and_written() {
        for algorithm in HashAlgorithm::ALL {
            let written = text(algorithm, algorithm.digest_len());
            let read = Fingerprint::parse(&written).unwrap();
            assert_eq!((read.algorithm(), read.digest().len()), (algorithm, algorithm.digest_len()));
            assert_eq!(read.to_string(), written);
            assert_eq!(Fingerprint::parse(&written.to_lowercase()), Some(read));
            assert_eq!(Fingerprint::parse(&format!("{} ", written.to_uppercase())), Some(read));
            assert_eq!(Fingerprint::new(algorithm, read.digest()), Some(read));
        }
    }

    #[test]
    fn a_digest_of_another_length_is_refused() {
        for algorithm in HashAlgorithm::ALL {
            for bytes in [0, 1, algorithm.digest_len() - 1, algorithm.digest_len() + 1, 200] {
                assert_eq!(Fingerprint::parse(&text(algorithm, bytes)), None);
                assert_eq!(Fingerprint::new(algorithm, &[0; 256][..bytes]), None);
            }
        }
    }

    #[test]
    fn the_set_has_one_algorithm() {
        let [a, b] = [1, 2].map(|byte| Fingerprint::sha256([byte; 32]));
        let strong = Fingerprint::sha512([3; 64]);
        let (set, left_out) = Fingerprints::select([strong, a, b, a].into_iter()).unwrap();
        assert_eq!((set.algorithm(), left_out), (HashAlgorithm::Sha256, 0));
        assert!(set.iter().eq([&a, &b]) && set.contains(&b) && !set.contains(&strong));
        let (set, _) = Fingerprints::select([strong].into_iter()).unwrap();
        assert_eq!(set, Fingerprints::from(strong));
        assert_eq!(Fingerprints::select(core::iter::empty()), None);
        let many = (0..5).map(|byte| Fingerprint::sha256([byte; 32]));
        let (set, left_out) = Fingerprints::select(many).unwrap();
        assert_eq!((set.iter().count(), left_out), (Fingerprints::MAX, 5 - Fingerprints::MAX));
    }

    #[test]
    fn malformed_values_and_weak_algorithms_are_refused() {
        let good = text(HashAlgorithm::Sha256, 32);
        for bad in [
            "",
            "sha-256",
            "sha-256 ",
            "sha-256:00",
            &good.replace("sha-256", "sha-1"),
            &good.replace("sha-256", "md5"),
            &good.replace("01", "0g"),
            &good.replace("01", "+1"),
            &good.replace("01", "1"),
            &good.replace("01", "é"),
            &good.replace("01:", "01 "),
        ] {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
    }
}
