//! The handshake of DTLS 1.3 (RFC 9147 §5; RFC 8446 §2).
//!
//! ```text
//! Client                                 Server
//! ClientHello              -------->
//!                                        ServerHello
//!                                        {EncryptedExtensions}
//!                                        {CertificateRequest}
//!                                        {Certificate}
//!                                        {CertificateVerify}
//!                          <--------     {Finished}
//! {Certificate}
//! {CertificateVerify}
//! {Finished}               -------->
//!                          <--------     [ACK]
//! ```
//!
//! `{}` is epoch 2, `[]` epoch 3. A HelloRetryRequest and a second ClientHello may come first.

pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod update;

use barertc_arena::Allocator;
use barertc_crypto::{Provider, Secret, constant_time_eq, ecdsa_der_encode};
use barertc_wire::{NoRoom, Reader, Writer};

use crate::config::Role;
use crate::context::Context;
use crate::error::Error;
use crate::handshake::reassembly::Message;
use crate::handshake::signature::{self, ECDSA_P256_SHA256};
use crate::handshake::{kind, vec8, vec16};
use crate::link::{APPLICATION_EPOCH, Exporter, HANDSHAKE_EPOCH, Link};
use crate::updates::Updates;
use crate::x509::PublicKey;

/// What a CertificateVerify is over, before the transcript hash (RFC 8446 §4.4.3).
const SERVER_CONTEXT: &[u8] = b"TLS 1.3, server CertificateVerify\0";
const CLIENT_CONTEXT: &[u8] = b"TLS 1.3, client CertificateVerify\0";

/// Checks type and epoch of a message that is the only one allowed here.
fn expect(m: &Message<'_>, kind: u8) -> Result<(), Error> {
    if m.kind == kind && m.epoch == HANDSHAKE_EPOCH { Ok(()) } else { Err(Error::UnexpectedMessage) }
}

/// The first certificate of a Certificate message (RFC 8446 §4.4.2).
fn first_certificate(body: &[u8]) -> Result<&[u8], Error> {
    let mut r = Reader::new(body);
    // certificate_request_context: ours was empty, and so is a server's.
    if r.u8()? != 0 {
        return Err(Error::IllegalParameter);
    }
    let len = usize::try_from(r.u24()?).map_err(|_| Error::Malformed)?;
    let mut list = r.sub(len)?;
    if !r.is_empty() {
        return Err(Error::Malformed);
    }
    if list.is_empty() {
        return Err(Error::NoCertificate);
    }
    let first = certificate(&mut list)?;
    while !list.is_empty() {
        certificate(&mut list)?;
    }
    Ok(first)
}

/// One CertificateEntry. We ask for nothing that would come as an extension of it.
fn certificate<'a>(list: &mut Reader<'a>) -> Result<&'a [u8], Error> {
    let len = usize::try_from(list.u24()?).map_err(|_| Error::Malformed)?;
    let certificate = list.take(len)?;
    if list.u16()? == 0 { Ok(certificate) } else { Err(Error::UnsolicitedExtension) }
}

fn write_certificate(w: &mut Writer<'_>, certificate: &[u8]) -> Result<(), NoRoom> {
    let len = u32::try_from(certificate.len()).map_err(|_| NoRoom)?;
    vec8(w, &[])?;
    w.u24(len.saturating_add(5))?;
    w.u24(len)?;
    w.put(certificate)?;
    w.u16(0)
}

/// SHA-256 of what a CertificateVerify signs.
fn verify_digest<P: Provider>(p: &P, context: &[u8], transcript: &[u8]) -> [u8; 32] {
    p.sha256(&[&[0x20; 64], context, transcript])
}

/// Adds a CertificateVerify of ours to the flight.
fn write_certificate_verify<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    context: &[u8],
) -> Result<(), Error> {
    let p = &link.provider;
    let digest = verify_digest(p, context, &hs.transcript.hash());
    let mut der = [0; 72];
    let len = ecdsa_der_encode(&p.p256_sign(hs.identity.secret(), &digest, &mut link.rng), &mut der);
    let signature = der.get(..len).unwrap_or_default();
    let message = link.flight.message(kind::CERTIFICATE_VERIFY, HANDSHAKE_EPOCH, |w| {
        w.u16(ECDSA_P256_SHA256)?;
        vec16(w, |w| w.put(signature))
    })?;
    hs.transcript.add_own(message);
    Ok(())
}

/// Checks the peer's CertificateVerify against the transcript before it.
fn check_certificate_verify<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &Link<A, P>,
    m: &Message<'_>,
    peer: &PublicKey,
    context: &[u8],
) -> Result<(), Error> {
    expect(m, kind::CERTIFICATE_VERIFY)?;
    let mut r = Reader::new(m.body);
    let scheme = r.u16()?;
    let len = usize::from(r.u16()?);
    let signature = r.take(len)?;
    if !r.is_empty() {
        return Err(Error::Malformed);
    }
    // PKCS #1 v1.5 isn't allowed here any more (RFC 8446 §4.2.3).
    #[cfg(feature = "rsa")]
    if scheme == signature::RSA_PKCS1_SHA256 {
        return Err(Error::IllegalParameter);
    }
    let digest = verify_digest(&link.provider, context, &hs.transcript.hash());
    signature::verify(&link.provider, peer, scheme, &digest, signature)?;
    hs.transcript.add(m);
    Ok(())
}

/// Adds our Finished to the flight.
fn write_finished<A: Allocator, P: Provider>(hs: &mut Context, link: &mut Link<A, P>, ours: Role) -> Result<(), Error> {
    let data = link.schedule().verify_data(hs.secrets.handshake.of(ours), &hs.transcript.hash())?;
    hs.transcript.add_own(link.flight.message(kind::FINISHED, HANDSHAKE_EPOCH, |w| w.put(&data))?);
    Ok(())
}

/// Checks the peer's Finished against the transcript before it.
fn check_finished<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &Link<A, P>,
    m: &Message<'_>,
    theirs: Role,
) -> Result<(), Error> {
    expect(m, kind::FINISHED)?;
    let expected = link.schedule().verify_data(hs.secrets.handshake.of(theirs), &hs.transcript.hash())?;
    if !constant_time_eq(&expected, m.body) {
        return Err(Error::BadFinished);
    }
    hs.transcript.add(m);
    Ok(())
}

/// The handshake is over for us: the keys for application data, and what the connection keeps.
fn establish<A: Allocator, P: Provider>(hs: &Context, link: &mut Link<A, P>, ours: Role) -> Result<(), Error> {
    let application = &hs.secrets.application;
    let theirs = if ours == Role::Client { Role::Server } else { Role::Client };
    let (read, write) = (application.of(theirs), application.of(ours));
    install(link, APPLICATION_EPOCH, read, write)?;
    link.exporter = Some(Exporter::Dtls13 { secret: hs.secrets.exporter.clone() });
    link.updates = Some(Updates::new(read.clone(), write.clone()));
    Ok(())
}

/// Installs the keys that a traffic secret of ours, and one of the peer's, stand for.
fn install<A: Allocator, P: Provider>(
    link: &mut Link<A, P>,
    epoch: u16,
    read: &Secret,
    write: &Secret,
) -> Result<(), Error> {
    install_read(link, epoch, read)?;
    install_write(link, epoch, write)
}

/// The same for what the peer sends alone.
fn install_read<A: Allocator, P: Provider>(link: &mut Link<A, P>, epoch: u16, secret: &Secret) -> Result<(), Error> {
    let of = link.schedule().record_keys(link.suite, secret).map_err(|_| Error::KeyRefused)?;
    link.records.install_read(&link.provider, link.suite, epoch, &of)
}

/// The same for what we send alone. Keys that are there stay: a record number is used once.
fn install_write<A: Allocator, P: Provider>(link: &mut Link<A, P>, epoch: u16, secret: &Secret) -> Result<(), Error> {
    if link.records.write_epoch() < epoch {
        let of = link.schedule().record_keys(link.suite, secret).map_err(|_| Error::KeyRefused)?;
        link.records.install_write(&link.provider, link.suite, epoch, &of)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole list is read, though the first certificate is all that counts.
    #[test]
    fn nothing_stands_behind_the_certificates() {
        type Case = (&'static [u8], Result<&'static [u8], Error>);
        let cases: &[Case] = &[
            (&[0, 0, 0, 7, 0, 0, 2, 7, 7, 0, 0][..], Ok(&[7, 7][..])),
            (&[0, 0, 0, 14, 0, 0, 2, 7, 7, 0, 0, 0, 0, 2, 8, 8, 0, 0], Ok(&[7, 7])),
            (&[1, 9, 0, 0, 7, 0, 0, 2, 7, 7, 0, 0], Err(Error::IllegalParameter)),
            (&[0, 0, 0, 5, 0, 0, 2, 7, 7], Err(Error::Malformed)),
            (&[0, 0, 0, 7, 0, 0, 2, 7, 7, 0, 0, 0], Err(Error::Malformed)),
            (&[0, 0, 0, 8, 0, 0, 2, 7, 7, 0, 0, 0], Err(Error::Malformed)),
            (&[0, 0, 0, 11, 0, 0, 2, 7, 7, 0, 4, 0, 5, 0, 0], Err(Error::UnsolicitedExtension)),
            (&[0, 0, 0, 0], Err(Error::NoCertificate)),
        ];
        for (body, expected) in cases {
            assert_eq!(first_certificate(body), *expected, "{body:?}");
        }
    }
}
