//! The certificate of this side and its key.

use core::fmt;

use barertc_crypto::rand_core::CryptoRng;
use barertc_crypto::{P256Secret, Provider};
use barertc_wire::{Fingerprint, HashAlgorithm, Reader, Writer};
use zeroize::Zeroize;

use crate::error::Error;

use crate::{fingerprint, x509};

/// The first bytes of an exported identity. They name its format.
const MAGIC: [u8; 4] = *b"BID1";

/// A P-256 key pair with its self-signed certificate.
///
/// The certificate needs no clock: it is valid from the year 2000 and has "no well-defined expiration" (RFC 5280
/// §4.1.2.5). To keep the same fingerprint after a restart, store what [`export`](Self::export) writes.
///
/// ```
/// use barertc_crypto::RustCrypto;
/// use barertc_dtls::Identity;
/// # use barertc_crypto::rand_core::{TryRng, TryCryptoRng};
/// # struct Os;
/// # impl TryRng for Os {
/// #     type Error = core::convert::Infallible;
/// #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(4) }
/// #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { Ok(4) }
/// #     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> { out.fill(4); Ok(()) }
/// # }
/// # impl TryCryptoRng for Os {}
/// # let mut rng = Os;
/// let identity = Identity::generate(&RustCrypto, &mut rng);
/// let mut flash = [0; Identity::EXPORT_MAX];
/// let len = identity.export(&mut flash)?;
///
/// let again = Identity::import(&RustCrypto, &flash[..len])?;
/// assert_eq!(again.fingerprint(&RustCrypto), identity.fingerprint(&RustCrypto));
/// println!("a=fingerprint:{}", again.fingerprint(&RustCrypto));
/// # Ok::<(), barertc_dtls::Error>(())
/// ```
#[derive(Clone)]
pub struct Identity {
    secret: P256Secret,
    certificate: [u8; x509::MAX_OWN],
    len: usize,
}

impl Identity {
    /// The longest export, in bytes.
    pub const EXPORT_MAX: usize = x509::MAX_OWN + 38;

    /// Makes a new key pair and its certificate.
    ///
    /// The call costs one key generation, one point multiplication and one signature.
    pub fn generate<P: Provider, R: CryptoRng + ?Sized>(provider: &P, rng: &mut R) -> Self {
        let secret = provider.p256_key(rng);
        let public = provider.p256_public(&secret);
        let mut serial = [0; 8];
        rng.fill_bytes(&mut serial);
        // A serial number is positive and not zero (RFC 5280 §4.1.2.2). A set top bit would add a byte to its DER.
        serial.first_mut().into_iter().for_each(|b| *b = (*b & 0x7F) | 0x40);
        let mut room = [0; x509::MAX_OWN];
        let sign = |tbs: &[u8]| Some(provider.p256_sign(&secret, &provider.sha256(&[tbs]), rng));
        let len = x509::certificate(&mut room, &public, serial, b"barertc", sign).map_or(0, <[u8]>::len);
        // `x509::certificate` writes to the end of `room`.
        let mut certificate = [0; x509::MAX_OWN];
        certificate.iter_mut().zip(room.iter().skip(room.len().saturating_sub(len))).for_each(|(to, from)| *to = *from);
        Self { secret, certificate, len }
    }

    /// The self-signed certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.certificate.get(..self.len).unwrap_or_default()
    }

    /// The SHA-256 fingerprint of the certificate, for `a=fingerprint` in the session description.
    pub fn fingerprint<P: Provider>(&self, provider: &P) -> Fingerprint {
        fingerprint::fingerprint(provider, HashAlgorithm::Sha256, self.certificate())
    }

    /// Writes the key and the certificate into `out` and returns their length in bytes.
    ///
    /// **The export contains the secret key, unencrypted.**
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] when `out` is shorter than the export. [`EXPORT_MAX`](Self::EXPORT_MAX) bytes always
    /// suffice.
    pub fn export(&self, out: &mut [u8]) -> Result<usize, Error> {
        let needed = MAGIC.len().saturating_add(34).saturating_add(self.len);
        let mut w = Writer::new(out);
        w.put(&MAGIC)
            .and_then(|()| w.put(self.secret.raw()))
            .and_then(|()| w.u16(u16::try_from(self.len).unwrap_or(0)))
            .and_then(|()| w.put(self.certificate()))
            .map_err(|_| Error::BufferTooShort { needed })?;
        Ok(w.len())
    }

    /// Reads an identity that [`export`](Self::export) wrote.
    ///
    /// # Errors
    /// [`Error::BadIdentity`] when the bytes have another format, or when the key does not belong to the certificate.
    pub fn import<P: Provider>(provider: &P, exported: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new(exported);
        let mut read = || {
            let magic: [u8; 4] = r.array()?;
            let raw: [u8; 32] = r.array()?;
            let len = usize::from(r.u16()?);
            Ok::<_, barertc_wire::Truncated>((magic, raw, r.take(len)?))
        };
        let (magic, mut raw, der) = read().map_err(|_| Error::BadIdentity)?;
        let secret = P256Secret::from_bytes(&raw).map_err(|_| Error::BadIdentity);
        raw.zeroize();
        let secret = secret?;
        let owner = x509::public_key(der).map_err(|_| Error::BadIdentity)?;
        if magic != MAGIC || !r.is_empty() || !owner.is_p256(&provider.p256_public(&secret)) {
            return Err(Error::BadIdentity);
        }
        let mut certificate = [0; x509::MAX_OWN];
        certificate.get_mut(..der.len()).ok_or(Error::BadIdentity)?.copy_from_slice(der);
        Ok(Self { secret, certificate, len: der.len() })
    }

    /// An identity whose certificate does not belong to its key.
    #[cfg(test)]
    pub(crate) fn mismatched(certificate: &Self, secret: &Self) -> Self {
        Self { secret: secret.secret.clone(), ..certificate.clone() }
    }

    pub(crate) fn secret(&self) -> &P256Secret {
        &self.secret
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.len).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Identity {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Identity {{ certificate: {=usize}, .. }}", self.len);
    }
}
