use barertc_arena::Allocator;
use barertc_crypto::{Group, Provider};
use barertc_wire::Reader;

use super::{CLIENT_FINISHED, SERVER_FINISHED, check_finished, expect, first_certificate, parse_signature, sign};
use super::{write_certificate, write_finished, write_signature};
use crate::config::Version;
use crate::error::Error;
use crate::handshake::hello::{DOWNGRADE_12, ServerHello, ext, group_of, suite_ecdsa};
use crate::handshake::reassembly::Message;
use crate::handshake::signature;
use crate::handshake::transcript::{Hash, Transcript};
use crate::handshake::{kind, vec8};
use crate::schedule12;
use crate::secret::Secret;
use crate::state::{Exporter, Handshake, Link, State as Stage};
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
    Finished {
        master: Secret,
    },
}

/// The server's key share.
pub(crate) struct Share {
    group: Group,
    point: [u8; 65],
    len: usize,
}

/// ServerHello: what the server chose must be among what we offered.
pub(crate) fn on_server_hello<A: Allocator, P: Provider>(
    hs: &mut Handshake,
    link: &mut Link<A, P>,
    m: &Message<'_>,
    hello: &ServerHello<'_>,
) -> Result<Stage, Error> {
    // RFC 8446, section 4.1.3: a server that speaks 1.3 chose 1.2 although we offered 1.3, so somebody cut that out.
    if link.config.allows(Version::Dtls13) && hello.random.ends_with(&DOWNGRADE_12) {
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
    Ok(Stage::Client12(State::Certificate))
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
            Self::Certificate => {
                expect(m, kind::CERTIFICATE, 0)?;
                let server = link.check_certificate(first_certificate(m.body)?)?;
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
                Self::Finished { master: answer(hs, link, &share, wants_certificate)? }
            }
            Self::Finished { master } => {
                check_finished(hs, link, m, &master, SERVER_FINISHED)?;
                link.flight.finish();
                let (client_random, server_random) = (hs.client_random, hs.server_random);
                link.exporter = Some(Exporter::Dtls12 { master, client_random, server_random });
                return Ok(Stage::Complete);
            }
        };
        Ok(Stage::Client12(next))
    }
}

/// ServerKeyExchange: a group that we offered, and the signature over it (RFC 8422, section 5.4).
fn server_share<A: Allocator, P: Provider>(
    hs: &Handshake,
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
    point.get_mut(..len).ok_or(Error::BadKeyShare)?.copy_from_slice(bytes);
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

/// Everything from Certificate to Finished; returns the master secret.
fn answer<A: Allocator, P: Provider>(
    hs: &mut Handshake,
    link: &mut Link<A, P>,
    share: &Share,
    wants_certificate: bool,
) -> Result<Secret, Error> {
    link.flight.begin();
    if wants_certificate {
        let message = link.flight.message(kind::CERTIFICATE, 0, |w| write_certificate(w, hs.identity.certificate()))?;
        hs.transcript.add_own(message);
    }
    let ours = hs.ephemeral(link, share.group);
    let message = link.flight.message(kind::CLIENT_KEY_EXCHANGE, 0, |w| vec8(w, ours.public()))?;
    hs.transcript.add_own(message);

    let p = &link.provider;
    let hash = Hash::of(link.suite);
    let theirs = share.point.get(..share.len).unwrap_or_default();
    let premaster = hs.ephemeral.take().ok_or(Error::UnexpectedMessage)?.agree(p, theirs)?;
    let master = schedule12::master_secret(p, hash, &premaster, &hs.transcript.hash());
    let keys = schedule12::record_keys(p, link.suite, &master, &hs.client_random, &hs.server_random);
    let (client, server) = keys.map_err(|_| Error::NoMemory)?;
    link.records.install_write(1, client);
    link.records.install_read(1, server);

    if wants_certificate {
        let digest = hs.transcript.sha256();
        let (signature, len) = sign(hs, link, &digest);
        let signature = signature.get(..len).unwrap_or_default();
        let message = link.flight.message(kind::CERTIFICATE_VERIFY, 0, |w| write_signature(w, signature))?;
        hs.transcript.add_own(message);
    }
    write_finished(hs, link, &master, CLIENT_FINISHED)?;
    link.flight.send(true);
    Ok(master)
}
