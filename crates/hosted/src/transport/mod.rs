//! How packets travel: over SDIO or SPI.

mod sdio;
mod spi;
pub(crate) mod split;

use core::future::Future;

use barertc_arena::{AllocError, Allocator};
use barertc_wire::Instant;

use crate::buffer::Buffer;
use crate::config::Config;
use crate::header::Header;
use crate::stats::Discard;
use barertc_wire::Clock;

pub(crate) use sdio::PACKET as PACKET_OVER_SDIO;
pub use sdio::Sdio;
pub use spi::{Spi, SpiLines};

/// A transfer failed, or brought what cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fault;

/// Where packets go that have come.
pub trait Sink {
    /// Whether packets have checksums.
    fn checksum(&self) -> bool;
    /// What packets are padded to, in bytes; 1: they are not.
    fn padding(&self) -> usize;
    /// A packet.
    fn packet(&mut self, header: &Header, payload: &[u8]);
    /// A packet that is none.
    fn discard(&mut self, reason: Discard);
    /// A transfer of so many bytes has come.
    fn transfer(&mut self, bytes: usize);
    /// The co-processor's queue is too full, or no longer.
    fn pause(&mut self, on: bool);
}

/// The room that a transport works in.
pub struct Room<A: Allocator> {
    /// For a few registers.
    pub(crate) registers: Buffer<A>,
    /// For what is received.
    pub(crate) received: Buffer<A>,
    /// For packets of our own, and for what is sent where something has to be sent.
    pub(crate) control: Buffer<A>,
    /// For frames that are sent together.
    pub(crate) aggregate: Buffer<A>,
    pub(crate) alignment: usize,
}

impl<A: Allocator + Clone> Room<A> {
    pub(crate) fn new<T: Transport>(config: &Config, alloc: A) -> Result<Self, AllocError> {
        Ok(Self {
            registers: Buffer::new(REGISTERS, config.alignment, alloc.clone())?,
            received: Buffer::new(T::received_bytes(config), config.alignment, alloc.clone())?,
            control: Buffer::new(T::BUFFER_BYTES, config.alignment, alloc.clone())?,
            aggregate: Buffer::new(T::aggregate_bytes(config), config.alignment, alloc)?,
            alignment: config.alignment,
        })
    }
}

/// Bytes of the registers that are read at once.
const REGISTERS: usize = 20;

/// How packets travel: [`Sdio`] or [`Spi`], and nothing else.
pub trait Transport: sealed::Sealed {
    /// Bytes of the largest packet with its header.
    const BUFFER_BYTES: usize;

    /// Bytes of the room for what is received.
    #[doc(hidden)]
    fn received_bytes(config: &Config) -> usize;

    /// Bytes of the room for frames that are sent together.
    #[doc(hidden)]
    fn aggregate_bytes(config: &Config) -> usize;

    /// Bytes that the transport's room takes.
    #[doc(hidden)]
    fn bytes<A: Allocator>(config: &Config) -> usize {
        let buffer = |len| Buffer::<A>::bytes(len, config.alignment);
        buffer(REGISTERS)
            .saturating_add(buffer(Self::received_bytes(config)))
            .saturating_add(buffer(Self::BUFFER_BYTES))
            .saturating_add(buffer(Self::aggregate_bytes(config)))
    }

    /// Resets the co-processor and opens the data path.
    #[doc(hidden)]
    fn start<C: Clock>(&mut self, clock: &C) -> impl Future<Output = Result<(), Fault>>;

    /// Takes in what waits; tells whether there was something. With `force` it asks even when nothing seems to wait.
    #[doc(hidden)]
    fn receive<C: Clock, A: Allocator, S: Sink>(
        &mut self,
        clock: &C,
        room: &mut Room<A>,
        sink: &mut S,
        force: bool,
    ) -> impl Future<Output = Result<bool, Fault>>;

    /// Sends the first `len` bytes of the buffer, which are one or more packets with their headers. `false` when the
    /// co-processor has no room for them now.
    #[doc(hidden)]
    fn send<C: Clock, A: Allocator, S: Sink>(
        &mut self,
        clock: &C,
        packet: &Buffer<A>,
        len: usize,
        room: &mut Lent<'_, A>,
        sink: &mut S,
    ) -> impl Future<Output = Result<bool, Fault>>;

    /// Waits until something may have come.
    #[doc(hidden)]
    fn wait(&mut self) -> impl Future<Output = Result<(), Fault>>;
}

/// The part of the room that is free while a packet is sent.
pub struct Lent<'a, A: Allocator> {
    pub(crate) registers: &'a mut Buffer<A>,
    pub(crate) received: &'a mut Buffer<A>,
}

mod sealed {
    pub trait Sealed {}
}

/// Resets the co-processor by its line, and gives it time to start.
async fn reset<C: Clock>(clock: &C, mut hold: impl FnMut(bool)) {
    for (held, wait) in [(false, 10), (true, 10), (false, 1500)] {
        hold(held);
        sleep(clock, wait).await;
    }
}

/// Waits for some milliseconds.
async fn sleep<C: Clock>(clock: &C, millis: u64) {
    let at: Instant = clock.now() + core::time::Duration::from_millis(millis);
    clock.sleep_until(at).await;
}
