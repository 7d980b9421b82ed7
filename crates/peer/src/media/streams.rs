//! What a track sends and receives.

use barertc_arena::{Allocator, Box, Vec};
use barertc_congestion::TokenBucket;
use barertc_rtcp_nack::{SendEvent, SendStream};
use barertc_rtp::Packet;
use barertc_wire::Instant;

use super::receiver::Receiver;
use crate::terms::Place;

/// The streams of a track, or of one of its encodings.
pub(crate) struct Streams<A: Allocator + Clone> {
    pub(super) place: Place,
    /// The path carries the encoding. It is the only one of its track, or it may be sent.
    pub(super) active: bool,
    /// What the application was told of that.
    told_active: bool,
    pub(super) send: Option<SendStream<A>>,
    pub(super) recv: Option<Box<Receiver<A>, A>>,
    /// What was agreed on last.
    pub(super) sends: bool,
    pub(super) receives: bool,
    /// The peer answers reference times about what is received.
    pub(super) asks: bool,
    /// The application has not been told that a key frame is wanted.
    pub(super) key_wanted: bool,
    /// How often it may be told.
    key_budget: TokenBucket,
}

/// Key frames that are asked for a second, in the long run, and at once. Everybody who watches a source pays for the key frame
/// that one of them asks for.
const KEY_FRAMES: (u32, u32) = (1, 4);

impl<A: Allocator + Clone> Streams<A> {
    /// Streams that are not agreed on. The smallest encoding of a track is sent whatever the path carries.
    pub(super) const fn new(place: Place) -> Self {
        Self {
            place,
            active: place.rank == 0,
            told_active: false,
            send: None,
            recv: None,
            sends: false,
            receives: false,
            asks: false,
            key_wanted: false,
            key_budget: TokenBucket::new(KEY_FRAMES.0, KEY_FRAMES.1),
        }
    }

    /// Looks whether the peer, or the stream itself, needs a key frame. What comes faster than the budget waits in the stream,
    /// as one request.
    pub(super) fn look_for_key_frame_requests(&mut self, now: Instant) {
        let Some(stream) = self.send.as_mut().filter(|_| self.key_budget.ready(now)) else { return };
        if stream.poll_event() == Some(SendEvent::KeyFrameNeeded) {
            self.key_budget.take(1);
            self.key_wanted = true;
        }
    }

    /// The stream that sends, unless it is paused.
    pub(super) fn sending(&self) -> Option<&SendStream<A>> {
        self.send.as_ref().filter(|_| self.sends && self.active)
    }

    pub(super) fn sending_mut(&mut self) -> Option<&mut SendStream<A>> {
        self.send.as_mut().filter(|_| self.sends && self.active)
    }

    /// Whether they are of one of several encodings, which was agreed on.
    #[cfg(feature = "simulcast")]
    pub(super) fn is_encoding(&self) -> bool {
        self.place.max_bitrate > 0 && self.sends && self.send.is_some()
    }

    /// The path carries the encoding from now on.
    #[cfg(feature = "simulcast")]
    pub(super) fn start(&mut self, now: Instant) {
        self.active = true;
        if let Some(stream) = &mut self.send {
            stream.resume(now);
        }
    }

    /// The path does not carry the encoding any more.
    #[cfg(feature = "simulcast")]
    pub(super) fn stop(&mut self, now: Instant) {
        self.active = false;
        if let Some(stream) = &mut self.send {
            stream.clear_queue(now);
        }
    }

    /// Whether the encoding is sent, once after each change.
    pub(super) fn take_change(&mut self) -> Option<bool> {
        let active = self.sending().is_some();
        let told = cfg!(feature = "simulcast") && self.place.max_bitrate > 0;
        (told && core::mem::replace(&mut self.told_active, active) != active).then_some(active)
    }
}

/// RFC 9143 §9.2: by a source that is known, by the name of the m-line in the packet, and else by a payload type that one m-line
/// alone has.
pub(super) fn receiver_of<'s, A: Allocator + Clone>(
    streams: &'s mut Vec<Streams<A>, A>,
    now: Instant,
    packet: &Packet<'_>,
) -> Option<&'s mut Receiver<A>> {
    let (ssrc, payload_type) = (packet.header.ssrc, packet.header.payload_type);
    let place = |takes: &dyn Fn(&Receiver<A>) -> bool| {
        streams.iter().position(|s| s.recv.as_ref().is_some_and(|receiver| takes(receiver)))
    };
    if let Some(index) = place(&|receiver| receiver.knows(ssrc)) {
        return streams.get_mut(index)?.recv.as_deref_mut();
    }
    let name = |receiver: &Receiver<A>| packet.extensions(receiver.extensions()).mid;
    let index = if place(&|receiver| name(receiver).is_some()).is_some() {
        // What names another m-line is for none of ours.
        place(&|receiver| name(receiver).is_some_and(|mid| receiver.is_called(mid)))?
    } else {
        let takers = streams.iter().filter_map(|s| s.recv.as_ref()).filter(|receiver| receiver.takes(payload_type));
        let index = place(&|receiver| receiver.lacks(payload_type))?;
        (takers.count() == 1).then_some(index)?
    };
    let receiver = streams.get_mut(index)?.recv.as_deref_mut()?;
    receiver.learn(now, packet).then_some(receiver)
}
