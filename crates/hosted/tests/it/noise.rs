//! Garbage on the bus.

use barertc_coprocessor::Firmware;
use barertc_hosted::{Config, Status};

use crate::rig::{Rig, frame};

#[test]
fn garbage_in_registers_and_data_ends_in_a_working_link() {
    for seed in 0..60 {
        fastrand::seed(seed);
        let firmware = Firmware {
            checksum: seed % 2 == 0,
            streaming: seed % 4 < 2,
            ..if seed % 8 < 4 { Firmware::default() } else { Firmware::old() }
        };
        Rig::with(firmware, Config { transfer_bytes: 4096, ..Config::default() }).play(async |near| {
            near.connect().await;
            for _ in 0..4 {
                let (data, registers) = (fastrand::u32(0..6), fastrand::u32(0..4));
                near.far.break_bus(|bus| (bus.noisy_data, bus.noise) = (data, registers));
                for n in 0..20 {
                    near.far.hear(&frame(n, fastrand::usize(60..1514)));
                    near.send(&frame(n, fastrand::usize(60..1514))).await;
                    // Whatever comes of it.
                    near.receive_within(5).await;
                }
                near.far.break_bus(|bus| (bus.noisy_data, bus.noise) = (0, 0));
            }
            // A new start, for all that may have been misunderstood; then all is well.
            near.far.crash();
            near.wait(Status::Starting).await;
            near.far.break_bus(|bus| bus.noisy = false);
            near.wait(Status::Connected).await;
            near.drain().await;
            near.exchange(10).await;
        });
    }
}

#[test]
fn garbage_heals_without_help() {
    let mut restarts = 0;
    for seed in 0..40 {
        fastrand::seed(1000 + seed);
        Rig::new(Firmware::default()).play(async |near| {
            near.connect().await;
            near.far.break_bus(|bus| (bus.noisy_data, bus.noise) = (2, 2));
            for n in 0..40 {
                near.far.hear(&frame(n, 500));
                near.send(&frame(n, 500)).await;
                near.receive_within(2).await;
            }
            // Within the time that two unanswered questions, or missing heartbeats, take.
            near.clock.sleep(60_000).await;
            near.wait(Status::Connected).await;
            near.drain().await;
            near.exchange(10).await;
            restarts += near.control.statistics().restarts;
        });
    }
    println!("{restarts} new starts in 40 runs");
}

#[test]
fn spi_survives_garbage() {
    for seed in 0..20 {
        fastrand::seed(2000 + seed);
        Rig::spi().play(async |near| {
            near.connect().await;
            near.far.break_bus(|bus| bus.noisy_data = 10);
            for n in 0..30 {
                near.send(&frame(n, 500)).await;
                near.clock.sleep(1).await;
            }
            near.clock.sleep(60_000).await;
            near.wait(Status::Connected).await;
            near.drain().await;
            near.exchange(10).await;
        });
    }
}
