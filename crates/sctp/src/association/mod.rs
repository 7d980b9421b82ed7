//! The association: state, and the calls that tie the halves together.

mod api;
mod handshake;
mod input;
mod output;
mod reset;
mod timers;

use barertc_arena::{Allocator, Box, Key, Slab, Vec};
use barertc_wire::Instant;
use rand_core::CryptoRng;

use crate::channel::{Channel, ChannelId, Events, State, pending};
use crate::chunk::Capabilities;
use crate::config::Config;
use crate::error::{Discards, Error, Failure};
use crate::pool::Chain;
use crate::recv::Receiver;
use crate::send::Sender;
use crate::serial::Tsn;

use handshake::Invitation;
use reset::Resets;

/// What an application is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// The association is established.
    Connected,
    /// A channel can be written to. For one opened here that is as soon as OPEN is on its way (RFC 8832 section 6).
    ChannelOpened {
        /// Which; [`Association::channel`] tells its label and kind.
        id: ChannelId,
        /// The peer opened it.
        from_peer: bool,
    },
    /// There is something to read: once for all of it, until the event is taken.
    Readable(ChannelId),
    /// What is queued on the channel has fallen to its threshold.
    BufferedAmountLow(ChannelId),
    /// A write that did not fit would fit now.
    Writable(ChannelId),
    /// Both directions are closed and everything has been read. The id means nothing any more.
    ChannelClosed(ChannelId),
    /// The association is lost, and every channel with it.
    Failed(Failure),
    /// The association was shut down in good order.
    Closed,
}

/// Which side of the DTLS connection this is: it decides who takes even stream ids (RFC 8832 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// DTLS client: opens even streams.
    Client,
    /// DTLS server: opens odd streams.
    Server,
}

/// Figures of an association.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Packets written.
    pub packets_sent: u64,
    /// Packets accepted.
    pub packets_received: u64,
    /// Chunks of data sent again.
    pub retransmitted: u64,
    /// Congestion window in bytes.
    pub congestion_window: usize,
    /// Bytes of chunks on their way.
    pub in_flight: usize,
    /// The window the peer may use, in bytes.
    pub receive_window: u32,
    /// Smoothed round trip in microseconds, once measured.
    pub round_trip: Option<u64>,
}

/// RFC 9260 section 4. `Done` is CLOSED after the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    CookieWait,
    CookieEchoed,
    Established,
    ShutdownPending,
    ShutdownSent,
    ShutdownReceived,
    ShutdownAckSent,
    Done,
}

/// What the peer has told of itself.
#[derive(Clone, Copy, Debug)]
struct Peer {
    tag: u32,
    tsn: Tsn,
    window: u32,
    inbound: u16,
    capabilities: Capabilities,
}

/// Answers kept for HEARTBEAT: the largest that is sent back.
const ECHO: usize = 96;

/// Chunks that want to be in the next packets.
#[derive(Default)]
struct Due {
    init: bool,
    init_ack: bool,
    cookie_echo: bool,
    cookie_ack: bool,
    heartbeat: bool,
    shutdown: bool,
    shutdown_ack: bool,
    /// With the T bit?
    shutdown_complete: Option<bool>,
    abort: Option<u16>,
    error: Option<u16>,
    echo: usize,
}

/// An SCTP association over DTLS with its data channels.
///
/// Call [`connect`](Self::connect) on both sides once DTLS is up, [`set_role`](Self::set_role) before. After every call
/// that takes `&mut self` empty [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event), and call
/// [`handle_timeout`](Self::handle_timeout) when [`timeout`](Self::timeout) has come.
pub struct Association<A: Allocator> {
    config: Config,
    phase: Phase,
    role: Option<Role>,

    tag: u32,
    tsn: Tsn,
    /// For a peer that starts anew.
    spare_tag: u32,
    cookie: [u8; 32],
    nonce: u64,
    peer: Option<Peer>,
    /// The last INIT that was answered.
    invitation: Option<Invitation>,
    /// The peer's cookie, to be echoed.
    peer_cookie: Chain,

    tx: Sender<A>,
    rx: Receiver<A>,
    channels: Slab<Channel, A>,
    /// Stream ids in order, with their channels.
    streams: Vec<(u16, Key), A>,
    /// A part for every channel: OPEN's fixed part, label and protocol.
    texts: Box<[u8], A>,
    events: Events<A>,
    resets: Resets,
    /// Some channel has OPEN or ACK to queue.
    dcep_due: bool,
    /// Peer's zero checksum parameter and ours.
    omit_checksum: bool,

    due: Due,
    echo: [u8; ECHO],
    t1: Option<Instant>,
    t1_count: u16,
    t1_began: Instant,
    t2: Option<Instant>,
    t2_count: u16,
    sack_at: Option<Instant>,
    sack_now: bool,
    unacked_packets: u8,
    first_data: bool,
    heartbeat_at: Option<Instant>,
    heartbeat_sent: Option<Instant>,

    connected: bool,
    /// SHUTDOWN COMPLETE was ours to send.
    completed: bool,
    ended: Option<Event>,
    discards: Discards,
    stats: Stats,
}

impl<A: Allocator + Clone> Association<A> {
    /// Makes an association that takes all the memory it will ever need from `alloc` now:
    /// [`worst_case_bytes`](Self::worst_case_bytes) in all.
    ///
    /// # Errors
    /// [`Error::NoMemory`]; [`Error::Config`] with the field that breaks a rule.
    pub fn new<R: CryptoRng + ?Sized>(config: Config, alloc: A, rng: &mut R) -> Result<Self, Error> {
        config.check()?;
        let channels = usize::from(config.max_channels);
        let tsn = Tsn(rng.next_u32());
        let mut cookie = [0; 32];
        rng.fill_bytes(&mut cookie);
        let mut tx = Sender::new(&config, alloc.clone())?;
        tx.start(tsn);
        Ok(Self {
            phase: Phase::Closed,
            role: None,
            tag: rng.next_u32().max(1),
            tsn,
            spare_tag: rng.next_u32().max(1),
            cookie,
            nonce: rng.next_u64(),
            peer: None,
            invitation: None,
            peer_cookie: Chain::EMPTY,
            tx,
            rx: Receiver::new(&config, alloc.clone())?,
            channels: Slab::with_capacity(channels, alloc.clone())?,
            streams: Vec::with_capacity(channels, alloc.clone())?,
            texts: Box::try_zeroed(channels.saturating_mul(config.text_room()), alloc.clone())?,
            events: Events::new(config.max_channels, alloc)?,
            resets: Resets::new(tsn),
            dcep_due: false,
            omit_checksum: false,
            due: Due::default(),
            echo: [0; ECHO],
            t1: None,
            t1_count: 0,
            t1_began: Instant::ZERO,
            t2: None,
            t2_count: 0,
            sack_at: None,
            sack_now: false,
            unacked_packets: 0,
            first_data: true,
            heartbeat_at: None,
            heartbeat_sent: None,
            connected: false,
            completed: false,
            ended: None,
            discards: Discards::default(),
            stats: Stats::default(),
            config,
        })
    }
}

impl<A: Allocator> Association<A> {
    /// Bytes that an association with this configuration takes from its allocator, all of them when it is made.
    #[must_use]
    pub const fn worst_case_bytes(config: &Config) -> usize {
        let channels = config.max_channels as usize;
        Sender::<A>::bytes(config)
            .saturating_add(Receiver::<A>::bytes(config))
            .saturating_add(Slab::<Channel, A>::bytes(channels))
            .saturating_add(Vec::<(u16, Key), A>::bytes(channels))
            .saturating_add(Events::<A>::bytes(channels))
            .saturating_add(Box::<[u8], A>::bytes(channels.saturating_mul(config.text_room())))
    }

    /// What has happened, one thing at a time.
    pub fn poll_event(&mut self) -> Option<Event> {
        if core::mem::take(&mut self.connected) {
            return Some(Event::Connected);
        }
        while let Some(key) = self.events.front() {
            let id = ChannelId(key);
            let Some(channel) = self.channels.get_mut(key) else {
                self.events.pop();
                continue;
            };
            let mut take = |flag: u8| {
                let set = channel.pending & flag != 0;
                channel.pending &= !flag;
                set
            };
            if take(pending::OPENED) {
                let from_peer = channel.from_peer;
                return Some(Event::ChannelOpened { id, from_peer });
            }
            if take(pending::READABLE) {
                return Some(Event::Readable(id));
            }
            if take(pending::LOW) {
                return Some(Event::BufferedAmountLow(id));
            }
            if take(pending::WRITABLE) {
                return Some(Event::Writable(id));
            }
            let closed = take(pending::CLOSED);
            channel.in_events = false;
            self.events.pop();
            if closed {
                self.free_channel(key);
                return Some(Event::ChannelClosed(id));
            }
        }
        self.ended.take()
    }

    /// How many packets and chunks were dropped, by reason.
    #[must_use]
    pub const fn discards(&self) -> &Discards {
        &self.discards
    }

    /// Figures.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            retransmitted: self.tx.retransmitted(),
            congestion_window: self.tx.control.window(),
            in_flight: self.tx.in_flight_bytes(),
            receive_window: self.rx.window(),
            round_trip: self.tx.rto.srtt().map(|d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX)),
            ..self.stats
        }
    }

    /// Whether data can flow.
    #[must_use]
    pub const fn is_established(&self) -> bool {
        matches!(self.phase, Phase::Established)
    }

    /// Whether the end has come, in whatever way.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// Whether both sides interleave messages (RFC 8260).
    #[must_use]
    pub const fn is_interleaving(&self) -> bool {
        self.tx.interleaving
    }

    /// Whether packets leave without a checksum (RFC 9653).
    #[must_use]
    pub const fn omits_checksum(&self) -> bool {
        self.omit_checksum
    }

    const fn capabilities(&self) -> Capabilities {
        Capabilities {
            partial_reliability: true,
            reconfig: true,
            interleaving: self.config.interleaving,
            zero_checksum: self.config.zero_checksum,
        }
    }

    fn end(&mut self, event: Event) {
        if self.phase == Phase::Done {
            return;
        }
        self.phase = Phase::Done;
        self.ended = Some(event);
        self.t1 = None;
        self.t2 = None;
        self.tx.t3 = None;
        self.sack_at = None;
        self.sack_now = false;
        self.heartbeat_at = None;
        self.resets.stop();
    }

    fn fail(&mut self, failure: Failure) {
        self.end(Event::Failed(failure));
    }

    fn stream(&self, id: u16) -> Option<Key> {
        let i = self.streams.binary_search_by_key(&id, |(s, _)| *s).ok()?;
        self.streams.get(i).map(|(_, k)| *k)
    }

    fn map_stream(&mut self, id: u16, key: Key) -> bool {
        match self.streams.binary_search_by_key(&id, |(s, _)| *s) {
            Ok(_) => false,
            Err(i) => self.streams.try_insert(i, (id, key)).is_ok(),
        }
    }

    fn unmap_stream(&mut self, id: u16) {
        if let Ok(i) = self.streams.binary_search_by_key(&id, |(s, _)| *s) {
            self.streams.remove(i);
        }
    }

    fn text(&self, key: Key) -> &[u8] {
        let room = self.config.text_room();
        let at = key.index().saturating_mul(room);
        self.texts.get(at..at.saturating_add(room)).unwrap_or_default()
    }

    fn text_mut(&mut self, key: Key) -> &mut [u8] {
        let room = self.config.text_room();
        let at = key.index().saturating_mul(room);
        self.texts.get_mut(at..at.saturating_add(room)).unwrap_or_default()
    }

    /// Frees a channel with everything it still holds.
    fn free_channel(&mut self, key: Key) {
        self.tx.drop_queue(&mut self.channels, &mut self.events, key);
        if let Some(mut channel) = self.channels.remove(key) {
            self.rx.reset(&mut channel);
            self.rx.drop_list(&mut channel.ready);
            if let Some(stream) = channel.stream
                && channel.state != State::Closed
            {
                self.unmap_stream(stream);
            }
        }
    }
}
