//! What the application's tasks share: each part of it owns its state.

use core::cell::{Cell, RefCell};
use core::net::SocketAddr;

use barertc::{Config, Identity};
use barertc_media::FrameKind;
use barertc_runner::Wake;
use barertc_signaling::whip::Session;
use barertc_signaling::{Access, AccessControl, ConnectionTable};
use barertc_wire::Instant;

use crate::board::Board;
use crate::config::{HTTP_CONNECTIONS, viewer_config};
use crate::error::Error;
use crate::settings::Settings;
use crate::sockets::MediaSockets;
use crate::status::Status;
use crate::turn::Places;
use crate::viewers::Viewers;

/// The application, shared by its tasks.
pub(crate) struct App<'b, B: Board> {
    pub(crate) board: &'b B,
    pub(crate) settings: &'b Settings<'b>,
    identity: &'b Identity,
    pub(crate) viewers: RefCell<Viewers<'b, B>>,
    /// Something is to be sent.
    pub(crate) wake: Wake,
    pub(crate) sockets: MediaSockets,
    pub(crate) status: Status,
    /// Who gets in.
    pub(crate) access: AccessControl<'b>,
    /// Connections of pages and of signaling.
    pub(crate) http: ConnectionTable<HTTP_CONNECTIONS>,
    /// Where what is played is sent to.
    pub(crate) published: RefCell<Option<Session>>,
    /// Where the TURN servers of the settings are.
    pub(crate) turn_at: Places,
    /// Where the WHIP server of the settings was found.
    pub(crate) whip_at: Cell<Option<SocketAddr>>,
    /// The codec of the pictures, once it is known.
    video: Cell<Option<FrameKind>>,
    next_socket: Cell<u32>,
    next_sender: Cell<u32>,
}

impl<'b, B: Board> App<'b, B> {
    pub(crate) fn new(board: &'b B, settings: &'b Settings<'b>, identity: &'b Identity) -> Result<Self, Error> {
        let access = Access::new(settings.token).map_err(Error::Token)?;
        let viewers = Viewers::new(board, settings).map_err(Error::Memory)?;
        Ok(Self {
            board,
            settings,
            identity,
            viewers: RefCell::new(viewers),
            wake: Wake::new(),
            sockets: MediaSockets::default(),
            status: Status::default(),
            access: AccessControl::new(access),
            http: ConnectionTable::new(),
            published: RefCell::new(None),
            turn_at: Places::new(settings),
            whip_at: Cell::new(None),
            video: Cell::new(Some(FrameKind::H264)),
            next_socket: Cell::new(1),
            next_sender: Cell::new(0),
        })
    }

    /// Makes it in `place`. Out of line: before it is there it is on the stack, and must not be on that of whoever polls all the loops.
    #[inline(never)]
    pub(crate) fn make_in<'a>(
        place: &'a mut Option<Self>,
        board: &'b B,
        settings: &'b Settings<'b>,
        identity: &'b Identity,
    ) -> Result<&'a Self, Error> {
        Ok(place.insert(Self::new(board, settings, identity)?))
    }

    /// The bounds of one viewer's connection.
    pub(crate) fn config(&self) -> Config {
        viewer_config(self.settings)
    }

    pub(crate) const fn identity(&self) -> &'b Identity {
        self.identity
    }

    /// The codec of the pictures, once it is known.
    pub(crate) const fn video(&self) -> Option<FrameKind> {
        self.video.get()
    }

    /// Says which codec the pictures have. Viewers who have agreed on another one cannot be sent these: their connections
    /// end, and who comes again is offered this one.
    pub(crate) fn set_video(&self, now: Instant, kind: FrameKind) {
        let before = self.video.replace(Some(kind));
        // Who came while it was not known was offered H.264 in the end.
        if before.unwrap_or(FrameKind::H264) != kind {
            let ended = self.viewers.borrow_mut().end_watching(now);
            if ended > 0 {
                self.board.log(format_args!("video is {kind:?} now: {ended} viewers have to connect again"));
            }
            self.wake.signal(());
        }
    }

    /// The codec of the pictures is being found out: viewers wait for it.
    pub(crate) fn find_video(&self) {
        self.video.set(None);
    }

    /// There are no pictures, or none can be had: viewers need not wait for them.
    pub(crate) fn set_no_video(&self) {
        self.video.set(self.video.get().or(Some(FrameKind::H264)));
    }

    /// A number for a signaling socket.
    pub(crate) fn next_socket(&self) -> u32 {
        next(&self.next_socket)
    }

    /// A number for one who sends.
    pub(crate) fn next_sender(&self) -> u32 {
        next(&self.next_sender)
    }
}

fn next(counter: &Cell<u32>) -> u32 {
    let number = counter.get();
    counter.set(number.wrapping_add(1));
    number
}
