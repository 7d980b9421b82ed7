//! The configurations of streams.

use core::time::Duration;

use barertc_rtp::{
    AudioLevel, ExtensionMap, Extensions, HEADER_LEN, MIN_BUDGET, PayloadFormat, PlayoutDelay, REPAIR_HEADER_LEN,
};
use barertc_wire::{ConfigError, Rule};

use crate::error::Error;

/// The largest [`SendConfig::repair_packets`].
pub(crate) const MAX_REPAIRS: usize = 16;

/// The value of the MID header extension (RFC 9143 §15). It has room for every mid that
/// descriptions have here.
pub type Mid = heapless::Vec<u8, 64, u8>;

/// The value of the header extensions for the identifier of an encoding (RFC 8852 §3.3).
pub type Rid = heapless::Vec<u8, 16, u8>;

/// The configuration of a stream that is sent.
// More than fifteen fields: each is a bound, or a number that was negotiated.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SendConfig {
    /// The synchronisation source (SSRC).
    pub ssrc: u32,
    /// The payload type, 7 bits.
    pub payload_type: u8,
    /// The format of the payload.
    pub format: PayloadFormat,
    /// The first sequence number. It should be random (RFC 3550 §5.1) and below 2¹⁵. Then an SRTP receiver finds the
    /// roll-over counter even when the first packets are lost.
    pub first_sequence: u16,
    /// The offset of timestamps. It should be random (RFC 3550 §5.1).
    pub timestamp_offset: u32,
    /// The retransmission stream (RFC 4588). Without one, a lost packet is sent again unchanged.
    pub rtx: Option<RtxConfig>,
    /// The stream of repair packets for video (FlexFEC), where one was negotiated.
    ///
    /// Repair packets are sent while packets are lost and a retransmission would arrive later than
    /// [`latency`](Self::latency). They are also sent while more than 8 % of packets are lost. At 5 % of loss, about
    /// one repair packet is sent for three media packets. Without loss none is sent.
    pub repair: Option<RepairConfig>,
    /// How many repair packets can be under construction at the same time. Each takes the memory of a packet. At most
    /// 16; 0 switches repair packets off.
    pub repair_packets: usize,
    /// The payload type of redundant audio (RFC 2198), where it was negotiated. From 1 % of loss on, a packet also
    /// carries the frame before its own. From 8 % on, it carries two. Redundant packets are not retransmitted.
    pub red: Option<u8>,
    /// The negotiated header extensions.
    pub extensions: ExtensionMap,
    /// The mid of the m-line. It is sent when its header extension was negotiated.
    pub mid: Mid,
    /// The identifier of the encoding where a track has several (simulcast); else empty. It is sent when its header extension was
    /// negotiated: in media packets as `RtpStreamId`, in retransmissions as `RepairedRtpStreamId` (RFC 8852 §3).
    ///
    /// With RTX, packets stop to carry it once RTCP of the receiver has named their SSRC. Without RTX, all packets carry it: a
    /// packet that goes again has the same bytes.
    pub rid: Rid,
    /// The size in bytes of the largest datagram, with the overhead of [`protection`](Self::protection).
    pub mtu: usize,
    /// How many bytes SRTP, and any other layer below, adds to a packet.
    pub protection: usize,
    /// How many frames may wait to be sent.
    pub queue_frames: usize,
    /// How long a frame may wait. A frame that has waited longer is dropped as a whole. Video then continues with the
    /// next key frame.
    pub max_age: Duration,
    /// The capacity of the retransmission history. `packets: 0` switches retransmission off.
    pub history: HistoryConfig,
    /// The size in bytes of the largest key frame that will be sent. The history must have room for it.
    pub largest_key_frame: usize,
    /// Limits of retransmission.
    pub retransmit: RetransmitConfig,
    /// The delay that the application accepts for pictures without damage. It is a target. With zero a receiver never
    /// waits for lost packets.
    ///
    /// On a path with loss, the sender asks a video receiver to delay pictures long enough for one round of retransmission,
    /// or for two rounds if these fit into the target. That needs RTX and the playout-delay header extension. If one round
    /// takes longer than the target, the receiver is asked to wait for it all the same, but at most 500 ms.
    pub latency: Duration,
}

/// The stream of retransmissions (RFC 4588).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RtxConfig {
    /// The SSRC of the stream.
    pub ssrc: u32,
    /// The payload type of the stream.
    pub payload_type: u8,
    /// The first sequence number of the stream. It should be random.
    pub first_sequence: u16,
}

/// The stream of repair packets (RFC 5956 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RepairConfig {
    /// The SSRC of the stream.
    pub ssrc: u32,
    /// The payload type of the stream.
    pub payload_type: u8,
    /// The first sequence number of the stream. It should be random.
    pub first_sequence: u16,
}

/// Limits of retransmission. They keep a receiver from making the sender flood the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RetransmitConfig {
    /// How often one packet is retransmitted at most. At most 63.
    pub max_repeats: u8,
    /// How many retransmissions may wait.
    pub queue: usize,
    /// The bytes per second of retransmissions, on average.
    pub bytes_per_second: u32,
    /// The bytes of retransmissions that may leave at once.
    pub burst_bytes: u32,
}

impl RetransmitConfig {
    /// Limits for video of ordinary size: 4 Mbit/s of retransmissions.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_repeats: 10, queue: 256, bytes_per_second: 500_000, burst_bytes: 200_000 }
    }
}

impl Default for RetransmitConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// The capacity of a [`History`](crate::History).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HistoryConfig {
    /// How many packets are kept. At most 32,767, which is half of the sequence number space.
    pub packets: usize,
    /// How many frames are kept. It can be less than `packets` where frames take many packets.
    pub frames: usize,
    /// How many payload bytes of frames are kept. The newest frame is kept even when it alone is larger.
    pub bytes: usize,
    /// How long a packet is kept. At most 30 s.
    pub age: Duration,
}

impl HistoryConfig {
    /// The largest [`age`](Self::age). Send times are kept in 24 bits that wrap after 64 s.
    pub const MAX_AGE: Duration = Duration::from_secs(30);
    /// The largest [`packets`](Self::packets).
    pub const MAX_PACKETS: usize = 32_767;

    /// Checks every field.
    ///
    /// # Errors
    /// [`ConfigError`] names the field, the limit and the value. `history.age` is in milliseconds.
    pub const fn check(&self) -> Result<(), ConfigError> {
        match ConfigError::check("history.packets", self.packets as u64, Rule::AtMost(Self::MAX_PACKETS as u64)) {
            Ok(()) => {
                let most = Rule::AtMost(Self::MAX_AGE.as_millis() as u64);
                ConfigError::check("history.age", self.age.as_millis() as u64, most)
            }
            error => error,
        }
    }
}

impl SendConfig {
    /// A configuration for video of ordinary size: a history of 512 packets and 512 KiB, and frames that wait up to 1.5
    /// s.
    #[must_use]
    pub const fn video(ssrc: u32, payload_type: u8, format: PayloadFormat) -> Self {
        Self {
            ssrc,
            payload_type,
            format,
            first_sequence: 0,
            timestamp_offset: 0,
            rtx: None,
            repair: None,
            repair_packets: 8,
            red: None,
            extensions: ExtensionMap::new(),
            mid: Mid::new(),
            rid: Rid::new(),
            mtu: 1200,
            protection: 16,
            queue_frames: 16,
            max_age: Duration::from_millis(1_500),
            history: HistoryConfig { packets: 512, frames: 128, bytes: 512 * 1024, age: Duration::from_secs(3) },
            largest_key_frame: 192 * 1024,
            retransmit: RetransmitConfig::new(),
            latency: Duration::from_millis(100),
        }
    }

    /// A configuration for audio: a history of 64 packets, and frames that wait up to 200 ms.
    #[must_use]
    pub const fn audio(ssrc: u32, payload_type: u8, format: PayloadFormat) -> Self {
        let mut config = Self::video(ssrc, payload_type, format);
        config.queue_frames = 8;
        config.repair_packets = 0;
        config.max_age = Duration::from_millis(200);
        config.history = HistoryConfig { packets: 64, frames: 64, bytes: 32 * 1024, age: Duration::from_secs(1) };
        config.largest_key_frame = 1_000;
        config.retransmit =
            RetransmitConfig { max_repeats: 3, queue: 32, bytes_per_second: 32_000, burst_bytes: 8_000 };
        config
    }

    /// Retransmissions that are known to be on their way, and second copies that wait: only with RTX, where each
    /// transmission has a number of its own.
    pub(crate) const fn copies(&self) -> usize {
        if self.rtx.is_some() { self.retransmit.queue } else { 0 }
    }

    /// How many payload bytes a packet has room for when every negotiated extension is sent.
    ///
    /// # Errors
    /// [`ConfigError`] when `mtu` is too small. It names the smallest value and the present one.
    pub fn budget(&self) -> Result<usize, ConfigError> {
        let all = Extensions {
            audio_level: Some(AudioLevel { voice: false, level: 0 }),
            video_orientation: Some(0),
            playout_delay: Some(PlayoutDelay { min: 0, max: 0 }),
            ..self.stamped()
        };
        let overhead = self.overhead(&all, self.repairs());
        let least = overhead.saturating_add(MIN_BUDGET) as u64;
        ConfigError::check("mtu", self.mtu as u64, Rule::AtLeast(least))?;
        Ok(self.mtu.saturating_sub(overhead))
    }

    /// Whether there can be repair packets.
    pub(crate) const fn repairs(&self) -> bool {
        self.repair.is_some() && self.repair_packets > 0
    }

    /// Bytes of a datagram that are not payload, when these extensions are sent, and repair packets of what has them.
    pub(crate) fn overhead(&self, extensions: &Extensions<'_>, repaired: bool) -> usize {
        // A retransmission carries two bytes more (RFC 4588 §4) and must fit too; a repair packet carries its header
        // and its extensions in front of all that is behind the header of what it protects.
        let own = Extensions { abs_send_time: Some(0), transport_sequence: Some(0), ..Extensions::default() };
        let more = match (repaired, self.rtx) {
            (true, _) => REPAIR_HEADER_LEN.saturating_add(own.size(&self.extensions)),
            (false, Some(_)) => 2,
            (false, None) => 0,
        };
        // A retransmission names its encoding by another extension, which may need the longer form of all (RFC 8285 §4.3).
        let again =
            Extensions { rid: None, repaired_rid: extensions.rid.filter(|_| self.rtx.is_some()), ..*extensions };
        self.protection
            .saturating_add(HEADER_LEN)
            .saturating_add(extensions.size(&self.extensions).max(again.size(&self.extensions)))
            .saturating_add(more)
    }

    /// The extensions that every packet may get, values that change left at 0.
    pub(crate) fn stamped(&self) -> Extensions<'_> {
        Extensions {
            mid: Some(&self.mid).filter(|m| !m.is_empty()).map(|m| m.as_slice()),
            rid: Some(&self.rid).filter(|rid| !rid.is_empty()).map(|rid| rid.as_slice()),
            abs_send_time: Some(0),
            transport_sequence: Some(0),
            ..Extensions::default()
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the field, the limit and the value. [`Error::RtxSource`] and [`Error::RepairSource`]
    /// when two streams have the same SSRC.
    pub fn check(&self) -> Result<(), Error> {
        let budget = self.budget()?;
        ConfigError::check("payload_type", self.payload_type.into(), Rule::AtMost(127))?;
        ConfigError::check("red", self.red.unwrap_or(0).into(), Rule::AtMost(127))?;
        ConfigError::check("repair_packets", self.repair_packets as u64, Rule::AtMost(MAX_REPAIRS as u64))?;
        if let Some(repair) = self.repair {
            ConfigError::check("repair.payload_type", repair.payload_type.into(), Rule::AtMost(127))?;
            if repair.ssrc == self.ssrc || self.rtx.is_some_and(|rtx| rtx.ssrc == repair.ssrc) {
                return Err(Error::RepairSource { ssrc: repair.ssrc });
            }
        }
        if let Some(rtx) = self.rtx {
            ConfigError::check("rtx.payload_type", rtx.payload_type.into(), Rule::AtMost(127))?;
            if rtx.ssrc == self.ssrc {
                return Err(Error::RtxSource { ssrc: self.ssrc });
            }
        }
        ConfigError::check("retransmit.max_repeats", self.retransmit.max_repeats.into(), Rule::AtMost(63))?;
        self.history.check()?;
        if self.history.packets > 0 {
            // Each fragment loses up to three bytes to its header; a packet more for what is not fragmented evenly.
            let packets = self.largest_key_frame.div_ceil(budget.saturating_sub(3).max(1)).saturating_add(1);
            ConfigError::check("history.packets", self.history.packets as u64, Rule::AtLeast(packets as u64))?;
            let bytes = Rule::AtLeast(self.largest_key_frame as u64);
            ConfigError::check("history.bytes", self.history.bytes as u64, bytes)?;
            ConfigError::check("history.frames", self.history.frames as u64, Rule::AtLeast(1))?;
        }
        Ok(())
    }
}
