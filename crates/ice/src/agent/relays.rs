//! The TURN clients: one for each server.
use core::net::{IpAddr, SocketAddr};

use barertc_arena::{Allocator, Vec};
use barertc_wire::Instant;

use super::path::Path;
use super::questions::can_ask;
use crate::config::Config;
use crate::error::Error;
use crate::event::ServerError;
use crate::route::{Route, unscoped};
use crate::turn::{Allocation, Client, Permission, SERVERS, TurnServer};

pub(super) struct Relays<A: Allocator> {
    clients: Vec<Client<A>, A>,
    alloc: A,
}

impl<A: Allocator + Clone> Relays<A> {
    pub(super) const fn bytes(config: &Config) -> usize {
        let each = Client::<A>::worst_case_bytes(config.max_permissions as usize, config.max_channels as usize);
        Vec::<Client<A>, A>::bytes(config.max_relays as usize)
            .saturating_add(each.saturating_mul(config.max_relays as usize))
    }

    pub(super) fn new(config: &Config, alloc: A) -> Result<Self, Error> {
        Ok(Self { clients: Vec::with_capacity(config.max_relays.into(), alloc.clone())?, alloc })
    }

    pub(super) fn add(&mut self, server: &TurnServer<'_>, config: &Config) -> Result<(), Error> {
        let full = Error::TooMany { what: SERVERS, limit: self.clients.capacity() };
        if self.clients.is_full() {
            return Err(full);
        }
        let (permissions, channels) = (config.max_permissions.into(), config.max_channels.into());
        let client = Client::new(server, permissions, channels, config.timing(), self.alloc.clone())?;
        self.clients.try_push(client).map_err(|_| full)
    }

    /// Gives a server's client another account; which client that is.
    pub(super) fn renew(&mut self, now: Instant, server: &TurnServer<'_>) -> Result<usize, Error> {
        let is_it = |c: &Client<A>| (c.server(), c.protocol()) == (unscoped(server.addr), server.protocol);
        let unknown = Error::UnknownServer(server.addr);
        let i = self.clients.iter().position(is_it).ok_or(unknown)?;
        let client = self.clients.get_mut(i).ok_or(unknown)?;
        client.renew(now, server.username, server.password, self.alloc.clone())?;
        Ok(i)
    }

    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    pub(super) fn get(&self, i: usize) -> Option<&Client<A>> {
        self.clients.get(i)
    }

    pub(super) fn get_mut(&mut self, i: usize) -> Option<&mut Client<A>> {
        self.clients.get_mut(i)
    }

    /// The client whose server a datagram by `route` is from.
    pub(super) fn by_route(&self, route: Route) -> Option<usize> {
        self.clients.iter().position(|c| c.is_reached_by(route))
    }

    /// Asks for the allocations that no socket was chosen for yet, each from the best of `sockets` that is left. Where
    /// none is left, the client waits before it begins anew.
    pub(super) fn allocate<I: Iterator<Item = (u32, SocketAddr)>>(
        &mut self,
        now: Instant,
        sockets: impl Fn() -> I,
        mut fresh: impl FnMut() -> [u8; 12],
    ) {
        for client in self.clients.iter_mut().filter(|c| c.allocation() == Allocation::Idle) {
            let server = client.server();
            let left = sockets().filter(|(_, base)| can_ask(*base, server) && !client.has_tried(*base));
            match left.max() {
                Some((_, base)) => client.allocate(base, fresh(), now),
                None => client.wait_if_tried(now),
            }
        }
    }

    /// Whether the first address is still waited for, and some server may give it.
    pub(super) fn is_asking(&self) -> bool {
        let has_relay = self.clients.iter().any(|c| c.relayed().is_some());
        !has_relay && self.clients.iter().any(|c| c.allocation() == Allocation::Requested)
    }

    pub(super) fn permission(&self, i: usize, ip: IpAddr) -> Option<Permission> {
        self.clients.get(i).and_then(|c| c.permission(ip))
    }

    /// Whether something may be sent on this path now: a relay must have let the peer in.
    pub(super) fn may_send(&self, path: Path, remote: SocketAddr) -> bool {
        match path {
            Path::Socket(_) | Path::Tcp(_) => true,
            Path::Relay(i) => self.permission(i, remote.ip()) == Some(Permission::Installed),
        }
    }

    /// Bytes that a path needs before and behind the data.
    pub(super) fn room(&self, path: Path, remote: SocketAddr) -> (usize, usize) {
        match path {
            Path::Socket(_) | Path::Tcp(_) => (0, 0),
            Path::Relay(i) => (self.clients.get(i).map_or(0, |c| c.front(remote)), crate::turn::PADDING),
        }
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        self.clients.iter().filter_map(Client::timeout).min()
    }

    pub(super) fn poll_event(&mut self) -> Option<(SocketAddr, ServerError)> {
        self.clients.iter_mut().find_map(|c| Some((c.server(), c.take_failure()?)))
    }
}
