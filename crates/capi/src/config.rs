//! Bounds of a connection, and the memory that follows from them.

use core::ffi::{c_char, c_void};
use core::mem::size_of;
use core::time::Duration;

use barertc::arena::Heap;
use barertc::config::{RecvBounds, SctpConfig};
use barertc::sctp::Congestion;
use barertc::wire::{ConfigError, Rule};
use barertc::{Config, Frame};

use crate::handle::Memory;
use crate::log::brtc_log;
use crate::raw;
use crate::result::{Cause, brtc_result, of};
use crate::seed::brtc_random;
use crate::text;

/// The version of this interface: major version times 10000, minor times 100, patch.
pub const BRTC_VERSION: u32 = 100;

/// Bounds of a connection. `brtc_config_init` fills it in with defaults: a device that sends one video and one audio track
/// to a browser and has a few data channels.
// More than fifteen fields: one for each bound of a connection that a program in C may set.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct brtc_config {
    /// Bytes of this structure.
    pub size: u32,
    /// The largest datagram, in bytes of UDP payload; 576 to 65507.
    pub mtu: u16,
    /// The most tracks, in either direction; at most 16.
    pub max_tracks: u8,
    /// The most data channels at a time.
    pub max_channels: u8,
    /// Bytes of messages that are kept until the peer has acknowledged them.
    pub send_buffer: u32,
    /// Bytes of messages that are kept until they are read.
    pub receive_buffer: u32,
    /// The longest message that is taken from the peer, in bytes.
    pub max_message_size: u32,
    /// Bytes of the region for frames. A frame stays from `brtc_send_frame` until nobody can ask for its packets again. 0
    /// for a connection that sends no media; else a little more than `video_history` and `largest_key_frame` together.
    /// That is checked for one video track: each further one needs as much again.
    pub frame_memory: u32,
    /// Bytes of frames that are kept for retransmission, for each video track that sends.
    pub video_history: u32,
    /// The largest key frame that will be sent, in bytes.
    pub largest_key_frame: u32,
    /// How much delay the application can bear for pictures that are whole, in milliseconds. 0: it never waits.
    pub latency_ms: u32,
    /// Repair packets (FlexFEC) of video in the making at a time; 0 for none, at most 16.
    pub repair_packets: u8,
    /// How many tracks can receive video at a time. Each takes about 400 KB.
    pub receive_video: u8,
    /// How many tracks can receive audio at a time. Each takes about 40 KB.
    pub receive_audio: u8,
    /// How many TURN servers there may be.
    pub max_turn_servers: u8,
    /// Only relayed addresses are told and used: 0 or 1.
    pub relay_only: u8,
    /// ICE lite, for hosts with public addresses (RFC 8445 §2.5): 0 or 1.
    pub ice_lite: u8,
    /// Our offers have `a=sctp-init` (draft-hancke-tsvwg-snap-00): 0 or 1.
    pub snap: u8,
    /// Our offers say that checks carry DTLS (draft-hancke-webrtc-sped): 0 or 1.
    pub sped: u8,
    /// Where the estimate of the bit rate begins, in bits a second.
    pub start_bitrate: u64,
    /// The estimate never falls below this, in bits a second.
    pub min_bitrate: u64,
    /// The estimate never rises above this, in bits a second.
    pub max_bitrate: u64,
    /// Where randomness comes from. It is called in `brtc_connection_create` only.
    pub random: brtc_random,
    /// The first argument of `random`.
    pub random_context: *mut c_void,
    /// Where lines of the log go; null for nowhere.
    pub log: brtc_log,
    /// The first argument of `log`.
    pub log_context: *mut c_void,
}

raw::growing!(brtc_config, "config.size");

impl brtc_config {
    const fn defaults() -> Self {
        let config = Config::new();
        Self {
            size: size_of::<Self>() as u32,
            mtu: config.mtu,
            max_tracks: config.max_tracks,
            max_channels: config.sctp.max_channels as u8,
            send_buffer: config.sctp.send_buffer,
            receive_buffer: config.sctp.receive_buffer,
            max_message_size: config.max_message_size,
            frame_memory: 384 << 10,
            video_history: 128 << 10,
            largest_key_frame: 96 << 10,
            latency_ms: config.video.latency.as_millis() as u32,
            repair_packets: config.video.repair_packets as u8,
            receive_video: 0,
            receive_audio: 0,
            max_turn_servers: config.ice.max_relays as u8,
            relay_only: 0,
            ice_lite: 0,
            snap: 0,
            sped: 0,
            start_bitrate: config.bandwidth.start,
            min_bitrate: config.bandwidth.min,
            max_bitrate: config.bandwidth.max,
            random: None,
            random_context: core::ptr::null_mut(),
            log: None,
            log_context: core::ptr::null_mut(),
        }
    }

    /// The configuration of the connection, checked.
    pub(crate) fn config(&self) -> Result<Config, Cause> {
        let mut config = Config::new();
        config.mtu = self.mtu;
        config.max_tracks = self.max_tracks;
        config.max_message_size = self.max_message_size;
        config.sctp = SctpConfig::with_buffers(self.send_buffer, self.receive_buffer);
        config.sctp.max_channels = self.max_channels.into();
        config.sctp.congestion = Congestion::Paced;
        config.sctp.mtu = u16::MAX;
        config.video.history.bytes = self.video_history as usize;
        config.video.largest_key_frame = self.largest_key_frame as usize;
        config.video.latency = Duration::from_millis(self.latency_ms.into());
        config.video.repair_packets = self.repair_packets.into();
        config.recv_video = RecvBounds::video(self.receive_video);
        config.recv_audio = RecvBounds::audio(self.receive_audio);
        config.ice.max_relays = self.max_turn_servers.into();
        config.ice.relay_only = self.relay_only != 0;
        config.ice.lite = self.ice_lite != 0;
        config.snap = self.snap != 0;
        config.sped = self.sped != 0;
        config.bandwidth.start = self.start_bitrate;
        config.bandwidth.min = self.min_bitrate;
        config.bandwidth.max = self.max_bitrate;
        self.check().and_then(|()| config.check()).map_err(barertc::Error::Config)?;
        Ok(config)
    }

    /// The rules that only this interface has.
    fn check(&self) -> Result<(), ConfigError> {
        if self.frame_memory != 0 {
            let beside = Heap::region_overhead().saturating_mul(2).saturating_add(Frame::<Memory>::overhead_bytes(0));
            let least = u64::from(self.video_history).saturating_add(self.largest_key_frame.into());
            let least = least.saturating_add(beside as u64);
            ConfigError::check("frame_memory", self.frame_memory.into(), Rule::AtLeast(least))?;
        }
        ConfigError::check("repair_packets", self.repair_packets.into(), Rule::AtMost(16))?;
        ConfigError::check("max_channels", self.max_channels.into(), Rule::AtLeast(1))?;
        ConfigError::check("min_bitrate", self.min_bitrate, Rule::AtMost(self.max_bitrate))?;
        ConfigError::check_range("start_bitrate", self.start_bitrate, self.min_bitrate, self.max_bitrate)
    }
}

/// Fills in a configuration with defaults. `size` is `sizeof(brtc_config)` of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_config_init(config: *mut brtc_config, size: usize) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    of(unsafe { raw::write_sized(config, brtc_config::defaults(), size) })
}

/// Checks a configuration. Where it breaks a rule, the first field that does is written to `out`, with the limit and the
/// value. `out` may be null where `size` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_config_check(config: *const brtc_config, out: *mut c_char, size: usize) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    let checked = unsafe { read(config) }.and_then(|config| config.config().map(drop));
    if let Err(cause) = checked {
        // SAFETY: as the rules of this crate say. That a text was cut matters less than its cause.
        let _ = unsafe { text::give(out, size, core::ptr::null_mut(), cause) };
    }
    of(checked)
}

/// The length in bytes of the longest description of a connection with this configuration, with the zero byte at its end. 0 when the
/// configuration is not valid. Each rejected m-line of the peer's offer takes up to 544 bytes more. An answer rejects m-lines when the
/// offer has more of them than this side has tracks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_description_bytes(config: *const brtc_config) -> usize {
    // SAFETY: as the rules of this crate say.
    let read = unsafe { read(config) };
    read.and_then(|ours| Ok(ours.config()?.max_description_bytes().saturating_add(1))).unwrap_or(0)
}

/// The version of the library: `BRTC_VERSION` of the header that it was made with.
#[unsafe(no_mangle)]
pub extern "C" fn brtc_version() -> u32 {
    BRTC_VERSION
}

/// A configuration of the caller, in our version of it.
///
/// # Safety
/// As [`raw::read`].
pub(crate) unsafe fn read(config: *const brtc_config) -> Result<brtc_config, Cause> {
    // SAFETY: the caller's promise is passed on.
    unsafe { raw::read(config, brtc_config::defaults()) }
}
