//! The SDIO or SPI host that a board lends.

use core::fmt;

/// An SDIO host with the co-processor as its card.
///
/// Every buffer that [`read`](Self::read) and [`write`](Self::write) are given starts at a multiple of
/// [`Config::alignment`](crate::Config::alignment), and nobody else touches the cache lines it lies in.
pub trait SdioBus {
    /// Why a transfer failed. The driver tries again, and resets the co-processor when that doesn't help.
    type Error: fmt::Debug;

    /// Sets the line that resets the co-processor: `true` holds it in reset, `false` lets it run.
    ///
    /// A board without this line does nothing, and then a co-processor that hangs cannot be brought back.
    fn hold_in_reset(&mut self, hold: bool);

    /// Finds the card and selects it (CMD52 reset, CMD0, CMD5, CMD3, CMD7), with the widest bus and the fastest clock
    /// that both sides can. A failure is no fault yet: the co-processor may still be starting, and it is asked again.
    fn acquire(&mut self) -> impl Future<Output = Result<(), Self::Error>>;

    /// Reads a register of `function` (CMD52).
    fn read_byte(&mut self, function: u8, address: u32) -> impl Future<Output = Result<u8, Self::Error>>;

    /// Writes a register of `function` (CMD52).
    fn write_byte(&mut self, function: u8, address: u32, value: u8) -> impl Future<Output = Result<(), Self::Error>>;

    /// Reads from function 1 with rising addresses (CMD53): in blocks of 512 bytes when the buffer is a multiple of
    /// that, else as bytes (4 or 20 of them).
    fn read(&mut self, address: u32, buf: &mut [u8]) -> impl Future<Output = Result<(), Self::Error>>;

    /// Writes to function 1 with rising addresses (CMD53): in blocks of 512 bytes when the buffer is a multiple of
    /// that, else as bytes (4 of them).
    fn write(&mut self, address: u32, buf: &[u8]) -> impl Future<Output = Result<(), Self::Error>>;

    /// Waits until the card asks for attention (DAT1). May be dropped before; may return too early.
    ///
    /// A bus without this interrupt never returns: then [`Config::poll_interval`](crate::Config::poll_interval) is to
    /// be short.
    fn interrupt(&mut self) -> impl Future<Output = Result<(), Self::Error>>;
}

/// An SPI host with the co-processor behind it, and the two lines by which that asks for transfers.
///
/// [`SpiLines`](crate::SpiLines) makes one of `embedded-hal` parts. The buffers are aligned as for [`SdioBus`].
pub trait SpiBus {
    /// Why a transfer failed. The driver tries again, and resets the co-processor when that doesn't help.
    type Error: fmt::Debug;

    /// Sets the line that resets the co-processor: `true` holds it in reset, `false` lets it run.
    fn hold_in_reset(&mut self, hold: bool);

    /// Whether the co-processor has something to send (the data-ready line).
    fn data_ready(&mut self) -> Result<bool, Self::Error>;

    /// Waits until [`data_ready`](Self::data_ready). May be dropped before.
    fn wait_data_ready(&mut self) -> impl Future<Output = Result<(), Self::Error>>;

    /// Waits until the co-processor is ready for a transfer (the handshake line). May be dropped before.
    fn wait_handshake(&mut self) -> impl Future<Output = Result<(), Self::Error>>;

    /// Sends and receives as many bytes at the same time; both slices have the same length.
    fn transfer(&mut self, received: &mut [u8], sent: &[u8]) -> impl Future<Output = Result<(), Self::Error>>;
}
