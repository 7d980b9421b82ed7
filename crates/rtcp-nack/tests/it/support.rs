//! Frames, NACKs and a sender to try things with.
#![allow(dead_code)]

use barertc_arena::{Allocator, Shared};
use barertc_rtcp_nack::SendStream;
use barertc_rtp::rtcp::{CompoundWriter, NtpTime, Rtcp, packets};
use barertc_rtp::{Frame, FrameInfo, Framing, PayloadFormat};
use barertc_wire::Instant;

/// A picture of `bytes` bytes, length prefix counted.
pub fn picture<A: Allocator + Clone>(bytes: usize, key: bool, timestamp: u32, alloc: A) -> Frame<A> {
    let shared = Shared::<[u8], A>::try_fill(bytes, alloc.clone(), |b| {
        b[..4].copy_from_slice(&(bytes as u32 - 4).to_be_bytes());
        for (i, byte) in b[4..].iter_mut().enumerate() {
            *byte = (i * 31 + i / 251 + timestamp as usize) as u8;
        }
        b[4] = if key { 0x65 } else { 0x41 };
        b[5] = 0x88;
        Ok::<(), barertc_arena::AllocError>(())
    })
    .unwrap();
    let info = FrameInfo { timestamp, ..FrameInfo::default() };
    Frame::new(shared, PayloadFormat::H264, Framing::Length4, info, alloc).unwrap()
}

/// A picture with parameter sets in front, which prove the beginning of the first frame of a stream.
pub fn first_picture<A: Allocator + Clone>(bytes: usize, timestamp: u32, alloc: A) -> Frame<A> {
    let slice = picture(bytes, true, timestamp, alloc.clone());
    let all = [&[0, 0, 0, 2, 0x67, 1, 0, 0, 0, 2, 0x68, 1], slice.bytes()].concat();
    let shared = Shared::<[u8], A>::try_from_slice(&all, alloc.clone()).unwrap();
    Frame::new(shared, PayloadFormat::H264, Framing::Length4, *slice.info(), alloc).unwrap()
}

pub fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// Everything that waits to be sent.
pub fn drain<A: Allocator + Clone>(stream: &mut SendStream<A>, now: Instant) -> Vec<Vec<u8>> {
    let mut out = vec![0; 1_500];
    let mut transport = 1_000;
    std::iter::from_fn(|| {
        transport += 1;
        stream.poll_packet(now, transport, &mut out).map(|len| out[..len].to_vec())
    })
    .collect()
}

/// Everything that waits to be sent again.
pub fn drain_again<A: Allocator + Clone>(stream: &mut SendStream<A>, now: Instant) -> Vec<Vec<u8>> {
    let mut out = vec![0; 1_500];
    let mut transport = 5_000;
    std::iter::from_fn(|| {
        transport += 1;
        stream.poll_retransmit(now, transport, &mut out).map(|len| out[..len].to_vec())
    })
    .collect()
}

/// Delivers a NACK.
pub fn nack<A: Allocator + Clone>(
    stream: &mut SendStream<A>,
    now: Instant,
    media: u32,
    lost: impl IntoIterator<Item = u16>,
) {
    let mut out = [0; 1_500];
    let mut w = CompoundWriter::new(&mut out);
    w.nack(9, media, lost).unwrap();
    let len = w.len();
    deliver(stream, now, &out[..len]);
}

/// Delivers a compound.
pub fn deliver<A: Allocator + Clone>(stream: &mut SendStream<A>, now: Instant, datagram: &[u8]) {
    for packet in packets(datagram) {
        stream.handle_rtcp(now, NtpTime::from_instant(now), &packet.unwrap());
    }
}

pub fn is_sender_report(datagram: &[u8]) -> bool {
    matches!(packets(datagram).next(), Some(Ok(Rtcp::SenderReport(_))))
}
