//! Attribute types. Those below 0x8000 must be understood by who receives them (RFC 8489 §14).

/// MAPPED-ADDRESS
pub const MAPPED_ADDRESS: u16 = 0x0001;
/// USERNAME
pub const USERNAME: u16 = 0x0006;
/// MESSAGE-INTEGRITY
pub const MESSAGE_INTEGRITY: u16 = 0x0008;
/// ERROR-CODE
pub const ERROR_CODE: u16 = 0x0009;
/// UNKNOWN-ATTRIBUTES
pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
/// CHANNEL-NUMBER (TURN)
pub const CHANNEL_NUMBER: u16 = 0x000C;
/// LIFETIME (TURN)
pub const LIFETIME: u16 = 0x000D;
/// XOR-PEER-ADDRESS (TURN)
pub const XOR_PEER_ADDRESS: u16 = 0x0012;
/// DATA (TURN)
pub const DATA: u16 = 0x0013;
/// REALM
pub const REALM: u16 = 0x0014;
/// NONCE
pub const NONCE: u16 = 0x0015;
/// XOR-RELAYED-ADDRESS (TURN)
pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
/// REQUESTED-ADDRESS-FAMILY (TURN)
pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
/// REQUESTED-TRANSPORT (TURN)
pub const REQUESTED_TRANSPORT: u16 = 0x0019;
/// MESSAGE-INTEGRITY-SHA256
pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
/// PASSWORD-ALGORITHM
pub const PASSWORD_ALGORITHM: u16 = 0x001D;
/// USERHASH
pub const USERHASH: u16 = 0x001E;
/// XOR-MAPPED-ADDRESS
pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// PRIORITY (ICE)
pub const PRIORITY: u16 = 0x0024;
/// USE-CANDIDATE (ICE)
pub const USE_CANDIDATE: u16 = 0x0025;
/// PASSWORD-ALGORITHMS
pub const PASSWORD_ALGORITHMS: u16 = 0x8002;
/// SOFTWARE
pub const SOFTWARE: u16 = 0x8022;
/// ALTERNATE-SERVER
pub const ALTERNATE_SERVER: u16 = 0x8023;
/// FINGERPRINT
pub const FINGERPRINT: u16 = 0x8028;
/// ICE-CONTROLLED
pub const ICE_CONTROLLED: u16 = 0x8029;
/// ICE-CONTROLLING
pub const ICE_CONTROLLING: u16 = 0x802A;
/// Padding of a check that probes the path MTU. The PADDING of RFC 5780 §7.6 must be understood, and agents refuse it. A type
/// from 0x8000 on is ignored by who does not know it (RFC 8489 §14).
pub const PROBE_PADDING: u16 = 0xC0DA;

/// Whether a receiver that does not know `kind` must refuse the message (RFC 8489 §14).
#[must_use]
pub const fn must_be_understood(kind: u16) -> bool {
    kind < 0x8000
}
