//! A payload byte is copied once on its way out, sending allocates nothing, and all memory is known up front.

use crate::support::{at, drain_again, nack, picture};
use barertc_arena::{Counting, FailNth, Global};
use barertc_rtcp_nack::{Error, History, RecvConfig, RecvStream, RtxConfig, SendConfig, SendStream};
use barertc_rtp::{Extension, Packet, PayloadFormat};

type Heap = &'static Counting<Global>;

fn heap() -> Heap {
    Box::leak(Box::new(Counting::new(Global)))
}

fn config(rtx: bool) -> SendConfig {
    let mut config = SendConfig::video(1, 102, PayloadFormat::H264);
    config.extensions = config.extensions.with(Extension::TransportSequence, 3);
    config.rtx = rtx.then_some(RtxConfig { ssrc: 2, payload_type: 103, first_sequence: 0 });
    config
}

/// Between the frame and the datagram there is no other buffer: nothing is allocated, and no field of the stream is
/// large enough to hold a payload.
#[test]
fn sending_and_sending_again_allocate_nothing() {
    for rtx in [false, true] {
        let heap = heap();
        let mut s = SendStream::new(config(rtx), heap).unwrap();
        let frame = picture(100_000, true, 0, heap);
        let before = heap.stats();
        s.enqueue(at(0), frame.clone()).unwrap();
        let mut datagram = [0; 1_200];
        let mut packets = 0u16;
        while s.poll_packet(at(0), packets, &mut datagram).is_some() {
            packets += 1;
        }
        nack(&mut s, at(1), 1, 0..packets);
        while s.poll_retransmit(at(1), packets, &mut datagram).is_some() {
            packets += 1;
        }
        assert!(packets > 160);
        assert_eq!(heap.stats(), before, "not one allocation for {packets} packets");
        assert!(size_of::<SendStream<Heap>>() < 1_200);
    }
}

/// Several viewers share one frame.
#[test]
fn payload_memory_does_not_grow_with_viewers() {
    let heap = heap();
    let mut viewers: Vec<_> = (0..8).map(|_| SendStream::new(config(false), heap).unwrap()).collect();
    let before = heap.stats().live;
    let frame = picture(50_000, true, 0, heap);
    let one = heap.stats().live - before;
    assert!(one < 50_300, "{one}");
    for viewer in &mut viewers {
        viewer.enqueue(at(0), frame.clone()).unwrap();
        crate::support::drain(viewer, at(0));
        assert!(viewer.history().bytes() == 50_000);
    }
    assert_eq!(heap.stats().live - before, one);
    drop((frame, viewers));
    assert_eq!(heap.stats().live, 0);
}

#[test]
fn the_worst_case_is_told_before() {
    for rtx in [false, true] {
        let heap = heap();
        let config = config(rtx);
        let s = SendStream::new(config.clone(), heap).unwrap();
        assert_eq!(heap.stats().live, SendStream::<Heap>::worst_case_bytes(&config));
        drop(s);
        assert_eq!(heap.stats().live, 0);
    }
    let heap = heap();
    let config = RecvConfig::video(1, 102, PayloadFormat::H264);
    let s = RecvStream::new(config.clone(), heap).unwrap();
    assert_eq!(heap.stats().live, RecvStream::<Heap>::worst_case_bytes(&config));
    drop(s);
    assert_eq!(heap.stats().live, 0);
}

#[test]
fn each_failed_allocation_is_an_error_and_leaks_nothing() {
    let heap = heap();
    for nth in 1.. {
        let failing = FailNth::new(heap, nth);
        let made = SendStream::new(config(true), &failing).map(drop);
        let also = RecvStream::new(RecvConfig::video(1, 102, PayloadFormat::H264), &failing).map(drop);
        assert_eq!(heap.stats().live, 0);
        if !failing.has_failed() {
            assert!(nth > 4);
            break;
        }
        assert!(made == Err(Error::NoMemory) || also == Err(Error::NoMemory), "{nth}");
    }
}

/// Bookkeeping: eight bytes a packet, and one entry a frame.
#[test]
fn the_history_takes_few_bytes_a_packet() {
    type H = History<Heap>;
    assert_eq!(H::BYTES_PER_PACKET, 8);
    // Even where every packet is a frame of its own (audio).
    const { assert!(H::BYTES_PER_PACKET + H::BYTES_PER_FRAME <= 24) };

    // Two tracks at 320 packets a second in all, 512 packets each: video has nine packets a frame, audio one.
    let bytes = |frames| 512 * H::BYTES_PER_PACKET + frames * H::BYTES_PER_FRAME;
    let both = bytes(512 / 9 + 1) + bytes(512);
    println!("history of two tracks of 512 packets: {both} bytes on this machine");
    assert!(both <= 18_000, "{both}");
}

#[test]
fn a_connection_that_comes_and_goes_leaves_nothing() {
    let heap = heap();
    for i in 0..200u32 {
        let mut s = SendStream::new(config(i % 2 == 0), heap).unwrap();
        let mut r = RecvStream::new(RecvConfig::video(1, 102, PayloadFormat::H264), heap).unwrap();
        for f in 0..5 {
            s.enqueue(at(f), picture(4_000, f == 0, f as u32, heap)).unwrap();
            for packet in crate::support::drain(&mut s, at(f)) {
                r.handle(at(f), &Packet::parse(&packet).unwrap());
            }
        }
        nack(&mut s, at(9), 1, 0..4);
        assert_eq!(drain_again(&mut s, at(9)).len(), 4);
        s.enqueue(at(10), picture(4_000, false, 9, heap)).unwrap();
        drop((s, r));
        assert_eq!(heap.stats().live, 0);
    }
}
