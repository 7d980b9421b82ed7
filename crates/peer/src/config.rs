use core::time::Duration;

use barertc_arena::{Allocator, Ring, Vec};
use barertc_congestion::{Arrivals, GccConfig, SentPackets};
use barertc_crypto::RustCrypto;
use barertc_rtcp_nack::{HistoryConfig, RecvConfig, RecvStream, RetransmitConfig, SendConfig, SendStream};

use crate::connection::{Places, Receiver, Transceiver};
use crate::{Error, Event};

/// Bounds of a [`PeerConnection`](crate::PeerConnection): what it can ever take is known before anything is allocated.
#[derive(Clone, Debug)]
pub struct Config {
    /// Largest datagram in bytes of UDP payload, whatever is in it.
    pub mtu: u16,
    /// Of the ICE agent.
    pub ice: barertc_ice::Config,
    /// Of the DTLS connection; its `mtu` is overwritten.
    pub dtls: barertc_dtls::Config,
    /// Of SRTP.
    pub srtp: barertc_srtp::Config,
    /// Of the SCTP association; its `mtu` is overwritten, and what the peer says of its port and its largest message.
    pub sctp: barertc_sctp::Config,
    /// The largest message that a data channel takes from the peer, in bytes: `a=max-message-size`.
    pub max_message_size: u32,
    /// Tracks, in either direction.
    pub max_tracks: u8,
    /// Events that wait to be fetched.
    pub max_events: u16,
    /// Of each video track that sends.
    pub video: StreamConfig,
    /// Of each audio track that sends.
    pub audio: StreamConfig,
    /// Of each video track that receives. With a `count` of 0, as is the default, video that comes is dropped.
    pub recv_video: RecvBounds,
    /// Of each audio track that receives; likewise.
    pub recv_audio: RecvBounds,
    /// Packets that a report about their arrival can tell of, where media are received with transport-wide feedback.
    pub arrivals: u16,
    /// Packets whose arrival has not been reported yet that are remembered.
    pub sent_packets: usize,
    /// Where the estimate of the path begins, and its bounds.
    pub bandwidth: GccConfig,
    /// Time between two RTCP reports.
    pub report_interval: Duration,
}

/// Bounds of a stream that is sent.
#[derive(Clone, Debug)]
pub struct StreamConfig {
    /// Frames that can wait to be sent.
    pub queue_frames: usize,
    /// Frames that have waited longer are dropped whole; video then goes on at the next key frame.
    pub max_age: Duration,
    /// Capacity of the retransmission history; `packets: 0` switches retransmission off.
    pub history: HistoryConfig,
    /// The largest key frame there will be, in bytes: the history must hold it.
    pub largest_key_frame: usize,
    /// Limits on retransmission.
    pub retransmit: RetransmitConfig,
    /// The longest that a receiver is asked to hold pictures back while much is lost, so that retransmissions come in
    /// time; zero leaves it to the receiver.
    pub max_playout_delay: Duration,
}

impl StreamConfig {
    /// What [`SendConfig::video`] has.
    #[must_use]
    pub fn video() -> Self {
        Self::of(SendConfig::video(1, 0, barertc_rtp::PayloadFormat::H264))
    }

    /// What [`SendConfig::audio`] has.
    #[must_use]
    pub fn audio() -> Self {
        Self::of(SendConfig::audio(1, 0, barertc_rtp::PayloadFormat::Opus))
    }

    fn of(config: SendConfig) -> Self {
        let SendConfig { queue_frames, max_age, history, largest_key_frame, retransmit, max_playout_delay, .. } =
            config;
        Self { queue_frames, max_age, history, largest_key_frame, retransmit, max_playout_delay }
    }

    /// The same bounds for a certain stream.
    pub(crate) fn apply(&self, stream: SendConfig) -> SendConfig {
        SendConfig {
            queue_frames: self.queue_frames,
            max_age: self.max_age,
            history: self.history,
            largest_key_frame: self.largest_key_frame,
            retransmit: self.retransmit,
            max_playout_delay: self.max_playout_delay,
            ..stream
        }
    }

    fn worst_case_bytes<A: Allocator + Clone>(&self) -> usize {
        SendStream::<A>::worst_case_bytes(&self.apply(SendConfig::video(1, 0, barertc_rtp::PayloadFormat::H264)))
    }
}

/// Bounds of the streams of a kind that are received. Tracks that do not receive take nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvBounds {
    /// How many tracks can receive at the same time. What comes for others is counted as [`Discard::NotReceived`].
    ///
    /// [`Discard::NotReceived`]: crate::Discard::NotReceived
    pub count: u8,
    /// Packets held until their frame is complete.
    pub packets: u16,
    /// Largest payload of a packet in bytes.
    pub payload_bytes: u16,
    /// Missing packets that are asked for at the same time, where NACK was negotiated.
    pub missing: u16,
    /// How long a missing packet is waited for.
    pub wait: Duration,
}

impl RecvBounds {
    /// `count` tracks of video: frames of up to 255 packets, 300 ms for what is missing; 312 KB each.
    #[must_use]
    pub const fn video(count: u8) -> Self {
        Self { count, packets: 256, payload_bytes: 1_200, missing: 256, wait: Duration::from_millis(300) }
    }

    /// `count` tracks of audio: 60 ms for what is missing, which is not asked for; 39 KB each.
    #[must_use]
    pub const fn audio(count: u8) -> Self {
        Self { count, packets: 32, payload_bytes: 1_200, missing: 0, wait: Duration::from_millis(60) }
    }

    /// The same bounds for a certain stream.
    pub(crate) fn apply(&self, stream: RecvConfig) -> RecvConfig {
        RecvConfig {
            packets: self.packets.into(),
            payload_bytes: self.payload_bytes.into(),
            missing: self.missing.into(),
            wait: self.wait,
            ..stream
        }
    }

    fn worst_case_bytes<A: Allocator + Clone>(&self) -> usize {
        let config = self.apply(RecvConfig::video(1, 0, barertc_rtp::PayloadFormat::H264));
        let stream = RecvStream::<A>::worst_case_bytes(&config);
        stream.saturating_add(size_of::<Receiver<A>>()).saturating_mul(self.count.into())
    }
}

impl Default for Config {
    /// For a device that sends one video and one audio track to a browser and talks over a few data channels.
    fn default() -> Self {
        let mut sctp = barertc_sctp::Config::with_buffers(16 << 10, 16 << 10);
        sctp.max_channels = 8;
        sctp.congestion = barertc_sctp::Congestion::Paced;
        Self {
            mtu: 1_200,
            ice: barertc_ice::Config::default(),
            dtls: barertc_dtls::Config::default(),
            srtp: barertc_srtp::Config::default(),
            sctp,
            max_message_size: 16 << 10,
            max_tracks: 4,
            max_events: 32,
            video: StreamConfig::video(),
            audio: StreamConfig::audio(),
            recv_video: RecvBounds::video(0),
            recv_audio: RecvBounds::audio(0),
            arrivals: 256,
            sent_packets: 512,
            bandwidth: GccConfig { start: 4_000_000, min: 300_000, max: 20_000_000 },
            report_interval: Duration::from_secs(1),
        }
    }
}

impl Config {
    /// The most that a connection with this configuration ever takes from its allocator, in bytes, without the
    /// allocator's own overhead; media frames belong to whoever made them and are not counted.
    #[must_use]
    pub fn worst_case_bytes<A: Allocator + Clone>(&self) -> usize {
        let stream = self.video.worst_case_bytes::<A>().max(self.audio.worst_case_bytes::<A>());
        [
            barertc_ice::Agent::<A, &RustCrypto>::worst_case_bytes(&self.ice),
            barertc_dtls::Connection::<A, &RustCrypto>::worst_case_bytes(&self.dtls),
            barertc_srtp::Session::<A, &RustCrypto>::worst_case_bytes(&self.srtp),
            barertc_sctp::Association::<A>::worst_case_bytes(&self.sctp),
            // The machines themselves: what they are does not hang on the provider, which they refer to.
            size_of::<barertc_ice::Agent<A, &RustCrypto>>(),
            size_of::<barertc_dtls::Connection<A, &RustCrypto>>(),
            size_of::<barertc_srtp::Session<A, &RustCrypto>>(),
            size_of::<barertc_sctp::Association<A>>(),
            size_of::<Places>(),
            Vec::<Transceiver<A>, A>::bytes(self.max_tracks.into()),
            Ring::<Event, A>::bytes(self.max_events.into()),
            SentPackets::<A>::worst_case_bytes(self.sent_packets),
            stream.saturating_mul(self.max_tracks.into()),
            self.recv_video.worst_case_bytes::<A>(),
            self.recv_audio.worst_case_bytes::<A>(),
            if self.recv_video.count > 0 || self.recv_audio.count > 0 {
                size_of::<Arrivals<A>>().saturating_add(Arrivals::<A>::worst_case_bytes(self.arrivals.into()))
            } else {
                0
            },
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// Bytes for what is inside ICE: a TURN channel may take four (RFC 8656 §12.4).
    pub(crate) const fn inner_mtu(&self) -> u16 {
        self.mtu.saturating_sub(4)
    }

    /// Bytes for SCTP inside a DTLS record of either version, a multiple of four: 13 for the header, 8 for a nonce, 16
    /// for the tag (RFC 6347 §4.1, RFC 5288 §3) at the most.
    pub(crate) const fn sctp_mtu(&self) -> u16 {
        self.inner_mtu().saturating_sub(37) & !3
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        // RFC 8261 §5 and RFC 9147 §4.4: what is below cannot carry a handshake in sensible pieces.
        if self.mtu < 576 || self.max_events < 8 { Err(Error::Config) } else { Ok(()) }
    }
}
