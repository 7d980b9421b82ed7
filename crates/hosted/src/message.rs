//! The protobuf messages, reduced to the fields that are used. `micropb` reads and writes the wire format; the numbers
//! here are those of the co-processor's interface.

use barertc_wire::NoRoom;
use micropb::{PbDecoder, PbEncoder, PbWrite, Tag, WIRE_TYPE_LEN, WIRE_TYPE_VARINT};

use crate::network::Network;

/// Names of the two endpoints, of which requests carry the first.
const RESPONSES: &[u8; 6] = b"RPCRsp";
const EVENTS: &[u8; 6] = b"RPCEvt";
const TAG_ENDPOINT: u8 = 1;
const TAG_DATA: u8 = 2;
/// Bytes before the protobuf message.
pub(crate) const ENVELOPE: usize = 12;

const KIND_REQUEST: u32 = 1;
const KIND_RESPONSE: u32 = 2;
const KIND_EVENT: u32 = 3;

/// What separates a request's number from its response's.
pub(crate) const TO_RESPONSE: u32 = 256;
/// The response to a request that the firmware does not know.
pub(crate) const UNSUPPORTED: u32 = 512;

/// The firmware's "already connecting", which is no refusal.
pub(crate) const CODE_CONNECTING: i32 = 0x3007;

/// The event that says that the station interface has started.
pub(crate) const STATION_STARTED: i32 = 2;

/// What the host asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    MacAddress,
    SetMode,
    SetPowerSave,
    Heartbeat,
    WifiInit,
    Start,
    Connect,
    Disconnect,
    SetConfig,
    ScanStart,
    ScanCount,
    ScanRecords,
    AccessPoint,
    Rssi,
    FirmwareVersion,
}

impl Request {
    /// The request's number, which is its payload's field number too.
    pub(crate) fn id(self) -> u32 {
        match self {
            Self::MacAddress => 257,
            Self::SetMode => 260,
            Self::SetPowerSave => 270,
            Self::Heartbeat => 277,
            Self::WifiInit => 278,
            Self::Start => 280,
            Self::Connect => 282,
            Self::Disconnect => 283,
            Self::SetConfig => 284,
            Self::ScanStart => 286,
            Self::ScanCount => 288,
            Self::ScanRecords => 289,
            Self::AccessPoint => 294,
            Self::Rssi => 341,
            Self::FirmwareVersion => 350,
        }
    }
}

/// What requests are filled from.
pub(crate) struct Arguments<'a> {
    /// Whole seconds; 0 switches the heartbeat off.
    pub(crate) heartbeat: u32,
    pub(crate) network: Option<&'a Network>,
    /// Only this network is to be looked for.
    pub(crate) scan_for: &'a [u8],
    pub(crate) scan_results: u32,
}

/// Writes a request with its envelope; returns its length.
pub(crate) fn write_request(out: &mut [u8], request: Request, uid: u32, with: &Arguments<'_>) -> Result<usize, NoRoom> {
    let message = |e: &mut Encoder<'_>| -> Result<(), NoRoom> {
        uint(e, 1, KIND_REQUEST)?;
        uint(e, 2, request.id())?;
        uint(e, 3, uid)?;
        nested(e, request.id(), |e| body(e, request, with))
    };
    let len = size(message)?;
    let mut w = barertc_wire::Writer::new(out);
    w.u8(TAG_ENDPOINT)?;
    w.put(&6u16.to_le_bytes())?;
    w.put(RESPONSES)?;
    w.u8(TAG_DATA)?;
    w.put(&u16::try_from(len).map_err(|_| NoRoom)?.to_le_bytes())?;
    let end = ENVELOPE.saturating_add(len);
    let room = out.get_mut(ENVELOPE..end).ok_or(NoRoom)?;
    message(&mut PbEncoder::new(Sink::Slice(room)))?;
    Ok(end)
}

fn body(e: &mut Encoder<'_>, request: Request, with: &Arguments<'_>) -> Result<(), NoRoom> {
    match request {
        // The station mode is 1; the station interface, and power save off, are 0, which is not written.
        Request::SetMode => uint(e, 1, 1),
        Request::Heartbeat => {
            uint(e, 1, u32::from(with.heartbeat > 0))?;
            uint(e, 2, with.heartbeat)
        }
        Request::WifiInit => nested(e, 1, wifi_init),
        Request::SetConfig => match with.network {
            Some(network) => nested(e, 2, |e| nested(e, 2, |e| station(e, network))),
            None => Ok(()),
        },
        Request::ScanStart => {
            // Not blocking: an answer within the time-out, then an event.
            nested(e, 1, |e| bytes(e, 1, with.scan_for))?;
            uint(e, 3, u32::from(!with.scan_for.is_empty()))
        }
        Request::ScanRecords => uint(e, 1, with.scan_results),
        _ => Ok(()),
    }
}

/// How the co-processor's WiFi driver is set up: its own defaults, but nothing is kept in its flash.
fn wifi_init(e: &mut Encoder<'_>) -> Result<(), NoRoom> {
    const FIELDS: &[(u32, u32)] = &[
        (1, 10),           // static receive buffers
        (2, 32),           // dynamic receive buffers
        (3, 1),            // transmit buffers are dynamic
        (5, 32),           // as many of them
        (8, 1),            // aggregation when receiving
        (9, 1),            // aggregation when sending
        (13, 6),           // window of block acknowledgements
        (15, 752),         // longest beacon
        (16, 32),          // management buffers
        (19, 7),           // encrypted peers of ESP-NOW
        (20, 0x1F2F_3F4F), // what proves that the structure is filled
        (22, 5),           // management receive buffers
        (23, 1),           // queues of triggered transmissions
    ];
    FIELDS.iter().try_for_each(|(field, value)| {
        if *field == 19 {
            // Features, bit 0: WPA3 (SAE) is compiled in.
            uint(e, 17, 1)?;
        }
        uint(e, *field, *value)
    })
}

fn station(e: &mut Encoder<'_>, network: &Network) -> Result<(), NoRoom> {
    bytes(e, 1, network.ssid())?;
    bytes(e, 2, network.passphrase())?;
    // All channels, the strongest first: a fast scan takes the first it finds.
    uint(e, 3, 1)?;
    if let Some(bssid) = network.bssid() {
        uint(e, 4, 1)?;
        bytes(e, 5, &bssid)?;
    }
    uint(e, 6, network.channel().into())?;
    nested(e, 9, |e| uint(e, 2, network.weakest().into()))?;
    nested(e, 10, |e| uint(e, 1, 1))?;
    // SAE by hunting and pecking and by hash to element.
    uint(e, 12, 3)
}

/// A message of the co-processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incoming<'a> {
    pub(crate) is_event: bool,
    pub(crate) id: u32,
    pub(crate) uid: u32,
    pub(crate) body: &'a [u8],
}

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl<E> From<micropb::DecodeError<E>> for Malformed {
    fn from(_: micropb::DecodeError<E>) -> Self {
        Self
    }
}

impl From<barertc_wire::Truncated> for Malformed {
    fn from(_: barertc_wire::Truncated) -> Self {
        Self
    }
}

impl<'a> Incoming<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = barertc_wire::Reader::new(message);
        let is_endpoint = r.u8()? == TAG_ENDPOINT && r.u16()?.swap_bytes() == 6;
        let name = r.take(6)?;
        if !is_endpoint || !(name == RESPONSES || name == EVENTS) || r.u8()? != TAG_DATA {
            return Err(Malformed);
        }
        let len = r.u16()?.swap_bytes();
        Self::parse_message(r.take(len.into())?)
    }

    fn parse_message(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut kind, mut id, mut uid) = (0, 0, 0);
        let mut last: (u32, &[u8]) = (0, &[]);
        for field in Fields::new(message) {
            match field? {
                (1, Value::Int(value)) => kind = value,
                (2, Value::Int(value)) => id = value,
                (3, Value::Int(value)) => uid = value,
                (number, Value::Bytes(body)) => last = (number, body),
                _ => {}
            }
        }
        if !matches!(kind, KIND_RESPONSE | KIND_EVENT) {
            return Err(Malformed);
        }
        // An empty payload may be missing.
        let body = if last.0 == id { last.1 } else { &[] };
        Ok(Self { is_event: kind == KIND_EVENT, id, uid, body })
    }

    /// A number of the payload; 0 when it is not there.
    pub(crate) fn int(&self, number: u32) -> Result<i32, Malformed> {
        int(self.body, number)
    }

    /// Bytes of the payload; none when they are not there.
    pub(crate) fn bytes(&self, number: u32) -> Result<&'a [u8], Malformed> {
        field_bytes(self.body, number)
    }
}

/// The number in `field` of a message; 0 when it is not there.
pub(crate) fn int(message: &[u8], number: u32) -> Result<i32, Malformed> {
    let mut found = 0;
    for field in Fields::new(message) {
        if let (n, Value::Int(value)) = field?
            && n == number
        {
            found = value as i32;
        }
    }
    Ok(found)
}

/// The bytes in `field` of a message; none when they are not there.
pub(crate) fn field_bytes(message: &[u8], number: u32) -> Result<&[u8], Malformed> {
    let mut found: &[u8] = &[];
    for field in Fields::new(message) {
        if let (n, Value::Bytes(value)) = field?
            && n == number
        {
            found = value;
        }
    }
    Ok(found)
}

/// A field's value.
pub(crate) enum Value<'a> {
    /// Negative ones have more bytes on the wire, which say nothing more.
    Int(u32),
    Bytes(&'a [u8]),
    Other,
}

/// The fields of a message, one after the other; ends after the first that is malformed.
pub(crate) struct Fields<'a>(PbDecoder<&'a [u8]>);

impl<'a> Fields<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self(PbDecoder::new(message))
    }

    fn field(&mut self) -> Result<(u32, Value<'a>), Malformed> {
        let tag = self.0.decode_tag()?;
        let value = match tag.wire_type() {
            WIRE_TYPE_VARINT => Value::Int(self.0.decode_varint32()?),
            WIRE_TYPE_LEN => {
                let len = usize::try_from(self.0.decode_varint32()?).map_err(|_| Malformed)?;
                let rest: &'a [u8] = self.0.as_reader();
                let bytes = rest.get(..len).ok_or(Malformed)?;
                self.0.skip_bytes(len)?;
                Value::Bytes(bytes)
            }
            other => {
                self.0.skip_wire_value(other)?;
                Value::Other
            }
        };
        Ok((tag.field_num(), value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.as_reader().is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = PbDecoder::new(&[]);
        }
        Some(field)
    }
}

/// Where a message is written to, or counted.
enum Sink<'a> {
    Slice(&'a mut [u8]),
    Count(usize),
}

type Encoder<'a> = PbEncoder<Sink<'a>>;

impl PbWrite for Sink<'_> {
    type Error = NoRoom;

    fn pb_write(&mut self, data: &[u8]) -> Result<(), NoRoom> {
        match self {
            Self::Slice(room) => room.pb_write(data).map_err(|()| NoRoom),
            Self::Count(count) => {
                *count = count.saturating_add(data.len());
                Ok(())
            }
        }
    }
}

fn size(write: impl Fn(&mut Encoder<'_>) -> Result<(), NoRoom>) -> Result<usize, NoRoom> {
    let mut counting = PbEncoder::new(Sink::Count(0));
    write(&mut counting)?;
    match counting.into_writer() {
        Sink::Count(count) => Ok(count),
        Sink::Slice(_) => Err(NoRoom),
    }
}

fn nested(
    e: &mut Encoder<'_>,
    field: u32,
    write: impl Fn(&mut Encoder<'_>) -> Result<(), NoRoom>,
) -> Result<(), NoRoom> {
    e.encode_tag(Tag::from_parts(field, WIRE_TYPE_LEN))?;
    e.encode_varint32(u32::try_from(size(&write)?).map_err(|_| NoRoom)?)?;
    write(e)
}

/// Writes a number, unless it is 0, which a missing one means.
fn uint(e: &mut Encoder<'_>, field: u32, value: u32) -> Result<(), NoRoom> {
    if value == 0 {
        return Ok(());
    }
    e.encode_tag(Tag::from_parts(field, WIRE_TYPE_VARINT))?;
    e.encode_varint32(value)
}

fn bytes(e: &mut Encoder<'_>, field: u32, value: &[u8]) -> Result<(), NoRoom> {
    if value.is_empty() {
        return Ok(());
    }
    e.encode_tag(Tag::from_parts(field, WIRE_TYPE_LEN))?;
    e.encode_bytes(value)
}
