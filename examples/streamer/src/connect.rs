//! Connections to viewers and to those who send: their bounds, their tracks, and the ways to them.

use barertc::{
    Candidate, Codec, Config, Error, Feedback, H264, LocalCodec, MediaKind, PeerConnection, RecvBounds, TrackConfig,
    TurnServer,
};
use barertc_arena::Box;
use barertc_media::FrameKind;

use crate::app::App;
use crate::board::Board;
use crate::config::viewer_config;
use crate::settings::{Settings, Turn};
use crate::viewer::{Connection, Origin, Role, Viewer};

/// Tracks as everybody knows them from the libdatachannel example.
const VIDEO: &str = "video-stream";
const AUDIO: &str = "audio-stream";
const VIDEO_PAYLOAD: u8 = 102;
const AUDIO_PAYLOAD: u8 = 111;
const STREAM: &str = "stream1";
/// The payload type of retransmitted video.
const RTX: u8 = 103;
/// Sound with earlier frames again (RFC 2198), where the path loses some.
const RED: u8 = 63;
/// Repair packets of video (FlexFEC), where retransmissions would come too late.
const FLEXFEC: u8 = 118;

/// The bounds of the connection of one who sends.
pub(crate) fn sender_config(settings: &Settings<'_>) -> Config {
    let (recv_video, recv_audio) = (RecvBounds::video(1), RecvBounds::audio(1));
    let mut config = Config { recv_video, recv_audio, ..viewer_config(settings) };
    // Packets that were lost come late.
    config.srtp.window = 512;
    config
}

impl<'b, B: Board> App<'b, B> {
    // Out of line, and in parts: what these need of the stack is not to be added to what others do meanwhile.
    #[inline(never)]
    pub(crate) fn viewer(&self, from: Origin) -> Result<Viewer<'b, B>, Error> {
        let now = self.board.now();
        let mut connection = self.connection(viewer_config(self.settings))?;
        let pictures = self.pictures();
        // Sound first: every browser takes it, and one that rejects the first m-line, which stands for the whole bundle,
        // finds no way at all (Firefox without H.264).
        let audio = connection.add_track(now, TrackConfig::sendonly(MediaKind::Audio, AUDIO, STREAM, [opus()])?)?;
        let video = connection.add_track(now, TrackConfig::sendonly(MediaKind::Video, VIDEO, STREAM, [pictures])?)?;
        let mut viewer = Viewer::new(connection, Role::Watches, video, audio, from, now);
        viewer.open_channel(now)?;
        Ok(viewer)
    }

    /// The codec of the pictures that are played, and no other.
    fn pictures(&self) -> LocalCodec {
        match self.video() {
            Some(FrameKind::Vp8) => LocalCodec::vp8(),
            Some(FrameKind::Vp9) => LocalCodec::vp9(),
            Some(FrameKind::Av1) => LocalCodec::av1(),
            Some(FrameKind::H264 | FrameKind::Opus) | None => h264(H264::CONSTRAINED_BASELINE),
        }
    }

    /// One who sends us video and sound.
    #[inline(never)]
    pub(crate) fn sender(&self, from: Origin) -> Result<Viewer<'b, B>, Error> {
        let now = self.board.now();
        let mut connection = self.connection(sender_config(self.settings))?;
        let profiles = ["42001f", "4d001f", "64001f"].into_iter().filter_map(barertc::ProfileLevelId::parse);
        let others = profiles.map(|profile_level_id| H264 { profile_level_id, ..H264::CONSTRAINED_BASELINE });
        let codecs = core::iter::once(H264::CONSTRAINED_BASELINE).chain(others).map(h264);
        let video = connection.add_track(now, TrackConfig::recvonly(MediaKind::Video, VIDEO, codecs)?)?;
        // What is played has to be decoded, and G.711 needs no library for that.
        let sound = if self.settings.listen { LocalCodec::pcmu() } else { opus() };
        let audio = connection.add_track(now, TrackConfig::recvonly(MediaKind::Audio, AUDIO, [sound])?)?;
        let number = self.next_sender();
        Ok(Viewer::new(connection, Role::Sends(number), video, audio, from, now))
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
            board.random(|rng| PeerConnection::new(config, self.identity(), owners, board.crypto(), rng))
        })
    }

    /// The servers whose addresses are known.
    pub(crate) fn turn_servers(&self) -> impl Iterator<Item = TurnServer<'b>> {
        let known = |(number, turn): (usize, &Turn<'b>)| {
            let addr = self.turn_at.of(number)?;
            Some(TurnServer { addr, ..turn.server })
        };
        self.settings.turn.iter().enumerate().filter_map(known)
    }

    /// Tells a connection of our sockets, and of the servers that help.
    #[inline(never)]
    pub(crate) fn add_ways(&self, viewer: &mut Viewer<'b, B>) -> Result<(), Error> {
        let now = self.board.now();
        if !self.settings.turn.is_empty() {
            let free = self.sockets.lendable(|socket| !self.viewers.borrow().has_lent(socket));
            match free {
                Some(socket) => {
                    viewer.lend(socket);
                    viewer.connection.add_local_candidate(now, Candidate::host(socket))?;
                    for server in self.turn_servers() {
                        viewer.connection.add_turn_server(now, &server)?;
                    }
                }
                None => self.board.log(format_args!("TURN: no socket left for another relay")),
            }
        }
        for (index, address) in self.sockets.shared().into_iter().enumerate() {
            match self.settings.advertise.filter(|_| index == 0) {
                Some(public) => viewer.connection.add_mapped_candidate(now, address, public)?,
                None => viewer.connection.add_local_candidate(now, Candidate::host(address))?,
            }
        }
        #[cfg(feature = "ice-tcp")]
        for (index, address) in self.sockets.listening().into_iter().enumerate() {
            match self.settings.advertise.filter(|_| index == 0) {
                // Its port is that of the UDP socket. TCP has one of its own, which is forwarded as it is.
                Some(public) => {
                    let public = core::net::SocketAddr::new(public.ip(), address.port());
                    viewer.connection.add_mapped_tcp_candidate(now, address, public)?;
                }
                None => viewer.connection.add_local_candidate(now, Candidate::tcp_passive(address))?,
            }
        }
        if let Some(stun) = self.settings.stun {
            viewer.connection.add_stun_server(now, stun)?;
        }
        Ok(())
    }
}

fn h264(parameters: H264) -> LocalCodec {
    LocalCodec {
        codec: Codec::H264(parameters),
        pt: VIDEO_PAYLOAD,
        rtx: Some(RTX),
        feedback: Feedback::ALL,
        red: None,
        flexfec: Some(FLEXFEC),
    }
}

fn opus() -> LocalCodec {
    LocalCodec {
        codec: Codec::Opus { stereo: true, fec: false },
        pt: AUDIO_PAYLOAD,
        rtx: None,
        feedback: Feedback { transport_cc: true, ..Feedback::NONE },
        red: Some(RED),
        flexfec: None,
    }
}
