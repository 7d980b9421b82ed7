//! The handshake of a DTLS 1.2 client.

use barertc_arena::Allocator;
use barertc_crypto::{Group, Provider};
use barertc_wire::{Reader, put_at};

use super::{CLIENT_FINISHED, SERVER_FINISHED, agree, check_finished, expect, first_certificate, install_read};
use super::{install_write, keep_exporter, parse_signature, sign, write_certificate, write_finished, write_signature};
use crate::config::Version;
use crate::context::Context;
use crate::error::Error;
use crate::handshake::hello::{DOWNGRADE_11, DOWNGRADE_12, ServerHello, ext, group_of, suite_ecdsa};
use crate::handshake::reassembly::Message;
use crate::handshake::signature;
use crate::handshake::transcript::Transcript;
use crate::handshake::{kind, vec8};
use crate::link::Link;
use crate::x509::PublicKey;

/// A client that knows that it speaks DTLS 1.2: what it waits for, and what it knows by then.
#[allow(clippy::large_enum_variant)]
pub(crate) enum State {
    Certificate,
    ServerKeyExchange {
        server: PublicKey,
    },
    /// CertificateRequest, which a server may leave out.
    Request {
        share: Share,
    },
    ServerHelloDone {
        share: Share,
        wants_certificate: bool,
    },
    Finished,
}

/// The server's key share.
pub(crate) struct Share {
    group: Group,
    point: [u8; 65],
    len: usize,
}

/// ServerHello: what the server chose must be among what we offered.
pub(crate) fn on_server_hello<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    m: &Message<'_>,
    hello: &ServerHello<'_>,
) -> Result<State, Error> {
    // RFC 8446 §4.1.3: a server that speaks 1.3 chose 1.2 although we offered 1.3, so somebody cut that out.
    let sentinel = hello.random.ends_with(&DOWNGRADE_12) || hello.random.ends_with(&DOWNGRADE_11);
    if link.config.allows(Version::Dtls13) && sentinel {
        return Err(Error::Downgraded);
    }
    let is_chosen = |s: &barertc_crypto::Suite| {
        #[cfg(feature = "rsa")]
        if crate::handshake::hello::suite_rsa(*s) == hello.suite {
            return true;
        }
        suite_ecdsa(*s) == hello.suite
    };
    link.suite = link.suites().find(is_chosen).ok_or(Error::IllegalParameter)?;
    hello.extensions.check_answer(&[
        ext::EXTENDED_MASTER_SECRET,
        ext::RENEGOTIATION_INFO,
        ext::EC_POINT_FORMATS,
        ext::USE_SRTP,
    ])?;
    // RFC 8422 §5.1.2: who sends the list has to take uncompressed points.
    if hello.extensions.get(ext::EC_POINT_FORMATS).is_some_and(|f| !f.iter().skip(1).any(|b| *b == 0)) {
        return Err(Error::IllegalParameter);
    }
    if !hello.extensions.flag(ext::EXTENDED_MASTER_SECRET)? {
        return Err(Error::MissingExtension);
    }
    if hello.extensions.get(ext::RENEGOTIATION_INFO).is_some_and(|data| data != [0]) {
        return Err(Error::IllegalParameter);
    }
    link.srtp = link.accept_srtp(&hello.extensions)?;
    hs.server_random = hello.random;
    hs.transcript = Transcript::new(Version::Dtls12, link.hash());
    hs.transcript.add_own(link.flight.first_message());
    hs.transcript.add(m);
    Ok(State::Certificate)
}

impl State {
    /// The types of plaintext messages that have a place now.
    pub(crate) const fn awaits(&self) -> &'static [u8] {
        match self {
            Self::Certificate => &[kind::CERTIFICATE],
            Self::ServerKeyExchange { .. } => &[kind::SERVER_KEY_EXCHANGE],
            Self::Request { .. } => &[kind::CERTIFICATE_REQUEST, kind::SERVER_HELLO_DONE],
            Self::ServerHelloDone { .. } => &[kind::SERVER_HELLO_DONE],
            Self::Finished => &[],
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
            Self::Certificate => {
                expect(m, kind::CERTIFICATE, 0)?;
                let server = hs.check_certificate(link, first_certificate(m.body)?)?;
                hs.transcript.add(m);
                Self::ServerKeyExchange { server }
            }
            Self::ServerKeyExchange { server } => {
                expect(m, kind::SERVER_KEY_EXCHANGE, 0)?;
                let share = server_share(hs, link, m, &server)?;
                hs.transcript.add(m);
                Self::Request { share }
            }
            Self::Request { share } if m.kind == kind::CERTIFICATE_REQUEST => {
                expect(m, kind::CERTIFICATE_REQUEST, 0)?;
                check_request(m.body)?;
                hs.transcript.add(m);
                Self::ServerHelloDone { share, wants_certificate: true }
            }
            Self::Request { share } => {
                return Self::ServerHelloDone { share, wants_certificate: false }.on_message(hs, link, m);
            }
            Self::ServerHelloDone { share, wants_certificate } => {
                expect(m, kind::SERVER_HELLO_DONE, 0)?;
                if !m.body.is_empty() {
                    return Err(Error::Malformed);
                }
                hs.transcript.add(m);
                answer(hs, link, &share, wants_certificate)?;
                Self::Finished
            }
            Self::Finished => {
                check_finished(hs, link, m, SERVER_FINISHED)?;
                link.flight.finish();
                keep_exporter(hs, link);
                return Ok(None);
            }
        };
        Ok(Some(next))
    }
}

/// ServerKeyExchange: a group that we offered, and the signature over it (RFC 8422 §5.4).
fn server_share<A: Allocator, P: Provider>(
    hs: &Context,
    link: &Link<A, P>,
    m: &Message<'_>,
    server: &PublicKey,
) -> Result<Share, Error> {
    let mut r = Reader::new(m.body);
    if r.u8()? != 3 {
        return Err(Error::IllegalParameter);
    }
    let id = r.u16()?;
    let group = group_of(id).filter(|g| link.groups().any(|ours| ours == *g)).ok_or(Error::IllegalParameter)?;
    let len = usize::from(r.u8()?);
    let bytes = r.take(len)?;
    let signed = m.body.get(..m.body.len().saturating_sub(r.remaining())).unwrap_or_default();
    let (scheme, signature) = parse_signature(&mut r)?;
    let digest = link.provider.sha256(&[&hs.client_random, &hs.server_random, signed]);
    signature::verify(&link.provider, server, scheme, &digest, signature)?;
    let mut point = [0; 65];
    put_at(&mut point, 0, bytes).map_err(|_| Error::BadKeyShare)?;
    Ok(Share { group, point, len })
}

/// CertificateRequest: we have one certificate, so it only has to be well formed and to allow ECDSA.
fn check_request(body: &[u8]) -> Result<(), Error> {
    let mut r = Reader::new(body);
    let len = usize::from(r.u8()?);
    r.skip(len)?;
    let len = usize::from(r.u16()?);
    let schemes = r.take(len)?;
    let len = usize::from(r.u16()?);
    r.skip(len)?;
    let ours = signature::ECDSA_P256_SHA256.to_be_bytes();
    if !r.is_empty() {
        return Err(Error::Malformed);
    }
    if schemes.chunks_exact(2).any(|s| s == ours) { Ok(()) } else { Err(Error::NoCommonParameters) }
}

/// Everything from Certificate to Finished, and the master secret.
fn answer<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    share: &Share,
    wants_certificate: bool,
) -> Result<(), Error> {
    link.flight.begin();
    if wants_certificate {
        let message = link.flight.message(kind::CERTIFICATE, 0, |w| write_certificate(w, hs.identity.certificate()))?;
        hs.transcript.add_own(message);
    }
    let ours = hs.ephemeral(link, share.group);
    let message = link.flight.message(kind::CLIENT_KEY_EXCHANGE, 0, |w| vec8(w, ours.public()))?;
    hs.transcript.add_own(message);

    let theirs = share.point.get(..share.len).unwrap_or_default();
    agree(hs, link, theirs)?;
    install_write(hs, link)?;
    install_read(hs, link)?;

    if wants_certificate {
        let digest = hs.transcript.sha256();
        let (signature, len) = sign(hs, link, &digest);
        let signature = signature.get(..len).unwrap_or_default();
        let message = link.flight.message(kind::CERTIFICATE_VERIFY, 0, |w| write_signature(w, signature))?;
        hs.transcript.add_own(message);
    }
    write_finished(hs, link, CLIENT_FINISHED)?;
    link.flight.send(true);
    Ok(())
}
