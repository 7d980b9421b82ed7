//! Nothing is ever sent to multicast, broadcast or unspecified addresses, or to port 0, whoever names them.
use crate::support;

use barertc_crypto::{HmacSha1Key, RustCrypto};
use barertc_ice::stun::{Builder, Class, Message, Method, TransactionId, attr};
use barertc_ice::{Candidate, Config, Discard, Error, Event, Handled, Protocol, Route, ServerError, TurnServer};
use barertc_wire::Instant;
use support::{Peer, TestAgent, addr};

const OURS: &str = "192.0.2.1:1000";
const BAD: [&str; 10] = [
    "0.0.0.0:5000",
    "0.0.0.0:0",
    "192.0.2.9:0",
    "224.0.0.251:5353",
    "255.255.255.255:9",
    "[::]:5000",
    "[2001:db8::9]:0",
    "[ff02::fb]:5353",
    "[::ffff:224.0.0.1]:5353",
    "[::ffff:255.255.255.255]:9",
];

fn agent() -> TestAgent<'static> {
    Peer::new(Config::default(), true, 1).at(OURS).at("[2001:db8::1]:1000").agent
}

fn send_everything(agent: &mut TestAgent<'_>) -> Vec<Route> {
    let (mut out, mut routes) = ([0; 1500], vec![]);
    for ms in (0..60_000).step_by(50) {
        let now = Instant::from_millis(ms);
        agent.handle_timeout(now);
        while let Some(t) = agent.poll_transmit(now, &mut out) {
            routes.push(t.route);
        }
    }
    routes
}

fn is_bad(route: &Route) -> bool {
    BAD.iter().any(|b| addr(b) == route.remote)
}

/// An authentic check for `agent`.
fn check(agent: &TestAgent<'_>, out: &mut [u8]) -> usize {
    let (ufrag, pwd) = agent.local_credentials();
    let mut b = Builder::new(out, Class::Request, Method::BINDING, TransactionId([7; 12])).unwrap();
    b.parts(attr::USERNAME, &[ufrag.as_bytes(), b":peer"]).unwrap();
    b.u32(attr::PRIORITY, 1).unwrap();
    b.u64(attr::ICE_CONTROLLED, 1).unwrap();
    b.integrity(&RustCrypto, &HmacSha1Key::new(pwd.as_bytes())).unwrap();
    b.fingerprint().unwrap()
}

#[test]
fn candidates_of_a_description_are_refused_with_their_address() {
    let mut agent = agent();
    agent.set_remote_credentials(Instant::ZERO, "peer", "passwordpasswordpassword").unwrap();
    for bad in BAD {
        let error = Err(Error::Unreachable(addr(bad)));
        assert_eq!(agent.add_remote(Instant::ZERO, Candidate::host(addr(bad))), error);
        let (ip, port) = (addr(bad).ip(), addr(bad).port());
        let line = format!("candidate:1 1 udp 2122260223 {ip} {port} typ host");
        assert_eq!(agent.add_remote_line(Instant::ZERO, &line).map(|_| ()), error);
    }
    assert_eq!((agent.remote_candidates().count(), agent.pair_stats().count()), (0, 0));
    assert_eq!(send_everything(&mut agent), []);
}

#[test]
fn a_related_address_may_be_hidden() {
    let line = "candidate:1 1 udp 1 203.0.113.1 5000 typ srflx raddr 0.0.0.0 rport 0";
    assert_eq!(agent().add_remote_line(Instant::ZERO, line), Ok(None));
}

#[test]
fn a_check_that_seems_to_come_from_there_is_dropped() {
    let mut agent = agent();
    agent.set_remote_credentials(Instant::ZERO, "peer", "passwordpasswordpassword").unwrap();
    let mut out = [0; 300];
    let len = check(&agent, &mut out);
    for bad in BAD {
        let local = if addr(bad).is_ipv4() { OURS } else { "[2001:db8::1]:1000" };
        let handled = agent.handle(Instant::ZERO, Route::udp(addr(local), addr(bad)), &mut out[..len].to_vec());
        assert_eq!(handled, Handled::Dropped(Discard::NotUnicast), "{bad}");
    }
    assert_eq!(agent.remote_candidates().count(), 0);
    assert_eq!(send_everything(&mut agent), []);
}

#[test]
fn sockets_are_added_with_an_address_that_they_have() {
    let mut agent = agent();
    for bad in BAD {
        let error = Err(Error::Unreachable(addr(bad)));
        assert_eq!(agent.add_local(Instant::ZERO, Candidate::host(addr(bad))), error);
        assert_eq!(agent.add_mapped(Instant::ZERO, addr("192.0.2.7:7"), addr(bad)), error);
        assert_eq!(agent.add_mapped(Instant::ZERO, addr(bad), addr("203.0.113.7:7")), error);
    }
    assert_eq!(agent.local_candidates().count(), 2);
}

#[test]
fn servers_are_hosts() {
    let mut agent = agent();
    for bad in BAD {
        let error = Err(Error::Unreachable(addr(bad)));
        assert_eq!(agent.add_stun_server(Instant::ZERO, addr(bad)), error);
        let server = TurnServer { addr: addr(bad), protocol: Protocol::Udp, username: "u", password: "p", ipv6: false };
        assert_eq!(agent.add_turn_server(Instant::ZERO, &server), error);
    }
    agent.gather(Instant::ZERO).unwrap();
    assert_eq!(send_everything(&mut agent), []);
}

#[test]
fn moving_there_is_refused() {
    for bad in BAD {
        let moved = agent().moved(Instant::ZERO, Route::udp(addr(OURS), addr(bad)));
        assert_eq!(moved, Err(Error::Unreachable(addr(bad))));
    }
}

/// An agent that has asked a STUN server, and the question.
fn asked(turn: bool) -> (TestAgent<'static>, Route, TransactionId, Method) {
    let mut peer = Peer::new(Config::default(), true, 1).at(OURS);
    peer = if turn { peer.with_turn() } else { peer.with_stun() };
    let mut agent = peer.agent;
    agent.gather(Instant::ZERO).unwrap();
    let mut out = [0; 500];
    let t = agent.poll_transmit(Instant::ZERO, &mut out).unwrap();
    let m = Message::parse(&out[..t.len]).unwrap();
    (agent, t.route, m.id(), m.method())
}

#[test]
fn a_stun_server_that_sees_us_there_is_not_believed() {
    for bad in BAD {
        let (mut agent, route, id, method) = asked(false);
        let mut out = [0; 300];
        let mut b = Builder::new(&mut out, Class::Success, method, id).unwrap();
        b.xor_address(attr::XOR_MAPPED_ADDRESS, addr(bad)).unwrap();
        let len = b.fingerprint().unwrap();
        agent.handle(Instant::ZERO, route, &mut out[..len]);
        assert_eq!(agent.local_candidates().count(), 1, "{bad}");
        let failed = Event::ServerFailed { server: route.remote, error: ServerError::Malformed };
        assert!(std::iter::from_fn(|| agent.poll_event()).any(|e| e == failed), "{bad}");
    }
}

#[test]
fn a_turn_server_that_sends_or_redirects_us_there_is_not_followed() {
    for bad in BAD {
        let (mut agent, route, id, method) = asked(true);
        let mut out = [0; 300];
        let mut b = Builder::new(&mut out, Class::Error, method, id).unwrap();
        b.error(300, "").unwrap();
        let plain = |a: std::net::SocketAddr| match a {
            std::net::SocketAddr::V4(a) => [&[0, 1][..], &a.port().to_be_bytes(), &a.ip().octets()].concat(),
            std::net::SocketAddr::V6(a) => [&[0, 2][..], &a.port().to_be_bytes(), &a.ip().octets()].concat(),
        };
        b.bytes(attr::ALTERNATE_SERVER, &plain(addr(bad))).unwrap();
        let len = b.fingerprint().unwrap();
        agent.handle(Instant::ZERO, route, &mut out[..len]);
        assert!(!send_everything(&mut agent).iter().any(is_bad), "{bad}");

        let (mut agent, route, id, method) = asked(true);
        let mut b = Builder::new(&mut out, Class::Success, method, id).unwrap();
        b.xor_address(attr::XOR_RELAYED_ADDRESS, addr(bad)).unwrap();
        b.xor_address(attr::XOR_MAPPED_ADDRESS, addr("203.0.113.1:1")).unwrap();
        let len = b.fingerprint().unwrap();
        assert_eq!(agent.handle(Instant::ZERO, route, &mut out[..len]), Handled::Dropped(Discard::Malformed));
        assert_eq!(agent.local_candidates().count(), 1, "{bad}");
    }
}

#[test]
fn what_a_relay_says_comes_from_there_is_dropped() {
    let (mut agent, route, id, method) = asked(true);
    let mut out = [0; 400];
    let mut b = Builder::new(&mut out, Class::Success, method, id).unwrap();
    b.xor_address(attr::XOR_RELAYED_ADDRESS, addr("198.51.100.1:50000")).unwrap();
    b.xor_address(attr::XOR_MAPPED_ADDRESS, addr("203.0.113.1:1")).unwrap();
    let len = b.fingerprint().unwrap();
    assert_eq!(agent.handle(Instant::ZERO, route, &mut out[..len]), Handled::Consumed);
    agent.set_remote_credentials(Instant::ZERO, "peer", "passwordpasswordpassword").unwrap();
    // The peer is at the same IP address, so that the permission is there.
    agent.add_remote(Instant::ZERO, Candidate::host(addr("203.0.113.9:2000"))).unwrap();
    let mut inner = [0; 300];
    let len = check(&agent, &mut inner);
    let mut b = Builder::new(&mut out, Class::Indication, Method::DATA, TransactionId([1; 12])).unwrap();
    b.xor_address(attr::XOR_PEER_ADDRESS, addr("203.0.113.9:0")).unwrap();
    b.bytes(attr::DATA, &inner[..len]).unwrap();
    let len = b.finish();
    assert_eq!(agent.handle(Instant::ZERO, route, &mut out[..len]), Handled::Dropped(Discard::NotUnicast));
}
