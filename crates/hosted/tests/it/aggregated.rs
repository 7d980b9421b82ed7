//! Firmware from 3.0 on: padded packets, several in a transfer, both ways.

use barertc_coprocessor::{Firmware, Framing, Mode};
use barertc_hosted::{Cause, Config, Discard, Event, Status};
use embassy_futures::join::join;

use crate::rig::{Near, Rig, frame};

/// Of every residue, and of both kinds: those that go alone, and those that are packed.
fn length(n: u32) -> usize {
    [60, 61, 255, 257, 258, 301, 1001, 1514][n as usize % 8] + n as usize / 8 % 4 * usize::from(n % 8 < 7)
}

/// A burst in, and then one out; nothing may be lost.
async fn burst(near: &mut Near<'_>, frames: u32) {
    for n in 0..frames {
        near.far.hear(&frame(n, length(n)));
    }
    for n in 0..frames {
        assert_eq!(near.receive().await, frame(n, length(n)), "frame {n} in");
    }
    let far = near.far;
    let heard = async {
        for n in 0..frames {
            assert_eq!(far.aired().await, frame(n, length(n)), "frame {n} out");
        }
    };
    let sent = async {
        for n in 0..frames {
            near.send(&frame(n, length(n))).await;
        }
    };
    join(heard, sent).await;
}

#[test]
fn a_burst_arrives_whole_with_every_firmware_and_mode() {
    let framed = |to_host, from_host, blocks| {
        let base = Firmware::aggregating();
        Firmware { framing: Some(Framing { to_host, from_host, blocks }), ..base }
    };
    let firmwares = [
        Firmware::old(),
        Firmware::default(),
        Firmware { streaming: false, ..Firmware::default() },
        Firmware::aggregating(),
        framed(Mode::Stream, Mode::Stream, 31),
        framed(Mode::Packet, Mode::Packet, 3),
        framed(Mode::Stream, Mode::Aggregated, 31),
        framed(Mode::Aggregated, Mode::Stream, 8),
        framed(Mode::Aggregated, Mode::Aggregated, 3),
    ];
    for firmware in firmwares {
        for checksum in [false, true] {
            let firmware = Firmware { checksum, ..firmware.clone() };
            println!("{:?} {:?}, checksums {checksum}", firmware.version, firmware.framing);
            Rig::new(firmware).play(async |near| {
                near.connect().await;
                burst(near, 24).await;
                near.exchange(20).await;
                assert_eq!(near.control.statistics().discards.total(), 0);
                assert_eq!(near.control.statistics().restarts, 0);
            });
        }
    }
}

#[test]
fn what_lies_across_the_pieces_of_a_padded_transfer_is_whole() {
    for transfer_bytes in [2048, 2560, 3072, 4608] {
        let config = Config { transfer_bytes, ..Config::default() };
        Rig::with(Firmware::aggregating(), config).play(async |near| {
            near.connect().await;
            for round in 0..120 {
                // The boundary meets headers, payloads and paddings.
                let length = |n: usize| 300 + (round * 37 + n * 411) % 1200;
                for n in 0..12 {
                    near.far.hear(&frame(n as u32, length(n)));
                }
                for n in 0..12 {
                    assert_eq!(near.receive().await, frame(n as u32, length(n)), "{transfer_bytes}, round {round}");
                }
            }
            let stats = near.control.statistics();
            assert!(stats.longest_transfer > 2 * transfer_bytes as u32, "{}", stats.longest_transfer);
            assert_eq!(stats.discards.total(), 0);
        });
    }
}

#[test]
fn frames_that_wait_leave_in_one_transfer_and_one_alone_is_not_copied() {
    Rig::new(Firmware::aggregating()).play(async |near| {
        near.connect().await;
        for n in 0..5 {
            near.send(&frame(n, 1000)).await;
            assert_eq!(near.far.aired().await, frame(n, 1000));
        }
        let stats = near.control.statistics();
        assert_eq!((stats.transfers_sent, stats.frames_sent, stats.bytes_copied), (5, 5, 0));
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
        println!("200 frames in {} transfers: {stats}", stats.transfers_sent - 5);
        // Twelve fit a buffer.
        assert!((200 / 12..40).contains(&(stats.transfers_sent - 5)), "{} transfers", stats.transfers_sent);
        assert_eq!((stats.frames_sent, stats.discards.total()), (205, 0));
        assert_eq!(stats.bytes_sent, 5 * 1000 + 200 * 1262);
    });
}

#[test]
fn without_room_for_several_each_goes_alone() {
    let config = Config { aggregate_bytes: 0, ..Config::default() };
    Rig::with(Firmware::aggregating(), config).play(async |near| {
        near.connect().await;
        burst(near, 24).await;
        let stats = near.control.statistics();
        assert_eq!((stats.transfers_sent, stats.frames_sent, stats.discards.total()), (24, 24, 0));
    });
}

#[test]
fn a_pause_is_kept_with_frames_packed() {
    let firmware = Firmware { air_rate: 300_000, ..Firmware::aggregating() };
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
        assert!(stats.throttles > 0);
        assert_eq!((stats.throttles_expired, stats.discards.total()), (0, 0));
    });
}

#[test]
fn frames_that_are_packed_and_never_leave_are_counted() {
    Rig::new(Firmware::aggregating()).play(async |near| {
        near.connect().await;
        near.far.break_it(|faults| faults.deaf = true);
        for n in 0..80 {
            near.send(&frame(n, 1000)).await;
        }
        near.wait(Status::Starting).await;
        let stats = near.control.statistics();
        let lost = stats.discards.get(Discard::NoLink);
        assert_eq!(stats.frames_sent + lost, 80, "{stats}");
        assert!(lost > 15, "a buffer of packed frames and the queue behind it: {lost}");
        near.far.break_it(|faults| faults.deaf = false);
        near.wait(Status::Connected).await;
        near.exchange(10).await;
    });
}

#[test]
fn buffers_that_hold_no_packet_are_refused_by_name() {
    let framing = Framing { to_host: Mode::Aggregated, from_host: Mode::Aggregated, blocks: 2 };
    Rig::new(Firmware { framing: Some(framing), ..Firmware::aggregating() }).play(async |near| {
        for _ in 0..2 {
            assert_eq!(near.control.event().await, Event::Restarting(Cause::Framing));
        }
        near.far.board_mut().firmware.framing = Firmware::aggregating().framing;
        near.connect().await;
        near.exchange(10).await;
    });
}
