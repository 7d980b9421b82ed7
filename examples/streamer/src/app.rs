//! What the application knows, and what it answers to those who want to view.

use core::cell::{Cell, RefCell};
use core::future::pending;

use barertc::{
    Allocator, Candidate, Codec, Config, Error, Feedback, H264, Identity, Kind, LocalCodec, PeerConnection, Provider,
    TrackConfig, TrackId,
};
use barertc_runner::Wake;
use barertc_signaling::{Access, Caller, Discard, Id, Message, Page, Peer, Refusal, Server, Signals};
use core::net::SocketAddr;
use rand_core::Rng;

use crate::viewers::{Viewer, Viewers};
use crate::{Board, Settings};

/// Tracks as everybody knows them from the libdatachannel example.
const VIDEO: (&str, u8, u32) = ("video-stream", 102, 1);
const AUDIO: (&str, u8, u32) = ("audio-stream", 111, 2);
const STREAM: &str = "stream1";
/// The payload type of retransmitted video.
const RTX: u8 = 103;

pub(crate) type AppViewers<'b, B> = Viewers<'b, <B as Board>::Psram, <B as Board>::Crypto>;

/// The application's state, shared by its tasks.
pub(crate) struct App<'b, B: Board> {
    pub(crate) board: &'b B,
    pub(crate) settings: &'b Settings<'b>,
    pub(crate) identity: &'b Identity,
    pub(crate) viewers: RefCell<AppViewers<'b, B>>,
    /// Something is to be sent.
    pub(crate) wake: Wake,
    /// The addresses of the sockets, once they are bound.
    pub(crate) ports: RefCell<heapless::Vec<SocketAddr, { crate::MAX_ADDRESSES }>>,
    /// What is wrong with the media, in words for the page.
    pub(crate) trouble: RefCell<heapless::String<160>>,
    pub(crate) refused: Cell<u32>,
    next_socket: Cell<u32>,
}

impl<'b, B: Board> App<'b, B> {
    pub(crate) fn new(board: &'b B, settings: &'b Settings<'b>, identity: &'b Identity) -> Result<Self, Error> {
        Ok(Self {
            board,
            settings,
            identity,
            viewers: RefCell::new(Viewers::new(settings.max_viewers, board.psram("viewers"), board)?),
            wake: Wake::new(),
            ports: RefCell::new(heapless::Vec::new()),
            trouble: RefCell::new(heapless::String::new()),
            refused: Cell::new(0),
            next_socket: Cell::new(1),
        })
    }

    /// The bounds of one viewer's connection.
    pub(crate) fn config(&self) -> Config {
        crate::config::of_a_viewer(self.settings.mtu)
    }

    // Out of line, and in parts: what these need of the stack is not to be added to what others do meanwhile.
    #[inline(never)]
    fn viewer(&self, from: (u32, Id)) -> Result<Viewer<'b, B::Psram, B::Crypto>, Error> {
        let mut connection = self.connection()?;
        let (video, audio) = add_tracks(&mut connection)?;
        let mut viewer = Viewer::new(connection, video, audio, from, self.board.now());
        self.board.random(|rng| viewer.open_channel(rng))?;
        Ok(viewer)
    }

    #[inline(never)]
    fn connection(&self) -> Result<PeerConnection<'b, B::Psram, B::Crypto>, Error> {
        let board = self.board;
        let owners = barertc::Owners {
            ice: board.psram("ice"),
            dtls: board.psram("dtls"),
            srtp: board.psram("srtp"),
            sctp: board.psram("sctp"),
            media: board.psram("history"),
            connection: board.psram("connection"),
        };
        let config = self.config();
        let mut connection =
            board.random(|rng| PeerConnection::new(config, self.identity, owners, board.crypto(), rng))?;
        for (index, address) in self.ports.borrow().iter().enumerate() {
            match self.settings.advertise.filter(|_| index == 0) {
                Some(public) => connection.add_mapped_candidate(*address, public)?,
                None => connection.add_local_candidate(Candidate::host(*address))?,
            }
        }
        Ok(connection)
    }

    #[inline(never)]
    fn offer<'r>(&self, from: Peer<'_>, room: &'r mut [u8]) -> Result<&'r str, Error> {
        let id = Id::try_from(from.id).map_err(|_| Error::NameTooLong)?;
        // A page that asks again gets the place it had.
        self.viewers.borrow_mut().remove(from.socket, from.id);
        if self.viewers.borrow().is_full() {
            return Err(Error::WouldBlock);
        }
        self.board.log(format_args!("viewer {id}: asks for an offer"));
        let mut viewer = self.viewer((from.socket, id))?;
        let sdp = self.board.random(|rng| viewer.connection.create_offer(rng, room))?;
        self.viewers.borrow_mut().insert(viewer)?;
        Ok(sdp)
    }

    #[inline(never)]
    fn answer<'r>(&self, from: (u32, Id), offer: &str, room: &'r mut [u8]) -> Result<&'r str, Error> {
        let now = self.board.now();
        if let Some(viewer) = self.viewers.borrow_mut().find(from.0, &from.1) {
            // A viewer that is here already offers again: an ICE restart, most likely. One that begins anew under an old
            // name has another certificate, and is a new viewer.
            let again = self.board.random(|rng| viewer.connection.create_answer(now, offer, rng, room).map(str::len));
            if let Ok(len) = again {
                return core::str::from_utf8(room.get(..len).unwrap_or_default()).map_err(|_| Error::InvalidState);
            }
        }
        if self.viewers.borrow().is_full() {
            return Err(Error::WouldBlock);
        }
        let mut viewer = self.viewer(from)?;
        let sdp = self.board.random(|rng| viewer.connection.create_answer(now, offer, rng, room))?;
        self.viewers.borrow_mut().insert(viewer)?;
        Ok(sdp)
    }

    #[inline(never)]
    fn answered(&self, from: Peer<'_>, sdp: &str) -> Result<(), Error> {
        let mut viewers = self.viewers.borrow_mut();
        let viewer = viewers.find(from.socket, from.id).ok_or(Error::NotFound)?;
        let now = self.board.now();
        self.board.random(|rng| viewer.connection.set_answer(now, sdp, rng))
    }

    fn candidate(&self, from: Peer<'_>, candidate: &str) -> Result<(), Error> {
        let mut viewers = self.viewers.borrow_mut();
        viewers.find(from.socket, from.id).ok_or(Error::NotFound)?.connection.add_remote_candidate(candidate)
    }

    fn refuse(&self, what: &str, error: Error) {
        self.refused.set(self.refused.get().saturating_add(1));
        self.board.log(format_args!("{what}: {error}"));
    }
}

/// Video and sound, that we send.
#[inline(never)]
fn add_tracks<A: Allocator + Clone, P: Provider>(
    connection: &mut PeerConnection<'_, A, P>,
) -> Result<(TrackId, TrackId), Error> {
    let h264 = LocalCodec {
        codec: Codec::H264(H264::CONSTRAINED_BASELINE),
        pt: VIDEO.1,
        rtx: Some(RTX),
        feedback: Feedback::ALL,
    };
    let video = connection.add_track(TrackConfig::sendonly(Kind::Video, VIDEO.0, STREAM, VIDEO.2, h264)?)?;
    let opus = LocalCodec {
        codec: Codec::Opus { stereo: true, fec: false },
        pt: AUDIO.1,
        rtx: None,
        feedback: Feedback { transport_cc: true, ..Feedback::NONE },
    };
    let audio = connection.add_track(TrackConfig::sendonly(Kind::Audio, AUDIO.0, STREAM, AUDIO.2, opus)?)?;
    Ok((video, audio))
}

impl<B: Board> barertc_signaling::Clock for App<'_, B> {
    async fn sleep(&self, duration: core::time::Duration) {
        self.board.sleep_until(self.board.now() + duration).await;
    }
}

impl<B: Board> Signals for App<'_, B> {
    async fn message<'r>(&self, from: Peer<'_>, message: Message<'_>, room: &'r mut [u8]) -> Option<Message<'r>> {
        let answer = match message {
            Message::Request => self.offer(from, room).map(|sdp| Some(Message::Offer { sdp })),
            Message::Offer { sdp } => {
                let id = Id::try_from(from.id).unwrap_or_default();
                self.answer((from.socket, id), sdp, room).map(|sdp| Some(Message::Answer { sdp }))
            }
            Message::Answer { sdp } => self.answered(from, sdp).map(|()| None),
            Message::Candidate { candidate: "", .. } => Ok(None),
            Message::Candidate { candidate, .. } => self.candidate(from, candidate).map(|()| None),
            _ => Ok(None),
        };
        self.wake.signal(());
        answer.unwrap_or_else(|error| {
            self.refuse(from.id, error);
            None
        })
    }

    async fn outgoing<'r>(&self, _: u32, _: &mut Id, _: &'r mut [u8]) -> Message<'r> {
        // Offers have all candidates in them.
        pending().await
    }

    fn closed(&self, _: u32) {
        // The connections it made live on.
    }

    fn discarded(&self, reason: Discard) {
        self.refused.set(self.refused.get().saturating_add(1));
        self.board.log(format_args!("signaling: refused, {reason:?}"));
    }
}

impl<B: Board> Server for App<'_, B> {
    fn authorize(&self, caller: &Caller<'_>) -> bool {
        Access::new(self.settings.token).allows(caller)
    }

    fn opened(&self) -> Option<u32> {
        let number = self.next_socket.get();
        self.next_socket.set(number.wrapping_add(1));
        Some(number)
    }

    fn page(&self, path: &str) -> Option<Page<'_>> {
        let body = self.settings.page;
        matches!(path, "/" | "/index.html").then_some(Page {
            content_type: "text/html; charset=utf-8",
            // Boards that are short of flash have it packed (RFC 1952 section 2.3.1).
            encoding: body.starts_with(&[0x1f, 0x8b]).then_some("gzip"),
            body,
        })
    }

    async fn whep_offer<'r>(&self, offer: &str, session: &mut Id, room: &'r mut [u8]) -> Result<&'r str, Refusal> {
        let secret: [u64; 2] = self.board.random(|rng| [rng.next_u64(), rng.next_u64()]);
        session.clear();
        for half in secret {
            // 32 of 64 characters.
            let _ = core::fmt::Write::write_fmt(session, format_args!("{half:016x}"));
        }
        let answer = self.answer((WHEP, session.clone()), offer, room);
        self.wake.signal(());
        answer.map_err(|error| {
            self.refuse("WHEP", error);
            match error {
                Error::WouldBlock | Error::OutOfMemory => Refusal::Busy,
                Error::Sdp(_) => Refusal::Malformed,
                _ => Refusal::Unacceptable,
            }
        })
    }

    async fn whep_candidate(&self, session: &str, _: &str, candidate: Option<&str>) -> Result<(), Refusal> {
        let Some(candidate) = candidate else { return Ok(()) };
        let result = self.candidate(Peer { socket: WHEP, id: session }, candidate);
        self.wake.signal(());
        result.map_err(|error| if error == Error::NotFound { Refusal::Unknown } else { Refusal::Malformed })
    }

    fn whep_end(&self, session: &str) -> bool {
        let known = match self.viewers.borrow_mut().find(WHEP, session) {
            Some(viewer) => {
                viewer.connection.close();
                true
            }
            None => false,
        };
        self.wake.signal(());
        known
    }
}

/// The socket number of viewers without one.
const WHEP: u32 = 0;
