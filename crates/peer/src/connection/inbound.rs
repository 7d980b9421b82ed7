//! What the network tells the connection.

use core::time::Duration;

use barertc_arena::{Allocator, Box, Vec};
use barertc_congestion::{Gcc, PacketObserver, PacketResult};
use barertc_crypto::Provider;
use barertc_dtls::Role;
use barertc_ice::{Handled, Route};
use barertc_rtcp_nack::SendEvent;
use barertc_rtp::rtcp::{NtpTime, Rtcp, packets};
use barertc_srtp::{Masters, Profile, Session as Srtp, Side};
use barertc_wire::Instant;
use zeroize::Zeroizing;

use super::{PeerConnection, Transceiver};
use crate::demux::{Protocol, protocol};
use crate::{ConnectionState, Discard, Error, Event, TrackId};

/// Between two datagrams from nowhere that are looked at.
const BETWEEN_STRAYS: Duration = Duration::from_millis(20);
/// RFC 5764 §4.2.
const SRTP_LABEL: &str = "EXTRACTOR-dtls_srtp";
/// Two keys of 32 and two salts of 12 bytes.
const MAX_EXPORT: usize = 88;

/// Those who want to know what became of packets: the estimator, and the streams whose packets were lost.
struct Feedback<'c, A: Allocator + Clone> {
    estimator: &'c mut Gcc,
    tracks: &'c mut Vec<Transceiver<A>, A>,
}

impl<A: Allocator + Clone> PacketObserver for Feedback<'_, A> {
    fn packet(&mut self, now: Instant, result: &PacketResult) {
        self.estimator.packet(now, result);
        if result.arrived.is_none() {
            for stream in self.tracks.iter_mut().filter_map(|t| t.send.as_mut()) {
                stream.handle_transport_loss(now, result.sequence);
            }
        }
    }

    fn feedback_done(&mut self, now: Instant) {
        self.estimator.feedback_done(now);
    }
}

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// One datagram that came in, decrypted in place.
    ///
    /// # Errors
    /// None that must be acted on: what is wrong with a datagram is counted in the statistics, and what ends the
    /// connection is an event. They are returned for those who log.
    pub fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) -> Result<(), Error> {
        self.now = self.now.max(now);
        let result = match self.ice.handle(now, route, datagram) {
            Handled::Data { range, .. } => match datagram.get_mut(range) {
                Some(inner) => self.handle_inner(now, inner),
                None => Ok(()),
            },
            Handled::Dropped(barertc_ice::Discard::UnknownRemote) => {
                self.handle_stray(now, route, datagram);
                Ok(())
            }
            Handled::Consumed | Handled::Carried(_) | Handled::Dropped(_) => Ok(()),
        };
        self.update();
        result
    }

    /// A datagram that [is for nobody](Self::is_for_us), as far as its sender's address tells: whether it is of our peer
    /// all the same, who is known by it alone, being authentic RTCP. Then the peer has a new address, and the path
    /// follows as soon as that has answered a check: within a round trip instead of at the peer's next check.
    ///
    /// The datagram is of no use afterwards. No more than fifty a second are looked at, so that strangers cost little.
    pub fn handle_stray(&mut self, now: Instant, route: Route, datagram: &mut [u8]) -> bool {
        if protocol(datagram) != Protocol::Rtcp || now < self.stray_at {
            return false;
        }
        let Some(srtp) = &mut self.srtp else { return false };
        self.now = self.now.max(now);
        self.stray_at = now + BETWEEN_STRAYS;
        let is_ours = srtp.unprotect_rtcp(datagram).is_ok();
        if is_ours {
            // Without room for its new address it is found by its checks.
            let _ = self.ice.moved(now, route);
            self.update();
        }
        is_ours
    }

    fn handle_inner(&mut self, now: Instant, datagram: &mut [u8]) -> Result<(), Error> {
        match protocol(datagram) {
            Protocol::Dtls => self.handle_dtls(now, datagram),
            Protocol::Rtp => self.handle_rtp(now, datagram),
            Protocol::Rtcp => self.handle_rtcp(now, datagram),
            Protocol::Ice | Protocol::Unknown => {
                self.discards.count(Discard::UnknownProtocol);
                Ok(())
            }
        }
    }

    fn handle_dtls(&mut self, now: Instant, datagram: &mut [u8]) -> Result<(), Error> {
        let Some(dtls) = &mut self.dtls else {
            self.discards.count(Discard::TooEarly);
            return Ok(());
        };
        let (sctp, discards) = (&mut self.sctp, &mut self.discards);
        dtls.handle(now, datagram, |packet| {
            if sctp.as_mut().is_none_or(|sctp| sctp.handle(now, packet).is_err()) {
                discards.count(Discard::Sctp);
            }
        })?;
        Ok(())
    }

    // Out of line: this is once a connection, and what it needs of the stack is not for every packet.
    #[inline(never)]
    pub(super) fn handle_dtls_event(&mut self, event: barertc_dtls::Event) {
        match event {
            barertc_dtls::Event::Connected { srtp, version, .. } => {
                self.dtls_version = Some(version);
                if self.begin_srtp(srtp).is_err() {
                    self.fail();
                    return;
                }
                if let Some(sctp) = &mut self.sctp {
                    sctp.connect(self.now);
                }
            }
            barertc_dtls::Event::Closed => self.set_state(ConnectionState::Closed),
            _ => self.fail(),
        }
    }

    /// Takes the keys of SRTP out of DTLS (RFC 5764 §4.2). A connection without media needs none.
    #[inline(never)]
    fn begin_srtp(&mut self, profile: Option<u16>) -> Result<(), Error> {
        let (Some(dtls), Some(profile)) = (&self.dtls, profile.and_then(Profile::from_dtls)) else { return Ok(()) };
        let mut exported = Zeroizing::new([0; MAX_EXPORT]);
        let exported = exported.get_mut(..profile.exporter_len()).ok_or(Error::InvalidState)?;
        dtls.export(SRTP_LABEL, None, exported)?;
        let side = if dtls.role() == Role::Client { Side::Client } else { Side::Server };
        let masters = Masters::split(profile, exported, side)?;
        let memory = &self.memory.srtp;
        let (local, remote) = (masters.local(), masters.remote());
        let session = Box::try_init::<Error, _>(memory.clone(), || {
            Srtp::new(self.config.srtp, profile, local, remote, memory.clone(), self.provider)
        });
        self.srtp = Some(session?);
        self.report_at = Some(self.now);
        Ok(())
    }

    fn handle_rtcp(&mut self, now: Instant, datagram: &mut [u8]) -> Result<(), Error> {
        let Some(srtp) = &mut self.srtp else {
            self.discards.count(Discard::TooEarly);
            return Ok(());
        };
        let len = srtp.unprotect_rtcp(datagram)?;
        let ntp = NtpTime::from_instant(now);
        for packet in packets(datagram.get(..len).unwrap_or_default()) {
            let Ok(packet) = packet else {
                self.discards.count(Discard::Rtcp);
                continue;
            };
            for receiver in self.tracks.iter_mut().filter_map(|t| t.recv.as_mut()) {
                receiver.stream.handle_rtcp(now, &packet);
            }
            for stream in self.tracks.iter_mut().filter_map(|t| t.send.as_mut()) {
                stream.handle_rtcp(now, ntp, &packet);
                if let Some(rtt) = stream.round_trip_time() {
                    self.estimator.set_round_trip_time(now, rtt);
                }
            }
            self.estimate(now, &packet);
        }
        Ok(())
    }

    /// What a packet tells of the path; the pacer follows.
    fn estimate(&mut self, now: Instant, packet: &Rtcp<'_>) {
        match packet {
            Rtcp::Transport(feedback) => {
                let mut both = Feedback { estimator: &mut self.estimator, tracks: &mut self.tracks };
                self.sent.feedback(now, feedback, &mut both);
            }
            Rtcp::Remb(remb) => self.estimator.remb(now, remb.bitrate),
            _ => return,
        }
        self.pace(now);
    }

    /// Lets the pacer follow the estimate, unless more is sent on purpose.
    pub(super) fn pace(&mut self, now: Instant) {
        if self.probing.is_none_or(|until| now >= until) {
            self.probing = None;
            self.pacer.set_bitrate(now, self.estimator.bitrate());
        }
    }

    /// What streams want of the application, or have for it.
    pub(super) fn update_streams(&mut self) {
        for index in 0..self.tracks.len() {
            let (Some(track), Ok(id)) = (self.tracks.get_mut(index), u8::try_from(index)) else { break };
            let wanted = track.send.as_mut().and_then(|s| s.poll_event()) == Some(SendEvent::KeyFrameNeeded);
            if wanted && track.direction.sends() {
                self.push(Event::KeyFrameWanted(TrackId(id)));
            }
            self.announce_frame(TrackId(id));
        }
    }
}
