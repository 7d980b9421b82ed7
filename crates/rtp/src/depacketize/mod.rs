//! Putting frames together again from the payloads of their packets.

mod av1;
mod h264;
mod h265;
mod parts;
mod vp8;
mod vp9;

pub(crate) use parts::Parts;

use barertc_wire::put_at;

use crate::error::Error;
use crate::nal::Framing;
use crate::obu;
use crate::payload_format::{PayloadFormat, is_vp9_key};

/// A frame that is assembled in the caller's buffer from the payloads of its packets, in sequence order.
///
/// NAL units get start codes or length prefixes, and the units of AV1 their sizes. After a [`gap`](Self::gap) or a malformed payload, the rest of the
/// interrupted NAL unit is left out. Only whole units reach the decoder.
///
/// ```
/// use barertc_rtp::{Assembly, PayloadFormat, Framing};
///
/// let mut out = [0; 64];
/// let mut frame = Assembly::new(PayloadFormat::H264, Framing::AnnexB, &mut out)?;
/// frame.push(&[0x7c, 0x85, 1, 2])?; // FU-A, start of an IDR slice
/// frame.push(&[0x7c, 0x45, 3, 4])?; // FU-A, end
/// let done = frame.finish();
/// assert!(done.key && done.intact);
/// assert_eq!(out[..done.len], [0, 0, 0, 1, 0x65, 1, 2, 3, 4]);
/// # Ok::<(), barertc_rtp::Error>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Assembly<'a> {
    format: PayloadFormat,
    framing: Framing,
    out: &'a mut [u8],
    len: usize,
    /// Where the unit that fragments are added to starts, its prefix counted. Of VP9, a layer's frame is one.
    open: Option<usize>,
    key: bool,
    intact: bool,
    empty: bool,
}

/// A frame that was assembled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Assembled {
    /// The bytes that were written to the buffer.
    pub len: usize,
    /// Whether a decoder can start with this frame.
    pub key: bool,
    /// Whether nothing is known to be missing.
    pub intact: bool,
}

impl<'a> Assembly<'a> {
    /// Begins a frame at the start of `out`. `framing` says how NAL units are separated. Formats without NAL units
    /// ignore it.
    ///
    /// # Errors
    /// [`Error::Unframed`] for [`Framing::Whole`] with a format that has NAL units.
    pub fn new(format: PayloadFormat, framing: Framing, out: &'a mut [u8]) -> Result<Self, Error> {
        if format.has_nals() && framing == Framing::Whole {
            return Err(Error::Unframed);
        }
        let framing = if format.has_nals() { framing } else { Framing::Whole };
        Ok(Self { format, framing, out, len: 0, open: None, key: false, intact: true, empty: true })
    }

    /// Adds the payload of the next packet. An empty payload adds nothing: it is padding of a bandwidth probe.
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::Truncated`] when the payload is not one of this format, [`Error::NoRoom`] when
    /// the buffer is full. The frame is damaged then, and can be continued.
    pub fn push(&mut self, payload: &[u8]) -> Result<(), Error> {
        if payload.is_empty() {
            return Ok(());
        }
        let result = match self.format {
            PayloadFormat::H264 => h264::push(self, payload),
            PayloadFormat::H265 => h265::push(self, payload),
            PayloadFormat::Vp8 => vp8::push(self, payload),
            PayloadFormat::Vp9 => vp9::push(self, payload),
            PayloadFormat::Av1 => av1::push(self, payload),
            PayloadFormat::Opus | PayloadFormat::G711 => self.append(payload).map(|()| self.key = true),
        };
        if result.is_err() {
            self.gap();
        }
        self.empty = false;
        result
    }

    /// Says that a packet of this frame is missing at this point. The unfinished NAL unit is dropped.
    pub fn gap(&mut self) {
        self.intact = false;
        if let Some(start) = self.open.take() {
            self.len = start;
        }
    }

    /// Ends the frame.
    #[must_use]
    pub fn finish(mut self) -> Assembled {
        if self.open.is_some() {
            self.gap(); // its last fragment never came
        }
        let bytes = self.out.get(..self.len).unwrap_or_default();
        let key = match self.format {
            PayloadFormat::Vp9 => is_vp9_key(bytes),
            PayloadFormat::Av1 => obu::is_key(bytes),
            _ => self.key && self.len > 0,
        };
        Assembled { len: self.len, key, intact: self.intact && self.len > 0 }
    }

    /// Whether a payload has been pushed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.empty
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        put_at(self.out, self.len, bytes).map_err(|_| Error::NoRoom)?;
        self.len = self.len.saturating_add(bytes.len());
        Ok(())
    }

    /// A whole NAL unit.
    fn unit(&mut self, nal: &[u8]) -> Result<(), Error> {
        self.open_unit()?;
        self.append(nal)?;
        self.close_unit()
    }

    /// Starts a unit; one left open before was cut off and goes.
    fn open_unit(&mut self) -> Result<(), Error> {
        if self.open.is_some() {
            self.gap();
        }
        self.open = Some(self.len);
        match self.framing {
            Framing::AnnexB => self.append(&[0, 0, 0, 1]),
            Framing::Length2 => self.append(&[0; 2]),
            Framing::Length4 => self.append(&[0; 4]),
            Framing::Whole => Ok(()),
        }
    }

    /// Ends a unit and fills in its length.
    fn close_unit(&mut self) -> Result<(), Error> {
        let Some(start) = self.open else { return Err(Error::Malformed) };
        let prefix = match self.framing {
            Framing::Length2 => 2usize,
            Framing::Length4 => 4,
            Framing::AnnexB | Framing::Whole => {
                self.open = None;
                return Ok(());
            }
        };
        let len = self.len.saturating_sub(start).saturating_sub(prefix);
        let len = u32::try_from(len).map_err(|_| Error::NoRoom)?.to_be_bytes();
        let [high, field @ ..] = len;
        if prefix == 2 && (high, field.first()) != (0, Some(&0)) {
            return Err(Error::NoRoom);
        }
        let field = len.get(len.len().saturating_sub(prefix)..).unwrap_or_default();
        put_at(self.out, start, field).map_err(|_| Error::NoRoom)?;
        self.open = None;
        Ok(())
    }

    fn is_open(&self) -> bool {
        self.open.is_some()
    }
}
