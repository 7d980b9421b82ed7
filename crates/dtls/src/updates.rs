//! What key updates need to know (RFC 9147 §8).

use barertc_crypto::Secret;

use crate::handshake::ranges::Ranges;

/// The traffic secrets, from which those of the next epochs are made, and how far updates and tickets are.
pub(crate) struct Updates {
    pub(crate) read: Secret,
    pub(crate) write: Secret,
    /// message_seq of the peer's next message.
    pub(crate) next_seq: u16,
    /// A KeyUpdate of ours waits for its acknowledgement.
    pub(crate) under_way: bool,
    /// The peer has asked for one.
    pub(crate) owed: bool,
    /// A KeyUpdate of the peer was read, and the acknowledgement has not left yet.
    pub(crate) unacknowledged: bool,
    /// What has come of a session ticket: it is of no use to us but has to be acknowledged.
    pub(crate) ticket: Ranges,
}

impl Updates {
    pub(crate) fn new(read: Secret, write: Secret) -> Self {
        Self {
            read,
            write,
            next_seq: 0,
            under_way: false,
            owed: false,
            unacknowledged: false,
            ticket: Ranges::default(),
        }
    }
}
