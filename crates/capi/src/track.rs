//! Tracks: frames that are sent and received.

use core::ffi::c_char;
use core::mem::size_of;

use barertc::arena::{Heap, Shared};
use barertc::wire::{ConfigError, Rule};
use barertc::{
    Codec, Direction, Error, Frame, FrameInfo, Framing, Instant, LocalCodec, MAX_NAME, MediaKind, PayloadFormat,
    TrackConfig,
};

use crate::handle::{self, Memory, brtc_connection};
use crate::raw;
use crate::result::{Cause, brtc_result, of};

/// A codec.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brtc_codec {
    /// None.
    BRTC_NO_CODEC = 0,
    /// H.264, Constrained Baseline, level 3.1 (RFC 6184). 90,000 ticks a second.
    BRTC_H264 = 1,
    /// H.265, Main profile, level 3.1 (RFC 7798). 90,000 ticks a second.
    BRTC_H265 = 2,
    /// VP8 (RFC 7741). 90,000 ticks a second.
    BRTC_VP8 = 3,
    /// Opus (RFC 7587). 48,000 ticks a second.
    BRTC_OPUS = 4,
    /// G.711 µ-law. 8,000 ticks a second.
    BRTC_PCMU = 5,
    /// G.711 A-law. 8,000 ticks a second.
    BRTC_PCMA = 6,
    /// VP9, profile 0 (RFC 9628). A frame is what an encoder gives out for a picture. 90,000 ticks a second.
    BRTC_VP9 = 7,
    /// AV1, Main profile, level 3.1. A frame is a temporal unit, whose units have sizes. 90,000 ticks a second.
    BRTC_AV1 = 8,
}

/// What a side does with a track.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brtc_direction {
    /// This side sends and receives.
    BRTC_SENDRECV = 0,
    /// This side sends.
    BRTC_SENDONLY = 1,
    /// This side receives.
    BRTC_RECVONLY = 2,
    /// Nobody sends.
    BRTC_INACTIVE = 3,
}

/// How the NAL units of H.264 and H.265 follow each other in a frame.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brtc_framing {
    /// Start codes `00 00 01` or `00 00 00 01` (ITU-T H.264 annex B).
    BRTC_ANNEX_B = 0,
    /// A length of two bytes before each, its most significant byte first.
    BRTC_LENGTH2 = 1,
    /// A length of four bytes before each, its most significant byte first.
    BRTC_LENGTH4 = 2,
}

/// The most codecs of a track in this interface.
pub const BRTC_MAX_CODECS: usize = 4;

/// A track that is to be added. `brtc_track_config_init` fills in one that sends, without codecs.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct brtc_track_config {
    /// Bytes of this structure.
    pub size: u32,
    /// What this side would like to do: a `brtc_direction`.
    pub direction: u32,
    /// The codecs, each a `brtc_codec`, in order of preference, all of video or all of audio; `BRTC_NO_CODEC` behind the last.
    pub codecs: [u32; 4],
    /// The name of its m-line in offers of ours; null for a number.
    pub mid: *const c_char,
    /// The id of the media stream that it sends; null for none. Tracks with the same id are played in step.
    pub stream: *const c_char,
}

raw::growing!(brtc_track_config, "track_config.size");

/// What was agreed on for a track.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct brtc_track {
    /// Bytes of this structure, set by the caller.
    pub size: u32,
    /// What this side would like to do: a `brtc_direction`.
    pub direction: u32,
    /// What was agreed on: a `brtc_direction`, `BRTC_INACTIVE` before there is an agreement.
    pub current_direction: u32,
    /// The codec that is sent with: a `brtc_codec`, `BRTC_NO_CODEC` before one was agreed on.
    pub codec: u32,
    /// The source of what this side sends.
    pub ssrc: u32,
}

raw::growing!(brtc_track, "track.size");

/// A frame that is to be sent: one access unit of video, or one packet of audio.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct brtc_frame {
    /// What it is encoded with: a `brtc_codec`.
    pub codec: u32,
    /// How its NAL units follow each other, for H.264 and H.265: a `brtc_framing`.
    pub framing: u32,
    /// Media time in ticks of the codec's clock, from any origin. It wraps.
    pub timestamp: u32,
    /// Zero.
    pub reserved: u32,
    /// Its bytes. They are copied.
    pub data: *const u8,
    /// How many bytes.
    pub length: usize,
}

/// A frame that was received.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct brtc_received_frame {
    /// Bytes in the caller's buffer.
    pub length: usize,
    /// The timestamp of RTP, in ticks of the codec's clock.
    pub timestamp: u32,
    /// Packets that were given up between the frame before and the end of this one.
    pub lost: u32,
    /// When its first packet arrived, in microseconds of the caller's clock.
    pub arrived: u64,
    /// 1 where a decoder can start here.
    pub key: u8,
    /// 1 where nothing of it is missing. NAL units are set apart by start codes.
    pub complete: u8,
}

impl brtc_track_config {
    const fn defaults() -> Self {
        Self {
            size: size_of::<Self>() as u32,
            direction: brtc_direction::BRTC_SENDONLY as u32,
            codecs: [0; BRTC_MAX_CODECS],
            mid: core::ptr::null(),
            stream: core::ptr::null(),
        }
    }

    /// # Safety
    /// `mid` and `stream` are as the rules of this crate say.
    unsafe fn config(&self) -> Result<TrackConfig, Cause> {
        // SAFETY: the caller's promise is passed on.
        let (mid, stream) =
            unsafe { (raw::c_text("mid", self.mid, MAX_NAME)?, raw::c_text("stream", self.stream, MAX_NAME)?) };
        let direction = direction(self.direction)?;
        let mut codecs = [None; BRTC_MAX_CODECS];
        let given = self.codecs.iter().take_while(|codec| **codec != 0);
        for (to, codec) in codecs.iter_mut().zip(given) {
            *to = Some(local_codec(*codec)?);
        }
        let kind = codecs.first().copied().flatten().map_or(MediaKind::Video, |codec| codec.kind());
        for codec in codecs.iter().flatten() {
            if codec.kind() != kind {
                return Err(Cause::MixedCodecs);
            }
        }
        let mut config = TrackConfig::sendrecv(kind, mid, stream, codecs.into_iter().flatten())?;
        config.direction = direction;
        Ok(config)
    }
}

/// Fills in a track that sends. `size` is `sizeof(brtc_track_config)` of the caller. `codecs` is to be set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_track_config_init(config: *mut brtc_track_config, size: usize) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    of(unsafe { raw::write_sized(config, brtc_track_config::defaults(), size) })
}

/// Adds a track, to be part of the next description. `track` becomes its number: 0 for the first, 1 for the second.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_add_track(
    now: u64,
    connection: *mut brtc_connection,
    config: *const brtc_track_config,
    track: *mut u32,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let config = raw::read(config, brtc_track_config::defaults())?.config()?;
            raw::put("track", track, u32::MAX)?;
            let id = inside.peer.add_track(Instant::from_micros(now), config)?;
            if let Some(slot) = inside.tracks.get_mut(id.index()) {
                *slot = Some(id);
            }
            raw::put("track", track, id.index() as u32)
        })
    }
}

/// What a track shall do from the next description on. `wanted` is a `brtc_direction`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_set_direction(
    now: u64,
    connection: *mut brtc_connection,
    track: u32,
    wanted: u32,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let id = inside.track(track)?;
            Ok(inside.peer.set_direction(Instant::from_micros(now), id, direction(wanted)?)?)
        })
    }
}

/// Sends a frame. Its bytes are copied into `frame_memory`.
///
/// `BRTC_WOULD_BLOCK`: the queue or the memory for frames is full. Leave the picture out and make the next one a key frame.
/// No event tells of room: it comes while `brtc_poll_transmit` is called.
/// `BRTC_NOT_READY`: nobody wants frames now, as `brtc_is_sending` says.
/// `BRTC_MEDIA`: another codec was agreed on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_send_frame(
    now: u64,
    connection: *mut brtc_connection,
    track: u32,
    frame: *const brtc_frame,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let id = inside.track(track)?;
            let frame = raw::get("frame", frame)?;
            let bytes = raw::bytes("frame.data", frame.data, frame.length)?;
            let (format, framing) = (format(frame.codec)?, framing(frame.framing)?);
            let info = FrameInfo { timestamp: frame.timestamp, ..FrameInfo::default() };
            // Both laws of G.711 have one payload format.
            let agreed =
                inside.peer.track(id).map_or(brtc_codec::BRTC_NO_CODEC, |track| codec_number(track.codec.as_ref()));
            if format == PayloadFormat::G711 && agreed != brtc_codec::BRTC_NO_CODEC && agreed as u32 != frame.codec {
                return Err(Cause::Peer(Error::Media(barertc::rtcp_nack::Error::WrongFormat)));
            }
            let copied = copy(bytes, inside.frames)?;
            let frame = match Frame::new(copied, format, framing, info, inside.frames) {
                Err(barertc::rtp::Error::NoMemory) => return Err(no_room(bytes, inside.frames)),
                Err(error) => return Err(Cause::Frame(error)),
                Ok(frame) => frame,
            };
            Ok(inside.peer.send_frame(Instant::from_micros(now), id, &frame)?)
        })
    }
}

/// `BRTC_OK` where frames of this track are wanted now, else `BRTC_NOTHING`: encode nothing then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_is_sending(connection: *mut brtc_connection, track: u32) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let id = inside.track(track)?;
            if inside.peer.is_sending(id) { Ok(()) } else { Err(Cause::Nothing) }
        })
    }
}

/// Reads the next frame that a track has received into `out`. `BRTC_NOTHING` where there is none.
///
/// A frame that is larger than `out`, or of which packets were lost for good, is not `complete`. A `size` of 0 gives
/// `BRTC_BUFFER_TOO_SHORT`, and the frame stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_read_frame(
    now: u64,
    connection: *mut brtc_connection,
    track: u32,
    out: *mut u8,
    size: usize,
    frame: *mut brtc_received_frame,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            // Checked before: a frame that could not be told of would be lost.
            raw::put("frame", frame, brtc_received_frame::default())?;
            let id = inside.track(track)?;
            let out = raw::bytes_mut("out", out, size)?;
            if out.is_empty() {
                return Err(Cause::Short { needed: 1 });
            }
            let read = match inside.peer.read_frame(Instant::from_micros(now), id, out) {
                Err(Error::WouldBlock) => return Err(Cause::Nothing),
                read => read?,
            };
            let told = brtc_received_frame {
                length: read.len,
                timestamp: read.timestamp,
                lost: read.lost,
                arrived: read.arrived.as_micros(),
                key: read.key.into(),
                complete: read.complete.into(),
            };
            raw::put("frame", frame, told)
        })
    }
}

/// Asks the peer for a key frame of a video track that we receive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_request_key_frame(now: u64, connection: *mut brtc_connection, track: u32) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let id = inside.track(track)?;
            Ok(inside.peer.request_key_frame(Instant::from_micros(now), id)?)
        })
    }
}

/// What the path carries, in bits a second, as far as the peer's feedback tells. `BRTC_NOTHING` before there was feedback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_available_bitrate(
    connection: *mut brtc_connection,
    bits_per_second: *mut u64,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let bits = inside.peer.available_outgoing_bitrate().ok_or(Cause::Nothing)?;
            raw::put("bits_per_second", bits_per_second, bits)
        })
    }
}

/// Sends more than the estimate for a tenth of a second, to learn whether the path carries so many bits a second.
/// `BRTC_EVENT_BITRATE` tells the outcome a little later. Where there is not enough to send, packets of video go once more.
/// `BRTC_NOT_READY` where no track sends, as `brtc_is_sending` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_probe(now: u64, connection: *mut brtc_connection, bits_per_second: u64) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let at_least = ConfigError::check("bits_per_second", bits_per_second, Rule::AtLeast(1));
            at_least.map_err(Cause::Argument)?;
            if !inside.tracks.iter().flatten().any(|track| inside.peer.is_sending(*track)) {
                return Err(Cause::Peer(Error::NotReady));
            }
            inside.peer.probe(Instant::from_micros(now), bits_per_second);
            Ok(())
        })
    }
}

/// Tells what was agreed on for a track. The caller sets `size` to `sizeof(brtc_track)` first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_get_track(
    connection: *mut brtc_connection,
    track: u32,
    info: *mut brtc_track,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let id = inside.track(track)?;
            let now = inside.peer.track(id).ok_or(Cause::Peer(Error::NoSuchTrack))?;
            let value = brtc_track {
                size: 0,
                direction: direction_number(now.direction),
                current_direction: direction_number(now.current_direction),
                codec: codec_number(now.codec.as_ref()) as u32,
                ssrc: now.ssrc,
            };
            raw::write(info, value)
        })
    }
}

fn copy(bytes: &[u8], frames: Memory) -> Result<Shared<[u8], Memory>, Cause> {
    Shared::try_from_slice(bytes, frames).map_err(|_| no_room(bytes, frames))
}

/// Why there is no room for a frame: none now, or never.
fn no_room(bytes: &[u8], frames: Memory) -> Cause {
    let stats = frames.stats();
    let needed = bytes.len().saturating_add(Frame::<Memory>::overhead_bytes(0)).saturating_add(Heap::region_overhead());
    if needed > stats.capacity || stats.live == 0 {
        Cause::FrameTooLarge { needed, limit: stats.capacity }
    } else {
        Cause::FrameMemory { needed, free: stats.capacity.saturating_sub(stats.live) }
    }
}

fn direction(direction: u32) -> Result<Direction, Cause> {
    Ok(match direction {
        0 => Direction::SendRecv,
        1 => Direction::SendOnly,
        2 => Direction::RecvOnly,
        3 => Direction::Inactive,
        value => return Err(Cause::NoValue { field: "direction", value: value.into() }),
    })
}

pub(crate) fn local_codec(codec: u32) -> Result<LocalCodec, Cause> {
    Ok(match codec {
        1 => LocalCodec::h264(),
        2 => LocalCodec::h265(),
        3 => LocalCodec::vp8(),
        4 => LocalCodec::opus(),
        5 => LocalCodec::pcmu(),
        6 => LocalCodec::pcma(),
        7 => LocalCodec::vp9(),
        8 => LocalCodec::av1(),
        value => return Err(Cause::NoValue { field: "codec", value: value.into() }),
    })
}

fn format(codec: u32) -> Result<PayloadFormat, Cause> {
    Ok(match codec {
        1 => PayloadFormat::H264,
        2 => PayloadFormat::H265,
        3 => PayloadFormat::Vp8,
        4 => PayloadFormat::Opus,
        5 | 6 => PayloadFormat::G711,
        7 => PayloadFormat::Vp9,
        8 => PayloadFormat::Av1,
        value => return Err(Cause::NoValue { field: "codec", value: value.into() }),
    })
}

fn framing(framing: u32) -> Result<Framing, Cause> {
    Ok(match framing {
        0 => Framing::AnnexB,
        1 => Framing::Length2,
        2 => Framing::Length4,
        value => return Err(Cause::NoValue { field: "framing", value: value.into() }),
    })
}

const fn direction_number(direction: Direction) -> u32 {
    let direction = match direction {
        Direction::SendRecv => brtc_direction::BRTC_SENDRECV,
        Direction::SendOnly => brtc_direction::BRTC_SENDONLY,
        Direction::RecvOnly => brtc_direction::BRTC_RECVONLY,
        Direction::Inactive => brtc_direction::BRTC_INACTIVE,
    };
    direction as u32
}

const fn codec_number(codec: Option<&Codec>) -> brtc_codec {
    match codec {
        Some(Codec::H264(_)) => brtc_codec::BRTC_H264,
        Some(Codec::H265 { .. }) => brtc_codec::BRTC_H265,
        Some(Codec::Vp8) => brtc_codec::BRTC_VP8,
        Some(Codec::Opus { .. }) => brtc_codec::BRTC_OPUS,
        Some(Codec::Pcmu) => brtc_codec::BRTC_PCMU,
        Some(Codec::Pcma) => brtc_codec::BRTC_PCMA,
        Some(Codec::Vp9 { .. }) => brtc_codec::BRTC_VP9,
        Some(Codec::Av1 { .. }) => brtc_codec::BRTC_AV1,
        _ => brtc_codec::BRTC_NO_CODEC,
    }
}
