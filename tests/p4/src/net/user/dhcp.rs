//! Who gives out the one address there is.
//!
//! Sources: RFC 2131 for the messages, RFC 2132 for the options.

use std::net::Ipv4Addr;

use super::frame::{GATEWAY, GUEST, Udp};

pub const SERVER: u16 = 67;
const CLIENT: u16 = 68;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

/// The frame that answers a client, if it asks for something.
pub fn answer(request: &[u8]) -> Option<Vec<u8>> {
    let kind = match option(request.get(240..)?, 53)? {
        [DISCOVER] => OFFER,
        [REQUEST] => ACK,
        _ => return None,
    };
    let hardware: [u8; 6] = request.get(28..34)?.try_into().ok()?;
    let mut reply = vec![2, 1, 6, 0];
    reply.extend(request.get(4..8)?);
    reply.extend([0; 8]);
    reply.extend(GUEST.octets());
    reply.extend(GATEWAY.octets());
    reply.extend([0; 4]);
    reply.extend(request.get(28..44)?);
    reply.resize(236, 0);
    reply.extend(COOKIE);
    let mut add = |code: u8, value: &[u8]| {
        reply.extend([code, value.len() as u8]);
        reply.extend(value);
    };
    add(53, &[kind]);
    add(54, &GATEWAY.octets());
    add(51, &86_400_u32.to_be_bytes());
    add(1, &[255, 255, 255, 0]);
    add(3, &GATEWAY.octets());
    reply.push(255);
    let datagram = Udp { from: (GATEWAY, SERVER), to: (Ipv4Addr::BROADCAST, CLIENT), payload: &reply };
    Some(datagram.frame(hardware))
}

/// The value of an option.
fn option(mut options: &[u8], code: u8) -> Option<&[u8]> {
    loop {
        match options {
            [0, rest @ ..] => options = rest,
            [255, ..] | [] | [_] => return None,
            [this, len, rest @ ..] => {
                let value = rest.get(..usize::from(*len))?;
                if *this == code {
                    return Some(value);
                }
                options = rest.get(usize::from(*len)..)?;
            }
        }
    }
}
