//! What a TURN client does with each refusal (RFC 8489 §9.2.5, RFC 8656 §7.4), and what its owner hears.
use crate::support;

use std::time::Duration;

use barertc_crypto::{HmacSha256Key, Provider, RustCrypto};
use barertc_ice::stun::{Builder, Class, Method, attr};
use barertc_ice::{Agent, Candidate, Discard, Error, GatheringState, Handled, Protocol, Route, ServerError};
use barertc_wire::Instant;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use support::turn::*;
use support::{addr, heap};

#[test]
fn a_5_tuple_in_use_is_left_for_other_sockets_and_the_server_is_asked_again_after_two_minutes() {
    let sockets = ["192.0.2.1:1000", "192.0.2.1:1001", "192.0.2.1:1002", "192.0.2.1:1003"];
    let mut client = Client::with("user", "secret", &sockets, Protocol::Udp);
    let mut tried = vec![];
    let (mut request, key) = client.authenticate();
    for _ in 0..3 {
        tried.push(request.route.local);
        client.refuse(&request, 437, Some(&key));
        match client.poll() {
            Some(next) => request = next,
            None => break,
        }
    }
    // RFC 8656 §7.4: three addresses, then two minutes of nothing.
    tried.dedup();
    assert_eq!(tried.len(), 3, "{tried:?}");
    assert_eq!(client.agent.gathering_state(), GatheringState::Complete);
    assert!(client.server_errors().contains(&ServerError::Refused(437)));
    assert!(client.wait(Duration::from_secs(119)).is_empty());
    let again = client.wait(Duration::from_millis(1_300));
    assert_eq!(again.len(), 1);
    client.grant(&again[0], "198.51.100.1:50000", Some(&key));
    assert_eq!(client.relayed().unwrap().addr, addr("198.51.100.1:50000"));
}

#[test]
fn one_socket_in_use_is_tried_again_after_two_minutes() {
    let mut client = Client::new();
    let (request, key) = client.authenticate();
    client.refuse(&request, 437, Some(&key));
    assert!(client.wait(Duration::from_secs(119)).is_empty());
    assert_eq!(client.wait(Duration::from_millis(1_300)).len(), 1);
}

#[test]
fn an_allocation_that_is_no_longer_known_is_made_anew_whatever_request_shows_it() {
    let mut client = Client::new();
    let (request, key) = client.authenticate();
    client.grant(&request, "198.51.100.1:50000", Some(&key));
    client.agent.set_remote_credentials(client.now, "peer", "passwordpasswordpassword").unwrap();
    client.agent.add_remote(client.now, Candidate::host(addr("203.0.113.5:2000"))).unwrap();
    let permission = client.expect(Method::CREATE_PERMISSION);
    client.refuse(&permission, 437, Some(&key));
    let allocate = client.wait(Duration::ZERO).into_iter().chain(std::iter::from_fn(|| client.poll()));
    let allocate = allocate.into_iter().find(|r| r.message().method() == Method::ALLOCATE).expect("a new allocation");
    client.grant(&allocate, "198.51.100.1:50001", Some(&key));
    assert_eq!(client.relayed().unwrap().addr, addr("198.51.100.1:50001"));
}

#[test]
fn an_allocation_that_is_lost_now_and_then_is_made_anew_each_time() {
    let mut client = Client::new();
    let (mut request, key) = client.authenticate();
    for n in 0..10 {
        client.grant(&request, &format!("198.51.100.1:{}", 50_000 + n), Some(&key));
        assert!(client.relayed().is_some(), "round {n}");
        // One refresh succeeds, the next one finds that the server has restarted.
        let refresh = client.wait(Duration::from_secs(550)).pop().expect("a refresh");
        assert_eq!(refresh.message().method(), Method::REFRESH);
        client.respond(&refresh, Class::Success, Some(&key), |b| b.u32(attr::LIFETIME, 600).unwrap());
        let refresh = client.wait(Duration::from_secs(550)).pop().expect("another refresh");
        client.refuse(&refresh, 437, Some(&key));
        request = client.expect(Method::ALLOCATE);
    }
}

#[test]
fn a_server_without_capacity_is_asked_again_after_a_minute() {
    for code in [486, 508] {
        let mut client = Client::new();
        let (request, key) = client.authenticate();
        client.refuse(&request, code, Some(&key));
        assert_eq!(client.server_errors(), [ServerError::Refused(code)]);
        assert!(client.wait(Duration::from_secs(59)).is_empty());
        assert_eq!(client.wait(Duration::from_millis(1_300)).len(), 1, "{code}");
    }
}

#[test]
fn a_request_that_will_never_be_granted_is_not_made_again() {
    for code in [400, 403, 440, 441, 442] {
        let mut client = Client::new();
        let (request, key) = client.authenticate();
        client.refuse(&request, code, Some(&key));
        assert_eq!(client.server_errors(), [ServerError::Refused(code)]);
        assert_eq!(client.agent.gathering_state(), GatheringState::Complete);
        assert!(client.wait(Duration::from_secs(3600)).is_empty(), "{code}");
    }
}

#[test]
fn user_names_and_passwords_have_up_to_508_bytes() {
    let (user, password) = ("ü".repeat(254), "p".repeat(508));
    let mut client = Client::with(&user, &password, &[A], Protocol::Udp);
    let first = client.expect(Method::ALLOCATE);
    client.challenge(&first, 401, "realm", PLAIN, &[]);
    let second = client.expect(Method::ALLOCATE);
    assert_eq!(second.message().username(), Some(&*user));
    let key = md5_sha1(&user, "realm", &password);
    assert!(verifies(&second, &key));
    client.grant(&second, "198.51.100.1:50000", Some(&key));
    assert!(client.relayed().is_some());
    let too_long = "p".repeat(509);
    for (user, password, what) in [("u", &*too_long, "TURN password"), (&*too_long, "p", "TURN user name")] {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut agent = Agent::new(config(), true, heap(256 * 1024), RustCrypto, &mut rng).unwrap();
        let error = agent.add_turn_server(Instant::ZERO, &turn_server(user, password, Protocol::Udp));
        assert_eq!(error, Err(Error::Length { what, min: 0, max: 508, len: 509 }));
        assert_eq!(error.unwrap_err().to_string(), format!("the {what} has 509 bytes: 0 to 508 are allowed"));
    }
}

#[test]
fn realms_and_nonces_have_up_to_127_characters_of_any_script() {
    for character in ["a", "ä", "€", "😀"] {
        let (realm, nonce) = (character.repeat(127), character.repeat(127));
        let mut client = Client::new();
        let first = client.expect(Method::ALLOCATE);
        client.challenge(&first, 401, &realm, nonce.as_bytes(), &[]);
        let second = client.expect(Method::ALLOCATE);
        assert_eq!(second.message().text(attr::REALM), Some(&*realm));
        assert_eq!(second.message().get(attr::NONCE), Some(nonce.as_bytes()));
        let key = md5_sha1("user", &realm, "secret");
        assert!(verifies(&second, &key));
        client.grant(&second, "198.51.100.1:50000", Some(&key));
        assert!(client.relayed().is_some(), "{character}");
    }
}

#[test]
fn a_request_that_fits_no_buffer_is_told() {
    let mut client = Client::new();
    let first = client.expect(Method::ALLOCATE);
    client.challenge(&first, 401, &"😀".repeat(127), "😀".repeat(127).as_bytes(), &[]);
    assert_eq!(client.agent.poll_transmit(client.now, &mut [0; 1000]), None);
    assert_eq!(client.server_errors(), [ServerError::RequestTooLong { buffer: 1000 }]);
    assert_eq!(client.agent.gathering_state(), GatheringState::Complete);
    assert!(client.wait(Duration::from_secs(60)).is_empty());
}

#[test]
fn a_challenge_without_the_algorithms_that_its_nonce_announces_is_not_answered() {
    for code in [401, 438] {
        let mut client = Client::new();
        let first = client.expect(Method::ALLOCATE);
        client.challenge(&first, code, "realm", WITH_ALGORITHMS, &[]);
        assert!(client.poll().is_none(), "nothing is made with the weaker algorithm");
        assert_eq!(client.server_errors(), [ServerError::BidDown]);
        assert_eq!(client.agent.gathering_state(), GatheringState::Complete);
        assert!(client.wait(Duration::from_secs(600)).is_empty());
    }
}

#[test]
fn another_response_without_the_algorithms_that_its_nonce_announces_is_ignored() {
    let mut client = Client::new();
    let (request, key) = client.authenticate();
    let handled = client.respond(&request, Class::Error, Some(&key), |b| {
        b.error(403, "").unwrap();
        b.bytes(attr::NONCE, WITH_ALGORITHMS).unwrap();
    });
    assert_eq!(handled, Handled::Dropped(Discard::Unauthenticated));
    assert!(!client.wait(Duration::from_secs(1)).is_empty(), "retransmission goes on");
}

#[test]
fn a_server_with_unknown_algorithms_only_is_not_answered() {
    for list in [&UNKNOWN[..], &[0, 9, 0, 1, 7, 0, 0, 0], &[0, 9]] {
        let mut client = Client::new();
        let first = client.expect(Method::ALLOCATE);
        client.challenge(&first, 401, "realm", WITH_ALGORITHMS, list);
        assert!(client.poll().is_none());
        assert_eq!(client.server_errors(), [ServerError::Algorithm]);
        assert!(client.wait(Duration::from_secs(600)).is_empty());
    }
}

#[test]
fn the_first_supported_algorithm_of_the_list_is_used() {
    let sha256 = Key::Sha256(HmacSha256Key::new(&RustCrypto.sha256(&[b"user:realm:secret"])));
    let md5 = Key::Sha256(HmacSha256Key::new(&RustCrypto.md5(&[b"user:realm:secret"])));
    for (list, number, key) in [
        ([SHA256, MD5].concat(), 2, &sha256),
        ([MD5, SHA256].concat(), 1, &md5),
        ([UNKNOWN, MD5, SHA256].concat(), 1, &md5),
        ([[0, 9, 0, 3], [1, 2, 3, 0], SHA256].concat(), 2, &sha256),
    ] {
        // The list counts whether or not the nonce announces it.
        for nonce in [WITH_ALGORITHMS, PLAIN] {
            let mut client = Client::new();
            let first = client.expect(Method::ALLOCATE);
            client.challenge(&first, 401, "realm", nonce, &list);
            let second = client.expect(Method::ALLOCATE);
            assert_eq!(second.message().u32(attr::PASSWORD_ALGORITHM), Some(number << 16), "{list:?}");
            assert_eq!(second.message().get(attr::PASSWORD_ALGORITHMS), Some(&*list));
            assert!(verifies(&second, key), "{list:?}");
            client.grant(&second, "198.51.100.1:50000", Some(key));
            assert!(client.relayed().is_some());
        }
    }
}

#[test]
fn a_401_is_not_answered_with_what_it_has_refused() {
    let mut client = Client::new();
    let (second, _) = client.authenticate();
    // Another nonce is no other password.
    client.challenge(&second, 401, "realm", b"second nonce", &[]);
    assert!(client.poll().is_none());
    assert_eq!(client.server_errors(), [ServerError::Credentials]);
    assert!(client.wait(Duration::from_secs(3600)).is_empty());
}

#[test]
fn a_401_of_another_realm_is_answered() {
    let mut client = Client::new();
    let (second, _) = client.authenticate();
    client.challenge(&second, 401, "other", b"second nonce", &[]);
    let third = client.expect(Method::ALLOCATE);
    assert!(verifies(&third, &md5_sha1("user", "other", "secret")));
}

#[test]
fn a_stale_nonce_is_always_replaced_by_the_new_one() {
    let mut client = Client::new();
    let (mut request, key) = client.authenticate();
    for n in 0..10 {
        let nonce = format!("nonce {n}");
        client.challenge(&request, 438, "realm", nonce.as_bytes(), &[]);
        request = client.expect(Method::ALLOCATE);
        assert_eq!(request.message().text(attr::NONCE), Some(&*nonce));
        assert!(verifies(&request, &key));
    }
    client.grant(&request, "198.51.100.1:50000", Some(&key));
    assert!(client.relayed().is_some());
    // Without a realm, the last one counts.
    let refresh = client.wait(Duration::from_secs(550)).pop().expect("a refresh");
    client.respond(&refresh, Class::Error, None, |b| {
        b.error(438, "").unwrap();
        b.bytes(attr::NONCE, b"last").unwrap();
    });
    let again = client.expect(Method::REFRESH);
    assert_eq!(again.message().get(attr::NONCE), Some(&b"last"[..]));
    assert!(verifies(&again, &key));
}

#[test]
fn an_endless_chain_of_challenges_ends() {
    let mut client = Client::new();
    let (mut request, _) = client.authenticate();
    for n in 0..100 {
        client.challenge(&request, 438, "realm", format!("nonce {n}").as_bytes(), &[]);
        match client.poll() {
            Some(next) => request = next,
            None => break,
        }
    }
    assert_eq!(client.server_errors(), [ServerError::Refused(438)]);
}

#[test]
fn after_a_challenge_an_error_without_integrity_is_dropped_and_retransmission_goes_on() {
    let wrong = md5_sha1("user", "realm", "guess");
    for code in [300, 400, 403, 437, 486, 500] {
        for key in [None, Some(&wrong)] {
            let mut client = Client::new();
            let (request, right) = client.authenticate();
            assert_eq!(client.refuse(&request, code, key), Handled::Dropped(Discard::Unauthenticated), "{code}");
            let again = client.wait(Duration::from_millis(500));
            assert_eq!(again.len(), 1, "{code}");
            assert_eq!(again[0].message().id(), request.message().id());
            client.grant(&again[0], "198.51.100.1:50000", Some(&right));
            assert!(client.relayed().is_some());
        }
    }
}

#[test]
fn a_server_whose_responses_prove_nothing_is_told_from_a_silent_one() {
    for (answers, error) in [(true, ServerError::Unauthenticated), (false, ServerError::Unanswered)] {
        let mut client = Client::new();
        let (request, _) = client.authenticate();
        if answers {
            client.grant(&request, "198.51.100.1:50000", None);
        }
        client.wait(Duration::from_secs(40));
        assert_eq!(client.server_errors(), [error]);
    }
}

#[test]
fn over_a_stream_nothing_better_comes_after_a_response_that_proves_nothing() {
    let mut client = Client::with("user", "secret", &[A], Protocol::Tcp);
    let (request, _) = client.authenticate();
    assert_eq!(request.route.protocol, Protocol::Tcp);
    client.grant(&request, "198.51.100.1:50000", None);
    assert_eq!(client.server_errors(), [ServerError::Unauthenticated]);
}

#[test]
fn what_comes_another_way_than_the_server_is_reached_is_not_from_the_server() {
    let mut client = Client::with("user", "secret", &[A], Protocol::Tcp);
    let request = client.expect(Method::ALLOCATE);
    let mut out = [0; 200];
    let mut b = Builder::new(&mut out, Class::Error, Method::ALLOCATE, request.message().id()).unwrap();
    b.error(400, "").unwrap();
    let len = b.fingerprint().unwrap();
    let udp = Route::udp(request.route.local, request.route.remote);
    let handled = client.agent.handle(client.now, udp, &mut out[..len]);
    assert!(matches!(handled, Handled::Dropped(_)));
    assert!(client.server_errors().is_empty());
}
