//! An answer to a check is believed when it has the transaction of a check that is on its way, the peer's password, and the way
//! back that the check took (RFC 8445 §7.2.5). Whatever else looks like an answer opens no path, moves none and keeps none alive.
//! And until an address has sent an authentic check or answer, its data are not passed on.
use crate::support;

use std::net::SocketAddr;
use std::time::Duration;

use barertc_crypto::{HmacSha1Key, RustCrypto};
use barertc_ice::stun::{Builder, Class, Message, Method, TransactionId, attr};
use barertc_ice::{Candidate, Config, Discard, Event, FailureReason, Handled, Route, State};
use barertc_wire::Instant;
use support::{Peer, TestAgent, addr};

const OURS: &str = "192.0.2.1:1000";
const THEIRS: &str = "203.0.113.1:2000";
const THIEF: &str = "198.51.100.66:6666";
const PWD: &str = "passwordpasswordpassword";

/// What an answer is made with.
#[derive(Clone, Copy)]
struct Made<'a> {
    class: Class,
    id: TransactionId,
    /// Of the integrity; none without one.
    password: Option<&'a str>,
    mapped: &'a str,
    code: u16,
}

impl<'a> Made<'a> {
    /// As the peer makes it.
    fn true_one(id: TransactionId) -> Self {
        Self { class: Class::Success, id, password: Some(PWD), mapped: OURS, code: 0 }
    }

    fn error(self, code: u16) -> Self {
        Self { class: Class::Error, code, ..self }
    }

    fn with(self, password: Option<&'a str>) -> Self {
        Self { password, ..self }
    }

    /// Without a fingerprint, which anybody can make.
    fn bytes(self) -> Vec<u8> {
        let mut out = [0; 300];
        let mut b = Builder::new(&mut out, self.class, Method::BINDING, self.id).unwrap();
        if self.code == 0 {
            b.xor_address(attr::XOR_MAPPED_ADDRESS, addr(self.mapped)).unwrap();
        } else {
            b.error(self.code, "forged").unwrap();
        }
        if let Some(password) = self.password {
            b.integrity(&RustCrypto, &HmacSha1Key::new(password.as_bytes())).unwrap();
        }
        let len = b.finish();
        out[..len].to_vec()
    }
}

/// An agent with one pair. Its checks go to [`THEIRS`].
fn agent() -> TestAgent<'static> {
    let mut agent = Peer::new(Config::default(), true, 1).at(OURS).agent;
    agent.set_remote_credentials(Instant::ZERO, "peer", PWD).unwrap();
    agent.add_remote(Instant::ZERO, Candidate::host(addr(THEIRS))).unwrap();
    agent
}

fn handle(agent: &mut TestAgent<'_>, now: Instant, from: SocketAddr, bytes: &[u8]) -> Handled {
    agent.handle(now, Route::udp(addr(OURS), from), &mut bytes.to_vec())
}

/// Runs until `end`. `each` sees the transaction of each check; what it was told of is given back.
fn run(
    agent: &mut TestAgent<'_>,
    now: &mut Instant,
    end: Instant,
    mut each: impl FnMut(&mut TestAgent<'_>, Instant, TransactionId),
) -> Vec<Event> {
    let (mut out, mut events) = ([0; 1500], vec![]);
    loop {
        agent.handle_timeout(*now);
        while let Some(t) = agent.poll_transmit(*now, &mut out) {
            assert_eq!(t.route.remote, addr(THEIRS), "something is sent to nobody that was named");
            let message = Message::parse(&out[..t.len]).unwrap();
            if message.class() == Class::Request {
                let id = message.id();
                each(agent, *now, id);
            }
        }
        events.extend(std::iter::from_fn(|| agent.poll_event()));
        match agent.timeout() {
            Some(next) if next < end => *now = (*now).max(next),
            _ => {
                *now = end;
                return events;
            }
        }
    }
}

/// Answers to a check of `id` that are no true ones, and why each is dropped where there is one reason only.
fn forged(id: TransactionId) -> Vec<(Vec<u8>, Option<Discard>)> {
    let made = Made::true_one(id);
    let other = Made::true_one(TransactionId([7; 12]));
    let mut next = id.0;
    next[11] = next[11].wrapping_add(1);
    let next = Made::true_one(TransactionId(next));
    let mut all = vec![
        // Of no check, with the right password or another one.
        (other.bytes(), Some(Discard::UnknownTransaction)),
        (next.bytes(), Some(Discard::UnknownTransaction)),
        (other.with(None).bytes(), Some(Discard::UnknownTransaction)),
        (other.error(487).bytes(), Some(Discard::UnknownTransaction)),
    ];
    // Of the check, without the password: that a path works, that a role is another one, that it was refused.
    for code in [0, 300, 400, 401, 420, 438, 487, 500] {
        let made = if code == 0 { made } else { made.error(code) };
        let passwords =
            [None, Some(""), Some("passwordpasswordpasswora"), Some("Passwordpasswordpassword"), Some("peer")];
        all.extend(passwords.map(|password| (made.with(password).bytes(), Some(Discard::Unauthenticated))));
    }
    // True ones of which one bit is another: what stays STUN (RFC 7983 §7), and keeps its length.
    let whole = made.bytes();
    for bit in (0..2).chain(8..16).chain(32..whole.len() * 8) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        all.push((bytes, None));
    }
    all
}

#[test]
fn no_forged_answer_opens_a_path() {
    let mut agent = agent();
    let (mut now, mut sent) = (Instant::ZERO, 0);
    let events = run(&mut agent, &mut now, Instant::from_millis(60_000), |agent, now, id| {
        sent += 1;
        for (bytes, reason) in forged(id) {
            for from in [THEIRS, THIEF].map(addr) {
                match (handle(agent, now, from, &bytes), reason) {
                    (Handled::Dropped(dropped), Some(reason)) => assert_eq!(dropped, reason),
                    (Handled::Dropped(_), None) => {}
                    // A binding indication asks for nothing and says nothing (RFC 8445 §11).
                    (Handled::Consumed, None) if bytes[..2] == [0, 0x11] => {}
                    (other, _) => panic!("{other:?} of {bytes:?}"),
                }
            }
        }
        assert_eq!(agent.selected(), None);
        assert!(agent.is_controlling(), "the role has changed");
        assert_eq!(agent.local_candidates().count(), 1);
        assert_eq!(agent.remote_candidates().count(), 1);
    });
    assert!(sent >= 7, "it goes on asking: {sent} checks");
    assert_eq!(agent.state(), State::Failed(FailureReason::Unauthenticated), "and it says what it has seen");
    assert!(!events.iter().any(|event| matches!(event, Event::Selected(_))), "{events:?}");
}

#[test]
fn a_forged_answer_does_not_use_up_the_check_that_it_names() {
    let mut agent = agent();
    let mut now = Instant::ZERO;
    let mut checks = vec![];
    run(&mut agent, &mut now, Instant::from_millis(10), |_, _, id| checks.push(id));
    for (bytes, _) in forged(checks[0]) {
        handle(&mut agent, now, addr(THEIRS), &bytes);
        handle(&mut agent, now, addr(THIEF), &bytes);
    }
    assert_eq!(agent.selected(), None);
    let answer = Made::true_one(checks[0]).bytes();
    assert_eq!(handle(&mut agent, now, addr(THEIRS), &answer), Handled::Consumed);
    assert_eq!(agent.selected(), Some(Route::udp(addr(OURS), addr(THEIRS))), "the true one is believed");
}

#[test]
fn an_answer_is_believed_once_and_from_where_it_was_asked_for() {
    let mut agent = agent();
    let mut now = Instant::ZERO;
    let mut checks = vec![];
    run(&mut agent, &mut now, Instant::from_millis(10), |_, _, id| checks.push(id));
    let answer = Made::true_one(checks[0]).bytes();
    // Whoever can read the path sends it sooner, from another address: it opens nothing there.
    assert_eq!(handle(&mut agent, now, addr(THIEF), &answer), Handled::Dropped(Discard::Asymmetric));
    assert_eq!(agent.selected(), None);
    assert_eq!(agent.remote_candidates().count(), 1);
    assert_eq!(handle(&mut agent, now, addr(THEIRS), &answer), Handled::Dropped(Discard::UnknownTransaction));
    assert_eq!(agent.selected(), None);
}

#[test]
fn no_forged_or_old_answer_is_consent() {
    let mut agent = agent();
    let mut now = Instant::ZERO;
    let mut old = vec![];
    // Five minutes with a peer that answers.
    run(&mut agent, &mut now, Instant::from_millis(300_000), |agent, now, id| {
        let answer = Made::true_one(id).bytes();
        assert_eq!(handle(agent, now, addr(THEIRS), &answer), Handled::Consumed);
        old.push(answer);
    });
    assert!(old.len() > 40 && agent.selected().is_some());
    // It has gone, and somebody answers in its place: with old answers, with forged ones, and from elsewhere with true ones.
    let gone = now;
    let mut asked = 0;
    let events = run(&mut agent, &mut now, gone + Duration::from_secs(36), |agent, now, id| {
        asked += 1;
        for answer in &old {
            assert!(matches!(handle(agent, now, addr(THEIRS), answer), Handled::Dropped(_)));
        }
        for (bytes, _) in forged(id) {
            handle(agent, now, addr(THEIRS), &bytes);
        }
        assert!(matches!(handle(agent, now, addr(THIEF), &Made::true_one(id).bytes()), Handled::Dropped(_)));
    });
    assert!(asked > 5, "it has asked {asked} times");
    assert!(events.iter().any(|event| matches!(event, Event::ConsentLost(_))), "{events:?}");
    assert_eq!(agent.selected(), None);
}

/// What begins like each of the protocols beside STUN (RFC 7983 §7): DTLS, RTP, RTCP, ChannelData and others.
const DATA: [&[u8]; 5] =
    [&[22, 254, 253, 0, 0], &[0x80, 96, 0, 1], &[0x80, 200, 0, 6], &[0x40, 0, 0, 4, 1, 2, 3, 4], &[5, 1]];

#[test]
fn data_of_a_named_address_wait_for_an_authentic_answer_of_it() {
    let mut agent = agent();
    let mut now = Instant::ZERO;
    let mut checks = vec![];
    run(&mut agent, &mut now, Instant::from_millis(10), |_, _, id| checks.push(id));
    for (bytes, _) in forged(checks[0]) {
        handle(&mut agent, now, addr(THEIRS), &bytes);
    }
    for data in DATA {
        assert_eq!(handle(&mut agent, now, addr(THEIRS), data), Handled::Dropped(Discard::UnknownRemote), "{data:?}");
    }
    assert_eq!(handle(&mut agent, now, addr(THEIRS), &Made::true_one(checks[0]).bytes()), Handled::Consumed);
    for data in DATA {
        assert!(matches!(handle(&mut agent, now, addr(THEIRS), data), Handled::Data { .. }), "{data:?}");
        assert_eq!(handle(&mut agent, now, addr(THIEF), data), Handled::Dropped(Discard::UnknownRemote), "{data:?}");
    }
}

#[test]
fn data_of_a_named_address_wait_for_an_authentic_check_of_it() {
    let mut agent = agent();
    let check = |password: &str| {
        let mut out = [0; 300];
        let (ufrag, _) = agent.local_credentials();
        let mut b = Builder::new(&mut out, Class::Request, Method::BINDING, TransactionId([3; 12])).unwrap();
        b.parts(attr::USERNAME, &[ufrag.as_bytes(), b":peer"]).unwrap();
        b.u32(attr::PRIORITY, 1).unwrap();
        b.u64(attr::ICE_CONTROLLED, 1).unwrap();
        b.integrity(&RustCrypto, &HmacSha1Key::new(password.as_bytes())).unwrap();
        let len = b.finish();
        out[..len].to_vec()
    };
    let checks = ["guess", agent.local_credentials().1].map(check);
    let now = Instant::ZERO;
    assert_eq!(handle(&mut agent, now, addr(THEIRS), &checks[0]), Handled::Dropped(Discard::Unauthenticated));
    for data in DATA {
        assert_eq!(handle(&mut agent, now, addr(THEIRS), data), Handled::Dropped(Discard::UnknownRemote), "{data:?}");
    }
    assert_eq!(handle(&mut agent, now, addr(THEIRS), &checks[1]), Handled::Consumed);
    for data in DATA {
        assert!(matches!(handle(&mut agent, now, addr(THEIRS), data), Handled::Data { .. }), "{data:?}");
    }
}
