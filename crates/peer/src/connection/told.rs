//! What is told of the whole connection: its state, and that DTLS waits in vain.

use core::time::Duration;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_ice::State;
use barertc_wire::Instant;

use crate::error::{Error, Failure};
use crate::event::{ConnectionState, Event, Stage};
use crate::transport::Transport;

/// What the application has been told of the whole connection, and what is true.
#[derive(Debug)]
pub(super) struct Told {
    state: ConnectionState,
    told: ConnectionState,
    /// Since when DTLS has had a path and not come to an end, and whether that was told.
    waiting: Option<(Instant, Silence)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    Short,
    Long,
    Told,
}

impl Told {
    pub(super) const fn new() -> Self {
        Self { state: ConnectionState::New, told: ConnectionState::New, waiting: None }
    }

    pub(super) const fn state(&self) -> ConnectionState {
        self.state
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.state, ConnectionState::Closed)
    }

    /// Whether a description can still be of use. An ICE restart mends a failure of ICE, and no other one.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Failed`].
    pub(super) const fn check_negotiable(&self) -> Result<(), Error> {
        match self.state {
            ConnectionState::Closed => Err(Error::Closed),
            ConnectionState::Failed(reason @ (Failure::Dtls(_) | Failure::Srtp(_))) => Err(Error::Failed(reason)),
            _ => Ok(()),
        }
    }

    pub(super) fn close(&mut self) {
        self.enter(ConnectionState::Closed);
        self.waiting = None;
    }

    fn enter(&mut self, state: ConnectionState) {
        if self.state != state {
            self.state = state;
            barertc_wire::trace!("connection: {:?}", state);
        }
    }

    /// When the peer's silence has lasted too long.
    pub(super) fn silence(&self, limit: Duration) -> Option<Instant> {
        self.waiting.filter(|(_, silence)| *silence == Silence::Short).map(|(since, _)| since + limit)
    }

    /// The W3C's rule for `connectionState` (webrtc-pc §4.3.3), for our one ICE and one DTLS transport.
    pub(super) fn update<A: Allocator + Clone, P: Provider>(
        &mut self,
        now: Instant,
        transport: &Transport<'_, A, P>,
        limit: Duration,
    ) {
        if self.is_closed() {
            return;
        }
        let (ice, security) = (transport.ice().state(), transport.security());
        self.enter(match (security.failure(), ice) {
            _ if security.is_closed() => ConnectionState::Closed,
            (Some(reason), _) => ConnectionState::Failed(reason),
            (None, State::New) => ConnectionState::New,
            (None, State::Failed(reason)) => ConnectionState::Failed(Failure::Ice(reason)),
            (None, State::Disconnected) => ConnectionState::Disconnected,
            (None, State::Closed) => ConnectionState::Closed,
            (None, State::Connected | State::Completed) if security.is_up() => ConnectionState::Connected,
            (None, _) => ConnectionState::Connecting,
        });
        let waits = self.state == ConnectionState::Connecting && matches!(ice, State::Connected | State::Completed);
        self.waiting = waits.then(|| {
            let (since, silence) = self.waiting.unwrap_or((now, Silence::Short));
            let long = silence == Silence::Short && since + limit <= now;
            (since, if long { Silence::Long } else { silence })
        });
    }

    pub(super) fn poll(&mut self) -> Option<Event> {
        if let Some((_, silence)) = &mut self.waiting
            && *silence == Silence::Long
        {
            *silence = Silence::Told;
            return Some(Event::PeerSilent(Stage::Dtls));
        }
        if self.told == self.state {
            return None;
        }
        self.told = self.state;
        Some(Event::ConnectionState(self.state))
    }
}
