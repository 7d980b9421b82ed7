//! One viewer, or one who sends us something.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use barertc::{ChannelConfig, ChannelId, ConnectionState, Error, Event, Frame, MessageKind, PeerConnection, TrackId};
use barertc_arena::Box;
use barertc_media::Prober;
use barertc_signaling::{Id, Printable};
use barertc_wire::Instant;

use crate::board::Board;
use crate::rendition::Rendition;

/// A viewer that does not get connected is forgotten after this.
const CONNECT_TIME: Duration = Duration::from_secs(30);
/// How long a viewer whose signaling socket has closed may take for the rest of its handshake, once a path is found.
const HANDSHAKE_TIME: Duration = Duration::from_secs(2);
/// One whose path is silent is forgotten after this: consent to send to it has expired by then (RFC 7675 §5.1).
const SILENCE: Duration = Duration::from_secs(30);

/// Between two `Ping`s, at least: who answers at once is not asked again at once, which would take all the processor has.
const PING_INTERVAL: Duration = Duration::from_millis(500);

/// In the large memory from the moment it is made: what is moved takes as much of the stack each time.
pub(crate) type Connection<'b, B> =
    Box<PeerConnection<'b, <B as Board>::Psram, <B as Board>::Crypto>, <B as Board>::Psram>;

/// What somebody is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// To be sent what is played.
    Watches,
    /// To send us something, which is kept under this number.
    Sends(u32),
}

/// Where somebody comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The signaling socket.
    pub(crate) socket: u32,
    /// The name there.
    pub(crate) id: Id,
    /// The address of who is at the other end of the socket.
    pub(crate) address: IpAddr,
}

impl Origin {
    pub(crate) fn is(&self, socket: u32, id: &str) -> bool {
        self.socket == socket && self.id == id
    }
}

/// How far a viewer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not connected yet, and given up at this time.
    Connecting {
        until: Instant,
    },
    Connected,
    /// Connected, with a path that is silent since this time.
    Silent {
        since: Instant,
    },
    /// Closed, and here only until that has been said.
    Gone,
}

/// One viewer, or one who sends.
// Fields: the connection and its two tracks, what goes over two channels, who it is (three), how far it is (three), and what its path
// carries (two).
pub(crate) struct Viewer<'b, B: Board> {
    pub(crate) connection: Connection<'b, B>,
    origin: Origin,
    role: Role,
    video: TrackId,
    audio: TrackId,
    /// The socket that was lent to it for its relay.
    socket: Option<SocketAddr>,
    ping: Ping,
    stats: Option<ChannelId>,
    since: Instant,
    stage: Stage,
    /// It has been sent a key frame, and so can make something of what follows.
    started: bool,
    rendition: Rendition,
    /// When its path is asked for more, where an encoder follows it.
    prober: Prober,
}

/// The game of `Ping` and `Pong`.
#[derive(Clone, Copy, Debug, Default)]
struct Ping {
    channel: Option<ChannelId>,
    said: Option<Instant>,
    /// An answer came so soon that the next one has to wait.
    owed: bool,
}

/// What has to be done beyond one viewer because of what happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is connected for the first time.
    Connected,
    /// Its connection failed.
    Failed,
    /// It cannot go on without a key frame.
    KeyFrameWanted,
}

impl<'b, B: Board> Viewer<'b, B> {
    pub(crate) fn new(
        connection: Connection<'b, B>,
        role: Role,
        video: TrackId,
        audio: TrackId,
        origin: Origin,
        since: Instant,
    ) -> Self {
        Self {
            connection,
            origin,
            role,
            video,
            audio,
            socket: None,
            ping: Ping::default(),
            stats: None,
            since,
            stage: Stage::Connecting { until: since + CONNECT_TIME },
            started: false,
            rendition: Rendition::default(),
            prober: Prober::default(),
        }
    }

    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    pub(crate) const fn since(&self) -> Instant {
        self.since
    }

    pub(crate) const fn rendition(&self) -> &Rendition {
        &self.rendition
    }

    /// The channel on which it is told figures.
    pub(crate) const fn stats_channel(&self) -> Option<ChannelId> {
        self.stats
    }

    pub(crate) fn lend(&mut self, socket: SocketAddr) {
        self.socket = Some(socket);
    }

    pub(crate) fn has_lent(&self, socket: SocketAddr) -> bool {
        self.socket == Some(socket)
    }

    pub(crate) fn close(&mut self, now: Instant) {
        self.connection.close(now);
        self.stage = Stage::Gone;
    }

    /// Whether it was closed, and all that had to be said about it has been.
    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Gone && self.connection.timeout().is_none()
    }

    pub(crate) const fn is_connecting(&self) -> bool {
        matches!(self.stage, Stage::Connecting { .. })
    }

    /// Whether it can be sent what is played.
    pub(crate) fn watches(&self) -> bool {
        self.role == Role::Watches && matches!(self.stage, Stage::Connected | Stage::Silent { .. })
    }

    /// Whether it is, or soon will be.
    pub(crate) fn expects_pictures(&self) -> bool {
        self.watches() || (self.role == Role::Watches && self.is_connecting())
    }

    /// The signaling socket over which it was agreed on is closed. Before a path is found that is the end of it.
    pub(crate) fn socket_closed(&mut self, now: Instant) {
        let Stage::Connecting { until } = &mut self.stage else { return };
        if self.connection.stats().candidate_pair.is_some() {
            *until = (*until).min(now + HANDSHAKE_TIME);
        } else {
            self.close(now);
        }
    }

    /// When it is given up, if nothing happens until then.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Connecting { until } => Some(until),
            Stage::Silent { since } => Some(since + SILENCE),
            Stage::Connected | Stage::Gone => None,
        }
    }

    /// Packets of video and of sound that were sent.
    pub(crate) fn packets_sent(&self) -> [u64; 2] {
        [self.video, self.audio].map(|track| {
            self.connection.track_stats(track).and_then(|s| s.outbound).map_or(0, |s| s.packets_sent.get())
        })
    }

    /// Repair packets of video that were sent.
    pub(crate) fn repairs_sent(&self) -> u64 {
        self.connection.track_stats(self.video).and_then(|s| s.outbound).map_or(0, |s| s.fec_packets_sent.get())
    }

    /// How long it is asked to hold pictures back, at least.
    pub(crate) fn playout_delay(&self) -> Duration {
        let asked = self.connection.track_stats(self.video).and_then(|s| s.outbound?.playout_delay);
        Duration::from_millis(asked.map_or(0, |asked| u64::from(asked.min).saturating_mul(10)))
    }

    /// Looks which rendition the path carries; the large one takes `bitrate` bits a second.
    pub(crate) fn choose_rendition(&mut self, now: Instant, bitrate: u64) {
        self.rendition.choose(now, bitrate, &mut self.connection);
    }

    /// Asks its path whether it carries more than is known, up to `enough` bits a second.
    pub(crate) fn look_for_room(&mut self, now: Instant, enough: u64) {
        let Some(estimate) = self.connection.available_outgoing_bitrate() else { return };
        if let Some(bits) = self.prober.poll(now, estimate, enough) {
            self.connection.probe(now, bits);
        }
    }

    /// Gives it a picture, in the rendition that it can have. A small one is read only once somebody wants it.
    pub(crate) fn send_video(
        &mut self,
        now: Instant,
        large: &Frame<B::Psram>,
        small: Option<&Frame<B::Psram>>,
        there_is_small: bool,
    ) {
        if large.is_key() && !self.started {
            self.rendition.begin(now, small.is_some(), &mut self.connection);
        }
        let Some(frame) = self.rendition.pick(large, small) else { return };
        self.started |= frame.is_key();
        // A full queue drops the frame, and the connection asks for a key frame later: the network of one viewer holds up no
        // other.
        if self.started && self.connection.send_frame(now, self.video, frame).is_err() {
            self.started = false;
            self.rendition.overrun(now, there_is_small);
        }
    }

    /// The same for sound, which needs no beginning.
    pub(crate) fn send_audio(&mut self, now: Instant, frame: &Frame<B::Psram>) {
        // Sound that does not fit the queue is late anyway.
        let _ = self.connection.send_frame(now, self.audio, frame);
    }

    /// Deals with what has happened to it; `changed` hears of what is not its own business.
    pub(crate) fn events(&mut self, now: Instant, board: &B, room: &mut [u8], mut changed: impl FnMut(Change)) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::ConnectionState(ConnectionState::Connected) => {
                    let first = self.is_connecting();
                    if self.stage != Stage::Gone {
                        self.stage = Stage::Connected;
                    }
                    if first {
                        self.log_connected(now, board);
                        changed(Change::Connected);
                    }
                }
                Event::ConnectionState(ConnectionState::Disconnected) if self.stage == Stage::Connected => {
                    self.stage = Stage::Silent { since: now };
                }
                Event::ConnectionState(ConnectionState::Failed(_)) => {
                    changed(Change::Failed);
                    self.close(now);
                }
                Event::ConnectionState(ConnectionState::Closed) => self.close(now),
                Event::IceServerFailed { server, error } => {
                    board.log(format_args!("viewer {}: server {server}: {error}", Printable(&self.origin.id)));
                }
                Event::KeyFrameWanted(_) => changed(Change::KeyFrameWanted),
                Event::ChannelOpen(id) if Some(id) == self.ping.channel => {
                    let after = self.age(now);
                    let name = Printable(&self.origin.id);
                    board.log(format_args!("viewer {name}: data channel open after {after} ms"));
                    self.say_ping(now);
                }
                Event::FrameReceived(track) => self.record(now, track, board, room),
                event => self.channel_event(now, &event),
            }
        }
    }

    /// Milliseconds since it came. Formatting the 128 bits of a `Duration` would take 2 KB of a firmware.
    fn age(&self, now: Instant) -> u64 {
        u64::try_from((now - self.since).as_millis()).unwrap_or(u64::MAX)
    }

    fn log_connected(&self, now: Instant, board: &B) {
        let transport = self.connection.stats().transport;
        let (name, after) = (Printable(&self.origin.id), self.age(now));
        board.log(format_args!(
            "viewer {name}: connected after {after} ms, {}",
            crate::words::Protection(transport.tls_version, transport.srtp_profile)
        ));
    }

    /// Gives what it has sent to the board.
    fn record(&mut self, now: Instant, track: TrackId, board: &B, room: &mut [u8]) {
        let Role::Sends(number) = self.role else { return };
        let kind = if track == self.video { barertc::MediaKind::Video } else { barertc::MediaKind::Audio };
        while let Ok(frame) = self.connection.read_frame(now, track, room) {
            board.record(number, kind, &frame, room.get(..frame.len).unwrap_or_default());
        }
    }

    /// The channel that every viewer gets, and pages of other projects expect to be the only one.
    pub(crate) fn open_channel(&mut self, now: Instant) -> Result<(), Error> {
        let config = ChannelConfig { label: "ping-pong", ..ChannelConfig::default() };
        self.ping.channel = Some(self.connection.open_channel(now, &config)?);
        Ok(())
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
                if ended && Some(*id) == self.ping.channel {
                    self.say_ping(now);
                }
            }
            _ => {}
        }
    }

    /// Says `Ping`, or says it later.
    fn say_ping(&mut self, now: Instant) {
        self.ping.owed = self.ping.said.is_some_and(|said| now < said + PING_INTERVAL);
        let Some(id) = self.ping.channel.filter(|_| !self.ping.owed) else { return };
        self.ping.said = Some(now);
        // A peer that does not take five bytes gets no more pings.
        let _ = self.connection.write_channel(now, id, MessageKind::Text, b"Ping");
    }

    /// Says the `Ping` that had to wait. It is called once a second.
    pub(crate) fn say_owed_ping(&mut self, now: Instant) {
        if self.ping.owed {
            self.say_ping(now);
        }
    }
}
