//! How packets stand in transfers over SDIO.

use std::collections::VecDeque;

/// Bytes of a header.
pub const HEADER: usize = 12;
/// The interface of events.
pub const PRIVATE: u8 = 5;
/// Payloads up to this length go alone, so that they are not late.
const ALONE: usize = 256;
/// What packets are padded to.
const PADDING: usize = 4;

/// How transfers over SDIO are built, one way, by the number of the tag 0x1B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Packets are padded; several long ones make one transfer, a short one goes alone.
    Aggregated = 0,
    /// Packets stand one behind the other, byte by byte.
    Stream = 1,
    /// One packet in a transfer, padded.
    Packet = 2,
}

/// How transfers over SDIO are built, both ways: what firmware from 3.0 on says in the tag 0x1B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    pub to_host: Mode,
    pub from_host: Mode,
    /// Buffers, in units of 512 bytes.
    pub blocks: u8,
}

impl Framing {
    /// Bytes of a buffer.
    pub fn bytes(&self) -> usize {
        usize::from(self.blocks) * 512
    }
}

/// The next transfer for the host, and whether the firmware waits until it is read.
pub fn next(to_host: &mut VecDeque<Vec<u8>>, framing: Option<Framing>) -> Option<(Vec<u8>, bool)> {
    let mut transfer = to_host.pop_front()?;
    let Some(framing) = framing.filter(|framing| framing.to_host != Mode::Stream) else {
        return Some((transfer, false));
    };
    // INIT leaves by another way, without padding.
    if transfer[0] == PRIVATE {
        return Some((transfer, false));
    }
    let is_short = |packet: &[u8]| packet.len() - HEADER <= ALONE;
    let is_alone = is_short(&transfer) || framing.to_host == Mode::Packet;
    pad(&mut transfer);
    while let Some(packet) = to_host.front().filter(|_| !is_alone) {
        if is_short(packet) || transfer.len() + packet.len().next_multiple_of(PADDING) > framing.bytes() {
            break;
        }
        transfer.extend(to_host.pop_front().unwrap_or_default());
        pad(&mut transfer);
    }
    Some((transfer, true))
}

/// The packets of a transfer of the host, and how many bytes behind them are neither a packet nor its padding.
pub fn split(transfer: &[u8], framing: Framing) -> (Vec<&[u8]>, usize) {
    let (mut packets, mut rest) = (Vec::new(), transfer);
    // What cannot be a packet ends the transfer, and padding need not stand behind the last.
    while let Some(len) = packet_bytes(rest) {
        packets.push(&rest[..len]);
        let stride = if framing.from_host == Mode::Stream { len } else { len.next_multiple_of(PADDING) };
        rest = rest.get(stride..).unwrap_or_default();
    }
    (packets, rest.len())
}

fn pad(transfer: &mut Vec<u8>) {
    transfer.resize(transfer.len().next_multiple_of(PADDING), 0);
}

/// Bytes of the packet at the start, with its header, if there is one.
fn packet_bytes(bytes: &[u8]) -> Option<usize> {
    let word = |at: usize| Some(usize::from(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])));
    let (len, offset) = (word(2)?, word(4)?);
    (len > 0 && offset == HEADER && len + offset <= bytes.len()).then_some(len + offset)
}
