//! One data channel: a pair of streams with the same number (RFC 8831 §6.2).

use barertc_arena::Key;

/// The id of a channel of an association. It is valid until [`Event::ChannelClosed`](crate::Event::ChannelClosed) was
/// taken. No later channel of the association gets the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub(crate) Key);

impl ChannelId {
    /// A number below [`Config::max_channels`](crate::Config::max_channels) that no other open channel has, so that it
    /// can be an index into the caller's own tables. It is not the stream id.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.index()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for ChannelId {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "ChannelId({})", self.index());
    }
}

/// When the sender gives up a message that was not acknowledged (RFC 3758).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reliability {
    /// The sender never gives up.
    #[default]
    Reliable,
    /// The sender gives up after this many retransmissions (`maxRetransmits`).
    MaxRetransmits(u16),
    /// The sender gives up this many milliseconds after the message was written (`maxPacketLifeTime`).
    MaxLifetime(u32),
}

/// Whether a message is text or bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MessageKind {
    /// UTF-8 text. The association does not check the encoding.
    Text,
    /// Bytes.
    Binary,
}

/// The properties of a channel to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ChannelConfig<'a> {
    /// The label. Labels need not be unique.
    pub label: &'a str,
    /// The subprotocol. It is empty when there is none.
    pub protocol: &'a str,
    /// Whether messages arrive in the order in which they were sent.
    pub ordered: bool,
    /// When the sender gives up a message.
    pub reliability: Reliability,
    /// The stream id, when both applications have agreed on it by other means. No DATA_CHANNEL_OPEN is sent then.
    pub negotiated: Option<u16>,
    /// The weight of the channel among those that have something to send. RFC 8831 §6.4 names 128, 256, 512 and 1024.
    pub priority: u16,
}

impl Default for ChannelConfig<'_> {
    /// Ordered, reliable, without a name, of normal priority.
    fn default() -> Self {
        Self {
            label: "",
            protocol: "",
            ordered: true,
            reliability: Reliability::Reliable,
            negotiated: None,
            priority: 256,
        }
    }
}

/// Properties of a channel, from [`Association::channel`](crate::Association::channel).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ChannelInfo<'a> {
    /// The label.
    pub label: &'a str,
    /// The subprotocol. It is empty when there is none.
    pub protocol: &'a str,
    /// Whether messages arrive in the order in which they were sent.
    pub ordered: bool,
    /// When the sender gives up a message.
    pub reliability: Reliability,
    /// The weight of the channel among those that have something to send.
    pub priority: u16,
    /// Whether both applications have agreed on the stream id by other means.
    pub negotiated: bool,
    /// The stream id. `None` before there is one.
    pub stream: Option<u16>,
}

/// How far a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Data came for a stream that nobody has opened yet.
    Unopened,
    /// Opened here, and the peer has not answered.
    Opening,
    /// Open.
    Open,
    /// No more messages are accepted; streams are being reset.
    Closing,
    /// Both streams are reset; waits for the last message to be read and the event to be taken.
    Closed,
}

/// How far the reset of our outgoing stream is (RFC 6525).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutReset {
    No,
    Wanted,
    Asked,
    Done,
}

/// A list of fragments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct List {
    pub(crate) head: Option<Key>,
    pub(crate) tail: Option<Key>,
}

/// A run of consecutive fragments at the head of the ordered list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) last: Key,
    pub(crate) bytes: usize,
}

/// A message that is delivered before its end has arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partial {
    pub(crate) unordered: bool,
    pub(crate) message: u32,
    /// The fragment that comes next.
    pub(crate) next: u32,
    /// Whether anybody wants it.
    pub(crate) keep: bool,
}

/// Events of a channel that the application has not taken yet.
pub(crate) mod pending {
    pub(crate) const OPENED: u8 = 1;
    pub(crate) const READABLE: u8 = 2;
    pub(crate) const LOW: u8 = 4;
    pub(crate) const WRITABLE: u8 = 8;
    pub(crate) const CLOSED: u8 = 16;
    /// In the order in which they are told.
    pub(crate) const ALL: [u8; 5] = [OPENED, READABLE, LOW, WRITABLE, CLOSED];
}

/// A channel. More than fifteen fields: it is opened, written, read and closed, and the lists of its messages and
/// fragments begin and end here, so that it takes no memory of its own.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) state: State,
    pub(crate) stream: Option<u16>,
    pub(crate) negotiated: bool,
    pub(crate) ordered: bool,
    pub(crate) from_peer: bool,
    pub(crate) reliability: Reliability,
    pub(crate) priority: u16,
    pub(crate) label_len: u16,
    pub(crate) protocol_len: u16,
    /// The peer has been heard on this channel, so messages may go unordered (RFC 8832 §6).
    pub(crate) heard: bool,
    /// OPEN must still be queued: there was no stream id, or no room.
    pub(crate) open_due: bool,
    /// ACK must still be queued.
    pub(crate) ack_due: bool,

    // Outgoing.
    pub(crate) first: Option<Key>,
    pub(crate) last: Option<Key>,
    /// Messages of which something is queued or in flight.
    pub(crate) messages: u32,
    /// Bytes of the message that is being written.
    pub(crate) written: usize,
    /// Bytes written and not yet sent for the first time.
    pub(crate) queued: usize,
    pub(crate) low_threshold: usize,
    /// What a refused write needs.
    pub(crate) wants: usize,
    pub(crate) next_ordered: u32,
    pub(crate) next_unordered: u32,
    /// A message written in pieces, not finished yet: always the last one.
    pub(crate) writing: bool,
    /// Virtual time at which the next byte is due.
    pub(crate) due: u64,
    pub(crate) active: bool,

    // Incoming.
    pub(crate) ordered_in: List,
    pub(crate) unordered_in: List,
    pub(crate) unordered_bytes: usize,
    pub(crate) run: Option<Run>,
    pub(crate) ready: List,
    pub(crate) partial: Option<Partial>,
    /// The partial message at the end of `ready` will not be continued.
    pub(crate) cut: bool,
    /// The application is in the middle of a message.
    pub(crate) reading: Option<MessageKind>,
    pub(crate) next_in: u32,

    // Closing.
    pub(crate) out_reset: OutReset,
    pub(crate) in_reset: bool,
    /// The peer's reset waits for data that was sent before it.
    pub(crate) in_deferred: bool,
    /// Closed by the application: what still arrives is dropped.
    pub(crate) deaf: bool,
    /// It is closed before anybody here has heard of it.
    pub(crate) untold: bool,

    pub(crate) pending: u8,
    pub(crate) in_events: bool,
}

impl Channel {
    pub(crate) fn new(state: State, stream: Option<u16>) -> Self {
        Self {
            state,
            stream,
            negotiated: false,
            ordered: true,
            from_peer: false,
            reliability: Reliability::Reliable,
            priority: 256,
            label_len: 0,
            protocol_len: 0,
            heard: false,
            open_due: false,
            ack_due: false,
            first: None,
            last: None,
            messages: 0,
            written: 0,
            queued: 0,
            low_threshold: 0,
            wants: 0,
            next_ordered: 0,
            next_unordered: 0,
            writing: false,
            due: 0,
            active: false,
            ordered_in: List::default(),
            unordered_in: List::default(),
            unordered_bytes: 0,
            run: None,
            ready: List::default(),
            partial: None,
            cut: false,
            reading: None,
            next_in: 0,
            out_reset: OutReset::No,
            in_reset: false,
            in_deferred: false,
            deaf: false,
            untold: false,
            pending: 0,
            in_events: false,
        }
    }

    /// Whether there is nothing left that the application would want to read.
    pub(crate) const fn is_read(&self) -> bool {
        self.deaf || (self.ready.head.is_none() && !(self.cut && self.reading.is_some()))
    }

    /// Whether the application may write.
    pub(crate) const fn is_writable(&self) -> bool {
        matches!(self.state, State::Opening | State::Open)
    }
}
