use core::time::Duration;

use barertc_rtp::{
    AudioLevel, ExtensionMap, Extensions, HEADER_LEN, MIN_BUDGET, PayloadFormat, PlayoutDelay, REPAIR_HEADER_LEN,
};
use barertc_wire::{ConfigError, Rule};

use crate::error::Error;

/// The largest [`SendConfig::repair_packets`].
pub(crate) const MAX_REPAIRS: usize = 16;

/// A media identification that is sent in a header extension: at most 32 bytes.
pub type Mid = heapless::Vec<u8, 32>;

/// How one stream is sent.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SendConfig {
    /// Synchronisation source.
    pub ssrc: u32,
    /// Payload type, 7 bits.
    pub payload_type: u8,
    /// What is sent.
    pub format: PayloadFormat,
    /// Where sequence numbers start: random (RFC 3550 section 5.1), best below 2¹⁵ so that SRTP's roll-over counter is
    /// told apart even when the first packets are lost.
    pub first_sequence: u16,
    /// Random offset of timestamps (RFC 3550 section 5.1).
    pub timestamp_offset: u32,
    /// Retransmission as a stream of its own (RFC 4588); without it lost packets are sent again as they were.
    pub rtx: Option<RtxConfig>,
    /// Repair packets of video (FlexFEC), where they are negotiated.
    ///
    /// They are sent while packets are lost and a retransmission would come later than [`latency`](Self::latency), or while
    /// more than 8 % are lost: about one for three packets at 5 % of loss, and none on a clean path.
    pub repair: Option<RepairConfig>,
    /// Repair packets that can be in the making at the same time, each of the size of a packet; 0 switches them off. At most
    /// 16.
    pub repair_packets: usize,
    /// Payload type of packets of sound that carry earlier frames too (RFC 2198), where it is negotiated. From 1 % of loss on
    /// a packet has the frame before it, from 8 % on two. Such packets are not sent again.
    pub red: Option<u8>,
    /// Negotiated header extensions.
    pub extensions: ExtensionMap,
    /// `a=mid` of the media section, sent when that extension is negotiated.
    pub mid: Mid,
    /// Largest datagram handed to the transport below, protection included.
    pub mtu: usize,
    /// Bytes that SRTP (and whatever else stands between this stream and the datagram) adds to a packet.
    pub protection: usize,
    /// Frames that can wait to be sent.
    pub queue_frames: usize,
    /// Frames that have waited longer are dropped whole instead of being sent; video then goes on at the next key
    /// frame.
    pub max_age: Duration,
    /// Capacity of the retransmission history; `packets: 0` switches retransmission off.
    pub history: HistoryConfig,
    /// The largest key frame there will be, in bytes: the history must hold it.
    pub largest_key_frame: usize,
    /// Limits on retransmission.
    pub retransmit: RetransmitConfig,
    /// How much delay the application can bear for pictures that are whole: a target. Zero means that a receiver never
    /// waits for what is lost.
    ///
    /// On a lossy path video receivers are asked to hold pictures back for one round of retransmission, and for a second
    /// one where it fits in here. That needs RTX and the extension for playout delay. A path whose one round is longer
    /// than the target misses it: up to 500 ms are asked for.
    pub latency: Duration,
}

/// The stream that retransmissions are sent on (RFC 4588).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RtxConfig {
    /// Its source.
    pub ssrc: u32,
    /// Its payload type.
    pub payload_type: u8,
    /// Where its sequence numbers start: random.
    pub first_sequence: u16,
}

/// The stream that repair packets are sent on (RFC 5956 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RepairConfig {
    /// Its source.
    pub ssrc: u32,
    /// Its payload type.
    pub payload_type: u8,
    /// Where its sequence numbers start: random.
    pub first_sequence: u16,
}

/// Limits on retransmission, so that a receiver can't make a sender flood the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RetransmitConfig {
    /// How often one packet is sent again; at most 63.
    pub max_repeats: u8,
    /// Retransmissions that can wait.
    pub queue: usize,
    /// Bytes a second of retransmissions, on average.
    pub bytes_per_second: u32,
    /// Bytes of retransmissions at once.
    pub burst_bytes: u32,
}

impl RetransmitConfig {
    /// What video of ordinary size needs: at most 4 Mbit/s of retransmissions.
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

/// Capacity of a [`History`](crate::History).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HistoryConfig {
    /// Most packets. At most 32,767, half of the sequence number space.
    pub packets: usize,
    /// Most frames; fewer than packets where frames are large.
    pub frames: usize,
    /// Most payload bytes of frames that are kept alive. The newest frame stays even when it alone is larger.
    pub bytes: usize,
    /// How long a packet can be asked for again; at most 30 s.
    pub age: Duration,
}

impl HistoryConfig {
    /// Longest age: send times are kept in 24 bits that wrap after 64 s.
    pub const MAX_AGE: Duration = Duration::from_secs(30);
    /// Most packets.
    pub const MAX_PACKETS: usize = 32_767;

    /// Checks every field.
    ///
    /// # Errors
    /// Names the field, the limit and the value; `history.age` in milliseconds.
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
    /// Video of ordinary size: half a megabyte and 512 packets of history, half a second of queue.
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

    /// Audio: a small history, and nothing is sent late.
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

    /// Room for payload when every negotiated extension is sent.
    ///
    /// # Errors
    /// Names `mtu`, the least that is needed and what it is.
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
        // A retransmission carries two bytes more (RFC 4588 section 4) and must fit too; a repair packet carries its header
        // and its extensions in front of all that is behind the header of what it protects.
        let own = Extensions { abs_send_time: Some(0), transport_sequence: Some(0), ..Extensions::default() };
        let more = match (repaired, self.rtx) {
            (true, _) => REPAIR_HEADER_LEN.saturating_add(own.size(&self.extensions)),
            (false, Some(_)) => 2,
            (false, None) => 0,
        };
        self.protection
            .saturating_add(HEADER_LEN)
            .saturating_add(extensions.size(&self.extensions))
            .saturating_add(more)
    }

    /// The extensions that every packet gets, values that change left at 0.
    pub(crate) fn stamped(&self) -> Extensions<'_> {
        Extensions {
            mid: Some(&self.mid).filter(|m| !m.is_empty()).map(|m| m.as_slice()),
            abs_send_time: Some(0),
            transport_sequence: Some(0),
            ..Extensions::default()
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the field, the limit and the value; [`Error::RtxSource`].
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
