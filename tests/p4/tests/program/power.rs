//! Power cuts, watchdogs and warm restarts.

use barertc_p4::board::Board;
use barertc_p4::bus::Reset;
use barertc_p4::dev::timers::{Bite, SECOND};
use barertc_p4::machine::{ClockSource, End};
use barertc_p4::memory::L2;
use barertc_p4::net::Forward;

use super::fixture::{Contents, TOKEN, machine, on_network, page, until};

/// Words of a sector and of the record that is written to it.
const SECTOR_WORDS: u64 = 1024;
const RECORD_WORDS: u64 = 20;

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_power_cut_at_any_write_of_the_seed_leaves_a_board_that_starts() {
    let places = (0..SECTOR_WORDS).step_by(128).chain(SECTOR_WORDS..SECTOR_WORDS + RECORD_WORDS);
    for after in places {
        let mut first = machine(Board::ev(), Contents::with(TOKEN).flash());
        first.bus.flash.cut_after = Some(after);
        assert_eq!(first.run(2_000, |_| false), End::PowerCut, "after {after} words:\n{}", first.log());
        let mut second = machine(Board::ev(), std::mem::take(&mut first.bus.flash.bytes));
        let whole = SECTOR_WORDS + RECORD_WORDS;
        let end = second.run(2_000, |machine| machine.bus.flash.written_words == whole);
        assert_eq!(end, End::Reached, "after {after} words:\n{}", second.log());
        assert!(!second.log().contains("cannot start"), "{}", second.log());
    }
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn three_starts_take_the_two_places_in_turn() {
    let mut flash = Contents::with(TOKEN).flash();
    for (start, place) in [(1_u32, 0xb000), (2, 0xa000), (3, 0xb000)] {
        let mut machine = machine(Board::ev(), flash);
        let whole = SECTOR_WORDS + RECORD_WORDS;
        assert_eq!(machine.run(2_000, |machine| machine.bus.flash.written_words == whole), End::Reached);
        flash = std::mem::take(&mut machine.bus.flash.bytes);
        assert_eq!(flash[place..place + 8], [&b"seed"[..], &start.to_le_bytes()].concat());
    }
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_program_that_hangs_is_started_again_within_eight_seconds() {
    let (mut machine, _) =
        on_network(Board::ev(), Contents::with(TOKEN).flash(), Forward::default(), ClockSource::Virtual);
    until(&mut machine, 10_000, "ready at");
    machine.stop_at_reset = true;
    // A jump to itself where nothing else is, with interrupts off.
    let place = L2 + 0xb_f800;
    machine.memory.store(place, 0x6f_u32.to_le_bytes()).expect("memory").expect("allowed");
    machine.cpu.pc = place;
    machine.cpu.mstatus &= !8;
    let from = machine.now();
    assert_eq!(machine.run(10_000, |_| false), End::Reset(Reset::Watchdog(Bite::Rtc)));
    let took = (machine.now() - from) as f64 / SECOND as f64;
    assert!((6.9..8.5).contains(&took), "{took} s");
    machine.stop_at_reset = false;
    let log = machine.log().len();
    assert_eq!(machine.run(10_000, |machine| machine.bus.serial.log()[log..].contains("ready at")), End::Reached);
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn three_warm_restarts_with_frames_on_their_way() {
    let forward = Forward { tcp: vec![(0, 80)], ..Forward::default() };
    for wifi in ["", "network=wifi\nssid=home\npassword=correct horse battery\n"] {
        let flash = Contents::with(&format!("{TOKEN}{wifi}")).flash();
        let (mut machine, ports) = on_network(Board::ev(), flash, forward.clone(), ClockSource::Wall);
        for start in 1..=3 {
            let from = machine.log().len();
            assert_eq!(machine.run(30_000, |machine| machine.log()[from..].contains("ready at")), End::Reached);
            page(&mut machine, ports[0]);
            assert_eq!(machine.figures.starts, start);
            machine.warm_restart = true;
        }
        let from = machine.log().len();
        assert_eq!(machine.run(30_000, |machine| machine.log()[from..].contains("ready at")), End::Reached);
        assert!(!machine.log().contains("panic"), "{}", machine.log());
    }
}
