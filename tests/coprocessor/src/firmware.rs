//! What the firmware does with the packets of the host, whichever bus they come by.

use std::collections::VecDeque;

use prost::Message;

use crate::rpc::{self, Code, Rpc, Value};
use crate::settings::{Faults, Firmware};
use crate::transfer::{self, Framing, HEADER, Mode, PRIVATE};

pub const STATION: u8 = 1;
pub const SERIAL: u8 = 3;

/// The firmware's error codes.
pub const NOT_INIT: i32 = 0x3001;
const NOT_STARTED: i32 = 0x3002;
const INVALID: i32 = 0x102;

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
    partial: Vec<u8>,
    partial_sequence: u16,
    sequence: u16,
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
            partial: Vec::new(),
            partial_sequence: 0,
            sequence: 0,
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

    fn event(&mut self, message: Rpc) {
        self.serial(b"RPCEvt", Rpc { msg_type: 3, ..message });
    }

    fn serial(&mut self, endpoint: &[u8; 6], message: Rpc) {
        let message = message.encode_to_vec();
        let mut bytes = vec![1, 6, 0];
        bytes.extend(endpoint);
        bytes.push(2);
        bytes.extend((message.len() as u16).to_le_bytes());
        bytes.extend(message);
        let fragments: Vec<&[u8]> = bytes.chunks(self.firmware.fragment).collect();
        for (n, fragment) in fragments.iter().enumerate() {
            // Each fragment has a number of its own, as in the real firmware.
            self.sequence = self.sequence.wrapping_add(1);
            let more = u8::from(n + 1 < fragments.len());
            self.push(SERIAL, more, self.sequence, 0, fragment);
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

    fn handle_serial(&mut self, now: u64, more: bool, sequence: u16, payload: &[u8]) {
        if self.partial.is_empty() {
            self.partial_sequence = sequence;
        } else if self.partial_sequence != sequence {
            self.violate("fragments of one message have different numbers");
        }
        self.partial.extend(payload);
        if more {
            return;
        }
        let bytes = std::mem::take(&mut self.partial);
        if bytes.len() < 12 || bytes[..10] != *b"\x01\x06\x00RPCRsp\x02" {
            return self.violate(format!("no envelope: {bytes:?}"));
        }
        let len = usize::from(u16::from_le_bytes([bytes[10], bytes[11]]));
        match bytes.get(12..12 + len).map(Rpc::decode) {
            Some(Ok(request)) if request.msg_type == 1 => self.request(now, &request),
            other => self.violate(format!("no request: {other:?}")),
        }
    }

    fn request(&mut self, now: u64, request: &Rpc) {
        if !self.greeted {
            self.violate("a request before the answer to INIT");
        }
        self.requests.push(request.msg_id);
        let mut response =
            Rpc { msg_type: 2, msg_id: request.msg_id + 256, uid: request.uid, ..self.answer(now, request) };
        if self.firmware.unsupported.contains(&request.msg_id) {
            response = Rpc { msg_type: 2, msg_id: 512, uid: request.uid, ..Rpc::default() };
        }
        if self.faults.swallow_answers > 0 {
            self.faults.swallow_answers -= 1;
            return;
        }
        if self.faults.wrong_uids > 0 {
            self.faults.wrong_uids -= 1;
            // Another one's answer, and then the right one.
            self.serial(b"RPCRsp", Rpc { uid: response.uid.wrapping_add(1000), ..response.clone() });
        }
        self.serial(b"RPCRsp", response);
    }

    fn answer(&mut self, now: u64, request: &Rpc) -> Rpc {
        let ready = if self.initialised { 0 } else { NOT_INIT };
        let mut answer = Rpc::default();
        match request.msg_id {
            257 => {
                let mac = if self.initialised { self.firmware.mac.to_vec() } else { vec![] };
                answer.resp_get_mac = Some(rpc::Mac { mac, resp: ready });
            }
            260 => {
                let mode = request.req_set_mode.as_ref().map_or(0, |mode| mode.number);
                answer.resp_set_mode = code(if mode == 1 { ready } else { INVALID });
            }
            270 => {
                self.power_save = request.req_set_ps.as_ref().map(|ps| ps.number);
                answer.resp_set_ps = code(if self.power_save.is_some() { ready } else { INVALID });
            }
            277 => {
                let heartbeat = request.req_heartbeat.clone().unwrap_or_default();
                self.due.retain(|(_, due)| *due != Due::Heartbeat);
                self.heartbeat_every = u64::try_from(heartbeat.duration).unwrap_or(0) * 1_000_000;
                if heartbeat.enable && self.heartbeat_every > 0 {
                    self.due.push((now + self.heartbeat_every, Due::Heartbeat));
                }
                answer.resp_heartbeat = code(0);
            }
            278 => {
                let cfg = request.req_wifi_init.as_ref().and_then(|init| init.cfg.clone()).unwrap_or_default();
                let good = cfg.magic == 0x1F2F_3F4F
                    && cfg.static_rx_buf_num > 0
                    && cfg.rx_ba_win > 0
                    && cfg.mgmt_sbuf_num >= 6
                    && cfg.feature_caps & 1 == 1;
                self.initialised |= good;
                answer.resp_wifi_init = code(if good { 0 } else { INVALID });
            }
            280 => {
                self.started = self.initialised;
                answer.resp_start = code(ready);
                if self.started {
                    self.event(Rpc { msg_id: 773, event_wifi: Some(Value { resp: 0, value: 2 }), ..Rpc::default() });
                }
            }
            282 => answer.resp_connect = code(self.connect(now)),
            283 => {
                answer.resp_disconnect = code(ready);
                self.due.retain(|(_, due)| !matches!(due, Due::Connected | Due::Refused));
                if self.connected {
                    self.lose(8);
                }
            }
            284 => {
                let wanted = request.req_set_config.clone().unwrap_or_default();
                let station = wanted.cfg.and_then(|cfg| cfg.sta);
                let good = wanted.iface == 0 && station.is_some() && !self.connected;
                self.config = station;
                answer.resp_set_config = code(if good { ready } else { INVALID });
            }
            286 => {
                let blocks = request.req_scan_start.as_ref().is_some_and(|scan| scan.block);
                if blocks {
                    self.violate("a scan that blocks longer than the time-out");
                }
                let joining = self.due.iter().any(|(_, due)| *due == Due::Connected);
                answer.resp_scan_start = code(if joining { 0x3006 } else { ready });
                if !joining {
                    self.due.push((now + 1_200_000, Due::ScanDone));
                }
            }
            288 => answer.resp_scan_count = Some(Value { resp: ready, value: self.records().len() as i32 }),
            289 => {
                let wanted = request.req_scan_records.as_ref().map_or(0, |records| records.number);
                let mut records = self.records();
                records.truncate(wanted.max(0) as usize);
                answer.resp_scan_records = Some(rpc::Records { resp: ready, number: records.len() as i32, records });
            }
            294 if self.connected => {
                answer.resp_ap_info = Some(rpc::ApInfo { resp: 0, record: self.records().into_iter().next() });
            }
            294 => answer.resp_ap_info = Some(rpc::ApInfo { resp: 0x300F, record: None }),
            341 => answer.resp_rssi = Some(Value { resp: if self.connected { 0 } else { 0x300F }, value: -51 }),
            350 => {
                let [major, minor, patch] = self.firmware.version.map(Into::into);
                answer.resp_version = Some(rpc::Version { resp: 0, major, minor, patch });
            }
            other => {
                self.violate(format!("an unknown request {other}"));
                self.firmware.unsupported.insert(other);
            }
        }
        answer
    }

    fn connect(&mut self, now: u64) -> i32 {
        if !self.started {
            return NOT_STARTED;
        }
        let Some(config) = self.config.clone() else { return 0x300A };
        let good = config.ssid == self.firmware.ssid.as_bytes()
            && config.password == self.firmware.passphrase.as_bytes()
            && config.threshold.is_none_or(|threshold| threshold.authmode <= self.firmware.authmode);
        let refused = self.faults.refuse > 0;
        self.faults.refuse = self.faults.refuse.saturating_sub(1);
        let due = if good && !refused { Due::Connected } else { Due::Refused };
        self.due.push((now + 300_000, due));
        if self.faults.connect_code != 0 { self.faults.connect_code } else { 0 }
    }

    fn records(&self) -> Vec<rpc::ApRecord> {
        let record = |n: usize, ssid: &str| rpc::ApRecord {
            bssid: vec![2, 0, 0, 0, 0, n as u8],
            ssid: ssid.as_bytes().to_vec(),
            primary: 1 + n as u32 % 13,
            second: 0,
            rssi: -50 - n as i32,
            authmode: self.firmware.authmode,
            country: Some(rpc::Country { cc: b"DE ".to_vec(), channels: 13 }),
            bandwidth: 1,
        };
        let neighbours = (1..=self.firmware.neighbours).map(|n| record(n, &format!("neighbour {n} with a long name")));
        std::iter::once(record(0, self.firmware.ssid)).chain(neighbours).collect()
    }

    /// The access point is gone.
    pub fn lose(&mut self, reason: u32) {
        self.connected = false;
        while self.air_queue.pop_front().is_some() {
            self.done();
        }
        self.due.retain(|(_, due)| *due != Due::Aired);
        self.event_disconnected(reason);
    }

    fn event_disconnected(&mut self, reason: u32) {
        let details = rpc::DisconnectedDetails {
            ssid: self.firmware.ssid.as_bytes().to_vec(),
            ssid_len: self.firmware.ssid.len() as u32,
            bssid: vec![2, 0, 0, 0, 0, 0],
            reason,
            rssi: -80,
        };
        let event = rpc::Disconnected { resp: 0, details: Some(details) };
        self.event(Rpc { msg_id: 776, event_disconnected: Some(event), ..Rpc::default() });
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

    fn happen(&mut self, at: u64, due: Due) {
        match due {
            Due::Aired => {
                if let Some(frame) = self.air_queue.pop_front() {
                    self.aired.push_back(frame);
                    self.done();
                }
                self.fly(at);
            }
            Due::Connected => {
                self.connected = true;
                let mut ssid = self.firmware.ssid.as_bytes().to_vec();
                let ssid_len = ssid.len() as u32;
                ssid.resize(32, 0);
                let details = rpc::ConnectedDetails {
                    ssid,
                    ssid_len,
                    bssid: vec![2, 0, 0, 0, 0, 0],
                    channel: 1,
                    authmode: self.firmware.authmode,
                    aid: 1,
                };
                let event = rpc::Connected { resp: 0, details: Some(details) };
                self.event(Rpc { msg_id: 775, event_connected: Some(event), ..Rpc::default() });
            }
            Due::Refused => {
                let reason = self.faults.refuse_reason;
                self.event_disconnected(if reason > 0 { reason } else { 201 });
            }
            Due::ScanDone => {
                let event = rpc::ScanDone { resp: 0 };
                self.event(Rpc { msg_id: 774, event_scan_done: Some(event), ..Rpc::default() });
            }
            Due::Heartbeat => {
                if !self.faults.no_heartbeat {
                    self.heartbeats += 1;
                    let event = rpc::Number { number: self.heartbeats };
                    self.event(Rpc { msg_id: 770, event_heartbeat: Some(event), ..Rpc::default() });
                }
                self.due.push((at + self.heartbeat_every, Due::Heartbeat));
            }
        }
    }

    /// How full the queue towards the radio is, in percent.
    pub fn load(&self) -> usize {
        let places = if self.framing.is_some() { RADIO_QUEUE } else { self.firmware.receive_buffers };
        self.air_queue.len() * 100 / places
    }
}

fn code(resp: i32) -> Option<Code> {
    Some(Code { resp })
}
