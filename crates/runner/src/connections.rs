//! What a loop needs of its connections, and what it could not send or receive for them.

use core::net::SocketAddr;

use barertc::arena::Allocator;
use barertc::ice::stream::StreamEnd;
use barertc::{Instant, PeerConnection, Provider, Route, Transmit};

/// A datagram that the loop could not send or receive, or a TCP connection that it did not keep, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Lost {
    /// No port has the local address of its route.
    NoPort {
        /// Its route.
        route: Route,
    },
    /// The stream that it was to leave by takes too little: its queue is full.
    StreamFull {
        /// Its route.
        route: Route,
        /// Bytes that are free in the queue.
        limit: usize,
        /// Bytes of the message.
        value: usize,
    },
    /// The socket did not send it; or its stream ended before it was sent, or could not be made. What waits in a stream
    /// that ends is told once, however many messages it is.
    NotSent {
        /// Its route.
        route: Route,
    },
    /// The socket failed to receive.
    NotReceived {
        /// The address of the socket.
        local: SocketAddr,
    },
    /// A TCP connection was made to this side, and there is no place for it: all are taken by connections in use.
    NoPlace {
        /// Its route.
        route: Route,
        /// How many places there are.
        limit: usize,
    },
    /// A TCP connection to this side went without an authentic check. Its time was over, its place was needed, or it
    /// ended. Where it ended by itself, [`Connections::stream_ended`] tells how.
    NotAuthentic {
        /// Its route.
        route: Route,
    },
    /// The listener failed to accept a TCP connection.
    NotAccepted {
        /// The address of the listener.
        local: SocketAddr,
    },
    /// It was longer than the buffer, and arrived cut off.
    TooLong {
        /// Its route.
        route: Route,
        /// The size of the buffer in bytes.
        limit: usize,
        /// The size of the datagram in bytes.
        value: usize,
    },
}

/// One connection, or many on the same sockets: what the loop drives.
pub trait Connections {
    /// Takes a datagram that has arrived; see [`PeerConnection::handle`]. With many connections, the implementation
    /// finds the one that the datagram is for.
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]);

    /// Writes at most one datagram; see [`PeerConnection::poll_transmit`].
    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit>;

    /// When the loop calls [`handle_timeout`](Self::handle_timeout) next.
    fn timeout(&self) -> Option<Instant>;

    /// Does what is due. The loop calls it at [`timeout`](Self::timeout) or later.
    fn handle_timeout(&mut self, now: Instant);

    /// Says that there may be an event. The loop calls it once a turn, after every call that can cause one.
    fn happened(&mut self, now: Instant) {
        let _ = now;
    }

    /// Says that a datagram was lost at a socket or before one.
    fn lost(&mut self, lost: Lost) {
        let _ = lost;
    }

    /// The stream of `route` has ended, or there is none; see [`PeerConnection::stream_ended`].
    fn stream_ended(&mut self, now: Instant, route: Route, end: StreamEnd) {
        let _ = (now, route, end);
    }

    /// Whether the stream of `route` is in use; one that is not is closed. See [`PeerConnection::uses_stream`]. `false`
    /// where there are no streams.
    fn uses_stream(&self, route: Route) -> bool;

    /// The size in bytes of the largest datagram that is sent.
    fn mtu(&self) -> usize {
        0
    }

    /// Whether nothing is left to do. The loop then ends.
    fn is_done(&self) -> bool {
        false
    }
}

impl<A: Allocator + Clone, P: Provider> Connections for PeerConnection<'_, A, P> {
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        // What is wrong with a datagram has been counted.
        let _ = Self::handle(self, now, route, datagram);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        Self::poll_transmit(self, now, out)
    }

    fn timeout(&self) -> Option<Instant> {
        Self::timeout(self)
    }

    fn handle_timeout(&mut self, now: Instant) {
        Self::handle_timeout(self, now);
    }

    fn stream_ended(&mut self, now: Instant, route: Route, end: StreamEnd) {
        Self::stream_ended(self, now, route, end);
    }

    fn uses_stream(&self, route: Route) -> bool {
        Self::uses_stream(self, route)
    }

    fn mtu(&self) -> usize {
        self.config().mtu.into()
    }

    fn is_done(&self) -> bool {
        self.has_parted()
    }
}
