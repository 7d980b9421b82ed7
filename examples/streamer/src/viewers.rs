//! The viewers, and those who send us something: one connection each, all behind the same sockets.

use core::time::Duration;

use barertc::{
    ChannelConfig, ChannelId, ConnectionState, Error, Event, Frame, MessageKind, PeerConnection, Route, TrackId,
    Transmit,
};
use barertc_arena::{Box, Key, Slab};
use barertc_runner::Connections;
use barertc_signaling::Id;
use barertc_wire::Instant;
use core::net::SocketAddr;

use crate::Board;
use crate::rendition::Rendition;

/// A viewer that does not get connected is forgotten after this.
const PATIENCE: Duration = Duration::from_secs(30);

/// One whose path is silent is forgotten after this: consent to send to it has expired by then (RFC 7675 §5.1).
const SILENCE: Duration = Duration::from_secs(30);

/// The longest datagram of a moved viewer that is recognised.
const STRAY: usize = 256;

/// The longest frame that is taken from those who send.
const LARGEST_FRAME: usize = 256 << 10;

/// In the large memory from the moment it is made: what is moved takes as much of the stack each time.
pub(crate) type Connection<'b, B> =
    Box<PeerConnection<'b, <B as Board>::Psram, <B as Board>::Crypto>, <B as Board>::Psram>;

/// What somebody is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// To be sent what is played.
    Watches,
    /// To send us something, which is kept under this number.
    Sends(u32),
}

/// One viewer, or one who sends.
pub(crate) struct Viewer<'b, B: Board> {
    pub(crate) connection: Connection<'b, B>,
    pub(crate) part: Part,
    pub(crate) video: TrackId,
    pub(crate) audio: TrackId,
    /// The socket that was lent to it for its relay.
    pub(crate) socket: Option<SocketAddr>,
    pub(crate) ping: Option<ChannelId>,
    pub(crate) stats: Option<ChannelId>,
    /// The signaling socket it came over, and its name there.
    pub(crate) from: (u32, Id),
    pub(crate) since: Instant,
    connected: bool,
    /// Since when its path is silent.
    silent: Option<Instant>,
    /// It has been sent a key frame, and so can make something of what follows.
    started: bool,
    pub(crate) rendition: Rendition,
    /// It was closed, and stays only until that has been said.
    gone: bool,
}

/// All of them.
pub(crate) struct Viewers<'b, B: Board> {
    board: &'b B,
    slots: Slab<Viewer<'b, B>, B::Psram>,
    /// Where frames of those who send are put together; empty when none are taken.
    room: Box<[u8], B::Psram>,
    /// Somebody cannot go on without a key frame.
    pub(crate) key_frame_wanted: bool,
    /// Bits a second of pictures and sound at their largest, if there is a smaller rendition to choose instead.
    pub(crate) large_bitrate: Option<u64>,
    /// Viewers that were connected, ever.
    pub(crate) served: u32,
    /// Connections that failed, ever.
    pub(crate) failed: u32,
    /// The most connections that there were at one time.
    pub(crate) most: usize,
    /// What the connections that are gone have dropped.
    dropped: u32,
    /// Where the next search for something to send begins, so that all get their turn.
    turn: usize,
}

impl<'b, B: Board> Viewers<'b, B> {
    pub(crate) fn new(board: &'b B, max: usize, record: bool) -> Result<Self, Error> {
        let room = Box::try_zeroed(if record { LARGEST_FRAME } else { 0 }, board.psram("viewers"))?;
        let slots = Slab::with_capacity(max, board.psram("viewers"))?;
        Ok(Self {
            board,
            slots,
            room,
            key_frame_wanted: false,
            large_bitrate: None,
            served: 0,
            failed: 0,
            most: 0,
            dropped: 0,
            turn: 0,
        })
    }

    /// A viewer that wants to connect; a former one of the same name on the same socket makes room.
    pub(crate) fn insert(&mut self, viewer: Viewer<'b, B>) -> Result<Key, Error> {
        self.slots.retain(|_, v| v.from != viewer.from);
        let key = self.slots.insert(viewer).map_err(|_| Error::WouldBlock)?;
        self.most = self.most.max(self.slots.len());
        Ok(key)
    }

    pub(crate) fn remove(&mut self, socket: u32, id: &str) {
        self.slots.retain(|_, v| v.from.0 != socket || v.from.1 != id);
    }

    pub(crate) fn find(&mut self, socket: u32, id: &str) -> Option<&mut Viewer<'b, B>> {
        self.slots.iter_mut().map(|(_, v)| v).find(|v| v.from.0 == socket && v.from.1 == id)
    }

    /// Whether there is room for another.
    pub(crate) fn is_full(&self) -> bool {
        self.slots.is_full()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Viewer<'b, B>> {
        self.slots.iter_mut().map(|(_, v)| v)
    }

    /// Viewers that are connected.
    pub(crate) fn connected(&self) -> usize {
        self.slots.iter().filter(|(_, v)| v.watches()).count()
    }

    /// Whether somebody has this socket to himself.
    pub(crate) fn has_lent(&self, socket: SocketAddr) -> bool {
        self.slots.iter().any(|(_, v)| v.socket == Some(socket))
    }

    /// Packets of video and of sound that were sent to those who are viewers now.
    pub(crate) fn packets_sent(&self) -> [u64; 2] {
        let mut sum = [0_u64; 2];
        for (_, v) in self.slots.iter() {
            for (sum, track) in sum.iter_mut().zip([v.video, v.audio]) {
                let sent = v.connection.track_stats(track).and_then(|s| s.outbound).map_or(0, |s| s.packets_sent.get());
                *sum = sum.saturating_add(sent);
            }
        }
        sum
    }

    /// Lets everybody have the rendition that the path carries.
    pub(crate) fn choose_renditions(&mut self, now: Instant) {
        let Some(bitrate) = self.large_bitrate else { return };
        for (_, v) in self.slots.iter_mut().filter(|(_, v)| v.watches()) {
            v.rendition.choose(now, bitrate, &mut v.connection);
        }
    }

    /// Whether anybody has the smaller rendition, or shall have it.
    pub(crate) fn is_small_wanted(&self) -> bool {
        self.slots.iter().any(|(_, v)| v.watches() && v.rendition.uses_small())
    }

    /// Gives a picture to everybody who can use it, in the rendition that each can have.
    pub(crate) fn send_video(&mut self, now: Instant, large: &Frame<B::Psram>, small: Option<&Frame<B::Psram>>) {
        for (_, v) in self.slots.iter_mut().filter(|(_, v)| v.watches()) {
            let Some(frame) = v.rendition.pick(large, small) else { continue };
            if frame.is_key() && !core::mem::replace(&mut v.started, true) {
                v.rendition.begin(now, &mut v.connection);
            }
            // A full queue drops the frame and asks for a key frame later: the network of one viewer holds up no other.
            if v.started && v.connection.send_frame(now, v.video, frame).is_err() {
                v.started = false;
                self.key_frame_wanted = true;
            }
        }
    }

    /// The same for sound, which needs no beginning.
    pub(crate) fn send_audio(&mut self, now: Instant, frame: &Frame<B::Psram>) {
        for (_, v) in self.slots.iter_mut().filter(|(_, v)| v.watches()) {
            // Sound that does not fit the queue is late anyway.
            let _ = v.connection.send_frame(now, v.audio, frame);
        }
    }

    pub(crate) fn close_all(&mut self, now: Instant) {
        for (_, viewer) in self.slots.iter_mut() {
            viewer.close(now);
        }
    }

    /// A datagram from an address that nobody has: perhaps of a viewer who has moved.
    fn stray(&mut self, now: Instant, route: Route, datagram: &[u8]) {
        for (_, viewer) in self.slots.iter_mut() {
            let mut room = [0; STRAY];
            // Each tries its own keys, and spoils the bytes. Reports are short; longer ones come again.
            let Some(copy) = room.get_mut(..datagram.len()) else { return };
            copy.copy_from_slice(datagram);
            if viewer.connection.handle_unknown(now, route, copy) {
                return;
            }
        }
    }

    /// Whether all that was closed has been said.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Forgets who is gone, once what it had to say has been sent and what it was lent has been given back.
    fn sweep(&mut self) {
        let (board, dropped) = (self.board, &mut self.dropped);
        self.slots.retain(|_, v| {
            let stays = !v.gone || v.connection.timeout().is_some();
            if !stays {
                *dropped = dropped.saturating_add(v.connection.stats().discards.total());
                if let Part::Sends(number) = v.part {
                    board.recorded(number);
                }
            }
            stays
        });
    }

    /// Datagrams and messages that connections, here or gone, did not accept.
    pub(crate) fn dropped(&self) -> u32 {
        let here = self.slots.iter().map(|(_, v)| v.connection.stats().discards.total());
        here.fold(self.dropped, u32::saturating_add)
    }

    fn events(&mut self, now: Instant) {
        for (_, viewer) in self.slots.iter_mut() {
            while let Some(event) = viewer.connection.poll_event() {
                if let Event::ConnectionState(state) = event {
                    viewer.silent = (state == ConnectionState::Disconnected).then_some(now);
                }
                match event {
                    Event::ConnectionState(ConnectionState::Connected) if !viewer.connected => {
                        viewer.connected = true;
                        let transport = viewer.connection.stats().transport;
                        self.board.log(format_args!(
                            "viewer {}: connected after {} ms, {:?}, {:?}",
                            viewer.from.1,
                            (now - viewer.since).as_millis(),
                            transport.tls_version,
                            transport.srtp_profile,
                        ));
                        self.served = self.served.saturating_add(1);
                        self.key_frame_wanted = true;
                    }
                    Event::ConnectionState(ConnectionState::Failed(_)) => {
                        self.failed = self.failed.saturating_add(1);
                        viewer.close(now);
                    }
                    Event::ConnectionState(ConnectionState::Closed) => viewer.close(now),
                    Event::KeyFrameWanted(_) => self.key_frame_wanted = true,
                    Event::ChannelOpen(id) if Some(id) == viewer.ping => {
                        let after = (now - viewer.since).as_millis();
                        self.board.log(format_args!("viewer {}: data channel open after {after} ms", viewer.from.1));
                        viewer.say_ping(now, id);
                    }
                    Event::FrameReceived(track) => viewer.record(now, track, self.board, &mut self.room),
                    event => viewer.channel_event(now, &event),
                }
            }
        }
    }
}

impl<'b, B: Board> Viewer<'b, B> {
    pub(crate) fn new(
        connection: Connection<'b, B>,
        part: Part,
        video: TrackId,
        audio: TrackId,
        from: (u32, Id),
        since: Instant,
    ) -> Self {
        let (connected, started, gone) = (false, false, false);
        let (socket, ping, stats, silent) = (None, None, None, None);
        let rendition = Rendition::default();
        Self {
            connection,
            part,
            video,
            audio,
            socket,
            ping,
            stats,
            from,
            since,
            connected,
            silent,
            started,
            rendition,
            gone,
        }
    }

    pub(crate) fn close(&mut self, now: Instant) {
        self.connection.close(now);
        self.gone = true;
    }

    /// Whether it can be sent what is played.
    fn watches(&self) -> bool {
        self.connected && !self.gone && self.part == Part::Watches
    }

    /// Gives what it has sent to the board.
    fn record(&mut self, now: Instant, track: TrackId, board: &B, room: &mut [u8]) {
        let Part::Sends(number) = self.part else { return };
        let kind = if track == self.video { barertc::MediaKind::Video } else { barertc::MediaKind::Audio };
        while let Ok(frame) = self.connection.read_frame(now, track, room) {
            board.record(number, kind, &frame, room.get(..frame.len).unwrap_or_default());
        }
    }

    /// The channel that every viewer gets, and pages of other projects expect to be the only one.
    pub(crate) fn open_channel(&mut self, now: Instant) -> Result<(), Error> {
        let config = ChannelConfig { label: "ping-pong", ..ChannelConfig::default() };
        self.ping = Some(self.connection.open_channel(now, &config)?);
        Ok(())
    }

    /// When it is given up, if nothing happens until then.
    fn deadline(&self) -> Option<Instant> {
        if self.gone {
            return None;
        }
        match self.silent {
            Some(since) => Some(since + SILENCE),
            None => (!self.connected).then_some(self.since + PATIENCE),
        }
    }

    fn channel_event(&mut self, now: Instant, event: &Event) {
        match event {
            // A page that knows about our figures asks for them by opening the channel for them.
            Event::ChannelOpen(id) if self.connection.channel(*id).is_some_and(|c| c.label == "stats") => {
                self.stats = Some(*id);
            }
            Event::ChannelClosed(id) if Some(*id) == self.stats => self.stats = None,
            Event::ChannelReadable(id) => {
                let mut room = [0; 256];
                let mut ended = false;
                while let Ok(read) = self.connection.read_channel(now, *id, &mut room) {
                    ended |= read.end_of_message;
                }
                if ended && Some(*id) == self.ping {
                    self.say_ping(now, *id);
                }
            }
            _ => {}
        }
    }

    fn say_ping(&mut self, now: Instant, id: ChannelId) {
        // A peer that does not take five bytes gets no more pings.
        let _ = self.connection.write_channel(now, id, MessageKind::Text, b"Ping");
    }
}

impl<B: Board> Connections for Viewers<'_, B> {
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        let viewer = self.iter_mut().find(|v| v.connection.is_for_us(route, datagram));
        if let Some(viewer) = viewer {
            // What is wrong with it has been counted.
            let _ = viewer.connection.handle(now, route, datagram);
        } else {
            self.stray(now, route, datagram);
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
