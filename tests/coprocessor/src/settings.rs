//! What kind of co-processor it is, and what a test may break.

use std::collections::HashSet;

use crate::transfer::{Framing, Mode};

/// What kind of co-processor it is, and where it is.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// INIT as today's firmware sends it; else as 0.0.6 does: without queue sizes as tags 15 and 16, version and mode.
    pub current: bool,
    pub checksum: bool,
    /// Several packets in a transfer.
    pub streaming: bool,
    pub receive_buffers: usize,
    /// Firmware from 3.0 on says how its transfers are built.
    pub framing: Option<Framing>,
    pub version: [u8; 3],
    pub mac: [u8; 6],
    pub ssid: &'static str,
    /// Empty: an open network.
    pub passphrase: &'static str,
    pub authmode: i32,
    /// Networks that a scan finds beside it.
    pub neighbours: usize,
    /// Requests that are answered with "unsupported".
    pub unsupported: HashSet<u32>,
    /// Bytes of a fragment of a long message.
    pub fragment: usize,
    /// Bytes per second that the radio takes.
    pub air_rate: u64,
}

impl Default for Firmware {
    fn default() -> Self {
        Self {
            current: true,
            checksum: false,
            streaming: true,
            receive_buffers: 20,
            framing: None,
            version: [2, 12, 12],
            mac: [0x40, 0x4C, 0xCA, 0x01, 0x02, 0x03],
            ssid: "home",
            passphrase: "correct horse battery",
            authmode: 3,
            neighbours: 3,
            unsupported: HashSet::new(),
            fragment: 1500,
            air_rate: 6_000_000,
        }
    }
}

impl Firmware {
    /// The firmware that boards are delivered with.
    pub fn old() -> Self {
        Self { current: false, streaming: false, unsupported: [350, 341].into(), ..Self::default() }
    }

    /// Firmware 3.0, in the mode that it is built with unless it is told otherwise: two buffers of 15,872 bytes for us.
    pub fn aggregating() -> Self {
        let framing = Framing { to_host: Mode::Aggregated, from_host: Mode::Aggregated, blocks: 31 };
        Self { framing: Some(framing), version: [3, 0, 10], receive_buffers: 2, ..Self::default() }
    }
}

/// What a test may break.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// No heartbeats any more.
    pub no_heartbeat: bool,
    /// So many answers are not given.
    pub swallow_answers: u32,
    /// So many answers get another uid.
    pub wrong_uids: u32,
    /// The radio takes nothing: buffers are not given back.
    pub deaf: bool,
    /// So many connections are refused, with this reason.
    pub refuse: u32,
    pub refuse_reason: u32,
    /// What WifiConnect answers, though it goes on.
    pub connect_code: i32,
    /// No INIT event.
    pub mute: bool,
}
