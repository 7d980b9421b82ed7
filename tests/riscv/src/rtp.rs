//! What a packet costs before it is encrypted, and what remembering it costs in memory.

use barertc_arena::{Heap, Shared};
use barertc_rtcp_nack::{Error, History, HistoryConfig, SendConfig, SendStream};
use barertc_rtp::rtcp::{CompoundWriter, NtpTime, packets};
use barertc_rtp::{Extension, Frame, FrameInfo, Framing, PayloadFormat};
use barertc_wire::Instant;
use core::hint::black_box;
use core::time::Duration;

use crate::bench::Bench;

type Memory<'m> = &'m Heap<'static>;

/// A datagram's room.
const MTU: usize = 1_200;
/// What the streamer that this one follows remembers, for each of two tracks that send 320 packets a second in all.
const PACKETS: usize = 512;
/// What it took for that: its lists' bookkeeping alone; and what its remedy, 64 packets, took.
const THEIRS: usize = 127 * 1024;
const THEIR_REMEDY: usize = 16 * 1024;
/// A key frame of 109 packets.
const KEY_FRAME: usize = 128_457;

pub fn run(bench: &mut Bench) {
    let psram = bench.psram;
    bench.test("a key frame of 109 packets comes back, byte for byte", || comes_back(psram));
    history(bench);
    costs(bench);
}

fn stream(memory: Memory<'_>, mut config: SendConfig) -> Result<SendStream<Memory<'_>>, Error> {
    config.extensions = config.extensions.with(Extension::TransportSequence, 3);
    SendStream::new(config, memory)
}

fn video() -> SendConfig {
    let history = HistoryConfig { packets: PACKETS, frames: PACKETS / 8, bytes: 400_000, age: Duration::from_secs(3) };
    SendConfig { history, largest_key_frame: KEY_FRAME, mtu: MTU, ..SendConfig::video(1, 102, PayloadFormat::H264) }
}

fn frame(codec: PayloadFormat, bytes: usize, memory: Memory<'_>) -> Result<Frame<Memory<'_>>, Error> {
    let bytes = Shared::<[u8], _>::try_fill(bytes, memory, |data| {
        data.fill(0x41);
        if let (PayloadFormat::H264, Some((prefix, rest))) = (codec, data.split_first_chunk_mut::<4>()) {
            *prefix = (rest.len() as u32).to_be_bytes();
            rest[0] = 0x65;
        }
        Ok::<(), barertc_arena::AllocError>(())
    })?;
    let framing = if codec.has_nals() { Framing::Length4 } else { Framing::Whole };
    Frame::new(bytes, codec, framing, FrameInfo::default(), memory).map_err(Error::from)
}

/// Delivers a NACK for the first `count` packets.
fn ask(stream: &mut SendStream<Memory<'_>>, now: Instant, count: u16) -> Result<(), barertc_rtp::Error> {
    let mut compound = [0; 600];
    let mut w = CompoundWriter::new(&mut compound);
    w.nack(9, 1, 0..count)?;
    let len = w.len();
    for packet in packets(&compound[..len]) {
        stream.handle_rtcp(now, NtpTime::from_instant(now), &packet?);
    }
    Ok(())
}

fn comes_back(memory: Memory<'_>) -> Result<(), &'static str> {
    let mut stream = stream(memory, video()).map_err(|_| "no stream")?;
    let key = frame(PayloadFormat::H264, KEY_FRAME, memory).map_err(|_| "no frame")?;
    stream.enqueue(Instant::ZERO, key).map_err(|_| "not queued")?;
    // A sum of each packet is enough to see that it is the same.
    let sum = |bytes: &[u8]| bytes.iter().fold(5381u32, |s, b| s.wrapping_mul(33) ^ u32::from(*b));
    let (mut sums, mut sent, mut out) = ([0; 128], 0usize, [0; MTU]);
    while let Some(len) = stream.poll_packet(Instant::from_millis(sent as u64), sent as u16, &mut out) {
        *sums.get_mut(sent).ok_or("too many packets")? = sum(&out[..len]);
        sent += 1;
    }
    ask(&mut stream, Instant::from_millis(500), sent as u16).map_err(|_| "no NACK")?;
    let mut again = 0;
    while let Some(len) = stream.poll_retransmit(Instant::from_millis(500), 0, &mut out) {
        if sums[again] != sum(&out[..len]) {
            return Err("another packet came back");
        }
        again += 1;
    }
    if (sent, again) == (111, 111) { Ok(()) } else { Err("not as many packets as expected") }
}

fn history(bench: &mut Bench) {
    let psram = bench.psram;
    bench.figure("history, a packet", History::<Memory<'_>>::BYTES_PER_PACKET, "bytes");
    bench.figure("history, a frame", History::<Memory<'_>>::BYTES_PER_FRAME, "bytes");
    let make = |frames| {
        let config = HistoryConfig { packets: PACKETS, frames, bytes: 400_000, age: Duration::from_secs(3) };
        History::new(config, 0, psram)
    };
    // Video has about nine packets a frame, audio one.
    let both = (make(PACKETS / 8), make(PACKETS));
    let took = psram.stats().live;
    drop(both);
    bench.figure("history of two tracks, 512 packets each", took, "bytes");
    bench.figure("  the same in the streamer followed", THEIRS, "bytes");
    bench.figure("  and with its remedy, 64 packets each", THEIR_REMEDY, "bytes");
    bench.test("512 packets take less than the remedy's 64", || if took < THEIR_REMEDY { Ok(()) } else { Err(took) });
}

fn costs(bench: &mut Bench) {
    let psram = bench.psram;
    let Ok(mut stream) = stream(psram, video()) else { return };
    let Ok(key) = frame(PayloadFormat::H264, KEY_FRAME, psram) else { return };
    let (now, mut out) = (Instant::from_millis(1), [0; MTU]);
    let payload = black_box([7u8; MTU]);
    bench.measure("copy 1200 B", || out.copy_from_slice(black_box(&payload)));
    let queued = bench.measure("queue a key frame", || stream.enqueue(now, key.clone()));
    bench.test("it is queued", || queued);
    bench.measure("first packet of it", || stream.poll_packet(now, 0, &mut out));
    // 4,100, of which one copy is 1,540: the limit has no room for a second one, wherever it would be made.
    bench.within("packetize and remember 1200 B", 5_400, || stream.poll_packet(now, 1, &mut out));
    let mut sent = 2u16;
    while stream.poll_packet(now, sent, &mut out).is_some() {
        sent += 1;
    }
    let asked = bench.measure("a NACK for 100 packets", || ask(&mut stream, now, 100));
    bench.test("it is read", || asked);
    bench.measure("the first packet again", || stream.poll_retransmit(now, 0, &mut out));
    for _ in 0..98 {
        let _ = stream.poll_retransmit(now, 0, &mut out);
    }
    bench.measure("the hundredth packet again", || stream.poll_retransmit(now, 0, &mut out));

    let made = bench.measure("find the NAL units of an Opus packet: none", || frame(PayloadFormat::Opus, 160, psram));
    let config = SendConfig::audio(2, 111, PayloadFormat::Opus);
    if let (Ok(opus), Ok(mut audio)) = (made, self::stream(psram, config)) {
        bench
            .measure("queue and write an Opus packet", || {
                audio.enqueue(now, opus.clone()).map(|()| audio.poll_packet(now, 0, &mut out))
            })
            .ok();
    }
    let mut annex_b = [3u8; 8_192];
    annex_b[..5].copy_from_slice(&[0, 0, 0, 1, 0x41]);
    bench.measure("find start codes in 8 KiB", || {
        barertc_rtp::for_each_nal(black_box(&annex_b), Framing::AnnexB, |_| Ok(())).ok()
    });
}
