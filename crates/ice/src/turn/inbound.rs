//! The server's responses, and what it relays.

use core::net::SocketAddr;
use core::ops::Range;
use core::time::Duration;

use barertc_arena::Allocator;
use barertc_crypto::{Generator, Provider};
use barertc_wire::Instant;

use super::{
    Allocation, CHANNEL_REFRESH, Client, LIFETIME, MAX_CHALLENGES, PERMISSION_REFRESH, Permission, REFRESH_MARGIN,
    Request, frame,
};
use crate::Discard;
use crate::stun::{Class, Message, Method, attr};
use crate::transaction::Transaction;

/// What a datagram from the server was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Inbound {
    /// Not TURN's: the server is a STUN server too, and may be a peer.
    Other,
    /// A response; the allocation or a permission may have changed.
    Changed,
    /// A peer's bytes.
    Data { peer: SocketAddr, range: Range<usize> },
}

/// Which request a response belongs to.
#[derive(Clone, Copy)]
enum Which {
    Allocation,
    Permission(usize),
    Channel(usize),
}

impl<A: Allocator + Clone> Client<A> {
    /// One datagram from the server's address.
    pub(crate) fn handle<P: Provider>(
        &mut self,
        now: Instant,
        provider: &P,
        random: &mut Generator,
        datagram: &[u8],
    ) -> Result<Inbound, Discard> {
        match datagram.first() {
            Some(0x40..=0x4F) => {
                let (number, range) = frame::read_channel_data(datagram).ok_or(Discard::Malformed)?;
                let channel = self.channels.iter().find(|c| c.bound && c.number == number);
                let peer = channel.ok_or(Discard::UnknownChannel)?.peer;
                return Ok(Inbound::Data { peer, range });
            }
            Some(0..=3) => {}
            _ => return Ok(Inbound::Other),
        }
        let m = Message::parse(datagram).map_err(|_| Discard::Malformed)?;
        match (m.method(), m.class()) {
            (Method::BINDING, _) => Ok(Inbound::Other),
            (Method::DATA, Class::Indication) => {
                let (peer, range) = frame::read_data(datagram, &m).ok_or(Discard::Malformed)?;
                // The server lets nobody else through (RFC 8656 §11.3); nor is a forger of its address believed.
                self.permission(peer.ip()).ok_or(Discard::UnknownRemote)?;
                Ok(Inbound::Data { peer, range })
            }
            (_, Class::Success | Class::Error) => self.response(now, provider, random, &m).map(|()| Inbound::Changed),
            _ => Err(Discard::Unexpected),
        }
    }

    fn response<P: Provider>(
        &mut self,
        now: Instant,
        provider: &P,
        random: &mut Generator,
        m: &Message<'_>,
    ) -> Result<(), Discard> {
        let is_it = |r: &Option<Request>| r.is_some_and(|r| r.transaction.id == m.id());
        let which = if is_it(&self.request) {
            Which::Allocation
        } else if let Some(i) = self.permissions.iter().position(|p| is_it(&p.request)) {
            Which::Permission(i)
        } else if let Some(i) = self.channels.iter().position(|c| is_it(&c.request)) {
            Which::Channel(i)
        } else {
            return Err(Discard::UnknownTransaction);
        };
        let challenges = self.request_mut(which).and_then(|r| *r).map_or(0, |r| r.challenges);
        match (m.class(), m.error_code()) {
            (Class::Success, _) => {
                if !self.auth.verify(provider, m) {
                    return Err(Discard::Unauthenticated);
                }
                if let Some(request) = self.request_mut(which) {
                    *request = None;
                }
                let was_unwanted = self.is_waiting_to_release();
                if self.releasing && !was_unwanted {
                    self.end_release();
                    return Ok(());
                }
                self.succeeded(now, which, m)?;
                if was_unwanted {
                    self.begin_release(random.bytes(), now);
                }
                Ok(())
            }
            // The challenges are not authenticated and cannot be (RFC 8489 §9.2.4); the id was ours to know.
            // An allocation that was asked for without the password was not made.
            (_, Some(401 | 438)) if self.is_waiting_to_release() => {
                self.end_release();
                Ok(())
            }
            (_, Some(401 | 438)) if challenges < MAX_CHALLENGES && self.auth.take(provider, m) => {
                let transaction = Transaction::new(random.bytes(), now);
                if let Some(request) = self.request_mut(which) {
                    *request = Some(Request { transaction, challenges: challenges.saturating_add(1) });
                }
                Ok(())
            }
            (_, code) => {
                if m.has_integrity() && !self.auth.verify(provider, m) {
                    return Err(Discard::Unauthenticated);
                }
                self.refused(now, which, code, m, random.bytes());
                Ok(())
            }
        }
    }

    fn request_mut(&mut self, which: Which) -> Option<&mut Option<Request>> {
        match which {
            Which::Allocation => Some(&mut self.request),
            Which::Permission(i) => self.permissions.get_mut(i).map(|p| &mut p.request),
            Which::Channel(i) => self.channels.get_mut(i).map(|c| &mut c.request),
        }
    }

    fn succeeded(&mut self, now: Instant, which: Which, m: &Message<'_>) -> Result<(), Discard> {
        match which {
            Which::Allocation => {
                let (relayed, mapped) = match self.allocation {
                    Allocation::Made { relayed, mapped, .. } => (relayed, mapped),
                    _ => {
                        let relayed = m.xor_address(attr::XOR_RELAYED_ADDRESS);
                        let mapped = m.xor_address(attr::XOR_MAPPED_ADDRESS);
                        let Some((relayed, mapped)) = relayed.zip(mapped) else {
                            self.allocation = Allocation::Failed;
                            return Err(Discard::Malformed);
                        };
                        (relayed, mapped)
                    }
                };
                let lifetime = Duration::from_secs(m.u32(attr::LIFETIME).unwrap_or(LIFETIME).into());
                let margin = REFRESH_MARGIN.min(lifetime.checked_div(2).unwrap_or_default());
                self.allocation = Allocation::Made {
                    relayed,
                    mapped,
                    refresh: now + lifetime.saturating_sub(margin),
                    expires: now + lifetime,
                };
            }
            Which::Permission(i) => {
                if let Some(p) = self.permissions.get_mut(i) {
                    p.state = Permission::Installed;
                    p.refresh = now + PERMISSION_REFRESH;
                }
            }
            Which::Channel(i) => {
                if let Some(c) = self.channels.get_mut(i) {
                    c.bound = true;
                    c.refresh = now + CHANNEL_REFRESH;
                }
            }
        }
        Ok(())
    }

    fn refused(&mut self, now: Instant, which: Which, code: Option<u16>, m: &Message<'_>, id: [u8; 12]) {
        match which {
            // RFC 8489 §10: once, and to an address of the same family.
            Which::Allocation if code == Some(300) && !self.redirected && self.relayed().is_none() => {
                let elsewhere = m.address(attr::ALTERNATE_SERVER).filter(|a| a.is_ipv4() == self.server.is_ipv4());
                self.redirected = true;
                match (elsewhere, self.base) {
                    (Some(server), Some(base)) => {
                        self.server = server;
                        self.allocate(base, id, now);
                    }
                    _ => self.lose_allocation(now, id),
                }
            }
            Which::Allocation => self.lose_allocation(now, id),
            Which::Permission(i) => {
                if let Some(p) = self.permissions.get_mut(i) {
                    p.request = None;
                    p.state = Permission::Refused;
                }
            }
            Which::Channel(i) => {
                self.channels.remove(i);
            }
        }
    }
}
