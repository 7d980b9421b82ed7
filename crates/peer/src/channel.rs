/// A data channel of a [`PeerConnection`](crate::PeerConnection).
///
/// It is valid until [`Event::ChannelClosed`](crate::Event::ChannelClosed). It never names another channel afterwards,
/// not of a later association either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ChannelId {
    pub(crate) association: u16,
    pub(crate) id: barertc_sctp::ChannelId,
}

impl ChannelId {
    /// A small number, below `Config::sctp.max_channels`, that no other open channel has: an index for the caller's own
    /// tables. It is not the stream id.
    #[must_use]
    pub const fn index(self) -> usize {
        self.id.index()
    }
}
