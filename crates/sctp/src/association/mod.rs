//! The association: the parts, and what is asked of the whole.

mod api;
mod data;
mod event;
mod handshake;
mod input;
mod messages;
mod outbox;
mod output;
mod path;
mod remote_init;
mod reset;
mod resets;
mod shutdown;
mod state;
mod timeouts;

use core::fmt;

use barertc_arena::{Allocator, Key};
use rand_core::CryptoRng;

use crate::channel::{ChannelId, State as ChannelState, pending};
use crate::channels::Channels;
use crate::config::Config;
use crate::error::{Discards, Error, Failure};
use crate::pool::Chain;
use crate::recv::Receiver;
use crate::send::Sender;
use crate::serial::Tsn;
use crate::timer::Timers;

use outbox::{Acks, Outbox};
use path::Path;
use resets::Resets;
use state::{End, Peer, State};

pub use event::Event;
pub use remote_init::RemoteInit;
pub use state::Role;

/// Statistics of an association.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stats {
    /// How many packets were written.
    pub packets_sent: u64,
    /// How many packets were accepted.
    pub packets_received: u64,
    /// How many chunks of data were sent again.
    pub retransmitted: u64,
    /// The congestion window in bytes.
    pub congestion_window: usize,
    /// The bytes of chunks that were sent and not acknowledged.
    pub in_flight: usize,
    /// The receive window in bytes: how much the peer may send.
    pub receive_window: u32,
    /// The smoothed round-trip time in microseconds. `None` before the first measurement.
    pub round_trip: Option<u64>,
}

/// The port of a peer that has announced none.
const DEFAULT_PORT: u16 = 5000;
/// The largest message in bytes for a peer that has announced none.
const DEFAULT_MAX_MESSAGE_SIZE: u32 = 256 << 10;

/// What the peer's session description says.
struct Remote {
    port: u16,
    max_message_size: u32,
}

/// What is ours, drawn when the association is made, and what the session descriptions tell beside it.
struct Identity {
    role: Option<Role>,
    remote: Remote,
    tag: u32,
    /// For a peer that starts anew.
    spare_tag: u32,
    tsn: Tsn,
    /// The receive window of an INIT chunk in a session description, which later descriptions repeat.
    window: u32,
    cookie: [u8; 32],
}

/// An INIT that was answered: what a state cookie stands for.
///
/// RFC 9260 lets the cookie itself carry this, so that strangers cost no memory. Below DTLS there are no strangers, and
/// there is only one peer. So the state is kept here, and the cookie is 32 random bytes that nobody can forge.
#[derive(Clone, Copy)]
struct AnsweredInit {
    peer: Peer,
    /// The tag that was offered.
    tag: u32,
}

/// Events of the whole association that the application has not taken.
#[derive(Default)]
struct News {
    connected: bool,
    ended: bool,
}

/// An SCTP association over DTLS, with its data channels.
///
/// Both sides call [`set_role`](Self::set_role), and [`connect`](Self::connect) once DTLS is up. After each call that
/// takes `&mut self`, the caller empties [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event).
/// It calls [`handle_timeout`](Self::handle_timeout) when the time of [`timeout`](Self::timeout) has come.
///
/// An association ends once: by [`shutdown`](Self::shutdown) or [`abort`](Self::abort) of either side, or by a failure.
/// An event tells the end, and every channel is closed. To go on, both sides make a new association. The DTLS
/// connection may be the same.
pub struct Association<A: Allocator> {
    config: Config,
    identity: Identity,
    state: State,
    answered: Option<AnsweredInit>,
    outbox: Outbox,
    acks: Acks,
    timers: Timers,
    tx: Sender<A>,
    rx: Receiver<A>,
    channels: Channels<A>,
    resets: Resets,
    path: Path,
    news: News,
    discards: Discards,
    stats: Stats,
}

impl<A: Allocator + Clone> Association<A> {
    /// Makes an association. It takes all its memory from `alloc` at once:
    /// [`worst_case_bytes`](Self::worst_case_bytes).
    ///
    /// # Errors
    /// [`Error::NoMemory`]; [`Error::Config`] with the field that breaks a rule.
    pub fn new<R: CryptoRng + ?Sized>(config: Config, alloc: A, rng: &mut R) -> Result<Self, Error> {
        config.check()?;
        let tsn = Tsn(rng.next_u32());
        let mut cookie = [0; 32];
        rng.fill_bytes(&mut cookie);
        let mut tx = Sender::new(&config, alloc.clone())?;
        tx.start(tsn);
        let tag = rng.next_u32().max(1);
        let spare_tag = rng.next_u32().max(1);
        let rx = Receiver::new(&config, alloc.clone())?;
        Ok(Self {
            identity: Identity {
                role: None,
                remote: Remote { port: DEFAULT_PORT, max_message_size: DEFAULT_MAX_MESSAGE_SIZE },
                tag,
                spare_tag,
                tsn,
                window: rx.window(),
                cookie,
            },
            state: State::Closed,
            answered: None,
            outbox: Outbox::EMPTY,
            acks: Acks::NEW,
            timers: Timers::new(),
            tx,
            rx,
            channels: Channels::new(&config, alloc)?,
            resets: Resets::new(tsn),
            path: Path::new(rng.next_u64()),
            news: News::default(),
            discards: Discards::default(),
            stats: Stats::default(),
            config,
        })
    }
}

impl<A: Allocator> Association<A> {
    /// The bytes that an association with this configuration takes from its allocator. It takes all of them when it is
    /// made.
    #[must_use]
    pub const fn worst_case_bytes(config: &Config) -> usize {
        Sender::<A>::bytes(config)
            .saturating_add(Receiver::<A>::bytes(config))
            .saturating_add(Channels::<A>::bytes(config))
    }

    /// The next event, or `None` when there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        if core::mem::take(&mut self.news.connected) {
            return Some(Event::Connected);
        }
        if core::mem::take(&mut self.path.untold)
            && let Some(size) = self.path.too_large
        {
            return Some(Event::PathMtuExceeded { size });
        }
        if core::mem::take(&mut self.news.ended)
            && let State::Done(end) = self.state
        {
            return Some(end.failure.map_or(Event::Closed, Event::Failed));
        }
        let (key, event) = loop {
            let (key, event) = self.channels.next_event()?;
            if !self.channels.get(key).is_some_and(|channel| channel.untold) {
                break (key, event);
            }
            if event == pending::CLOSED {
                self.free_channel(key);
            }
        };
        let id = ChannelId(key);
        Some(match event {
            pending::OPENED => {
                Event::ChannelOpened { id, from_peer: self.channels.get(key).is_some_and(|c| c.from_peer) }
            }
            pending::READABLE => Event::Readable(id),
            pending::LOW => Event::BufferedAmountLow(id),
            pending::WRITABLE => Event::Writable(id),
            _ => {
                self.free_channel(key);
                Event::ChannelClosed(id)
            }
        })
    }

    /// How many packets and chunks were dropped, by reason.
    #[must_use]
    pub const fn discards(&self) -> &Discards {
        &self.discards
    }

    /// The statistics as they are now.
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

    /// Whether the association has not begun.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether data can flow.
    #[must_use]
    pub const fn is_established(&self) -> bool {
        matches!(self.state, State::Established(_))
    }

    /// Whether the association has ended, in whatever way.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.state.is_done()
    }

    /// Why the association has failed. `None` when it has not.
    #[must_use]
    pub const fn failure(&self) -> Option<Failure> {
        match &self.state {
            State::Done(end) => end.failure,
            _ => None,
        }
    }

    /// Whether both sides interleave messages (RFC 8260).
    #[must_use]
    pub const fn is_interleaving(&self) -> bool {
        self.tx.interleaving
    }

    /// Whether packets leave without a checksum (RFC 9653).
    #[must_use]
    pub const fn omits_checksum(&self) -> bool {
        match self.state.peer() {
            Some(peer) => peer.capabilities.zero_checksum && self.config.zero_checksum,
            None => false,
        }
    }

    /// The next state.
    fn enter(&mut self, state: State) {
        self.state = state;
        barertc_wire::trace!("sctp: {}", self.state.name());
    }

    /// The association is over; every channel is with it.
    fn end(&mut self, failure: Option<Failure>) {
        if self.state.is_done() {
            return;
        }
        self.release_cookie();
        self.rx.release_kept(&mut self.outbox.answers);
        self.rx.release_kept(&mut self.outbox.unrecognized);
        self.enter(State::Done(End { peer: self.state.peer().copied(), completed: false, failure }));
        if let Some(failure) = failure {
            barertc_wire::trace!("sctp: {:?}", failure);
        }
        self.news.ended = true;
        self.timers.stop_all();
        self.acks.now = false;
        self.resets.stop();
        self.channels.close_all();
    }

    fn fail(&mut self, failure: Failure) {
        self.end(Some(failure));
    }

    /// What a call is answered that comes too late.
    const fn over(&self) -> Error {
        match self.failure() {
            Some(failure) => Error::Failed(failure),
            None => Error::Closed,
        }
    }

    fn release_cookie(&mut self) {
        if let State::CookieEchoed(_, cookie, _) = &mut self.state {
            self.rx.release_kept(cookie);
            *cookie = Chain::EMPTY;
        }
    }

    /// Frees a channel with everything it still holds.
    fn free_channel(&mut self, key: Key) {
        self.tx.drop_queue(&mut self.channels, key);
        if let Some(mut channel) = self.channels.slab.remove(key) {
            self.rx.reset(&mut channel);
            self.rx.drop_list(&mut channel.ready);
            if let Some(stream) = channel.stream
                && channel.state != ChannelState::Closed
            {
                self.channels.unmap(stream);
            }
        }
    }
}

impl<A: Allocator> fmt::Debug for Association<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Association").field("state", &self.state.name()).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<A: Allocator> defmt::Format for Association<A> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Association({=str})", self.state.name());
    }
}
