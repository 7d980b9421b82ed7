//! Faults of the program that the model found, each held.

use std::collections::BTreeSet;

use barertc_p4::board::Board;
use barertc_p4::bus::Reset;
use barertc_p4::cpu::decode::{Kind, decode};
use barertc_p4::machine::{ClockSource, End, Machine};
use barertc_p4::memory::{L2, XIP};
use barertc_p4::net::Forward;
use barertc_p4::rom;

use super::fixture::{Contents, TOKEN, machine, on_network, until};

/// The bootloader may leave interrupts off: the program switches them on itself.
#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn interrupts_are_switched_on_by_the_program() {
    for interrupts_on in [false, true] {
        let board = Board { interrupts_on, ..Board::ev() };
        let (mut machine, _) =
            on_network(board, Contents::with(TOKEN).flash(), Forward::default(), ClockSource::Virtual);
        until(&mut machine, 10_000, "ready at");
    }
}

/// Delays are not tuned, so that the bus stays below what needs it.
#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn psram_is_slower_than_what_needs_tuning() {
    let mut machine = machine(Board::ev(), Contents::with(TOKEN).flash());
    until(&mut machine, 12_000, "network: ");
    let source = machine.bus.mpll_megahertz();
    let megahertz = machine.bus.psram.megahertz(source);
    assert!((80..200).contains(&megahertz), "{megahertz} MHz of {source}");
}

/// A panic starts the program again with the Ethernet controller at rest: what comes meanwhile is not written anywhere.
#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_warm_restart_stops_the_ethernet_controller() {
    let (mut machine, _) =
        on_network(Board::ev(), Contents::with(TOKEN).flash(), Forward::default(), ClockSource::Virtual);
    until(&mut machine, 10_000, "ready at");
    for _ in 0..3 {
        machine.stop_at_reset = true;
        // No instruction: an exception, a panic, a restart.
        let place = L2 + 0xb_f800;
        machine.memory.store(place, [0; 4]).expect("memory").expect("allowed");
        machine.cpu.pc = place;
        assert_eq!(machine.run(1_000, |_| false), End::Reset(Reset::Software), "{}", machine.log());
        assert!(machine.log().contains("panic: "), "{}", machine.log());
        assert!(!machine.bus.emac.is_running(), "the controller still runs");
        machine.stop_at_reset = false;
        let log = machine.log().len();
        assert_eq!(machine.run(10_000, |machine| machine.bus.serial.log()[log..].contains("ready at")), End::Reached);
    }
}

/// The ROM has arithmetic on floating point twice: the copy that takes them in integer registers is not for this program.
#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn floating_point_of_the_rom_is_that_of_libgcc() {
    let mut machine = machine(Board::ev(), Contents::with(TOKEN).flash());
    until(&mut machine, 12_000, "network: ");
    let called = calls_of_the_rom(&machine);
    println!("{} functions of the ROM are called", called.len());
    assert!(called.len() > 10, "{called:x?}");
    // `esp32p4.rom.rvfp.ld`: what is there and not in `esp32p4.rom.libgcc.ld`.
    // Those for doubles are the same in both: doubles travel in integer registers.
    let wrong: Vec<_> = called
        .range(0x4fc0_085c..0x4fc0_08a4)
        .filter(|address| rom::name(**address).is_none_or(|name| !name.contains("df")))
        .collect();
    assert!(wrong.is_empty(), "{wrong:x?}");
    let unknown: Vec<_> = called.iter().filter(|address| rom::name(**address).is_none()).collect();
    assert!(unknown.is_empty(), "functions of the ROM that the model does not know: {unknown:x?}");
}

/// Where the program calls into the ROM: an `auipc` and the `jalr` behind it.
fn calls_of_the_rom(machine: &Machine) -> BTreeSet<u32> {
    let mut called = BTreeSet::new();
    let memory = &machine.memory;
    for (base, bytes) in [(XIP, &memory.xip), (L2, &memory.l2)] {
        for at in (0..bytes.len().saturating_sub(8)).step_by(2) {
            let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
            let (first, second) = (decode(word(at)), decode(word(at + 4)));
            if first.kind == Kind::Auipc && second.kind == Kind::Jalr && second.rs1 == first.rd {
                let to = (base + at as u32).wrapping_add(first.imm as u32).wrapping_add(second.imm as u32);
                called.extend(rom::is_rom(to).then_some(to));
            }
        }
    }
    called
}
