//! The viewers, and those who send us something: one connection each, all behind the same sockets.

use core::cell::RefCell;
use core::future::{Future, poll_fn};
use core::net::{IpAddr, SocketAddr};
use core::pin::pin;
use core::time::Duration;

use barertc::ice::stream::StreamEnd;
use barertc::{Error, Frame, Route, Transmit};
use barertc_arena::{Box, Slab};
use barertc_runner::{Connections, Lost, Wake};
use barertc_signaling::{Id, Printable};
use barertc_wire::Instant;

use crate::board::Board;
use crate::settings::Settings;
use crate::viewer::{Change, Origin, Role, Viewer};

/// The longest datagram from an unknown source in which a viewer is looked for.
const UNKNOWN_SOURCE: usize = 256;
/// The longest frame that is taken from those who send.
const LARGEST_FRAME: usize = 256 << 10;
/// How long a viewer may take to connect before it has to make room for another one.
const GRACE: Duration = Duration::from_secs(3);
/// Viewers that made room and have not been told yet.
const NOTICES: usize = 8;

/// All of them.
pub(crate) struct Viewers<'b, B: Board> {
    board: &'b B,
    slots: Slab<Viewer<'b, B>, B::Psram>,
    /// Where frames of those who send are put together; empty when none are taken.
    room: Box<[u8], B::Psram>,
    /// Somebody cannot go on without a key frame.
    key_frame_wanted: bool,
    /// Bits a second of pictures and sound at their largest, if there is a smaller rendition to choose instead.
    large_bitrate: Option<u64>,
    /// Those who had to make room, and have not been told: their sockets, and their names there.
    notices: heapless::Deque<(u32, Id), NOTICES>,
    figures: Figures,
    /// Where the next search for something to send begins, so that all get their turn.
    turn: usize,
    /// Somebody wants to connect, and somebody is connected.
    coming: Wake,
    came: Wake,
}

/// Waits until somebody wants to watch.
pub(crate) async fn coming<B: Board>(viewers: &RefCell<Viewers<'_, B>>) {
    poll_fn(|cx| pin!(viewers.borrow().coming.wait()).poll(cx)).await;
}

/// Waits until somebody who watches is connected.
pub(crate) async fn came<B: Board>(viewers: &RefCell<Viewers<'_, B>>) {
    poll_fn(|cx| pin!(viewers.borrow().came.wait()).poll(cx)).await;
}

/// What there was so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Connections that failed.
    pub(crate) failed: u32,
    /// The most connections at one time.
    pub(crate) most: usize,
    /// What connections, here or gone, have dropped, and what the network below them has lost.
    pub(crate) dropped: u32,
}

impl<'b, B: Board> Viewers<'b, B> {
    pub(crate) fn new(board: &'b B, settings: &Settings<'_>) -> Result<Self, Error> {
        let largest = match settings {
            Settings { record: true, .. } => LARGEST_FRAME,
            Settings { listen: true, .. } => settings.mtu.into(),
            _ => 0,
        };
        let room = Box::try_zeroed(largest, board.psram("viewers"))?;
        let slots = Slab::with_capacity(settings.max_viewers, board.psram("viewers"))?;
        let (key_frame_wanted, large_bitrate, notices) = (false, None, heapless::Deque::new());
        let (figures, turn, coming, came) = (Figures::default(), 0, Wake::new(), Wake::new());
        Ok(Self { board, slots, room, key_frame_wanted, large_bitrate, notices, figures, turn, coming, came })
    }

    /// A viewer that wants to connect; a former one of the same name on the same socket makes room.
    pub(crate) fn insert(&mut self, viewer: Viewer<'b, B>) -> Result<(), Error> {
        let Origin { socket, id, .. } = viewer.origin().clone();
        self.remove(socket, &id);
        let watches = viewer.role() == Role::Watches;
        self.slots.insert(viewer).map_err(|_| Error::WouldBlock)?;
        // The first one finds a key frame in the queue when it is connected.
        self.key_frame_wanted |= watches && self.connected() == 0;
        self.coming.signal(());
        self.figures.most = self.figures.most.max(self.slots.len());
        Ok(())
    }

    /// Whether there is room for another one from `address`. Where all places are taken, one who is not connected yet and
    /// has been there for some time goes: of the address that has most of such, the one that has taken the longest.
    pub(crate) fn make_room(&mut self, now: Instant, address: IpAddr) -> bool {
        if !self.slots.is_full() {
            return true;
        }
        let connecting = || self.slots.iter().filter(|(_, v)| v.is_connecting());
        let of = |address: IpAddr| connecting().filter(|(_, v)| v.origin().address == address).count();
        // Whoever asks does not push others out of the places that its own address does not have.
        let own = of(address);
        let slow =
            connecting().filter(|(_, v)| now >= v.since() + GRACE || of(v.origin().address) > own.saturating_add(1));
        let victim =
            slow.max_by_key(|(_, v)| (of(v.origin().address), core::cmp::Reverse(v.since()))).map(|(key, _)| key);
        let Some(victim) = victim.and_then(|key| self.slots.remove(key)) else { return false };
        let Origin { socket, id, .. } = victim.origin().clone();
        if self.notices.is_full()
            && let Some((_, untold)) = self.notices.pop_front()
        {
            self.board.log(format_args!("viewer {}: had to make room, and cannot be told", Printable(&untold)));
        }
        // There is room now.
        let _ = self.notices.push_back((socket, id));
        self.count_gone(&victim);
        true
    }

    /// Somebody on `socket` who had to make room, and is to be told.
    pub(crate) fn take_notice(&mut self, socket: u32) -> Option<Id> {
        for _ in 0..self.notices.len() {
            let (of, id) = self.notices.pop_front()?;
            if of == socket {
                return Some(id);
            }
            let _ = self.notices.push_back((of, id));
        }
        None
    }

    pub(crate) fn remove(&mut self, socket: u32, id: &str) {
        self.slots.retain(|_, v| !v.origin().is(socket, id));
    }

    pub(crate) fn find(&mut self, socket: u32, id: &str) -> Option<&mut Viewer<'b, B>> {
        self.iter_mut().find(|v| v.origin().is(socket, id))
    }

    /// Whether no m-line of the offer of this one was accepted.
    pub(crate) fn is_unused(&mut self, origin: &Origin) -> bool {
        self.find(origin.socket, &origin.id).is_some_and(|viewer| viewer.connection.remote_ufrag().is_none())
    }

    pub(crate) fn is_known(&mut self, origin: &Origin) -> bool {
        self.find(origin.socket, &origin.id).is_some()
    }

    /// Says goodbye to one; false when there is none of that name.
    pub(crate) fn end(&mut self, now: Instant, socket: u32, id: &str) -> bool {
        self.find(socket, id).map(|viewer| viewer.close(now)).is_some()
    }

    /// A signaling socket is closed: what was asked for over it ends where it has not come to anything.
    pub(crate) fn socket_closed(&mut self, now: Instant, socket: u32) {
        for viewer in self.iter_mut().filter(|v| v.origin().socket == socket) {
            viewer.socket_closed(now);
        }
        self.sweep();
    }

    /// Whether somebody who came over this socket is not connected yet.
    pub(crate) fn is_connecting(&self, socket: u32) -> bool {
        self.slots.iter().any(|(_, v)| v.origin().socket == socket && v.is_connecting())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Viewer<'b, B>> {
        self.slots.iter_mut().map(|(_, v)| v)
    }

    fn watching(&mut self) -> impl Iterator<Item = &mut Viewer<'b, B>> {
        self.iter_mut().filter(|v| v.watches())
    }

    /// Viewers that are connected.
    pub(crate) fn connected(&self) -> usize {
        self.slots.iter().filter(|(_, v)| v.watches()).count()
    }

    /// Viewers that are connected or want to be.
    pub(crate) fn expected(&self) -> usize {
        self.slots.iter().filter(|(_, v)| v.expects_pictures()).count()
    }

    /// Whether somebody has this socket to himself.
    pub(crate) fn has_lent(&self, socket: SocketAddr) -> bool {
        self.slots.iter().any(|(_, v)| v.has_lent(socket))
    }

    /// Packets of video and of sound that were sent to those who are viewers now.
    pub(crate) fn packets_sent(&self) -> [u64; 2] {
        self.slots.iter().fold([0_u64; 2], |[video, audio], (_, v)| {
            let [more_video, more_audio] = v.packets_sent();
            [video.saturating_add(more_video), audio.saturating_add(more_audio)]
        })
    }

    /// Bits a second of pictures and sound at their largest, if there is a smaller rendition to choose instead.
    pub(crate) fn set_large_bitrate(&mut self, bitrate: Option<u64>) {
        self.large_bitrate = bitrate;
    }

    /// Lets everybody have the rendition that the path carries.
    pub(crate) fn choose_renditions(&mut self, now: Instant) {
        let Some(bitrate) = self.large_bitrate else { return };
        for viewer in self.watching() {
            viewer.choose_rendition(now, bitrate);
        }
    }

    /// What the path of each viewer carries, in bits a second, of those who have told something.
    pub(crate) fn estimates(&self) -> impl Iterator<Item = u64> {
        let watching = self.slots.iter().map(|(_, v)| v).filter(|v| v.watches());
        watching.filter_map(|v| v.connection.available_outgoing_bitrate())
    }

    /// Asks the paths of all for more than is known, up to `enough` bits a second.
    pub(crate) fn look_for_room(&mut self, now: Instant, enough: u64) {
        self.watching().for_each(|viewer| viewer.look_for_room(now, enough));
    }

    /// Whether anybody has the smaller rendition, or may have it soon.
    pub(crate) fn is_small_wanted(&self) -> bool {
        self.slots.iter().any(|(_, v)| v.expects_pictures() && v.rendition().uses_small())
    }

    /// Whether somebody cannot go on without a key frame.
    pub(crate) const fn is_key_frame_wanted(&self) -> bool {
        self.key_frame_wanted
    }

    /// What left for those who watch is lost, and they may have no way to ask for it.
    pub(crate) fn want_key_frame(&mut self) {
        self.key_frame_wanted |= self.connected() > 0;
    }

    /// A key frame will come.
    pub(crate) const fn key_frame_comes(&mut self) {
        self.key_frame_wanted = false;
    }

    /// Gives a picture to everybody who can use it, in the rendition that each can have.
    pub(crate) fn send_video(&mut self, now: Instant, large: &Frame<B::Psram>, small: Option<&Frame<B::Psram>>) {
        let there_is_small = self.large_bitrate.is_some();
        for viewer in self.watching() {
            viewer.send_video(now, large, small, there_is_small);
        }
        // What was asked for before a key frame was given is answered by it.
        self.key_frame_wanted &= !large.is_key();
    }

    /// The same for sound, which needs no beginning.
    pub(crate) fn send_audio(&mut self, now: Instant, frame: &Frame<B::Psram>) {
        for viewer in self.watching() {
            viewer.send_audio(now, frame);
        }
    }

    /// Says goodbye to all who watch or want to; how many.
    pub(crate) fn end_watching(&mut self, now: Instant) -> usize {
        self.iter_mut().filter(|viewer| viewer.expects_pictures()).map(|viewer| viewer.close(now)).count()
    }

    pub(crate) fn close_all(&mut self, now: Instant) {
        self.iter_mut().for_each(|viewer| viewer.close(now));
    }

    /// A datagram from an address that nobody has: perhaps of a viewer who has moved. One of nobody is counted.
    fn handle_unknown_source(&mut self, now: Instant, route: Route, datagram: &[u8]) {
        let is_taken = self.iter_mut().any(|viewer| {
            let mut room = [0; UNKNOWN_SOURCE];
            // Each tries its own keys, and spoils the bytes. Reports are short; longer ones come again.
            room.get_mut(..datagram.len()).is_some_and(|copy| {
                copy.copy_from_slice(datagram);
                viewer.connection.handle_unknown(now, route, copy)
            })
        });
        if !is_taken {
            self.figures.dropped = self.figures.dropped.saturating_add(1);
        }
    }

    /// Whether all that was closed has been said.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Forgets who is gone, once what it had to say has been sent and what it was lent has been given back.
    fn sweep(&mut self) {
        let done = |slots: &Slab<Viewer<'b, B>, B::Psram>| slots.iter().find(|(_, v)| v.is_done()).map(|(key, _)| key);
        while let Some(viewer) = done(&self.slots).and_then(|key| self.slots.remove(key)) {
            self.count_gone(&viewer);
        }
    }

    fn count_gone(&mut self, viewer: &Viewer<'b, B>) {
        let dropped = viewer.connection.stats().discards.total();
        self.figures.dropped = self.figures.dropped.saturating_add(dropped);
        if let Role::Sends(number) = viewer.role() {
            self.board.recorded(number);
        }
    }

    /// What there was so far.
    pub(crate) fn figures(&self) -> Figures {
        let here = self.slots.iter().map(|(_, v)| v.connection.stats().discards.total());
        Figures { dropped: here.fold(self.figures.dropped, u32::saturating_add), ..self.figures }
    }

    fn events(&mut self, now: Instant) {
        let Self { board, slots, room, key_frame_wanted, figures, came, .. } = self;
        for (_, viewer) in slots.iter_mut() {
            viewer.events(now, board, room, |change| match change {
                Change::Connected => {
                    *key_frame_wanted = true;
                    came.signal(());
                }
                Change::KeyFrameWanted => *key_frame_wanted = true,
                Change::Failed => figures.failed = figures.failed.saturating_add(1),
            });
        }
    }
}

impl<B: Board> Connections for Viewers<'_, B> {
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        let viewer = self.iter_mut().find(|v| v.connection.is_for_us(route, datagram));
        if let Some(viewer) = viewer {
            // What is wrong with it has been counted.
            let _ = viewer.connection.handle(now, route, datagram);
        } else {
            self.handle_unknown_source(now, route, datagram);
        }
        self.events(now);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        let count = self.slots.capacity();
        for _ in 0..count {
            let turn = self.turn;
            let viewer = self.slots.iter_mut().find(|(key, _)| key.index() == turn);
            if let Some(transmit) = viewer.and_then(|(_, v)| v.connection.poll_transmit(now, out)) {
                return Some(transmit);
            }
            self.turn = turn.saturating_add(1).checked_rem(count).unwrap_or(0);
        }
        self.sweep();
        None
    }

    fn stream_ended(&mut self, now: Instant, route: Route, end: StreamEnd) {
        if let Some(viewer) = self.iter_mut().find(|v| v.connection.uses_stream(route)) {
            viewer.connection.stream_ended(now, route, end);
        }
        self.events(now);
    }

    fn uses_stream(&self, route: Route) -> bool {
        self.slots.iter().any(|(_, v)| v.connection.uses_stream(route))
    }

    fn lost(&mut self, _: Lost) {
        self.figures.dropped = self.figures.dropped.saturating_add(1);
    }

    fn timeout(&self) -> Option<Instant> {
        let timeouts = self.slots.iter().map(|(_, v)| Instant::earliest(v.connection.timeout(), v.deadline()));
        timeouts.fold(None, Instant::earliest)
    }

    fn handle_timeout(&mut self, now: Instant) {
        for (_, viewer) in self.slots.iter_mut() {
            viewer.connection.handle_timeout(now);
            if viewer.deadline().is_some_and(|deadline| deadline <= now) {
                viewer.close(now);
            }
        }
        self.events(now);
    }
}
