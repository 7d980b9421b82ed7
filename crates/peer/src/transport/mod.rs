//! ICE, DTLS, SRTP and SCTP: datagrams in, plaintext out.
//!
//! ICE finds the way. Beside it stands the [`Security`] of what goes that way, and inside of that the association of the
//! data channels. DTLS begins with the descriptions, also before ICE has a path. Its flights wait for a path, or travel in
//! ICE's checks where the peer reads them there.

mod carrying;
mod data;
mod demux;
mod describing;
mod embedded;
mod security;
mod snap;
#[cfg_attr(not(feature = "media"), path = "srtp_absent.rs")]
mod srtp;

use core::net::SocketAddr;

use barertc_arena::{Allocator, Box};
use barertc_crypto::{Generator, Provider};
use barertc_dtls::Identity;
use barertc_ice::{Agent, Config as IceConfig, Event as IceEvent, Handled, Route, State, Transmit};
use barertc_sctp::Association;
use barertc_srtp::Profile;
use barertc_wire::{Fingerprints, Instant};
use core::time::Duration;

use crate::allocators::Allocators;
use crate::config::Config;
use crate::error::{Discard, Error};

use data::Data;
use demux::{Protocol, protocol};
use embedded::Embedded;
use security::Security;

pub(crate) use data::{ChannelEvent, Ending};

/// Local addresses that others know by another one.
const MAX_MAPPED: usize = 4;
/// Between two datagrams of unknown sources that are looked at.
const BETWEEN_UNKNOWN: Duration = Duration::from_millis(20);

/// A local address that others know by another one.
struct Mapped {
    local: SocketAddr,
    /// It is that of a TCP socket.
    tcp: bool,
    public: SocketAddr,
}

/// What a datagram was.
pub(crate) enum Inbound<'d> {
    /// It has been taken in.
    Taken,
    /// Plain RTP.
    Rtp(&'d [u8]),
    /// Plain RTCP.
    Rtcp(&'d [u8]),
    /// It was dropped.
    Dropped(Discard),
}

/// The way to the peer, and what keeps it private.
pub(crate) struct Transport<'p, A: Allocator + Clone, P: Provider> {
    ice: Box<Agent<A, &'p P>, A>,
    security: Security<'p, A, P>,
    /// What checks carry of DTLS, until it is up.
    embedded: Option<Box<Embedded, A>>,
    /// Something protected by the keys that DTLS has made has come.
    heard: bool,
    /// A datagram of DTLS has come beside the checks of ICE while a ClientHello was waited for: anybody could have sent it.
    strangers: bool,
    data: Data<A>,
    identity: &'p Identity,
    provider: &'p P,
    /// What the peer's certificate must be, once a description has said it.
    peer: Option<Fingerprints>,
    mapped: heapless::Vec<Mapped, MAX_MAPPED>,
    /// When a datagram of an unknown source is looked at again.
    unknown_at: Instant,
}

/// The ICE agent, in its place. Out of line, so that it is not on the stack beside the connection.
#[inline(never)]
fn new_agent<'p, A: Allocator + Clone, P: Provider>(
    config: &Config,
    memory: &A,
    provider: &'p P,
    random: &mut Generator,
) -> Result<Box<Agent<A, &'p P>, A>, Error> {
    let carried = Some([embedded::DATA, embedded::ACK]);
    Box::try_init(memory.clone(), || {
        let path_mtu = config.path_mtu();
        Agent::new(IceConfig { carried, path_mtu, ..config.ice.clone() }, false, memory.clone(), provider, random)
    })
}

impl<'p, A: Allocator + Clone, P: Provider> Transport<'p, A, P> {
    pub(crate) fn new(
        config: &Config,
        memory: &Allocators<A>,
        identity: &'p Identity,
        provider: &'p P,
        random: &mut Generator,
    ) -> Result<Self, Error> {
        Ok(Self {
            ice: new_agent(config, &memory.ice, provider, random)?,
            security: Security::None,
            embedded: None,
            heard: false,
            strangers: false,
            data: Data::new(),
            identity,
            provider,
            peer: None,
            mapped: heapless::Vec::new(),
            unknown_at: Instant::ZERO,
        })
    }

    /// What it takes, the protocols' own memory included.
    pub(crate) const fn worst_case_bytes(config: &Config) -> usize {
        let [agent, keys, data] = [
            size_of::<Agent<A, &'p P>>().saturating_add(Agent::<A, &'p P>::worst_case_bytes(&config.ice)),
            Security::<'p, A, P>::worst_case_bytes(config),
            size_of::<Association<A>>().saturating_add(Association::<A>::worst_case_bytes(&config.sctp)),
        ];
        agent.saturating_add(keys).saturating_add(data).saturating_add(size_of::<Embedded>())
    }

    pub(crate) fn ice(&self) -> &Agent<A, &'p P> {
        &self.ice
    }

    pub(crate) fn ice_mut(&mut self) -> &mut Agent<A, &'p P> {
        &mut self.ice
    }

    pub(crate) const fn data(&self) -> &Data<A> {
        &self.data
    }

    pub(crate) const fn data_mut(&mut self) -> &mut Data<A> {
        &mut self.data
    }

    pub(crate) const fn security(&self) -> &Security<'p, A, P> {
        &self.security
    }

    // Datagrams.

    /// One datagram that came in, decrypted in place.
    ///
    /// # Errors
    /// [`Error::Dtls`], [`Error::Srtp`]: what was wrong with it, which its protocol has counted.
    pub(crate) fn handle<'d>(
        &mut self,
        now: Instant,
        route: Route,
        datagram: &'d mut [u8],
    ) -> Result<Inbound<'d>, Error> {
        match self.ice.handle(now, route, datagram) {
            Handled::Data { range, route } => {
                let Some(inner) = datagram.get_mut(range) else { return Ok(Inbound::Taken) };
                let inbound = self.handle_inner(now, inner);
                if matches!(inbound, Ok(Inbound::Rtcp(_))) {
                    self.ice.heard(now, route);
                }
                inbound
            }
            Handled::Dropped(barertc_ice::Discard::UnknownRemote) => {
                self.handle_unknown(now, route, datagram);
                Ok(Inbound::Taken)
            }
            Handled::Carried(carried) => self.handle_carried(now, &carried, datagram),
            Handled::Consumed | Handled::Dropped(_) => Ok(Inbound::Taken),
        }
    }

    /// A datagram of an unknown source. It is of our peer all the same where it is authentic RTCP: then the peer has a new
    /// address, which is checked at once. No more than fifty a second are looked at.
    pub(crate) fn handle_unknown(&mut self, now: Instant, route: Route, datagram: &mut [u8]) -> bool {
        if protocol(datagram) != Protocol::Rtcp || now < self.unknown_at {
            return false;
        }
        let Some(srtp) = self.security.srtp_mut() else { return false };
        self.unknown_at = now + BETWEEN_UNKNOWN;
        let is_ours = srtp.unprotect_rtcp(datagram).is_ok();
        if is_ours {
            // Without room for its new address it is found by its checks.
            let _ = self.ice.moved(now, route);
        }
        is_ours
    }

    fn handle_inner<'d>(&mut self, now: Instant, datagram: &'d mut [u8]) -> Result<Inbound<'d>, Error> {
        match protocol(datagram) {
            Protocol::Dtls => {
                if let Some(embedded) = self.embedded.as_deref_mut() {
                    // To be acknowledged. It is read even if it has come before: its timer has run out.
                    let _ = embedded.received(datagram);
                }
                self.strangers |= self.security.dtls().is_some_and(|dtls| dtls.awaits_client_hello());
                self.handle_dtls(now, datagram)
            }
            Protocol::Rtp => {
                let Some(srtp) = self.security.srtp_mut() else { return Ok(Inbound::Dropped(Discard::TooEarly)) };
                let len = srtp.unprotect_rtp(datagram)?;
                self.heard = true;
                Ok(Inbound::Rtp(datagram.get(..len).unwrap_or_default()))
            }
            Protocol::Rtcp => {
                let Some(srtp) = self.security.srtp_mut() else { return Ok(Inbound::Dropped(Discard::TooEarly)) };
                let len = srtp.unprotect_rtcp(datagram)?;
                self.heard = true;
                Ok(Inbound::Rtcp(datagram.get(..len).unwrap_or_default()))
            }
            Protocol::Ice | Protocol::Unknown => Ok(Inbound::Dropped(Discard::UnknownProtocol)),
        }
    }

    fn handle_dtls<'d>(&mut self, now: Instant, datagram: &mut [u8]) -> Result<Inbound<'d>, Error> {
        let Some(dtls) = self.security.dtls_mut() else { return Ok(Inbound::Dropped(Discard::TooEarly)) };
        let (data, heard) = (&mut self.data, &mut self.heard);
        let mut bad = false;
        dtls.handle(now, datagram, |packet| {
            *heard = true;
            bad |= !data.handle(now, packet);
        })?;
        Ok(if bad { Inbound::Dropped(Discard::Sctp) } else { Inbound::Taken })
    }

    /// The largest datagram that is known to pass, or that may be sent where nothing is searched.
    pub(crate) fn path_mtu(&self, config: &Config) -> u16 {
        match self.ice.path_mtu() {
            Some(bytes) => bytes.min(config.mtu),
            // Nothing is searched while checks carry a handshake.
            None if self.embedded.is_some() => config.min_mtu,
            None => config.mtu,
        }
    }

    /// The same for DTLS, which shrinks its flights itself until the path is known.
    pub(crate) fn handshake_mtu(&self, config: &Config) -> u16 {
        let settled = self.ice.is_path_mtu_settled() && self.embedded.is_none();
        if settled { self.path_mtu(config) } else { config.mtu }
    }

    /// Where in a buffer of `len` bytes a packet for the selected path is to be written; `None` without a path.
    pub(crate) fn window(&self, len: usize) -> Option<core::ops::Range<usize>> {
        self.ice.selected()?;
        let (front, back) = self.ice.room();
        let end = len.checked_sub(back)?;
        (front <= end).then_some(front..end)
    }

    /// Makes a packet of `len` bytes that was written to the [window](Self::window) a datagram.
    pub(crate) fn wrap(&mut self, now: Instant, out: &mut [u8], len: usize) -> Option<Transmit> {
        self.ice.wrap(now, out, len).ok()
    }

    /// Whether data channels can send: DTLS is up, or it lets a server send before the client's Finished has come
    /// ([`half_rtt`](barertc_dtls::Config::half_rtt)). The latter only where ICE's checks, which are authenticated, have
    /// brought the whole ClientHello.
    fn can_send(&self) -> bool {
        let early = !self.strangers && self.security.is_handshaking();
        self.security.is_up() || early && self.security.dtls().is_some_and(|dtls| dtls.can_send())
    }

    /// SCTP writes its packet between the room that a DTLS record needs.
    pub(crate) fn poll_data(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        if !self.can_send() {
            return None;
        }
        let dtls = self.security.dtls_mut()?;
        let (front, back) = dtls.room();
        let end = out.len().checked_sub(back)?;
        let len = self.data.poll_transmit(now, out.get_mut(front..end)?)?;
        dtls.seal(now, out, len).ok()
    }

    /// Adds a record of data to the `len` bytes of DTLS in `out`, where the descriptions have begun the association. The
    /// last flight and the first data then arrive together, or neither arrives. The length of both.
    pub(crate) fn add_data(&mut self, now: Instant, out: &mut [u8], len: usize) -> usize {
        if !self.data.is_snap() {
            return len;
        }
        let more = out.get_mut(len..).and_then(|rest| self.poll_data(now, rest));
        len.saturating_add(more.unwrap_or(0))
    }

    /// How media are protected, once there are keys.
    pub(crate) fn srtp_profile(&self) -> Option<Profile> {
        self.security.srtp().map(|srtp| srtp.profile())
    }

    /// Encrypts the RTP packet of `len` bytes in `out`. With `again` it is one that was sent before, number and all.
    pub(crate) fn protect_rtp(&mut self, out: &mut [u8], len: usize, again: bool) -> Option<usize> {
        let srtp = self.security.srtp_mut()?;
        if again { srtp.protect_rtp_again(out, len) } else { srtp.protect_rtp(out, len) }.ok()
    }

    /// Encrypts the RTCP compound of `len` bytes in `out`.
    pub(crate) fn protect_rtcp(&mut self, out: &mut [u8], len: usize) -> Option<usize> {
        self.security.srtp_mut()?.protect_rtcp(out, len).ok()
    }

    // Time.

    pub(crate) fn timeout(&self) -> Option<Instant> {
        let dtls = self.security.dtls().filter(|_| self.has_dtls_timer()).and_then(|dtls| dtls.timeout());
        let fetch = self.embedded.as_deref().and_then(Embedded::fetch_at);
        [self.ice.timeout(), dtls, fetch, self.data.timeout()].into_iter().fold(None, Instant::earliest)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.ice.handle_timeout(now);
        let has_timer = self.has_dtls_timer();
        if let Some(dtls) = self.security.dtls_mut().filter(|_| has_timer) {
            dtls.handle_timeout(now);
        }
        self.data.handle_timeout(now);
    }

    /// Moves DTLS on after everything that may have changed it.
    pub(crate) fn update(&mut self, now: Instant, config: &Config, memory: &Allocators<A>, random: &mut Generator) {
        let was_up = self.security.is_up();
        self.security.update(config, &memory.srtp, self.provider);
        let (up, can_send) = (self.security.is_up(), self.can_send());
        if self.security.is_handshaking() && self.embedded.is_none() {
            self.tell_round_trip(now);
        }
        self.update_carrying(now);
        // DTLS in checks may be up before a check of ours was answered.
        if can_send
            && self.data.wants_round_trip_time()
            && let Some(time) = self.round_trip()
        {
            self.data.set_round_trip_time(now, time);
        }
        if up && !was_up {
            self.data.connect(now);
        } else if !up && (was_up || self.data.is_snap() && !self.security.is_handshaking()) {
            self.data.fail(now);
        } else if can_send && !up {
            self.data.connect_early(now);
        }
        if up {
            self.data.renew(now, config, &memory.sctp, random);
        }
    }

    /// What ICE has to tell.
    pub(crate) fn poll_ice_event(&mut self) -> Option<IceEvent> {
        self.ice.poll_event()
    }

    /// Lets DTLS know how soon an answer can be expected on the selected path. Browsers drop a ClientHello that comes before
    /// they have settled on the path themselves, so that the first repetition decides how long it takes.
    fn tell_round_trip(&mut self, now: Instant) {
        if let (Some(time), Some(dtls)) = (self.round_trip(), self.security.dtls_mut()) {
            dtls.set_round_trip_time(now, time);
        }
    }

    /// The round trip time of the selected path, as ICE has measured it.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.ice.pair_stats().find(|pair| pair.selected).and_then(|pair| pair.current_round_trip_time)
    }

    // The end.

    /// Tells the peer that this is the end, when the buffer is emptied once more.
    pub(crate) fn close(&mut self, now: Instant) {
        self.embedded = None;
        if let Some(dtls) = self.security.dtls_mut() {
            dtls.close(now);
        }
        self.data.fail(now);
    }

    /// Of a connection that is closed: a last record for the peer, and then what TURN servers are to take back.
    pub(crate) fn poll_goodbye(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        if !self.has_parted() {
            if let Some(window) = self.window(out.len())
                && let Some(len) = out.get_mut(window).and_then(|inner| self.poll_dtls(now, inner, usize::MAX))
                && let Some(transmit) = self.wrap(now, out, len)
            {
                return Some(transmit);
            }
            self.ice.close(now);
        }
        self.ice.poll_transmit(now, out)
    }

    /// Whether nothing more is said to the peer.
    pub(crate) fn has_parted(&self) -> bool {
        self.ice.state() == State::Closed
    }
}
