use barertc_arena::Allocator;
use barertc_crypto::rand_core::Rng;
use barertc_crypto::{Group, Provider};

use super::update::Updates;
use super::{
    APPLICATION_EPOCH, CLIENT_CONTEXT, HANDSHAKE_EPOCH, SERVER_CONTEXT, check_certificate_verify, check_finished,
    expect, first_certificate, install, write_certificate, write_certificate_verify, write_finished,
};
use crate::config::Version;
use crate::error::Error;
use crate::handshake::hello::{ClientHello, RETRY_RANDOM, ext, extension, group_id, suite_13, write_use_srtp};
use crate::handshake::reassembly::Message;
use crate::handshake::signature::{ECDSA_P256_SHA256, VERIFIED};
use crate::handshake::transcript::{Hash, Transcript};
use crate::handshake::{kind, vec8, vec16};
use crate::schedule13::Traffic;
use crate::secret::Secret;
use crate::state::{Exporter, Handshake, Link, State as Stage};
use crate::x509::PublicKey;

/// A server that has answered a ClientHello: what it waits for, and what it knows by then.
#[allow(clippy::large_enum_variant)]
pub(crate) enum State {
    /// A second ClientHello, with a share of this group.
    Retried(Group),
    Certificate(Secrets),
    CertificateVerify(Secrets, PublicKey),
    Finished(Secrets),
}

/// What the end of the handshake needs.
pub(crate) struct Secrets {
    pub(crate) client_handshake: Secret,
    application: Traffic,
    exporter: Secret,
}

/// Chooses the parameters, and answers with the flight up to Finished or with a HelloRetryRequest.
#[inline(never)]
pub(crate) fn on_client_hello<A: Allocator, P: Provider>(
    hs: &mut Handshake,
    link: &mut Link<A, P>,
    m: &Message<'_>,
    hello: &ClientHello<'_>,
    retried: Option<Group>,
) -> Result<Stage, Error> {
    // RFC 9147, section 5.3.
    if !hello.cookie.is_empty() {
        return Err(Error::IllegalParameter);
    }
    let suite = link.suites().find(|s| hello.suites.contains(suite_13(*s))).ok_or(Error::NoCommonParameters)?;
    if !hello.list(ext::SIGNATURE_ALGORITHMS)?.contains(ECDSA_P256_SHA256) {
        return Err(Error::NoCommonParameters);
    }
    // The suite was fixed by the HelloRetryRequest (RFC 8446, section 4.1.4).
    if retried.is_some() && suite != link.suite {
        return Err(Error::IllegalParameter);
    }
    link.suite = suite;
    link.srtp = link.choose_srtp(&hello.extensions)?;
    if retried.is_none() {
        hs.transcript = Transcript::new(Version::Dtls13, Hash::of(suite));
    }
    hs.transcript.add(m);
    let group = choose_group(link, hello, retried)?;
    match hello.key_share(group)? {
        Some(share) => answer(hs, link, group, share),
        None if retried.is_some() => Err(Error::IllegalParameter),
        None => retry(hs, link, group),
    }
}

/// The best group that both know; one for which the share is here already saves a round trip.
fn choose_group<A: Allocator, P: Provider>(
    link: &Link<A, P>,
    hello: &ClientHello<'_>,
    retried: Option<Group>,
) -> Result<Group, Error> {
    if let Some(group) = retried {
        return Ok(group);
    }
    let supported = hello.list(ext::SUPPORTED_GROUPS)?;
    let mut common = link.groups().filter(|g| supported.contains(group_id(*g)));
    let best = common.clone().next().ok_or(Error::NoCommonParameters)?;
    Ok(common.find(|g| hello.key_share(*g).is_ok_and(|s| s.is_some())).unwrap_or(best))
}

fn retry<A: Allocator, P: Provider>(hs: &mut Handshake, link: &mut Link<A, P>, group: Group) -> Result<Stage, Error> {
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
            extension(w, ext::KEY_SHARE, |w| w.u16(group_id(group)))
        })
    })?;
    hs.transcript.add_own(message);
    link.flight.send(true);
    link.acks.clear();
    Ok(Stage::Server13(State::Retried(group)))
}

fn answer<A: Allocator, P: Provider>(
    hs: &mut Handshake,
    link: &mut Link<A, P>,
    group: Group,
    share: &[u8],
) -> Result<Stage, Error> {
    link.rng.fill_bytes(&mut hs.server_random);
    hs.ephemeral(link, group);
    let ours = hs.ephemeral.take().ok_or(Error::Misuse)?;
    let shared = ours.agree(&link.provider, share)?;
    link.flight.begin();
    let suite = suite_13(link.suite);
    let message = link.flight.message(kind::SERVER_HELLO, 0, |w| {
        w.u16(Version::Dtls12.wire())?;
        w.put(&hs.server_random)?;
        // The session id isn't echoed (RFC 9147, section 5).
        vec8(w, &[])?;
        w.u16(suite)?;
        w.u8(0)?;
        vec16(w, |w| {
            extension(w, ext::SUPPORTED_VERSIONS, |w| w.u16(Version::Dtls13.wire()))?;
            extension(w, ext::KEY_SHARE, |w| {
                w.u16(group_id(group))?;
                vec16(w, |w| w.put(ours.public()))
            })
        })
    })?;
    hs.transcript.add_own(message);

    let (handshake, master) = link.schedule().handshake(&shared, &hs.transcript.hash());
    install(link, HANDSHAKE_EPOCH, &handshake.client, &handshake.server)?;
    write_parameters(hs, link)?;
    write_certificate_verify(hs, link, SERVER_CONTEXT)?;
    write_finished(hs, link, &handshake.server)?;
    link.flight.send(true);
    link.acks.clear();
    let (application, exporter) = link.schedule().application(&master, &hs.transcript.hash());
    Ok(Stage::Server13(State::Certificate(Secrets { client_handshake: handshake.client, application, exporter })))
}

/// EncryptedExtensions, CertificateRequest and Certificate.
fn write_parameters<A: Allocator, P: Provider>(hs: &mut Handshake, link: &mut Link<A, P>) -> Result<(), Error> {
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
    /// Handles the next message of the client.
    #[inline(never)]
    pub(crate) fn on_message<A: Allocator, P: Provider>(
        self,
        hs: &mut Handshake,
        link: &mut Link<A, P>,
        m: &Message<'_>,
    ) -> Result<Stage, Error> {
        let next = match self {
            Self::Retried(group) => {
                if m.kind != kind::CLIENT_HELLO || m.epoch != 0 {
                    return Err(Error::UnexpectedMessage);
                }
                let hello = ClientHello::parse(m.body)?;
                // The same hello as before but for its share (RFC 8446, section 4.1.2).
                if hello.random != hs.client_random || !hello.versions()?.contains(Version::Dtls13.wire()) {
                    return Err(Error::IllegalParameter);
                }
                return on_client_hello(hs, link, m, &hello, Some(group));
            }
            Self::Certificate(secrets) => {
                expect(m, kind::CERTIFICATE)?;
                let peer = link.check_certificate(first_certificate(m.body)?)?;
                hs.transcript.add(m);
                Self::CertificateVerify(secrets, peer)
            }
            Self::CertificateVerify(secrets, peer) => {
                check_certificate_verify(hs, link, m, &peer, CLIENT_CONTEXT)?;
                Self::Finished(secrets)
            }
            Self::Finished(secrets) => {
                check_finished(hs, link, m, &secrets.client_handshake)?;
                let Secrets { application: Traffic { client, server }, exporter, .. } = secrets;
                install(link, APPLICATION_EPOCH, &client, &server)?;
                link.exporter = Some(Exporter::Dtls13 { secret: exporter });
                link.updates = Some(Updates::new(client, server));
                link.flight.finish();
                // The client's last flight is acknowledged by nothing else (RFC 9147, section 7.1).
                link.acks.send_now();
                return Ok(Stage::Complete);
            }
        };
        Ok(Stage::Server13(next))
    }
}
