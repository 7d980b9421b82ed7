//! Media that come in: which track a packet is for, and the frames that come of them.

use barertc_arena::{Allocator, Box};
use barertc_congestion::Arrivals;
use barertc_crypto::Provider;
use barertc_rtcp_nack::{RecvConfig, RecvStream};
use barertc_rtp::{Extension, Packet, ReceivedFrame};
use barertc_sdp::{Line, NegotiatedCodec};
use barertc_wire::Instant;

use super::PeerConnection;
use crate::codec::frame_codec;
use crate::{Discard, Error, Event, TrackId};

/// The stream that a track receives.
pub(crate) struct Receiver<A: Allocator + Clone> {
    pub(super) stream: RecvStream<A>,
    /// Its source is known: announced, or seen.
    known: bool,
    /// Payload type of retransmissions, whose source may have to be seen too.
    rtx: Option<u8>,
    /// The application has been told that there is a frame, and has not read all there was.
    announced: bool,
}

impl<A: Allocator + Clone> Receiver<A> {
    fn knows(&self, ssrc: u32) -> bool {
        let config = self.stream.config();
        self.known && (config.ssrc == ssrc || config.rtx.is_some_and(|(rtx, _)| rtx == ssrc))
    }

    /// Takes the source of a packet of its m-line. False when the payload type is none of the agreed.
    fn learn(&mut self, now: Instant, packet: &Packet<'_>) -> bool {
        let (ssrc, payload_type) = (packet.header.ssrc, packet.header.payload_type);
        if payload_type == self.stream.config().payload_type {
            self.stream.set_source(now, ssrc);
            self.known = true;
            true
        } else if self.rtx == Some(payload_type) {
            self.stream.set_rtx(now, Some((ssrc, payload_type)));
            true
        } else {
            false
        }
    }

    /// Whether it still looks for the source of this payload type.
    fn lacks(&self, payload_type: u8) -> bool {
        let config = self.stream.config();
        (!self.known && payload_type == config.payload_type) || (config.rtx.is_none() && self.rtx == Some(payload_type))
    }
}

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// The next frame that a track has received, written into `out`; to be called after
    /// [`Event::FrameReceived`] until it would block. NAL units are set apart as in Annex B.
    ///
    /// A frame that is larger than `out`, or of which packets were lost for good, is not
    /// [`complete`](ReceivedFrame::complete); a key frame is asked for then.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is none, [`Error::NotFound`], [`Error::InvalidState`] for a track that does not
    /// receive.
    pub fn read_frame(&mut self, now: Instant, track: TrackId, out: &mut [u8]) -> Result<ReceivedFrame, Error> {
        self.now = self.now.max(now);
        let track = self.tracks.get_mut(track.index()).ok_or(Error::NotFound)?;
        let receiver = track.recv.as_mut().ok_or(Error::InvalidState)?;
        receiver.stream.poll_frame(now, out).ok_or_else(|| {
            receiver.announced = false;
            Error::WouldBlock
        })
    }

    /// Asks the peer for a key frame of a video track that we receive.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidState`] for a track that does not receive video.
    pub fn request_key_frame(&mut self, track: TrackId) -> Result<(), Error> {
        let track = self.tracks.get_mut(track.index()).ok_or(Error::NotFound)?;
        let receiver = track.recv.as_mut().filter(|r| r.known && r.stream.config().format.is_video());
        receiver.ok_or(Error::InvalidState)?.stream.request_key_frame(self.now);
        Ok(())
    }

    /// Makes, keeps or drops what receives the track `index`, as agreed on.
    pub(super) fn apply_receiver(&mut self, index: usize, line: &Line) -> Result<(), Error> {
        let Some(codec) = line.codec() else { return Ok(()) };
        let Some(track) = self.tracks.get_mut(index) else { return Ok(()) };
        let (Some(format), true) = (frame_codec(&codec.codec), line.direction.receives()) else {
            track.recv = None;
            return Ok(());
        };
        if let Some(receiver) = &mut track.recv {
            // The peer may announce another source than before.
            if let Some(source) = line.remote_ssrcs.first().filter(|s| !receiver.knows(s.ssrc)) {
                receiver.stream.set_source(self.now, source.ssrc);
                receiver.stream.set_rtx(self.now, source.rtx.zip(codec.rtx_pt));
                receiver.known = true;
            }
            return Ok(());
        }
        let video = format.is_video();
        let bounds = if video { self.config.recv_video } else { self.config.recv_audio };
        let receivers = self.tracks.iter().filter_map(|t| t.recv.as_ref());
        if receivers.filter(|r| r.stream.config().format.is_video() == video).count() >= usize::from(bounds.count) {
            return Ok(());
        }
        let config = bounds.apply(recv_config(line, codec, format));
        let missing = if codec.feedback.nack { config.missing } else { 0 };
        self.begin_receiver(index, RecvConfig { missing, local_ssrc: self.reporter(), ..config }, line, codec)
    }

    fn begin_receiver(
        &mut self,
        index: usize,
        config: RecvConfig,
        line: &Line,
        codec: &NegotiatedCodec,
    ) -> Result<(), Error> {
        let wide = codec.feedback.transport_cc && config.extensions.id(Extension::TransportSequence).is_some();
        let memory = &self.memory.media;
        let stream = RecvStream::new(config, memory.clone())?;
        let known = !line.remote_ssrcs.is_empty();
        let receiver = Box::try_new(Receiver { stream, known, rtx: codec.rtx_pt, announced: false }, memory.clone())?;
        if let Some(track) = self.tracks.get_mut(index) {
            track.recv = Some(receiver);
        }
        if wide && self.arrivals.is_none() {
            let arrivals = Arrivals::new(self.config.arrivals.into(), memory.clone())?;
            self.arrivals = Some(Box::try_new(arrivals, memory.clone())?);
        }
        Ok(())
    }

    pub(super) fn handle_rtp(&mut self, now: Instant, datagram: &mut [u8]) -> Result<(), Error> {
        let Some(srtp) = &mut self.srtp else {
            self.discards.count(Discard::TooEarly);
            return Ok(());
        };
        let len = srtp.unprotect_rtp(datagram)?;
        let Ok(packet) = Packet::parse(datagram.get(..len).unwrap_or_default()) else {
            self.discards.count(Discard::Rtp);
            return Ok(());
        };
        let Some(receiver) = self.receiver_of(&packet) else {
            let waited = self.tracks.iter().any(|t| t.direction.receives() && t.recv.is_none());
            self.discards.count(if waited { Discard::NotReceived } else { Discard::UnknownStream });
            return Ok(());
        };
        let wide = packet.extensions(&receiver.stream.config().extensions).transport_sequence;
        receiver.stream.handle(now, &packet);
        if let (Some(arrivals), Some(wide)) = (&mut self.arrivals, wide) {
            arrivals.record(now, wide, packet.header.ssrc);
        }
        Ok(())
    }

    /// RFC 8843 §9.2: by a source that is known, by the name of the m-line in the packet, and else by the payload type.
    fn receiver_of(&mut self, packet: &Packet<'_>) -> Option<&mut Receiver<A>> {
        let ssrc = packet.header.ssrc;
        let index = self.tracks.iter().position(|t| t.recv.as_ref().is_some_and(|r| r.knows(ssrc)));
        let Some(index) = index else { return self.learn_source(packet) };
        self.tracks.get_mut(index)?.recv.as_deref_mut()
    }

    fn learn_source(&mut self, packet: &Packet<'_>) -> Option<&mut Receiver<A>> {
        let named = self.tracks.iter().position(|t| {
            let mid = t.recv.as_ref().and_then(|r| packet.extensions(&r.stream.config().extensions).mid);
            mid.is_some_and(|mid| mid == t.mid.as_bytes())
        });
        let payload_type = packet.header.payload_type;
        let index = named
            .or_else(|| self.tracks.iter().position(|t| t.recv.as_ref().is_some_and(|r| r.lacks(payload_type))))?;
        let receiver = self.tracks.get_mut(index)?.recv.as_deref_mut()?;
        receiver.learn(self.now, packet).then_some(receiver)
    }

    /// Tells the application of a frame, once until it has read.
    pub(super) fn announce_frame(&mut self, id: TrackId) {
        let now = self.now;
        let Some(receiver) = self.tracks.get_mut(id.index()).and_then(|t| t.recv.as_mut()) else { return };
        if !receiver.announced && receiver.stream.has_frame(now) {
            // With no room for the event, the next call tries again.
            receiver.announced = self.events.push_back(Event::FrameReceived(id)).is_ok();
        }
    }

    /// When a frame is given out though packets are missing.
    pub(super) fn frame_timeout(&self) -> Option<Instant> {
        let waiting = self.tracks.iter().filter_map(|t| t.recv.as_ref()).filter(|r| !r.announced);
        waiting.filter_map(|r| r.stream.frame_timeout()).min()
    }
}

/// The stream as agreed on, without its bounds; its source is 0 as long as it is not known.
fn recv_config(line: &Line, codec: &NegotiatedCodec, format: barertc_rtp::PayloadFormat) -> RecvConfig {
    let source = line.remote_ssrcs.first();
    let ssrc = source.map_or(0, |s| s.ssrc);
    let make = if format.is_video() { RecvConfig::video } else { RecvConfig::audio };
    RecvConfig {
        rtx: source.and_then(|s| s.rtx).zip(codec.rtx_pt),
        extensions: line.extensions,
        ..make(ssrc, codec.pt, format)
    }
}
