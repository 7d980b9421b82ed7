//! RTP and RTCP: packets, header extensions, packetizers and depacketizers.
//!
//! A [`Frame`] holds its bytes once. A sender writes an RTP [`Header`] and a piece of the frame into the buffer that
//! will be encrypted and sent:
//!
//! ```
//! use barertc_arena::{Global, Shared};
//! use barertc_rtp::{Assembly, PayloadFormat, Cursor, ExtensionMap, Extensions, Frame, FrameInfo, Framing, Header, Packet};
//! use barertc_wire::Writer;
//!
//! let mut idr = vec![0x65; 3000];
//! idr.splice(0..0, [0, 0, 0, 1]);
//! let bytes = Shared::<[u8], _>::try_from_slice(&idr, Global).map_err(barertc_rtp::Error::from)?;
//! let frame = Frame::new(bytes, PayloadFormat::H264, Framing::AnnexB, FrameInfo::default(), Global)?;
//!
//! let (mut back, mut sequence, mut cursor) = ([0; 4096], 65_534u16, Cursor::default());
//! let mut assembly = Assembly::new(PayloadFormat::H264, Framing::AnnexB, &mut back)?;
//! while let Some(piece) = frame.next_piece(1180, &mut cursor) {
//!     let mut datagram = [0; 1200];
//!     let mut w = Writer::new(&mut datagram);
//!     let header = Header { marker: piece.is_last(), payload_type: 102, sequence, timestamp: 0, ssrc: 1 };
//!     header.write(&ExtensionMap::new(), &Extensions::default(), &mut w)?;
//!     frame.write_piece(&piece, &mut w)?;
//!
//!     let packet = Packet::parse(w.written())?; // the other side
//!     assembly.push(packet.payload)?;
//!     sequence = sequence.wrapping_add(1);
//! }
//! let done = assembly.finish();
//! assert!(done.intact && done.key);
//! assert_eq!(back[..done.len], idr);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Wire input is never indexed, unwrapped or added to unchecked: what is wrong with it is an [`Error`].
//!
//! # Features
//!
//! None is on by default.
//!
//! - `defmt`: `defmt::Format` on the public types.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, unnameable_types)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::disallowed_methods
    )
)]

#[cfg(test)]
extern crate std;

mod depacketize;
mod error;
mod extension;
mod flexfec;
mod frame;
mod header;
mod jitter;
mod nal;
mod obu;
mod packetize;
mod payload_format;
mod red;
pub mod rtcp;
pub mod seq;

pub use barertc_wire::{Extension, ExtensionMap};
pub use depacketize::{Assembled, Assembly};
pub use error::Error;
pub use extension::{AudioLevel, Elements, Extensions, PlayoutDelay, abs_send_time};
pub use flexfec::{MAX_REPAIR_SPAN, REPAIR_HEADER_LEN, Recovery, RepairHeader};
pub use frame::{Frame, FrameInfo, MAX_NALS};
pub use header::{HEADER_LEN, Header, Packet, is_rtcp};
pub use jitter::{Inserted, JitterBuffer, JitterConfig, ReceivedFrame};
pub use nal::{Framing, Nal, for_each_nal};
pub use packetize::{Cursor, MIN_BUDGET, Piece};
pub use payload_format::PayloadFormat;
pub use red::{MAX_RED_BYTES, MAX_RED_OFFSET, RED_HEADER_LEN, RedBlock, read_red, write_red};
