//! Which streams are of which track, and of which of its encodings.

use barertc_arena::Allocator;
use barertc_rtcp_nack::SendStream;
use barertc_wire::Instant;

use super::Media;
use super::streams::Streams;
#[cfg(feature = "simulcast")]
use crate::terms::Place;

impl<A: Allocator + Clone> Media<A> {
    /// The streams of an encoding.
    pub(super) fn of(&self, track: usize, encoding: usize) -> Option<&Streams<A>> {
        self.streams.get(self.index(track, encoding)?)
    }

    pub(super) fn of_mut(&mut self, track: usize, encoding: usize) -> Option<&mut Streams<A>> {
        let index = self.index(track, encoding)?;
        self.streams.get_mut(index)
    }

    fn index(&self, track: usize, encoding: usize) -> Option<usize> {
        #[cfg(feature = "simulcast")]
        let index = {
            let is = |place: Place| (usize::from(place.track), usize::from(place.encoding)) == (track, encoding);
            self.streams.iter().position(|streams| is(streams.place))
        };
        #[cfg(not(feature = "simulcast"))]
        let index = (encoding == 0 && track < self.streams.len()).then_some(track);
        index
    }

    /// The stream that sends an encoding, once there was one.
    pub(crate) fn send_stream(&self, track: usize, encoding: usize) -> Option<&SendStream<A>> {
        self.of(track, encoding)?.send.as_ref()
    }

    /// Whether an encoding is sent.
    pub(crate) fn is_active(&self, track: usize, encoding: usize) -> bool {
        self.of(track, encoding).is_some_and(|streams| streams.sending().is_some())
    }

    /// All tracks are what was agreed on: at least the smallest encoding of each is sent.
    #[cfg(feature = "simulcast")]
    pub(super) fn keep_smallest_encodings(&mut self, now: Instant) {
        super::encodings::keep_smallest(now, &mut self.streams);
    }

    #[cfg(not(feature = "simulcast"))]
    pub(super) const fn keep_smallest_encodings(&self, _: Instant) {}

    /// Lets the encodings follow the estimate.
    #[cfg(feature = "simulcast")]
    pub(super) fn choose_encodings(&mut self, now: Instant, packets: bool) {
        if self.streams.iter().any(Streams::is_encoding)
            && let Some(rate) = self.choice.follow(now, &self.estimator.stats(), packets, &mut self.streams)
        {
            self.probe(now, rate);
        }
    }

    #[cfg(not(feature = "simulcast"))]
    pub(super) const fn choose_encodings(&self, _: Instant, _: bool) {}
}
