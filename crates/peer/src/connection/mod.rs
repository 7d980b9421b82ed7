//! The connection's state and what the application tells it. What the network tells it is in `inbound`, what it sends in
//! `outbound`, and what the two sides agree on in `description`.

use core::net::SocketAddr;
use core::time::Duration;

use barertc_arena::{Allocator, Box, Ring, Vec};
use barertc_congestion::{Arrivals, Gcc, GccStats, Pacer, SentPackets};
use barertc_crypto::Provider;
use barertc_dtls::{Connection as Dtls, Identity};
use barertc_ice::{Agent, Candidate, Route};
use barertc_sctp::Association;
use barertc_srtp::Session as Srtp;
use barertc_wire::Instant;
use rand_core::CryptoRng;

use crate::{Config, ConnectionState, Discard, Discards, Error, Event, Name, Owners};

mod channels;
mod description;
mod inbound;
mod outbound;
mod receiving;
mod renegotiation;
mod reports;
mod servers;
mod stats;
mod tracks;

pub(crate) use receiving::Receiver;
pub(crate) use renegotiation::Places;
pub use stats::{DiscardStats, Stats, TrackStats, TransportStats};
pub(crate) use tracks::Transceiver;

/// How long a probe takes.
const PROBE: Duration = Duration::from_millis(100);

/// A WebRTC connection to one peer: tracks and data channels over one ICE path.
///
/// # Order of calls
///
/// [`new`](Self::new); [`add_local_candidate`](Self::add_local_candidate) for each socket;
/// [`add_track`](Self::add_track) for what is to be sent or received. Then either
/// [`create_offer`](Self::create_offer) and, with what came back, [`set_answer`](Self::set_answer); or
/// [`create_answer`](Self::create_answer) for the offer that came. Either way the description that is written is in
/// force at once: there is no separate step for setting it.
///
/// From `new` on, and after every call with `&mut self`: empty [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event), and call [`handle_timeout`](Self::handle_timeout) at [`timeout`](Self::timeout).
/// Datagrams go to [`handle`](Self::handle) as they come, early ones too.
///
/// # What holds always
///
/// - It never takes more than [`Config::worst_case_bytes`] from its allocator, and gives all back when it is dropped.
/// - Nothing from the network reaches a media stream or a data channel before ICE has vouched for the sender's address
///   and DTLS for its certificate.
/// - No datagram is longer than [`Config::mtu`].
/// - Connectivity and consent checks go out before everything, then DTLS, RTCP, audio, video, data.
pub struct PeerConnection<'p, A: Allocator + Clone, P: Provider> {
    config: Config,
    memory: Owners<A>,
    provider: &'p P,
    identity: &'p Identity,
    ice: Box<Agent<A, &'p P>, A>,
    dtls: Option<Box<Dtls<A, &'p P>, A>>,
    srtp: Option<Box<Srtp<A, &'p P>, A>>,
    sctp: Option<Box<Association<A>, A>>,
    tracks: Vec<Transceiver<A>, A>,
    events: Ring<Event, A>,
    state: ConnectionState,
    /// DTLS or what hangs on it has failed: no other path would help.
    broken: bool,
    /// The name of the m-line of data channels, once there is one.
    data_mid: Name,
    /// The m-lines in their order, as agreed on last.
    lines: Box<Places, A>,
    /// The header extensions we know, by the numbers they have here.
    extensions: barertc_sdp::ExtensionMap,
    /// A local address and the one that others know it by.
    mapped: Option<(SocketAddr, SocketAddr)>,
    peer_fingerprint: Option<barertc_wire::Fingerprint>,
    session_id: u64,
    session_version: u64,
    /// An offer of ours has not been answered.
    offered: bool,
    /// When the next RTCP report is due.
    report_at: Option<Instant>,
    /// Packets on their way, what their arrival tells of the path, and how fast video may leave.
    sent: SentPackets<A>,
    /// When packets with a number of the path came, where the peer wants to know.
    arrivals: Option<Box<Arrivals<A>, A>>,
    estimator: Gcc,
    pacer: Pacer,
    /// When a datagram from nowhere is looked at again.
    stray_at: Instant,
    /// Until when more is sent than the estimate.
    probing: Option<Instant>,
    /// The latest time that any call has told.
    now: Instant,
    discards: Discards,
    dtls_version: Option<barertc_dtls::Version>,
    channels_opened: u32,
    channels_closed: u32,
}

/// The ICE agent, in its place. Out of line, so that it is not on the stack beside the connection.
#[inline(never)]
fn new_agent<'p, A: Allocator + Clone, P: Provider, R: CryptoRng + ?Sized>(
    config: &Config,
    memory: &A,
    provider: &'p P,
    rng: &mut R,
) -> Result<Box<Agent<A, &'p P>, A>, Error> {
    Box::try_init(memory.clone(), || Agent::new(config.ice.clone(), false, memory.clone(), provider, rng))
}

impl<'p, A: Allocator + Clone, P: Provider> PeerConnection<'p, A, P> {
    /// A connection that has not begun. `identity` is the certificate, which many connections may share.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::OutOfMemory`].
    pub fn new<R: CryptoRng + ?Sized>(
        config: Config,
        identity: &'p Identity,
        memory: impl Into<Owners<A>>,
        provider: &'p P,
        rng: &mut R,
    ) -> Result<Self, Error> {
        config.check()?;
        let memory = memory.into();
        let ice = new_agent(&config, &memory.ice, provider, rng)?;
        Ok(Self {
            ice,
            dtls: None,
            srtp: None,
            sctp: None,
            tracks: Vec::with_capacity(config.max_tracks.into(), memory.connection.clone())?,
            events: Ring::with_capacity(config.max_events.into(), memory.connection.clone())?,
            state: ConnectionState::New,
            broken: false,
            data_mid: Name::new(),
            lines: Box::try_new(Places::new(), memory.connection.clone())?,
            extensions: crate::codec::offered_extensions(),
            mapped: None,
            peer_fingerprint: None,
            // RFC 8829 §5.2.1: 63 bits at most.
            session_id: rng.next_u64() >> 1,
            session_version: 0,
            offered: false,
            report_at: None,
            sent: SentPackets::new(config.sent_packets, memory.media.clone())?,
            estimator: Gcc::new(config.bandwidth),
            pacer: Pacer::new(config.bandwidth.start),
            stray_at: Instant::ZERO,
            probing: None,
            arrivals: None,
            dtls_version: None,
            channels_opened: 0,
            channels_closed: 0,
            now: Instant::ZERO,
            discards: Discards::default(),
            config,
            memory,
            provider,
            identity,
        })
    }

    /// The address of a bound socket, or a candidate made from it.
    ///
    /// # Errors
    /// [`Error::Ice`] when there are too many.
    pub fn add_local_candidate(&mut self, candidate: Candidate) -> Result<(), Error> {
        self.ice.add_local(self.now, candidate)?;
        self.update();
        Ok(())
    }

    /// A socket that is gone, with the network it was in. An ICE restart with the address of another one moves the call.
    pub fn remove_local_candidate(&mut self, address: SocketAddr) {
        self.ice.remove_local(self.now, address);
        self.update();
    }

    /// A socket that others reach under another address than its own: behind a port forwarding, or a NAT that maps one to
    /// one. Descriptions say `public`; the agent works with `local`.
    ///
    /// # Errors
    /// [`Error::Ice`] when there are too many.
    pub fn add_mapped_candidate(&mut self, local: SocketAddr, public: SocketAddr) -> Result<(), Error> {
        self.mapped = Some((local, public));
        self.add_local_candidate(Candidate::host(local))
    }

    /// A candidate that the other side has trickled: the text of an `a=candidate` line. Names are ignored: a peer that
    /// hides its address will be seen when its checks arrive.
    ///
    /// # Errors
    /// [`Error::Ice`].
    pub fn add_remote_candidate(&mut self, line: &str) -> Result<(), Error> {
        let _name = self.ice.add_remote_line(self.now, line)?;
        self.update();
        Ok(())
    }

    /// What the path carries, in bits a second, as far as its feedback tells: for an encoder, or for a choice between
    /// renditions.
    #[must_use]
    pub fn available_outgoing_bitrate(&self) -> u64 {
        self.estimator.bitrate()
    }

    /// What the estimate is made of: whether delay or loss bounds it.
    #[must_use]
    pub fn bandwidth(&self) -> GccStats {
        self.estimator.stats()
    }

    /// Sends more than the estimate for a tenth of a second, so that `bits_per_second` leave, to learn whether the path
    /// carries that much: an application that uses less than there is learns it in no other way. Where there is not enough
    /// to send, packets of video that were sent already go once more, which needs RTX.
    /// [`available_outgoing_bitrate`](Self::available_outgoing_bitrate) tells the outcome a little later.
    pub fn probe(&mut self, now: Instant, bits_per_second: u64) {
        let until = now + PROBE;
        self.estimator.probe(now, until);
        self.pacer.set_rate(now, bits_per_second);
        self.probing = Some(until);
    }

    /// Restarts ICE: the next offer has fresh credentials. The path in use stays until there is a new one.
    ///
    /// # Errors
    /// [`Error::Ice`].
    pub fn restart_ice<R: CryptoRng + ?Sized>(&mut self, _rng: &mut R) -> Result<(), Error> {
        self.ice.restart(self.now)?;
        Ok(())
    }

    /// Ends the connection: the peer is told when [`poll_transmit`](Self::poll_transmit) is emptied once more, and from
    /// then on nothing is sent to it. What a TURN server lent is given back: as long as there is a
    /// [`timeout`](Self::timeout), datagrams are passed on and `poll_transmit` is emptied (one round trip, and 9.5 s at
    /// most where the server is silent).
    pub fn close(&mut self) {
        if let Some(dtls) = &mut self.dtls {
            dtls.close(self.now);
        }
        self.set_state(ConnectionState::Closed);
    }

    /// What the application should know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The W3C's `connectionState`.
    #[must_use]
    pub const fn connection_state(&self) -> ConnectionState {
        self.state
    }

    /// Whether a datagram is for this connection, as a socket shared by many has to know: a check that names our user
    /// name fragment, or anything from an address that the other side or a server of ours has. Nothing is believed by that.
    #[must_use]
    pub fn is_for_us(&self, route: Route, datagram: &[u8]) -> bool {
        let check = barertc_ice::stun::Message::parse(datagram).ok();
        match check.and_then(|check| check.username()) {
            Some(name) => name.split_once(':').is_some_and(|(ours, _)| self.ice.is_local_ufrag(ours)),
            None => self.ice.is_expected(route, datagram),
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Lets DTLS know how soon an answer can be expected on the path that was selected. Browsers drop a ClientHello that
    /// comes before they have settled on the path themselves, so that the first repetition decides how long it takes.
    fn tell_round_trip(&mut self) {
        let selected = self.ice.pair_stats().find(|pair| pair.selected);
        if let (Some(dtls), Some(time)) = (&mut self.dtls, selected.and_then(|pair| pair.current_round_trip_time)) {
            dtls.set_round_trip_time(self.now, time);
        }
    }

    /// Moves what the protocols have to say into our own events and state. To be called after everything.
    fn update(&mut self) {
        while let Some(event) = self.ice.poll_event() {
            match event {
                barertc_ice::Event::LocalCandidate(candidate) => self.push(Event::LocalCandidate(candidate)),
                barertc_ice::Event::State(state) => self.push(Event::IceState(state)),
                barertc_ice::Event::Selected(_) => self.tell_round_trip(),
                barertc_ice::Event::Gathering(state) => self.push(Event::IceGatheringState(state)),
                _ => {}
            }
        }
        while let Some(event) = self.dtls.as_mut().and_then(|dtls| dtls.poll_event()) {
            self.handle_dtls_event(event);
        }
        self.update_streams();
        self.update_channels();
        self.update_state();
    }

    /// The W3C's rule for `connectionState` (webrtc-pc §4.3.3), for our one ICE and one DTLS transport.
    fn update_state(&mut self) {
        use barertc_ice::State;
        if self.broken || self.state == ConnectionState::Closed {
            return;
        }
        let state = match self.ice.state() {
            State::New => ConnectionState::New,
            State::Failed(_) => ConnectionState::Failed,
            State::Disconnected => ConnectionState::Disconnected,
            State::Closed => ConnectionState::Closed,
            State::Connected | State::Completed if self.srtp_or_data_ready() => ConnectionState::Connected,
            _ => ConnectionState::Connecting,
        };
        self.set_state(state);
    }

    fn srtp_or_data_ready(&self) -> bool {
        self.dtls.as_ref().is_some_and(|dtls| dtls.is_connected())
    }

    /// What no ICE restart can mend.
    fn fail(&mut self) {
        self.broken = true;
        self.set_state(ConnectionState::Failed);
    }

    fn set_state(&mut self, state: ConnectionState) {
        if self.state != state {
            self.state = state;
            self.push(Event::ConnectionState(state));
        }
    }

    fn push(&mut self, event: Event) {
        if self.events.push_back(event).is_err() {
            self.discards.count(Discard::EventsFull);
        }
    }
}
