//! Frames: credits, pauses, back-pressure, counters that turn over.

use barertc_coprocessor::Firmware;
use barertc_hosted::{Clock, Config, Discard, Status};
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_net_driver::Driver as _;

use crate::rig::{Rig, frame};

#[test]
fn a_key_frame_of_100_packets_is_paced_and_not_lost() {
    // A radio of 6 Mbit/s, and a co-processor with five buffers.
    let firmware = Firmware { receive_buffers: 5, air_rate: 750_000, ..Firmware::default() };
    Rig::new(firmware).play(async |near| {
        near.connect().await;
        let begun = near.clock.now();
        let far = near.far;
        let heard = async {
            for n in 0..100 {
                assert_eq!(far.aired().await, frame(n, 1262));
            }
        };
        let sent = async {
            for n in 0..100 {
                near.send(&frame(n, 1262)).await;
            }
        };
        join(heard, sent).await;
        let took = (near.clock.now() - begun).as_secs_f64();
        let stats = near.control.statistics();
        println!("100 packets in {took:.3} s: {stats}");
        // As fast as the radio is, and no faster.
        assert!((0.168..0.18).contains(&took), "{took} s");
        assert_eq!(stats.discards.total(), 0);
        assert_eq!(stats.frames_sent, 100);
        assert!(stats.credit_waits > 0 && stats.held_back > 0);
        assert_eq!(stats.transmit_peak, 32);
        assert_eq!(stats.bytes_copied, 0, "what is sent is never copied");
    });
}

#[test]
fn credits_run_out_while_reception_goes_on() {
    Rig::new(Firmware::default()).play(async |near| {
        near.connect().await;
        near.far.break_it(|faults| faults.deaf = true);
        for n in 0..30 {
            near.send(&frame(n, 1000)).await;
        }
        for n in 0..100 {
            near.far.hear(&frame(n, 700));
            assert_eq!(near.receive().await, frame(n, 700));
        }
        assert!(near.control.statistics().credit_waits > 3);
        near.far.break_it(|faults| faults.deaf = false);
        for n in 0..30 {
            assert_eq!(near.far.aired().await, frame(n, 1000));
        }
    });
}

#[test]
fn without_credit_for_long_the_co_processor_is_started_again() {
    Rig::new(Firmware::default()).play(async |near| {
        near.connect().await;
        near.far.break_it(|faults| faults.deaf = true);
        for n in 0..30 {
            near.send(&frame(n, 1000)).await;
        }
        near.wait(Status::Starting).await;
        near.far.break_it(|faults| faults.deaf = false);
        near.wait(Status::Connected).await;
        near.exchange(10).await;
        assert_eq!(near.control.statistics().restarts, 1);
    });
}

#[test]
fn a_pause_is_kept_and_ends() {
    let firmware = Firmware { receive_buffers: 100, air_rate: 300_000, ..Firmware::default() };
    Rig::new(firmware).play(async |near| {
        near.connect().await;
        let far = near.far;
        let heard = async {
            for n in 0..300 {
                assert_eq!(far.aired().await, frame(n, 1262));
            }
        };
        let sent = async {
            for n in 0..300 {
                near.send(&frame(n, 1262)).await;
            }
        };
        join(heard, sent).await;
        let stats = near.control.statistics();
        println!("{stats}");
        assert!(stats.throttles > 0);
        assert_eq!(stats.throttles_expired, 0);
        assert_eq!(stats.discards.total(), 0);
    });
}

#[test]
fn spi_keeps_a_pause_too() {
    let rig = Rig::spi();
    rig.far.board_mut().firmware.air_rate = 300_000;
    rig.play(async |near| {
        near.connect().await;
        let far = near.far;
        let heard = async {
            for n in 0..200 {
                assert_eq!(far.aired().await, frame(n, 1262));
            }
        };
        let sent = async {
            for n in 0..200 {
                near.send(&frame(n, 1262)).await;
            }
        };
        join(heard, sent).await;
        let stats = near.control.statistics();
        println!("{stats}");
        assert!(stats.throttles > 0);
        assert_eq!(stats.discards.total(), 0);
    });
}

#[test]
fn the_length_turns_over_at_0xfffff() {
    for streaming in [false, true] {
        let rig = Rig::new(Firmware { streaming, ..Firmware::default() });
        rig.play(async |near| {
            near.connect().await;
            // 1.7 MB: the 20 bits turn over, and every residue of 0xFFFFF is met on the way.
            for n in 0..1200 {
                let frame = frame(n, 1400);
                near.far.hear(&frame);
                assert_eq!(near.receive().await, frame);
                if near.far.board().card.loaded_ever > 1 << 20 {
                    return near.exchange(20).await;
                }
            }
            panic!("it did not turn over");
        });
    }
}

#[test]
fn a_length_of_exactly_0xfffff_is_a_length() {
    Rig::new(Firmware::default()).play(async |near| {
        near.connect().await;
        // Filled up so that the counter stands there.
        loop {
            let missing = 0xF_FFFF - near.far.board().card.loaded_ever as usize;
            let len = match missing {
                0 => break,
                // Whole packets, of which the last is neither too short nor too long.
                1..=1526 => missing - 12,
                1527..=3000 => missing / 2 - 12,
                _ => 1514,
            };
            let frame = frame(1, len);
            near.far.hear(&frame);
            assert_eq!(near.receive().await, frame);
        }
        assert_eq!(near.far.board().card.loaded_ever, 0xF_FFFF);
        near.exchange(20).await;
        assert_eq!(near.control.statistics().bus_errors, 0);
    });
}

#[test]
fn several_packets_come_in_one_transfer_and_a_long_one_in_pieces() {
    // The smallest transfers: a burst of twenty packets is read in more than ten of them.
    let config = Config { transfer_bytes: 2048, ..Config::default() };
    Rig::with(Firmware::default(), config).play(async |near| {
        near.connect().await;
        for round in 0..20 {
            for n in 0..20 {
                near.far.hear(&frame(n, 60 + (round * 71 + n as usize * 97) % 1455));
            }
            for n in 0..20 {
                assert_eq!(near.receive().await, frame(n, 60 + (round * 71 + n as usize * 97) % 1455));
            }
        }
        let stats = near.control.statistics();
        println!("{stats}, longest transfer {}", stats.longest_transfer);
        assert!(stats.longest_transfer > 3 * 2048);
        assert_eq!(stats.discards.total(), 0);
    });
}

#[test]
fn without_a_buffer_for_it_a_frame_is_lost_and_reception_goes_on() {
    let config = Config { receive_frames: 4, ..Config::default() };
    Rig::with(Firmware::default(), config).play(async |near| {
        near.connect().await;
        for n in 0..15 {
            near.far.hear(&frame(n, 300));
        }
        near.clock.sleep(10).await;
        assert_eq!(near.control.statistics().discards.get(Discard::NoBuffer), 11);
        // Questions are answered all the same.
        assert_eq!(near.control.rssi().await, Ok(-51));
        for n in 0..4 {
            assert_eq!(near.receive().await, frame(n, 300));
        }
        near.exchange(10).await;
    });
}

#[test]
fn frames_without_a_link_and_frames_too_long_are_counted() {
    Rig::new(Firmware::default()).play(async |near| {
        near.wait(Status::Idle).await;
        for n in 0..100 {
            near.send(&frame(n, 100)).await;
        }
        assert_eq!(near.control.statistics().discards.get(Discard::NoLink), 100);
        near.connect().await;
        assert_eq!(near.driver.capabilities().max_transmission_unit, 1514);
        near.send(&frame(0, 1514)).await;
        assert_eq!(near.far.aired().await.len(), 1514);
        near.send(&frame(0, 1520)).await;
        assert_eq!(near.control.statistics().discards.get(Discard::TooLong), 1);
    });
}

#[test]
fn throughput_both_ways() {
    let (out, back) = throughput(Firmware::default());
    let (packed_out, packed_back) = throughput(Firmware::aggregating());
    assert!(out > 120.0 && back > 150.0, "{out} {back}");
    assert!(packed_out >= out && packed_back > 150.0, "{packed_out} {packed_back}");
}

/// Mbit/s to the co-processor, and back.
fn throughput(firmware: Firmware) -> (f64, f64) {
    let is_packed = firmware.framing.is_some();
    let mut measured = (0.0, 0.0);
    Rig::new(Firmware { air_rate: 100_000_000, ..firmware }).play(async |near| {
        near.connect().await;
        let begun = near.clock.now();
        let far = near.far;
        let send = async {
            for n in 0..2000 {
                near.send(&frame(n, 1514)).await;
            }
        };
        let hear = async {
            for _ in 0..2000 {
                far.aired().await;
            }
        };
        join(send, hear).await;
        let out = 2000.0 * 1514.0 * 8.0 / (near.clock.now() - begun).as_secs_f64() / 1e6;
        let begun = near.clock.now();
        let feed = async {
            loop {
                while far.backlog() < 40 {
                    far.hear(&frame(0, 1514));
                }
                near.clock.sleep(1).await;
            }
        };
        let driver = &mut *near.driver;
        let take = async {
            for _ in 0..2000 {
                std::future::poll_fn(|cx| match driver.receive(cx) {
                    Some(_) => std::task::Poll::Ready(()),
                    None => std::task::Poll::Pending,
                })
                .await;
            }
        };
        assert!(matches!(select(feed, take).await, Either::Second(())));
        let back = 2000.0 * 1514.0 * 8.0 / (near.clock.now() - begun).as_secs_f64() / 1e6;
        let stats = near.control.statistics();
        println!("packed {is_packed}, simulated wires of 160 Mbit/s: {out:.0} Mbit/s out, {back:.0} Mbit/s in");
        assert_eq!(stats.discards.total(), 0);
        // One copy of each in; out none, or one where several leave together.
        let copied = stats.bytes_copied - stats.bytes_received;
        assert!(if is_packed { copied <= stats.bytes_sent } else { copied == 0 }, "{copied}");
        measured = (out, back);
    });
    measured
}
