//! What holds for every device: without its clock or in reset it does not answer, and nothing else is there.

use super::*;
use crate::board::Board;
use crate::dev::clocks::{At, GATES, needs};

/// Where something of a device can be seen: a write that is to be done before, and the register that shows something else than 0.
fn probe(gate: Gate) -> (Option<(u32, u32)>, u32, u32) {
    let memory = |address, value| (Some((address, value)), address, value);
    match gate {
        Gate::InterruptMatrix => memory(0x500d_6000 + 4 * 46, 16),
        // Asked for the time, it has it.
        Gate::Systimer => (Some((0x500e_2004, 1 << 30)), 0x500e_2004, 1 << 29),
        Gate::Timg0 => memory(0x500c_2010, 0x1234),
        Gate::Timg1 => memory(0x500c_3010, 0x1234),
        Gate::Aes => memory(0x5009_0020, 0x1234),
        Gate::Sha => memory(0x5009_1080, 0x1234),
        Gate::Ecc => memory(0x5009_3100, 0x1234),
        Gate::Emac => memory(0x5009_8044, 0x1234),
        Gate::Sdmmc => memory(0x5008_301c, 0x40),
        Gate::UsbSerial => (None, 0x500d_2004, 2),
        Gate::IoMux => memory(0x500e_1004, 0x1234),
        Gate::LpAdc => memory(0x5012_703c, 3),
        Gate::Rng => (None, 0x5011_01a4, 0),
        // Revision 3.1.
        Gate::Efuse => (None, 0x5012_d04c, 0x31),
        Gate::LpIoMux => memory(0x5012_b008, 0x234),
        Gate::AnalogI2c => memory(0x5012_4020, 1 << 6),
        Gate::Psram => memory(0x5008_f034, 1),
        // The chip's identifier.
        Gate::Flash => (Some((0x5008_d000, 1 << 28)), 0x5008_d058, 0x0018_40c8),
    }
}

/// A bus on which every clock is on, and nothing held in reset.
fn awake() -> (Bus, Memory) {
    let mut bus = Bus::new(Board::ev(), Flash::new(vec![0xff; 16 << 20]), 0);
    for gate in GATES {
        let (clocks, resets) = needs(gate);
        clocks.iter().for_each(|at| bus.clocks.set(*at, true));
        resets.iter().for_each(|at| bus.clocks.set(*at, false));
    }
    (bus, Memory::new(0))
}

fn look(bus: &mut Bus, memory: &mut Memory, gate: Gate) -> u32 {
    let (before, address, _) = probe(gate);
    if let Some((address, value)) = before {
        bus.write(memory, address, 4, value, 0).unwrap_or_else(|fault| panic!("{gate:?}: {fault}"));
    }
    bus.read(memory, address, 4, 0).unwrap_or_else(|fault| panic!("{gate:?}: {fault}"))
}

/// Takes one condition away: the device is silent, the run says which and why, and a write has no effect later.
fn is_silent_without(gate: Gate, at: At, on: bool) {
    let (mut bus, mut memory) = awake();
    bus.clocks.set(at, on);
    let before = bus.unanswered.len();
    assert_eq!(look(&mut bus, &mut memory, gate), 0, "{gate:?} answers, {at:?}");
    assert!(bus.unanswered.len() > before, "nobody is told of {gate:?}, {at:?}");
    let told = bus.unanswered.keys().last().expect("one").clone();
    assert!(told.starts_with(&format!("{gate:?} is used while")), "{told}");
    bus.clocks.set(at, !on);
    let (write, address, expected) = probe(gate);
    let value = bus.read(&mut memory, address, 4, 0).expect("there");
    if write.is_some() {
        assert_ne!(value, expected, "{gate:?} took what was written without an answer, {at:?}");
    }
}

#[test]
fn every_device_answers_with_its_clocks_and_without_any_one_of_them_or_in_reset_it_does_not() {
    for gate in GATES {
        let (mut bus, mut memory) = awake();
        let seen = look(&mut bus, &mut memory, gate);
        let (_, _, expected) = probe(gate);
        assert!(seen == expected || (gate == Gate::Rng && seen != 0), "{gate:?}: {seen:#x}");
        assert!(bus.unanswered.is_empty(), "{:?}", bus.unanswered);
        let (clocks, resets) = needs(gate);
        assert!(!clocks.is_empty());
        clocks.iter().for_each(|at| is_silent_without(gate, *at, false));
        resets.iter().for_each(|at| is_silent_without(gate, *at, true));
    }
}

#[test]
fn a_device_that_was_in_reset_has_forgotten_what_it_had() {
    let forgets = [Gate::Emac, Gate::Sdmmc, Gate::Aes, Gate::Sha, Gate::Ecc, Gate::Timg0, Gate::Timg1];
    for gate in forgets {
        let (mut bus, mut memory) = awake();
        let seen = look(&mut bus, &mut memory, gate);
        // The reset comes by a write to its register, as the program does it.
        let At::Hp(register, bit) = needs(gate).1[0] else {
            let At::Lp(register, bit) = needs(gate).1[0] else { panic!("{gate:?}: no reset") };
            pulse(&mut bus, &mut memory, 0x5011_1000 + register, bit);
            assert_ne!(bus.read(&mut memory, probe(gate).1, 4, 0).expect("there"), seen, "{gate:?}");
            continue;
        };
        pulse(&mut bus, &mut memory, 0x500e_6000 + register, bit);
        assert_ne!(bus.read(&mut memory, probe(gate).1, 4, 0).expect("there"), seen, "{gate:?}");
    }
}

/// A bit is set, and cleared again.
fn pulse(bus: &mut Bus, memory: &mut Memory, address: u32, bit: u32) {
    let value = bus.read(memory, address, 4, 0).expect("a register");
    for value in [value | 1 << bit, value & !(1 << bit)] {
        bus.write(memory, address, 4, value, 0).expect("a register");
    }
}

#[test]
fn what_is_not_modelled_ends_the_run_with_its_name() {
    let (mut bus, mut memory) = awake();
    // A device that there is not; a register of one that there is; half a word.
    let read = |bus: &mut Bus, memory: &mut Memory, address, len| bus.read(memory, address, len, 0).map(drop);
    for (address, len, said) in [
        (0x500c_0000, 4, "0x500c0000 was read"),
        (0x5009_0050, 4, "AES+0x50 was read"),
        (0x500c_2030, 4, "TIMG0+0x30 was read"),
        (0x500d_200c, 4, "USB_SERIAL_JTAG+0xc was read"),
        (0x5008_e000, 4, "PSRAM_MSPI0+0x0 was read"),
        (0x5011_6008, 4, "LP_WDT+0x8 was read"),
        (0x5011_5300, 4, "PMU+0x300 was read"),
        (0x500c_2000, 2, "2 bytes of 0x500c2000 were read"),
    ] {
        let fault = read(&mut bus, &mut memory, address, len).expect_err("nothing that is modelled");
        assert!(fault.unmodelled && fault.to_string().contains(said), "{fault}");
    }
    let fault = bus.write(&mut memory, 0x5008_d000, 4, 1 << 24, 0).expect_err("another command of the flash");
    assert!(fault.to_string().contains("FLASH_MSPI1.CMD was written"), "{fault}");
}

#[test]
fn a_unit_that_works_takes_nothing() {
    for (gate, start, busy) in [
        (Gate::Aes, (0x5009_0048, 1), 0x5009_004c),
        (Gate::Sha, (0x5009_1010, 1), 0x5009_1018),
        (Gate::Ecc, (0x5009_301c, 1 | 1 << 2), 0x5009_301c),
    ] {
        let (mut bus, mut memory) = awake();
        bus.write(&mut memory, start.0, 4, start.1, 0).expect("it starts");
        assert_eq!(bus.read(&mut memory, busy, 4, 1).expect("a register") & 1, 1, "{gate:?} is not busy");
        let fault = bus.write(&mut memory, start.0, 4, start.1, 1).expect_err("it works");
        assert!(fault.to_string().contains("is written while the unit works"), "{fault}");
        assert_eq!(bus.read(&mut memory, busy, 4, 4_000_000_000).expect("a register") & 1, 0);
        bus.write(&mut memory, start.0, 4, start.1, 4_000_000_000).expect("it starts again");
    }
}

#[test]
fn what_is_sent_over_usb_without_a_host_stays_and_is_too_much_one_day() {
    for host in [false, true] {
        let mut bus = Bus::new(Board { usb_host: host, ..Board::ev() }, Flash::new(vec![0xff; 4096]), 0);
        let mut memory = Memory::new(0);
        assert_eq!(bus.read(&mut memory, 0x500d_2008, 4, 0).expect("a register") & 2 != 0, host);
        for _ in 0..64 {
            bus.write(&mut memory, 0x500d_2000, 4, b'x'.into(), 0).expect("room");
        }
        bus.write(&mut memory, 0x500d_2004, 4, 1, 0).expect("a register");
        assert_eq!(bus.serial.text.len(), if host { 64 } else { 0 });
        let more = bus.write(&mut memory, 0x500d_2000, 4, b'x'.into(), 0);
        assert_eq!(more.is_ok(), host, "there is room once somebody has read");
    }
}
