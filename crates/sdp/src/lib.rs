//! Session descriptions and offer/answer of WebRTC (RFC 8866, 8829, 3264, 9143), without an allocator: parsed by
//! borrowing from the text, written into memory that the caller lends, bounded throughout.
//!
//! [`Session::parse`] reads a description. [`Negotiated::from_offer`] decides what becomes of each of its m-lines and
//! [`write_answer`] says so; the other way round it is [`write_offer`] and [`Negotiated::from_answer`]. Either way the
//! [`Negotiated`] is what transports are configured from. What isn't understood is ignored or rejected, never an error.
//!
//! ```
//! use barertc_sdp::*;
//!
//! // What we have: one H.264 track to send, and data channels.
//! let digest = [0xAB; 32]; // SHA-256 of our certificate
//! let fingerprint = Fingerprint::new(HashAlgorithm::Sha256, &digest).unwrap();
//! let codecs = [LocalCodec {
//!     codec: Codec::H264(H264::CONSTRAINED_BASELINE),
//!     pt: 102,
//!     rtx: Some(103),
//!     feedback: Feedback::ALL,
//! }];
//! let sections = [
//!     Section::Track(Track {
//!         mid: Some("video-stream"),
//!         kind: Kind::Video,
//!         direction: Direction::SendOnly,
//!         codecs: &codecs,
//!         extensions: ExtensionMap::new().with(Extension::Mid, 1).with(Extension::TransportSequence, 2),
//!         sending: Some(Sending {
//!             ssrc: 1,
//!             rtx_ssrc: Some(11),
//!             cname: "video-stream",
//!             stream: "stream1",
//!             track: "video-stream",
//!         }),
//!     }),
//!     Section::Data(Data { mid: Some("data"), sctp_port: 5000, max_message_size: 65_536, sctp_init: None }),
//! ];
//! let local = Local {
//!     session_id: 42,
//!     session_version: 1,
//!     ufrag: "abcd",
//!     pwd: "0123456789abcdef012345",
//!     lite: false,
//!     ice_options: "trickle",
//!     fingerprint: &fingerprint,
//!     setup: Setup::ActPass,
//!     candidates: &["candidate:1 1 udp 2113937151 192.0.2.1 5004 typ host"],
//!     end_of_candidates: true,
//!     default_address: None,
//!     sections: &sections,
//! };
//! let mut room = [0; 2048];
//! let offer = write_offer(&local, &mut room)?;
//!
//! // The other side takes all of it (here: with the same capabilities, receiving).
//! let remote_sections = [
//!     Section::Track(Track {
//!         mid: None,
//!         kind: Kind::Video,
//!         direction: Direction::RecvOnly,
//!         codecs: &codecs,
//!         extensions: ExtensionMap::new().with(Extension::Mid, 1),
//!         sending: None,
//!     }),
//!     Section::Data(Data { mid: None, sctp_port: 5000, max_message_size: 262_144, sctp_init: None }),
//! ];
//! let remote = Local { sections: &remote_sections, ..local.clone() };
//! let offer = Session::parse(offer)?;
//! let agreed = Negotiated::from_offer(&offer, &remote)?;
//! let mut room = [0; 2048];
//! let answer = write_answer(&offer, &remote, &agreed, &mut room)?;
//!
//! // And so we know what to send.
//! let agreed = Negotiated::from_answer(&Session::parse(answer)?, &local)?;
//! let video = agreed.line("video-stream").unwrap();
//! assert_eq!(video.direction, Direction::SendOnly);
//! assert_eq!(video.codec().map(|c| (c.pt, c.rtx_pt)), Some((102, Some(103))));
//! assert_eq!(video.extensions.id(Extension::Mid), Some(1));
//! assert_eq!(agreed.data.map(|d| d.max_message_size), Some(262_144));
//! assert_eq!(agreed.setup, Setup::Passive); // the answerer took the active role
//! # Ok::<(), Error>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]
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

mod attr;
mod codec;
mod error;
mod h264;
mod line;
mod local;
mod media;
mod negotiate;
mod session;
mod write;

pub use attr::{Direction, Feedback, Kind, RtpMap, Setup, SsrcAttribute, parameter, parameters};
pub use barertc_wire::{Extension, ExtensionMap, Fingerprint, HashAlgorithm};
pub use codec::{Codec, H264};
pub use error::{Error, TransportError};
pub use h264::{Level, Profile, ProfileLevelId};
pub use local::{Data, Local, LocalCodec, Section, Sending, Track};
pub use media::{Media, Payload, Payloads, RemoteSsrc};
pub use negotiate::{Line, Negotiated, NegotiatedCodec, NegotiatedData};
pub use session::{Session, Transport};
pub use write::{write_answer, write_offer};

/// The longest description read, in bytes: twice the longest a browser was seen to write (7 KB).
pub const MAX_LEN: usize = 16 * 1024;
/// The most lines read; Chromium's longest has 217.
pub const MAX_LINES: usize = 1024;
/// The most m-lines.
pub const MAX_MEDIA: usize = 16;
/// The most payload types looked at on an m-line; Chromium has 44. Those behind are as if unknown.
pub const MAX_PAYLOADS: usize = 64;
/// The most payload types agreed on for an m-line.
pub const MAX_CODECS: usize = 4;
/// The most announced streams remembered for an m-line.
pub const MAX_SSRCS: usize = 4;
/// The longest mid accepted; RFC 9143 §15.1 suggests at most 3 bytes, browsers use one, some names.
pub const MAX_MID: usize = 32;
