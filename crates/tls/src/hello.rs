//! ClientHello and ServerHello (RFC 8446 §4.1).

use barertc_crypto::{Group, Provider, Suite};
use barertc_wire::{NoRoom, Reader, Truncated, Writer};

use crate::config::{Config, LONGEST};
use crate::error::Error;
use crate::name::ServerName;

pub(crate) const CLIENT_HELLO: u8 = 1;

/// Extensions (RFC 8446 §4.2).
pub(crate) mod ext {
    pub(crate) const SERVER_NAME: u16 = 0;
    pub(crate) const MAX_FRAGMENT_LENGTH: u16 = 1;
    pub(crate) const SUPPORTED_GROUPS: u16 = 10;
    pub(crate) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(crate) const RECORD_SIZE_LIMIT: u16 = 28;
    pub(crate) const SUPPORTED_VERSIONS: u16 = 43;
    pub(crate) const COOKIE: u16 = 44;
    pub(crate) const SIGNATURE_ALGORITHMS_CERT: u16 = 50;
    pub(crate) const KEY_SHARE: u16 = 51;
}

/// ecdsa_secp256r1_sha256.
pub(crate) const ECDSA_P256_SHA256: u16 = 0x0403;
/// rsa_pss_rsae_sha256.
#[cfg(feature = "rsa")]
pub(crate) const RSA_PSS_SHA256: u16 = 0x0804;

/// Signatures of handshakes that are verified.
#[cfg(not(feature = "rsa"))]
const SIGNATURES: &[u16] = &[ECDSA_P256_SHA256];
#[cfg(feature = "rsa")]
const SIGNATURES: &[u16] = &[ECDSA_P256_SHA256, RSA_PSS_SHA256];
/// Signatures of certificates that are verified: with a key of P-256 over longer digests, too, and RSA's older form.
#[cfg(not(feature = "rsa"))]
const CERTIFICATE_SIGNATURES: &[u16] = &[ECDSA_P256_SHA256];
#[cfg(feature = "rsa")]
const CERTIFICATE_SIGNATURES: &[u16] = &[ECDSA_P256_SHA256, 0x0401, 0x0501, 0x0601];

const TLS12: u16 = 0x0303;
const TLS13: u16 = 0x0304;

/// The longest cookie of a HelloRetryRequest that is shown to the server again.
pub(crate) const MAX_COOKIE: usize = 256;

/// The random value of a HelloRetryRequest (RFC 8446 §4.1.3): SHA-256 of "HelloRetryRequest".
const RETRY: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11,
    0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

pub(crate) const fn group_id(group: Group) -> u16 {
    match group {
        Group::P256 => 0x0017,
        Group::X25519 => 0x001D,
    }
}

const fn suite_id(suite: Suite) -> u16 {
    match suite {
        Suite::Aes128Gcm => 0x1301,
        Suite::Aes256Gcm => 0x1302,
        Suite::ChaCha20Poly1305 => 0x1303,
    }
}

/// The length that a server without RFC 8449 is asked for (RFC 6066 §4), where records are to be shorter than usual.
pub(crate) fn fragment_code(config: &Config) -> Option<u8> {
    match config.record {
        LONGEST.. => None,
        4096.. => Some(4),
        2048.. => Some(3),
        1024.. => Some(2),
        _ => Some(1),
    }
}

/// The bytes that the code stands for.
pub(crate) const fn fragment_bytes(code: u8) -> usize {
    match code {
        1 => 512,
        2 => 1024,
        3 => 2048,
        _ => 4096,
    }
}

/// What a ClientHello says.
pub(crate) struct ClientHello<'a> {
    pub(crate) random: &'a [u8; 32],
    pub(crate) session_id: &'a [u8; 32],
    pub(crate) name: ServerName<'a>,
    pub(crate) share: (Group, &'a [u8]),
    pub(crate) cookie: &'a [u8],
}

impl ClientHello<'_> {
    pub(crate) fn write<P: Provider>(&self, p: &P, config: &Config, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        w.u8(CLIENT_HELLO)?;
        vec24(w, |w| {
            w.u16(TLS12)?;
            w.put(self.random)?;
            // Not empty, so that boxes on the way take it for a session of TLS 1.2 (RFC 8446, appendix D.4).
            vec8(w, |w| w.put(self.session_id))?;
            vec16(w, |w| p.rank_suites().into_iter().try_for_each(|suite| w.u16(suite_id(suite))))?;
            vec8(w, |w| w.u8(0))?;
            vec16(w, |w| self.extensions(p, config, w))
        })
    }

    fn extensions<P: Provider>(&self, p: &P, config: &Config, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        // Addresses are no names here (RFC 6066 §3).
        if let ServerName::Dns(name) = self.name {
            extension(w, ext::SERVER_NAME, |w| {
                vec16(w, |w| {
                    w.u8(0)?;
                    vec16(w, |w| w.put(name.as_bytes()))
                })
            })?;
        }
        extension(w, ext::SUPPORTED_VERSIONS, |w| vec8(w, |w| w.u16(TLS13)))?;
        extension(w, ext::SUPPORTED_GROUPS, |w| {
            vec16(w, |w| p.rank_groups().into_iter().try_for_each(|group| w.u16(group_id(group))))
        })?;
        extension(w, ext::SIGNATURE_ALGORITHMS, |w| list16(w, SIGNATURES))?;
        extension(w, ext::SIGNATURE_ALGORITHMS_CERT, |w| list16(w, CERTIFICATE_SIGNATURES))?;
        if let Some(code) = fragment_code(config) {
            // The type of a record counts, too (RFC 8449 §4).
            let limit = u16::try_from(config.record.saturating_add(1)).unwrap_or(u16::MAX);
            extension(w, ext::RECORD_SIZE_LIMIT, |w| w.u16(limit))?;
            extension(w, ext::MAX_FRAGMENT_LENGTH, |w| w.u8(code))?;
        }
        if !self.cookie.is_empty() {
            extension(w, ext::COOKIE, |w| vec16(w, |w| w.put(self.cookie)))?;
        }
        let (group, share) = self.share;
        extension(w, ext::KEY_SHARE, |w| {
            vec16(w, |w| {
                w.u16(group_id(group))?;
                vec16(w, |w| w.put(share))
            })
        })
    }
}

/// What a ServerHello or a HelloRetryRequest says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerHello<'a> {
    pub(crate) is_retry: bool,
    pub(crate) suite: Suite,
    /// The contents of the key share.
    pub(crate) share: Option<&'a [u8]>,
    pub(crate) cookie: Option<&'a [u8]>,
}

impl<'a> ServerHello<'a> {
    /// Reads one that answers what was offered with this session identifier.
    pub(crate) fn parse<P: Provider>(p: &P, session_id: &[u8; 32], body: &'a [u8]) -> Result<Self, Error> {
        let mut r = Reader::new(body);
        let version = r.u16()?;
        let random: [u8; 32] = r.array()?;
        let len = usize::from(r.u8()?);
        let echo = r.take(len)?;
        let (suite, compression) = (r.u16()?, r.u8()?);
        let mut hello = Self { is_retry: random == RETRY, suite: Suite::Aes128Gcm, share: None, cookie: None };
        let mut chosen = None;
        // TLS 1.2 may leave them out altogether.
        if !r.is_empty() {
            for_each_extension(&mut r, |kind, value| {
                match kind {
                    ext::SUPPORTED_VERSIONS => chosen = Some(value),
                    ext::KEY_SHARE => hello.share = Some(value),
                    ext::COOKIE if random == RETRY => hello.cookie = Some(value),
                    _ if chosen.is_some() => return Err(Error::IllegalParameter),
                    _ => {}
                }
                Ok(())
            })?;
        }
        if version != TLS12 || chosen.is_none() {
            return Err(Error::OnlyOldVersions);
        }
        hello.suite =
            p.rank_suites().into_iter().find(|offered| suite_id(*offered) == suite).ok_or(Error::IllegalParameter)?;
        let is_13 = chosen.is_some_and(|chosen| *chosen == TLS13.to_be_bytes());
        if !r.is_empty() || !is_13 || echo != session_id || compression != 0 {
            return Err(Error::IllegalParameter);
        }
        Ok(hello)
    }
}

/// Reads a list of extensions, of which none may come twice.
pub(crate) fn for_each_extension<'a>(
    r: &mut Reader<'a>,
    mut each: impl FnMut(u16, &'a [u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let len = usize::from(r.u16()?);
    let mut list = r.sub(len)?;
    let mut before = list.rest();
    let all = before;
    while !list.is_empty() {
        let kind = list.u16()?;
        let len = usize::from(list.u16()?);
        let value = list.take(len)?;
        let mut earlier = Reader::new(all.get(..all.len().saturating_sub(before.len())).unwrap_or_default());
        while !earlier.is_empty() {
            if earlier.u16()? == kind {
                return Err(Error::IllegalParameter);
            }
            let len = usize::from(earlier.u16()?);
            earlier.skip(len)?;
        }
        before = list.rest();
        each(kind, value)?;
    }
    Ok(())
}

/// A vector with a length of two bytes that fills `value`.
pub(crate) fn whole16(value: &[u8]) -> Result<&[u8], Truncated> {
    let mut r = Reader::new(value);
    let len = usize::from(r.u16()?);
    let inner = r.take(len)?;
    if r.is_empty() { Ok(inner) } else { Err(Truncated) }
}

fn extension(
    w: &mut Writer<'_>,
    kind: u16,
    fill: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>,
) -> Result<(), NoRoom> {
    w.u16(kind)?;
    vec16(w, fill)
}

fn list16(w: &mut Writer<'_>, values: &[u16]) -> Result<(), NoRoom> {
    vec16(w, |w| values.iter().try_for_each(|value| w.u16(*value)))
}

fn vec8(w: &mut Writer<'_>, fill: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>) -> Result<(), NoRoom> {
    vector::<1>(w, fill)
}

fn vec16(w: &mut Writer<'_>, fill: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>) -> Result<(), NoRoom> {
    vector::<2>(w, fill)
}

fn vec24(w: &mut Writer<'_>, fill: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>) -> Result<(), NoRoom> {
    vector::<3>(w, fill)
}

/// A vector behind its length of `N` bytes.
fn vector<const N: usize>(
    w: &mut Writer<'_>,
    fill: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>,
) -> Result<(), NoRoom> {
    let at = w.len();
    w.zeros(N)?;
    fill(w)?;
    let len = w.len().saturating_sub(at).saturating_sub(N);
    let bytes = u32::try_from(len).map_err(|_| NoRoom)?.to_be_bytes();
    w.patch(at, bytes.last_chunk::<N>().map_or(&[], |bytes| bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_extension_comes_twice() {
        let read = |bytes: &[u8]| {
            let mut kinds = std::vec::Vec::new();
            for_each_extension(&mut Reader::new(bytes), |kind, _| {
                kinds.push(kind);
                Ok(())
            })
            .map(|()| kinds)
        };
        assert_eq!(read(&[0, 9, 0, 1, 0, 1, 7, 0, 2, 0, 0]), Ok(std::vec![1, 2]));
        assert_eq!(read(&[0, 9, 0, 1, 0, 1, 7, 0, 1, 0, 0]), Err(Error::IllegalParameter));
        assert_eq!(read(&[0, 9, 0, 1, 0, 1, 7, 0, 2, 0]), Err(Error::Malformed));
        assert_eq!(read(&[0, 3, 0, 1, 0]), Err(Error::Malformed));
    }
}
