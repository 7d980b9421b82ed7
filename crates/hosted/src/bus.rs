//! The traits of a board's SDIO or SPI host.

use core::fmt;

/// An SDIO host with the co-processor as its card.
///
/// The buffers of [`read`](Self::read) and [`write`](Self::write) start at a multiple of
/// [`Config::alignment`](crate::Config::alignment). Nothing else is in their cache lines.
pub trait SdioBus {
    /// Why a transfer failed. The driver tries again, and resets the co-processor when that doesn't help.
    type Error: fmt::Debug;

    /// Sets the line that resets the co-processor: `true` holds it in reset, `false` lets it run.
    ///
    /// On a board without this line, the call does nothing. Then the driver cannot restart a co-processor that hangs.
    fn hold_in_reset(&mut self, hold: bool);

    /// Finds and selects the card (CMD52 reset, CMD0, CMD5, CMD3, CMD7), with the widest bus and the fastest clock that both
    /// sides support. After a failure the driver tries again, because the co-processor may still be starting.
    fn acquire(&mut self) -> impl Future<Output = Result<(), Self::Error>>;

    /// Reads a register of `function` (CMD52).
    fn read_byte(&mut self, function: u8, address: u32) -> impl Future<Output = Result<u8, Self::Error>>;

    /// Writes a register of `function` (CMD52).
    fn write_byte(&mut self, function: u8, address: u32, value: u8) -> impl Future<Output = Result<(), Self::Error>>;

    /// Reads from function 1 with incrementing addresses (CMD53). If the length is a multiple of 512, it reads blocks of 512
    /// bytes. Otherwise it reads 4 or 20 single bytes.
    fn read(&mut self, address: u32, buf: &mut [u8]) -> impl Future<Output = Result<(), Self::Error>>;

    /// Writes to function 1 with incrementing addresses (CMD53). If the length is a multiple of 512, it writes blocks of 512
    /// bytes. Otherwise it writes 4 single bytes.
    fn write(&mut self, address: u32, buf: &[u8]) -> impl Future<Output = Result<(), Self::Error>>;

    /// Waits for the card's interrupt (DAT1). The future may be dropped before, and may return too early.
    ///
    /// On a bus without this interrupt, the future never returns. Then make
    /// [`Config::poll_interval`](crate::Config::poll_interval) short.
    fn interrupt(&mut self) -> impl Future<Output = Result<(), Self::Error>>;
}

/// An SPI host with the co-processor as its device, and the two lines with which the co-processor asks for transfers.
///
/// [`SpiLines`](crate::SpiLines) implements it with parts of `embedded-hal`. The buffers are aligned as for [`SdioBus`].
pub trait SpiBus {
    /// Why a transfer failed. The driver tries again, and resets the co-processor when that doesn't help.
    type Error: fmt::Debug;

    /// Sets the line that resets the co-processor: `true` holds it in reset, `false` lets it run.
    fn hold_in_reset(&mut self, hold: bool);

    /// Whether the co-processor has something to send (the data-ready line).
    fn data_ready(&mut self) -> Result<bool, Self::Error>;

    /// Waits until [`data_ready`](Self::data_ready) is true. The future may be dropped before.
    fn wait_data_ready(&mut self) -> impl Future<Output = Result<(), Self::Error>>;

    /// Waits until the co-processor is ready for a transfer (the handshake line). The future may be dropped before.
    fn wait_handshake(&mut self) -> impl Future<Output = Result<(), Self::Error>>;

    /// Sends and receives at the same time. Both slices have the same length.
    fn transfer(&mut self, received: &mut [u8], sent: &[u8]) -> impl Future<Output = Result<(), Self::Error>>;
}
