//! One allocation at one server, and the permissions and channels on it (RFC 8656).
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use barertc_arena::{Allocator, Vec};
use barertc_wire::Instant;

use super::auth::{Account, LongTerm};
use super::words::{Allocation, Inbound, Permission, TurnServer};
use crate::error::Error;
use crate::event::ServerError;
use crate::route::{Protocol, Route, unscoped};
use crate::stream::StreamEnd;
use crate::transaction::{Timing, Transaction};

mod account;
mod data;
mod inbound;
mod outbound;

/// Lifetimes of RFC 8656 §9 and §12, less a minute in which to refresh.
const PERMISSION_REFRESH: Duration = Duration::from_secs(240);
const CHANNEL_REFRESH: Duration = Duration::from_secs(540);
const REFRESH_MARGIN: Duration = Duration::from_secs(60);
/// Asked for and assumed (RFC 8656 §3.2).
const LIFETIME: u32 = 600;
/// How often an allocation that was lost is made anew at once, without having been refreshed in between.
const MAX_RESTARTS: u8 = 3;
/// Challenges that one request is repeated for. RFC 8489 §9.2.5 sets no bound, but a server that changes its nonce for
/// every request would keep the client busy for ever.
const MAX_CHALLENGES: u8 = 16;
/// Sockets that are tried in a row (RFC 8656 §7.4, code 437).
const MAX_TRIED: usize = 3;
/// How long a server is left alone after it has refused all of them (RFC 8656 §7.4, code 437).
const WAIT_AFTER_ALL: Duration = Duration::from_secs(120);
/// How long a server is left alone that has no capacity at present (RFC 8656 §7.4, codes 486 and 508).
const WAIT_FOR_CAPACITY: Duration = Duration::from_secs(60);
/// How long a server is left alone after no stream to it could be made; doubled each time in a row, up to a minute.
const FIRST_RECONNECT: Duration = Duration::from_secs(1);
const MOST_RECONNECTS: u8 = 6;
const LAST_RECONNECT: Duration = Duration::from_secs(60);
/// How often a server is asked to take an allocation back. Whoever closes does not want to wait for 39.5 s, and what is
/// not taken back expires.
const RELEASE_ATTEMPTS: u8 = 3;
/// Channel numbers of RFC 8656 §12.
const FIRST_CHANNEL: u16 = 0x4000;
const LAST_CHANNEL: u16 = 0x4FFF;

#[derive(Debug)]
struct PermissionEntry {
    ip: IpAddr,
    state: Permission,
    /// It was refused for the account, not for the peer.
    refused_account: bool,
    refresh: Instant,
    request: Option<Request>,
}

#[derive(Debug)]
struct Channel {
    peer: SocketAddr,
    number: u16,
    bound: bool,
    refresh: Instant,
    request: Option<Request>,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    transaction: Transaction,
    challenges: u8,
    /// Which answer to a challenge the last transmission was made with: 0 for none.
    signed: u16,
    /// A response was dropped because it does not prove that the server knows the password.
    forged: bool,
}

impl Request {
    fn new(id: [u8; 12], now: Instant) -> Self {
        Self { transaction: Transaction::new(id, now), challenges: 0, signed: 0, forged: false }
    }

    /// Why there was no success by the time that it is over.
    const fn silence(&self) -> ServerError {
        if self.forged { ServerError::Unauthenticated } else { ServerError::Unanswered }
    }
}

/// One allocation: what it has, and what it waits for. More than fifteen fields: each belongs to the one exchange with
/// one server.
pub(crate) struct Client<A: Allocator> {
    server: SocketAddr,
    protocol: Protocol,
    ipv6: bool,
    base: Option<SocketAddr>,
    /// The sockets from which the server could not be used, since the last success.
    tried: heapless::Vec<SocketAddr, MAX_TRIED>,
    /// Why there is no allocation, until that is told.
    failure: Option<ServerError>,
    auth: LongTerm<A>,
    /// The account of the next allocation.
    renewed: Option<Account<A>>,
    allocation: Allocation,
    /// Allocate or Refresh.
    request: Option<Request>,
    restarts: u8,
    /// Waits in a row after which no stream to the server could be made.
    reconnects: u8,
    redirected: bool,
    /// The allocation is not wanted any more.
    releasing: bool,
    permissions: Vec<PermissionEntry, A>,
    channels: Vec<Channel, A>,
    next_channel: u16,
    timing: Timing,
    indication: u64,
}

impl<A: Allocator + Clone> Client<A> {
    pub(crate) const fn worst_case_bytes(permissions: usize, channels: usize) -> usize {
        Vec::<PermissionEntry, A>::bytes(permissions)
            .saturating_add(Vec::<Channel, A>::bytes(channels))
            .saturating_add(LongTerm::<A>::worst_case_bytes())
            .saturating_add(Account::<A>::worst_case_bytes())
    }

    pub(crate) fn new(
        server: &TurnServer<'_>,
        permissions: usize,
        channels: usize,
        timing: Timing,
        alloc: A,
    ) -> Result<Self, Error> {
        Ok(Self {
            server: unscoped(server.addr),
            protocol: server.protocol,
            ipv6: server.ipv6,
            base: None,
            tried: heapless::Vec::new(),
            failure: None,
            auth: LongTerm::new(server.username, server.password, alloc.clone())?,
            renewed: None,
            allocation: Allocation::Idle,
            request: None,
            restarts: 0,
            reconnects: 0,
            redirected: false,
            releasing: false,
            permissions: Vec::with_capacity(permissions, alloc.clone())?,
            channels: Vec::with_capacity(channels, alloc)?,
            next_channel: FIRST_CHANNEL,
            timing: if server.protocol.is_stream() { timing.over_stream() } else { timing },
            indication: 0,
        })
    }

    pub(crate) const fn server(&self) -> SocketAddr {
        self.server
    }

    pub(crate) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) const fn base(&self) -> Option<SocketAddr> {
        self.base
    }

    /// Whether what comes by `route` is from the server.
    pub(crate) fn is_reached_by(&self, route: Route) -> bool {
        (self.base, self.server, self.protocol) == (Some(route.local), route.remote, route.protocol)
    }

    pub(crate) const fn allocation(&self) -> Allocation {
        self.allocation
    }

    pub(crate) const fn relayed(&self) -> Option<SocketAddr> {
        match self.allocation {
            Allocation::Made { relayed, .. } => Some(relayed),
            _ => None,
        }
    }

    /// Asks for an allocation from the socket `base`.
    pub(crate) fn allocate(&mut self, base: SocketAddr, id: [u8; 12], now: Instant) {
        if let Some(account) = self.renewed.take() {
            self.auth.renew(account);
        }
        self.base = Some(base);
        self.allocation = Allocation::Requested;
        self.request = Some(Request::new(id, now));
        self.permissions.clear();
        self.channels.clear();
    }

    /// Whether the server could not be used from the socket `base`.
    pub(crate) fn has_tried(&self, base: SocketAddr) -> bool {
        self.tried.is_full() || self.tried.contains(&base)
    }

    /// No socket is left to try: waits before it begins anew.
    pub(crate) fn wait_if_tried(&mut self, now: Instant) {
        if !self.tried.is_empty() {
            self.allocation = Allocation::Waiting { until: now + WAIT_AFTER_ALL };
        }
    }

    /// Why there is no allocation; told once.
    pub(crate) fn take_failure(&mut self) -> Option<ServerError> {
        self.failure.take()
    }

    /// The socket is gone, and the allocation with it.
    pub(crate) fn forget_base(&mut self) {
        self.base = None;
        self.tried.clear();
        self.allocation = if self.releasing { Allocation::Released } else { Allocation::Idle };
        self.request = None;
        self.permissions.clear();
        self.channels.clear();
    }

    /// Whether the stream to the server is in use.
    pub(crate) const fn uses_stream(&self) -> bool {
        self.protocol.is_stream() && matches!(self.allocation, Allocation::Requested | Allocation::Made { .. })
    }

    /// The stream to the server has ended, and the allocation with it (RFC 8656 §3.1), or none could be made.
    pub(crate) fn stream_ended(&mut self, now: Instant, id: [u8; 12], end: StreamEnd) {
        if self.uses_stream() {
            self.lose_allocation(now, id, ServerError::Stream(end));
        }
    }

    /// Gives the allocation back with a Refresh of lifetime 0 (RFC 8656 §8). One that was asked for is given back when
    /// the server says that it was made, which is waited for no longer than the next repetition would be due.
    pub(crate) fn release(&mut self, id: [u8; 12], now: Instant) {
        self.renewed = None;
        self.permissions.clear();
        self.channels.clear();
        match self.allocation {
            _ if self.releasing => {}
            Allocation::Made { .. } => self.begin_release(id, now),
            Allocation::Requested if self.request.is_some_and(|r| r.transaction.transmissions() > 0) => {
                self.releasing = true;
            }
            _ => self.end_release(),
        }
    }

    fn begin_release(&mut self, id: [u8; 12], now: Instant) {
        self.releasing = true;
        self.timing.attempts = self.timing.attempts.min(RELEASE_ATTEMPTS);
        self.request = Some(Request::new(id, now));
    }

    fn end_release(&mut self) {
        self.releasing = true;
        self.allocation = Allocation::Released;
        self.request = None;
        self.auth.wipe();
    }

    /// Whether an allocation that is not wanted is still being asked for: nothing is sent meanwhile.
    fn is_waiting_to_release(&self) -> bool {
        self.releasing && self.allocation == Allocation::Requested
    }

    pub(crate) fn permission(&self, ip: IpAddr) -> Option<Permission> {
        self.permissions.iter().find(|p| p.ip == ip).map(|p| p.state)
    }

    /// Asks for permission to send to `ip`, and keeps it from now on.
    pub(crate) fn permit(&mut self, ip: IpAddr, id: [u8; 12], now: Instant) -> Option<()> {
        if self.permission(ip).is_some() {
            return Some(());
        }
        let request = Some(Request::new(id, now));
        let entry = PermissionEntry { ip, state: Permission::Requested, refused_account: false, refresh: now, request };
        self.permissions.try_push(entry).ok()
    }

    /// Permissions for which `wanted` is false are not refreshed any more.
    pub(crate) fn retain_permissions(&mut self, wanted: impl Fn(IpAddr) -> bool) {
        self.permissions.retain(|p| wanted(p.ip));
    }

    /// Asks for a channel to `peer`, which saves 32 bytes a packet. Without a free one, indications do.
    pub(crate) fn bind(&mut self, peer: SocketAddr, id: [u8; 12], now: Instant) {
        if self.next_channel > LAST_CHANNEL || self.channels.iter().any(|c| c.peer == peer) {
            return;
        }
        if self.channels.is_full() {
            // The oldest is the least likely to be used again; its number stays unused (RFC 8656 §12: 5 minutes).
            self.channels.remove(0);
        }
        let request = Some(Request::new(id, now));
        let channel = Channel { peer, number: self.next_channel, bound: false, refresh: now, request };
        self.next_channel = self.next_channel.saturating_add(1);
        let _ = self.channels.try_push(channel);
    }

    /// When there is something to send or to give up.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        let waiting = |r: &Request| r.transaction.deadline();
        let allocation = match (&self.request, self.allocation) {
            (Some(r), _) => Some(waiting(r)),
            (None, Allocation::Made { refresh, .. }) => Some(refresh),
            (None, Allocation::Waiting { until }) => Some(until),
            _ => None,
        };
        let Allocation::Made { .. } = self.allocation else { return allocation };
        let permissions = self.permissions.iter().filter_map(|p| match (&p.request, p.state) {
            (Some(r), _) => Some(waiting(r)),
            (None, Permission::Installed) => Some(p.refresh),
            _ => None,
        });
        let channels = self.channels.iter().map(|c| c.request.as_ref().map_or(c.refresh, waiting));
        permissions.chain(channels).map(Some).fold(allocation, Instant::earliest)
    }

    /// Gives up on what was never answered. Whether anything changed.
    pub(crate) fn handle_timeout(&mut self, now: Instant, id: [u8; 12]) -> bool {
        let timing = self.timing;
        let over = |r: &Option<Request>| r.is_some_and(|r| r.transaction.is_over(now, timing));
        let mut changed = false;
        let unwanted = |r: &Request| r.transaction.deadline() <= now;
        if self.is_waiting_to_release() && self.request.as_ref().is_none_or(unwanted) {
            self.end_release();
        }
        if matches!(self.allocation, Allocation::Waiting { until } if until <= now) {
            self.begin_anew();
            changed = true;
        }
        let expired = matches!(self.allocation, Allocation::Made { expires, .. } if expires <= now);
        if over(&self.request) || expired {
            let error = self.request.map_or(ServerError::Unanswered, |r| r.silence());
            self.lose_allocation(now, id, error);
            changed = true;
        }
        for p in self.permissions.iter_mut().filter(|p| over(&p.request)) {
            p.request = None;
            p.state = Permission::Refused;
            changed = true;
        }
        // A channel that cannot be had is done without.
        self.channels.retain(|c| !over(&c.request));
        changed
    }

    /// The server has forgotten the allocation, or has not given one.
    fn lose_allocation(&mut self, now: Instant, id: [u8; 12], error: ServerError) {
        if self.releasing {
            // Gone is gone, whoever ended it.
            return self.end_release();
        }
        let was_made = self.relayed().is_some();
        self.request = None;
        self.permissions.clear();
        self.channels.clear();
        if let Some(base) = self.base.filter(|_| was_made && self.restarts < MAX_RESTARTS) {
            self.restarts = self.restarts.saturating_add(1);
            return self.allocate(base, id, now);
        }
        if let Some(base) = self.base.filter(|_| self.is_outdated(error)) {
            // Another account has come meanwhile.
            return self.allocate(base, id, now);
        }
        self.failure = Some(error);
        self.allocation = match error {
            // The next socket, if there is one: see `wait_if_tried`.
            ServerError::Unanswered | ServerError::Unauthenticated | ServerError::Refused(437) => {
                if let Some(base) = self.base.take() {
                    let _ = self.tried.push(base);
                }
                Allocation::Idle
            }
            ServerError::Stream(_) => {
                let wait =
                    FIRST_RECONNECT.saturating_mul(1 << self.reconnects.min(MOST_RECONNECTS)).min(LAST_RECONNECT);
                self.reconnects = self.reconnects.saturating_add(1);
                Allocation::Waiting { until: now + wait }
            }
            ServerError::Refused(486 | 500..=599) => Allocation::Waiting { until: now + WAIT_FOR_CAPACITY },
            _ => Allocation::Failed,
        };
    }

    /// The wait is over: every socket may be tried again.
    fn begin_anew(&mut self) {
        self.restarts = 0;
        self.tried.clear();
        self.base = None;
        self.allocation = Allocation::Idle;
    }
}
