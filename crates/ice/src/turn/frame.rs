//! How the application's bytes travel to and from the server: Send and Data indications (RFC 8656 §11), ChannelData
//! (RFC 8656 §12.4).
use core::net::SocketAddr;
use core::ops::Range;

use barertc_wire::Reader;

use crate::stun::{Message, attr};

/// Bytes before the data of ChannelData: number and length.
pub(super) const CHANNEL_HEADER: usize = 4;

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
