//! The station: what the host asks for by RPC, and what comes of it later.

use super::{Due, Running};
use crate::rpc::{self, Code, Rpc, Value};

/// The firmware's error codes.
const NOT_INIT: i32 = 0x3001;
const NOT_STARTED: i32 = 0x3002;
const INVALID: i32 = 0x102;

impl Running {
    pub(super) fn request(&mut self, now: u64, request: &Rpc) {
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

    pub(super) fn happen(&mut self, at: u64, due: Due) {
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
}

fn code(resp: i32) -> Option<Code> {
    Some(Code { resp })
}
