//! Handshake messages: their pieces, their contents, and the flights they go out in.

pub(crate) mod flight;
pub(crate) mod hello;
pub(crate) mod ranges;
pub(crate) mod reassembly;
pub(crate) mod signature;
pub(crate) mod transcript;

/// HandshakeType (RFC 5246 §7.4; RFC 6347 §4.3.2; RFC 8446 §4).
pub(crate) mod kind {
    pub(crate) const HELLO_REQUEST: u8 = 0;
    pub(crate) const CLIENT_HELLO: u8 = 1;
    pub(crate) const SERVER_HELLO: u8 = 2;
    pub(crate) const HELLO_VERIFY_REQUEST: u8 = 3;
    pub(crate) const NEW_SESSION_TICKET: u8 = 4;
    pub(crate) const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub(crate) const CERTIFICATE: u8 = 11;
    pub(crate) const SERVER_KEY_EXCHANGE: u8 = 12;
    pub(crate) const CERTIFICATE_REQUEST: u8 = 13;
    pub(crate) const SERVER_HELLO_DONE: u8 = 14;
    pub(crate) const CERTIFICATE_VERIFY: u8 = 15;
    pub(crate) const CLIENT_KEY_EXCHANGE: u8 = 16;
    pub(crate) const FINISHED: u8 = 20;
    pub(crate) const KEY_UPDATE: u8 = 24;
    pub(crate) const MESSAGE_HASH: u8 = 254;
}

use barertc_wire::{NoRoom, Writer};

/// Writes a vector with a two-byte length in front.
pub(crate) fn vec16(w: &mut Writer<'_>, f: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>) -> Result<(), NoRoom> {
    let at = w.len();
    w.u16(0)?;
    f(w)?;
    let len = w.len().saturating_sub(at).saturating_sub(2);
    w.patch(at, &u16::try_from(len).map_err(|_| NoRoom)?.to_be_bytes())
}

/// Writes a vector with a one-byte length in front.
pub(crate) fn vec8(w: &mut Writer<'_>, bytes: &[u8]) -> Result<(), NoRoom> {
    w.u8(u8::try_from(bytes.len()).map_err(|_| NoRoom)?)?;
    w.put(bytes)
}
