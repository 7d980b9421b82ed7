use core::net::SocketAddr;

use barertc::arena::Allocator;
use barertc::ice::stream::StreamEnd;
use barertc::{Instant, PeerConnection, Provider, Route, Transmit};

/// A datagram that the loop lost, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Lost {
    /// It was to leave by an address, or a protocol, that no port has.
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
    /// The socket did not send it.
    NotSent {
        /// Its route.
        route: Route,
    },
    /// The socket failed to receive.
    NotReceived {
        /// The address of the socket.
        local: SocketAddr,
    },
    /// It was longer than the buffer, and came cut.
    TooLong {
        /// Its route.
        route: Route,
        /// Bytes of the buffer.
        limit: usize,
        /// Bytes of the datagram.
        value: usize,
    },
}

/// One connection or many: what the loop drives.
pub trait Connections {
    /// A datagram has come; see [`PeerConnection::handle`]. Who it is for, and whether it is for anybody, is found out
    /// here.
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]);

    /// At most one datagram to send; see [`PeerConnection::poll_transmit`].
    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit>;

    /// When to be called again.
    fn timeout(&self) -> Option<Instant>;

    /// Called at [`timeout`](Self::timeout) or later.
    fn handle_timeout(&mut self, now: Instant);

    /// Called once a turn of the loop, behind everything that may have caused an event.
    fn happened(&mut self, now: Instant) {
        let _ = now;
    }

    /// A datagram was lost on this side of the network.
    fn lost(&mut self, lost: Lost) {
        let _ = lost;
    }

    /// The stream of `route` has ended, or there is none; see [`PeerConnection::stream_ended`].
    fn stream_ended(&mut self, now: Instant, route: Route, end: StreamEnd) {
        let _ = (now, route, end);
    }

    /// Whether the stream of `route` is in use; one that is not is closed. See [`PeerConnection::uses_stream`].
    fn uses_stream(&self, route: Route) -> bool {
        let _ = route;
        false
    }

    /// The largest datagram that is sent, in bytes.
    fn mtu(&self) -> usize {
        0
    }

    /// Whether there is nothing more to do, ever: the loop ends.
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
