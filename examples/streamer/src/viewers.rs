//! The viewers: one connection each, all behind the same sockets.

use core::fmt;
use core::time::Duration;

use barertc::{
    Allocator, ChannelConfig, ChannelId, ConnectionState, Error, Event, Frame, MessageKind, PeerConnection, Provider,
    Route, TrackId, Transmit,
};
use barertc_arena::{Key, Slab};
use barertc_runner::Connections;
use barertc_signaling::Id;
use barertc_wire::Instant;
use rand_core::CryptoRng;

use crate::Board;
use crate::rendition::Rendition;

/// A viewer that does not get connected is forgotten after this.
const PATIENCE: Duration = Duration::from_secs(30);

/// One whose path is silent is forgotten after this: consent to send to it has expired by then (RFC 7675 §5.1).
const SILENCE: Duration = Duration::from_secs(30);

/// The longest datagram of a moved viewer that is recognised.
const STRAY: usize = 256;

/// One viewer.
pub(crate) struct Viewer<'b, A: Allocator + Clone, P: Provider> {
    pub(crate) connection: PeerConnection<'b, A, P>,
    pub(crate) video: TrackId,
    pub(crate) audio: TrackId,
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
    gone: bool,
}

/// Where viewers tell what becomes of them.
pub(crate) trait Journal {
    /// A line for the log.
    fn note(&self, line: fmt::Arguments<'_>);
}

impl<B: Board> Journal for B {
    fn note(&self, line: fmt::Arguments<'_>) {
        self.log(line);
    }
}

/// All viewers.
pub(crate) struct Viewers<'b, A: Allocator + Clone, P: Provider> {
    slots: Slab<Viewer<'b, A, P>, A>,
    /// Somebody cannot go on without a key frame.
    pub(crate) key_frame_wanted: bool,
    /// Bits a second of pictures and sound at their largest, if there is a smaller rendition to choose instead.
    pub(crate) large_bitrate: Option<u64>,
    /// Viewers that were connected, ever.
    pub(crate) served: u32,
    /// Where the next search for something to send begins, so that all get their turn.
    turn: usize,
    journal: &'b dyn Journal,
}

impl<'b, A: Allocator + Clone, P: Provider> Viewers<'b, A, P> {
    pub(crate) fn new(max: usize, alloc: A, journal: &'b dyn Journal) -> Result<Self, Error> {
        let slots = Slab::with_capacity(max, alloc)?;
        Ok(Self { slots, key_frame_wanted: false, large_bitrate: None, served: 0, turn: 0, journal })
    }

    /// A viewer that wants to connect; a former one of the same name on the same socket makes room.
    pub(crate) fn insert(&mut self, viewer: Viewer<'b, A, P>) -> Result<Key, Error> {
        self.slots.retain(|_, v| v.from != viewer.from);
        self.slots.insert(viewer).map_err(|_| Error::WouldBlock)
    }

    pub(crate) fn remove(&mut self, socket: u32, id: &str) {
        self.slots.retain(|_, v| v.from.0 != socket || v.from.1 != id);
    }

    pub(crate) fn find(&mut self, socket: u32, id: &str) -> Option<&mut Viewer<'b, A, P>> {
        self.slots.iter_mut().map(|(_, v)| v).find(|v| v.from.0 == socket && v.from.1 == id)
    }

    /// Whether there is room for another.
    pub(crate) fn is_full(&self) -> bool {
        self.slots.is_full()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Viewer<'b, A, P>> {
        self.slots.iter_mut().map(|(_, v)| v)
    }

    /// Viewers that are connected.
    pub(crate) fn connected(&self) -> usize {
        self.slots.iter().filter(|(_, v)| v.connected).count()
    }

    /// Packets of video and of sound that were sent to those who are viewers now.
    pub(crate) fn packets_sent(&self) -> [u64; 2] {
        let mut sum = [0_u64; 2];
        for (_, v) in self.slots.iter() {
            for (sum, track) in sum.iter_mut().zip([v.video, v.audio]) {
                let sent = v.connection.track_stats(track).and_then(|s| s.outbound).map_or(0, |s| s.packets_sent);
                *sum = sum.saturating_add(sent);
            }
        }
        sum
    }

    /// Lets everybody have the rendition that the path carries.
    pub(crate) fn choose_renditions(&mut self, now: Instant) {
        let Some(bitrate) = self.large_bitrate else { return };
        for (_, v) in self.slots.iter_mut().filter(|(_, v)| v.connected) {
            v.rendition.choose(now, bitrate, &mut v.connection);
        }
    }

    /// Whether anybody has the smaller rendition, or shall have it.
    pub(crate) fn is_small_wanted(&self) -> bool {
        self.slots.iter().any(|(_, v)| v.connected && v.rendition.uses_small())
    }

    /// Gives a picture to everybody who can use it, in the rendition that each can have.
    pub(crate) fn send_video(&mut self, now: Instant, large: &Frame<A>, small: Option<&Frame<A>>) {
        for (_, v) in self.slots.iter_mut().filter(|(_, v)| v.connected) {
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
    pub(crate) fn send_audio(&mut self, now: Instant, frame: &Frame<A>) {
        for (_, v) in self.slots.iter_mut().filter(|(_, v)| v.connected) {
            // Sound that does not fit the queue is late anyway.
            let _ = v.connection.send_frame(now, v.audio, frame);
        }
    }

    pub(crate) fn close_all(&mut self) {
        for (_, viewer) in self.slots.iter_mut() {
            viewer.connection.close();
        }
    }

    /// A datagram from an address that nobody has: perhaps of a viewer who has moved.
    fn stray(&mut self, now: Instant, route: Route, datagram: &[u8]) {
        for (_, viewer) in self.slots.iter_mut() {
            let mut room = [0; STRAY];
            // Each tries its own keys, and spoils the bytes. Reports are short; longer ones come again.
            let Some(copy) = room.get_mut(..datagram.len()) else { return };
            copy.copy_from_slice(datagram);
            if viewer.connection.handle_stray(now, route, copy) {
                return;
            }
        }
    }

    /// Forgets who is gone, once what it had to say has been sent.
    fn sweep(&mut self, now: Instant) {
        self.slots.retain(|_, v| !v.gone && v.deadline().is_none_or(|deadline| now < deadline));
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
                        self.journal.note(format_args!(
                            "viewer {}: connected after {} ms, {:?}, {:?}",
                            viewer.from.1,
                            (now - viewer.since).as_millis(),
                            transport.tls_version,
                            transport.srtp_profile,
                        ));
                        self.served = self.served.saturating_add(1);
                        self.key_frame_wanted = true;
                    }
                    Event::ConnectionState(ConnectionState::Failed | ConnectionState::Closed) => viewer.gone = true,
                    Event::KeyFrameWanted(_) => self.key_frame_wanted = true,
                    Event::ChannelOpen(id) if Some(id) == viewer.ping => {
                        let after = (now - viewer.since).as_millis();
                        self.journal.note(format_args!("viewer {}: data channel open after {after} ms", viewer.from.1));
                        viewer.say_ping(id);
                    }
                    event => viewer.channel_event(&event),
                }
            }
        }
    }
}

impl<'b, A: Allocator + Clone, P: Provider> Viewer<'b, A, P> {
    pub(crate) fn new(
        connection: PeerConnection<'b, A, P>,
        video: TrackId,
        audio: TrackId,
        from: (u32, Id),
        since: Instant,
    ) -> Self {
        let (connected, started, gone) = (false, false, false);
        let (ping, stats, silent) = (None, None, None);
        let rendition = Rendition::default();
        Self { connection, video, audio, ping, stats, from, since, connected, silent, started, rendition, gone }
    }

    /// The channel that every viewer gets, and pages of other projects expect to be the only one.
    pub(crate) fn open_channel<R: CryptoRng + ?Sized>(&mut self, rng: &mut R) -> Result<(), Error> {
        let config = ChannelConfig { label: "ping-pong", ..ChannelConfig::default() };
        self.ping = Some(self.connection.open_channel(&config, rng)?);
        Ok(())
    }

    /// When it is given up, if nothing happens until then.
    fn deadline(&self) -> Option<Instant> {
        match self.silent {
            Some(since) => Some(since + SILENCE),
            None => (!self.connected).then_some(self.since + PATIENCE),
        }
    }

    fn channel_event(&mut self, event: &Event) {
        match event {
            // A page that knows about our figures asks for them by opening the channel for them.
            Event::ChannelOpen(id) if self.connection.channel(*id).is_some_and(|c| c.label == "stats") => {
                self.stats = Some(*id);
            }
            Event::ChannelClosed(id) if Some(*id) == self.stats => self.stats = None,
            Event::ChannelReadable(id) => {
                let mut room = [0; 256];
                let mut ended = false;
                while let Ok(read) = self.connection.read_channel(*id, &mut room) {
                    ended |= read.end_of_message;
                }
                if ended && Some(*id) == self.ping {
                    self.say_ping(*id);
                }
            }
            _ => {}
        }
    }

    fn say_ping(&mut self, id: ChannelId) {
        // A peer that does not take five bytes gets no more pings.
        let _ = self.connection.write_channel(id, MessageKind::Text, b"Ping");
    }
}

impl<A: Allocator + Clone, P: Provider> Connections for Viewers<'_, A, P> {
    fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        let viewer = self.iter_mut().find(|v| v.connection.is_for_us(route.remote, datagram));
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
        self.sweep(now);
        None
    }

    fn timeout(&self) -> Option<Instant> {
        let timeouts = self.slots.iter().map(|(_, v)| Instant::earliest(v.connection.timeout(), v.deadline()));
        timeouts.fold(None, Instant::earliest)
    }

    fn handle_timeout(&mut self, now: Instant) {
        for (_, viewer) in self.slots.iter_mut() {
            viewer.connection.handle_timeout(now);
        }
        self.events(now);
    }
}
