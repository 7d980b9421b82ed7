//! How the application's bytes travel to and from the server: Send and Data indications (RFC 8656 §11), ChannelData
//! (RFC 8656 §12.4).
use core::net::SocketAddr;
use core::ops::Range;

use barertc_wire::Reader;

use crate::stun::{HEADER_LEN, Message, attr};

/// Bytes before the data of ChannelData: number and length.
pub(super) const CHANNEL_HEADER: usize = 4;
/// Most padding behind the data of a Send indication.
pub(crate) const PADDING: usize = 3;

/// The length of the message at the start of a stream from a TURN server. It may be more than is there yet. `None` while
/// fewer than four bytes are there, or when they begin no message.
#[must_use]
pub fn frame_len(stream: &[u8]) -> Option<usize> {
    let mut r = Reader::new(stream);
    let (first, len) = (r.u16().ok()?, usize::from(r.u16().ok()?));
    match first >> 14 {
        0 => Some(len.saturating_add(HEADER_LEN)),
        // RFC 8656 §12.5: padded over streams.
        1 => Some(len.saturating_add(CHANNEL_HEADER).next_multiple_of(4)),
        _ => None,
    }
}

/// A ChannelData message: channel, and where its data lie.
pub(super) fn read_channel_data(datagram: &[u8]) -> Option<(u16, Range<usize>)> {
    let mut r = Reader::new(datagram);
    let (number, len) = (r.u16().ok()?, usize::from(r.u16().ok()?));
    // Over UDP it may or may not be padded (RFC 8656 §12.5).
    (len <= r.remaining()).then(|| (number, CHANNEL_HEADER..len.saturating_add(CHANNEL_HEADER)))
}

/// A Data indication: peer, and where its data lie in the datagram.
pub(super) fn read_data(m: &Message<'_>) -> Option<(SocketAddr, Range<usize>)> {
    Some((m.xor_address(attr::XOR_PEER_ADDRESS)?, m.range(attr::DATA)?))
}
