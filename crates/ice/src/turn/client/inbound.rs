//! The server's responses, and what it relays.

use core::time::Duration;

use barertc_arena::Allocator;
use barertc_crypto::{Generator, Provider};
use barertc_wire::Instant;

use super::account::is_of_the_account;
use super::{
    Allocation, CHANNEL_REFRESH, Client, Inbound, LIFETIME, MAX_CHALLENGES, PERMISSION_REFRESH, Permission,
    REFRESH_MARGIN, Request,
};
use crate::event::{Discard, ServerError};
use crate::route::is_unicast;
use crate::stun::{Class, Message, Method, attr};
use crate::turn::auth::{Attempt, is_bid_down};
use crate::turn::frame;

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
                let (peer, range) = frame::read_data(&m).ok_or(Discard::Malformed)?;
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
        let Some(request) = self.request_mut(which).and_then(|r| *r) else { return Err(Discard::UnknownTransaction) };
        let code = match m.class() {
            Class::Success => None,
            _ => Some(m.error_code().ok_or(Discard::Malformed)?),
        };
        // Challenges are not authenticated and cannot be (RFC 8489 §9.2.4); but who answers has seen the request.
        if let Some(code @ (401 | 438)) = code {
            self.challenged(now, provider, random.bytes(), which, request, m, code);
            return Ok(());
        }
        // RFC 8489 §9.2.5: retransmission goes on as if such a response had never been received.
        let genuine = if request.signed > 0 { self.auth.verify(provider, m) } else { !m.has_integrity() };
        if is_bid_down(m) || !genuine {
            if let Some(Some(request)) = self.request_mut(which) {
                request.forged = true;
            }
            if self.protocol.is_stream() {
                // Nothing is lost on a stream, so nothing better will come.
                self.refused(now, which, ServerError::Unauthenticated, m, random.bytes());
            }
            return Err(Discard::Unauthenticated);
        }
        if let Some(code) = code {
            self.refused(now, which, ServerError::Refused(code), m, random.bytes());
            return Ok(());
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

    /// The request was not accepted as it was made: repeats it as the challenge asks, or gives up.
    #[allow(clippy::too_many_arguments)] // what `response` knows
    fn challenged<P: Provider>(
        &mut self,
        now: Instant,
        provider: &P,
        id: [u8; 12],
        which: Which,
        request: Request,
        m: &Message<'_>,
        code: u16,
    ) {
        if self.is_waiting_to_release() {
            // An allocation that was asked for without the right password was not made.
            return self.end_release();
        }
        let attempt = Attempt { code, signed: request.signed };
        let answered = match self.auth.challenge(provider, m, attempt) {
            Ok(()) if request.challenges >= MAX_CHALLENGES => Err(ServerError::Refused(code)),
            answered => answered,
        };
        match answered {
            Ok(()) => {
                let challenges = request.challenges.saturating_add(1);
                let again = Request { challenges, ..Request::new(id, now) };
                if let Some(request) = self.request_mut(which) {
                    *request = Some(again);
                }
            }
            Err(error) => self.refused(now, which, error, m, id),
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
                self.failure = None;
                let (relayed, mapped) = match self.allocation {
                    Allocation::Made { relayed, mapped, .. } => {
                        // It has lived for a while, so that losing it once more is no sign that it cannot be kept.
                        self.restarts = 0;
                        self.reconnects = 0;
                        self.tried.clear();
                        (relayed, mapped)
                    }
                    _ => {
                        let relayed = m.xor_address(attr::XOR_RELAYED_ADDRESS);
                        let mapped = m.xor_address(attr::XOR_MAPPED_ADDRESS);
                        let usable = relayed.zip(mapped).filter(|(r, m)| is_unicast(*r) && is_unicast(*m));
                        let Some(addresses) = usable else {
                            self.allocation = Allocation::Failed;
                            self.failure = Some(ServerError::Malformed);
                            return Err(Discard::Malformed);
                        };
                        addresses
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

    fn refused(&mut self, now: Instant, which: Which, error: ServerError, m: &Message<'_>, id: [u8; 12]) {
        let is_made = self.relayed().is_some();
        match which {
            // RFC 8489 §10: once, and to an address of the same family.
            Which::Allocation if error == ServerError::Refused(300) && !self.redirected && !is_made => {
                let same_family = |a: &core::net::SocketAddr| a.is_ipv4() == self.server.is_ipv4();
                let elsewhere = m.address(attr::ALTERNATE_SERVER).filter(same_family).filter(|a| is_unicast(*a));
                self.redirected = true;
                match (elsewhere, self.base) {
                    (Some(server), Some(base)) => {
                        self.server = server;
                        self.allocate(base, id, now);
                    }
                    _ => self.lose_allocation(now, id, error),
                }
            }
            // It is there until it expires, and its 5-tuple gets no other one before (RFC 8656 §7.2).
            Which::Allocation if is_of_the_account(error) && is_made && !self.releasing => {
                self.failure = Some(error).filter(|_| self.renewed.is_none());
                self.request = None;
                if let Allocation::Made { refresh, expires, .. } = &mut self.allocation {
                    *refresh = *expires;
                }
            }
            Which::Allocation => self.lose_allocation(now, id, error),
            // RFC 8656 §5: the allocation no longer exists.
            _ if error == ServerError::Refused(437) => self.lose_allocation(now, id, error),
            Which::Permission(i) => {
                if let Some(p) = self.permissions.get_mut(i) {
                    p.request = None;
                    p.state = Permission::Refused;
                    p.refused_account = is_of_the_account(error);
                }
                self.leave_if_useless(now);
            }
            Which::Channel(i) => {
                self.channels.remove(i);
            }
        }
    }
}
