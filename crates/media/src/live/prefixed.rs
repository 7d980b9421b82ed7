//! Cuts a byte stream into packets with their lengths in front.

use barertc_arena::{AllocError, Allocator, Vec};
use barertc_wire::{ConfigError, Instant, Rule};

use crate::frame::SourceFrame;
use crate::live::clock::CaptureClock;
use crate::live::error::{StartError, StreamError};
use crate::live::ogg_packets::sound;

/// The bounds of [`PrefixedPackets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PrefixedPacketsConfig {
    /// Bytes of the largest Opus packet.
    pub max_packet_bytes: usize,
}

impl PrefixedPacketsConfig {
    /// Packets of up to 1,275 bytes: one frame of Opus at its highest rate (RFC 6716 §3.2.1).
    #[must_use]
    pub const fn new() -> Self {
        Self { max_packet_bytes: 1275 }
    }

    /// # Errors
    /// Which field cannot be used.
    pub const fn check(&self) -> Result<(), ConfigError> {
        ConfigError::check("max_packet_bytes", self.max_packet_bytes as u64, Rule::AtLeast(1))
    }
}

impl Default for PrefixedPacketsConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// Cuts Opus packets that stand each behind its length, in two bytes with the most significant one first, in chunks of any
/// size: what an encoder on another core hands over. Lengths of zero are passed over.
pub struct PrefixedPackets<A: Allocator> {
    config: PrefixedPacketsConfig,
    clock: CaptureClock,
    alloc: A,
    packet: Vec<u8, A>,
    /// The first byte of a length.
    half: Option<u8>,
    /// Bytes that are still to come of the packet at hand, once its length is known.
    rest: Option<usize>,
    /// The packet at hand is too large.
    skipping: bool,
    number: u32,
}

impl<A: Allocator + Clone> PrefixedPackets<A> {
    /// Bytes that it takes at most while the frames that it gave are not kept.
    #[must_use]
    pub const fn worst_case_bytes(config: &PrefixedPacketsConfig) -> usize {
        Vec::<u8, A>::bytes(config.max_packet_bytes)
    }

    /// Frames have timestamps of `clock`, which is one for [`FrameKind::Opus`](crate::FrameKind::Opus).
    ///
    /// # Errors
    /// When the configuration cannot be used, or there is no memory for it.
    pub fn new(config: PrefixedPacketsConfig, clock: CaptureClock, alloc: A) -> Result<Self, StartError> {
        config.check().map_err(StartError::Config)?;
        let packet = Vec::with_capacity(config.max_packet_bytes, alloc.clone());
        let packet = packet.map_err(|AllocError| StartError::OutOfMemory)?;
        Ok(Self { config, clock, alloc, packet, half: None, rest: None, skipping: false, number: 0 })
    }

    /// Takes bytes off the front of `chunk`, which came at `now`, until a packet is whole. `None` when all are taken; no
    /// bytes are lost by an error.
    ///
    /// # Errors
    /// What was left out, and why. The next call goes on behind it.
    pub fn next(&mut self, now: Instant, chunk: &mut &[u8]) -> Result<Option<SourceFrame<A>>, StreamError> {
        loop {
            let Some(rest) = self.rest else {
                let Some((byte, behind)) = chunk.split_first() else { return Ok(None) };
                *chunk = behind;
                let Some(high) = self.half.take() else {
                    self.half = Some(*byte);
                    continue;
                };
                let len = usize::from(u16::from_be_bytes([high, *byte]));
                self.rest = Some(len).filter(|len| *len > 0);
                self.packet.clear();
                let limit = self.config.max_packet_bytes;
                self.skipping = len > limit;
                if self.skipping {
                    return Err(StreamError::TooLarge { field: "max_packet_bytes", limit, len });
                }
                continue;
            };
            if chunk.is_empty() {
                return Ok(None);
            }
            let (piece, behind) = chunk.split_at(chunk.len().min(rest));
            *chunk = behind;
            if !self.skipping {
                // Its length was compared with the room.
                let _ = self.packet.try_extend_from_slice(piece);
            }
            self.rest = Some(rest.saturating_sub(piece.len())).filter(|rest| *rest > 0);
            if self.rest.is_none() && !core::mem::take(&mut self.skipping) {
                return sound(&self.packet, now, &mut self.clock, &mut self.number, self.alloc.clone()).map(Some);
            }
        }
    }

    /// Forgets what came and was not given out: the next byte is the first of a length. Timestamps run on.
    pub fn restart(&mut self) {
        (self.half, self.rest, self.skipping) = (None, None, false);
    }
}
