//! Attributes that Binding requests and responses carry for another protocol. ICE does not know what they are.
use barertc_wire::NoRoom;

use crate::stun::{Builder, Class, TransactionId, attr};

/// Writes the attributes of another protocol into a check or response: see
/// [`Agent::poll_transmit_carrying`](crate::Agent::poll_transmit_carrying).
pub type Carrier<'c> = dyn FnMut(Carries, &mut Attributes<'_, '_>) + 'c;

/// The message that attributes are written into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Carries {
    /// [`Class::Request`] or [`Class::Success`].
    pub class: Class,
    /// The transaction. A retransmission has the same one.
    pub id: TransactionId,
}

/// The place of another protocol's attributes in a message: before the integrity, which covers them.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Attributes<'b, 'o> {
    builder: &'b mut Builder<'o>,
}

/// MESSAGE-INTEGRITY-SHA256 and FINGERPRINT (RFC 8489 §14.6, §14.7) follow the attributes.
const BEHIND: usize = 36 + 8;
/// Type and length of an attribute.
const HEAD: usize = 4;

impl<'b, 'o> Attributes<'b, 'o> {
    pub(crate) const fn new(builder: &'b mut Builder<'o>) -> Self {
        Self { builder }
    }

    /// Bytes that the value of one more attribute may have.
    #[must_use]
    pub fn room(&self) -> usize {
        self.builder.room().saturating_sub(BEHIND + HEAD) & !3
    }

    /// Adds an attribute.
    ///
    /// # Errors
    /// [`NoRoom`] when `value` has more than [`room`](Self::room) bytes, or when `kind` is one that a receiver must
    /// understand (below 0x8000, RFC 8489 §14). The message is unchanged then.
    pub fn put(&mut self, kind: u16, value: &[u8]) -> Result<(), NoRoom> {
        if value.len() > self.room() || attr::must_be_understood(kind) {
            return Err(NoRoom);
        }
        self.builder.bytes(kind, value)
    }

    /// Adds an attribute of whole 32-bit numbers, so that its length is a multiple of four whatever is given.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_words(&mut self, kind: u16, words: &[u32]) -> Result<(), NoRoom> {
        if words.len().saturating_mul(size_of::<u32>()) > self.room() || attr::must_be_understood(kind) {
            return Err(NoRoom);
        }
        self.builder.words(kind, words)
    }
}
