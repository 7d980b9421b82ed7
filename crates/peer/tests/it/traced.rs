//! With the feature `log`, each check, flight and change of state is traced.
#![cfg(feature = "log")]

use std::sync::Mutex;

use crate::support::{Identities, Pair, arena};
use barertc::Config;

/// Lines, each with the crate that it is of.
static LINES: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let of = record.target().split("::").next().unwrap_or_default().to_owned();
        LINES.lock().expect("no panic in between").push((of, record.args().to_string()));
    }

    fn flush(&self) {}
}

#[test]
fn each_check_flight_and_change_of_state_is_traced() {
    log::set_logger(&Lines).expect("the only one");
    log::set_max_level(log::LevelFilter::Trace);
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 91).expect("enough memory");
    pair.offerer.open("chat").expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    assert!(pair.drive(core::time::Duration::from_secs(5), |p| !p.offerer.open_channels().is_empty()));
    pair.offerer.connection.close(pair.now);
    log::set_max_level(log::LevelFilter::Off);
    let lines = LINES.lock().expect("no panic in between");
    let expected = [
        ("barertc_ice", "state Checking"),
        ("barertc_ice", "check of pair"),
        ("barertc_ice", "is selected"),
        ("barertc_dtls", "bytes of a flight"),
        ("barertc_dtls", "Connected"),
        ("barertc_sctp", "COOKIE-WAIT"),
        ("barertc_sctp", "ESTABLISHED"),
        ("barertc", "description: an offer"),
        ("barertc", "connection: Connecting"),
        ("barertc", "connection: Connected"),
        ("barertc", "connection: Closed"),
    ];
    for (of, text) in expected {
        assert!(lines.iter().any(|(name, line)| name == of && line.contains(text)), "{of}: {text} in {lines:#?}");
    }
}
