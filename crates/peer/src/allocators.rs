/// The allocator handles of a connection, by owner.
///
/// They may all be the same: any handle converts into this. Or each is a [`Label`](barertc_arena::Label) of its own, so
/// that the memory can be told by owner.
#[derive(Clone, Debug)]
pub struct Allocators<A> {
    /// Of ICE: candidates, pairs and checks.
    pub ice: A,
    /// Of DTLS: the handshake, its messages, and the last flight.
    pub dtls: A,
    /// Of SRTP: streams and replay windows.
    pub srtp: A,
    /// Of SCTP: data channels and their buffers.
    pub sctp: A,
    /// Of media streams: queues and the retransmission history.
    pub media: A,
    /// Of the connection: tracks and what was agreed on.
    pub connection: A,
}

impl<A: Clone> From<A> for Allocators<A> {
    fn from(alloc: A) -> Self {
        Self {
            ice: alloc.clone(),
            dtls: alloc.clone(),
            srtp: alloc.clone(),
            sctp: alloc.clone(),
            media: alloc.clone(),
            connection: alloc,
        }
    }
}
