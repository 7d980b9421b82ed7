//! The handshake of DTLS 1.2 (RFC 6347, section 4.2; RFC 5246, section 7.3).
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
//! A ChangeCipherSpec says nothing that the epoch in each record doesn't, so received ones are ignored; what counts is
//! that Finished comes in epoch 1 and everything before it in epoch 0.

pub(crate) mod client;
pub(crate) mod server;

use barertc_arena::Allocator;
use barertc_crypto::{Provider, constant_time_eq, ecdsa_der_encode};
use barertc_wire::{NoRoom, Reader, Writer};

use crate::error::Error;
use crate::handshake::reassembly::Message;
use crate::handshake::vec16;
use crate::handshake::{kind, signature};
use crate::schedule12;
use crate::secret::Secret;
use crate::state::{Handshake, Link};

/// Labels of the two Finished messages.
const CLIENT_FINISHED: &[u8] = b"client finished";
const SERVER_FINISHED: &[u8] = b"server finished";

/// Checks type and epoch of a message that is the only one allowed here.
fn expect(m: &Message<'_>, kind: u8, epoch: u16) -> Result<(), Error> {
    if m.kind == kind && m.epoch == epoch { Ok(()) } else { Err(Error::UnexpectedMessage) }
}

/// The first certificate of a Certificate message (RFC 5246, section 7.4.2); the rest of a chain proves nothing here.
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
    let len = usize::try_from(list.u24()?).map_err(|_| Error::Malformed)?;
    Ok(list.take(len)?)
}

fn write_certificate(w: &mut Writer<'_>, certificate: &[u8]) -> Result<(), NoRoom> {
    let len = u32::try_from(certificate.len()).map_err(|_| NoRoom)?;
    w.u24(len.saturating_add(3))?;
    w.u24(len)?;
    w.put(certificate)
}

/// Signs a digest with the identity's key: scheme and signature, as DigitallySigned has them.
fn sign<A: Allocator, P: Provider>(hs: &Handshake, link: &mut Link<A, P>, digest: &[u8; 32]) -> ([u8; 72], usize) {
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
    hs: &Handshake,
    link: &Link<A, P>,
    m: &Message<'_>,
    master: &Secret,
    label: &[u8],
) -> Result<(), Error> {
    expect(m, kind::FINISHED, 1)?;
    let expected = schedule12::verify_data(&link.provider, link.hash(), master, label, &hs.transcript.hash());
    if constant_time_eq(&expected, m.body) { Ok(()) } else { Err(Error::BadFinished) }
}

/// Puts ChangeCipherSpec and Finished into the flight.
fn write_finished<A: Allocator, P: Provider>(
    hs: &mut Handshake,
    link: &mut Link<A, P>,
    master: &Secret,
    label: &[u8],
) -> Result<(), Error> {
    let data = schedule12::verify_data(&link.provider, link.hash(), master, label, &hs.transcript.hash());
    link.flight.change_cipher_spec()?;
    hs.transcript.add_own(link.flight.message(kind::FINISHED, 1, |w| w.put(&data))?);
    Ok(())
}
