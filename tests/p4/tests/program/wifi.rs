//! The program over WiFi: an SDIO host, and a co-processor with firmware of both families.

use barertc_coprocessor::Firmware;
use barertc_p4::board::{Board, SdioPins};
use barertc_p4::dev::timers::SECOND;
use barertc_p4::machine::{ClockSource, End, Machine};
use barertc_p4::net::Forward;

use super::fixture::{Contents, on_network, page, until};

const WIFI: &str = "token=swordfish\nnetwork=wifi\nssid=home\npassword=correct horse battery\n";

/// What the host did against the rules, and which devices did not answer.
fn clean(machine: &Machine) {
    let far = machine.bus.radio.far().expect("a co-processor");
    assert_eq!(far.violations(), Vec::<String>::new());
    let silent: Vec<_> = machine.bus.unanswered.keys().filter(|what| !what.starts_with("Timg1 ")).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn boots_to_ready_with_a_lease_over_wifi() {
    for firmware in [Firmware::default(), Firmware::old(), Firmware::aggregating()] {
        let board = Board { coprocessor: Some(firmware), ..Board::ev() };
        let (mut machine, _) =
            on_network(board, Contents::with(WIFI).flash(), Forward::default(), ClockSource::Virtual);
        until(&mut machine, 10_000, "ready at http://10.0.2.15:80/");
        clean(&machine);
        assert!(machine.now() < 6 * SECOND, "{}", machine.now());
        assert_eq!(machine.figures.starts, 1);
    }
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn serves_its_page_over_wifi() {
    let forward = Forward { tcp: vec![(0, 80)], ..Forward::default() };
    let (mut machine, ports) = on_network(Board::ev(), Contents::with(WIFI).flash(), forward, ClockSource::Wall);
    until(&mut machine, 30_000, "ready at");
    page(&mut machine, ports[0]);
    clean(&machine);
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn without_a_viewer_the_processor_sleeps_over_wifi() {
    let (mut machine, _) =
        on_network(Board::ev(), Contents::with(WIFI).flash(), Forward::default(), ClockSource::Virtual);
    until(&mut machine, 10_000, "ready at");
    let (idle, now) = (machine.figures.idle, machine.now());
    assert_eq!(machine.run(5_000, |_| false), End::Timeout);
    let share = (machine.figures.idle - idle) as f64 / (machine.now() - now) as f64;
    println!("idle {:.1} % over WiFi", share * 100.0);
    assert!(share > 0.95, "idle {share}");
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn what_the_card_says_is_heard_at_once() {
    let (mut machine, _) =
        on_network(Board::ev(), Contents::with(WIFI).flash(), Forward::default(), ClockSource::Virtual);
    until(&mut machine, 10_000, "ready at");
    // Longer than any burst of the start; then questions: who has 10.0.2.15?
    assert_eq!(machine.run(2_000, |_| false), End::Timeout);
    let mut question = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1]].concat();
    question.extend([2, 0, 0, 0, 0, 1, 10, 0, 2, 2, 0, 0, 0, 0, 0, 0, 10, 0, 2, 15]);
    let mut longest = 0;
    for n in 0..60 {
        assert_eq!(machine.run(37, |_| false), End::Timeout);
        // The second comes while the host is busy with the first, at another moment each time.
        for later in [n * SECOND / 50_000, 0] {
            let from = machine.now();
            machine.bus.radio.hear(&question, from);
            machine.bus.touched = true;
            assert_eq!(machine.run(1_000, |machine| machine.now() >= from + later), End::Reached);
        }
        let from = machine.now();
        assert_eq!(machine.run(2_000, |machine| !machine.bus.radio.interrupts()), End::Reached, "{}", machine.log());
        longest = longest.max(machine.now() - from);
    }
    let milliseconds = longest as f64 * 1000.0 / SECOND as f64;
    println!("heard after {milliseconds:.1} ms at most");
    // Half a second is what the driver waits when it hears of nothing.
    assert!(milliseconds < 30.0, "{milliseconds} ms");
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn no_card_is_said_within_its_time() {
    let absent = Board { coprocessor: None, ..Board::ev() };
    let elsewhere = Board { sdio: SdioPins { cmd: 20, ..Board::ev().sdio }, ..Board::ev() };
    let dead = Board { sdio: SdioPins { reset: 53, ..Board::ev().sdio }, ..Board::ev() };
    for board in [absent, elsewhere] {
        let (mut machine, _) =
            on_network(board, Contents::with(WIFI).flash(), Forward::default(), ClockSource::Virtual);
        until(&mut machine, 5_000, "wifi: Restarting(NoCard)");
        until(&mut machine, 12_000, "network: there is no link");
        assert_eq!(machine.figures.starts, 1);
    }
    // Without its reset line it still comes up, for it was not in use before.
    let (mut machine, _) = on_network(dead, Contents::with(WIFI).flash(), Forward::default(), ClockSource::Virtual);
    until(&mut machine, 10_000, "ready at");
}

#[test]
#[ignore = "needs the program: cargo xtask test p4"]
fn a_wrong_password_and_a_co_processor_that_crashes_are_said() {
    let other = Firmware { passphrase: "another one", ..Firmware::default() };
    let board = Board { coprocessor: Some(other), ..Board::ev() };
    let (mut machine, _) = on_network(board, Contents::with(WIFI).flash(), Forward::default(), ClockSource::Virtual);
    until(&mut machine, 10_000, "wifi: the network was not joined: Reason(201)");
    until(&mut machine, 12_000, "network: there is no link");
    let (mut machine, _) =
        on_network(Board::ev(), Contents::with(WIFI).flash(), Forward::default(), ClockSource::Virtual);
    until(&mut machine, 10_000, "ready at");
    machine.bus.radio.far().expect("a co-processor").crash();
    until(&mut machine, 20_000, "wifi: Restarting");
    let from = machine.log().len();
    assert_eq!(machine.run(20_000, |machine| machine.log()[from..].contains("wifi: joined")), End::Reached);
}
