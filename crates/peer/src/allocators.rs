//! The allocator of each part of a connection.

/// The allocator handles of a connection, one for each part.
///
/// Any single handle converts into this type, and all parts then share it. With a [`Label`](barertc_arena::Label) for
/// each part, the memory of each part can be told apart.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Allocators<A> {
    /// Serves ICE: candidates, pairs and checks.
    pub ice: A,
    /// Serves DTLS: the handshake, its messages, and the last flight.
    pub dtls: A,
    /// Serves SRTP: streams and replay windows.
    pub srtp: A,
    /// Serves SCTP: data channels and their buffers.
    pub sctp: A,
    /// Serves media streams: queues and the retransmission history.
    pub media: A,
    /// Serves the connection itself: tracks and what was agreed on.
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
