//! Our end, and packets written by hand for the other.

use std::time::Duration;

use barertc_sctp::{Config, Discard, packet};
use barertc_wire::Writer;

use super::{Assoc, Link, Net, events, pair};

/// Our end, and the other one's tag as it stands in our packets: enough to speak for the peer.
pub struct Victim {
    pub net: Net<Assoc, Assoc>,
    /// The tag that packets to the victim (left) carry.
    pub tag: u32,
    /// The next TSN of the attacker.
    pub tsn: u32,
    /// The next TSN of the victim.
    pub victim_tsn: u32,
    pub heap_bound: usize,
}

pub fn config() -> Config {
    let mut config = Config::with_buffers(16_000, 16_000);
    config.interleaving = false;
    config.max_channels = 4;
    config
}

pub fn victim() -> Victim {
    victim_of(config())
}

/// One with this configuration, of which both ends of the handshake have the same.
pub fn victim_of(config: Config) -> Victim {
    let heap_bound = Assoc::worst_case_bytes(&config);
    let mut net = pair([config.clone(), config], Link { delay: Duration::ZERO, ..Link::default() }, 9);
    net.log = Some(vec![]);
    assert!(net.run_until(Duration::from_secs(1), |n| n.left.is_established() && n.right.is_established()));
    let log = net.log.take().expect("kept");
    // INIT: tag at 16, TSN at 28.
    let init = |dir: usize| {
        let p = &log.iter().find(|(d, p)| *d == dir && p[12] == 1).expect("INIT").1;
        let word = |at: usize| u32::from_be_bytes(p[at..at + 4].try_into().expect("four"));
        (word(16), word(28))
    };
    let ((tag, victim_tsn), (_, tsn)) = (init(0), init(1));
    events(&mut net.left);
    Victim { net, tag, tsn, victim_tsn, heap_bound }
}

impl Victim {
    pub fn attack_tagged(&mut self, tag: u32, chunks: &[u8]) -> Result<(), Discard> {
        let mut p = vec![0x13, 0x88, 0x13, 0x88];
        p.extend_from_slice(&tag.to_be_bytes());
        p.extend_from_slice(&[0; 4]);
        p.extend_from_slice(chunks);
        packet::seal(&mut p);
        self.net.left.handle(self.net.now, &mut p)
    }

    pub fn attack(&mut self, chunks: &[u8]) -> Result<(), Discard> {
        self.attack_tagged(self.tag, chunks)
    }

    /// Packets that the victim sends now.
    pub fn answers(&mut self) -> Vec<Vec<u8>> {
        let mut out = vec![];
        let mut room = [0; 1500];
        while let Some(n) = self.net.left.poll_transmit(self.net.now, &mut room) {
            out.push(room[..n].to_vec());
        }
        out
    }
}

pub fn chunk(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 4 + value.len().next_multiple_of(4)];
    let mut w = Writer::new(&mut out);
    w.put(&[kind, flags]).expect("room");
    w.u16(4 + value.len() as u16).expect("room");
    w.put(value).expect("room");
    out
}

pub fn data(flags: u8, tsn: u32, stream: u16, sequence: u16, ppid: u32, payload: &[u8]) -> Vec<u8> {
    let mut value = tsn.to_be_bytes().to_vec();
    value.extend_from_slice(&stream.to_be_bytes());
    value.extend_from_slice(&sequence.to_be_bytes());
    value.extend_from_slice(&ppid.to_be_bytes());
    value.extend_from_slice(payload);
    chunk(0, flags, &value)
}

pub fn sack(cumulative: u32, window: u32, gaps: &[(u16, u16)]) -> Vec<u8> {
    let mut value = cumulative.to_be_bytes().to_vec();
    value.extend_from_slice(&window.to_be_bytes());
    value.extend_from_slice(&(gaps.len() as u16).to_be_bytes());
    value.extend_from_slice(&[0; 2]);
    for (a, b) in gaps {
        value.extend_from_slice(&a.to_be_bytes());
        value.extend_from_slice(&b.to_be_bytes());
    }
    chunk(3, 0, &value)
}

/// The chunks of a packet: type, flags, value.
pub fn chunks(packet: &[u8]) -> Vec<(u8, u8, Vec<u8>)> {
    let (mut out, mut at) = (vec![], 12);
    while let Some(&[kind, flags, a, b]) = packet.get(at..at + 4) {
        let len = usize::from(u16::from_be_bytes([a, b]));
        out.push((kind, flags, packet[at + 4..at + len].to_vec()));
        at += len.next_multiple_of(4);
    }
    out
}

pub fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// An Outgoing SSN Reset Request.
pub fn reset_request(number: u32, last: u32, streams: &[u16]) -> Vec<u8> {
    let mut value = vec![0, 13, 0, 16 + 2 * streams.len() as u8];
    for word in [number, 0, last] {
        value.extend_from_slice(&word.to_be_bytes());
    }
    for s in streams {
        value.extend_from_slice(&s.to_be_bytes());
    }
    chunk(130, 0, &value)
}

/// A Re-configuration Response.
pub fn reset_response(number: u32, result: u32) -> Vec<u8> {
    let mut value = vec![0, 16, 0, 12];
    value.extend_from_slice(&number.to_be_bytes());
    value.extend_from_slice(&result.to_be_bytes());
    chunk(130, 0, &value)
}

/// DATA_CHANNEL_OPEN without a label.
pub const OPEN: [u8; 12] = [3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
