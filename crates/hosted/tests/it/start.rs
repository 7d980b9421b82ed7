//! From reset to a link, with every firmware.

use barertc_coprocessor::Firmware;
use barertc_hosted::{Cause, Config, Event, Status};
use embassy_net_driver::{Driver as _, HardwareAddress, LinkState};

use crate::rig::Rig;

#[test]
fn every_firmware_and_mode_gets_a_link() {
    for current in [false, true] {
        for checksum in [false, true] {
            for streaming in [false, true] {
                let base = if current { Firmware::default() } else { Firmware::old() };
                let rig = Rig::new(Firmware { checksum, streaming, ..base });
                rig.play(async |near| {
                    assert_eq!(near.control.status(), Status::Starting);
                    assert!(near.link() == LinkState::Down);
                    near.connect().await;
                    assert!(near.link() == LinkState::Up);
                    let mac = [0x40, 0x4C, 0xCA, 1, 2, 3];
                    assert_eq!(near.driver.hardware_address(), HardwareAddress::Ethernet(mac));
                    let firmware = current.then_some([2, 12, 12]);
                    assert_eq!(near.control.event().await, Event::Ready { chip: 13, firmware, address: mac });
                    assert_eq!(near.far.board().running.as_ref().expect("it runs").power_save, Some(0));
                    near.exchange(40).await;
                    assert_eq!(near.control.statistics().discards.total(), 0);
                });
            }
        }
    }
}

#[test]
fn spi_gets_a_link() {
    Rig::spi().play(async |near| {
        near.connect().await;
        near.exchange(40).await;
        assert_eq!(near.control.statistics().discards.total(), 0);
    });
}

#[test]
fn psram_alignment_and_polling_without_an_interrupt() {
    let config = Config { alignment: 128, poll_interval: core::time::Duration::from_millis(2), ..Config::default() };
    let rig = Rig::with(Firmware::default(), config);
    rig.far.break_bus(|bus| bus.no_interrupt = true);
    rig.play(async |near| {
        near.connect().await;
        near.exchange(20).await;
    });
}

#[test]
fn a_co_processor_that_says_nothing_is_started_again_until_it_does() {
    let rig = Rig::new(Firmware::default());
    rig.far.break_it(|faults| faults.mute = true);
    rig.play(async |near| {
        for _ in 0..3 {
            assert_eq!(near.control.event().await, Event::Restarting(Cause::NoInit));
        }
        near.far.break_it(|faults| faults.mute = false);
        near.connect().await;
        assert_eq!(near.control.statistics().restarts, 3);
    });
}

#[test]
fn what_is_optional_may_be_unsupported_and_what_is_not_leads_to_a_new_start() {
    let optional = [270, 277].into();
    Rig::new(Firmware { unsupported: optional, ..Firmware::default() }).play(async |near| {
        near.connect().await;
        // Without heartbeats nobody expects them.
        near.clock.sleep(120_000).await;
        assert_eq!(near.control.statistics().restarts, 0);
    });
    let needed = [278].into();
    Rig::new(Firmware { unsupported: needed, ..Firmware::default() }).play(async |near| {
        assert_eq!(near.control.event().await, Event::Restarting(Cause::Unsupported));
        near.far.board_mut().firmware.unsupported.clear();
        near.connect().await;
    });
}

#[test]
fn too_little_memory_is_an_error_and_gives_everything_back() {
    use barertc_arena::{Counting, FailNth, Global};
    use barertc_coprocessor::{Coprocessor, SimClock, Timing, Wiring};
    use barertc_hosted::{Error, Sdio};

    let arena = Counting::new(Global);
    for nth in 1.. {
        let clock = SimClock::default();
        let far = Coprocessor::new(Firmware::default(), Wiring::Sdio, clock.clone());
        let failing = FailNth::new(&arena, nth);
        let made = barertc_hosted::new(Sdio::new(far.sdio(Timing::None)), clock, Config::default(), &failing);
        let worked = made.is_ok();
        assert!(made.is_ok() || made.as_ref().is_err_and(|error| *error == Error::OutOfMemory));
        drop(made);
        assert_eq!(arena.stats().live, 0, "after allocation {nth} failed");
        if worked {
            assert!(nth > 50, "every frame is an allocation");
            break;
        }
    }
}

#[test]
fn the_default_takes_what_the_documentation_says() {
    use crate::rig::Arena;
    use barertc_coprocessor::{SimClock, SimSdio};
    use barertc_hosted::{Runner, Sdio};

    let bytes = Runner::<Sdio<SimSdio<SimClock>>, SimClock, Arena>::worst_case_bytes(&Config::default());
    assert_eq!(bytes, 140_476, "docs/hosted.md");
}

#[test]
fn with_few_frames_it_fits_what_a_bootloader_leaves_of_internal_memory() {
    use crate::rig::Arena;
    use barertc_coprocessor::{SimClock, SimSdio};
    use barertc_hosted::{Runner, Sdio};

    // As examples/esp32p4 has it, in 69,632 bytes; addresses of 64 bits only make it more.
    let config = Config {
        receive_frames: 12,
        transmit_frames: 16,
        transfer_bytes: 8 * 1024,
        message_bytes: 4 * 1024,
        aggregate_bytes: 0,
        ..Config::default()
    };
    let bytes = Runner::<Sdio<SimSdio<SimClock>>, SimClock, Arena>::worst_case_bytes(&config);
    // An allocator's own words stand before each of the buffers.
    assert!(bytes + 64 * 16 < 0x1_1000, "{bytes}");
}
