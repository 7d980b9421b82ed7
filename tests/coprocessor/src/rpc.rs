//! The messages, as the firmware reads and writes them: with another protobuf library than the driver's.

use prost::Message;

/// A message with everything in it that the simulation knows.
#[derive(Clone, PartialEq, Message)]
pub struct Rpc {
    #[prost(int32, tag = "1")]
    pub msg_type: i32,
    #[prost(uint32, tag = "2")]
    pub msg_id: u32,
    #[prost(uint32, tag = "3")]
    pub uid: u32,
    #[prost(message, optional, tag = "257")]
    pub req_get_mac: Option<Number>,
    #[prost(message, optional, tag = "260")]
    pub req_set_mode: Option<Number>,
    #[prost(message, optional, tag = "270")]
    pub req_set_ps: Option<Number>,
    #[prost(message, optional, tag = "277")]
    pub req_heartbeat: Option<Heartbeat>,
    #[prost(message, optional, tag = "278")]
    pub req_wifi_init: Option<WifiInit>,
    #[prost(message, optional, tag = "284")]
    pub req_set_config: Option<SetConfig>,
    #[prost(message, optional, tag = "286")]
    pub req_scan_start: Option<ScanStart>,
    #[prost(message, optional, tag = "289")]
    pub req_scan_records: Option<Number>,
    #[prost(message, optional, tag = "513")]
    pub resp_get_mac: Option<Mac>,
    #[prost(message, optional, tag = "516")]
    pub resp_set_mode: Option<Code>,
    #[prost(message, optional, tag = "526")]
    pub resp_set_ps: Option<Code>,
    #[prost(message, optional, tag = "533")]
    pub resp_heartbeat: Option<Code>,
    #[prost(message, optional, tag = "534")]
    pub resp_wifi_init: Option<Code>,
    #[prost(message, optional, tag = "536")]
    pub resp_start: Option<Code>,
    #[prost(message, optional, tag = "538")]
    pub resp_connect: Option<Code>,
    #[prost(message, optional, tag = "539")]
    pub resp_disconnect: Option<Code>,
    #[prost(message, optional, tag = "540")]
    pub resp_set_config: Option<Code>,
    #[prost(message, optional, tag = "542")]
    pub resp_scan_start: Option<Code>,
    #[prost(message, optional, tag = "544")]
    pub resp_scan_count: Option<Value>,
    #[prost(message, optional, tag = "545")]
    pub resp_scan_records: Option<Records>,
    #[prost(message, optional, tag = "550")]
    pub resp_ap_info: Option<ApInfo>,
    #[prost(message, optional, tag = "597")]
    pub resp_rssi: Option<Value>,
    #[prost(message, optional, tag = "606")]
    pub resp_version: Option<Version>,
    #[prost(message, optional, tag = "769")]
    pub event_init: Option<EspInit>,
    #[prost(message, optional, tag = "770")]
    pub event_heartbeat: Option<Number>,
    #[prost(message, optional, tag = "773")]
    pub event_wifi: Option<Value>,
    #[prost(message, optional, tag = "774")]
    pub event_scan_done: Option<ScanDone>,
    #[prost(message, optional, tag = "775")]
    pub event_connected: Option<Connected>,
    #[prost(message, optional, tag = "776")]
    pub event_disconnected: Option<Disconnected>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Number {
    #[prost(int32, tag = "1")]
    pub number: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Code {
    #[prost(int32, tag = "1")]
    pub resp: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Value {
    #[prost(int32, tag = "1")]
    pub resp: i32,
    #[prost(int32, tag = "2")]
    pub value: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Mac {
    #[prost(bytes, tag = "1")]
    pub mac: Vec<u8>,
    #[prost(int32, tag = "2")]
    pub resp: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Heartbeat {
    #[prost(bool, tag = "1")]
    pub enable: bool,
    #[prost(int32, tag = "2")]
    pub duration: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct WifiInit {
    #[prost(message, optional, tag = "1")]
    pub cfg: Option<WifiInitConfig>,
}

#[derive(Clone, PartialEq, Message)]
pub struct WifiInitConfig {
    #[prost(int32, tag = "1")]
    pub static_rx_buf_num: i32,
    #[prost(int32, tag = "2")]
    pub dynamic_rx_buf_num: i32,
    #[prost(int32, tag = "3")]
    pub tx_buf_type: i32,
    #[prost(int32, tag = "5")]
    pub dynamic_tx_buf_num: i32,
    #[prost(int32, tag = "13")]
    pub rx_ba_win: i32,
    #[prost(int32, tag = "16")]
    pub mgmt_sbuf_num: i32,
    #[prost(uint64, tag = "17")]
    pub feature_caps: u64,
    #[prost(int32, tag = "20")]
    pub magic: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct SetConfig {
    #[prost(int32, tag = "1")]
    pub iface: i32,
    #[prost(message, optional, tag = "2")]
    pub cfg: Option<WifiConfig>,
}

#[derive(Clone, PartialEq, Message)]
pub struct WifiConfig {
    #[prost(message, optional, tag = "2")]
    pub sta: Option<StaConfig>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StaConfig {
    #[prost(bytes, tag = "1")]
    pub ssid: Vec<u8>,
    #[prost(bytes, tag = "2")]
    pub password: Vec<u8>,
    #[prost(int32, tag = "3")]
    pub scan_method: i32,
    #[prost(bool, tag = "4")]
    pub bssid_set: bool,
    #[prost(bytes, tag = "5")]
    pub bssid: Vec<u8>,
    #[prost(uint32, tag = "6")]
    pub channel: u32,
    #[prost(message, optional, tag = "9")]
    pub threshold: Option<Threshold>,
    #[prost(message, optional, tag = "10")]
    pub pmf: Option<Pmf>,
    #[prost(int32, tag = "12")]
    pub sae_pwe_h2e: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Threshold {
    #[prost(int32, tag = "1")]
    pub rssi: i32,
    #[prost(int32, tag = "2")]
    pub authmode: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Pmf {
    #[prost(bool, tag = "1")]
    pub capable: bool,
    #[prost(bool, tag = "2")]
    pub required: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct ScanStart {
    #[prost(message, optional, tag = "1")]
    pub config: Option<ScanConfig>,
    #[prost(bool, tag = "2")]
    pub block: bool,
    #[prost(int32, tag = "3")]
    pub config_set: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ScanConfig {
    #[prost(bytes, tag = "1")]
    pub ssid: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ApRecord {
    #[prost(bytes, tag = "1")]
    pub bssid: Vec<u8>,
    #[prost(bytes, tag = "2")]
    pub ssid: Vec<u8>,
    #[prost(uint32, tag = "3")]
    pub primary: u32,
    #[prost(int32, tag = "4")]
    pub second: i32,
    #[prost(int32, tag = "5")]
    pub rssi: i32,
    #[prost(int32, tag = "6")]
    pub authmode: i32,
    #[prost(message, optional, tag = "11")]
    pub country: Option<Country>,
    #[prost(uint32, tag = "13")]
    pub bandwidth: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Country {
    #[prost(bytes, tag = "1")]
    pub cc: Vec<u8>,
    #[prost(uint32, tag = "3")]
    pub channels: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Records {
    #[prost(int32, tag = "1")]
    pub resp: i32,
    #[prost(int32, tag = "2")]
    pub number: i32,
    #[prost(message, repeated, tag = "3")]
    pub records: Vec<ApRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ApInfo {
    #[prost(int32, tag = "1")]
    pub resp: i32,
    #[prost(message, optional, tag = "2")]
    pub record: Option<ApRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Version {
    #[prost(int32, tag = "1")]
    pub resp: i32,
    #[prost(uint32, tag = "2")]
    pub major: u32,
    #[prost(uint32, tag = "3")]
    pub minor: u32,
    #[prost(uint32, tag = "4")]
    pub patch: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct EspInit {
    #[prost(bytes, tag = "1")]
    pub data: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub reset_reason: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ScanDone {
    #[prost(int32, tag = "1")]
    pub resp: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Connected {
    #[prost(int32, tag = "1")]
    pub resp: i32,
    #[prost(message, optional, tag = "2")]
    pub details: Option<ConnectedDetails>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ConnectedDetails {
    #[prost(bytes, tag = "1")]
    pub ssid: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub ssid_len: u32,
    #[prost(bytes, tag = "3")]
    pub bssid: Vec<u8>,
    #[prost(uint32, tag = "4")]
    pub channel: u32,
    #[prost(int32, tag = "5")]
    pub authmode: i32,
    #[prost(int32, tag = "6")]
    pub aid: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Disconnected {
    #[prost(int32, tag = "1")]
    pub resp: i32,
    #[prost(message, optional, tag = "2")]
    pub details: Option<DisconnectedDetails>,
}

#[derive(Clone, PartialEq, Message)]
pub struct DisconnectedDetails {
    #[prost(bytes, tag = "1")]
    pub ssid: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub ssid_len: u32,
    #[prost(bytes, tag = "3")]
    pub bssid: Vec<u8>,
    #[prost(uint32, tag = "4")]
    pub reason: u32,
    #[prost(int32, tag = "5")]
    pub rssi: i32,
}
