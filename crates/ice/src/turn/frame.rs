//! How the application's bytes travel to and from the server: Send and Data indications (RFC 8656 §11), ChannelData
//! (§12.4).

use core::net::SocketAddr;
use core::ops::Range;

use barertc_arena::Allocator;
use barertc_wire::{NoRoom, Reader, Writer};

use super::Client;
use crate::stun::{Builder, Class, HEADER_LEN, Message, Method, TransactionId, attr};

/// Bytes before the data of ChannelData: number and length.
const CHANNEL_HEADER: usize = 4;
/// Padding behind the data of a Send indication.
pub(crate) const PADDING: usize = 3;

/// The length of the message at the start of a stream from a TURN server, as soon as it can be told; more than is there
/// when the rest has not come yet. `None` while fewer than four bytes are there, or when it is no message at all.
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

/// A ChannelData message: channel and where its data lie.
pub(super) fn read_channel_data(datagram: &[u8]) -> Option<(u16, Range<usize>)> {
    let mut r = Reader::new(datagram);
    let (number, len) = (r.u16().ok()?, usize::from(r.u16().ok()?));
    // Over UDP it may or may not be padded (RFC 8656 §12.5).
    (len <= r.remaining()).then(|| (number, CHANNEL_HEADER..len.saturating_add(CHANNEL_HEADER)))
}

/// A Data indication: peer and where its data lie in `datagram`.
pub(super) fn read_data(datagram: &[u8], m: &Message<'_>) -> Option<(SocketAddr, Range<usize>)> {
    let peer = m.xor_address(attr::XOR_PEER_ADDRESS)?;
    let data = m.get(attr::DATA)?;
    // `data` lies in `datagram`: its place is the difference of their ends.
    let start = (data.as_ptr() as usize).checked_sub(datagram.as_ptr() as usize)?;
    Some((peer, start..start.checked_add(data.len())?))
}

impl<A: Allocator + Clone> Client<A> {
    /// Bytes that [`wrap`](Self::wrap) puts before the data.
    pub(crate) fn front(&self, peer: SocketAddr) -> usize {
        match self.channel(peer) {
            Some(_) => CHANNEL_HEADER,
            None if peer.is_ipv4() => 36,
            None => 48,
        }
    }

    /// Makes `out[front..front + len]` a message to the server; its length from the start of `out`.
    pub(crate) fn wrap(&mut self, peer: SocketAddr, out: &mut [u8], len: usize) -> Result<usize, NoRoom> {
        let front = self.front(peer);
        let channel = self.channel(peer);
        let padding = if channel.is_some() && !self.protocol.is_stream() { 0 } else { len.wrapping_neg() & 3 };
        let end = front.checked_add(len).ok_or(NoRoom)?;
        let total = end.checked_add(padding).ok_or(NoRoom)?;
        out.get_mut(end..total).ok_or(NoRoom)?.fill(0);
        let mut header = Writer::new(out.get_mut(..front).ok_or(NoRoom)?);
        let data_len = u16::try_from(len).map_err(|_| NoRoom)?;
        if let Some(number) = channel {
            header.u16(number)?;
            header.u16(data_len)?;
            return Ok(total);
        }
        // An indication has no answer, so its id needs to be different only.
        self.indication = self.indication.wrapping_add(1);
        let mut id = [0; 12];
        id.get_mut(4..).ok_or(NoRoom)?.copy_from_slice(&self.indication.to_be_bytes());
        let mut b = Builder::new(header.reserve(front)?, Class::Indication, Method::SEND, TransactionId(id))?;
        b.xor_address(attr::XOR_PEER_ADDRESS, peer)?;
        let at = b.finish();
        header.patch(at, &attr::DATA.to_be_bytes())?;
        header.patch(at.saturating_add(2), &data_len.to_be_bytes())?;
        let body = u16::try_from(total.saturating_sub(HEADER_LEN)).map_err(|_| NoRoom)?;
        header.patch(2, &body.to_be_bytes())?;
        Ok(total)
    }

    fn channel(&self, peer: SocketAddr) -> Option<u16> {
        self.channels.iter().find(|c| c.bound && c.peer == peer).map(|c| c.number)
    }
}
