//! What the connection sends, the most urgent first.

use barertc_arena::Allocator;
use barertc_congestion::Class;
use barertc_crypto::Provider;
use barertc_ice::Transmit;
use barertc_rtcp_nack::SendStream;
use barertc_wire::Instant;

use super::PeerConnection;
use crate::ConnectionState;

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// Writes at most one datagram into `out`, which should have [`Config::mtu`](crate::Config::mtu) bytes.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        self.now = self.now.max(now);
        let mtu = out.len().min(self.config.mtu.into());
        let out = out.get_mut(..mtu)?;
        if self.state == ConnectionState::Closed {
            return self.poll_goodbye(now, out);
        }
        self.ice.poll_transmit(now, out).or_else(|| self.poll_path(now, out))
    }

    /// What goes by the path that ICE has found.
    fn poll_path(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        self.ice.selected()?;
        let (front, back) = self.ice.room();
        let end = out.len().checked_sub(back)?;
        let len = self.poll_inner(now, out.get_mut(front..end)?)?;
        self.ice.wrap(now, out, len).ok()
    }

    /// Of a connection that was closed: a last record for the peer, and then what TURN servers are to take back.
    fn poll_goodbye(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        if self.ice.state() != barertc_ice::State::Closed {
            if let Some(goodbye) = self.poll_path(now, out) {
                return Some(goodbye);
            }
            self.ice.close(now);
        }
        self.ice.poll_transmit(now, out)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`poll_transmit`](Self::poll_transmit) again; it may lie
    /// in the past.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        if self.state == ConnectionState::Closed {
            let said = self.ice.state() == barertc_ice::State::Closed;
            return if said { self.ice.timeout() } else { Some(self.now) };
        }
        [
            self.ice.timeout(),
            self.dtls.as_ref().and_then(|dtls| dtls.timeout()),
            self.sctp.as_ref().and_then(|sctp| sctp.timeout()),
            // What cannot be sent does not become due.
            self.ice.selected().and_then(|_| self.media_timeout()),
            self.frame_timeout(),
        ]
        .into_iter()
        .fold(None, Instant::earliest)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.ice.handle_timeout(now);
        if let Some(dtls) = &mut self.dtls {
            dtls.handle_timeout(now);
        }
        if let Some(sctp) = &mut self.sctp {
            sctp.handle_timeout(now);
        }
        for stream in self.tracks.iter_mut().filter_map(|t| t.send.as_mut()) {
            stream.handle_timeout(now);
        }
        self.update();
    }

    fn poll_inner(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        if let Some(len) = self.dtls.as_mut().and_then(|dtls| dtls.poll_transmit(now, out)) {
            return Some(len);
        }
        if self.broken || self.state == ConnectionState::Closed {
            return None;
        }
        self.poll_rtcp(now, out).or_else(|| self.poll_media(now, out)).or_else(|| self.poll_data(now, out))
    }

    /// Audio before video, what was lost before what is new, and video no faster than the pacer lets it.
    fn poll_media(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        if self.probing.is_some() {
            self.pace(now);
        }
        for class in [Class::Audio, Class::Retransmission, Class::Video, Class::Bulk] {
            if !self.pacer.may_send(now, class) {
                continue;
            }
            if class == Class::Bulk && self.probing.is_none() {
                break;
            }
            let srtp = self.srtp.as_mut()?;
            let mut streams = self.tracks.iter_mut().filter_map(|t| t.sending_mut());
            let written = streams.find_map(|stream| poll_stream(stream, class, now, self.sent.next_sequence(), out));
            if let Some((len, stamped, again)) = written {
                let sealed = if again { srtp.protect_rtp_again(out, len) } else { srtp.protect_rtp(out, len) };
                let len = sealed.ok()?;
                if stamped {
                    self.sent.record(now, len);
                }
                self.pacer.sent(now, class, len);
                return Some(len);
            }
        }
        None
    }

    /// When RTCP or RTP have something to send.
    fn media_timeout(&self) -> Option<Instant> {
        if self.broken {
            return None;
        }
        Instant::earliest(self.rtcp_timeout(), self.pacer_timeout())
    }

    /// When the pacer lets go what waits.
    fn pacer_timeout(&self) -> Option<Instant> {
        let streams = self.tracks.iter().filter_map(|t| t.sending());
        let waits = streams.map(|stream| {
            let again = (stream.queued_retransmissions() > 0).then(|| self.pacer.timeout(Class::Retransmission));
            let new = (stream.queued_frames() > 0).then(|| self.pacer.timeout(Class::Video));
            Instant::earliest(again, new)
        });
        let probe = self.probing.map(|_| self.pacer.timeout(Class::Bulk));
        waits.fold(probe, Instant::earliest)
    }

    /// SCTP writes its packet between the room that a DTLS record needs.
    fn poll_data(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let (dtls, sctp) = (self.dtls.as_mut()?, self.sctp.as_mut()?);
        if !dtls.is_connected() {
            return None;
        }
        let (front, back) = dtls.room();
        let end = out.len().checked_sub(back)?;
        let len = sctp.poll_transmit(now, out.get_mut(front..end)?)?;
        dtls.seal(now, out, len).ok()
    }
}

/// The next packet of `class` from this stream, whether it bears the path's sequence number, and whether it is a packet
/// from before, number and all.
fn poll_stream<A: Allocator + Clone>(
    stream: &mut SendStream<A>,
    class: Class,
    now: Instant,
    sequence: u16,
    out: &mut [u8],
) -> Option<(usize, bool, bool)> {
    let video = stream.config().format.is_video();
    let again = |stream: &mut SendStream<A>, out: &mut [u8]| {
        let len = stream.poll_retransmit(now, sequence, out)?;
        Some((len, stream.retransmit_uses_transport_sequence(), stream.config().rtx.is_none()))
    };
    let new = |stream: &mut SendStream<A>, out: &mut [u8]| {
        let len = stream.poll_packet(now, sequence, out)?;
        Some((len, stream.uses_transport_sequence(), false))
    };
    match class {
        Class::Audio if !video => again(stream, out).or_else(|| new(stream, out)),
        Class::Retransmission if video => again(stream, out),
        Class::Video if video => new(stream, out),
        Class::Bulk if video => {
            let len = stream.poll_padding(now, sequence, out)?;
            Some((len, stream.retransmit_uses_transport_sequence(), false))
        }
        _ => None,
    }
}
