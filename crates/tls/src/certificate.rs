//! Certificates (RFC 5280 §4): what of them is looked at, and their signatures.

use barertc_crypto::{Provider, ecdsa_der_decode};
use barertc_wire::{Reader, Truncated, der};

use crate::error::CertificateFault as Fault;
use crate::time::UnixTime;

const OID_EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
const OID_P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// ecdsa-with-SHA256 and its siblings, without their last number (RFC 5758 §3.2).
const OID_ECDSA: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03];
#[cfg(feature = "rsa")]
const OID_RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
/// sha256WithRSAEncryption and its siblings, without their last number (RFC 8017, appendix A.2.4).
#[cfg(feature = "rsa")]
const OID_RSA_PKCS1: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01];
/// id-ce, without the last number (RFC 5280 §4.2.1).
const OID_EXTENSION: &[u8] = &[0x55, 0x1D];
const OID_SERVER_AUTH: &[u8] = &[0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
const OID_ANY_PURPOSE: &[u8] = &[0x55, 0x1D, 0x25, 0x00];

/// digitalSignature and keyCertSign in the first byte of a key usage (RFC 5280 §4.2.1.3).
const DIGITAL_SIGNATURE: u8 = 0x80;
const KEY_CERT_SIGN: u8 = 0x04;

/// A public key, in the bytes of its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey<'a> {
    /// An uncompressed point.
    P256(&'a [u8; 65]),
    /// Modulus and exponent.
    #[cfg(feature = "rsa")]
    Rsa(&'a [u8], &'a [u8]),
    /// Of a kind that is not verified here.
    Unsupported,
}

/// The hash that a signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digest {
    Sha256,
    Sha384,
    Sha512,
}

/// How a certificate is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Ecdsa(Digest),
    #[cfg(feature = "rsa")]
    Pkcs1(Digest),
    Unsupported,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Certificate<'a> {
    /// The part that is signed.
    signed: &'a [u8],
    algorithm: Algorithm,
    signature: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    pub(crate) key: PublicKey<'a>,
    not_before: UnixTime,
    not_after: UnixTime,
    extensions: Extensions<'a>,
}

/// What extensions say.
#[derive(Clone, Copy, Debug, Default)]
struct Extensions<'a> {
    /// Whether there are any: certificates of version 1 have none.
    are_there: bool,
    is_ca: bool,
    path_len: Option<u8>,
    key_usage: Option<u8>,
    is_for_servers: Option<bool>,
    names: Option<&'a [u8]>,
    has_unknown_critical: bool,
}

impl<'a> Certificate<'a> {
    /// Reads one, which must be all that `bytes` have.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut outer = Reader::new(bytes);
        let mut whole = der::expect(&mut outer, der::SEQUENCE)?;
        let signed = raw(&mut whole, der::SEQUENCE)?;
        let algorithm = raw(&mut whole, der::SEQUENCE)?;
        let signature = bits(&mut whole)?;
        if !outer.is_empty() || !whole.is_empty() {
            return Err(Fault::Malformed);
        }
        let mut tbs = Reader::new(signed);
        let mut tbs = der::expect(&mut tbs, der::SEQUENCE)?;
        // version [0] is left out by certificates of version 1.
        if let (der::EXPLICIT_0, _) = der::element(&mut tbs)? {
            der::expect(&mut tbs, der::INTEGER)?;
        }
        // RFC 5280 §4.1.1.2: the two must be the same.
        if raw(&mut tbs, der::SEQUENCE)? != algorithm {
            return Err(Fault::Malformed);
        }
        let issuer = der::expect(&mut tbs, der::SEQUENCE)?.rest();
        let mut validity = der::expect(&mut tbs, der::SEQUENCE)?;
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        let subject = der::expect(&mut tbs, der::SEQUENCE)?.rest();
        let key = public_key(der::expect(&mut tbs, der::SEQUENCE)?)?;
        let mut extensions = Extensions::default();
        while !tbs.is_empty() {
            // Unique identifiers may stand before them, and are nothing that counts.
            if let (der::EXPLICIT_3, mut list) = der::element(&mut tbs)? {
                extensions.parse(der::expect(&mut list, der::SEQUENCE)?)?;
            }
        }
        let algorithm = signature_algorithm(algorithm)?;
        Ok(Self { signed, algorithm, signature, issuer, subject, key, not_before, not_after, extensions })
    }

    /// Whether `now` is in its validity (RFC 5280 §4.1.2.5).
    pub(crate) fn check_time(&self, now: UnixTime) -> Result<(), Fault> {
        if now < self.not_before {
            Err(Fault::NotYetValid)
        } else if now > self.not_after {
            Err(Fault::Expired)
        } else {
            Ok(())
        }
    }

    /// Whether it may vouch for another one, with so many others of authorities between it and the server's (RFC 5280 §6.1.4).
    pub(crate) fn check_authority(&self, between: usize, is_anchor: bool) -> Result<(), Fault> {
        let extensions = &self.extensions;
        if extensions.has_unknown_critical {
            return Err(Fault::CriticalExtension);
        }
        // An anchor is a name with a key. One of version 1 says nothing of what it is for.
        let may_sign = extensions.is_ca || (is_anchor && !extensions.are_there);
        let usage = extensions.key_usage.is_none_or(|usage| usage & KEY_CERT_SIGN != 0);
        let depth = extensions.path_len.is_none_or(|most| between <= usize::from(most));
        let purpose = extensions.is_for_servers.unwrap_or(true);
        if may_sign && usage && depth && purpose { Ok(()) } else { Err(Fault::WrongPurpose) }
    }

    /// Whether it is for a server that signs handshakes (RFC 8446 §4.4.2.2).
    pub(crate) fn check_server(&self) -> Result<(), Fault> {
        let extensions = &self.extensions;
        if extensions.has_unknown_critical {
            return Err(Fault::CriticalExtension);
        }
        let usage = extensions.key_usage.is_none_or(|usage| usage & DIGITAL_SIGNATURE != 0);
        if usage && extensions.is_for_servers.unwrap_or(true) { Ok(()) } else { Err(Fault::WrongPurpose) }
    }

    /// The contents of subjectAltName.
    pub(crate) fn names(&self) -> &'a [u8] {
        self.extensions.names.unwrap_or_default()
    }

    /// Whether `key` has signed it.
    pub(crate) fn check_signature<P: Provider>(&self, p: &P, key: &PublicKey<'_>) -> Result<(), Fault> {
        match (self.algorithm, key) {
            (Algorithm::Ecdsa(digest), PublicKey::P256(point)) => {
                let signature = ecdsa_der_decode(self.signature).map_err(|_| Fault::BadSignature)?;
                let (digest, _) = digest.of(p, self.signed);
                // A longer digest is cut to the length of the group's order (FIPS 186-5 §6.4.2).
                let digest = digest.first_chunk().ok_or(Fault::BadSignature)?;
                p.p256_verify(*point, digest, &signature).map_err(|_| Fault::BadSignature)
            }
            #[cfg(feature = "rsa")]
            (Algorithm::Pkcs1(digest), PublicKey::Rsa(modulus, exponent)) => {
                let key = barertc_crypto::RsaPublicKey::new(modulus, exponent).ok_or(Fault::Unsupported)?;
                let (digest, len) = digest.of(p, self.signed);
                key.verify_pkcs1(digest.get(..len).unwrap_or_default(), self.signature).ok_or(Fault::BadSignature)
            }
            (Algorithm::Unsupported, _) | (_, PublicKey::Unsupported) => Err(Fault::Unsupported),
            // A signature that this key cannot make.
            #[cfg(feature = "rsa")]
            _ => Err(Fault::BadSignature),
        }
    }
}

impl Digest {
    /// In the front of the array, with its length.
    fn of<P: Provider>(self, p: &P, data: &[u8]) -> ([u8; 64], usize) {
        let mut out = [0; 64];
        let (short, middle, long);
        let digest: &[u8] = match self {
            Self::Sha256 => {
                short = p.sha256(&[data]);
                &short
            }
            Self::Sha384 => {
                middle = p.sha384(&[data]);
                &middle
            }
            Self::Sha512 => {
                long = p.sha512(&[data]);
                &long
            }
        };
        out.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
        (out, digest.len())
    }
}

impl<'a> Extensions<'a> {
    fn parse(&mut self, mut list: Reader<'a>) -> Result<(), Fault> {
        self.are_there = true;
        while !list.is_empty() {
            let mut one = der::expect(&mut list, der::SEQUENCE)?;
            let oid = der::expect(&mut one, der::OID)?.rest();
            let (tag, value) = der::element(&mut one)?;
            let (is_critical, mut value) = match tag {
                der::BOOLEAN => (value.rest() != [0], der::expect(&mut one, der::OCTET_STRING)?),
                der::OCTET_STRING => (false, value),
                _ => return Err(Fault::Malformed),
            };
            match oid.strip_prefix(OID_EXTENSION) {
                // keyUsage
                Some([15]) => self.key_usage = Some(bits(&mut value)?.first().copied().unwrap_or_default()),
                // subjectAltName
                Some([17]) => self.names = Some(value.rest()),
                // basicConstraints
                Some([19]) => self.basic_constraints(der::expect(&mut value, der::SEQUENCE)?)?,
                // extKeyUsage
                Some([37]) => self.purposes(der::expect(&mut value, der::SEQUENCE)?)?,
                // certificatePolicies: every policy will do here.
                Some([32]) => {}
                // nameConstraints are not looked at, and so may not be passed over.
                Some([30]) => self.has_unknown_critical = true,
                _ => self.has_unknown_critical |= is_critical,
            }
        }
        Ok(())
    }

    fn basic_constraints(&mut self, mut r: Reader<'_>) -> Result<(), Fault> {
        while !r.is_empty() {
            match der::element(&mut r)? {
                (der::BOOLEAN, value) => self.is_ca = value.rest() != [0],
                (der::INTEGER, value) => match value.rest() {
                    [len] if *len < 0x80 => self.path_len = Some(*len),
                    // A length that no chain here reaches is none.
                    [0x01..=0x7f, ..] | [0, 0x80..=0xff, ..] => self.path_len = None,
                    // Negative, empty, or with zeros that DER leaves out.
                    _ => return Err(Fault::Malformed),
                },
                _ => return Err(Fault::Malformed),
            }
        }
        Ok(())
    }

    fn purposes(&mut self, mut r: Reader<'_>) -> Result<(), Fault> {
        let mut is_for_servers = false;
        while !r.is_empty() {
            let purpose = der::expect(&mut r, der::OID)?;
            is_for_servers |= [OID_SERVER_AUTH, OID_ANY_PURPOSE].contains(&purpose.rest());
        }
        self.is_for_servers = Some(is_for_servers);
        Ok(())
    }
}

/// One element with its header.
fn raw<'a>(r: &mut Reader<'a>, tag: u8) -> Result<&'a [u8], Truncated> {
    let before = r.rest();
    let (found, _) = der::element(r)?;
    let len = before.len().saturating_sub(r.rest().len());
    if found == tag { before.get(..len).ok_or(Truncated) } else { Err(Truncated) }
}

/// The bytes of a BIT STRING. What stands in unused bits is 0 in DER.
fn bits<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    let mut bits = der::expect(r, der::BIT_STRING)?;
    if bits.u8()? > 7 {
        return Err(Fault::Malformed);
    }
    Ok(bits.rest())
}

fn time(r: &mut Reader<'_>) -> Result<UnixTime, Fault> {
    let (tag, text) = der::element(r)?;
    UnixTime::of_der(tag, text.rest()).ok_or(Fault::Malformed)
}

fn public_key(mut spki: Reader<'_>) -> Result<PublicKey<'_>, Fault> {
    let mut algorithm = der::expect(&mut spki, der::SEQUENCE)?;
    let kind = der::expect(&mut algorithm, der::OID)?;
    let key = bits(&mut spki)?;
    Ok(match kind.rest() {
        OID_EC_PUBLIC_KEY => match der::expect(&mut algorithm, der::OID)?.rest() {
            OID_P256 => PublicKey::P256(key.try_into().map_err(|_| Fault::Malformed)?),
            _ => PublicKey::Unsupported,
        },
        #[cfg(feature = "rsa")]
        OID_RSA => {
            let mut r = Reader::new(key);
            let mut numbers = der::expect(&mut r, der::SEQUENCE)?;
            let modulus = der::expect(&mut numbers, der::INTEGER)?;
            PublicKey::Rsa(modulus.rest(), der::expect(&mut numbers, der::INTEGER)?.rest())
        }
        _ => PublicKey::Unsupported,
    })
}

fn signature_algorithm(algorithm: &[u8]) -> Result<Algorithm, Fault> {
    let mut r = Reader::new(algorithm);
    let oid = der::expect(&mut der::expect(&mut r, der::SEQUENCE)?, der::OID)?.rest();
    if let Some([number]) = oid.strip_prefix(OID_ECDSA) {
        return Ok(match number {
            2 => Algorithm::Ecdsa(Digest::Sha256),
            3 => Algorithm::Ecdsa(Digest::Sha384),
            4 => Algorithm::Ecdsa(Digest::Sha512),
            _ => Algorithm::Unsupported,
        });
    }
    #[cfg(feature = "rsa")]
    if let Some([number]) = oid.strip_prefix(OID_RSA_PKCS1) {
        return Ok(match number {
            11 => Algorithm::Pkcs1(Digest::Sha256),
            12 => Algorithm::Pkcs1(Digest::Sha384),
            13 => Algorithm::Pkcs1(Digest::Sha512),
            _ => Algorithm::Unsupported,
        });
    }
    Ok(Algorithm::Unsupported)
}
