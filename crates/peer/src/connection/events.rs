//! Events. None is kept in a queue: each is drawn from the state that it tells of, when the application asks.

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_ice::Event as IceEvent;

use super::PeerConnection;
use crate::event::{Event, Stage};
use crate::media::MediaEvent;
use crate::track::TrackId;
use crate::transport::ChannelEvent;

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// The next event, or `None` when there is none.
    ///
    /// An event tells that an object has changed its state. It is not lost when the application asks late. When the
    /// object has changed again meanwhile, one event tells of both changes.
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
            MediaEvent::EncodingKeyFrameWanted(track, encoding) => {
                Event::EncodingKeyFrameWanted { track: TrackId(track), encoding: encoding.into() }
            }
            MediaEvent::EncodingActive(track, encoding, active) => {
                Event::EncodingActive { track: TrackId(track), encoding: encoding.into(), active }
            }
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
            ChannelEvent::PathMtuExceeded(size) => Event::PathMtuExceeded { size },
            ChannelEvent::Over(reason) => Event::DataClosed(reason),
        })
    }
}
