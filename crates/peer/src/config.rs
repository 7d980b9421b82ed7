//! Bounds of a connection. [`PeerConnection::worst_case_bytes`](crate::PeerConnection::worst_case_bytes) tells the
//! memory that follows from them.

use core::time::Duration;

use barertc_ice::PathMtuBounds;
use barertc_rtcp_nack::SendConfig;
use barertc_rtp::PayloadFormat;

pub use barertc_congestion::GccConfig;
pub use barertc_dtls::Config as DtlsConfig;
pub use barertc_ice::Config as IceConfig;
pub use barertc_rtcp_nack::{HistoryConfig, RetransmitConfig};
pub use barertc_sctp::Config as SctpConfig;
pub use barertc_srtp::Config as SrtpConfig;
pub use barertc_wire::{ConfigError, Rule};

/// The smallest [`Config::mtu`]: a handshake in smaller datagrams has too many of them (RFC 8261 §5, RFC 9147 §4.4).
const LEAST_MTU: u64 = 576;
/// The largest: what a datagram of UDP carries over IPv4.
const MOST_MTU: u64 = 65_507;
/// The smallest [`Config::min_mtu`]: what every IPv4 host takes, 576 bytes, less both headers (RFC 1122 §3.3.3).
const LEAST_PATH: u16 = 548;
/// Packets that one report about arrivals can name (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1): its count
/// has 16 bits, and it must fit a datagram.
const MOST_ARRIVALS: u64 = 1_024;
/// Candidates that a description has room for. More than fit can still be trickled.
pub(crate) const MAX_CANDIDATES: usize = 8;
/// Two for each track that there can be.
const MOST_ENCODINGS: u64 = 32;
/// The most bytes that a DTLS record adds: 13 for the header, 8 for a nonce and 16 for the tag (RFC 6347 §4.1,
/// RFC 5288 §3).
const RECORD: u16 = 37;

/// Bounds and times of a [`PeerConnection`](crate::PeerConnection). They decide how much memory it can take at most.
// More than fifteen fields: each is a bound or the configuration of a part.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// The largest datagram that is sent, in bytes of UDP payload. It holds for all protocols.
    pub mtu: u16,
    /// The size in bytes of a datagram that every path carries: at least 548 and at most [`mtu`](Self::mtu). Media and data
    /// are sent in datagrams of this size until checks with padding have shown that the path carries larger ones (RFC 8899).
    /// Where it equals `mtu`, there is no search, and `mtu` holds from the start. It replaces
    /// [`ice.path_mtu`](IceConfig::path_mtu).
    pub min_mtu: u16,
    /// Bounds and times of the ICE agent.
    pub ice: IceConfig,
    /// Bounds and times of DTLS. Its `mtu` is lowered to what [`mtu`](Self::mtu) leaves for DTLS.
    pub dtls: DtlsConfig,
    /// Bounds of SRTP. Its [`local_streams`](SrtpConfig::local_streams) do not count
    /// [`further_encodings`](Self::further_encodings), which have room of their own.
    pub srtp: SrtpConfig,
    /// Bounds and times of SCTP. Its `mtu` is lowered to what [`mtu`](Self::mtu) leaves for SCTP.
    pub sctp: SctpConfig,
    /// Whether offers have an SCTP INIT chunk (`a=sctp-init` of SNAP, draft-hancke-tsvwg-snap-00). With it data
    /// channels need no SCTP handshake. An answer has one whenever the offer has one. A peer that does not know the
    /// attribute ignores it.
    pub snap: bool,
    /// Whether offers say that connectivity checks carry DTLS (`a=ice-options:sped` of draft-hancke-webrtc-sped). The
    /// DTLS handshake then begins with the first check. An answer says so whenever the offer does. A peer that does not
    /// know the option ignores it, but some parsers refuse a description with an unknown ICE option.
    pub sped: bool,
    /// The largest message in bytes that the peer may send on a data channel: `a=max-message-size` (RFC 8841 §6.1).
    pub max_message_size: u32,
    /// How many tracks there may be, whatever their direction. At most 16.
    pub max_tracks: u8,
    /// How many encodings there may be in addition to the first of each track, summed over all tracks with simulcast
    /// ([`TrackConfig::with_encodings`](crate::TrackConfig::with_encodings)). Each takes the memory of a track that sends
    /// video. At most 32; 0 without the feature `simulcast`.
    pub further_encodings: u8,
    /// Bounds of each video track that sends, and of each further encoding.
    pub video: StreamConfig,
    /// Bounds of each audio track that sends.
    pub audio: StreamConfig,
    /// Bounds of each video track that receives. The default has a `count` of 0: no description says that video is received.
    pub recv_video: RecvBounds,
    /// Bounds of each audio track that receives. The default has a `count` of 0: no description says that audio is received.
    pub recv_audio: RecvBounds,
    /// How many packets one transport-wide feedback report covers. Reports are sent where this side receives media and
    /// both sides have agreed on the feedback.
    pub arrivals: u16,
    /// How many sent packets are remembered until the peer reports whether they arrived.
    pub sent_packets: usize,
    /// The initial value and the bounds of the bandwidth estimate.
    pub bandwidth: GccConfig,
    /// The time between two RTCP reports, of 100 ms or more. Reports are sent only while there are media to report
    /// about.
    pub report_interval: Duration,
    /// How long the DTLS handshake may take once ICE has a path. After that,
    /// [`Event::PeerSilent`](crate::Event::PeerSilent) is told.
    pub silence: Duration,
}

impl Config {
    /// Bounds for a device that sends one video and one audio track to a browser and has a few data channels.
    #[must_use]
    pub const fn new() -> Self {
        let mut sctp = SctpConfig::with_buffers(16 << 10, 16 << 10);
        sctp.max_channels = 8;
        sctp.congestion = barertc_sctp::Congestion::Paced;
        sctp.mtu = u16::MAX;
        let mut dtls = DtlsConfig::new();
        dtls.mtu = u16::MAX;
        Self {
            mtu: 1_200,
            min_mtu: LEAST_PATH,
            ice: IceConfig::new(),
            dtls,
            srtp: srtp(),
            sctp,
            snap: false,
            sped: false,
            max_message_size: 16 << 10,
            max_tracks: 4,
            further_encodings: 0,
            video: StreamConfig::video(),
            audio: StreamConfig::audio(),
            recv_video: RecvBounds::video(0),
            recv_audio: RecvBounds::audio(0),
            arrivals: 256,
            sent_packets: 512,
            bandwidth: GccConfig::new(),
            report_interval: Duration::from_secs(1),
            silence: Duration::from_secs(5),
        }
    }

    /// Checks the bounds, those of the protocols among them.
    ///
    /// # Errors
    /// [`ConfigError`] names the first field that breaks its rule, the limit and the value. Durations are in
    /// milliseconds. [`PeerConnection::new`](crate::PeerConnection::new) returns the same error.
    pub fn check(&self) -> Result<(), ConfigError> {
        ConfigError::check_range("mtu", self.mtu.into(), LEAST_MTU, MOST_MTU)?;
        ConfigError::check_range("min_mtu", self.min_mtu.into(), LEAST_PATH.into(), self.mtu.into())?;
        ConfigError::check("max_tracks", self.max_tracks.into(), Rule::AtMost(barertc_sdp::MAX_SECTIONS as u64))?;
        let most = if cfg!(feature = "simulcast") { MOST_ENCODINGS } else { 0 };
        ConfigError::check("further_encodings", self.further_encodings.into(), Rule::AtMost(most))?;
        let most = Rule::AtMost(if cfg!(feature = "receive") { u8::MAX as u64 } else { 0 });
        ConfigError::check("recv_video.count", self.recv_video.count.into(), most)?;
        ConfigError::check("recv_audio.count", self.recv_audio.count.into(), most)?;
        ConfigError::check_range("arrivals", self.arrivals.into(), 1, MOST_ARRIVALS)?;
        ConfigError::check("sent_packets", self.sent_packets as u64, Rule::AtLeast(1))?;
        let interval = u64::try_from(self.report_interval.as_millis()).unwrap_or(u64::MAX);
        ConfigError::check("report_interval", interval, Rule::AtLeast(100))?;
        self.ice.check()?;
        self.dtls().check()?;
        if self.has_media() {
            self.srtp.check()?;
        }
        self.sctp().check()
    }

    /// The length in bytes of the longest description that a connection with this configuration writes.
    ///
    /// Each rejected m-line of the peer's offer takes up to 544 bytes more. An answer rejects m-lines when the offer has
    /// more of them than this side has tracks.
    #[must_use]
    pub const fn max_description_bytes(&self) -> usize {
        let tracks = self.max_tracks as usize;
        let codecs = barertc_sdp::MAX_CODECS;
        barertc_sdp::DescriptionBounds { tracks, codecs, candidates: MAX_CANDIDATES, rejected: 0 }.max_len()
    }

    /// Bytes for what is inside ICE: a TURN channel may take four (RFC 8656 §12.4).
    pub(crate) const fn inner_mtu(&self) -> u16 {
        inner(self.mtu)
    }

    /// Bytes for SCTP inside a DTLS record of either version, a multiple of four.
    const fn sctp_mtu(&self) -> u16 {
        inner_sctp(self.mtu)
    }

    /// What ICE searches for.
    pub(crate) const fn path_mtu(&self) -> Option<PathMtuBounds> {
        if self.min_mtu < self.mtu { Some(PathMtuBounds { min: self.min_mtu, max: self.mtu }) } else { None }
    }

    /// Whether there can be tracks. Without them SRTP has no keys.
    pub(crate) const fn has_media(&self) -> bool {
        cfg!(feature = "media") && self.max_tracks > 0
    }

    /// The configuration of DTLS, within our datagrams.
    pub(crate) fn dtls(&self) -> DtlsConfig {
        let srtp = if self.has_media() { self.dtls.srtp } else { barertc_dtls::SrtpProfiles::None };
        DtlsConfig { mtu: self.inner_mtu().min(self.dtls.mtu), srtp, ..self.dtls.clone() }
    }

    /// The configuration of SRTP, with room for the media and the retransmissions of further encodings.
    #[cfg_attr(not(feature = "media"), allow(dead_code))] // Nothing is protected.
    pub(crate) const fn srtp(&self) -> SrtpConfig {
        let mut config = self.srtp;
        config.local_streams = config.local_streams.saturating_add((self.further_encodings as usize).saturating_mul(2));
        config
    }

    /// How many streams can send.
    pub(crate) const fn send_streams(&self) -> usize {
        (self.max_tracks as usize).saturating_add(self.further_encodings as usize)
    }

    /// The configuration of SCTP, within our datagrams.
    pub(crate) fn sctp(&self) -> SctpConfig {
        let mut config = self.sctp.clone();
        config.mtu = self.sctp_mtu().min(config.mtu);
        config
    }
}

/// Bytes for what is inside ICE in a datagram of `mtu` bytes: a TURN channel may take four (RFC 8656 §12.4).
pub(crate) const fn inner(mtu: u16) -> u16 {
    mtu.saturating_sub(4)
}

/// Bytes for SCTP in a datagram of `mtu` bytes, inside a DTLS record of either version.
pub(crate) const fn inner_sctp(mtu: u16) -> u16 {
    inner(mtu).saturating_sub(RECORD) & !3
}

/// Room for media, retransmissions and repair packets of four tracks in either direction.
const fn srtp() -> SrtpConfig {
    let mut config = SrtpConfig::new();
    (config.local_streams, config.remote_streams) = (12, 12);
    config
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// Bounds of a media stream that is sent.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StreamConfig {
    /// How many frames may wait to be sent.
    pub queue_frames: usize,
    /// How long a frame may wait. A frame that has waited longer is dropped as a whole. Video then continues with the
    /// next key frame.
    pub max_age: Duration,
    /// The capacity of the retransmission history. `packets: 0` switches retransmission off.
    pub history: HistoryConfig,
    /// The size in bytes of the largest key frame that the application sends. The history must have room for it.
    pub largest_key_frame: usize,
    /// Limits of retransmission.
    pub retransmit: RetransmitConfig,
    /// How many repair packets (FlexFEC) of video can be under construction at the same time. Each takes the memory of
    /// a packet. At most 16; 0 switches repair packets off. See [`SendConfig::repair`].
    pub repair_packets: usize,
    /// The delay that the application accepts for pictures without damage. It is a target. With zero a receiver never
    /// waits for lost packets.
    pub latency: Duration,
}

impl StreamConfig {
    /// The bounds of [`SendConfig::video`].
    #[must_use]
    pub const fn video() -> Self {
        Self::of(SendConfig::video(1, 0, PayloadFormat::H264))
    }

    /// The bounds of [`SendConfig::audio`].
    #[must_use]
    pub const fn audio() -> Self {
        Self::of(SendConfig::audio(1, 0, PayloadFormat::Opus))
    }

    const fn of(config: SendConfig) -> Self {
        let bounds = Self {
            queue_frames: config.queue_frames,
            max_age: config.max_age,
            history: config.history,
            largest_key_frame: config.largest_key_frame,
            retransmit: config.retransmit,
            repair_packets: config.repair_packets,
            latency: config.latency,
        };
        // Nothing is dropped in a constant.
        core::mem::forget(config);
        bounds
    }
}

/// Bounds of the received streams of one kind, audio or video. A track that does not receive takes no memory for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecvBounds {
    /// How many tracks can receive at the same time. It is 0 without the feature `receive`. Descriptions say that further
    /// tracks do not receive, and so does [`TrackInfo::current_direction`](crate::TrackInfo::current_direction). When a track
    /// stops receiving, the next description can use its memory for another track.
    pub count: u8,
    /// How many packets are held until their frame is complete.
    pub packets: u16,
    /// The largest payload of a packet, in bytes.
    pub payload_bytes: u16,
    /// How many packets of video are kept, so that repair packets (FlexFEC) can restore others. They are kept where
    /// repair packets were negotiated; 0 keeps none.
    pub repair_window: u16,
    /// How many missing packets can be asked for at the same time, where NACK was negotiated.
    pub missing: u16,
    /// How long a frame waits for a missing packet.
    pub wait: Duration,
}

impl RecvBounds {
    /// Bounds for `count` tracks of video. A frame has up to 255 packets and waits 300 ms for a missing one. 48 packets
    /// are kept for repair. Each track takes 392 KB.
    #[must_use]
    pub const fn video(count: u8) -> Self {
        Self {
            count,
            packets: 256,
            payload_bytes: 1_200,
            repair_window: 48,
            missing: 256,
            wait: Duration::from_millis(300),
        }
    }

    /// Bounds for `count` tracks of audio. A frame waits 60 ms for a missing packet, which is not asked for. Each track
    /// takes 39 KB.
    #[must_use]
    pub const fn audio(count: u8) -> Self {
        Self { count, packets: 32, payload_bytes: 1_200, repair_window: 0, missing: 0, wait: Duration::from_millis(60) }
    }
}
