//! Packets out of what a transfer brought.

use super::Sink;
use crate::header::{self, Header};
use crate::stats::Discard;

/// How far [`split`] has come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// Bytes behind the last whole packet and its padding: the start of the next one.
    pub(crate) rest: usize,
    /// Bytes of padding that are still to come before the next packet.
    pub(crate) owed: usize,
}

/// Hands over the whole packets in `bytes`, one behind the other, each with the padding that the co-processor announced.
///
/// # Errors
/// A header that cannot be: nobody knows where the next packet starts.
pub(crate) fn split<S: Sink>(bytes: &[u8], max_packet: usize, sink: &mut S) -> Result<Step, Discard> {
    let mut rest = bytes;
    while let Ok(header) = Header::parse(rest) {
        let end = usize::from(header.len).saturating_add(header::LEN);
        if usize::from(header.offset) != header::LEN || end > max_packet {
            return Err(Discard::BadHeader);
        }
        let Some((packet, behind)) = rest.split_at_checked(end) else { break };
        // Asked before: INIT is not padded itself, and says how those behind it are.
        let padding = end.next_multiple_of(sink.padding().max(1)).saturating_sub(end);
        deliver(&header, packet, sink);
        let Some(next) = behind.get(padding..) else {
            return Ok(Step { rest: 0, owed: padding.saturating_sub(behind.len()) });
        };
        rest = next;
    }
    Ok(Step { rest: rest.len(), owed: 0 })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Interface;
    use std::vec::Vec;

    #[derive(Default)]
    struct Packets {
        lengths: Vec<usize>,
    }

    impl Sink for Packets {
        fn checksum(&self) -> bool {
            false
        }
        /// As it is with INIT: the first packet says that those behind it are padded.
        fn padding(&self) -> usize {
            if self.lengths.is_empty() { 1 } else { 4 }
        }
        fn packet(&mut self, _: &Header, payload: &[u8]) {
            self.lengths.push(payload.len());
        }
        fn discard(&mut self, reason: Discard) {
            panic!("{reason:?}");
        }
        fn transfer(&mut self, _: usize) {}
        fn pause(&mut self, _: bool) {}
    }

    #[test]
    fn padding_is_left_out_wherever_a_piece_ends() {
        let mut bytes = Vec::new();
        for (len, padded) in [(5, 17), (6, 20), (1, 16), (8, 20)] {
            let start = bytes.len();
            bytes.resize(start + padded, 0xAA);
            Header::new(Interface::Station, len).write(&mut bytes[start..], false).expect("room");
        }
        for cut in 0..=bytes.len() {
            let mut sink = Packets::default();
            let (first, second) = bytes.split_at(cut);
            let Ok(step) = split(first, 1536, &mut sink) else { panic!("in step, cut at {cut}") };
            let owed = step.owed.min(second.len());
            let second = [&first[first.len() - step.rest..], &second[owed..]].concat();
            let Ok(step) = split(&second, 1536, &mut sink) else { panic!("in step, cut at {cut}") };
            assert_eq!((&sink.lengths[..], step.rest, step.owed), (&[5, 6, 1, 8][..], 0, 0), "cut at {cut}");
        }
    }
}
