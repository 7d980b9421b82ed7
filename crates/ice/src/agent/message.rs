//! The messages that agents exchange (RFC 8445 §7): binding requests with priority, role and nomination, and their
//! responses.

use core::net::SocketAddr;

use barertc_crypto::Provider;
use barertc_wire::{Instant, NoRoom};

use super::path::Path;
use crate::carrier::{Attributes, Carrier, Carries};
use crate::credentials::{Local, Remote};
use crate::stun::{Builder, Class, Method, TransactionId, attr};

/// A response that waits to be written.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) id: TransactionId,
    pub(super) path: Path,
    pub(super) remote: SocketAddr,
    pub(super) outcome: Outcome,
    /// When the request came.
    pub(super) asked: Instant,
    /// The request was protected by MESSAGE-INTEGRITY-SHA256, so the response is.
    pub(super) sha256: bool,
    /// The request came with the credentials of before a restart.
    pub(super) previous: bool,
}

/// What a response says.
#[derive(Debug)]
pub(super) enum Outcome {
    Success,
    /// 487 (RFC 8445 §7.3.1.1).
    RoleConflict,
    /// 420 with these (RFC 8489 §6.3.1).
    Unknown(heapless::Vec<u16, 8>),
}

/// What a connectivity check says (RFC 8445 §7.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) id: TransactionId,
    pub(super) priority: u32,
    pub(super) controlling: bool,
    pub(super) tie_breaker: u64,
    pub(super) use_candidate: bool,
    /// It probes the path MTU: padding makes it as long as the buffer.
    pub(super) padded: bool,
}

/// Bytes of MESSAGE-INTEGRITY and FINGERPRINT.
const BEHIND_PADDING: usize = 24 + 8;

impl Request {
    pub(super) fn write<P: Provider>(
        &self,
        out: &mut [u8],
        provider: &P,
        local: &Local,
        remote: &Remote,
        carrier: Option<&mut Carrier<'_>>,
    ) -> Result<usize, NoRoom> {
        let mut b = Builder::new(out, Class::Request, Method::BINDING, self.id)?;
        b.parts(attr::USERNAME, &[remote.ufrag().as_bytes(), b":", local.ufrag().as_bytes()])?;
        b.u32(attr::PRIORITY, self.priority)?;
        let role = if self.controlling { attr::ICE_CONTROLLING } else { attr::ICE_CONTROLLED };
        b.u64(role, self.tie_breaker)?;
        if self.use_candidate {
            b.bytes(attr::USE_CANDIDATE, &[])?;
        }
        if let Some(carrier) = carrier {
            carrier(Carries { class: Class::Request, id: self.id }, &mut Attributes::new(&mut b));
        }
        if self.padded {
            b.fill(attr::PROBE_PADDING, BEHIND_PADDING)?;
        }
        b.integrity(provider, remote.password().key())?;
        b.fingerprint()
    }
}

impl Answer {
    pub(super) fn write<P: Provider>(
        &self,
        out: &mut [u8],
        provider: &P,
        local: &Local,
        carrier: Option<&mut Carrier<'_>>,
    ) -> Result<usize, NoRoom> {
        let class = if matches!(self.outcome, Outcome::Success) { Class::Success } else { Class::Error };
        let mut b = Builder::new(out, class, Method::BINDING, self.id)?;
        match &self.outcome {
            Outcome::Success => b.xor_address(attr::XOR_MAPPED_ADDRESS, self.remote)?,
            Outcome::RoleConflict => b.error(487, "Role Conflict")?,
            Outcome::Unknown(kinds) => {
                b.error(420, "Unknown Attribute")?;
                let mut list = [0; 16];
                for (place, kind) in list.chunks_exact_mut(2).zip(kinds) {
                    place.copy_from_slice(&kind.to_be_bytes());
                }
                let len = kinds.len().saturating_mul(2);
                b.bytes(attr::UNKNOWN_ATTRIBUTES, list.get(..len).unwrap_or_default())?;
            }
        }
        if let (Outcome::Success, Some(carrier)) = (&self.outcome, carrier) {
            carrier(Carries { class: Class::Success, id: self.id }, &mut Attributes::new(&mut b));
        }
        if self.sha256 {
            b.integrity_sha256(provider, &local.password().key_sha256())?;
        } else {
            b.integrity(provider, local.password().key())?;
        }
        b.fingerprint()
    }
}
