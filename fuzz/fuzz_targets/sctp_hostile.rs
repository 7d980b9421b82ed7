//! A peer that has the right keys and tags and sends chunks of every type with fields near the true ones, many in a
//! packet: nobody panics, no memory is taken after the start, and what is sent back is bounded.
#![no_main]

use barertc_arena::{Counting, Global};
use barertc_sctp::{Association, ChannelConfig, Config, Event, MessageKind, Role, packet};
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

const TYPES: [u8; 20] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 64, 130, 192, 194, 0x3F, 0x7F, 0xFF];
/// The peer's first TSN, and so its first request.
const TSN: u32 = 1_000;

fuzz_target!(|data: &[u8]| {
    let mut input = data.iter().copied();
    let Some(first) = input.next() else { return };
    let mut config = Config::with_buffers(8_000, 8_000);
    config.max_channels = 5;
    config.interleaving = first & 1 != 0;
    config.zero_checksum = first & 2 != 0;
    let heap = Counting::new(Global);
    let mut end = Association::new(config, &heap, &mut Rng(1)).expect("memory");
    let taken = heap.stats().allocations;
    let mut now = Instant::from_millis(1);
    end.set_role(now, Role::Client);
    let mut ours = [0; 64];
    end.local_init(&mut ours).expect("room");
    let tag = [ours[4], ours[5], ours[6], ours[7]];
    let our_tsn = u32::from_be_bytes([ours[16], ours[17], ours[18], ours[19]]);
    // INIT with every extension, or none.
    let mut init = vec![1, 0, 0, 20, 0, 0, 0, 9, 0, 0, 64, 0, 0, 99, 0, 99];
    init.extend(TSN.to_be_bytes());
    if first & 4 == 0 {
        init.extend([0xC0, 0, 0, 4, 0x80, 8, 0, 8, 130, 192, 64, 194]);
        init[3] = 32;
    }
    end.set_remote_init(now, &init).expect("well-formed");
    let id = end.open(now, &ChannelConfig::default()).expect("a channel");
    let mut room = [0; 1_200];
    let mut packet = vec![0x13, 0x88, 0x13, 0x88, tag[0], tag[1], tag[2], tag[3], 0, 0, 0, 0];
    while let Some(op) = input.next() {
        let mut byte = || input.next().unwrap_or(0);
        // A chunk: its type, and words that are numbers near those in use, or anything.
        let kind = TYPES[usize::from(op) % TYPES.len()];
        let (flags, words, tail) = (byte(), byte() & 7, byte() & 63);
        let start = packet.len();
        packet.extend([kind, flags, 0, 0]);
        for _ in 0..words {
            let (what, n) = (byte(), u32::from(byte()));
            let word = match what & 7 {
                0 => TSN.wrapping_add(n),
                1 => our_tsn.wrapping_add(n).wrapping_sub(1),
                2 => n << 16 | 50 + n % 8,
                3 => n,
                4 => 0x000D_0000 | (16 + n % 8),
                5 => 0x0010_000C,
                6 => 0x0003_0001_u32.wrapping_mul(n),
                _ => u32::from_be_bytes([what, n as u8, what, n as u8]),
            };
            packet.extend(word.to_be_bytes());
        }
        packet.extend((0..tail).map(|n| n ^ flags));
        let len = packet.len() - start;
        packet[start + 2..start + 4].copy_from_slice(&(len as u16).to_be_bytes());
        packet.resize(start + len.next_multiple_of(4), 0);
        if packet.len() < 1_100 && op & 0x80 != 0 {
            continue;
        }
        packet[8..12].fill(0);
        packet::seal(&mut packet);
        let _ = end.handle(now, &mut packet);
        packet.truncate(12);
        let mut answers = 0;
        while end.poll_transmit(now, &mut room).is_some() {
            answers += 1;
            assert!(answers < 64, "one packet in, {answers} out");
        }
        while let Some(event) = end.poll_event() {
            if let (Event::Readable(id), 0) = (event, op & 0x40) {
                while end.read(now, id, &mut room).is_ok() {}
            }
        }
        match op & 0x30 {
            0x10 => drop(end.write(now, id, MessageKind::Binary, &room[..usize::from(flags) * 4])),
            0x20 => {
                if let Some(at) = end.timeout() {
                    now = now.max(at);
                    end.handle_timeout(now);
                }
            }
            0x30 if flags > 0xF0 => drop(end.close(now, id)),
            _ => {}
        }
        if end.is_over() {
            assert!(end.timeout().is_none());
        }
    }
    assert_eq!(heap.stats().allocations, taken);
    drop(end);
    assert_eq!(heap.stats().live, 0);
});
