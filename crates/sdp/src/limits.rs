//! The bounds of this crate.

/// The most sections of ours in use at a time, and so the most m-lines that can be accepted.
pub const MAX_SECTIONS: usize = 16;
/// The most m-lines of an offer that are compared with our sections. Those behind them are answered with port 0.
pub const MAX_MEDIA: usize = 256;
/// The most m-lines whose kinds a [`Negotiated`](crate::Negotiated) keeps, for later offers of ours.
pub const MAX_KINDS: usize = 64;
/// The most payload types that are read from an m-line; Chromium offers 44. Those behind them are not agreed on.
pub const MAX_PAYLOADS: usize = 64;
/// The most payload types that are agreed on for an m-line.
pub const MAX_CODECS: usize = 4;
/// The most announced streams that are read from an m-line.
pub const MAX_SSRCS: usize = 4;
/// The longest [`Name`](crate::Name) in bytes. An offered m-line with a longer mid is answered with port 0.
pub const MAX_NAME: usize = 64;
/// The most BUNDLE group members whose m-lines are searched for the transport of the group.
pub(crate) const MAX_DONORS: usize = 16;
