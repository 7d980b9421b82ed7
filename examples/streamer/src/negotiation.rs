//! Offers and answers: what is agreed on with those who want to view, or to send.

use core::pin::pin;
use core::time::Duration;

use barertc::ice::Error as IceError;
use barertc::{Error, GatheringState};
use barertc_signaling::{Peer, Printable};

use crate::app::App;
use crate::board::Board;
use crate::viewer::{Origin, Role, Viewer};

/// How long a description waits for what STUN and TURN servers have to say; what comes later is not in it.
const GATHER_TIME: Duration = Duration::from_secs(2);
/// How often it is looked whether they have answered.
const GATHER_LOOK: Duration = Duration::from_millis(10);

/// How long a viewer waits until the codec of the pictures is known: a command takes so long to begin.
const KNOWN_TIME: Duration = Duration::from_secs(5);

impl<'b, B: Board> App<'b, B> {
    /// Makes a connection and waits until the servers have answered, so that its description has everything in it.
    async fn begin(&self, role: Role, from: &Origin) -> Result<(), Error> {
        if role == Role::Watches {
            let until = self.board.now() + KNOWN_TIME;
            while self.video().is_none() && self.board.now() < until {
                self.board.sleep_until(self.board.now() + GATHER_LOOK).await;
            }
        }
        if !self.viewers.borrow_mut().make_room(self.board.now(), from.address) {
            return Err(Error::WouldBlock);
        }
        self.enter(role, from)?;
        let until = self.board.now() + GATHER_TIME;
        loop {
            self.wake.signal(());
            let state = self.with(from, |viewer| Ok(viewer.connection.ice_gathering_state()))?;
            if state == GatheringState::Complete || self.board.now() >= until {
                return Ok(());
            }
            self.board.sleep_until(self.board.now() + GATHER_LOOK).await;
        }
    }

    /// Makes a connection, and a place for it among the others.
    #[inline(never)]
    fn enter(&self, role: Role, from: &Origin) -> Result<(), Error> {
        let mut viewer = match role {
            Role::Watches => self.viewer(from.clone())?,
            Role::Sends(_) => self.sender(from.clone())?,
        };
        self.add_ways(&mut viewer)?;
        viewer.connection.gather(self.board.now())?;
        self.viewers.borrow_mut().insert(viewer)?;
        Ok(())
    }

    fn with<T>(&self, from: &Origin, f: impl FnOnce(&mut Viewer<'b, B>) -> Result<T, Error>) -> Result<T, Error> {
        f(self.viewers.borrow_mut().find(from.socket, &from.id).ok_or(Error::NoSuchTrack)?)
    }

    /// An offer to somebody who will watch, known as `from`.
    pub(crate) async fn offer<'r>(&self, from: &Origin, room: &'r mut [u8]) -> Result<&'r str, Error> {
        // A page that asks again gets the place it had.
        self.viewers.borrow_mut().remove(from.socket, &from.id);
        self.board.log(format_args!("viewer {}: asks for an offer", Printable(&from.id)));
        pin!(self.begin(Role::Watches, from)).await?;
        let offer = self.with(from, |viewer| self.create_offer(viewer, room));
        self.unless(from, offer)
    }

    pub(crate) async fn answer<'r>(
        &self,
        role: Role,
        from: &Origin,
        offer: &str,
        room: &'r mut [u8],
    ) -> Result<&'r str, Error> {
        if let Some(viewer) = self.viewers.borrow_mut().find(from.socket, &from.id) {
            // A viewer that is here already offers again: an ICE restart, most likely. One that begins anew under an old
            // name has another certificate, and is a new viewer.
            if let Ok(len) = self.create_answer(viewer, offer, room).map(str::len) {
                return core::str::from_utf8(room.get(..len).unwrap_or_default()).map_err(|_| Error::NotReady);
            }
        }
        self.viewers.borrow_mut().remove(from.socket, &from.id);
        pin!(self.begin(role, from)).await?;
        let answer = self.with(from, |viewer| self.create_answer(viewer, offer, room));
        self.unless(from, answer)
    }

    #[inline(never)]
    fn create_offer<'r>(&self, viewer: &mut Viewer<'b, B>, room: &'r mut [u8]) -> Result<&'r str, Error> {
        viewer.connection.create_offer(self.board.now(), room)
    }

    #[inline(never)]
    fn create_answer<'r>(&self, viewer: &mut Viewer<'b, B>, offer: &str, room: &'r mut [u8]) -> Result<&'r str, Error> {
        viewer.connection.create_answer(self.board.now(), offer, room)
    }

    /// A connection without a description is none.
    fn unless<T>(&self, from: &Origin, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|_| self.viewers.borrow_mut().remove(from.socket, &from.id))
    }

    #[inline(never)]
    pub(crate) fn answered(&self, from: Peer<'_>, sdp: &str) -> Result<(), Error> {
        let mut viewers = self.viewers.borrow_mut();
        let viewer = viewers.find(from.socket, from.id).ok_or(Error::NoSuchTrack)?;
        viewer.connection.set_answer(self.board.now(), sdp)
    }

    /// Adds a candidate of the other side's; an error tells why it cannot be used.
    #[inline(never)]
    pub(crate) fn candidate(&self, from: Peer<'_>, candidate: &str) -> Result<(), Error> {
        let mut viewers = self.viewers.borrow_mut();
        let viewer = viewers.find(from.socket, from.id).ok_or(Error::NoSuchTrack)?;
        viewer.connection.add_remote_candidate(self.board.now(), candidate)
    }
}

/// Whether a candidate is understood and only of no use here: over TCP, say, or one too many. The others may do (RFC 8445
/// §5.3).
pub(crate) const fn is_of_no_use(error: &Error) -> bool {
    matches!(
        error,
        Error::Ice(
            IceError::Component(_) | IceError::CandidateProtocol | IceError::Unreachable(_) | IceError::TooMany { .. }
        )
    )
}
