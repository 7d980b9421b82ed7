//! What an application is told.

use crate::channel::ChannelId;
use crate::error::Failure;

/// What an application is told.
///
/// Nothing is dropped, however late it is taken: an association keeps what has happened to each of its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// The association is established.
    Connected,
    /// A channel can be written to. For one opened here that is as soon as OPEN is on its way (RFC 8832 §6).
    ChannelOpened {
        /// Which; [`Association::channel`](crate::Association::channel) tells its label and kind.
        id: ChannelId,
        /// The peer opened it.
        from_peer: bool,
    },
    /// There is something to read: once for all of it, until the event is taken.
    Readable(ChannelId),
    /// What is queued on the channel has fallen from above its threshold to it or below (`bufferedamountlow`).
    BufferedAmountLow(ChannelId),
    /// A write that was refused with [`Error::WouldBlock`](crate::Error::WouldBlock) would succeed now.
    Writable(ChannelId),
    /// The channel is closed and everything has been read. The id means nothing any more.
    ///
    /// Both sides have closed it, the association has ended, or it could not be opened: then no
    /// [`ChannelOpened`](Self::ChannelOpened) came before.
    ChannelClosed(ChannelId),
    /// Packets of `size` bytes do not arrive, while smaller ones do: the path's MTU is smaller than
    /// [`Config::mtu`](crate::Config::mtu) says. What is on its way cannot be cut smaller; if it never arrives, the
    /// association fails with [`Failure::PathMtu`].
    PathMtuExceeded {
        /// Bytes of the SCTP packet.
        size: usize,
    },
    /// The association is lost. [`ChannelClosed`](Self::ChannelClosed) follows for every channel. A new association is
    /// a new [`Association`](crate::Association).
    Failed(Failure),
    /// The association was shut down in good order, or aborted here. [`ChannelClosed`](Self::ChannelClosed) follows for
    /// every channel.
    Closed,
}
