//! Session descriptions of WebRTC, and the offer/answer exchange (RFC 8866, RFC 8829, RFC 3264, RFC 9143).
//!
//! The crate allocates nothing. A parsed description borrows from its text. A new description is written into the caller's
//! buffer.
//!
//! [`Session::parse`] reads a description. To answer an offer, [`Negotiated::from_offer`] accepts or rejects each m-line,
//! and [`write_answer`] writes the answer. To make an offer, [`write_offer`] writes it, and [`Negotiated::from_answer`]
//! reads the answer. In both cases, [`Negotiated`] has the values to configure ICE, DTLS, SCTP and RTP with.
//!
//! An unknown attribute is ignored, and an m-line of an unknown kind is answered with port 0. Neither is an error.
//!
//! ```
//! use barertc_sdp::*;
//!
//! // This side sends one H.264 track, and has data channels.
//! let fingerprint = Fingerprint::sha256([0xAB; 32]); // the fingerprint of this side's certificate
//! let codecs = [LocalCodec::h264()];
//! let sections = [
//!     Section::Track(Track {
//!         mid: Some("video-stream"),
//!         kind: MediaKind::Video,
//!         direction: Direction::SendOnly,
//!         codecs: &codecs,
//!         extensions: ExtensionMap::new().with(Extension::Mid, 1).with(Extension::TransportSequence, 2),
//!         sending: Some(Sending {
//!             ssrc: 1,
//!             rtx_ssrc: Some(11),
//!             fec_ssrc: None,
//!             stream: "stream1",
//!             track: "video-stream",
//!             rids: &[],
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
//!     cname: "camera",
//!     sections: sections[..].into(),
//! };
//! let mut room = [0; 2048];
//! let offer = write_offer(&local, &mut room)?;
//!
//! // The other side has the same codec, receives, and answers.
//! let remote_sections = [
//!     Section::Track(Track {
//!         mid: None,
//!         kind: MediaKind::Video,
//!         direction: Direction::RecvOnly,
//!         codecs: &codecs,
//!         extensions: ExtensionMap::new().with(Extension::Mid, 1),
//!         sending: None,
//!     }),
//!     Section::Data(Data { mid: None, sctp_port: 5000, max_message_size: 262_144, sctp_init: None }),
//! ];
//! let remote = Local { sections: remote_sections[..].into(), ..local.clone() };
//! let offer = Session::parse(offer)?;
//! let agreed = Negotiated::from_offer(&offer, &remote)?;
//! let mut room = [0; 2048];
//! let answer = write_answer(&offer, &remote, &agreed, &mut room)?;
//!
//! // The offerer reads the direction, the payload types and the limits from the answer.
//! let agreed = Negotiated::from_answer(&Session::parse(answer)?, &local)?;
//! let video = agreed.line("video-stream").unwrap();
//! assert_eq!(video.direction, Direction::SendOnly);
//! assert_eq!(video.codec().map(|c| (c.pt, c.rtx_pt)), Some((102, Some(103))));
//! assert_eq!(video.extensions.id(Extension::Mid), Some(1));
//! assert_eq!(agreed.data.map(|d| d.max_message_size), Some(262_144));
//! assert_eq!(agreed.setup, Setup::Passive); // the answerer took the active role
//! # Ok::<(), Error>(())
//! ```
//!
//! # Features
//!
//! None is on by default.
//!
//! - `defmt`: `defmt::Format` on the public types.
//! - `simulcast`: Several encodings of a track that this side sends. Without it `Sending::rids` has to be empty.
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

mod attr;
mod bounds;
mod codec;
mod error;
mod h264;
mod limits;
mod line;
mod list;
mod local;
mod media;
mod negotiate;
mod session;
mod simulcast;
mod write;

pub use attr::{Direction, Feedback, MediaKind, RtpMap, Setup, SsrcAttribute, parameter, parameters};
pub use barertc_wire::{Extension, ExtensionMap, Fingerprint, Fingerprints, HashAlgorithm};
pub use bounds::DescriptionBounds;
pub use codec::{Codec, H264};
pub use error::{Error, SectionError, TransportError};
pub use h264::{Level, Profile, ProfileLevelId};
pub use limits::{
    MAX_CODECS, MAX_ENCODINGS, MAX_KINDS, MAX_MEDIA, MAX_NAME, MAX_PAYLOADS, MAX_RID, MAX_SECTIONS, MAX_SSRCS,
};
pub use list::{List, Name};
pub use local::{Data, Local, LocalCodec, Section, Sections, Sending, Track};
pub use media::{Media, Payload, Payloads, RemoteSsrc};
pub use negotiate::{Line, Negotiated, NegotiatedCodec, NegotiatedData, Placeholder};
pub use session::{Bundle, MediaLines, Session, Transport};
pub use simulcast::{Rid, Simulcast};
pub use write::{write_answer, write_offer};
