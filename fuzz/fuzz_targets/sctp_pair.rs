//! Two associations that talk while packets are lost, doubled, changed and invented, and applications do anything: nobody
//! panics, and no memory is taken after the start.
#![no_main]

use barertc_arena::{Counting, Global};
use barertc_sctp::{Association, ChannelConfig, ChannelId, Config, Event, MessageKind, Reliability, Role, packet};
use barertc_wire::Instant;
use libfuzzer_sys::fuzz_target;

struct Rng(u64);
impl rand_core::TryRng for Rng {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Ok(self.0)
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for b in out {
            *b = self.try_next_u32()? as u8;
        }
        Ok(())
    }
}
impl rand_core::TryCryptoRng for Rng {}

fuzz_target!(|data: &[u8]| {
    let mut input = data.iter().copied();
    let mut byte = || input.next();
    let Some(first) = byte() else { return };
    let mut config = Config::with_buffers(8_000, 8_000);
    config.max_channels = 3;
    config.interleaving = first & 1 != 0;
    config.zero_checksum = first & 2 != 0;
    config.max_chunk = if first & 8 != 0 { 64 } else { u16::MAX };
    let heap = Counting::new(Global);
    let mut ends: [Association<&Counting<Global>>; 2] =
        [1, 2].map(|seed| Association::new(config.clone(), &heap, &mut Rng(seed)).expect("memory"));
    let taken = heap.stats();
    let mut now = Instant::from_millis(1);
    let mut known: [Vec<ChannelId>; 2] = [vec![], vec![]];
    let mut wires: [Vec<Vec<u8>>; 2] = [vec![], vec![]];
    ends[0].set_role(now, Role::Client);
    ends[1].set_role(now, Role::Server);
    ends[0].connect(now);
    if first & 4 != 0 {
        ends[1].connect(now);
    }
    while let Some(op) = byte() {
        let side = usize::from(op & 1);
        let end = &mut ends[side];
        let channel = |n: u8| known[side].get(usize::from(n) % known[side].len().max(1)).copied();
        match op >> 1 & 15 {
            0..=3 => {
                if !wires[side].is_empty() {
                    let mut p = wires[side].remove(0);
                    let _ = end.handle(now, &mut p);
                }
            }
            4 => drop((!wires[side].is_empty()).then(|| wires[side].remove(0))),
            5 => {
                if let (Some(p), Some(at), Some(bit)) = (wires[side].first().cloned(), byte(), byte()) {
                    // Changed behind the header, with a checksum that holds again.
                    let mut p = p;
                    let at = 12 + usize::from(at) % (p.len() - 12).max(1);
                    if let Some(b) = p.get_mut(at) {
                        *b ^= bit;
                    }
                    p[8..12].fill(0);
                    packet::seal(&mut p);
                    let _ = end.handle(now, &mut p);
                }
            }
            6 => {
                let reliability = match byte() {
                    Some(n) if n & 3 == 1 => Reliability::MaxRetransmits(u16::from(n >> 4)),
                    Some(n) if n & 3 == 2 => Reliability::MaxLifetime(u32::from(n)),
                    _ => Reliability::Reliable,
                };
                let config = ChannelConfig { ordered: op & 32 == 0, reliability, ..ChannelConfig::default() };
                known[side].extend(end.open(now, &config));
            }
            7..=9 => {
                if let (Some(id), Some(len)) = (channel(op >> 5), byte()) {
                    let _ = end.write(now, id, MessageKind::Binary, &vec![len; usize::from(len) * 20]);
                }
            }
            10 => {
                if let Some(id) = channel(op >> 5) {
                    let mut room = [0; 700];
                    while end.read(now, id, &mut room).is_ok() {}
                }
            }
            11 => {
                if let Some(id) = channel(op >> 5) {
                    let _ = end.close(now, id);
                }
            }
            12 => {
                if let Some(id) = channel(op >> 5) {
                    let _ = end.begin(now, id, MessageKind::Text);
                    let _ = end.append(now, id, &[op; 300]);
                }
            }
            13 => {
                if let Some(id) = channel(op >> 5) {
                    let _ = end.finish(now, id);
                }
            }
            14 => {
                if let Some(at) = end.timeout() {
                    now = now.max(at);
                    end.handle_timeout(now);
                }
            }
            _ if op >= 0xFC => end.shutdown(now),
            15 => end.set_path_mtu(now, byte().map_or(0, |n| u16::from(n) * 8)),
            _ => {}
        }
        for side in 0..2 {
            let mut room = [0; 1_200];
            while let Some(len) = ends[side].poll_transmit(now, &mut room) {
                assert!(len <= 1_188);
                if wires[1 - side].len() < 64 {
                    wires[1 - side].push(room[..len].to_vec());
                }
            }
            while let Some(event) = ends[side].poll_event() {
                match event {
                    Event::ChannelOpened { id, from_peer: true } => known[side].push(id),
                    Event::ChannelClosed(id) => known[side].retain(|k| *k != id),
                    _ => {}
                }
            }
        }
    }
    assert_eq!(heap.stats().allocations, taken.allocations);
    drop(ends);
    assert_eq!(heap.stats().live, 0);
});
