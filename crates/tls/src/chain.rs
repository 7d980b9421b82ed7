//! From a server's certificate to an authority that is trusted (RFC 5280 §6.1).

use barertc_crypto::Provider;
use barertc_wire::{Reader, der};

use crate::certificate::Certificate;
use crate::error::CertificateFault as Fault;
use crate::name::ServerName;
use crate::time::UnixTime;

/// Certificates of a server that are looked at.
pub(crate) const MAX_CERTIFICATES: usize = 8;
/// Authorities between a server and one that is trusted.
const MAX_BETWEEN: usize = 4;
/// Signatures that are verified for one server: each costs the processor some milliseconds.
const MAX_SIGNATURES: usize = 16;

/// The authorities that are trusted: their certificates in DER, one after the other.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrustAnchors<'a>(&'a [u8]);

impl<'a> TrustAnchors<'a> {
    /// No authority: every server is [`Fault::Untrusted`].
    pub const NOBODY: Self = Self(&[]);

    /// Takes them, and counts how many there are.
    ///
    /// Of an anchor its name, its key and what it may be used for count; its validity does not (RFC 5280 §6.1). A server's own
    /// certificate may be one, too: then it is trusted for itself.
    ///
    /// # Errors
    /// What is wrong with the first that is none.
    pub fn new(der: &'a [u8]) -> Result<(Self, usize), Fault> {
        let anchors = Self(der);
        let mut count = 0usize;
        let mut r = Reader::new(der);
        while !r.is_empty() {
            Certificate::parse(next(&mut r).ok_or(Fault::Malformed)?)?;
            count = count.saturating_add(1);
        }
        Ok((anchors, count))
    }

    fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut r = Reader::new(self.0);
        core::iter::from_fn(move || next(&mut r))
    }
}

/// The bytes of the next element.
fn next<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    let before = r.rest();
    der::element(r).ok()?;
    before.get(..before.len().saturating_sub(r.rest().len()))
}

/// The server's certificate, where one of `anchors` vouches for it: now, and under this name. `certificates` are all that the
/// server sent, its own first; the others come in any order, and may be of no use (RFC 8446 §4.4.2).
pub(crate) fn verify<'c, P: Provider>(
    p: &P,
    certificates: &[&'c [u8]],
    anchors: TrustAnchors<'_>,
    now: UnixTime,
    name: ServerName<'_>,
) -> Result<Certificate<'c>, Fault> {
    let (own, others) = certificates.split_first().ok_or(Fault::Malformed)?;
    let server = Certificate::parse(own)?;
    if !anchors.iter().any(|anchor| anchor == *own) {
        let search = Search { p, others, anchors, now, signatures: MAX_SIGNATURES, fault: Fault::Untrusted };
        search.run(&server)?;
    }
    server.check_time(now)?;
    server.check_server()?;
    if !name.is_among(server.names()) {
        return Err(Fault::WrongName);
    }
    Ok(server)
}

/// A search for a way to an anchor, deep first.
struct Search<'s, 'c, 'a, P> {
    p: &'s P,
    others: &'s [&'c [u8]],
    anchors: TrustAnchors<'a>,
    now: UnixTime,
    /// How many may still be verified.
    signatures: usize,
    /// What was wrong with the first that seemed to lead to an anchor.
    fault: Fault,
}

/// One certificate of the way, and which of the others is looked at next.
#[derive(Clone, Copy)]
struct Step<'c> {
    certificate: Certificate<'c>,
    /// Its place among the others; the server's own has none.
    place: Option<usize>,
    next: usize,
}

impl<'c, P: Provider> Search<'_, 'c, '_, P> {
    fn run(mut self, server: &Certificate<'c>) -> Result<(), Fault> {
        let mut way: [Option<Step<'c>>; MAX_BETWEEN + 1] = [None; MAX_BETWEEN + 1];
        let mut depth = 0usize;
        if let Some(first) = way.first_mut() {
            *first = Some(Step { certificate: *server, place: None, next: 0 });
        }
        loop {
            let used = way.map(|step| step.and_then(|step| step.place));
            let Some(Some(step)) = way.get_mut(depth) else { return Err(self.fault) };
            if step.next == 0 && self.is_anchored(&step.certificate, depth) {
                return Ok(());
            }
            let found = if depth < MAX_BETWEEN { self.next_issuer(step, &used, depth) } else { None };
            match found {
                Some(issuer) => {
                    depth = depth.saturating_add(1);
                    if let Some(place) = way.get_mut(depth) {
                        *place = Some(issuer);
                    }
                }
                None => {
                    if let Some(place) = way.get_mut(depth) {
                        *place = None;
                    }
                    let Some(back) = depth.checked_sub(1) else { return Err(self.fault) };
                    depth = back;
                }
            }
        }
    }

    /// Whether an anchor vouches for `certificate`, which has so many below it.
    fn is_anchored(&mut self, certificate: &Certificate<'c>, depth: usize) -> bool {
        for anchor in self.anchors.iter() {
            let Ok(anchor) = Certificate::parse(anchor) else { continue };
            if anchor.subject != certificate.issuer {
                continue;
            }
            match anchor.check_authority(depth, true).and_then(|()| self.is_signed(certificate, &anchor)) {
                Ok(()) => return true,
                Err(fault) => self.note(fault),
            }
        }
        false
    }

    /// The next of the others that vouches for the certificate of `step`.
    fn next_issuer(&mut self, step: &mut Step<'c>, used: &[Option<usize>], depth: usize) -> Option<Step<'c>> {
        loop {
            let place = step.next;
            step.next = place.checked_add(1)?;
            let bytes = self.others.get(place)?;
            let Ok(issuer) = Certificate::parse(bytes) else { continue };
            if used.contains(&Some(place)) || issuer.subject != step.certificate.issuer {
                continue;
            }
            let checked = issuer
                .check_authority(depth, false)
                .and_then(|()| issuer.check_time(self.now))
                .and_then(|()| self.is_signed(&step.certificate, &issuer));
            match checked {
                Ok(()) => return Some(Step { certificate: issuer, place: Some(place), next: 0 }),
                Err(fault) => self.note(fault),
            }
        }
    }

    fn is_signed(&mut self, certificate: &Certificate<'c>, issuer: &Certificate<'_>) -> Result<(), Fault> {
        self.signatures = self.signatures.checked_sub(1).ok_or(Fault::Untrusted)?;
        certificate.check_signature(self.p, &issuer.key)
    }

    const fn note(&mut self, fault: Fault) {
        if matches!(self.fault, Fault::Untrusted) {
            self.fault = fault;
        }
    }
}
