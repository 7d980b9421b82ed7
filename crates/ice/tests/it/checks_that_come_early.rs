//! A browser on the same machine or network hides its addresses behind names and is first heard of by its checks, perhaps
//! before its description has come.
use crate::support;

use std::time::Duration;

use barertc_ice::{Agent, Candidate, CandidateType, Config, Discard, Handled, Route, State};
use barertc_wire::Instant;
use support::{Peer, TestAgent, addr};

const OURS: &str = "127.0.0.1:5000";
const THEIRS: &str = "192.168.1.7:61000";

fn pair() -> (Peer, Peer) {
    (Peer::new(Config::default(), false, 1).at(OURS), Peer::new(Config::default(), true, 2).at(THEIRS))
}

fn introduce(to: &mut Peer, of: &Peer) {
    let (ufrag, pwd) = of.credentials();
    to.agent.set_remote_credentials(Instant::ZERO, &ufrag, &pwd).unwrap();
}

/// Carries everything that `from` wants to send now; how many datagrams that were.
fn carry(now: Instant, from: &mut TestAgent<'_>, to: &mut TestAgent<'_>) -> usize {
    let mut out = [0; 1500];
    let mut n = 0;
    while let Some(t) = from.poll_transmit(now, &mut out) {
        let route = Route::udp(t.route.remote, t.route.local);
        assert_eq!(to.handle(now, route, &mut out[..t.len]), Handled::Consumed);
        n += 1;
    }
    n
}

#[test]
fn a_check_before_the_description_is_answered_and_remembered() {
    let (mut ours, mut browser) = pair();
    introduce(&mut browser, &ours);
    browser.agent.add_remote(Instant::ZERO, Candidate::host(addr(OURS))).unwrap();
    let now = Instant::ZERO;
    // Nothing is known of the browser, yet its check is authentic: it was made with our password.
    assert_eq!(carry(now, &mut browser.agent, &mut ours.agent), 1);
    assert_eq!(carry(now, &mut ours.agent, &mut browser.agent), 1);
    assert_eq!(browser.agent.selected(), Some(Route::udp(addr(THEIRS), addr(OURS))));
    assert_eq!(ours.agent.selected(), None);
    assert_eq!(
        ours.agent.remote_candidates().map(|c| (c.addr, c.kind)).last(),
        Some((addr(THEIRS), CandidateType::PeerReflexive))
    );
    // With the description, and without any candidate in it, our own check follows at once.
    introduce(&mut ours, &browser);
    assert!(ours.agent.timeout().is_some_and(|t| t <= now));
    assert_eq!(carry(now, &mut ours.agent, &mut browser.agent), 1);
    carry(now, &mut browser.agent, &mut ours.agent);
    assert_eq!(ours.agent.selected(), Some(Route::udp(addr(OURS), addr(THEIRS))));
}

#[test]
fn one_round_trip_makes_a_usable_pair_on_both_sides() {
    let (mut ours, mut browser) = pair();
    introduce(&mut browser, &ours);
    introduce(&mut ours, &browser);
    browser.agent.add_remote(Instant::ZERO, Candidate::host(addr(OURS))).unwrap();
    let now = Instant::ZERO;
    carry(now, &mut browser.agent, &mut ours.agent); // half: check
    let both = carry(now, &mut ours.agent, &mut browser.agent); // whole: response and triggered check
    assert_eq!(both, 2);
    assert!(browser.agent.selected().is_some(), "one round trip after its first packet");
    carry(now, &mut browser.agent, &mut ours.agent);
    assert!(ours.agent.selected().is_some(), "one round trip after its first packet");
    assert_eq!(ours.agent.state(), State::Connected);
}

#[test]
fn an_early_check_of_somebody_else_is_forgotten() {
    let (mut ours, mut browser) = pair();
    let stranger = Peer::new(Config::default(), true, 3);
    introduce(&mut browser, &ours);
    browser.agent.add_remote(Instant::ZERO, Candidate::host(addr(OURS))).unwrap();
    carry(Instant::ZERO, &mut browser.agent, &mut ours.agent);
    introduce(&mut ours, &stranger);
    assert_eq!(ours.agent.remote_candidates().count(), 0);
    assert_eq!(ours.agent.pair_stats().count(), 0);
    let mut out = [0; 1500];
    ours.agent.poll_transmit(Instant::ZERO, &mut out).expect("the answer that was due");
    assert_eq!(ours.agent.poll_transmit(Instant::ZERO, &mut out), None);
}

#[test]
fn a_check_with_a_wrong_password_or_name_changes_nothing_and_is_not_answered() {
    for (ufrag, pwd, reason) in [
        (None, Some("wrongwrongwrongwrongwrong"), Discard::Unauthenticated),
        (Some("nobody"), None, Discard::OtherSession),
    ] {
        let (mut ours, mut browser) = pair();
        introduce(&mut ours, &browser);
        let (u, p) = ours.credentials();
        browser.agent.set_remote_credentials(Instant::ZERO, ufrag.unwrap_or(&u), pwd.unwrap_or(&p)).unwrap();
        browser.agent.add_remote(Instant::ZERO, Candidate::host(addr(OURS))).unwrap();
        let mut out = [0; 1500];
        let t = browser.agent.poll_transmit(Instant::ZERO, &mut out).unwrap();
        let route = Route::udp(addr(OURS), addr(THEIRS));
        assert_eq!(ours.agent.handle(Instant::ZERO, route, &mut out[..t.len]), Handled::Dropped(reason));
        assert_eq!(ours.agent.discards().get(reason), 1);
        assert_eq!(ours.agent.remote_candidates().count(), 0);
        assert_eq!(ours.agent.poll_transmit(Instant::ZERO, &mut out), None);
    }
}

#[test]
fn replayed_checks_are_answered_at_a_limited_rate() {
    let (mut ours, mut browser) = pair();
    introduce(&mut browser, &ours);
    browser.agent.add_remote(Instant::ZERO, Candidate::host(addr(OURS))).unwrap();
    let mut check = [0; 1500];
    let len = browser.agent.poll_transmit(Instant::ZERO, &mut check).unwrap().len;
    let (mut answers, mut bytes, mut out) = (0, 0, [0; 1500]);
    for ms in 0..2_000 {
        // From ever another forged address.
        let route = Route::udp(addr(OURS), format!("192.0.2.{}:{}", ms % 250, 1024 + ms).parse().unwrap());
        ours.agent.handle(Instant::from_millis(ms), route, &mut check[..len].to_vec());
        while let Some(t) = ours.agent.poll_transmit(Instant::from_millis(ms), &mut out) {
            answers += 1;
            bytes += t.len;
        }
    }
    assert!(answers <= 300, "{answers}");
    assert!(bytes < 2_000 * len);
    assert!(
        ours.agent.discards().get(Discard::RateLimited) + ours.agent.discards().get(Discard::CandidatesFull) >= 1_700
    );
}

#[test]
fn a_signalled_candidate_takes_the_place_of_the_one_found_by_its_checks() {
    let (mut ours, mut browser) = pair();
    introduce(&mut browser, &ours);
    introduce(&mut ours, &browser);
    browser.agent.add_remote(Instant::ZERO, Candidate::host(addr(OURS))).unwrap();
    carry(Instant::ZERO, &mut browser.agent, &mut ours.agent);
    ours.agent.add_remote(Instant::ZERO, Candidate::host(addr(THEIRS))).unwrap();
    let kinds: Vec<_> = ours.agent.remote_candidates().map(|c| c.kind).collect();
    assert_eq!(kinds, [CandidateType::Host]);
    assert_eq!(ours.agent.pair_stats().map(|p| p.remote_kind).collect::<Vec<_>>(), [CandidateType::Host]);
}

#[test]
fn without_an_interface_gathering_says_so() {
    let mut peer = Peer::new(Config::default(), true, 1);
    assert_eq!(peer.agent.gather(Instant::ZERO), Err(barertc_ice::Error::NoInterface));
    let _: &Agent<_, _> = &peer.agent;
}

#[test]
fn a_lost_first_check_costs_one_retransmission_interval_at_most() {
    let (mut ours, mut browser) = pair();
    introduce(&mut browser, &ours);
    introduce(&mut ours, &browser);
    browser.agent.add_remote(Instant::ZERO, Candidate::host(addr(OURS))).unwrap();
    let mut out = [0; 1500];
    assert!(browser.agent.poll_transmit(Instant::ZERO, &mut out).is_some(), "and is lost");
    let again = browser.agent.timeout().unwrap();
    assert_eq!(again, Instant::ZERO + Duration::from_millis(500));
    carry(again, &mut browser.agent, &mut ours.agent);
    carry(again, &mut ours.agent, &mut browser.agent);
    assert!(browser.agent.selected().is_some());
}
