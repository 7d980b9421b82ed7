/// The allocator handles of a connection, by owner: all the same, or each with a
/// [`Label`](barertc_arena::Label) of its own, so that the memory can be told by owner.
#[derive(Clone, Debug)]
pub struct Owners<A> {
    /// Candidates, pairs and checks.
    pub ice: A,
    /// Handshake, its messages, and the last flight.
    pub dtls: A,
    /// Streams and replay windows.
    pub srtp: A,
    /// Data channels and their buffers.
    pub sctp: A,
    /// Queues and retransmission history of media streams.
    pub media: A,
    /// Tracks and events.
    pub connection: A,
}

impl<A: Clone> From<A> for Owners<A> {
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
