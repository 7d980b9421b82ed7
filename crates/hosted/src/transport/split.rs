//! Packets out of what a transfer brought.

use super::Sink;
use crate::header::{self, Header};
use crate::stats::Discard;

/// Hands over the whole packets in `bytes`, one behind the other; returns how many bytes they took. What remains is the
/// start of a packet.
///
/// # Errors
/// A header that cannot be: nobody knows where the next packet starts.
pub(super) fn split<S: Sink>(bytes: &[u8], max_packet: usize, sink: &mut S) -> Result<usize, Discard> {
    let mut rest = bytes;
    while let Ok(header) = Header::parse(rest) {
        let end = usize::from(header.len).saturating_add(header::LEN);
        if usize::from(header.offset) != header::LEN || end > max_packet {
            return Err(Discard::BadHeader);
        }
        let Some((packet, behind)) = rest.split_at_checked(end) else { break };
        deliver(&header, packet, sink);
        rest = behind;
    }
    Ok(bytes.len().saturating_sub(rest.len()))
}

/// Hands over one whole packet.
pub(super) fn deliver<S: Sink>(header: &Header, packet: &[u8], sink: &mut S) {
    if sink.checksum() && !header::is_intact(header, packet) {
        sink.discard(Discard::BadChecksum);
        return;
    }
    // An empty packet says something by its header only.
    if let Some(payload) = packet.get(header::LEN..).filter(|payload| !payload.is_empty()) {
        sink.packet(header, payload);
    }
}
