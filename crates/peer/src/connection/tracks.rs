//! Tracks: what the application adds, sends and reads.

use barertc_arena::Allocator;
use barertc_congestion::GccStats;
use barertc_crypto::{Provider, rand_core::Rng};
use barertc_rtp::{Frame, ReceivedFrame};
use barertc_sdp::Direction;
use barertc_wire::Instant;

use super::PeerConnection;
use crate::agreement::{Track, is_supported};
use crate::error::{Error, RECEIVED};
use crate::terms::{ENCODINGS, Place, Source};
use crate::track::{TrackConfig, TrackId, TrackInfo};

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// Adds a track to the next description. The connection chooses the SSRCs of the track. No other track has the same
    /// ones.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there are [`Config::max_tracks`](crate::Config::max_tracks) or
    /// [`Config::further_encodings`](crate::Config::further_encodings), and for a track that receives without the feature
    /// `receive`; [`Error::MidInUse`];
    /// [`Error::CodecNotSupported`] for a codec that can be negotiated only; [`Error::Closed`].
    pub fn add_track(&mut self, now: Instant, config: TrackConfig) -> Result<TrackId, Error> {
        self.check_open()?;
        check_direction(config.direction)?;
        if !config.codecs().iter().all(|codec| is_supported(&codec.codec)) {
            return Err(Error::CodecNotSupported);
        }
        let taken = |track: &Track| track.config().mid == config.mid || track.mid() == config.mid.as_str();
        if !config.mid.is_empty() && self.tracks.iter().any(taken) {
            return Err(Error::MidInUse);
        }
        let full = Error::TooMany { what: "tracks", limit: self.tracks.capacity() };
        let id = TrackId(u8::try_from(self.tracks.len()).map_err(|_| full)?);
        let encodings = config.encodings();
        if self.tracks.is_full() {
            return Err(full);
        }
        let further = self.tracks.iter().map(|track| track.config().encodings().saturating_sub(1)).sum::<usize>();
        let limit = usize::from(self.config.further_encodings);
        if further.saturating_add(encodings).saturating_sub(1) > limit {
            return Err(Error::TooMany { what: "further_encodings", limit });
        }
        let sources = self.unused_sources();
        for (encoding, number) in (0..encodings).zip(0_u8..) {
            let max_bitrate = config.max_bitrate(encoding);
            let bitrate = |other: usize| (config.max_bitrate(other), other);
            let rank = (0..encodings).filter(|other| bitrate(*other) < bitrate(encoding)).count();
            let rank = u8::try_from(rank).unwrap_or(u8::MAX);
            self.media.add(Place { track: id.0, encoding: number, rank, max_bitrate })?;
        }
        self.tracks.try_push(Track::new(config, sources)).map_err(|_| full)?;
        self.update(now);
        Ok(id)
    }

    /// Random sources that no stream of ours has. Two streams with the same source would be encrypted under the same key stream
    /// (RFC 3711 §9.1, RFC 7714 §8.4).
    fn unused_sources(&mut self) -> [Source; ENCODINGS] {
        let mut sources = [Source::default(); ENCODINGS];
        for index in 0..ENCODINGS {
            let mut source = Source::default();
            source.ssrc = self.unused_ssrc(&sources, &source);
            source.rtx = self.unused_ssrc(&sources, &source);
            source.fec = self.unused_ssrc(&sources, &source);
            if let Some(place) = sources.get_mut(index) {
                *place = source;
            }
        }
        sources
    }

    fn unused_ssrc(&mut self, before: &[Source; ENCODINGS], not: &Source) -> u32 {
        loop {
            let ssrc = self.random.next_u32();
            let taken = |track: &Track| track.has_source(ssrc);
            let chosen = not.has(ssrc) || before.iter().any(|source| source.has(ssrc));
            // 0 is in none, or in one that is not filled in.
            if ssrc != 0 && !chosen && !self.media.is_reporter(ssrc) && !self.tracks.iter().any(taken) {
                return ssrc;
            }
        }
    }

    /// Sets the direction that the track asks for from the next description on.
    ///
    /// # Errors
    /// [`Error::NoSuchTrack`], [`Error::Closed`]; [`Error::TooMany`] for one that receives without the feature `receive`.
    pub fn set_direction(&mut self, now: Instant, track: TrackId, direction: Direction) -> Result<(), Error> {
        self.check_open()?;
        let track = self.tracks.get_mut(track.index()).ok_or(Error::NoSuchTrack)?;
        check_direction(direction)?;
        track.set_direction(direction);
        self.update(now);
        Ok(())
    }

    /// The track as the last descriptions have agreed on it. `None` when no track has this id.
    #[must_use]
    pub fn track(&self, track: TrackId) -> Option<TrackInfo<'_>> {
        let (agreed, payload) = (self.tracks.get(track.index())?, self.media.received_payload(track.index()));
        let codec = payload.and_then(|(_, codec)| agreed.config().codecs().get(usize::from(codec?)));
        Some(TrackInfo {
            received_payload_type: payload.map(|(payload_type, _)| payload_type),
            received_codec: codec.map(|codec| codec.codec),
            ..agreed.info()
        })
    }

    /// Queues a frame of a track that sends. The queue keeps a reference to the frame and does not copy it.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when the queue is full; [`Error::NotReady`] before the connection is up and while the
    /// track is paused; [`Error::NoSuchEncoding`] for a track with several encodings; [`Error::NoSuchTrack`],
    /// [`Error::Media`], [`Error::Closed`], [`Error::Failed`].
    pub fn send_frame(&mut self, now: Instant, track: TrackId, frame: &Frame<A>) -> Result<(), Error> {
        self.check_open()?;
        if cfg!(feature = "simulcast") && self.tracks.get(track.index()).is_some_and(|t| t.config().encodings() > 1) {
            return Err(Error::NoSuchEncoding);
        }
        self.send(now, track, 0, frame)
    }

    /// Queues a frame of one encoding of a track that has several encodings. `encoding` is its place in
    /// [`TrackConfig::with_encodings`], counted from 0.
    ///
    /// An encoding is sent while descriptions have agreed on it and the path carries it beside all smaller ones.
    /// [`Event::EncodingActive`](crate::Event::EncodingActive) tells when that begins and ends. At the beginning,
    /// [`Event::EncodingKeyFrameWanted`](crate::Event::EncodingKeyFrameWanted) asks for a key frame. Frames before that key
    /// frame are dropped and counted.
    ///
    /// # Errors
    /// As [`send_frame`](Self::send_frame); [`Error::NotReady`] also while the encoding is not sent;
    /// [`Error::NoSuchEncoding`].
    pub fn send_encoding(
        &mut self,
        now: Instant,
        track: TrackId,
        encoding: usize,
        frame: &Frame<A>,
    ) -> Result<(), Error> {
        self.check_open()?;
        self.tracks
            .get(track.index())
            .ok_or(Error::NoSuchTrack)?
            .config()
            .rid(encoding)
            .ok_or(Error::NoSuchEncoding)?;
        self.send(now, track, encoding, frame)
    }

    fn send(&mut self, now: Instant, track: TrackId, encoding: usize, frame: &Frame<A>) -> Result<(), Error> {
        if let Some(reason) = self.transport.security().failure() {
            return Err(Error::Failed(reason));
        }
        if self.transport.security().srtp().is_none() {
            return Err(Error::NotReady);
        }
        self.media.send_frame(now, track.index(), encoding, frame)
    }

    /// Whether frames of this track can be sent now: the track was agreed on and the connection is up.
    #[must_use]
    pub fn is_sending(&self, track: TrackId) -> bool {
        self.transport.security().srtp().is_some() && self.media.is_sending(track.index())
    }

    /// Writes the next received frame of a track into `out`. After
    /// [`Event::FrameReceived`](crate::Event::FrameReceived), the application calls this until it returns
    /// [`Error::WouldBlock`]. NAL units are separated by start codes (Annex B).
    ///
    /// A frame is not [`complete`](ReceivedFrame::complete) when it is larger than `out`, or when packets of it were
    /// lost for good. The connection then asks the peer for a key frame.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is no frame; [`Error::NoSuchTrack`]; [`Error::WrongDirection`] for a track that
    /// does not receive.
    pub fn read_frame(&mut self, now: Instant, track: TrackId, out: &mut [u8]) -> Result<ReceivedFrame, Error> {
        self.media.read_frame(now, track.index(), out)
    }

    /// Asks the peer for a key frame of a received video track.
    ///
    /// # Errors
    /// [`Error::NoSuchTrack`]; [`Error::WrongDirection`] for a track that does not receive video; [`Error::Closed`].
    pub fn request_key_frame(&mut self, now: Instant, track: TrackId) -> Result<(), Error> {
        self.check_open()?;
        self.media.request_key_frame(now, track.index())
    }

    /// The bitrate in bits per second that the path carries by the present estimate. It is meant for an encoder, or for
    /// the choice between renditions. `None` before the peer has sent feedback.
    #[must_use]
    pub fn available_outgoing_bitrate(&self) -> Option<u64> {
        self.media.estimate()
    }

    /// The state of the bandwidth estimator. It tells whether delay or loss bounds the estimate.
    #[must_use]
    pub fn bandwidth(&self) -> GccStats {
        self.media.bandwidth()
    }

    /// Tests whether the path carries `bits_per_second`, by sending at that rate for 100 ms. An application that sends less
    /// than the path carries learns only by such a test how much more it could send.
    ///
    /// Where there are not enough frames to send, earlier video packets are sent again. That needs RTX.
    /// [`Event::Bitrate`](crate::Event::Bitrate) tells the result a little later.
    pub fn probe(&mut self, now: Instant, bits_per_second: u64) {
        self.media.probe(now, bits_per_second);
    }
}

/// Without the feature `receive` no track receives.
const fn check_direction(direction: Direction) -> Result<(), Error> {
    if cfg!(all(feature = "media", not(feature = "receive"))) && direction.receives() {
        return Err(Error::TooMany { what: RECEIVED, limit: 0 });
    }
    Ok(())
}
