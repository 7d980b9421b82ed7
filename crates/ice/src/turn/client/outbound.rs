//! The client's requests.

use core::net::{IpAddr, SocketAddr};

use barertc_arena::Allocator;
use barertc_crypto::{Generator, Provider};
use barertc_wire::{Instant, NoRoom};

use super::{Allocation, Client, LIFETIME, Permission, Request};
use crate::event::ServerError;
use crate::stun::{Builder, Class, Method, TransactionId, attr};
use crate::turn::auth::LongTerm;

/// REQUESTED-TRANSPORT: UDP's protocol number in the first byte (RFC 8656 §18.7).
const UDP: u32 = 17 << 24;
/// REQUESTED-ADDRESS-FAMILY: IPv6 in the first byte (RFC 8656 §18.6).
const IPV6: u32 = 2 << 24;

/// What a request asks for.
enum Ask {
    Allocate {
        ipv6: bool,
    },
    /// With lifetime 0, the allocation is given back.
    Refresh {
        lifetime: u32,
    },
    Permission(IpAddr),
    Channel(u16, SocketAddr),
}

impl<A: Allocator + Clone> Client<A> {
    /// Writes the next request that is due.
    pub(crate) fn poll_transmit<P: Provider>(
        &mut self,
        now: Instant,
        provider: &P,
        random: &mut Generator,
        out: &mut [u8],
    ) -> Option<Result<usize, NoRoom>> {
        let (id, ask) = self.next_request(now, || random.bytes())?;
        let written = write(out, provider, &self.auth, id, &ask);
        if written.is_err() && matches!(ask, Ask::Allocate { .. }) {
            // It will fit no better the next time.
            self.request = None;
            self.allocation = Allocation::Failed;
            self.failure = Some(ServerError::RequestTooLong { buffer: out.len() });
        }
        Some(written)
    }

    fn next_request(&mut self, now: Instant, mut fresh: impl FnMut() -> [u8; 12]) -> Option<(TransactionId, Ask)> {
        if self.is_waiting_to_release() {
            return None;
        }
        let (timing, signs) = (self.timing, self.auth.generation());
        // What is due: the next transmission of a request under way, or the first one of a refresh.
        let mut due = |request: &mut Option<Request>, refresh: Option<Instant>| {
            if request.is_none() && refresh.is_some_and(|at| at <= now) {
                *request = Some(Request::new(fresh(), now));
            }
            let request = request.as_mut()?;
            let tx = &mut request.transaction;
            tx.is_due(now, timing).then(|| {
                tx.on_sent(now, timing);
                request.signed = signs;
                tx.id
            })
        };
        let refresh = match self.allocation {
            Allocation::Made { refresh, .. } => Some(refresh),
            _ => None,
        };
        if let Some(id) = due(&mut self.request, refresh) {
            let lifetime = if self.releasing { 0 } else { LIFETIME };
            let ask = if refresh.is_some() { Ask::Refresh { lifetime } } else { Ask::Allocate { ipv6: self.ipv6 } };
            return Some((id, ask));
        }
        refresh?;
        for p in self.permissions.iter_mut() {
            let refresh = (p.state == Permission::Installed).then_some(p.refresh);
            if let Some(id) = due(&mut p.request, refresh) {
                return Some((id, Ask::Permission(p.ip)));
            }
        }
        for c in self.channels.iter_mut() {
            if let Some(id) = due(&mut c.request, Some(c.refresh)) {
                return Some((id, Ask::Channel(c.number, c.peer)));
            }
        }
        None
    }
}

fn write<A: Allocator + Clone, P: Provider>(
    out: &mut [u8],
    provider: &P,
    auth: &LongTerm<A>,
    id: TransactionId,
    ask: &Ask,
) -> Result<usize, NoRoom> {
    let method = match ask {
        Ask::Allocate { .. } => Method::ALLOCATE,
        Ask::Refresh { .. } => Method::REFRESH,
        Ask::Permission(_) => Method::CREATE_PERMISSION,
        Ask::Channel(..) => Method::CHANNEL_BIND,
    };
    let mut b = Builder::new(out, Class::Request, method, id)?;
    match *ask {
        Ask::Allocate { ipv6 } => {
            b.u32(attr::REQUESTED_TRANSPORT, UDP)?;
            b.u32(attr::LIFETIME, LIFETIME)?;
            if ipv6 {
                b.u32(attr::REQUESTED_ADDRESS_FAMILY, IPV6)?;
            }
        }
        Ask::Refresh { lifetime } => b.u32(attr::LIFETIME, lifetime)?,
        Ask::Permission(ip) => b.xor_address(attr::XOR_PEER_ADDRESS, SocketAddr::new(ip, 0))?,
        Ask::Channel(number, peer) => {
            b.u32(attr::CHANNEL_NUMBER, u32::from(number) << 16)?;
            b.xor_address(attr::XOR_PEER_ADDRESS, peer)?;
        }
    }
    auth.sign(provider, &mut b)?;
    b.fingerprint()
}
