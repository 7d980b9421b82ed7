//! The connection: its five verbs, and the state machines behind them.

mod early;
mod incoming;
mod outgoing;

use core::fmt;
use core::time::Duration;

use barertc_arena::{Allocator, Box};
use barertc_crypto::rand_core::CryptoRng;
use barertc_crypto::{Generator, Provider, Suite, wipe_stack, wipe_stack_of_key_pair};
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
#[cfg(feature = "dtls12")]
use crate::schedule12;

#[cfg(test)]
mod tests;

/// An event of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// The handshake is complete: the peer is authenticated, data can be sent, and keys can be exported.
    Connected {
        /// The negotiated version.
        version: Version,
        /// The AEAD that protects records.
        suite: Suite,
        /// The number of the negotiated SRTP protection profile (RFC 5764 §4.1.2); `None` when none was negotiated.
        srtp: Option<u16>,
    },
    /// The peer or this side has closed the connection.
    Closed,
    /// The connection has failed for this reason.
    Failed(Error),
}

/// The shortest first timeout. A shorter one would expire while a slow peer still computes its keys.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(50);

/// The longest timeout that [`Connection::restart_timer`] accepts.
const LONGEST_FIRST_TIMEOUT: Duration = Duration::from_secs(3);

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Handshaking,
    Connected,
    /// Closed by either side, or failed.
    Over,
}

/// One DTLS connection, of either version and either role.
///
/// A client has its ClientHello ready after [`new`](Self::new), so the handshake can begin before ICE has selected a pair.
/// A server answers a ClientHello at once. The connection keeps all other handshake messages until
/// [`set_peer_fingerprint`](Self::set_peer_fingerprint) is called, and handles them then.
///
/// After every call that takes `&mut self`, call [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event) until both return `None`. Then read [`timeout`](Self::timeout) again.
pub struct Connection<A: Allocator, P: Provider> {
    pub(crate) link: Link<A, P>,
    /// The state of the handshake. `None` after the handshake.
    pending: Option<Pending<A>>,
    status: Status,
    /// Events that were not polled yet. Each of the two happens at most once.
    connected: Option<Event>,
    over: Option<Event>,
    /// Level and description of the alert to send.
    alert: Option<(u8, u8)>,
    /// The last unauthenticated alert or message that did not end the connection. It becomes the reason of the failure
    /// when the peer sends nothing else.
    hint: Option<Hint>,
    discards: Discards,
}

/// A reason to end the connection that an unauthenticated alert or message gave.
#[derive(Clone, Copy, Debug)]
struct Hint {
    /// The event that ends the connection if the hint proves true.
    end: Event,
    /// Whether one timeout without an answer suffices. Otherwise all repetitions of the flight come first.
    soon: bool,
}

/// The state that only a handshake needs. Its memory is returned after the handshake.
struct Pending<A: Allocator> {
    handshake: Box<Handshake, A>,
    reassembly: Reassembly<A>,
    early: Early<A>,
}

impl<A: Allocator + Clone, P: Provider> Connection<A, P> {
    /// Makes a connection and allocates all its memory.
    ///
    /// `rng` seeds the connection's own generator and is not used afterwards. `provider` may be a reference.
    ///
    /// # Errors
    /// [`Error::Config`] when [`Config::check`] finds a field that breaks its rule. [`Error::NoMemory`] when `alloc` has
    /// fewer than [`worst_case_bytes`](Self::worst_case_bytes).
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
            wipe_stack_of_key_pair();
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

/// Makes a handshake that has not begun, in its own allocation.
// Out of line: the handshake does not occupy the caller's stack while the caller makes the rest of the connection.
#[inline(never)]
fn begin<A: Allocator>(role: Role, identity: &Identity, alloc: A) -> Result<Box<Handshake, A>, Error> {
    Box::try_init(alloc, || Ok::<_, Error>(Handshake::new(role, Context::new(identity))))
}

impl<A: Allocator, P: Provider> Connection<A, P> {
    /// The most bytes that a connection with this configuration allocates. [`new`](Self::new) allocates all of them, in
    /// six blocks.
    ///
    /// The allocator's overhead for these blocks is not included, nor is the size of the `Connection` value itself.
    #[must_use]
    pub const fn worst_case_bytes(config: &Config) -> usize {
        let handshake =
            size_of::<Handshake>().saturating_add(config.reassembly as usize).saturating_add(config.early as usize);
        handshake.saturating_add(Self::established_bytes())
    }

    /// The bytes that a connection keeps after the handshake: those of its keys and of its buffer for outgoing flights.
    ///
    /// The flight buffer is still needed after the handshake, to repeat the last flight and to send key updates.
    #[must_use]
    pub const fn established_bytes() -> usize {
        flight::CAPACITY.saturating_add(Records::<A, P>::KEY_BYTES)
    }

    /// Makes the ephemeral key pair of the handshake in advance.
    ///
    /// A server calls this in idle time, so that its answer to the ClientHello takes less time. For a client the call does
    /// nothing: [`new`](Self::new) has made its key pair.
    pub fn prepare(&mut self) {
        let Some(pending) = &mut self.pending else { return };
        let Handshake { state: State::AwaitClientHello, context } = &mut *pending.handshake else { return };
        if let (None, Some(group)) = (&context.ephemeral, self.link.groups().next()) {
            context.ephemeral = Some(Ephemeral::new(&self.link.provider, group, &mut self.link.rng));
            wipe_stack_of_key_pair();
        }
    }

    /// Sets the fingerprint that the peer's certificate must have, from `a=fingerprint` in its session description.
    ///
    /// The call also handles the messages that arrived before it.
    ///
    /// # Errors
    /// [`Error::Misuse`] when the fingerprint was set before. [`Error::Closed`] after the end of the connection. Any error
    /// of [`handle`](Self::handle) for the kept messages.
    pub fn set_peer_fingerprint(&mut self, now: Instant, fingerprint: Fingerprint) -> Result<(), Error> {
        self.set_peer_fingerprints(now, fingerprint.into())
    }

    /// Sets several fingerprints, of which the peer's certificate must have one: all `a=fingerprint` attributes of its
    /// session description (RFC 8122 §5.1).
    ///
    /// The call also handles the messages that arrived before it.
    ///
    /// # Errors
    /// The same as [`set_peer_fingerprint`](Self::set_peer_fingerprint).
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

    /// Sets the round-trip time that ICE has measured.
    ///
    /// From the next flight on, the first timeout is 1.5 times the round-trip time (RFC 9147 §5.8.2). It is at least
    /// 50 ms, and at most [`Config::initial_timeout`]. The running timer keeps its deadline. While a repeated flight is
    /// under way, the call has no effect.
    pub fn set_round_trip_time(&mut self, now: Instant, round_trip: Duration) {
        // The running timer keeps its deadline.
        let _ = now;
        let guess = round_trip.saturating_mul(3).checked_div(2).unwrap_or(round_trip);
        let longest = self.link.config.initial_timeout;
        self.link.flight.guess_timeout(guess.max(SHORTEST_TIMEOUT).min(longest));
    }

    /// Restarts the timer of the current flight at `now`, because its datagrams were delayed before they were sent.
    ///
    /// `timeout` replaces the first timeout of the current flight and of those after it; it is limited to 50 ms to 3 s. A
    /// flight that was repeated keeps its longer timeout.
    pub fn restart_timer(&mut self, now: Instant, timeout: Option<Duration>) {
        let timeout = timeout.map(|timeout| timeout.max(SHORTEST_TIMEOUT).min(LONGEST_FIRST_TIMEOUT));
        self.link.flight.restart_timer(now, timeout);
    }

    /// Takes the next event; `None` when there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.connected.take().or_else(|| self.over.take())
    }

    /// The time at which to call [`handle_timeout`](Self::handle_timeout); `None` when no timer runs.
    pub fn timeout(&self) -> Option<Instant> {
        match self.status {
            Status::Over => None,
            _ => Instant::earliest(self.link.flight.deadline(), self.link.acks.deadline()),
        }
    }

    /// Repeats a flight that the peer did not answer in time, and schedules acknowledgements (RFC 9147 §7.1).
    ///
    /// After [`Config::retransmissions`] repetitions the connection fails with [`Error::TimedOut`]. If the connection has
    /// ignored an unauthenticated alert or message, and no valid handshake message followed, that is the reason instead:
    /// [`Error::PeerAlert`], [`Error::UnexpectedMessage`] or [`Error::MessageTooLong`].
    ///
    /// An alert that arrived before the peer had keys ends the connection at the first timeout. If that alert is a
    /// close_notify, the connection ends with [`Event::Closed`].
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
                // A part of the answer is missing. An ACK tells the peer which records to repeat (RFC 9147 §7.1).
                self.link.acks.send_now();
            }
        }
    }

    /// Fills `out` with exported keying material (RFC 5705, RFC 8446 §7.5). Both sides get the same bytes.
    ///
    /// For SRTP the label is `EXTRACTOR-dtls_srtp`, without a context (RFC 5764 §4.2).
    ///
    /// # Errors
    /// [`Error::NotConnected`] before [`Event::Connected`] and after the end of the connection. [`Error::Misuse`] in
    /// DTLS 1.2 when `context` is longer than 65,535 bytes. [`Error::Misuse`] in DTLS 1.3 when `label` is longer than
    /// 249 bytes, or `out` is longer than 255 digests. That is 8,160 bytes with SHA-256 and 12,240 bytes with SHA-384.
    pub fn export(&self, label: &str, context: Option<&[u8]>, out: &mut [u8]) -> Result<(), Error> {
        let link = &self.link;
        let done = match &link.exporter {
            Some(_) if self.status != Status::Connected => return Err(Error::NotConnected),
            None => return Err(Error::NotConnected),
            #[cfg(feature = "dtls12")]
            Some(Exporter::Dtls12 { master, client_random, server_random }) => {
                let bytes = context.unwrap_or_default();
                let len = u16::try_from(bytes.len()).map_err(|_| Error::Misuse)?.to_be_bytes();
                let len: &[u8] = if context.is_some() { &len } else { &[] };
                let (p, hash) = (&link.provider, link.hash());
                schedule12::prf(p, hash, master, label.as_bytes(), [client_random, server_random, len, bytes], out);
                Ok(())
            }
            #[cfg(feature = "dtls13")]
            Some(Exporter::Dtls13 { secret }) => {
                let context = context.unwrap_or_default();
                link.schedule().export(secret, label.as_bytes(), context, out).map_err(|_| Error::Misuse)
            }
        };
        wipe_stack();
        done
    }

    /// Begins a key update of DTLS 1.3: this side changes the keys that it sends with (RFC 9147 §8).
    ///
    /// With `request`, this side asks the peer to change its keys too. Without any call, an update begins after 2²³ records
    /// under one key.
    ///
    /// Returns false when no update can begin: in DTLS 1.2, or while another flight waits for its acknowledgement.
    ///
    /// # Errors
    /// [`Error::NotConnected`] before [`Event::Connected`] and after the end of the connection. [`Error::KeysExhausted`]
    /// when the handshake's message numbers are used up.
    pub fn update_keys(&mut self, now: Instant, request: bool) -> Result<bool, Error> {
        // Its flight begins when it is polled.
        let _ = now;
        if self.status != Status::Connected {
            return Err(Error::NotConnected);
        }
        self.link.begin_update(request)
    }

    /// Closes the connection with [`Event::Closed`]. The next datagram tells the peer with a close_notify alert.
    pub fn close(&mut self, now: Instant) {
        // The alert goes out when it is polled.
        let _ = now;
        if self.status != Status::Over {
            self.alert = Some((alert::WARNING, alert::CLOSE_NOTIFY));
            self.end(Event::Closed);
        }
    }

    /// Whether the handshake is complete and the connection has not ended, so that data can be sent and keys exported.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.status == Status::Connected
    }

    /// Whether application data can be sealed: after the handshake, and with
    /// [`Config::half_rtt`](crate::Config::half_rtt) as soon as a server's own Finished is written.
    #[must_use]
    pub fn can_send(&self) -> bool {
        let half_rtt = self.link.is_13() && self.link.records.write_epoch() >= self.link.data_epoch();
        self.is_connected() || self.status == Status::Handshaking && half_rtt
    }

    /// Whether this side is a server that still waits for a complete ClientHello.
    #[must_use]
    pub fn awaits_client_hello(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.handshake.awaits_client_hello())
    }

    /// Whether no flight of this side waits for an answer or an acknowledgement.
    #[must_use]
    pub fn is_flight_over(&self) -> bool {
        self.link.flight.is_finished()
    }

    /// The role of this side.
    #[must_use]
    pub fn role(&self) -> Role {
        self.link.role
    }

    /// The number of dropped records and fragments, by reason.
    #[must_use]
    pub fn discards(&self) -> &Discards {
        &self.discards
    }

    /// Ends the connection with `event` and frees the memory of the handshake.
    fn end(&mut self, event: Event) {
        barertc_wire::trace!("dtls: {:?}", event);
        self.status = Status::Over;
        self.over = Some(event);
        self.link.flight.begin();
        self.link.acks.clear();
        // The connection reads nothing any more. An alert still needs the write keys.
        self.link.records.forget_read();
        if self.alert.is_none() {
            self.link.records.forget_write();
        }
        // The ciphers left round keys on the stack, and the values that overwrite the secrets come from the stack.
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
