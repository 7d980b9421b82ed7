//! The handshake of a DTLS 1.3 server.

use barertc_arena::Allocator;
use barertc_crypto::rand_core::Rng;
use barertc_crypto::{Group, Hash, Provider};

use super::{
    CLIENT_CONTEXT, SERVER_CONTEXT, check_certificate_verify, check_finished, establish, expect, first_certificate,
    install, install_write, write_certificate, write_certificate_verify, write_finished,
};
use crate::config::{Role, Version};
use crate::context::Context;
use crate::error::Error;
use crate::handshake::hello::{ClientHello, RETRY_RANDOM, ext, extension, group_id, suite_13, write_use_srtp};
use crate::handshake::reassembly::Message;
use crate::handshake::signature::{ECDSA_P256_SHA256, VERIFIED};
use crate::handshake::transcript::Transcript;
use crate::handshake::{kind, vec8, vec16};
use crate::link::{APPLICATION_EPOCH, HANDSHAKE_EPOCH, Link};
use crate::x509::PublicKey;

/// A server that has answered a ClientHello: what it waits for, and what it knows by then.
#[allow(clippy::large_enum_variant)]
pub(crate) enum State {
    /// A second ClientHello, which has to keep its word.
    Retried(Retry),
    Certificate,
    CertificateVerify(PublicKey),
    Finished,
}

/// What a HelloRetryRequest holds the client to.
#[derive(Clone, Copy)]
pub(crate) struct Retry {
    /// The group that its share has to be of.
    group: Group,
    /// [`ClientHello::constant_part`] of the first hello.
    constant: [u8; 32],
}

/// Chooses the parameters, and answers with the flight up to Finished or with a HelloRetryRequest.
#[inline(never)]
pub(crate) fn on_client_hello<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    m: &Message<'_>,
    hello: &ClientHello<'_>,
    retried: Option<Retry>,
) -> Result<State, Error> {
    // No old cookie (RFC 9147 §5.3), no compression but null (RFC 8446 §4.1.2), and we give out no cookies
    // that could come back (RFC 8446 §4.2.2).
    let cookie = hello.extensions.get(ext::COOKIE).is_some();
    if !hello.cookie.is_empty() || hello.compression != [0] || cookie {
        return Err(Error::IllegalParameter);
    }
    let constant = hello.constant_part(&link.provider);
    if retried.is_some_and(|retry| retry.constant != constant) {
        return Err(Error::IllegalParameter);
    }
    // RFC 8446 §9.2.
    if [ext::SIGNATURE_ALGORITHMS, ext::SUPPORTED_GROUPS].iter().any(|id| hello.extensions.get(*id).is_none()) {
        return Err(Error::MissingExtension);
    }
    let suite = link.suites().find(|s| hello.suites.contains(suite_13(*s))).ok_or(Error::NoCommonParameters)?;
    if !hello.list(ext::SIGNATURE_ALGORITHMS)?.contains(ECDSA_P256_SHA256) {
        return Err(Error::NoCommonParameters);
    }
    // The suite was fixed by the HelloRetryRequest (RFC 8446 §4.1.4).
    if retried.is_some() && suite != link.suite {
        return Err(Error::IllegalParameter);
    }
    link.suite = suite;
    link.srtp = link.choose_srtp(&hello.extensions)?;
    if retried.is_none() {
        hs.transcript = Transcript::new(Version::Dtls13, Hash::of(suite));
    }
    hs.transcript.add(m);
    let group = match retried {
        Some(retry) => retry.group,
        None => choose_group(link, hello)?,
    };
    match (hello.key_share(group)?, retried) {
        // The second hello has the one share that was asked for (RFC 8446 §4.1.2).
        ((Some(share), 1), _) | ((Some(share), _), None) => answer(hs, link, group, share),
        (_, Some(_)) => Err(Error::IllegalParameter),
        (_, None) => retry(hs, link, Retry { group, constant }),
    }
}

/// The best group that both know; one for which the share is here already saves a round trip.
fn choose_group<A: Allocator, P: Provider>(link: &Link<A, P>, hello: &ClientHello<'_>) -> Result<Group, Error> {
    let supported = hello.list(ext::SUPPORTED_GROUPS)?;
    let mut common = link.groups().filter(|g| supported.contains(group_id(*g)));
    let best = common.clone().next().ok_or(Error::NoCommonParameters)?;
    Ok(common.find(|g| hello.key_share(*g).is_ok_and(|(share, _)| share.is_some())).unwrap_or(best))
}

fn retry<A: Allocator, P: Provider>(hs: &mut Context, link: &mut Link<A, P>, retry: Retry) -> Result<State, Error> {
    hs.transcript.replace_by_hash();
    link.flight.begin();
    let suite = suite_13(link.suite);
    let message = link.flight.message(kind::SERVER_HELLO, 0, |w| {
        w.u16(Version::Dtls12.wire())?;
        w.put(&RETRY_RANDOM)?;
        vec8(w, &[])?;
        w.u16(suite)?;
        w.u8(0)?;
        vec16(w, |w| {
            extension(w, ext::SUPPORTED_VERSIONS, |w| w.u16(Version::Dtls13.wire()))?;
            extension(w, ext::KEY_SHARE, |w| w.u16(group_id(retry.group)))
        })
    })?;
    hs.transcript.add_own(message);
    link.flight.send(true);
    link.acks.clear();
    Ok(State::Retried(retry))
}

fn answer<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    group: Group,
    share: &[u8],
) -> Result<State, Error> {
    link.rng.fill_bytes(&mut hs.server_random);
    let mut public = [0; 65];
    let ours = hs.ephemeral(link, group).public();
    let public = public.get_mut(..ours.len()).ok_or(Error::BadKeyShare)?;
    public.copy_from_slice(ours);
    let shared = hs.agree(link, share)?;
    link.flight.begin();
    let suite = suite_13(link.suite);
    let message = link.flight.message(kind::SERVER_HELLO, 0, |w| {
        w.u16(Version::Dtls12.wire())?;
        w.put(&hs.server_random)?;
        // The session id isn't echoed (RFC 9147 §5).
        vec8(w, &[])?;
        w.u16(suite)?;
        w.u8(0)?;
        vec16(w, |w| {
            extension(w, ext::SUPPORTED_VERSIONS, |w| w.u16(Version::Dtls13.wire()))?;
            extension(w, ext::KEY_SHARE, |w| {
                w.u16(group_id(group))?;
                vec16(w, |w| w.put(public))
            })
        })
    })?;
    hs.transcript.add_own(message);

    link.schedule().handshake(&shared, &hs.transcript.hash(), &mut hs.secrets)?;
    install(link, HANDSHAKE_EPOCH, &hs.secrets.handshake.client, &hs.secrets.handshake.server)?;
    write_parameters(hs, link)?;
    write_certificate_verify(hs, link, SERVER_CONTEXT)?;
    write_finished(hs, link, Role::Server)?;
    link.flight.send(true);
    link.acks.clear();
    link.schedule().application(&hs.transcript.hash(), &mut hs.secrets)?;
    if link.config.half_rtt {
        // RFC 8446 §4.4.4: data may follow the server's Finished. What the client sends is not read yet.
        install_write(link, APPLICATION_EPOCH, hs.secrets.application.of(Role::Server))?;
    }
    Ok(State::Certificate)
}

/// EncryptedExtensions, CertificateRequest and Certificate.
fn write_parameters<A: Allocator, P: Provider>(hs: &mut Context, link: &mut Link<A, P>) -> Result<(), Error> {
    let srtp = link.srtp;
    let message = link.flight.message(kind::ENCRYPTED_EXTENSIONS, HANDSHAKE_EPOCH, |w| {
        vec16(w, |w| match srtp {
            Some(profile) => write_use_srtp(w, core::iter::once(profile)),
            None => Ok(()),
        })
    })?;
    hs.transcript.add_own(message);
    let message = link.flight.message(kind::CERTIFICATE_REQUEST, HANDSHAKE_EPOCH, |w| {
        vec8(w, &[])?;
        vec16(w, |w| {
            extension(w, ext::SIGNATURE_ALGORITHMS, |w| vec16(w, |w| VERIFIED.iter().try_for_each(|s| w.u16(*s))))
        })
    })?;
    hs.transcript.add_own(message);
    let message =
        link.flight.message(kind::CERTIFICATE, HANDSHAKE_EPOCH, |w| write_certificate(w, hs.identity.certificate()))?;
    hs.transcript.add_own(message);
    Ok(())
}

impl State {
    /// The types of plaintext messages that have a place now.
    pub(crate) const fn awaits(&self) -> &'static [u8] {
        match self {
            Self::Retried(_) => &[kind::CLIENT_HELLO],
            _ => &[],
        }
    }

    /// Handles the next message of the client.
    #[inline(never)]
    pub(crate) fn on_message<A: Allocator, P: Provider>(
        self,
        hs: &mut Context,
        link: &mut Link<A, P>,
        m: &Message<'_>,
    ) -> Result<Option<Self>, Error> {
        let next = match self {
            Self::Retried(retry) => {
                if m.kind != kind::CLIENT_HELLO || m.epoch != 0 {
                    return Err(Error::UnexpectedMessage);
                }
                let hello = ClientHello::parse(m.body)?;
                return on_client_hello(hs, link, m, &hello, Some(retry)).map(Some);
            }
            Self::Certificate => {
                expect(m, kind::CERTIFICATE)?;
                let peer = hs.check_certificate(link, first_certificate(m.body)?)?;
                hs.transcript.add(m);
                Self::CertificateVerify(peer)
            }
            Self::CertificateVerify(peer) => {
                check_certificate_verify(hs, link, m, &peer, CLIENT_CONTEXT)?;
                Self::Finished
            }
            Self::Finished => {
                check_finished(hs, link, m, Role::Client)?;
                establish(hs, link, Role::Server)?;
                link.flight.finish();
                // The client's last flight is acknowledged by nothing else (RFC 9147 §7.1).
                link.acks.send_now();
                return Ok(None);
            }
        };
        Ok(Some(next))
    }
}
