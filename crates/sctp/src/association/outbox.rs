//! What wants to be in the next packets, besides data.

use crate::pool::Chain;

/// Control chunks that are due.
#[derive(Debug)]
pub(super) struct Outbox {
    pub(super) init: bool,
    pub(super) init_ack: bool,
    pub(super) cookie_echo: bool,
    pub(super) cookie_ack: bool,
    pub(super) heartbeat: bool,
    pub(super) shutdown: bool,
    pub(super) shutdown_ack: bool,
    /// With the T bit?
    pub(super) shutdown_complete: Option<bool>,
    /// The error cause.
    pub(super) abort: Option<u16>,
    /// Whole chunks, HEARTBEAT ACK and ERROR, that fit into one packet; they are kept in the receive buffer.
    pub(super) answers: Chain,
    /// Whole parameters for the next INIT ACK, kept likewise: what of the peer's INIT is not known here.
    pub(super) unrecognized: Chain,
}

impl Outbox {
    pub(super) const EMPTY: Self = Self {
        init: false,
        init_ack: false,
        cookie_echo: false,
        cookie_ack: false,
        heartbeat: false,
        shutdown: false,
        shutdown_ack: false,
        shutdown_complete: None,
        abort: None,
        answers: Chain::EMPTY,
        unrecognized: Chain::EMPTY,
    };
}

/// When to acknowledge (RFC 9260 §6.2).
#[derive(Debug)]
pub(super) struct Acks {
    /// With the next packet, whatever it is.
    pub(super) now: bool,
    /// Packets with data since the last acknowledgement.
    pub(super) packets: u8,
    /// No data has come yet: the first is acknowledged at once.
    pub(super) first: bool,
}

impl Acks {
    pub(super) const NEW: Self = Self { now: false, packets: 0, first: true };
}
