//! STUN messages (RFC 8489): a checked view over a datagram, and a builder into the caller's buffer.
//!
//! ```
//! use barertc_crypto::{HmacSha1Key, RustCrypto};
//! use barertc_ice::stun::{Builder, Class, Message, Method, TransactionId, attr};
//!
//! let key = HmacSha1Key::new(b"VOkJxbRl1RmTxUk/WvJxBt");
//! let mut out = [0; 128];
//! let mut b = Builder::new(&mut out, Class::Request, Method::BINDING, TransactionId([7; 12]))?;
//! b.bytes(attr::USERNAME, b"evtj:h6vY")?;
//! b.integrity(&RustCrypto, &key)?;
//! let len = b.fingerprint()?;
//!
//! let m = Message::parse(&out[..len])?;
//! assert_eq!(m.username(), Some("evtj:h6vY"));
//! assert!(m.verify(&RustCrypto, &key));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
mod address;
mod builder;
mod fingerprint;
mod message;
#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use message::{ErrorCode, Malformed, Message};

/// Bytes of the fixed header.
pub const HEADER_LEN: usize = 20;

/// The cookie of RFC 8489 §5, by which STUN is told from older protocols.
pub const MAGIC_COOKIE: u32 = 0x2112_A442;

/// What a message is for (RFC 8489 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Class {
    /// Asks for a response.
    Request,
    /// Asks for nothing.
    Indication,
    /// The request was carried out.
    Success,
    /// The request failed; ERROR-CODE says why.
    Error,
}

/// A STUN method: twelve bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Method(pub u16);

impl Method {
    /// Binding (RFC 8489 §3).
    pub const BINDING: Self = Self(0x001);
    /// Allocate (RFC 8656 §17), as all that follow.
    pub const ALLOCATE: Self = Self(0x003);
    /// Refresh.
    pub const REFRESH: Self = Self(0x004);
    /// Send, an indication only.
    pub const SEND: Self = Self(0x006);
    /// Data, an indication only.
    pub const DATA: Self = Self(0x007);
    /// CreatePermission.
    pub const CREATE_PERMISSION: Self = Self(0x008);
    /// ChannelBind.
    pub const CHANNEL_BIND: Self = Self(0x009);
}

/// What ties a response to its request: 96 random bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TransactionId(pub [u8; 12]);

/// Attribute types. Those below 0x8000 must be understood by who receives them (RFC 8489 §14).
pub mod attr {
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

    /// Whether a receiver that does not know `kind` must refuse the message (RFC 8489 §14).
    #[must_use]
    pub const fn must_be_understood(kind: u16) -> bool {
        kind < 0x8000
    }
}

/// The message type field of RFC 8489 §5, figure 3: the class bits lie between the method's.
const fn type_bits(class: Class, method: Method) -> u16 {
    let m = method.0;
    let method = (m & 0x000F) | ((m & 0x0070) << 1) | ((m & 0x0F80) << 2);
    let class = match class {
        Class::Request => 0x0000,
        Class::Indication => 0x0010,
        Class::Success => 0x0100,
        Class::Error => 0x0110,
    };
    method | class
}

const fn from_type_bits(bits: u16) -> (Class, Method) {
    let class = match bits & 0x0110 {
        0x0000 => Class::Request,
        0x0010 => Class::Indication,
        0x0100 => Class::Success,
        _ => Class::Error,
    };
    (class, Method((bits & 0x000F) | ((bits >> 1) & 0x0070) | ((bits >> 2) & 0x0F80)))
}
