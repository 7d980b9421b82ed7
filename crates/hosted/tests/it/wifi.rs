//! Networks: scan, join, lose, join again.

use std::time::Duration;

use barertc_coprocessor::Firmware;
use barertc_hosted::{Clock, Config, Error, Event, Failure, InvalidNetwork, Network, Security, Status};
use embassy_futures::join::{join, join3};

use crate::rig::{Rig, home};

#[test]
fn a_scan_shows_what_is_there_though_its_answer_comes_in_fragments() {
    let firmware = Firmware { neighbours: 40, fragment: 300, ..Firmware::default() };
    let config = Config { scan_results: 30, ..Config::default() };
    Rig::with(firmware, config).play(async |near| {
        near.wait(Status::Idle).await;
        let mut found = Vec::new();
        let count = near.control.scan(None, |point| found.push(*point)).await.expect("an answer");
        assert_eq!((count, found.len()), (30, 30));
        assert_eq!((found[0].ssid(), found[0].rssi, found[0].security), (&b"home"[..], -50, Security::Wpa2));
        assert_eq!(found[29].ssid(), b"neighbour 29 with a long name");
        assert_eq!(found[29].bssid[5], 29);
    });
}

#[test]
fn an_answer_longer_than_the_room_for_it_is_a_time_out_and_nothing_worse() {
    let firmware = Firmware { neighbours: 200, ..Firmware::default() };
    let config = Config { scan_results: 200, message_bytes: 2048, ..Config::default() };
    Rig::with(firmware, config).play(async |near| {
        near.wait(Status::Idle).await;
        assert_eq!(near.control.scan(None, |_| ()).await, Err(Error::Timeout));
        near.connect().await;
        near.exchange(5).await;
    });
}

#[test]
fn wrong_names_and_passphrases_fail_and_right_ones_work_up_to_63_bytes() {
    let long = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
    let firmware = Firmware { passphrase: long, authmode: 7, ..Firmware::default() };
    Rig::new(firmware).play(async |near| {
        let wrong = Network::new("home", "wrong horse battery").expect("it can be");
        assert_eq!(near.control.connect(&wrong).await, Err(Error::NotJoined(Failure::Reason(201))));
        let right = Network::new("home", long).expect("63 bytes");
        assert_eq!(near.control.connect(&right).await, Ok(()));
        let config = near.far.board().running.as_ref().and_then(|running| running.config.clone()).expect("set");
        assert_eq!((config.password.len(), config.sae_pwe_h2e), (63, 3));
        let strict = right.at_least(Security::Wpa3);
        near.control.connect(&strict).await.expect("WPA3");
        near.exchange(3).await;
    });
    assert_eq!(Network::new("home", "2short").map(|_| ()), Err(InvalidNetwork::Passphrase));
    assert_eq!(Network::new("home", &"x".repeat(64)).map(|_| ()), Err(InvalidNetwork::Passphrase));
    assert!(Network::new("home", &"f".repeat(64)).is_ok(), "a key in hexadecimal digits");
    assert_eq!(Network::open("").map(|_| ()), Err(InvalidNetwork::Ssid));
    assert!(!format!("{:?}", home()).contains("correct"), "passphrases are not printed");
}

#[test]
fn a_wpa2_network_is_not_joined_when_wpa3_is_asked_for() {
    Rig::new(Firmware::default()).play(async |near| {
        let network = home().at_least(Security::Wpa3);
        assert!(near.control.connect(&network).await.is_err());
    });
}

#[test]
fn already_connecting_is_no_refusal() {
    let rig = Rig::new(Firmware::default());
    rig.far.break_it(|faults| faults.connect_code = 0x3007);
    rig.play(async |near| {
        near.connect().await;
        near.exchange(3).await;
    });
}

#[test]
fn a_lost_network_is_joined_again_with_growing_pauses() {
    Rig::new(Firmware::default()).play(async |near| {
        near.connect().await;
        while near.control.event().await != (Event::Disconnected { reason: 4, rssi: -80 }) {
            if near.control.status() == Status::Connected {
                near.far.break_it(|faults| (faults.refuse, faults.refuse_reason) = (4, 15));
                near.far.lose(4);
            }
        }
        let lost = near.millis();
        let mut failed = Vec::new();
        while failed.len() < 4 {
            assert_eq!(near.control.event().await, Event::Failed(Failure::Reason(15)));
            failed.push(near.millis() - lost);
        }
        near.wait(Status::Connected).await;
        println!("attempts failed after {failed:?} ms, joined after {} ms", near.millis() - lost);
        // 0.5 s after the loss, then 0.5, 1, 2, 4 s after the failures; each attempt takes 0.3 s.
        for (at, expected) in failed.iter().zip([800, 1600, 2900, 5200]) {
            assert!(at.abs_diff(expected) < 50, "{failed:?}");
        }
        near.exchange(10).await;
    });
}

#[test]
fn the_application_changes_its_mind() {
    Rig::new(Firmware::default()).play(async |near| {
        let other = Network::open("elsewhere").expect("it can be");
        let second = async {
            near.clock.sleep(1000).await;
            near.control.connect(&home()).await
        };
        let (first, second) = join(near.control.connect(&other), second).await;
        assert_eq!((first, second), (Err(Error::Superseded), Ok(())));
        near.control.disconnect();
        near.wait(Status::Idle).await;
        near.connect().await;
        // To another network while connected: this one is left first.
        assert!(near.control.connect(&other).await.is_err());
        near.connect().await;
        near.exchange(5).await;
        assert_eq!(near.control.statistics().restarts, 0);
    });
}

#[test]
fn questions_are_asked_one_after_the_other() {
    Rig::new(Firmware::default()).play(async |near| {
        assert_eq!(near.control.rssi().await, Err(Error::Restarting), "not while it starts");
        near.connect().await;
        let (rssi, point, version) =
            join3(near.control.rssi(), near.control.access_point(), near.control.firmware_version()).await;
        assert_eq!((rssi, version), (Ok(-51), Ok([2, 12, 12])));
        assert_eq!(point.expect("connected").ssid(), b"home");
        // Whoever gives up takes the question back.
        let scan = near.control.scan(None, |_| ());
        let given_up = embassy_futures::select::select(scan, near.clock.sleep(100)).await;
        assert!(given_up.is_second());
        assert_eq!(near.control.rssi().await, Ok(-51));
        assert_eq!(near.control.scan(Some("home"), |_| ()).await, Ok(4));
    });
}

#[test]
fn old_firmware_does_not_know_every_question() {
    Rig::new(Firmware::old()).play(async |near| {
        near.connect().await;
        assert_eq!(near.control.rssi().await, Err(Error::Unsupported));
        assert_eq!(near.control.firmware_version().await, Err(Error::Unsupported));
        near.exchange(3).await;
        assert_eq!(near.control.statistics().restarts, 0);
    });
}

#[test]
fn an_access_point_that_never_answers_is_given_up_and_tried_again() {
    let config = Config { connect_timeout: Duration::from_millis(200), ..Config::default() };
    Rig::with(Firmware::default(), config).play(async |near| {
        let begun = near.clock.now();
        assert_eq!(near.control.connect(&home()).await, Err(Error::NotJoined(Failure::Timeout)));
        // The event that comes late is believed all the same.
        near.wait(Status::Connected).await;
        println!("connected {:?} after the start", near.clock.now() - begun);
        near.exchange(3).await;
    });
}
