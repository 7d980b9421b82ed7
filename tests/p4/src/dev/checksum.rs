//! The checksums that the Ethernet controller makes and verifies.
//!
//! Sources: IEEE 802.3 §3.2.9 for the frame's; RFC 1071 for the Internet's; RFC 791, 768, 9293 and 792 for where they are; Linux' `stmmac/descs.h`
//! for the bits of the fifth word of a receive descriptor (`ERDES4_*`).

const HEADER_ERROR: u32 = 1 << 3;
const PAYLOAD_ERROR: u32 = 1 << 4;
const BYPASSED: u32 = 1 << 5;
const IPV4: u32 = 1 << 6;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ETHERNET: usize = 14;

/// The frame check sequence.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

fn sum(bytes: &[u8]) -> u64 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let whole: u64 = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum();
    whole + rest.first().map_or(0, |byte| u64::from(*byte) << 8)
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Where things are in an IPv4 frame.
struct Parts {
    header: std::ops::Range<usize>,
    payload: std::ops::Range<usize>,
    protocol: u8,
    fragment: bool,
}

fn parts(frame: &[u8]) -> Option<Parts> {
    if frame.get(12..14)? != [8, 0] {
        return None;
    }
    let first = *frame.get(ETHERNET)?;
    let header = usize::from(first & 0xf) * 4;
    let total = usize::from(u16::from_be_bytes([*frame.get(16)?, *frame.get(17)?]));
    if first >> 4 != 4 || header < 20 || total < header || frame.len() < ETHERNET + total {
        return None;
    }
    let fragment = u16::from_be_bytes([frame[20], frame[21]]) & 0x3fff != 0;
    Some(Parts {
        header: ETHERNET..ETHERNET + header,
        payload: ETHERNET + header..ETHERNET + total,
        protocol: frame[23],
        fragment,
    })
}

/// Where the checksum is in the payload of a protocol.
fn place(protocol: u8) -> Option<usize> {
    match protocol {
        ICMP => Some(2),
        TCP => Some(16),
        UDP => Some(6),
        _ => None,
    }
}

fn pseudo(frame: &[u8], parts: &Parts) -> u64 {
    if parts.protocol == ICMP {
        return 0;
    }
    sum(&frame[26..34]) + u64::from(parts.protocol) + parts.payload.len() as u64
}

/// Puts the checksums of an IPv4 frame where they belong.
pub fn insert(frame: &mut [u8]) {
    let Some(parts) = parts(frame) else { return };
    frame[24..26].fill(0);
    let header = fold(sum(&frame[parts.header.clone()]));
    frame[24..26].copy_from_slice(&header.to_be_bytes());
    let Some(place) = place(parts.protocol).filter(|place| !parts.fragment && parts.payload.len() >= place + 2) else {
        return;
    };
    let at = parts.payload.start + place;
    frame[at..at + 2].fill(0);
    let value = match fold(pseudo(frame, &parts) + sum(&frame[parts.payload.clone()])) {
        0 if parts.protocol == UDP => 0xffff,
        value => value,
    };
    frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// The status of what was verified; none if the frame is no IPv4.
pub fn verify(frame: &[u8]) -> Option<u32> {
    let parts = parts(frame)?;
    let mut status = IPV4;
    if fold(sum(&frame[parts.header.clone()])) != 0 {
        status |= HEADER_ERROR;
    }
    match place(parts.protocol).filter(|place| !parts.fragment && parts.payload.len() >= place + 2) {
        None => status |= BYPASSED,
        // A datagram without a checksum has zeros.
        Some(place) if parts.protocol == UDP && frame[parts.payload.start + place..][..2] == [0, 0] => {}
        Some(_) => {
            if fold(pseudo(frame, &parts) + sum(&frame[parts.payload.clone()])) != 0 {
                status |= PAYLOAD_ERROR;
            }
        }
    }
    Some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram() -> Vec<u8> {
        let mut frame = vec![0; 14];
        frame[12] = 8;
        frame.extend([0x45, 0, 0, 32, 0, 0, 0, 0, 64, UDP, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2]);
        frame.extend([0x23, 0x28, 0x23, 0x29, 0, 12, 0, 0, 1, 2, 3, 4]);
        frame
    }

    #[test]
    fn what_was_inserted_is_right_and_what_was_changed_is_not() {
        let mut frame = datagram();
        insert(&mut frame);
        assert_eq!(verify(&frame), Some(IPV4));
        frame[45] ^= 1;
        assert_eq!(verify(&frame), Some(IPV4 | PAYLOAD_ERROR));
        frame[22] ^= 1;
        assert_eq!(verify(&frame), Some(IPV4 | PAYLOAD_ERROR | HEADER_ERROR));
        assert_eq!(verify(&[0; 60]), None);
    }

    #[test]
    fn the_frame_check_sequence_is_ethernets() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
