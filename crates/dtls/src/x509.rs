//! The one certificate that we write, and the little that is read of a peer's (RFC 5280).
//!
//! In WebRTC a certificate only carries a key. Trust comes from its fingerprint (RFC 8827 §6.5). Its names, validity
//! and signature are not checked.

use barertc_crypto::{DER_SIGNATURE_MAX, ecdsa_der_encode};
use barertc_wire::Reader;

use crate::der::{self, Backwards};
use crate::error::Error;

const OID_EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
const OID_P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
const OID_ECDSA_SHA256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
const OID_COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
#[cfg(feature = "rsa")]
const OID_RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];

/// A validity that needs no clock. RFC 5280 §4.1.2.5 reserves the second date for "no well-defined
/// expiration". The first date must be a UTCTime. It lies before the time of any peer's clock.
const NOT_BEFORE: &[u8] = b"000101000000Z";
const NOT_AFTER: &[u8] = b"99991231235959Z";

/// Longest certificate that [`certificate`] makes.
pub(crate) const MAX_OWN: usize = 384;

/// The key in a peer's certificate.
// Held in place, in the one block that the handshake has.
#[cfg_attr(feature = "rsa", allow(clippy::large_enum_variant))]
#[derive(Clone, Debug)]
pub(crate) enum PublicKey {
    /// An uncompressed point.
    P256([u8; 65]),
    /// Modulus and exponent.
    #[cfg(feature = "rsa")]
    Rsa(barertc_crypto::RsaPublicKey),
}

impl PublicKey {
    /// Whether it is this point.
    pub(crate) fn is_p256(&self, point: &[u8; 65]) -> bool {
        match self {
            Self::P256(own) => own == point,
            #[cfg(feature = "rsa")]
            Self::Rsa(_) => false,
        }
    }
}

/// Finds the key of a certificate.
pub(crate) fn public_key(certificate: &[u8]) -> Result<PublicKey, Error> {
    parse(certificate).map_err(|()| Error::BadCertificate)
}

fn parse(certificate: &[u8]) -> Result<PublicKey, ()> {
    let mut outer = Reader::new(certificate);
    let mut cert = der::expect(&mut outer, der::SEQUENCE).map_err(drop)?;
    if !outer.is_empty() {
        return Err(());
    }
    let mut tbs = der::expect(&mut cert, der::SEQUENCE).map_err(drop)?;
    // version [0] is left out by version 1 certificates.
    let (tag, _) = der::element(&mut tbs).map_err(drop)?;
    if tag == der::EXPLICIT_0 {
        der::expect(&mut tbs, der::INTEGER).map_err(drop)?;
    } else if tag != der::INTEGER {
        return Err(());
    }
    // signature, issuer, validity, subject
    for _ in 0..4 {
        der::expect(&mut tbs, der::SEQUENCE).map_err(drop)?;
    }
    let mut spki = der::expect(&mut tbs, der::SEQUENCE).map_err(drop)?;
    let mut algorithm = der::expect(&mut spki, der::SEQUENCE).map_err(drop)?;
    let kind = der::expect(&mut algorithm, der::OID).map_err(drop)?;
    let mut key = der::expect(&mut spki, der::BIT_STRING).map_err(drop)?;
    // No unused bits: keys are whole bytes.
    if key.u8() != Ok(0) {
        return Err(());
    }
    match kind.rest() {
        OID_EC_PUBLIC_KEY => {
            let curve = der::expect(&mut algorithm, der::OID).map_err(drop)?;
            if curve.rest() != OID_P256 {
                return Err(());
            }
            let point: [u8; 65] = key.rest().try_into().map_err(drop)?;
            if point.first() != Some(&4) {
                return Err(());
            }
            Ok(PublicKey::P256(point))
        }
        #[cfg(feature = "rsa")]
        OID_RSA => {
            let mut key = der::expect(&mut key, der::SEQUENCE).map_err(drop)?;
            let modulus = der::expect(&mut key, der::INTEGER).map_err(drop)?;
            let exponent = der::expect(&mut key, der::INTEGER).map_err(drop)?;
            barertc_crypto::RsaPublicKey::new(modulus.rest(), exponent.rest()).map(PublicKey::Rsa).ok_or(())
        }
        _ => Err(()),
    }
}

/// Writes a self-signed certificate for `public` into the end of `out` and returns it. `sign` makes r ‖ s over the part
/// that is signed; it may refuse by returning `None`.
pub(crate) fn certificate<'a>(
    out: &'a mut [u8; MAX_OWN],
    public: &[u8; 65],
    serial: [u8; 8],
    common_name: &[u8],
    sign: impl FnOnce(&[u8]) -> Option<[u8; 64]>,
) -> Option<&'a [u8]> {
    let mut scratch = [0; MAX_OWN];
    let tbs = to_be_signed(&mut scratch, public, serial, common_name)?;
    let mut der = [0; DER_SIGNATURE_MAX];
    let len = ecdsa_der_encode(&sign(tbs)?, &mut der);
    let signature = der.get(..len)?;

    let mut w = Backwards::new(out);
    let all = w.mark();
    bit_string(&mut w, signature);
    algorithm(&mut w);
    w.put(tbs);
    w.wrap(der::SEQUENCE, all);
    w.finish()
}

fn to_be_signed<'a>(out: &'a mut [u8], public: &[u8; 65], serial: [u8; 8], common_name: &[u8]) -> Option<&'a [u8]> {
    let mut w = Backwards::new(out);
    let all = w.mark();
    subject_public_key(&mut w, public);
    name(&mut w, common_name);
    let validity = w.mark();
    w.element(der::GENERALIZED_TIME, NOT_AFTER);
    w.element(der::UTC_TIME, NOT_BEFORE);
    w.wrap(der::SEQUENCE, validity);
    name(&mut w, common_name);
    algorithm(&mut w);
    w.unsigned(&serial);
    // version 3
    w.put(&[der::EXPLICIT_0, 3, der::INTEGER, 1, 2]);
    w.wrap(der::SEQUENCE, all);
    w.finish()
}

fn subject_public_key(w: &mut Backwards<'_>, public: &[u8]) {
    let spki = w.mark();
    bit_string(w, public);
    let algorithm = w.mark();
    w.element(der::OID, OID_P256);
    w.element(der::OID, OID_EC_PUBLIC_KEY);
    w.wrap(der::SEQUENCE, algorithm);
    w.wrap(der::SEQUENCE, spki);
}

fn name(w: &mut Backwards<'_>, common_name: &[u8]) {
    let mark = w.mark();
    w.element(der::UTF8_STRING, common_name);
    w.element(der::OID, OID_COMMON_NAME);
    w.wrap(der::SEQUENCE, mark);
    w.wrap(der::SET, mark);
    w.wrap(der::SEQUENCE, mark);
}

fn algorithm(w: &mut Backwards<'_>) {
    let mark = w.mark();
    w.element(der::OID, OID_ECDSA_SHA256);
    w.wrap(der::SEQUENCE, mark);
}

fn bit_string(w: &mut Backwards<'_>, bytes: &[u8]) {
    let mark = w.mark();
    w.put(bytes);
    w.put(&[0]);
    w.wrap(der::BIT_STRING, mark);
}
