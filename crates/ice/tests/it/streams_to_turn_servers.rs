//! TURN over TCP and TLS (RFC 8656 §3.1): streams that end, that cannot be made, and that are not needed any more.
use std::time::Duration;

use barertc_crypto::RustCrypto;
use barertc_ice::stream::{CertificateFault, StreamEnd};
use barertc_ice::stun::{Class, Method, attr};
use barertc_ice::{
    Agent, Candidate, CandidatePairState, CandidatePairStats, CandidateType, Config, Event, GatheringState, Protocol,
    Route, ServerError, TurnServer,
};
use barertc_wire::Instant;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::support::server::Server;
use crate::support::turn::{A, Client, Key, SERVER, turn_server};
use crate::support::{addr, heap};

const B: &str = "192.0.2.1:1001";
const RELAYED: &str = "198.51.100.1:50000";

fn connected() -> (Client, Route, Key) {
    let mut client = Client::with("user", "secret", &[A], Protocol::Tcp);
    let (request, key) = client.authenticate();
    client.grant(&request, RELAYED, Some(&key));
    assert_eq!(client.relayed().map(|c| c.addr), Some(addr(RELAYED)));
    (client, request.route, key)
}

#[test]
fn a_request_is_sent_once_and_waited_for_as_long_as_all_retransmissions_would_take() {
    let mut client = Client::with("user", "secret", &[A], Protocol::Tls);
    assert_eq!(client.expect(Method::ALLOCATE).route.protocol, Protocol::Tls);
    // RFC 8489 §6.2.2: Ti is 39.5 s; it is 40 s with the times of this agent.
    assert!(client.wait(Duration::from_secs(39)).is_empty());
    assert!(client.server_errors().is_empty());
    assert!(client.wait(Duration::from_secs(2)).is_empty());
    assert_eq!(client.server_errors(), [ServerError::Unanswered]);
}

#[test]
fn when_the_stream_ends_the_relay_is_gone_and_asked_for_again_at_once() {
    let (mut client, route, _) = connected();
    assert!(client.agent.uses_stream(route));
    client.agent.stream_ended(client.now, route, StreamEnd::Closed);
    assert_eq!(client.relayed(), None, "the server has forgotten it");
    assert!(client.server_errors().is_empty(), "it may yet be had again");
    let again = client.expect(Method::ALLOCATE);
    assert_eq!(again.route, route);
    assert!(again.message().get(attr::USERNAME).is_some(), "the last challenge is answered without being put again");
    // Without a stream again: now there is none, and the owner hears of it.
    client.agent.stream_ended(client.now, route, StreamEnd::NotConnected);
    assert_eq!(client.server_errors(), [ServerError::Stream(StreamEnd::NotConnected)]);
    assert!(!client.agent.uses_stream(route));
}

#[test]
fn a_stream_that_cannot_be_made_is_tried_again_less_and_less_often() {
    let mut client = Client::with("user", "secret", &[A], Protocol::Tls);
    let end = StreamEnd::Certificate(CertificateFault::Expired);
    for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
        let request = client.expect(Method::ALLOCATE);
        client.agent.stream_ended(client.now, request.route, end);
        assert_eq!(client.server_errors(), [ServerError::Stream(end)]);
        assert_eq!(client.agent.gathering_state(), GatheringState::Complete, "nobody waits for it");
        let before = client.wait(Duration::from_millis(wait * 1000 - 1));
        assert!(before.is_empty(), "{wait} s");
        client.now += Duration::from_millis(1);
        client.agent.handle_timeout(client.now);
    }
    // One that lives until it is refreshed, and it begins anew.
    let (request, key) = client.authenticate();
    client.grant(&request, RELAYED, Some(&key));
    let refresh = client.wait(Duration::from_secs(541)).pop().unwrap();
    client.grant(&refresh, RELAYED, Some(&key));
    client.agent.stream_ended(client.now, request.route, StreamEnd::Failed);
    let request = client.expect(Method::ALLOCATE);
    client.agent.stream_ended(client.now, request.route, StreamEnd::ConnectTimeout);
    assert!(client.wait(Duration::from_millis(999)).is_empty());
    assert_eq!(client.wait(Duration::from_millis(1)).len(), 1);
}

#[test]
fn the_end_of_a_stream_that_nobody_uses_changes_nothing() {
    let (mut client, route, _) = connected();
    let [udp, elsewhere] =
        [Route { protocol: Protocol::Udp, ..route }, Route { remote: addr("198.51.100.2:3478"), ..route }];
    for other in [udp, elsewhere] {
        assert!(!client.agent.uses_stream(other));
        client.agent.stream_ended(client.now, other, StreamEnd::Closed);
    }
    assert_eq!(client.relayed().map(|c| c.addr), Some(addr(RELAYED)));
    let mut udp = Client::new();
    let request = udp.expect(Method::ALLOCATE);
    assert!(!udp.agent.uses_stream(request.route), "a socket is no stream");
    udp.agent.stream_ended(udp.now, request.route, StreamEnd::Closed);
    assert!(udp.server_errors().is_empty());
}

#[test]
fn a_closed_agent_needs_its_stream_until_the_server_has_taken_the_relay_back() {
    let (mut client, route, key) = connected();
    client.agent.close(client.now);
    let refresh = client.expect(Method::REFRESH);
    assert_eq!(refresh.message().u32(attr::LIFETIME), Some(0));
    assert!(client.agent.uses_stream(route));
    client.respond(&refresh, Class::Success, Some(&key), |b| b.u32(attr::LIFETIME, 0).unwrap());
    assert!(!client.agent.uses_stream(route));
    assert_eq!(client.agent.timeout(), None);
    // With the stream the relay is gone, too.
    let (mut client, route, _) = connected();
    client.agent.close(client.now);
    client.expect(Method::REFRESH);
    client.agent.stream_ended(client.now, route, StreamEnd::Cut { missing: 4 });
    assert_eq!((client.agent.timeout(), client.agent.uses_stream(route)), (None, false));
}

#[test]
fn of_several_servers_the_first_that_answers_is_not_kept_waiting_and_udp_is_preferred() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let config = Config { max_relays: 3, ..Config::default() };
    let mut agent = Agent::new(config, true, heap(256 * 1024), RustCrypto, &mut rng).unwrap();
    agent.add_local(Instant::ZERO, Candidate::host(addr(A))).unwrap();
    let protocols = [Protocol::Tls, Protocol::Udp, Protocol::Tcp];
    for protocol in protocols {
        agent.add_turn_server(Instant::ZERO, &turn_server("user", "secret", protocol)).unwrap();
    }
    agent.gather(Instant::ZERO).unwrap();
    let mut client = Client { agent, now: Instant::ZERO };
    // All are asked at the same time.
    let mut asked = [(); 3].map(|()| client.expect(Method::ALLOCATE));
    assert_eq!(asked.each_ref().map(|request| request.route.protocol), protocols);
    for n in [2, 0, 1] {
        client.challenge(&asked[n], 401, "realm", b"nonce", &[]);
        let request = client.expect(Method::ALLOCATE);
        assert_eq!(request.route.protocol, protocols[n]);
        asked[n] = request;
        let key = crate::support::turn::md5_sha1("user", "realm", "secret");
        client.grant(&asked[n], &format!("198.51.100.1:5000{n}"), Some(&key));
        assert_eq!(client.agent.gathering_state(), GatheringState::Complete, "the first is enough");
    }
    let mut relayed: Vec<_> =
        client.agent.local_candidates().filter(|c| c.kind == CandidateType::Relayed).cloned().collect();
    relayed.sort_by_key(|c| std::cmp::Reverse(c.priority));
    assert_eq!(relayed.iter().map(|c| c.addr.port()).collect::<Vec<_>>(), [50_001, 50_002, 50_000]);
    let told = client
        .events()
        .into_iter()
        .filter(|e| matches!(e, Event::LocalCandidate(c) if c.kind == CandidateType::Relayed));
    assert_eq!(told.count(), 3, "those that come later are told, too");
    let server = TurnServer { ..turn_server("user", "secret", Protocol::Udp) };
    assert!(client.agent.add_turn_server(client.now, &server).is_err());
    assert_eq!(server.addr, addr(SERVER));
}

/// TURN REST: names and passwords that run out.
#[test]
fn another_account_counts_from_the_next_allocation_on() {
    let mut client = Client::new();
    let (request, old) = client.authenticate();
    client.grant(&request, RELAYED, Some(&old));
    let renewed = turn_server("1700000000:user", "other", Protocol::Udp);
    client.agent.renew_turn_server(client.now, &renewed).unwrap();
    assert!(client.poll().is_none(), "what the server has given stays");
    // The refresh is made with the account that the allocation was made with, until the server refuses it.
    let refresh = client.wait(Duration::from_secs(541)).pop().unwrap();
    assert_eq!(refresh.message().get(attr::USERNAME), Some(&b"user"[..]));
    client.refuse(&refresh, 441, Some(&old));
    // RFC 8656 §7.2: before it expires, the server gives this socket no other one.
    assert!(client.wait(Duration::from_secs(58)).is_empty());
    assert_eq!(client.relayed().map(|c| c.addr), Some(addr(RELAYED)));
    let first = client.wait(Duration::from_secs(1)).pop().expect("it has expired");
    assert_eq!((first.message().method(), client.relayed()), (Method::ALLOCATE, None));
    assert_eq!(first.message().get(attr::USERNAME), None, "the new account has seen no challenge");
    client.challenge(&first, 401, "realm", b"nonce", &[]);
    let request = client.expect(Method::ALLOCATE);
    assert_eq!(request.message().get(attr::USERNAME), Some(&b"1700000000:user"[..]));
    let key = crate::support::turn::md5_sha1("1700000000:user", "realm", "other");
    client.grant(&request, "198.51.100.1:50001", Some(&key));
    assert_eq!(client.relayed().map(|c| c.addr.port()), Some(50_001));
    assert!(client.server_errors().is_empty());
}

#[test]
fn an_account_that_was_refused_is_tried_again_with_another_one_at_once() {
    let mut client = Client::new();
    let (request, _) = client.authenticate();
    client.challenge(&request, 401, "realm", b"another nonce", &[]);
    assert_eq!(client.server_errors(), [ServerError::Credentials]);
    assert!(client.wait(Duration::from_secs(600)).is_empty(), "it will never be granted");
    client.agent.renew_turn_server(client.now, &turn_server("user", "right", Protocol::Udp)).unwrap();
    let (request, _) = client.authenticate();
    let key = crate::support::turn::md5_sha1("user", "realm", "right");
    client.grant(&request, RELAYED, Some(&key));
    assert!(client.relayed().is_some());
    for (server, error) in [
        (turn_server("user", "right", Protocol::Tcp), "no TURN server 198.51.100.1:3478 was added"),
        (turn_server(&"u".repeat(509), "x", Protocol::Udp), "the TURN user name has 509 bytes: 0 to 508 are allowed"),
    ] {
        assert_eq!(client.agent.renew_turn_server(client.now, &server).unwrap_err().to_string(), error);
    }
}

#[test]
fn an_account_that_comes_while_the_old_one_is_being_refused_is_used() {
    let mut client = Client::new();
    let (request, _) = client.authenticate();
    client.agent.renew_turn_server(client.now, &turn_server("user", "right", Protocol::Udp)).unwrap();
    // One that is too long changes nothing.
    let long = "u".repeat(509);
    assert!(client.agent.renew_turn_server(client.now, &turn_server(&long, "x", Protocol::Udp)).is_err());
    client.challenge(&request, 401, "realm", b"another nonce", &[]);
    assert!(client.server_errors().is_empty());
    let (request, _) = client.authenticate();
    let key = crate::support::turn::md5_sha1("user", "realm", "right");
    client.grant(&request, RELAYED, Some(&key));
    assert!(client.relayed().is_some());
}

/// RFC 8656 §5: an allocation stays with its account, so permissions that this one was refused need another allocation.
#[test]
fn a_permission_that_the_old_account_was_refused_is_had_by_the_new_one() {
    let peer = Candidate::host(addr("203.0.113.1:5000"));
    for (code, renews) in [(401, true), (441, true), (403, false)] {
        let mut client = Client::with("user", "secret", &[A, B], Protocol::Udp);
        let (request, old) = client.authenticate();
        client.grant(&request, RELAYED, Some(&old));
        client.agent.set_remote_credentials(client.now, "peer", "passwordpasswordpassword").unwrap();
        client.agent.add_remote(client.now, peer.clone()).unwrap();
        let permission = client.expect(Method::CREATE_PERMISSION);
        if code == 401 {
            client.challenge(&permission, code, "realm", b"another nonce", &[]);
        } else {
            client.refuse(&permission, code, Some(&old));
        }
        let is_relayed = |p: &CandidatePairStats| p.local_kind == CandidateType::Relayed;
        let state = |client: &Client| client.agent.pair_stats().find(is_relayed).map(|p| p.state);
        assert_eq!(state(&client), Some(CandidatePairState::Failed), "{code}");
        client.agent.renew_turn_server(client.now, &turn_server("2:user", "other", Protocol::Udp)).unwrap();
        if !renews {
            // It is the peer that the server does not like.
            assert_eq!(client.relayed().map(|c| c.addr), Some(addr(RELAYED)));
            continue;
        }
        assert_eq!(client.relayed(), None);
        let requests = std::iter::from_fn(|| client.poll()).filter(|r| r.message().method() == Method::ALLOCATE);
        let first = requests.last().expect("another address is asked for");
        assert_ne!(first.route, request.route, "the server gives the first socket no other one");
        client.challenge(&first, 401, "realm", b"nonce", &[]);
        let request = client.expect(Method::ALLOCATE);
        let key = crate::support::turn::md5_sha1("2:user", "realm", "other");
        client.grant(&request, "198.51.100.1:50001", Some(&key));
        let permission = client.expect(Method::CREATE_PERMISSION);
        assert_eq!(permission.message().get(attr::USERNAME), Some(&b"2:user"[..]));
        client.respond(&permission, Class::Success, Some(&key), |_| {});
        assert_ne!(state(&client), Some(CandidatePairState::Failed), "{code}");
    }
}

/// Lets the server answer for this long.
fn serve(client: &mut Client, server: &mut Server, time: Duration) {
    let end = client.now + time;
    loop {
        while let Some(request) = client.poll() {
            let route = request.route;
            for (_, to, mut bytes) in server.handle(client.now, route.local, route.remote, &request.bytes) {
                if to == route.local {
                    client.agent.handle(client.now, route, &mut bytes);
                }
            }
        }
        let Some(at) = client.agent.timeout().filter(|at| *at <= end) else { break };
        client.now = client.now.max(at);
        client.agent.handle_timeout(client.now);
    }
    client.now = end;
}

/// A client that has an address, and the permission to send to each of `peers`. The account runs out, and another peer
/// comes.
fn outlived(sockets: &[&str], peers: &[&str]) -> (Client, Server) {
    let (mut client, mut server) = (Client::with("user", "secret", sockets, Protocol::Udp), Server::new(addr(SERVER)));
    client.agent.set_remote_credentials(client.now, "peer", "passwordpasswordpassword").unwrap();
    for peer in peers {
        client.agent.add_remote(client.now, Candidate::host(addr(peer))).unwrap();
    }
    serve(&mut client, &mut server, Duration::from_secs(1));
    assert_eq!(client.relayed().map(|c| c.addr), Some(addr("198.51.100.1:50001")));
    server.account = ("2:user", "other");
    client.agent.add_remote(client.now, Candidate::host(addr("203.0.113.9:5000"))).unwrap();
    serve(&mut client, &mut server, Duration::from_secs(1));
    (client, server)
}

fn renew(client: &mut Client) {
    client.agent.renew_turn_server(client.now, &turn_server("2:user", "other", Protocol::Udp)).unwrap();
}

#[test]
fn another_account_does_not_end_an_address_that_works() {
    for sockets in [&[A][..], &[A, B]] {
        let (mut client, mut server) = outlived(sockets, &["203.0.113.1:5000"]);
        let relayed = client.relayed();
        renew(&mut client);
        assert_eq!(client.relayed(), relayed);
        serve(&mut client, &mut server, Duration::from_secs(200));
        assert_eq!((client.relayed(), client.server_errors()), (relayed.clone(), vec![]));
        // The permissions run out, and with them the use of the address.
        serve(&mut client, &mut server, Duration::from_secs(700));
        let after = client.relayed().expect("the new account has its address");
        assert_ne!(Some(after), relayed);
    }
}

#[test]
fn where_the_old_account_was_refused_every_permission_another_socket_is_asked() {
    let (mut client, mut server) = outlived(&[A, B], &[]);
    let before = client.relayed().unwrap();
    assert!(client.server_errors().is_empty());
    renew(&mut client);
    assert_eq!((client.relayed(), client.server_errors()), (None, vec![ServerError::Credentials]));
    serve(&mut client, &mut server, Duration::from_secs(1));
    let after = client.relayed().expect("the other socket has an address");
    assert_ne!((after.addr, after.related), (before.addr, before.related));
    assert_eq!((server.allocations(), client.server_errors()), (2, vec![]));
    // With one socket, the server is asked until the first address has run out there.
    let (mut client, mut server) = outlived(&[A], &[]);
    renew(&mut client);
    assert_eq!((client.relayed(), client.server_errors()), (None, vec![ServerError::Credentials]));
    serve(&mut client, &mut server, Duration::from_secs(119));
    assert_eq!(client.server_errors(), []);
    serve(&mut client, &mut server, Duration::from_secs(2));
    assert_eq!(client.server_errors(), [ServerError::Refused(437)]);
    serve(&mut client, &mut server, Duration::from_secs(600));
    assert!(client.relayed().is_some());
}

#[test]
fn where_the_old_account_was_refused_every_permission_another_stream_is_made() {
    let (mut client, route, key) = connected();
    client.agent.set_remote_credentials(client.now, "peer", "passwordpasswordpassword").unwrap();
    client.agent.add_remote(client.now, Candidate::host(addr("203.0.113.1:5000"))).unwrap();
    let permission = client.expect(Method::CREATE_PERMISSION);
    client.refuse(&permission, 441, Some(&key));
    assert!(client.agent.uses_stream(route));
    client.agent.renew_turn_server(client.now, &turn_server("2:user", "other", Protocol::Tcp)).unwrap();
    assert!(!client.agent.uses_stream(route), "the stream is closed, and the address with it");
    let is_allocate = |r: &crate::support::turn::Request| r.message().method() == Method::ALLOCATE;
    assert!(!client.wait(Duration::from_millis(999)).iter().any(is_allocate));
    assert!(client.wait(Duration::from_millis(1)).iter().any(is_allocate));
    assert!(client.agent.uses_stream(route));
}

#[test]
fn a_closed_agent_keeps_no_other_account() {
    let memory = heap(256 * 1024);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut agent = Agent::new(Config::default(), true, memory, RustCrypto, &mut rng).unwrap();
    let [old, new] = ["secret", "other"].map(|password| turn_server("user", password, Protocol::Udp));
    agent.add_turn_server(Instant::ZERO, &old).unwrap();
    let before = memory.stats().live;
    agent.renew_turn_server(Instant::ZERO, &new).unwrap();
    assert!(memory.stats().live > before);
    agent.close(Instant::ZERO);
    assert!(memory.stats().live <= before);
    agent.renew_turn_server(Instant::ZERO, &new).unwrap();
    assert!(memory.stats().live <= before);
}

/// The application hears of it while the address still works, so that it can name another account in time.
#[test]
fn an_account_that_is_refused_a_refresh_is_told_and_keeps_its_address_until_it_expires() {
    let mut client = Client::new();
    let (request, old) = client.authenticate();
    client.grant(&request, RELAYED, Some(&old));
    let refresh = client.wait(Duration::from_secs(541)).pop().unwrap();
    client.challenge(&refresh, 401, "realm", b"another nonce", &[]);
    assert_eq!(client.server_errors(), [ServerError::Credentials]);
    assert_eq!(client.relayed().map(|c| c.addr), Some(addr(RELAYED)));
    client.agent.renew_turn_server(client.now, &turn_server("2:user", "other", Protocol::Udp)).unwrap();
    assert!(client.wait(Duration::from_secs(58)).is_empty());
    assert_eq!(client.wait(Duration::from_secs(1)).len(), 1);
}

#[test]
fn a_server_that_ends_each_stream_behind_its_grant_is_left_alone_longer_and_longer() {
    let (mut client, route, key) = connected();
    for wait in [1_000, 2_000, 4_000] {
        for _ in 0..3 {
            client.agent.stream_ended(client.now, route, StreamEnd::Closed);
            let again = client.expect(Method::ALLOCATE);
            client.grant(&again, RELAYED, Some(&key));
        }
        client.agent.stream_ended(client.now, route, StreamEnd::Closed);
        assert_eq!(client.server_errors(), [ServerError::Stream(StreamEnd::Closed)]);
        assert!(client.wait(Duration::from_millis(wait - 100)).is_empty(), "{wait} ms are not over");
        let request = client.wait(Duration::from_millis(200)).pop().unwrap();
        client.grant(&request, RELAYED, Some(&key));
    }
}
