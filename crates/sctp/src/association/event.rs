//! What an application is told.

use crate::channel::ChannelId;
use crate::error::Failure;

/// An event of an association.
///
/// No event is dropped, however late the application takes it: each channel keeps what has happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// The association is established.
    Connected,
    /// A channel can be written to. A channel that this side opens can be as soon as DATA_CHANNEL_OPEN was sent (RFC
    /// 8832 §6).
    ChannelOpened {
        /// The channel. [`Association::channel`](crate::Association::channel) tells its label.
        id: ChannelId,
        /// Whether the peer has opened it.
        from_peer: bool,
    },
    /// There is something to read. More data cause no second event until this one is taken.
    Readable(ChannelId),
    /// The buffered amount of the channel has fallen to its threshold (`bufferedamountlow`).
    BufferedAmountLow(ChannelId),
    /// A write that was refused with [`Error::WouldBlock`](crate::Error::WouldBlock) would succeed now.
    Writable(ChannelId),
    /// The channel is closed and everything was read. Its id is no longer valid.
    ///
    /// Both sides have closed the channel, the association has ended, or the channel could not be opened. In the last
    /// case no [`ChannelOpened`](Self::ChannelOpened) came before.
    ChannelClosed(ChannelId),
    /// Packets of `size` bytes do not arrive, but smaller ones do. The MTU of the path is smaller than
    /// [`Config::mtu`](crate::Config::mtu). Packets that were sent are not divided again. If they never arrive, the
    /// association fails with [`Failure::PathMtu`].
    PathMtuExceeded {
        /// The size of the SCTP packet in bytes.
        size: usize,
    },
    /// The association has failed. [`ChannelClosed`](Self::ChannelClosed) follows for every channel. To go on, the
    /// owner makes a new [`Association`](crate::Association).
    Failed(Failure),
    /// Either side has shut the association down, or this side has aborted it. [`ChannelClosed`](Self::ChannelClosed)
    /// follows for every channel.
    Closed,
}
