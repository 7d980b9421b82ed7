//! Where an association is in its life (RFC 9260 §4), and what only that state needs.

use barertc_wire::Instant;

use crate::chunk::Capabilities;
use crate::error::Failure;
use crate::pool::Chain;
use crate::serial::Tsn;

/// The DTLS role of this side. It decides which side opens channels with even stream ids (RFC 8832 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// The DTLS client, which opens even streams.
    Client,
    /// The DTLS server, which opens odd streams.
    Server,
}

impl Role {
    /// The first stream id of this side.
    pub(super) const fn first_stream(self) -> u16 {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }

    /// Whether this side opens channels on `stream`.
    pub(super) const fn owns(self, stream: u16) -> bool {
        stream & 1 == self.first_stream()
    }
}

/// What the peer has told of itself in INIT or INIT ACK.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) tag: u32,
    pub(super) tsn: Tsn,
    pub(super) window: u32,
    pub(super) inbound: u16,
    pub(super) capabilities: Capabilities,
}

/// Transmissions of INIT or COOKIE ECHO.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) began: Instant,
    pub(super) count: u16,
}

/// How an association ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) peer: Option<Peer>,
    /// SHUTDOWN COMPLETE was ours to send.
    pub(super) completed: bool,
    /// `None` when both sides, or the application, wanted it.
    pub(super) failure: Option<Failure>,
}

/// RFC 9260 §4. `Done` is CLOSED after the end.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    Closed,
    CookieWait(Attempt),
    /// With the peer's cookie, which is kept in the receive buffer.
    CookieEchoed(Peer, Chain, Attempt),
    Established(Peer),
    ShutdownPending(Peer),
    /// With how often SHUTDOWN was sent.
    ShutdownSent(Peer, u16),
    ShutdownReceived(Peer),
    /// With how often SHUTDOWN ACK was sent.
    ShutdownAckSent(Peer, u16),
    Done(End),
}

impl State {
    /// The name of RFC 9260 §4.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Closed | Self::Done(_) => "CLOSED",
            Self::CookieWait(_) => "COOKIE-WAIT",
            Self::CookieEchoed(..) => "COOKIE-ECHOED",
            Self::Established(_) => "ESTABLISHED",
            Self::ShutdownPending(_) => "SHUTDOWN-PENDING",
            Self::ShutdownSent(..) => "SHUTDOWN-SENT",
            Self::ShutdownReceived(_) => "SHUTDOWN-RECEIVED",
            Self::ShutdownAckSent(..) => "SHUTDOWN-ACK-SENT",
        }
    }

    pub(super) const fn peer(&self) -> Option<&Peer> {
        match self {
            Self::Closed | Self::CookieWait(_) => None,
            Self::CookieEchoed(peer, ..)
            | Self::Established(peer)
            | Self::ShutdownPending(peer)
            | Self::ShutdownSent(peer, _)
            | Self::ShutdownReceived(peer)
            | Self::ShutdownAckSent(peer, _) => Some(peer),
            Self::Done(end) => end.peer.as_ref(),
        }
    }

    /// Whether data, acknowledgements and resets have a place.
    pub(super) const fn is_up(&self) -> bool {
        matches!(
            self,
            Self::Established(_)
                | Self::ShutdownPending(_)
                | Self::ShutdownSent(..)
                | Self::ShutdownReceived(_)
                | Self::ShutdownAckSent(..)
        )
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// Whether channels can be opened, now or later.
    pub(super) const fn takes_channels(&self) -> bool {
        matches!(self, Self::Closed | Self::CookieWait(_) | Self::CookieEchoed(..) | Self::Established(_))
    }
}
