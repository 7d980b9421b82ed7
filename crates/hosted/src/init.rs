//! The event with which the co-processor introduces itself, and the host's answer.

use barertc_wire::{NoRoom, Reader, Truncated, Writer};

use crate::transport::PACKET_OVER_SDIO as PACKET;

/// The kind of private packet that carries an event.
pub(crate) const PACKET_EVENT: u8 = 0x33;
const EVENT_INIT: u8 = 0x22;

const CAPABILITY: u8 = 0x11;
const CHIP: u8 = 0x12;
const RECEIVE_QUEUE: u8 = 0x14;
const FIRMWARE: u8 = 0x17;
const SDIO_MODE: u8 = 0x18;
const SDIO_BUFFERS: u8 = 0x1B;

const HOST_CAPABILITY: u8 = 0x44;
const CHIP_ECHO: u8 = 0x45;
const RAW_THROUGHPUT: u8 = 0x46;
const THROTTLE_HIGH: u8 = 0x47;
const THROTTLE_LOW: u8 = 0x48;

/// Checksums are on.
const HAS_CHECKSUM: u8 = 0x80;

/// Of the tag 0x1B: these buffers are those of SDIO.
const OVER_SDIO: u8 = 0;
/// Of the tag 0x1B: packets are padded, and several may be in one transfer.
const MODE_AGGREGATED: u8 = 0;
/// Of the tag 0x1B: packets stand one behind the other, byte by byte.
const MODE_STREAM: u8 = 1;
/// Of the tag 0x1B: padded too, one packet in a transfer.
const MODE_PACKET: u8 = 2;
/// What the tag 0x1B counts buffers in, in bytes.
const BUFFER_UNIT: usize = 512;
/// What packets are padded to, in bytes.
pub(crate) const PADDING: usize = 4;

/// How packets stand in transfers over SDIO. The tag 0x1B says it, not the firmware's version; without the tag packets
/// are not padded, and each of ours goes alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Framing {
    /// Each packet from the co-processor, but INIT, is padded to a multiple of [`PADDING`] bytes.
    pub(crate) is_padded: bool,
    /// Bytes of a transfer to the co-processor that may hold several packets, each padded; 0: each goes alone.
    pub(crate) aggregate: usize,
}

impl Framing {
    /// Reads the value of the tag 0x1B: the bus, mode and buffers of the way to us, mode and buffers of the way back.
    /// `None` when this driver knows no such way, or a packet does not fit a buffer.
    fn parse(value: &[u8]) -> Option<Self> {
        let [_, to_us, _, to_it, buffers, ..] = value else { return None };
        let bytes = usize::from(*buffers).saturating_mul(BUFFER_UNIT);
        let is_known = |mode: u8| matches!(mode, MODE_AGGREGATED | MODE_STREAM | MODE_PACKET);
        if !is_known(*to_us) || !is_known(*to_it) || bytes < PACKET {
            return None;
        }
        let aggregate = if *to_it == MODE_AGGREGATED { bytes } else { 0 };
        Some(Self { is_padded: *to_us != MODE_STREAM, aggregate })
    }
}

/// What a co-processor says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Init {
    pub(crate) chip: u8,
    pub(crate) checksum: bool,
    /// Buffers for frames from us, where it says.
    pub(crate) receive_queue: Option<u8>,
    /// Major, minor, patch; 0.0.6 does not say.
    pub(crate) firmware: Option<[u8; 3]>,
    /// Several packets may come in one transfer; 0.0.6 does not say, and sends one.
    pub(crate) streaming: Option<bool>,
    /// How packets stand in transfers; `None`: in a way that this driver does not know.
    pub(crate) framing: Option<Framing>,
}

impl Default for Init {
    fn default() -> Self {
        let framing = Some(Framing::default());
        Self { chip: 0, checksum: false, receive_queue: None, firmware: None, streaming: None, framing }
    }
}

impl Init {
    /// Reads the event; `None` when it is another one.
    pub(crate) fn parse(payload: &[u8]) -> Result<Option<Self>, Truncated> {
        let mut r = Reader::new(payload);
        let (event, len) = (r.u8()?, r.u8()?);
        if event != EVENT_INIT {
            return Ok(None);
        }
        let mut tags = Reader::new(r.take(len.into())?);
        let mut init = Self::default();
        while !tags.is_empty() {
            let (tag, len) = (tags.u8()?, tags.u8()?);
            let value = tags.take(len.into())?;
            match (tag, value) {
                (CAPABILITY, [bits, ..]) => init.checksum = bits & HAS_CHECKSUM != 0,
                (CHIP, [chip, ..]) => init.chip = *chip,
                (RECEIVE_QUEUE, [size, ..]) => init.receive_queue = Some(*size),
                // One 32-bit number, little-endian: major, minor, patch from the top, and a revision.
                (FIRMWARE, [patch, minor, major, _]) => init.firmware = Some([*major, *minor, *patch]),
                (SDIO_MODE, [mode, ..]) => init.streaming = Some(*mode != 0),
                (SDIO_BUFFERS, value) if value.first().is_none_or(|bus| *bus == OVER_SDIO) => {
                    init.framing = Framing::parse(value);
                }
                _ => {}
            }
        }
        Ok(Some(init))
    }
}

/// Writes the host's answer; returns its length.
pub(crate) fn write_answer(out: &mut [u8], chip: u8, high: u8, low: u8) -> Result<usize, NoRoom> {
    let mut w = Writer::new(out);
    w.put(&[EVENT_INIT, 15])?;
    for (tag, value) in
        [(HOST_CAPABILITY, 0), (CHIP_ECHO, chip), (RAW_THROUGHPUT, 0), (THROTTLE_HIGH, high), (THROTTLE_LOW, low)]
    {
        w.put(&[tag, 1, value])?;
    }
    Ok(w.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_firmware_introduce_themselves() {
        let old = [0x22, 12, 0x12, 1, 0x0D, 0x11, 1, 0x01, 0x13, 1, 0, 0x14, 1, 20];
        let init = Init::parse(&old).expect("whole").expect("the event");
        assert_eq!(init, Init { chip: 0x0D, receive_queue: Some(20), ..Init::default() });
        let new = [0x22, 15, 0x18, 1, 1, 0x11, 1, 0x81, 0x17, 4, 12, 12, 2, 0, 0x99, 1, 7];
        let init = Init::parse(&new).expect("whole").expect("the event");
        assert_eq!((init.checksum, init.streaming, init.firmware), (true, Some(true), Some([2, 12, 12])));
    }

    #[test]
    fn the_tag_of_the_buffers_says_how_packets_stand_in_transfers() {
        let framing = |value: &[u8]| {
            let event = [&[0x22, value.len() as u8 + 2, 0x1B, value.len() as u8], value].concat();
            Init::parse(&event).expect("whole").expect("the event").framing
        };
        let aggregated = Framing { is_padded: true, aggregate: 15_872 };
        assert_eq!(framing(&[0, 0, 31, 0, 31]), Some(aggregated));
        assert_eq!(framing(&[0, 0, 31, 0, 31, 9]), Some(aggregated));
        assert_eq!(framing(&[0, 1, 31, 1, 31]), Some(Framing::default()));
        assert_eq!(framing(&[0, 1, 31, 0, 31]), Some(Framing { is_padded: false, aggregate: 15_872 }));
        assert_eq!(framing(&[0, 2, 3, 2, 3]), Some(Framing { is_padded: true, aggregate: 0 }));
        // The buffers of SPI.
        assert_eq!(framing(&[1, 7, 0, 7, 0]), Some(Framing::default()));
        for unknown in [&[][..], &[0], &[0, 0, 31, 0], &[0, 3, 31, 0, 31], &[0, 0, 31, 3, 31], &[0, 0, 31, 0, 2]] {
            assert_eq!(framing(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        assert_eq!(Init::parse(&[0x23, 0]), Ok(None));
        for bytes in [&[][..], &[0x22], &[0x22, 3, 0x11, 1], &[0x22, 2, 0x11, 1], &[0x22, 1, 0x11]] {
            assert!(Init::parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
