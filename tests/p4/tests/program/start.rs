use barertc_p4::board::Board;
use barertc_p4::dev::timers::SECOND;
use barertc_p4::machine::{ClockSource, End};
use barertc_p4::net::Forward;

use super::fixture::{Contents, TOKEN, on_network, page, until};

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn boots_to_ready_with_a_lease() {
    let (mut machine, _) =
        on_network(Board::ev(), Contents::with(TOKEN).flash(), Forward::default(), ClockSource::Virtual);
    until(&mut machine, 10_000, "ready at http://10.0.2.15:80/");
    // A watchdog whose clock esp-hal has switched off before it writes to it, which does nothing either way; nothing else.
    let silent: Vec<_> = machine.bus.unanswered.keys().filter(|what| !what.starts_with("Timg1 ")).collect();
    assert!(silent.is_empty(), "{silent:?}");
    assert_eq!(machine.figures.starts, 1);
    assert!(machine.now() < 6 * SECOND, "{}", machine.now());
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn serves_its_page() {
    let forward = Forward { tcp: vec![(0, 80)], ..Forward::default() };
    let (mut machine, ports) = on_network(Board::ev(), Contents::with(TOKEN).flash(), forward, ClockSource::Wall);
    until(&mut machine, 30_000, "ready at");
    page(&mut machine, ports[0]);
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn without_a_viewer_the_processor_sleeps() {
    let (mut machine, _) =
        on_network(Board::ev(), Contents::with(TOKEN).flash(), Forward::default(), ClockSource::Virtual);
    until(&mut machine, 10_000, "ready at");
    let (idle, now, asked) = (machine.figures.idle, machine.now(), machine.bus.emac.counts.management);
    assert_eq!(machine.run(5_000, |_| false), End::Timeout);
    let share = (machine.figures.idle - idle) as f64 / (machine.now() - now) as f64;
    let asked = machine.bus.emac.counts.management - asked;
    println!("idle {:.1} %, {} questions to the PHY a second", share * 100.0, asked / 5);
    assert!(share > 0.95, "idle {share}");
    // Three registers, four times a second.
    assert!(asked <= 5 * 4 * 3 + 3, "{asked} questions to the PHY");
}

/// The accelerators, and what is software beside them, against the published vectors of every primitive: another image,
/// with the feature `selftest`.
#[test]
#[ignore = "needs the program with its feature: cargo xtask p4-selftest"]
fn selftest_holds_every_published_vector() {
    let (mut machine, _) =
        on_network(Board::ev(), Contents::playing(TOKEN).flash(), Forward::default(), ClockSource::Virtual);
    for what in ["with the units", "in software"] {
        until(&mut machine, 60_000, &format!("crypto: all vectors {what} pass, in "));
    }
    let (aes, sha, ecc) = (machine.bus.aes.blocks, machine.bus.sha.blocks, machine.bus.ecc.calls);
    println!("{aes} blocks of AES, {sha} of SHA, {ecc} calls of ECC");
    assert!(!machine.log().contains("gives other results"), "{}", machine.log());
    assert!(aes > 50 && sha > 50 && ecc > 5, "the units were in use: {aes}, {sha}, {ecc}");
    until(&mut machine, 20_000, "ready at");
    assert!(!machine.log().contains("fails"), "{}", machine.log());
    assert_eq!(machine.figures.starts, 1, "it is done before the watchdog bites");
    machine.log().lines().filter(|line| line.starts_with("crypto: ")).for_each(|line| println!("{line}"));
}
