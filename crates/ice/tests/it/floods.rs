//! A peer that sends checks without end gets its share of answers and no more; and the agent's own checks keep their
//! pace.
use crate::support;

use std::time::Duration;

use barertc_crypto::{HmacSha1Key, RustCrypto};
use barertc_ice::stun::{Builder, Class, Message, Method, TransactionId, attr};
use barertc_ice::{Config, Discard, Handled, Route};
use barertc_wire::Instant;
use support::{Peer, addr};

const OURS: &str = "192.0.2.1:1000";
const PWD: &str = "passwordpasswordpassword";

/// A check with a transaction id of its own, made with the right password.
fn check(peer: &Peer, n: u64) -> Vec<u8> {
    let mut out = [0; 300];
    let (ufrag, pwd) = peer.agent.local_credentials();
    let mut id = [0; 12];
    id[..8].copy_from_slice(&n.to_be_bytes());
    let mut b = Builder::new(&mut out, Class::Request, Method::BINDING, TransactionId(id)).unwrap();
    b.parts(attr::USERNAME, &[ufrag.as_bytes(), b":peer"]).unwrap();
    b.u32(attr::PRIORITY, 1).unwrap();
    b.u64(attr::ICE_CONTROLLING, 1).unwrap();
    b.integrity(&RustCrypto, &HmacSha1Key::new(pwd.as_bytes())).unwrap();
    let len = b.fingerprint().unwrap();
    out[..len].to_vec()
}

/// A thousand checks a second for `seconds`, from one address or from ever another one: answers and requests sent in each
/// second, and checks that were refused.
fn flood(peer: &mut Peer, seconds: u64, moving: bool) -> (Vec<[usize; 2]>, usize) {
    let (mut counts, mut limited, mut out) = (vec![[0; 2]; seconds as usize], 0, [0; 1500]);
    for ms in 0..seconds * 1000 {
        let now = Instant::from_millis(ms);
        let port = if moving { 2000 + (ms % 60_000) as u16 } else { 2000 };
        let route = Route::udp(addr(OURS), addr(&format!("198.51.100.1:{port}")));
        match peer.agent.handle(now, route, &mut check(peer, ms)) {
            Handled::Dropped(Discard::RateLimited) => limited += 1,
            Handled::Consumed | Handled::Dropped(Discard::CandidatesFull) => {}
            other => panic!("{other:?}"),
        }
        if peer.agent.timeout().is_some_and(|t| t <= now) {
            peer.agent.handle_timeout(now);
        }
        while let Some(t) = peer.agent.poll_transmit(now, &mut out) {
            let request = Message::parse(&out[..t.len]).unwrap().class() == Class::Request;
            counts[(ms / 1000) as usize][usize::from(request)] += 1;
        }
        while peer.agent.poll_event().is_some() {}
    }
    (counts, limited)
}

fn peer(rate: u32) -> Peer {
    let config = Config { answers_per_second: rate, ..Config::default() };
    let mut peer = Peer::new(config, false, 1).at(OURS);
    peer.agent.set_remote_credentials(Instant::ZERO, "peer", PWD).unwrap();
    peer
}

#[test]
fn a_thousand_checks_a_second_get_the_configured_rate_of_answers() {
    // 70 does not divide a second into whole milliseconds.
    for rate in [0, 20, 70, 100] {
        let mut peer = peer(rate);
        let (counts, limited) = flood(&mut peer, 10, false);
        let answers: Vec<_> = counts.iter().map(|c| c[0]).collect();
        println!("{rate} a second: {answers:?} answers, {limited} of 10000 checks refused");
        let most = rate as usize;
        assert!(answers[0] <= 2 * most, "a full bucket and what comes in");
        assert!(answers[1..].iter().all(|n| *n <= most + 1 && *n + 1 >= most), "{answers:?}");
        let all: usize = answers.iter().sum();
        assert!(all <= 11 * most && all + 2 >= 11 * most, "{all}");
        assert_eq!(all + limited, 10_000, "every check is answered or counted");
        assert_eq!(peer.agent.discards().get(Discard::RateLimited), limited as u32);
    }
}

#[test]
fn checks_from_everywhere_do_not_hurry_the_agents_own() {
    let mut peer = peer(100);
    let (counts, _) = flood(&mut peer, 10, true);
    let requests: Vec<_> = counts.iter().map(|c| c[1]).collect();
    println!("{requests:?} checks sent in each second");
    // Ta allows 20 new ones a second; each is repeated, and no more run at a time than there may be pairs.
    let most = 20 + 20 * usize::from(peer.agent.config().attempts - 1);
    assert!(requests.iter().all(|n| *n <= most), "{requests:?}");
    let sent: usize = counts.iter().flatten().sum();
    assert!(sent < 10_000, "fewer datagrams out than in");
    assert!(peer.agent.pair_stats().count() <= peer.agent.config().max_pairs.into());
    assert!(peer.agent.remote_candidates().count() <= peer.agent.config().max_remote.into());
}

#[test]
fn after_the_flood_a_peer_is_answered_as_before() {
    let mut peer = peer(50);
    flood(&mut peer, 2, false);
    let (mut now, mut out) = (Instant::from_millis(2_000), [0; 1500]);
    for n in 0..20 {
        now += Duration::from_millis(50);
        let route = Route::udp(addr(OURS), addr("198.51.100.1:2000"));
        assert_eq!(peer.agent.handle(now, route, &mut check(&peer, 10_000 + n)), Handled::Consumed);
        let t = peer.agent.poll_transmit(now, &mut out).expect("an answer");
        assert_eq!(Message::parse(&out[..t.len]).unwrap().class(), Class::Success);
        while peer.agent.poll_transmit(now, &mut out).is_some() {}
    }
}
