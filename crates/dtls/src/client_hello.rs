//! The ClientHello that we send.

use barertc_arena::Allocator;
use barertc_crypto::Provider;

use crate::config::Version;
use crate::context::Context;
use crate::error::Error;
use crate::handshake::hello::{ext, extension, group_id, suite_13, suite_ecdsa, write_use_srtp};
use crate::handshake::signature::VERIFIED;
use crate::handshake::{kind, vec8, vec16};
use crate::link::Link;

/// The longest cookie in bytes that a client repeats to a server. DTLS 1.3 allows longer ones. This much fits into one
/// datagram beside the rest of a ClientHello.
pub(crate) const COOKIE: usize = 256;

/// The cookie of a repeated ClientHello.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cookie<'a> {
    None,
    /// From a HelloVerifyRequest, for the field of old.
    Dtls12(&'a [u8]),
    /// From a HelloRetryRequest, for the extension; it may have asked for a key share only.
    Dtls13(Option<&'a [u8]>),
}

/// Puts a ClientHello into a flight of its own and sends it.
pub(crate) fn write_client_hello<A: Allocator, P: Provider>(
    hs: &Context,
    link: &mut Link<A, P>,
    cookie: Cookie<'_>,
) -> Result<(), Error> {
    let share = hs.ephemeral.as_ref().ok_or(Error::Misuse)?;
    let (suites, groups, profiles) = (link.suites(), link.groups(), link.srtp_profiles());
    let config = &link.config;
    let (cookie_12, cookie_13) = match cookie {
        Cookie::None => (None, None),
        Cookie::Dtls12(c) => (Some(c), None),
        Cookie::Dtls13(c) => (None, c),
    };
    if cookie_12.or(cookie_13).is_some_and(|c| c.len() > COOKIE) {
        return Err(Error::IllegalParameter);
    }
    let offers_13 = config.allows(Version::Dtls13);
    let offers_12 = config.allows(Version::Dtls12);
    link.flight.begin();
    link.flight.message(kind::CLIENT_HELLO, 0, |w| {
        w.u16(Version::Dtls12.wire())?;
        w.put(&hs.client_random)?;
        vec8(w, &[])?;
        vec8(w, cookie_12.unwrap_or_default())?;
        vec16(w, |w| {
            suites.clone().filter(|_| offers_13).try_for_each(|s| w.u16(suite_13(s)))?;
            #[cfg(feature = "rsa")]
            suites.clone().filter(|_| offers_12).try_for_each(|s| w.u16(crate::handshake::hello::suite_rsa(s)))?;
            suites.clone().filter(|_| offers_12).try_for_each(|s| w.u16(suite_ecdsa(s)))
        })?;
        vec8(w, &[0])?;
        vec16(w, |w| {
            extension(w, ext::SUPPORTED_GROUPS, |w| vec16(w, |w| groups.clone().try_for_each(|g| w.u16(group_id(g)))))?;
            extension(w, ext::SIGNATURE_ALGORITHMS, |w| vec16(w, |w| VERIFIED.iter().try_for_each(|s| w.u16(*s))))?;
            if profiles.clone().next().is_some() {
                write_use_srtp(w, profiles.clone())?;
            }
            if offers_12 {
                extension(w, ext::EC_POINT_FORMATS, |w| vec8(w, &[0]))?;
                extension(w, ext::EXTENDED_MASTER_SECRET, |_| Ok(()))?;
                extension(w, ext::RENEGOTIATION_INFO, |w| vec8(w, &[]))?;
            }
            if offers_13 {
                extension(w, ext::SUPPORTED_VERSIONS, |w| {
                    w.u8(if offers_12 { 4 } else { 2 })?;
                    w.u16(Version::Dtls13.wire())?;
                    if offers_12 { w.u16(Version::Dtls12.wire()) } else { Ok(()) }
                })?;
                extension(w, ext::KEY_SHARE, |w| {
                    vec16(w, |w| {
                        w.u16(group_id(share.group()))?;
                        vec16(w, |w| w.put(share.public()))
                    })
                })?;
            }
            match cookie_13 {
                Some(cookie) => extension(w, ext::COOKIE, |w| vec16(w, |w| w.put(cookie))),
                None => Ok(()),
            }
        })
    })?;
    link.flight.send(true);
    Ok(())
}
