//! The handshake of a DTLS 1.3 client.

use barertc_arena::Allocator;
use barertc_crypto::{Hash, Provider, Suite};
use barertc_wire::Reader;

use super::{
    CLIENT_CONTEXT, SERVER_CONTEXT, check_certificate_verify, check_finished, establish, expect, first_certificate,
    install, write_certificate, write_certificate_verify, write_finished,
};
use crate::client_hello::{Cookie, write_client_hello};
use crate::config::{Role, Version};
use crate::context::Context;
use crate::error::Error;
use crate::handshake::hello::{Extensions, List, RETRY_RANDOM, ServerHello, ext, group_id, group_of, suite_13};
use crate::handshake::kind;
use crate::handshake::reassembly::Message;
use crate::handshake::signature::ECDSA_P256_SHA256;
use crate::handshake::transcript::Transcript;
use crate::link::{HANDSHAKE_EPOCH, Link};
use crate::x509::PublicKey;

/// A client that knows that it speaks DTLS 1.3: what it waits for, and what it knows by then.
#[allow(clippy::large_enum_variant)]
pub(crate) enum State {
    /// The ServerHello after a HelloRetryRequest.
    Retried,
    EncryptedExtensions,
    /// CertificateRequest, which a server may leave out.
    Request,
    Certificate {
        wants_certificate: bool,
    },
    CertificateVerify {
        server: PublicKey,
        wants_certificate: bool,
    },
    Finished {
        wants_certificate: bool,
    },
}

/// What may come with a ServerHello, and what with a HelloRetryRequest (RFC 8446 §4.2).
const HELLO: [u16; 2] = [ext::SUPPORTED_VERSIONS, ext::KEY_SHARE];
const RETRY: [u16; 3] = [ext::SUPPORTED_VERSIONS, ext::KEY_SHARE, ext::COOKIE];

fn choose_suite<A: Allocator, P: Provider>(link: &Link<A, P>, id: u16) -> Result<Suite, Error> {
    link.suites().find(|s| suite_13(*s) == id).ok_or(Error::IllegalParameter)
}

/// HelloRetryRequest: another group, a cookie, or both (RFC 8446 §4.1.4).
pub(crate) fn on_retry_request<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    m: &Message<'_>,
    hello: &ServerHello<'_>,
) -> Result<State, Error> {
    hello.check_13(&RETRY)?;
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
            let cookie = r.take(len)?;
            if cookie.is_empty() || !r.is_empty() {
                return Err(Error::Malformed);
            }
            Some(cookie)
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
    Ok(State::Retried)
}

/// ServerHello: the handshake keys.
pub(crate) fn on_server_hello<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    m: &Message<'_>,
    hello: &ServerHello<'_>,
) -> Result<State, Error> {
    link.suite = choose_suite(link, hello.suite)?;
    hs.transcript = Transcript::new(Version::Dtls13, Hash::of(link.suite));
    hs.transcript.add_own(link.flight.first_message());
    agree(hs, link, m, hello)
}

fn agree<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    m: &Message<'_>,
    hello: &ServerHello<'_>,
) -> Result<State, Error> {
    hello.check_13(&HELLO)?;
    hs.transcript.add(m);
    let mut r = Reader::new(hello.extensions.get(ext::KEY_SHARE).ok_or(Error::MissingExtension)?);
    let group = r.u16()?;
    let len = usize::from(r.u16()?);
    let share = r.take(len)?;
    let ours = hs.ephemeral.as_ref().map(|ours| group_id(ours.group()));
    if !r.is_empty() || ours != Some(group) {
        return Err(Error::IllegalParameter);
    }
    let shared = hs.agree(link, share)?;
    link.schedule().handshake(&shared, &hs.transcript.hash(), &mut hs.secrets)?;
    install(link, HANDSHAKE_EPOCH, &hs.secrets.handshake.server, &hs.secrets.handshake.client)?;
    Ok(State::EncryptedExtensions)
}

impl State {
    /// The types of plaintext messages that have a place now.
    pub(crate) const fn awaits(&self) -> &'static [u8] {
        match self {
            Self::Retried => &[kind::SERVER_HELLO],
            _ => &[],
        }
    }

    /// Handles the next message of the server.
    #[inline(never)]
    pub(crate) fn on_message<A: Allocator, P: Provider>(
        self,
        hs: &mut Context,
        link: &mut Link<A, P>,
        m: &Message<'_>,
    ) -> Result<Option<Self>, Error> {
        let next = match self {
            Self::Retried => {
                if m.kind != kind::SERVER_HELLO || m.epoch != 0 {
                    return Err(Error::UnexpectedMessage);
                }
                let hello = ServerHello::parse(m.body)?;
                // A second HelloRetryRequest (RFC 8446 §4.1.4).
                if hello.random == RETRY_RANDOM {
                    return Err(Error::UnexpectedMessage);
                }
                // The same version and suite as in the first.
                if hello.selected_version()? != Version::Dtls13 || hello.suite != suite_13(link.suite) {
                    return Err(Error::IllegalParameter);
                }
                return agree(hs, link, m, &hello).map(Some);
            }
            Self::EncryptedExtensions => {
                expect(m, kind::ENCRYPTED_EXTENSIONS)?;
                let mut r = Reader::new(m.body);
                if r.is_empty() {
                    return Err(Error::Malformed);
                }
                let extensions = Extensions::parse(&mut r)?;
                extensions.check_answer(&[ext::USE_SRTP, ext::SUPPORTED_GROUPS])?;
                link.srtp = link.accept_srtp(&extensions)?;
                hs.transcript.add(m);
                Self::Request
            }
            Self::Request if m.kind == kind::CERTIFICATE_REQUEST => {
                expect(m, kind::CERTIFICATE_REQUEST)?;
                check_request(m.body)?;
                hs.transcript.add(m);
                Self::Certificate { wants_certificate: true }
            }
            Self::Request => return Self::Certificate { wants_certificate: false }.on_message(hs, link, m),
            Self::Certificate { wants_certificate } => {
                expect(m, kind::CERTIFICATE)?;
                let server = hs.check_certificate(link, first_certificate(m.body)?)?;
                hs.transcript.add(m);
                Self::CertificateVerify { server, wants_certificate }
            }
            Self::CertificateVerify { server, wants_certificate } => {
                check_certificate_verify(hs, link, m, &server, SERVER_CONTEXT)?;
                Self::Finished { wants_certificate }
            }
            Self::Finished { wants_certificate } => {
                check_finished(hs, link, m, Role::Server)?;
                answer(hs, link, wants_certificate)?;
                return Ok(None);
            }
        };
        Ok(Some(next))
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
fn answer<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    wants_certificate: bool,
) -> Result<(), Error> {
    // Up to the server's Finished (RFC 8446 §7.1).
    let transcript = hs.transcript.hash();
    link.schedule().application(&transcript, &mut hs.secrets)?;
    link.flight.begin();
    if wants_certificate {
        let message = link
            .flight
            .message(kind::CERTIFICATE, HANDSHAKE_EPOCH, |w| write_certificate(w, hs.identity.certificate()))?;
        hs.transcript.add_own(message);
        write_certificate_verify(hs, link, CLIENT_CONTEXT)?;
    }
    write_finished(hs, link, Role::Client)?;
    link.flight.send(true);
    link.acks.clear();
    establish(hs, link, Role::Client)
}
