//! Addresses in attributes (RFC 8489 §14.1, §14.2).
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use barertc_wire::{NoRoom, Reader, Truncated, Writer};

use super::header::{MAGIC_COOKIE, TransactionId};

/// The bytes that XOR-ed addresses are masked with: cookie, then transaction id (RFC 8489 §14.2).
fn mask(id: TransactionId) -> u128 {
    let mut bytes = [0; 16];
    let (cookie, rest) = bytes.split_at_mut(4);
    cookie.copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    rest.copy_from_slice(&id.0);
    u128::from_be_bytes(bytes)
}

/// Reads a MAPPED-ADDRESS value; `None` for an unknown family or a wrong length.
pub(super) fn read_plain(value: &[u8]) -> Option<SocketAddr> {
    let mut r = Reader::new(value);
    let read = |r: &mut Reader<'_>| -> Result<Option<SocketAddr>, Truncated> {
        r.u8()?;
        let family = r.u8()?;
        let port = r.u16()?;
        let ip: IpAddr = match family {
            1 => Ipv4Addr::from(r.u32()?).into(),
            2 => Ipv6Addr::from(r.array::<16>()?).into(),
            _ => return Ok(None),
        };
        Ok(Some(SocketAddr::new(ip, port)))
    };
    read(&mut r).ok().flatten().filter(|_| r.is_empty())
}

/// The same for XOR-MAPPED-ADDRESS and its relatives.
pub(super) fn read_xor(value: &[u8], id: TransactionId) -> Option<SocketAddr> {
    read_plain(value).map(|addr| xor(addr, id))
}

/// Writes the value of an XOR-ed address attribute.
pub(super) fn write_xor(w: &mut Writer<'_>, addr: SocketAddr, id: TransactionId) -> Result<(), NoRoom> {
    let addr = xor(addr, id);
    w.u8(0)?;
    w.u8(if addr.is_ipv4() { 1 } else { 2 })?;
    w.u16(addr.port())?;
    match addr.ip() {
        IpAddr::V4(ip) => w.put(&ip.octets()),
        IpAddr::V6(ip) => w.put(&ip.octets()),
    }
}

fn xor(addr: SocketAddr, id: TransactionId) -> SocketAddr {
    let port = addr.port() ^ (MAGIC_COOKIE >> 16) as u16;
    let ip = match addr.ip() {
        IpAddr::V4(ip) => IpAddr::V4((u32::from(ip) ^ MAGIC_COOKIE).into()),
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) ^ mask(id)).into()),
    };
    SocketAddr::new(ip, port)
}
