//! Media where the feature `media` is off: there are none. What they would need is in no program.

use core::convert::Infallible;
use core::marker::PhantomData;
use core::time::Duration;

use barertc_arena::Allocator;
use barertc_congestion::{GccStats, Usage};
use barertc_crypto::Generator;
use barertc_rtcp_nack::{RecvStream, SendStream};
use barertc_rtp::{Frame, ReceivedFrame};
use barertc_wire::{Count, Instant};

use crate::config::Config;
use crate::error::{Discard, Error};
use crate::terms::{Place, Terms};

/// What is told of media where there are some.
#[allow(dead_code)] // Nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaEvent {
    KeyFrameWanted(u8),
    EncodingKeyFrameWanted(u8, u8),
    EncodingActive(u8, u8, bool),
    FrameReceived(u8),
    Bitrate(u64),
}

/// No track has room.
const NONE: Error = Error::TooMany { what: "tracks: the feature `media` is off", limit: 0 };

/// A packet that is never made.
pub(crate) struct Packet {
    pub(crate) len: usize,
    pub(crate) again: bool,
    never: Infallible,
}

/// The media of a connection without any.
pub(crate) struct Media<A: Allocator + Clone>(PhantomData<A>);

impl<A: Allocator + Clone> Media<A> {
    pub(crate) const fn new(_: &Config, _: &A, _: u32) -> Result<Self, Error> {
        Ok(Self(PhantomData))
    }

    pub(crate) const fn worst_case_bytes(_: &Config) -> usize {
        0
    }

    pub(crate) const fn is_reporter(&self, _: u32) -> bool {
        false
    }

    /// There is no room for a track.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub(crate) const fn add(&mut self, _: Place) -> Result<(), Error> {
        Err(NONE)
    }

    pub(crate) fn prepare_all(
        &mut self,
        mut all: impl Iterator<Item = Option<Terms>>,
        _: &Config,
        _: &A,
        _: &mut Generator,
    ) -> Result<(), Error> {
        if all.any(|terms| terms.is_some()) { Err(NONE) } else { Ok(()) }
    }

    pub(crate) fn commit_all(&mut self, _: Instant, _: impl Iterator<Item = Option<Terms>>, _: &mut Generator) {}

    pub(crate) const fn abandon(&mut self) {}

    pub(crate) const fn set_path_mtu(&mut self, _: Instant, _: u16) {}

    pub(crate) const fn send_frame(&mut self, _: Instant, _: usize, _: usize, _: &Frame<A>) -> Result<(), Error> {
        Err(Error::NoSuchTrack)
    }

    pub(crate) const fn is_sending(&self, _: usize) -> bool {
        false
    }

    pub(crate) const fn read_frame(&mut self, _: Instant, _: usize, _: &mut [u8]) -> Result<ReceivedFrame, Error> {
        Err(Error::NoSuchTrack)
    }

    pub(crate) const fn request_key_frame(&mut self, _: Instant, _: usize) -> Result<(), Error> {
        Err(Error::NoSuchTrack)
    }

    pub(crate) const fn probe(&mut self, _: Instant, _: u64) {}

    pub(crate) const fn estimate(&self) -> Option<u64> {
        None
    }

    pub(crate) const fn bandwidth(&self) -> GccStats {
        GccStats {
            delay_based: 0,
            loss_based: 0,
            remb: None,
            arriving: None,
            fraction_lost: 0.0,
            random_loss: 0.0,
            usage: Usage::Normal,
            competes: false,
            out_of_range: Count::ZERO,
        }
    }

    pub(crate) const fn received_payload(&self, _: usize) -> Option<(u8, Option<u8>)> {
        None
    }

    pub(crate) const fn receiving(&self) -> u64 {
        0
    }

    pub(crate) const fn send_stream(&self, _: usize, _: usize) -> Option<&SendStream<A>> {
        None
    }

    pub(crate) const fn is_active(&self, _: usize, _: usize) -> bool {
        false
    }

    pub(crate) const fn recv_stream(&self, _: usize) -> Option<&RecvStream<A>> {
        None
    }

    pub(crate) const fn poll_event(&mut self) -> Option<MediaEvent> {
        None
    }

    pub(crate) const fn handle_rtp(&mut self, _: Instant, _: &[u8]) -> Result<(), Discard> {
        Err(Discard::UnknownStream)
    }

    pub(crate) const fn handle_rtcp(&mut self, _: Instant, _: &[u8]) -> Result<(), Discard> {
        Err(Discard::UnknownStream)
    }

    pub(crate) const fn poll_rtcp(&mut self, _: Instant, _: Option<Duration>, _: &str, _: &mut [u8]) -> Option<usize> {
        None
    }

    pub(crate) const fn poll_packet(&mut self, _: Instant, _: &mut [u8]) -> Option<Packet> {
        None
    }

    pub(crate) const fn sent(&mut self, _: Instant, packet: Packet, _: usize) {
        match packet.never {}
    }

    pub(crate) const fn send_timeout(&self) -> Option<Instant> {
        None
    }

    pub(crate) const fn frame_timeout(&self) -> Option<Instant> {
        None
    }

    pub(crate) const fn handle_timeout(&mut self, _: Instant) {}

    pub(crate) const fn update(&mut self, _: Instant) {}
}
