//! What the application sends through the server.
use core::net::SocketAddr;

use barertc_arena::Allocator;
use barertc_wire::{NoRoom, Writer};

use super::Client;
use crate::stun::{Builder, Class, HEADER_LEN, Method, TransactionId, attr};
use crate::turn::frame::CHANNEL_HEADER;

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
