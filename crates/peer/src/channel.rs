//! The names of data channels.

/// The id of a data channel of a [`PeerConnection`](crate::PeerConnection).
///
/// The id is valid until [`Event::ChannelClosed`](crate::Event::ChannelClosed). No later channel of the connection gets
/// the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ChannelId {
    pub(crate) association: u16,
    pub(crate) id: barertc_sctp::ChannelId,
}

impl ChannelId {
    /// A small number that no other open channel has. It is below `Config::sctp.max_channels`, so that it can be an
    /// index into the caller's own tables. It is not the stream id.
    #[must_use]
    pub const fn index(self) -> usize {
        self.id.index()
    }
}
