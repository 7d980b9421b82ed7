//! ClientHello and ServerHello, and the extensions that we know (RFC 8446 §4.1 and 4.2).

use barertc_crypto::{Group, Provider, Suite};
use barertc_wire::{NoRoom, Reader, Writer};

use super::vec16;
use crate::config::Version;
use crate::error::Error;

/// ExtensionType.
pub(crate) mod ext {
    pub(crate) const SUPPORTED_GROUPS: u16 = 10;
    pub(crate) const EC_POINT_FORMATS: u16 = 11;
    pub(crate) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(crate) const USE_SRTP: u16 = 14;
    pub(crate) const EXTENDED_MASTER_SECRET: u16 = 23;
    pub(crate) const SUPPORTED_VERSIONS: u16 = 43;
    pub(crate) const COOKIE: u16 = 44;
    pub(crate) const KEY_SHARE: u16 = 51;
    pub(crate) const RENEGOTIATION_INFO: u16 = 0xFF01;
}

/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 §3.3).
pub(crate) const RENEGOTIATION_SCSV: u16 = 0x00FF;

/// The random of a ServerHello that is a HelloRetryRequest (RFC 8446 §4.1.3).
pub(crate) const RETRY_RANDOM: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11,
    0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// The end of a ServerHello's random where a server that knows DTLS 1.3 was made to speak 1.2 (RFC 8446 §4.1.3).
pub(crate) const DOWNGRADE_12: [u8; 8] = *b"DOWNGRD\x01";

/// The same for an older version, which a client that offered 1.3 has to refuse too.
pub(crate) const DOWNGRADE_11: [u8; 8] = *b"DOWNGRD\x00";

/// Cipher suites of DTLS 1.2 for a server with an ECDSA certificate (RFC 5289, RFC 7905).
pub(crate) const fn suite_ecdsa(suite: Suite) -> u16 {
    match suite {
        Suite::Aes128Gcm => 0xC02B,
        Suite::Aes256Gcm => 0xC02C,
        Suite::ChaCha20Poly1305 => 0xCCA9,
    }
}

/// The same for a server with an RSA certificate.
#[cfg(feature = "rsa")]
pub(crate) const fn suite_rsa(suite: Suite) -> u16 {
    match suite {
        Suite::Aes128Gcm => 0xC02F,
        Suite::Aes256Gcm => 0xC030,
        Suite::ChaCha20Poly1305 => 0xCCA8,
    }
}

/// Cipher suites of DTLS 1.3 (RFC 8446 appendix B.4).
pub(crate) const fn suite_13(suite: Suite) -> u16 {
    match suite {
        Suite::Aes128Gcm => 0x1301,
        Suite::Aes256Gcm => 0x1302,
        Suite::ChaCha20Poly1305 => 0x1303,
    }
}

/// NamedGroup.
pub(crate) const fn group_id(group: Group) -> u16 {
    match group {
        Group::X25519 => 0x001D,
        Group::P256 => 0x0017,
    }
}

/// The group with this number, when it is one of ours.
pub(crate) fn group_of(id: u16) -> Option<Group> {
    [Group::X25519, Group::P256].into_iter().find(|g| group_id(*g) == id)
}

/// A list of two-byte numbers on the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct List<'a>(&'a [u8]);

impl<'a> List<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> + 'a {
        self.0.chunks_exact(2).filter_map(|c| c.try_into().ok()).map(u16::from_be_bytes)
    }

    pub(crate) fn contains(&self, value: u16) -> bool {
        self.iter().any(|v| v == value)
    }

    fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.is_empty() || bytes.len() & 1 != 0 { Err(Error::Malformed) } else { Ok(Self(bytes)) }
    }

    /// A list with a two-byte length in front that fills the whole of `bytes`.
    pub(crate) fn parse16(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut r = Reader::new(bytes);
        let len = usize::from(r.u16()?);
        let list = Self::parse(r.take(len)?)?;
        if r.is_empty() { Ok(list) } else { Err(Error::Malformed) }
    }
}

/// The extensions that we know; the others are passed over.
const KNOWN: [u16; 9] = [
    ext::SUPPORTED_GROUPS,
    ext::EC_POINT_FORMATS,
    ext::SIGNATURE_ALGORITHMS,
    ext::USE_SRTP,
    ext::EXTENDED_MASTER_SECRET,
    ext::SUPPORTED_VERSIONS,
    ext::COOKIE,
    ext::KEY_SHARE,
    ext::RENEGOTIATION_INFO,
];

/// The extensions of a message, read once: however many there are, they cost their bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extensions<'a> {
    /// In the order of [`KNOWN`].
    known: [Option<&'a [u8]>; KNOWN.len()],
    /// One that is not in [`KNOWN`].
    other: bool,
}

impl<'a> Extensions<'a> {
    /// Reads the extensions that end a message; DTLS 1.2 allows them to be left out altogether.
    pub(crate) fn parse(r: &mut Reader<'a>) -> Result<Self, Error> {
        let mut all = Self::default();
        if r.is_empty() {
            return Ok(all);
        }
        let len = usize::from(r.u16()?);
        let mut each = r.sub(len)?;
        if !r.is_empty() {
            return Err(Error::Malformed);
        }
        while !each.is_empty() {
            let id = each.u16()?;
            let len = usize::from(each.u16()?);
            let data = each.take(len)?;
            match KNOWN.iter().position(|known| *known == id).and_then(|at| all.known.get_mut(at)) {
                // RFC 8446 §4.2: not more than one of a type.
                Some(Some(_)) => return Err(Error::IllegalParameter),
                Some(place) => *place = Some(data),
                None => all.other = true,
            }
        }
        Ok(all)
    }

    /// The data of one extension.
    pub(crate) fn get(&self, id: u16) -> Option<&'a [u8]> {
        KNOWN.iter().position(|known| *known == id).and_then(|at| self.known.get(at).copied().flatten())
    }

    /// Whether it is there, and as empty as it has to be.
    pub(crate) fn flag(&self, id: u16) -> Result<bool, Error> {
        match self.get(id) {
            None => Ok(false),
            Some([]) => Ok(true),
            Some(_) => Err(Error::Malformed),
        }
    }

    /// Checks the extensions of an answer. `allowed` are those that may come in this message (RFC 8446 §4.2).
    ///
    /// One that we do not know was not asked for. One that we know belongs into another message.
    pub(crate) fn check_answer(&self, allowed: &[u16]) -> Result<(), Error> {
        if self.other {
            return Err(Error::UnsolicitedExtension);
        }
        let misplaced = |(id, data): (&u16, &Option<&[u8]>)| data.is_some() && !allowed.contains(id);
        if KNOWN.iter().zip(&self.known).any(misplaced) { Err(Error::IllegalParameter) } else { Ok(()) }
    }
}

/// A ClientHello.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientHello<'a> {
    pub(crate) version: u16,
    pub(crate) random: [u8; 32],
    pub(crate) cookie: &'a [u8],
    pub(crate) suites: List<'a>,
    /// legacy_compression_methods.
    pub(crate) compression: &'a [u8],
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> ClientHello<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let mut r = Reader::new(body);
        let version = r.u16()?;
        let random = r.array()?;
        let session_id = usize::from(r.u8()?);
        if session_id > 32 {
            return Err(Error::Malformed);
        }
        r.skip(session_id)?;
        let cookie = usize::from(r.u8()?);
        let cookie = r.take(cookie)?;
        let suites = usize::from(r.u16()?);
        let suites = List::parse(r.take(suites)?)?;
        let compression = usize::from(r.u8()?);
        // RFC 8446 §4.1.2: null has to be among them.
        let compression = r.take(compression)?;
        if !compression.contains(&0) {
            return Err(Error::IllegalParameter);
        }
        Ok(Self { version, random, cookie, suites, compression, extensions: Extensions::parse(&mut r)? })
    }

    /// supported_versions, where there are any.
    pub(crate) fn versions(&self) -> Result<Option<List<'a>>, Error> {
        let Some(data) = self.extensions.get(ext::SUPPORTED_VERSIONS) else { return Ok(None) };
        let mut r = Reader::new(data);
        let len = usize::from(r.u8()?);
        if len != r.remaining() {
            return Err(Error::Malformed);
        }
        List::parse(r.rest()).map(Some)
    }

    /// A list extension such as supported_groups; empty when it isn't there.
    pub(crate) fn list(&self, id: u16) -> Result<List<'a>, Error> {
        self.extensions.get(id).map_or(Ok(List::default()), List::parse16)
    }

    /// The public key that the client sent for `group`, and how many keys it sent in all.
    pub(crate) fn key_share(&self, group: Group) -> Result<(Option<&'a [u8]>, usize), Error> {
        let data = self.extensions.get(ext::KEY_SHARE).ok_or(Error::MissingExtension)?;
        let mut r = Reader::new(data);
        if usize::from(r.u16()?) != r.remaining() {
            return Err(Error::Malformed);
        }
        let (mut found, mut all) = (None, 0usize);
        while !r.is_empty() {
            let id = r.u16()?;
            let len = usize::from(r.u16()?);
            let key = r.take(len)?;
            all = all.saturating_add(1);
            // RFC 8446 §4.2.8: one entry a group.
            if id == group_id(group) && found.replace(key).is_some() {
                return Err(Error::IllegalParameter);
            }
        }
        Ok((found, all))
    }

    /// A digest of what a second ClientHello must repeat (RFC 8446 §4.1.2): version, random, cipher suites, and the
    /// extensions that we act on but key_share.
    pub(crate) fn constant_part<P: Provider>(&self, p: &P) -> [u8; 32] {
        let part = |id| self.extensions.get(id).unwrap_or_default();
        p.sha256(&[
            &self.version.to_be_bytes(),
            &self.random,
            self.compression,
            part(ext::SUPPORTED_GROUPS),
            part(ext::SIGNATURE_ALGORITHMS),
            part(ext::USE_SRTP),
            part(ext::SUPPORTED_VERSIONS),
            self.suites.0,
        ])
    }

    /// Whether uncompressed points are understood, which they always are (RFC 8422 §5.1.2).
    pub(crate) fn takes_uncompressed_points(&self) -> bool {
        self.extensions.get(ext::EC_POINT_FORMATS).is_none_or(|f| f.iter().skip(1).any(|b| *b == 0))
    }
}

/// A ServerHello or HelloRetryRequest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerHello<'a> {
    pub(crate) version: u16,
    pub(crate) random: [u8; 32],
    /// legacy_session_id_echo.
    pub(crate) session_id: &'a [u8],
    pub(crate) suite: u16,
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> ServerHello<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let mut r = Reader::new(body);
        let version = r.u16()?;
        let random = r.array()?;
        let session_id = usize::from(r.u8()?);
        if session_id > 32 {
            return Err(Error::Malformed);
        }
        let session_id = r.take(session_id)?;
        let suite = r.u16()?;
        if r.u8()? != 0 {
            return Err(Error::IllegalParameter);
        }
        Ok(Self { version, random, session_id, suite, extensions: Extensions::parse(&mut r)? })
    }

    /// The version that it selects: supported_versions goes before the field of old.
    ///
    /// The extension is for versions from 1.3 on, and the field of old then says 1.2 (RFC 8446 §4.1.3 and §4.2.1,
    /// RFC 9147 §5.4).
    pub(crate) fn selected_version(&self) -> Result<Version, Error> {
        let old = self.version == Version::Dtls12.wire();
        let Some(data) = self.extensions.get(ext::SUPPORTED_VERSIONS) else {
            return if old { Ok(Version::Dtls12) } else { Err(Error::NoCommonVersion) };
        };
        let selected = data.try_into().map(u16::from_be_bytes).map_err(|_| Error::Malformed)?;
        if old && selected == Version::Dtls13.wire() { Ok(Version::Dtls13) } else { Err(Error::IllegalParameter) }
    }

    /// Checks what holds for a ServerHello and for a HelloRetryRequest of DTLS 1.3. The session identifier is empty, as
    /// ours was (RFC 9147 §5), and each extension is one of those `allowed`.
    pub(crate) fn check_13(&self, allowed: &[u16]) -> Result<(), Error> {
        if self.session_id.is_empty() { self.extensions.check_answer(allowed) } else { Err(Error::IllegalParameter) }
    }
}

/// The profiles in a use_srtp extension, and the MKI behind them (RFC 5764 §4.1.1).
pub(crate) fn parse_use_srtp(data: &[u8]) -> Result<(List<'_>, &[u8]), Error> {
    let mut r = Reader::new(data);
    let len = usize::from(r.u16()?);
    let profiles = List::parse(r.take(len)?)?;
    let mki = usize::from(r.u8()?);
    let mki = r.take(mki)?;
    if r.is_empty() { Ok((profiles, mki)) } else { Err(Error::Malformed) }
}

/// Writes one extension.
pub(crate) fn extension(
    w: &mut Writer<'_>,
    id: u16,
    f: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>,
) -> Result<(), NoRoom> {
    w.u16(id)?;
    vec16(w, f)
}

/// Writes a use_srtp extension.
pub(crate) fn write_use_srtp(w: &mut Writer<'_>, mut profiles: impl Iterator<Item = u16>) -> Result<(), NoRoom> {
    extension(w, ext::USE_SRTP, |w| {
        vec16(w, |w| profiles.try_for_each(|p| w.u16(p)))?;
        w.u8(0)
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};
    use std::vec::Vec;

    use super::*;

    fn list(extensions: &[u8]) -> Vec<u8> {
        [&u16::try_from(extensions.len()).unwrap().to_be_bytes()[..], extensions].concat()
    }

    /// A quadratic check makes eight times as many cost 64 times as much.
    #[test]
    fn extensions_cost_their_bytes() {
        let cost = |n: usize| {
            let bytes = list(&[0x12, 0x34, 0, 0].repeat(n));
            let run = || {
                let start = Instant::now();
                assert!(Extensions::parse(&mut Reader::new(&bytes)).unwrap().other);
                start.elapsed()
            };
            (0..50).map(|_| run()).min().unwrap().max(Duration::from_nanos(100))
        };
        let (few, many) = (cost(2_000), cost(16_000));
        assert!(many < few * 24, "{few:?} {many:?}");
    }

    #[test]
    fn each_known_extension_comes_once() {
        for id in KNOWN {
            let [hi, lo] = id.to_be_bytes();
            let twice = list(&[hi, lo, 0, 1, 7, hi, lo, 0, 0]);
            assert_eq!(Extensions::parse(&mut Reader::new(&twice)).err(), Some(Error::IllegalParameter), "{id}");
            let once = list(&[hi, lo, 0, 1, 7]);
            assert_eq!(Extensions::parse(&mut Reader::new(&once)).unwrap().get(id), Some(&[7][..]));
        }
    }

    #[test]
    fn an_answer_has_only_what_was_asked_for() {
        let parse =
            |bytes: &[u8]| Extensions::parse(&mut Reader::new(&list(bytes))).map(|e| e.check_answer(&[ext::USE_SRTP]));
        assert_eq!(parse(&[]), Ok(Ok(())));
        assert_eq!(parse(&[0, 14, 0, 0]), Ok(Ok(())));
        assert_eq!(parse(&[0, 10, 0, 0]), Ok(Err(Error::IllegalParameter)));
        assert_eq!(parse(&[0x12, 0x34, 0, 0]), Ok(Err(Error::UnsolicitedExtension)));
    }
}
