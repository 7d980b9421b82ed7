//! The handshake of a DTLS 1.2 server.

use barertc_arena::Allocator;
use barertc_crypto::rand_core::Rng;
use barertc_crypto::{Group, Provider};
use barertc_wire::Reader;

use super::{CLIENT_FINISHED, SERVER_FINISHED, agree, check_finished, expect, first_certificate, install_read};
use super::{install_write, keep_exporter, parse_signature, sign, write_certificate, write_finished, write_signature};
use crate::config::Version;
use crate::context::Context;
use crate::error::Error;
use crate::handshake::hello::{
    ClientHello, DOWNGRADE_12, RENEGOTIATION_SCSV, ext, extension, group_id, suite_ecdsa, write_use_srtp,
};
use crate::handshake::reassembly::Message;
use crate::handshake::signature::{self, ECDSA_P256_SHA256, VERIFIED};
use crate::handshake::transcript::Transcript;
use crate::handshake::{kind, vec8, vec16};
use crate::link::Link;
use crate::x509::PublicKey;

/// A server that has answered the ClientHello: what it waits for, and what it knows by then.
// Held in place, in the one block that the handshake has.
#[allow(clippy::large_enum_variant)]
pub(crate) enum State {
    Certificate,
    ClientKeyExchange { peer: PublicKey },
    CertificateVerify { peer: PublicKey },
    Finished,
}

/// Chooses the parameters and answers with the whole flight up to ServerHelloDone.
#[inline(never)]
pub(crate) fn on_client_hello<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    m: &Message<'_>,
    hello: &ClientHello<'_>,
) -> Result<State, Error> {
    let group = negotiate(link, hello)?;
    link.rng.fill_bytes(&mut hs.server_random);
    // Who speaks 1.3 and was asked for 1.2 says so under the signature (RFC 8446 §4.1.3).
    if link.config.allows(Version::Dtls13)
        && let Some(end) = hs.server_random.last_chunk_mut()
    {
        *end = DOWNGRADE_12;
    }
    hs.transcript = Transcript::new(Version::Dtls12, link.hash());
    hs.transcript.add(m);
    link.flight.begin();
    write_server_hello(hs, link, hello)?;
    let certificate = link.flight.message(kind::CERTIFICATE, 0, |w| write_certificate(w, hs.identity.certificate()))?;
    hs.transcript.add_own(certificate);
    write_key_exchange(hs, link, group)?;
    let request = link.flight.message(kind::CERTIFICATE_REQUEST, 0, |w| {
        // ClientCertificateType: ecdsa_sign, and rsa_sign where that can be verified (RFC 8422 §5.5).
        vec8(w, if cfg!(feature = "rsa") { &[64, 1] } else { &[64] })?;
        vec16(w, |w| VERIFIED.iter().try_for_each(|s| w.u16(*s)))?;
        vec16(w, |_| Ok(()))
    })?;
    hs.transcript.add_own(request);
    hs.transcript.add_own(link.flight.message(kind::SERVER_HELLO_DONE, 0, |_| Ok(()))?);
    link.flight.send(true);
    Ok(State::Certificate)
}

/// Suite and group by our preference among what the client offers.
fn negotiate<A: Allocator, P: Provider>(link: &mut Link<A, P>, hello: &ClientHello<'_>) -> Result<Group, Error> {
    let suite = link.suites().find(|s| hello.suites.contains(suite_ecdsa(*s))).ok_or(Error::NoCommonParameters)?;
    let groups = hello.list(ext::SUPPORTED_GROUPS)?;
    let group = link.groups().find(|g| groups.contains(group_id(*g))).ok_or(Error::NoCommonParameters)?;
    let schemes = hello.list(ext::SIGNATURE_ALGORITHMS)?;
    if !schemes.contains(ECDSA_P256_SHA256) || !hello.takes_uncompressed_points() {
        return Err(Error::NoCommonParameters);
    }
    // RFC 7627 §5.3, allows to insist on it; everybody who speaks DTLS-SRTP has had it for years.
    if !hello.extensions.flag(ext::EXTENDED_MASTER_SECRET)? {
        return Err(Error::MissingExtension);
    }
    // In a first handshake there is nothing to be renegotiated (RFC 5746 §3.6).
    if hello.extensions.get(ext::RENEGOTIATION_INFO).is_some_and(|data| data != [0]) {
        return Err(Error::IllegalParameter);
    }
    link.suite = suite;
    link.srtp = link.choose_srtp(&hello.extensions)?;
    Ok(group)
}

fn write_server_hello<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    hello: &ClientHello<'_>,
) -> Result<(), Error> {
    let (suite, srtp) = (suite_ecdsa(link.suite), link.srtp);
    let secure_renegotiation =
        hello.extensions.get(ext::RENEGOTIATION_INFO).is_some() || hello.suites.contains(RENEGOTIATION_SCSV);
    let point_formats = hello.extensions.get(ext::EC_POINT_FORMATS).is_some();
    let message = link.flight.message(kind::SERVER_HELLO, 0, |w| {
        w.u16(Version::Dtls12.wire())?;
        w.put(&hs.server_random)?;
        vec8(w, &[])?;
        w.u16(suite)?;
        w.u8(0)?;
        vec16(w, |w| {
            extension(w, ext::EXTENDED_MASTER_SECRET, |_| Ok(()))?;
            if secure_renegotiation {
                extension(w, ext::RENEGOTIATION_INFO, |w| vec8(w, &[]))?;
            }
            if point_formats {
                extension(w, ext::EC_POINT_FORMATS, |w| vec8(w, &[0]))?;
            }
            match srtp {
                Some(profile) => write_use_srtp(w, core::iter::once(profile)),
                None => Ok(()),
            }
        })
    })?;
    hs.transcript.add_own(message);
    Ok(())
}

/// ServerKeyExchange: our share, signed with both randoms (RFC 8422 §5.4).
fn write_key_exchange<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    group: Group,
) -> Result<(), Error> {
    let mut params = [0; 4 + 65];
    let mut w = barertc_wire::Writer::new(&mut params);
    // named_curve
    let public = hs.ephemeral(link, group).public();
    w.u8(3)
        .and_then(|()| w.u16(group_id(group)))
        .and_then(|()| vec8(&mut w, public))
        .map_err(|_| Error::FlightTooLong { limit: 4 + 65 })?;
    let params = w.into_written();
    let digest = link.provider.sha256(&[&hs.client_random, &hs.server_random, params]);
    let (signature, len) = sign(hs, link, &digest);
    let message = link.flight.message(kind::SERVER_KEY_EXCHANGE, 0, |w| {
        w.put(params)?;
        write_signature(w, signature.get(..len).unwrap_or_default())
    })?;
    hs.transcript.add_own(message);
    Ok(())
}

impl State {
    /// The types of plaintext messages that have a place now.
    pub(crate) const fn awaits(&self) -> &'static [u8] {
        match self {
            Self::Certificate => &[kind::CERTIFICATE],
            Self::ClientKeyExchange { .. } => &[kind::CLIENT_KEY_EXCHANGE],
            Self::CertificateVerify { .. } => &[kind::CERTIFICATE_VERIFY],
            Self::Finished => &[],
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
            Self::Certificate => {
                expect(m, kind::CERTIFICATE, 0)?;
                let peer = hs.check_certificate(link, first_certificate(m.body)?)?;
                hs.transcript.add(m);
                Self::ClientKeyExchange { peer }
            }
            Self::ClientKeyExchange { peer } => {
                expect(m, kind::CLIENT_KEY_EXCHANGE, 0)?;
                on_key_exchange(hs, link, m)?;
                Self::CertificateVerify { peer }
            }
            Self::CertificateVerify { peer } => {
                expect(m, kind::CERTIFICATE_VERIFY, 0)?;
                let (scheme, signature) = parse_signature(&mut Reader::new(m.body))?;
                signature::verify(&link.provider, &peer, scheme, &hs.transcript.sha256(), signature)?;
                hs.transcript.add(m);
                Self::Finished
            }
            Self::Finished => {
                check_finished(hs, link, m, CLIENT_FINISHED)?;
                hs.transcript.add(m);
                link.flight.begin();
                // Made again rather than kept: an alert before this goes out without protection.
                install_write(hs, link)?;
                write_finished(hs, link, SERVER_FINISHED)?;
                link.flight.send(false);
                keep_exporter(hs, link);
                return Ok(None);
            }
        };
        Ok(Some(next))
    }
}

/// ClientKeyExchange: the master secret, and the keys of epoch 1 that the client writes with.
fn on_key_exchange<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    m: &Message<'_>,
) -> Result<(), Error> {
    let mut r = Reader::new(m.body);
    let len = usize::from(r.u8()?);
    let share = r.take(len)?;
    if !r.is_empty() {
        return Err(Error::Malformed);
    }
    hs.transcript.add(m);
    agree(hs, link, share)?;
    install_read(hs, link)
}
