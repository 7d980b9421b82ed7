//! Paths that swallow long datagrams, such as tunnels: flights that go unanswered are sent in shorter ones (RFC 9147 §4.4).
use std::time::Duration;

use barertc_dtls::{Config, Event, Role, Version};

use crate::support::Pair;

fn pair(version: Version) -> Pair {
    let config = Config { min_version: version, max_version: version, ..Config::default() };
    Pair::new(config.clone(), config, 5)
}

fn longest(pair: &Pair) -> usize {
    pair.log.iter().map(|(_, datagram)| datagram.len()).max().unwrap_or(0)
}

#[test]
fn a_handshake_gets_through_a_path_of_560_bytes() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut clean = pair(version);
        clean.connect();
        assert!(longest(&clean) > 560, "there is something to be lost: {}", longest(&clean));
        let mut small = pair(version);
        small.path_mtu = 560;
        let start = small.now;
        small.connect();
        let took = small.now.saturating_since(start);
        // Three times 400 ms, doubled each time, for each side at most.
        assert!(took < Duration::from_secs(6), "{version:?}: {took:?}");
        small.send_data(Role::Client, &[1; 500]);
        small.run(|p| !p.server_data.is_empty());
        assert_eq!(small.server_data, [[1; 500]]);
    }
}

#[test]
fn the_first_repetition_is_as_long_as_the_flight_was() {
    // One datagram is lost, which says nothing about the path.
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = pair(version);
        pair.path_mtu = 560;
        let start = pair.now;
        // The first repetition of the server's flight is 400 ms behind it, and the second one 800 ms more.
        pair.run(|p| p.now.saturating_since(start) > Duration::from_millis(700));
        let long = pair.log.iter().filter(|(_, datagram)| datagram.len() > 560).count();
        assert!(long >= 2, "{version:?}: {long}");
    }
}

#[test]
fn an_alert_waits_for_a_buffer_that_holds_it() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = pair(version);
        pair.connect();
        pair.client.close(pair.now);
        let mut out = [0; 64];
        let (front, back) = pair.client.room();
        let needed = front + 2 + back;
        for short in 0..needed {
            assert_eq!(pair.client.poll_transmit(pair.now, &mut out[..short]), None, "{version:?} {short}");
        }
        assert_eq!(pair.client.poll_transmit(pair.now, &mut out[..needed]), Some(needed), "{version:?}");
        assert_eq!(pair.client.poll_transmit(pair.now, &mut out), None, "{version:?}");
        pair.server.handle(pair.now, &mut out[..needed], |_| panic!("no data")).unwrap();
        assert_eq!(pair.server.poll_event(), Some(Event::Closed), "{version:?}");
    }
}
