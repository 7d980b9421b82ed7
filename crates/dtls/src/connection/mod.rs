mod early;
mod incoming;
mod outgoing;

use core::fmt;
use core::time::Duration;

use barertc_arena::{Allocator, Box};
use barertc_crypto::rand_core::CryptoRng;
use barertc_crypto::{Generator, Provider, Suite, wipe_stack};
use barertc_wire::{Fingerprint, Fingerprints, Instant};

use self::early::Early;
use crate::acks::Acks;
use crate::config::{Config, Role, Version};
use crate::context::Context;
use crate::ephemeral::Ephemeral;
use crate::error::{Discards, Error, alert};
use crate::handshake::flight::{self, Flight};
use crate::handshake::reassembly::Reassembly;
use crate::identity::Identity;
use crate::link::{Exporter, Link};
use crate::machine::{Handshake, State};
use crate::record::Records;
use crate::schedule12;

#[cfg(test)]
mod tests;

/// An event of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// The peer has proven who it is, and keys can be exported.
    Connected {
        /// The version that was agreed on.
        version: Version,
        /// The AEAD of its records.
        suite: Suite,
        /// The SRTP protection profile, by its number (RFC 5764 §4.1.2), when there is one.
        srtp: Option<u16>,
    },
    /// The peer has closed the connection, or this side has.
    Closed,
    /// The connection has ended for this reason.
    Failed(Error),
}

/// Less would take a peer that is busy with its keys for one that has heard nothing.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(50);

/// The longest first timeout that somebody else's measurement may ask for.
const LONGEST_FIRST_TIMEOUT: Duration = Duration::from_secs(3);

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Handshaking,
    Connected,
    /// Closed by either side, or failed.
    Over,
}

/// One DTLS connection, of either version and either role.
///
/// A client has its ClientHello ready after [`new`](Self::new), so it can begin before ICE has selected a path. A server
/// answers a ClientHello at once. All other messages of the peer are kept until
/// [`set_peer_fingerprint`](Self::set_peer_fingerprint) and handled then.
///
/// After every call that takes `&mut self`, call [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event) until they return `None`, and ask [`timeout`](Self::timeout) again.
pub struct Connection<A: Allocator, P: Provider> {
    pub(crate) link: Link<A, P>,
    /// Gone when the handshake is over.
    pending: Option<Pending<A>>,
    status: Status,
    /// Events not yet asked for: each kind happens once.
    connected: Option<Event>,
    over: Option<Event>,
    /// Level and description of an alert to be sent.
    alert: Option<(u8, u8)>,
    /// What came without protection and ended nothing. Should nothing else come, it was true.
    hint: Option<Hint>,
    discards: Discards,
}

/// An end that somebody without keys told of, or a message that cannot be the peer's.
#[derive(Clone, Copy, Debug)]
struct Hint {
    /// How the connection ends if it was true.
    end: Event,
    /// Whether one timeout without an answer is enough. Else the flight is repeated as often as it may be.
    soon: bool,
}

/// What a handshake takes in memory.
struct Pending<A: Allocator> {
    handshake: Box<Handshake, A>,
    reassembly: Reassembly<A>,
    early: Early<A>,
}

impl<A: Allocator + Clone, P: Provider> Connection<A, P> {
    /// A connection that takes all its memory now.
    ///
    /// `rng` seeds the connection's own generator; `provider` may be a reference.
    ///
    /// # Errors
    /// [`Error::Config`] when [`Config::check`] finds a field that breaks its rule, [`Error::NoMemory`] when `alloc` has
    /// not got [`worst_case_bytes`](Self::worst_case_bytes).
    pub fn new<R: CryptoRng + ?Sized>(
        config: Config,
        role: Role,
        identity: &Identity,
        alloc: A,
        provider: P,
        rng: &mut R,
    ) -> Result<Self, Error> {
        config.check()?;
        let mut pending = Pending {
            handshake: begin(role, identity, alloc.clone())?,
            reassembly: Reassembly::new(usize::from(config.reassembly), alloc.clone())?,
            early: Early::new(usize::from(config.early), alloc.clone())?,
        };
        let mut link = Link {
            flight: Flight::new(config.initial_timeout, alloc.clone())?,
            provider,
            config,
            role,
            rng: Generator::new(rng),
            records: Records::new(alloc)?,
            acks: Acks::default(),
            version: None,
            suite: Suite::Aes128Gcm,
            srtp: None,
            exporter: None,
            updates: None,
        };
        if role == Role::Client {
            pending.handshake.begin(&mut link)?;
            wipe_stack();
        }
        Ok(Self {
            link,
            pending: Some(pending),
            status: Status::Handshaking,
            connected: None,
            over: None,
            alert: None,
            hint: None,
            discards: Discards::default(),
        })
    }
}

/// A handshake that has not begun, in its place. Out of line, so that it is not on the stack while the rest is made.
#[inline(never)]
fn begin<A: Allocator>(role: Role, identity: &Identity, alloc: A) -> Result<Box<Handshake, A>, Error> {
    Box::try_init(alloc, || Ok::<_, Error>(Handshake::new(role, Context::new(identity))))
}

impl<A: Allocator, P: Provider> Connection<A, P> {
    /// Most bytes that a connection with this configuration ever takes from its allocator, without the allocator's own
    /// overhead for six blocks. [`new`](Self::new) takes all of them. The `Connection` value itself is `size_of` more.
    #[must_use]
    pub const fn worst_case_bytes(config: &Config) -> usize {
        let handshake =
            size_of::<Handshake>().saturating_add(config.reassembly as usize).saturating_add(config.early as usize);
        handshake.saturating_add(Self::established_bytes())
    }

    /// How many of those bytes stay when the handshake is over: the keys, and a flight. Its last messages may have to be
    /// repeated, and key updates go out through it.
    #[must_use]
    pub const fn established_bytes() -> usize {
        flight::CAPACITY.saturating_add(Records::<A, P>::KEY_BYTES)
    }

    /// Makes the key pair of the handshake now. A server calls this in idle time, so that its answer to the ClientHello takes
    /// less time. A client has made its key pair in [`new`](Self::new).
    pub fn prepare(&mut self) {
        let Some(pending) = &mut self.pending else { return };
        let Handshake { state: State::AwaitClientHello, context } = &mut *pending.handshake else { return };
        if let (None, Some(group)) = (&context.ephemeral, self.link.groups().next()) {
            context.ephemeral = Some(Ephemeral::new(&self.link.provider, group, &mut self.link.rng));
            wipe_stack();
        }
    }

    /// Sets the fingerprint that the peer's certificate must have: the `a=fingerprint` of its description. Messages that
    /// arrived before are handled now.
    ///
    /// # Errors
    /// [`Error::Misuse`] when it was set before, [`Error::Closed`] after the end, and what [`handle`](Self::handle) gives for the kept messages.
    pub fn set_peer_fingerprint(&mut self, now: Instant, fingerprint: Fingerprint) -> Result<(), Error> {
        self.set_peer_fingerprints(now, fingerprint.into())
    }

    /// Sets the fingerprints of which the peer's certificate must have one: all `a=fingerprint` attributes of its description
    /// (RFC 8122 §5.1). Messages that arrived before are handled now.
    ///
    /// # Errors
    /// As [`set_peer_fingerprint`](Self::set_peer_fingerprint).
    pub fn set_peer_fingerprints(&mut self, now: Instant, fingerprints: Fingerprints) -> Result<(), Error> {
        let Some(pending) = &mut self.pending else {
            return Err(if self.status == Status::Over { Error::Closed } else { Error::Misuse });
        };
        let known = &mut pending.handshake.context.fingerprints;
        if known.is_some() {
            return Err(Error::Misuse);
        }
        *known = Some(fingerprints);
        self.proceed(now, &mut |_| {})
    }

    /// Sets the round-trip time that ICE has measured. From the next flight on, the first timeout is 1.5 times that
    /// (RFC 9147 §5.8.2), at least 50 ms and at most [`Config::initial_timeout`].
    pub fn set_round_trip_time(&mut self, now: Instant, round_trip: Duration) {
        // The running timer keeps its deadline.
        let _ = now;
        let guess = round_trip.saturating_mul(3).checked_div(2).unwrap_or(round_trip);
        let longest = self.link.config.initial_timeout;
        self.link.flight.guess_timeout(guess.max(SHORTEST_TIMEOUT).min(longest));
    }

    /// Lets the timer of the flight under way begin anew at `now`: what was polled before has not left until now. With
    /// `timeout` that is how long it and the flights behind it wait, between 50 ms and 3 s.
    pub fn restart_timer(&mut self, now: Instant, timeout: Option<Duration>) {
        let timeout = timeout.map(|timeout| timeout.max(SHORTEST_TIMEOUT).min(LONGEST_FIRST_TIMEOUT));
        self.link.flight.restart_timer(now, timeout);
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.connected.take().or_else(|| self.over.take())
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if at all.
    pub fn timeout(&self) -> Option<Instant> {
        match self.status {
            Status::Over => None,
            _ => Instant::earliest(self.link.flight.deadline(), self.link.acks.deadline()),
        }
    }

    /// Repeats the flight that was not answered in time, and plans acknowledgements.
    ///
    /// After the last repetition the connection fails with [`Error::TimedOut`]. When an unprotected alert or message was dropped
    /// before, and nothing useful came behind it, that is the reason instead: [`Error::PeerAlert`],
    /// [`Error::UnexpectedMessage`] or [`Error::MessageTooLong`]. An alert from before there were keys needs no repetition: it
    /// is the reason when the flight is not answered in time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.status == Status::Over {
            return;
        }
        self.link.acks.handle_timeout(now);
        if self.link.flight.deadline().is_some_and(|at| at <= now) {
            let (longest, most) = (self.link.config.max_timeout, self.link.config.retransmissions);
            barertc_wire::trace!(
                "dtls: a flight was not answered within {:?} ms",
                self.link.flight.timeout().as_millis() as u64
            );
            let soon = self.hint.is_some_and(|hint| hint.soon);
            if soon || !self.link.flight.repeat(now, longest, most) {
                match self.hint.map(|hint| hint.end) {
                    Some(Event::Failed(error)) => self.fail(error),
                    Some(end) => self.end(end),
                    None => self.fail(Error::TimedOut),
                }
            } else if self.link.flight.is_answered() {
                // Part of the answer is missing: what we have tells the peer what to repeat (RFC 9147 §7.1).
                self.link.acks.send_now();
            }
        }
    }

    /// Writes keying material of `out.len()` bytes (RFC 5705, RFC 8446 §7.5), the same as the peer's. For SRTP
    /// the label is `EXTRACTOR-dtls_srtp` and there is no context (RFC 5764 §4.2).
    ///
    /// # Errors
    /// [`Error::NotConnected`] before `Connected`.
    pub fn export(&self, label: &str, context: Option<&[u8]>, out: &mut [u8]) -> Result<(), Error> {
        let link = &self.link;
        let (p, hash) = (&link.provider, link.hash());
        match &link.exporter {
            Some(_) if self.status != Status::Connected => return Err(Error::NotConnected),
            None => return Err(Error::NotConnected),
            Some(Exporter::Dtls12 { master, client_random, server_random }) => {
                let bytes = context.unwrap_or_default();
                let len = u16::try_from(bytes.len()).map_err(|_| Error::Misuse)?.to_be_bytes();
                let len: &[u8] = if context.is_some() { &len } else { &[] };
                schedule12::prf(p, hash, master, label.as_bytes(), [client_random, server_random, len, bytes], out);
            }
            Some(Exporter::Dtls13 { secret }) => {
                link.schedule().export(secret, label.as_bytes(), context.unwrap_or_default(), out);
            }
        }
        wipe_stack();
        Ok(())
    }

    /// DTLS 1.3: begins to change the keys that this side writes with (RFC 9147 §8). With `request` it asks the peer to change
    /// its own too. An update begins by itself after 2²³ records.
    ///
    /// Returns false when no update can begin: in DTLS 1.2, or while another flight waits for its acknowledgement.
    ///
    /// # Errors
    /// [`Error::NotConnected`] before `Connected` and after the end.
    pub fn update_keys(&mut self, now: Instant, request: bool) -> Result<bool, Error> {
        // Its flight begins when it is polled.
        let _ = now;
        if self.status != Status::Connected {
            return Err(Error::NotConnected);
        }
        self.link.begin_update(request)
    }

    /// Closes the connection. The next datagram tells the peer, and [`Event::Closed`] follows.
    pub fn close(&mut self, now: Instant) {
        // The alert goes out when it is polled.
        let _ = now;
        if self.status != Status::Over {
            self.alert = Some((alert::WARNING, alert::CLOSE_NOTIFY));
            self.end(Event::Closed);
        }
    }

    /// Whether the handshake is complete and the connection has not ended: data can be sent and keys exported.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.status == Status::Connected
    }

    /// Whether a server still waits for a whole ClientHello.
    #[must_use]
    pub fn awaits_client_hello(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.handshake.awaits_client_hello())
    }

    /// Whether nothing that was sent waits to be answered or acknowledged.
    #[must_use]
    pub fn is_flight_over(&self) -> bool {
        self.link.flight.is_finished()
    }

    /// This side's role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.link.role
    }

    /// How many records and fragments were dropped, by reason.
    #[must_use]
    pub fn discards(&self) -> &Discards {
        &self.discards
    }

    /// The connection is over; what the handshake took is given back.
    fn end(&mut self, event: Event) {
        barertc_wire::trace!("dtls: {:?}", event);
        self.status = Status::Over;
        self.over = Some(event);
        self.link.flight.begin();
        self.link.acks.clear();
        // Nothing is read any more; the keys that we write with go when the alert has left.
        self.link.records.forget_read();
        if self.alert.is_none() {
            self.link.records.forget_write();
        }
        // The ciphers leave their round keys on the stack, and what is forgotten is overwritten from there.
        wipe_stack();
        self.forget_secrets();
    }

    #[inline(never)]
    fn forget_secrets(&mut self) {
        self.pending = None;
        self.link.exporter = None;
        self.link.updates = None;
    }

    fn fail(&mut self, error: Error) {
        if self.status != Status::Over {
            self.alert = error.alert().map(|description| (alert::FATAL, description));
            self.end(Event::Failed(error));
        }
    }
}

impl<A: Allocator, P: Provider> fmt::Debug for Connection<A, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.link.role)
            .field("version", &self.link.version)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<A: Allocator, P: Provider> defmt::Format for Connection<A, P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let (role, version) = (self.link.role, self.link.version);
        defmt::write!(
            f,
            "Connection {{ role: {}, version: {}, over: {} }}",
            role,
            version,
            self.status == Status::Over
        );
    }
}
