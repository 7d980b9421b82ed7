//! What a track sends and receives.

use barertc_arena::{Allocator, Box, Vec};
use barertc_congestion::TokenBucket;
use barertc_rtcp_nack::{SendEvent, SendStream};
use barertc_rtp::Packet;
use barertc_wire::Instant;

use super::receiver::Receiver;

/// The streams of a track.
pub(crate) struct Streams<A: Allocator + Clone> {
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
    pub(super) const fn new() -> Self {
        Self {
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
        self.send.as_ref().filter(|_| self.sends)
    }

    pub(super) fn sending_mut(&mut self) -> Option<&mut SendStream<A>> {
        self.send.as_mut().filter(|_| self.sends)
    }
}

/// RFC 9143 §9.2: by a source that is known, by the name of the m-line in the packet, and else by the payload type.
pub(super) fn receiver_of<'s, A: Allocator + Clone>(
    streams: &'s mut Vec<Streams<A>, A>,
    now: Instant,
    packet: &Packet<'_>,
) -> Option<&'s mut Receiver<A>> {
    let ssrc = packet.header.ssrc;
    let index = streams.iter().position(|s| s.recv.as_ref().is_some_and(|r| r.knows(ssrc)));
    if let Some(index) = index {
        return streams.get_mut(index)?.recv.as_deref_mut();
    }
    let named = streams.iter().position(|s| {
        let receiver = s.recv.as_ref();
        receiver.is_some_and(|r| packet.extensions(r.extensions()).mid.is_some_and(|mid| r.is_called(mid)))
    });
    let payload_type = packet.header.payload_type;
    let index =
        named.or_else(|| streams.iter().position(|s| s.recv.as_ref().is_some_and(|r| r.lacks(payload_type))))?;
    let receiver = streams.get_mut(index)?.recv.as_deref_mut()?;
    receiver.learn(now, packet).then_some(receiver)
}
