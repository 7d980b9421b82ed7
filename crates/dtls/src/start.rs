//! The first messages, which decide on the version.

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_crypto::rand_core::Rng;

use crate::config::Version;
use crate::error::Error;
use crate::handshake::hello::{
    ClientHello, RETRY_RANDOM, ServerHello, ext, extension, group_id, suite_13, suite_ecdsa, write_use_srtp,
};
use crate::handshake::reassembly::Message;
use crate::handshake::signature::VERIFIED;
use crate::handshake::{kind, vec8, vec16};
use crate::state::{Handshake, Link, State};
use crate::{v12, v13};

/// Longest cookie that is repeated to a server: what a two-byte-prefixed one of DTLS 1.3 may have and still fit beside
/// the rest of a ClientHello in one datagram.
const COOKIE: usize = 256;

/// A server's first message: whatever version the client offers and the configuration allows, the better first.
#[inline(never)]
pub(crate) fn on_client_hello<A: Allocator, P: Provider>(
    hs: &mut Handshake,
    link: &mut Link<A, P>,
    m: &Message<'_>,
) -> Result<State, Error> {
    if m.kind != kind::CLIENT_HELLO || m.epoch != 0 {
        return Err(Error::UnexpectedMessage);
    }
    let hello = ClientHello::parse(m.body)?;
    let versions = hello.versions()?;
    // Without the extension the old field counts: lower means newer there (RFC 6347, section 4.2.1).
    let offers_12 = versions.contains(Version::Dtls12.wire())
        || (versions.iter().next().is_none() && hello.version <= Version::Dtls12.wire());
    let offers_13 = versions.contains(Version::Dtls13.wire());
    hs.client_random = hello.random;
    if offers_13 && link.config.allows(Version::Dtls13) {
        link.version = Some(Version::Dtls13);
        v13::server::on_client_hello(hs, link, m, &hello, None)
    } else if offers_12 && link.config.allows(Version::Dtls12) {
        link.version = Some(Version::Dtls12);
        v12::server::on_client_hello(hs, link, m, &hello)
    } else {
        Err(Error::NoCommonVersion)
    }
}

/// A client that has sent its hello, and may have to send it once more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Client {
    /// What a HelloVerifyRequest asked for already: it may ask once.
    verified: bool,
}

impl Client {
    /// Sends the first ClientHello.
    #[inline(never)]
    pub(crate) fn begin<A: Allocator, P: Provider>(hs: &mut Handshake, link: &mut Link<A, P>) -> Result<State, Error> {
        link.rng.fill_bytes(&mut hs.client_random);
        let group = link.groups().next().ok_or(Error::NoCommonParameters)?;
        hs.ephemeral(link, group);
        write_client_hello(hs, link, Cookie::None)?;
        Ok(State::AwaitServerHello(Self::default()))
    }

    /// ServerHello, HelloRetryRequest or HelloVerifyRequest.
    #[inline(never)]
    pub(crate) fn on_message<A: Allocator, P: Provider>(
        self,
        hs: &mut Handshake,
        link: &mut Link<A, P>,
        m: &Message<'_>,
    ) -> Result<State, Error> {
        if m.epoch != 0 {
            return Err(Error::UnexpectedMessage);
        }
        match m.kind {
            kind::HELLO_VERIFY_REQUEST if !self.verified => {
                // Neither message goes into the transcript (RFC 6347, section 4.2.1).
                let mut r = barertc_wire::Reader::new(m.body);
                r.skip(2)?;
                let len = usize::from(r.u8()?);
                let cookie = r.take(len)?;
                write_client_hello(hs, link, Cookie::Dtls12(cookie))?;
                Ok(State::AwaitServerHello(Self { verified: true }))
            }
            kind::SERVER_HELLO => {
                let hello = ServerHello::parse(m.body)?;
                let version = hello.selected_version()?;
                let allowed = |v: Version| version == v.wire() && link.config.allows(v);
                if allowed(Version::Dtls13) {
                    link.version = Some(Version::Dtls13);
                    // A server of DTLS 1.3 doesn't ask for cookies the old way (RFC 9147, section 5.1).
                    match (self.verified, hello.random == RETRY_RANDOM) {
                        (true, _) => Err(Error::IllegalParameter),
                        (false, true) => v13::client::on_retry_request(hs, link, m, &hello),
                        (false, false) => v13::client::on_server_hello(hs, link, m, &hello),
                    }
                } else if allowed(Version::Dtls12) {
                    link.version = Some(Version::Dtls12);
                    v12::client::on_server_hello(hs, link, m, &hello)
                } else {
                    Err(Error::NoCommonVersion)
                }
            }
            _ => Err(Error::UnexpectedMessage),
        }
    }
}

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
    hs: &Handshake,
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
