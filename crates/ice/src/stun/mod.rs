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
pub mod attr;
mod builder;
mod fingerprint;
mod header;
mod message;
#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use fingerprint::crc32;
pub use header::{Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId};
pub use message::{ErrorCode, Malformed, Message};
