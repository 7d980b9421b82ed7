//! What is wrong is on the log, within its time.

use barertc_p4::board::Board;
use barertc_p4::dev::phy::Wiring;
use barertc_p4::dev::psram::Chip;
use barertc_p4::machine::{ClockSource, End};
use barertc_p4::net::Forward;

use super::fixture::{Contents, TOKEN, machine, on_network, until};

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn no_psram() {
    for floating in [0, 0xff] {
        let board = Board { psram: Chip { megabytes: None, floating, ..Chip::EV }, ..Board::ev() };
        until(&mut machine(board, Contents::with(TOKEN).flash()), 1_000, "cannot start: no PSRAM answers");
    }
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_psram_that_is_smaller_than_it_says() {
    let board = Board { psram: Chip { megabytes: Some(8), mr2: Some(7), ..Chip::EV }, ..Board::ev() };
    until(&mut machine(board, Contents::with(TOKEN).flash()), 1_000, "or is smaller than it says");
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn other_sizes_of_psram_are_used_as_they_are() {
    for (megabytes, bytes) in [(8, 8 << 20), (16, 16 << 20)] {
        let board = Board { psram: Chip { megabytes: Some(megabytes), ..Chip::EV }, ..Board::ev() };
        let (mut machine, _) =
            on_network(board, Contents::with(TOKEN).flash(), Forward::default(), ClockSource::Virtual);
        // What follows the size, so that the size is there whole.
        until(&mut machine, 20_000, "· stack");
        let log = machine.log();
        let of: u64 = log
            .split("psram ")
            .nth(1)
            .and_then(|rest| rest.split("of ").nth(1)?.split(' ').next()?.parse().ok())
            .expect("a size");
        assert!(of < bytes && of > bytes - (1 << 20), "{of} of {bytes}");
    }
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn no_phy() {
    let board = Board { phy: Wiring { present: false, ..Wiring::EV }, ..Board::ev() };
    // No transceiver, no clock either: it makes it.
    until(
        &mut machine(board, Contents::with(TOKEN).flash()),
        2_000,
        "cannot start: Ethernet: no 50 MHz clock at pin 50",
    );
    let board = Board { ethernet: barertc_p4::board::EthernetPins { mdio: 53, ..Board::ev().ethernet }, ..Board::ev() };
    until(&mut machine(board, Contents::with(TOKEN).flash()), 2_000, "cannot start: Ethernet: no PHY answers");
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn no_clock() {
    let board = Board { phy: Wiring { clock: false, ..Wiring::EV }, ..Board::ev() };
    let mut machine = machine(board, Contents::with(TOKEN).flash());
    until(&mut machine, 2_000, "cannot start: Ethernet: no 50 MHz clock at pin 50");
    assert_eq!(machine.figures.starts, 1);
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn no_cable_and_no_lease() {
    let board = Board { phy: Wiring { cable: false, ..Wiring::EV }, ..Board::ev() };
    until(&mut machine(board, Contents::with(TOKEN).flash()), 12_000, "network: there is no link");
    let forward = Forward { no_lease: true, ..Forward::default() };
    let (mut machine, _) = on_network(Board::ev(), Contents::with(TOKEN).flash(), forward, ClockSource::Virtual);
    until(&mut machine, 12_000, "network: nobody gives out an address by DHCP");
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn no_seed() {
    let contents = Contents { seed: false, ..Contents::with(TOKEN) };
    until(&mut machine(Board::ev(), contents.flash()), 1_000, "cannot start: no seed in flash");
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn settings_that_stop_the_start() {
    let name_of_33 = "ssid=abcdefghijklmnopqrstuvwxyz0123456\n";
    let cases = [
        ("network=lan\n", "cannot start: settings: network is"),
        ("network=wifi\nboard=mine\n", "cannot start: settings: board is"),
        ("network=wifi\n", "cannot start: settings: no ssid"),
        (&format!("network=wifi\n{name_of_33}"), "cannot start: settings: ssid or password has a length"),
        ("network=wifi\nssid=home\npassword=seven77\n", "cannot start: settings: ssid or password has a length"),
    ];
    for (settings, said) in cases {
        until(&mut machine(Board::ev(), Contents::with(settings).flash()), 1_000, said);
    }
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn settings_that_are_said_once_there_is_a_network() {
    let long = format!("token={}\n", "x".repeat(300));
    let cases = [
        ("viewers=many\n", "settings: viewers makes no sense"),
        ("viewers=-1\n", "settings: viewers makes no sense"),
        ("advertise=here\n", "settings: advertise makes no sense"),
        ("signaling=somewhere\n", "forwarder: somewhere: not an address such as ws://HOST:PORT/NAME"),
        ("signaling=ws://nobody.invalid:1/server\n", ": no address found for nobody.invalid"),
        (&long, "cannot start: token: "),
        ("viewers=1000000000\n", "cannot start: the memory is too small for what the settings ask for: out of memory"),
        ("", "settings: there are none"),
    ];
    for (settings, said) in cases {
        let (mut machine, _) =
            on_network(Board::ev(), Contents::with(settings).flash(), Forward::default(), ClockSource::Virtual);
        until(&mut machine, 10_000, said);
        assert_eq!(machine.figures.starts, 1, "{settings}");
    }
    // Bytes that are no text.
    let mut flash = Contents::with("xxxx=yyy\n").flash();
    let at = flash.windows(9).position(|bytes| bytes == b"xxxx=yyy\n").expect("the settings");
    flash[at..at + 4].copy_from_slice(&[0xc3, 0x28, 0xa0, 0xa1]);
    until(&mut machine(Board::ev(), flash), 1_000, "settings: what is there is no text");
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_broken_file_system() {
    let none = "no LittleFS file system in the flash";
    // Never written, or overwritten.
    for media in [None, Some(&[0x55; 8192][..])] {
        let contents = Contents { media, ..Contents::with(TOKEN) };
        let (mut machine, _) = on_network(Board::ev(), contents.flash(), Forward::default(), ClockSource::Virtual);
        until(&mut machine, 10_000, none);
        // The rest serves on.
        until(&mut machine, 10_000, "ready at");
        assert_eq!(machine.figures.starts, 1);
    }
    // A sound one without the file that is to be played.
    let settings = format!("{TOKEN}media=other.brtc\n");
    let contents = Contents::playing(&settings);
    let (mut machine, _) = on_network(Board::ev(), contents.flash(), Forward::default(), ClockSource::Virtual);
    until(&mut machine, 10_000, "media: ");
}

/// A byte of the file system, or of the file in it, is wrong: nothing hangs, nothing panics, and it is said.
#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_file_system_with_a_damaged_block() {
    let whole = Contents::playing(TOKEN).media.expect("the file system");
    let file = whole.windows(4).position(|bytes| bytes == b"BRTC").expect("the file in it");
    let blocks: [(&str, std::ops::Range<usize>); 4] = [
        ("both superblocks", 0..8192),
        ("tag and revision of both", 0..12),
        ("the file's head", file..file + 64),
        ("the file's index", file + 64..file + 4096),
    ];
    for (what, range) in blocks {
        let mut media = whole.to_vec();
        media[range.clone()].iter_mut().for_each(|byte| *byte ^= 0xa5);
        if what.contains("of both") {
            media[4096..4108].iter_mut().for_each(|byte| *byte ^= 0xa5);
        }
        let contents = Contents { media: Some(&media), ..Contents::with(TOKEN) };
        let (mut machine, _) = on_network(Board::ev(), contents.flash(), Forward::default(), ClockSource::Virtual);
        until(&mut machine, 10_000, "ready at");
        let end = machine.run_until_log(10_000, "media: ");
        assert_eq!(end, End::Reached, "{what}: {}", machine.log());
        println!("{what}: {}", machine.log().lines().find(|line| line.starts_with("media: ")).unwrap_or_default());
        assert_eq!(machine.figures.starts, 1, "{what}");
        assert!(!machine.log().contains("panic"), "{what}: {}", machine.log());
    }
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn an_older_chip() {
    // The bootloader refuses it by the image's header.
    let board = Board { revision: (1, 0), ..Board::ev() };
    let end = machine(board.clone(), Contents::with(TOKEN).flash()).run(1_000, |_| false);
    assert!(matches!(&end, End::NoProgram(why) if why.contains("revisions 300 to 399, the chip is of 100")), "{end:?}");
    // And the program by itself.
    let board = Board { any_revision: true, ..board };
    until(
        &mut machine(board, Contents::with(TOKEN).flash()),
        1_000,
        "cannot start: this chip is older than revision 3.0",
    );
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn an_image_that_was_damaged() {
    let mut flash = Contents::with(TOKEN).flash();
    flash[0x2_0000] ^= 1;
    let end = machine(Board::ev(), flash).run(1_000, |_| false);
    assert_eq!(end, End::NoProgram("the image's checksum is wrong".into()));
}
