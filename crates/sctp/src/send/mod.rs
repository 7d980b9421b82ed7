//! The sending half: messages waiting, chunks in flight, and the windows that hold them back.

mod acks;
mod queue;
mod transmit;

use barertc_arena::{AllocError, Allocator, Key, Ring, Slab, Vec};
use barertc_wire::Instant;

use crate::chunk::Data;
use crate::config::Config;
use crate::congestion::Control;
use crate::packet::HEADER;
use crate::pool::{Chain, Cursor, Pool};
use crate::rto::Rto;
use crate::serial::Tsn;

/// A message from the moment it is written until its last chunk is acknowledged. More than fifteen fields: they lie
/// side by side in the slot of a slab.
#[derive(Debug)]
pub(crate) struct Message {
    channel: Key,
    /// The next message of the channel.
    next: Option<Key>,
    chain: Chain,
    /// Where the next new chunk starts.
    cursor: Cursor,
    /// Bytes behind it.
    unsent: usize,
    protocol: u32,
    stream: u16,
    unordered: bool,
    /// All of it has been written.
    finished: bool,
    /// The first chunk has been sent, so `number` is assigned.
    started: bool,
    /// Nothing more of it will be sent.
    abandoned: bool,
    number: u32,
    next_fragment: u32,
    /// Chunks in flight.
    chunks: u32,
    expires: Instant,
    /// Retransmissions allowed; `u16::MAX` is any number.
    retransmits: u16,
}

/// Where a chunk in flight stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// On its way.
    Flying,
    /// Taken for lost: to be sent again.
    Lost,
    /// Reported in a gap block.
    Acked,
    /// Its message was given up.
    Abandoned,
}

/// A chunk in flight; its TSN follows from its place.
#[derive(Debug)]
pub(crate) struct Sent {
    message: Key,
    cursor: Cursor,
    len: u16,
    fate: Fate,
    begin: bool,
    end: bool,
    /// SACKs that reported later chunks and not this one.
    misses: u8,
    transmissions: u16,
    /// An acknowledgement at once was asked for (I bit).
    immediate: bool,
    fragment: u32,
    sent_at: Instant,
}

/// What was written and is not acknowledged, and how fast it leaves. More than fifteen fields: one acknowledgement
/// changes the queues, the windows, the losses and the pace together (RFC 9260 §6.3, §7.2).
pub(crate) struct Sender<A: Allocator> {
    pool: Pool<A>,
    messages: Slab<Message, A>,
    /// From `cumulative + 1` on.
    in_flight: Ring<Sent, A>,
    most_in_flight: usize,
    cumulative: Tsn,
    /// Payload bytes on their way, and the same with chunk headers and padding.
    flying: usize,
    flying_wire: usize,
    lost: usize,
    acked_chunks: usize,
    /// The peer's window as last advertised.
    window: usize,
    pub(crate) rto: Rto,
    pub(crate) control: Control,
    /// Until everything up to here is acknowledged, further losses are the same one.
    recovery: Option<Tsn>,
    /// One packet may be retransmitted regardless of the window (RFC 9260 §7.2.4 rule 3).
    fast_retransmit: bool,
    /// Probes since something was last acknowledged.
    probes: u8,
    last_sent: Instant,
    next_send: Instant,
    /// Bytes that pacing still lets go before the next pause.
    burst: usize,

    /// Channels with something to send.
    active: Vec<Key, A>,
    clock: u64,
    /// The message whose chunks must follow each other, without interleaving.
    current: Option<Key>,
    pub(crate) interleaving: bool,
    pub(crate) partial_reliability: bool,
    /// Advanced.Peer.Ack.Point (RFC 3758 §3.5).
    advanced: Tsn,
    forward_due: bool,
    /// Time-outs in a row.
    pub(crate) errors: u16,
    /// The largest packet that there may be, and the largest that the path carries.
    mtu: usize,
    path: usize,
    /// The most bytes of a message in one chunk.
    max_chunk: usize,
    /// Bytes that only a message which is being sent while it is written may take.
    reserve: usize,
    retransmitted: u64,
}

impl<A: Allocator + Clone> Sender<A> {
    pub(crate) fn new(config: &Config, alloc: A) -> Result<Self, AllocError> {
        Ok(Self {
            pool: Pool::new(config.send_blocks(), config.block, alloc.clone())?,
            messages: Slab::with_capacity(config.max_messages as usize, alloc.clone())?,
            in_flight: Ring::with_capacity(config.in_flight_room(), alloc.clone())?,
            most_in_flight: config.max_in_flight as usize,
            cumulative: Tsn(0),
            flying: 0,
            flying_wire: 0,
            lost: 0,
            acked_chunks: 0,
            window: 0,
            rto: Rto::new(config),
            control: Control::new(config),
            recovery: None,
            fast_retransmit: false,
            probes: 0,
            last_sent: Instant::ZERO,
            next_send: Instant::ZERO,
            burst: 0,
            active: Vec::with_capacity(usize::from(config.max_channels), alloc)?,
            clock: 0,
            current: None,
            interleaving: false,
            partial_reliability: false,
            advanced: Tsn(0),
            forward_due: false,
            errors: 0,
            mtu: usize::from(config.mtu),
            path: usize::from(config.mtu),
            max_chunk: usize::from(config.max_chunk),
            reserve: config.send_reserve(),
            retransmitted: 0,
        })
    }
}

impl<A: Allocator> Sender<A> {
    /// Bytes that a sender takes from its allocator.
    pub(crate) const fn bytes(config: &Config) -> usize {
        Pool::<A>::bytes(config.send_blocks(), config.block)
            .saturating_add(Slab::<Message, A>::bytes(config.max_messages as usize))
            .saturating_add(Ring::<Sent, A>::bytes(config.in_flight_room()))
            .saturating_add(Vec::<Key, A>::bytes(config.max_channels as usize))
    }

    /// The first TSN will be `first`.
    pub(crate) fn start(&mut self, first: Tsn) {
        self.cumulative = first.prev();
        self.advanced = self.cumulative;
    }

    /// The peer's window, from INIT or INIT ACK.
    pub(crate) fn set_window(&mut self, window: u32) {
        self.window = window as usize;
    }

    /// Everything up to here is acknowledged.
    pub(crate) const fn cumulative(&self) -> Tsn {
        self.cumulative
    }

    /// What the first chunk in flight takes as a packet of its own.
    pub(crate) fn first_packet(&self) -> Option<usize> {
        let sent = self.in_flight.front()?;
        let header = Data::header_len(self.interleaving).saturating_add(HEADER);
        Some(usize::from(sent.len).saturating_add(header))
    }

    /// New packets have at most `bytes` from now on, in whole words as chunks have (RFC 9260 §3.2).
    pub(crate) fn set_path_mtu(&mut self, bytes: usize) {
        self.path = if bytes < self.mtu { bytes & !3 } else { self.mtu };
    }

    /// The most bytes of the next packet. A chunk keeps its length when it is sent again (RFC 9260 §6.9): one that is longer
    /// than the path carries goes alone, since IP may fragment it, or the path may have changed.
    pub(crate) fn packet_limit(&self) -> usize {
        if self.lost == 0 || self.path == self.mtu {
            return self.path;
        }
        let header = Data::header_len(self.interleaving).saturating_add(HEADER);
        let lost = self.in_flight.iter().find(|s| s.fate == Fate::Lost);
        let too_long = lost.is_some_and(|s| usize::from(s.len).saturating_add(header) > self.path);
        if too_long { self.mtu } else { self.path }
    }

    /// The TSN of the next new chunk.
    pub(crate) fn next_tsn(&self) -> Tsn {
        self.cumulative.add(u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX)).add(1)
    }

    /// Whether everything written has been acknowledged.
    pub(crate) fn is_drained(&self) -> bool {
        self.messages.is_empty()
    }

    /// Bytes that can be written now.
    pub(crate) fn room(&self) -> usize {
        if self.messages.is_full() { 0 } else { self.pool.room().saturating_sub(self.reserve) }
    }

    pub(crate) const fn retransmitted(&self) -> u64 {
        self.retransmitted
    }

    pub(crate) const fn in_flight_bytes(&self) -> usize {
        self.flying_wire
    }
}
