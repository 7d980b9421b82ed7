//! The fixed header of a STUN message (RFC 8489 §5).

/// Bytes of the fixed header.
pub const HEADER_LEN: usize = 20;

/// The cookie of RFC 8489 §5, by which STUN is told from older protocols.
pub const MAGIC_COOKIE: u32 = 0x2112_A442;

/// The class of a message: what it is for (RFC 8489 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Class {
    /// A request, which asks for a response.
    Request,
    /// An indication, which asks for no response.
    Indication,
    /// A success response: the request was carried out.
    Success,
    /// An error response: the request failed, and ERROR-CODE says why.
    Error,
}

/// A STUN method: twelve bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Method(pub u16);

impl Method {
    /// Binding (RFC 8489 §3).
    pub const BINDING: Self = Self(0x001);
    /// Allocate (RFC 8656 §17).
    pub const ALLOCATE: Self = Self(0x003);
    /// Refresh (RFC 8656 §17).
    pub const REFRESH: Self = Self(0x004);
    /// Send, an indication only (RFC 8656 §17).
    pub const SEND: Self = Self(0x006);
    /// Data, an indication only (RFC 8656 §17).
    pub const DATA: Self = Self(0x007);
    /// CreatePermission (RFC 8656 §17).
    pub const CREATE_PERMISSION: Self = Self(0x008);
    /// ChannelBind (RFC 8656 §17).
    pub const CHANNEL_BIND: Self = Self(0x009);
}

/// A transaction id: 96 random bits that tie a response to its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TransactionId(pub [u8; 12]);

/// The message type field of RFC 8489 §5, figure 3: the class bits lie between the method's.
pub(super) const fn type_bits(class: Class, method: Method) -> u16 {
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

pub(super) const fn from_type_bits(bits: u16) -> (Class, Method) {
    let class = match bits & 0x0110 {
        0x0000 => Class::Request,
        0x0010 => Class::Indication,
        0x0100 => Class::Success,
        _ => Class::Error,
    };
    (class, Method((bits & 0x000F) | ((bits >> 1) & 0x0070) | ((bits >> 2) & 0x0F80)))
}
