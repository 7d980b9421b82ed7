//! Two sessions that talk to each other, and packets for them.
#![allow(dead_code)]

use barertc_arena::Global;
use barertc_crypto::RustCrypto;
use barertc_srtp::{Config, Masters, Profile, Session, Side};

pub type Srtp = Session<Global, RustCrypto>;

pub fn pair(profile: Profile, config: Config) -> (Srtp, Srtp) {
    let exported: Vec<u8> = (0..profile.exporter_len()).map(|i| (i * 7 + 1) as u8).collect();
    let make = |side| {
        let masters = Masters::split(profile, &exported, side).unwrap();
        Session::new(config, profile, masters.local(), masters.remote(), Global, RustCrypto).unwrap()
    };
    (make(Side::Client), make(Side::Server))
}

pub fn rtp(ssrc: u32, seq: u16, payload: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(seq.to_be_bytes());
    packet.extend([0, 0, 1, 0]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..payload).map(|i| (i as u8) ^ (seq as u8)));
    packet
}

/// A receiver report without blocks and an SDES item.
pub fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x81, 202, 0, 2]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([1, 1, b'x', 0]);
    packet
}

pub fn protect(session: &mut Srtp, packet: &[u8]) -> Vec<u8> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + 64, 0xEE);
    let len = session.protect_rtp(&mut buf, packet.len()).unwrap();
    buf.truncate(len);
    buf
}

/// The packet once more.
pub fn protect_again(session: &mut Srtp, packet: &[u8]) -> Result<Vec<u8>, barertc_srtp::Error> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + 64, 0xEE);
    let len = session.protect_rtp_again(&mut buf, packet.len())?;
    buf.truncate(len);
    Ok(buf)
}

pub fn protect_rtcp(session: &mut Srtp, packet: &[u8]) -> Vec<u8> {
    let mut buf = packet.to_vec();
    buf.resize(packet.len() + 64, 0xEE);
    let len = session.protect_rtcp(&mut buf, packet.len()).unwrap();
    buf.truncate(len);
    buf
}

pub fn unprotect(session: &mut Srtp, datagram: &[u8]) -> Result<Vec<u8>, barertc_srtp::Error> {
    let mut buf = datagram.to_vec();
    let len = session.unprotect_rtp(&mut buf)?;
    buf.truncate(len);
    Ok(buf)
}

pub fn unprotect_rtcp(session: &mut Srtp, datagram: &[u8]) -> Result<Vec<u8>, barertc_srtp::Error> {
    let mut buf = datagram.to_vec();
    let len = session.unprotect_rtcp(&mut buf)?;
    buf.truncate(len);
    Ok(buf)
}
