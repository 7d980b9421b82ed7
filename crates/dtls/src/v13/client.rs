use barertc_arena::Allocator;
use barertc_crypto::{Provider, Suite};
use barertc_wire::Reader;

use super::update::Updates;
use super::{
    APPLICATION_EPOCH, CLIENT_CONTEXT, HANDSHAKE_EPOCH, SERVER_CONTEXT, check_certificate_verify, check_finished,
    expect, first_certificate, install, write_certificate, write_certificate_verify, write_finished,
};
use crate::config::Version;
use crate::error::Error;
use crate::handshake::hello::{Extensions, List, RETRY_RANDOM, ServerHello, ext, group_id, group_of, suite_13};
use crate::handshake::kind;
use crate::handshake::reassembly::Message;
use crate::handshake::signature::ECDSA_P256_SHA256;
use crate::handshake::transcript::{Hash, Transcript};
use crate::schedule13::Traffic;
use crate::secret::Secret;
use crate::start::{Cookie, write_client_hello};
use crate::state::{Exporter, Handshake, Link, State as Stage};
use crate::x509::PublicKey;

/// A client that knows that it speaks DTLS 1.3: what it waits for, and what it knows by then.
#[allow(clippy::large_enum_variant)]
pub(crate) enum State {
    /// The ServerHello after a HelloRetryRequest.
    Retried,
    EncryptedExtensions(Secrets),
    /// CertificateRequest, which a server may leave out.
    Request(Secrets),
    Certificate(Secrets),
    CertificateVerify(Secrets, PublicKey),
    Finished(Secrets),
}

/// What the end of the handshake needs.
pub(crate) struct Secrets {
    handshake: Traffic,
    master: Secret,
    wants_certificate: bool,
}

fn choose_suite<A: Allocator, P: Provider>(link: &Link<A, P>, id: u16) -> Result<Suite, Error> {
    link.suites().find(|s| suite_13(*s) == id).ok_or(Error::IllegalParameter)
}

/// HelloRetryRequest: another group, a cookie, or both (RFC 8446, section 4.1.4).
pub(crate) fn on_retry_request<A: Allocator, P: Provider>(
    hs: &mut Handshake,
    link: &mut Link<A, P>,
    m: &Message<'_>,
    hello: &ServerHello<'_>,
) -> Result<Stage, Error> {
    link.suite = choose_suite(link, hello.suite)?;
    hs.transcript = Transcript::new(Version::Dtls13, Hash::of(link.suite));
    hs.transcript.add_own(link.flight.first_message());
    hs.transcript.replace_by_hash();
    hs.transcript.add(m);

    let asked = match hello.extensions.get(ext::KEY_SHARE) {
        Some(id) => {
            let id = id.try_into().map(u16::from_be_bytes).map_err(|_| Error::Malformed)?;
            Some(group_of(id).filter(|g| link.groups().any(|ours| ours == *g)).ok_or(Error::IllegalParameter)?)
        }
        None => None,
    };
    let cookie = match hello.extensions.get(ext::COOKIE) {
        Some(data) => {
            let mut r = Reader::new(data);
            let len = usize::from(r.u16()?);
            Some(r.take(len)?)
        }
        None => None,
    };
    let sent = hs.ephemeral.as_ref().map(|e| e.group());
    // A request that changes nothing, or one for the share that was sent, would go round in circles.
    if (asked.is_none() && cookie.is_none()) || (asked.is_some() && asked == sent) {
        return Err(Error::IllegalParameter);
    }
    if let Some(group) = asked {
        hs.ephemeral(link, group);
    }
    write_client_hello(hs, link, Cookie::Dtls13(cookie))?;
    hs.transcript.add_own(link.flight.first_message());
    link.acks.clear();
    Ok(Stage::Client13(State::Retried))
}

/// ServerHello: the handshake keys.
pub(crate) fn on_server_hello<A: Allocator, P: Provider>(
    hs: &mut Handshake,
    link: &mut Link<A, P>,
    m: &Message<'_>,
    hello: &ServerHello<'_>,
) -> Result<Stage, Error> {
    link.suite = choose_suite(link, hello.suite)?;
    hs.transcript = Transcript::new(Version::Dtls13, Hash::of(link.suite));
    hs.transcript.add_own(link.flight.first_message());
    agree(hs, link, m, hello)
}

fn agree<A: Allocator, P: Provider>(
    hs: &mut Handshake,
    link: &mut Link<A, P>,
    m: &Message<'_>,
    hello: &ServerHello<'_>,
) -> Result<Stage, Error> {
    hs.transcript.add(m);
    let mut r = Reader::new(hello.extensions.get(ext::KEY_SHARE).ok_or(Error::MissingExtension)?);
    let group = r.u16()?;
    let len = usize::from(r.u16()?);
    let share = r.take(len)?;
    let ours = hs.ephemeral.take().ok_or(Error::UnexpectedMessage)?;
    if !r.is_empty() || group != group_id(ours.group()) {
        return Err(Error::IllegalParameter);
    }
    let shared = ours.agree(&link.provider, share)?;
    let (handshake, master) = link.schedule().handshake(&shared, &hs.transcript.hash());
    install(link, HANDSHAKE_EPOCH, &handshake.server, &handshake.client)?;
    let secrets = Secrets { handshake, master, wants_certificate: false };
    Ok(Stage::Client13(State::EncryptedExtensions(secrets)))
}

impl State {
    /// Handles the next message of the server.
    #[inline(never)]
    pub(crate) fn on_message<A: Allocator, P: Provider>(
        self,
        hs: &mut Handshake,
        link: &mut Link<A, P>,
        m: &Message<'_>,
    ) -> Result<Stage, Error> {
        let next = match self {
            Self::Retried => {
                if m.kind != kind::SERVER_HELLO || m.epoch != 0 {
                    return Err(Error::UnexpectedMessage);
                }
                let hello = ServerHello::parse(m.body)?;
                let same_version = hello.selected_version()? == Version::Dtls13.wire();
                // One retry, and the same suite as in it (RFC 8446, section 4.1.4).
                if !same_version || hello.random == RETRY_RANDOM || hello.suite != suite_13(link.suite) {
                    return Err(Error::IllegalParameter);
                }
                return agree(hs, link, m, &hello);
            }
            Self::EncryptedExtensions(secrets) => {
                expect(m, kind::ENCRYPTED_EXTENSIONS)?;
                link.srtp = link.accept_srtp(&Extensions::parse(&mut Reader::new(m.body))?)?;
                hs.transcript.add(m);
                Self::Request(secrets)
            }
            Self::Request(secrets) if m.kind == kind::CERTIFICATE_REQUEST => {
                expect(m, kind::CERTIFICATE_REQUEST)?;
                check_request(m.body)?;
                hs.transcript.add(m);
                Self::Certificate(Secrets { wants_certificate: true, ..secrets })
            }
            Self::Request(secrets) | Self::Certificate(secrets) => {
                expect(m, kind::CERTIFICATE)?;
                let peer = link.check_certificate(first_certificate(m.body)?)?;
                hs.transcript.add(m);
                Self::CertificateVerify(secrets, peer)
            }
            Self::CertificateVerify(secrets, peer) => {
                check_certificate_verify(hs, link, m, &peer, SERVER_CONTEXT)?;
                Self::Finished(secrets)
            }
            Self::Finished(secrets) => {
                check_finished(hs, link, m, &secrets.handshake.server)?;
                answer(hs, link, secrets)?;
                return Ok(Stage::Complete);
            }
        };
        Ok(Stage::Client13(next))
    }
}

/// CertificateRequest: the context is empty in a handshake, and our kind of signature has to be welcome.
fn check_request(body: &[u8]) -> Result<(), Error> {
    let mut r = Reader::new(body);
    if r.u8()? != 0 {
        return Err(Error::IllegalParameter);
    }
    let extensions = Extensions::parse(&mut r)?;
    let schemes = extensions.get(ext::SIGNATURE_ALGORITHMS).ok_or(Error::MissingExtension)?;
    if List::parse16(schemes)?.contains(ECDSA_P256_SHA256) { Ok(()) } else { Err(Error::NoCommonParameters) }
}

/// Everything from Certificate to Finished, and the keys for application data.
fn answer<A: Allocator, P: Provider>(hs: &mut Handshake, link: &mut Link<A, P>, secrets: Secrets) -> Result<(), Error> {
    // Up to the server's Finished (RFC 8446, section 7.1).
    let transcript = hs.transcript.hash();
    let (application, exporter) = link.schedule().application(&secrets.master, &transcript);
    link.flight.begin();
    if secrets.wants_certificate {
        let message = link
            .flight
            .message(kind::CERTIFICATE, HANDSHAKE_EPOCH, |w| write_certificate(w, hs.identity.certificate()))?;
        hs.transcript.add_own(message);
        write_certificate_verify(hs, link, CLIENT_CONTEXT)?;
    }
    write_finished(hs, link, &secrets.handshake.client)?;
    link.flight.send(true);
    link.acks.clear();
    let Traffic { client, server } = application;
    install(link, APPLICATION_EPOCH, &server, &client)?;
    link.exporter = Some(Exporter::Dtls13 { secret: exporter });
    link.updates = Some(Updates::new(server, client));
    Ok(())
}
