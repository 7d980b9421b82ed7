//! The stream that a track receives where the feature `receive` is off: there is none, and nothing of it is in a program.

use core::convert::Infallible;
use core::marker::PhantomData;
use core::time::Duration;

use barertc_arena::{Allocator, Box};
use barertc_rtcp_nack::{RecvConfig, RecvStream};
use barertc_rtp::rtcp::{CompoundWriter, ReportBlock, Rtcp};
use barertc_rtp::{Packet, ReceivedFrame};
use barertc_wire::{ExtensionMap, Instant};

use crate::error::Error;
use crate::terms::Terms;

/// A receiver that never is.
pub(super) struct Receiver<A: Allocator + Clone> {
    never: Infallible,
    alloc: PhantomData<A>,
}

impl<A: Allocator + Clone> Receiver<A> {
    pub(super) const fn new(_: RecvConfig, _: &Terms, _: &A) -> Result<Box<Self, A>, Error> {
        Err(Error::TooMany { what: crate::error::RECEIVED, limit: 0 })
    }

    pub(super) const fn stream(&self) -> &RecvStream<A> {
        match self.never {}
    }

    pub(super) const fn payload(&self) -> (u8, Option<u8>) {
        match self.never {}
    }

    pub(super) const fn is_called(&self, _: &[u8]) -> bool {
        match self.never {}
    }

    pub(super) const fn extensions(&self) -> &ExtensionMap {
        match self.never {}
    }

    pub(super) const fn knows(&self, _: u32) -> bool {
        match self.never {}
    }

    pub(super) const fn learn(&mut self, _: Instant, _: &Packet<'_>) -> bool {
        match self.never {}
    }

    pub(super) const fn takes(&self, _: u8) -> bool {
        match self.never {}
    }

    pub(super) const fn lacks(&self, _: u8) -> bool {
        match self.never {}
    }

    pub(super) const fn prepare(&mut self, _: &Terms, _: &A) -> Result<(), Error> {
        match self.never {}
    }

    pub(super) const fn follow(&mut self, _: Instant, _: &Terms) {
        match self.never {}
    }

    pub(super) const fn handle(&mut self, _: Instant, _: &Packet<'_>) {
        match self.never {}
    }

    pub(super) const fn handle_rtcp(&mut self, _: Instant, _: &Rtcp<'_>) {
        match self.never {}
    }

    pub(super) const fn read(&mut self, _: Instant, _: &mut [u8]) -> Result<ReceivedFrame, Error> {
        match self.never {}
    }

    pub(super) const fn request_key_frame(&mut self, _: Instant) -> Result<(), Error> {
        match self.never {}
    }

    pub(super) const fn update(&mut self, _: Instant) {
        match self.never {}
    }

    pub(super) const fn announce(&mut self) -> bool {
        match self.never {}
    }

    pub(super) const fn frame_timeout(&self) -> Option<Instant> {
        match self.never {}
    }

    pub(super) const fn report(&mut self, _: Instant) -> Option<ReportBlock> {
        match self.never {}
    }

    pub(super) const fn feedback_timeout(&self) -> Option<Instant> {
        match self.never {}
    }

    pub(super) const fn write_feedback(&mut self, _: Instant, _: &mut CompoundWriter<'_>) {
        match self.never {}
    }

    pub(super) const fn set_round_trip_time(&mut self, _: Instant, _: Duration) {
        match self.never {}
    }
}
