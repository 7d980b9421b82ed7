//! The TURN client where the feature `turn` is off: none can be made, and nothing of what it would do is in a program.
use core::convert::Infallible;
use core::marker::PhantomData;
use core::net::{IpAddr, SocketAddr};

use barertc_arena::Allocator;
use barertc_crypto::{Generator, Provider};
use barertc_wire::{Instant, NoRoom};

use super::words::{Allocation, Inbound, Permission, TurnServer};
use crate::error::Error;
use crate::event::{Discard, ServerError};
use crate::route::{Protocol, Route};
use crate::stream::StreamEnd;
use crate::transaction::Timing;

/// A client that never is.
pub(crate) struct Client<A: Allocator> {
    never: Infallible,
    alloc: PhantomData<A>,
}

impl<A: Allocator + Clone> Client<A> {
    pub(crate) const fn worst_case_bytes(_: usize, _: usize) -> usize {
        0
    }

    /// There is no room for one.
    pub(crate) fn new(_: &TurnServer<'_>, _: usize, _: usize, _: Timing, _: A) -> Result<Self, Error> {
        Err(Error::TooMany { what: crate::turn::SERVERS, limit: 0 })
    }

    pub(crate) fn renew(&mut self, _: Instant, _: &str, _: &str, _: A) -> Result<(), Error> {
        match self.never {}
    }

    pub(crate) const fn server(&self) -> SocketAddr {
        match self.never {}
    }

    pub(crate) const fn protocol(&self) -> Protocol {
        match self.never {}
    }

    pub(crate) const fn base(&self) -> Option<SocketAddr> {
        match self.never {}
    }

    pub(crate) const fn is_reached_by(&self, _: Route) -> bool {
        match self.never {}
    }

    pub(crate) const fn allocation(&self) -> Allocation {
        match self.never {}
    }

    pub(crate) const fn relayed(&self) -> Option<SocketAddr> {
        match self.never {}
    }

    pub(crate) const fn allocate(&mut self, _: SocketAddr, _: [u8; 12], _: Instant) {
        match self.never {}
    }

    pub(crate) const fn has_tried(&self, _: SocketAddr) -> bool {
        match self.never {}
    }

    pub(crate) const fn wait_if_tried(&mut self, _: Instant) {
        match self.never {}
    }

    pub(crate) const fn take_failure(&mut self) -> Option<ServerError> {
        match self.never {}
    }

    pub(crate) const fn forget_base(&mut self) {
        match self.never {}
    }

    pub(crate) const fn uses_stream(&self) -> bool {
        match self.never {}
    }

    pub(crate) const fn stream_ended(&mut self, _: Instant, _: [u8; 12], _: StreamEnd) {
        match self.never {}
    }

    pub(crate) const fn release(&mut self, _: [u8; 12], _: Instant) {
        match self.never {}
    }

    pub(crate) const fn permission(&self, _: IpAddr) -> Option<Permission> {
        match self.never {}
    }

    pub(crate) const fn permit(&mut self, _: IpAddr, _: [u8; 12], _: Instant) -> Option<()> {
        match self.never {}
    }

    pub(crate) fn retain_permissions(&mut self, _: impl Fn(IpAddr) -> bool) {
        match self.never {}
    }

    pub(crate) const fn bind(&mut self, _: SocketAddr, _: [u8; 12], _: Instant) {
        match self.never {}
    }

    pub(crate) const fn front(&self, _: SocketAddr) -> usize {
        match self.never {}
    }

    pub(crate) const fn wrap(&mut self, _: SocketAddr, _: &mut [u8], _: usize) -> Result<usize, NoRoom> {
        match self.never {}
    }

    pub(crate) const fn timeout(&self) -> Option<Instant> {
        match self.never {}
    }

    pub(crate) const fn handle_timeout(&mut self, _: Instant, _: [u8; 12]) -> bool {
        match self.never {}
    }

    pub(crate) const fn handle<P: Provider>(
        &mut self,
        _: Instant,
        _: &P,
        _: &mut Generator,
        _: &[u8],
    ) -> Result<Inbound, Discard> {
        match self.never {}
    }

    pub(crate) const fn poll_transmit<P: Provider>(
        &mut self,
        _: Instant,
        _: &P,
        _: &mut Generator,
        _: &mut [u8],
    ) -> Option<Result<usize, NoRoom>> {
        match self.never {}
    }
}
