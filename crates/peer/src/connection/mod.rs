//! The connection: the five verbs. They call the modules `agreement`, `transport` and `media`, of which none knows the
//! state of another.

mod channels;
mod events;
mod negotiation;
mod network;
mod statistics;
mod told;
mod tracks;

use core::fmt;

use barertc_arena::{Allocator, Box, Vec};
use barertc_crypto::{
    Generator, Provider,
    rand_core::{CryptoRng, Rng},
};
use barertc_dtls::Identity;
use barertc_ice::{Route, Transmit};
use barertc_wire::Instant;

use crate::agreement::{Agreement, Track};
use crate::allocators::Allocators;
use crate::config::{Config, inner, inner_sctp};
use crate::error::{Discard, Discards, Error};
use crate::media::Media;
use crate::track::{Name, number};
use crate::transport::{Inbound, Transport};

use told::Told;

/// A WebRTC connection to one peer: tracks and data channels over one ICE path.
///
/// # Order of calls
///
/// 1. [`new`](Self::new) makes the connection.
/// 2. [`add_local_candidate`](Self::add_local_candidate) names each socket.
/// 3. [`add_track`](Self::add_track) and [`open_channel`](Self::open_channel) say what is to be sent and received.
/// 4. The offerer calls [`create_offer`](Self::create_offer), sends the text to its peer, and passes the text that
///    comes back to [`set_answer`](Self::set_answer). The answerer passes the offer to
///    [`create_answer`](Self::create_answer) and sends back what that has written.
///
/// A description that is written is also applied. There is no separate call that sets it.
///
/// After each call with `&mut self`, the caller empties [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event). It calls [`handle_timeout`](Self::handle_timeout) when the time of
/// [`timeout`](Self::timeout) has come. It passes each datagram that arrives to [`handle`](Self::handle), also before
/// there is a description.
///
/// `now` is the present time of the caller's clock. It never goes back.
///
/// # What holds always
///
/// - A connection takes at most [`worst_case_bytes`](Self::worst_case_bytes) from its allocators. It gives them all
///   back when it is dropped.
/// - Data from the network reach a media stream or a data channel only after ICE has checked the sender's address and
///   DTLS its certificate.
/// - No datagram is longer than [`Config::mtu`].
/// - Connectivity and consent checks leave first, then DTLS, RTCP, audio, video and data.
/// - A call that returns an error has changed nothing. There are two exceptions: [`handle`](Self::handle), and a
///   description behind which DTLS fails ([`Error::Dtls`]). The connection's state tells of both.
pub struct PeerConnection<'p, A: Allocator + Clone, P: Provider> {
    config: Box<Config, A>,
    memory: Allocators<A>,
    /// Where random numbers of later calls come from.
    random: Generator,
    agreement: Box<Agreement, A>,
    tracks: Vec<Track, A>,
    transport: Transport<'p, A, P>,
    media: Media<A>,
    /// The canonical name of all that we send (RFC 7022 §4.2): random, and the same for the whole session.
    cname: Name,
    /// What is told of the whole connection.
    told: Told,
    discards: Discards,
}

impl<'p, A: Allocator + Clone, P: Provider> PeerConnection<'p, A, P> {
    /// Makes a connection that has not begun. Many connections may share the certificate `identity`. `rng` seeds a
    /// generator that the connection keeps for later.
    ///
    /// # Errors
    /// [`Error::Config`] with the field that breaks a rule; [`Error::NoMemory`].
    pub fn new<R: CryptoRng + ?Sized>(
        config: Config,
        identity: &'p Identity,
        memory: impl Into<Allocators<A>>,
        provider: &'p P,
        rng: &mut R,
    ) -> Result<Self, Error> {
        config.check()?;
        let memory = memory.into();
        let mut random = Generator::new(rng);
        // RFC 8829 §5.2.1: 63 bits at most.
        let (session_id, reporter) = (random.next_u64() >> 1, random.next_u32());
        Ok(Self {
            transport: Transport::new(&config, &memory, identity, provider, &mut random)?,
            agreement: Box::try_new(Agreement::new(session_id), memory.connection.clone())?,
            tracks: Vec::with_capacity(config.max_tracks.into(), memory.connection.clone())?,
            media: Media::new(&config, &memory.media, reporter)?,
            cname: number(random.next_u64(), true),
            told: Told::new(),
            discards: Discards::default(),
            config: Box::try_new(config, memory.connection.clone())?,
            memory,
            random,
        })
    }

    /// The most memory that a connection with this configuration takes from its allocators, in bytes. The allocator's
    /// own overhead is not counted. Media frames belong to the application and are not counted either.
    #[must_use]
    pub const fn worst_case_bytes(config: &Config) -> usize {
        Transport::<'p, A, P>::worst_case_bytes(config)
            .saturating_add(Media::<A>::worst_case_bytes(config))
            .saturating_add(size_of::<Agreement>())
            .saturating_add(size_of::<Config>())
            .saturating_add(Vec::<Track, A>::bytes(config.max_tracks as usize))
    }

    /// Blocks that a connection with this configuration has at the same time, at the most.
    const fn blocks(config: &Config) -> usize {
        // A stream has up to eight blocks each way; what is made once for a connection has less than 64.
        config.send_streams().saturating_mul(16).saturating_add(64)
    }

    /// The size in bytes of a region for an [`arena::Heap`](barertc_arena::Heap) that serves a connection with this
    /// configuration. It is [`worst_case_bytes`](Self::worst_case_bytes) and the overhead of the heap. It is a
    /// constant, and can be the size of a `static`.
    #[must_use]
    pub const fn region_bytes(config: &Config) -> usize {
        barertc_arena::Heap::region_bytes(Self::worst_case_bytes(config), Self::blocks(config))
    }

    /// The configuration that the connection was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The largest datagram in bytes of UDP payload that is known to pass on the path in use. It is [`Config::min_mtu`]
    /// until the search has found a larger size. It is [`Config::mtu`] without a path, and where there is no search. A
    /// network that fragments datagrams and reassembles them counts as one that carries them whole.
    #[must_use]
    pub fn path_mtu(&self) -> u16 {
        self.transport.path_mtu(&self.config)
    }

    // The five verbs.

    /// Takes one datagram that has arrived on `route`, and decrypts it in place.
    ///
    /// # Errors
    /// An error says why the datagram was dropped. The caller may log it and need not act on it. The statistics count
    /// each reason. An event tells when the connection fails.
    pub fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) -> Result<(), Error> {
        let dropped = match self.transport.handle(now, route, datagram) {
            Ok(Inbound::Taken) => None,
            Ok(Inbound::Rtp(packet)) => self.media.handle_rtp(now, packet).err(),
            Ok(Inbound::Rtcp(compound)) => self.media.handle_rtcp(now, compound).err(),
            Ok(Inbound::Dropped(reason)) => Some(reason),
            Err(error) => {
                self.update(now);
                return Err(error);
            }
        };
        if let Some(reason) = dropped {
            self.discards.count(reason);
        }
        self.update(now);
        Ok(())
    }

    /// Writes at most one datagram into `out`, which should have [`Config::mtu`] bytes. Returns where to send it.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        let mtu = out.len().min(self.config.mtu.into());
        let out = out.get_mut(..mtu)?;
        if self.told.is_closed() {
            return self.transport.poll_goodbye(now, out);
        }
        self.transport.poll_ice(now, out).or_else(|| {
            self.follow_path(now);
            self.poll_path(now, out)
        })
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`poll_transmit`](Self::poll_transmit) next. The time
    /// may lie in the past. `None` when there is nothing to wait for.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        if self.told.is_closed() {
            let parted = self.transport.has_parted();
            return if parted { self.transport.ice().timeout() } else { Some(Instant::ZERO) };
        }
        let path = self.transport.ice().selected().is_some() && self.transport.security().is_up();
        [
            self.transport.timeout(),
            // What cannot be sent does not become due.
            self.media.send_timeout().filter(|_| path),
            self.media.frame_timeout(),
            self.told.silence(self.config.silence),
        ]
        .into_iter()
        .fold(None, Instant::earliest)
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.transport.handle_timeout(now);
        self.media.handle_timeout(now);
        self.update(now);
    }

    /// Lets media and data follow what the path carries.
    fn follow_path(&mut self, now: Instant) {
        let mtu = self.path_mtu();
        self.media.set_path_mtu(now, inner(mtu));
        self.transport.data_mut().set_path_mtu(now, inner_sctp(mtu));
    }

    /// What goes by the path that ICE has found, the most urgent first.
    fn poll_path(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        let window = self.transport.window(out.len())?;
        let len = self.poll_packet(now, out.get_mut(window)?)?;
        self.transport.wrap(now, out, len)
    }

    fn poll_packet(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let most = inner(self.transport.handshake_mtu(&self.config)).into();
        if let Some(len) = self.transport.poll_dtls(now, out, most) {
            let most = out.len().min(most).max(len);
            return Some(self.transport.add_data(now, out.get_mut(..most)?, len));
        }
        if let Some(profile) = self.transport.srtp_profile() {
            let most = out.len().min(inner(self.path_mtu()).into());
            let room = most.saturating_sub(profile.rtcp_overhead());
            let round_trip = self.transport.round_trip();
            if let Some(len) = self.media.poll_rtcp(now, round_trip, &self.cname, out.get_mut(..room)?) {
                let protected = self.transport.protect_rtcp(out, len);
                return self.counted(protected);
            }
            if let Some(packet) = self.media.poll_packet(now, out) {
                let protected = self.transport.protect_rtp(out, packet.len, packet.again);
                let len = self.counted(protected)?;
                self.media.sent(now, packet, len);
                return Some(len);
            }
        }
        self.transport.poll_data(now, out)
    }

    /// Counts a packet that its keys could not protect, and so was not sent.
    fn counted(&mut self, protected: Option<usize>) -> Option<usize> {
        if protected.is_none() {
            self.discards.count(Discard::NotProtected);
        }
        protected
    }

    /// Whether a call can still have its effect.
    ///
    /// # Errors
    /// [`Error::Closed`].
    fn check_open(&self) -> Result<(), Error> {
        if self.told.is_closed() { Err(Error::Closed) } else { Ok(()) }
    }

    /// Lets each module follow what has happened. Every call that may have caused something ends with it.
    fn update(&mut self, now: Instant) {
        self.transport.update(now, &self.config, &self.memory, &mut self.random);
        self.media.update(now);
        self.told.update(now, &self.transport, self.config.silence);
    }
}

impl<A: Allocator + Clone, P: Provider> fmt::Debug for PeerConnection<'_, A, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerConnection").field("state", &self.told.state()).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<A: Allocator + Clone, P: Provider> defmt::Format for PeerConnection<'_, A, P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "PeerConnection({})", self.told.state());
    }
}
