//! The caller's clock may have run for hours before an agent is made: patience counts from when checking begins.
use crate::support;

use barertc_ice::{Config, State};
use barertc_wire::Instant;
use support::Peer;

#[test]
fn a_late_agent_is_as_patient_as_an_early_one() {
    let config = Config::default();
    let patience = config.patience;
    let mut agent = Peer::new(config, true, 1).at("203.0.113.1:1000").agent;
    // The peer hides its addresses, as browsers do.
    let late = Instant::from_millis(3_600_000);
    agent.set_remote_credentials(late, "abcd", "0123456789abcdef012345").unwrap();
    assert_eq!(agent.state(), State::Checking);
    let mut out = [0; 1200];
    for seconds in 1..patience.as_secs() {
        let now = late + core::time::Duration::from_secs(seconds);
        agent.handle_timeout(now);
        while agent.poll_transmit(now, &mut out).is_some() {}
        assert_eq!(agent.state(), State::Checking, "after {seconds} s");
    }
    let over = late + patience;
    agent.handle_timeout(over);
    assert_eq!(agent.state(), State::Failed(barertc_ice::FailureReason::NoRemoteCandidate));
}
