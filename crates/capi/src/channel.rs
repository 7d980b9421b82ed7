//! Data channels.

use core::ffi::c_char;
use core::mem::size_of;

use barertc::{ChannelConfig, Error, Instant, MessageKind, Reliability};

use crate::handle::{self, Inside, brtc_connection};
use crate::raw;
use crate::result::{Cause, brtc_result, of};
use crate::text;

/// The longest label or subprotocol.
const MAX_LABEL: usize = 1_024;
/// In `negotiated_id`: the channel is opened by a message to the peer.
pub const BRTC_NOT_NEGOTIATED: u32 = 0xFFFF_FFFF;

/// What a message is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brtc_message_kind {
    /// Text in UTF-8. It is not checked.
    BRTC_TEXT = 0,
    /// Bytes.
    BRTC_BINARY = 1,
}

/// When a message that is not acknowledged is given up (RFC 3758).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum brtc_reliability {
    /// Never.
    BRTC_RELIABLE = 0,
    /// After `limit` retransmissions, at most 65535.
    BRTC_MAX_RETRANSMITS = 1,
    /// `limit` milliseconds after it was written.
    BRTC_MAX_LIFETIME = 2,
}

/// A data channel that is to be opened. `brtc_channel_config_init` fills in an ordered and reliable one.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct brtc_channel_config {
    /// Bytes of this structure.
    pub size: u32,
    /// A `brtc_reliability`.
    pub reliability: u32,
    /// Retransmissions or milliseconds, as `reliability` says.
    pub limit: u32,
    /// The stream id that both applications have agreed on, or `BRTC_NOT_NEGOTIATED`.
    pub negotiated_id: u32,
    /// Share among the channels that have something to send (RFC 8831 §6.4): 128, 256, 512, 1024.
    pub priority: u16,
    /// Whether messages arrive in the order that they were written in: 0 or 1.
    pub ordered: u8,
    /// Zero.
    pub reserved: u8,
    /// Its name, which may be null for none.
    pub label: *const c_char,
    /// The subprotocol, which may be null for none.
    pub protocol: *const c_char,
}

raw::growing!(brtc_channel_config, "channel_config.size");

/// What was read from a data channel.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct brtc_message {
    /// Bytes of the message in the caller's buffer.
    pub length: usize,
    /// A `brtc_message_kind`.
    pub kind: u32,
    /// 1 where the message is complete with them; 0 where more of it follows.
    pub complete: u32,
}

impl brtc_channel_config {
    const fn defaults() -> Self {
        Self {
            size: size_of::<Self>() as u32,
            reliability: brtc_reliability::BRTC_RELIABLE as u32,
            limit: 0,
            negotiated_id: BRTC_NOT_NEGOTIATED,
            priority: 256,
            ordered: 1,
            reserved: 0,
            label: core::ptr::null(),
            protocol: core::ptr::null(),
        }
    }

    /// # Safety
    /// Label and protocol are as the rules of this crate say, during `'a`.
    unsafe fn config<'a>(&self) -> Result<ChannelConfig<'a>, Cause> {
        let narrow = |field, value: u32| {
            u16::try_from(value).or_else(|_| Cause::at_most(field, value.into(), u16::MAX.into()).map(|()| u16::MAX))
        };
        let reliability = match self.reliability {
            0 => Reliability::Reliable,
            1 => Reliability::MaxRetransmits(narrow("limit", self.limit)?),
            2 => Reliability::MaxLifetime(self.limit),
            value => return Err(Cause::NoValue { field: "reliability", value: value.into() }),
        };
        let negotiated = match self.negotiated_id {
            BRTC_NOT_NEGOTIATED => None,
            id => Some(narrow("negotiated_id", id)?),
        };
        // SAFETY: the caller's promise is passed on.
        let (label, protocol) = unsafe {
            (raw::c_text("label", self.label, MAX_LABEL)?, raw::c_text("protocol", self.protocol, MAX_LABEL)?)
        };
        let ordered = self.ordered != 0;
        Ok(ChannelConfig { label, protocol, ordered, reliability, negotiated, priority: self.priority })
    }
}

/// Fills in a channel's properties: ordered, reliable, without a name. `size` is `sizeof(brtc_channel_config)` of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_channel_config_init(config: *mut brtc_channel_config, size: usize) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    of(unsafe { raw::write_sized(config, brtc_channel_config::defaults(), size) })
}

/// Data channels shall be part of the next description, though this side opens none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_add_data(now: u64, connection: *mut brtc_connection) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe { handle::with(connection, |inside| Ok(inside.peer.add_data(Instant::from_micros(now))?)) }
}

/// Opens a data channel; `BRTC_EVENT_CHANNEL_OPEN` follows. `channel` becomes its number, which is never 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_open_channel(
    now: u64,
    connection: *mut brtc_connection,
    config: *const brtc_channel_config,
    channel: *mut u32,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let config = raw::read(config, brtc_channel_config::defaults())?.config()?;
            raw::put("channel", channel, 0)?;
            let id = inside.peer.open_channel(Instant::from_micros(now), &config)?;
            raw::put("channel", channel, inside.channels.number(id))
        })
    }
}

/// Closes a data channel: what was written is still sent. `BRTC_EVENT_CHANNEL_CLOSED` follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_close_channel(now: u64, connection: *mut brtc_connection, channel: u32) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let id = inside.channels.id(channel)?;
            Ok(inside.peer.close_channel(Instant::from_micros(now), id)?)
        })
    }
}

/// Writes a whole message, or nothing. `kind` is a `brtc_message_kind`.
///
/// `BRTC_WOULD_BLOCK`: there is no room now, and `BRTC_EVENT_CHANNEL_WRITABLE` follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_write_channel(
    now: u64,
    connection: *mut brtc_connection,
    channel: u32,
    kind: u32,
    message: *const u8,
    length: usize,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let (id, kind) = (inside.channels.id(channel)?, message_kind(kind)?);
            let message = raw::bytes("message", message, length)?;
            Ok(inside.peer.write_channel(Instant::from_micros(now), id, kind, message)?)
        })
    }
}

/// Begins a message that is written in pieces, and so may be longer than the send buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_begin_message(
    now: u64,
    connection: *mut brtc_connection,
    channel: u32,
    kind: u32,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let (id, kind) = (inside.channels.id(channel)?, message_kind(kind)?);
            Ok(inside.peer.begin_message(Instant::from_micros(now), id, kind)?)
        })
    }
}

/// Adds to the message under way. `taken` becomes the number of bytes that were taken; the rest is to be offered again
/// after `BRTC_EVENT_CHANNEL_WRITABLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_append_message(
    now: u64,
    connection: *mut brtc_connection,
    channel: u32,
    bytes: *const u8,
    length: usize,
    taken: *mut usize,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            raw::put("taken", taken, 0)?;
            let id = inside.channels.id(channel)?;
            let bytes = raw::bytes("bytes", bytes, length)?;
            raw::put("taken", taken, inside.peer.append_message(Instant::from_micros(now), id, bytes)?)
        })
    }
}

/// Ends the message under way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_finish_message(now: u64, connection: *mut brtc_connection, channel: u32) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let id = inside.channels.id(channel)?;
            Ok(inside.peer.finish_message(Instant::from_micros(now), id)?)
        })
    }
}

/// Reads the next message, or the next part of one, into `out`. `BRTC_NOTHING` where there is none.
/// A `size` of 0 gives `BRTC_BUFFER_TOO_SHORT`, and the message stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_read_channel(
    now: u64,
    connection: *mut brtc_connection,
    channel: u32,
    out: *mut u8,
    size: usize,
    message: *mut brtc_message,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            // Checked before: a message that could not be told of would be lost.
            raw::put("message", message, brtc_message::default())?;
            let id = inside.channels.id(channel)?;
            let out = raw::bytes_mut("out", out, size)?;
            if out.is_empty() {
                return Err(Cause::Short { needed: 1 });
            }
            let read = match inside.peer.read_channel(Instant::from_micros(now), id, out) {
                Err(Error::WouldBlock) => return Err(Cause::Nothing),
                read => read?,
            };
            let kind = match read.kind {
                MessageKind::Text => brtc_message_kind::BRTC_TEXT,
                MessageKind::Binary => brtc_message_kind::BRTC_BINARY,
            };
            let told = brtc_message { length: read.len, kind: kind as u32, complete: read.end_of_message.into() };
            raw::put("message", message, told)
        })
    }
}

/// Bytes that wait on a data channel: the W3C's `bufferedAmount`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_buffered_amount(
    connection: *mut brtc_connection,
    channel: u32,
    bytes: *mut usize,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let id = inside.channels.id(channel)?;
            raw::put("bytes", bytes, inside.peer.buffered_amount(id))
        })
    }
}

/// Where `BRTC_EVENT_CHANNEL_BUFFERED_AMOUNT_LOW` is due: the W3C's `bufferedAmountLowThreshold`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_set_buffered_amount_low_threshold(
    connection: *mut brtc_connection,
    channel: u32,
    bytes: usize,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let id = inside.channels.id(channel)?;
            Ok(inside.peer.set_buffered_amount_low_threshold(id, bytes)?)
        })
    }
}

/// Writes the label of a data channel, with a zero byte behind it.
///
/// `length`, which may be null, becomes its length without the zero byte. With `BRTC_BUFFER_TOO_SHORT` the label was cut, and
/// `length` becomes the bytes that the buffer must have.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_channel_label(
    connection: *mut brtc_connection,
    channel: u32,
    out: *mut c_char,
    size: usize,
    length: *mut usize,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let label = info(inside, channel)?.label;
            text::give(out, size, length, label)
        })
    }
}

/// The longest message that `brtc_write_channel` takes, in bytes. `BRTC_NOTHING` without data channels.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_max_message_size(connection: *mut brtc_connection, bytes: *mut usize) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            raw::put("bytes", bytes, inside.peer.max_message_size().ok_or(Cause::Nothing)?)
        })
    }
}

fn info(inside: &Inside, channel: u32) -> Result<barertc::ChannelInfo<'_>, Cause> {
    let id = inside.channels.id(channel)?;
    inside.peer.channel(id).ok_or(Cause::Peer(Error::NoSuchChannel))
}

fn message_kind(kind: u32) -> Result<MessageKind, Cause> {
    match kind {
        0 => Ok(MessageKind::Text),
        1 => Ok(MessageKind::Binary),
        value => Err(Cause::NoValue { field: "kind", value: value.into() }),
    }
}
