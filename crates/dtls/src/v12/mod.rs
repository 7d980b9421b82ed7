//! The handshake of DTLS 1.2 (RFC 6347 §4.2; RFC 5246 §7.3).
//!
//! ```text
//! Client                                 Server
//! ClientHello              -------->
//!                                        ServerHello
//!                                        Certificate
//!                                        ServerKeyExchange
//!                                        CertificateRequest
//!                          <--------     ServerHelloDone
//! Certificate
//! ClientKeyExchange
//! CertificateVerify
//! [ChangeCipherSpec]
//! Finished                 -------->
//!                                        [ChangeCipherSpec]
//!                          <--------     Finished
//! ```
//!
//! A received ChangeCipherSpec is ignored, because each record tells its epoch. The check is that Finished comes in
//! epoch 1, and every message before it in epoch 0.

pub(crate) mod client;
pub(crate) mod server;

use barertc_arena::Allocator;
use barertc_crypto::{Provider, constant_time_eq, ecdsa_der_encode};
use barertc_wire::{NoRoom, Reader, Writer};

use crate::config::Role;
use crate::context::Context;
use crate::error::Error;
use crate::handshake::reassembly::Message;
use crate::handshake::vec16;
use crate::handshake::{kind, signature};
use crate::link::{Exporter, Link};
use crate::record::Material;
use crate::schedule12;

/// Labels of the two Finished messages.
const CLIENT_FINISHED: &[u8] = b"client finished";
const SERVER_FINISHED: &[u8] = b"server finished";

/// Checks type and epoch of a message that is the only one allowed here.
fn expect(m: &Message<'_>, kind: u8, epoch: u16) -> Result<(), Error> {
    if m.kind == kind && m.epoch == epoch { Ok(()) } else { Err(Error::UnexpectedMessage) }
}

/// The first certificate of a Certificate message (RFC 5246 §7.4.2); the rest of a chain proves nothing here.
fn first_certificate(body: &[u8]) -> Result<&[u8], Error> {
    let mut r = Reader::new(body);
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

fn certificate<'a>(list: &mut Reader<'a>) -> Result<&'a [u8], Error> {
    let len = usize::try_from(list.u24()?).map_err(|_| Error::Malformed)?;
    Ok(list.take(len)?)
}

/// The master secret, once the transcript goes up to ClientKeyExchange.
fn agree<A: Allocator, P: Provider>(hs: &mut Context, link: &Link<A, P>, share: &[u8]) -> Result<(), Error> {
    let premaster = hs.agree(link, share)?;
    let master = schedule12::master_secret(&link.provider, link.hash(), &premaster, &hs.transcript.hash());
    hs.secrets.master.copy_from(&master);
    Ok(())
}

/// Installs the keys that the peer writes with.
fn install_read<A: Allocator, P: Provider>(hs: &Context, link: &mut Link<A, P>) -> Result<(), Error> {
    let peer = if link.role == Role::Client { Role::Server } else { Role::Client };
    let of = record_keys(hs, link, peer)?;
    link.records.install_read(&link.provider, link.suite, 1, &of)
}

/// Installs the keys that we write with.
fn install_write<A: Allocator, P: Provider>(hs: &Context, link: &mut Link<A, P>) -> Result<(), Error> {
    let of = record_keys(hs, link, link.role)?;
    link.records.install_write(&link.provider, link.suite, 1, &of)
}

/// What the keys that one side writes with are made of.
fn record_keys<A: Allocator, P: Provider>(hs: &Context, link: &Link<A, P>, writer: Role) -> Result<Material, Error> {
    let (p, master) = (&link.provider, &hs.secrets.master);
    schedule12::record_keys(p, link.suite, master, &hs.client_random, &hs.server_random, writer)
        .map_err(|_| Error::KeyRefused)
}

/// Leaves what keys are exported from to the connection.
fn keep_exporter<A: Allocator, P: Provider>(hs: &Context, link: &mut Link<A, P>) {
    let (client_random, server_random) = (hs.client_random, hs.server_random);
    link.exporter = Some(Exporter::Dtls12 { master: hs.secrets.master.clone(), client_random, server_random });
}

fn write_certificate(w: &mut Writer<'_>, certificate: &[u8]) -> Result<(), NoRoom> {
    let len = u32::try_from(certificate.len()).map_err(|_| NoRoom)?;
    w.u24(len.saturating_add(3))?;
    w.u24(len)?;
    w.put(certificate)
}

/// Signs a digest with the identity's key: scheme and signature, as DigitallySigned has them.
fn sign<A: Allocator, P: Provider>(hs: &Context, link: &mut Link<A, P>, digest: &[u8; 32]) -> ([u8; 72], usize) {
    let mut der = [0; 72];
    let signature = link.provider.p256_sign(hs.identity.secret(), digest, &mut link.rng);
    let len = ecdsa_der_encode(&signature, &mut der);
    (der, len)
}

fn write_signature(w: &mut Writer<'_>, signature: &[u8]) -> Result<(), NoRoom> {
    w.u16(signature::ECDSA_P256_SHA256)?;
    vec16(w, |w| w.put(signature))
}

/// Reads DigitallySigned, which must end the message.
fn parse_signature<'a>(r: &mut Reader<'a>) -> Result<(u16, &'a [u8]), Error> {
    let scheme = r.u16()?;
    let len = usize::from(r.u16()?);
    let signature = r.take(len)?;
    if r.is_empty() { Ok((scheme, signature)) } else { Err(Error::Malformed) }
}

/// Checks the peer's Finished message against the transcript before it.
fn check_finished<A: Allocator, P: Provider>(
    hs: &Context,
    link: &Link<A, P>,
    m: &Message<'_>,
    label: &[u8],
) -> Result<(), Error> {
    expect(m, kind::FINISHED, 1)?;
    let expected =
        schedule12::verify_data(&link.provider, link.hash(), &hs.secrets.master, label, &hs.transcript.hash());
    if constant_time_eq(&expected, m.body) { Ok(()) } else { Err(Error::BadFinished) }
}

/// Puts ChangeCipherSpec and Finished into the flight.
fn write_finished<A: Allocator, P: Provider>(
    hs: &mut Context,
    link: &mut Link<A, P>,
    label: &[u8],
) -> Result<(), Error> {
    let data = schedule12::verify_data(&link.provider, link.hash(), &hs.secrets.master, label, &hs.transcript.hash());
    link.flight.change_cipher_spec()?;
    hs.transcript.add_own(link.flight.message(kind::FINISHED, 1, |w| w.put(&data))?);
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
            (&[0, 0, 10, 0, 0, 2, 7, 7, 0, 0, 2, 8, 8][..], Ok(&[7, 7][..])),
            (&[0, 0, 5, 0, 0, 2, 7, 7, 0], Err(Error::Malformed)),
            (&[0, 0, 6, 0, 0, 2, 7, 7, 0], Err(Error::Malformed)),
            (&[0, 0, 9, 0, 0, 2, 7, 7, 0, 0, 2, 8], Err(Error::Malformed)),
            (&[0, 0, 0], Err(Error::NoCertificate)),
        ];
        for (body, expected) in cases {
            assert_eq!(first_certificate(body), *expected, "{body:?}");
        }
    }
}
