//! SPI: every transfer goes both ways, and a line says when the co-processor is ready for one.

use embassy_futures::select::{Either, select};
use embedded_hal::digital::{InputPin, OutputPin};
use embedded_hal_async::digital::Wait;
use embedded_hal_async::spi::SpiDevice;

use barertc_arena::Allocator;
use barertc_wire::{Clock, Instant};
use core::time::Duration;

use super::split::deliver;
use super::{Fault, Lent, Room, Sink, Transport, reset, sealed::Sealed};
use crate::buffer::Buffer;
use crate::bus::SpiBus;
use crate::config::Config;
use crate::header::{self, Header, Interface};
use crate::stats::Discard;

/// Bytes of every transfer.
const PACKET: usize = 1600;
/// How long the co-processor may take to be ready for a transfer.
const PATIENCE: Duration = Duration::from_millis(100);

/// The co-processor over SPI, full duplex.
pub struct Spi<B> {
    bus: B,
}

impl<B: SpiBus> Spi<B> {
    /// A transport over this bus.
    pub const fn new(bus: B) -> Self {
        Self { bus }
    }

    /// One transfer, both ways.
    async fn transfer<C: Clock, S: Sink>(
        &mut self,
        clock: &C,
        received: &mut [u8],
        sent: &[u8],
        sink: &mut S,
    ) -> Result<bool, Fault> {
        let until: Instant = clock.now() + PATIENCE;
        match select(self.bus.wait_handshake(), clock.sleep_until(until)).await {
            Either::First(ready) => ready.map_err(|_| Fault)?,
            Either::Second(()) => return Err(Fault),
        }
        self.bus.transfer(received, sent).await.map_err(|_| Fault)?;
        Ok(take(received, sink))
    }
}

impl<B> Sealed for Spi<B> {}

impl<B: SpiBus> Transport for Spi<B> {
    const BUFFER_BYTES: usize = PACKET;

    fn received_bytes(_: &Config) -> usize {
        PACKET
    }

    fn aggregate_bytes(_: &Config) -> usize {
        0
    }

    async fn start<C: Clock>(&mut self, clock: &C) -> Result<(), Fault> {
        reset(clock, |held| self.bus.hold_in_reset(held)).await;
        Ok(())
    }

    async fn receive<C: Clock, A: Allocator, S: Sink>(
        &mut self,
        clock: &C,
        room: &mut Room<A>,
        sink: &mut S,
        force: bool,
    ) -> Result<bool, Fault> {
        if !force && !self.bus.data_ready().map_err(|_| Fault)? {
            return Ok(false);
        }
        let dummy = room.control.first_mut(PACKET);
        Header::new(Interface::Dummy, 0).write(dummy, false).map_err(|_| Fault)?;
        let received = room.received.first_mut(PACKET);
        self.transfer(clock, received, room.control.first(PACKET), sink).await
    }

    async fn send<C: Clock, A: Allocator, S: Sink>(
        &mut self,
        clock: &C,
        packet: &Buffer<A>,
        _: usize,
        room: &mut Lent<'_, A>,
        sink: &mut S,
    ) -> Result<bool, Fault> {
        self.transfer(clock, room.received.first_mut(PACKET), packet.first(PACKET), sink).await.map(|_| true)
    }

    async fn wait(&mut self) -> Result<(), Fault> {
        self.bus.wait_data_ready().await.map_err(|_| Fault)
    }
}

/// Hands over the packet that a transfer brought; tells whether there was one.
fn take<S: Sink>(received: &[u8], sink: &mut S) -> bool {
    let Ok(header) = Header::parse(received) else { return false };
    let len = usize::from(header.len);
    if header.interface == Interface::Dummy || len == 0 {
        sink.pause(header.throttle == 1);
        return false;
    }
    let packet = received.get(..len.saturating_add(header::LEN));
    match packet.filter(|_| usize::from(header.offset) == header::LEN) {
        Some(packet) => {
            sink.transfer(packet.len());
            sink.pause(header.throttle == 1);
            deliver(&header, packet, sink);
            true
        }
        None => {
            sink.discard(Discard::BadHeader);
            false
        }
    }
}

/// An [`SpiBus`] of `embedded-hal` parts: an SPI device, the handshake and data-ready lines (both active high), and the
/// reset line (active low, as the chip's enable pin is).
pub struct SpiLines<D, H, R, P> {
    device: D,
    handshake: H,
    data_ready: R,
    reset: P,
}

impl<D: SpiDevice, H: Wait, R: Wait + InputPin, P: OutputPin> SpiLines<D, H, R, P> {
    /// A bus of these parts.
    pub const fn new(device: D, handshake: H, data_ready: R, reset: P) -> Self {
        Self { device, handshake, data_ready, reset }
    }
}

impl<D: SpiDevice, H: Wait, R: Wait + InputPin, P: OutputPin> SpiBus for SpiLines<D, H, R, P> {
    type Error = Fault;

    fn hold_in_reset(&mut self, hold: bool) {
        // A line that cannot be set leaves the co-processor as it is, which shows soon enough.
        let _ = if hold { self.reset.set_low() } else { self.reset.set_high() };
    }

    fn data_ready(&mut self) -> Result<bool, Fault> {
        self.data_ready.is_high().map_err(|_| Fault)
    }

    async fn wait_data_ready(&mut self) -> Result<(), Fault> {
        self.data_ready.wait_for_high().await.map_err(|_| Fault)
    }

    async fn wait_handshake(&mut self) -> Result<(), Fault> {
        self.handshake.wait_for_high().await.map_err(|_| Fault)
    }

    async fn transfer(&mut self, received: &mut [u8], sent: &[u8]) -> Result<(), Fault> {
        self.device.transfer(received, sent).await.map_err(|_| Fault)
    }
}
