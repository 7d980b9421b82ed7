//! Whoever waits for a connection hears after five seconds that there is none yet, and why; and in the end, why it failed.
use crate::support;

use std::time::Duration;

use barertc_crypto::{HmacSha1Key, RustCrypto};
use barertc_ice::stun::{Builder, Class, Message, Method, TransactionId, attr};
use barertc_ice::{Candidate, Config, Event, FailureReason, Route, State};
use barertc_wire::Instant;
use support::{Peer, TestAgent, addr};

const OURS: &str = "192.0.2.1:1000";
const THEIRS: &str = "203.0.113.1:2000";
const PWD: &str = "passwordpasswordpassword";

/// When a reason was told, if it was.
type Told = Option<(Duration, FailureReason)>;

fn agent(config: Config) -> TestAgent<'static> {
    let mut agent = Peer::new(config, true, 1).at(OURS).agent;
    agent.set_remote_credentials(Instant::ZERO, "peer", PWD).unwrap();
    agent
}

/// Runs for a minute; when it was told that nobody answers, and when it failed. `each` sees what is sent.
fn minute(agent: &mut TestAgent<'_>, mut each: impl FnMut(&mut TestAgent<'_>, Instant, Route, &[u8])) -> (Told, Told) {
    let (mut out, mut warned, mut failed, mut now) = ([0; 1500], None, None, Instant::ZERO);
    let end = Instant::from_millis(60_000);
    loop {
        agent.handle_timeout(now);
        while let Some(t) = agent.poll_transmit(now, &mut out) {
            each(agent, now, t.route, &out[..t.len]);
        }
        while let Some(event) = agent.poll_event() {
            let after = now - Instant::ZERO;
            match event {
                Event::NoAnswer(reason) => {
                    assert_eq!((warned, failed), (None, None), "told once, and before");
                    warned = Some((after, reason));
                }
                Event::State(State::Failed(reason)) => failed = Some((after, reason)),
                _ => {}
            }
        }
        match agent.timeout() {
            Some(next) if next < end => now = now.max(next),
            _ => return (warned, failed),
        }
    }
}

fn told(reason: FailureReason) -> (Told, Told) {
    (Some((Duration::from_secs(5), reason)), Some((Duration::from_millis(39_500), reason)))
}

fn check(agent: &TestAgent<'_>, pwd: Option<&str>) -> Vec<u8> {
    let (ufrag, ours) = agent.local_credentials();
    let mut out = [0; 300];
    let mut b = Builder::new(&mut out, Class::Request, Method::BINDING, TransactionId([7; 12])).unwrap();
    b.parts(attr::USERNAME, &[ufrag.as_bytes(), b":peer"]).unwrap();
    b.u32(attr::PRIORITY, 1).unwrap();
    b.u64(attr::ICE_CONTROLLED, 1).unwrap();
    b.integrity(&RustCrypto, &HmacSha1Key::new(pwd.unwrap_or(ours).as_bytes())).unwrap();
    let len = b.fingerprint().unwrap();
    out[..len].to_vec()
}

#[test]
fn nobody_answers() {
    let mut agent = agent(Config::default());
    agent.add_remote(Instant::ZERO, Candidate::host(addr(THEIRS))).unwrap();
    assert_eq!(minute(&mut agent, |_, _, _, _| {}), told(FailureReason::Unanswered));
    assert_eq!(FailureReason::Unanswered.to_string(), "nothing arrives from the peer");
}

#[test]
fn the_peer_has_named_no_candidate() {
    assert_eq!(minute(&mut agent(Config::default()), |_, _, _, _| {}), told(FailureReason::NoRemoteCandidate));
}

#[test]
fn the_peer_has_no_candidate_of_our_family() {
    let mut agent = agent(Config::default());
    agent.add_remote(Instant::ZERO, Candidate::host(addr("[2001:db8::1]:2000"))).unwrap();
    assert_eq!(minute(&mut agent, |_, _, _, _| {}), told(FailureReason::NoPair));
}

#[test]
fn there_is_nothing_to_check_from() {
    let mut agent = agent(Config { relay_only: true, ..Config::default() });
    agent.add_remote(Instant::ZERO, Candidate::host(addr(THEIRS))).unwrap();
    assert_eq!(minute(&mut agent, |_, _, _, _| {}), told(FailureReason::NoLocalCandidate));
}

#[test]
fn the_path_works_in_one_direction() {
    let mut agent = agent(Config::default());
    agent.add_remote(Instant::ZERO, Candidate::host(addr(THEIRS))).unwrap();
    let check = check(&agent, None);
    let (warned, _) = minute(&mut agent, |agent, now, route, _| {
        if now < Instant::from_millis(2_000) {
            agent.handle(now, Route::udp(route.local, route.remote), &mut check.clone());
        }
    });
    assert_eq!(warned.map(|w| w.1), Some(FailureReason::OneWay));
}

#[test]
fn the_peer_uses_another_password() {
    let mut agent = agent(Config::default());
    let check = check(&agent, Some("another password of any kind"));
    agent.handle(Instant::ZERO, Route::udp(addr(OURS), addr(THEIRS)), &mut check.clone());
    assert_eq!(minute(&mut agent, |_, _, _, _| {}), told(FailureReason::Unauthenticated));
}

#[test]
fn the_peer_refuses() {
    let mut agent = agent(Config::default());
    agent.add_remote(Instant::ZERO, Candidate::host(addr(THEIRS))).unwrap();
    let outcome = minute(&mut agent, |agent, now, route, bytes| {
        let mut out = [0; 300];
        let m = Message::parse(bytes).unwrap();
        let mut b = Builder::new(&mut out, Class::Error, Method::BINDING, m.id()).unwrap();
        b.error(403, "").unwrap();
        b.integrity(&RustCrypto, &HmacSha1Key::new(PWD.as_bytes())).unwrap();
        let len = b.fingerprint().unwrap();
        agent.handle(now, route, &mut out[..len]);
    });
    assert_eq!(outcome, told(FailureReason::Refused(403)));
}

#[test]
fn a_description_without_a_fitting_candidate_is_told_at_once() {
    let mut agent = agent(Config::default());
    agent.add_remote(Instant::ZERO, Candidate::host(addr("[2001:db8::1]:2000"))).unwrap();
    agent.end_of_candidates(Instant::ZERO);
    let (warned, failed) = minute(&mut agent, |_, _, _, _| {});
    assert_eq!(warned, Some((Duration::ZERO, FailureReason::NoPair)));
    // Its checks may still come from somewhere else.
    assert_eq!(failed.map(|f| f.0), Some(Duration::from_millis(39_500)));
}

#[test]
fn what_is_tried_later_is_told_of_again() {
    let mut agent = agent(Config::default());
    agent.handle_timeout(Instant::from_millis(5_000));
    let warned = |agent: &mut TestAgent<'_>| {
        std::iter::from_fn(|| agent.poll_event()).filter(|e| matches!(e, Event::NoAnswer(_))).collect::<Vec<_>>()
    };
    assert_eq!(warned(&mut agent), [Event::NoAnswer(FailureReason::NoRemoteCandidate)]);
    agent.add_remote(Instant::from_millis(6_000), Candidate::host(addr(THEIRS))).unwrap();
    agent.handle_timeout(Instant::from_millis(10_999));
    assert_eq!(warned(&mut agent), []);
    agent.handle_timeout(Instant::from_millis(11_000));
    assert_eq!(warned(&mut agent), [Event::NoAnswer(FailureReason::Unanswered)]);
}

#[test]
fn an_owner_that_polls_late_hears_of_every_object_and_the_last_state() {
    let config = Config { max_local: 8, ..Config::default() };
    let mut agent = Peer::new(config, true, 1).agent;
    for n in 1..=8 {
        agent.add_local(Instant::ZERO, Candidate::host(addr(&format!("192.0.2.{n}:1000")))).unwrap();
    }
    agent.gather(Instant::ZERO).unwrap();
    agent.set_remote_credentials(Instant::ZERO, "peer", PWD).unwrap();
    for _ in 0..20 {
        agent.restart(Instant::ZERO).unwrap();
        agent.set_remote_credentials(Instant::ZERO, "peer", PWD).unwrap();
    }
    agent.close(Instant::ZERO);
    let events: Vec<_> = std::iter::from_fn(|| agent.poll_event()).collect();
    assert_eq!(events.iter().filter(|e| matches!(e, Event::LocalCandidate(_))).count(), 8);
    assert_eq!(events.last(), Some(&Event::State(State::Closed)));
}
