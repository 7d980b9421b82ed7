//! Data channels as numbers.

use barertc::arena::{AllocError, Allocator, Vec};
use barertc::{ChannelId, Error};

use crate::result::Cause;

/// The numbers of the channels. A number has the channel's index in its lowest byte and a serial number above it. The
/// number of a closed channel therefore never names another channel.
pub(crate) struct Channels<A: Allocator> {
    slots: Vec<Slot, A>,
    serial: u32,
}

#[derive(Clone, Copy)]
struct Slot {
    id: Option<ChannelId>,
    number: u32,
}

impl<A: Allocator> Channels<A> {
    /// Bytes of the table for so many channels.
    pub(crate) const fn bytes(channels: usize) -> usize {
        Vec::<Slot, A>::bytes(channels)
    }

    pub(crate) fn new(channels: usize, memory: A) -> Result<Self, AllocError> {
        let mut slots = Vec::with_capacity(channels, memory)?;
        for _ in 0..channels {
            slots.try_push(Slot { id: None, number: 0 }).map_err(|_| AllocError)?;
        }
        Ok(Self { slots, serial: 0 })
    }

    /// The number of a channel, a new one where it has none yet. 0 where there is no room, which the bound of SCTP excludes.
    pub(crate) fn number(&mut self, id: ChannelId) -> u32 {
        let Some(slot) = self.slots.get_mut(id.index()) else { return 0 };
        if slot.id != Some(id) {
            // 24 bits, never 0.
            self.serial = (self.serial & 0x00FF_FFFF).saturating_add(1);
            self.serial = if self.serial > 0x00FF_FFFF { 1 } else { self.serial };
            *slot = Slot { id: Some(id), number: (self.serial << 8) | (id.index() as u32 & 0xFF) };
        }
        slot.number
    }

    /// The channel of a number.
    pub(crate) fn id(&self, number: u32) -> Result<ChannelId, Cause> {
        let slot = self.slots.get((number & 0xFF) as usize).filter(|slot| slot.number == number);
        slot.and_then(|slot| slot.id).ok_or(Cause::Peer(Error::NoSuchChannel))
    }

    /// Forgets a channel that was closed.
    pub(crate) fn forget(&mut self, id: ChannelId) {
        if let Some(slot) = self.slots.get_mut(id.index())
            && slot.id == Some(id)
        {
            slot.id = None;
        }
    }
}
