//! What goes wrong, and how the link comes back.

use barertc_coprocessor::Firmware;
use barertc_hosted::{Cause, Config, Discard, Event, Status};
use embassy_net_driver::LinkState;

use crate::rig::{Near, Rig, frame};

async fn cause(near: &Near<'_>) -> Cause {
    loop {
        if let Event::Restarting(cause) = near.control.event().await {
            return cause;
        }
    }
}

#[test]
fn silence_instead_of_heartbeats_is_noticed() {
    Rig::new(Firmware::default()).play(async |near| {
        near.connect().await;
        near.clock.sleep(100_000).await;
        assert_eq!(near.control.statistics().restarts, 0);
        near.far.break_it(|faults| faults.no_heartbeat = true);
        let from = near.millis();
        assert_eq!(cause(near).await, Cause::Heartbeat);
        let after = near.millis() - from;
        println!("noticed after {after} ms");
        assert!(after <= 40_000);
        near.far.break_it(|faults| faults.no_heartbeat = false);
        near.wait(Status::Connected).await;
        near.exchange(5).await;
    });
}

#[test]
fn a_reset_in_mid_stream_costs_frames_and_not_the_link() {
    for (n, streaming) in [true, false].into_iter().enumerate() {
        Rig::new(Firmware { streaming, ..Firmware::default() }).play(async |near| {
            near.connect().await;
            for number in 0..50 {
                near.send(&frame(number, 1400)).await;
                if number == 25 + n as u32 {
                    near.far.crash();
                }
            }
            let from = near.millis();
            assert_eq!(cause(near).await, Cause::Bus);
            assert!(near.link() == LinkState::Down);
            // What is sent now would only be old when it could leave.
            for number in 0..50 {
                near.send(&frame(number, 1400)).await;
            }
            near.wait(Status::Connected).await;
            println!("streaming {streaming}: joined again after {} ms", near.millis() - from);
            assert!(near.millis() - from < 5_000);
            near.exchange(20).await;
            let stats = near.control.statistics();
            assert_eq!(stats.restarts, 1);
            assert!(stats.discards.get(Discard::NoLink) >= 50);
            assert_eq!(near.far.board().starts, 2);
        });
    }
}

#[test]
fn an_answer_for_somebody_else_is_dropped() {
    let rig = Rig::new(Firmware::default());
    rig.far.break_it(|faults| faults.wrong_uids = 100);
    rig.play(async |near| {
        near.connect().await;
        assert!(near.control.statistics().discards.get(Discard::Uid) > 5);
        assert_eq!(near.control.rssi().await, Ok(-51));
    });
}

#[test]
fn an_answer_that_never_comes_at_the_start_leads_to_a_new_start() {
    let rig = Rig::new(Firmware::default());
    rig.far.break_it(|faults| faults.swallow_answers = 1);
    rig.play(async |near| {
        assert_eq!(cause(near).await, Cause::Timeout);
        near.connect().await;
        assert_eq!(near.control.statistics().timeouts, 1);
    });
}

#[test]
fn an_answer_that_never_comes_later_is_an_error_and_two_are_a_new_start() {
    Rig::new(Firmware::default()).play(async |near| {
        near.connect().await;
        near.far.break_it(|faults| faults.swallow_answers = 1);
        assert_eq!(near.control.rssi().await, Err(barertc_hosted::Error::Timeout));
        assert_eq!(near.control.rssi().await, Ok(-51));
        near.far.break_it(|faults| faults.swallow_answers = 2);
        assert!(near.control.rssi().await.is_err());
        assert!(near.control.rssi().await.is_err());
        assert_eq!(cause(near).await, Cause::Timeout);
        near.wait(Status::Connected).await;
        near.exchange(5).await;
    });
}

#[test]
fn a_few_failed_transfers_are_nothing() {
    Rig::new(Firmware::default()).play(async |near| {
        near.connect().await;
        for _ in 0..5 {
            near.far.break_bus(|bus| bus.fail_writes = 1);
            near.exchange(5).await;
        }
        let stats = near.control.statistics();
        assert_eq!((stats.restarts, stats.discards.total()), (0, 0));
    });
}

#[test]
fn a_floating_bus_is_noticed_and_survived() {
    Rig::new(Firmware::default()).play(async |near| {
        near.connect().await;
        near.far.break_bus(|bus| bus.ones = 3);
        near.exchange(5).await;
        assert_eq!(near.control.statistics().restarts, 0);
        near.far.break_bus(|bus| bus.ones = 100);
        assert_eq!(cause(near).await, Cause::Bus);
        near.far.break_bus(|bus| bus.ones = 0);
        near.wait(Status::Connected).await;
        near.exchange(5).await;
    });
}

#[test]
fn a_bus_that_never_works_is_tried_for_ever() {
    let rig = Rig::with(Firmware::default(), Config { heartbeat: None, ..Config::default() });
    rig.far.break_bus(|bus| bus.fail = u32::MAX);
    rig.play(async |near| {
        for _ in 0..10 {
            assert_eq!(cause(near).await, Cause::NoCard);
        }
        near.far.break_bus(|bus| bus.fail = 0);
        near.connect().await;
        near.clock.sleep(60_000).await;
        near.exchange(5).await;
    });
}

#[test]
fn restarting_again_and_again_leaves_nothing_behind() {
    Rig::new(Firmware::default()).play(async |near| {
        near.connect().await;
        let live = near.arena.stats().live;
        for round in 0..50 {
            near.send(&frame(round, 1400)).await;
            near.far.hear(&frame(round, 600));
            near.far.crash();
            near.wait(Status::Starting).await;
            near.wait(Status::Connected).await;
            assert_eq!(near.arena.stats().live, live);
        }
        // Every buffer is still there.
        for n in 0..200 {
            near.send(&frame(n, 1000)).await;
        }
        assert_eq!(near.arena.stats().allocations, near.arena.stats().allocations);
    });
}
