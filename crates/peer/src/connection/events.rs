//! Events. None is kept in a queue: each is drawn from the state that it tells of, when the application asks.

use core::time::Duration;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_ice::{Event as IceEvent, State};
use barertc_wire::Instant;

use super::PeerConnection;
use crate::error::Failure;
use crate::event::{ConnectionState, Event, Stage};
use crate::media::MediaEvent;
use crate::track::TrackId;
use crate::transport::{ChannelEvent, Transport};

/// What the application has been told of the whole connection, and what is true.
#[derive(Debug)]
pub(super) struct Told {
    state: ConnectionState,
    told: ConnectionState,
    /// Since when DTLS has had a path and not come to an end, and whether that was told.
    waiting: Option<(Instant, Silence)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    Short,
    Long,
    Told,
}

impl Told {
    pub(super) const fn new() -> Self {
        Self { state: ConnectionState::New, told: ConnectionState::New, waiting: None }
    }

    pub(super) const fn state(&self) -> ConnectionState {
        self.state
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.state, ConnectionState::Closed)
    }

    pub(super) const fn close(&mut self) {
        self.state = ConnectionState::Closed;
        self.waiting = None;
    }

    /// When the peer's silence has lasted too long.
    pub(super) fn silence(&self, limit: Duration) -> Option<Instant> {
        self.waiting.filter(|(_, silence)| *silence == Silence::Short).map(|(since, _)| since + limit)
    }

    /// The W3C's rule for `connectionState` (webrtc-pc §4.3.3), for our one ICE and one DTLS transport.
    pub(super) fn update<A: Allocator + Clone, P: Provider>(
        &mut self,
        now: Instant,
        transport: &Transport<'_, A, P>,
        limit: Duration,
    ) {
        if self.is_closed() {
            return;
        }
        let (ice, security) = (transport.ice().state(), transport.security());
        self.state = match (security.failure(), ice) {
            _ if security.is_closed() => ConnectionState::Closed,
            (Some(reason), _) => ConnectionState::Failed(reason),
            (None, State::New) => ConnectionState::New,
            (None, State::Failed(reason)) => ConnectionState::Failed(Failure::Ice(reason)),
            (None, State::Disconnected) => ConnectionState::Disconnected,
            (None, State::Closed) => ConnectionState::Closed,
            (None, State::Connected | State::Completed) if security.is_up() => ConnectionState::Connected,
            (None, _) => ConnectionState::Connecting,
        };
        let waits = self.state == ConnectionState::Connecting && matches!(ice, State::Connected | State::Completed);
        self.waiting = waits.then(|| {
            let (since, silence) = self.waiting.unwrap_or((now, Silence::Short));
            let long = silence == Silence::Short && since + limit <= now;
            (since, if long { Silence::Long } else { silence })
        });
    }

    fn poll(&mut self) -> Option<Event> {
        if let Some((_, silence)) = &mut self.waiting
            && *silence == Silence::Long
        {
            *silence = Silence::Told;
            return Some(Event::PeerSilent(Stage::Dtls));
        }
        if self.told == self.state {
            return None;
        }
        self.told = self.state;
        Some(Event::ConnectionState(self.state))
    }
}

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// What the application should know. Events stand for changes of state: one that is fetched late is not lost, and
    /// what has changed twice meanwhile is told once.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.poll_ice_event()
            .or_else(|| self.told.poll())
            .or_else(|| self.poll_track_event())
            .or_else(|| self.poll_media_event())
            .or_else(|| self.poll_channel_event())
    }

    fn poll_ice_event(&mut self) -> Option<Event> {
        loop {
            return Some(match self.transport.poll_ice_event()? {
                IceEvent::LocalCandidate(candidate) => Event::LocalCandidate(self.transport.visible(&candidate)),
                IceEvent::State(state) => Event::IceState(state),
                IceEvent::Gathering(state) => Event::IceGatheringState(state),
                IceEvent::ServerFailed { server, error } => Event::IceServerFailed { server, error },
                IceEvent::NoAnswer(reason) => Event::PeerSilent(Stage::Ice(reason)),
                _ => continue,
            });
        }
    }

    fn poll_track_event(&mut self) -> Option<Event> {
        for (track, id) in self.tracks.iter_mut().zip(0_u8..) {
            let news = track.news();
            if core::mem::take(&mut news.changed) {
                return Some(Event::TrackNegotiated(TrackId(id)));
            }
            if core::mem::take(&mut news.remote) {
                return Some(Event::RemoteTrack(TrackId(id)));
            }
        }
        None
    }

    fn poll_media_event(&mut self) -> Option<Event> {
        Some(match self.media.poll_event()? {
            MediaEvent::KeyFrameWanted(track) => Event::KeyFrameWanted(TrackId(track)),
            MediaEvent::FrameReceived(track) => Event::FrameReceived(TrackId(track)),
            MediaEvent::Bitrate(bits_per_second) => Event::Bitrate(bits_per_second),
        })
    }

    fn poll_channel_event(&mut self) -> Option<Event> {
        Some(match self.transport.data_mut().poll_event()? {
            ChannelEvent::Open(id) => Event::ChannelOpen(id),
            ChannelEvent::Readable(id) => Event::ChannelReadable(id),
            ChannelEvent::Writable(id) => Event::ChannelWritable(id),
            ChannelEvent::BufferedAmountLow(id) => Event::ChannelBufferedAmountLow(id),
            ChannelEvent::Closed(id) => Event::ChannelClosed(id),
            ChannelEvent::Over(reason) => Event::DataClosed(reason),
        })
    }
}
