//! What a track sends and receives.

use barertc_arena::{Allocator, Box, Vec};
use barertc_rtcp_nack::SendStream;
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
}

impl<A: Allocator + Clone> Streams<A> {
    pub(super) const fn new() -> Self {
        Self { send: None, recv: None, sends: false, receives: false, asks: false, key_wanted: false }
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
