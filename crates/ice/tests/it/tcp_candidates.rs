//! Candidates over TCP (RFC 6544): how they are written, who connects, and what follows when a connection ends.
use crate::support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use barertc_ice::stream::StreamEnd;
use barertc_ice::{
    Candidate, CandidateLine, CandidatePairState, Config, Discard, Error, Handled, Protocol, Route, State, TcpType,
    TurnServer,
};
use barertc_wire::Instant;
use support::{Peer, TestAgent, addr};

const LISTENS: &str = "192.0.2.1:4443";

/// Two agents: the first listens, the second connects. Whatever address a connection is from, it is told by its number.
struct Connected {
    now: Instant,
    listener: TestAgent<'static>,
    dialer: TestAgent<'static>,
    /// Where each connection comes from: one for each route of the dialer.
    from: BTreeMap<SocketAddr, SocketAddr>,
    next_port: u16,
    /// UDP datagrams are lost.
    no_udp: bool,
    made: usize,
}

impl Connected {
    fn new(listener: Config, dialer: Config) -> Self {
        let [listener, dialer] =
            [(listener, true, 1), (dialer, false, 2)].map(|(c, role, seed)| Peer::new(c, role, seed).agent);
        let mut this = Self {
            now: Instant::ZERO,
            listener,
            dialer,
            from: BTreeMap::new(),
            next_port: 50_000,
            no_udp: true,
            made: 0,
        };
        this.listener.add_local(this.now, Candidate::tcp_passive(addr(LISTENS))).unwrap();
        this.dialer.add_local(this.now, Candidate::tcp_active(addr("192.0.2.2:0").ip())).unwrap();
        this.describe();
        this
    }

    /// Both get the other's description, by the lines that would be in it.
    fn describe(&mut self) {
        let now = self.now;
        let describe = |from: &TestAgent<'_>, to: &mut TestAgent<'_>| {
            let (ufrag, pwd) = from.local_credentials();
            to.set_remote_credentials(now, ufrag, pwd).unwrap();
            for candidate in from.local_candidates() {
                assert!(to.add_remote_line(now, &candidate.to_string()).unwrap().is_none());
            }
        };
        describe(&self.listener, &mut self.dialer);
        describe(&self.dialer, &mut self.listener);
    }

    /// The route of a message of the dialer as the listener sees it; connections are made as they are wanted.
    fn inward(&mut self, route: Route) -> Route {
        assert_eq!((route.local.port(), route.protocol), (TcpType::ACTIVE_PORT, Protocol::IceTcp));
        let (next, made) = (&mut self.next_port, &mut self.made);
        let from = *self.from.entry(route.remote).or_insert_with(|| {
            (*next, *made) = (*next + 1, *made + 1);
            SocketAddr::new(route.local.ip(), *next)
        });
        Route { protocol: Protocol::IceTcp, local: route.remote, remote: from }
    }

    /// Lets both speak for this long.
    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            let mut out = [0; 1500];
            while let Some(t) = self.dialer.poll_transmit(self.now, &mut out) {
                let route = match t.route.protocol {
                    Protocol::Udp if self.no_udp => continue,
                    Protocol::Udp => Route::udp(t.route.remote, t.route.local),
                    _ => self.inward(t.route),
                };
                self.listener.handle(self.now, route, &mut out[..t.len]);
            }
            self.now += Duration::from_millis(5);
            while let Some(t) = self.listener.poll_transmit(self.now, &mut out) {
                let route = match t.route.protocol {
                    Protocol::Udp if self.no_udp => continue,
                    Protocol::Udp => Route::udp(t.route.remote, t.route.local),
                    _ => {
                        let (to, _) = self.from.iter().find(|(_, from)| **from == t.route.remote).expect("connected");
                        let local = SocketAddr::new(t.route.remote.ip(), TcpType::ACTIVE_PORT);
                        Route { protocol: Protocol::IceTcp, local, remote: *to }
                    }
                };
                self.dialer.handle(self.now, route, &mut out[..t.len]);
            }
            self.now += Duration::from_millis(5);
            self.listener.handle_timeout(self.now);
            self.dialer.handle_timeout(self.now);
        }
    }

    fn routes(&self) -> [Option<Route>; 2] {
        [self.listener.selected(), self.dialer.selected()]
    }

    fn outward(&self) -> Route {
        Route { protocol: Protocol::IceTcp, local: addr("192.0.2.2:9"), remote: addr(LISTENS) }
    }

    /// The connection ends, and both hear of it.
    fn cut(&mut self) {
        let inward = self.inward(self.outward());
        self.from.clear();
        self.listener.stream_ended(self.now, inward, StreamEnd::Failed);
        self.dialer.stream_ended(self.now, self.outward(), StreamEnd::Failed);
    }
}

#[test]
fn lines_of_tcp_candidates_are_written_and_read() {
    let passive = Candidate::tcp_passive(addr(LISTENS)).to_string();
    let tail = "192.0.2.1 4443 typ host tcptype passive";
    assert!(passive.starts_with("candidate:") && passive.contains(" 1 tcp ") && passive.ends_with(tail), "{passive}");
    let active = Candidate::tcp_active(addr("[2001:db8::1]:0").ip()).to_string();
    assert!(active.ends_with("2001:db8::1 9 typ host tcptype active"), "{active}");
    for line in [passive, active] {
        let read = line.parse::<CandidateLine>().unwrap().candidate().unwrap();
        assert_eq!(read.to_string(), line);
    }
    // A scope means something on this machine only (RFC 8839 §5.1).
    let scoped = Candidate::tcp_passive(addr("[fe80::1%7]:4443")).to_string();
    assert!(scoped.ends_with(" fe80::1 4443 typ host tcptype passive"), "{scoped}");
    // What Chromium writes.
    let line = "candidate:3 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active generation 0 ufrag x network-id 1";
    let read = line.parse::<CandidateLine>().unwrap().candidate().unwrap();
    assert_eq!((read.tcp_type, read.addr), (Some(TcpType::Active), addr("192.0.2.7:9")));
    let related = "candidate:3 1 TCP 1 192.0.2.7 9 typ srflx raddr 10.0.0.1 rport 9 tcptype so";
    let read = related.parse::<CandidateLine>().unwrap().candidate().unwrap();
    assert_eq!((read.tcp_type, read.related), (Some(TcpType::SimultaneousOpen), Some(addr("10.0.0.1:9"))));
    // An old agent does not say who connects; `ssltcp` is none of RFC 6544.
    for (line, error) in [
        ("candidate:3 1 tcp 1 192.0.2.7 9 typ host", Error::CandidateLine { field: "TCP type" }),
        ("candidate:3 1 tcp 1 192.0.2.7 9 typ host tcptype sideways", Error::CandidateLine { field: "TCP type" }),
        ("candidate:3 1 ssltcp 1 192.0.2.7 443 typ host", Error::CandidateProtocol),
    ] {
        assert_eq!(line.parse::<CandidateLine>(), Err(error), "{line}");
    }
}

#[test]
fn the_side_with_an_active_candidate_connects_to_the_passive_one() {
    let mut pair = Connected::new(Config::default(), Config::default());
    // The listener has nobody to connect to.
    assert_eq!(pair.listener.poll_transmit(pair.now, &mut [0; 1500]), None);
    assert_eq!(pair.listener.remote_candidates().count(), 0, "an active candidate has no address to check");
    pair.run(Duration::from_secs(1));
    let inward = pair.inward(pair.outward());
    assert_eq!(pair.routes(), [Some(inward), Some(pair.outward())]);
    assert_eq!([pair.listener.state(), pair.dialer.state()], [State::Completed; 2]);
    assert_eq!(pair.made, 1);
    assert!(pair.listener.uses_stream(inward) && pair.dialer.uses_stream(pair.outward()));
    // Data go the same way.
    let mut out = [0x80; 100];
    let t = pair.listener.wrap(pair.now, &mut out, 100).unwrap();
    assert_eq!((t.route, pair.listener.room()), (inward, (0, 0)));
    let handled = pair.dialer.handle(pair.now, pair.outward(), &mut out);
    assert_eq!(handled, Handled::Data { range: 0..100, route: pair.outward() });
    // Consent goes on, one message for each request.
    pair.run(Duration::from_secs(60));
    assert_eq!(pair.routes(), [Some(inward), Some(pair.outward())]);
    let stats = pair.dialer.pair_stats().next().unwrap();
    assert_eq!((stats.retransmissions_sent, stats.requests_sent), (0, 1 + u32::from(pair.dialer.is_controlling())));
}

#[test]
fn tcp_is_used_only_where_udp_does_not_get_through() {
    for no_udp in [false, true] {
        let mut pair = Connected::new(Config::default(), Config::default());
        pair.no_udp = no_udp;
        pair.listener.add_local(pair.now, Candidate::host(addr("192.0.2.1:1000"))).unwrap();
        pair.dialer.add_local(pair.now, Candidate::host(addr("192.0.2.2:2000"))).unwrap();
        pair.describe();
        pair.run(Duration::from_secs(3));
        let [a, b] = pair.routes().map(|route| route.unwrap().protocol);
        let protocol = if no_udp { Protocol::IceTcp } else { Protocol::Udp };
        assert_eq!((a, b), (protocol, protocol));
    }
    // A candidate over TCP comes behind every one over UDP but relayed ones, however it was found.
    let udp = Candidate::host(addr("127.0.0.1:1000")).priority;
    let tcp = Candidate::tcp_active(addr("[2001:db8::1]:0").ip()).priority;
    assert!(tcp < udp && tcp < 100 << 24 && tcp > 1 << 24);
    let passive = Candidate::tcp_passive(addr("[2001:db8::1]:1")).priority;
    assert!(passive < tcp && passive > Candidate::tcp_passive(addr("192.0.2.1:1")).priority);
}

#[test]
fn udp_that_works_late_takes_over_from_tcp() {
    let mut pair = Connected::new(Config::default(), Config::default());
    pair.listener.add_local(pair.now, Candidate::host(addr("192.0.2.1:1000"))).unwrap();
    pair.dialer.add_local(pair.now, Candidate::host(addr("192.0.2.2:2000"))).unwrap();
    pair.describe();
    pair.run(Duration::from_secs(3));
    assert_eq!(pair.listener.selected().unwrap().protocol, Protocol::IceTcp);
    pair.no_udp = false;
    pair.run(Duration::from_secs(10));
    assert_eq!(pair.routes().map(|r| r.unwrap().protocol), [Protocol::Udp; 2]);
}

#[test]
fn a_connection_that_ends_in_use_is_made_again_and_another_one_is_taken() {
    let mut pair = Connected::new(Config::default(), Config::default());
    pair.run(Duration::from_secs(1));
    let before = pair.inward(pair.outward());
    pair.cut();
    assert_eq!(pair.routes(), [None, None]);
    assert_eq!(pair.listener.remote_candidates().count(), 0, "nobody is at that address any more");
    assert!(!pair.listener.uses_stream(before));
    pair.run(Duration::from_secs(1));
    let after = pair.inward(pair.outward());
    assert_ne!(before, after);
    assert_eq!((pair.routes(), pair.made), ([Some(after), Some(pair.outward())], 2));
    assert_eq!([pair.listener.state(), pair.dialer.state()], [State::Completed; 2]);
}

/// As stacks do that offer simultaneous open, too.
#[test]
fn a_peer_may_connect_from_the_port_at_which_it_listens() {
    let mut pair = Connected::new(Config::default(), Config::default());
    let theirs = addr("192.0.2.2:5000");
    pair.listener.add_remote(pair.now, Candidate::tcp_passive(theirs)).unwrap();
    assert_eq!(pair.listener.poll_transmit(pair.now, &mut [0; 1500]), None, "nobody connects from a passive candidate");
    for made in 1..=2 {
        pair.from.insert(addr(LISTENS), theirs);
        pair.run(Duration::from_secs(1));
        assert_eq!(pair.routes(), [Some(pair.inward(pair.outward())), Some(pair.outward())], "{made}");
        assert_eq!(pair.routes()[0].unwrap().remote, theirs);
        pair.cut();
        assert_eq!(pair.routes(), [None, None]);
    }
    // One that is told when it is known already.
    let mut pair = Connected::new(Config::default(), Config::default());
    for _ in 0..2 {
        pair.from.insert(addr(LISTENS), theirs);
        pair.run(Duration::from_secs(1));
        assert!(pair.routes().iter().all(Option::is_some));
        pair.listener.add_remote(pair.now, Candidate::tcp_passive(theirs)).unwrap();
        pair.cut();
    }
}

#[test]
fn a_connection_that_cannot_be_made_fails_its_pair_once() {
    let mut pair = Connected::new(Config::default(), Config::default());
    let mut out = [0; 1500];
    let t = pair.dialer.poll_transmit(pair.now, &mut out).unwrap();
    assert!(pair.dialer.uses_stream(t.route), "while it is being made");
    pair.dialer.stream_ended(pair.now, t.route, StreamEnd::NotConnected);
    assert_eq!(pair.dialer.poll_transmit(pair.now, &mut out), None);
    assert_eq!(pair.dialer.pair_stats().next().unwrap().state, CandidatePairState::Failed);
    assert!(!pair.dialer.uses_stream(t.route));
    // Another network may have another answer.
    pair.now += Duration::from_millis(50);
    pair.dialer.network_changed(pair.now);
    assert_eq!(pair.dialer.poll_transmit(pair.now, &mut out).map(|t| t.route), Some(t.route));
}

#[test]
fn a_connection_without_an_authentic_check_is_not_in_use() {
    let mut pair = Connected::new(Config::default(), Config::default());
    let mut out = [0; 1500];
    // Somebody knows the user names and not the password.
    let (ufrag, _) = pair.listener.local_credentials();
    pair.dialer.set_remote_credentials(pair.now, ufrag, "passwordpasswordpassword").unwrap();
    let t = pair.dialer.poll_transmit(pair.now, &mut out).unwrap();
    let route = pair.inward(t.route);
    let strange = Route { remote: addr("203.0.113.1:6000"), ..route };
    let dropped = pair.listener.handle(pair.now, strange, &mut out[..t.len]);
    assert_eq!(dropped, Handled::Dropped(Discard::Unauthenticated));
    let media = pair.listener.handle(pair.now, strange, &mut [0x80; 20]);
    assert_eq!(media, Handled::Dropped(Discard::UnknownRemote));
    assert!(!pair.listener.uses_stream(strange) && !pair.listener.is_expected(strange, &[0x80; 20]));
    assert_eq!(pair.listener.poll_transmit(pair.now, &mut [0; 1500]), None, "nothing is said to it");
    // The same socket's UDP is another thing.
    let udp = Route { protocol: Protocol::Udp, ..route };
    assert_eq!(pair.listener.handle(pair.now, udp, &mut [0x80; 20]), Handled::Dropped(Discard::UnknownLocal));
}

#[test]
fn one_peer_has_no_more_than_four_connections_and_the_one_in_use_stays() {
    let mut pair = Connected::new(Config::default(), Config::default());
    pair.run(Duration::from_secs(1));
    let used = pair.inward(pair.outward());
    let mut others = vec![];
    for n in 0..10 {
        // Each connection says something authentic.
        pair.dialer.check_now(pair.now);
        let mut out = [0; 1500];
        let t = pair.dialer.poll_transmit(pair.now, &mut out).unwrap();
        let other = Route { remote: SocketAddr::new(used.remote.ip(), 60_000 + n), ..used };
        assert_eq!(pair.listener.handle(pair.now, other, &mut out[..t.len]), Handled::Consumed, "{n}");
        while let Some(t) = pair.listener.poll_transmit(pair.now, &mut out) {
            let _ = pair.dialer.handle(pair.now, pair.outward(), &mut out[..t.len]);
        }
        while pair.dialer.poll_transmit(pair.now, &mut out).is_some() {}
        others.push(other);
        pair.now += Duration::from_millis(100);
    }
    assert_eq!(pair.listener.selected(), Some(used));
    assert!(pair.listener.uses_stream(used));
    let in_use: Vec<_> = others.iter().filter(|r| pair.listener.uses_stream(**r)).collect();
    assert_eq!(in_use, others[7..].iter().collect::<Vec<_>>());
    assert_eq!((pair.listener.pair_stats().count(), pair.listener.remote_candidates().count()), (4, 4));
}

#[test]
fn relay_only_takes_no_connections() {
    let config = Config { relay_only: true, ..Config::default() };
    let mut pair = Connected::new(config, Config::default());
    assert_eq!(pair.listener.local_candidates().count(), 0);
    pair.dialer.add_remote(pair.now, Candidate::tcp_passive(addr(LISTENS))).unwrap();
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.routes(), [None, None]);
}

#[test]
fn what_cannot_be_is_refused() {
    let now = Instant::ZERO;
    let mut agent = Peer::new(Config::default(), true, 1).agent;
    let open = Candidate { tcp_type: Some(TcpType::SimultaneousOpen), ..Candidate::host(addr(LISTENS)) };
    assert_eq!(agent.add_local(now, open), Err(Error::CandidateProtocol));
    let discard = addr("192.0.2.1:9");
    assert_eq!(agent.add_local(now, Candidate::tcp_passive(discard)), Err(Error::Unreachable(discard)));
    let server =
        TurnServer { addr: addr(LISTENS), protocol: Protocol::IceTcp, username: "u", password: "p", ipv6: false };
    assert_eq!(agent.add_turn_server(now, &server), Err(Error::ServerProtocol));
    // One address may have both; they go together.
    agent.add_local(now, Candidate::tcp_passive(addr(LISTENS))).unwrap();
    agent.add_local(now, Candidate::host(addr(LISTENS))).unwrap();
    agent.add_mapped_tcp(now, addr(LISTENS), addr("203.0.113.1:443")).unwrap();
    let told: Vec<_> = agent.local_candidates().map(|c| (c.addr.to_string(), c.is_tcp())).collect();
    assert_eq!(told, [(LISTENS.into(), true), (LISTENS.into(), false), ("203.0.113.1:443".into(), true)]);
    assert_eq!(agent.remove_local(now, addr("192.0.2.1:1")), Err(Error::UnknownLocal(addr("192.0.2.1:1"))));
    assert_eq!(agent.local_candidates().count(), 3);
    agent.remove_local(now, addr(LISTENS)).unwrap();
    assert_eq!(agent.local_candidates().count(), 0);
    assert_eq!(agent.remove_local(now, addr(LISTENS)), Err(Error::UnknownLocal(addr(LISTENS))));
}
