//! What the application knows, and what it answers to those who want to view, or to send.

use core::cell::{Cell, RefCell};
use core::future::pending;
use core::net::SocketAddr;
use core::pin::pin;
use core::time::Duration;

use barertc::{
    Candidate, Codec, Config, Error, Feedback, GatheringState, H264, Identity, LocalCodec, MediaKind, PeerConnection,
    RecvBounds, TrackConfig,
};
use barertc_arena::Box;
use barertc_runner::Wake;
use barertc_signaling::{Access, Caller, Discard, Endpoint, Id, Message, Page, Peer, Refusal, Server, Signals};
use rand_core::Rng;

use crate::viewers::{Connection, Part, Viewer, Viewers};
use crate::{Board, Settings};

/// Tracks as everybody knows them from the libdatachannel example.
const VIDEO: &str = "video-stream";
const AUDIO: &str = "audio-stream";
const VIDEO_PAYLOAD: u8 = 102;
const AUDIO_PAYLOAD: u8 = 111;
const STREAM: &str = "stream1";
/// The payload type of retransmitted video.
const RTX: u8 = 103;
/// How long a description waits for what STUN and TURN servers have to say; what comes later is not in it.
const GATHER_PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether they have answered.
const GATHER_LOOK: Duration = Duration::from_millis(10);

/// The application's state, shared by its tasks.
pub(crate) struct App<'b, B: Board> {
    pub(crate) board: &'b B,
    pub(crate) settings: &'b Settings<'b>,
    pub(crate) identity: &'b Identity,
    pub(crate) viewers: RefCell<Viewers<'b, B>>,
    /// Something is to be sent.
    pub(crate) wake: Wake,
    /// The addresses of the sockets that all share, once they are bound.
    pub(crate) ports: RefCell<heapless::Vec<SocketAddr, { crate::MAX_ADDRESSES }>>,
    /// Those of sockets that are lent, one to each connection that is to have a relay.
    pub(crate) lendable: RefCell<heapless::Vec<SocketAddr, { crate::MAX_RELAYED }>>,
    /// What is wrong with the media, in words for the page.
    pub(crate) trouble: RefCell<heapless::String<160>>,
    pub(crate) refused: Cell<u32>,
    /// Where what is played is sent to.
    pub(crate) published: RefCell<Option<barertc_signaling::whip::Session>>,
    next_socket: Cell<u32>,
    next_sender: Cell<u32>,
}

impl<'b, B: Board> App<'b, B> {
    pub(crate) fn new(board: &'b B, settings: &'b Settings<'b>, identity: &'b Identity) -> Result<Self, Error> {
        Ok(Self {
            board,
            settings,
            identity,
            viewers: RefCell::new(Viewers::new(board, settings.max_viewers, settings.record)?),
            wake: Wake::new(),
            ports: RefCell::new(heapless::Vec::new()),
            lendable: RefCell::new(heapless::Vec::new()),
            trouble: RefCell::new(heapless::String::new()),
            refused: Cell::new(0),
            published: RefCell::new(None),
            next_socket: Cell::new(1),
            next_sender: Cell::new(0),
        })
    }

    /// The bounds of one viewer's connection.
    pub(crate) fn config(&self) -> Config {
        let mut config = crate::config::of_a_viewer(self.settings.mtu);
        config.ice.relay_only = self.settings.relay_only;
        if self.settings.stun.is_some() {
            config.ice.max_questions = 4;
            config.ice.max_local = config.ice.max_local.saturating_add(4);
        }
        if self.settings.turn.is_some() {
            // The relay, the socket that is lent for it, and how the server sees that.
            config.ice.max_relays = 1;
            config.ice.max_local = config.ice.max_local.saturating_add(3);
        }
        config
    }

    /// The bounds of the connection of one who sends.
    pub(crate) fn sender_config(&self) -> Config {
        let (recv_video, recv_audio) = (RecvBounds::video(1), RecvBounds::audio(1));
        let mut config = Config { recv_video, recv_audio, ..self.config() };
        // Packets that were lost come late.
        config.srtp.window = 512;
        config
    }

    // Out of line, and in parts: what these need of the stack is not to be added to what others do meanwhile.
    #[inline(never)]
    fn viewer(&self, from: (u32, Id)) -> Result<Viewer<'b, B>, Error> {
        let now = self.board.now();
        let mut connection = self.connection(self.config())?;
        let h264 = h264(H264::CONSTRAINED_BASELINE);
        // Sound first: every browser takes it, and one that rejects the first m-line, which stands for the whole bundle,
        // finds no way at all (Firefox without H.264).
        let audio = connection.add_track(now, TrackConfig::sendonly(MediaKind::Audio, AUDIO, STREAM, [opus()])?)?;
        let video = connection.add_track(now, TrackConfig::sendonly(MediaKind::Video, VIDEO, STREAM, [h264])?)?;
        let mut viewer = Viewer::new(connection, Part::Watches, video, audio, from, now);
        viewer.open_channel(now)?;
        Ok(viewer)
    }

    /// One who sends us video and sound.
    #[inline(never)]
    fn sender(&self, from: (u32, Id)) -> Result<Viewer<'b, B>, Error> {
        let now = self.board.now();
        let mut connection = self.connection(self.sender_config())?;
        let profiles = ["42001f", "4d001f", "64001f"].into_iter().filter_map(barertc::ProfileLevelId::parse);
        let others = profiles.map(|profile_level_id| H264 { profile_level_id, ..H264::CONSTRAINED_BASELINE });
        let codecs = core::iter::once(H264::CONSTRAINED_BASELINE).chain(others).map(h264);
        let video = connection.add_track(now, TrackConfig::recvonly(MediaKind::Video, VIDEO, codecs)?)?;
        let audio = connection.add_track(now, TrackConfig::recvonly(MediaKind::Audio, AUDIO, [opus()])?)?;
        let number = self.next_sender.get();
        self.next_sender.set(number.wrapping_add(1));
        Ok(Viewer::new(connection, Part::Sends(number), video, audio, from, now))
    }

    #[inline(never)]
    fn connection(&self, config: Config) -> Result<Connection<'b, B>, Error> {
        let board = self.board;
        let owners = barertc::Allocators {
            ice: board.psram("ice"),
            dtls: board.psram("dtls"),
            srtp: board.psram("srtp"),
            sctp: board.psram("sctp"),
            media: board.psram("history"),
            connection: board.psram("connection"),
        };
        Box::try_init(board.psram("viewers"), || {
            board.random(|rng| PeerConnection::new(config, self.identity, owners, board.crypto(), rng))
        })
    }

    /// Tells a connection of our sockets, and of the servers that help.
    #[inline(never)]
    fn add_ways(&self, viewer: &mut Viewer<'b, B>) -> Result<(), Error> {
        let (connection, now) = (&mut viewer.connection, self.board.now());
        if let Some(turn) = &self.settings.turn {
            let viewers = self.viewers.borrow();
            let free = self.lendable.borrow().iter().copied().find(|socket| !viewers.has_lent(*socket));
            match free {
                Some(socket) => {
                    viewer.socket = free;
                    connection.add_local_candidate(now, Candidate::host(socket))?;
                    connection.add_turn_server(now, turn)?;
                }
                None => self.board.log(format_args!("TURN: no socket left for another relay")),
            }
        }
        for (index, address) in self.ports.borrow().iter().enumerate() {
            match self.settings.advertise.filter(|_| index == 0) {
                Some(public) => connection.add_mapped_candidate(now, *address, public)?,
                None => connection.add_local_candidate(now, Candidate::host(*address))?,
            }
        }
        if let Some(stun) = self.settings.stun {
            connection.add_stun_server(now, stun)?;
        }
        Ok(())
    }

    /// Makes a connection and waits until the servers have answered, so that its description has everything in it.
    async fn begin(&self, part: Part, from: &(u32, Id)) -> Result<(), Error> {
        if self.viewers.borrow().is_full() {
            return Err(Error::WouldBlock);
        }
        self.enter(part, from)?;
        let until = self.board.now() + GATHER_PATIENCE;
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
    fn enter(&self, part: Part, from: &(u32, Id)) -> Result<(), Error> {
        let mut viewer = match part {
            Part::Watches => self.viewer(from.clone())?,
            Part::Sends(_) => self.sender(from.clone())?,
        };
        self.add_ways(&mut viewer)?;
        viewer.connection.gather(self.board.now())?;
        self.viewers.borrow_mut().insert(viewer)?;
        Ok(())
    }

    fn with<T>(&self, from: &(u32, Id), f: impl FnOnce(&mut Viewer<'b, B>) -> Result<T, Error>) -> Result<T, Error> {
        f(self.viewers.borrow_mut().find(from.0, &from.1).ok_or(Error::NoSuchTrack)?)
    }

    /// An offer to somebody who will watch, known as `from`.
    pub(crate) async fn offer<'r>(&self, from: &(u32, Id), room: &'r mut [u8]) -> Result<&'r str, Error> {
        // A page that asks again gets the place it had.
        self.viewers.borrow_mut().remove(from.0, &from.1);
        self.board.log(format_args!("viewer {}: asks for an offer", from.1));
        pin!(self.begin(Part::Watches, from)).await?;
        let offer = self.with(from, |viewer| self.create_offer(viewer, room));
        self.unless(from, offer)
    }

    async fn answer<'r>(
        &self,
        part: Part,
        from: &(u32, Id),
        offer: &str,
        room: &'r mut [u8],
    ) -> Result<&'r str, Error> {
        if let Some(viewer) = self.viewers.borrow_mut().find(from.0, &from.1) {
            // A viewer that is here already offers again: an ICE restart, most likely. One that begins anew under an old
            // name has another certificate, and is a new viewer.
            if let Ok(len) = self.create_answer(viewer, offer, room).map(str::len) {
                return core::str::from_utf8(room.get(..len).unwrap_or_default()).map_err(|_| Error::NotReady);
            }
        }
        self.viewers.borrow_mut().remove(from.0, &from.1);
        pin!(self.begin(part, from)).await?;
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
    fn unless<T>(&self, from: &(u32, Id), result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|_| self.viewers.borrow_mut().remove(from.0, &from.1))
    }

    #[inline(never)]
    pub(crate) fn answered(&self, from: Peer<'_>, sdp: &str) -> Result<(), Error> {
        let mut viewers = self.viewers.borrow_mut();
        let viewer = viewers.find(from.socket, from.id).ok_or(Error::NoSuchTrack)?;
        viewer.connection.set_answer(self.board.now(), sdp)
    }

    /// One that cannot be used (over TCP, or one too many) is left out: the others may do (RFC 8445 §5.3).
    #[inline(never)]
    fn candidate(&self, from: Peer<'_>, candidate: &str) -> Result<(), Error> {
        let mut viewers = self.viewers.borrow_mut();
        let viewer = viewers.find(from.socket, from.id).ok_or(Error::NoSuchTrack)?;
        viewer.connection.add_remote_candidate(self.board.now(), candidate).or_else(|error| match error {
            Error::Ice(
                barertc::ice::Error::Component(_)
                | barertc::ice::Error::CandidateProtocol
                | barertc::ice::Error::Unreachable(_)
                | barertc::ice::Error::TooMany { .. },
            ) => Ok(()),
            error => Err(error),
        })
    }

    pub(crate) fn refuse(&self, what: &str, error: Error) {
        self.refused.set(self.refused.get().saturating_add(1));
        self.board.log(format_args!("{what}: {error}"));
    }
}

impl<B: Board> barertc_signaling::Clock for App<'_, B> {
    async fn sleep(&self, duration: core::time::Duration) {
        self.board.sleep_until(self.board.now() + duration).await;
    }
}

impl<B: Board> Signals for App<'_, B> {
    async fn message<'r>(&self, from: Peer<'_>, message: Message<'_>, room: &'r mut [u8]) -> Option<Message<'r>> {
        let answer = match message {
            Message::Request => pin!(self.offer(&named(from), room)).await.map(|sdp| Some(Message::Offer { sdp })),
            Message::Offer { sdp } => {
                let from = named(from);
                let answer = pin!(self.answer(Part::Watches, &from, sdp, room)).await;
                answer.map(|sdp| Some(Message::Answer { sdp }))
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

    async fn session_offer<'r>(
        &self,
        endpoint: Endpoint,
        offer: &str,
        session: &mut Id,
        room: &'r mut [u8],
    ) -> Result<&'r str, Refusal> {
        let part = match endpoint {
            Endpoint::Whep => Part::Watches,
            Endpoint::Whip if self.settings.record => Part::Sends(0),
            Endpoint::Whip => return Err(Refusal::Unknown),
        };
        let secret: [u64; 2] = self.board.random(|rng| [rng.next_u64(), rng.next_u64()]);
        session.clear();
        for half in secret {
            // 32 of 64 characters.
            let _ = core::fmt::Write::write_fmt(session, format_args!("{half:016x}"));
        }
        let answer = pin!(self.answer(part, &(SESSION, session.clone()), offer, room)).await;
        self.wake.signal(());
        answer.map_err(|error| {
            self.refuse(endpoint.name(), error);
            match error {
                Error::WouldBlock | Error::NoMemory => Refusal::Busy,
                Error::Sdp(_) => Refusal::Malformed,
                _ => Refusal::Unacceptable,
            }
        })
    }

    async fn session_candidate(&self, session: &str, _: &str, candidate: Option<&str>) -> Result<(), Refusal> {
        let Some(candidate) = candidate else { return Ok(()) };
        let result = self.candidate(Peer { socket: SESSION, id: session }, candidate);
        self.wake.signal(());
        result.map_err(|error| if error == Error::NoSuchTrack { Refusal::Unknown } else { Refusal::Malformed })
    }

    fn session_end(&self, session: &str) -> bool {
        let known = match self.viewers.borrow_mut().find(SESSION, session) {
            Some(viewer) => {
                viewer.close(self.board.now());
                true
            }
            None => false,
        };
        self.wake.signal(());
        known
    }
}

/// The socket number of those who come by WHEP or WHIP.
const SESSION: u32 = 0;

fn named(peer: Peer<'_>) -> (u32, Id) {
    // What is too long for a name of ours was refused before.
    (peer.socket, Id::try_from(peer.id).unwrap_or_default())
}

fn h264(parameters: H264) -> LocalCodec {
    LocalCodec { codec: Codec::H264(parameters), pt: VIDEO_PAYLOAD, rtx: Some(RTX), feedback: Feedback::ALL }
}

fn opus() -> LocalCodec {
    LocalCodec {
        codec: Codec::Opus { stereo: true, fec: false },
        pt: AUDIO_PAYLOAD,
        rtx: None,
        feedback: Feedback { transport_cc: true, ..Feedback::NONE },
    }
}
