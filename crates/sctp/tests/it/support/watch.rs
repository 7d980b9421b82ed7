//! An association whose packets are looked at from outside: does it keep to the window that its peer has told?

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use barertc_sctp::packet::{Checksum, Packet};
use barertc_wire::Instant;

use super::{Assoc, Peer};

const DATA: u8 = 0;
const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const SACK: u8 = 3;
const I_DATA: u8 = 64;

/// RFC 9260 §6.1 rule A, from the packets alone: new data never exceeds the advertised window less what is
/// outstanding, but for one chunk when nothing is.
///
/// Only for associations without partial reliability: what is given up is not outstanding, and no packet says so.
pub struct Watched {
    inner: Assoc,
    zero_checksum: bool,
    pub watching: bool,
    /// The window that holds, once there was a SACK; before that the largest of the handshake.
    window: usize,
    acknowledged: Option<u32>,
    highest: Option<u32>,
    /// Payload bytes by TSN, of what was sent and is not behind the cumulative TSN, and whether a gap block names it.
    outstanding: BTreeMap<u32, (usize, bool)>,
    pub probes: u32,
    pub full: u32,
}

impl Watched {
    pub fn new(inner: Assoc, zero_checksum: bool, watching: bool) -> Self {
        Self {
            inner,
            zero_checksum,
            watching,
            window: 0,
            acknowledged: None,
            highest: None,
            outstanding: BTreeMap::new(),
            probes: 0,
            full: 0,
        }
    }

    fn heard(&mut self, packet: &[u8]) {
        if Packet::checksum(packet, self.zero_checksum) == Checksum::Wrong {
            return;
        }
        for chunk in chunks(packet) {
            match chunk[0] {
                INIT | INIT_ACK if self.acknowledged.is_none() => {
                    self.window = self.window.max(word(chunk, 8) as usize);
                }
                SACK => self.sack(chunk),
                _ => {}
            }
        }
    }

    fn sack(&mut self, chunk: &[u8]) {
        let (cumulative, window, gaps) = (word(chunk, 4), word(chunk, 8) as usize, half(chunk, 12));
        // An old one changes nothing, and neither does one of data that was never sent.
        let old = self.acknowledged.is_some_and(|a| (cumulative.wrapping_sub(a) as i32) < 0);
        let unsent = self.highest.is_none_or(|h| (h.wrapping_sub(cumulative) as i32) < 0);
        if old || (unsent && self.acknowledged.is_some_and(|a| a != cumulative)) {
            return;
        }
        self.acknowledged = Some(cumulative);
        self.window = window;
        self.outstanding.retain(|tsn, _| (tsn.wrapping_sub(cumulative) as i32) > 0);
        let blocks =
            || (0..usize::from(gaps)).map(|i| u32::from(half(chunk, 16 + 4 * i))..=u32::from(half(chunk, 18 + 4 * i)));
        let last = blocks().map(|b| *b.end()).max().unwrap_or(0);
        for (tsn, (_, named)) in &mut self.outstanding {
            let offset = tsn.wrapping_sub(cumulative);
            // Beyond the last block nothing is said: a SACK that was overtaken knows less.
            *named = if offset > last { *named } else { blocks().any(|b| b.contains(&offset)) };
        }
    }

    fn said(&mut self, packet: &[u8]) {
        for chunk in chunks(packet) {
            let header = match chunk[0] {
                DATA => 16,
                I_DATA => 20,
                _ => continue,
            };
            let (tsn, len) = (word(chunk, 4), chunk.len() - header);
            if self.highest.is_some_and(|h| (tsn.wrapping_sub(h) as i32) <= 0) {
                continue;
            }
            self.highest = Some(tsn);
            let out: usize = self.outstanding.values().filter(|(_, named)| !named).map(|(len, _)| len).sum();
            if out + len > self.window {
                self.probes += 1;
                assert_eq!(out, 0, "{len} bytes more than a window of {} takes", self.window);
            }
            self.full += u32::from(out + len + 1_200 > self.window);
            self.outstanding.insert(tsn, (len, false));
        }
    }
}

impl Deref for Watched {
    type Target = Assoc;
    fn deref(&self) -> &Assoc {
        &self.inner
    }
}

impl DerefMut for Watched {
    fn deref_mut(&mut self) -> &mut Assoc {
        &mut self.inner
    }
}

impl Peer for Watched {
    fn input(&mut self, now: Instant, packet: &mut [u8]) {
        if self.watching {
            self.heard(packet);
        }
        self.inner.input(now, packet);
    }

    fn output(&mut self, now: Instant) -> Option<Vec<u8>> {
        let packet = self.inner.output(now)?;
        if self.watching {
            self.said(&packet);
        }
        Some(packet)
    }

    fn deadline(&self) -> Option<Instant> {
        self.inner.deadline()
    }

    fn expire(&mut self, now: Instant) {
        self.inner.expire(now);
    }
}

/// The chunks of a packet, without their padding.
fn chunks(packet: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = packet.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let len = usize::from(half(rest, 2));
        let chunk = rest.get(..len).filter(|c| c.len() >= 4)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(chunk)
    })
}

fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}
