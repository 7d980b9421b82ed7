//! What a hello must not say (RFC 8446 §4.1.2 to §4.2, RFC 9147 §5).

use crate::hostile_input::{body_of, carry, failure, find, only, pair, replace};
use crate::support::Pair;

use barertc_dtls::{Config, Error, Event, Group, Preference, Role, SrtpProfiles, Version};

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// Puts `more` at `at` into the first message of a datagram of one plaintext record, or of several of which it is the first.
fn grow(d: &mut Vec<u8>, at: usize, more: &[u8]) {
    for (at, wide) in [(11, 2), (14, 3), (22, 3)] {
        add(d, at, wide, more.len());
    }
    d.splice(at..at, more.iter().copied());
}

/// Adds to a length of `wide` bytes.
fn add(d: &mut [u8], at: usize, wide: usize, more: usize) {
    let field = &mut d[at..at + wide];
    let sum = field.iter().fold(0, |n, b| n << 8 | usize::from(*b)) + more;
    field.copy_from_slice(&sum.to_be_bytes()[8 - wide..]);
}

/// Where the length of a hello's extensions is.
fn extensions(d: &[u8], kind: u8) -> Option<usize> {
    let session = body_of(d, kind)? + 34;
    let after = session + 1 + usize::from(d[session]);
    if kind == SERVER_HELLO {
        return Some(after + 3);
    }
    let suites = after + 1 + usize::from(d[after]);
    let compression = suites + 2 + usize::from(u16::from_be_bytes([d[suites], d[suites + 1]]));
    Some(compression + 1 + usize::from(d[compression]))
}

/// Puts one more extension in front of the others.
fn extend(d: &mut Vec<u8>, kind: u8, extension: &[u8]) {
    let Some(at) = extensions(d, kind) else { return };
    add(d, at, 2, extension.len());
    grow(d, at + 2, extension);
}

/// What the client says of a ServerHello that was changed on its way.
fn after_server_hello(p: &mut Pair, change: impl Fn(&mut Vec<u8>)) -> Option<Error> {
    carry(p, Role::Client, |_| ());
    let mut first = true;
    carry(p, Role::Server, |d| {
        if std::mem::take(&mut first) {
            change(d);
        }
    });
    p.flush();
    failure(&p.client_events)
}

/// What the server says of a ClientHello that was changed on its way.
fn after_client_hello(p: &mut Pair, change: impl Fn(&mut Vec<u8>)) -> Option<Error> {
    carry(p, Role::Client, change);
    p.flush();
    failure(&p.server_events)
}

type Change = fn(&mut Vec<u8>);

#[test]
fn a_server_hello_of_13_says_what_it_must() {
    let cases: &[(&str, Change, Error)] = &[
        ("the old field says 1.3", |d| d[25..27].copy_from_slice(&[0xFE, 0xFC]), Error::IllegalParameter),
        (
            "the extension says 1.2",
            |d| replace(d, &[0, 43, 0, 2, 0xFE, 0xFC], &[0, 43, 0, 2, 0xFE, 0xFD]),
            Error::IllegalParameter,
        ),
        (
            "an echo of no session",
            |d| {
                d[25 + 34] = 1;
                grow(d, 25 + 35, &[7]);
            },
            Error::IllegalParameter,
        ),
        ("compression", |d| d[25 + 37] = 1, Error::IllegalParameter),
        (
            "a suite that was not offered",
            |d| d[25 + 35..25 + 37].copy_from_slice(&[0x13, 0x04]),
            Error::IllegalParameter,
        ),
        ("an unknown extension", |d| extend(d, SERVER_HELLO, &[0x12, 0x34, 0, 0]), Error::UnsolicitedExtension),
        ("GREASE", |d| extend(d, SERVER_HELLO, &[0xFA, 0xFA, 0, 1, 0]), Error::UnsolicitedExtension),
        ("use_srtp in the clear", |d| extend(d, SERVER_HELLO, &[0, 14, 0, 5, 0, 2, 0, 7, 0]), Error::IllegalParameter),
        ("a cookie", |d| extend(d, SERVER_HELLO, &[0, 44, 0, 3, 0, 1, 9]), Error::IllegalParameter),
        ("supported_versions twice", |d| extend(d, SERVER_HELLO, &[0, 43, 0, 2, 0xFE, 0xFC]), Error::IllegalParameter),
        (
            "a byte behind the extensions",
            |d| {
                let at = extensions(d, SERVER_HELLO).unwrap();
                let end = at + 2 + usize::from(u16::from_be_bytes([d[at], d[at + 1]]));
                grow(d, end, &[0]);
            },
            Error::Malformed,
        ),
    ];
    for (what, change, error) in cases {
        let mut p = pair(Version::Dtls13);
        assert_eq!(after_server_hello(&mut p, change), Some(*error), "{what}");
    }
}

#[test]
fn a_server_hello_of_12_says_what_it_must() {
    let cases: &[(&str, Change, Error)] = &[
        ("an unknown extension", |d| extend(d, SERVER_HELLO, &[0x12, 0x34, 0, 0]), Error::UnsolicitedExtension),
        ("key_share", |d| extend(d, SERVER_HELLO, &[0, 51, 0, 2, 0, 29]), Error::IllegalParameter),
        (
            "supported_versions of 1.3 that was not offered",
            |d| extend(d, SERVER_HELLO, &[0, 43, 0, 2, 0xFE, 0xFC]),
            Error::UnsolicitedExtension,
        ),
        ("compressed points only", |d| replace(d, &[0, 11, 0, 2, 1, 0], &[0, 11, 0, 2, 1, 1]), Error::IllegalParameter),
        ("another version", |d| d[25..27].copy_from_slice(&[0xFE, 0xFF]), Error::NoCommonVersion),
        (
            "an MKI",
            |d| {
                let at = find(d, &[0, 14, 0, 5, 0, 2, 0]).unwrap();
                d[at + 3] = 6;
                d[at + 8] = 1;
                let list = extensions(d, SERVER_HELLO).unwrap();
                add(d, list, 2, 1);
                grow(d, at + 9, &[0xAA]);
            },
            Error::IllegalParameter,
        ),
    ];
    for (what, change, error) in cases {
        let mut p = pair(Version::Dtls12);
        assert_eq!(after_server_hello(&mut p, change), Some(*error), "{what}");
    }
}

/// Either value of RFC 8446 §4.1.3: somebody cut the better version out.
#[test]
fn both_downgrade_sentinels_are_noticed() {
    for last in [0, 1] {
        let mut p = Pair::new(Config::default(), only(Version::Dtls12), 7);
        let sentinel = |d: &mut Vec<u8>| {
            d[25 + 2 + 24..25 + 2 + 31].copy_from_slice(b"DOWNGRD");
            d[25 + 2 + 31] = last;
        };
        assert_eq!(after_server_hello(&mut p, sentinel), Some(Error::Downgraded), "{last}");
        // A client of DTLS 1.2 alone has nothing to be downgraded from; the signature will tell.
        let mut p = Pair::new(only(Version::Dtls12), only(Version::Dtls12), 7);
        assert_eq!(after_server_hello(&mut p, sentinel), Some(Error::BadSignature), "{last}");
    }
}

#[test]
fn use_srtp_that_was_not_offered_is_refused() {
    let none = Config { srtp: SrtpProfiles::None, ..only(Version::Dtls12) };
    let mut p = Pair::new(none.clone(), none, 7);
    let change = |d: &mut Vec<u8>| extend(d, SERVER_HELLO, &[0, 14, 0, 5, 0, 2, 0, 7, 0]);
    assert_eq!(after_server_hello(&mut p, change), Some(Error::UnsolicitedExtension));
}

#[test]
fn a_client_hello_of_13_says_what_it_must() {
    let cases: &[(&str, Change, Error)] = &[
        (
            "a compression method beside null",
            |d| {
                let at = extensions(d, CLIENT_HELLO).unwrap() - 2;
                d[at] = 2;
                grow(d, at + 2, &[1]);
            },
            Error::IllegalParameter,
        ),
        (
            "the cookie of a request that never was",
            |d| extend(d, CLIENT_HELLO, &[0, 44, 0, 3, 0, 1, 9]),
            Error::IllegalParameter,
        ),
        ("no signature_algorithms", |d| replace(d, &[0, 13, 0], &[0xFA, 13, 0]), Error::MissingExtension),
        ("no supported_groups", |d| replace(d, &[0, 10, 0], &[0xFA, 10, 0]), Error::MissingExtension),
        ("no key_share", |d| replace(d, &[0, 51, 0], &[0xFA, 51, 0]), Error::MissingExtension),
        ("supported_groups twice", |d| extend(d, CLIENT_HELLO, &[0, 10, 0, 4, 0, 2, 0, 29]), Error::IllegalParameter),
    ];
    for (what, change, error) in cases {
        let mut p = pair(Version::Dtls13);
        assert_eq!(after_client_hello(&mut p, change), Some(*error), "{what}");
    }
    // What nobody knows is passed over (RFC 8446 §4.1.2), however much of it there is.
    let mut p = pair(Version::Dtls13);
    let thousand = [0x12, 0x34, 0, 0].repeat(500);
    assert_eq!(after_client_hello(&mut p, |d| extend(d, CLIENT_HELLO, &thousand)), None);
    assert!(p.server.discards().total() == 0, "{:?}", p.server.discards());
}

/// Only P-256 on the one side, and X25519 first on the other: a HelloRetryRequest is needed.
fn retried() -> Pair {
    let client = Config { groups: Preference::only(&[Group::X25519, Group::P256]), ..only(Version::Dtls13) };
    let server = Config { groups: Preference::only(&[Group::P256]), ..only(Version::Dtls13) };
    let mut p = Pair::new(client, server, 7);
    carry(&mut p, Role::Client, |_| ());
    p
}

#[test]
fn a_second_retry_request_is_refused() {
    let mut p = retried();
    let mut request = Vec::new();
    carry(&mut p, Role::Server, |d| request = d.clone());
    // The client has sent its second hello. The same request comes again, as the next message.
    while p.client.poll_transmit(p.now, &mut [0; 2_000]).is_some() {}
    request[10] = 77;
    request[18] = 1;
    assert_eq!(p.client.handle(p.now, &mut request, |_| ()), Err(Error::UnexpectedMessage));
}

#[test]
fn a_retry_request_says_what_it_must() {
    let cases: &[(&str, Change, Error)] = &[
        (
            "the share that was sent",
            |d| replace(d, &[0, 51, 0, 2, 0, 0x17], &[0, 51, 0, 2, 0, 0x1D]),
            Error::IllegalParameter,
        ),
        (
            "a group that was not offered",
            |d| replace(d, &[0, 51, 0, 2, 0, 0x17], &[0, 51, 0, 2, 0, 0x18]),
            Error::IllegalParameter,
        ),
        ("an unknown extension", |d| extend(d, SERVER_HELLO, &[0x12, 0x34, 0, 0]), Error::UnsolicitedExtension),
        ("an empty cookie", |d| extend(d, SERVER_HELLO, &[0, 44, 0, 2, 0, 0]), Error::Malformed),
        ("a byte behind the cookie", |d| extend(d, SERVER_HELLO, &[0, 44, 0, 4, 0, 1, 9, 9]), Error::Malformed),
        (
            "an echo of no session",
            |d| {
                d[25 + 34] = 1;
                grow(d, 25 + 35, &[7]);
            },
            Error::IllegalParameter,
        ),
    ];
    for (what, change, error) in cases {
        let mut p = retried();
        carry(&mut p, Role::Server, change);
        p.flush();
        assert_eq!(failure(&p.client_events), Some(*error), "{what}");
    }
}

#[test]
fn a_second_client_hello_repeats_the_first() {
    let cases: &[(&str, Change)] = &[
        ("another random", |d| d[25 + 5] ^= 1),
        ("another suite", |d| replace(d, &[0x13, 0x02], &[0x13, 0x05])),
        ("another version", |d| replace(d, &[0, 43, 0, 3, 2, 0xFE, 0xFC], &[0, 43, 0, 3, 2, 0xFE, 0xFB])),
        ("other profiles", |d| replace(d, &[0, 14, 0, 9, 0, 6, 0, 7], &[0, 14, 0, 9, 0, 6, 0, 6])),
        ("two shares", |d| {
            let at = find(d, &[0, 51, 0]).unwrap();
            add(d, at + 2, 2, 5);
            add(d, at + 4, 2, 5);
            let list = extensions(d, CLIENT_HELLO).unwrap();
            add(d, list, 2, 5);
            grow(d, at + 6, &[0, 0x1D, 0, 1, 7]);
        }),
        ("a cookie", |d| extend(d, CLIENT_HELLO, &[0, 44, 0, 3, 0, 1, 9])),
    ];
    for (what, change) in cases {
        let mut p = retried();
        carry(&mut p, Role::Server, |_| ());
        carry(&mut p, Role::Client, change);
        p.flush();
        assert_eq!(failure(&p.server_events), Some(Error::IllegalParameter), "{what}");
    }
    let mut p = retried();
    p.connect();
}

/// A tag of 32 bits is used only where the configuration names its profile.
#[test]
fn the_short_tag_is_opt_in() {
    let profile = |events: &[Event]| match events {
        [Event::Connected { srtp, .. }, ..] => *srtp,
        _ => panic!("{events:?}"),
    };
    let short = SrtpProfiles::Only(Preference::only(&[2]));
    for version in [Version::Dtls12, Version::Dtls13] {
        let asks = Config { srtp: short, ..only(version) };
        for (client, server, agreed) in [
            (asks.clone(), only(version), None),
            (only(version), asks.clone(), None),
            (asks.clone(), asks.clone(), Some(2)),
        ] {
            let mut p = Pair::new(client, server, 7);
            p.connect();
            p.run(|_| false);
            assert_eq!((profile(&p.client_events), profile(&p.server_events)), (agreed, agreed), "{version:?}");
        }
    }
}

#[test]
fn a_configuration_names_the_field_that_cannot_be() {
    use barertc_wire::{ConfigError, Rule};
    use std::time::Duration;
    let good = Config::new();
    for (config, field, rule, value) in [
        (Config { mtu: 63, ..good.clone() }, "mtu", Rule::AtLeast(64), 63),
        (
            Config { max_version: Version::Dtls12, min_version: Version::Dtls13, ..good.clone() },
            "max_version",
            Rule::AtLeast(1),
            0,
        ),
        (Config { initial_timeout: Duration::ZERO, ..good.clone() }, "initial_timeout", Rule::AtLeast(1), 0),
        (Config { max_timeout: Duration::from_millis(9), ..good.clone() }, "max_timeout", Rule::AtLeast(400), 9),
        (Config { reassembly: 511, ..good.clone() }, "reassembly", Rule::AtLeast(512), 511),
    ] {
        assert_eq!(config.check(), Err(ConfigError { field, rule, value }));
    }
    assert_eq!(good.check(), Ok(()));
}
