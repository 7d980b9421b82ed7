//! Tracks: what they send and receive, and what the two sides agree on about it.

use barertc_arena::{Allocator, Box};
use barertc_crypto::Provider;
use barertc_rtcp_nack::SendStream;
use barertc_rtp::Frame;
use barertc_sdp::{Direction, MediaKind as Kind, Negotiated};
use barertc_wire::Instant;
use rand_core::CryptoRng;

use super::renegotiation::{Place, Places};
use super::{PeerConnection, Receiver, description};
use crate::{Error, Event, Name, TrackConfig, TrackId};

/// A track, and the stream that sends it once that is agreed on.
pub(crate) struct Transceiver<A: Allocator + Clone> {
    pub(super) config: TrackConfig,
    /// The m-line it is bound to; empty before that.
    pub(super) mid: Name,
    pub(super) send: Option<SendStream<A>>,
    pub(super) recv: Option<Box<Receiver<A>, A>>,
    /// What was agreed on last; [`Direction::Inactive`] before that.
    pub(super) direction: Direction,
    /// Of its codecs, those whose payload types were agreed on, a bit each.
    pub(super) agreed: u8,
}

impl<A: Allocator + Clone> Transceiver<A> {
    /// The stream that sends, unless it is paused.
    pub(super) fn sending(&self) -> Option<&SendStream<A>> {
        self.send.as_ref().filter(|_| self.direction.sends())
    }

    pub(super) fn sending_mut(&mut self) -> Option<&mut SendStream<A>> {
        self.send.as_mut().filter(|_| self.direction.sends())
    }
}

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// A track, to be part of the next description.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when [`Config::max_tracks`](crate::Config::max_tracks) are there;
    /// [`Error::Config`] for one that would send without saying as what, or has no codec.
    pub fn add_track(&mut self, config: TrackConfig) -> Result<TrackId, Error> {
        if (config.direction.sends() && config.sending.is_none()) || config.codecs.is_empty() {
            return Err(Error::Config);
        }
        let id = TrackId(u8::try_from(self.tracks.len()).map_err(|_| Error::WouldBlock)?);
        let direction = Direction::Inactive;
        let track = Transceiver { config, mid: Name::new(), send: None, recv: None, direction, agreed: 0 };
        self.tracks.try_push(track).map_err(|_| Error::WouldBlock)?;
        Ok(id)
    }

    /// What a track shall do from the next description on.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Config`] for one that would send without saying as what.
    pub fn set_direction(&mut self, track: TrackId, direction: Direction) -> Result<(), Error> {
        let track = self.tracks.get_mut(track.index()).ok_or(Error::NotFound)?;
        if direction.sends() && track.config.sending.is_none() {
            return Err(Error::Config);
        }
        track.config.direction = direction;
        Ok(())
    }

    /// Queues a frame of a track that sends. The frame is shared, not copied.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when the queue is full, [`Error::InvalidState`] before the connection is there and while the track is paused,
    /// [`Error::NotFound`], [`Error::Media`].
    pub fn send_frame(&mut self, now: Instant, track: TrackId, frame: &Frame<A>) -> Result<(), Error> {
        if self.srtp.is_none() {
            return Err(Error::InvalidState);
        }
        let track = self.tracks.get_mut(track.index()).ok_or(Error::NotFound)?;
        let stream = track.sending_mut().ok_or(Error::InvalidState)?;
        stream.enqueue(now, frame.clone()).map_err(|e| match e {
            barertc_rtcp_nack::Error::WouldBlock => Error::WouldBlock,
            e => Error::Media(e),
        })
    }

    /// Whether frames of this track are wanted now: it was agreed on and the connection stands.
    #[must_use]
    pub fn is_sending(&self, track: TrackId) -> bool {
        self.srtp.is_some() && self.tracks.get(track.index()).is_some_and(|t| t.sending().is_some())
    }

    /// Applies what both sides agreed on to tracks. What is not, or no more, agreed on pauses: its stream is kept for a
    /// later description, the buffers of what is not received are given back.
    pub(super) fn apply_tracks<R: CryptoRng + ?Sized>(
        &mut self,
        agreed: &Negotiated,
        places: &Places,
        rng: &mut R,
    ) -> Result<(), Error> {
        for index in 0..self.tracks.len() {
            let Some(track) = self.tracks.get_mut(index) else { break };
            let section = places.iter().position(|place| matches!(place, Place::Track(t) if usize::from(*t) == index));
            let Some(line) = section.and_then(|section| agreed.of_section(section)) else {
                track.direction = Direction::Inactive;
                track.recv = None;
                if let Some(stream) = &mut track.send {
                    stream.clear_queue(self.now);
                }
                continue;
            };
            track.mid = Name::try_from(line.mid.as_str()).map_err(|_| Error::NameTooLong)?;
            let before = core::mem::replace(&mut track.direction, line.direction);
            match &mut track.send {
                None if line.direction.sends() => {
                    track.send = description::send_stream(&self.config, track, line, &self.memory.media, rng)?;
                }
                Some(stream) if !line.direction.sends() => stream.clear_queue(self.now),
                // The peer has missed what was not sent.
                Some(_) if !before.sends() && track.config.kind == Kind::Video => {
                    self.push(Event::KeyFrameWanted(TrackId(u8::try_from(index).map_err(|_| Error::Config)?)));
                }
                _ => {}
            }
            self.apply_receiver(index, line)?;
        }
        Ok(())
    }
}
