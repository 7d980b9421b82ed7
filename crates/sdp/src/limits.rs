//! The limits of this crate.

/// The most local sections in use at a time, and so the most m-lines that can be accepted.
pub const MAX_SECTIONS: usize = 16;
/// The most m-lines of an offer that are compared with local sections. All later m-lines are answered with port 0.
pub const MAX_MEDIA: usize = 256;
/// The most m-lines whose kinds a [`Negotiated`](crate::Negotiated) keeps, for later offers of this side.
pub const MAX_KINDS: usize = 64;
/// The most payload types that are read from an m-line. Later payload types are ignored. Chromium offers 44.
pub const MAX_PAYLOADS: usize = 64;
/// The most payload types that are negotiated for an m-line, those of retransmissions and redundancy not counted.
pub const MAX_CODECS: usize = 4;
/// The most announced streams (`a=ssrc`) that are read from an m-line.
pub const MAX_SSRCS: usize = 4;
/// The longest [`Name`](crate::Name) in bytes. An offered m-line with a longer mid is answered with port 0.
pub const MAX_NAME: usize = 64;
/// The most encodings of a track. Browsers send three.
pub const MAX_ENCODINGS: usize = 3;
/// The longest [`Rid`](crate::Rid) in bytes, as in libwebrtc.
pub const MAX_RID: usize = 16;
/// The most BUNDLE group members whose m-lines are searched for the transport of the group.
pub(crate) const MAX_DONORS: usize = 16;
