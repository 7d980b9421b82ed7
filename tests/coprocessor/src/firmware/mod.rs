//! What the firmware does with the packets of the host, whichever bus they come by.

mod serial;
mod station;

use std::collections::VecDeque;

use crate::rpc::{self, Rpc};
use crate::settings::{Faults, Firmware};
use crate::transfer::{self, Framing, HEADER, Mode, PRIVATE};

use serial::Serial;

pub const STATION: u8 = 1;
pub const SERIAL: u8 = 3;

/// Frames that the radio's own queue takes from the buffers of the bus, with firmware from 3.0 on.
const RADIO_QUEUE: usize = 20;

/// What is due later.
#[derive(Clone, Debug, PartialEq)]
enum Due {
    Connected,
    Refused,
    ScanDone,
    Heartbeat,
    /// The radio has sent a frame; its buffer is free again.
    Aired,
}

/// The firmware's state; a reset makes it anew.
pub struct Running {
    pub firmware: Firmware,
    pub faults: Faults,
    /// Packets for the host, each with its header.
    pub to_host: VecDeque<Vec<u8>>,
    /// Frames of the host that wait for the radio.
    pub air_queue: VecDeque<Vec<u8>>,
    /// Frames that the radio has sent.
    pub aired: VecDeque<Vec<u8>>,
    /// Buffers ever given back since the start, with those of the start.
    pub buffers_ever: u32,
    pub throttle_high: usize,
    pub throttle_low: usize,
    pub throttling: bool,
    /// The host's answer to INIT.
    pub greeted: bool,
    pub data_path: bool,
    pub connected: bool,
    pub power_save: Option<i32>,
    pub config: Option<rpc::StaConfig>,
    pub violations: Vec<String>,
    /// Requests as they came.
    pub requests: Vec<u32>,
    initialised: bool,
    started: bool,
    due: Vec<(u64, Due)>,
    heartbeat_every: u64,
    heartbeats: i32,
    serial: Serial,
    air_busy_until: u64,
    /// How transfers are built, over SDIO, where the firmware says it.
    pub framing: Option<Framing>,
    /// Buffers of the bus whose frames the radio's queue has no place for.
    held: u32,
}

impl Running {
    pub fn new(firmware: Firmware, faults: Faults) -> Self {
        let buffers_ever = firmware.receive_buffers as u32;
        Self {
            firmware,
            faults,
            to_host: VecDeque::new(),
            air_queue: VecDeque::new(),
            aired: VecDeque::new(),
            buffers_ever,
            throttle_high: 0,
            throttle_low: 0,
            throttling: false,
            greeted: false,
            data_path: false,
            connected: false,
            power_save: None,
            config: None,
            violations: Vec::new(),
            requests: Vec::new(),
            initialised: false,
            started: false,
            due: Vec::new(),
            heartbeat_every: 0,
            heartbeats: 0,
            serial: Serial::default(),
            air_busy_until: 0,
            framing: None,
            held: 0,
        }
    }

    pub fn violate(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// The host has opened the data path.
    pub fn open(&mut self, sdio: bool) {
        self.data_path = true;
        self.framing = self.firmware.framing.filter(|_| sdio);
        if self.faults.mute {
            return;
        }
        let tags = self.init_tags(sdio);
        let mut payload = vec![0x22, tags.len() as u8];
        payload.extend(tags);
        self.push(PRIVATE, 0, 0, 0x33, &payload);
        self.event(Rpc {
            msg_id: 769,
            event_init: Some(rpc::EspInit { data: vec![], reset_reason: 1 }),
            ..Rpc::default()
        });
    }

    fn init_tags(&self, sdio: bool) -> Vec<u8> {
        let checksum = if self.firmware.checksum || !sdio { 0x80 } else { 0 };
        let capability = checksum | if sdio { 0x01 } else { 0x20 };
        let receive = self.firmware.receive_buffers as u8;
        if !self.firmware.current {
            return vec![0x12, 1, 0x0D, 0x11, 1, capability, 0x13, 1, 0, 0x14, 1, receive];
        }
        let mut tags = vec![0x12, 1, 0x0D];
        if sdio {
            tags.extend([0x18, 1, u8::from(self.firmware.streaming)]);
        }
        tags.extend([0x11, 1, capability, 0x16, 4, 0, 0, 0, 0, 0x13, 1, 0, 0x15, 1, 20, 0x14, 1, receive]);
        let [major, minor, patch] = self.firmware.version;
        tags.extend([0x17, 4, patch, minor, major, 0]);
        if let Some(Framing { to_host, from_host, blocks }) = self.framing {
            tags.extend([0x1A, 1, 2, 0x1B, 5, 0, to_host as u8, blocks, from_host as u8, blocks]);
            tags.extend([0x19, 32]);
            tags.extend([0; 32]);
            tags.extend([0x20, 1, 2, 0x22, 1, 3]);
            for tag in [0x24, 0x25] {
                tags.extend([tag, 6]);
                tags.extend(*if tag == 0x24 { b"RPCRsp" } else { b"RPCEvt" });
            }
        }
        tags
    }

    /// A packet for the host.
    fn push(&mut self, interface: u8, flags: u8, sequence: u16, kind: u8, payload: &[u8]) {
        let mut packet = vec![interface, flags];
        for field in [payload.len() as u16, HEADER as u16, 0, sequence] {
            packet.extend(field.to_le_bytes());
        }
        packet.extend([0, kind]);
        packet.extend(payload);
        if self.firmware.checksum {
            let sum = packet.iter().fold(0u16, |sum, byte| sum.wrapping_add((*byte).into()));
            packet[6..8].copy_from_slice(&sum.to_le_bytes());
        }
        self.to_host.push_back(packet);
    }

    /// A frame from the radio.
    pub fn heard(&mut self, frame: &[u8]) {
        if self.data_path && self.connected {
            self.push(STATION, 0, 0, 0, frame);
        }
    }

    /// The next transfer for the host, and whether the firmware waits until it is read.
    pub fn transfer(&mut self) -> Option<(Vec<u8>, bool)> {
        transfer::next(&mut self.to_host, self.framing)
    }

    /// Bytes of a buffer for a transfer of the host.
    pub fn buffer_bytes(&self) -> usize {
        self.framing.map_or(1536, |framing| framing.bytes())
    }

    /// A transfer of the host: one packet, or several where the firmware says so.
    pub fn handle_transfer(&mut self, now: u64, transfer: &[u8]) {
        let Some(framing) = self.framing else { return self.handle(now, transfer) };
        let (packets, rest) = transfer::split(transfer, framing);
        if rest > 0 {
            self.violate(format!("{rest} bytes behind {} packets of a transfer", packets.len()));
        }
        if packets.len() > 1 && framing.from_host != Mode::Aggregated {
            self.violate("several packets in a transfer");
        }
        packets.into_iter().for_each(|packet| self.handle(now, packet));
        self.held += 1;
        self.give_back();
    }

    /// Gives the bus those buffers back whose frames the radio's queue has taken.
    fn give_back(&mut self) {
        while self.held > 0 && self.air_queue.len() <= RADIO_QUEUE {
            self.held -= 1;
            self.buffers_ever += 1;
        }
    }

    /// A packet is done with: its buffer is free, where each has one.
    fn done(&mut self) {
        match self.framing {
            None => self.buffers_ever += 1,
            Some(_) => self.give_back(),
        }
    }

    /// A packet of the host, of which `len` bytes are meant.
    pub fn handle(&mut self, now: u64, packet: &[u8]) {
        let word = |at: usize| u16::from_le_bytes([packet[at], packet[at + 1]]);
        if packet.len() < HEADER {
            return self.violate(format!("a packet of {} bytes", packet.len()));
        }
        let (len, offset, checksum) = (usize::from(word(2)), usize::from(word(4)), word(6));
        if len == 0 || packet.len() < len + offset || offset != HEADER {
            return self.violate(format!("{} bytes with offset {offset} and length {len}", packet.len()));
        }
        if self.firmware.checksum {
            let [low, high] = checksum.to_le_bytes();
            let sum = packet[..len + offset].iter().fold(0u16, |sum, byte| sum.wrapping_add((*byte).into()));
            if sum.wrapping_sub(low.into()).wrapping_sub(high.into()) != checksum {
                return self.violate("a wrong checksum");
            }
        }
        let payload = &packet[offset..offset + len];
        match packet[0] {
            STATION => self.transmit(now, payload),
            SERIAL => self.handle_serial(now, packet[1] & 1 != 0, word(8), payload),
            PRIVATE => self.handle_greeting(packet[11], payload),
            other => self.violate(format!("a packet for interface {other}")),
        }
        if packet[0] != STATION {
            self.done();
        }
    }

    fn transmit(&mut self, now: u64, frame: &[u8]) {
        if !self.connected {
            return self.done();
        }
        if frame.len() > 1514 || frame.len() < 14 {
            self.violate(format!("a frame of {} bytes", frame.len()));
        }
        self.air_queue.push_back(frame.to_vec());
        self.fly(now);
    }

    /// Lets the radio take the next frame.
    fn fly(&mut self, now: u64) {
        if self.faults.deaf || self.due.iter().any(|(_, due)| *due == Due::Aired) {
            return;
        }
        if let Some(frame) = self.air_queue.front() {
            let start = self.air_busy_until.max(now);
            self.air_busy_until = start + frame.len() as u64 * 1_000_000 / self.firmware.air_rate;
            self.due.push((self.air_busy_until, Due::Aired));
        }
    }

    fn handle_greeting(&mut self, kind: u8, payload: &[u8]) {
        if kind != 0x33 || payload.len() < 2 || payload[0] != 0x22 || usize::from(payload[1]) != payload.len() - 2 {
            return self.violate(format!("no answer to INIT: {payload:?}"));
        }
        let mut tags = &payload[2..];
        while let [tag, len, rest @ ..] = tags {
            let Some((value, rest)) = rest.split_at_checked((*len).into()) else {
                return self.violate("a tag is cut short");
            };
            match (tag, value) {
                (0x45, [chip]) if *chip != 0x0D => self.violate(format!("the chip's echo is {chip}")),
                (0x47, [percent]) => self.throttle_high = usize::from(*percent),
                (0x48, [percent]) => self.throttle_low = usize::from(*percent),
                (0x44..=0x46, [_]) => {}
                other => self.violate(format!("an unknown tag {other:?}")),
            }
            tags = rest;
        }
        self.greeted = true;
    }

    /// Does what is due, and tells when the next is.
    pub fn poll(&mut self, now: u64) -> Option<u64> {
        while let Some(place) = self.due.iter().position(|(at, _)| *at <= now) {
            let (at, due) = self.due.remove(place);
            self.happen(at, due);
        }
        self.fly(now);
        self.due.iter().map(|(at, _)| *at).min()
    }

    /// How full the queue towards the radio is, in percent.
    pub fn load(&self) -> usize {
        let places = if self.framing.is_some() { RADIO_QUEUE } else { self.firmware.receive_buffers };
        self.air_queue.len() * 100 / places
    }
}
